//! Readings of discovery, and what follows from each: kinds to start, to stop, to remove.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::plan::{Definitions, Reading};
use super::super::pump::Message;
use super::super::unanswered::unanswered;
use super::Life;
use crate::cluster::client::ClientError;
use crate::cluster::discovery::{Discovery, Freshness, discover};
use crate::cluster::selection::Decision;
use crate::cluster::watch::describe;
use crate::object::{Kind, KindKey};
use crate::text::suggest;

/// Discovery is read again this often where CRDs may not be watched.
const DISCOVERY_BLIND: Duration = Duration::from_secs(30);
/// Discovery is read again this often where they may: only what the watches can't tell changes in between.
const DISCOVERY_EVERY: Duration = Duration::from_secs(300);
/// Discovery is read again this often while some API server does not answer: the API server itself looks once a minute.
const DISCOVERY_STALE: Duration = Duration::from_secs(60);
/// The second reading that shows a kind as gone.
const DISCOVERY_SECOND: Duration = Duration::from_secs(61);

/// Kinds that discovery did not name, kept between runs.
pub(super) const MISSING: &str = "missing.json";
/// Everything that discovery names, for offline use.
pub(super) const KINDS: &str = "kinds.json";

impl Life<'_> {
    pub(super) fn discovery_pause(&self) -> Duration {
        if self.plan.waits() {
            DISCOVERY_SECOND
        } else if self.crds.borrow().known.is_none() {
            DISCOVERY_BLIND
        } else if self.stale {
            DISCOVERY_STALE
        } else {
            DISCOVERY_EVERY
        }
    }

    /// One reading of discovery and what follows from it; says whether it agrees with the CRDs that exist.
    pub(super) async fn discover(&mut self) -> Result<bool, ClientError> {
        let discovery = discover(&self.client).await?;
        let held = self.held().await;
        let (reading, excluded, unwatchable) = self.reading(&discovery);
        self.tell_unmatched(&discovery).await;
        let crds = self.crds.borrow().known.clone();
        let definitions = Definitions {
            api_groups: self.api_services.borrow().known.as_ref().map(groups),
            crds: crds.clone(),
        };
        let before = self.plan.missing().clone();
        let served: BTreeSet<KindKey> = discovery.kinds.iter().map(Kind::key).collect();
        let unserved = held.iter().chain(self.kinds.keys()).filter(|kind| !served.contains(*kind)).cloned();
        let steps = self.plan.read(
            self.client.clock().steady_ms() / 1000,
            &reading,
            &definitions,
            &unserved.collect(),
        );
        let gone: Vec<Kind> = steps.remove.iter().filter_map(|key| self.kinds.get(key)).cloned().collect();
        self.vanished.note(&self.options.store, served.iter().cloned(), gone);
        if before != *self.plan.missing() {
            self.save(MISSING, self.plan.missing());
        }
        let agrees = crds.is_none_or(|crds| self.agrees(crds, &discovery));
        self.save_kinds(&discovery, &held);
        let missing = held.iter().filter(|kind| !served.contains(*kind)).cloned().collect();
        let rules = excluded.clone();
        let silent = unanswered(&discovery, self.kinds.values(), &self.options.selection);
        self.stale = discovery.groups.values().any(|freshness| *freshness == Freshness::Stale);
        self.report(move |report| {
            (report.excluded, report.unwatchable) = (rules, unwatchable);
            (report.missing, report.unanswered) = (missing, silent);
        })
        .await;
        let kinds = excluded.into_keys().filter(|kind| held.contains(kind)).collect();
        self.tell(Message::Exclude { kinds, selection: self.options.selection.clone() }).await;
        for key in &steps.stop {
            self.stop_kind(key).await;
        }
        if !steps.remove.is_empty() {
            let why = format!("no longer served: {}", list(&steps.remove));
            self.tell(Message::RemoveKinds { kinds: steps.remove, why }).await;
        }
        for kind in steps.replace {
            self.stop_kind(&kind.key()).await;
            self.start_kind(kind).await;
        }
        for kind in steps.start {
            self.start_kind(kind).await;
        }
        Ok(agrees)
    }

    fn reading(&self, discovery: &Discovery) -> (Reading, BTreeMap<KindKey, String>, BTreeSet<KindKey>) {
        let (mut excluded, mut unwatchable) = (BTreeMap::new(), BTreeSet::new());
        let mut kinds = Vec::new();
        for kind in &discovery.kinds {
            match self.options.selection.decide(kind) {
                Decision::Read => kinds.push(kind.clone()),
                Decision::Excluded { rule } => {
                    excluded.insert(kind.key(), rule);
                }
                // One reading without the verb is no authority to delete.
                Decision::Unwatchable => {
                    unwatchable.insert(kind.key());
                }
            }
        }
        let with = |wanted: fn(&Freshness) -> bool| -> BTreeSet<String> {
            let groups = discovery.groups.iter().filter(|(_, freshness)| wanted(freshness));
            groups.map(|(group, _)| group.clone()).collect()
        };
        let reading = Reading {
            kinds,
            served: discovery.served.clone(),
            current: with(|freshness| *freshness == Freshness::Current),
            stale: with(|freshness| *freshness != Freshness::Current),
            groups_current: discovery.groups.values().any(|freshness| *freshness == Freshness::Current),
        };
        (reading, excluded, unwatchable)
    }

    /// A configured exclusion that meets nothing must not look like one that works.
    async fn tell_unmatched(&self, discovery: &Discovery) {
        let keys: Vec<KindKey> = discovery.kinds.iter().map(Kind::key).collect();
        let note = |name: &str| {
            let near = suggest(name, keys.iter().map(KindKey::as_str));
            let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            format!("include or exclude names {name}, which no served kind is called{near}")
        };
        let notes: Vec<String> = self.options.selection.unmatched(&discovery.kinds).map(note).collect();
        self.report(move |report| notes.into_iter().for_each(|note| report.note(note))).await;
    }

    /// For offline use: everything discovery names, and what it named once of which entries are held or whose API
    /// server does not answer.
    fn save_kinds(&mut self, discovery: &Discovery, held: &BTreeSet<KindKey>) {
        let before = self.kinds.clone();
        let is_stale = |kind: &Kind| discovery.groups.get(&kind.group) == Some(&Freshness::Stale);
        // A missing kind is known until it is gone for certain.
        let missing = self.plan.missing();
        self.kinds.retain(|key, kind| held.contains(key) || missing.contains_key(key) || is_stale(kind));
        self.kinds.extend(discovery.kinds.iter().map(|kind| (kind.key(), kind.clone())));
        if before == self.kinds {
            return;
        }
        self.save(KINDS, &self.kinds.values().collect::<Vec<_>>());
    }

    fn save<T: serde::Serialize + ?Sized>(&self, name: &str, value: &T) {
        if let Err(error) = self.options.store.write_json(name, value) {
            tracing::warn!(error = describe(&error), name, "could not be written");
        }
    }

    /// Whether discovery has caught up with the CRDs: names every one that exists, and none that was there and went.
    fn agrees(&mut self, crds: BTreeSet<String>, discovery: &Discovery) -> bool {
        let served: BTreeSet<KindKey> = discovery.kinds.iter().map(Kind::key).collect();
        let is_served = |name: &String| served.contains(&KindKey::from(name.as_str()));
        let agrees = crds.iter().all(is_served)
            && !self.seen_crds.iter().any(|name| !crds.contains(name) && is_served(name));
        self.seen_crds.extend(crds);
        agrees
    }
}

/// Groups of APIService names: `v1.apps` serves `apps`, `v1.` the core group.
fn groups(names: &BTreeSet<String>) -> BTreeSet<String> {
    names.iter().filter_map(|name| name.split_once('.')).map(|(_, group)| group.to_owned()).collect()
}

fn list(kinds: &[KindKey]) -> String {
    kinds.iter().map(KindKey::as_str).collect::<Vec<_>>().join(", ")
}
