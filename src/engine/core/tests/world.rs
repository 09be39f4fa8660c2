//! A cluster, a server and a disk as plain maps, and what happens to them.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::super::*;
use crate::document::{Document, Local, Metadata};

pub(super) type Name = u8;

/// One object of the model cluster. `Name` decides the namespace: even ones live in `a`, odd ones in `b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) uid: u32,
    pub(super) version: u64,
    pub(super) content: u8,
    pub(super) annotation: u8,
}

#[derive(Debug, Clone)]
pub(super) enum Seen {
    Upsert(Name, Thing),
    Delete(Name, u32),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Put(Name, u8, u8),
    Remove(Name),
    Recreate(Name),
    RemoveMost,
    Deliver { count: usize, twice: bool, swap: bool },
    Bookmark,
    List { behind: u64, fail_after: Option<usize>, reread: bool },
    Commit,
    Crash,
    RestoreEtcd { back: usize },
    Compact,
    Deny,
    Time(Millis),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let name = 0..12u8;
    prop_oneof![
        8 => (name.clone(), 0..4u8, 0..4u8).prop_map(|(name, content, anno)| Step::Put(name, content, anno)),
        3 => name.clone().prop_map(Step::Remove),
        2 => name.prop_map(Step::Recreate),
        1 => Just(Step::RemoveMost),
        8 => (1..6usize, any::<bool>(), any::<bool>())
            .prop_map(|(count, twice, swap)| Step::Deliver { count, twice, swap }),
        2 => Just(Step::Bookmark),
        4 => (0..6u64, proptest::option::of(0..6usize), any::<bool>())
            .prop_map(|(behind, fail_after, reread)| Step::List { behind, fail_after, reread }),
        4 => Just(Step::Commit),
        2 => Just(Step::Crash),
        1 => (1..8usize).prop_map(|back| Step::RestoreEtcd { back }),
        1 => Just(Step::Compact),
        1 => Just(Step::Deny),
        2 => (0..70_000i64).prop_map(Step::Time),
    ]
}

/// The model: a cluster with its log, an index that keeps what was committed, and a reader that follows the protocol.
pub(super) struct World {
    pub(super) things: BTreeMap<Name, Thing>,
    pub(super) log: Vec<(u64, Seen)>,
    pub(super) past: Vec<(u64, BTreeMap<Name, Thing>)>,
    pub(super) revision: u64,
    pub(super) compacted: u64,
    pub(super) uids: u32,
    pub(super) core: Core,
    pub(super) index: HashMap<Key, Entry>,
    pub(super) stored: Checkpoint,
    /// The reader's version; `None`: it must list.
    pub(super) at: Option<u64>,
    pub(super) consistent_next: bool,
    pub(super) licensed: HashSet<Key>,
    pub(super) now: Millis,
}

pub(super) const BULK: Name = 100;

impl World {
    pub(super) fn new(bulk: bool) -> Self {
        let mut world = Self {
            things: BTreeMap::new(),
            log: Vec::new(),
            past: vec![(0, BTreeMap::new())],
            revision: 1,
            compacted: 0,
            uids: 0,
            core: Core::default(),
            index: HashMap::new(),
            stored: Checkpoint::default(),
            at: None,
            consistent_next: false,
            licensed: HashSet::new(),
            now: 1_000_000,
        };
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
            Step::Deliver { count, twice, swap } => self.deliver(count, twice, swap),
            Step::Bookmark => self.bookmark(),
            Step::List { behind, fail_after, reread } => self.list(behind, fail_after, reread),
            Step::Commit => self.commit(),
            Step::Crash => self.crash(),
            Step::RestoreEtcd { back } => self.restore_etcd(back),
            Step::Compact => self.compacted = self.revision,
            Step::Deny => {
                self.apply(Change::Denied);
            }
            Step::Time(by) => {
                self.now += by;
                self.core.release_deferred(self.now, false);
            }
        }
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

    pub(super) fn remember(&mut self, seen: Seen) {
        self.log.push((self.revision, seen));
        self.past.push((self.revision, self.things.clone()));
    }

    pub(super) fn apply(&mut self, change: Change) -> Verdict {
        self.core.apply(self.now, &"things".into(), &Scope::All, change)
    }

    /// A watch delivers the next events, some of them twice or in the wrong order.
    pub(super) fn deliver(&mut self, count: usize, twice: bool, swap: bool) {
        let Some(at) = self.at else { return self.list(0, None, false) };
        if at < self.compacted {
            self.at = None;
            self.consistent_next = true;
            return;
        }
        let next: Vec<(u64, Seen)> =
            self.log.iter().filter(|(version, _)| *version > at).take(count).cloned().collect();
        let mut order: Vec<&(u64, Seen)> = next.iter().collect();
        if swap && order.len() > 1 {
            order.swap(0, 1);
        }
        if twice {
            order.extend(next.iter());
        }
        for (version, seen) in order.into_iter().cloned() {
            self.see(version, seen);
        }
        self.at = next.last().map(|(version, _)| *version).or(self.at);
    }

    pub(super) fn see(&mut self, version: u64, seen: Seen) {
        match seen {
            Seen::Upsert(name, thing) => {
                self.license_replaced(name, thing.uid);
                self.apply(Change::Upserted(Box::new(item(name, &thing))));
            }
            Seen::Delete(name, uid) => {
                let key = key(name, uid);
                self.licensed.insert(key);
                self.apply(Change::Deleted { id: IdHash::of(&id(name)), key, version: Some(version) });
            }
        }
    }

    /// A new uid under the same id says that the old one is gone.
    pub(super) fn license_replaced(&mut self, name: Name, uid: u32) {
        let same_id = self.index.values().filter(|entry| entry.document.id == id(name));
        self.licensed.extend(same_id.map(|entry| entry.key).filter(|old| *old != key(name, uid)));
    }

    pub(super) fn bookmark(&mut self) {
        let Some(at) = self.at else { return };
        self.apply(Change::Bookmark(ResourceVersion::Number(at)));
    }

    /// A list of the state `behind` revisions ago (0: now), which may break off.
    pub(super) fn list(&mut self, behind: u64, fail_after: Option<usize>, reread: bool) {
        let consistent = self.consistent_next || behind == 0;
        let wanted = if self.consistent_next { self.revision } else { self.revision.saturating_sub(behind) };
        let (_, things) =
            self.past.iter().rev().find(|(version, _)| *version <= wanted).cloned().unwrap_or_default();
        self.apply(Change::ListStarted { consistent, reread });
        for (sent, (name, thing)) in things.iter().enumerate() {
            if fail_after.is_some_and(|after| sent >= after) {
                self.apply(Change::ListFailed);
                self.at = None;
                return;
            }
            self.license_replaced(*name, thing.uid);
            self.apply(Change::Listed(vec![item(*name, thing)]));
        }
        let named: HashSet<Key> = things.iter().map(|(name, thing)| key(*name, thing.uid)).collect();
        match self.apply(Change::ListEnded(Some(ResourceVersion::Number(wanted)))) {
            Verdict::Accepted { .. } => {
                let (index, log) = (self.index.keys().copied(), self.log.iter());
                let logged = log.filter_map(|(_, seen)| match seen {
                    Seen::Upsert(name, thing) => Some(key(*name, thing.uid)),
                    Seen::Delete(..) => None,
                });
                self.licensed.extend(index.chain(logged).filter(|key| !named.contains(key)));
                self.at = Some(wanted);
                self.consistent_next = false;
            }
            Verdict::Stale { held } => {
                if consistent && held.is_some_and(|held| held > self.revision) {
                    self.regressed();
                }
                self.at = None;
                self.consistent_next = true;
            }
            Verdict::Suspicious | Verdict::Rewritten => {
                self.at = None;
                self.consistent_next = true;
            }
        }
    }

    pub(super) fn commit(&mut self) {
        for op in self.core.take_ops() {
            match op {
                Op::Upsert(entry) => {
                    self.index.insert(entry.key, *entry);
                }
                Op::Delete(key) => {
                    let known = self.index.remove(&key).is_some();
                    assert!(!known || self.licensed.contains(&key), "deleted without authority");
                }
            }
        }
        self.stored = self.core.checkpoint();
        self.core.committed();
    }

    /// kill -9 and a new start: what was not committed is lost, index and checkpoint agree.
    pub(super) fn crash(&mut self) {
        let held = self.index.values().map(held).collect();
        self.core = Core::restore(held, self.stored.clone());
        let source =
            self.core.source_of(&"things".into(), &Scope::All).filter(|source| source.is_resumable());
        self.at = source.and_then(|source| source.version()).and_then(ResourceVersion::number);
        self.consistent_next = self.at.is_none();
        self.check_revision();
    }

    /// Everything after some moment never happened, and other things happen under the same numbers.
    pub(super) fn restore_etcd(&mut self, back: usize) {
        let keep = self.past.len().saturating_sub(back).max(1);
        self.past.truncate(keep);
        let (revision, things) = self.past.last().cloned().unwrap_or_default();
        self.log.retain(|(version, _)| *version <= revision);
        (self.revision, self.things) = (revision.max(1), things);
        self.check_revision();
    }

    pub(super) fn check_revision(&mut self) {
        let source = self.core.source_of(&"things".into(), &Scope::All);
        let held = source.and_then(|source| source.version()).and_then(ResourceVersion::number);
        if self.at.max(held).is_some_and(|at| at > self.revision) {
            self.regressed();
            self.at = None;
            self.consistent_next = true;
        }
    }

    /// The pump commits at once: later the new history may have overtaken the stored version, unseen.
    pub(super) fn regressed(&mut self) {
        self.apply(Change::Regressed);
        self.commit();
    }

    /// The reader comes to rest: whatever happened, the protocol leads to the cluster's state.
    pub(super) fn settle(&mut self) {
        self.check_revision();
        for _ in 0..4 {
            if self.at.is_none() {
                self.consistent_next = true;
                self.list(0, None, false);
            }
            self.deliver(usize::MAX, false, false);
        }
        self.core.release_deferred(self.now, true);
        self.commit();
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

pub(super) fn id(name: Name) -> String {
    format!("{}/v1/Thing/{name}", namespace(name))
}

pub(super) fn namespace(name: Name) -> &'static str {
    if name.is_multiple_of(2) { "a" } else { "b" }
}

pub(super) fn key(name: Name, uid: u32) -> Key {
    Key::of(&id(name), &uid.to_string())
}

pub(super) fn item(name: Name, thing: &Thing) -> Item {
    let annotations = BTreeMap::from([("a".to_owned(), thing.annotation.to_string())]);
    let document = Document {
        id: id(name),
        text: thing.content.to_string(),
        metadata: Metadata { namespace: namespace(name).to_owned(), ..Metadata::default() },
        local: Local { uid: thing.uid.to_string(), annotations, ..Local::default() },
    };
    let fingerprint =
        Fingerprint { content: u64::from(thing.content) + 1, annotations: u64::from(thing.annotation) + 1 };
    let entry = Entry {
        key: key(name, thing.uid),
        kind: "things".into(),
        document,
        fingerprint,
        version: Some(thing.version),
    };
    Item { id: IdHash::of(&id(name)), entry }
}

pub(super) fn held(entry: &Entry) -> HeldEntry {
    HeldEntry {
        key: entry.key,
        id: IdHash::of(&entry.document.id),
        kind: entry.kind.clone(),
        namespace: entry.document.metadata.namespace.as_str().into(),
        fingerprint: entry.fingerprint,
        version: entry.version.unwrap_or(0),
    }
}
