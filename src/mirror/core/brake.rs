//! The brake: deletes that no event named are limited. Beyond the limit they become a stored held-back set that a
//! person releases.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Millis;

/// So many are always let through within the hour.
const ALWAYS: usize = 100;
/// Or this part of what the store holds.
const PART: usize = 4;
/// The hour.
const WINDOW_MS: Millis = 3_600_000;

/// What the brake remembers between runs. Times are of the wall clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brake {
    /// Ids that were to be deleted and are held back.
    pub held: BTreeSet<String>,
    /// When how many were deleted, within the last hour.
    deleted: Vec<(Millis, usize)>,
    /// How many more a person allowed, once.
    #[serde(skip)]
    grant: usize,
}

impl Brake {
    /// Lets up to `count` held-back deletes through, once.
    pub fn allow(&mut self, count: usize) {
        self.grant = count;
    }

    /// Which of these documents may be deleted now, of `records` that the store holds. A group that does not fit
    /// the limit is held back as a whole: what would take so much is more likely a mistake than not.
    pub fn admit(&mut self, now: Millis, ids: Vec<String>, records: usize) -> Vec<String> {
        // A clock that was set back leaves entries of the future: they count until it has caught up.
        self.deleted.retain(|(at, _)| now - *at < WINDOW_MS);
        let used: usize = self.deleted.iter().map(|(_, count)| count).sum();
        let limit = ALWAYS.max(records / PART);
        if used + ids.len() <= limit {
            self.count(now, ids.len());
            ids.iter().for_each(|id| {
                self.held.remove(id);
            });
            return ids;
        }
        let mut ids = ids;
        ids.sort();
        let allowed: Vec<String> = ids.drain(..self.grant.min(ids.len())).collect();
        self.grant -= allowed.len();
        allowed.iter().for_each(|id| {
            self.held.remove(id);
        });
        self.held.extend(ids);
        allowed
    }

    /// A document that is there again is no longer held back.
    pub fn named(&mut self, id: &str) -> bool {
        self.held.remove(id)
    }

    /// After a reconcile only what it found is held back.
    pub fn retain(&mut self, found: &BTreeSet<String>) {
        self.held.retain(|id| found.contains(id));
    }

    fn count(&mut self, now: Millis, count: usize) {
        if count > 0 {
            self.deleted.push((now, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| format!("{n:04}")).collect()
    }

    #[test]
    fn a_hundred_or_a_quarter_an_hour_pass() {
        let mut brake = Brake::default();
        assert_eq!(brake.admit(0, ids(0..100), 10).len(), 100);
        assert_eq!(brake.admit(1, ids(100..101), 10), Vec::<String>::new());
        assert_eq!(brake.held.len(), 1);
        assert_eq!(brake.admit(1, ids(100..101), 1_000).len(), 1, "a quarter of 1,000 is 250");
        assert!(brake.held.is_empty());
        assert_eq!(brake.admit(WINDOW_MS + 1, ids(0..100), 10).len(), 100, "another hour");
    }

    #[test]
    fn a_group_that_does_not_fit_is_held_back_as_a_whole() {
        let mut brake = Brake::default();
        assert_eq!(brake.admit(0, ids(0..600), 2_000), Vec::<String>::new());
        assert_eq!(brake.held.len(), 600);
        assert_eq!(brake.admit(1, ids(700..750), 2_000).len(), 50, "all else goes on");
    }

    #[test]
    fn a_grant_releases_that_many_once() {
        let mut brake = Brake::default();
        brake.admit(0, ids(0..600), 600);
        brake.allow(200);
        assert_eq!(brake.admit(1, ids(0..600), 600), ids(0..200));
        assert_eq!(brake.held.len(), 400);
        assert_eq!(brake.admit(2, ids(200..600), 400), Vec::<String>::new());
        brake.allow(10_000);
        assert_eq!(brake.admit(3, ids(200..600), 400).len(), 400);
        assert!(brake.held.is_empty());
    }

    #[test]
    fn what_comes_back_leaves_the_set() {
        let mut brake = Brake::default();
        brake.admit(0, ids(0..600), 600);
        assert!(brake.named("0005") && !brake.named("0005"));
        brake.retain(&ids(0..10).into_iter().collect());
        assert_eq!(brake.held.len(), 9);
        let text = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Brake>(&text).unwrap(), brake);
    }
}
