//! The turns of readers that poll. However many they are, the API server sees at most ten of their lists a second, two
//! of them at once. Whoever was served stands at the end again: a round. What was never asked before does not wait for
//! a whole one: of those that were served before, one at a time stands in line with it.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Lists that run at once.
const AT_ONCE: usize = 2;
/// From the beginning of one list to that of the next.
const APART: Duration = Duration::from_millis(100);
/// A list that takes longer goes on beside the others: an API that hangs must not stop the round.
const LEASE: Duration = Duration::from_secs(5);

/// The turns of all readers that poll one API server; clones share them.
#[derive(Debug, Clone)]
pub struct Rounds {
    places: Arc<Semaphore>,
    /// Whoever was served before waits here until it may stand in line.
    again: Arc<Semaphore>,
    /// When the next list may begin.
    next: Arc<Mutex<Instant>>,
}

impl Rounds {
    /// Nobody waits yet.
    pub fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            again: Arc::new(Semaphore::new(1)),
            next: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Waits for a turn, first come, first served, and lists.
    pub async fn turn<T>(&self, listing: impl Future<Output = T>) -> T {
        self.take(self.places.acquire().await, listing).await
    }

    /// The same for what was listed before.
    pub async fn turn_again<T>(&self, listing: impl Future<Output = T>) -> T {
        let place = {
            let _in_line = self.again.acquire().await;
            self.places.acquire().await
        };
        self.take(place, listing).await
    }

    // The semaphores are never closed; were they, lists would go on unlimited rather than stop.
    async fn take<T>(
        &self,
        place: Result<SemaphorePermit<'_>, AcquireError>,
        listing: impl Future<Output = T>,
    ) -> T {
        tokio::time::sleep_until(self.slot()).await;
        let mut listing = pin!(listing);
        match tokio::time::timeout(LEASE, listing.as_mut()).await {
            Ok(listed) => listed,
            Err(_) => {
                drop(place);
                listing.await
            }
        }
    }

    fn slot(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Instant::now().max(*next);
        *next = own + APART;
        own
    }
}

impl Default for Rounds {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_wait_ten_lists_a_second_begin_and_two_run_at_once() {
        let (rounds, running, most) = (Rounds::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        let begun = Mutex::new(Vec::new());
        let start = Instant::now();
        let list = |n: usize| {
            let (begun, running, most) = (&begun, &running, &most);
            rounds.turn(async move {
                begun.lock().unwrap().push((n, start.elapsed()));
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                tokio::time::sleep(Duration::from_millis(150)).await;
                running.fetch_sub(1, Relaxed);
            })
        };
        join_all((0..50).map(list)).await;
        assert_eq!(most.into_inner(), 2);
        let begun = begun.into_inner().unwrap();
        assert!(begun.iter().map(|(n, _)| *n).eq(0..50), "first come, first served: {begun:?}");
        for (early, late) in begun.iter().zip(&begun[10..]) {
            assert!(late.1 - early.1 >= Duration::from_secs(1), "{begun:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_are_listed_again_what_was_never_asked_waits_for_a_few() {
        let rounds = Rounds::new();
        let begun = Mutex::new(Vec::new());
        let list = |name: &'static str| {
            let begun = &begun;
            async move { begun.lock().unwrap().push(name) }
        };
        let again = join_all((0..100).map(|_| rounds.turn_again(list("again"))));
        let first = join_all((0..4).map(|_| rounds.turn(list("first"))));
        tokio::join!(again, first);
        let begun = begun.into_inner().unwrap();
        let last = begun.iter().rposition(|name| *name == "first");
        assert!(last < Some(10), "{last:?}");
        assert_eq!(begun.len(), 104);
    }

    #[tokio::test(start_paused = true)]
    async fn lists_that_hang_do_not_stop_the_round() {
        let rounds = Rounds::new();
        let hanging = join_all((0..4).map(|_| rounds.turn(std::future::pending::<()>())));
        let start = Instant::now();
        tokio::select! {
            _ = hanging => unreachable!("they never end"),
            () = rounds.turn(async {}) => {}
        }
        assert!(start.elapsed() <= 2 * LEASE + APART, "{:?}", start.elapsed());
    }
}
