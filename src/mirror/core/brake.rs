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

/// What the brake remembers between runs. Times are of the clock that no jump moves within a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brake {
    /// Ids that were to be deleted and are held back.
    pub held: BTreeSet<String>,
    /// When how many were deleted, within the last hour.
    deleted: Vec<(Millis, usize)>,
    /// Something was held back, and which ids these were is not known any more.
    lost: bool,
    /// How many more a person allowed, once.
    #[serde(skip)]
    grant: usize,
}

impl Brake {
    /// Lets up to `count` held-back deletes through, once.
    pub fn allow(&mut self, count: usize) {
        self.grant = count;
    }

    /// An earlier run held deletes back, and which ones was lost with its directory: what the next comparison finds
    /// is held back, however little it is.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Which of these documents may be deleted now, of `records` that the store holds. A group that does not fit
    /// the limit is held back as a whole: what would take so much is more likely a mistake than not. What was held
    /// back before goes only when a person allowed it, however small the set has become.
    pub fn admit(&mut self, now: Millis, ids: Vec<String>, records: usize) -> Vec<String> {
        // A clock that was set back leaves entries of the future: they count until it has caught up.
        self.deleted.retain(|(at, _)| now - *at < WINDOW_MS);
        let used: usize = self.deleted.iter().map(|(_, count)| count).sum();
        let limit = ALWAYS.max(records / PART);
        let (mut held, new): (Vec<String>, Vec<String>) =
            ids.into_iter().partition(|id| self.held.contains(id));
        let mut allowed = Vec::new();
        if used + new.len() <= limit {
            self.count(now, new.len());
            allowed = new;
        } else {
            held.extend(new);
        }
        held.sort();
        for id in held.drain(..self.grant.min(held.len())) {
            self.grant -= 1;
            self.held.remove(&id);
            allowed.push(id);
        }
        self.held.extend(held);
        allowed
    }

    /// A document that is there again, or whose record is gone, is no longer held back.
    pub fn settled(&mut self, id: &str) -> bool {
        self.held.remove(id)
    }

    /// After a comparison: `lacking` are the records that the index does not have, covered or not. What is not among
    /// them leaves the set.
    pub fn compared(&mut self, lacking: BTreeSet<String>) {
        if std::mem::take(&mut self.lost) {
            self.held = lacking;
        } else {
            self.held.retain(|id| lacking.contains(id));
        }
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
        assert_eq!(brake.admit(1, ids(101..102), 1_000).len(), 1, "a quarter of 1,000 is 250");
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
    fn what_is_held_back_stays_so_however_little_is_left_of_it_and_however_long_it_takes() {
        let mut brake = Brake::default();
        brake.admit(0, ids(0..600), 600);
        brake.compared(ids(0..3).into_iter().collect());
        assert_eq!(brake.admit(10 * WINDOW_MS, ids(0..4), 600), ids(3..4), "only the new one goes");
        assert_eq!(brake.held.len(), 3);
    }

    #[test]
    fn a_lost_set_is_made_anew_of_all_that_could_be_in_it() {
        let mut brake = Brake::default();
        brake.lose();
        brake.compared(ids(0..5).into_iter().collect());
        assert_eq!(brake.admit(0, ids(0..3), 600), Vec::<String>::new());
        assert_eq!(brake.held.len(), 5);
        brake.compared(ids(0..3).into_iter().collect());
        assert_eq!((brake.held.len(), brake.admit(0, ids(7..9), 600).len()), (3, 2));
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
        assert!(brake.settled("0005") && !brake.settled("0005"));
        brake.compared(ids(0..10).into_iter().collect());
        assert_eq!(brake.held.len(), 9);
        let text = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Brake>(&text).unwrap(), brake);
    }
}
