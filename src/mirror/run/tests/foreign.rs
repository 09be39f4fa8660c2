//! Somebody else writes into the collection.

use super::*;

fn foreign_vector() -> Vector {
    vec![0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0].into()
}

async fn all_vectors_are_ours(world: &World, store: &Memory) -> bool {
    let documents: Vec<Document> = world.documents.lock().unwrap().values().cloned().collect();
    let vectors = Hashes(Arc::default()).vectors(&documents).await.unwrap();
    documents.iter().zip(vectors).all(|(document, vector)| {
        store.vector(&document.id) == Some(crate::mirror::offset::moved(&vector, &document.id))
    })
}

#[test]
fn records_that_somebody_deleted_are_back_within_a_minute() {
    paused(async {
        let (world, store, _) = synced(372).await;
        let process = Process::start(&world, &store);
        minutes(5).await;
        pods(0..322).iter().for_each(|id| store.plant(id, None));
        minutes(1).await;
        assert_eq!(held(&store), world.expected());
        assert!(process.shown().equal && process.shown().notes[0].contains("somebody else"));
        // One deleted and one added: the number is the same.
        store.plant("ns/v1/Pod/7", None);
        store.plant("somebody", Some(("else's", Fields::new())));
        minutes(1).await;
        assert!(store.records().contains_key("ns/v1/Pod/7"));
        assert_eq!(process.shown().foreign, 1, "left alone");
        process.end().await;
    });
}

#[test]
fn vectors_and_texts_that_somebody_replaced_are_ours_again_within_a_minute() {
    paused(async {
        let (world, store, _) = synced(372).await;
        let process = Process::start(&world, &store);
        minutes(5).await;
        pods(0..372).iter().for_each(|id| _ = store.set_vector(id, foreign_vector()));
        minutes(1).await;
        assert!(all_vectors_are_ours(&world, &store).await);
        minutes(30).await;
        _ = store.set_vector("ns/v1/Pod/300", foreign_vector());
        minutes(1).await;
        assert!(all_vectors_are_ours(&world, &store).await, "a single one as well");
        minutes(30).await;
        let fields = store.records()["ns/v1/Pod/5"].fields.clone();
        store.plant("ns/v1/Pod/5", Some(("another text", fields)));
        minutes(1).await;
        assert_eq!(held(&store), world.expected());
        assert!(all_vectors_are_ours(&world, &store).await);
        process.end().await;
    });
}

#[test]
fn vectors_that_were_replaced_while_nobody_looked_are_ours_again_after_a_start() {
    paused(async {
        let (world, store, feed) = synced(372).await;
        pods(0..372).iter().for_each(|id| _ = store.set_vector(id, foreign_vector()));
        let mut mirror = world.mirror(&store, &feed, World::options());
        let found = mirror.compare(Depth::Vectors).await.unwrap();
        assert!(found.divergent.len() == 372 && found.equal == 0, "{found:?}");
        assert_eq!(mirror.compare(Depth::Contents).await.unwrap().equal, 372);
        mirror.once().await.unwrap();
        assert!(all_vectors_are_ours(&world, &store).await);
        assert_eq!(mirror.compare(Depth::Vectors).await.unwrap().equal, 372);
    });
}

#[test]
fn whoever_goes_on_writing_is_not_followed_without_a_pause() {
    paused(async {
        let (world, store, _) = synced(50).await;
        let process = Process::start(&world, &store);
        minutes(5).await;
        let before = store.calls().upserted;
        for _ in 0..360 {
            pods(0..50).iter().for_each(|id| _ = store.set_vector(id, foreign_vector()));
            seconds(10).await;
        }
        let times = (store.calls().upserted - before) / 50;
        assert!((5..=9).contains(&times), "mended {times} times in an hour");
        minutes(120).await;
        assert!(all_vectors_are_ours(&world, &store).await && process.shown().equal);
        process.end().await;
    });
}

#[test]
fn a_store_that_says_that_it_deleted_and_did_not_is_looked_at_until_it_did() {
    paused(async {
        let (world, store, _) = synced(50).await;
        let process = Process::start(&world, &store);
        minutes(5).await;
        store.fail_by(Box::new(|operation| {
            (operation == Operation::Write).then_some(Fault::Loses(usize::MAX))
        }));
        world.remove(&process.feed, "ns/v1/Pod/7", Cause::DeletedByEvent);
        minutes(1).await;
        assert!(store.records().contains_key("ns/v1/Pod/7") && !process.shown().in_sync);
        store.heal();
        minutes(5).await;
        assert_eq!(held(&store), world.expected());
        assert!(process.shown().equal);
        process.end().await;
    });
}
