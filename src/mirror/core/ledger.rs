//! What the mirror knows of its collection, and every statement about it. Status, metrics, readiness and the
//! collection's own metadata say what follows from here and nothing else; decisions are taken from here as well,
//! never from what is shown.

use std::collections::{BTreeMap, BTreeSet};

use super::Millis;

/// A change is in the store within this time, or the mirror is behind.
const BEHIND_MS: Millis = 2_000;

/// The mirror's own numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Everything was compared since the collection was opened, and nothing can have been missed since.
    pub compared: bool,
    /// Records that the collection holds: counted at the end of a comparison, and what was written and deleted since.
    pub records: usize,
    /// How often that number changed.
    pub moves: usize,
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

    /// This many records came.
    pub fn add(&mut self, count: usize) {
        self.records += count;
        self.moves += usize::from(count > 0);
    }

    /// This many records went.
    pub fn take(&mut self, count: usize) {
        self.records = self.records.saturating_sub(count);
        self.moves += usize::from(count > 0);
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
    /// All that the index had is written as far as it can be; what is lacking stays so without somebody's help.
    pub caught_up: bool,
}

impl Facts {
    /// What follows.
    pub fn statement(&self) -> Statement {
        let known = self.open && self.compared;
        let lacking = self.meddled || self.held + self.refused + self.uncovered + self.unmarked > 0;
        Statement {
            equal: known && !lacking && self.waiting == 0,
            in_sync: known && !lacking && self.lag_ms < BEHIND_MS,
            caught_up: known && !self.meddled && self.waiting == 0,
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
        assert_eq!(just.statement(), Statement { in_sync: true, ..Statement::default() });
        assert_eq!(Facts { lag_ms: 2_000, ..just }.statement(), Statement::default());
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
