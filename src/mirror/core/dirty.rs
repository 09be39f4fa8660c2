//! Which documents changed and were not sent yet: a set keyed by id, not a queue. However long the store is away, it
//! names no more than [`MOST`]: beyond that everything has to be compared.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Millis;

/// A batch leaves this long after its first document became dirty.
pub const GATHER_MS: Millis = 250;
/// A document is sent at most once in this time.
pub const SPACING_MS: Millis = 1_000;

/// More than these are not named: objects that come and go for days would fill the memory with their ids. About 40 MB.
pub const MOST: usize = 200_000;

/// What happened to a document last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is there, new or changed.
    Written,
    /// A DELETED event named its uid.
    DeletedByEvent,
    /// It went by a list that did not name it, a kind that vanished, or an exclusion: the brake judges it, together with
    /// all others of its group.
    Removed,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    cause: Cause,
    /// When it became dirty, counted from its last sending.
    since: Millis,
    /// Key of `order`.
    place: (Millis, u64),
    /// The latest mark.
    mark: u64,
    /// The group of the latest mark.
    group: u64,
}

/// The set.
#[derive(Debug, Default)]
pub struct DirtySet {
    entries: HashMap<Arc<str>, Entry>,
    /// By the time from which a document may be sent.
    order: BTreeMap<(Millis, u64), Arc<str>>,
    /// What a comparison under way takes care of: not sent unless it changes again.
    aside: HashMap<Arc<str>, Entry>,
    /// When documents were sent, as far as it still matters.
    sent: HashMap<Arc<str>, Millis>,
    marks: u64,
    groups: u64,
}

/// One document that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its id.
    pub id: Arc<str>,
    /// What happened last.
    pub cause: Cause,
    /// Since when it waits.
    pub since: Millis,
    /// The group of changes that it belongs to: those of one commit.
    pub group: u64,
}

impl DirtySet {
    /// Begins a group: what is marked from now on came with one commit.
    pub fn begin_group(&mut self) {
        self.groups += 1;
    }

    /// Takes note of a change; the last state wins.
    pub fn mark(&mut self, now: Millis, id: &str, cause: Cause) {
        self.marks += 1;
        let mark = self.marks;
        self.aside.remove(id);
        if let Some(entry) = self.entries.get_mut(id) {
            (entry.cause, entry.mark, entry.group) = (cause, mark, self.groups);
            return;
        }
        self.insert(id.into(), cause, now, mark, self.groups);
    }

    /// Puts back what could not be sent. What became dirty again meanwhile keeps its newer state.
    pub fn put_back(&mut self, due: Vec<Due>) {
        for Due { id, cause, since, group } in due {
            self.sent.remove(&id);
            let (cause, group) = self.remove(&id).map_or((cause, group), |newer| (newer.cause, newer.group));
            self.marks += 1;
            self.insert(id, cause, since, self.marks, group);
        }
    }

    /// When the next batch leaves; `full` is how many make one at once.
    pub fn due(&self, now: Millis, full: usize) -> Option<Millis> {
        let (first, _) = self.order.keys().next()?;
        let ready = self.order.range(..=(now, u64::MAX)).take(full.max(1)).count();
        if ready >= full.max(1) {
            return Some(now);
        }
        let gathered = self.order.values().take(1).filter_map(|id| self.entries.get(id));
        let gathered = gathered.map(|entry| entry.since + GATHER_MS).next().unwrap_or(now);
        Some(gathered.max(*first))
    }

    /// Takes up to `most` documents that may be sent now, the longest waiting first.
    pub fn take(&mut self, now: Millis, most: usize) -> Vec<Due> {
        let ready: Vec<_> =
            self.order.range(..=(now, u64::MAX)).take(most).map(|(place, _)| *place).collect();
        let mut due = Vec::with_capacity(ready.len());
        for place in ready {
            let Some(id) = self.order.remove(&place) else { continue };
            if let Some(entry) = self.entries.remove(&id) {
                self.sent.insert(id.clone(), now);
                due.push(Due { id, cause: entry.cause, since: entry.since, group: entry.group });
            }
        }
        self.sent.retain(|_, at| now - *at < SPACING_MS);
        due
    }

    /// The present mark: what is dirty now is older than what comes after.
    pub fn now(&self) -> u64 {
        self.marks
    }

    /// Forgets what was marked up to `mark` and not since: something else took care of it.
    pub fn forget_until(&mut self, mark: u64) {
        let old: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.mark <= mark).map(|(id, _)| id.clone()).collect();
        for id in old {
            self.remove(&id);
        }
    }

    /// Leaves everything that waits to a comparison of all documents, which would send it a second time.
    pub fn set_aside(&mut self) {
        self.order.clear();
        self.aside.extend(self.entries.drain());
    }

    /// The comparison took care of what was set aside.
    pub fn drop_aside(&mut self) {
        self.aside = HashMap::new();
    }

    /// The comparison failed: what was set aside waits again.
    pub fn wake_aside(&mut self) {
        for (id, entry) in std::mem::take(&mut self.aside) {
            self.marks += 1;
            self.insert(id, entry.cause, entry.since, self.marks, entry.group);
        }
    }

    /// What happened last to a document that waits.
    pub fn cause(&self, id: &str) -> Option<Cause> {
        self.entries.get(id).or_else(|| self.aside.get(id)).map(|entry| entry.cause)
    }

    /// What waits to be removed, with its group.
    pub fn removed(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        let all = self.entries.iter().chain(&self.aside);
        all.filter(|(_, entry)| entry.cause == Cause::Removed).map(|(id, entry)| (id, entry.group))
    }

    /// What waits to leave the store, whatever the reason.
    pub fn leaving(&self) -> impl Iterator<Item = &Arc<str>> {
        let all = self.entries.iter().chain(&self.aside);
        all.filter(|(_, entry)| entry.cause != Cause::Written).map(|(id, _)| id)
    }

    /// Gives up naming what waits when it is too much; the caller has everything compared then.
    #[must_use]
    pub fn give_up(&mut self, most: usize) -> bool {
        let too_many = self.len() > most;
        if too_many {
            *self = Self { marks: self.marks, groups: self.groups, ..Self::default() };
        }
        too_many
    }

    /// Documents that wait.
    pub fn len(&self) -> usize {
        self.entries.len() + self.aside.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Since when the longest waiting one waits.
    pub fn oldest(&self) -> Option<Millis> {
        // The order is by when they may leave, which lags behind by at most the spacing.
        let waiting = self.order.values().take(64).filter_map(|id| self.entries.get(id));
        waiting.chain(self.aside.values()).map(|entry| entry.since).min()
    }

    fn insert(&mut self, id: Arc<str>, cause: Cause, since: Millis, mark: u64, group: u64) {
        let spaced = self.sent.get(&id).map_or(since, |at| at + SPACING_MS);
        let place = (since.max(spaced), mark);
        self.order.insert(place, id.clone());
        self.entries.insert(id, Entry { cause, since, place, mark, group });
    }

    fn remove(&mut self, id: &str) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.order.remove(&entry.place);
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(due: &[Due]) -> Vec<&str> {
        due.iter().map(|due| &*due.id).collect()
    }

    #[test]
    fn a_batch_leaves_a_quarter_of_a_second_after_its_first_document() {
        let mut dirty = DirtySet::default();
        assert_eq!(dirty.due(0, 100), None);
        dirty.mark(1_000, "a", Cause::Written);
        dirty.mark(1_200, "b", Cause::Written);
        assert_eq!(dirty.due(1_200, 100), Some(1_250));
        assert_eq!(ids(&dirty.take(1_250, 100)), ["a", "b"]);
        assert_eq!(dirty.due(1_250, 100), None);
    }

    #[test]
    fn a_full_batch_leaves_at_once() {
        let mut dirty = DirtySet::default();
        (0..3).for_each(|n| dirty.mark(1_000, &n.to_string(), Cause::Written));
        assert_eq!(dirty.due(1_000, 3), Some(1_000));
        assert_eq!(dirty.take(1_000, 2).len(), 2);
        assert_eq!(dirty.len(), 1);
    }

    #[test]
    fn a_document_is_sent_once_a_second_in_its_last_state() {
        let mut dirty = DirtySet::default();
        dirty.mark(0, "a", Cause::Written);
        dirty.take(250, 10);
        dirty.mark(300, "a", Cause::Written);
        dirty.mark(900, "a", Cause::DeletedByEvent);
        assert_eq!(dirty.due(300, 10), Some(1_250));
        assert_eq!(dirty.take(1_249, 10), []);
        let due = dirty.take(1_250, 10);
        assert_eq!(due, [Due { id: "a".into(), cause: Cause::DeletedByEvent, since: 300, group: 0 }]);
    }

    #[test]
    fn what_could_not_be_sent_comes_back_unless_it_changed_again() {
        let mut dirty = DirtySet::default();
        dirty.mark(0, "a", Cause::Written);
        dirty.mark(0, "b", Cause::Written);
        let due = dirty.take(250, 10);
        dirty.mark(400, "b", Cause::DeletedByEvent);
        dirty.put_back(due);
        assert_eq!(dirty.oldest(), Some(0));
        let again = dirty.take(500, 10);
        assert_eq!(again.len(), 2, "nothing is lost, nothing waits for the spacing of a failed sending");
        assert_eq!(
            again.iter().find(|due| &*due.id == "b").map(|due| due.cause),
            Some(Cause::DeletedByEvent)
        );
    }

    #[test]
    fn a_reconcile_forgets_what_was_dirty_before_it_and_nothing_else() {
        let mut dirty = DirtySet::default();
        dirty.mark(0, "a", Cause::Written);
        dirty.mark(0, "b", Cause::Written);
        let mark = dirty.now();
        dirty.mark(5, "b", Cause::DeletedByEvent);
        dirty.mark(5, "c", Cause::Written);
        dirty.forget_until(mark);
        assert_eq!((dirty.cause("a"), dirty.cause("b")), (None, Some(Cause::DeletedByEvent)));
        assert_eq!(dirty.len(), 2);
    }

    #[test]
    fn what_is_set_aside_is_not_sent_unless_it_changes_again_or_the_comparison_fails() {
        let mut dirty = DirtySet::default();
        for id in ["a", "b", "c"] {
            dirty.mark(0, id, Cause::DeletedByEvent);
        }
        dirty.set_aside();
        dirty.mark(300, "b", Cause::Written);
        assert_eq!((dirty.len(), dirty.oldest(), dirty.due(300, 10)), (3, Some(0), Some(550)));
        assert_eq!((dirty.cause("a"), dirty.cause("b")), (Some(Cause::DeletedByEvent), Some(Cause::Written)));
        assert_eq!(ids(&dirty.take(600, 10)), ["b"]);
        dirty.wake_aside();
        let mut woken = dirty.take(600, 10);
        woken.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(ids(&woken), ["a", "c"]);
        dirty.mark(700, "a", Cause::Written);
        dirty.set_aside();
        dirty.drop_aside();
        assert!(dirty.is_empty() && dirty.cause("a").is_none());
    }

    #[test]
    fn too_many_are_not_named_any_more() {
        let mut dirty = DirtySet::default();
        ["a", "b"].iter().for_each(|id| dirty.mark(0, id, Cause::Written));
        dirty.set_aside();
        dirty.mark(0, "c", Cause::DeletedByEvent);
        assert!(!dirty.give_up(3));
        dirty.mark(0, "d", Cause::DeletedByEvent);
        let mark = dirty.now();
        assert!(dirty.give_up(3) && dirty.is_empty());
        dirty.mark(9, "e", Cause::Written);
        dirty.forget_until(mark);
        assert_eq!(ids(&dirty.take(300, 10)), ["e"], "what comes after counts as newer");
    }

    #[test]
    fn what_is_removed_keeps_its_group_until_it_changes_again() {
        let mut dirty = DirtySet::default();
        for ids in [&["a", "b", "c"][..], &["d"]] {
            dirty.begin_group();
            ids.iter().for_each(|id| dirty.mark(0, id, Cause::Removed));
        }
        let taken = dirty.take(300, 2);
        dirty.begin_group();
        dirty.mark(400, "b", Cause::Written);
        dirty.put_back(taken);
        dirty.set_aside();
        let mut removed: Vec<_> = dirty.removed().map(|(id, group)| (id.to_string(), group)).collect();
        removed.sort();
        assert_eq!(removed, [("a".into(), 1), ("c".into(), 1), ("d".into(), 2)]);
    }

    proptest! {
        /// Whatever is marked leaves within two seconds, at most once a second, in its last state.
        #[test]
        fn nothing_waits_longer_than_two_seconds(
            marks in prop::collection::vec((0..5_000_i64, 0..6_u8, any::<bool>()), 1..60),
        ) {
            let mut marks = marks;
            marks.sort();
            let mut dirty = DirtySet::default();
            let mut model: HashMap<String, (Millis, Cause)> = HashMap::new();
            let mut sent: HashMap<String, Millis> = HashMap::new();
            let mut next = marks.into_iter().peekable();
            for now in 0..9_000 {
                while let Some((_, id, gone)) = next.next_if(|(at, ..)| *at == now) {
                    let cause = if gone { Cause::DeletedByEvent } else { Cause::Written };
                    dirty.mark(now, &id.to_string(), cause);
                    let since = model.get(&id.to_string()).map_or(now, |(since, _)| *since);
                    model.insert(id.to_string(), (since, cause));
                }
                if dirty.due(now, 4).is_some_and(|due| due <= now) {
                    for due in dirty.take(now, 4) {
                        let (since, cause) = model.remove(&*due.id).expect("was marked");
                        prop_assert_eq!((due.since, due.cause), (since, cause));
                        prop_assert!(now - since <= 2_000, "waited {}", now - since);
                        let before = sent.insert(due.id.to_string(), now);
                        prop_assert!(before.is_none_or(|before| now - before >= SPACING_MS));
                    }
                }
            }
            prop_assert!(model.is_empty() && dirty.is_empty());
        }
    }
}
