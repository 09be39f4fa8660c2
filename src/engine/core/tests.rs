//! Histories replayed against a plain map: whatever the cluster, the server and the disk do, the index ends equal to
//! the cluster, and nothing is deleted without authority.

use proptest::prelude::*;

use super::*;

mod rights;
mod steps;
mod things;
mod world;

use steps::*;
use things::*;
use world::*;

/// How many histories; `PROPTEST_CASES` says otherwise.
fn histories() -> ProptestConfig {
    let told = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig { cases: if told { default.cases } else { 1_000 }, ..default }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn any_history_ends_with_the_index_equal_to_the_cluster(
        bulk in any::<bool>(),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut world = World::new(bulk);
        steps.into_iter().for_each(|step| world.take(step));
        world.settle(Ending::Cluster);
        prop_assert_eq!(world.indexed(), world.expected());
    }

    #[test]
    fn readers_that_overlap_end_with_the_index_equal_to_the_cluster(
        namespaces in any::<bool>(),
        steps in proptest::collection::vec(overlapping_step(), 0..80),
    ) {
        let mut world = World::new(false);
        steps.into_iter().for_each(|step| world.take(step));
        world.settle(if namespaces { Ending::Namespaces } else { Ending::Cluster });
        prop_assert_eq!(world.indexed(), world.expected());
    }
}

fn listed(world: &mut World) {
    world.list(0, 0, None, false);
    world.commit();
}

#[test]
fn an_object_that_vanished_between_two_lists_is_deleted() {
    let mut world = World::new(false);
    (0..3).for_each(|name| world.put(name, 0, 0));
    listed(&mut world);
    world.remove(1);
    world.list(0, 0, None, false);
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
    world.deliver(0, 1, false, false);
    assert_eq!(world.core.pending(), 0);
}

#[test]
fn annotation_values_alone_are_written_at_once_and_then_once_a_minute() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    world.put(1, 0, 1);
    world.deliver(0, 1, false, false);
    assert_eq!(world.core.pending(), 1);
    world.commit();
    let resumable = world.stored.scopes[0].version.clone();
    for annotation in [2, 3] {
        world.now += 1_000;
        world.put(1, 0, annotation);
        world.deliver(0, 1, false, false);
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
    world.list(0, 0, None, true);
    world.commit();
    assert_eq!(world.core.counters().drift_corrected, 1);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn what_was_resumed_is_not_confirmed_before_a_bookmark_or_a_list() {
    let kind = KindKey::from("things");
    let unconfirmed = |world: &World| world.core.unconfirmed(&kind).len();
    let mut world = World::new(true);
    listed(&mut world);
    assert_eq!(unconfirmed(&world), 0);
    world.crash();
    assert_eq!(unconfirmed(&world), 1);
    // One that may not read, or is reading already, can't be hastened.
    world.apply(Change::Denied);
    assert_eq!(unconfirmed(&world), 0);
    world.crash();
    world.apply(Change::ListStarted { consistent: true, reread: false });
    assert_eq!(unconfirmed(&world), 0);
    world.apply(Change::ListFailed);
    assert_eq!(unconfirmed(&world), 1);
    world.put(1, 0, 0);
    world.deliver(0, 1, false, false);
    assert_eq!(unconfirmed(&world), 1, "an event says nothing of what came before the last run's end");
    world.apply(Change::Bookmark(ResourceVersion::Number(world.revision)));
    assert_eq!(unconfirmed(&world), 0);
}

#[test]
fn after_another_writer_only_a_consistent_list_that_begins_later_shows_what_is_not_there() {
    let kind = KindKey::from("things");
    let covered = |world: &World| !world.core.covered(None).is_empty();
    let mut world = World::new(true);
    listed(&mut world);
    assert!(covered(&world));
    world.apply(Change::ListStarted { consistent: true, reread: true });
    world.core.distrust(world.now);
    assert!(!covered(&world));
    assert_eq!(world.core.unconfirmed(&kind).len(), 0, "one is on its way");
    let version = || Some(ResourceVersion::Number(world.revision));
    let (before, after) = (version(), version());
    let items: Vec<Item> = world.things.iter().map(|(name, thing)| item(*name, thing)).collect();
    world.apply(Change::Listed(items.clone()));
    world.apply(Change::ListEnded(before));
    assert!(!covered(&world), "it began before");
    world.apply(Change::Bookmark(ResourceVersion::Number(world.revision)));
    assert!(!covered(&world), "whose bookmark is it, and how old");
    assert_eq!(world.core.unconfirmed(&kind).len(), 1);
    for (consistent, shows) in [(false, false), (true, true)] {
        world.apply(Change::ListStarted { consistent, reread: false });
        world.apply(Change::Listed(items.clone()));
        world.apply(Change::ListEnded(after.clone()));
        assert_eq!(covered(&world), shows);
    }
    assert_eq!(world.core.unconfirmed(&kind).len(), 0);
}

#[test]
fn another_version_of_a_kind_is_read_anew() {
    let mut world = World::new(false);
    world.api = "example.org/v1beta1/Thing";
    world.put(1, 0, 0);
    let (kind, scope) = ("things".into(), Scope::All);
    let resumes = |world: &mut World, api: &str| world.core.open_source(&kind, &scope, api).is_resumable();
    assert!(!resumes(&mut world, "example.org/v1beta1/Thing"));
    listed(&mut world);
    assert!(resumes(&mut world, "example.org/v1beta1/Thing"));
    world.commit();
    world.crash();
    assert!(resumes(&mut world, "example.org/v1beta1/Thing"));
    assert!(!resumes(&mut world, "example.org/v1/Thing"));
}

#[test]
fn a_list_does_not_sweep_what_is_newer_than_it() {
    let mut world = World::new(false);
    listed(&mut world);
    let (kind, inside) = (KindKey::from("things"), Scope::Namespace("b".into()));
    let older = Some(ResourceVersion::Number(world.revision));
    // the list of a namespace begins, and what comes through another scope meanwhile is newer than it
    world.core.apply(world.now, &kind, &inside, Change::ListStarted { consistent: true, reread: false });
    world.put(1, 0, 0);
    world.deliver(0, 1, false, false);
    assert_eq!(world.core.total(), 1);
    let verdict = world.core.apply(world.now, &kind, &inside, Change::ListEnded(older));
    assert_eq!((verdict, world.core.total()), (Verdict::Accepted { deleted: 0 }, 1));
}

#[test]
fn a_list_without_a_version_is_not_swept_with_where_versions_were_known() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    world.apply(Change::ListStarted { consistent: true, reread: false });
    assert!(matches!(world.apply(Change::ListEnded(None)), Verdict::Stale { .. }));
    assert_eq!(world.core.total(), 1);
}

#[test]
fn a_sweep_in_one_namespace_leaves_the_others_alone() {
    let mut world = World::new(true);
    listed(&mut world);
    let (kind, scope) = ("things".into(), Scope::Namespace("a".into()));
    let version = Some(ResourceVersion::Number(world.revision + 1));
    world.core.apply(world.now, &kind, &scope, Change::ListStarted { consistent: true, reread: false });
    let first = world.core.apply(world.now, &kind, &scope, Change::ListEnded(version.clone()));
    // Thirty of thirty is less than the number that makes a fall suspicious.
    assert_eq!(first, Verdict::Accepted { deleted: 30 });
    assert_eq!(world.core.total(), 30);
}

/// A world whose namespace `a` has a reader of its own, behind the one of the whole cluster.
fn overlapping() -> World {
    let mut world = World::new(false);
    world.put(0, 0, 0);
    listed(&mut world);
    world.take(Step::Open(1));
    world.list(1, 0, None, false);
    world.commit();
    world
}

#[test]
fn what_a_reader_of_one_namespace_repeats_is_not_swept_by_the_clusters_list() {
    let mut world = overlapping();
    world.put(0, 1, 0);
    world.take(Step::Begin { who: 0, behind: 0, reread: false });
    world.take(Step::Send { who: 0, count: 9 });
    world.deliver(1, 1, true, false);
    world.take(Step::Finish(0));
    world.commit();
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn an_object_that_the_cluster_list_shows_as_gone_is_not_brought_back_by_a_late_reader() {
    let mut world = overlapping();
    world.put(2, 0, 0);
    world.put(2, 1, 0);
    world.remove(2);
    world.list(0, 0, None, false);
    world.deliver(1, 2, false, false);
    world.commit();
    assert_eq!(world.indexed(), world.expected());
    // And its own end is no news.
    world.deliver(1, 9, false, false);
    world.commit();
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn a_cluster_list_that_is_older_than_a_namespaces_reader_says_nothing_there() {
    let mut world = overlapping();
    world.put(1, 0, 0);
    world.take(Step::Begin { who: 0, behind: 0, reread: false });
    world.put(2, 0, 0);
    world.put(0, 1, 0);
    world.list(1, 0, None, false);
    let before = world.core.counters().deletes;
    world.take(Step::Finish(0));
    world.commit();
    assert_eq!((world.core.counters().deletes, world.indexed()), (before, world.expected()));
    assert_eq!(world.core.source_of(&"things".into(), &Scope::All).map(Source::is_confirmed), Some(true));
}

#[test]
fn what_a_closed_reader_knew_is_not_resumed_in_another_history() {
    let mut world = World::new(false);
    world.take(Step::Open(1));
    world.put(3, 0, 0);
    world.list(1, 0, None, false);
    world.commit();
    world.take(Step::Close(1));
    // Nobody reads there now, and the new history comes as far as the old one.
    world.take(Step::RestoreEtcd { back: 1 });
    world.take(Step::Open(1));
    world.put(2, 0, 0);
    world.crash();
    world.settle(Ending::Cluster);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn that_the_storage_went_back_behind_a_closed_reader_is_found_by_the_one_that_stays() {
    let mut world = World::new(false);
    listed(&mut world);
    world.put(0, 0, 0);
    world.put(5, 0, 0);
    world.take(Step::Open(2));
    world.list(2, 0, None, false);
    world.take(Step::Close(2));
    // Not as far as the reader of the whole cluster had come.
    world.take(Step::RestoreEtcd { back: 1 });
    world.settle(Ending::Cluster);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn that_the_storage_went_back_behind_what_waits_is_found_after_a_crash() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    for annotation in [1, 2] {
        world.put(1, 0, annotation);
        world.deliver(0, 1, false, false);
    }
    world.put(3, 0, 0);
    world.put(5, 0, 0);
    world.deliver(0, 2, false, false);
    world.commit();
    // The checkpoint stands before the annotation that waits, the index knows more.
    world.crash_while(|world| world.restore_etcd(1));
    world.settle(Ending::Cluster);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn a_version_of_a_history_that_is_no_more_hides_nothing_after_a_crash() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    world.put(1, 1, 0);
    world.put(1, 0, 0);
    world.deliver(0, 2, false, false);
    world.commit();
    // What the list shows is what the index has, only older.
    world.take(Step::RestoreEtcd { back: 2 });
    listed(&mut world);
    world.crash();
    world.put(1, 2, 0);
    world.deliver(0, 1, false, false);
    world.commit();
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn annotations_that_waited_when_the_storage_went_back_hold_no_version() {
    let mut world = World::new(false);
    world.put(1, 0, 0);
    listed(&mut world);
    for annotation in [1, 2] {
        world.put(1, 0, annotation);
        world.deliver(0, 1, false, false);
    }
    // What the list shows differs from the index in an annotation, and waits as what came before it did.
    world.take(Step::RestoreEtcd { back: 2 });
    listed(&mut world);
    world.crash();
    world.settle(Ending::Cluster);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn annotations_that_two_readers_brought_are_read_again_by_each_of_them() {
    let mut world = overlapping();
    for annotation in [1, 2] {
        world.put(0, 0, annotation);
        world.deliver(0, 1, false, false);
        world.deliver(1, 1, false, false);
    }
    world.take(Step::Close(1));
    world.crash();
    world.settle(Ending::Cluster);
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn without_versions_an_object_that_another_reader_named_since_a_list_began_stays() {
    let mut core = Core::default();
    let (kind, inside) = (KindKey::from("things"), Scope::Namespace("a".into()));
    let unversioned = |name| {
        let mut item = item(name, &Thing { uid: 1, version: 0, content: 0, annotation: 0 });
        item.entry.version = None;
        item
    };
    let started = || Change::ListStarted { consistent: true, reread: false };
    core.apply(0, &kind, &Scope::All, started());
    core.apply(0, &kind, &inside, Change::Upserted(Box::new(unversioned(0))));
    assert_eq!(core.apply(0, &kind, &Scope::All, Change::ListEnded(None)), Verdict::Accepted { deleted: 0 });
    core.apply(0, &kind, &Scope::All, started());
    assert_eq!(core.apply(0, &kind, &Scope::All, Change::ListEnded(None)), Verdict::Accepted { deleted: 1 });
}
