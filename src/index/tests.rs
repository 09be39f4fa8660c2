//! The index as a whole: what survives what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::document::{Document, Fingerprint, Local, Metadata};
use crate::object::{IdHash, Key, KindKey, ResourceVersion, Scope};

mod full_disk;
mod killed;
mod store;

const SCHEMA: Schema = Schema { version: 42 };

pub(super) fn entry(nth: u64) -> Entry {
    let metadata = Metadata {
        namespace: format!("ns-{}", nth % 7),
        name: format!("object-{nth}"),
        kind: "Widget".into(),
        api_version: "example.com/v1".into(),
        api_group: "example.com".into(),
        ..Metadata::default()
    };
    let id = [&*metadata.namespace, &metadata.api_version, "Widget", &metadata.name].join("/");
    let local = Local { uid: format!("uid-{nth}"), ..Local::default() };
    Entry {
        key: Key::of(&id, &local.uid),
        kind: KindKey::new("example.com", "widgets"),
        document: Document { text: format!("Widget object-{nth} | rest"), id, metadata, local },
        fingerprint: Fingerprint { content: nth, annotations: u64::MAX - nth },
        version: Some(nth + 1),
    }
}

fn upsert(nth: u64) -> Op {
    Op::Upsert(Box::new(entry(nth)))
}

pub(super) fn checkpoint(epoch: u64) -> Checkpoint {
    let scope = ScopeCheckpoint {
        kind: KindKey::new("example.com", "widgets"),
        scope: Scope::All,
        api: "example.com/v1/Widget".into(),
        version: ResourceVersion::parse(&(epoch + 100).to_string()),
        complete: true,
        as_of: 7,
        forbidden_s: None,
        regressed: false,
    };
    Checkpoint {
        schema: SCHEMA.version,
        epoch,
        cluster_uid: Some("c".into()),
        user: None,
        selection: 0,
        scopes: vec![scope],
    }
}

pub(super) fn open(store: &Store) -> (Writer, Opened) {
    let lock = Lock::try_acquire(store).unwrap().expect("nobody else holds it");
    Writer::open(store, lock, SCHEMA).unwrap()
}

/// A store with `count` objects committed in two segments at least.
fn filled(count: u64) -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), "id").unwrap();
    let (mut writer, _) = open(&store);
    for nth in 0..count {
        writer.apply(upsert(nth)).unwrap();
        if nth == count / 2 {
            writer.commit(&checkpoint(0)).unwrap();
        }
    }
    writer.commit(&checkpoint(count)).unwrap();
    (dir, store)
}

fn versions(held: &[HeldEntry]) -> BTreeSet<u64> {
    held.iter().map(|entry| entry.version).collect()
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs_err::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) }).collect()
}

fn files_ending(store: &Store, end: &str) -> Vec<PathBuf> {
    files(store.dir()).into_iter().filter(|path| path.to_string_lossy().ends_with(end)).collect()
}

fn documents(reader: &Reader) -> Vec<Document> {
    let snapshot = reader.snapshot();
    let all = snapshot.segments().iter().flat_map(|s| (0..s.max_doc()).map(move |doc| (s, doc)));
    all.filter(|(s, doc)| s.is_alive(*doc)).map(|(s, doc)| s.document(doc).unwrap()).collect()
}

#[test]
fn a_reopened_index_has_documents_held_entries_and_checkpoint() {
    let (_dir, store) = filled(30);
    let (writer, opened) = open(&store);
    assert_eq!(opened, Opened { checkpoint: checkpoint(30), rebuilt: None });
    let held = writer.held().unwrap();
    assert_eq!(held.len(), 30);
    for one in &held {
        let expected = entry(one.version - 1);
        assert_eq!((one.key, one.id), (expected.key, IdHash::of(&expected.document.id)));
        assert_eq!((&one.kind, &*one.namespace), (&expected.kind, &*expected.document.metadata.namespace));
        assert_eq!(one.fingerprint, expected.fingerprint);
    }
    let mut documents = documents(&writer.reader());
    documents.sort_by(|a, b| a.id.cmp(&b.id));
    let mut expected: Vec<Document> = (0..30).map(|nth| entry(nth).document).collect();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(documents, expected);
}

#[test]
fn an_upsert_replaces_and_a_delete_removes_before_and_after_a_commit() {
    let (mut writer, reader) = memory(SCHEMA).unwrap();
    let mut changed = entry(1);
    changed.version = Some(500);
    for op in [upsert(1), upsert(2), upsert(3), Op::Upsert(Box::new(changed)), Op::Delete(entry(2).key)] {
        writer.apply(op).unwrap();
    }
    assert!(!reader.reload().unwrap(), "nothing is seen before the commit");
    writer.commit(&checkpoint(1)).unwrap();
    assert!(reader.reload().unwrap());
    assert_eq!(versions(&reader.snapshot().held().unwrap()), BTreeSet::from([500, 4]));
    for op in [Op::Delete(entry(3).key), Op::Delete(entry(9).key), upsert(1), upsert(2), upsert(2)] {
        writer.apply(op).unwrap();
    }
    writer.commit(&checkpoint(2)).unwrap();
    reader.reload().unwrap();
    assert_eq!(versions(&reader.snapshot().held().unwrap()), BTreeSet::from([2, 3]));
    assert_eq!((reader.snapshot().num_docs(), reader.checkpoint().epoch), (2, 2));
}

#[test]
fn a_snapshot_stays_as_it_was_while_the_index_goes_on() {
    let (mut writer, reader) = memory(SCHEMA).unwrap();
    writer.apply(upsert(1)).unwrap();
    writer.commit(&checkpoint(1)).unwrap();
    reader.reload().unwrap();
    let old = reader.snapshot();
    writer.apply(Op::Delete(entry(1).key)).unwrap();
    writer.commit(&checkpoint(2)).unwrap();
    reader.reload().unwrap();
    assert_eq!((old.num_docs(), old.checkpoint().epoch), (1, 1));
    assert_eq!((reader.snapshot().num_docs(), reader.checkpoint().epoch), (0, 2));
}

#[test]
fn a_rollback_goes_back_to_the_last_commit() {
    let (mut writer, reader) = memory(SCHEMA).unwrap();
    writer.apply(upsert(1)).unwrap();
    writer.commit(&checkpoint(1)).unwrap();
    writer.apply(upsert(2)).unwrap();
    writer.apply(Op::Delete(entry(1).key)).unwrap();
    assert_eq!(writer.rollback().unwrap(), checkpoint(1));
    writer.apply(upsert(3)).unwrap();
    writer.apply(upsert(1)).unwrap();
    writer.commit(&checkpoint(2)).unwrap();
    reader.reload().unwrap();
    assert_eq!(versions(&reader.snapshot().held().unwrap()), BTreeSet::from([2, 4]));
}

/// Damages a filled index and returns why it was rebuilt; it must then be empty and work.
fn rebuilt_after(damage: impl FnOnce(&Store)) -> String {
    let (_dir, store) = filled(30);
    damage(&store);
    let (mut writer, opened) = open(&store);
    assert_eq!(opened.checkpoint, Checkpoint { schema: SCHEMA.version, ..Checkpoint::default() });
    assert!(writer.held().unwrap().is_empty());
    writer.apply(upsert(5)).unwrap();
    writer.commit(&checkpoint(1)).unwrap();
    assert_eq!(versions(&writer.held().unwrap()), BTreeSet::from([6]));
    let reason = opened.rebuilt.expect("it was rebuilt");
    assert!(reason.starts_with("index rebuilt: ") && !reason.contains('\n'), "{reason}");
    reason
}

fn truncate(path: &Path) {
    let bytes = fs_err::read(path).unwrap();
    fs_err::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_damaged_index_is_rebuilt_and_says_why() {
    let meta = |store: &Store| store.dir().join("tantivy/meta.json");
    for garbage in [&b"garbage"[..], b"{}", b"", b"\xff\xfe", b"[1, 2"] {
        rebuilt_after(|store| fs_err::write(meta(store), garbage).unwrap());
    }
    assert_eq!(
        rebuilt_after(|s| fs_err::remove_file(meta(s)).unwrap()),
        "index rebuilt: meta.json is missing"
    );
    for end in [".store", ".fast", ".term", ".idx"] {
        rebuilt_after(|store| truncate(&files_ending(store, end)[0]));
        rebuilt_after(|store| fs_err::remove_file(&files_ending(store, end)[0]).unwrap());
        rebuilt_after(|store| {
            let path = &files_ending(store, end)[0];
            let mut bytes = fs_err::read(path).unwrap();
            bytes[3] ^= 0x40; // the length is right, the content is not
            fs_err::write(path, bytes).unwrap();
        });
    }
    rebuilt_after(|store| fs_err::write(store.dir().join("tantivy/.managed.json"), "no").unwrap());
    rebuilt_after(|store| truncate(&store.dir().join("tantivy/meta.json")));
}

#[test]
fn an_index_of_another_schema_version_is_rebuilt() {
    let (_dir, store) = filled(3);
    let lock = Lock::try_acquire(&store).unwrap().unwrap();
    let (writer, opened) = Writer::open(&store, lock, Schema { version: 43 }).unwrap();
    assert_eq!(
        opened.rebuilt.unwrap(),
        "index rebuilt: its documents were made by other rules or another version"
    );
    assert_eq!((opened.checkpoint.schema, writer.held().unwrap().len()), (43, 0));
}

#[test]
fn a_payload_of_another_layout_is_rebuilt() {
    let reason = rebuilt_after(|store| {
        let path = store.dir().join("tantivy/meta.json");
        let meta = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, meta.replace("kubesift 4", "kubesift 0")).unwrap();
    });
    assert_eq!(reason, "index rebuilt: another version of kubesift wrote it");
}

#[test]
fn a_reader_of_a_damaged_or_missing_index_says_so_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let empty = Store::locate(dir.path(), "empty").unwrap();
    assert!(matches!(Reader::open(&empty), Err(IndexError::Missing { .. })));
    let (_dir, store) = filled(3);
    truncate(&files_ending(&store, ".store")[0]);
    let before = files(store.dir());
    assert!(matches!(Reader::open(&store), Err(IndexError::Unusable { .. })));
    fs_err::write(store.dir().join("tantivy/meta.json"), "{").unwrap();
    assert!(matches!(Reader::open(&store), Err(IndexError::Unusable { .. })));
    assert_eq!(files(store.dir()), before);
}

#[test]
fn a_reader_creates_no_file_and_needs_no_writable_directory() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, store) = filled(3);
    let tantivy = store.dir().join("tantivy");
    let before = files(store.dir());
    let modified = || fs_err::metadata(&tantivy).unwrap().modified().unwrap();
    let (then, mode) = (modified(), std::fs::Permissions::from_mode);
    fs_err::set_permissions(&tantivy, mode(0o500)).unwrap();
    fs_err::set_permissions(store.dir(), mode(0o500)).unwrap();
    let reader = Reader::open(&store).unwrap();
    assert_eq!((reader.reload().unwrap(), documents(&reader).len()), (false, 3));
    assert_eq!(reader.checkpoint(), checkpoint(3));
    assert_eq!((files(store.dir()), modified()), (before, then), "not even for a moment");
    fs_err::set_permissions(store.dir(), mode(0o700)).unwrap();
}

#[test]
fn everything_stored_is_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, store) = filled(3);
    store.write_json("status.json", &1).unwrap();
    let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in files(store.dir()) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!((mode(store.dir()), mode(&store.dir().join("tantivy"))), (0o700, 0o700));
}

#[test]
fn readers_in_other_places_keep_up_with_a_busy_writer() {
    let (_dir, store) = filled(3);
    let (mut writer, _) = open(&store);
    let last = 150;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let store = &store;
                scope.spawn(move || {
                    let reader = Reader::open(store).unwrap();
                    while reader.checkpoint().epoch != last {
                        reader.reload().unwrap();
                        let snapshot = reader.snapshot();
                        let epoch = snapshot.checkpoint().epoch;
                        assert_eq!(
                            snapshot.num_docs(),
                            epoch.max(3),
                            "documents and checkpoint are one commit"
                        );
                        Reader::open(store).unwrap(); // from nothing, while merges remove files
                    }
                })
            })
            .collect();
        for nth in 3..last {
            writer.apply(upsert(nth)).unwrap();
            writer.apply(upsert(nth / 2)).unwrap();
            writer.commit(&checkpoint(nth + 1)).unwrap();
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(writer.held().unwrap().len(), 150);
}
