//! What becomes of entries that may not be read any more.

use std::collections::BTreeSet;

use super::*;

const DAY: Millis = 24 * 3_600_000;

fn things() -> KindKey {
    "things".into()
}

fn inside(namespace: &str) -> Scope {
    Scope::Namespace(namespace.into())
}

/// Removes what is due, and says how much went and why.
fn removed(world: &mut World) -> Vec<(Because, usize)> {
    removed_but(world, &BTreeSet::new())
}

/// The same, where these kinds are stored apart from namespaces.
fn removed_but(world: &mut World, apart: &BTreeSet<KindKey>) -> Vec<(Because, usize)> {
    let removed = world.core.remove_unreadable(world.now, DAY, apart);
    world.withdrawn |= !removed.is_empty();
    removed.into_iter().map(|removed| (removed.because, removed.count)).collect()
}

/// Sixty things in two namespaces, each read by a reader of its own; the whole cluster is forbidden, since now.
fn in_namespaces() -> World {
    let mut world = World::new(true);
    for who in [1, 2] {
        world.take(Step::Open(who));
        world.list(who, 0, None, false);
    }
    world.take(Step::Deny(0));
    world.commit();
    world
}

/// A start in which nobody reads the namespaces.
fn restarted(mut world: World) -> World {
    world.commit();
    world.take(Step::Crash);
    let held = world.index.values().map(held).collect();
    world.core = Core::restore(held, world.stored.clone());
    world.core.open_source(&things(), &Scope::All, world.api);
    world
}

/// A list of namespaces that names these.
fn namespaces(world: &mut World, names: &[&str], version: u64) {
    let kind = KindKey::from("namespaces");
    let item = |name: &&str| {
        let mut item = item(0, &Thing { uid: 1, version: 1, content: 0, annotation: 0 });
        item.entry.document.id = format!("_cluster/v1/Namespace/{name}");
        item.entry.document.metadata.namespace = "_cluster".to_owned();
        item.entry.key = Key::of(&item.entry.document.id, "1");
        Item { id: IdHash::of(&item.entry.document.id), ..item }
    };
    let mut apply = |change| world.core.apply(world.now, &kind, &Scope::All, change);
    apply(Change::ListStarted { consistent: true, reread: false });
    apply(Change::Listed(names.iter().map(item).collect()));
    apply(Change::ListEnded(Some(ResourceVersion::Number(version))));
}

#[test]
fn forbidden_documents_go_after_the_time_set_and_not_before() {
    let mut world = World::new(true);
    listed(&mut world);
    world.take(Step::Deny(0));
    world.now += DAY - 1;
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), []);
    // Another namespace's source that works keeps what lies in it.
    world.core.apply(world.now, &things(), &inside("b"), Change::Bookmark(ResourceVersion::Number(1)));
    world.now += 1;
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 30)]);
}

#[test]
fn time_in_which_nobody_was_refused_does_not_count() {
    let mut world = World::new(true);
    listed(&mut world);
    world.take(Step::Deny(0));
    world.now += 2 * DAY;
    assert_eq!(removed(&mut world), [], "nobody asked since: who knows what is allowed");
}

#[test]
fn a_403_of_an_earlier_run_is_no_proof_and_its_time_counts_as_far_as_that_run_lived() {
    let mut world = World::new(true);
    listed(&mut world);
    world.take(Step::Deny(0));
    world.now += DAY / 2;
    world.take(Step::Deny(0));
    world.commit();
    world.take(Step::Crash);
    world.now += 10 * DAY;
    assert_eq!(removed(&mut world), []);
    assert_eq!(world.core.covered(Some(DAY)), []);
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), [], "half a day was seen");
    world.now += DAY / 2;
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 60)]);
}

#[test]
fn a_right_that_came_back_starts_the_time_anew() {
    let mut world = World::new(true);
    listed(&mut world);
    world.take(Step::Deny(0));
    world.now += DAY - 1;
    world.take(Step::Deny(0));
    world.list(0, 0, None, false);
    world.now += 1;
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), []);
}

#[test]
fn each_namespace_has_a_time_of_its_own() {
    let mut world = in_namespaces();
    world.now += DAY;
    (0..=1).for_each(|who| world.take(Step::Deny(who)));
    assert_eq!(removed(&mut world), [], "in b it may be read, in a it may not since a moment ago");
    assert_eq!(world.core.covered(Some(DAY)), [(things(), inside("b"))]);
    world.now += DAY;
    (0..=1).for_each(|who| world.take(Step::Deny(who)));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 30)]);
    world.commit();
    assert!(world.index.values().all(|entry| entry.document.metadata.namespace == "b"));
    let covered = world.core.covered(Some(DAY));
    assert!(covered.contains(&(things(), inside("a"))) && covered.contains(&(things(), inside("b"))));
}

#[test]
fn a_scope_that_nobody_reads_in_this_run_goes_by_the_same_time_once_it_was_refused() {
    let mut world = restarted(in_namespaces());
    let mut undecided = world.core.undecided(&things());
    undecided.sort();
    assert_eq!(undecided, ["a".into(), "b".into()]);
    world.take(Step::Deny(0));
    world.now += DAY;
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), [], "nothing was found out about it");
    assert!(world.core.refuse(world.now, &things(), &inside("a")));
    assert!(!world.core.refuse(world.now, &things(), &inside("never-read")));
    world.now += DAY;
    world.core.refuse(world.now, &things(), &inside("a"));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 30)]);
    assert_eq!(world.core.undecided(&things()), ["b".into()]);
}

#[test]
fn what_may_not_be_read_goes_at_once_where_its_namespace_is_gone() {
    let mut world = restarted(in_namespaces());
    world.take(Step::Deny(0));
    world.core.refuse(world.now, &things(), &inside("a"));
    world.core.refuse(world.now, &things(), &inside("b"));
    assert_eq!(removed(&mut world), [], "nothing is known of namespaces");
    // A list that is older than some of what is held: those may lie in a namespace that was made anew.
    let middle = world.revision - 20;
    namespaces(&mut world, &["b"], middle);
    assert_eq!(removed(&mut world), [(Because::NamespaceGone, 20)]);
    let now = world.revision;
    namespaces(&mut world, &["b"], now);
    assert_eq!(removed_but(&mut world, &[things()].into()), [], "other versions say nothing");
    assert_eq!(removed(&mut world), [(Because::NamespaceGone, 10)]);
    assert!(world.core.source_of(&things(), &inside("a")).is_none());
    assert_eq!(world.core.namespaces().map(|names| names.len()), Some(1));
    world.commit();
    assert!(world.index.values().all(|entry| entry.document.metadata.namespace != "a"));
}

#[test]
fn what_has_no_known_version_is_not_gone_with_its_namespace() {
    let mut world = in_namespaces();
    // Its storage went back, and nobody has listed since.
    world.core.apply(world.now, &things(), &inside("a"), Change::Regressed);
    let mut world = restarted(world);
    world.take(Step::Deny(0));
    world.core.refuse(world.now, &things(), &inside("a"));
    namespaces(&mut world, &["b"], u64::MAX);
    assert_eq!(removed(&mut world), [], "it may lie in a namespace that was made anew");
    world.now += DAY;
    world.take(Step::Deny(0));
    world.core.refuse(world.now, &things(), &inside("a"));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 30)]);
}

#[test]
fn a_namespace_that_is_gone_takes_nothing_with_it_that_somebody_reads() {
    let mut world = in_namespaces();
    let now = world.revision;
    namespaces(&mut world, &[], now);
    assert_eq!(removed(&mut world), [], "its readers see for themselves");
}

#[test]
fn a_kind_that_is_no_longer_read_is_spared_whatever_it_was_refused() {
    let mut world = in_namespaces();
    for scope in [Scope::All, inside("a"), inside("b")] {
        world.core.refuse(world.now, &things(), &scope);
        world.core.refuse(world.now + DAY, &things(), &scope);
    }
    world.core.leave_unread(&things());
    world.now += 2 * DAY;
    let now = world.revision;
    namespaces(&mut world, &["b"], now);
    assert_eq!(removed(&mut world), [], "who knows what becomes of its API");
    assert_eq!(world.core.covered(Some(DAY)).len(), 1, "namespaces alone are covered");
    // It is read again, and refused again: what was counted before is not lost.
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), [], "nobody was refused in the namespaces");
    world.core.refuse(world.now, &things(), &inside("b"));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 30)]);
    world.core.refuse(world.now, &things(), &inside("a"));
    assert_eq!(removed(&mut world), [(Because::NamespaceGone, 30)]);
}

#[test]
fn what_was_removed_comes_back_by_a_list_and_not_by_a_watch() {
    let mut world = World::new(true);
    listed(&mut world);
    world.take(Step::Deny(0));
    world.now += DAY;
    world.take(Step::Deny(0));
    assert_eq!(removed(&mut world), [(Because::Forbidden, 60)]);
    world.commit();
    world.take(Step::Crash);
    assert!(!world.core.source_of(&things(), &Scope::All).is_some_and(Source::is_resumable));
    world.list(0, 0, None, false);
    world.commit();
    assert_eq!(world.indexed(), world.expected());
}

#[test]
fn a_list_of_the_whole_cluster_settles_what_earlier_readers_of_namespaces_left() {
    let mut world = restarted(in_namespaces());
    world.list(0, 0, None, false);
    assert_eq!(world.core.undecided(&things()), []);
    assert_eq!(world.core.covered(None), [(things(), Scope::All)]);
}

#[test]
fn what_a_cache_had_when_nothing_was_held_is_no_authority_until_something_confirms_it() {
    let kind = things();
    let list = |core: &mut Core, consistent: bool, version: u64| {
        let mut apply = |change| core.apply(0, &kind, &Scope::All, change);
        apply(Change::ListStarted { consistent, reread: false });
        apply(Change::ListEnded(Some(ResourceVersion::Number(version))));
    };
    let open = || {
        let mut core = Core::restore(Vec::new(), Checkpoint::default());
        core.open_source(&things(), &Scope::All, "v1/Thing");
        core
    };
    let all = vec![(things(), Scope::All)];
    let confirm: [&dyn Fn(&mut Core); 3] =
        [&|core| list(core, true, 290), &|core| list(core, false, 291), &|core| {
            core.apply(0, &things(), &Scope::All, Change::Bookmark(ResourceVersion::Number(291)));
        }];
    for confirm in confirm {
        let mut core = open();
        list(&mut core, false, 290);
        assert_eq!(core.covered(None), [], "the cache may be behind what a store has");
        assert_eq!(core.unconfirmed(&things()), [Scope::All], "so that it is asked to be confirmed");
        confirm(&mut core);
        assert_eq!(core.covered(None), all);
    }
}
