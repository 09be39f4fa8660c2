//! Directories, the context table, the lock.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::*;

#[test]
fn a_place_leads_to_its_store_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), "abc").unwrap();
    assert_eq!(Store::of_place(dir.path(), "one").unwrap(), None);
    store.remember_places(["one", "two"]).unwrap();
    Store::locate(dir.path(), "def").unwrap().remember_places(["other"]).unwrap();
    for place in ["one", "two"] {
        assert_eq!(Store::of_place(dir.path(), place).unwrap(), Some(store.clone()));
    }
    fs_err::remove_dir_all(store.dir()).unwrap();
    assert_eq!(Store::of_place(dir.path(), "one").unwrap(), None, "what is gone is not made again");
    Store::locate(dir.path(), "def").unwrap().remember_places(["third"]).unwrap();
    let table = fs_err::read_to_string(dir.path().join("places.json")).unwrap();
    assert_eq!(table, r#"{"other":"def","third":"def"}"#, "what leads nowhere is dropped");
    fs_err::write(dir.path().join("places.json"), "garbage").unwrap();
    assert_eq!(Store::of_place(dir.path(), "other").unwrap(), None);
}

#[test]
fn an_identity_must_be_a_plain_name() {
    let dir = tempfile::tempdir().unwrap();
    for identity in ["", "..", "a/b", "a.b", "/"] {
        assert!(
            matches!(Store::locate(dir.path(), identity), Err(IndexError::Identity { .. })),
            "{identity}"
        );
    }
}

#[test]
fn one_process_at_a_time_has_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), "abc").unwrap();
    let lock = Lock::try_acquire(&store).unwrap().unwrap();
    assert!(Lock::try_acquire(&store).unwrap().is_none());
    drop(lock);
    let (writer, _) = open(&store);
    assert!(Lock::try_acquire(&store).unwrap().is_none());
    let lock = writer.close();
    assert!(Lock::try_acquire(&store).unwrap().is_none(), "closing gives the lock back, held");
    drop(lock);
    assert!(Lock::try_acquire(&store).unwrap().is_some());
}

#[test]
fn setting_aside_leaves_an_empty_store_and_keeps_what_was() {
    let (_dir, store) = filled(5);
    store.write_json("kinds.json", &["pods"]).unwrap();
    let (writer, _) = open(&store);
    let lock = writer.close();
    let aside = store.set_aside(&lock).unwrap();
    assert!(aside.join("tantivy/meta.json").exists() && aside.join("kinds.json").exists());
    assert_eq!(store.read_json::<Vec<String>>("kinds.json").unwrap(), None);
    assert!(Lock::try_acquire(&store).unwrap().is_none(), "the lock is still held");
    assert!(aside.join("used").is_file() && store.dir().join("used").is_file(), "both can be removed later");
    let again = store.set_aside(&lock).unwrap();
    assert_ne!(again, aside);
    let (writer, opened) = Writer::open(&store, lock, SCHEMA).unwrap();
    assert_eq!((opened.rebuilt, writer.held().unwrap().len()), (None, 0));
}

#[test]
fn json_beside_the_index_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), "abc").unwrap();
    assert_eq!(store.read_json::<u32>("n.json").unwrap(), None);
    store.write_json("n.json", &1).unwrap();
    store.write_json("n.json", &2).unwrap();
    assert_eq!(store.read_json::<u32>("n.json").unwrap(), Some(2));
    let error = store.read_json::<String>("n.json").unwrap_err();
    assert!(error.to_string().starts_with("can't read ") && error.to_string().ends_with("n.json"), "{error}");
    assert_eq!(files(store.dir()).len(), 2, "no temporary file stays: n.json and used");
}

/// As if a file was last written so many days ago.
fn date_back(file: &Path, days: u64) {
    let when = SystemTime::now() - Duration::from_secs(days * 86_400);
    let file = fs_err::OpenOptions::new().write(true).open(file).unwrap();
    file.into_parts().0.set_modified(when).unwrap();
}

#[test]
fn what_is_set_aside_keeps_its_thirty_days_however_long_it_was_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), &"04".repeat(32)).unwrap();
    date_back(&store.dir().join("used"), 40);
    let lock = Lock::try_acquire(&store).unwrap().unwrap();
    let aside = store.set_aside(&lock).unwrap();
    drop(lock);
    let removed = |days: u64| {
        let then = SystemTime::now() + Duration::from_secs(days * 86_400);
        let removed = Store::remove_unused(dir.path(), then).unwrap();
        removed.into_iter().map(|removed| removed.path).collect::<Vec<_>>()
    };
    assert_eq!(removed(0), Vec::<PathBuf>::new());
    assert_eq!(removed(29), Vec::<PathBuf>::new());
    let mut both = removed(31);
    both.sort();
    assert_eq!(both, [store.dir().to_owned(), aside]);
}

#[test]
fn a_writer_that_ran_for_months_has_used_its_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), &"05".repeat(32)).unwrap();
    store.write_json("status.json", &1).unwrap();
    date_back(&store.dir().join("used"), 90);
    assert_eq!(Store::remove_unused(dir.path(), SystemTime::now()).unwrap(), []);
    date_back(&store.dir().join("status.json"), 31);
    assert_eq!(Store::remove_unused(dir.path(), SystemTime::now()).unwrap().len(), 1);
}

#[test]
fn directories_unused_for_30_days_go_unless_they_are_held() {
    let dir = tempfile::tempdir().unwrap();
    let [old, held, aside] =
        ["01", "02", "03"].map(|name| Store::locate(dir.path(), &name.repeat(32)).unwrap());
    let lock = Lock::try_acquire(&aside).unwrap().unwrap();
    fs_err::create_dir(aside.dir().join("tantivy")).unwrap();
    let aside = aside.set_aside(&lock).unwrap();
    let _lock = Lock::try_acquire(&held).unwrap().unwrap();
    // someone else's, under every name that could be mistaken
    for other in ["src/tantivy", "cafe/tantivy", "not-ours"] {
        fs_err::create_dir_all(dir.path().join(other)).unwrap();
    }
    for name in ["src", "cafe"] {
        fs_err::write(dir.path().join(name).join("used"), b"").unwrap();
    }
    let later = SystemTime::now() + Duration::from_secs(31 * 86_400);
    assert_eq!(Store::remove_unused(dir.path(), SystemTime::now()).unwrap(), []);
    let removed = Store::remove_unused(dir.path(), later).unwrap();
    let mut paths: Vec<_> = removed.iter().map(|removed| (removed.path.clone(), removed.days)).collect();
    paths.sort();
    // the third store is locked
    assert_eq!(paths, [(old.dir().to_owned(), 31), (aside, 31)]);
    assert!(held.dir().is_dir() && dir.path().join("not-ours").is_dir());
    assert!(dir.path().join("src/tantivy").is_dir() && dir.path().join("cafe/tantivy").is_dir());
}
