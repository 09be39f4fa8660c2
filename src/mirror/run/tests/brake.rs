//! Deletes that no event named.

use super::*;

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

/// The index loses, without an event, the Pods with names below this.
fn lose(world: &World, below: u16) {
    let gone = pods(0..below);
    world.documents.lock().unwrap().retain(|id, _| !gone.contains(id));
}

#[test]
fn what_is_held_back_outlives_an_index_that_was_thrown_away() {
    paused(async {
        let (world, store, feed) = synced(250).await;
        lose(&world, 120);
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert_eq!(world.memo.lock().unwrap().brake.held, pods(0..120));
        // The index is made anew, and Pods can't be listed at first: nothing is known of them.
        let all = std::mem::take(&mut *world.documents.lock().unwrap());
        world.uncovered.lock().unwrap().insert("Pod");
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.len()), (250, 120));
        // Then they can, and most are there again: what is left of the set is few, and still held back.
        *world.documents.lock().unwrap() = all;
        world.uncovered.lock().unwrap().clear();
        (10..120).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
        minutes(300).await;
        let mut mirror = world.mirror(&store, &feed, World::options());
        mirror.once().await.unwrap();
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.clone()), (250, pods(0..10)));
        let options = MirrorOptions { allow_mass_delete: Some(10), ..World::options() };
        world.mirror(&store, &feed, options).once().await.unwrap();
        assert_eq!(held(&store), world.expected());
    });
}

#[test]
fn what_another_writer_held_back_is_not_deleted_by_one_that_knows_nothing_of_it() {
    paused(async {
        let (world, store, feed) = synced(250).await;
        lose(&world, 120);
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert_eq!(store.len(), 250);
        // The data directory is lost, and most of what was held back is there again.
        *world.memo.lock().unwrap() = Memo::default();
        (5..120).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.clone()), (250, pods(0..5)));
        let marker = Marker::read(&store.find().await.unwrap().unwrap().fields).unwrap();
        assert_eq!((marker.held_back, marker.complete), (5, false));
        // One that lost nothing goes on as before.
        world.documents.lock().unwrap().remove("ns/v1/Pod/249");
        world.mirror(&store, &feed, World::options()).once().await.unwrap();
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.len()), (249, 5));
    });
}

#[test]
fn a_commit_is_judged_as_a_whole_however_many_batches_it_takes() {
    paused(async {
        let (world, store, _) = synced(600).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        // A quarter of 600 is 150; a batch of this store holds 100.
        world.lose(&process.feed, &pods(0..200));
        minutes(1).await;
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.clone()), (600, pods(0..200)));
        // What is small passes, also while others are held back, and what an event named.
        world.lose(&process.feed, &pods(300..350));
        world.remove(&process.feed, "ns/v1/Pod/599", Cause::DeletedByEvent);
        minutes(1).await;
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.len()), (549, 200));
        // Back in the index, it is held back no longer.
        world.put(&process.feed, World::document("Pod", 7, "web", true));
        minutes(1).await;
        assert_eq!(world.memo.lock().unwrap().brake.held.len(), 199);
        process.end().await;
    });
}

#[test]
fn the_rest_of_a_group_that_was_let_through_goes_after_failures_and_a_crash() {
    paused(async {
        let (world, store, _) = synced(600).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        // One batch of deletes passes; the next is refused for as long as the process lives.
        let mut deletes = 0;
        let crowded = || StoreError::Busy { status: 429, retry_after: None };
        store.fail_by(Box::new(move |operation| {
            deletes += usize::from(operation == Operation::Write);
            (operation == Operation::Write && deletes > 1).then(|| Fault::Before(crowded()))
        }));
        world.lose(&process.feed, &pods(0..150));
        seconds(30).await;
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.len()), (500, 0));
        process.crash().await;
        store.heal();
        let process = Process::start(&world, &store);
        minutes(1).await;
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.len()), (450, 0));
        assert_eq!(held(&store), world.expected());
        // The hour is full.
        world.lose(&process.feed, &pods(200..201));
        minutes(1).await;
        assert_eq!(world.memo.lock().unwrap().brake.held, pods(200..201));
        process.end().await;
    });
}

#[test]
fn a_commit_that_comes_while_everything_is_compared_is_one_group_with_what_the_comparison_finds() {
    paused(async {
        let (world, store, _) = synced(600).await;
        let process = Process::start(&world, &store);
        // Pages take a while: the commit comes in the middle of the first comparison.
        store.slow_by(Box::new(|operation| match operation {
            Operation::Read => (Duration::from_secs(2), Duration::from_secs(2)),
            Operation::Write | Operation::Mark => (Duration::ZERO, Duration::ZERO),
        }));
        seconds(30).await;
        world.lose(&process.feed, &pods(0..200));
        minutes(10).await;
        store.heal();
        minutes(2).await;
        assert_eq!((store.len(), world.memo.lock().unwrap().brake.held.clone()), (600, pods(0..200)));
        process.end().await;
    });
}

#[test]
fn what_many_commits_removed_while_the_store_was_away_is_looked_up_at_once() {
    paused(async {
        let (world, store, _) = synced(100).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        store.fail_by(Box::new(|_| Some(Fault::Before(unreachable()))));
        for name in 0..60 {
            world.lose(&process.feed, &pods(name..name + 1));
            seconds(2).await;
        }
        store.heal();
        let before = store.requests().reads;
        minutes(1).await;
        let reads = store.requests().reads - before;
        assert_eq!(held(&store), world.expected());
        assert!(reads < 50, "{reads}");
        process.end().await;
    });
}
