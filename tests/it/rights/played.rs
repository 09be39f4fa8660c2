//! Rights that differ by namespace, that come and go while kubesift runs and while it does not; and what asking costs.

use std::time::Duration;

use kubesift::demo::{Crd, Review, Rights, Rule, Server, ServerOptions, Verb};
use kubesift::object::KindKey;

use crate::support::played::Played;
use crate::support::simulated::object;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY_MS: i64 = 86_400_000;
const MAPS: &str = "configmaps";
const READING: [Verb; 3] = [Verb::Get, Verb::List, Verb::Watch];
const THREE: [&str; 3] = ["one", "three", "two"];

fn empty() -> ServerOptions {
    ServerOptions { objects: 0, ..ServerOptions::default() }
}

/// Five config maps in each of these namespaces.
fn fill(server: &Server, namespaces: &[&str]) {
    for namespace in namespaces {
        server.add_namespace(namespace).expect("namespaces are served");
        (0..5).for_each(|n| {
            server.apply(MAPS, object(namespace, &format!("m{n}"))).expect("config maps are served");
        });
    }
}

/// Namespaces may be read, and config maps in these.
fn within(namespaces: &[&str]) -> Rights {
    let maps = Rule::new(READING, [MAPS]).within(namespaces.iter().copied());
    Rights::granted([Rule::new(READING, ["namespaces"]), maps])
}

fn set(server: &Server, rights: Rights) {
    server.set_rights(&server.users()[0].name, rights);
}

/// Config maps are read in three namespaces.
async fn in_three() -> Played {
    let played = Played::start_for_long(empty(), |server| {
        fill(server, &THREE);
        set(server, within(&THREE));
    })
    .await;
    played.until("three namespaces to be read", |own| own.held(MAPS) == 15 && scopes(own) == THREE).await;
    played
}

fn scopes(played: &Played) -> Vec<String> {
    let status = played.status();
    let kind = status.kind(&KindKey::from(MAPS));
    kind.filter(|kind| kind.state.name() == "complete").map(|kind| kind.scopes.clone()).unwrap_or_default()
}

fn kept(played: &Played) -> Vec<String> {
    played.status().kind(&KindKey::from(MAPS)).map(|kind| kind.kept.clone()).unwrap_or_default()
}

fn by_namespace(played: &Played) -> [usize; 3] {
    THREE.map(|namespace| played.held_in(MAPS, namespace))
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_while_stopped_is_forbidden_or_gone_in_the_next_run() {
    let mut played = in_three().await;
    played.stop().await;
    played.server.remove_namespace("three");
    played.set_rights(within(&["one"]));
    played.forbidden_after(5 * MINUTE);
    played.resume().await;
    played.becomes_live().await;
    played.until("the objects of the deleted namespace to go", |own| by_namespace(own) == [5, 0, 5]).await;
    played.until("the other one to be told", |own| kept(own) == ["two"]).await;
    assert_eq!(scopes(&played), ["one"]);
    let coverage = played.status().coverage();
    assert!(!coverage.is_complete() && coverage.partial.contains(&MAPS.into()), "{coverage:?}");
    assert!(played.why(MAPS).contains("not current: two"), "{}", played.why(MAPS));
    played.pass(4 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 0, 5], "not before its time");
    // It goes with a refusal that comes at least so long after the first one.
    played.pass(5 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 0, 0]);
    played.until("nothing to be kept", |own| kept(own).is_empty()).await;
    assert_eq!(scopes(&played), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_right_lost_while_running_is_forbidden_there_and_comes_back() {
    let played = in_three().await;
    played.set_rights(within(&["one", "three"]));
    played.server.drop_connections();
    played.until("the right to be missed", |own| kept(own) == ["two"]).await;
    played.pass(10 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 5, 5]);
    played.server.delete(MAPS, "two", "m0");
    played.server.apply(MAPS, object("two", "new")).expect("config maps are served");
    played.set_rights(within(&THREE));
    let back = |own: &Played| scopes(own) == THREE && kept(own).is_empty();
    played.pass(20 * MINUTE).await;
    assert!(back(&played), "{:?}, kept in {:?}", scopes(&played), kept(&played));
    assert_eq!((by_namespace(&played), played.status().deletes), ([5, 5, 5], 1));
}

#[tokio::test(start_paused = true)]
async fn a_right_lost_while_running_counts_its_time_and_then_its_objects_go() {
    let mut played = in_three().await;
    played.stop().await;
    played.forbidden_after(30 * MINUTE);
    played.resume().await;
    played.becomes_live().await;
    played.set_rights(within(&["one", "three"]));
    played.server.drop_connections();
    played.until("the right to be missed", |own| kept(own) == ["two"]).await;
    played.pass(25 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 5, 5], "not before its time");
    played.pass(60 * MINUTE).await;
    assert_eq!((by_namespace(&played), kept(&played)), ([5, 5, 0], Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_is_spared_where_it_may_not_be_read() {
    const WIDGETS: &str = "widgets.test.example.org";
    let lost_in = |namespace: &str| Rights::denied([Rule::new(READING, [WIDGETS]).within([namespace])]);
    let mut played = Played::start_for_long(empty(), |server| {
        server.add_crd(&Crd::new("test.example.org", "v1", "Widget", "widgets")).expect("a new kind");
        for namespace in ["one", "two"] {
            server.add_namespace(namespace).expect("namespaces are served");
            (0..5).for_each(|n| {
                server.apply(WIDGETS, object(namespace, &format!("w{n}"))).expect("widgets are served");
            });
        }
        set(server, lost_in("elsewhere"));
    })
    .await;
    let held = |own: &Played| ["one", "two"].map(|namespace| own.held_in(WIDGETS, namespace));
    let kept = |own: &Played| own.status().kind(&KindKey::from(WIDGETS)).map(|kind| kind.kept.clone());
    played.until("both to be read", |own| held(own) == [5, 5]).await;
    played.stop().await;
    played.forbidden_after(30 * MINUTE);
    played.resume().await;
    played.becomes_live().await;
    played.set_rights(lost_in("two"));
    played.server.drop_connections();
    played.until("the right to be missed", |own| kept(own) == Some(vec!["two".to_owned()])).await;
    played.server.set_served(WIDGETS, false).expect("it is known");
    played.becomes(WIDGETS, "stale").await;
    played.server.remove_namespace("two");
    played.pass(3 * HOUR).await;
    assert_eq!(held(&played), [5, 5], "{}", played.why(WIDGETS));
    assert!(played.why(WIDGETS).contains("CustomResourceDefinition"), "{}", played.why(WIDGETS));
    played.server.set_served(WIDGETS, true).expect("it is known");
    played.until("what may be read to be read", |own| held(own) == [5, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_deleted_while_it_may_not_be_read_takes_its_objects_with_it() {
    let played = in_three().await;
    played.set_rights(within(&["one", "three"]));
    played.server.drop_connections();
    played.until("the right to be missed", |own| kept(own) == ["two"]).await;
    played.server.remove_namespace("two");
    played.until("its objects to go", |own| by_namespace(own) == [5, 5, 0]).await;
    played.until("nothing to be said of it", |own| kept(own).is_empty()).await;
    assert_eq!(scopes(&played), ["one", "three"]);
}

#[tokio::test(start_paused = true)]
async fn neither_a_jump_of_the_clock_nor_the_time_between_runs_counts() {
    let mut played = in_three().await;
    played.stop().await;
    played.forbidden_after(30 * MINUTE);
    played.resume().await;
    played.becomes_live().await;
    played.set_rights(within(&["one", "three"]));
    played.server.drop_connections();
    played.until("the right to be missed", |own| kept(own) == ["two"]).await;
    played.clock.jump(2 * DAY_MS);
    played.pass(4 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 5, 5], "a jump forward");
    played.clock.jump(-5 * DAY_MS);
    played.pass(4 * MINUTE).await;
    played.stop().await;
    played.pass(72 * HOUR).await;
    played.clock.jump(30 * DAY_MS);
    played.resume().await;
    played.becomes_live().await;
    played.pass(20 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 5, 5], "what passed while nobody looked");
    played.pass(15 * MINUTE).await;
    assert_eq!(by_namespace(&played), [5, 5, 0], "some minutes of the first run, and the rest of this one");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_be_read_everywhere_again_has_no_rests() {
    let mut played = in_three().await;
    played.stop().await;
    played.server.delete(MAPS, "two", "m0");
    played.set_rights(Rights::granted([Rule::new(READING, ["namespaces", MAPS])]));
    played.resume().await;
    let whole = |own: &Played| {
        own.state(MAPS).is_some_and(|state| state.name() == "complete") && scopes(own).is_empty()
    };
    played.until("the whole cluster to be read", |own| whole(own)).await;
    assert_eq!((by_namespace(&played), kept(&played)), ([5, 5, 4], Vec::<String>::new()));
}

#[tokio::test(start_paused = true)]
async fn configured_namespaces_that_may_not_be_read_are_asked_for_seldom() {
    let mut played = Played::start_for_long(empty(), |server| fill(server, &THREE)).await;
    played.stop().await;
    played.only_in(&THREE);
    played.set_rights(within(&["one"]));
    played.resume().await;
    played.until("one to be read", |own| scopes(own) == ["one"]).await;
    played.pass(10 * MINUTE).await;
    let before = played.server.tally();
    played.pass(2 * HOUR).await;
    let asked = played.server.tally().since(&before);
    assert!(asked.kind(Verb::List, MAPS).requests < 30, "{:?}", asked.kind(Verb::List, MAPS));
    played.set_rights(within(&["one", "two"]));
    played.pass(HOUR + 10 * MINUTE).await;
    assert_eq!(scopes(&played), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_right_given_in_a_new_namespace_is_found_soon() {
    let played = in_three().await;
    played.pass(2 * HOUR).await;
    fill(&played.server, &["four"]);
    let four = ["four", "one", "three", "two"];
    played.set_rights(within(&four));
    let begun = tokio::time::Instant::now();
    played.until("the new namespace to be read", |own| scopes(own) == four).await;
    assert!(begun.elapsed() < MINUTE, "its creation was seen: {:?}", begun.elapsed());
}

const DENIED: [&str; 10] = [
    MAPS,
    "cronjobs.batch",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "networkpolicies.networking.k8s.io",
    "persistentvolumeclaims",
    "pods",
    "secrets",
    "serviceaccounts",
    "services",
];

#[tokio::test(start_paused = true)]
async fn ten_denied_kinds_in_a_hundred_namespaces_cost_no_more_than_the_budget_of_an_hour() {
    const NAMESPACES: usize = 100;
    let played = Played::start_for_long(empty(), |server| {
        for n in 0..NAMESPACES {
            server.add_namespace(&format!("tenant-{n}")).expect("namespaces are served");
        }
        let webhook = Review { incomplete: true, padding: 0 };
        set(server, Rights::denied([Rule::new(READING, DENIED)]).reviewed(webhook));
    })
    .await;
    // The rest is for what is read all the same: discovery, watches that end.
    let most = 3_000 + 1_500;
    for hour in 0..2 {
        let before = if hour == 0 { Default::default() } else { played.server.tally() };
        played.pass(HOUR).await;
        let asked = played.server.tally().since(&before);
        assert!(asked.all().requests < most, "hour {hour}: {:?}", asked.all());
    }
    let tried = usize::try_from(played.server.tally().kind(Verb::List, MAPS).requests).unwrap_or(0);
    assert!(tried >= 2 * NAMESPACES, "every namespace is tried, and again: {tried}");
    // A right that no rules tell of is found all the same.
    let others = DENIED.into_iter().filter(|kind| *kind != MAPS);
    let elsewhere: Vec<String> =
        (0..NAMESPACES).filter(|n| *n != 50).map(|n| format!("tenant-{n}")).collect();
    let maps = Rule::new(READING, [MAPS]).within(elsewhere.iter().map(String::as_str));
    let webhook = Review { incomplete: true, padding: 0 };
    played.set_rights(Rights::denied([Rule::new(READING, others), maps]).reviewed(webhook));
    played.server.apply(MAPS, object("tenant-50", "found")).expect("config maps are served");
    played.pass(HOUR).await;
    assert_eq!(played.held_in(MAPS, "tenant-50"), 1);
}
