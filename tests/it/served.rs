//! Served is never missing: a kind whose API changes its mind, or whose definition stands, keeps its objects; one that
//! is gone for certain loses them, and no clock's jump makes it so.

use std::time::Duration;

use kubesift::cluster::selection::SelectionOptions;
use kubesift::demo::{Crd, Formats, Server, ServerOptions};
use kubesift::object::Kind;

use crate::support::played::Played;
use crate::support::simulated::object;

const GROUP: &str = "things.example.org";
const GIZMOS: &str = "gizmos.things.example.org";
/// A kind of Kubernetes' own: no definition tells of it.
const BUDGETS: &str = "poddisruptionbudgets.policy";
const MINUTE: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 86_400_000;

/// A server with twenty objects of an aggregated API.
fn gizmos(server: &Server) {
    let kind = Kind {
        group: GROUP.to_owned(),
        version: "v1".to_owned(),
        kind: "Gizmo".to_owned(),
        plural: "gizmos".to_owned(),
        singular: "gizmo".to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        watchable: true,
    };
    server.add_aggregated(kind, Formats::All, false).expect("a new kind");
    for n in 0..20 {
        make(server, GIZMOS, &format!("g{n}"));
    }
}

fn make(server: &Server, kind: &str, name: &str) {
    server.apply(kind, object("default", name)).expect("a kind that is served");
}

fn empty() -> ServerOptions {
    ServerOptions { objects: 0, ..ServerOptions::default() }
}

/// As the API server tells of a change in an API that it does not serve itself: with the next look, or a new APIService.
fn announce(server: &Server) {
    server.touch("apiservices.apiregistration.k8s.io", "", &format!("v1.{GROUP}")).expect("it is served");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_loses_its_watch_is_polled_and_watched_again_when_it_is_back() {
    let played = Played::start(empty(), gizmos).await;
    assert_eq!(played.held(GIZMOS), 20);
    played.server.set_verbs(GIZMOS, &["get", "list"]).expect("it is served");
    announce(&played.server);
    played.becomes(GIZMOS, "polled").await;
    make(&played.server, GIZMOS, "new");
    played.server.delete(GIZMOS, "default", "g0");
    played.until("both changes", |own| own.held(GIZMOS) == 20 && own.status().deletes == 1).await;
    played.pass(20 * MINUTE).await;
    assert_eq!(played.held(GIZMOS), 20);
    played.server.set_verbs(GIZMOS, &["get", "list", "watch"]).expect("it is served");
    announce(&played.server);
    played.becomes(GIZMOS, "complete").await;
    assert_eq!(played.status().deletes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_watch_that_was_read_goes_on_being_polled_when_nothing_is_left_of_it() {
    let mut played = Played::start(empty(), gizmos).await;
    played.server.set_verbs(GIZMOS, &["get", "list"]).expect("it is served");
    announce(&played.server);
    played.becomes(GIZMOS, "polled").await;
    (0..20).for_each(|n| _ = played.server.delete(GIZMOS, "default", &format!("g{n}")));
    played.until("nothing to be held", |own| own.held(GIZMOS) == 0).await;
    announce(&played.server);
    played.pass(20 * MINUTE).await;
    assert_eq!(played.state(GIZMOS).map(|state| state.name()), Some("polled"));
    played.stop().await;
    played.resume().await;
    played.becomes(GIZMOS, "polled").await;
    make(&played.server, GIZMOS, "new");
    played.until("the new one", |own| own.held(GIZMOS) == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_can_no_longer_be_listed_keeps_what_is_held_and_says_why() {
    let mut played = Played::start(empty(), gizmos).await;
    played.server.set_verbs(GIZMOS, &["get"]).expect("it is served");
    announce(&played.server);
    played.becomes(GIZMOS, "stale").await;
    assert_eq!(played.why(GIZMOS), "its API offers no list");
    assert!(!played.status().coverage().is_complete());
    played.pass(20 * MINUTE).await;
    played.stop().await;
    played.resume().await;
    played.becomes_live().await;
    played.pass(20 * MINUTE).await;
    assert_eq!((played.held(GIZMOS), played.status().deletes), (20, 0));
    assert_eq!(played.why(GIZMOS), "its API offers no list");
    played.server.set_verbs(GIZMOS, &["get", "list", "watch"]).expect("it is served");
    announce(&played.server);
    played.becomes(GIZMOS, "complete").await;
    assert_eq!((played.held(GIZMOS), played.status().deletes), (20, 0));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_its_api_server_dropped_stays_while_the_api_service_stands_and_goes_with_it() {
    let played = Played::start(empty(), gizmos).await;
    played.server.set_served(GIZMOS, false).expect("it is known");
    announce(&played.server);
    played.becomes(GIZMOS, "stale").await;
    assert!(played.why(GIZMOS).contains("APIService"), "{}", played.why(GIZMOS));
    played.pass(20 * MINUTE).await;
    assert_eq!((played.held(GIZMOS), played.status().deletes), (20, 0));
    assert!(played.server.remove_aggregated(GIZMOS));
    played.until("its objects to go", |own| own.held(GIZMOS) == 0).await;
    played.until("nothing to be said of it", |own| own.state(GIZMOS).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_custom_resource_that_is_not_served_stays_while_its_definition_stands() {
    let crd = Crd::new("test.example.org", "v1", "Widget", "widgets");
    let widgets = "widgets.test.example.org";
    let mut played = Played::start(empty(), |server| {
        server.add_crd(&crd).expect("a new kind");
        make(server, widgets, "one");
    })
    .await;
    played.server.set_served(widgets, false).expect("it is known");
    played.becomes(widgets, "stale").await;
    assert!(played.why(widgets).contains("CustomResourceDefinition"), "{}", played.why(widgets));
    played.pass(20 * MINUTE).await;
    assert_eq!(played.held(widgets), 1);

    // Deleted while nobody looks, its objects go a minute after the next start.
    played.stop().await;
    played.server.remove_crd(widgets);
    played.resume().await;
    played.becomes_live().await;
    played.pass(MINUTE / 2).await;
    assert_eq!(played.held(widgets), 1);
    played.until("its object to go", |own| own.held(widgets) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_built_in_kind_that_an_upgrade_drops_goes_after_a_minute_whatever_the_wall_clock_says() {
    let mut played = Played::start(empty(), |server| make(server, BUDGETS, "one")).await;
    played.server.set_served(BUDGETS, false).expect("it is known");
    played.becomes(BUDGETS, "stale").await;
    played.clock.jump(DAY_MS);
    played.pass(MINUTE / 2).await;
    assert_eq!(played.held(BUDGETS), 1, "a jump of the clock is no minute");
    played.stop().await;
    played.clock.jump(DAY_MS);
    played.pass(MINUTE).await;
    played.resume().await;
    played.becomes_live().await;
    played.pass(MINUTE / 6).await;
    assert_eq!(played.held(BUDGETS), 1, "what passed while nobody looked does not count");
    played.until("its object to go", |own| own.held(BUDGETS) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_configuration_excludes_goes_though_its_kind_is_not_served() {
    let mut played = Played::start(empty(), gizmos).await;
    played.server.set_served(GIZMOS, false).expect("it is known");
    played.stop().await;
    played.exclude(GIZMOS);
    played.resume().await;
    played.until("its objects to go", |own| own.held(GIZMOS) == 0).await;
}

/// A custom resource that is deleted and made again in another way, each with one object `one`.
async fn made_again(namespaces: &[&str], before: &Crd, after: &Crd, running: bool) -> Vec<String> {
    let key = format!("{}.{}", before.plural, before.group);
    let one = |crd: &Crd| object(if crd.namespaced { "default" } else { "" }, "one");
    let only = namespaces.iter().map(|name| (*name).to_owned()).collect();
    let selection = SelectionOptions { namespaces: only, ..SelectionOptions::default() };
    let mut played = Played::start_with(empty(), selection, |server| {
        server.add_crd(before).expect("a new kind");
        server.apply(&key, one(before)).expect("it is served");
    })
    .await;
    let old = played.ids(&key);
    assert_eq!(old.len(), 1);
    if !running {
        played.stop().await;
    }
    assert!(played.server.remove_crd(&key));
    played.server.add_crd(after).expect("a new kind");
    played.server.apply(&key, one(after)).expect("it is served");
    if !running {
        played.resume().await;
    }
    println!("-- {before:?} to {after:?}, {namespaces:?}, running: {running}");
    played.until("the new object alone", |own| own.ids(&key).len() == 1 && own.ids(&key) != old).await;
    played.becomes(&key, "complete").await;
    played.ids(&key)
}

#[tokio::test(start_paused = true)]
async fn a_custom_resource_that_comes_back_with_another_scope_or_name_leaves_no_old_object() {
    let namespaced = Crd::new("test.example.org", "v1", "Widget", "widgets");
    let cluster = Crd { namespaced: false, ..namespaced.clone() };
    let renamed = Crd { kind: "Gadget".to_owned(), ..namespaced.clone() };
    for running in [true, false] {
        for namespaces in [&[][..], &["default"]] {
            let again =
                async |before: &Crd, after: &Crd| made_again(namespaces, before, after, running).await;
            assert_eq!(again(&namespaced, &cluster).await, ["_cluster/test.example.org/v1/Widget/one"]);
            assert_eq!(again(&cluster, &namespaced).await, ["default/test.example.org/v1/Widget/one"]);
            assert_eq!(again(&namespaced, &renamed).await, ["default/test.example.org/v1/Gadget/one"]);
        }
    }
}
