//! A disk that fills up at any byte: the last commit stays, and writing goes on when there is room again.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, FileHandle, RamDirectory, TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
};

use super::super::directory::Files;
use super::super::open::create;
use super::*;

/// Room in bytes, shared by all clones of a directory.
#[derive(Debug, Clone)]
struct Room(Arc<AtomicI64>);

impl Room {
    fn take(&self, bytes: usize) -> io::Result<()> {
        let before = self.0.fetch_sub(bytes as i64, Ordering::SeqCst);
        if before < bytes as i64 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn set(&self, bytes: i64) {
        self.0.store(bytes, Ordering::SeqCst);
    }
}

#[derive(Debug, Clone)]
struct Small {
    inner: RamDirectory,
    room: Room,
}

struct SmallFile {
    inner: WritePtr,
    room: Room,
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room.take(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl TerminatingWrite for SmallFile {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.inner.terminate_ref(token)
    }
}

impl Directory for Small {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.room.take(1).map_err(|e| OpenWriteError::wrap_io_error(e, path.to_owned()))?;
        let inner = self.inner.open_write(path)?;
        Ok(BufWriter::new(Box::new(SmallFile { inner, room: self.room.clone() })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.inner.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.room.take(data.len())?;
        self.inner.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}

fn small() -> (Writer, Reader, Room) {
    let room = Room(Arc::new(AtomicI64::new(i64::MAX)));
    let directory = Small { inner: RamDirectory::create(), room: room.clone() };
    let (index, fields) = create(Files::over(Box::new(directory.clone()), true)).unwrap();
    let reader = Reader::over(Files::over(Box::new(directory), false), "memory".into()).unwrap();
    let writer = Writer::over(index, fields, reader.clone(), Lock::in_memory(), SCHEMA).unwrap();
    (writer, reader, room)
}

fn batch(writer: &mut Writer, from: u64, to: u64) -> Result<(), IndexError> {
    (from..to).try_for_each(|nth| writer.apply(upsert(nth)))?;
    (from..to).step_by(3).try_for_each(|nth| writer.apply(Op::Delete(entry(nth / 2).key)))?;
    writer.commit(&checkpoint(to))
}

#[test]
fn a_full_disk_is_an_error_that_the_index_survives() {
    let mut failures = 0;
    for room_left in (0..30_000).step_by(571) {
        let (mut writer, reader, room) = small();
        batch(&mut writer, 0, 40).unwrap();
        reader.reload().unwrap();
        let before = reader.snapshot().held().unwrap();
        room.set(room_left);
        let Err(error) = batch(&mut writer, 40, 90) else { continue };
        failures += 1;
        assert!(matches!(error, IndexError::Write { .. }), "{error:?}");
        assert!(matches!(writer.apply(upsert(1)), Err(IndexError::Stopped)));
        assert!(matches!(writer.commit(&checkpoint(1)), Err(IndexError::Stopped)));
        // the last commit is all there
        reader.reload().unwrap();
        assert_eq!(reader.checkpoint(), checkpoint(40));
        assert_eq!(reader.snapshot().held().unwrap(), before);
        assert_eq!(documents(&reader).len(), before.len());
        // where a writer can be opened a commit tells that nothing can be written
        room.set(0);
        if writer.rollback().is_ok() {
            assert!(writer.commit(&checkpoint(40)).is_err(), "{room_left}");
        }
        // and with room again, writing goes on from there
        room.set(i64::MAX);
        assert_eq!(writer.rollback().unwrap(), checkpoint(40));
        batch(&mut writer, 40, 90).unwrap();
        reader.reload().unwrap();
        let expected: BTreeSet<u64> =
            expected(0, 40).filter(|v| !deleted(40, 90, *v)).chain(expected(40, 90)).collect();
        assert_eq!(versions(&reader.snapshot().held().unwrap()), expected, "{room_left}");
    }
    assert!(failures > 20, "{failures}");
}

fn deleted(from: u64, to: u64, version: u64) -> bool {
    (from..to).step_by(3).any(|nth| nth / 2 + 1 == version)
}

fn expected(from: u64, to: u64) -> impl Iterator<Item = u64> {
    (from..to).map(|nth| nth + 1).filter(move |version| !deleted(from, to, *version))
}
