//! Any history of changes, failures, crashes and rights that come and go ends equal, with nothing wrongly deleted.

use proptest::prelude::*;

use super::*;

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
