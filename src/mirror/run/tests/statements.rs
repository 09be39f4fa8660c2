//! What is said of a collection is so.

use super::*;

/// Whether anything says that the collection has all that the cluster has.
async fn praised(process: &Process, store: &Memory) -> (bool, bool, bool) {
    let shown = process.shown();
    (shown.equal, shown.in_sync, marker(store).await.complete)
}

const ALL: (bool, bool, bool) = (true, true, true);
const NONE: (bool, bool, bool) = (false, false, false);

#[test]
fn nothing_is_said_to_be_equal_while_deletes_are_held_back() {
    paused(async {
        let (world, store, _) = synced(600).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        let before = (marker(&store).await.synced_at, process.shown().synced_ms);
        world.lose(&process.feed, &pods(0..200));
        // Not a quarter of a minute later, with the next sign of life.
        seconds(2).await;
        assert_eq!(praised(&process, &store).await, NONE);
        assert_eq!(process.shown().lacks, ["200 deletes held back"]);
        minutes(90).await;
        assert_eq!(praised(&process, &store).await, NONE);
        assert_eq!((marker(&store).await.held_back, process.shown().state()), (200, "not equal"));
        assert!(marker(&store).await.synced_at <= before.0, "{before:?}");
        // They come back.
        (0..200).for_each(|name| world.put(&process.feed, World::document("Pod", name, "web", true)));
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn a_collection_with_polled_kinds_is_as_old_as_their_oldest_list() {
    paused(async {
        let (world, store, _) = synced(6).await;
        *world.listed_ms.lock().unwrap() = Some(1_500);
        let process = Process::start(&world, &store);
        minutes(1).await;
        assert_eq!(marker(&store).await.synced_at, "1970-01-01T00:00:01Z");
        *world.listed_ms.lock().unwrap() = None;
        minutes(1).await;
        assert!(marker(&store).await.synced_at.as_str() > "2001", "nothing is polled any more");
        process.end().await;
    });
}

#[test]
fn nothing_is_said_to_be_equal_while_the_store_refuses_a_document() {
    paused(async {
        let limits = Limits { records: 100, bytes: 4_000, id_bytes: 40, text_bytes: 1_000 };
        let (world, store) = (World::default(), Memory::new().with_limits(limits));
        let process = Process::start(&world, &store);
        (0..5).for_each(|name| world.put(&process.feed, World::document("Pod", name, "x", true)));
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        world.put(&process.feed, World::document("Pod", 1, &"long ".repeat(300), true));
        seconds(3).await;
        assert_eq!(praised(&process, &store).await, NONE);
        world.remove(&process.feed, "ns/v1/Pod/1", Cause::DeletedByEvent);
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn a_record_that_may_be_a_ghost_is_no_part_of_a_complete_collection() {
    paused(async {
        let (world, store, _) = synced(3).await;
        world.uncovered.lock().unwrap().insert("Pod");
        world.documents.lock().unwrap().remove("ns/v1/Pod/1");
        let process = Process::start(&world, &store);
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, NONE);
        let said = marker(&store).await;
        assert_eq!((said.stale.as_str(), process.shown().kept), ("pods", 1));
        assert_eq!(process.shown().lacks, ["1 record of a kind that is not covered"]);
        world.uncovered.lock().unwrap().clear();
        minutes(10).await;
        assert_eq!(praised(&process, &store).await, ALL);
        assert_eq!(held(&store), world.expected());
        process.end().await;
    });
}

#[test]
fn after_a_start_nothing_is_said_before_everything_was_compared() {
    paused(async {
        let (world, store, _) = synced(3).await;
        assert!(marker(&store).await.complete);
        store.plant("ns/v1/Pod/1", None);
        store.slow_by(Box::new(|operation| match operation {
            Operation::Read => (Duration::from_secs(3), Duration::ZERO),
            Operation::Write | Operation::Mark => (Duration::ZERO, Duration::ZERO),
        }));
        let process = Process::start(&world, &store);
        seconds(10).await;
        store.heal();
        assert_eq!(praised(&process, &store).await, NONE);
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn what_is_on_its_way_is_not_there_yet() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        store.slow_by(Box::new(|operation| match operation {
            Operation::Write => (Duration::from_secs(30), Duration::ZERO),
            Operation::Read | Operation::Mark => (Duration::ZERO, Duration::ZERO),
        }));
        world.put(&process.feed, World::document("Pod", 9, "web", true));
        seconds(10).await;
        let shown = process.shown();
        assert_eq!((shown.equal, shown.in_sync, shown.queue), (false, false, 1));
        assert!(shown.lag_ms > 5_000, "{}", shown.lag_ms);
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn a_kind_whose_records_the_index_lacks_is_confirmed_at_once() {
    paused(async {
        let (world, store, _) = synced(3).await;
        // As after a crash: the kind was resumed, and a bookmark takes a minute.
        world.uncovered.lock().unwrap().insert("Pod");
        world.unconfirmed.lock().unwrap().insert("Pod");
        world.documents.lock().unwrap().remove("ns/v1/Pod/1");
        let process = Process::start(&world, &store);
        seconds(4).await;
        assert_eq!(held(&store), world.expected());
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn what_is_gone_and_stays_in_a_collection_without_its_marker_is_told_and_goes_when_the_marker_is_back() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        // Somebody replaces the metadata just when it is looked at.
        let left = Arc::new(Mutex::new(true));
        let (meddled, own) = (left.clone(), store.clone());
        store.slow_by(Box::new(move |operation| {
            if operation == Operation::Read && *meddled.lock().unwrap() {
                let own = own.clone();
                tokio::spawn(async move { own.meddle(|fields| fields.clear()) });
            }
            (Duration::from_millis(20), Duration::ZERO)
        }));
        minutes(1).await;
        world.remove(&process.feed, "ns/v1/Pod/1", Cause::DeletedByEvent);
        seconds(20).await;
        assert_eq!((store.len(), process.shown().equal, process.shown().in_sync), (3, false, false));
        assert!(process.shown().lacks[0].starts_with("1 record that is gone"), "{:?}", process.shown().lacks);
        *left.lock().unwrap() = false;
        minutes(2).await;
        assert_eq!(held(&store), world.expected());
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn nothing_is_complete_while_nothing_is_known_of_the_cluster() {
    paused(async {
        let (world, store) = (World { blind: Arc::new(Mutex::new(true)), ..World::default() }, Memory::new());
        let process = Process::start(&world, &store);
        minutes(2).await;
        let said = marker(&store).await;
        assert_eq!((said.complete, said.synced_at.as_str()), (false, ""));
        *world.blind.lock().unwrap() = false;
        minutes(1).await;
        assert_eq!(praised(&process, &store).await, ALL);
        *world.blind.lock().unwrap() = true;
        seconds(4).await;
        assert!(!marker(&store).await.complete);
        process.end().await;
    });
}

#[test]
fn a_store_that_takes_nothing_is_not_read_through_without_a_growing_pause_and_ghosts_go_all_the_same() {
    paused(async {
        let (world, store, _) = synced(90).await;
        (90..95).for_each(|name| {
            world
                .documents
                .lock()
                .unwrap()
                .insert(format!("ns/v1/Pod/{name}"), World::document("Pod", name, "web", true))
                .map_or((), drop)
        });
        world.documents.lock().unwrap().remove("ns/v1/Pod/1");
        *world.no_vectors.lock().unwrap() = true;
        let process = Process::start(&world, &store);
        seconds(20).await;
        assert_eq!(store.len(), 89, "what is gone went");
        minutes(59).await;
        let first = process.shown().phase.failing().map(|(since, _)| since);
        let before = store.requests().reads;
        minutes(60).await;
        let reads = store.requests().reads - before;
        // A look for each sign of life, and a comparison every five minutes.
        assert!(reads < 4 * 60 + 12 * 12 + 60, "{reads}");
        assert_eq!(process.shown().phase.failing().map(|(since, _)| since), first);
        *world.no_vectors.lock().unwrap() = false;
        minutes(6).await;
        assert_eq!(held(&store), world.expected());
        process.end().await;
    });
}

#[test]
fn what_the_hourly_comparison_finds_is_not_equal_until_it_is_mended() {
    paused(async {
        let store = Memory::new().in_order();
        let (world, feed) = (World::default(), Arc::new(Feed::default()));
        (100..400).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        let process = Process::start(&world, &store);
        minutes(59).await;
        assert_eq!(praised(&process, &store).await, ALL);
        store.slow_by(Box::new(|operation| match operation {
            Operation::Write => (Duration::from_secs(40), Duration::ZERO),
            Operation::Read => (Duration::from_secs(1), Duration::ZERO),
            Operation::Mark => (Duration::ZERO, Duration::ZERO),
        }));
        let compares = |process: &Process| matches!(process.shown().phase, MirrorPhase::Comparing { .. });
        while !compares(&process) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Its last page: nothing but this comparison comes by.
        let fields = store.records()["ns/v1/Pod/350"].fields.clone();
        pods(350..400).iter().for_each(|id| store.plant(id, Some(("somebody's", fields.clone()))));
        while compares(&process) {
            seconds(1).await;
        }
        seconds(10).await;
        let shown = process.shown();
        assert!(matches!(shown.phase, MirrorPhase::Writing { .. }), "{shown:?}");
        assert_eq!(praised(&process, &store).await, NONE);
        store.hurry();
        minutes(2).await;
        assert_eq!(held(&store), world.expected());
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}

#[test]
fn a_document_that_was_refused_and_is_as_before_is_not_lacking() {
    paused(async {
        let limits = Limits { records: 100, bytes: 4_000, id_bytes: 40, text_bytes: 1_000 };
        let (world, store) = (World::default(), Memory::new().with_limits(limits));
        let process = Process::start(&world, &store);
        (0..5).for_each(|name| world.put(&process.feed, World::document("Pod", name, "x", true)));
        minutes(1).await;
        world.put(&process.feed, World::document("Pod", 1, &"long ".repeat(300), true));
        seconds(3).await;
        assert_eq!(praised(&process, &store).await, NONE);
        store.fail_by(Box::new(|_| Some(Fault::Before(unreachable()))));
        seconds(10).await;
        world.put(&process.feed, World::document("Pod", 1, "x", true));
        seconds(10).await;
        store.heal();
        minutes(2).await;
        assert_eq!((held(&store), process.shown().lacks), (world.expected(), vec![]));
        assert_eq!(praised(&process, &store).await, ALL);
        process.end().await;
    });
}
