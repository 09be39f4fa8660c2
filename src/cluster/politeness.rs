//! Not hurting the API server, and not letting one API hurt the others: few reads at once, slow ones beside the rest, and
//! no request before the instant that the server's limiter asked us to wait for.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Initial reads in flight. An ordinary user has some 350 queued requests before 429; 16 leave room for others.
pub(super) const READS: usize = 16;
/// Reads in flight besides those, of APIs that are slow or did not answer the last time.
const SLOW_READS: usize = 16;
/// How many of those may be of APIs that did not answer: one that is only slow finds a place.
const SUSPECTS: usize = 12;
/// A read that has waited for its server this long, in all, goes on among the slow ones.
const SLOW_AFTER: Duration = Duration::from_secs(2);
/// One that finds no place there and has no head of an answer by then is given up: others wait for its place.
const UNANSWERED_AFTER: Duration = Duration::from_secs(5);
/// The server's limiter never asks for more; what does is something else, and must not silence us.
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// Where a read waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Nothing speaks against it.
    Fresh,
    /// It got no answer the last time: it must not keep the others waiting.
    Suspect,
}

/// The right to run one initial read; dropping it lets the next one start.
#[derive(Debug)]
pub struct ReadPermit {
    /// `None` only if the semaphore was closed, which never happens: reads go on unlimited rather than stop.
    held: Option<OwnedSemaphorePermit>,
    _suspect: Option<OwnedSemaphorePermit>,
    /// Where it goes when its server keeps it waiting; `None` once it is there.
    slow: Option<Arc<Semaphore>>,
    waited: Duration,
}

impl ReadPermit {
    /// Waits for the head of an answer. `None` when it was given up for the sake of others.
    pub(super) async fn head<T>(&mut self, answer: impl Future<Output = T>) -> Option<T> {
        if self.slow.is_none() {
            return Some(answer.await);
        }
        let mut answer = pin!(answer);
        match tokio::time::timeout(UNANSWERED_AFTER, self.wait(answer.as_mut())).await {
            Ok(head) => Some(head),
            Err(_) if self.slow.is_none() => Some(answer.await),
            Err(_) => None,
        }
    }

    /// Waits for a piece of an answer; moves among the slow reads when that takes long.
    pub(super) async fn wait<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let Some(slow) = self.slow.clone() else { return answer.await };
        let mut answer = pin!(answer);
        let begun = Instant::now();
        let left = SLOW_AFTER.saturating_sub(self.waited);
        if let Ok(piece) = tokio::time::timeout(left, answer.as_mut()).await {
            self.waited += begun.elapsed();
            return piece;
        }
        self.waited = SLOW_AFTER;
        tokio::select! {
            biased;
            piece = answer.as_mut() => return piece,
            place = slow.acquire_owned() => {
                self.held = place.ok();
                self.slow = None;
            }
        }
        answer.await
    }

    /// After how long a read is given up that others wait for.
    pub(super) fn patience() -> Duration {
        UNANSWERED_AFTER
    }
}

/// The shared gate before every request.
#[derive(Debug)]
pub(super) struct Politeness {
    reads: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    suspects: Arc<Semaphore>,
    gate: Mutex<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    closed_until: Option<Instant>,
    /// What was refused last; `None` once anything else was answered.
    refused: Option<String>,
}

impl Politeness {
    pub(super) fn new() -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS)),
            slow: Arc::new(Semaphore::new(SLOW_READS)),
            suspects: Arc::new(Semaphore::new(SUSPECTS)),
            gate: Mutex::default(),
        }
    }

    pub(super) async fn read_permit(&self, queue: Queue) -> ReadPermit {
        let acquire = async |places: &Arc<Semaphore>| Arc::clone(places).acquire_owned().await.ok();
        let (held, suspect, slow) = match queue {
            Queue::Fresh => (acquire(&self.reads).await, None, Some(Arc::clone(&self.slow))),
            Queue::Suspect => {
                let suspect = acquire(&self.suspects).await;
                (acquire(&self.slow).await, suspect, None)
            }
        };
        ReadPermit { held, _suspect: suspect, slow, waited: Duration::ZERO }
    }

    /// The server asked not to be asked for a while when it was asked for `what`. One kind's trouble is that kind's; a
    /// limiter refuses others as well. So the gate closes when two different things were refused and nothing was
    /// answered in between; the latest instant asked for wins.
    pub(super) fn refused(&self, what: &str, time: Duration) {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let others = gate.refused.as_deref().is_some_and(|last| last != what);
        if others || gate.closed_until.is_some_and(|until| until > Instant::now()) {
            let until = Instant::now() + time.min(LONGEST_PAUSE);
            gate.closed_until = gate.closed_until.max(Some(until));
        }
        gate.refused = Some(what.to_owned());
    }

    /// The server answered something.
    pub(super) fn answered(&self) {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).refused = None;
    }

    /// How long the gate stays closed.
    pub(super) fn paused_for(&self) -> Option<Duration> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let left = gate.closed_until.and_then(|until| until.checked_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero())
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
    use std::future::pending;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_gate_opens_at_the_latest_instant_asked_for() {
        let gate = Politeness::new();
        let start = Instant::now();
        gate.pass().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        gate.refused("pods", Duration::from_secs(9));
        gate.refused("nodes", Duration::from_secs(5));
        gate.refused("jobs", Duration::from_secs(2));
        gate.pass().await;
        assert_eq!(start.elapsed().as_secs(), 5);
        gate.refused("pods", Duration::from_secs(86_400));
        gate.refused("nodes", Duration::from_secs(86_400));
        assert!(gate.paused_for().unwrap() <= LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn one_kind_that_is_refused_again_and_again_holds_nobody_back() {
        let gate = Politeness::new();
        for _ in 0..10 {
            gate.refused("pods", Duration::from_secs(600));
            assert_eq!(gate.paused_for(), None);
        }
        // Others are answered: the limiter does not mean us.
        gate.answered();
        gate.refused("nodes", Duration::from_secs(600));
        assert_eq!(gate.paused_for(), None);
    }

    #[tokio::test]
    async fn at_most_sixteen_reads_are_let_through_at_once() {
        let gate = Politeness::new();
        let mut held = Vec::new();
        for _ in 0..READS {
            held.push(gate.read_permit(Queue::Fresh).now_or_never().unwrap());
        }
        assert!(gate.read_permit(Queue::Fresh).now_or_never().is_none());
        held.pop();
        assert!(gate.read_permit(Queue::Fresh).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn reads_that_hang_make_room_and_suspects_wait_apart() {
        let gate = Politeness::new();
        let start = Instant::now();
        let hanging = |queue| {
            let gate = &gate;
            async move {
                let mut permit = gate.read_permit(queue).await;
                permit.head(pending::<()>()).await
            }
        };
        let fresh = join_all((0..48).map(|_| hanging(Queue::Fresh)));
        let suspects = join_all((0..48).map(|_| hanging(Queue::Suspect)));
        let healthy = async {
            let mut permit = gate.read_permit(Queue::Fresh).await;
            permit.head(async {}).await
        };
        tokio::select! {
            biased;
            _ = fresh => unreachable!("some hang among the slow reads"),
            _ = suspects => unreachable!("they never end"),
            answered = healthy => assert_eq!(answered, Some(())),
        }
        // 48 of 16 at once, each given up after five seconds.
        assert!(start.elapsed() <= 3 * UNANSWERED_AFTER, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_is_only_slow_finds_its_place_beside_those_that_hang() {
        let gate = Politeness::new();
        let suspects = join_all((0..48).map(|_| async {
            let mut permit = gate.read_permit(Queue::Suspect).await;
            permit.head(pending::<()>()).await
        }));
        let slow = async {
            let mut permit = gate.read_permit(Queue::Fresh).await;
            permit.head(tokio::time::sleep(Duration::from_secs(9))).await
        };
        tokio::select! {
            biased;
            _ = suspects => unreachable!("they never end"),
            answered = slow => assert_eq!(answered, Some(())),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_read_goes_on_to_its_end_where_there_is_place() {
        let gate = Politeness::new();
        let slow = |time| async move {
            tokio::time::sleep(Duration::from_secs(time)).await;
            time
        };
        let mut permit = gate.read_permit(Queue::Fresh).await;
        assert_eq!(permit.head(slow(40)).await, Some(40));
        assert_eq!(permit.wait(slow(70)).await, 70);
        assert_eq!((gate.reads.available_permits(), gate.slow.available_permits()), (READS, SLOW_READS - 1));
        // A body that comes in pieces has waited as long as all of them together.
        let mut permit = gate.read_permit(Queue::Fresh).await;
        for _ in 0..3 {
            permit.wait(slow(1)).await;
        }
        assert_eq!((gate.reads.available_permits(), gate.slow.available_permits()), (READS, SLOW_READS - 2));
    }
}
