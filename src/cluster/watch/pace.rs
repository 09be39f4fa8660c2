//! How soon a reader tries something again. Nothing that brought nothing is repeated without a pause, and the pauses grow:
//! a list that succeeds is no success where the watch after it does not work.

use std::time::Duration;

use tokio::time::Instant;

use super::{Backoff, Mode, ReaderOptions};
use crate::cluster::client::Queue;

/// [`Mode::Once`] and [`Mode::Confirm`] give a kind this many attempts before it is reported as unconfirmed.
const ONCE_ATTEMPTS: u32 = 4;
/// This many watches one after the other that brought nothing: they do not work here.
const FRUITLESS: u32 = 3;
/// What is asked for again though the server forbids it comes back at up to this many times the first pause.
const PATIENCE: u32 = 10;
/// A kind that is polled spends at most one part in so many being listed.
const POLL_SHARE: u32 = 20;
/// A background re-read that failed is tried again after this part of the time between two.
const REREAD_AGAIN: u32 = 360;

/// All waiting times of one reader.
pub(super) struct Pace {
    /// After failures.
    pub(super) backoff: Backoff,
    /// Between lists that a watch could not go on from.
    pub(super) relists: Backoff,
    /// After a 403.
    pub(super) denials: Backoff,
    /// After a 401 or a 404 for this kind alone.
    pub(super) refusals: Backoff,
    pub(super) watches: Watches,
    pub(super) reread: Reread,
    /// Where the next list waits for its permit.
    pub(super) queue: Queue,
    /// Since when the storage is said to be set up.
    initializing: Option<Instant>,
    attempts: u32,
    deadline: Option<Instant>,
    /// When a kind that is polled is listed next; `None`: as soon as may be.
    next_poll: Option<Instant>,
    longest: Duration,
}

impl Pace {
    pub(super) fn new(options: &ReaderOptions) -> Self {
        let timing = options.timing;
        let (first, longest) = timing.backoff;
        Self {
            backoff: options.backoff(first, longest),
            relists: options.backoff(first, timing.poll.max(longest)),
            denials: options.backoff(timing.recheck_forbidden, PATIENCE * timing.recheck_forbidden),
            refusals: options.backoff(first, PATIENCE * longest),
            watches: Watches::new(options.backoff(timing.poll, PATIENCE * timing.poll)),
            reread: Reread::new(options),
            queue: Queue::Fresh,
            initializing: None,
            attempts: 0,
            deadline: None,
            next_poll: None,
            longest,
        }
    }

    /// A request goes out: from the first one on a kind that is not followed has so much time.
    pub(super) fn begin(&mut self, options: &ReaderOptions) {
        if options.mode != Mode::Follow {
            self.deadline.get_or_insert_with(|| Instant::now() + options.timing.once);
        }
    }

    /// Until when an answer is waited for, where that is limited.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self) {
        self.attempts += 1;
    }

    /// The storage is being set up, which is waited for without counting attempts.
    pub(super) fn is_initializing(&mut self, patience: Duration) -> bool {
        let since = *self.initializing.get_or_insert_with(Instant::now);
        let waits = since.elapsed() < patience;
        self.attempts -= u32::from(waits).min(self.attempts);
        waits
    }

    /// Whether a reader that does not follow has tried for long enough.
    pub(super) fn is_over(&self) -> bool {
        self.attempts >= ONCE_ATTEMPTS || self.deadline.is_some_and(|at| at <= Instant::now())
    }

    /// A list that took this long was accepted. `watched`: a watch comes next, and only that one can show that things
    /// work.
    pub(super) fn listed(&mut self, options: &ReaderOptions, took: Duration, watched: bool) {
        let pause = options.timing.poll.max(POLL_SHARE * took);
        self.next_poll = Some(Instant::now() + options.spread(pause));
        self.queue = Queue::Fresh;
        self.attempts = 0;
        self.initializing = None;
        self.denials.reset();
        self.refusals.reset();
        self.reread.done(options);
        if !watched {
            self.backoff.reset();
            self.relists.reset();
        }
    }

    /// A watch ended that had been open for this long, and had brought something or not. Says whether that one was good
    /// for anything: what comes often or stays open for longer than any pause works.
    pub(super) fn watched(&mut self, lasted: Duration, brought: bool, at_timeout: bool) -> bool {
        let lasted = at_timeout || lasted > self.longest;
        if lasted {
            self.attempts = 0;
            self.initializing = None;
            self.backoff.reset();
            self.relists.reset();
        }
        if lasted || brought {
            self.watches.worked();
            // Where lists have to do from now on, the next one is due.
            self.next_poll = None;
        }
        lasted || brought
    }

    /// Waits, but no longer than there is time.
    pub(super) async fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        tokio::time::sleep_until(self.deadline.map_or(until, |at| at.min(until))).await;
    }

    /// Whether the last list was accepted, in this run.
    pub(super) fn is_listed(&self) -> bool {
        self.next_poll.is_some()
    }

    /// Waits until a kind that is polled is to be listed again.
    pub(super) async fn next_poll(&mut self) {
        if let Some(at) = self.next_poll {
            tokio::time::sleep_until(at).await;
        }
        // One that fails is repeated after the pause that follows a failure, and no later.
        self.next_poll = None;
    }
}

/// Whether watches work. Where they do not the kind is polled, and a watch is tried now and then.
pub(super) struct Watches {
    fruitless: u32,
    pauses: Backoff,
    not_before: Option<Instant>,
}

impl Watches {
    fn new(pauses: Backoff) -> Self {
        Self { fruitless: 0, pauses, not_before: None }
    }

    /// Whether they did not work the last time, and one is on trial.
    pub(super) fn are_doubted(&self) -> bool {
        self.not_before.is_some()
    }

    /// Whether one may be tried now.
    pub(super) fn is_due(&self) -> bool {
        self.not_before.is_none_or(|at| at <= Instant::now())
    }

    fn worked(&mut self) {
        self.fruitless = 0;
        self.not_before = None;
        self.pauses.reset();
    }

    /// One brought nothing. Says whether to poll from now on.
    pub(super) fn failed(&mut self) -> bool {
        self.fruitless += 1;
        self.fruitless >= FRUITLESS && self.refused()
    }

    /// The server does not offer any, or not to us: poll from now on.
    pub(super) fn refused(&mut self) -> bool {
        self.fruitless = FRUITLESS;
        self.not_before = Some(Instant::now() + self.pauses.pause());
        true
    }
}

/// When a kind that is watched is read again in the background.
pub(super) struct Reread {
    due: Option<Instant>,
    every: Duration,
    pauses: Backoff,
    patience: Duration,
}

impl Reread {
    /// The first one comes at any time within the usual interval: counted from the start of the program, one that is
    /// started anew more often than that would never read again. So each hour has its share of them, whatever happens.
    fn new(options: &ReaderOptions) -> Self {
        let every = options.timing.reread;
        let first = Instant::now() + every.mul_f64(options.client.clock().chance(0.0..1.0));
        let due = (options.mode == Mode::Follow).then_some(first);
        let again = every / REREAD_AGAIN;
        Self { due, every, pauses: options.backoff(again, every), patience: again }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// How long its body may take: meanwhile the watch stands still.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Everything was read just now.
    pub(super) fn done(&mut self, options: &ReaderOptions) {
        self.pauses.reset();
        self.patience = self.every / REREAD_AGAIN;
        self.due = self.due.map(|_| Instant::now() + options.spread(self.every));
    }

    /// It is tried again after a growing pause, and given more time.
    pub(super) fn failed(&mut self) {
        self.patience = (2 * self.patience).min(self.every / 12);
        self.due = Some(Instant::now() + self.pauses.pause());
    }
}
