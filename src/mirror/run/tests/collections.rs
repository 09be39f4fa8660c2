//! Whose a collection is, and what it says of itself.

use super::*;

#[test]
fn another_clusters_collection_is_refused_and_adopted_only_when_asked() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let there = MirrorOptions { cluster: Some("there".into()), ..World::options() };
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
fn a_clusters_identity_may_become_readable_and_be_hidden_again() {
    paused(async {
        let (world, store, feed) = (World::default(), Memory::new(), Arc::new(Feed::default()));
        world.put(&feed, World::document("Pod", 1, "x", false));
        let hidden = MirrorOptions { cluster: None, index: "index:1".into(), ..World::options() };
        let known = MirrorOptions { cluster: Some("here".into()), ..hidden.clone() };
        let stranger = MirrorOptions { index: "index:2".into(), ..known.clone() };
        let other = World::default();
        let refused = async |options: &MirrorOptions| {
            let ended = other.mirror(&store, &Arc::default(), options.clone()).once().await;
            matches!(ended, Err(Halt::Refused(_)))
        };
        world.mirror(&store, &feed, hidden.clone()).once().await.unwrap();
        assert_eq!(marker(&store).await.cluster, "index:1");
        assert!(refused(&stranger).await, "another index can't tell whose cluster that is");
        world.mirror(&store, &feed, known.clone()).once().await.unwrap();
        assert_eq!(marker(&store).await.cluster, "here", "from now on any index of this cluster knows it");
        assert!(!refused(&stranger).await);
        world.mirror(&store, &feed, hidden).once().await.unwrap();
        assert_eq!(marker(&store).await.cluster, "here", "what was known once is not taken back");
        assert!(refused(&MirrorOptions { cluster: Some("there".into()), ..known }).await);
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
        seconds(100).await;
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

#[test]
fn a_name_that_no_store_takes_is_not_tried_for_ever() {
    paused(async {
        let (world, store, feed) = (World::default(), Memory::new(), Arc::new(Feed::default()));
        let refused = || StoreError::Name("'x' can't be the name of a collection".into());
        store.fail_by(Box::new(move |_| Some(Fault::Before(refused()))));
        let error = world.mirror(&store, &feed, World::options()).once().await.unwrap_err();
        assert_eq!(error, Halt::Store(refused()));
        let process = Process::start(&world, &store);
        minutes(1).await;
        assert!(process.task.is_finished());
        assert_eq!(process.shown().phase, MirrorPhase::Mistaken { why: refused().to_string() });
    });
}

#[test]
fn another_selection_is_refused_and_ones_own_may_change() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let narrow = || MirrorOptions { scope: "pods".into(), ..World::options() };
        // Its own configuration changed: the marker says so from now on.
        let wide = MirrorOptions { scope: "all".into(), ..World::options() };
        world.mirror(&store, &feed, wide.clone()).once().await.unwrap();
        world.mirror(&store, &feed, narrow()).once().await.unwrap();
        let scope = || async { Marker::read(&store.find().await.unwrap().unwrap().fields).unwrap().scope };
        assert_eq!(scope().await, "pods");
        // Somebody else, with another selection of the same cluster.
        let other = World::default();
        let before = held(&store);
        let mut mirror = other.mirror(&store, &feed, wide.clone());
        assert!(matches!(mirror.once().await, Err(Halt::Refused(_))));
        assert!(matches!(mirror.compare(Depth::Vectors).await, Err(Halt::Refused(_))));
        assert_eq!((held(&store), scope().await.as_str()), (before, "pods"));
        // With the same one it may take over, and with --adopt in any case.
        let same = World { memo: Arc::default(), ..world.clone() };
        same.mirror(&store, &feed, narrow()).once().await.unwrap();
        let adopting = MirrorOptions { adopt: true, ..wide };
        let mut adopted = other.mirror(&store, &feed, adopting);
        adopted.once().await.unwrap();
        assert_eq!(scope().await, "all");
        assert!(adopted.status.borrow().notes[0].contains("another selection"));
        let refused = world.mirror(&store, &feed, narrow()).once().await;
        assert!(matches!(refused, Err(Halt::Refused(_))));
    });
}

#[test]
fn a_scope_that_may_have_been_written_by_a_killed_run_is_ones_own() {
    paused(async {
        let (world, store, feed) = synced(3).await;
        let of = |scope: &str| MirrorOptions { scope: scope.into(), ..World::options() };
        world.mirror(&store, &feed, of("a")).once().await.unwrap();
        // Written, and never acknowledged: killed in between.
        let times = |operation| (operation == Operation::Mark).then(|| Fault::After(unreachable()));
        store.fail_by(Box::new(times));
        world.mirror(&store, &feed, of("b")).once().await.unwrap_err();
        store.heal();
        world.mirror(&store, &feed, of("c")).once().await.unwrap();
    });
}

#[test]
fn a_sign_of_life_that_arrived_and_was_never_acknowledged_is_ones_own() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        // Told to stop when the store has taken the next one and not answered yet.
        let stop = process.stop.clone();
        store.fail_by(Box::new(move |operation| {
            (operation == Operation::Mark).then(|| stop.cancel());
            None
        }));
        process.task.await.unwrap();
        let fields = store.find().await.unwrap().unwrap().fields;
        assert_eq!(Marker::read(&fields).unwrap().writer, "", "the next writer need not wait");
    });
}
