//! Looking after a collection between comparisons: somebody else may write into it, and a store may lose what it
//! acknowledged. With each sign of life the records are counted, and some of them are read with their vectors, a round
//! through all of them after the other.

use super::Millis;
use crate::object::IdHash;

/// Records read at a time, at least: a small collection is gone through within a minute.
const LEAST: usize = 250;
/// At most: some 2 MB, which take a store a tenth of a second.
const MOST: usize = 500;
/// A round is to take about this many steps.
const STEPS: usize = 40;
/// After everything was compared because of somebody else, the next time is this much later at the earliest; then twice
/// as much, and so on.
const PAUSE_MS: Millis = 30_000;
/// The longest of these pauses.
const LONGEST_MS: Millis = 3_600_000;

/// Where the round is, and when everything may be compared.
#[derive(Debug, Default)]
pub struct Patrol {
    left: Vec<IdHash>,
    size: usize,
    pause: Millis,
    not_before: Millis,
}

impl Patrol {
    /// The next records to look at, of those that are known to be there. The order of a round is any.
    pub fn next(&mut self, known: impl Iterator<Item = IdHash>) -> Vec<IdHash> {
        if self.left.is_empty() {
            self.left = known.collect();
            self.size = (self.left.len() / STEPS).clamp(LEAST, MOST);
        }
        let rest = self.left.len().saturating_sub(self.size);
        self.left.split_off(rest)
    }

    /// Something was found that this mirror did not do: when everything is to be compared. The first time at once, and
    /// whoever goes on and on does not keep both busy.
    pub fn found(&mut self, now: Millis) -> Millis {
        if now >= self.not_before + self.pause {
            self.pause = 0;
        }
        let at = now.max(self.not_before);
        self.pause = (self.pause * 2).clamp(PAUSE_MS, LONGEST_MS);
        self.not_before = at + self.pause;
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(count: usize) -> Vec<IdHash> {
        (0..count).map(|n| IdHash::of(&n.to_string())).collect()
    }

    #[test]
    fn a_round_meets_every_record_once() {
        for count in [0, 1, 250, 999, 25_000] {
            let (known, mut patrol) = (ids(count), Patrol::default());
            let mut seen = BTreeSet::new();
            let mut steps = 0;
            while seen.len() < count {
                let step = patrol.next(known.iter().copied());
                assert!(step.len() <= MOST);
                seen.extend(step.iter().map(|id| format!("{id:?}")));
                steps += 1;
            }
            assert!(steps <= count.div_ceil(MOST).max(STEPS), "{count} take {steps}");
        }
        let mut patrol = Patrol::default();
        assert_eq!((0..4).map(|_| patrol.next(ids(1_000).into_iter()).len()).sum::<usize>(), 1_000);
    }

    #[test]
    fn whoever_writes_for_ever_is_followed_at_growing_intervals() {
        let mut patrol = Patrol::default();
        let (mut now, mut times) = (0, Vec::new());
        for _ in 0..6 {
            now = patrol.found(now);
            times.push(now / 1_000);
        }
        assert_eq!(times, [0, 30, 90, 210, 450, 930]);
        let later = now + 2 * LONGEST_MS;
        assert_eq!(patrol.found(later), later, "the first time in a long while");
    }
}
