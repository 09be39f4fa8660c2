//! Not hurting the API server: few reads at once, and no request before the instant it asked us to wait for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Initial reads in flight. An ordinary user has some 350 queued requests before 429; 16 leave room for others.
pub(super) const READS: usize = 16;

/// The longest pause that one answer can ask for; a broken proxy must not silence us for a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The right to run one initial read; dropping it lets the next one start.
#[derive(Debug)]
pub struct ReadPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The shared gate before every request.
#[derive(Debug)]
pub(super) struct Politeness {
    reads: Arc<Semaphore>,
    closed_until: Mutex<Option<Instant>>,
}

impl Politeness {
    pub(super) fn new() -> Self {
        Self { reads: Arc::new(Semaphore::new(READS)), closed_until: Mutex::new(None) }
    }

    pub(super) async fn read_permit(&self) -> ReadPermit {
        // The semaphore is never closed; were it, reads would go on unlimited rather than stop.
        ReadPermit { _permit: Arc::clone(&self.reads).acquire_owned().await.ok() }
    }

    /// Keeps every request back for a while; the latest instant asked for wins.
    pub(super) fn pause(&self, time: Duration) {
        let until = Instant::now() + time.min(LONGEST_PAUSE);
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = (*closed).max(Some(until));
    }

    /// How long the gate stays closed.
    pub(super) fn paused_for(&self) -> Option<Duration> {
        let closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        closed.and_then(|until| until.checked_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Waits until the gate is open.
    pub(super) async fn pass(&self) {
        while let Some(left) = self.paused_for() {
            tokio::time::sleep(left).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_gate_opens_at_the_latest_instant_asked_for() {
        let gate = Politeness::new();
        let start = Instant::now();
        gate.pass().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        gate.pause(Duration::from_secs(5));
        gate.pause(Duration::from_secs(2));
        gate.pass().await;
        assert_eq!(start.elapsed().as_secs(), 5);
        gate.pause(Duration::from_secs(86_400));
        assert!(gate.paused_for().unwrap() <= LONGEST_PAUSE);
    }

    #[tokio::test]
    async fn at_most_sixteen_reads_are_let_through_at_once() {
        use futures_util::FutureExt as _;
        let gate = Politeness::new();
        let mut held = Vec::new();
        for _ in 0..READS {
            held.push(gate.read_permit().now_or_never().unwrap());
        }
        assert!(gate.read_permit().now_or_never().is_none());
        held.pop();
        assert!(gate.read_permit().now_or_never().is_some());
    }
}
