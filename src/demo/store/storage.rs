//! One etcd: objects, the revision that every write raises, and the changes that watches replay. One counter for all
//! kinds, and old revisions can be read until they are compacted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::object::{KindKey, Object};

/// An object and the revision it was written at.
#[derive(Debug, Clone)]
pub(in crate::demo) struct Stored {
    /// Its `resource_version` is left empty: kinds write revisions differently.
    pub(in crate::demo) object: Object,
    pub(in crate::demo) revision: u64,
}

/// Objects by `namespace/name`: the order of etcd's keys, and so of lists.
pub(in crate::demo) type Objects = BTreeMap<String, Arc<Stored>>;

/// One write.
#[derive(Debug, Clone)]
pub(in crate::demo) struct Change {
    pub(in crate::demo) revision: u64,
    kind: KindKey,
    path: String,
    pub(in crate::demo) before: Option<Arc<Stored>>,
    pub(in crate::demo) after: Option<Arc<Stored>>,
}

/// The revision asked for can't be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) struct Expired;

/// One etcd.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    objects: BTreeMap<KindKey, Objects>,
    revision: u64,
    compacted: u64,
    history: VecDeque<Change>,
    max_history: usize,
}

impl Storage {
    /// An empty one whose next write is the one after `revision`.
    pub(super) fn new(revision: u64, max_history: usize) -> Self {
        Self {
            objects: BTreeMap::new(),
            revision,
            compacted: revision.saturating_sub(1),
            history: VecDeque::new(),
            max_history: max_history.max(1),
        }
    }

    /// The revision of the last write.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Forgets how the present came about.
    pub(super) fn compact(&mut self) {
        self.history.clear();
        self.compacted = self.revision;
    }

    pub(super) fn all(&self) -> &BTreeMap<KindKey, Objects> {
        &self.objects
    }

    pub(super) fn of(&self, kind: &KindKey) -> Option<&Objects> {
        self.objects.get(kind)
    }

    /// Puts an object at a path, or removes what is there.
    pub(super) fn write(&mut self, kind: KindKey, path: String, object: Option<Object>) -> u64 {
        self.revision += 1;
        let after = object.map(|object| Arc::new(Stored { object, revision: self.revision }));
        let objects = self.objects.entry(kind.clone()).or_default();
        let before = match &after {
            Some(after) => objects.insert(path.clone(), Arc::clone(after)),
            None => objects.remove(&path),
        };
        if self.history.len() == self.max_history
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.revision;
        }
        self.history.push_back(Change { revision: self.revision, kind, path, before, after });
        self.revision
    }

    /// Goes back to an earlier revision, as an etcd that was restored from a snapshot: later writes never happened,
    /// and the revision counts on from there.
    pub(super) fn restore(&mut self, revision: u64) -> Result<(), Expired> {
        if revision < self.compacted {
            return Err(Expired);
        }
        while let Some(change) = self.history.pop_back_if(|change| change.revision > revision) {
            let objects = self.objects.entry(change.kind).or_default();
            undo(objects, &change.path, change.before);
        }
        self.revision = revision.min(self.revision);
        self.compact();
        Ok(())
    }

    /// A kind's objects as they were at `revision`.
    pub(super) fn at(&self, kind: &KindKey, revision: u64) -> Result<Objects, Expired> {
        if revision < self.compacted {
            return Err(Expired);
        }
        let mut objects = self.objects.get(kind).cloned().unwrap_or_default();
        let later = self.history.iter().rev().take_while(|change| change.revision > revision);
        later.filter(|change| change.kind == *kind).for_each(|change| {
            undo(&mut objects, &change.path, change.before.clone());
        });
        Ok(objects)
    }

    /// The next changes of a kind after a revision and up to another, at most `limit`, and the revision they lead to.
    pub(super) fn since(
        &self,
        kind: &KindKey,
        revision: u64,
        until: u64,
        limit: usize,
    ) -> Result<(Vec<Change>, u64), Expired> {
        if revision < self.compacted {
            return Err(Expired);
        }
        let start = self.history.partition_point(|change| change.revision <= revision);
        let own = self.history.range(start..).take_while(|change| change.revision <= until);
        let changes: Vec<_> = own.filter(|change| change.kind == *kind).take(limit).cloned().collect();
        let reached = match changes.last() {
            Some(last) if changes.len() == limit => last.revision,
            // A revision of the future stays where it is: silence, as the real server has it.
            Some(_) | None => self.revision.min(until).max(revision),
        };
        Ok((changes, reached))
    }
}

fn undo(objects: &mut Objects, path: &str, before: Option<Arc<Stored>>) {
    match before {
        Some(before) => objects.insert(path.to_owned(), before),
        None => objects.remove(path),
    };
}
