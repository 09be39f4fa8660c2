//! The directory of one index: `<data>/<identity>/` with `tantivy/`, `lock`, `used` and small JSON files;
//! beside it `<data>/places.json`, which tells a start that can't work out its identity where its index lies.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lock::{Lock, is_locked};
use super::{IndexError, filesystem};

/// Directories that nobody opened for this long are removed by [`Store::remove_unused`].
pub const UNUSED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

const PLACES: &str = "places.json";
/// What earlier versions kept instead, by the names of contexts alone: two files may call different clusters the same.
const CONTEXTS: &str = "contexts.json";
/// What a writer rewrites every second.
const STATUS: &str = "status.json";
const USED: &str = "used";
/// Hexadecimal digits of an identity, at least.
const SHORTEST: usize = 16;
const ASIDE: &str = ".aside-";

/// Where the index of one identity is stored. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    dir: PathBuf,
}

/// One directory that [`Store::remove_unused`] removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The directory.
    pub path: PathBuf,
    /// Whole days since it was last used.
    pub days: u64,
}

impl Store {
    /// The store of `identity` (a plain file name, such as a hex hash) below `data_dir`, made with mode 0700
    /// when it is missing, and marked as used now.
    ///
    /// # Errors
    /// [`IndexError::NetworkFileSystem`], [`IndexError::Identity`], or [`IndexError::Directory`] when it can't
    /// be made. A directory that exists but is read-only is no error.
    pub fn locate(data_dir: &Path, identity: &str) -> Result<Store, IndexError> {
        let plain = !identity.is_empty() && identity.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain {
            return Err(IndexError::Identity { identity: identity.to_owned() });
        }
        let dir = data_dir.join(identity);
        let failed = |source| IndexError::Directory { path: dir.clone(), source };
        make_missing(data_dir).and_then(|()| make_private(&dir)).map_err(failed)?;
        if let Some(kind) = filesystem::network(&dir).map_err(failed)? {
            return Err(IndexError::NetworkFileSystem { path: dir, kind });
        }
        let store = Store { dir };
        mark_used(&store.dir);
        Ok(store)
    }

    /// The store that was last used from `place` (any text that identifies it); `None` when unknown.
    ///
    /// # Errors
    /// As [`Store::locate`]. A damaged table counts as empty: it is only a shortcut.
    pub fn of_place(data_dir: &Path, place: &str) -> Result<Option<Store>, IndexError> {
        let identity = read_places(data_dir).remove(place);
        let known = identity.filter(|identity| data_dir.join(identity).is_dir());
        known.map(|identity| Store::locate(data_dir, &identity)).transpose()
    }

    /// Notes that these places lead here now.
    ///
    /// # Errors
    /// [`IndexError::WriteFile`].
    pub fn remember_places<'a>(&self, places: impl IntoIterator<Item = &'a str>) -> Result<(), IndexError> {
        let data_dir = self.dir.parent().unwrap_or(&self.dir);
        let mut all = read_places(data_dir);
        let before = all.clone();
        all.extend(places.into_iter().map(|place| (place.to_owned(), self.identity().to_owned())));
        if all == before {
            return Ok(());
        }
        // What leads nowhere any more would pile up.
        all.retain(|_, identity| data_dir.join(identity).is_dir());
        write_json(data_dir, PLACES, &all)?;
        fs_err::remove_file(data_dir.join(CONTEXTS)).ok(); // mostly not there
        Ok(())
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The identity, which is the directory's name.
    pub fn identity(&self) -> &str {
        self.dir.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Where tantivy's files lie.
    pub(crate) fn tantivy_dir(&self) -> PathBuf {
        self.dir.join("tantivy")
    }

    /// Sets all that is stored aside (another cluster or user answers under the same address), into
    /// `<identity>.aside-<unix seconds>`, and leaves this store empty. Needs the lock, which stays valid; the
    /// writer must be closed.
    ///
    /// # Errors
    /// [`IndexError::Directory`].
    pub fn set_aside(&self, _lock: &Lock) -> Result<PathBuf, IndexError> {
        let aside = self.aside_path();
        let failed = |source| IndexError::Directory { path: self.dir.clone(), source };
        make_private(&aside).map_err(failed)?;
        // The index goes first: whatever happens next, nothing of it is taken for this cluster's.
        let mut names: Vec<_> = fs_err::read_dir(&self.dir)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.file_name())).collect())
            .map_err(failed)?;
        names.sort_by_key(|name| name != "tantivy");
        for name in names.iter().filter(|name| *name != "lock") {
            fs_err::rename(self.dir.join(name), aside.join(name)).map_err(failed)?;
        }
        // Both begin their thirty days now: what was set aside is kept for whoever wants it back.
        mark_used(&aside);
        mark_used(&self.dir);
        Ok(aside)
    }

    fn aside_path(&self) -> PathBuf {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let numbered = |n: u64| self.dir.with_file_name(format!("{}{ASIDE}{}", self.identity(), now + n));
        (0..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| numbered(0))
    }

    /// Writes a small JSON file beside the index, atomically: readers see the old or the new one.
    ///
    /// # Errors
    /// [`IndexError::WriteFile`].
    pub fn write_json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), IndexError> {
        write_json(&self.dir, name, value)
    }

    /// Writes a small file beside the index, atomically.
    ///
    /// # Errors
    /// [`IndexError::WriteFile`].
    pub fn write(&self, name: &str, text: &[u8]) -> Result<(), IndexError> {
        write_whole(&self.dir, name, text)
    }

    /// Reads what [`Store::write_json`] wrote; `None` when there is no such file.
    ///
    /// # Errors
    /// [`IndexError::ReadFile`], also when it is no JSON of this shape.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, IndexError> {
        let path = self.dir.join(name);
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(IndexError::read_file(path, e)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| IndexError::read_file(path, e))
    }

    /// Removes the indexes below `data_dir` that were not used for [`UNUSED_AFTER`] and that no process
    /// holds, set-aside ones too; says which. What can't be removed stays and is tried again next time.
    ///
    /// # Errors
    /// [`IndexError::Directory`] when `data_dir` can't be listed.
    pub fn remove_unused(data_dir: &Path, now: SystemTime) -> Result<Vec<Removed>, IndexError> {
        let failed = |source| IndexError::Directory { path: data_dir.to_owned(), source };
        let mut removed = Vec::new();
        for entry in fs_err::read_dir(data_dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // Other things may live in the same directory, and some have a folder called `tantivy`.
            let Some(age) = is_ours(&path).then(|| unused_for(&path, now)).flatten() else { continue };
            if age > UNUSED_AFTER && !is_locked(&path) && fs_err::remove_dir_all(&path).is_ok() {
                removed.push(Removed { path, days: age.as_secs() / 86_400 });
            }
        }
        Ok(removed)
    }
}

/// Best effort: a read-only directory is used all the same.
fn mark_used(dir: &Path) {
    let path = dir.join(USED);
    if fs_err::write(&path, b"").is_ok() {
        protect_file(&path).ok();
    }
}

/// Whether a directory is named as an identity is, or was set aside from one, and was opened by kubesift.
fn is_ours(dir: &Path) -> bool {
    let Some(name) = dir.file_name().and_then(|name| name.to_str()) else { return false };
    let (identity, aside) = name.split_once(ASIDE).map_or((name, None), |(name, at)| (name, Some(at)));
    let is_identity =
        identity.len() >= SHORTEST && identity.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_number = |at: &str| !at.is_empty() && at.bytes().all(|byte| byte.is_ascii_digit());
    is_identity && aside.is_none_or(is_number) && dir.join(USED).is_file()
}

/// How long nobody opened it, and no writer worked in it: one that ran for months opened it only once.
fn unused_for(dir: &Path, now: SystemTime) -> Option<Duration> {
    let changed = |name| fs_err::metadata(dir.join(name)).and_then(|file| file.modified()).ok();
    let last = [USED, STATUS].into_iter().filter_map(changed).max()?;
    now.duration_since(last).ok()
}

fn read_places(data_dir: &Path) -> BTreeMap<String, String> {
    let bytes = fs_err::read(data_dir.join(PLACES)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn write_json<T: Serialize + ?Sized>(dir: &Path, name: &str, value: &T) -> Result<(), IndexError> {
    let bytes = serde_json::to_vec(value).map_err(|e| IndexError::write_file(dir.join(name), e))?;
    write_whole(dir, name, &bytes)
}

fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), IndexError> {
    let path = dir.join(name);
    // Two processes may write the same file: each has its own temporary one, the last rename wins.
    let temporary = dir.join(format!(".{name}.{}", std::process::id()));
    let written = write_private(&temporary, bytes).and_then(|()| fs_err::rename(&temporary, &path));
    written.map_err(|e| {
        fs_err::remove_file(&temporary).ok();
        IndexError::write_file(&path, e)
    })
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs_err::File::create(path)?;
    protect_file(path)?;
    file.write_all(bytes)
}

/// Makes a directory for this user alone; one that exists loses others' rights.
pub(crate) fn make_private(dir: &Path) -> io::Result<()> {
    make_missing(dir)?;
    set_mode(dir, 0o700).ok(); // not ours or read-only: opening it says so where it matters
    Ok(())
}

/// Makes a directory for this user alone; one that exists may be shared (`--data-dir /tmp`) and is left as it is.
fn make_missing(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs_err::create_dir_all(dir)?;
    set_mode(dir, 0o700)
}

/// Mode 0600.
pub(crate) fn protect_file(path: &Path) -> io::Result<()> {
    set_mode(path, 0o600)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs_err::metadata(path)?.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
