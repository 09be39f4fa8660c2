//! The one thread that makes vectors. Questions come first, then callers that wait, then the background; between two
//! small batches it looks whether something more urgent has come.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cache::Extent;
use super::vectors::{Shared, Trouble};
use super::{EmbedError, Embedder, Vector, normal, step_back};
use crate::document::{Form, FormHash};

/// The background is tried again after a failure: soon, then at growing intervals.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Somebody waits for these.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) forms: Vec<Form>,
    pub(super) reply: oneshot::Sender<Result<Vec<Vector>, EmbedError>>,
}

/// Somebody typed this and waits.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) reply: oneshot::Sender<Result<Vector, EmbedError>>,
}

/// Only the vectors of these forms are needed any more, of those that were there at `seen`.
#[derive(Debug)]
pub(super) struct Tidying {
    pub(super) live: HashSet<FormHash>,
    pub(super) seen: Extent,
    pub(super) reply: oneshot::Sender<Result<bool, EmbedError>>,
}

/// What is asked of the worker, the most urgent first.
pub(super) struct Inbox {
    pub(super) queries: mpsc::Receiver<Query>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) tidyings: mpsc::Receiver<Tidying>,
    pub(super) background: mpsc::Receiver<Form>,
}

pub(super) struct Worker {
    embedder: Embedder,
    shared: Arc<Shared>,
    inbox: Inbox,
    stop: CancellationToken,
    /// What the background was about to make when it failed.
    unfinished: Vec<Form>,
    /// The background rests until then, and then that much longer.
    rest: Option<(Instant, Duration)>,
}

impl Worker {
    pub(super) fn new(
        embedder: Embedder,
        shared: Arc<Shared>,
        inbox: Inbox,
        stop: CancellationToken,
    ) -> Self {
        Self { embedder, shared, inbox, stop, unfinished: Vec::new(), rest: None }
    }

    /// Runs as a task of the present runtime: where a paused clock drives all, and nothing is computed for long.
    pub(super) fn spawn_task(self) {
        tokio::spawn(self.run());
    }

    /// Runs on a thread of its own: a local model computes, and must not hold up anybody's runtime.
    pub(super) fn spawn(self) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            step_back();
            runtime.block_on(self.run());
        };
        std::thread::Builder::new().name("kubesift-embed".to_owned()).spawn(run)
    }

    async fn run(mut self) {
        self.open_cache();
        if let Err(error) = self.embedder.check() {
            self.shared.progress.send_modify(|progress| progress.failing = Some(Trouble::from(&error)));
        }
        let stop = self.stop.clone();
        loop {
            let rest = self.rest.map(|(until, _)| until);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(query) = self.inbox.queries.recv() => self.answer(query).await,
                Some(request) = self.inbox.requests.recv() => self.serve(request).await,
                Some(tidying) = self.inbox.tidyings.recv() => self.tidy(tidying).await,
                () = rested(rest), if rest.is_some() => {
                    let unfinished = std::mem::take(&mut self.unfinished);
                    self.make_in_background(unfinished).await;
                }
                Some(form) = self.inbox.background.recv(), if rest.is_none() => {
                    let forms = self.next_batch(form);
                    self.make_in_background(forms).await;
                }
                else => return,
            }
        }
    }

    fn open_cache(&self) {
        let mut cache = self.shared.cache();
        let opened = cache.open();
        let cached = cache.len() as u64;
        drop(cache);
        let note = opened.unwrap_or_else(|error| Some(format!("vectors are not kept: {error}")));
        if let Some(note) = &note {
            tracing::warn!(note, "vector cache");
        }
        self.shared.progress.send_modify(|progress| {
            progress.cached = cached;
            progress.note = note;
        });
    }

    async fn answer(&mut self, Query { text, reply }: Query) {
        let made = self.embed(&[&text]).await;
        let one = made.and_then(|vectors| vectors.into_iter().next().ok_or(EmbedError::Stopped));
        // Who asked may have typed on.
        reply.send(one).ok();
    }

    async fn serve(&mut self, Request { forms, reply }: Request) {
        let made = self.make_all(&forms, &reply).await;
        self.done(forms.len());
        reply.send(made).ok();
    }

    async fn make_all(
        &mut self,
        forms: &[Form],
        reply: &oneshot::Sender<Result<Vec<Vector>, EmbedError>>,
    ) -> Result<Vec<Vector>, EmbedError> {
        let mut vectors = Vec::with_capacity(forms.len());
        for batch in forms.chunks(self.embedder.batch()) {
            if reply.is_closed() || self.stop.is_cancelled() {
                return Err(EmbedError::Stopped);
            }
            while let Ok(query) = self.inbox.queries.try_recv() {
                self.answer(query).await;
            }
            vectors.extend(self.make(batch).await?);
        }
        Ok(vectors)
    }

    async fn tidy(&mut self, mut tidying: Tidying) {
        let done = self.rewrite(&mut tidying).await;
        // Whoever asked may be gone.
        tidying.reply.send(done).ok();
    }

    async fn rewrite(&mut self, tidying: &mut Tidying) -> Result<bool, EmbedError> {
        let begun = self.shared.cache().rewrite(&tidying.live, tidying.seen).map_err(EmbedError::Cache)?;
        let Some(mut rewrite) = begun else { return Ok(false) };
        // This thread alone adds vectors: what is copied is all there is.
        let mut whole = false;
        while !whole {
            whole = rewrite.step().map_err(EmbedError::Cache)?;
            // Nobody waits any more: another process may be about to write the file.
            if tidying.reply.is_closed() || self.stop.is_cancelled() {
                return Err(EmbedError::Stopped);
            }
            while let Ok(query) = self.inbox.queries.try_recv() {
                self.answer(query).await;
            }
        }
        let mut cache = self.shared.cache();
        let replaced = cache.replace(rewrite).map_err(EmbedError::Cache)?;
        let cached = cache.len() as u64;
        drop(cache);
        self.shared.progress.send_modify(|progress| progress.cached = cached);
        Ok(replaced)
    }

    /// What is waiting, up to a batch.
    fn next_batch(&mut self, first: Form) -> Vec<Form> {
        let mut forms = vec![first];
        while forms.len() < self.embedder.batch() {
            let Ok(form) = self.inbox.background.try_recv() else { break };
            forms.push(form);
        }
        forms
    }

    async fn make_in_background(&mut self, forms: Vec<Form>) {
        match self.make(&forms).await {
            Ok(_) => {
                self.rest = None;
                self.done(forms.len());
            }
            Err(EmbedError::Stopped) => {}
            Err(error) => {
                let pause = self.rest.map_or(FIRST_REST, |(_, pause)| (pause * 2).min(LONGEST_REST));
                tracing::warn!(%error, "embedding fails, trying again in {} s", pause.as_secs());
                self.rest = Some((Instant::now() + pause, pause));
                self.unfinished = forms;
            }
        }
    }

    /// The vectors of these forms: kept ones, and new ones, which are kept.
    async fn make(&mut self, forms: &[Form]) -> Result<Vec<Vector>, EmbedError> {
        let mut found: Vec<Option<Vector>> = {
            let mut cache = self.shared.cache();
            if let Err(error) = cache.refresh() {
                tracing::debug!(%error, "the vector cache can't be read");
            }
            forms.iter().map(|form| cache.get(form.hash())).collect()
        };
        let missing: Vec<&Form> =
            forms.iter().zip(&found).filter(|(_, vector)| vector.is_none()).map(|(form, _)| form).collect();
        if !missing.is_empty() {
            let texts: Vec<&str> = missing.iter().map(|form| form.text()).collect();
            let made = self.embed(&texts).await?;
            let kept: Vec<(FormHash, Vector)> =
                missing.iter().map(|form| form.hash()).zip(made.iter().cloned()).collect();
            self.keep(&kept);
            let mut made = made.into_iter();
            found.iter_mut().filter(|vector| vector.is_none()).for_each(|vector| *vector = made.next());
        }
        found.into_iter().map(|vector| vector.ok_or(EmbedError::Stopped)).collect()
    }

    async fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let made = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(EmbedError::Stopped),
            made = self.embedder.embed(texts) => made,
        };
        let made = made.and_then(|made| normal::accept(&self.shared.model, texts.len(), made));
        self.shared.progress.send_modify(|progress| match &made {
            Ok(vectors) => {
                progress.made += vectors.len() as u64;
                progress.failing = None;
            }
            Err(error) => progress.failing = Some(Trouble::from(error)),
        });
        made
    }

    fn keep(&self, made: &[(FormHash, Vector)]) {
        let mut cache = self.shared.cache();
        let kept = cache.put(made);
        let cached = cache.len() as u64;
        drop(cache);
        self.shared.progress.send_modify(|progress| {
            progress.cached = cached;
            if let Err(error) = kept {
                // The vectors themselves are good: who waits for them gets them.
                progress.note = Some(format!("vectors are not kept: {error}"));
            }
        });
    }

    fn done(&self, forms: usize) {
        let done = |waiting: u64| waiting.saturating_sub(forms as u64);
        self.shared.progress.send_modify(|progress| progress.waiting = done(progress.waiting));
    }
}

async fn rested(until: Option<Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}
