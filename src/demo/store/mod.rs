//! The cluster's state: the kinds, who may read them, and where their objects are stored.

mod caches;
mod storage;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::DemoError;
use super::catalog::Catalog;
use super::rights::Rights;
use crate::object::{KindKey, Object};
use caches::Caches;
pub(super) use caches::Frozen;
use storage::Storage;
pub(super) use storage::{Change, Expired, Objects, Stored};

/// Everything a request can see.
pub(super) struct State {
    pub(super) catalog: Catalog,
    pub(super) rights: BTreeMap<String, Arc<Rights>>,
    /// The cluster's etcd.
    main: Storage,
    /// The etcds of kinds that have one of their own.
    own: BTreeMap<KindKey, Storage>,
    /// Writes so far. Unlike a revision it never goes back.
    writes: u64,
    caches: Caches,
    max_history: usize,
}

impl State {
    pub(super) fn new(catalog: Catalog, max_history: usize) -> Self {
        Self {
            catalog,
            rights: BTreeMap::new(),
            main: Storage::new(1, max_history),
            own: BTreeMap::new(),
            writes: 1,
            caches: Caches::default(),
            max_history,
        }
    }

    fn storage(&self, kind: &KindKey) -> &Storage {
        self.own.get(kind).unwrap_or(&self.main)
    }

    fn storage_mut(&mut self, kind: &KindKey) -> &mut Storage {
        self.own.get_mut(kind).unwrap_or(&mut self.main)
    }

    /// The revision of the last write to the cluster's etcd.
    pub(super) fn revision(&self) -> u64 {
        self.main.revision()
    }

    /// The revision of the last write to the etcd of a kind.
    pub(super) fn revision_of(&self, kind: &KindKey) -> u64 {
        self.storage(kind).revision()
    }

    /// What random choices are drawn from: equal histories stay equal, and no two moments of one history are.
    pub(super) fn seed(&self) -> u64 {
        self.writes
    }

    /// Forgets how the present came about.
    pub(super) fn compact(&mut self) {
        self.main.compact();
        self.own.values_mut().for_each(Storage::compact);
    }

    pub(super) fn count(&self) -> usize {
        let storages = std::iter::once(&self.main).chain(self.own.values());
        storages.flat_map(|storage| storage.all().values()).map(BTreeMap::len).sum()
    }

    pub(super) fn objects(&self, kind: &KindKey) -> impl Iterator<Item = &Arc<Stored>> {
        self.storage(kind).of(kind).into_iter().flat_map(BTreeMap::values)
    }

    /// Kind and path of everything in a namespace.
    pub(super) fn objects_in(&self, namespace: &str) -> Vec<(KindKey, String)> {
        let start = path(namespace, "");
        let own = |objects: &Objects| -> Vec<String> {
            let own = objects.range(start.clone()..).map(|(path, _)| path);
            own.take_while(|path| path.starts_with(&start)).cloned().collect()
        };
        let storages = std::iter::once(&self.main).chain(self.own.values());
        let all = storages
            .flat_map(Storage::all)
            .flat_map(|(kind, objects)| own(objects).into_iter().map(|path| (kind.clone(), path)));
        all.collect()
    }

    pub(super) fn get(&self, kind: &KindKey, path: &str) -> Option<&Arc<Stored>> {
        self.storage(kind).of(kind)?.get(path)
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

    /// Removes every object of a kind.
    pub(super) fn clear(&mut self, kind: &KindKey) {
        let paths: Vec<_> =
            self.objects(kind).map(|own| path(&own.object.namespace, &own.object.name)).collect();
        for path in paths {
            self.delete(kind, &path);
        }
    }

    fn write(&mut self, kind: KindKey, path: String, object: Option<Object>) -> u64 {
        self.writes += 1;
        self.storage_mut(&kind).write(kind, path, object)
    }

    /// Goes back to an earlier revision of the cluster's etcd.
    pub(super) fn restore(&mut self, revision: u64) -> Result<(), Expired> {
        self.main.restore(revision)
    }

    /// Goes back to an earlier revision of the etcd that a kind has to itself.
    pub(super) fn restore_own(&mut self, kind: &KindKey, revision: u64) -> Option<Result<(), Expired>> {
        Some(self.own.get_mut(kind)?.restore(revision))
    }

    /// Gives a kind an etcd of its own that begins at a revision. What it has elsewhere is gone.
    pub(super) fn give_own(&mut self, kind: &KindKey, revision: u64) {
        self.clear(kind);
        self.own.insert(kind.clone(), Storage::new(revision, self.max_history));
    }

    /// A kind that is gone leaves no etcd behind.
    pub(super) fn drop_own(&mut self, kind: &KindKey) {
        self.own.remove(kind);
    }

    /// A kind's objects as they were at `revision`.
    pub(super) fn at(&self, kind: &KindKey, revision: u64) -> Result<Objects, Expired> {
        self.storage(kind).at(kind, revision)
    }

    /// The next changes of a kind after a revision that an API server knows of, at most `limit`, and the revision they
    /// lead to.
    pub(super) fn since(
        &self,
        server: usize,
        kind: &KindKey,
        revision: u64,
        limit: usize,
    ) -> Result<(Vec<Change>, u64), Expired> {
        let until = self.frozen(server, kind).map_or(u64::MAX, |frozen| frozen.revision);
        self.storage(kind).since(kind, revision, until, limit)
    }

    // --- the API servers' caches

    /// How many API servers there are behind the address.
    pub(super) fn set_servers(&mut self, servers: usize) {
        self.caches.resize(servers);
    }

    /// The API server that the next request goes to.
    pub(super) fn turn(&mut self) -> usize {
        self.caches.turn()
    }

    /// Stops an API server's cache where it is, or lets it catch up.
    pub(super) fn freeze(&mut self, server: usize, frozen: bool) {
        let frozen = frozen.then(|| Arc::new(Frozen::of(&self.main)));
        self.caches.set(server, frozen);
    }

    /// What the cache of an API server shows of a kind, where it stands still. A kind with an etcd of its own has API
    /// servers of its own.
    pub(super) fn frozen(&self, server: usize, kind: &KindKey) -> Option<&Arc<Frozen>> {
        if self.own.contains_key(kind) { None } else { self.caches.of(server) }
    }

    /// The revision that the cache of an API server has of a kind.
    pub(super) fn cached(&self, server: usize, kind: &KindKey) -> u64 {
        self.frozen(server, kind).map_or(self.revision_of(kind), |frozen| frozen.revision)
    }
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
        assert!(state.since(0, &kind, first, 10).is_ok());
        assert!(state.since(0, &kind, first - 1, 10).is_err());
        let (changes, reached) = state.since(0, &kind, first, 2).unwrap();
        assert_eq!((changes.len(), reached), (2, first + 2));
        assert_eq!(state.since(0, &kind, first + 100, 2).unwrap().1, first + 100);
    }

    #[test]
    fn a_frozen_cache_knows_nothing_later_until_it_thaws() {
        let (mut state, kind) = state(100);
        let first = state.apply(&kind, object("a")).unwrap();
        state.set_servers(2);
        state.freeze(1, true);
        let second = state.apply(&kind, object("b")).unwrap();
        assert_eq!((state.cached(0, &kind), state.cached(1, &kind)), (second, first));
        assert_eq!(state.since(1, &kind, first, 10).map(|(changes, at)| (changes.len(), at)), Ok((0, first)));
        assert_eq!(names(state.frozen(1, &kind).unwrap().objects(&kind).unwrap()), ["shop/a"]);
        state.freeze(1, false);
        assert_eq!(
            state.since(1, &kind, first, 10).map(|(changes, at)| (changes.len(), at)),
            Ok((1, second))
        );
    }

    #[test]
    fn a_kind_with_an_etcd_of_its_own_counts_for_itself() {
        let (mut state, kind) = state(100);
        let secrets = KindKey::from("secrets");
        let main = state.apply(&kind, object("a")).unwrap();
        state.give_own(&secrets, 7);
        assert_eq!(state.apply(&secrets, object("a")).unwrap(), 8);
        assert_eq!((state.revision(), state.revision_of(&secrets)), (main, 8));
        state.freeze(0, true);
        assert_eq!(state.apply(&secrets, object("b")).unwrap(), 9);
        assert_eq!((state.cached(0, &kind), state.cached(0, &secrets)), (main, 9));
        assert_eq!(state.restore_own(&secrets, 8), Some(Ok(())));
        assert_eq!((state.objects(&secrets).count(), state.objects(&kind).count()), (1, 1));
        assert_eq!(state.restore_own(&kind, 1), None);
        let seed = state.seed();
        state.restore(main).unwrap();
        state.delete(&secrets, "shop/a");
        assert!(state.seed() > seed);
    }

    #[test]
    fn kinds_and_scopes_that_do_not_exist_are_refused() {
        let (mut state, kind) = state(3);
        assert!(state.apply(&KindKey::from("nothings"), object("a")).is_err());
        assert!(state.apply(&kind, Object { name: "a".into(), ..Object::default() }).is_err());
        assert_eq!(state.delete(&kind, "shop/a"), None);
    }
}
