//! The handle that everybody holds: what is cached is answered at once, what is missing is made by the worker.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::cache::{Cache, Extent};
use super::worker::{Inbox, Query, Request, Tidying, Worker};
use super::{EmbedError, Embedder, Model, Vector};
use crate::document::{Form, FormHash};

/// Callers that wait for vectors; more wait for their turn.
const REQUESTS: usize = 16;
/// Forms that nobody waits for; a kilobyte each at most.
const BACKGROUND: usize = 1024;

/// Whether vectors are written to disk. One process may write: who holds the index's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storing {
    /// Reads the file and appends to it.
    Write,
    /// Reads it, and what another process adds; what this process makes is not kept.
    Read,
}

/// How far embedding is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Vectors made since the start.
    pub made: u64,
    /// Vectors on disk.
    pub cached: u64,
    /// Forms waiting for theirs.
    pub waiting: u64,
    /// Why none is made now; `None` while all is well. It is tried again.
    pub failing: Option<Trouble>,
    /// What a person should know once: that the cache was damaged or can't be written.
    pub note: Option<String>,
}

/// Why no vectors are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What failed and why.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// There is no embedder at all until somebody does something.
    pub off: bool,
}

impl From<&EmbedError> for Trouble {
    fn from(error: &EmbedError) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            source = inner.source();
        }
        Self { message, advice: error.advice().map(str::to_owned), off: error.is_off() }
    }
}

/// Vectors by form. Cheap to clone; the worker ends when the last clone is dropped, within some milliseconds.
#[derive(Debug, Clone)]
pub struct Vectors {
    shared: Arc<Shared>,
    // Dropped with the last clone.
    worker: Arc<Running>,
}

/// What handle and worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) model: Model,
    /// Never held over an await.
    cache: Mutex<Cache>,
    pub(super) progress: watch::Sender<Progress>,
}

impl Shared {
    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Running {
    requests: mpsc::Sender<Request>,
    queries: mpsc::Sender<Query>,
    background: mpsc::Sender<Form>,
    tidyings: mpsc::Sender<Tidying>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        // The process must not end while the runtime's library works: its globals are torn down on exit.
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Vectors {
    /// The same with a worker that is a task of the present runtime, so that its clock may be paused.
    ///
    /// # Errors
    /// As [`Vectors::open`].
    pub fn open_here(dir: &Path, embedder: Embedder, storing: Storing) -> Result<Self, EmbedError> {
        Self::start(dir, embedder, storing, |worker| {
            worker.spawn_task();
            Ok(None)
        })
    }

    /// Starts a worker. The cache in `dir` is read by it, and the model loaded when the first vector is asked for:
    /// this returns at once. With [`Storing::Write`] the caller must be the only one who writes to `dir`.
    ///
    /// # Errors
    /// [`EmbedError::Thread`].
    pub fn open(dir: &Path, embedder: Embedder, storing: Storing) -> Result<Self, EmbedError> {
        Self::start(dir, embedder, storing, |worker| worker.spawn().map(Some))
    }

    fn start(
        dir: &Path,
        embedder: Embedder,
        storing: Storing,
        run: impl FnOnce(Worker) -> io::Result<Option<JoinHandle<()>>>,
    ) -> Result<Self, EmbedError> {
        let model = embedder.model();
        let cache = Mutex::new(Cache::closed(dir, &model, storing));
        let shared = Arc::new(Shared { model, cache, progress: watch::channel(Progress::default()).0 });
        let (requests, for_requests) = mpsc::channel(REQUESTS);
        let (queries, for_queries) = mpsc::channel(REQUESTS);
        let (background, for_background) = mpsc::channel(BACKGROUND);
        let (tidyings, for_tidyings) = mpsc::channel(1);
        let inbox = Inbox {
            requests: for_requests,
            queries: for_queries,
            background: for_background,
            tidyings: for_tidyings,
        };
        let stop = CancellationToken::new();
        let worker = Worker::new(embedder, shared.clone(), inbox, stop.clone());
        let thread = run(worker).map_err(EmbedError::Thread)?;
        let worker = Arc::new(Running { requests, queries, background, tidyings, stop, thread });
        Ok(Self { shared, worker })
    }

    /// The model of these vectors.
    pub fn model(&self) -> &Model {
        &self.shared.model
    }

    /// The form's vector, if it is there already; reads some kilobytes from the page cache.
    pub fn cached(&self, form: &Form) -> Option<Vector> {
        self.get(form.hash())
    }

    /// The same by hash.
    pub fn get(&self, hash: FormHash) -> Option<Vector> {
        self.shared.cache().get(hash)
    }

    /// Forms that have a vector, as of now.
    pub fn hashes(&self) -> Vec<FormHash> {
        self.shared.cache().hashes().collect()
    }

    /// One vector per form, in their order; what is missing is made first. Before others that wait in the
    /// background, after other callers.
    ///
    /// # Errors
    /// Whatever the embedder says; what was made until then is kept, so that trying again goes on from there.
    pub async fn obtain(&self, forms: &[Form]) -> Result<Vec<Vector>, EmbedError> {
        let mut found: HashMap<FormHash, Vector> = HashMap::with_capacity(forms.len());
        let missing = self.look_up(forms, &mut found);
        if !missing.is_empty() {
            let hashes: Vec<FormHash> = missing.iter().map(Form::hash).collect();
            let (reply, answer) = oneshot::channel();
            self.wait_for(missing.len());
            let sent = self.worker.requests.send(Request { forms: missing, reply }).await;
            sent.map_err(|_| EmbedError::Stopped)?;
            let made = answer.await.map_err(|_| EmbedError::Stopped)??;
            found.extend(hashes.into_iter().zip(made));
        }
        let vectors = forms.iter().map(|form| found.get(&form.hash()).cloned().ok_or(EmbedError::Stopped));
        vectors.collect()
    }

    /// The vector of a question; before everything else, and never kept.
    ///
    /// # Errors
    /// Whatever the embedder says.
    pub async fn query(&self, text: &str) -> Result<Vector, EmbedError> {
        let (reply, answer) = oneshot::channel();
        let query = Query { text: text.to_owned(), reply };
        self.worker.queries.send(query).await.map_err(|_| EmbedError::Stopped)?;
        answer.await.map_err(|_| EmbedError::Stopped)?
    }

    /// Has a form's vector made when there is nothing better to do. Waits while too many forms wait already.
    ///
    /// # Errors
    /// [`EmbedError::Stopped`].
    pub async fn want(&self, form: Form) -> Result<(), EmbedError> {
        if self.shared.cache().contains(form.hash()) {
            return Ok(());
        }
        self.wait_for(1);
        self.worker.background.send(form).await.map_err(|_| EmbedError::Stopped)
    }

    /// How far the file has grown; nothing for who may not write it.
    pub fn extent(&self) -> Extent {
        self.shared.cache().extent()
    }

    /// Writes the file anew without the vectors of other forms than these, as far as they were there at `seen`: what
    /// was made since is kept, whoever needs it. Others may go on meanwhile. Whether that was done: not where another
    /// file was opened since `seen`.
    ///
    /// # Errors
    /// [`EmbedError::Cache`] when it could not be written, which leaves the old file; [`EmbedError::Stopped`].
    pub async fn keep_only(&self, live: HashSet<FormHash>, seen: Extent) -> Result<bool, EmbedError> {
        let (reply, answer) = oneshot::channel();
        let tidying = Tidying { live, seen, reply };
        self.worker.tidyings.send(tidying).await.map_err(|_| EmbedError::Stopped)?;
        answer.await.map_err(|_| EmbedError::Stopped)?
    }

    /// How far it is; wakes at each change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// Opens the cache anew, after its directory was set aside for another cluster.
    ///
    /// # Errors
    /// [`EmbedError::Cache`].
    pub fn reopen(&self) -> Result<(), EmbedError> {
        let mut cache = self.shared.cache();
        cache.open().map_err(EmbedError::Cache)?;
        self.shared.progress.send_modify(|progress| progress.cached = cache.len() as u64);
        Ok(())
    }

    fn look_up(&self, forms: &[Form], found: &mut HashMap<FormHash, Vector>) -> Vec<Form> {
        let cache = self.shared.cache();
        let mut missing: HashMap<FormHash, &Form> = HashMap::new();
        for form in forms {
            let hash = form.hash();
            if found.contains_key(&hash) || missing.contains_key(&hash) {
                continue;
            }
            match cache.get(hash) {
                Some(vector) => {
                    found.insert(hash, vector);
                }
                None => {
                    missing.insert(hash, form);
                }
            }
        }
        missing.into_values().cloned().collect()
    }

    fn wait_for(&self, forms: usize) {
        self.shared.progress.send_modify(|progress| progress.waiting += forms as u64);
    }
}
