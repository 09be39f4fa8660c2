//! tantivy's directory with our own locking: one process writes because it holds [`super::Lock`], readers
//! create no files at all (they work on a read-only directory), and what is written is readable by the user only.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    DirectoryLock, FileHandle, FileSlice, Lock, MmapDirectory, RamDirectory, WatchCallback, WatchHandle,
    WritePtr,
};

/// A tantivy directory as a writer or as a reader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    inner: Box<dyn Directory>,
    /// Where the files lie; `None` in memory.
    root: Option<PathBuf>,
    writable: bool,
}

impl Files {
    pub(crate) fn disk(root: &Path, writable: bool) -> tantivy::Result<Self> {
        let inner = MmapDirectory::open(root)?;
        Ok(Self { inner: Box::new(inner), root: Some(root.to_owned()), writable })
    }

    pub(crate) fn memory(ram: RamDirectory, writable: bool) -> Self {
        Self { inner: Box::new(ram), root: None, writable }
    }

    #[cfg(test)]
    pub(crate) fn over(inner: Box<dyn Directory>, writable: bool) -> Self {
        Self { inner, root: None, writable }
    }

    fn refuse(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) }
    }

    /// 0600, whatever the umask says.
    fn protect(&self, path: &Path) -> io::Result<()> {
        match &self.root {
            Some(root) => super::store::protect_file(&root.join(path)),
            None => Ok(()),
        }
    }
}

/// tantivy's list of files that it may remove, rewritten for every new file.
const MANAGED: &str = ".managed.json";

/// Replaces a file by renaming a new one over it. A fixed name for the new one: a process killed in between leaves
/// nothing that the next one does not overwrite. `.managed.json` is not synced, which is half of a commit's disk
/// traffic; should a power cut damage it, the index is rebuilt.
fn replace(root: &Path, path: &Path, data: &[u8]) -> io::Result<()> {
    let name = path.to_string_lossy();
    let new = root.join(format!(".{}.new", name.trim_start_matches('.')));
    let mut file = fs_err::File::create(&new)?;
    super::store::protect_file(&new)?;
    file.write_all(data)?;
    if name != MANAGED {
        file.sync_data()?;
    }
    fs_err::rename(&new, root.join(path))
}

impl Directory for Files {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn open_read(&self, path: &Path) -> Result<FileSlice, OpenReadError> {
        self.inner.open_read(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        let refused = |e| DeleteError::IoError { io_error: Arc::new(e), filepath: path.to_owned() };
        self.refuse().map_err(refused)?;
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let failed = |e| OpenWriteError::wrap_io_error(e, path.to_owned());
        self.refuse().map_err(failed)?;
        let file = self.inner.open_write(path)?;
        self.protect(path).map_err(failed)?;
        Ok(file)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.inner.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.refuse()?;
        match &self.root {
            Some(root) => replace(root, path, data),
            None => self.inner.atomic_write(path, data),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.refuse()?;
        self.inner.sync_directory()
    }

    /// Nothing to take: `super::Lock` keeps a second writer out, and readers open files again when the writer
    /// removed one between two reads.
    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}
