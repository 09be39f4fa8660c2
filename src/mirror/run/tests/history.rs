//! Any history of changes, failures, crashes and rights that come and go ends equal, with nothing wrongly deleted.

use proptest::prelude::*;

use super::*;
use crate::mirror::memory::Pace;

/// Names that objects have, of each kind.
const NAMES: u8 = 5;

#[derive(Debug, Clone)]
enum Step {
    Put { kind: usize, name: u8, words: u8, labelled: bool },
    Delete { kind: usize, name: u8, by_event: bool },
    Fail { times: u8, after: bool, kind: u8 },
    Wipe,
    LoseRecord { kind: usize, name: u8 },
    Meddle { kind: usize, name: u8, text: bool },
    Lie { times: u8 },
    Slow { millis: u16 },
    Look,
    Crash,
    Restart,
    Uncover { kind: usize },
    Cover { kind: usize },
    Pass { millis: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    let (kind, name) = (0..3_usize, 0..NAMES);
    prop_oneof![
        8 => (kind.clone(), name.clone(), 0..4_u8, any::<bool>())
            .prop_map(|(kind, name, words, labelled)| Step::Put { kind, name, words, labelled }),
        4 => (kind.clone(), name.clone(), any::<bool>())
            .prop_map(|(kind, name, by_event)| Step::Delete { kind, name, by_event }),
        3 => (1..5_u8, any::<bool>(), 0..5_u8).prop_map(|(times, after, kind)| Step::Fail { times, after, kind }),
        1 => Just(Step::Wipe),
        1 => (kind.clone(), name.clone()).prop_map(|(kind, name)| Step::LoseRecord { kind, name }),
        1 => (kind.clone(), name, any::<bool>())
            .prop_map(|(kind, name, text)| Step::Meddle { kind, name, text }),
        1 => (1..3_u8).prop_map(|times| Step::Lie { times }),
        1 => prop_oneof![Just(0), Just(50), Just(2_000), Just(20_000)].prop_map(|millis| Step::Slow { millis }),
        4 => Just(Step::Look),
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

/// Acknowledges this many writes and does nothing.
fn lying(times: u8) -> Faults {
    let mut left = times;
    Box::new(move |operation| {
        let lies = operation == Operation::Write && left > 0;
        left -= u8::from(lies);
        lies.then_some(Fault::Loses(usize::MAX))
    })
}

fn slow(millis: u16) -> Pace {
    let mut turn = 0_u32;
    Box::new(move |_| {
        turn = turn.wrapping_mul(31).wrapping_add(7);
        let before = Duration::from_millis(u64::from(millis)) * (turn % 5) / 4;
        (before, Duration::from_millis(u64::from(millis)).saturating_sub(before))
    })
}

/// When the truth last changed without the mirror's doing: what it says may be older than that.
struct Meddled(tokio::time::Instant);

impl Meddled {
    /// Somebody else's hand is seen with the next sign of life, if the store answers.
    const NOTICED: Duration = Duration::from_secs(20);

    fn now(&mut self) {
        self.0 = tokio::time::Instant::now();
    }
}

/// What is said now, a moment after the last change, is so.
async fn statements_are_true(
    process: &Process,
    world: &World,
    store: &Memory,
    meddled: &Meddled,
) -> Result<(), TestCaseError> {
    let shown = process.shown();
    let said = store.peek().and_then(|fields| Marker::read(&fields));
    let open = matches!(
        shown.phase,
        MirrorPhase::Live | MirrorPhase::Comparing { .. } | MirrorPhase::Writing { .. }
    );
    // What can't be written can't be taken back either.
    let complete = open && store.is_quick() && said.is_some_and(|said| said.complete);
    let noticed = meddled.0.elapsed() > Meddled::NOTICED;
    if !(noticed && store.is_quick()) || !(shown.equal || shown.in_sync || complete) {
        return Ok(());
    }
    let mut found = held(store);
    found.remove("foreign");
    prop_assert_eq!(
        found,
        world.expected(),
        "equal {}, in sync {}, complete {}: {:?}",
        shown.equal,
        shown.in_sync,
        complete,
        shown
    );
    prop_assert!(world.stale().is_empty() || !complete);
    vectors_belong_to_their_texts(world, store).await
}

/// Runs a history; hands back the world, the store, and the records of uncovered kinds that must be left alone.
async fn history(steps: Vec<Step>, in_order: bool) -> Result<(), TestCaseError> {
    // Few records to a page: there are several, and changes between them.
    let limits = Limits { records: 4, bytes: 4 * 1024 * 1024, id_bytes: 1024, text_bytes: 1024 * 1024 };
    let (world, store) = (World::default(), Memory::new().with_limits(limits));
    let store = if in_order { store.in_order() } else { store };
    store.ensure(&Fields::new()).await.unwrap();
    let foreign: Fields = [("source".to_owned(), Value::from("somebody"))].into();
    store.plant("foreign", Some(("left alone", foreign.clone())));
    let mut process = Process::start(&world, &store);
    // Documents that left the index without a word because their kind can't be read, and that the store may have.
    let mut lost: BTreeSet<String> = BTreeSet::new();
    // Records of such a kind that a slow store was sent before, and may yet take.
    let mut late: BTreeSet<String> = BTreeSet::new();
    let mut slowed = false;
    let mut wiped = false;
    let mut meddled = Meddled(tokio::time::Instant::now());
    let id = |kind: usize, name: u8| format!("ns/v1/{}/{name}", KINDS[kind].0);
    for step in steps {
        match step {
            Step::Put { kind, name, words, labelled } => {
                if !world.uncovered.lock().unwrap().contains(KINDS[kind].0) {
                    let words = ["web", "web1", "web2", "database"][usize::from(words)];
                    world.put(&process.feed, World::document(KINDS[kind].0, name.into(), words, labelled));
                }
            }
            Step::Delete { kind, name, by_event } => {
                if !world.uncovered.lock().unwrap().contains(KINDS[kind].0) {
                    let cause = if by_event { Cause::DeletedByEvent } else { Cause::Removed };
                    world.remove(&process.feed, &id(kind, name), cause);
                }
            }
            Step::Fail { times, after, kind } => store.fail_by(failing(times, after, kind)),
            Step::Lie { times } => {
                store.fail_by(lying(times));
                meddled.now();
            }
            Step::Slow { millis: 0 } => store.hurry(),
            Step::Slow { millis } => {
                store.slow_by(slow(millis));
                slowed = true;
            }
            Step::Look => {
                seconds(3).await;
                statements_are_true(&process, &world, &store, &meddled).await?;
            }
            Step::Meddle { kind, name, text } => {
                let id = id(kind, name);
                if let Some(record) = store.records().remove(&id) {
                    if text {
                        store.plant(&id, Some(("somebody's", record.fields)));
                    } else {
                        _ = store.set_vector(&id, vec![1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0].into());
                    }
                }
                meddled.now();
            }
            Step::Wipe => {
                meddled.now();
                store.wipe();
                wiped = true;
                lost.clear();
            }
            Step::LoseRecord { kind, name } => {
                store.plant(&id(kind, name), None);
                meddled.now();
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
                if slowed {
                    late.extend((0..NAMES).map(|name| format!("ns/v1/{kind}/{name}")));
                }
                process.crash().await;
                process = Process::start(&world, &store);
            }
            Step::Cover { kind } => {
                let kind = KINDS[kind].0;
                world.uncovered.lock().unwrap().remove(kind);
                lost.retain(|id| !id.contains(&format!("/{kind}/")));
                late.retain(|id| !id.contains(&format!("/{kind}/")));
            }
            Step::Pass { millis } => tokio::time::sleep(Duration::from_millis(u64::from(millis))).await,
        }
        prop_assert!(process.feed.len() <= 15, "the dirty set is bounded by the objects");
    }
    // Lost records of a kind that is covered again are found by the hourly comparison.
    store.heal();
    minutes(75).await;
    let mut expected = world.expected();
    let found = held(&store);
    for id in &lost {
        prop_assert!(found.contains_key(id) || wiped, "{} was deleted although nothing is known of it", id);
    }
    if !wiped {
        expected.insert("foreign".into(), ("left alone".into(), foreign));
    }
    let found: BTreeMap<_, _> =
        found.into_iter().filter(|(id, _)| !lost.contains(id) && !late.contains(id)).collect();
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
    let vectors = Hashes(Arc::default()).vectors(&documents).await.unwrap();
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
        in_order in any::<bool>(),
    ) {
        paused(history(steps, in_order))?;
    }
}
