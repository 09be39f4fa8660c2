use tokio::time::Instant;

use super::*;
use crate::mirror::store::{Sink as _, VectorStore as _};

fn record(id: &str) -> Record {
    let vector = Some(vec![1.0].into());
    Record { id: id.to_owned(), text: id.to_owned(), fields: Fields::new(), vector }
}

async fn with_records(ids: &[&str]) -> Memory {
    let store = Memory::new();
    store.ensure(&Fields::new()).await.unwrap();
    let records: Vec<_> = ids.iter().map(|id| record(id)).collect();
    store.upsert(&records).await.unwrap();
    store
}

fn fail_once(store: &Memory, fault: Fault) {
    let mut fault = Some(fault);
    store.fail_by(Box::new(move |_| fault.take()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_write_is_applied_late_and_answered_later_still() {
    let store = with_records(&[]).await;
    let error = StoreError::TooLarge;
    let then = Some(Box::new(Fault::After(error.clone())));
    let (before, after) = (Duration::from_secs(75), Duration::from_secs(5));
    fail_once(&store, Fault::Slow { before, after, then });
    let begun = Instant::now();
    let writing = tokio::spawn({
        let store = store.clone();
        async move { store.upsert(&[record("a")]).await }
    });
    tokio::time::sleep(before - Duration::from_secs(1)).await;
    assert_eq!((store.len(), store.requests().open), (0, 1));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((store.len(), writing.is_finished()), (1, false));
    assert_eq!(writing.await.unwrap(), Err(error));
    assert!(begun.elapsed() >= before + after);
    assert_eq!((store.requests().open, store.requests().writes), (0, 2));

    // Whoever gives up has sent it all the same.
    fail_once(&store, Fault::late(before));
    let given_up = tokio::time::timeout(Duration::from_secs(60), store.upsert(&[record("b")])).await;
    assert!(given_up.is_err() && store.len() == 1);
    tokio::time::sleep(before).await;
    assert_eq!((store.len(), store.requests().open), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lies_says_yes_and_leaves_records_out() {
    let store = with_records(&["a"]).await;
    fail_once(&store, Fault::Loses(1));
    assert_eq!(store.upsert(&[record("b"), record("c")]).await, Ok(()));
    assert_eq!(store.records().keys().collect::<Vec<_>>(), ["a", "c"]);
    fail_once(&store, Fault::Loses(usize::MAX));
    assert_eq!(store.delete(&["a".to_owned(), "c".to_owned()]).await, Ok(()));
    assert_eq!(store.len(), 2);
    fail_once(&store, Fault::Loses(1));
    assert_eq!(store.count().await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn others_lose_replace_and_overwrite_what_is_there() {
    let store = with_records(&["a", "b"]).await;
    assert_eq!(store.lose(|id| id == "a"), 1);
    assert!(store.set_vector("b", vec![-1.0].into()) && !store.set_vector("a", vec![1.0].into()));
    assert_eq!(store.vector("b").as_deref(), Some([-1.0].as_slice()));
    assert!(store.overwrite("theirs", "text", Fields::new(), vec![0.5].into()));
    assert!(!store.overwrite("theirs", "text", Fields::new(), vec![0.5, 0.5].into()));
    let before = store.find().await.unwrap().unwrap().id;
    store.replace(Fields::new());
    assert!(store.is_empty() && store.find().await.unwrap().unwrap().id != before);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_refused_is_a_mistake() {
    let store = Memory::new();
    store.refuse_name(Some("Expected a name containing 3-512 characters"));
    assert_eq!(store.find().await, Ok(None));
    assert!(matches!(store.ensure(&Fields::new()).await, Err(StoreError::Name(_))));
    store.refuse_name(None);
    assert!(store.ensure(&Fields::new()).await.unwrap().created);
}
