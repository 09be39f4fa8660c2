//! A collection is walked through page by page, and changes meanwhile.

use super::*;

fn slow_reads(ms: u64) -> crate::mirror::memory::Pace {
    Box::new(move |operation| match operation {
        Operation::Read => (Duration::from_millis(ms), Duration::ZERO),
        Operation::Write | Operation::Mark => (Duration::ZERO, Duration::ZERO),
    })
}

/// Every third Pod of the later ones, which the index loses without a word.
fn ghosts(world: &World) {
    world.documents.lock().unwrap().retain(|_, document| {
        let name: u16 = document.metadata.name.parse().unwrap();
        name < 300 || !name.is_multiple_of(5)
    });
}

#[test]
fn records_that_move_up_while_others_are_deleted_are_not_passed_by() {
    paused(async {
        let store = Memory::new().in_order();
        let (world, feed) = (World::default(), Arc::new(Feed::default()));
        (100..700).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert_eq!(held(&store), world.expected());
        ghosts(&world);
        store.slow_by(slow_reads(1_000));
        let process = Process::start(&world, &store);
        // While the walk is at its third page and later ones, what it has seen goes.
        seconds(3).await;
        for name in 100..160 {
            world.remove(&process.feed, &format!("ns/v1/Pod/{name}"), Cause::DeletedByEvent);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        store.hurry();
        seconds(60).await;
        assert_eq!(held(&store), world.expected());
        assert!(process.shown().equal && process.shown().notes.is_empty(), "{:?}", process.shown());
        process.end().await;
    });
}

#[test]
fn what_was_deleted_while_the_store_was_away_is_looked_for_by_id() {
    paused(async {
        for in_order in [true, false] {
            let store = if in_order { Memory::new().in_order() } else { Memory::new() };
            let (world, feed) = (World::default(), Arc::new(Feed::default()));
            (100..700).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
            world.mirror(&store, &feed, World::options()).once().await.unwrap();
            let process = Process::start(&world, &store);
            minutes(1).await;
            store.fail_by(Box::new(|_| Some(Fault::Before(unreachable()))));
            seconds(10).await;
            (100..400).for_each(|name| {
                world.remove(&process.feed, &format!("ns/v1/Pod/{name}"), Cause::DeletedByEvent);
            });
            seconds(60).await;
            store.heal();
            minutes(1).await;
            assert_eq!(held(&store), world.expected());
            assert!(process.shown().equal, "{:?}", process.shown());
            process.end().await;
        }
    });
}

#[test]
fn what_a_store_counts_and_never_shows_is_no_part_of_an_equal_collection() {
    paused(async {
        let (world, store, _) = synced(300).await;
        world.documents.lock().unwrap().remove("ns/v1/Pod/7");
        store.hide(Some("ns/v1/Pod/7"));
        let process = Process::start(&world, &store);
        minutes(2).await;
        let shown = process.shown();
        assert!(!shown.equal && !shown.in_sync && !marker(&store).await.complete, "{shown:?}");
        assert_eq!(shown.lacks, ["1 record that the store counts and does not show, or the other way round"]);
        let before = store.requests().reads;
        minutes(60).await;
        assert!(store.requests().reads - before < 3_000, "{}", store.requests().reads - before);
        store.hide(None);
        minutes(61).await;
        assert_eq!(held(&store), world.expected());
        assert!(process.shown().equal);
        process.end().await;
    });
}

#[test]
fn a_record_that_was_there_before_its_document_is_nobody_elses() {
    paused(async {
        let (world, store, _) = synced(300).await;
        // A new index, and a kind that can't be listed at first.
        let all = std::mem::take(&mut *world.documents.lock().unwrap());
        world.uncovered.lock().unwrap().insert("Pod");
        let process = Process::start(&world, &store);
        minutes(2).await;
        assert_eq!(process.shown().kept, 300);
        world.uncovered.lock().unwrap().clear();
        all.into_values().for_each(|document| world.put(&process.feed, document));
        seconds(5).await;
        assert_eq!((process.shown().lacks, process.shown().records), (vec![], 300));
        minutes(1).await;
        assert!(process.shown().equal && process.shown().notes.is_empty(), "{:?}", process.shown());
        process.end().await;
    });
}

#[test]
fn a_delete_that_was_applied_and_not_acknowledged_is_nobody_elses() {
    paused(async {
        let (world, store, _) = synced(300).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        let mut once = Some(Fault::After(StoreError::Failed { status: 504, message: "late".into() }));
        store.fail_by(Box::new(move |operation| {
            (operation == Operation::Write).then(|| once.take()).flatten()
        }));
        world.remove(&process.feed, "ns/v1/Pod/7", Cause::DeletedByEvent);
        minutes(2).await;
        let shown = process.shown();
        assert!(shown.equal && shown.notes.is_empty() && shown.records == 299, "{shown:?}");
        process.end().await;
    });
}
