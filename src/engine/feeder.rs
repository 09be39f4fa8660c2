//! Has the forms of all living documents embedded: after the first sync, and then of what changes. A thread of its own
//! at low priority, because it reads every document once.
//!
//! It goes by segments. A commit brings new ones, which are read; those it has seen only lose documents. So following
//! costs what changed, and never more than the index at once after a start.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::watch::describe;
use crate::document::{Form, FormHash, form};
use crate::embed::{EmbedError, Vectors, step_back};
use crate::index::{IndexError, Segment, SegmentKey, Snapshot};

use super::Running;
use super::status::{Phase, Status};
use super::supervisor::ReaderSlot;

/// The running thread; ends when it is dropped.
pub(super) struct Feeder {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    /// Starts it. `forms` is told how many different forms there are.
    pub(super) fn start(
        reader: ReaderSlot,
        status: watch::Receiver<Status>,
        vectors: Vectors,
        forms: Arc<AtomicU64>,
        running: Running,
    ) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let feed = Feed { reader, status, vectors, forms, stop: stop.clone(), seen: HashMap::new() };
        if !running.threads {
            tokio::spawn(feed.run());
            return Ok(Self { stop, thread: None });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let run = move || {
            step_back();
            runtime.block_on(feed.run());
        };
        let thread = std::thread::Builder::new().name("kubesift-forms".to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.stop.cancel();
        // It holds a handle of the vectors, which must not be the last one.
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Feed {
    reader: ReaderSlot,
    status: watch::Receiver<Status>,
    vectors: Vectors,
    forms: Arc<AtomicU64>,
    stop: CancellationToken,
    /// The forms of each segment that was read; those of documents deleted since are still among them.
    seen: HashMap<SegmentKey, HashSet<FormHash>>,
}

/// It was told to stop.
struct Stopped;

impl Feed {
    async fn run(mut self) {
        let mut last: Option<Arc<Snapshot>> = None;
        loop {
            let settled = is_settled(&self.status.borrow_and_update().phase);
            let snapshot = self.reader.read().unwrap_or_else(PoisonError::into_inner).snapshot();
            let new = last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &snapshot));
            if settled && new {
                if let Err(Stopped) = self.follow(&snapshot).await {
                    return;
                }
                last = Some(snapshot);
            }
            // Status comes once a second, which is often enough for what nobody waits for.
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = self.status.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn follow(&mut self, snapshot: &Snapshot) -> Result<(), Stopped> {
        let present: HashSet<SegmentKey> = snapshot.segments().iter().map(|segment| segment.key()).collect();
        // What merged segments had is known; it stays until the merged one has been read.
        let mut known: HashSet<FormHash> = self.seen.values().flatten().copied().collect();
        for segment in snapshot.segments() {
            if self.seen.contains_key(&segment.key()) {
                continue;
            }
            let read = self.read(segment, &mut known).await?;
            match read {
                Ok(forms) => drop(self.seen.insert(segment.key(), forms)),
                Err(error) => {
                    tracing::warn!(error = describe(&error), "documents can't be read for embedding")
                }
            }
        }
        self.seen.retain(|key, _| present.contains(key));
        let forms: HashSet<&FormHash> = self.seen.values().flatten().collect();
        self.forms.store(forms.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Reads a segment and hands over what is new; returns its forms.
    async fn read(
        &self,
        segment: &Segment,
        known: &mut HashSet<FormHash>,
    ) -> Result<Result<HashSet<FormHash>, IndexError>, Stopped> {
        let mut own = HashSet::new();
        for doc in (0..segment.max_doc()).filter(|doc| segment.is_alive(*doc)) {
            if self.stop.is_cancelled() {
                return Err(Stopped);
            }
            let form = match segment.document(doc) {
                Ok(document) => form(&document),
                Err(error) => return Ok(Err(error)),
            };
            own.insert(form.hash());
            if known.insert(form.hash()) {
                self.forms.store(known.len() as u64, Ordering::Relaxed);
                self.want(form).await?;
            }
        }
        Ok(Ok(own))
    }

    async fn want(&self, form: Form) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped),
            wanted = self.vectors.want(form) => wanted.map_err(|_: EmbedError| Stopped),
        }
    }
}

/// The first sync has both cores to itself.
fn is_settled(phase: &Phase) -> bool {
    match phase {
        Phase::Connecting | Phase::Syncing { .. } => false,
        Phase::Live
        | Phase::Offline { .. }
        | Phase::Unwritable { .. }
        | Phase::Unauthorized { .. }
        | Phase::Stopped => true,
    }
}
