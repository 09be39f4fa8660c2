//! The whole mirror against a model: an index that changes, a store that fails, forgets and lies, and crashes at any
//! moment. Time is tokio's paused clock, so hours pass in milliseconds.

mod brake;
mod claims;
mod collections;
mod foreign;
mod history;
mod pages;
mod records;
mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::{Depth, Divergence, Halt, Mirror, MirrorOptions};
use crate::document::{Document, Metadata};
use crate::mirror::core::authority::Authority;
use crate::mirror::core::dirty::Cause;
use crate::mirror::core::marker::Marker;
use crate::mirror::memory::{Fault, Faults, Memory, Operation};
use crate::mirror::source::{Embedder, Feed, Keep, Memo, Source, SourceError};
use crate::mirror::status::{MirrorPhase, MirrorStatus};
use crate::mirror::store::{Fields, Limits, Vector, VectorStore};
use crate::mirror::{StoreError, record};
use crate::object::{KindKey, Scope};

const KINDS: [(&str, &str); 3] = [("Pod", "pods"), ("Node", "nodes"), ("Job", "jobs.batch")];

/// An index and what it covers, shared by the test and the mirror.
#[derive(Clone, Default)]
struct World {
    documents: Arc<Mutex<BTreeMap<String, Document>>>,
    uncovered: Arc<Mutex<BTreeSet<&'static str>>>,
    /// When the oldest list of a kind that nobody watches was made.
    listed_ms: Arc<Mutex<Option<i64>>>,
    /// Those among them that a watch of a few seconds confirms.
    unconfirmed: Arc<Mutex<BTreeSet<&'static str>>>,
    memo: Arc<Mutex<Memo>>,
    /// Nothing is known of the cluster.
    blind: Arc<Mutex<bool>>,
    /// Nothing can be embedded.
    no_vectors: Arc<Mutex<bool>>,
    /// What the cluster has, where the index may be behind it: a kind that is confirmed is as it is there.
    cluster: Option<Arc<Mutex<BTreeMap<String, Document>>>>,
}

impl Source for World {
    type Snapshot = BTreeMap<String, Document>;

    fn snapshot(&self) -> Self::Snapshot {
        self.documents.lock().unwrap().clone()
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

    fn knows_cluster(&self) -> bool {
        !*self.blind.lock().unwrap()
    }

    async fn distrust(&self) {
        if self.cluster.is_some() {
            let kinds = KINDS.map(|(kind, _)| kind);
            self.unconfirmed.lock().unwrap().extend(kinds);
            self.uncovered.lock().unwrap().extend(kinds);
        }
    }

    async fn confirmed(&self, places: &BTreeSet<(KindKey, String)>) -> Authority {
        tokio::time::sleep(Duration::from_secs(2)).await;
        for (kind, key) in KINDS {
            if places.contains(&(KindKey::from(key), "ns".into()))
                && self.unconfirmed.lock().unwrap().remove(kind)
            {
                self.uncovered.lock().unwrap().remove(kind);
                if let Some(cluster) = &self.cluster {
                    let mut documents = self.documents.lock().unwrap();
                    documents.retain(|_, document| document.metadata.kind != kind);
                    let listed = cluster.lock().unwrap().clone();
                    documents.extend(listed.into_iter().filter(|(_, it)| it.metadata.kind == kind));
                }
            }
        }
        self.authority().await
    }

    fn listed_ms(&self) -> Option<i64> {
        *self.listed_ms.lock().unwrap()
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

struct Hashes(Arc<Mutex<bool>>);

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

    fn at_hand(&self, document: &Document) -> Option<Vector> {
        let seed = self.form(document);
        Some((0..8).map(|n| (seed >> (n * 8) & 0xff) as f32 / 255.0 + 0.01).collect())
    }

    async fn vectors(&self, documents: &[Document]) -> Result<Vec<Vector>, SourceError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if *self.0.lock().unwrap() {
            return Err(SourceError("no runtime".into()));
        }
        Ok(documents.iter().filter_map(|document| self.at_hand(document)).collect())
    }
}

impl World {
    fn document(kind: &'static str, name: u16, words: &str, labelled: bool) -> Document {
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

    /// One commit without these, which no event named.
    fn lose(&self, feed: &Feed, ids: &BTreeSet<String>) {
        self.documents.lock().unwrap().retain(|id, _| !ids.contains(id));
        feed.mark(ids.iter().map(|id| (id.as_str(), Cause::Removed)));
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
        Mirror::new(
            store.clone(),
            Arc::new(self.clone()),
            Hashes(self.no_vectors.clone()),
            feed.clone(),
            kept,
            options,
            status,
        )
    }

    fn options() -> MirrorOptions {
        MirrorOptions { cluster: Some("here".into()), profile: "default".into(), ..MirrorOptions::default() }
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

/// The Pods of these names.
fn pods(range: std::ops::Range<u16>) -> BTreeSet<String> {
    range.map(|name| format!("ns/v1/Pod/{name}")).collect()
}

async fn marker(store: &Memory) -> Marker {
    Marker::read(&store.find().await.unwrap().unwrap().fields).unwrap()
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
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
    status: watch::Receiver<MirrorStatus>,
    task: JoinHandle<()>,
}

impl Process {
    fn start(world: &World, store: &Memory) -> Self {
        let (feed, stop) = (Arc::new(Feed::default()), CancellationToken::new());
        let mirror = world.mirror(store, &feed, World::options());
        let status = mirror.status.subscribe();
        let task = tokio::spawn(mirror.run(stop.clone()));
        Self { feed, stop, status, task }
    }

    /// What it shows now.
    fn shown(&self) -> MirrorStatus {
        self.status.borrow().clone()
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

/// A world with `count` Pods, and its store in sync.
async fn synced(count: u16) -> (World, Memory, Arc<Feed>) {
    let (world, store, feed) = (World::default(), Memory::new(), Arc::new(Feed::default()));
    (0..count).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
    world.mirror(&store, &feed, World::options()).once().await.unwrap();
    assert_eq!(held(&store), world.expected());
    (world, store, feed)
}
