//! Any history of readings, against a model that keeps all of them and looks back: nothing is removed but what was
//! missing by the rules, what is missing by the rules is removed, and everything else runs as discovery serves it.

use std::collections::HashMap;

use proptest::prelude::*;

use super::tests::kind;
use super::*;

/// Built-in, two custom resources of one group, and a kind of an aggregated API.
const KINDS: [&str; 4] = ["pods", "tens.example.org", "ones.example.org", "gizmos.things.example"];
const GROUPS: [&str; 3] = ["", "example.org", "things.example"];

/// What discovery says of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    NoList,
    LeftOut,
    /// To be read, in this version; `both`: the other version is served as well.
    Read {
        version: u8,
        both: bool,
        watchable: bool,
        namespaced: bool,
    },
}

/// One reading, and what is known of definitions.
#[derive(Debug, Clone)]
struct Look {
    kinds: [Says; 4],
    groups: [Option<Freshness>; 3],
    groups_current: bool,
    crds: Sight<[bool; 4]>,
    aggregated: Sight<[bool; 3]>,
}

#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Restart,
    /// `told`: what is to be removed is, at once.
    Read {
        look: Box<Look>,
        told: bool,
    },
}

fn says() -> impl Strategy<Value = Says> {
    let read = (0..2u8, any::<bool>(), any::<bool>(), prop::bool::weighted(0.9));
    let read = read.prop_map(|(version, both, watchable, namespaced)| Says::Read {
        version,
        both,
        watchable,
        namespaced,
    });
    prop_oneof![4 => Just(Says::Nothing), 1 => Just(Says::NoList), 1 => Just(Says::LeftOut), 3 => read]
}

fn sight<T: std::fmt::Debug + Clone>(seen: impl Strategy<Value = T>) -> impl Strategy<Value = Sight<T>> {
    prop_oneof![1 => Just(Sight::Unsure), 1 => Just(Sight::Hidden), 4 => seen.prop_map(Sight::Seen)]
}

fn look() -> impl Strategy<Value = Look> {
    let freshness = prop_oneof![
        6 => Just(Some(Freshness::Current)),
        1 => Just(Some(Freshness::Stale)),
        1 => Just(Some(Freshness::Unknown)),
        2 => Just(None),
    ];
    let some = || prop::bool::weighted(0.15);
    (
        prop::array::uniform4(says()),
        prop::array::uniform3(freshness),
        prop::bool::weighted(0.9),
        sight(prop::array::uniform4(some())),
        sight(prop::array::uniform3(some())),
    )
        .prop_map(|(kinds, groups, groups_current, crds, aggregated)| Look {
            kinds,
            groups,
            groups_current,
            crds,
            aggregated,
        })
}

/// Most readings resemble the one before: only then is anything missing for long.
fn history() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => prop_oneof![0..40u64, 59..62u64, 299..620u64].prop_map(Event::Wait),
        1 => Just(Event::Restart),
        2 => (look(), any::<bool>()).prop_map(|(look, told)| Event::Read { look: Box::new(look), told }),
    ];
    (prop::collection::vec((event, any::<bool>()), 1..60)).prop_map(|events| {
        let (mut all, mut last) = (Vec::new(), None);
        for (event, again) in events {
            if let Event::Read { .. } = &event {
                last = Some(event.clone());
            }
            all.push(event);
            all.extend(last.clone().filter(|_| again));
        }
        all
    })
}

impl Look {
    fn kind(&self, nth: usize) -> Option<Kind> {
        let Says::Read { version, watchable, namespaced, .. } = self.kinds[nth] else { return None };
        let key = KindKey::from(KINDS[nth]);
        let version = if version == 0 { "v1" } else { "v2" };
        Some(Kind { watchable, namespaced, ..kind(key.plural(), key.group(), version) })
    }

    fn reading(&self) -> Reading {
        let mut reading = Reading { groups_current: self.groups_current, ..Reading::default() };
        for (name, freshness) in GROUPS.iter().zip(self.groups) {
            reading.groups.extend(freshness.map(|freshness| ((*name).to_owned(), freshness)));
        }
        for (nth, key) in KINDS.into_iter().map(KindKey::from).enumerate() {
            let versions = match self.kinds[nth] {
                Says::Nothing => continue,
                Says::NoList => vec![],
                Says::Read { both: false, version: 1, .. } => vec!["v2"],
                Says::LeftOut | Says::Read { both: false, .. } => vec!["v1"],
                Says::Read { both: true, .. } => vec!["v1", "v2"],
            };
            // A group of which something is named is there.
            reading.groups.entry(key.group().to_owned()).or_insert(Freshness::Current);
            reading.named.insert(key.clone());
            if !versions.is_empty() {
                reading.served.insert(key, versions.into_iter().map(str::to_owned).collect());
            }
            reading.kinds.extend(self.kind(nth));
        }
        reading
    }

    fn definitions(&self) -> Definitions {
        let names = |names: &[&str], flags: &[bool]| {
            let named = names.iter().zip(flags).filter(|(_, stands)| **stands);
            named.map(|(name, _)| (*name).to_owned()).collect()
        };
        Definitions {
            crds: self.crds.map(|flags| names(&KINDS, &flags)),
            aggregated: self.aggregated.map(|flags| names(&GROUPS, &flags)),
        }
    }
}

/// What one reading means for one kind, said plainly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Served,
    Stands,
    Doubt,
    /// It is not there; the patience that what is known of definitions asks for.
    Misses(Option<u64>),
}

impl Look {
    fn meaning(&self, nth: usize) -> Meaning {
        let group = GROUPS.iter().position(|group| *group == KindKey::from(KINDS[nth]).group()).unwrap();
        let others =
            || (0..KINDS.len()).filter(|other| KindKey::from(KINDS[*other]).group() == GROUPS[group]);
        if self.kinds[nth] != Says::Nothing {
            return Meaning::Served;
        }
        let listed = self.groups[group].or_else(|| {
            others().any(|other| self.kinds[other] != Says::Nothing).then_some(Freshness::Current)
        });
        match listed {
            Some(Freshness::Stale | Freshness::Unknown) => return Meaning::Doubt,
            None if !self.groups_current => return Meaning::Doubt,
            Some(Freshness::Current) | None => {}
        }
        let crd = self.crds.map(|flags| flags[nth]);
        let aggregated = self.aggregated.map(|flags| flags[group]);
        match [crd, aggregated] {
            [Sight::Seen(true), _] | [_, Sight::Seen(true)] => Meaning::Stands,
            _ if nth == 0 => Meaning::Misses(Some(60)),
            [Sight::Unsure, _] | [_, Sight::Unsure] => Meaning::Misses(None),
            [Sight::Hidden, _] | [_, Sight::Hidden] => Meaning::Misses(Some(600)),
            [Sight::Seen(false), Sight::Seen(false)] => Meaning::Misses(Some(60)),
        }
    }
}

/// Everything that happened, and the readers as the steps say.
#[derive(Default)]
struct World {
    plan: Plan,
    now: u64,
    /// Of each run, its readings with their times, and when it ended.
    runs: Vec<(Vec<(u64, Look)>, u64)>,
    /// From which (run, reading) on a kind is counted, since its removal was told.
    told: HashMap<usize, (usize, usize)>,
    readers: HashMap<KindKey, Kind>,
}

impl World {
    fn new() -> Self {
        Self { runs: vec![(Vec::new(), 0)], ..Self::default() }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Wait(seconds) => self.now += seconds,
            Event::Restart => {
                let missing = self.plan.missing(Duration::from_secs(self.now));
                let stored = serde_json::to_string(&missing).unwrap();
                self.plan = Plan::restore(&serde_json::from_str(&stored).unwrap());
                self.runs.last_mut().unwrap().1 = self.now;
                self.runs.push((Vec::new(), 0));
                self.readers.clear();
                self.now = 0;
            }
            Event::Read { look, told } => self.read(&look, told),
        }
    }

    fn read(&mut self, look: &Look, told: bool) {
        let before = self.readers.clone();
        let known = KINDS.iter().map(|key| KindKey::from(*key)).collect();
        let steps =
            self.plan.read(Duration::from_secs(self.now), &look.reading(), &look.definitions(), &known);
        self.runs.last_mut().unwrap().0.push((self.now, look.clone()));
        self.carry_out(&steps);
        for (nth, key) in KINDS.into_iter().map(KindKey::from).enumerate() {
            self.check(nth, look, &steps, before.get(&key));
        }
        if told {
            for key in &steps.remove {
                self.plan.removed(key);
                let nth = KINDS.iter().position(|name| *name == key.as_str()).unwrap();
                self.told.insert(nth, (self.runs.len() - 1, self.runs.last().unwrap().0.len()));
            }
        }
    }

    fn carry_out(&mut self, steps: &Steps) {
        for key in &steps.stop {
            assert!(self.readers.remove(key).is_some(), "{key} was stopped and did not run");
        }
        for kind in &steps.start {
            assert!(self.readers.insert(kind.key(), kind.clone()).is_none(), "{} runs twice", kind.key());
        }
        for kind in &steps.replace {
            assert!(self.readers.insert(kind.key(), kind.clone()).is_some(), "{} did not run", kind.key());
        }
        let planned: HashMap<KindKey, Kind> =
            self.plan.running().map(|kind| (kind.key(), kind.clone())).collect();
        assert_eq!(planned, self.readers, "the plan's readers are those that run");
    }

    fn check(&self, nth: usize, look: &Look, steps: &Steps, before: Option<&Kind>) {
        let key = KindKey::from(KINDS[nth]);
        let meaning = look.meaning(nth);
        let runs = self.readers.get(&key);
        let expected = match (look.kind(nth), meaning) {
            (Some(kind), _) => Some(self.version(nth, look, kind, before)),
            (None, Meaning::Doubt) => before.cloned(),
            (None, _) => None,
        };
        assert_eq!(runs, expected.as_ref(), "{key}");
        assert_eq!(steps.remove.contains(&key), self.is_gone(nth, meaning), "removal of {key}");
        let unread = match meaning {
            _ if runs.is_some() || steps.remove.contains(&key) => None,
            Meaning::Served => (look.kinds[nth] == Says::NoList).then_some("none"),
            Meaning::Stands => Some("stands"),
            Meaning::Misses(_) => Some("missing"),
            Meaning::Doubt => {
                let stale = look.reading().groups.get(key.group()) == Some(&Freshness::Stale);
                (!stale).then_some("unsaid")
            }
        };
        let told = steps.unread.get(&key).map(|unread| match unread {
            Unread::NoList => "none",
            Unread::CrdStands | Unread::ApiServiceStands => "stands",
            Unread::Missing => "missing",
            Unread::Unsaid => "unsaid",
        });
        assert_eq!(told, unread, "why {key} is not read");
    }

    /// Whether the readings up to now say that a kind is gone.
    fn is_gone(&self, nth: usize, meaning: Meaning) -> bool {
        let Meaning::Misses(Some(patience)) = meaning else { return false };
        let (mut readings, mut missed) = (0, 0);
        'runs: for (number, (looks, ended)) in self.runs.iter().enumerate().rev() {
            let ended = if number == self.runs.len() - 1 { self.now } else { *ended };
            let mut first = None;
            for (position, (at, look)) in looks.iter().enumerate().rev() {
                let counts = self.told.get(&nth).is_none_or(|told| (number, position) >= *told);
                if !counts || !matches!(look.meaning(nth), Meaning::Misses(_)) {
                    missed += first.map_or(0, |first| ended - first);
                    break 'runs;
                }
                (first, readings) = (Some(*at), readings + 1);
            }
            missed += first.map_or(0, |first| ended - first);
        }
        readings >= 2 && missed >= patience
    }

    /// In which version a kind that is served has to run.
    fn version(&self, nth: usize, look: &Look, new: Kind, before: Option<&Kind>) -> Kind {
        let Some(old) = before else { return new };
        let key = KindKey::from(KINDS[nth]);
        let old_is_served = look.reading().served[&key].contains(&old.version);
        if old.version == new.version || !old_is_served || old.namespaced != new.namespaced {
            return new;
        }
        // Since when the new one has been preferred whenever the kind was named.
        let looks = self.runs.last().unwrap().0.iter().rev();
        let named = looks.filter_map(|(at, look)| Some((*at, look.kind(nth)?.version)));
        let since = named.take_while(|(_, version)| *version == new.version).last();
        let settled = since.is_some_and(|(since, _)| self.now - since >= 600);
        if settled { new } else { old.clone() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_removed_but_what_is_gone_and_everything_that_is_served_runs(events in history()) {
        let mut world = World::new();
        events.into_iter().for_each(|event| world.take(event));
    }
}
