//! Why there is no vector.

use std::io;
use std::path::PathBuf;

use super::runtime::LIBRARY;

/// Why a text could not be embedded, or a vector not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The local model needs ONNX Runtime, and it is nowhere.
    #[error("ONNX Runtime ({LIBRARY}) was not found; looked in {}", list(looked))]
    RuntimeMissing {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// There is a library, but it can't be used: damaged, of another platform, too old, or something else.
    #[error("{} can't be used as ONNX Runtime: {reason}", path.display())]
    RuntimeUnusable {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The built-in model could not be loaded or run.
    #[error("the local model does not run: {reason}")]
    Inference {
        /// What the runtime says.
        reason: String,
    },
    /// A setting can't work.
    #[error("{0}")]
    Setting(String),
    /// The endpoint does not answer, or breaks off.
    #[error("{url} can't be reached: {reason}")]
    Unreachable {
        /// The endpoint.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The endpoint answers with an error.
    #[error("{url} answers {status}: {message}")]
    Refused {
        /// The endpoint.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The endpoint does not take the key.
    #[error("{url} refuses the key in {variable} ({status}): {message}")]
    Key {
        /// The endpoint.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
        /// Where the key comes from.
        variable: &'static str,
    },
    /// The embedder's answer does not fit the question; nothing of it was kept.
    #[error("{model} answered with {reason}")]
    Answer {
        /// The model.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// The vector cache can't be read or written.
    #[error("the vector cache can't be used")]
    Cache(#[source] io::Error),
    /// No thread for the worker.
    #[error("no thread for embedding")]
    Thread(#[source] io::Error),
    /// It was told to stop.
    #[error("embedding was stopped")]
    Stopped,
}

impl EmbedError {
    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::RuntimeMissing { .. } => Some("kubesift setup"),
            Self::RuntimeUnusable { .. } => {
                Some("kubesift setup, or ORT_DYLIB_PATH=/path/to/libonnxruntime (1.24 or newer)")
            }
            Self::Inference { .. }
            | Self::Setting(_)
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Key { .. }
            | Self::Answer { .. }
            | Self::Cache(_)
            | Self::Thread(_)
            | Self::Stopped => None,
        }
    }

    /// Whether there is no embedder at all until somebody does something, as opposed to one that fails now.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::RuntimeMissing { .. } | Self::RuntimeUnusable { .. })
    }
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}
