//! The cluster's state: objects, the revision that every write raises, and the changes that watches replay. As etcd:
//! one counter for all kinds, and old revisions can be read until they are compacted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::DemoError;
use super::catalog::Catalog;
use super::rights::Rights;
use crate::object::{KindKey, Object};

/// An object and the revision it was written at.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Its `resource_version` is left empty: kinds write revisions differently.
    pub(super) object: Object,
    pub(super) revision: u64,
}

/// Objects by `namespace/name`: the order of etcd's keys, and so of lists.
pub(super) type Objects = BTreeMap<String, Arc<Stored>>;

/// One write.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) revision: u64,
    kind: KindKey,
    path: String,
    pub(super) before: Option<Arc<Stored>>,
    pub(super) after: Option<Arc<Stored>>,
}

/// The revision asked for can't be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expired;

/// Everything a request can see.
pub(super) struct State {
    pub(super) catalog: Catalog,
    pub(super) rights: BTreeMap<String, Rights>,
    objects: BTreeMap<KindKey, Objects>,
    revision: u64,
    compacted: u64,
    history: VecDeque<Change>,
    max_history: usize,
}

impl State {
    pub(super) fn new(catalog: Catalog, max_history: usize) -> Self {
        Self {
            catalog,
            rights: BTreeMap::new(),
            objects: BTreeMap::new(),
            revision: 1,
            compacted: 0,
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

    pub(super) fn count(&self) -> usize {
        self.objects.values().map(BTreeMap::len).sum()
    }

    pub(super) fn objects(&self, kind: &KindKey) -> impl Iterator<Item = &Arc<Stored>> {
        self.objects.get(kind).into_iter().flat_map(BTreeMap::values)
    }

    /// Kind and path of everything in a namespace.
    pub(super) fn objects_in(&self, namespace: &str) -> Vec<(KindKey, String)> {
        let start = path(namespace, "");
        let own = |objects: &Objects| -> Vec<String> {
            let own = objects.range(start.clone()..).map(|(path, _)| path);
            own.take_while(|path| path.starts_with(&start)).cloned().collect()
        };
        let all = self
            .objects
            .iter()
            .flat_map(|(kind, objects)| own(objects).into_iter().map(|path| (kind.clone(), path)));
        all.collect()
    }

    pub(super) fn get(&self, kind: &KindKey, path: &str) -> Option<&Arc<Stored>> {
        self.objects.get(kind)?.get(path)
    }

    /// Creates or replaces an object.
    pub(super) fn apply(&mut self, kind: &KindKey, mut object: Object) -> Result<u64, DemoError> {
        let Some(served) = self.catalog.get(kind) else {
            return Err(DemoError::UnknownKind(kind.to_string()));
        };
        if served.kind.namespaced == object.namespace.is_empty() {
            return Err(DemoError::WrongScope(kind.to_string()));
        }
        object.resource_version.clear();
        let path = path(&object.namespace, &object.name);
        Ok(self.write(kind.clone(), path, Some(object)))
    }

    /// Removes an object; `None` when there is none.
    pub(super) fn delete(&mut self, kind: &KindKey, path: &str) -> Option<u64> {
        self.get(kind, path)?;
        Some(self.write(kind.clone(), path.to_owned(), None))
    }

    fn write(&mut self, kind: KindKey, path: String, object: Option<Object>) -> u64 {
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

    /// The next changes of a kind after a revision, at most `limit`, and the revision they lead to.
    pub(super) fn since(
        &self,
        kind: &KindKey,
        revision: u64,
        limit: usize,
    ) -> Result<(Vec<Change>, u64), Expired> {
        if revision < self.compacted {
            return Err(Expired);
        }
        let start = self.history.partition_point(|change| change.revision <= revision);
        let own = self.history.range(start..).filter(|change| change.kind == *kind);
        let changes: Vec<_> = own.take(limit).cloned().collect();
        let reached = match changes.last() {
            Some(last) if changes.len() == limit => last.revision,
            // A revision of the future stays where it is: silence, as the real server has it.
            Some(_) | None => self.revision.max(revision),
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

/// An object's key within its kind.
pub(super) fn path(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, kinds};
    use super::*;

    fn state(max_history: usize) -> (State, KindKey) {
        (State::new(Catalog::new(kinds::built_in(Profile::V1_37)), max_history), KindKey::from("configmaps"))
    }

    fn object(name: &str) -> Object {
        Object { name: name.into(), namespace: "shop".into(), ..Object::default() }
    }

    fn names(objects: &Objects) -> Vec<&str> {
        objects.keys().map(String::as_str).collect()
    }

    #[test]
    fn an_earlier_revision_can_be_read_and_restored_until_it_is_compacted() {
        let (mut state, kind) = state(100);
        let first = state.apply(&kind, object("a")).unwrap();
        let second = state.apply(&kind, object("b")).unwrap();
        state.delete(&kind, "shop/a").unwrap();
        assert_eq!(names(&state.at(&kind, second).unwrap()), ["shop/a", "shop/b"]);
        assert_eq!(names(&state.at(&kind, first).unwrap()), ["shop/a"]);
        state.restore(first).unwrap();
        assert_eq!((state.revision(), state.count()), (first, 1));
        assert_eq!(state.apply(&kind, object("c")).unwrap(), second);
        state.compact();
        assert!(state.at(&kind, first - 1).is_err());
    }

    #[test]
    fn history_is_bounded_and_what_fell_out_is_expired() {
        let (mut state, kind) = state(3);
        let first = state.apply(&kind, object("a")).unwrap();
        for name in ["b", "c", "d"] {
            state.apply(&kind, object(name)).unwrap();
        }
        assert!(state.since(&kind, first, 10).is_ok());
        assert!(state.since(&kind, first - 1, 10).is_err());
        let (changes, reached) = state.since(&kind, first, 2).unwrap();
        assert_eq!((changes.len(), reached), (2, first + 2));
        assert_eq!(state.since(&kind, first + 100, 2).unwrap().1, first + 100);
    }

    #[test]
    fn kinds_and_scopes_that_do_not_exist_are_refused() {
        let (mut state, kind) = state(3);
        assert!(state.apply(&KindKey::from("nothings"), object("a")).is_err());
        assert!(state.apply(&kind, Object { name: "a".into(), ..Object::default() }).is_err());
        assert_eq!(state.delete(&kind, "shop/a"), None);
    }
}
