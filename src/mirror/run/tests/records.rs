//! What is written of each document, and what is not.

use super::*;
use crate::mirror::core::dirty::MOST;

#[test]
fn a_second_run_with_nothing_changed_writes_nothing() {
    paused(async {
        let (world, store, feed) = synced(150).await;
        let before = store.calls();
        let mut again = world.mirror(&store, &feed, World::options());
        again.once().await.unwrap();
        assert_eq!(store.calls(), before);
        assert_eq!(again.status.borrow().unchanged, 150);
        assert!(again.compare(Depth::Vectors).await.unwrap().divergent.is_empty());
    });
}

#[test]
fn a_change_that_leaves_the_form_is_sent_without_its_vector_and_a_lost_record_is_noticed() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        // Between two signs of life, with which the records are counted.
        seconds(65).await;
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
fn a_store_without_lists_gets_documents_without_them() {
    paused(async {
        let (world, store, feed) =
            (World::default(), Memory::new().without_lists(), Arc::new(Feed::default()));
        (0..20).for_each(|name| world.put(&feed, World::document("Pod", name, "x", true)));
        let mut mirror = world.mirror(&store, &feed, World::options());
        mirror.once().await.unwrap();
        assert_eq!((store.len(), mirror.status.borrow().over_limit_count), (20, 0));
        assert_eq!(mirror.status.borrow().notes.len(), 1);
        assert!(mirror.compare(Depth::Vectors).await.unwrap().divergent.is_empty());
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
        let comparison = mirror.compare(Depth::Vectors).await.unwrap();
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
        assert_eq!(mirror.compare(Depth::Vectors).await.unwrap().divergent.len(), 1);
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
fn what_is_dirty_at_the_first_comparison_is_sent_once_and_what_is_equal_not_at_all() {
    paused(async {
        // Several batches: a full one would leave between the steps of a comparison.
        let limits = Limits { records: 100, bytes: 1 << 20, id_bytes: 100, text_bytes: 10_000 };
        let store = Memory::new().with_limits(limits);
        let (world, feed) = (World::default(), Arc::new(Feed::default()));
        (0..250).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
        let mut first = world.mirror(&store, &feed, World::options());
        first.once().await.unwrap();
        assert_eq!((first.status.borrow().added, store.calls().upserted), (250, 250));
        // Seen as written again by an index that was made anew.
        (0..250).for_each(|name| world.put(&feed, World::document("Pod", name, "web", true)));
        let before = store.calls();
        let mut again = world.mirror(&store, &feed, World::options());
        again.once().await.unwrap();
        let status = again.status.borrow().clone();
        assert_eq!((status.added, status.updated, status.unchanged), (0, 0, 250));
        assert_eq!(store.calls(), before);
        assert!(feed.is_empty());
    });
}

#[test]
fn more_changes_than_are_named_end_in_a_comparison() {
    paused(async {
        let (world, store, _) = synced(3).await;
        let process = Process::start(&world, &store);
        minutes(1).await;
        world.documents.lock().unwrap().remove("ns/v1/Pod/1");
        let others: Vec<String> = (0..=MOST).map(|n| format!("ns/v1/Job/{n}")).collect();
        process.feed.mark(others.iter().map(|id| (id.as_str(), Cause::DeletedByEvent)));
        assert!(process.feed.is_empty(), "nobody remembers so many names");
        minutes(1).await;
        assert_eq!(held(&store), world.expected());
        process.end().await;
    });
}
