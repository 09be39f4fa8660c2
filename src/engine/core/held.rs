//! What the index holds, as little of it as comparing takes: some 80 bytes an entry.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::document::Fingerprint;
use crate::index::{Entry, HeldEntry};
use crate::object::{IdHash, Key, KindKey, Scope};

use super::Millis;

/// One living entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Its key in the index (id and uid).
    pub(super) key: Key,
    /// What the index would be given again if nothing changed.
    pub(super) fingerprint: Fingerprint,
    /// The newest version that was ever seen; 0 while unknown. The one in the index is not newer.
    recorded: u64,
    /// The version is of a history that is no more.
    doubtful: bool,
    /// When annotation values alone were last written.
    pub(super) annotations_at: Millis,
    /// When a reader of the whole cluster last named it, and one of its namespace: counted in lists that have begun.
    seen: [u32; 2],
    namespace: u32,
}

impl Held {
    pub(super) fn new(entry: &Entry, namespace: u32) -> Self {
        Self {
            key: entry.key,
            fingerprint: entry.fingerprint,
            recorded: entry.version.unwrap_or(0),
            doubtful: false,
            annotations_at: Millis::MIN / 2,
            seen: [0, 0],
            namespace,
        }
    }

    /// The newest version seen, where it may be compared; else 0.
    pub(super) fn version(&self) -> u64 {
        if self.doubtful { 0 } else { self.recorded }
    }

    /// Takes the version in which it was seen now. Says whether the entry must be written even if nothing else differs:
    /// the index has it in a version that the storage has not reached again, and the next run would take that for newer
    /// than all that comes.
    pub(super) fn take_version(&mut self, version: Option<u64>) -> bool {
        let Some(version) = version else { return false };
        let stored = std::mem::replace(&mut self.recorded, version);
        std::mem::take(&mut self.doubtful) && version < stored
    }

    /// A reader of `scope` named it at this count of lists; what was said later stands.
    pub(super) fn see(&mut self, scope: &Scope, generation: u32) {
        let seen = &mut self.seen[reach(scope)];
        *seen = generation.max(*seen);
    }

    /// Another object under the same name takes its place; it was seen as this one was.
    pub(super) fn replace(&mut self, entry: &Entry) {
        *self = Self { seen: self.seen, ..Self::new(entry, self.namespace) };
    }
}

/// Which of the two readers that can see an object this one is.
fn reach(scope: &Scope) -> usize {
    match scope {
        Scope::All => 0,
        Scope::Namespace(_) => 1,
    }
}

/// All living entries by kind and id.
#[derive(Debug, Default)]
pub(super) struct HeldKinds {
    kinds: HashMap<KindKey, HashMap<IdHash, Held>>,
    namespaces: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

/// An entry that was removed.
pub(super) type Gone = (IdHash, Held);

/// A list that ended.
#[derive(Clone, Copy)]
pub(super) struct Swept<'a> {
    pub(super) scope: &'a Scope,
    /// The count of lists when it began.
    pub(super) generation: u32,
    /// Its version, where comparable.
    pub(super) version: Option<u64>,
}

impl Swept<'_> {
    /// Whether the list would have named the entry if the object were there.
    fn misses(&self, held: &Held) -> bool {
        let [own, other] = match self.scope {
            Scope::All => held.seen,
            Scope::Namespace(_) => [held.seen[1], held.seen[0]],
        };
        if own >= self.generation {
            return false;
        }
        match (self.version, held.version()) {
            // Nothing to compare: what another reader named since this list began may be newer than it.
            (None, _) | (_, 0) => other < self.generation,
            // What is newer than the list came through another reader meanwhile.
            (Some(version), held) => held <= version,
        }
    }
}

impl HeldKinds {
    pub(super) fn restore(&mut self, entry: HeldEntry) {
        let namespace = self.intern(&entry.namespace);
        let held = Held {
            key: entry.key,
            fingerprint: entry.fingerprint,
            recorded: entry.version,
            doubtful: false,
            annotations_at: Millis::MIN / 2,
            seen: [0, 0],
            namespace,
        };
        self.kinds.entry(entry.kind).or_default().insert(entry.id, held);
    }

    /// The number of a namespace name; names are few and kept once.
    pub(super) fn intern(&mut self, namespace: &str) -> u32 {
        if let Some(number) = self.numbers.get(namespace) {
            return *number;
        }
        let name: Arc<str> = namespace.into();
        let number = u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX);
        self.namespaces.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    pub(super) fn get_mut(&mut self, kind: &KindKey, id: IdHash) -> Option<&mut Held> {
        self.kinds.get_mut(kind)?.get_mut(&id)
    }

    pub(super) fn insert(&mut self, kind: &KindKey, id: IdHash, held: Held) {
        match self.kinds.get_mut(kind) {
            Some(entries) => entries.insert(id, held),
            None => self.kinds.entry(kind.clone()).or_default().insert(id, held),
        };
    }

    pub(super) fn remove(&mut self, kind: &KindKey, id: IdHash) {
        if let Some(entries) = self.kinds.get_mut(kind) {
            entries.remove(&id);
        }
    }

    pub(super) fn count(&self, kind: &KindKey) -> usize {
        self.kinds.get(kind).map_or(0, HashMap::len)
    }

    pub(super) fn total(&self) -> usize {
        self.kinds.values().map(HashMap::len).sum()
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = &KindKey> {
        self.kinds.iter().filter(|(_, entries)| !entries.is_empty()).map(|(kind, _)| kind)
    }

    pub(super) fn holds(&self, kind: &KindKey, scope: &Scope) -> bool {
        self.kinds.get(kind).is_some_and(|entries| entries.values().any(|held| self.within(scope, held)))
    }

    /// Entries of `kind` in the list's scope, and how many of them it has not named.
    pub(super) fn unseen(&self, kind: &KindKey, list: Swept<'_>) -> (usize, usize) {
        let Some(entries) = self.kinds.get(kind) else { return (0, 0) };
        let inside = entries.values().filter(|held| self.within(list.scope, held));
        inside.fold((0, 0), |(all, unseen), held| (all + 1, unseen + usize::from(list.misses(held))))
    }

    /// Removes and returns the entries of `kind` in the list's scope that it has not named.
    pub(super) fn take_unseen(&mut self, kind: &KindKey, list: Swept<'_>) -> Vec<Gone> {
        let Some(mut entries) = self.kinds.remove(kind) else { return Vec::new() };
        let gone = entries.extract_if(|_, held| self.within(list.scope, held) && list.misses(held)).collect();
        self.kinds.insert(kind.clone(), entries);
        gone
    }

    /// Removes and returns the entries for which `condemned(kind, namespace)` holds.
    pub(super) fn take_where(&mut self, condemned: impl Fn(&KindKey, &str) -> bool) -> Vec<Gone> {
        let namespaces = &self.namespaces;
        let name = |held: &Held| namespaces.get(held.namespace as usize).map_or("", AsRef::as_ref);
        let mut gone = Vec::new();
        for (kind, entries) in &mut self.kinds {
            gone.extend(entries.extract_if(|_, held| condemned(kind, name(held))));
        }
        gone
    }

    /// Removes and returns the entries of one kind in these namespaces.
    pub(super) fn take_within(&mut self, kind: &KindKey, namespaces: impl Fn(&str) -> bool) -> Vec<Gone> {
        self.take_in(kind, namespaces, |_| true)
    }

    /// The same, of entries that are known not to be newer than `version`.
    pub(super) fn take_known_up_to(
        &mut self,
        kind: &KindKey,
        namespaces: impl Fn(&str) -> bool,
        version: u64,
    ) -> Vec<Gone> {
        self.take_in(kind, namespaces, |held| (1..=version).contains(&held.version()))
    }

    fn take_in(
        &mut self,
        kind: &KindKey,
        namespaces: impl Fn(&str) -> bool,
        condemned: impl Fn(&Held) -> bool,
    ) -> Vec<Gone> {
        let numbers = self.numbers(namespaces);
        let condemned = |held: &Held| numbers.contains(&held.namespace) && condemned(held);
        let entries = self.kinds.get_mut(kind).into_iter();
        entries.flat_map(|entries| entries.extract_if(|_, held| condemned(held))).collect()
    }

    /// Every namespace that something was ever held of.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces.iter()
    }

    /// The ids held of a kind.
    pub(super) fn ids(&self, kind: &KindKey) -> impl Iterator<Item = IdHash> + '_ {
        self.kinds.get(kind).into_iter().flat_map(|entries| entries.keys().copied())
    }

    /// After a regression no version held in these namespaces may be compared with what comes.
    pub(super) fn forget_versions(&mut self, kind: &KindKey, doubtful: impl Fn(&str) -> bool) {
        let doubtful: HashSet<u32> = (0_u32..)
            .zip(&self.namespaces)
            .filter(|(_, name)| doubtful(name))
            .map(|(number, _)| number)
            .collect();
        let entries = self.kinds.get_mut(kind).into_iter().flat_map(HashMap::values_mut);
        entries.filter(|held| doubtful.contains(&held.namespace)).for_each(|held| held.doubtful = true);
    }

    /// The newest version held of a kind in each namespace.
    pub(super) fn newest(&self, kind: &KindKey) -> HashMap<Arc<str>, u64> {
        let mut newest: HashMap<u32, u64> = HashMap::new();
        for held in self.kinds.get(kind).into_iter().flat_map(HashMap::values) {
            let newest = newest.entry(held.namespace).or_default();
            *newest = held.version().max(*newest);
        }
        let name = |number: u32| self.namespaces.get(number as usize).cloned();
        newest.into_iter().filter_map(|(number, newest)| Some((name(number)?, newest))).collect()
    }

    fn numbers(&self, wanted: impl Fn(&str) -> bool) -> HashSet<u32> {
        (0_u32..).zip(&self.namespaces).filter(|(_, name)| wanted(name)).map(|(number, _)| number).collect()
    }

    fn within(&self, scope: &Scope, held: &Held) -> bool {
        scope.contains(self.namespaces.get(held.namespace as usize).map(AsRef::as_ref))
    }
}
