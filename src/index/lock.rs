//! The writer's lock: an advisory lock on a file, released by the kernel however the process ends.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};

use super::store::protect_file;
use super::{IndexError, Store};

/// Held by the one process that may write an index. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Lock {
    /// `None` for an index in memory, which nobody else can see.
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock, or `None` while another process holds it. Never waits.
    ///
    /// # Errors
    /// [`IndexError::Lock`] when the lock file can't be made or locked (read-only directory).
    pub fn try_acquire(store: &Store) -> Result<Option<Lock>, IndexError> {
        lock_file(&store.dir().join("lock"))
            .map(|file| file.map(|file| Lock { _file: Some(file) }))
            .map_err(|source| IndexError::Lock { path: store.dir().to_owned(), source })
    }

    pub(crate) fn in_memory() -> Lock {
        Lock { _file: None }
    }
}

/// Locks the file at `path`, made when it is missing; `None` while it is locked elsewhere.
pub(crate) fn lock_file(path: &Path) -> std::io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    protect_file(path)?;
    match file.try_lock() {
        // Who removed the directory in between removed this file too: then the lock would guard nothing.
        Ok(()) if same_file(&file, path) => Ok(Some(file)),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(held), Ok(there)) = (file.metadata(), fs_err::metadata(path)) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn same_file(_file: &File, _path: &Path) -> bool {
    true
}

/// Whether some process holds the lock of the index in `dir`.
pub(crate) fn is_locked(dir: &Path) -> bool {
    let path: PathBuf = dir.join("lock");
    path.exists() && !matches!(lock_file(&path), Ok(Some(_)))
}
