//! The plain model: what may be deleted, what must be said, and what must be there when nothing fails.

mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubesift::cluster::selection::Selection;
use kubesift::engine::status::{Coverage, Phase, Status};
use kubesift::index::HeldEntry;
use kubesift::mirror::memory::Memory;
use kubesift::mirror::offset::moved;
use kubesift::object::{Key, KindKey};

use crate::cluster::{Cluster, Thing, Things};
use crate::program::embedder;
use crate::world::{FOREIGN, Violation, violation};

/// What is said may be so much older than a change: the change is on its way to the disk.
const ON_ITS_WAY_MS: i64 = 6_000;
/// A store that another hand changed is noticed within a minute, and mended; a slow one takes 75 seconds to change.
const FOREIGN_MS: i64 = 270_000;

/// The index as it is.
pub(crate) type Held = BTreeMap<Key, HeldEntry>;

/// Everything that can be seen at one moment.
pub(crate) struct Sight {
    /// Milliseconds of the world.
    pub(crate) now: i64,
    pub(crate) held: Held,
    pub(crate) things: Arc<Things>,
    /// What the program says, or what the last one left behind.
    pub(crate) status: Option<Status>,
    pub(crate) runs: bool,
    /// How far the machine's wall clock is ahead of the world's time.
    pub(crate) ahead: i64,
    pub(crate) selection: Selection,
    /// Kinds that the program does not read.
    pub(crate) excluded: BTreeSet<KindKey>,
    /// Kinds that offer no watch: what is held of them stays as it is.
    pub(crate) unwatched: BTreeSet<KindKey>,
    /// Kinds that nobody can tell from kinds that are gone.
    pub(crate) seemingly_gone: BTreeSet<KindKey>,
}

impl Sight {
    /// Whether the configuration excludes it.
    fn excludes(&self, thing: &Thing) -> bool {
        self.excluded.contains(&thing.kind) || !self.selection.namespace(&thing.namespace)
    }
}

/// What the judge remembers.
pub(crate) struct Judge {
    forbidden_after_ms: i64,
    held: Held,
    records: BTreeSet<String>,
    /// The ids of entries that were ever seen.
    names: BTreeMap<Key, Arc<Thing>>,
    /// What ceased to exist since it was last seen in the index, or in the store.
    gone: BTreeSet<Key>,
    gone_ids: BTreeSet<String>,
    /// How long the program ran while these could not be read.
    forbidden_ms: BTreeMap<(KindKey, String), i64>,
    seen_at: i64,
    /// When a kind's objects, or who may read them, last changed.
    changed: BTreeMap<KindKey, i64>,
    all_changed: i64,
    /// Until then nothing that is said can be judged: something lies so that nobody can know.
    doubtful_until: i64,
    doubtful_kinds: BTreeMap<KindKey, i64>,
    /// Until then these kinds may be gone for all that the program knows.
    seemingly_gone: BTreeMap<KindKey, i64>,
    /// Until then the store may differ for reasons of its own.
    foreign_until: i64,
    /// Since when another number of objects is told than is held.
    miscounted: Option<i64>,
    /// When the index last changed, as seen.
    index_changed: i64,
}

impl Judge {
    pub(crate) fn new(forbidden_after_ms: i64) -> Self {
        Self {
            forbidden_after_ms,
            held: Held::new(),
            records: BTreeSet::new(),
            names: BTreeMap::new(),
            gone: BTreeSet::new(),
            gone_ids: BTreeSet::new(),
            forbidden_ms: BTreeMap::new(),
            seen_at: 0,
            changed: BTreeMap::new(),
            all_changed: 0,
            doubtful_until: 0,
            doubtful_kinds: BTreeMap::new(),
            seemingly_gone: BTreeMap::new(),
            foreign_until: 0,
            miscounted: None,
            index_changed: 0,
        }
    }

    /// The cluster changed from one state to another.
    pub(crate) fn cluster_changed(&mut self, now: i64, before: &Things, after: &Things) {
        for (key, thing) in before {
            let new = after.get(key);
            if new != Some(thing) {
                self.changed.insert(thing.kind.clone(), now);
            }
            if new.is_none() {
                self.gone.insert(*key);
                self.gone_ids.insert(thing.id.clone());
            }
        }
        for (key, thing) in after {
            if !before.contains_key(key) {
                self.changed.insert(thing.kind.clone(), now);
            }
        }
        self.know(after);
    }

    /// These names stand for objects, too.
    pub(crate) fn know(&mut self, things: &Things) {
        for (key, thing) in things {
            self.names.entry(*key).or_insert_with(|| Arc::clone(thing));
        }
    }

    /// Who may read what changed, or how: what was said of any kind is older than that.
    pub(crate) fn everything_changed(&mut self, now: i64) {
        self.all_changed = self.all_changed.max(now);
    }

    /// From now on something lies in a way that nobody can know.
    pub(crate) fn doubt_until(&mut self, until: i64) {
        self.doubtful_until = self.doubtful_until.max(until);
    }

    /// The same about one kind.
    pub(crate) fn doubt_kind(&mut self, kind: &KindKey, until: i64) {
        let doubtful = self.doubtful_kinds.entry(kind.clone()).or_default();
        *doubtful = until.max(*doubtful);
    }

    /// What is forbidden is kept for so long from now on.
    pub(crate) fn forbidden_after(&mut self, ms: i64) {
        self.forbidden_after_ms = ms;
    }

    /// How many documents there ever were.
    pub(crate) fn ever(&self) -> u64 {
        self.names.len() as u64
    }

    /// Another process copied the index into the store.
    pub(crate) fn store_written(&mut self, now: i64) {
        self.foreign_until = self.foreign_until.max(now + FOREIGN_MS);
    }

    /// The store was changed by another hand, or does not do what it says.
    pub(crate) fn store_touched(&mut self, now: i64, memory: &Memory) {
        self.foreign_until = self.foreign_until.max(now + FOREIGN_MS);
        self.records = memory.records().into_keys().collect();
    }

    /// The store does what it is told again, and at once.
    pub(crate) fn store_heals(&mut self, now: i64, memory: &Memory) {
        self.foreign_until = 0;
        self.store_touched(now, memory);
    }

    /// From now on the store says that it did what it did not, or does it when nobody expects it any more, until it heals and is compared again.
    pub(crate) fn store_lies(&mut self) {
        self.foreign_until = i64::MAX;
    }

    /// Looks at everything: nothing may be gone without authority, and what is said must be so.
    pub(crate) fn look(
        &mut self,
        sight: &Sight,
        cluster: &Cluster,
        memory: &Memory,
    ) -> Result<(), Violation> {
        self.count_forbidden(sight, cluster);
        for kind in &sight.seemingly_gone {
            self.seemingly_gone.insert(kind.clone(), sight.now + ON_ITS_WAY_MS);
        }
        self.no_wrong_delete(sight)?;
        self.no_wrong_delete_of_records(sight, memory)?;
        if sight.held.keys().ne(self.held.keys())
            || sight.held.values().any(|own| {
                self.held.get(&own.key).is_none_or(|old| old.fingerprint.content != own.fingerprint.content)
            })
        {
            self.index_changed = sight.now;
        }
        self.held.clone_from(&sight.held);
        if let Some(status) = &sight.status {
            self.statements_are_true(sight, status, cluster)?;
            if sight.runs {
                self.mirror_tells_the_truth(sight, status, memory)?;
            }
        }
        Ok(())
    }

    fn count_forbidden(&mut self, sight: &Sight, cluster: &Cluster) {
        let passed = sight.now - std::mem::replace(&mut self.seen_at, sight.now);
        let places: BTreeSet<(KindKey, String)> =
            sight.things.values().map(|thing| (thing.kind.clone(), thing.namespace.clone())).collect();
        for (kind, namespace) in places {
            if cluster.surely_readable(&kind, &namespace) {
                self.forbidden_ms.remove(&(kind, namespace));
            } else if sight.runs {
                *self.forbidden_ms.entry((kind, namespace)).or_default() += passed;
            }
        }
    }

    fn forbidden_for(&self, thing: &Thing) -> i64 {
        self.forbidden_ms.get(&(thing.kind.clone(), thing.namespace.clone())).copied().unwrap_or(0)
    }

    /// Whether a document of a living object may be removed.
    fn may_go(&self, thing: &Thing, sight: &Sight) -> bool {
        let seemingly_gone = self.seemingly_gone.get(&thing.kind).is_some_and(|until| sight.now <= *until);
        let forbidden = self.forbidden_for(thing) >= self.forbidden_after_ms - 1_000;
        sight.excludes(thing) || forbidden || seemingly_gone
    }

    fn no_wrong_delete(&mut self, sight: &Sight) -> Result<(), Violation> {
        for key in self.held.keys().filter(|key| !sight.held.contains_key(*key)) {
            let Some(thing) = sight.things.get(key) else { continue };
            if !self.gone.remove(key) && !self.may_go(thing, sight) {
                let what = format!("{} left the index and lives in the cluster", thing.id);
                return Err(violation("wrong delete", what));
            }
        }
        Ok(())
    }

    fn no_wrong_delete_of_records(&mut self, sight: &Sight, memory: &Memory) -> Result<(), Violation> {
        let records: BTreeSet<String> = memory.records().into_keys().collect();
        let living: BTreeMap<&str, &Arc<Thing>> =
            sight.things.values().map(|thing| (thing.id.as_str(), thing)).collect();
        for id in self.records.difference(&records) {
            let Some(thing) = living.get(id.as_str()) else { continue };
            if !self.gone_ids.remove(id) && !self.may_go(thing, sight) {
                return Err(violation("wrong delete of a record", format!("{id} left the store")));
            }
        }
        self.records = records;
        Ok(())
    }

    /// What the store holds differently than the index.
    fn differences(&self, sight: &Sight, memory: &Memory) -> Result<(), String> {
        let records = memory.records();
        let mut wanted: BTreeMap<&str, &Arc<Thing>> = BTreeMap::new();
        for held in sight.held.values() {
            if let Some(thing) =
                sight.things.get(&held.key).filter(|own| own.content == held.fingerprint.content)
            {
                wanted.insert(&thing.id, thing);
            } else if let Some(old) = self.names.get(&held.key) {
                // What the index holds of an object that changed or went: the store has a record, whatever it says.
                if !records.contains_key(&old.id) {
                    return Err(format!("{} is in the index and not in the store", old.id));
                }
            }
        }
        for (id, thing) in &wanted {
            match records.get(*id) {
                None => return Err(format!("{id} is in the index and not in the store")),
                Some(record) if record.text.as_deref() != Some(&thing.text) => {
                    return Err(format!("{id} is another text in the store"));
                }
                Some(_) => {}
            }
        }
        let ids: BTreeSet<&str> =
            sight.held.keys().filter_map(|key| self.names.get(key)).map(|thing| thing.id.as_str()).collect();
        match records.keys().find(|id| !ids.contains(id.as_str()) && *id != FOREIGN) {
            Some(id) => Err(format!("{id} is in the store and not in the index")),
            None => Ok(()),
        }
    }

    /// Whether the records that the index lacks are all of objects that may not be read, and some are.
    fn only_forbidden_are_left(&self, sight: &Sight, cluster: &Cluster, memory: &Memory) -> bool {
        let held: BTreeSet<&str> =
            sight.held.keys().filter_map(|key| self.names.get(key)).map(|thing| thing.id.as_str()).collect();
        let known: BTreeMap<&str, &Arc<Thing>> =
            self.names.values().map(|thing| (thing.id.as_str(), thing)).collect();
        let records = memory.records();
        let mut extra = records.keys().filter(|id| !held.contains(id.as_str()) && *id != FOREIGN).peekable();
        extra.peek().is_some()
            && extra.all(|id| {
                known.get(id.as_str()).is_some_and(|thing| {
                    !cluster.readable(&thing.kind, &thing.namespace)
                        && self.forbidden_for(thing) <= self.forbidden_after_ms + 180_000
                })
            })
    }

    /// Whether what is said to be forbidden is, and nothing else.
    fn coverage_is_right(&self, sight: &Sight, coverage: &Coverage, cluster: &Cluster) -> Result<(), String> {
        for (kind, namespaced) in cluster.served() {
            if sight.excluded.contains(&kind) || sight.unwatched.contains(&kind) {
                continue;
            }
            let everywhere = cluster.readable_everywhere(&kind);
            let forbidden = coverage.forbidden.contains(&kind);
            if everywhere && forbidden {
                return Err(format!("{kind} is said to be forbidden, and is not"));
            }
            // With some namespaces configured there may be nothing that is asked of others.
            let chosen = sight.selection.namespaces().next().is_some();
            if everywhere && !chosen && coverage.partial.contains(&kind) {
                return Err(format!("{kind} is said to be read in parts, and may be read everywhere"));
            }
            let anywhere = namespaced && cluster.readable_anywhere(&kind);
            if !everywhere && !anywhere && !forbidden {
                return Err(format!("{kind} may not be read anywhere, and is not said to be forbidden"));
            }
        }
        Ok(())
    }

    /// Nothing failed for long: index and store are exactly what may be read.
    pub(crate) fn all_is_right(
        &mut self,
        sight: &Sight,
        cluster: &Cluster,
        memory: &Memory,
    ) -> Result<(), Violation> {
        let wrong = |what: String| violation("not right after a quiet time", what);
        let status = sight
            .status
            .as_ref()
            .filter(|_| sight.runs)
            .ok_or_else(|| wrong("the program does not run".to_owned()))?;
        for (key, thing) in sight.things.iter() {
            let held = sight.held.get(key);
            let readable = cluster.readable(&thing.kind, &thing.namespace);
            let excluded = sight.excludes(thing);
            if sight.unwatched.contains(&thing.kind) {
                continue;
            }
            match held {
                None if readable && !excluded => return Err(wrong(format!("{} is missing", thing.id))),
                Some(_) if excluded => return Err(wrong(format!("{} is excluded and held", thing.id))),
                Some(held) if readable && held.fingerprint.content != thing.content => {
                    return Err(wrong(format!("{} is old", thing.id)));
                }
                Some(_)
                    if !readable
                        && !cluster.perhaps_readable(&thing.kind, &thing.namespace)
                        && self.forbidden_for(thing) > self.forbidden_after_ms + 180_000 =>
                {
                    let minutes = self.forbidden_for(thing) / 60_000;
                    return Err(wrong(format!("{} may not be read for {minutes} min and is held", thing.id)));
                }
                _ => {}
            }
        }
        let extra = sight.held.values().filter(|held| !sight.things.contains_key(&held.key));
        for held in extra.filter(|held| !sight.unwatched.contains(&held.kind)) {
            let name = self.names.get(&held.key);
            // What may not be read may have been deleted without anybody here knowing.
            let unknown = name.is_some_and(|thing| {
                !cluster.readable(&thing.kind, &thing.namespace)
                    && self.forbidden_for(thing) <= self.forbidden_after_ms + 180_000
            });
            if !unknown {
                let name = name.map_or("?", |thing| thing.id.as_str());
                return Err(wrong(format!("{name} ({}) is a ghost", held.kind)));
            }
        }
        if status.phase != Phase::Live {
            return Err(wrong(format!("the phase is {:?}", status.phase)));
        }
        let coverage = status.coverage();
        if !coverage.failing.is_empty() || !coverage.pending.is_empty() || !coverage.stale.is_empty() {
            let (failing, pending, stale) = (coverage.failing, coverage.pending, coverage.stale);
            return Err(wrong(format!("failing {failing:?}, pending {pending:?}, stale {stale:?}")));
        }
        self.coverage_is_right(sight, &status.coverage(), cluster).map_err(wrong)?;
        if let Some(mirror) = &status.mirror {
            // Records of what may not be read stay for as long as documents would, and that is said.
            if !mirror.in_sync && self.only_forbidden_are_left(sight, cluster, memory) {
                return Ok(());
            }
            if !mirror.in_sync || mirror.held_back > 0 {
                let (state, trouble) = (mirror.state(), mirror.trouble());
                return Err(wrong(format!(
                    "the mirror is {state} ({trouble:?}), {} held back",
                    mirror.held_back
                )));
            }
            self.differences(sight, memory).map_err(wrong)?;
            vectors_are_ours(sight, memory).map_err(wrong)?;
        }
        self.gone.clear();
        self.gone_ids.clear();
        Ok(())
    }
}

/// Whether every record of a present object has the vector that belongs to it.
fn vectors_are_ours(sight: &Sight, memory: &Memory) -> Result<(), String> {
    let embedder = embedder();
    for (key, held) in &sight.held {
        // What changed unseen has the vector of what is held.
        let thing = sight.things.get(key).filter(|thing| thing.content == held.fingerprint.content);
        let Some(thing) = thing else { continue };
        let Some(stored) = memory.vector(&thing.id) else { continue };
        let made = embedder.embed(&[&thing.form]).map_err(|error| error.to_string())?.remove(0);
        let length = made.iter().map(|number| number * number).sum::<f32>().sqrt();
        let made: Vec<f32> = made.iter().map(|number| number / length).collect();
        let wanted = moved(&made, &thing.id);
        let cosine: f32 = wanted.iter().zip(stored.iter()).map(|(a, b)| a * b).sum();
        if cosine < 0.999 {
            return Err(format!("{} has the vector of something else (cosine {cosine})", thing.id));
        }
    }
    Ok(())
}
