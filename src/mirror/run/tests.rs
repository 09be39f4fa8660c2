//! The whole mirror against a model: an index that changes, a store that fails, forgets and lies, and crashes at any
//! moment. Time is tokio's paused clock, so hours pass in milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::{Divergence, Halt, Mirror, MirrorOptions};
use crate::document::{Document, Metadata};
use crate::mirror::core::authority::Authority;
use crate::mirror::core::dirty::Cause;
use crate::mirror::core::marker::Marker;
use crate::mirror::memory::{Fault, Faults, Memory, Operation};
use crate::mirror::source::{Embedder, Feed, Keep, Memo, Snapshot, Source, SourceError};
use crate::mirror::status::{MirrorPhase, MirrorStatus};
use crate::mirror::store::{Fields, Limits, Vector, VectorStore};
use crate::mirror::{StoreError, record};
use crate::object::{IdHash, KindKey, Scope};

const KINDS: [(&str, &str); 3] = [("Pod", "pods"), ("Node", "nodes"), ("Job", "jobs.batch")];

/// An index and what it covers, shared by the test and the mirror.
#[derive(Clone, Default)]
struct World {
    documents: Arc<Mutex<BTreeMap<String, Document>>>,
    uncovered: Arc<Mutex<BTreeSet<&'static str>>>,
    memo: Arc<Mutex<Memo>>,
}

struct Frozen(BTreeMap<String, Document>);

impl Snapshot for Frozen {
    fn ids(&self) -> Result<Vec<IdHash>, SourceError> {
        Ok(self.0.keys().map(|id| IdHash::of(id)).collect())
    }

    fn documents(&self, ids: &[IdHash]) -> Result<Vec<Document>, SourceError> {
        Ok(self.0.values().filter(|document| ids.contains(&IdHash::of(&document.id))).cloned().collect())
    }
}

impl Source for World {
    type Snapshot = Frozen;

    fn snapshot(&self) -> Frozen {
        Frozen(self.documents.lock().unwrap().clone())
    }

    async fn authority(&self) -> Authority {
        let uncovered = self.uncovered.lock().unwrap().clone();
        let group = |key: &str| KindKey::from(key).group().to_owned();
        Authority {
            kinds: KINDS.iter().map(|(kind, key)| ((group(key), (*kind).into()), (*key).into())).collect(),
            covered: KINDS
                .iter()
                .filter(|(kind, _)| !uncovered.contains(kind))
                .map(|(_, key)| ((*key).into(), vec![Scope::All]))
                .collect(),
            stale: self.stale(),
            ..Authority::default()
        }
    }

    fn stale(&self) -> BTreeSet<KindKey> {
        let uncovered = self.uncovered.lock().unwrap();
        KINDS.iter().filter(|(kind, _)| uncovered.contains(kind)).map(|(_, key)| (*key).into()).collect()
    }
}

impl Keep for World {
    fn save(&self, memo: &Memo) -> Result<(), SourceError> {
        // As a file would: what is not serialised is lost.
        let text = serde_json::to_string(memo).unwrap();
        *self.memo.lock().unwrap() = serde_json::from_str(&text).unwrap();
        Ok(())
    }
}

struct Hashes;

impl Hashes {
    fn words(document: &Document) -> String {
        document.text.chars().filter(|c| !c.is_ascii_digit()).collect()
    }
}

impl Embedder for Hashes {
    fn model(&self) -> String {
        "hashes".into()
    }

    fn dimension(&self) -> usize {
        8
    }

    fn form(&self, document: &Document) -> u64 {
        xxh3_64(Self::words(document).as_bytes())
    }

    async fn vectors(&self, documents: &[Document]) -> Result<Vec<Vector>, SourceError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let vector = |document: &Document| -> Vector {
            let seed = self.form(document);
            (0..8).map(|n| (seed >> (n * 8) & 0xff) as f32 / 255.0 + 0.01).collect()
        };
        Ok(documents.iter().map(vector).collect())
    }
}

impl World {
    fn document(kind: &'static str, name: u8, words: &str, labelled: bool) -> Document {
        let key = KindKey::from(KINDS.iter().find(|(own, _)| *own == kind).unwrap().1);
        let label_pairs = if labelled { vec!["a=b".to_owned()] } else { vec![] };
        Document {
            id: format!("ns/v1/{kind}/{name}"),
            text: format!("{kind} {name} | {words}"),
            metadata: Metadata {
                namespace: "ns".into(),
                name: name.to_string(),
                kind: kind.into(),
                api_version: "v1".into(),
                api_group: key.group().into(),
                labels: label_pairs.join(","),
                created_at: None,
                label_pairs,
            },
            local: Default::default(),
        }
    }

    fn put(&self, feed: &Feed, document: Document) {
        let id = document.id.clone();
        self.documents.lock().unwrap().insert(id.clone(), document);
        feed.mark([(id.as_str(), Cause::Written)]);
    }

    fn remove(&self, feed: &Feed, id: &str, cause: Cause) {
        if self.documents.lock().unwrap().remove(id).is_some() {
            feed.mark([(id, cause)]);
        }
    }

    fn mirror(
        &self,
        store: &Memory,
        feed: &Arc<Feed>,
        options: MirrorOptions,
    ) -> Mirror<Memory, World, Hashes> {
        let memo = self.memo.lock().unwrap().clone();
        let (status, _) = watch::channel(MirrorStatus::default());
        let kept: (Memo, Box<dyn Keep>) = (memo, Box::new(self.clone()));
        Mirror::new(store.clone(), Arc::new(self.clone()), Hashes, feed.clone(), kept, options, status)
    }

    fn options() -> MirrorOptions {
        MirrorOptions { cluster: "here".into(), profile: "default".into(), ..MirrorOptions::default() }
    }

    /// What the store must hold of the documents, nothing else counted.
    fn expected(&self) -> BTreeMap<String, (String, Fields)> {
        let documents = self.documents.lock().unwrap();
        let record = |document: &Document| {
            let fields = record::fields(document, true).into_iter().filter(|(_, value)| !value.is_null());
            (document.text.clone(), fields.collect())
        };
        documents.iter().map(|(id, document)| (id.clone(), record(document))).collect()
    }
}

fn held(store: &Memory) -> BTreeMap<String, (String, Fields)> {
    let records = store.records();
    records.into_iter().map(|(id, record)| (id, (record.text.unwrap_or_default(), record.fields))).collect()
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

fn unreachable() -> StoreError {
    StoreError::Unreachable { server: "memory".into(), why: "timed out".into() }
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

/// A process: a running mirror and the feed that dies with it.
struct Process {
    feed: Arc<Feed>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    fn start(world: &World, store: &Memory) -> Self {
        let (feed, stop) = (Arc::new(Feed::default()), CancellationToken::new());
        let task = tokio::spawn(world.mirror(store, &feed, World::options()).run(stop.clone()));
        Self { feed, stop, task }
    }

    async fn crash(self) {
        self.task.abort();
        _ = self.task.await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put { kind: usize, name: u8, words: u8, labelled: bool },
    Delete { kind: usize, name: u8, by_event: bool },
    Fail { times: u8, after: bool, kind: u8 },
    Wipe,
    LoseRecord { kind: usize, name: u8 },
    Crash,
    Restart,
    Uncover { kind: usize },
    Cover { kind: usize },
    Pass { millis: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    let (kind, name) = (0..3_usize, 0..5_u8);
    prop_oneof![
        8 => (kind.clone(), name.clone(), 0..4_u8, any::<bool>())
            .prop_map(|(kind, name, words, labelled)| Step::Put { kind, name, words, labelled }),
        4 => (kind.clone(), name.clone(), any::<bool>())
            .prop_map(|(kind, name, by_event)| Step::Delete { kind, name, by_event }),
        3 => (1..5_u8, any::<bool>(), 0..5_u8).prop_map(|(times, after, kind)| Step::Fail { times, after, kind }),
        1 => Just(Step::Wipe),
        1 => (kind.clone(), name).prop_map(|(kind, name)| Step::LoseRecord { kind, name }),
        1 => Just(Step::Crash),
        1 => Just(Step::Restart),
        1 => kind.clone().prop_map(|kind| Step::Uncover { kind }),
        1 => kind.prop_map(|kind| Step::Cover { kind }),
        6 => (1..3_000_u16).prop_map(|millis| Step::Pass { millis }),
    ]
}

fn failing(times: u8, after: bool, kind: u8) -> Faults {
    let error = move || match kind {
        0 => unreachable(),
        1 => StoreError::Busy { status: 429, retry_after: Some(Duration::from_secs(2)) },
        2 => StoreError::Failed { status: 500, message: "oops".into() },
        3 => StoreError::Rejected { status: 422, message: "no".into() },
        _ => StoreError::TooLarge,
    };
    let mut left = times;
    Box::new(move |operation| {
        let writes = kind < 3 || operation == Operation::Write;
        left = left.checked_sub(u8::from(writes))?;
        writes.then(|| if after && kind < 3 { Fault::After(error()) } else { Fault::Before(error()) })
    })
}

/// Runs a history; hands back the world, the store, and the records of uncovered kinds that must be left alone.
async fn history(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (world, store) = (World::default(), Memory::new());
    store.ensure(&Fields::new()).await.unwrap();
    let foreign: Fields = [("source".to_owned(), Value::from("somebody"))].into();
    store.plant("foreign", Some(("left alone", foreign.clone())));
    let mut process = Process::start(&world, &store);
    // Documents that left the index without a word because their kind can't be read, and that the store may have.
    let mut lost: BTreeSet<String> = BTreeSet::new();
    let mut wiped = false;
    let id = |kind: usize, name: u8| format!("ns/v1/{}/{name}", KINDS[kind].0);
    for step in steps {
        match step {
            Step::Put { kind, name, words, labelled } => {
                if !world.uncovered.lock().unwrap().contains(KINDS[kind].0) {
                    let words = ["web", "web1", "web2", "database"][usize::from(words)];
                    world.put(&process.feed, World::document(KINDS[kind].0, name, words, labelled));
                }
            }
            Step::Delete { kind, name, by_event } => {
                if !world.uncovered.lock().unwrap().contains(KINDS[kind].0) {
                    let cause = if by_event { Cause::DeletedByEvent } else { Cause::Removed };
                    world.remove(&process.feed, &id(kind, name), cause);
                }
            }
            Step::Fail { times, after, kind } => store.fail_by(failing(times, after, kind)),
            Step::Wipe => {
                store.wipe();
                wiped = true;
                lost.clear();
            }
            Step::LoseRecord { kind, name } => {
                store.plant(&id(kind, name), None);
                lost.remove(&id(kind, name));
            }
            Step::Crash => {
                process.crash().await;
                process = Process::start(&world, &store);
            }
            Step::Restart => {
                process.end().await;
                process = Process::start(&world, &store);
            }
            Step::Uncover { kind } => {
                // A new index that may not read this kind: nothing is known of its objects any more.
                let kind = KINDS[kind].0;
                world.uncovered.lock().unwrap().insert(kind);
                let gone = |id: &str| id.contains(&format!("/{kind}/"));
                world.documents.lock().unwrap().retain(|id, _| !gone(id));
                lost.extend(store.records().into_keys().filter(|id| gone(id)));
                process.crash().await;
                process = Process::start(&world, &store);
            }
            Step::Cover { kind } => {
                let kind = KINDS[kind].0;
                world.uncovered.lock().unwrap().remove(kind);
                lost.retain(|id| !id.contains(&format!("/{kind}/")));
            }
            Step::Pass { millis } => tokio::time::sleep(Duration::from_millis(u64::from(millis))).await,
        }
        prop_assert!(process.feed.len() <= 15, "the dirty set is bounded by the objects");
    }
    // Lost records of a kind that is covered again are found by the hourly comparison.
    store.heal();
    minutes(130).await;
    let mut expected = world.expected();
    let found = held(&store);
    for id in &lost {
        prop_assert!(found.contains_key(id) || wiped, "{} was deleted although nothing is known of it", id);
    }
    if !wiped {
        expected.insert("foreign".into(), ("left alone".into(), foreign));
    }
    let found: BTreeMap<_, _> = found.into_iter().filter(|(id, _)| !lost.contains(id)).collect();
    prop_assert_eq!(&found, &expected);
    process.end().await;
    prop_assert_eq!(
        Marker::read(&store.find().await.unwrap().unwrap().fields).map(|m| m.writer),
        Some(String::new())
    );
    vectors_belong_to_their_texts(&world, &store).await
}

async fn vectors_belong_to_their_texts(world: &World, store: &Memory) -> Result<(), TestCaseError> {
    let documents: Vec<Document> = world.documents.lock().unwrap().values().cloned().collect();
    let vectors = Hashes.vectors(&documents).await.unwrap();
    for (document, vector) in documents.iter().zip(vectors) {
        let expected = crate::mirror::offset::moved(&vector, &document.id);
        prop_assert_eq!(store.vector(&document.id), Some(expected), "{}", document.id);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_store_ends_equal_and_nothing_is_wrongly_deleted(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        paused(history(steps))?;
    }
}

/// A world with `count` Pods, and its store in sync.
async fn synced(count: u8) -> (World, Memory, Arc<Feed>) {
    let (world, store, feed) = (World::default(), Memory::new(), Arc::new(Feed::default()));
    (0..count).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
    world.mirror(&store, &feed, World::options()).once().await.unwrap();
    assert_eq!(held(&store), world.expected());
    (world, store, feed)
}

#[test]
fn a_second_run_with_nothing_changed_writes_nothing() {
    paused(async {
        let (world, store, feed) = synced(150).await;
        let before = store.calls();
        let mut again = world.mirror(&store, &feed, World::options());
        again.once().await.unwrap();
        assert_eq!(store.calls(), before);
        assert_eq!(again.status.borrow().unchanged, 150);
        assert!(again.compare().await.unwrap().divergent.is_empty());
    });
}

#[test]
fn a_change_that_leaves_the_form_is_sent_without_its_vector_and_a_lost_record_is_noticed() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        let before = store.calls();
        store.plant("ns/v1/Pod/1", None);
        world.put(&process.feed, World::document("Pod", 0, "web7", false));
        world.put(&process.feed, World::document("Pod", 1, "web7", false));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = store.calls();
        assert_eq!((after.updated - before.updated, after.upserted - before.upserted), (2, 1));
        assert_eq!(held(&store), world.expected());
        assert!(!store.records()["ns/v1/Pod/0"].fields.contains_key("labelPairs"), "the last label is gone");
        process.end().await;
    });
}

#[test]
fn a_mass_delete_is_held_back_until_it_is_allowed() {
    paused(async {
        let (world, store, feed) = synced(250).await;
        world.documents.lock().unwrap().retain(|_, document| document.metadata.name.len() == 1);
        world.put(&feed, World::document("Node", 1, "still mirrored", false));
        let mut held_back = world.mirror(&store, &feed, World::options());
        held_back.once().await.unwrap();
        assert_eq!(held_back.status.borrow().held_back, 240);
        assert_eq!(store.len(), 251);
        assert_eq!(world.memo.lock().unwrap().brake.held.len(), 240);
        world.put(&feed, World::document("Pod", 10, "named again", false));
        let options = MirrorOptions { allow_mass_delete: Some(200), ..World::options() };
        let mut allowed = world.mirror(&store, &feed, options);
        allowed.once().await.unwrap();
        assert_eq!((allowed.status.borrow().deleted, allowed.status.borrow().held_back), (200, 39));
        let options = MirrorOptions { allow_mass_delete: Some(1_000), ..World::options() };
        world.mirror(&store, &feed, options).once().await.unwrap();
        assert_eq!(held(&store), world.expected());
    });
}

#[test]
fn deletes_that_an_event_named_pass_the_brake() {
    paused(async {
        let (world, store, _) = synced(250).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        (0..250).for_each(|n| world.remove(&process.feed, &format!("ns/v1/Pod/{n}"), Cause::DeletedByEvent));
        minutes(1).await;
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.len()), (0, 0));
        process.end().await;
    });
}

#[test]
fn another_clusters_collection_is_refused_and_adopted_only_when_asked() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let there = MirrorOptions { cluster: "there".into(), ..World::options() };
        let before = held(&store);
        let other = World::default();
        let refused = other.mirror(&store, &feed, there.clone()).once().await;
        assert!(matches!(refused, Err(Halt::Refused(_))), "{refused:?}");
        assert_eq!(held(&store), before);
        let adopting = MirrorOptions { adopt: true, ..there };
        other.mirror(&store, &feed, adopting).once().await.unwrap();
        assert!(store.is_empty(), "three records are within the brake's limit");
        let refused = world.mirror(&store, &feed, World::options()).once().await;
        assert!(matches!(refused, Err(Halt::Refused(_))));
    });
}

#[test]
fn a_second_writer_is_passive_until_the_first_is_gone() {
    paused(async {
        let (world, store) = (World::default(), Memory::new());
        let first = Process::start(&world, &store);
        minutes(1).await;
        let other = World { memo: Arc::default(), ..world.clone() };
        let (feed, stop) = (Arc::new(Feed::default()), CancellationToken::new());
        let mirror = other.mirror(&store, &feed, World::options());
        let status = mirror.status.subscribe();
        let task = tokio::spawn(mirror.run(stop.clone()));
        minutes(5).await;
        assert!(matches!(status.borrow().phase, MirrorPhase::Passive { .. }));
        world.put(&first.feed, World::document("Pod", 1, "x", false));
        minutes(1).await;
        assert_eq!(store.len(), 1);
        first.crash().await;
        world.put(&feed, World::document("Pod", 2, "x", false));
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert_eq!(store.len(), 1, "the first may still live");
        minutes(1).await;
        assert_eq!(store.len(), 2, "the second took over");
        // The first comes back under its own name and finds the collection taken.
        let first = Process::start(&world, &store);
        minutes(2).await;
        assert_eq!(
            Marker::read(&store.find().await.unwrap().unwrap().fields).unwrap().writer,
            other.memo.lock().unwrap().writer
        );
        stop.cancel();
        task.await.unwrap();
        world.put(&first.feed, World::document("Pod", 3, "x", false));
        minutes(1).await;
        assert_eq!(store.len(), 3, "given free, it is taken at once");
        first.end().await;
    });
}

#[test]
fn a_store_that_forgets_the_marker_is_never_deleted_from() {
    paused(async {
        let (world, store) = (World::default(), Memory::new().without_marks());
        let process = Process::start(&world, &store);
        (0..3).for_each(|name| world.put(&process.feed, World::document("Pod", name, "x", false)));
        minutes(1).await;
        world.remove(&process.feed, "ns/v1/Pod/1", Cause::DeletedByEvent);
        world.put(&process.feed, World::document("Pod", 7, "x", false));
        minutes(70).await;
        assert_eq!(store.len(), 4);
        process.end().await;
    });
}

#[test]
fn a_store_without_lists_gets_documents_without_them() {
    paused(async {
        let (world, store, feed) =
            (World::default(), Memory::new().without_lists(), Arc::new(Feed::default()));
        (0..20).for_each(|name| world.put(&feed, World::document("Pod", name, "x", true)));
        let mut mirror = world.mirror(&store, &feed, World::options());
        mirror.once().await.unwrap();
        assert_eq!((store.len(), mirror.status.borrow().over_limit_count), (20, 0));
        assert_eq!(mirror.status.borrow().notes.len(), 1);
        assert!(mirror.compare().await.unwrap().divergent.is_empty());
    });
}

#[test]
fn a_document_over_a_limit_is_named_and_the_others_are_stored() {
    paused(async {
        let limits = Limits { records: 100, bytes: 4_000, id_bytes: 40, text_bytes: 1_000 };
        let (world, store, feed) =
            (World::default(), Memory::new().with_limits(limits), Arc::new(Feed::default()));
        (0..20).for_each(|name| world.put(&feed, World::document("Pod", name, "x", true)));
        world.put(&feed, World::document("Pod", 20, &"long ".repeat(300), true));
        let mut mirror = world.mirror(&store, &feed, World::options());
        mirror.once().await.unwrap();
        let status = mirror.status.borrow().clone();
        assert_eq!((store.len(), status.over_limit_count), (20, 1));
        assert_eq!(status.over_limit[0].0, "ns/v1/Pod/20");
        drop(status);
        let comparison = mirror.compare().await.unwrap();
        assert_eq!(comparison.divergent, [("ns/v1/Pod/20".into(), Divergence::Missing)]);
    });
}

#[test]
fn records_written_by_others_are_compared_whole_and_mended() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let mut fields = store.records()["ns/v1/Pod/1"].fields.clone();
        fields.insert("team".into(), "x".into());
        store.plant("ns/v1/Pod/1", Some(("Pod 1 | web", fields)));
        let mut mirror = world.mirror(&store, &feed, World::options());
        assert_eq!(mirror.compare().await.unwrap().divergent.len(), 1);
        mirror.once().await.unwrap();
        assert_eq!(held(&store), world.expected());
        assert_eq!(mirror.status.borrow().updated, 1);
    });
}

#[test]
fn what_could_not_be_judged_is_looked_at_again_soon() {
    paused(async {
        let (world, store, _) = synced(3).await;
        world.uncovered.lock().unwrap().insert("Pod");
        world.documents.lock().unwrap().remove("ns/v1/Pod/1");
        let process = Process::start(&world, &store);
        minutes(1).await;
        assert_eq!(store.len(), 3, "nothing is known of Pods yet");
        world.uncovered.lock().unwrap().clear();
        minutes(2).await;
        assert_eq!(held(&store), world.expected());
        process.end().await;
    });
}

#[test]
fn freshness_is_told_to_agents() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let marker = || async { Marker::read(&store.find().await.unwrap().unwrap().fields).unwrap() };
        let first = marker().await;
        assert!(first.complete && !first.synced_at.is_empty() && first.stale.is_empty(), "{first:?}");
        world.uncovered.lock().unwrap().insert("Node");
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        let second = marker().await;
        assert_eq!((second.complete, second.stale.as_str()), (false, "nodes"));
    });
}

#[test]
fn a_single_run_gives_up_with_the_reason() {
    paused(async {
        let (world, store, feed) = (World::default(), Memory::new(), Arc::new(Feed::default()));
        store.fail_by(Box::new(|_| Some(Fault::Before(unreachable()))));
        let error = world.mirror(&store, &feed, World::options()).once().await.unwrap_err();
        assert_eq!(error, Halt::Store(unreachable()));
        let denied = || StoreError::Denied { server: "memory".into(), status: 401, message: "no".into() };
        store.fail_by(Box::new(move |_| Some(Fault::Before(denied()))));
        let error = world.mirror(&store, &feed, World::options()).once().await.unwrap_err();
        assert!(matches!(error, Halt::Store(StoreError::Denied { .. })));
    });
}
