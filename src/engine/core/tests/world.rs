//! A cluster, a server and a disk as plain maps, and what happens to them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::super::*;
use super::steps::{Step, Who};
use super::things::{Name, Thing, held, id, item, key, namespace};

#[derive(Debug, Clone)]
pub(super) enum Seen {
    Upsert(Name, Thing),
    Delete(Name, u32),
}

/// Who reads in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The whole cluster may be listed, and the readers of namespaces are stopped as soon as it was.
    Cluster,
    /// Single namespaces alone may be listed.
    Namespaces,
}

/// A reader that follows the protocol.
#[derive(Debug)]
pub(super) struct Follower {
    scope: Scope,
    open: bool,
    /// Its version; `None`: it must list.
    pub(super) at: Option<u64>,
    /// The newest version that any list named, whether it was taken or broke off.
    newest: u64,
    consistent_next: bool,
    list: Option<Sending>,
}

/// A list on its way.
#[derive(Debug)]
struct Sending {
    left: VecDeque<(Name, Thing)>,
    named: HashSet<Key>,
    version: u64,
    consistent: bool,
    /// The watch goes on beside it, until its body comes.
    beside: bool,
    /// The watch goes on if it breaks off.
    watched: bool,
}

impl Follower {
    fn of(scope: Scope) -> Self {
        Self { open: scope == Scope::All, scope, at: None, newest: 0, consistent_next: false, list: None }
    }
}

/// The model: a cluster with its log, an index that keeps what was committed, and readers.
pub(super) struct World {
    pub(super) things: BTreeMap<Name, Thing>,
    pub(super) log: Vec<(u64, Seen)>,
    pub(super) past: Vec<(u64, BTreeMap<Name, Thing>)>,
    pub(super) revision: u64,
    compacted: u64,
    uids: u32,
    pub(super) core: Core,
    /// `apiVersion/Kind` by which things are read.
    pub(super) api: &'static str,
    pub(super) index: HashMap<Key, Entry>,
    pub(super) stored: Checkpoint,
    pub(super) readers: [Follower; 3],
    licensed: HashSet<Key>,
    /// Whether what once was can have been taken back.
    restored: bool,
    /// Whether what may not be read was removed.
    pub(super) withdrawn: bool,
    pub(super) now: Millis,
}

pub(super) const BULK: Name = 100;

impl World {
    pub(super) fn new(bulk: bool) -> Self {
        let scopes = [Scope::All, Scope::Namespace("a".into()), Scope::Namespace("b".into())];
        let mut world = Self {
            things: BTreeMap::new(),
            log: Vec::new(),
            past: vec![(0, BTreeMap::new())],
            revision: 1,
            compacted: 0,
            uids: 0,
            core: Core::default(),
            api: "example.org/v1/Thing",
            index: HashMap::new(),
            stored: Checkpoint::default(),
            readers: scopes.map(Follower::of),
            licensed: HashSet::new(),
            restored: false,
            withdrawn: false,
            now: 1_000_000,
        };
        world.resume(0);
        if bulk {
            (BULK..BULK + 60).for_each(|name| world.put(name, 0, 0));
        }
        world
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Put(name, content, annotation) => self.put(name, content, annotation),
            Step::Remove(name) => self.remove(name),
            Step::Recreate(name) => {
                self.remove(name);
                self.put(name, 1, 1);
            }
            Step::RemoveMost => {
                let names: Vec<Name> = self.things.keys().copied().filter(|name| *name >= BULK).collect();
                names.into_iter().for_each(|name| self.remove(name));
            }
            Step::Deliver { who, count, twice, swap } if self.is_watching(who) => {
                self.deliver(who, count, twice, swap);
            }
            Step::Bookmark(who) if self.is_watching(who) => self.bookmark(who),
            Step::List { who, behind, fail_after, reread } if self.is_idle(who) => {
                self.list(who, behind, fail_after, reread);
            }
            Step::Begin { who, behind, reread } if self.is_idle(who) => self.begin(who, behind, reread),
            Step::Send { who, count } => self.send(who, count),
            Step::Finish(who) => self.finish(who),
            Step::Open(who) => self.open(who),
            Step::Close(who) => self.close(who),
            Step::Commit => self.commit(),
            Step::Crash => self.crash(),
            Step::RestoreEtcd { back } => self.restore_etcd(back),
            Step::Compact => self.compacted = self.revision,
            Step::Deny(who) if self.is_idle(who) => self.deny(who),
            Step::Time(by) => {
                self.now += by;
                self.core.release_deferred(self.now, false);
            }
            // It is not open, or reads a list.
            Step::Deliver { .. }
            | Step::Bookmark(_)
            | Step::List { .. }
            | Step::Begin { .. }
            | Step::Deny(_) => {}
        }
    }

    fn is_idle(&self, who: Who) -> bool {
        self.readers[who].open && self.readers[who].list.is_none()
    }

    fn is_watching(&self, who: Who) -> bool {
        self.is_idle(who) || self.readers[who].open && self.sending(who).is_some_and(|list| list.beside)
    }

    pub(super) fn put(&mut self, name: Name, content: u8, annotation: u8) {
        let uid = self.things.get(&name).map(|thing| thing.uid).unwrap_or_else(|| {
            self.uids += 1;
            self.uids
        });
        self.revision += 1;
        let thing = Thing { uid, version: self.revision, content, annotation };
        self.things.insert(name, thing.clone());
        self.remember(Seen::Upsert(name, thing));
    }

    pub(super) fn remove(&mut self, name: Name) {
        if let Some(thing) = self.things.remove(&name) {
            self.revision += 1;
            self.remember(Seen::Delete(name, thing.uid));
        }
    }

    fn remember(&mut self, seen: Seen) {
        self.log.push((self.revision, seen));
        self.past.push((self.revision, self.things.clone()));
    }

    /// A change of the reader of the whole cluster.
    pub(super) fn apply(&mut self, change: Change) -> Verdict {
        self.apply_of(0, change)
    }

    pub(super) fn apply_of(&mut self, who: Who, change: Change) -> Verdict {
        self.core.apply(self.now, &"things".into(), &self.readers[who].scope, change)
    }

    fn open(&mut self, who: Who) {
        if !std::mem::replace(&mut self.readers[who].open, true) {
            self.resume(who);
        }
    }

    /// A reader begins, with what is known of its scope.
    fn resume(&mut self, who: Who) {
        let source = self.core.open_source(&"things".into(), &self.readers[who].scope, self.api);
        let version = source.version().filter(|_| source.is_resumable()).and_then(ResourceVersion::number);
        let reader = &mut self.readers[who];
        (reader.at, reader.newest, reader.list) = (version, 0, None);
        reader.consistent_next = version.is_none();
    }

    /// A reader is stopped, and what it read stays. The pump commits at once.
    fn close(&mut self, who: Who) {
        let reader = &mut self.readers[who];
        if reader.open {
            (reader.open, reader.at, reader.list) = (false, None, None);
            self.apply_of(who, Change::ListFailed);
            self.core.forget_source(self.now, &"things".into(), &self.readers[who].scope);
            assert!(self.core.commit_due() <= Some(self.now + LISTING_COMMIT_DELAY_MS));
            self.commit();
        }
    }

    /// A list is answered 403.
    fn deny(&mut self, who: Who) {
        self.apply_of(who, Change::ListStarted { consistent: true, reread: false });
        self.apply_of(who, Change::ListFailed);
        self.apply_of(who, Change::Denied);
        self.readers[who].at = None;
    }

    /// A watch delivers the next events, some of them twice or in the wrong order.
    pub(super) fn deliver(&mut self, who: Who, count: usize, twice: bool, swap: bool) {
        let Some(at) = self.readers[who].at else { return self.list(who, 0, None, false) };
        if at < self.compacted {
            self.break_off(who);
            let reader = &mut self.readers[who];
            (reader.at, reader.consistent_next) = (None, true);
            return;
        }
        let next: Vec<(u64, Seen)> = self.events_after(who, at).take(count).cloned().collect();
        let mut order: Vec<&(u64, Seen)> = next.iter().collect();
        if swap && order.len() > 1 {
            order.swap(0, 1);
        }
        if twice {
            order.extend(next.iter());
        }
        for (version, seen) in order.into_iter().cloned() {
            self.see(who, version, seen);
        }
        self.readers[who].at = next.last().map(|(version, _)| *version).or(Some(at));
    }

    fn events_after(&self, who: Who, at: u64) -> impl Iterator<Item = &(u64, Seen)> {
        let scope = self.readers[who].scope.clone();
        self.log.iter().filter(move |(version, seen)| {
            let (Seen::Upsert(name, _) | Seen::Delete(name, _)) = seen;
            *version > at && scope.contains(Some(namespace(*name)))
        })
    }

    fn see(&mut self, who: Who, version: u64, seen: Seen) {
        match seen {
            Seen::Upsert(name, thing) => {
                self.license_replaced(name, thing.uid);
                self.apply_of(who, Change::Upserted(Box::new(item(name, &thing))));
            }
            Seen::Delete(name, uid) => {
                let key = key(name, uid);
                self.licensed.insert(key);
                let deleted = Change::Deleted { id: IdHash::of(&id(name)), key, version: Some(version) };
                self.apply_of(who, deleted);
            }
        }
    }

    /// A new uid under the same id says that the old one is gone.
    fn license_replaced(&mut self, name: Name, uid: u32) {
        let same_id = self.index.values().filter(|entry| entry.document.id == id(name));
        self.licensed.extend(same_id.map(|entry| entry.key).filter(|old| *old != key(name, uid)));
    }

    /// Says how far the watch has come: to right before the next event.
    fn bookmark(&mut self, who: Who) {
        let Some(at) = self.readers[who].at.filter(|at| *at >= self.compacted) else { return };
        let next = self.events_after(who, at).next().map(|(version, _)| version - 1);
        let at = next.unwrap_or(self.revision).max(at);
        self.readers[who].at = Some(at);
        self.apply_of(who, Change::Bookmark(ResourceVersion::Number(at)));
    }

    /// A list of the state `behind` revisions ago (0: now), which may break off.
    pub(super) fn list(&mut self, who: Who, behind: u64, fail_after: Option<usize>, reread: bool) {
        self.begin(who, behind, reread);
        self.send(who, fail_after.unwrap_or(usize::MAX));
        let broken = fail_after.is_some() && self.sending(who).is_some_and(|list| !list.left.is_empty());
        if broken { self.break_off(who) } else { self.finish(who) }
    }

    fn sending(&self, who: Who) -> Option<&Sending> {
        self.readers[who].list.as_ref()
    }

    fn begin(&mut self, who: Who, behind: u64, reread: bool) {
        let reader = &self.readers[who];
        let beside = reread && reader.at.is_some();
        let consistent = !beside && (reader.consistent_next || behind == 0);
        let wanted = if consistent { self.revision } else { self.revision.saturating_sub(behind) };
        // What is read beside a watch is asked for as no older than that.
        let wanted = wanted.max(reader.at.filter(|_| beside).unwrap_or(0));
        let past = self.past.iter().rev().find(|(version, _)| *version <= wanted);
        let (_, things) = past.cloned().unwrap_or_default();
        let within = |(name, _): &(Name, Thing)| reader.scope.contains(Some(namespace(*name)));
        let left: VecDeque<_> = things.into_iter().filter(within).collect();
        let named = left.iter().map(|(name, thing)| key(*name, thing.uid)).collect();
        self.readers[who].list =
            Some(Sending { left, named, version: wanted, consistent, beside, watched: beside });
        self.apply_of(who, Change::ListStarted { consistent, reread });
    }

    fn send(&mut self, who: Who, count: usize) {
        if let Some(list) = &mut self.readers[who].list {
            list.beside &= count == 0;
        }
        for _ in 0..count {
            let next = self.readers[who].list.as_mut().and_then(|list| list.left.pop_front());
            let Some((name, thing)) = next else { return };
            let reader = &mut self.readers[who];
            reader.newest = thing.version.max(reader.newest);
            self.license_replaced(name, thing.uid);
            self.apply_of(who, Change::Listed(vec![item(name, &thing)]));
        }
    }

    fn break_off(&mut self, who: Who) {
        let reader = &mut self.readers[who];
        if let Some(list) = reader.list.take() {
            reader.at = reader.at.filter(|_| list.watched);
            self.apply_of(who, Change::ListFailed);
        }
    }

    fn finish(&mut self, who: Who) {
        self.send(who, usize::MAX);
        let Some(list) = self.readers[who].list.take() else { return };
        let verdict = self.apply_of(who, Change::ListEnded(Some(ResourceVersion::Number(list.version))));
        let accepted = matches!(verdict, Verdict::Accepted { .. });
        if accepted {
            self.license_unnamed(who, &list.named);
        }
        let reader = &mut self.readers[who];
        let further = reader.at.filter(|_| list.watched).unwrap_or(0);
        reader.at = accepted.then_some(list.version.max(further));
        reader.consistent_next = !accepted;
        match verdict {
            Verdict::Stale { held } if list.consistent && held.is_some_and(|held| held > self.revision) => {
                self.regressed(who);
            }
            Verdict::Rewritten => {
                assert!(self.restored, "no history was rewritten");
                self.list_again(who);
            }
            Verdict::Accepted { .. } | Verdict::Stale { .. } | Verdict::Suspicious | Verdict::Doubted => {}
        }
    }

    /// What an accepted list did not name may go.
    fn license_unnamed(&mut self, who: Who, named: &HashSet<Key>) {
        let scope = &self.readers[who].scope;
        let indexed = self.index.values();
        let indexed = indexed.map(|entry| (entry.key, entry.document.metadata.namespace.as_str()));
        let logged = self.log.iter().filter_map(|(_, seen)| match seen {
            Seen::Upsert(name, thing) => Some((key(*name, thing.uid), namespace(*name))),
            Seen::Delete(..) => None,
        });
        let unnamed = indexed.chain(logged).filter(|(_, namespace)| scope.contains(Some(namespace)));
        self.licensed.extend(unnamed.map(|(key, _)| key).filter(|key| !named.contains(key)));
    }

    pub(super) fn commit(&mut self) {
        let living: HashSet<Key> = self.things.iter().map(|(name, thing)| key(*name, thing.uid)).collect();
        for op in self.core.take_ops() {
            match op {
                Op::Upsert(entry) => {
                    self.index.insert(entry.key, *entry);
                }
                Op::Delete(key) => {
                    let known = self.index.remove(&key).is_some();
                    let licensed = self.withdrawn || self.licensed.contains(&key);
                    assert!(!known || licensed, "deleted without authority");
                    let excused = self.withdrawn || self.restored;
                    assert!(excused || !living.contains(&key), "a living object was deleted");
                }
            }
        }
        self.stored = self.core.checkpoint();
        self.core.committed();
    }

    /// kill -9 and a new start: what was not committed is lost, index and checkpoint agree.
    pub(super) fn crash(&mut self) {
        self.crash_while(|_| {});
    }

    /// The same, and what happened before the new start.
    pub(super) fn crash_while(&mut self, down: impl FnOnce(&mut Self)) {
        for reader in &mut self.readers {
            (reader.at, reader.list) = (None, None);
        }
        self.core = Core::default();
        down(self);
        let held = self.index.values().map(held).collect();
        self.core = Core::restore(held, self.stored.clone());
        self.reading().into_iter().for_each(|who| self.resume(who));
        self.check_revision();
    }

    /// Everything after some moment never happened, and other things happen under the same numbers.
    pub(super) fn restore_etcd(&mut self, back: usize) {
        self.restored = true;
        let keep = self.past.len().saturating_sub(back).max(1);
        self.past.truncate(keep);
        let (revision, things) = self.past.last().cloned().unwrap_or_default();
        self.log.retain(|(version, _)| *version <= revision);
        (self.revision, self.things) = (revision.max(1), things);
        (0..self.readers.len()).for_each(|who| self.break_off(who));
        self.check_revision();
    }

    /// The readers that are open.
    fn reading(&self) -> Vec<Who> {
        (0..self.readers.len()).filter(|who| self.readers[*who].open).collect()
    }

    /// Readers that were watching look whether the storage went back, by all that anybody has seen of the kind.
    fn check_revision(&mut self) {
        for who in self.reading() {
            let known = self.core.newest(&"things".into());
            let reader = &self.readers[who];
            let source = self.core.source_of(&"things".into(), &reader.scope);
            let held = source.and_then(|source| source.version()).and_then(ResourceVersion::number);
            let own = reader.at.map(|at| at.max(reader.newest)).max(held);
            if own.is_some_and(|own| own.max(known) > self.revision) {
                self.regressed(who);
                let reader = &mut self.readers[who];
                (reader.at, reader.consistent_next) = (None, true);
            }
        }
    }

    /// The pump commits at once: later the new history may have overtaken the stored version, unseen.
    fn regressed(&mut self, who: Who) {
        self.readers[who].newest = 0;
        self.apply_of(who, Change::Regressed);
        self.commit();
        self.list_again(who);
    }

    /// Readers of which another one found that the storage went back are started again.
    fn list_again(&mut self, but: Who) {
        let doubted = self.core.doubted(&"things".into());
        let others = self.reading().into_iter().filter(|who| *who != but);
        let others: Vec<Who> = others.filter(|who| doubted.contains(&self.readers[*who].scope)).collect();
        others.into_iter().for_each(|who| self.resume(who));
    }

    /// The readers come to rest: whatever happened, the protocol leads to the cluster's state.
    pub(super) fn settle(&mut self, ending: Ending) {
        self.check_revision();
        match ending {
            Ending::Cluster => {
                self.finish(0);
                self.follow(0, 0);
                // A right was given: the others say one thing more that they saw, and are stopped.
                for who in self.reading().into_iter().filter(|who| *who > 0) {
                    self.finish(who);
                    self.deliver(who, 1, false, false);
                    self.close(who);
                }
                self.follow(0, usize::MAX);
            }
            Ending::Namespaces => {
                self.break_off(0);
                self.deny(0);
                for who in [1, 2] {
                    self.open(who);
                    self.finish(who);
                    self.follow(who, usize::MAX);
                }
            }
        }
        self.core.release_deferred(self.now, true);
        self.commit();
    }

    fn follow(&mut self, who: Who, count: usize) {
        for _ in 0..4 {
            if self.readers[who].at.is_none() {
                self.readers[who].consistent_next = true;
                self.list(who, 0, None, false);
            }
            self.deliver(who, count, false, false);
        }
    }

    pub(super) fn expected(&self) -> BTreeMap<String, (u32, u8, u8)> {
        let things = self.things.iter();
        things.map(|(name, thing)| (id(*name), (thing.uid, thing.content, thing.annotation))).collect()
    }

    pub(super) fn indexed(&self) -> BTreeMap<String, (u32, u8, u8)> {
        let entries = self.index.values().map(|entry| {
            let local = &entry.document.local;
            let annotation = local.annotations.get("a").and_then(|value| value.parse().ok());
            let content = entry.document.text.parse().unwrap_or(u8::MAX);
            let uid = local.uid.parse().unwrap_or(u32::MAX);
            (entry.document.id.clone(), (uid, content, annotation.unwrap_or(u8::MAX)))
        });
        entries.collect()
    }
}
