//! Reading: snapshots of the last commit, from this process's writer or another's.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tantivy::Directory;
use tantivy::directory::RamDirectory;
use tantivy::index::Index;

use super::directory::Files;
use super::open::reason;
use super::schema::{Fields, prepare};
use super::segment::Segment;
use super::{Checkpoint, HeldEntry, IndexError, Store};

/// How often opening is tried again when the writer removed a file in between: each time a newer commit is
/// there, and a writer that commits more than this many times during one opening does not exist.
const ATTEMPTS: usize = 50;

/// Reads an index. Cheap to clone; clones share the snapshot. Creates no files.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    index: Index,
    fields: Fields,
    path: std::path::PathBuf,
    current: RwLock<Arc<Snapshot>>,
    /// Held while a newer commit is opened: who comes second finds it done.
    loading: Mutex<()>,
}

/// One commit, unchanging: the documents and their checkpoint.
#[derive(Debug)]
pub struct Snapshot {
    segments: Vec<Arc<Segment>>,
    payload: Option<String>,
    /// `meta.json` as it was: equal bytes, equal commit.
    raw: Vec<u8>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the last commit of a stored index.
    ///
    /// # Errors
    /// [`IndexError::Missing`] when nothing was ever committed, [`IndexError::Unusable`] when a writer must
    /// rebuild it first, [`IndexError::Open`] for what the system refuses.
    pub fn open(store: &Store) -> Result<Reader, IndexError> {
        let path = store.tantivy_dir();
        if !path.join("meta.json").exists() {
            return Err(IndexError::Missing { path: store.dir().to_owned() });
        }
        let failed = |source| IndexError::Open { path: path.clone(), source };
        Self::over(Files::disk(&path, false).map_err(failed)?, path)
    }

    pub(crate) fn memory(ram: RamDirectory) -> Result<Reader, IndexError> {
        Self::over(Files::memory(ram, false), "memory".into())
    }

    pub(crate) fn over(files: Files, path: std::path::PathBuf) -> Result<Reader, IndexError> {
        let (schema, fields) = Fields::new();
        let index = Index::open(files).map_err(|source| unusable(&path, source))?;
        prepare(&index);
        if index.schema() != schema {
            return Err(IndexError::Unusable { reason: "another version of kubesift wrote it".to_owned() });
        }
        let snapshot = load(&index, &fields, &path, None)?;
        let current = RwLock::new(Arc::new(snapshot));
        Ok(Reader { shared: Arc::new(Shared { index, fields, path, current, loading: Mutex::new(()) }) })
    }

    /// Looks for a newer commit and takes it over; returns whether there was one. Costs the reading of one small
    /// file when there was none. On an error the snapshot stays as it is.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn reload(&self) -> Result<bool, IndexError> {
        let Shared { index, fields, path, current, loading } = &*self.shared;
        let _loading = loading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.snapshot();
        if meta(index, path)? == old.raw {
            return Ok(false);
        }
        let new = load(index, fields, path, Some(&old))?;
        *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(true)
    }

    /// The commit that the last [`Reader::reload`] found.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The checkpoint of [`Reader::snapshot`].
    pub fn checkpoint(&self) -> Checkpoint {
        self.snapshot().checkpoint()
    }
}

impl Snapshot {
    /// The parts of the index, in no order that means anything.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// A number that another commit does not have.
    pub fn id(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.raw)
    }

    /// Number of documents.
    pub fn num_docs(&self) -> u64 {
        self.segments.iter().map(|segment| segment.num_docs()).sum()
    }

    /// The checkpoint of this commit; the default one before the first commit.
    pub fn checkpoint(&self) -> Checkpoint {
        self.payload.as_deref().and_then(Checkpoint::parse).unwrap_or_default()
    }

    /// What a restart needs of every entry, without reading the documents.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn held(&self) -> Result<Vec<HeldEntry>, IndexError> {
        let mut held = Vec::with_capacity(usize::try_from(self.num_docs()).unwrap_or_default());
        self.segments.iter().try_for_each(|segment| segment.held(&mut held))?;
        Ok(held)
    }
}

fn meta(index: &Index, path: &std::path::Path) -> Result<Vec<u8>, IndexError> {
    let read = index.directory().atomic_read(std::path::Path::new("meta.json"));
    read.map_err(|source| unusable(path, source.into()))
}

/// Opens the segments of the commit that is current, keeping those of `old` that are still in it.
fn load(
    index: &Index,
    fields: &Fields,
    path: &std::path::Path,
    old: Option<&Snapshot>,
) -> Result<Snapshot, IndexError> {
    let mut raw = meta(index, path)?;
    for _ in 0..ATTEMPTS {
        match load_once(index, fields, old, &raw) {
            Ok(snapshot) => return Ok(snapshot),
            Err(source) => {
                let now = meta(index, path)?;
                if now == raw {
                    return Err(unusable(path, source)); // nothing moved: the files are really gone or damaged
                }
                raw = now;
            }
        }
    }
    Err(IndexError::Unusable { reason: "it changes faster than it can be opened".to_owned() })
}

fn load_once(
    index: &Index,
    fields: &Fields,
    old: Option<&Snapshot>,
    raw: &[u8],
) -> tantivy::Result<Snapshot> {
    let metas = index.load_metas()?;
    if metas.schema != index.schema() {
        return Err(tantivy::TantivyError::SchemaError("another version of kubesift wrote it".to_owned()));
    }
    let mut segments = Vec::with_capacity(metas.segments.len());
    for meta in metas.segments {
        let version = (meta.id(), meta.delete_opstamp());
        let kept = old.and_then(|old| old.segments.iter().find(|segment| segment.version().0 == version.0));
        segments.push(match kept {
            Some(segment) if segment.version() == version => segment.clone(),
            before => Arc::new(Segment::open(&index.segment(meta), before.map(|before| &**before), fields)?),
        });
    }
    // A commit between the two reads makes `raw` older than what was opened: the next reload opens it again.
    Ok(Snapshot { segments, payload: metas.payload, raw: raw.to_vec() })
}

/// What a failed opening means: damage, which a writer mends, or something about the system.
fn unusable(path: &std::path::Path, source: tantivy::TantivyError) -> IndexError {
    match reason(&source) {
        Some(reason) => IndexError::Unusable { reason },
        None => IndexError::Open { path: path.to_owned(), source },
    }
}
