//! Opening what is stored, or starting over and saying why.

use std::io;
use std::path::Path;

use tantivy::TantivyError;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::index::{Index, SegmentReader};

use super::directory::Files;
use super::schema::{Fields, prepare, settings};
use super::store::make_private;
use super::{Checkpoint, IndexError};

/// An index ready to be written, its last checkpoint, and why it was rebuilt if it was.
pub(crate) type Ready = (Index, Fields, Checkpoint, Option<String>);

/// Opens the index in `path` for writing. One that is damaged, of another layout or of another `schema` is
/// removed and made anew, empty.
pub(crate) fn open_or_rebuild(path: &Path, schema: u64) -> Result<Ready, IndexError> {
    let failed = |source| IndexError::Directory { path: path.to_owned(), source };
    let open_failed = |source| IndexError::Open { path: path.to_owned(), source };
    make_private(path).map_err(failed)?;
    let empty = fs_err::read_dir(path).map_err(failed)?.next().is_none();
    let rebuilt = if empty {
        None
    } else {
        match open(Files::disk(path, true).map_err(open_failed)?, schema) {
            Ok((index, fields, checkpoint)) => return Ok((index, fields, checkpoint, None)),
            Err(Refused::System(source)) => return Err(open_failed(source)),
            Err(Refused::Unusable(reason)) => Some(format!("index rebuilt: {reason}")),
        }
    };
    if rebuilt.is_some() {
        fs_err::remove_dir_all(path).and_then(|()| make_private(path)).map_err(failed)?;
    }
    let (index, fields) = create(Files::disk(path, true).map_err(open_failed)?).map_err(open_failed)?;
    Ok((index, fields, Checkpoint { schema, ..Checkpoint::default() }, rebuilt))
}

/// Makes an empty index.
pub(crate) fn create(files: Files) -> tantivy::Result<(Index, Fields)> {
    let (schema, fields) = Fields::new();
    let index = Index::create(files, schema, settings())?;
    prepare(&index);
    Ok((index, fields))
}

enum Refused {
    /// It can't be used as it is; the cluster still has everything.
    Unusable(String),
    /// Starting over would not help.
    System(TantivyError),
}

impl From<TantivyError> for Refused {
    fn from(source: TantivyError) -> Self {
        reason(&source).map_or_else(|| Refused::System(source), Refused::Unusable)
    }
}

fn open(files: Files, schema: u64) -> Result<(Index, Fields, Checkpoint), Refused> {
    let (ours, fields) = Fields::new();
    let index = Index::open(files)?;
    prepare(&index);
    let metas = index.load_metas()?;
    let other = || Refused::Unusable("another version of kubesift wrote it".to_owned());
    if metas.schema != ours {
        return Err(other());
    }
    let checkpoint = match &metas.payload {
        Some(payload) => Checkpoint::parse(payload).ok_or_else(other)?,
        None if metas.segments.is_empty() => Checkpoint { schema, ..Checkpoint::default() },
        None => return Err(other()),
    };
    if checkpoint.schema != schema {
        return Err(Refused::Unusable(
            "its documents were made by other rules or another version".to_owned(),
        ));
    }
    // A power cut may leave a segment of the right length with holes: 40 MB are checked in some 10 ms.
    if let Some(file) = index.validate_checksum()?.into_iter().next() {
        return Err(Refused::Unusable(format!("{} is damaged", file.display())));
    }
    for meta in metas.segments {
        SegmentReader::open(&index.segment(meta))?;
    }
    Ok((index, fields, checkpoint))
}

/// Why an index can't be used although the system works; `None` when the system is what failed.
#[expect(clippy::wildcard_enum_match_arm, reason = "tantivy's other errors speak of contents")]
pub(crate) fn reason(error: &TantivyError) -> Option<String> {
    let damaged = |what: &str| Some(format!("{what} is damaged"));
    match error {
        TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(path)) => {
            Some(format!("{} is missing", file_name(path)))
        }
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath }) => {
            if is_system(io_error) {
                None
            } else {
                damaged(&file_name(filepath))
            }
        }
        TantivyError::OpenReadError(OpenReadError::IncompatibleIndex(_))
        | TantivyError::IncompatibleIndex(_) => Some("another version of tantivy wrote it".to_owned()),
        TantivyError::IoError(io_error) => {
            if is_system(io_error) {
                None
            } else {
                damaged("a file")
            }
        }
        TantivyError::SchemaError(reason) => Some(reason.clone()),
        TantivyError::DataCorruption(_) | TantivyError::DeserializeError(_) => damaged("a file"),
        TantivyError::OpenDirectoryError(OpenDirectoryError::DoesNotExist(path)) => {
            Some(format!("{} is missing", file_name(path)))
        }
        TantivyError::OpenDirectoryError(_)
        | TantivyError::OpenWriteError(
            OpenWriteError::IoError { .. } | OpenWriteError::FileAlreadyExists(_),
        )
        | TantivyError::SystemError(_)
        | TantivyError::LockFailure(..)
        | TantivyError::Poisoned
        | TantivyError::ErrorInThread(_) => None,
        _ => damaged("a file"),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Errors that a new index in the same place would meet as well.
fn is_system(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    const TOO_MANY_FILES: [i32; 2] = [23, 24]; // ENFILE, EMFILE
    matches!(error.kind(), OutOfMemory | PermissionDenied | ReadOnlyFilesystem | StorageFull)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code))
}
