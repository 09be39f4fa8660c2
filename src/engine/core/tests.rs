//! Histories replayed against a plain map: whatever the cluster, the server and the disk do, the index ends equal to
//! the cluster, and nothing is deleted without authority.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::document::{Document, Local, Metadata};

type Name = u8;

/// One object of the model cluster. `Name` decides the namespace: even ones live in `a`, odd ones in `b`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    uid: u32,
    version: u64,
    content: u8,
    annotation: u8,
}

#[derive(Debug, Clone)]
enum Seen {
    Upsert(Name, Thing),
    Delete(Name, u32),
}

#[derive(Debug, Clone)]
enum Step {
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

fn step() -> impl Strategy<Value = Step> {
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
struct World {
    things: BTreeMap<Name, Thing>,
    log: Vec<(u64, Seen)>,
    past: Vec<(u64, BTreeMap<Name, Thing>)>,
    revision: u64,
    compacted: u64,
    uids: u32,
    core: Core,
    index: HashMap<Key, Entry>,
    stored: Checkpoint,
    /// The reader's version; `None`: it must list.
    at: Option<u64>,
    consistent_next: bool,
    licensed: HashSet<Key>,
    now: Millis,
}

const BULK: Name = 100;

impl World {
    fn new(bulk: bool) -> Self {
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

    fn take(&mut self, step: Step) {
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

    fn put(&mut self, name: Name, content: u8, annotation: u8) {
        let uid = self.things.get(&name).map(|thing| thing.uid).unwrap_or_else(|| {
            self.uids += 1;
            self.uids
        });
        self.revision += 1;
        let thing = Thing { uid, version: self.revision, content, annotation };
        self.things.insert(name, thing.clone());
        self.remember(Seen::Upsert(name, thing));
    }

    fn remove(&mut self, name: Name) {
        if let Some(thing) = self.things.remove(&name) {
            self.revision += 1;
            self.remember(Seen::Delete(name, thing.uid));
        }
    }

    fn remember(&mut self, seen: Seen) {
        self.log.push((self.revision, seen));
        self.past.push((self.revision, self.things.clone()));
    }

    fn apply(&mut self, change: Change) -> Verdict {
        self.core.apply(self.now, &"things".into(), &Scope::All, change)
    }

    /// A watch delivers the next events, some of them twice or in the wrong order.
    fn deliver(&mut self, count: usize, twice: bool, swap: bool) {
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

    fn see(&mut self, version: u64, seen: Seen) {
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
    fn license_replaced(&mut self, name: Name, uid: u32) {
        let same_id = self.index.values().filter(|entry| entry.document.id == id(name));
        self.licensed.extend(same_id.map(|entry| entry.key).filter(|old| *old != key(name, uid)));
    }

    fn bookmark(&mut self) {
        let Some(at) = self.at else { return };
        self.apply(Change::Bookmark(ResourceVersion::Number(at)));
    }

    /// A list of the state `behind` revisions ago (0: now), which may break off.
    fn list(&mut self, behind: u64, fail_after: Option<usize>, reread: bool) {
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

    fn commit(&mut self) {
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
    fn crash(&mut self) {
        let held = self.index.values().map(held).collect();
        self.core = Core::restore(held, self.stored.clone());
        let source =
            self.core.source_of(&"things".into(), &Scope::All).filter(|source| source.is_resumable());
        self.at = source.and_then(|source| source.version()).and_then(ResourceVersion::number);
        self.consistent_next = self.at.is_none();
        self.check_revision();
    }

    /// Everything after some moment never happened, and other things happen under the same numbers.
    fn restore_etcd(&mut self, back: usize) {
        let keep = self.past.len().saturating_sub(back).max(1);
        self.past.truncate(keep);
        let (revision, things) = self.past.last().cloned().unwrap_or_default();
        self.log.retain(|(version, _)| *version <= revision);
        (self.revision, self.things) = (revision.max(1), things);
        self.check_revision();
    }

    fn check_revision(&mut self) {
        let source = self.core.source_of(&"things".into(), &Scope::All);
        let held = source.and_then(|source| source.version()).and_then(ResourceVersion::number);
        if self.at.max(held).is_some_and(|at| at > self.revision) {
            self.regressed();
            self.at = None;
            self.consistent_next = true;
        }
    }

    /// The pump commits at once: later the new history may have overtaken the stored version, unseen.
    fn regressed(&mut self) {
        self.apply(Change::Regressed);
        self.commit();
    }

    /// The reader comes to rest: whatever happened, the protocol leads to the cluster's state.
    fn settle(&mut self) {
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

    fn expected(&self) -> BTreeMap<String, (u32, u8, u8)> {
        let things = self.things.iter();
        things.map(|(name, thing)| (id(*name), (thing.uid, thing.content, thing.annotation))).collect()
    }

    fn indexed(&self) -> BTreeMap<String, (u32, u8, u8)> {
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

fn id(name: Name) -> String {
    format!("{}/v1/Thing/{name}", namespace(name))
}

fn namespace(name: Name) -> &'static str {
    if name.is_multiple_of(2) { "a" } else { "b" }
}

fn key(name: Name, uid: u32) -> Key {
    Key::of(&id(name), &uid.to_string())
}

fn item(name: Name, thing: &Thing) -> Item {
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

fn held(entry: &Entry) -> HeldEntry {
    HeldEntry {
        key: entry.key,
        id: IdHash::of(&entry.document.id),
        kind: entry.kind.clone(),
        namespace: entry.document.metadata.namespace.as_str().into(),
        fingerprint: entry.fingerprint,
        version: entry.version.unwrap_or(0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_with_the_index_equal_to_the_cluster(
        bulk in any::<bool>(),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new(bulk);
        steps.into_iter().for_each(|step| world.take(step));
        world.settle();
        prop_assert_eq!(world.indexed(), world.expected());
    }
}

fn listed(world: &mut World) {
    world.list(0, None, false);
    world.commit();
}

#[test]
fn an_object_that_vanished_between_two_lists_is_deleted() {
    let mut world = World::new(false);
    (0..3).for_each(|name| world.put(name, 0, 0));
    listed(&mut world);
    world.remove(1);
    world.list(0, None, false);
    world.commit();
    assert_eq!(world.indexed().len(), 2);
}

#[test]
fn a_list_that_breaks_off_deletes_nothing() {
    let mut world = World::new(true);
    listed(&mut world);
    world.apply(Change::ListStarted { consistent: true, reread: false });
    world.apply(Change::ListFailed);
    assert_eq!((world.core.pending(), world.core.total()), (0, 60));
}

#[test]
fn an_empty_list_sweeps_only_after_a_consistent_one_confirms_it() {
    let mut world = World::new(true);
    listed(&mut world);
    let version = ResourceVersion::Number(world.revision + 1);
    for (consistent, verdict) in [
        (false, Verdict::Suspicious),
        (false, Verdict::Suspicious),
        (true, Verdict::Accepted { deleted: 60 }),
    ] {
        world.apply(Change::ListStarted { consistent, reread: false });
        assert_eq!(world.apply(Change::ListEnded(Some(version.clone()))), verdict);
    }
}

#[test]
fn a_list_older_than_what_is_held_is_not_swept_with() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    world.apply(Change::ListStarted { consistent: true, reread: false });
    let older = ResourceVersion::Number(world.revision - 1);
    assert_eq!(world.apply(Change::ListEnded(Some(older))), Verdict::Stale { held: Some(world.revision) });
    assert_eq!(world.core.total(), 1);
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    world.put(1, 0, 0);
    world.deliver(1, false, false);
    assert_eq!(world.core.pending(), 0);
}

#[test]
fn annotation_values_alone_are_written_at_once_and_then_once_a_minute() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    world.put(1, 0, 1);
    world.deliver(1, false, false);
    assert_eq!(world.core.pending(), 1);
    world.commit();
    let resumable = world.stored.scopes[0].version.clone();
    for annotation in [2, 3] {
        world.now += 1_000;
        world.put(1, 0, annotation);
        world.deliver(1, false, false);
        assert_eq!(world.core.pending(), 0);
    }
    world.commit();
    assert_eq!(world.stored.scopes[0].version, resumable, "a resume must see what still waits");
    world.take(Step::Time(ANNOTATION_INTERVAL_MS));
    world.commit();
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn a_difference_at_an_equal_version_counts_as_drift_and_is_mended() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    if let Some(thing) = world.things.get_mut(&1) {
        thing.content = 9;
    }
    world.past.push((world.revision, world.things.clone()));
    world.list(0, None, true);
    world.commit();
    assert_eq!(world.core.counters().drift_corrected, 1);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn forbidden_documents_go_after_the_time_set_and_not_before() {
    let mut world = World::new(true);
    listed(&mut world);
    world.apply(Change::Denied);
    let day = 24 * 3_600_000;
    assert_eq!(world.core.remove_forbidden(world.now + day - 1, day), []);
    // Another namespace's source that works keeps what lies in it.
    let (kind, scope) = ("things".into(), Scope::Namespace("b".into()));
    world.core.apply(world.now, &kind, &scope, Change::Bookmark(ResourceVersion::Number(1)));
    assert_eq!(world.core.remove_forbidden(world.now + day, day), [(kind, 30)]);
}

#[test]
fn a_sweep_in_one_namespace_leaves_the_others_alone() {
    let mut world = World::new(true);
    listed(&mut world);
    let (kind, scope) = ("things".into(), Scope::Namespace("a".into()));
    let version = Some(ResourceVersion::Number(world.revision));
    world.core.apply(world.now, &kind, &scope, Change::ListStarted { consistent: true, reread: false });
    let first = world.core.apply(world.now, &kind, &scope, Change::ListEnded(version.clone()));
    // Thirty of thirty is less than the number that makes a fall suspicious.
    assert_eq!(first, Verdict::Accepted { deleted: 30 });
    assert_eq!(world.core.total(), 30);
}
