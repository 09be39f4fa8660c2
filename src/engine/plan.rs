//! Which kinds are read, pure: discovery readings go in, what to start, replace, stop and remove comes out.
//!
//! Authority to delete a kind's documents because the kind is gone (DESIGN section 4, rule iii): it is missing from
//! discovery with `freshness: Current` in two readings 60 s apart and its CRD or APIService is gone; where those may
//! not be read, it is missing in all readings of 10 minutes. A group that is stale or could not be read says nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::object::{Kind, KindKey};

/// Seconds between the two readings that show a kind as gone.
pub(super) const GONE_AFTER_S: i64 = 60;
/// Seconds for which every reading must miss a kind where CRDs and APIServices may not be read.
pub(super) const GONE_UNSEEN_AFTER_S: i64 = 600;
/// Seconds after which a new preferred version is taken over while the old one is still served.
pub(super) const VERSION_SETTLES_S: i64 = 600;

/// One reading of discovery, already reduced to the kinds that the configuration lets through.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Kinds to read, in their preferred version.
    pub(super) kinds: Vec<Kind>,
    /// Every served version of each kind.
    pub(super) served: BTreeMap<KindKey, Vec<String>>,
    /// Groups whose content is current. A group in neither list is gone, as a whole and for certain, only if
    /// `groups_current` holds.
    pub(super) current: BTreeSet<String>,
    /// Groups that are stale or unknown: their kinds' absence means nothing.
    pub(super) stale: BTreeSet<String>,
    /// Whether the list of groups itself is trustworthy (aggregated discovery).
    pub(super) groups_current: bool,
}

/// What is known of the objects that define kinds; `None` where they may not be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Definitions {
    /// Names of CustomResourceDefinitions: `plural.group`.
    pub(super) crds: Option<BTreeSet<String>>,
    /// Groups that some APIService serves.
    pub(super) api_groups: Option<BTreeSet<String>>,
}

/// What the readers should do now.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Steps {
    /// Kinds to begin reading.
    pub(super) start: Vec<Kind>,
    /// Kinds whose preferred version changed and is taken over: restart their readers with these.
    pub(super) replace: Vec<Kind>,
    /// Kinds that are not served now: stop their readers, keep their documents.
    pub(super) stop: Vec<KindKey>,
    /// Kinds that are gone for certain: delete their documents.
    pub(super) remove: Vec<KindKey>,
}

/// The kinds being read, and those that are missing.
#[derive(Debug, Default)]
pub(super) struct Plan {
    running: HashMap<KindKey, Running>,
    missing: BTreeMap<KindKey, Missing>,
}

#[derive(Debug)]
struct Running {
    kind: Kind,
    /// The new preferred version and since when it has been preferred without a flip.
    candidate: Option<(String, i64)>,
}

/// Since when and how often a kind was missing from discovery. Kept between runs, so that short ones add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Missing {
    since: i64,
    readings: u32,
    /// Whether some reading in between said nothing about it.
    doubted: bool,
}

impl Plan {
    /// Goes on from the missing kinds of an earlier run.
    pub(super) fn restore(missing: BTreeMap<KindKey, Missing>) -> Self {
        Self { running: HashMap::new(), missing }
    }

    /// The missing kinds, for the next run.
    pub(super) fn missing(&self) -> &BTreeMap<KindKey, Missing> {
        &self.missing
    }

    /// Takes one reading at `now` (seconds). `known` are the kinds that were read before, in this run or an earlier
    /// one, and that discovery may have lost.
    pub(super) fn read(
        &mut self,
        now: i64,
        reading: &Reading,
        definitions: &Definitions,
        known: &BTreeSet<KindKey>,
    ) -> Steps {
        let mut steps = Steps::default();
        let present: HashMap<KindKey, &Kind> = reading.kinds.iter().map(|kind| (kind.key(), kind)).collect();
        for kind in &reading.kinds {
            self.missing.remove(&kind.key());
            self.see(now, kind, reading, &mut steps);
        }
        // A kind without documents is followed to its end too: a mirror may still have records of it.
        let known: BTreeSet<KindKey> =
            self.running.keys().chain(self.missing.keys()).chain(known).cloned().collect();
        for key in known.into_iter().filter(|key| !present.contains_key(key)) {
            self.miss(now, &key, reading, definitions, &mut steps);
        }
        steps
    }

    /// Whether a kind is missing and another reading will tell whether it is gone.
    pub(super) fn waits(&self) -> bool {
        !self.missing.is_empty()
    }

    /// The kinds being read.
    pub(super) fn running(&self) -> impl Iterator<Item = &Kind> {
        self.running.values().map(|running| &running.kind)
    }

    fn see(&mut self, now: i64, kind: &Kind, reading: &Reading, steps: &mut Steps) {
        let key = kind.key();
        let Some(running) = self.running.get_mut(&key) else {
            self.running.insert(key, Running { kind: kind.clone(), candidate: None });
            steps.start.push(kind.clone());
            return;
        };
        if running.kind.version == kind.version {
            running.candidate = None;
            if running.kind != *kind {
                let restart = running.kind.namespaced != kind.namespaced || running.kind.kind != kind.kind;
                running.kind = kind.clone();
                if restart {
                    steps.replace.push(kind.clone());
                }
            }
            return;
        }
        let since = match &running.candidate {
            Some((version, since)) if *version == kind.version => *since,
            Some(_) | None => now,
        };
        running.candidate = Some((kind.version.clone(), since));
        let served = reading.served.get(&key).is_some_and(|served| served.contains(&running.kind.version));
        if !served || now - since >= VERSION_SETTLES_S {
            running.kind = kind.clone();
            running.candidate = None;
            steps.replace.push(kind.clone());
        }
    }

    fn miss(
        &mut self,
        now: i64,
        key: &KindKey,
        reading: &Reading,
        definitions: &Definitions,
        steps: &mut Steps,
    ) {
        let group = key.group();
        let group_says =
            reading.current.contains(group) || (reading.groups_current && !reading.stale.contains(group));
        if !group_says {
            if let Some(missing) = self.missing.get_mut(key) {
                missing.doubted = true;
            }
            return;
        }
        if self.running.remove(key).is_some() {
            steps.stop.push(key.clone());
        }
        let fresh = Missing { since: now, readings: 0, doubted: false };
        let missing = self.missing.entry(key.clone()).or_insert(fresh);
        if missing.doubted {
            *missing = Missing { since: now, readings: 0, doubted: false };
        }
        missing.readings += 1;
        let gone = missing.readings >= 2 && now - missing.since >= definitions.patience(key);
        if gone && !definitions.defined(key) {
            self.missing.remove(key);
            steps.remove.push(key.clone());
        }
    }
}

impl Definitions {
    /// Whether a CRD of this kind still stands. An APIService alone is no proof that one of its kinds exists.
    fn defined(&self, key: &KindKey) -> bool {
        self.crds.as_ref().is_some_and(|crds| crds.contains(key.as_str()))
    }

    fn patience(&self, key: &KindKey) -> i64 {
        let readable = self.crds.is_some() && self.api_groups.is_some() || key.group().is_empty();
        if readable { GONE_AFTER_S } else { GONE_UNSEEN_AFTER_S }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(plural: &str, group: &str, version: &str) -> Kind {
        Kind {
            group: group.into(),
            version: version.into(),
            kind: plural.into(),
            plural: plural.into(),
            singular: String::new(),
            short_names: vec![],
            categories: vec![],
            namespaced: true,
            watchable: true,
        }
    }

    fn reading(kinds: &[Kind], served: &[(&str, &[&str])], stale: &[&str]) -> Reading {
        Reading {
            kinds: kinds.to_vec(),
            served: served
                .iter()
                .map(|(key, versions)| {
                    (KindKey::from(*key), versions.iter().map(|v| v.to_string()).collect())
                })
                .collect(),
            current: kinds.iter().map(|kind| kind.group.clone()).collect(),
            stale: stale.iter().map(|group| group.to_string()).collect(),
            groups_current: true,
        }
    }

    fn readable(crds: &[&str]) -> Definitions {
        Definitions {
            crds: Some(crds.iter().map(|name| name.to_string()).collect()),
            api_groups: Some(BTreeSet::new()),
        }
    }

    #[test]
    fn a_kind_that_lost_its_objects_first_is_followed_to_its_end() {
        let (mut plan, nothing) = (Plan::default(), held(&[]));
        let tens = kind("tens", "example.org", "v1");
        plan.read(0, &reading(&[tens], &[], &[]), &readable(&[]), &nothing);
        plan.read(10, &reading(&[], &[], &[]), &readable(&[]), &nothing);
        let mut plan = Plan::restore(plan.missing().clone());
        let steps = plan.read(70, &reading(&[], &[], &[]), &readable(&[]), &nothing);
        assert_eq!(steps.remove, [KindKey::from("tens.example.org")]);
        assert!(!plan.waits());
    }

    fn held(keys: &[&str]) -> BTreeSet<KindKey> {
        keys.iter().map(|key| KindKey::from(*key)).collect()
    }

    #[test]
    fn a_kind_is_removed_after_two_current_readings_a_minute_apart() {
        let (mut plan, held) = (Plan::default(), held(&["tens.example.org"]));
        let tens = kind("tens", "example.org", "v1");
        assert_eq!(plan.read(0, &reading(&[tens], &[], &[]), &readable(&[]), &held).start.len(), 1);
        let steps = plan.read(10, &reading(&[], &[], &[]), &readable(&[]), &held);
        assert_eq!((steps.stop.len(), steps.remove.len()), (1, 0));
        assert_eq!(plan.read(69, &reading(&[], &[], &[]), &readable(&[]), &held).remove, []);
        let steps = plan.read(70, &reading(&[], &[], &[]), &readable(&[]), &held);
        assert_eq!(steps.remove, [KindKey::from("tens.example.org")]);
    }

    #[test]
    fn a_kind_whose_definition_stands_is_never_removed() {
        let (mut plan, held) = (Plan::default(), held(&["tens.example.org"]));
        for now in [0, 100, 1_000, 10_000] {
            let steps = plan.read(now, &reading(&[], &[], &[]), &readable(&["tens.example.org"]), &held);
            assert_eq!(steps.remove, []);
        }
    }

    #[test]
    fn a_stale_group_says_nothing_about_its_kinds() {
        let (mut plan, held) = (Plan::default(), held(&["nodes.metrics.k8s.io"]));
        let nodes = kind("nodes", "metrics.k8s.io", "v1");
        plan.read(0, &reading(std::slice::from_ref(&nodes), &[], &[]), &readable(&[]), &held);
        let stale = reading(&[], &[], &["metrics.k8s.io"]);
        for now in [10, 100, 1_000] {
            assert_eq!(plan.read(now, &stale, &readable(&[]), &held), Steps::default());
        }
        // A doubtful reading in between starts the minute anew.
        let gone = reading(&[], &[], &[]);
        plan.read(1_010, &gone, &readable(&[]), &held);
        plan.read(1_040, &stale, &readable(&[]), &held);
        assert_eq!(plan.read(1_080, &gone, &readable(&[]), &held).remove, []);
        assert_eq!(plan.read(1_140, &gone, &readable(&[]), &held).remove.len(), 1);
    }

    #[test]
    fn without_sight_of_definitions_a_kind_must_be_missing_for_ten_minutes() {
        let (mut plan, held) = (Plan::default(), held(&["tens.example.org"]));
        let blind = Definitions::default();
        for now in [0, 61, 300, 599] {
            assert_eq!(plan.read(now, &reading(&[], &[], &[]), &blind, &held).remove, []);
        }
        assert_eq!(plan.read(600, &reading(&[], &[], &[]), &blind, &held).remove.len(), 1);
    }

    #[test]
    fn a_new_preferred_version_waits_while_the_old_one_is_served() {
        let (mut plan, held) = (Plan::default(), held(&[]));
        let (old, new) = (kind("tens", "e.org", "v1beta1"), kind("tens", "e.org", "v1"));
        plan.read(0, &reading(std::slice::from_ref(&old), &[], &[]), &readable(&[]), &held);
        let both = reading(std::slice::from_ref(&new), &[("tens.e.org", &["v1", "v1beta1"])], &[]);
        assert_eq!(plan.read(10, &both, &readable(&[]), &held), Steps::default());
        // A flip back starts the ten minutes anew.
        let back = reading(&[old], &[("tens.e.org", &["v1", "v1beta1"])], &[]);
        plan.read(300, &back, &readable(&[]), &held);
        assert_eq!(plan.read(310, &both, &readable(&[]), &held), Steps::default());
        assert_eq!(plan.read(909, &both, &readable(&[]), &held), Steps::default());
        assert_eq!(plan.read(910, &both, &readable(&[]), &held).replace, [new]);
    }

    #[test]
    fn a_new_preferred_version_is_taken_at_once_when_the_old_one_is_not_served() {
        let (mut plan, held) = (Plan::default(), held(&[]));
        let (old, new) = (kind("tens", "e.org", "v1beta1"), kind("tens", "e.org", "v1"));
        plan.read(0, &reading(&[old], &[], &[]), &readable(&[]), &held);
        let only_new = reading(std::slice::from_ref(&new), &[("tens.e.org", &["v1"])], &[]);
        assert_eq!(plan.read(10, &only_new, &readable(&[]), &held).replace, [new]);
    }
}
