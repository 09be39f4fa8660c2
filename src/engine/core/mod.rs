//! The pure heart of the engine: what every reader saw goes in, index operations and a checkpoint come out.
//!
//! No IO, no clock, no async: time is passed in, so that any history can be replayed. What holds at every step:
//!
//! - An entry is deleted only with authority: a DELETED event that named its uid, a complete list of its kind in its
//!   scope that is not older than what is held and did not name it, a removal that the caller has the authority for
//!   ([`Core::remove`]), or nobody may read it for long, or it may not be read and its namespace is gone
//!   ([`Core::remove_unreadable`]).
//! - The checkpoint never runs ahead of the operations: replaying from its versions loses nothing.

mod deferred;
mod forbidden;
mod held;
mod removal;
mod source;
mod sources;
#[cfg(test)]
mod tests;
mod tombstones;

use std::collections::{HashMap, HashSet};

use crate::document::Fingerprint;
use crate::index::{Checkpoint, Entry, HeldEntry, Op, ScopeCheckpoint};
use crate::object::{IdHash, Key, KindKey, ResourceVersion, Scope};

use deferred::Deferred;
use held::{Gone, Held, HeldKinds, Swept};
pub(super) use removal::{Because, Removed, namespace_id};
pub(super) use source::{Source, Verdict};
use sources::{KindSources, Sources};
use tombstones::Tombstones;

/// Milliseconds of a steady clock, passed in by the caller: no jump of the wall clock is among them.
pub(super) type Millis = i64;

/// A change in nothing but annotation values is written at most this often per object.
pub(super) const ANNOTATION_INTERVAL_MS: Millis = 60_000;
/// A change leaves for the index this long after the first one waiting, so that bursts share a commit.
pub(super) const COMMIT_DELAY_MS: Millis = 100;
/// While lists are being read a commit waits longer: one big commit costs less than many small ones.
pub(super) const LISTING_COMMIT_DELAY_MS: Millis = 2_000;
/// Versions that only bookmarks moved are committed this often.
pub(super) const BOOKMARK_COMMIT_MS: Millis = 60_000;

/// One object as a reader saw it, already mapped.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Hash of the document id.
    pub(super) id: IdHash,
    /// What goes into the index.
    pub(super) entry: Entry,
}

/// What a reader of one (kind, scope) saw.
#[derive(Debug)]
pub(super) enum Change {
    /// A list begins. `consistent`: read without a resourceVersion; `reread`: of a kind that is being watched.
    ListStarted {
        /// Read from etcd, not from the watch cache.
        consistent: bool,
        /// A background re-read: differences at equal versions count as drift.
        reread: bool,
    },
    /// Items of the list.
    Listed(Vec<Item>),
    /// The list ended with status 200; the verdict says whether it was swept with.
    ListEnded(Option<ResourceVersion>),
    /// The list broke off.
    ListFailed,
    /// ADDED or MODIFIED.
    Upserted(Box<Item>),
    /// DELETED: id, key (with the uid) and version of the deletion.
    Deleted {
        /// Hash of the document id.
        id: IdHash,
        /// Hash of (id, uid).
        key: Key,
        /// The deletion's version, where comparable.
        version: Option<u64>,
    },
    /// A bookmark: everything up to this version has been seen.
    Bookmark(ResourceVersion),
    /// The storage's revision lies below what is held (etcd restored): nothing held may be compared any more.
    Regressed,
    /// The server answered 403.
    Denied,
}

/// Counters for status; they only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Entries written.
    pub(super) upserts: u64,
    /// Entries deleted.
    pub(super) deletes: u64,
    /// Objects that a re-read found different at an equal version; must be 0.
    pub(super) drift_corrected: u64,
}

/// The sync core of one index.
#[derive(Debug, Default)]
pub(super) struct Core {
    held: HeldKinds,
    sources: Sources,
    dirty: HashMap<Key, Op>,
    /// Which of the deletes that wait were named by an event.
    by_event: HashSet<Key>,
    deferred: Deferred,
    tombstones: Tombstones,
    /// Lists that have begun: a clock by which it is told what was named before a list and what since.
    generation: u32,
    counters: Counters,
    events: HashMap<KindKey, u64>,
    base: Checkpoint,
    /// Somebody else knew more of the cluster than this index, up to this count of lists and this time.
    distrusted: Option<(u32, Millis)>,
    first_change: Option<Millis>,
    version_moved: Option<Millis>,
}

impl Core {
    /// Starts from what the index holds: its entries and the checkpoint committed with them.
    pub(super) fn restore(entries: Vec<HeldEntry>, checkpoint: Checkpoint) -> Self {
        let mut core = Self::default();
        entries.into_iter().for_each(|entry| core.held.restore(entry));
        for scope in &checkpoint.scopes {
            core.sources.insert(&scope.kind, &scope.scope, Source::restore(scope));
        }
        for (kind, sources) in core.sources.kinds_mut() {
            if let Some(doubtful) = sources.doubtful() {
                core.held.forget_versions(kind, doubtful);
            }
            sources.see(&core.held.newest(kind));
        }
        core.base = Checkpoint { scopes: Vec::new(), ..checkpoint };
        core
    }

    /// Takes one change of the reader of `kind` in `scope`.
    pub(super) fn apply(&mut self, now: Millis, kind: &KindKey, scope: &Scope, change: Change) -> Verdict {
        let at = At { kind, scope };
        match change {
            Change::ListStarted { consistent, reread } => {
                self.generation += 1;
                let generation = self.generation;
                let floor = self.sources.of(kind).map_or(0, |own| own.newest_of_others(scope));
                let buried = self.tombstones.buried();
                self.source(at).start_list(generation, consistent, reread, floor, buried);
            }
            Change::Listed(items) => {
                let source = self.source(at);
                source.name();
                let reread = source.is_reread();
                items.into_iter().for_each(|item| self.list_item(now, at, item, reread));
            }
            Change::ListEnded(version) => return self.end_list(now, at, version),
            Change::ListFailed => self.source(at).fail_list(),
            Change::Upserted(item) => self.upsert_event(now, at, *item),
            Change::Deleted { id, key, version } => self.delete_event(now, at, id, key, version),
            Change::Bookmark(version) => {
                let source = self.source(at);
                source.advance(Some(version), now);
                source.confirm();
                self.version_moved.get_or_insert(now);
            }
            Change::Regressed => {
                let forgotten = self.sources.of(kind).is_some_and(KindSources::has_forgotten);
                let source = self.source(at);
                source.fail_list();
                // Readers find it one after the other; what the first one had forgotten is not forgotten again.
                if source.newest() > 0 || forgotten { self.regress(now, kind) } else { source.regress() }
            }
            Change::Denied => {
                self.source(at).deny(now);
                self.version_moved.get_or_insert(now);
            }
        }
        Verdict::Accepted { deleted: 0 }
    }

    /// Forgets the source of a kind that is no longer read; its entries stay. That is committed soon: nobody looks there
    /// now whether the storage goes back, and once it has come as far again nothing would tell that it did.
    pub(super) fn forget_source(&mut self, now: Millis, kind: &KindKey, scope: &Scope) {
        if self.sources.remove(kind, scope) {
            self.first_change.get_or_insert(now);
        }
    }

    /// Forgets every source of these kinds: nothing of them is held any more.
    pub(super) fn forget_kinds(&mut self, now: Millis, kinds: impl Fn(&KindKey) -> bool) {
        if self.sources.remove_kinds(kinds) {
            self.first_change.get_or_insert(now);
        }
    }

    /// A reader of `apiVersion/Kind` begins; the state of its source.
    pub(super) fn open_source(&mut self, kind: &KindKey, scope: &Scope, api: &str) -> &Source {
        let source = self.source(At { kind, scope });
        source.open(api);
        source
    }

    /// The state of one source, if it was ever opened.
    pub(super) fn source_of(&self, kind: &KindKey, scope: &Scope) -> Option<&Source> {
        self.sources.get(kind, scope)
    }

    /// Where a kind has to be listed again, as one of its readers found that the storage went back.
    pub(super) fn doubted(&self, kind: &KindKey) -> Vec<Scope> {
        let sources = self.sources.of(kind).into_iter().flat_map(KindSources::iter);
        sources.filter(|(_, source)| source.wants_list()).map(|(scope, _)| scope).collect()
    }

    /// Where a watch of a kind went on from what was stored, or a list is too old, and nothing has shown yet that
    /// nothing was missed.
    pub(super) fn unconfirmed(&self, kind: &KindKey) -> Vec<Scope> {
        let sources = self.sources.of(kind).into_iter().flat_map(KindSources::iter);
        let old = |source: &Source| source.may_list() && !self.is_current(source);
        sources.filter(|(_, source)| source.is_unconfirmed() || old(source)).map(|(scope, _)| scope).collect()
    }

    /// The newest version that any reader of a kind has seen since the storage went back last, or that is held.
    pub(super) fn newest(&self, kind: &KindKey) -> u64 {
        self.sources.of(kind).map_or(0, KindSources::newest)
    }

    /// Entries held of a kind.
    pub(super) fn count(&self, kind: &KindKey) -> usize {
        self.held.count(kind)
    }

    /// Whether anything is held of a kind in a scope.
    pub(super) fn holds(&self, kind: &KindKey, scope: &Scope) -> bool {
        self.held.holds(kind, scope)
    }

    /// Entries held in all.
    pub(super) fn total(&self) -> usize {
        self.held.total()
    }

    /// Kinds with at least one entry.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &KindKey> {
        self.held.kinds()
    }

    /// Kinds that were read to the end once.
    pub(super) fn read_kinds(&self) -> impl Iterator<Item = &KindKey> {
        self.sources.iter().filter(|(_, _, source)| source.is_complete()).map(|(kind, _, _)| kind)
    }

    /// Events of a kind since the start: list items aside, everything its watches delivered.
    pub(super) fn events(&self, kind: &KindKey) -> u64 {
        self.events.get(kind).copied().unwrap_or(0)
    }

    /// Counters since the start.
    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// Operations that wait for [`Core::take_ops`].
    pub(super) fn pending(&self) -> usize {
        self.dirty.len()
    }

    /// Takes the waiting operations, at most one per entry: the last state won.
    pub(super) fn take_ops(&mut self) -> Vec<Op> {
        self.dirty.drain().map(|(_, op)| op).collect()
    }

    /// Which of the operations taken last are deletes that an event named.
    pub(super) fn take_by_event(&mut self) -> HashSet<Key> {
        std::mem::take(&mut self.by_event)
    }

    /// Moves rationed annotation changes that are due into the waiting operations (`all`: before a shutdown).
    pub(super) fn release_deferred(&mut self, now: Millis, all: bool) {
        for (kind, item) in self.deferred.take_due(now, all) {
            self.write(now, &kind, item);
        }
    }

    /// When the next commit is due; `None` while nothing has changed.
    pub(super) fn commit_due(&self) -> Option<Millis> {
        let listing = self.sources.iter().any(|(_, _, source)| source.is_listing());
        let delay = if listing { LISTING_COMMIT_DELAY_MS } else { COMMIT_DELAY_MS };
        let change = self.first_change.map(|at| at + delay);
        let version = self.version_moved.map(|at| at + BOOKMARK_COMMIT_MS);
        let deferred = self.deferred.next_due();
        [change, version, deferred].into_iter().flatten().min()
    }

    /// The checkpoint that belongs to everything taken so far; call right before the commit.
    pub(super) fn checkpoint(&mut self) -> Checkpoint {
        let mut scopes: Vec<ScopeCheckpoint> = self
            .sources
            .iter()
            .map(|(kind, scope, source)| {
                let mut saved = source.save(kind, &scope);
                saved.version = self.deferred.cap(kind, &scope, saved.version);
                saved
            })
            .collect();
        scopes.sort_by(|a, b| (&a.kind, &a.scope).cmp(&(&b.kind, &b.scope)));
        Checkpoint { scopes, ..self.base.clone() }
    }

    /// The commit succeeded.
    pub(super) fn committed(&mut self) {
        self.first_change = None;
        self.version_moved = None;
    }

    /// What the next checkpoints say about the whole index.
    pub(super) fn base_mut(&mut self) -> &mut Checkpoint {
        &mut self.base
    }

    fn source(&mut self, at: At<'_>) -> &mut Source {
        self.sources.of_mut(at.kind, at.scope)
    }

    fn list_item(&mut self, now: Millis, at: At<'_>, item: Item, reread: bool) {
        if self.tombstones.forbids(item.entry.key, item.entry.version) {
            return;
        }
        if let Some(held) = self.held.get_mut(at.kind, item.id) {
            let same = held.key == item.entry.key;
            if is_older(item.entry.version, held.version()) {
                if same {
                    held.see(at.scope, self.generation);
                }
                let held = held.version();
                self.source(at).contradict(held);
                return;
            }
            if same && reread && drifted(held, item.entry.version, item.entry.fingerprint) {
                self.counters.drift_corrected += 1;
            }
        }
        self.take(now, at, item, self.generation);
    }

    fn upsert_event(&mut self, now: Millis, at: At<'_>, item: Item) {
        self.count_event(at.kind);
        let version = item.entry.version;
        let stale = self.tombstones.forbids(item.entry.key, version)
            || self.held.get_mut(at.kind, item.id).is_some_and(|held| is_older(version, held.version()));
        if !stale {
            let generation = self.generation;
            let generation = self.source(at).watch_generation(generation);
            self.take(now, at, item, generation);
        }
        self.advance(now, at, version);
    }

    fn delete_event(&mut self, now: Millis, at: At<'_>, id: IdHash, key: Key, version: Option<u64>) {
        self.count_event(at.kind);
        if self.held.get_mut(at.kind, id).is_some_and(|held| held.key == key) {
            self.held.remove(at.kind, id);
            self.delete_held(now, id, key);
            self.by_event.insert(key);
        }
        if let Some(version) = version {
            self.tombstones.bury(key, version);
        }
        self.advance(now, at, version);
    }

    fn count_event(&mut self, kind: &KindKey) {
        *self.events.entry(kind.clone()).or_default() += 1;
    }

    fn advance(&mut self, now: Millis, at: At<'_>, version: Option<u64>) {
        self.source(at).advance(version.map(ResourceVersion::Number), now);
        self.version_moved.get_or_insert(now);
    }

    /// Compares an item with what is held, marks it as seen, and writes it if it differs.
    fn take(&mut self, now: Millis, at: At<'_>, item: Item, generation: u32) {
        self.source(at).see(item.entry.version);
        let Some(held) = self.held.get_mut(at.kind, item.id) else {
            return self.take_new(now, at, item, generation);
        };
        held.see(at.scope, generation);
        let replaced = (held.key != item.entry.key).then_some(held.key);
        if let Some(old) = replaced {
            held.replace(&item.entry);
            self.delete_held(now, item.id, old);
            self.write(now, at.kind, item);
            return;
        }
        if held.take_version(item.entry.version) {
            self.write(now, at.kind, item);
        } else if held.fingerprint == item.entry.fingerprint {
            self.deferred.cancel(item.id);
        } else if held.fingerprint.content == item.entry.fingerprint.content
            && now - held.annotations_at < ANNOTATION_INTERVAL_MS
        {
            let due = held.annotations_at + ANNOTATION_INTERVAL_MS;
            let floor = self.sources.get(at.kind, at.scope).and_then(|source| source.version().cloned());
            self.deferred.put(due, at.kind, at.scope, floor, item);
        } else {
            self.write(now, at.kind, item);
        }
    }

    /// Takes an item that is not held, unless another reader has gone beyond it and knows that it is gone.
    fn take_new(&mut self, now: Millis, at: At<'_>, item: Item, generation: u32) {
        let namespace = &item.entry.document.metadata.namespace;
        let sources = &mut self.sources;
        let gone = |version| sources.others_know_as_gone(at.kind, at.scope, namespace, version);
        if item.entry.version.is_some_and(gone) {
            return;
        }
        let mut held = Held::new(&item.entry, self.held.intern(namespace));
        held.see(at.scope, generation);
        self.held.insert(at.kind, item.id, held);
        self.write(now, at.kind, item);
    }

    fn write(&mut self, now: Millis, kind: &KindKey, item: Item) {
        self.deferred.cancel(item.id);
        if let Some(held) = self.held.get_mut(kind, item.id) {
            if held.fingerprint.annotations != item.entry.fingerprint.annotations {
                held.annotations_at = now;
            }
            held.fingerprint = item.entry.fingerprint;
        }
        self.counters.upserts += 1;
        self.dirty.insert(item.entry.key, Op::Upsert(Box::new(item.entry)));
        self.first_change.get_or_insert(now);
    }

    fn delete_held(&mut self, now: Millis, id: IdHash, key: Key) {
        self.deferred.cancel(id);
        self.counters.deletes += 1;
        self.dirty.insert(key, Op::Delete(key));
        self.first_change.get_or_insert(now);
    }

    fn end_list(&mut self, now: Millis, at: At<'_>, version: Option<ResourceVersion>) -> Verdict {
        let source = self.source(at);
        let (generation, beside_since) = (source.generation(), source.beside_since());
        if beside_since.is_some_and(|buried| !self.tombstones.remember_since(buried)) {
            self.source(at).doubt();
        }
        let number = version.as_ref().and_then(ResourceVersion::number);
        let list = Swept { scope: at.scope, generation, version: number };
        let (before, unseen) = self.held.unseen(at.kind, list);
        let verdict = self.source(at).end_list(now, version, before, before - unseen);
        self.version_moved.get_or_insert(now);
        if verdict == Verdict::Rewritten {
            self.regress(now, at.kind);
        }
        if !matches!(verdict, Verdict::Accepted { .. }) {
            return verdict;
        }
        if *at.scope == Scope::All {
            self.sources.leave_to_all(at.kind);
        }
        let gone = self.held.take_unseen(at.kind, list);
        gone.iter().for_each(|(id, held)| self.delete_held(now, *id, held.key));
        Verdict::Accepted { deleted: gone.len() }
    }

    /// Held versions of a kind, and with them those of all its sources, are of a history that is no more.
    fn regress(&mut self, now: Millis, kind: &KindKey) {
        self.sources.regress(kind);
        self.held.forget_versions(kind, |_| true);
        self.deferred.forget(kind);
        self.tombstones.clear();
        self.base.epoch += 1;
        self.version_moved.get_or_insert(now);
    }
}

/// One source's place.
#[derive(Clone, Copy)]
struct At<'a> {
    kind: &'a KindKey,
    scope: &'a Scope,
}

fn is_older(new: Option<u64>, held: u64) -> bool {
    new.is_some_and(|new| held != 0 && new < held)
}

fn drifted(held: &Held, version: Option<u64>, fingerprint: Fingerprint) -> bool {
    // Annotation values may wait in the ration; content may not.
    version == Some(held.version()) && held.fingerprint.content != fingerprint.content
}
