//! Which kinds are read, pure: discovery readings go in, what to start, replace, stop and remove comes out.
//!
//! A kind is gone, and its documents with it, when current discovery does not name it in two readings 60 s apart and
//! nothing that defines it stands: no CustomResourceDefinition of its name, and no APIService of its group that leads to
//! another API server. Where those may not be read, every reading of 10 minutes must miss it. Kubernetes' own kinds have
//! no definitions: discovery alone decides. What is not gone stays, whatever its API offers:
//!
//! | discovery says | what is done | its documents |
//! |---|---|---|
//! | served, with list (and watch) | read: watched, or polled | follow |
//! | served, without list | not read | stay |
//! | not served, and a definition stands | not read | stay |
//! | not served, and nothing stands | not read, counted | go once it is gone |
//! | nothing: the group is stale, or says nothing of how fresh it is | what runs goes on | stay |
//!
//! Times are of the run alone, so that no jump of a clock is a minute; what is stored is how long a kind was missed while
//! something ran.

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::definitions::Sight;
use crate::cluster::discovery::Freshness;
use crate::object::{Kind, KindKey};

/// Between the two readings that show a kind as gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(60);
/// For so long every reading must miss a kind where CRDs and APIServices may not be read.
pub(super) const GONE_UNSEEN_AFTER: Duration = Duration::from_secs(600);
/// A new preferred version is taken over after this while the old one is still served.
pub(super) const VERSION_SETTLES: Duration = Duration::from_secs(600);

/// One reading of discovery, already reduced to the kinds that the configuration lets through.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Kinds to read, in their preferred version.
    pub(super) kinds: Vec<Kind>,
    /// Every version that each kind can be listed in.
    pub(super) served: BTreeMap<KindKey, Vec<String>>,
    /// Every kind that is served, whether it is read, excluded, or can't be listed.
    pub(super) named: BTreeSet<KindKey>,
    /// Every group. One that is not here is gone, as a whole and for certain, only if `groups_current` holds.
    pub(super) groups: BTreeMap<String, Freshness>,
    /// Whether the list of groups itself is trustworthy (aggregated discovery).
    pub(super) groups_current: bool,
}

/// What is known of the objects that define kinds.
#[derive(Debug, Clone, Default)]
pub(super) struct Definitions {
    /// Names of CustomResourceDefinitions: `plural.group`.
    pub(super) crds: Sight<BTreeSet<String>>,
    /// Groups that some APIService leads to another API server for.
    pub(super) aggregated: Sight<BTreeSet<String>>,
}

/// What the readers should do now.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Steps {
    /// Kinds to begin reading.
    pub(super) start: Vec<Kind>,
    /// Kinds of which another version, or another way of reading, is taken over: restart their readers with these.
    pub(super) replace: Vec<Kind>,
    /// Kinds that can't be read now: stop their readers, keep their documents.
    pub(super) stop: Vec<KindKey>,
    /// Kinds that are gone for certain: delete their documents. Said again by every reading until [`Plan::removed`].
    pub(super) remove: Vec<KindKey>,
    /// Kinds that are not read though the configuration wants it, and why.
    pub(super) unread: BTreeMap<KindKey, Unread>,
}

/// Why a kind is not read; what is held of it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unread {
    /// It is served and can't be listed.
    NoList,
    /// It is not served; its CustomResourceDefinition stands.
    CrdStands,
    /// It is not served; an APIService leads its group to another API server.
    ApiServiceStands,
    /// It is not served, and not yet for long enough to be gone.
    Missing,
    /// It is not served, by a discovery that does not say how fresh it is.
    Unsaid,
}

impl Unread {
    /// For people.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::NoList => "its API offers no list",
            Self::CrdStands => "it is not served, though its CustomResourceDefinition stands",
            Self::ApiServiceStands => "it is not served, though an APIService of its group stands",
            Self::Missing => "it is no longer served; another look will tell whether it is gone",
            Self::Unsaid => "discovery does not name it, and does not say whether it is gone",
        }
    }
}

/// The kinds being read, and those that are missing.
#[derive(Debug, Default)]
pub(super) struct Plan {
    running: HashMap<KindKey, Running>,
    missing: BTreeMap<KindKey, Absent>,
}

#[derive(Debug)]
struct Running {
    kind: Kind,
    /// The new preferred version and since when it has been preferred without a flip.
    candidate: Option<(String, Duration)>,
}

/// How long a kind has been missing, in this run and before.
#[derive(Debug, Clone)]
struct Absent {
    before: Duration,
    /// The first reading of this run that missed it.
    since: Option<Duration>,
    readings: u32,
    /// Whether some reading in between said nothing about it.
    doubted: bool,
}

/// For how long and how often a kind was missed by discovery, as it is kept between runs, so that short ones add up. The
/// time between runs does not count: nobody looked, and no clock of it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Missing {
    missed_s: u64,
    readings: u32,
    doubted: bool,
}

impl Plan {
    /// Goes on from the missing kinds of earlier runs.
    pub(super) fn restore(missing: &BTreeMap<KindKey, Missing>) -> Self {
        let absent = |missing: &Missing| Absent {
            before: Duration::from_secs(missing.missed_s),
            since: None,
            readings: missing.readings,
            doubted: missing.doubted,
        };
        let missing = missing.iter().map(|(key, missing)| (key.clone(), absent(missing))).collect();
        Self { running: HashMap::new(), missing }
    }

    /// The missing kinds as of `now`, for the next run.
    pub(super) fn missing(&self, now: Duration) -> BTreeMap<KindKey, Missing> {
        let missing = |absent: &Absent| Missing {
            missed_s: absent.missed(now).as_secs(),
            readings: absent.readings,
            doubted: absent.doubted,
        };
        self.missing.iter().map(|(key, absent)| (key.clone(), missing(absent))).collect()
    }

    /// Takes one reading at `now`, which is the time since the run began. `known` are the kinds that were read before,
    /// in this run or an earlier one, and that discovery may have lost.
    pub(super) fn read(
        &mut self,
        now: Duration,
        reading: &Reading,
        definitions: &Definitions,
        known: &BTreeSet<KindKey>,
    ) -> Steps {
        let mut steps = Steps::default();
        let present: BTreeSet<KindKey> = reading.kinds.iter().map(Kind::key).collect();
        for kind in &reading.kinds {
            self.missing.remove(&kind.key());
            self.see(now, kind, reading, &mut steps);
        }
        // A kind without documents is followed to its end too: a mirror may still have records of it.
        let known: BTreeSet<KindKey> =
            self.running.keys().chain(self.missing.keys()).chain(known).cloned().collect();
        for key in known.difference(&present) {
            if reading.named.contains(key) {
                self.leave(key, reading, &mut steps);
            } else if reading.tells(key.group()) {
                self.miss(now, key, definitions.of(key), &mut steps);
            } else {
                self.doubt(key, reading, &mut steps);
            }
        }
        steps
    }

    /// The documents of a kind that was to be removed are gone, and whoever has to know of it does.
    pub(super) fn removed(&mut self, key: &KindKey) {
        self.missing.remove(key);
    }

    /// Whether a kind is missing and another reading will tell whether it is gone.
    pub(super) fn waits(&self) -> bool {
        !self.missing.is_empty()
    }

    /// The kinds being read.
    pub(super) fn running(&self) -> impl Iterator<Item = &Kind> {
        self.running.values().map(|running| &running.kind)
    }

    fn see(&mut self, now: Duration, kind: &Kind, reading: &Reading, steps: &mut Steps) {
        let key = kind.key();
        let Some(running) = self.running.get_mut(&key) else {
            self.running.insert(key, Running { kind: kind.clone(), candidate: None });
            steps.start.push(kind.clone());
            return;
        };
        if running.kind.version == kind.version {
            running.candidate = None;
            if running.takes(kind) {
                steps.replace.push(kind.clone());
            }
            return;
        }
        let since = match &running.candidate {
            Some((version, since)) if *version == kind.version => *since,
            Some(_) | None => now,
        };
        running.candidate = Some((kind.version.clone(), since));
        let served = reading.served.get(&key).is_some_and(|served| served.contains(&running.kind.version));
        // The old one would give documents that no object has.
        let another = running.kind.namespaced != kind.namespaced || running.kind.kind != kind.kind;
        if !served || another || now.saturating_sub(since) >= VERSION_SETTLES {
            *running = Running { kind: kind.clone(), candidate: None };
            steps.replace.push(kind.clone());
        }
    }

    /// A kind that is served and not to be read.
    fn leave(&mut self, key: &KindKey, reading: &Reading, steps: &mut Steps) {
        self.missing.remove(key);
        self.stop(key, steps);
        if !reading.served.contains_key(key) {
            steps.unread.insert(key.clone(), Unread::NoList);
        }
    }

    /// A kind that is not served, says a reading that knows.
    fn miss(&mut self, now: Duration, key: &KindKey, definition: Definition, steps: &mut Steps) {
        self.stop(key, steps);
        let patience = match definition {
            Definition::Stands(why) => {
                self.missing.remove(key);
                steps.unread.insert(key.clone(), why);
                return;
            }
            Definition::Unsure => None,
            Definition::Hidden => Some(GONE_UNSEEN_AFTER),
            Definition::Gone => Some(GONE_AFTER),
        };
        let missing = self.missing.entry(key.clone()).or_insert(Absent::NEVER);
        if missing.doubted {
            *missing = Absent::NEVER;
        }
        missing.since.get_or_insert(now);
        missing.readings = missing.readings.saturating_add(1);
        let gone = missing.readings >= 2 && patience.is_some_and(|patience| missing.missed(now) >= patience);
        if gone {
            steps.remove.push(key.clone());
        } else {
            steps.unread.insert(key.clone(), Unread::Missing);
        }
    }

    /// A kind of which the reading says nothing.
    fn doubt(&mut self, key: &KindKey, reading: &Reading, steps: &mut Steps) {
        if let Some(missing) = self.missing.get_mut(key) {
            missing.doubted = true;
        }
        // Those of a group that does not answer are told by group.
        let stale = reading.groups.get(key.group()) == Some(&Freshness::Stale);
        if !self.running.contains_key(key) && !stale {
            steps.unread.insert(key.clone(), Unread::Unsaid);
        }
    }

    fn stop(&mut self, key: &KindKey, steps: &mut Steps) {
        if self.running.remove(key).is_some() {
            steps.stop.push(key.clone());
        }
    }
}

impl Running {
    /// Takes over what discovery says now; whether the reader has to begin again for it.
    fn takes(&mut self, kind: &Kind) -> bool {
        let before = std::mem::replace(&mut self.kind, kind.clone());
        let shape = |kind: &Kind| (kind.namespaced, kind.watchable, kind.kind.clone());
        shape(&before) != shape(kind)
    }
}

impl Absent {
    const NEVER: Self = Self { before: Duration::ZERO, since: None, readings: 0, doubted: false };

    fn missed(&self, now: Duration) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}

impl Reading {
    /// Whether the absence of a kind of this group means something.
    fn tells(&self, group: &str) -> bool {
        match self.groups.get(group) {
            Some(freshness) => *freshness == Freshness::Current,
            None => self.groups_current,
        }
    }
}

/// Whether something defines a kind that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Definition {
    Stands(Unread),
    Gone,
    /// It may not be read.
    Hidden,
    /// It can't be read for the moment.
    Unsure,
}

impl Definitions {
    fn of(&self, key: &KindKey) -> Definition {
        if matches!(&self.crds, Sight::Seen(names) if names.contains(key.as_str())) {
            return Definition::Stands(Unread::CrdStands);
        }
        if matches!(&self.aggregated, Sight::Seen(groups) if groups.contains(key.group())) {
            return Definition::Stands(Unread::ApiServiceStands);
        }
        match (&self.crds, &self.aggregated) {
            _ if !key.is_custom() => Definition::Gone,
            (Sight::Unsure, _) | (_, Sight::Unsure) => Definition::Unsure,
            (Sight::Hidden, _) | (_, Sight::Hidden) => Definition::Hidden,
            (Sight::Seen(_), Sight::Seen(_)) => Definition::Gone,
        }
    }
}
