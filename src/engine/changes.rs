//! Which documents a commit changes, for the mirror: collected while operations are applied, told once they can be
//! read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::cluster::watch::describe;
use crate::index::{Op, Snapshot};
use crate::mirror::core::dirty::Cause;
use crate::mirror::source::Feed;
use crate::object::Key;

/// More changes than this in one commit are not named: comparing everything costs less.
const MOST: usize = 50_000;

/// Changes of the commit that is being put together.
pub(super) struct Changes {
    feed: Arc<Feed>,
    changed: HashMap<String, Cause>,
    /// Ids of entries that no snapshot has yet.
    written: HashMap<Key, String>,
    overrun: bool,
}

impl Changes {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        Self { feed, changed: HashMap::new(), written: HashMap::new(), overrun: false }
    }

    /// Takes note of operations that are about to be applied. `by_event` are the deletes that an event named;
    /// `before` is the last commit, which has what is deleted.
    pub(super) fn add(&mut self, ops: &[Op], by_event: &HashSet<Key>, before: &Snapshot) {
        if self.overrun || self.changed.len() + ops.len() > MOST {
            (self.overrun, self.changed, self.written) = (true, HashMap::new(), HashMap::new());
            return;
        }
        let deleted: HashSet<Key> = ops
            .iter()
            .filter_map(|op| match op {
                Op::Delete(key) => Some(*key),
                Op::Upsert(_) => None,
            })
            .collect();
        let mut known = match before.ids_of(&deleted) {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(error = describe(&error), "deletes can't be named; everything is compared");
                self.overrun = true;
                return;
            }
        };
        for key in deleted {
            // An entry that came and went within one commit was never mirrored.
            if let Some(id) = self.written.remove(&key).or_else(|| known.remove(&key)) {
                let cause = if by_event.contains(&key) { Cause::DeletedByEvent } else { Cause::Removed };
                self.changed.insert(id, cause);
            }
        }
        // After the deletes: an object that was recreated has the same id and another key.
        for op in ops {
            if let Op::Upsert(entry) = op {
                self.written.insert(entry.key, entry.document.id.clone());
                self.changed.insert(entry.document.id.clone(), Cause::Written);
            }
        }
    }

    /// The commit stands. Where it can't be read yet nothing is told: whoever is woken would look at an older one, find
    /// nothing of it there, and forget it.
    pub(super) fn committed(&mut self, readable: bool) {
        if !readable {
            return;
        }
        self.written = HashMap::new();
        if std::mem::take(&mut self.overrun) {
            self.feed.overrun();
        }
        let changed = std::mem::take(&mut self.changed);
        if !changed.is_empty() {
            self.feed.mark(changed.iter().map(|(id, cause)| (id.as_str(), *cause)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, Fingerprint, Metadata};
    use crate::index::{Checkpoint, Entry, Schema, memory};

    fn entry(name: &str, uid: &str) -> Op {
        let id = format!("a/v1/Pod/{name}");
        let metadata = Metadata {
            namespace: "a".into(),
            name: name.into(),
            kind: "Pod".into(),
            api_version: "v1".into(),
            ..Metadata::default()
        };
        Op::Upsert(Box::new(Entry {
            key: Key::of(&id, uid),
            kind: "pods".into(),
            document: Document { id, text: name.into(), metadata, local: Default::default() },
            fingerprint: Fingerprint::default(),
            version: None,
        }))
    }

    fn delete(name: &str, uid: &str) -> Op {
        Op::Delete(Key::of(&format!("a/v1/Pod/{name}"), uid))
    }

    #[test]
    fn a_commit_names_what_it_changes_and_why() {
        let (mut writer, reader) = memory(Schema { version: 1 }).unwrap();
        for op in [entry("old", "1"), entry("recreated", "1"), entry("swept", "1")] {
            writer.apply(op).unwrap();
        }
        writer.commit(&Checkpoint::default()).unwrap();
        reader.reload().unwrap();
        let feed = Arc::new(Feed::default());
        let mut changes = Changes::new(feed.clone());
        let by_event: HashSet<Key> = [Key::of("a/v1/Pod/old", "1"), Key::of("a/v1/Pod/brief", "1")].into();
        let ops =
            [entry("recreated", "2"), delete("recreated", "1"), delete("old", "1"), delete("swept", "1")];
        changes.add(&ops, &by_event, &reader.snapshot());
        changes.add(&[entry("brief", "1")], &HashSet::new(), &reader.snapshot());
        changes.add(&[delete("brief", "1"), delete("never", "1")], &by_event, &reader.snapshot());
        assert!(feed.is_empty(), "nothing is told before the commit");
        changes.committed(true);
        let cause = |name: &str| feed.cause(&format!("a/v1/Pod/{name}"));
        assert_eq!(cause("old"), Some(Cause::DeletedByEvent));
        assert_eq!(cause("swept"), Some(Cause::Removed));
        assert_eq!(cause("recreated"), Some(Cause::Written));
        assert_eq!(cause("brief"), Some(Cause::DeletedByEvent), "as good as never sent");
        assert_eq!(cause("never"), None);
    }

    #[test]
    fn a_commit_that_the_reader_could_not_follow_is_told_with_the_next_that_it_can() {
        let (mut writer, reader) = memory(Schema { version: 1 }).unwrap();
        let feed = Arc::new(Feed::default());
        let mut changes = Changes::new(feed.clone());
        let mut commit = |changes: &mut Changes, op: Op, by_event: &HashSet<Key>, readable: bool| {
            let ops = [op];
            changes.add(&ops, by_event, &reader.snapshot());
            ops.into_iter().for_each(|op| writer.apply(op).unwrap());
            writer.commit(&Checkpoint::default()).unwrap();
            if readable {
                reader.reload().unwrap();
            }
            changes.committed(readable);
        };
        let by_event = [Key::of("a/v1/Pod/brief", "1")].into();
        commit(&mut changes, entry("written", "1"), &HashSet::new(), false);
        commit(&mut changes, entry("brief", "1"), &HashSet::new(), false);
        // The snapshot that is read never had it.
        commit(&mut changes, delete("brief", "1"), &by_event, false);
        assert!(feed.is_empty());
        commit(&mut changes, entry("last", "1"), &HashSet::new(), true);
        let cause = |name: &str| feed.cause(&format!("a/v1/Pod/{name}"));
        assert_eq!((cause("written"), cause("last")), (Some(Cause::Written), Some(Cause::Written)));
        assert_eq!(cause("brief"), Some(Cause::DeletedByEvent));
    }
}
