//! All sources by kind and scope. At most two of them can see one object: that of the whole cluster, and that of its
//! namespace.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::object::{KindKey, Scope};

use super::source::Source;

/// The sources of one kind.
#[derive(Debug, Default)]
pub(super) struct KindSources {
    all: Option<Source>,
    namespaces: BTreeMap<Arc<str>, Source>,
    /// The newest version that sources saw which are forgotten since.
    forgotten: u64,
}

/// The sources of every kind.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<KindKey, KindSources>);

impl KindSources {
    /// The source of the whole cluster.
    pub(super) fn all(&self) -> Option<&Source> {
        self.all.as_ref()
    }

    /// The source of a namespace.
    pub(super) fn namespace(&self, name: &str) -> Option<&Source> {
        self.namespaces.get(name)
    }

    /// The sources of namespaces.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = (&Arc<str>, &Source)> {
        self.namespaces.iter()
    }

    /// Whether the *other* source of objects in `namespace` knows one of this version, which is not held, as gone.
    fn other_knows_as_gone(&mut self, own: &Scope, namespace: &str, version: u64) -> bool {
        let other = match own {
            Scope::All => self.namespaces.get_mut(namespace),
            Scope::Namespace(_) => self.all.as_mut(),
        };
        other.is_some_and(|other| other.knows_as_gone(version))
    }

    /// The newest version that other sources than `own` have seen of what it can see.
    pub(super) fn newest_of_others(&self, own: &Scope) -> u64 {
        let seen = match own {
            Scope::All => self.namespaces.values().map(Source::newest).max(),
            Scope::Namespace(_) => self.all.as_ref().map(Source::newest),
        };
        self.forgotten.max(seen.unwrap_or(0))
    }

    /// The newest version that any source has seen, those included that are forgotten since.
    pub(super) fn newest(&self) -> u64 {
        self.iter().map(|(_, source)| source.newest()).fold(self.forgotten, u64::max)
    }

    /// Whether a source that is forgotten has seen something.
    pub(super) fn has_forgotten(&self) -> bool {
        self.forgotten > 0
    }

    fn get(&self, scope: &Scope) -> Option<&Source> {
        match scope {
            Scope::All => self.all.as_ref(),
            Scope::Namespace(name) => self.namespaces.get(name),
        }
    }

    /// Whether nobody who could see a namespace may read it: each one was refused in this run.
    pub(super) fn is_unreadable(&self, namespace: &str) -> bool {
        let mut readers = [self.all(), self.namespace(namespace)].into_iter().flatten().peekable();
        readers.peek().is_some() && readers.all(Source::is_denied)
    }

    /// What these sources had read was removed.
    pub(super) fn empty(&mut self, those: impl Fn(&Source) -> bool) {
        self.all
            .iter_mut()
            .chain(self.namespaces.values_mut())
            .filter(|own| those(own))
            .for_each(Source::empty);
    }

    /// Nobody reads the kind any more.
    pub(super) fn pause(&mut self) {
        self.all.iter_mut().chain(self.namespaces.values_mut()).for_each(Source::pause);
    }

    /// A namespace is gone.
    pub(super) fn forget_namespace(&mut self, name: &str) {
        let removed = self.namespaces.remove(name);
        self.forgotten = self.forgotten.max(removed.as_ref().map_or(0, Source::newest));
    }

    /// In which namespaces nothing was listed since the storage went back, if that happened at all.
    pub(super) fn doubtful(&self) -> Option<impl Fn(&str) -> bool + '_> {
        let sure = |source: &Source| source.is_resumable() && !source.is_regressed();
        let any = self.iter().any(|(_, source)| source.is_regressed());
        any.then_some(move |namespace: &str| {
            ![self.all(), self.namespace(namespace)].into_iter().flatten().any(sure)
        })
    }

    /// Takes note of the newest version held in each namespace.
    pub(super) fn see(&mut self, newest: &HashMap<Arc<str>, u64>) {
        if let Some(all) = self.all.as_mut().filter(|all| !all.is_regressed()) {
            all.see(newest.values().max().copied());
        }
        for (name, source) in self.namespaces.iter_mut().filter(|(_, source)| !source.is_regressed()) {
            source.see(newest.get(name).copied());
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Scope, &Source)> {
        let all = self.all.iter().map(|source| (Scope::All, source));
        all.chain(self.namespaces.iter().map(|(name, source)| (Scope::Namespace(name.clone()), source)))
    }

    fn get_mut(&mut self, scope: &Scope) -> Option<&mut Source> {
        match scope {
            Scope::All => self.all.as_mut(),
            Scope::Namespace(name) => self.namespaces.get_mut(name),
        }
    }

    fn regress(&mut self) {
        self.forgotten = 0;
        self.all.iter_mut().chain(self.namespaces.values_mut()).for_each(Source::regress);
    }
}

impl Sources {
    /// The sources of a kind, if there are any.
    pub(super) fn of(&self, kind: &KindKey) -> Option<&KindSources> {
        self.0.get(kind)
    }

    /// The same, to change them.
    pub(super) fn of_kind_mut(&mut self, kind: &KindKey) -> Option<&mut KindSources> {
        self.0.get_mut(kind)
    }

    pub(super) fn get(&self, kind: &KindKey, scope: &Scope) -> Option<&Source> {
        self.0.get(kind)?.get(scope)
    }

    pub(super) fn get_mut(&mut self, kind: &KindKey, scope: &Scope) -> Option<&mut Source> {
        self.0.get_mut(kind)?.get_mut(scope)
    }

    /// The source, made where there is none.
    pub(super) fn of_mut(&mut self, kind: &KindKey, scope: &Scope) -> &mut Source {
        let own = self.0.entry(kind.clone()).or_default();
        match scope {
            Scope::All => own.all.get_or_insert_default(),
            Scope::Namespace(name) => own.namespaces.entry(name.clone()).or_default(),
        }
    }

    pub(super) fn insert(&mut self, kind: &KindKey, scope: &Scope, source: Source) {
        *self.of_mut(kind, scope) = source;
    }

    /// Removes a source; says whether there was one.
    pub(super) fn remove(&mut self, kind: &KindKey, scope: &Scope) -> bool {
        let Some(own) = self.0.get_mut(kind) else { return false };
        let removed = match scope {
            Scope::All => own.all.take(),
            Scope::Namespace(name) => own.namespaces.remove(name),
        };
        own.forgotten = own.forgotten.max(removed.as_ref().map_or(0, Source::newest));
        removed.is_some()
    }

    /// Removes every source of these kinds; says whether there were any.
    pub(super) fn remove_kinds(&mut self, kinds: impl Fn(&KindKey) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|kind, _| !kinds(kind));
        self.0.len() < before
    }

    /// Whether another source than that of `scope` knows an object, which is not held, as gone.
    pub(super) fn others_know_as_gone(
        &mut self,
        kind: &KindKey,
        scope: &Scope,
        namespace: &str,
        version: u64,
    ) -> bool {
        self.0.get_mut(kind).is_some_and(|own| own.other_knows_as_gone(scope, namespace, version))
    }

    /// The storage of a kind went back.
    pub(super) fn regress(&mut self, kind: &KindKey) {
        if let Some(own) = self.0.get_mut(kind) {
            own.regress();
        }
    }

    /// The whole cluster was listed: what its namespaces' sources that nobody reads were about is no question any more.
    pub(super) fn leave_to_all(&mut self, kind: &KindKey) {
        let Some(own) = self.0.get_mut(kind) else { return };
        let left = own.namespaces.extract_if(.., |_, source| !source.is_read());
        let newest = left.map(|(_, source)| source.newest()).max();
        own.forgotten = own.forgotten.max(newest.unwrap_or(0));
    }

    pub(super) fn kinds_mut(&mut self) -> impl Iterator<Item = (&KindKey, &mut KindSources)> {
        self.0.iter_mut()
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = (&KindKey, &KindSources)> {
        self.0.iter()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&KindKey, Scope, &Source)> {
        self.0.iter().flat_map(|(kind, own)| own.iter().map(move |(scope, source)| (kind, scope, source)))
    }
}
