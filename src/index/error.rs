//! What can go wrong with a stored index. One line each: what failed and what to do.

use std::path::PathBuf;

use tantivy::TantivyError;

/// Failure of an operation on the index or its directory.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The directory can't be made, opened or changed.
    #[error("can't use the index directory {path}: check its owner and permissions")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A network file system: locks and memory maps are not safe there.
    #[error("{path} is on a network file system ({kind}): choose a local data directory")]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// The file system's name, e.g. `NFS`.
        kind: &'static str,
    },
    /// An identity that is no plain file name.
    #[error("'{identity}' can't name an index directory")]
    Identity {
        /// The text that was given.
        identity: String,
    },
    /// A small file beside the index can't be read.
    #[error("can't read {path}")]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system or the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A small file beside the index can't be written.
    #[error("can't write {path}: is the disk full or the directory read-only?")]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// What the system or the encoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lock file can't be used.
    #[error("can't lock the index in {path}")]
    Lock {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Nothing is stored here yet.
    #[error("nothing is stored in {path} yet: connect once to fill the index")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// What is stored can't be used; a writer rebuilds it.
    #[error("the stored index can't be used ({reason}): it is rebuilt at the next connection")]
    Unusable {
        /// One line.
        reason: String,
    },
    /// The index could not be opened, for a reason that rebuilding would not cure.
    #[error("can't open the index in {path}")]
    Open {
        /// The directory.
        path: PathBuf,
        /// What tantivy said.
        #[source]
        source: TantivyError,
    },
    /// A change or commit failed. The last commit stays readable; `Writer::rollback` goes back to it.
    #[error("can't write to the index: is the disk full? the last commit stays readable")]
    Write {
        /// What tantivy said.
        #[source]
        source: TantivyError,
    },
    /// The thread that writes the index could not be started.
    #[error("can't start the index thread")]
    Thread {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An earlier write failed and the writer was not rolled back.
    #[error("the index writer stopped at an earlier error: roll back to the last commit first")]
    Stopped,
    /// Reading the index failed.
    #[error("can't read the index")]
    Read {
        /// What tantivy said.
        #[source]
        source: TantivyError,
    },
    /// A stored document does not decode.
    #[error("a stored document is damaged ({what}): the index is rebuilt at the next connection")]
    Document {
        /// What was wrong.
        what: &'static str,
    },
}

impl IndexError {
    pub(crate) fn read(source: impl Into<TantivyError>) -> Self {
        Self::Read { source: source.into() }
    }

    pub(crate) fn write(source: impl Into<TantivyError>) -> Self {
        Self::Write { source: source.into() }
    }

    pub(crate) fn read_file(
        path: impl Into<PathBuf>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::ReadFile { path: path.into(), source: Box::new(source) }
    }

    pub(crate) fn write_file(
        path: impl Into<PathBuf>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::WriteFile { path: path.into(), source: Box::new(source) }
    }
}
