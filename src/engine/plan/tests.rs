//! Single rules of the plan.

use super::*;

pub(super) fn kind(plural: &str, group: &str, version: &str) -> Kind {
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

/// Current discovery that names these kinds; `served` are versions beside those.
fn reading(kinds: &[Kind], served: &[(&str, &[&str])]) -> Reading {
    let mut versions: BTreeMap<KindKey, Vec<String>> =
        kinds.iter().map(|kind| (kind.key(), vec![kind.version.clone()])).collect();
    versions.extend(served.iter().map(|(key, versions)| {
        (KindKey::from(*key), versions.iter().map(|version| (*version).to_owned()).collect())
    }));
    Reading {
        kinds: kinds.to_vec(),
        named: versions.keys().cloned().collect(),
        served: versions,
        groups: kinds.iter().map(|kind| (kind.group.clone(), Freshness::Current)).collect(),
        groups_current: true,
    }
}

fn stale(group: &str) -> Reading {
    Reading { groups: [(group.to_owned(), Freshness::Stale)].into(), ..reading(&[], &[]) }
}

/// Everything that defines kinds can be seen: these CRDs, and another API server for these groups.
fn seen(crds: &[&str], aggregated: &[&str]) -> Definitions {
    let names = |names: &[&str]| Sight::Seen(names.iter().map(|name| (*name).to_owned()).collect());
    Definitions { crds: names(crds), aggregated: names(aggregated) }
}

fn known(keys: &[&str]) -> BTreeSet<KindKey> {
    keys.iter().map(|key| KindKey::from(*key)).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A plan whose time is given in seconds, and which knows one kind.
struct Follows {
    plan: Plan,
    known: BTreeSet<KindKey>,
}

impl Follows {
    fn new(key: &str) -> Self {
        Self { plan: Plan::default(), known: known(&[key]) }
    }

    fn read(&mut self, now: u64, reading: &Reading, definitions: &Definitions) -> Steps {
        self.plan.read(at(now), reading, definitions, &self.known)
    }
}

const TENS: &str = "tens.example.org";

fn tens() -> Kind {
    kind("tens", "example.org", "v1")
}

#[test]
fn a_kind_that_lost_its_objects_first_is_followed_to_its_end() {
    let (mut plan, nothing) = (Plan::default(), known(&[]));
    plan.read(at(0), &reading(&[tens()], &[]), &seen(&[], &[]), &nothing);
    plan.read(at(10), &reading(&[], &[]), &seen(&[], &[]), &nothing);
    let steps = plan.read(at(70), &reading(&[], &[]), &seen(&[], &[]), &nothing);
    assert_eq!(steps.remove, [KindKey::from(TENS)]);
    assert!(plan.waits(), "until whoever has to know of it does");
    plan.removed(&TENS.into());
    assert!(!plan.waits());
}

#[test]
fn a_kind_is_removed_after_two_current_readings_a_minute_apart() {
    let mut follows = Follows::new(TENS);
    assert_eq!(follows.read(0, &reading(&[tens()], &[]), &seen(&[], &[])).start.len(), 1);
    let steps = follows.read(10, &reading(&[], &[]), &seen(&[], &[]));
    assert_eq!((steps.stop.len(), steps.remove.len()), (1, 0));
    assert_eq!(steps.unread[&TENS.into()], Unread::Missing);
    assert_eq!(follows.read(69, &reading(&[], &[]), &seen(&[], &[])).remove, []);
    assert_eq!(follows.read(70, &reading(&[], &[]), &seen(&[], &[])).remove, [KindKey::from(TENS)]);
}

#[test]
fn a_kind_whose_definition_stands_is_never_removed_and_counts_anew_when_it_goes() {
    for (stands, why) in [
        (seen(&[TENS], &[]), Unread::CrdStands),
        (seen(&[], &["example.org"]), Unread::ApiServiceStands),
        (Definitions { aggregated: Sight::Hidden, ..seen(&[TENS], &[]) }, Unread::CrdStands),
        (Definitions { crds: Sight::Unsure, ..seen(&[], &["example.org"]) }, Unread::ApiServiceStands),
    ] {
        let mut follows = Follows::new(TENS);
        for now in [0, 100, 1_000, 10_000] {
            let steps = follows.read(now, &reading(&[], &[]), &stands);
            assert_eq!((steps.remove.len(), steps.unread[&TENS.into()]), (0, why));
        }
        assert!(!follows.plan.waits(), "another look would tell the same");
        let hidden = Definitions { crds: Sight::Hidden, aggregated: Sight::Hidden };
        assert_eq!(follows.read(10_001, &reading(&[], &[]), &hidden).remove, []);
        assert_eq!(follows.read(10_030, &reading(&[], &[]), &seen(&[], &[])).remove, []);
        assert_eq!(follows.read(10_061, &reading(&[], &[]), &seen(&[], &[])).remove.len(), 1);
    }
}

#[test]
fn a_built_in_kind_goes_by_discovery_alone_though_the_api_service_of_its_group_stands() {
    let mut follows = Follows::new("podsecuritypolicies.policy");
    let other = reading(&[kind("poddisruptionbudgets", "policy", "v1")], &[]);
    let blind = Definitions { crds: Sight::Hidden, aggregated: Sight::Unsure };
    assert_eq!(follows.read(0, &other, &blind).remove, []);
    assert_eq!(follows.read(60, &other, &blind).remove.len(), 1);
}

#[test]
fn definitions_that_can_not_be_read_for_the_moment_decide_nothing() {
    let mut follows = Follows::new(TENS);
    let unsure = Definitions { crds: Sight::Unsure, ..seen(&[], &[]) };
    for now in [0, 61, 700, 7_000] {
        assert_eq!(follows.read(now, &reading(&[], &[]), &unsure).remove, []);
    }
    assert_eq!(follows.read(7_001, &reading(&[], &[]), &seen(&[], &[])).remove.len(), 1);
}

#[test]
fn a_kind_that_is_served_without_list_or_left_out_is_stopped_and_never_removed() {
    let mut follows = Follows::new(TENS);
    follows.read(0, &reading(&[tens()], &[]), &seen(&[], &[]));
    let get_only = Reading { named: known(&[TENS]), ..reading(&[], &[]) };
    let steps = follows.read(10, &get_only, &seen(&[], &[]));
    assert_eq!((steps.stop.len(), steps.unread[&TENS.into()]), (1, Unread::NoList));
    assert_eq!(follows.read(1_000, &get_only, &seen(&[], &[])).remove, []);
    let left_out = reading(&[], &[(TENS, &["v1"])]);
    let steps = follows.read(2_000, &left_out, &seen(&[], &[]));
    assert_eq!(steps, Steps::default());
    assert_eq!(follows.read(2_001, &reading(&[tens()], &[]), &seen(&[], &[])).start, [tens()]);
}

#[test]
fn a_kind_that_loses_its_watch_or_its_scope_is_read_in_the_new_way_at_once() {
    let mut follows = Follows::new(TENS);
    follows.read(0, &reading(&[tens()], &[]), &seen(&[], &[]));
    let polled = Kind { watchable: false, ..tens() };
    let without_watch = reading(std::slice::from_ref(&polled), &[]);
    assert_eq!(follows.read(1, &without_watch, &seen(&[], &[])).replace, [polled]);
    assert_eq!(follows.read(2, &reading(&[tens()], &[]), &seen(&[], &[])).replace, [tens()]);
    let names = Kind { short_names: vec!["t".into()], ..tens() };
    assert_eq!(follows.read(3, &reading(&[names], &[]), &seen(&[], &[])), Steps::default());
    // With another scope even a version that waits is taken at once: the old documents are nobody's.
    let flipped = Kind { namespaced: false, version: "v2".into(), ..tens() };
    let both = reading(std::slice::from_ref(&flipped), &[(TENS, &["v2", "v1"])]);
    assert_eq!(follows.read(4, &both, &seen(&[], &[])).replace, [flipped]);
}

#[test]
fn a_stale_group_says_nothing_about_its_kinds() {
    let mut follows = Follows::new(TENS);
    follows.read(0, &reading(&[tens()], &[]), &seen(&[], &[]));
    for now in [10, 100, 1_000] {
        assert_eq!(follows.read(now, &stale("example.org"), &seen(&[], &[])), Steps::default());
    }
    // A doubtful reading in between starts the minute anew.
    let gone = reading(&[], &[]);
    follows.read(1_010, &gone, &seen(&[], &[]));
    follows.read(1_040, &stale("example.org"), &seen(&[], &[]));
    assert_eq!(follows.read(1_080, &gone, &seen(&[], &[])).remove, []);
    assert_eq!(follows.read(1_140, &gone, &seen(&[], &[])).remove.len(), 1);
}

#[test]
fn discovery_that_does_not_say_how_fresh_it_is_never_removes() {
    let mut follows = Follows::new(TENS);
    let groups = [("example.org".to_owned(), Freshness::Unknown)];
    let classic = Reading { groups: groups.into(), groups_current: false, ..reading(&[], &[]) };
    for now in [0, 100, 10_000] {
        let steps = follows.read(now, &classic, &seen(&[], &[]));
        assert_eq!((steps.remove.len(), steps.unread[&TENS.into()]), (0, Unread::Unsaid));
    }
}

#[test]
fn without_sight_of_definitions_a_kind_must_be_missing_for_ten_minutes() {
    let mut follows = Follows::new(TENS);
    let blind = Definitions { crds: Sight::Hidden, aggregated: Sight::Hidden };
    for now in [0, 61, 300, 599] {
        assert_eq!(follows.read(now, &reading(&[], &[]), &blind).remove, []);
    }
    assert_eq!(follows.read(600, &reading(&[], &[]), &blind).remove.len(), 1);
}

#[test]
fn short_runs_add_up_and_the_time_between_them_does_not_count() {
    let mut follows = Follows::new(TENS);
    follows.read(5, &reading(&[], &[]), &seen(&[], &[]));
    let stored = serde_json::to_string(&follows.plan.missing(at(35))).unwrap();
    let restored: BTreeMap<KindKey, Missing> = serde_json::from_str(&stored).unwrap();
    let mut follows = Follows { plan: Plan::restore(&restored), ..follows };
    assert_eq!(follows.read(0, &reading(&[], &[]), &seen(&[], &[])).remove, []);
    assert_eq!(follows.read(29, &reading(&[], &[]), &seen(&[], &[])).remove, []);
    assert_eq!(follows.read(30, &reading(&[], &[]), &seen(&[], &[])).remove.len(), 1);
}

#[test]
fn the_file_of_earlier_versions_is_read_and_its_wall_clock_is_not_believed() {
    let old = r#"{"tens.example.org":{"since":1,"readings":7,"doubted":false}}"#;
    let stored: BTreeMap<KindKey, Missing> = serde_json::from_str(old).unwrap();
    let mut follows = Follows { plan: Plan::restore(&stored), ..Follows::new(TENS) };
    assert!(follows.plan.waits());
    assert_eq!(follows.read(0, &reading(&[], &[]), &seen(&[], &[])).remove, []);
    assert_eq!(follows.read(60, &reading(&[], &[]), &seen(&[], &[])).remove.len(), 1);
}

#[test]
fn a_new_preferred_version_waits_while_the_old_one_is_served() {
    let mut follows = Follows::new(TENS);
    let (old, new) = (kind("tens", "example.org", "v1beta1"), tens());
    let served: &[(&str, &[&str])] = &[(TENS, &["v1", "v1beta1"])];
    follows.read(0, &reading(std::slice::from_ref(&old), &[]), &seen(&[], &[]));
    let both = reading(std::slice::from_ref(&new), served);
    assert_eq!(follows.read(10, &both, &seen(&[], &[])), Steps::default());
    // A flip back starts the ten minutes anew.
    follows.read(300, &reading(&[old], served), &seen(&[], &[]));
    assert_eq!(follows.read(310, &both, &seen(&[], &[])), Steps::default());
    assert_eq!(follows.read(909, &both, &seen(&[], &[])), Steps::default());
    assert_eq!(follows.read(910, &both, &seen(&[], &[])).replace, [new]);
}

#[test]
fn a_new_preferred_version_is_taken_at_once_when_the_old_one_is_not_served() {
    let mut follows = Follows::new(TENS);
    follows.read(0, &reading(&[kind("tens", "example.org", "v1beta1")], &[]), &seen(&[], &[]));
    assert_eq!(follows.read(10, &reading(&[tens()], &[]), &seen(&[], &[])).replace, [tens()]);
}
