//! What of the kinds is remembered beside the index: for the next run, for queries without a server, and for a mirror
//! whose store is away just now.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;

use super::super::kept::{KINDS, Kept, Kinds, MISSING, VANISHED};
use super::super::plan::Missing;
use super::super::pump::Message;
use crate::cluster::discovery::{Discovery, Freshness};
use crate::index::Store;
use crate::object::{Kind, KindKey};

/// The three files.
#[derive(Debug)]
pub(super) struct Memory {
    kinds: Kept<Kinds>,
    missing: Kept<BTreeMap<KindKey, Missing>>,
    vanished: Kept<Kinds>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { kinds: Kept::new(KINDS), missing: Kept::new(MISSING), vanished: Kept::new(VANISHED) }
    }

    /// What earlier runs knew.
    pub(super) fn restore(&mut self, store: &Store) {
        self.kinds.restore(store);
        self.missing.restore(store);
        self.vanished.restore(store);
    }

    /// The kinds that discovery names, and those that it named once.
    pub(super) fn kinds(&self) -> &BTreeMap<KindKey, Kind> {
        &self.kinds.get().0
    }

    /// Whether a kind is gone for certain.
    pub(super) fn has_vanished(&self, kind: &KindKey) -> bool {
        self.vanished.get().0.contains_key(kind)
    }

    pub(super) fn missing(&self) -> &BTreeMap<KindKey, Missing> {
        self.missing.get()
    }

    /// Takes note of one reading: `gone` are kinds that are gone for certain, `held` those that the index has entries of.
    pub(super) fn note(
        &mut self,
        discovery: &Discovery,
        held: &BTreeSet<KindKey>,
        missing: BTreeMap<KindKey, Missing>,
        gone: &[KindKey],
    ) {
        let mut vanished = self.vanished.get().clone();
        vanished.0.retain(|kind, _| !discovery.named.contains(kind));
        let known = gone.iter().filter_map(|key| self.kinds().get_key_value(key));
        vanished.0.extend(known.map(|(key, kind)| (key.clone(), kind.clone())));
        self.vanished.set(vanished);
        self.note_kinds(discovery, held, &missing);
        self.missing.set(missing);
    }

    /// The time counts up to now, so this is done at the end of a run too.
    pub(super) fn note_missing(&mut self, missing: BTreeMap<KindKey, Missing>) {
        self.missing.set(missing);
    }

    // Everything that discovery names, and what it named once of which entries are held or whose API server does not
    // answer; a missing kind is known until it is gone for certain.
    fn note_kinds(
        &mut self,
        discovery: &Discovery,
        held: &BTreeSet<KindKey>,
        missing: &BTreeMap<KindKey, Missing>,
    ) {
        let is_stale = |kind: &Kind| discovery.groups.get(&kind.group) == Some(&Freshness::Stale);
        let mut kinds = self.kinds.get().clone();
        kinds.0.retain(|key, kind| held.contains(key) || missing.contains_key(key) || is_stale(kind));
        kinds.0.extend(discovery.kinds.iter().map(|kind| (kind.key(), kind.clone())));
        self.kinds.set(kinds);
    }

    /// Has written what is new; says whether the kinds that are gone are on disk. Before that nothing of them is
    /// deleted: neither discovery nor the index knows them afterwards.
    pub(super) async fn save(&mut self, pump: &mpsc::Sender<Message>) -> bool {
        self.missing.save(pump).await;
        self.kinds.save(pump).await;
        self.vanished.save(pump).await
    }
}
