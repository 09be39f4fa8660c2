//! The brake: deletes that no event named are limited. A group of them, all of one commit or of one comparison, is
//! judged once and as a whole. Beyond the limit it becomes part of a stored held-back set that a person releases.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Millis;

/// So many are always let through within the hour.
const ALWAYS: usize = 100;
/// Or this part of what the store holds.
const PART: usize = 4;
/// The hour.
const WINDOW_MS: Millis = 3_600_000;

/// Two clocks at one moment: within a run the steady one counts, and between runs there is only the wall's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// A clock that never jumps, of this run.
    pub steady: Millis,
    /// Milliseconds since 1970.
    pub wall: Millis,
}

/// What the brake remembers between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brake {
    /// Ids that were to be deleted and are held back.
    pub held: BTreeSet<String>,
    /// Ids that were let through, whose records may still be there: a batch that fails, or a crash, must not make the
    /// rest of their group another group.
    admitted: BTreeSet<String>,
    /// When how many were let through, within the last hour; times of the wall clock.
    deleted: Vec<(Millis, usize)>,
    /// Something was held back, and which ids these were is not known any more.
    lost: bool,
    /// How many more a person allowed, once.
    #[serde(skip)]
    grant: usize,
    /// The last moment that was looked at.
    #[serde(skip)]
    before: Option<Now>,
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
        self.admitted.clear();
    }

    /// Judges the deletes of one commit or of one comparison, of `records` that the store holds. A group that does not
    /// fit the limit is held back as a whole: what would take so much is more likely a mistake than not. Ids that
    /// were judged before keep their verdict, but for what a person allows.
    pub fn judge(&mut self, now: Now, group: impl IntoIterator<Item = String>, records: usize) {
        self.pass(now);
        let (known, new): (BTreeSet<String>, BTreeSet<String>) =
            group.into_iter().partition(|id| self.held.contains(id) || self.admitted.contains(id));
        let used: usize = self.deleted.iter().map(|(_, count)| count).sum();
        let fits = used + new.len() <= ALWAYS.max(records / PART);
        if fits && !new.is_empty() {
            self.deleted.push((now.wall, new.len()));
        }
        let verdict = if fits { &mut self.admitted } else { &mut self.held };
        verdict.extend(new.iter().cloned());
        for id in known.iter().chain(&new) {
            if self.grant > 0 && self.held.remove(id) {
                self.grant -= 1;
                self.admitted.insert(id.clone());
            }
        }
    }

    /// Everything that a permission was about was judged: what is left of it is not for other days.
    pub fn end_grant(&mut self) {
        self.grant = 0;
    }

    /// Whether this document's record may be deleted.
    pub fn lets_through(&self, id: &str) -> bool {
        self.admitted.contains(id)
    }

    /// What was judged and is not known to be gone: a comparison looks for it by id.
    pub fn judged(&self) -> impl Iterator<Item = &String> {
        self.held.iter().chain(&self.admitted)
    }

    /// A document that is there again, or whose record is gone, is no longer held back. Whether anything was known
    /// of it.
    pub fn settled(&mut self, id: &str) -> bool {
        self.held.remove(id) | self.admitted.remove(id)
    }

    /// After a comparison: `lacking` are the records that the index does not have, covered or not. What is not among
    /// them leaves the set.
    pub fn compared(&mut self, lacking: BTreeSet<String>) {
        self.admitted.retain(|id| lacking.contains(id));
        if std::mem::take(&mut self.lost) {
            self.held = lacking;
        } else {
            self.held.retain(|id| lacking.contains(id));
        }
    }

    /// Moves what is remembered along with a wall clock that was set, so that an hour stays an hour.
    fn pass(&mut self, now: Now) {
        if let Some(before) = self.before.replace(now) {
            let jump = (now.wall - before.wall) - (now.steady - before.steady);
            self.deleted.iter_mut().for_each(|(at, _)| *at += jump);
        }
        // A clock that was set back between two runs leaves entries of the future: they count until it has caught up.
        self.deleted.retain(|(at, _)| now.wall - *at < WINDOW_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| format!("{n:04}")).collect()
    }

    fn at(ms: Millis) -> Now {
        Now { steady: ms, wall: 1_772_452_800_000 + ms }
    }

    /// Judges a group and deletes what may go; returns how many that are.
    fn delete(brake: &mut Brake, now: Now, group: Vec<String>, records: usize) -> usize {
        brake.judge(now, group.clone(), records);
        group.iter().filter(|id| brake.lets_through(id) && brake.settled(id)).count()
    }

    #[test]
    fn a_hundred_or_a_quarter_an_hour_pass() {
        let mut brake = Brake::default();
        assert_eq!(delete(&mut brake, at(0), ids(0..100), 10), 100);
        assert_eq!(delete(&mut brake, at(1), ids(100..101), 10), 0);
        assert_eq!(brake.held.len(), 1);
        assert_eq!(delete(&mut brake, at(1), ids(101..102), 1_000), 1, "a quarter of 1,000 is 250");
        assert_eq!(delete(&mut brake, at(WINDOW_MS + 1), ids(0..100), 10), 100, "another hour");
    }

    #[test]
    fn a_group_that_does_not_fit_is_held_back_as_a_whole() {
        let mut brake = Brake::default();
        assert_eq!(delete(&mut brake, at(0), ids(0..600), 2_000), 0);
        assert_eq!(brake.held.len(), 600);
        assert_eq!(delete(&mut brake, at(1), ids(700..750), 2_000), 50, "all else goes on");
    }

    #[test]
    fn what_is_held_back_stays_so_however_little_is_left_of_it_and_however_long_it_takes() {
        let mut brake = Brake::default();
        delete(&mut brake, at(0), ids(0..600), 600);
        brake.compared(ids(0..3).into_iter().collect());
        assert_eq!(delete(&mut brake, at(10 * WINDOW_MS), ids(0..4), 600), 1, "only the new one goes");
        assert_eq!(brake.held, ids(0..3).into_iter().collect());
    }

    #[test]
    fn a_group_that_was_let_through_stays_so_through_failures_and_a_crash() {
        let mut brake = Brake::default();
        brake.judge(at(0), ids(0..100), 10);
        ids(0..40).iter().for_each(|id| _ = brake.settled(id));
        let text = serde_json::to_string(&brake).unwrap();
        let mut after: Brake = serde_json::from_str(&text).unwrap();
        after.compared(ids(40..100).into_iter().collect());
        assert_eq!(delete(&mut after, at(1_000), ids(40..100), 10), 60, "counted when it was judged");
        assert_eq!(delete(&mut after, at(1_000), ids(40..41), 10), 0, "came back, and is another delete");
    }

    #[test]
    fn a_lost_set_is_made_anew_of_all_that_could_be_in_it() {
        let mut brake = Brake::default();
        brake.lose();
        brake.compared(ids(0..5).into_iter().collect());
        assert_eq!(delete(&mut brake, at(0), ids(0..3), 600), 0);
        assert_eq!(brake.held.len(), 5);
        brake.compared(ids(0..3).into_iter().collect());
        assert_eq!((brake.held.len(), delete(&mut brake, at(0), ids(7..9), 600)), (3, 2));
    }

    #[test]
    fn a_grant_releases_that_many_once() {
        let mut brake = Brake::default();
        delete(&mut brake, at(0), ids(0..600), 600);
        brake.allow(200);
        assert_eq!(delete(&mut brake, at(1), ids(0..600), 600), 200);
        assert_eq!(brake.held, ids(200..600).into_iter().collect());
        assert_eq!(delete(&mut brake, at(2), ids(200..600), 400), 0);
        brake.allow(10_000);
        assert_eq!(delete(&mut brake, at(3), ids(200..600), 400), 400);
        assert!(brake.held.is_empty());
    }

    #[test]
    fn what_is_left_of_a_permission_is_not_for_other_days() {
        let mut brake = Brake::default();
        delete(&mut brake, at(0), ids(0..600), 600);
        brake.allow(5_000);
        assert_eq!(delete(&mut brake, at(1), ids(0..600), 600), 600);
        brake.end_grant();
        assert_eq!(delete(&mut brake, at(2), ids(600..1_200), 600), 0);
    }

    #[test]
    fn what_comes_back_leaves_the_set() {
        let mut brake = Brake::default();
        delete(&mut brake, at(0), ids(0..600), 600);
        assert!(brake.settled("0005") && !brake.settled("0005"));
        brake.compared(ids(0..10).into_iter().collect());
        assert_eq!(brake.held.len(), 9);
        let text = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Brake>(&text).unwrap(), Brake { before: None, ..brake });
    }

    #[test]
    fn a_wall_clock_that_jumps_makes_no_hour() {
        let mut brake = Brake::default();
        assert_eq!(delete(&mut brake, at(0), ids(0..100), 10), 100);
        let jumped = |ms| Now { wall: at(ms).wall + 24 * WINDOW_MS, ..at(ms) };
        assert_eq!(delete(&mut brake, jumped(1), ids(100..101), 10), 0);
        assert_eq!(delete(&mut brake, jumped(WINDOW_MS), ids(200..300), 10), 100);
    }
}
