//! What the mirror knows of its collection, and every statement about it. Status, metrics, readiness and the
//! collection's own metadata say what follows from here and nothing else; decisions are taken from here as well,
//! never from what is shown.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Millis;
use crate::object::IdHash;

/// A change is in the store within this time, or the mirror is behind.
const BEHIND_MS: Millis = 2_000;

/// The mirror's own numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Everything was compared since the collection was opened, and nothing can have been missed since.
    pub compared: bool,
    /// Records that the collection is known to hold: seen, or written, and not deleted since.
    there: HashSet<IdHash>,
    /// What the walk through the collection that is under way has seen of them.
    seen: Option<HashSet<IdHash>>,
    /// What the store counts beyond them, or below.
    unexplained: isize,
    /// Records of somebody else.
    pub foreign: usize,
    /// Records that the index lacks and that stay because their kind is not covered: by id, with the kind's name.
    pub uncovered: BTreeMap<String, String>,
    /// Records that may go and stay: the collection does not hold our marker.
    pub unmarked: BTreeSet<String>,
    /// Somebody else wrote, or the store lost something, and not everything was compared since.
    pub meddled: bool,
}

impl Ledger {
    /// Nothing is certain any more.
    pub fn forget(&mut self) {
        self.compared = false;
    }

    /// Everything is about to be walked through, from these records on.
    pub fn begin(&mut self, seen: HashSet<IdHash>) {
        self.seen = Some(seen);
    }

    /// How many records are known to be there.
    pub fn walked(&self) -> usize {
        self.seen.as_ref().unwrap_or(&self.there).len()
    }

    /// The walk is over: what it did not see is not known to be there.
    pub fn end(&mut self) {
        if let Some(seen) = self.seen.take() {
            (self.there, self.unexplained) = (seen, 0);
        }
    }

    /// A record was seen or written.
    pub fn came(&mut self, id: IdHash) {
        if let Some(seen) = &mut self.seen {
            seen.insert(id);
        }
        self.there.insert(id);
    }

    /// A record was deleted, or was not there when it was asked for.
    pub fn went(&mut self, id: IdHash) {
        if let Some(seen) = &mut self.seen {
            seen.remove(&id);
        }
        self.there.remove(&id);
    }

    /// Whether a record is known to be there.
    pub fn holds(&self, id: IdHash) -> bool {
        self.there.contains(&id)
    }

    /// The store counts this many at the end of a comparison.
    pub fn counted(&mut self, count: usize) {
        self.unexplained = count.cast_signed() - self.there.len().cast_signed();
    }

    /// Records that the store counts and no walk showed, or the other way round.
    pub fn unexplained(&self) -> usize {
        self.unexplained.unsigned_abs()
    }

    /// As many records as the store counts, unless somebody else writes.
    pub fn records(&self) -> usize {
        self.there.len().saturating_add_signed(self.unexplained)
    }

    /// The kinds of records that stay uncovered.
    pub fn uncovered_kinds(&self) -> BTreeSet<&str> {
        self.uncovered.values().map(String::as_str).collect()
    }
}

/// Everything that a statement about the collection depends on, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The collection is open and ours, and the last request did not fail.
    pub open: bool,
    /// As [`Ledger::compared`].
    pub compared: bool,
    /// As [`Ledger::meddled`].
    pub meddled: bool,
    /// Deletes that the brake holds back.
    pub held: usize,
    /// Documents that the store does not take.
    pub refused: usize,
    /// Records that stay because their kind is not covered.
    pub uncovered: usize,
    /// Records that may go and stay, as the store does not keep our marker.
    pub unmarked: usize,
    /// As [`Ledger::unexplained`].
    pub unexplained: usize,
    /// Changes that the store has not acknowledged.
    pub waiting: usize,
    /// How long the longest waiting one waits.
    pub lag_ms: Millis,
}

/// What may be said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statement {
    /// The collection equals the index, record by record.
    pub equal: bool,
    /// It does, but for what changed within the last two seconds.
    pub in_sync: bool,
    /// What waits is all that is not written as far as it can be; what is lacking besides stays so without somebody's
    /// help.
    pub caught_up: bool,
}

impl Facts {
    /// What follows.
    pub fn statement(&self) -> Statement {
        let known = self.open && self.compared;
        let count = self.held + self.refused + self.uncovered + self.unmarked + self.unexplained;
        let lacking = self.meddled || count > 0;
        Statement {
            equal: known && !lacking && self.waiting == 0,
            in_sync: known && !lacking && self.lag_ms < BEHIND_MS,
            caught_up: known && !self.meddled,
        }
    }

    /// Whether the collection has all that the cluster has: in sync with an index in which no kind is `stale`.
    pub fn is_complete(&self, stale: bool) -> bool {
        self.statement().in_sync && !stale
    }

    /// Why the collection is not equal to the index and does not become so by itself, in plain words.
    pub fn lacks(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |count: usize, one: &str, more: &str| match count {
            0 => {}
            1 => words.push(format!("1 {one}")),
            count => words.push(format!("{count} {more}")),
        };
        say(self.held, "delete held back", "deletes held back");
        say(self.refused, "document not taken by the store", "documents not taken by the store");
        say(self.uncovered, "record of a kind that is not covered", "records of kinds that are not covered");
        say(
            self.unmarked,
            "record that is gone, in a collection that does not keep its metadata",
            "records that are gone, in a collection that does not keep its metadata",
        );
        say(
            self.unexplained,
            "record that the store counts and does not show, or the other way round",
            "records that the store counts and does not show, or the other way round",
        );
        if self.meddled {
            words.push("somebody else wrote into the collection".to_owned());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNCED: Facts = Facts {
        open: true,
        compared: true,
        meddled: false,
        held: 0,
        refused: 0,
        uncovered: 0,
        unmarked: 0,
        unexplained: 0,
        waiting: 0,
        lag_ms: 0,
    };

    #[test]
    fn nothing_is_equal_while_anything_is_lacking() {
        let all = Statement { equal: true, in_sync: true, caught_up: true };
        assert_eq!(SYNCED.statement(), all);
        assert!(SYNCED.is_complete(false) && !SYNCED.is_complete(true));
        for lacking in [
            Facts { held: 1, ..SYNCED },
            Facts { refused: 1, ..SYNCED },
            Facts { uncovered: 1, ..SYNCED },
            Facts { unmarked: 1, ..SYNCED },
            Facts { unexplained: 1, ..SYNCED },
            Facts { meddled: true, ..SYNCED },
        ] {
            let said = lacking.statement();
            assert!(!said.equal && !said.in_sync && !lacking.is_complete(false), "{lacking:?}");
            assert_eq!((said.caught_up, lacking.lacks().len()), (!lacking.meddled, 1));
        }
        for unknown in [Facts { open: false, ..SYNCED }, Facts { compared: false, ..SYNCED }] {
            assert_eq!(unknown.statement(), Statement::default());
        }
    }

    #[test]
    fn what_just_changed_is_not_equal_yet_and_in_sync_for_two_seconds() {
        let just = Facts { waiting: 3, lag_ms: 1_999, ..SYNCED };
        let caught_up = Statement { caught_up: true, ..Statement::default() };
        assert_eq!(just.statement(), Statement { in_sync: true, ..caught_up });
        assert_eq!(Facts { lag_ms: 2_000, ..just }.statement(), caught_up);
    }

    #[test]
    fn what_the_store_counts_is_what_was_seen_and_written_and_not_deleted() {
        let (mut ledger, id) = (Ledger::default(), |name: &str| IdHash::of(name));
        ["seen", "passed by", "gone"].iter().for_each(|name| ledger.came(id(name)));
        ledger.begin(HashSet::new());
        ["seen", "gone", "gone", "new"].iter().for_each(|name| ledger.came(id(name)));
        ledger.went(id("gone"));
        assert_eq!((ledger.records(), ledger.walked()), (3, 2));
        ledger.end();
        assert!(!ledger.holds(id("passed by")) && ledger.holds(id("new")));
        ledger.counted(3);
        assert_eq!((ledger.unexplained(), ledger.records()), (1, 3));
        ledger.came(id("new"));
        ledger.came(id("newer"));
        assert_eq!(ledger.records(), 4);
        ledger.counted(1);
        assert_eq!((ledger.unexplained(), ledger.records()), (2, 1));
    }

    #[test]
    fn what_is_lacking_is_said_in_words() {
        let facts = Facts { held: 1_900, refused: 1, uncovered: 2, ..SYNCED };
        assert_eq!(
            facts.lacks(),
            [
                "1900 deletes held back",
                "1 document not taken by the store",
                "2 records of kinds that are not covered"
            ]
        );
    }
}
