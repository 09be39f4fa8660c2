//! Whose collection it is, on stores that take their time.

use proptest::prelude::*;

use super::*;
use crate::mirror::memory::{Pace, Written};

/// Every call takes this long: some before it is applied, some until it is answered.
fn pace(seconds: u64) -> Pace {
    let mut turn = 0_u64;
    Box::new(move |_| {
        turn += 1;
        let before = Duration::from_secs(seconds) * u32::try_from(turn % 4).unwrap() / 3;
        (before, Duration::from_secs(seconds).saturating_sub(before))
    })
}

/// Another directory with the same index.
fn other(world: &World) -> World {
    World { memo: Arc::default(), ..world.clone() }
}

/// No two write at the same time: between two requests of one writer, the other one has none under way.
fn never_two_at_once(journal: &[Written]) -> Result<(), String> {
    for (at, one) in journal.iter().enumerate() {
        let overlapping = journal[..at].iter().find(|earlier| {
            earlier.who != one.who && earlier.applied.is_some_and(|applied| applied > one.sent)
        });
        if let Some(earlier) = overlapping {
            return Err(format!("{earlier:?} was applied while {one:?} was on its way"));
        }
    }
    Ok(())
}

/// How often the writer changed.
fn turns(journal: &[Written]) -> usize {
    journal.windows(2).filter(|pair| pair[0].who != pair[1].who).count()
}

#[test]
fn a_store_that_takes_75_seconds_for_a_request_makes_nobody_take_the_collection_over() {
    paused(async {
        let (world, store) = (World::default(), Memory::new());
        let first = Process::start(&world, &store.of("first"));
        minutes(1).await;
        let second_world = other(&world);
        let second = Process::start(&second_world, &store.of("second"));
        minutes(1).await;
        assert!(matches!(second.shown().phase, MirrorPhase::Passive { .. }));
        store.slow_by(pace(75));
        for name in 0..60 {
            for feed in [&first.feed, &second.feed] {
                world.put(feed, World::document("Pod", name, "web", true));
            }
            minutes(2).await;
        }
        let journal = store.journal();
        assert_eq!((turns(&journal), journal[0].who), (0, "first"), "{journal:?}");
        assert!(store.len() > 20, "slow, and yet it goes on: {}", store.len());
        store.heal();
        minutes(10).await;
        assert_eq!(held(&store), world.expected());
        first.end().await;
        second.end().await;
    });
}

#[test]
fn only_writing_is_slow_and_signs_of_life_come_in_time_all_the_same() {
    paused(async {
        let (world, store) = (World::default(), Memory::new());
        let first = Process::start(&world, &store.of("first"));
        minutes(1).await;
        let second_world = other(&world);
        let second = Process::start(&second_world, &store.of("second"));
        minutes(1).await;
        store.slow_by(Box::new(|operation| match operation {
            Operation::Write | Operation::Mark => (Duration::from_secs(75), Duration::ZERO),
            Operation::Read => (Duration::ZERO, Duration::from_millis(5)),
        }));
        for name in 0..30 {
            for feed in [&first.feed, &second.feed] {
                world.put(feed, World::document("Pod", name, "web", true));
            }
            minutes(3).await;
            assert!(
                matches!(second.shown().phase, MirrorPhase::Passive { .. }),
                "{:?}",
                second.shown().phase
            );
        }
        assert_eq!(turns(&store.journal()), 0);
        store.heal();
        minutes(2).await;
        assert_eq!(held(&store), world.expected());
        first.end().await;
        second.end().await;
    });
}

#[test]
fn nothing_is_deleted_when_the_collection_was_taken_while_a_request_was_on_its_way() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        // One commit writes a document and removes another; while the first is written another kubesift takes over.
        store.slow_by(Box::new(|operation| match operation {
            Operation::Write => (Duration::from_secs(10), Duration::ZERO),
            Operation::Read | Operation::Mark => (Duration::ZERO, Duration::ZERO),
        }));
        world.put(&process.feed, World::document("Pod", 7, "web", true));
        world.remove(&process.feed, "ns/v1/Pod/1", Cause::DeletedByEvent);
        seconds(5).await;
        store.meddle(|fields| {
            let taken = Marker { writer: "another".into(), beat: 1_000, ..Marker::read(fields).unwrap() };
            *fields = taken.write(fields);
        });
        seconds(60).await;
        assert_eq!((store.len(), store.calls().deleted), (4, 0));
        assert!(matches!(process.shown().phase, MirrorPhase::Passive { .. }));
        process.end().await;
    });
}

#[test]
fn the_writer_before_goes_on_at_once_and_all_others_wait() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let began = tokio::time::Instant::now();
        world.put(&feed, World::document("Pod", 9, "web", true));
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let other = other(&world);
        let began = tokio::time::Instant::now();
        other.put(&feed, World::document("Pod", 10, "web", true));
        other.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(held(&store), world.expected());
    });
}

/// Another directory, whose index is behind the cluster.
fn behind(cluster: &World) -> World {
    let documents = Arc::new(Mutex::new(cluster.documents.lock().unwrap().clone()));
    let cluster = Some(cluster.documents.clone());
    World { documents, cluster, ..World::default() }
}

/// The ids that were to be deleted.
fn deleted(store: &Memory) -> BTreeSet<String> {
    store.journal().into_iter().flat_map(|written| written.deleted).collect()
}

#[test]
fn who_takes_over_deletes_nothing_that_the_writer_before_knew_and_this_one_does_not_yet() {
    paused(async {
        let (world, store, _) = synced(20).await;
        let polled = behind(&world);
        let first = Process::start(&world, &store.of("first"));
        minutes(1).await;
        let second = Process::start(&polled, &store.of("second"));
        minutes(1).await;
        // The first one hears of these at once; the second one would with its next list. A ghost is among them.
        (20..100).for_each(|name| world.put(&first.feed, World::document("Pod", name, "web", true)));
        minutes(1).await;
        assert_eq!(store.len(), 100);
        first.end().await;
        world.documents.lock().unwrap().remove("ns/v1/Pod/25");
        minutes(1).await;
        assert_eq!(deleted(&store), pods(25..26));
        assert_eq!(held(&store), world.expected());
        second.end().await;
    });
}

#[test]
fn what_was_gone_before_a_takeover_may_be_there_again() {
    paused(async {
        let (world, store, _) = synced(20).await;
        let late = behind(&world);
        let feed = Arc::new(Feed::default());
        // An event named it; the writer before has seen it made anew since.
        late.remove(&feed, "ns/v1/Pod/3", Cause::DeletedByEvent);
        let stop = CancellationToken::new();
        let mirror = late.mirror(&store.of("second"), &feed, World::options());
        let task = tokio::spawn(mirror.run(stop.clone()));
        minutes(1).await;
        assert_eq!(deleted(&store), BTreeSet::new());
        stop.cancel();
        task.await.unwrap();
    });
}

#[test]
fn a_single_run_trusts_what_it_read_only_if_nobody_has_written_since_it_began() {
    paused(async {
        let (world, store, _) = synced(20).await;
        let last = marker(&store).await;
        let free = |beat| Some((last.last.clone(), beat));
        for (seen, kept) in [(None, 20), (free(last.beat - 1), 20), (free(last.beat), 19)] {
            let late = behind(&world);
            late.documents.lock().unwrap().remove("ns/v1/Pod/3");
            store.meddle(|fields| *fields = last.write(fields));
            let mut mirror = late.mirror(&store, &Arc::default(), World::options()).seen_free(seen);
            mirror.once().await.unwrap();
            assert_eq!(store.len(), kept);
        }
    });
}

#[derive(Debug, Clone)]
enum Step {
    Put { name: u8, words: u8 },
    Remove { name: u8 },
    Crash { who: usize },
    Stop { who: usize },
    Start { who: usize },
    Slow { seconds: u8 },
    Pass { seconds: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..20_u8, 0..3_u8).prop_map(|(name, words)| Step::Put { name, words }),
        3 => (0..20_u8).prop_map(|name| Step::Remove { name }),
        1 => (0..2_usize).prop_map(|who| Step::Crash { who }),
        1 => (0..2_usize).prop_map(|who| Step::Stop { who }),
        2 => (0..2_usize).prop_map(|who| Step::Start { who }),
        2 => prop_oneof![Just(0), Just(1), Just(10), Just(30), Just(75)].prop_map(|seconds| Step::Slow { seconds }),
        6 => prop_oneof![0..20_u16, 20..400_u16].prop_map(|seconds| Step::Pass { seconds }),
    ]
}

const NAMES: [&str; 2] = ["first", "second"];

async fn two_writers(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (world, store) = (World::default(), Memory::new());
    let worlds = [world.clone(), other(&world)];
    let start = |who: usize| Process::start(&worlds[who], &store.of(NAMES[who]));
    let mut running = [Some(start(0)), Some(start(1))];
    for step in steps {
        match step {
            Step::Put { name, words } => {
                let words = ["web", "web1", "database"][usize::from(words)];
                for process in running.iter().flatten() {
                    world.put(&process.feed, World::document("Pod", name.into(), words, false));
                }
            }
            Step::Remove { name } => {
                let id = format!("ns/v1/Pod/{name}");
                world.documents.lock().unwrap().remove(&id);
                for process in running.iter().flatten() {
                    process.feed.mark([(id.as_str(), Cause::DeletedByEvent)]);
                }
            }
            Step::Crash { who } => {
                if let Some(process) = running[who].take() {
                    process.crash().await;
                }
            }
            Step::Stop { who } => {
                if let Some(process) = running[who].take() {
                    process.end().await;
                }
            }
            Step::Start { who } => _ = running[who].get_or_insert_with(|| start(who)),
            Step::Slow { seconds } => store.slow_by(pace(seconds.into())),
            Step::Pass { seconds: count } => seconds(count.into()).await,
        }
    }
    store.heal();
    for (who, process) in running.iter_mut().enumerate() {
        process.get_or_insert_with(|| start(who));
    }
    // Time for a dead writer to be believed dead, however slow the store just was.
    minutes(30).await;
    prop_assert_eq!(held(&store), world.expected());
    never_two_at_once(&store.journal()).map_err(TestCaseError::fail)?;
    for process in running.into_iter().flatten() {
        process.end().await;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn two_writers_never_write_at_the_same_time(steps in prop::collection::vec(step(), 1..40)) {
        paused(two_writers(steps))?;
    }
}

#[test]
fn a_long_pause_that_the_store_asked_for_is_no_death() {
    paused(async {
        let (world, store) = (World::default(), Memory::new());
        let first = Process::start(&world, &store.of("first"));
        minutes(1).await;
        let second_world = other(&world);
        let second = Process::start(&second_world, &store.of("second"));
        minutes(1).await;
        store.fail_by(Box::new(|operation| {
            let retry_after = Some(Duration::from_secs(300));
            let busy = Fault::Before(StoreError::Busy { status: 429, retry_after });
            (operation == Operation::Write).then_some(busy)
        }));
        for feed in [&first.feed, &second.feed] {
            world.put(feed, World::document("Pod", 1, "web", true));
        }
        minutes(30).await;
        assert!(matches!(second.shown().phase, MirrorPhase::Passive { .. }), "{:?}", second.shown().phase);
        store.heal();
        minutes(10).await;
        assert_eq!((held(&store), turns(&store.journal())), (world.expected(), 0));
        first.end().await;
        second.end().await;
    });
}

#[test]
fn a_store_that_was_away_makes_nobody_take_the_collection_over() {
    paused(async {
        let (world, store) = (World::default(), Memory::new());
        let first = Process::start(&world, &store.of("first"));
        minutes(1).await;
        let second_world = other(&world);
        let second = Process::start(&second_world, &store.of("second"));
        minutes(1).await;
        for round in 0..10 {
            store.fail_by(Box::new(|_| Some(Fault::Before(unreachable()))));
            minutes(4).await;
            seconds(round).await;
            store.heal();
            minutes(3).await;
            let shown = second.shown().phase;
            assert!(matches!(shown, MirrorPhase::Passive { .. }), "round {round}: {shown:?}");
        }
        first.end().await;
        second.end().await;
    });
}
