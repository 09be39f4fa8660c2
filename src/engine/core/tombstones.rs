//! Keys of entries that were deleted a moment ago, so that a late or repeated event does not bring them back.

use std::collections::{HashMap, VecDeque};

use crate::object::Key;

/// More late events than this apart are not reordering but a broken server; the re-read mends that.
const CAPACITY: usize = 8_192;

/// The last deletions, oldest out first.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    versions: HashMap<Key, u64>,
    order: VecDeque<Key>,
}

impl Tombstones {
    pub(super) fn bury(&mut self, key: Key, version: u64) {
        if self.versions.insert(key, version).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > CAPACITY {
            if let Some(oldest) = self.order.pop_front() {
                self.versions.remove(&oldest);
            }
        }
    }

    /// Whether an item of this key and version is from before its deletion.
    pub(super) fn forbids(&self, key: Key, version: Option<u64>) -> bool {
        self.versions.get(&key).is_some_and(|buried| version.is_some_and(|version| version <= *buried))
    }

    pub(super) fn clear(&mut self) {
        self.versions.clear();
        self.order.clear();
    }
}
