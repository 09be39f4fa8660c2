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
    buried: u64,
}

impl Tombstones {
    /// How many there were; more than remembered.
    pub(super) fn buried(&self) -> u64 {
        self.buried
    }

    /// Whether every deletion after the first `buried` is remembered.
    pub(super) fn remember_since(&self, buried: u64) -> bool {
        self.buried - buried <= CAPACITY as u64
    }

    pub(super) fn bury(&mut self, key: Key, version: u64) {
        self.buried += 1;
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

    /// Forgets all of them: a list that was asked for before, of whatever kind, can't be measured by what is left.
    pub(super) fn clear(&mut self) {
        self.versions.clear();
        self.order.clear();
        self.buried += CAPACITY as u64 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_whether_all_deletions_since_are_remembered() {
        let mut tombstones = Tombstones::default();
        let key = |n: u64| Key::of("id", &n.to_string());
        tombstones.bury(key(0), 1);
        let since = tombstones.buried();
        (1..=CAPACITY as u64).for_each(|n| tombstones.bury(key(n), n));
        assert!(tombstones.remember_since(since) && tombstones.forbids(key(1), Some(1)));
        tombstones.bury(key(0), 9);
        assert!(!tombstones.remember_since(since) && !tombstones.forbids(key(1), Some(1)));
    }

    #[test]
    fn what_was_cleared_is_not_remembered() {
        let mut tombstones = Tombstones::default();
        let since = tombstones.buried();
        tombstones.bury(Key::of("id", "1"), 1);
        assert!(tombstones.remember_since(since));
        tombstones.clear();
        assert!(!tombstones.remember_since(since), "a list that runs may name what is deleted");
        assert!(tombstones.remember_since(tombstones.buried()), "one that begins now may not");
    }
}
