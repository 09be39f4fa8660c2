//! Places for watches: 90 on each connection, as many connections as that takes.

use std::sync::{Arc, Mutex, PoisonError};

use super::Protocol;
use super::http1;
use super::lane::Lane;

/// Connections for watches. 64 hold 5,760; a server that needs more is better listed in turns.
const LANES: usize = 64;

/// The place of one watch; free again when this and every answer of its watch are dropped.
#[derive(Clone)]
pub struct WatchPermit(Arc<Place>);

struct Place {
    index: usize,
    lane: Arc<Lane>,
    pools: Arc<WatchPools>,
}

impl WatchPermit {
    pub(super) fn lane(&self) -> Arc<Lane> {
        Arc::clone(&self.0.lane)
    }
}

impl std::fmt::Debug for WatchPermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchPermit").field("connection", &self.0.index).finish()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut pools = self.pools.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get_mut(self.index) {
            pool.used -= 1;
        }
    }
}

/// All connections for watches.
#[derive(Default)]
pub(super) struct WatchPools {
    pools: Mutex<Vec<Pool>>,
}

#[derive(Default)]
struct Pool {
    used: usize,
    lane: Arc<Lane>,
}

impl WatchPools {
    /// A place on the first connection that has one: few connections, well filled.
    pub(super) fn acquire(self: &Arc<Self>, protocol: Option<Protocol>) -> Option<WatchPermit> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if protocol == Some(Protocol::Http1)
            && pools.iter().map(|pool| pool.used).sum::<usize>() >= http1::WATCHES
        {
            return None;
        }
        let free = pools.iter().position(|pool| pool.used < pool.lane.streams());
        let index = match free {
            Some(index) => index,
            None if pools.len() < LANES => {
                pools.push(Pool::default());
                pools.len() - 1
            }
            None => return None,
        };
        let pool = pools.get_mut(index)?;
        pool.used += 1;
        let lane = Arc::clone(&pool.lane);
        Some(WatchPermit(Arc::new(Place { index, lane, pools: Arc::clone(self) })))
    }

    /// Watches that have a place, and the connections they use.
    #[cfg(test)]
    pub(super) fn usage(&self) -> (usize, usize) {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        (pools.iter().map(|pool| pool.used).sum(), pools.iter().filter(|pool| pool.used > 0).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_watches_fill_a_connection_and_a_dropped_one_makes_room() {
        let pools = Arc::<WatchPools>::default();
        let mut held: Vec<_> = (0..200).map(|_| pools.acquire(Some(Protocol::Http2)).unwrap()).collect();
        assert_eq!(pools.usage(), (200, 3));
        let second = held[0].clone();
        held.drain(..90);
        assert_eq!(pools.usage(), (111, 3));
        drop(second);
        let again = pools.acquire(Some(Protocol::Http2)).unwrap();
        assert_eq!((again.0.index, pools.usage()), (0, (111, 3)));
    }

    #[test]
    fn http1_has_few_places_and_says_so() {
        let pools = Arc::<WatchPools>::default();
        let held: Vec<_> =
            (0..http1::WATCHES).map(|_| pools.acquire(Some(Protocol::Http1)).unwrap()).collect();
        assert!(pools.acquire(Some(Protocol::Http1)).is_none());
        drop(held);
        assert!(pools.acquire(Some(Protocol::Http1)).is_some());
    }

    #[test]
    fn the_number_of_connections_has_an_end() {
        let pools = Arc::<WatchPools>::default();
        let held: Vec<_> = std::iter::from_fn(|| pools.acquire(Some(Protocol::Http2))).collect();
        assert_eq!(held.len(), LANES * super::super::lane::STREAMS);
    }
}
