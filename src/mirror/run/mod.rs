//! Runs a mirror: opens and claims the collection, reconciles, follows. Everything that is decided is decided by
//! [`super::core`]; here it is done, in an order that a crash at any point leaves safe.
//!
//! ```text
//!   open ── claimed ──> reconcile ──> follow (batches, beats and patrols, hourly reconcile)
//!    ^  └─ passive: look again             │
//!    └──────── lost connection, new collection, lost claim ┘
//! ```

mod flush;
mod open;
mod patrol;
mod reconcile;
mod requests;
mod send;
mod show;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::core::Millis;
use super::core::backoff::{Backoff, unfinished};
use super::core::brake::Now;
use super::core::claim::{BEAT_MS, Observer, Refusal};
use super::core::confirmed::Confirmed;
use super::core::dirty::Due;
use super::core::ledger::Ledger;
use super::core::patrol::Patrol;
use super::source::{Embedder, Feed, Keep, Memo, Source, SourceError};
use super::status::{MirrorPhase, MirrorStatus};
use super::store::VectorStore;
use super::{Reaction, StoreError};
use crate::text::Clock;
use open::Opened;
pub use reconcile::Depth;
use requests::millis;
pub use verify::{Comparison, Divergence};

/// Everything is compared again this often.
const RECONCILE_MS: Millis = 3_600_000;
/// A passive mirror, or a refused one, looks again this often.
const LOOK: Duration = Duration::from_secs(5);
/// What is shown is no older than this.
const SHOW_MS: Millis = 2_000;
/// Records that could not be judged are looked at again after this long, then after twice as long, and so on.
const DOUBT_MS: Millis = 2_000;
/// The longest of these pauses.
const LONGEST_DOUBT_MS: Millis = 600_000;
/// What is dirty at the end gets this long to leave.
const LAST_FLUSH: Duration = Duration::from_secs(10);
/// A single run gives up after this many failures in a row.
const PATIENCE: u32 = 5;

/// Settings of one mirror.
#[derive(Debug, Clone, Default)]
pub struct MirrorOptions {
    /// Identity of the cluster; `None` where it may not be read.
    pub cluster: Option<String>,
    /// Identity of the index: it stands for the cluster's while that is not known.
    pub index: String,
    /// Hash of what is included and excluded.
    pub scope: String,
    /// Which vectors.
    pub profile: String,
    /// What the marker said before the cluster was read, if nobody wrote then: its last writer, and that one's last beat.
    pub seen_free: Option<(String, i64)>,
    /// Takes over another cluster's collection.
    pub adopt: bool,
    /// Releases so many held-back deletes, once.
    pub allow_mass_delete: Option<usize>,
    /// Where it has its time from.
    pub clock: Clock,
}

/// Why work on the store stopped.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Halt {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index or the embedder.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The collection may not be written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another writer keeps the collection.
    #[error("another kubesift (writer {writer}) keeps this collection")]
    Passive {
        /// Its id.
        writer: String,
    },
}

/// One mirror of one index into one collection.
pub struct Mirror<S, I, E> {
    store: Arc<S>,
    source: Arc<I>,
    embedder: Arc<E>,
    feed: Arc<Feed>,
    keep: Box<dyn Keep>,
    options: MirrorOptions,
    memo: Memo,
    observer: Observer,
    opened: Option<Opened>,
    confirmed: Confirmed,
    /// What is known of the collection: decisions and statements follow from it.
    ledger: Ledger,
    patrol: Patrol,
    /// Everything was compared since the collection was opened, and no comparison is under way.
    reconciled: bool,
    next_reconcile: Millis,
    /// How the next reconcile compares.
    depth: Depth,
    /// When records that could not be judged are looked at again, and how long after that.
    doubt_at: Millis,
    doubt: Millis,
    /// Another writer kept the collection until it was claimed: it may know more of the cluster than was read by then.
    taken_over: bool,
    /// The batch on its way: put back when it does not arrive.
    taken: Vec<Due>,
    /// Removals that came during a reconcile: looked at after it.
    later: Vec<Due>,
    /// Documents that the store can't take.
    refused: HashSet<String>,
    /// When refused documents are tried again, and how long after that.
    ask_again_at: Millis,
    ask_again_after: Millis,
    /// The other writer that is waited for, and its sign of life when that began.
    waited: Option<(String, i64)>,
    /// How long a request for the collection takes.
    slow: Millis,
    /// The store takes lists in metadata.
    lists: bool,
    backoff: Backoff,
    /// Comparisons in a row that could not be finished although the store could be read.
    unfinished: u32,
    /// When what still fails failed first.
    failing_since: Option<i64>,
    phase: MirrorPhase,
    status: watch::Sender<MirrorStatus>,
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// A mirror that goes on from what an earlier run remembered.
    pub fn new(
        store: S,
        source: Arc<I>,
        embedder: E,
        feed: Arc<Feed>,
        (memo, keep): (Memo, Box<dyn Keep>),
        options: MirrorOptions,
        status: watch::Sender<MirrorStatus>,
    ) -> Self {
        let target = store.name();
        let mut memo = if memo.target == target { memo } else { Memo { target, ..Memo::default() } };
        if memo.writer.is_empty() {
            memo.writer = format!("{:016x}", options.clock.number());
        }
        if let Some(count) = options.allow_mass_delete {
            memo.brake.allow(count);
        }
        status.send_modify(|status| {
            status.to = store.name();
            status.profile.clone_from(&options.profile);
            status.held_back = memo.brake.held.len() as u64;
        });
        Self {
            store: Arc::new(store),
            source,
            embedder: Arc::new(embedder),
            feed,
            keep,
            options,
            memo,
            observer: Observer::default(),
            opened: None,
            confirmed: Confirmed::default(),
            ledger: Ledger::default(),
            patrol: Patrol::default(),
            reconciled: false,
            next_reconcile: 0,
            depth: Depth::Contents,
            doubt_at: Millis::MAX,
            doubt: 0,
            taken_over: false,
            taken: Vec::new(),
            later: Vec::new(),
            refused: HashSet::new(),
            ask_again_at: 0,
            ask_again_after: 0,
            waited: None,
            slow: 0,
            lists: true,
            backoff: Backoff::default(),
            unfinished: 0,
            failing_since: None,
            phase: MirrorPhase::Connecting,
            status,
        }
    }

    /// See [`MirrorOptions::seen_free`].
    #[must_use]
    pub fn seen_free(mut self, seen: Option<(String, i64)>) -> Self {
        self.options.seen_free = seen;
        self
    }

    /// Keeps the collection equal to the index until it is told to stop; then what is dirty leaves, if it can. Ends
    /// earlier only where what was asked for can never be done.
    pub async fn run(mut self, stop: CancellationToken) {
        let trying = async {
            loop {
                let Err(halt) = self.live().await;
                let pause = self.halted(&halt);
                if matches!(halt, Halt::Store(StoreError::Name(_))) {
                    return;
                }
                if let Err(halt) = self.rest(pause).await {
                    let pause = self.halted(&halt);
                    tokio::time::sleep(pause).await;
                }
            }
        };
        tokio::select! {
            () = trying => return,
            () = stop.cancelled() => {}
        }
        self.put_back();
        if !self.reconciled {
            // Broken off: what it would have found is not known.
            self.ledger.forget();
        }
        // Whatever fails now is found by the next start.
        if tokio::time::timeout(LAST_FLUSH, self.finish()).await.is_err() {
            tracing::warn!("the store did not take the last changes in time; the next start compares again");
        }
        self.phase(MirrorPhase::Stopped);
    }

    /// Makes the collection equal to the index once, and gives it free.
    ///
    /// # Errors
    /// Why that was not possible; a passing trouble only after some tries.
    pub async fn once(&mut self) -> Result<(), Halt> {
        loop {
            let halt = match self.once_without_retry().await {
                Ok(()) => {
                    self.phase(MirrorPhase::Stopped);
                    return Ok(());
                }
                Err(halt) => halt,
            };
            self.put_back();
            let passing = match &halt {
                Halt::Store(error) => error.reaction() != Reaction::Ask,
                Halt::Source(_) | Halt::Refused(_) | Halt::Passive { .. } => false,
            };
            let pause = self.halted(&halt);
            if !passing || self.backoff.failures() >= PATIENCE {
                return Err(halt);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn once_without_retry(&mut self) -> Result<(), Halt> {
        if self.opened.is_none() {
            self.open(true).await?;
        }
        loop {
            self.feed.take_overrun();
            self.reconcile().await?;
            while !self.feed.is_empty() {
                self.flush_when_due().await?;
            }
            if !self.feed.is_overrun() {
                return self.finish().await;
            }
        }
    }

    async fn live(&mut self) -> Result<std::convert::Infallible, Halt> {
        loop {
            if self.opened.is_none() {
                self.open(false).await?;
            }
            if self.feed.is_overrun() {
                self.feed.take_overrun();
                self.reconciled = false;
                self.ledger.forget();
            }
            if !self.reconciled || self.feed.now() >= self.next_reconcile {
                self.reconcile().await?;
                self.beat().await?;
            }
            // What failed before is sent again before anything is counted: nobody knows whether it was applied.
            self.flush_due().await?;
            if self.beat_due() <= self.feed.now() {
                self.beat().await?;
                self.patrol().await?;
            }
            if self.feed.now() >= self.doubt_at {
                self.judge_again().await?;
            }
            self.ask_again();
            self.flush_due().await?;
            self.backoff.reset();
            self.failing_since = None;
            self.phase(MirrorPhase::Live);
            if self.says_too_much() {
                // An agent must not read for a quarter of a minute what is known not to be so.
                self.beat().await?;
            }
            let now = self.feed.now();
            let wake = self.wake(now);
            tokio::select! {
                () = tokio::time::sleep(millis(wake - now)) => {}
                () = self.feed.changed() => {}
            }
        }
    }

    /// When there is something to do again, unless something changes before.
    fn wake(&self, now: Millis) -> Millis {
        let batch = self.feed.dirty().due(now, self.batch_size()).unwrap_or(Millis::MAX);
        [self.beat_due(), self.next_reconcile, self.doubt_at, now + SHOW_MS]
            .into_iter()
            .fold(batch, Millis::min)
    }

    /// Takes note of a failure: what is still certain, what is shown, how long to wait.
    fn halted(&mut self, halt: &Halt) -> Duration {
        self.put_back();
        let reaction = match halt {
            Halt::Store(error) => error.reaction(),
            Halt::Source(_) => Reaction::Retry(None),
            Halt::Refused(_) | Halt::Passive { .. } => Reaction::Reopen,
        };
        if !matches!(reaction, Reaction::Retry(_)) {
            self.opened = None;
            self.confirmed.clear();
            self.reconciled = false;
            self.ledger.forget();
        }
        match halt {
            Halt::Passive { writer } => {
                self.phase(MirrorPhase::Passive { writer: writer.clone() });
                return LOOK;
            }
            Halt::Refused(refusal) => {
                self.phase(MirrorPhase::Refused { why: refusal.to_string() });
                return LOOK;
            }
            Halt::Store(StoreError::Name(why)) => {
                self.phase(MirrorPhase::Mistaken { why: why.clone() });
                return LOOK;
            }
            Halt::Store(_) | Halt::Source(_) => {}
        }
        let error = halt.to_string();
        if self.failing_since.is_none() {
            tracing::warn!(error, "the mirror waits");
        }
        let wall = self.options.clock.wall_ms();
        let since_ms = *self.failing_since.get_or_insert(wall);
        let failing = MirrorPhase::Failing { since_ms, error };
        self.status.send_modify(|status| status.batches_retried += 1);
        self.phase(failing);
        let pause = self.backoff.pause(reaction, self.options.clock.chance(0.0..1.0));
        if self.reconciled { pause } else { pause.max(unfinished(self.unfinished)) }
    }

    /// Sends what is dirty and gives the collection free.
    async fn finish(&mut self) -> Result<(), Halt> {
        if self.opened.is_none() {
            return Ok(());
        }
        while self.reconciled && !self.feed.is_empty() {
            self.flush_when_due().await?;
        }
        self.show();
        self.give_free().await
    }

    fn put_back(&mut self) {
        self.feed.put_back(std::mem::take(&mut self.taken));
    }

    fn beat_due(&self) -> Millis {
        self.opened.as_ref().map_or(0, |opened| opened.beat_at + BEAT_MS)
    }

    fn batch_size(&self) -> usize {
        self.store.limits().records.clamp(1, send::BATCH)
    }

    fn save(&self) {
        if let Err(error) = self.keep.save(&self.memo) {
            tracing::warn!(%error, "what the mirror remembers could not be written");
        }
    }

    /// Both clocks.
    fn clocks(&self) -> Now {
        Now { steady: self.options.clock.steady_ms(), wall: self.options.clock.wall_ms() }
    }
}
