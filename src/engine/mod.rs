//! L3: the sync core. Keeps the index equal to the cluster, and says what it covers.
//!
//! ```text
//!   readers (one task per kind and scope) ──changes──> pump (one thread: core + writer) ──commits──> index
//!        ^                  │ notices                      │
//!        └── start, stop ── supervisor <── definitions ────┴──> Status (watch channel, status.json)
//! ```
//!
//! Every channel is bounded: a slow disk slows the pump, the pump slows the readers, and TCP slows the server.

mod changes;
mod confirm;
mod core;
mod definitions;
mod facts;
mod feeder;
mod journal;
mod kept;
mod life;
pub mod mirror;
mod plan;
mod pump;
mod readers;
mod report;
mod rights;
mod semantic;
mod sink;
pub mod status;
mod stirs;
mod supervisor;
mod tidy;
mod unanswered;
mod vanished;

use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cluster::client::Client;
use crate::cluster::selection::Selection;
pub use crate::cluster::watch::Timing;
use crate::document::{Rules, SCHEMA_VERSION};
use crate::embed::{EmbedError, Vectors};
use crate::index::{self, IndexError, Lock, Store};
pub use semantic::Semantic;
use status::Status;

/// What the engine reads, through what, and where it keeps it.
pub struct EngineOptions {
    /// The API server.
    pub client: Client,
    /// The kubeconfig context, for status.
    pub context: Option<String>,
    /// The API server's URL, for status.
    pub server: String,
    /// The namespace that the kubeconfig context names: asked when the whole cluster may not be listed.
    pub context_namespace: Option<String>,
    /// The index's directory.
    pub store: Store,
    /// How objects become documents.
    pub rules: Arc<Rules>,
    /// Whether documents are embedded, and with what.
    pub semantic: Semantic,
    /// Which kinds and namespaces are read.
    pub selection: Arc<Selection>,
    /// How long it runs.
    pub mode: Mode,
    /// Documents of a kind that has been forbidden (not failing) for this long are removed.
    pub forbidden_after: Duration,
    /// Waiting times of the readers.
    pub timing: Timing,
    /// Where the documents are mirrored to.
    pub mirror: Option<mirror::MirrorSettings>,
    /// What a person should know before anything else, for status: old directories removed, say.
    pub notes: Vec<String>,
    /// How it runs on this machine.
    pub running: Running,
}

/// How an engine runs on its machine. The default is for production; a simulated world chooses others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Index and vectors are written by threads of their own; otherwise by tasks of the present runtime, whose clock
    /// may be paused. Defaults to true.
    pub threads: bool,
    /// Where nothing changes, status and heartbeat are written this often. Defaults to a second; other processes take
    /// a writer for dead that shows none for five.
    pub status_every: Duration,
}

impl Default for Running {
    fn default() -> Self {
        Self { threads: true, status_every: Duration::from_secs(1) }
    }
}

/// How long the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until it is shut down: lists or resumes every kind, then watches.
    Live,
    /// Lists every kind consistently, commits, ends.
    Once,
    /// Resumes every kind with a watch of three seconds and ends when all are confirmed, or after `wait`.
    Confirm {
        /// The longest wait.
        wait: Duration,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Shut down, or done; what is not covered stands in the status.
    Done,
    /// The server could not be reached.
    Unreachable(String),
    /// The credentials were refused.
    Unauthorized(String),
    /// The index could not be written.
    IndexFailed(String),
    /// The index is up to date; the store could not be made equal to it.
    MirrorFailed(crate::mirror::Halt),
}

/// Why an engine can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The index could not be opened for writing.
    #[error("the index can't be opened")]
    OpenIndex(#[source] IndexError),
    /// Embedding could not be started.
    #[error("embedding can't be started")]
    Embed(#[source] EmbedError),
}

/// A running engine. Dropping it shuts it down without waiting.
pub struct Handle {
    status: watch::Receiver<Status>,
    reader: supervisor::ReaderSlot,
    vectors: Option<Vectors>,
    stop: CancellationToken,
    given_up: Arc<OnceLock<String>>,
    task: JoinHandle<Outcome>,
}

/// Starts an engine on the present tokio runtime; `lock` is the right to write the store.
///
/// # Errors
/// [`EngineError::OpenIndex`] when the index can't be opened for writing, [`EngineError::Embed`].
pub fn start(options: EngineOptions, lock: Lock) -> Result<Handle, EngineError> {
    let stop = CancellationToken::new();
    let (sender, status) = watch::channel(Status::default());
    let supervisor = supervisor::Supervisor::open(options, lock, sender, stop.clone())?;
    let (reader, vectors, given_up) = (supervisor.reader(), supervisor.vectors(), supervisor.given_up());
    let task = tokio::spawn(supervisor.run());
    Ok(Handle { status, reader, vectors, stop, given_up, task })
}

impl Handle {
    /// The latest status.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// A receiver that wakes at each new status.
    pub fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// A reader of the index that the engine reloads after every commit. Another one after the index of another
    /// cluster was set aside.
    pub fn reader(&self) -> index::Reader {
        self.reader.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The vectors of this index's documents; `None` where nothing is embedded.
    pub fn vectors(&self) -> Option<Vectors> {
        self.vectors.clone()
    }

    /// Waits until the run ends by itself ([`Mode::Once`], [`Mode::Confirm`]).
    pub async fn finished(&mut self) -> Outcome {
        match (&mut self.task).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::IndexFailed(error.to_string()),
        }
    }

    /// As [`Handle::shutdown`], where nobody waits any longer for the kinds that have not answered by now: their status
    /// says why.
    pub async fn give_up(&mut self, why: &str) -> Outcome {
        // The first reason stays.
        _ = self.given_up.set(why.to_owned());
        self.stop.cancel();
        self.finished().await
    }

    /// Stops reading, commits what was read, and waits for that.
    pub async fn shutdown(mut self) -> Outcome {
        self.stop.cancel();
        self.finished().await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The version of what an index holds: the format of documents and of the rules that made them.
pub fn schema_version(rules: &Rules) -> u64 {
    rules.version() ^ (u64::from(SCHEMA_VERSION) << 56)
}
