//! The plain model: what may be deleted, what must be said, and what must be there when nothing fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubesift::engine::status::{KindState, Phase, Status};
use kubesift::index::HeldEntry;
use kubesift::mirror::memory::Memory;
use kubesift::mirror::offset::moved;
use kubesift::object::{Key, KindKey};

use crate::cluster::{Cluster, Thing, Things};
use crate::program::embedder;
use crate::world::{FOREIGN, Violation};

/// What is said may be so much older than a change: the change is on its way to the disk.
const ON_ITS_WAY_MS: i64 = 6_000;
/// A store that another hand changed is noticed within a minute, and mended.
const FOREIGN_MS: i64 = 180_000;

/// The index as it is.
pub(crate) type Held = BTreeMap<Key, HeldEntry>;

/// Everything that can be seen at one moment.
pub(crate) struct Sight {
    /// Milliseconds of the world.
    pub(crate) now: i64,
    pub(crate) held: Held,
    pub(crate) things: Arc<Things>,
    pub(crate) status: Option<Status>,
    /// How far the machine's wall clock is ahead of the world's time.
    pub(crate) ahead: i64,
    /// Kinds that the program does not read.
    pub(crate) excluded: BTreeSet<KindKey>,
    /// Kinds that offer no watch: what is held of them stays as it is.
    pub(crate) unwatched: BTreeSet<KindKey>,
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
    /// Until then the store may differ for reasons of its own.
    foreign_until: i64,
    /// When the index last changed, as seen.
    index_changed: i64,
}

fn violation(rule: &'static str, what: String) -> Violation {
    Violation { rule, what, step: 0 }
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
            foreign_until: 0,
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

    /// The store was changed by another hand, or does not do what it says.
    pub(crate) fn store_touched(&mut self, now: i64, memory: &Memory) {
        self.foreign_until = now + FOREIGN_MS;
        self.records = memory.records().into_keys().collect();
    }

    /// From now on the store says that it did what it did not, until it heals and is compared again.
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
            self.mirror_tells_the_truth(sight, status, memory)?;
        }
        Ok(())
    }

    fn count_forbidden(&mut self, sight: &Sight, cluster: &Cluster) {
        let passed = sight.now - std::mem::replace(&mut self.seen_at, sight.now);
        let places: BTreeSet<(KindKey, String)> =
            sight.things.values().map(|thing| (thing.kind.clone(), thing.namespace.clone())).collect();
        for (kind, namespace) in places {
            if cluster.readable(&kind, &namespace) {
                self.forbidden_ms.remove(&(kind, namespace));
            } else if sight.status.is_some() {
                *self.forbidden_ms.entry((kind, namespace)).or_default() += passed;
            }
        }
    }

    fn forbidden_for(&self, thing: &Thing) -> i64 {
        self.forbidden_ms.get(&(thing.kind.clone(), thing.namespace.clone())).copied().unwrap_or(0)
    }

    /// Whether a document of a living object may be removed.
    fn may_go(&self, thing: &Thing, sight: &Sight) -> bool {
        sight.excluded.contains(&thing.kind) || self.forbidden_for(thing) >= self.forbidden_after_ms - 1_000
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

    /// What a kind is said to hold, it holds: everything that there was at that time.
    fn statements_are_true(
        &self,
        sight: &Sight,
        status: &Status,
        cluster: &Cluster,
    ) -> Result<(), Violation> {
        if sight.now < self.doubtful_until || status.phase == Phase::Stopped {
            return Ok(());
        }
        for kind in &status.kinds {
            if !matches!(kind.state, KindState::Complete | KindState::Polled) {
                continue;
            }
            let Some(as_of) = kind.as_of_ms.map(|as_of| as_of - sight.ahead) else { continue };
            let changed = self.changed.get(&kind.kind).copied().unwrap_or(0).max(self.all_changed);
            if as_of < changed || sight.now < changed + ON_ITS_WAY_MS {
                continue;
            }
            let in_scope = |namespace: &str| {
                kind.scopes.is_empty() || kind.scopes.iter().any(|scope| scope == namespace)
            };
            let wanted = sight.things.iter().filter(|(_, thing)| {
                thing.kind == kind.kind
                    && in_scope(&thing.namespace)
                    && cluster.readable(&thing.kind, &thing.namespace)
            });
            for (key, thing) in wanted {
                let held = sight.held.get(key);
                if held.is_none_or(|held| held.fingerprint.content != thing.content) {
                    let how = if held.is_some() { "is old" } else { "is missing" };
                    let what = format!(
                        "{} is said to be complete as of {} s ago, {} s after its last change, and {} {how}",
                        kind.kind,
                        (sight.now - as_of) / 1_000,
                        (as_of - changed) / 1_000,
                        thing.id,
                    );
                    return Err(violation("untrue: complete", what));
                }
            }
            let ghost = sight.held.values().find(|held| {
                held.kind == kind.kind && in_scope(&held.namespace) && !sight.things.contains_key(&held.key)
            });
            if let Some(ghost) = ghost {
                let name = self.names.get(&ghost.key).map_or("?", |thing| thing.id.as_str());
                let what = format!(
                    "{} is said to be complete as of {} s ago, and {name} is a ghost",
                    kind.kind,
                    (sight.now - as_of) / 1_000,
                );
                return Err(violation("untrue: complete", what));
            }
        }
        Ok(())
    }

    fn mirror_tells_the_truth(
        &self,
        sight: &Sight,
        status: &Status,
        memory: &Memory,
    ) -> Result<(), Violation> {
        let Some(mirror) = &status.mirror else { return Ok(()) };
        let settled = sight.now >= self.index_changed + 30_000 && sight.now >= self.foreign_until;
        if !mirror.in_sync || !settled {
            return Ok(());
        }
        self.differences(sight, memory).map_err(|what| violation("untrue: mirror in sync", what))
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

    /// Nothing failed for long: index and store are exactly what may be read.
    pub(crate) fn all_is_right(
        &mut self,
        sight: &Sight,
        cluster: &Cluster,
        memory: &Memory,
    ) -> Result<(), Violation> {
        let wrong = |what: String| violation("not right after a quiet time", what);
        let status = sight.status.as_ref().ok_or_else(|| wrong("the program does not run".to_owned()))?;
        for (key, thing) in sight.things.iter() {
            let held = sight.held.get(key);
            let readable = cluster.readable(&thing.kind, &thing.namespace);
            let excluded = sight.excluded.contains(&thing.kind);
            if sight.unwatched.contains(&thing.kind) {
                continue;
            }
            match held {
                None if readable && !excluded => return Err(wrong(format!("{} is missing", thing.id))),
                Some(_) if excluded => return Err(wrong(format!("{} is excluded and held", thing.id))),
                Some(held) if readable && held.fingerprint.content != thing.content => {
                    return Err(wrong(format!("{} is old", thing.id)));
                }
                Some(_) if !readable && self.forbidden_for(thing) > self.forbidden_after_ms + 180_000 => {
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
        if let Some(mirror) = &status.mirror {
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
