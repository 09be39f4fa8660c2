//! What reading costs: requests, bytes and refusals, per kind and in all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::object::KindKey;

/// A reading of the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests sent, repeats included.
    pub requests: u64,
    /// Bytes of response bodies as they came over the wire (compressed).
    pub bytes: u64,
    /// Answers 429.
    pub throttled: u64,
}

/// Counters of one kind, or of all.
#[derive(Debug, Default)]
pub(super) struct Meter {
    requests: AtomicU64,
    bytes: AtomicU64,
    throttled: AtomicU64,
}

impl Meter {
    fn read(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
        }
    }
}

/// All counters of a client.
#[derive(Debug, Default)]
pub(super) struct Counters {
    total: Arc<Meter>,
    kinds: Mutex<HashMap<KindKey, Arc<Meter>>>,
}

impl Counters {
    pub(super) fn totals(&self) -> Counts {
        self.total.read()
    }

    pub(super) fn of(&self, kind: &KindKey) -> Counts {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(kind).map(|meter| meter.read()).unwrap_or_default()
    }

    /// The meters that one request moves.
    pub(super) fn tally(&self, kind: Option<&KindKey>) -> Tally {
        let kind = kind.map(|kind| {
            let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kinds.entry(kind.clone()).or_default())
        });
        Tally { total: Arc::clone(&self.total), kind }
    }
}

/// The meters of one request: its kind's and the total.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    total: Arc<Meter>,
    kind: Option<Arc<Meter>>,
}

impl Tally {
    fn meters(&self) -> impl Iterator<Item = &Arc<Meter>> {
        std::iter::once(&self.total).chain(&self.kind)
    }

    pub(super) fn request(&self) {
        self.meters().for_each(|meter| _ = meter.requests.fetch_add(1, Relaxed));
    }

    pub(super) fn bytes(&self, count: usize) {
        self.meters().for_each(|meter| _ = meter.bytes.fetch_add(count as u64, Relaxed));
    }

    pub(super) fn throttled(&self) {
        self.meters().for_each(|meter| _ = meter.throttled.fetch_add(1, Relaxed));
    }
}
