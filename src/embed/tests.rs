//! The handle, the worker and the cache together, over a deterministic embedder.

use super::hashed::{Fault, Hashed};
use super::*;
use crate::document::Form;

fn open(dir: &std::path::Path, storing: Storing) -> (Vectors, Hashed) {
    let hashed = Hashed::default();
    (Vectors::open(dir, Embedder::Hashed(hashed.clone()), storing).unwrap(), hashed)
}

fn forms(texts: &[&str]) -> Vec<Form> {
    texts.iter().map(|text| Form::new(text)).collect()
}

/// Waits until progress is so.
async fn until(vectors: &Vectors, wanted: impl FnMut(&Progress) -> bool) -> Progress {
    vectors.progress().wait_for(wanted).await.unwrap().clone()
}

fn file(dir: &std::path::Path) -> std::path::PathBuf {
    dir.join(Hashed::default().model().file_name())
}

#[tokio::test]
async fn every_form_gets_its_vector_in_order_and_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let (vectors, hashed) = open(dir.path(), Storing::Write);
    let asked = forms(&["a", "b", "a", "c", "d", "e", "b"]);
    let first = vectors.obtain(&asked).await.unwrap();
    assert_eq!((first.len(), hashed.seen().len()), (7, 5));
    assert_eq!((&first[0], &first[1]), (&first[2], &first[6]));
    assert_ne!(first[0], first[1]);
    let length: f32 = first[0].iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");

    assert_eq!(vectors.obtain(&asked).await.unwrap(), first);
    assert_eq!(vectors.cached(&asked[3]), Some(first[3].clone()));
    assert_eq!(hashed.seen().len(), 5);
    let progress = vectors.progress().borrow().clone();
    assert_eq!(progress, Progress { made: 5, cached: 5, ..Progress::default() });
}

#[tokio::test]
async fn vectors_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let asked = forms(&["a", "b", "c"]);
    let (vectors, _) = open(dir.path(), Storing::Write);
    let first = vectors.obtain(&asked).await.unwrap();
    drop(vectors);
    let (vectors, hashed) = open(dir.path(), Storing::Write);
    assert_eq!(vectors.obtain(&asked).await.unwrap(), first);
    assert_eq!(hashed.seen(), Vec::<String>::new());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs_err::metadata(file(dir.path())).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn the_background_makes_what_nobody_waits_for_and_goes_on_after_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let (vectors, hashed) = open(dir.path(), Storing::Write);
    hashed.fail(Fault::Fail);
    for form in forms(&["a", "b", "c", "d", "e", "f"]) {
        vectors.want(form).await.unwrap();
    }
    let failing = until(&vectors, |progress| progress.failing.is_some()).await.failing.unwrap();
    assert_eq!(failing.message, "the local model does not run: told to");
    // Somebody who waits does not wait for the background's pause, and a success ends the trouble.
    vectors.obtain(&forms(&["x"])).await.unwrap();
    let done = until(&vectors, |progress| progress.cached == 7 && progress.waiting == 0).await;
    assert_eq!((done.failing, done.made), (None, 7));
}

#[tokio::test]
async fn a_failure_keeps_what_was_made_before_and_nothing_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let (vectors, hashed) = open(dir.path(), Storing::Write);
    hashed.fail(Fault::TooFew);
    let error = vectors.obtain(&forms(&["a", "b"])).await.unwrap_err();
    assert_eq!(error.to_string(), "hashed answered with 1 vectors for 2 texts");
    assert_eq!(vectors.progress().borrow().cached, 0);
    assert_eq!(vectors.obtain(&forms(&["a", "b"])).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_question_is_answered_and_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (vectors, _) = open(dir.path(), Storing::Write);
    let form = Form::new("databases");
    assert_eq!(vectors.query("databases").await.unwrap(), vectors.obtain(&[form]).await.unwrap()[0]);
    assert_eq!(vectors.progress().borrow().cached, 1);
}

#[tokio::test]
async fn a_reader_sees_what_the_writer_adds_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, read) = open(dir.path(), Storing::Read);
    reader.obtain(&forms(&["a"])).await.unwrap();
    assert!(!file(dir.path()).exists());
    let (writer, _) = open(dir.path(), Storing::Write);
    for text in ["a", "b"] {
        let made = writer.obtain(&forms(&[text])).await.unwrap();
        assert_eq!(reader.obtain(&forms(&[text])).await.unwrap(), made);
    }
    assert_eq!(read.seen(), ["a"]);
}

#[tokio::test]
async fn vectors_that_nobody_needs_go_and_the_others_are_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, written) = open(dir.path(), Storing::Write);
    let (reader, read) = open(dir.path(), Storing::Read);
    let all = forms(&["a", "b", "c", "d", "e"]);
    let made = writer.obtain(&all).await.unwrap();
    reader.obtain(&all).await.unwrap();
    let before = fs_err::metadata(file(dir.path())).unwrap().len();
    assert!(writer.keep_only([all[3].hash()].into(), writer.extent()).await.unwrap());
    assert!(fs_err::metadata(file(dir.path())).unwrap().len() < before / 2);
    assert_eq!((writer.progress().borrow().cached, writer.hashes()), (1, vec![all[3].hash()]));
    assert_eq!(writer.cached(&all[3]), Some(made[3].clone()));
    writer.obtain(&forms(&["d", "f"])).await.unwrap();
    assert_eq!(written.seen().len(), 6);
    let found = reader.obtain(&forms(&["d", "f"])).await.unwrap();
    assert_eq!((&found[0], read.seen().len()), (&made[3], 0), "who reads follows to the new file");
    // Who may not write asks for nothing.
    assert!(!reader.keep_only(Default::default(), reader.extent()).await.unwrap());
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_damage_costs_the_damaged_alone() {
    let dir = tempfile::tempdir().unwrap();
    let asked = forms(&["a", "b", "c", "d"]);
    let (vectors, _) = open(dir.path(), Storing::Write);
    let first = vectors.obtain(&asked).await.unwrap();
    drop(vectors);
    let whole = fs_err::read(file(dir.path())).unwrap();
    // Killed while it wrote the last record: any length of it may be there.
    let record = 16 + 16 * 4 + 8;
    for length in whole.len() - record..whole.len() {
        fs_err::write(file(dir.path()), &whole[..length]).unwrap();
        let (vectors, hashed) = open(dir.path(), Storing::Write);
        assert_eq!(vectors.obtain(&asked).await.unwrap(), first);
        assert_eq!(hashed.seen().len(), 1, "{length}");
        assert_eq!(vectors.progress().borrow().note, None);
        drop(vectors);
        assert_eq!(fs_err::metadata(file(dir.path())).unwrap().len(), whole.len() as u64);
    }
    let mut bent = whole.clone();
    bent[64 + 20] ^= 1;
    fs_err::write(file(dir.path()), &bent).unwrap();
    let (vectors, hashed) = open(dir.path(), Storing::Write);
    assert_eq!(vectors.obtain(&asked).await.unwrap(), first);
    assert_eq!(hashed.seen().len(), 1);
    let note = vectors.progress().borrow().note.clone().unwrap();
    assert!(note.starts_with("1 vectors in ") && note.ends_with("were damaged and are made again"), "{note}");
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_built_anew_and_said() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b"x"[..], b"kubesift vectors v1\n", &[0; 4096]] {
        fs_err::write(file(dir.path()), content).unwrap();
        let (vectors, _) = open(dir.path(), Storing::Write);
        vectors.obtain(&forms(&["a"])).await.unwrap();
        let note = vectors.progress().borrow().note.clone().unwrap();
        assert!(note.ends_with("was damaged; the vectors are made again"), "{note}");
        drop(vectors);
        let (vectors, hashed) = open(dir.path(), Storing::Write);
        vectors.obtain(&forms(&["a"])).await.unwrap();
        assert_eq!(hashed.seen(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_directory_that_can_not_be_written_costs_the_keeping_alone() {
    let (vectors, _) = open(std::path::Path::new("/nowhere/at/all"), Storing::Write);
    assert_eq!(vectors.obtain(&forms(&["a", "b"])).await.unwrap().len(), 2);
    let note = vectors.progress().borrow().note.clone().unwrap();
    assert!(note.starts_with("vectors are not kept: "), "{note}");
}

#[tokio::test]
async fn a_directory_set_aside_is_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (vectors, hashed) = open(dir.path(), Storing::Write);
    vectors.obtain(&forms(&["a"])).await.unwrap();
    fs_err::rename(file(dir.path()), dir.path().join("aside")).unwrap();
    vectors.reopen().unwrap();
    vectors.obtain(&forms(&["a"])).await.unwrap();
    assert_eq!(hashed.seen(), ["a", "a"]);
    assert!(file(dir.path()).exists());
}

#[tokio::test]
async fn without_a_runtime_the_local_model_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime { given: Some(dir.path().join("nothing.so")), ..Runtime::default() };
    let local = Embedder::Local(Box::new(Local::new(runtime)));
    let vectors = Vectors::open(dir.path(), local, Storing::Write).unwrap();
    let error = vectors.obtain(&forms(&["a"])).await.unwrap_err();
    assert!(matches!(error, EmbedError::RuntimeMissing { .. }) && error.is_off(), "{error}");
    assert_eq!(error.advice(), Some("kubesift setup"));
    assert!(vectors.progress().borrow().failing.as_ref().unwrap().off);
}
