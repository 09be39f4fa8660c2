//! Requests: none is waited for without signs of life, and none writes without a claim that was just seen to stand.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::reconcile::is_passing;
use super::{Halt, Mirror, SHOW_MS};
use crate::mirror::StoreError;
use crate::mirror::core::Millis;
use crate::mirror::core::claim::{BEAT_MS, FRESH_MS, REQUEST_MS};
use crate::mirror::core::marker::Marker;
use crate::mirror::source::{Embedder, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::VectorStore;

/// Gives a request up after [`REQUEST_MS`]: what was sent may be applied all the same.
pub(super) async fn limited<T>(
    server: String,
    request: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let why = format!("no answer within {} s", REQUEST_MS / 1_000);
    let answer = tokio::time::timeout(millis(REQUEST_MS), request).await;
    answer.unwrap_or(Err(StoreError::Unreachable { server, why }))
}

/// As a duration; none for what is over.
pub(super) fn millis(ms: Millis) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Waits for something that may take long. Meanwhile what is shown stays true.
    pub(super) async fn shown<T>(&self, work: impl Future<Output = T> + Send) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(millis(SHOW_MS)) => self.show(),
            }
        }
    }

    /// Waits for something that may take long. Meanwhile signs of life are given, and what is shown stays true.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, Halt> {
        let mut work = pin!(work);
        loop {
            let now = self.feed.now();
            let next = self.opened.as_ref().map_or(Millis::MAX, |_| self.beat_due()).min(now + SHOW_MS);
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(millis(next - now)) => {}
            }
            self.show();
            if self.opened.is_some()
                && (self.beat_due() <= self.feed.now() || self.says_too_much())
                && let Some(done) = self.beat_beside(work.as_mut()).await?
            {
                return Ok(done);
            }
        }
    }

    /// One sign of life; both go on at the same time. What the work came to, if it ended meanwhile.
    async fn beat_beside<T>(
        &mut self,
        mut work: std::pin::Pin<&mut (impl Future<Output = T> + Send)>,
    ) -> Result<Option<T>, Halt> {
        let mut beat = pin!(self.beat());
        let mut done = None;
        loop {
            tokio::select! {
                beaten = &mut beat => return beaten.map(|()| done),
                ended = &mut work, if done.is_none() => done = Some(ended),
            }
        }
    }

    /// Waits for a request of the store: its answer, or why there will be none to wait for.
    pub(super) async fn request<T>(
        &mut self,
        request: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<Result<T, StoreError>, Halt> {
        self.beside(limited(self.store.name(), request)).await
    }

    /// Before anything is written or deleted: the claim has stood for long enough, and was seen to stand just now. Another
    /// writer may have taken the collection while a request took long, or while this process was stopped.
    pub(super) async fn stand(&mut self) -> Result<(), Halt> {
        let now = self.feed.now();
        let (settles_at, seen_at) = match &self.opened {
            Some(opened) => (opened.settles_at, opened.seen_at),
            None => return Err(StoreError::NotFound { message: "no collection is claimed".into() }.into()),
        };
        if settles_at > now {
            let before = std::mem::replace(&mut self.phase, MirrorPhase::Claiming);
            self.show();
            self.beside(tokio::time::sleep(millis(settles_at - now))).await?;
            self.phase = before;
        } else if now - seen_at <= FRESH_MS {
            return Ok(());
        }
        self.look().await
    }

    /// Looks at the marker: an error where it is another's now.
    async fn look(&mut self) -> Result<(), Halt> {
        let (store, began) = (self.store.clone(), self.feed.now());
        let found = self.request(store.find()).await??;
        self.took(began);
        let marked = found.as_ref().is_some_and(|found| Marker::read(&found.fields).is_some());
        self.recognise(found)?;
        if let Some(opened) = &mut self.opened {
            // The answer may be as old as the question.
            (opened.seen_at, opened.marked) = (began, marked);
        }
        Ok(())
    }

    /// Waits before the next try. A store that asks for a long pause is given signs of life all the same, or another writer
    /// would think that this one is dead.
    pub(super) async fn rest(&mut self, mut pause: Duration) -> Result<(), Halt> {
        let beat = millis(BEAT_MS);
        while self.opened.is_some() && pause > 2 * beat {
            tokio::time::sleep(beat).await;
            pause -= beat;
            match self.beat().await {
                Err(halt) if !is_passing(&halt) => return Err(halt),
                // It asked for the pause.
                Ok(()) | Err(_) => {}
            }
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Takes note of how long a request for the collection takes.
    pub(super) fn took(&mut self, began: Millis) {
        self.slow = (self.feed.now() - began).max(self.slow / 2);
    }
}
