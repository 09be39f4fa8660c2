//! What status says about embedding.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::embed::{EmbedError, Embedder, Progress, Storing, Vectors};
use crate::index::Store;

use super::Running;
use super::feeder::Feeder;
use super::status::{SemanticState, SemanticStatus, Status};
use super::supervisor::ReaderSlot;

/// Whether documents are embedded.
#[derive(Debug)]
pub enum Semantic {
    /// With this embedder: forms of living documents in the background, and what the mirror asks for.
    On(Embedder),
    /// Not by this run, which is a short one.
    Unused,
    /// Not at all.
    Off,
}

/// Vectors and the count of forms, as far as documents are embedded. Cheap to clone.
#[derive(Clone)]
pub(super) struct Embedding {
    off: bool,
    made: Option<(Vectors, Arc<AtomicU64>)>,
}

impl Embedding {
    /// Starts the worker. The index's lock is held: vectors are written beside the index.
    pub(super) fn open(semantic: Semantic, store: &Store, running: Running) -> Result<Self, EmbedError> {
        Ok(match semantic {
            Semantic::Off => Self { off: true, made: None },
            Semantic::Unused => Self { off: false, made: None },
            Semantic::On(embedder) => {
                let open = if running.threads { Vectors::open } else { Vectors::open_here };
                let vectors = open(store.dir(), embedder, Storing::Write)?;
                Self { off: false, made: Some((vectors, Arc::default())) }
            }
        })
    }

    pub(super) fn vectors(&self) -> Option<&Vectors> {
        self.made.as_ref().map(|(vectors, _)| vectors)
    }

    /// How many different forms the documents have, as far as they were looked at; `None` before that.
    pub(super) fn forms(&self) -> Option<u64> {
        let (_, forms) = self.made.as_ref()?;
        Some(forms.load(Ordering::Relaxed)).filter(|forms| *forms > 0)
    }

    /// Follows the index; `None` where nothing is embedded.
    pub(super) fn feed(
        &self,
        reader: ReaderSlot,
        status: watch::Receiver<Status>,
        running: Running,
    ) -> io::Result<Option<Feeder>> {
        let made = self.made.clone();
        made.map(|(vectors, forms)| Feeder::start(reader, status, vectors, forms, running)).transpose()
    }

    /// What a person should know of it once.
    pub(super) fn note(&self) -> Option<String> {
        self.vectors()?.progress().borrow().note.clone()
    }

    pub(super) fn status(&self) -> SemanticStatus {
        let Some((vectors, forms)) = &self.made else {
            let state = if self.off { SemanticState::Off } else { SemanticState::Unused };
            return SemanticStatus { state, ..SemanticStatus::default() };
        };
        let Progress { made, cached, waiting, failing, note: _ } = vectors.progress().borrow().clone();
        let state = match &failing {
            Some(trouble) if trouble.off => SemanticState::Off,
            Some(_) => SemanticState::Failing,
            None if waiting > 0 => SemanticState::Working,
            None => SemanticState::Ready,
        };
        let (error, advice) = failing.map(|trouble| (trouble.message, trouble.advice)).unzip();
        SemanticStatus {
            state,
            model: vectors.model().name.clone(),
            forms: forms.load(Ordering::Relaxed),
            made,
            cached,
            waiting,
            error,
            advice: advice.flatten(),
        }
    }
}
