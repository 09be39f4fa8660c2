//! Discovery is read when something may have changed, and not for ever: whatever goes on all day costs a reading now and
//! then, and delays nobody else's new kind.

use std::time::Duration;

use kubesift::demo::{Action, Crd, Fault, Matcher, Server, ServerOptions, Verb};
use kubesift::index::Store;
use kubesift::object::Kind;
use serde_json::Value;

use crate::support::played::Played;
use crate::support::simulated::object;

const TWO_MINUTES: Duration = Duration::from_secs(120);

fn empty() -> ServerOptions {
    ServerOptions { objects: 0, ..ServerOptions::default() }
}

fn crd(n: usize) -> Crd {
    Crd::new("test.example.org", "v1", &format!("Widget{n}"), &format!("widgets{n}"))
}

fn key(n: usize) -> String {
    format!("widgets{n}.test.example.org")
}

fn make(server: &Server, kind: &str, name: &str) {
    server.apply(kind, object("default", name)).expect("a kind that is served");
}

/// How often discovery was read: each reading asks for the core group and for all others.
fn readings(played: &Played) -> u64 {
    played.server.tally().verb(Verb::Discovery).requests.div_ceil(2)
}

/// A new kind is found within moments.
async fn a_new_kind_is_found(played: &Played, n: usize) {
    let begun = tokio::time::Instant::now();
    played.server.add_crd(&crd(n)).expect("a new kind");
    make(&played.server, &key(n), "one");
    played.until("the new kind's object to be found", |own| own.held(&key(n)) == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn fifty_kinds_that_answer_404_cost_a_dozen_readings_and_delay_no_new_kind() {
    let played = Played::start(empty(), |server| {
        for n in 0..50 {
            server.add_crd(&crd(n)).expect("a new kind");
            make(server, &key(n), "one");
        }
    })
    .await;
    let matcher = |verb| Matcher { verb: Some(verb), ..Matcher::group("test.example.org") };
    for verb in [Verb::List, Verb::Watch] {
        played.server.inject(Fault::always(matcher(verb), Action::Status(404)));
    }
    played.server.drop_connections();
    played.becomes(&key(7), "failing").await;
    played.server.clear_requests();
    played.pass(TWO_MINUTES).await;
    let read = readings(&played);
    assert!((1..=12).contains(&read), "{read} readings");
    assert_eq!(played.status().deletes, 0, "served is never missing");

    played.server.clear_faults();
    a_new_kind_is_found(&played, 50).await;
    played.becomes(&key(7), "complete").await;
}

#[tokio::test(start_paused = true)]
async fn crds_that_come_and_go_four_times_a_second_cost_a_dozen_readings() {
    let played = Played::start(empty(), |_| {}).await;
    played.server.clear_requests();
    for n in 0..240 {
        played.server.add_crd(&crd(n)).expect("a new kind");
        played.pass(Duration::from_millis(250)).await;
        assert!(played.server.remove_crd(&key(n)));
        played.pass(Duration::from_millis(250)).await;
    }
    let read = readings(&played);
    assert!((4..=30).contains(&read), "{read} readings");
    // All is quiet again.
    played.pass(TWO_MINUTES).await;
    a_new_kind_is_found(&played, 1_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_crd_that_is_touched_every_second_delays_no_new_kind() {
    let played = Played::start(empty(), |server| server.add_crd(&crd(0)).expect("a new kind")).await;
    let touch = || {
        let crds = "customresourcedefinitions.apiextensions.k8s.io";
        played.server.touch(crds, "", &key(0)).expect("it is served");
    };
    for _ in 0..120 {
        touch();
        played.pass(Duration::from_secs(1)).await;
    }
    played.server.clear_requests();
    for _ in 0..120 {
        touch();
        played.pass(Duration::from_secs(1)).await;
    }
    assert!(readings(&played) <= 6, "{} readings", readings(&played));
    touch();
    a_new_kind_is_found(&played, 1).await;
}

#[tokio::test(start_paused = true)]
async fn discovery_that_fails_is_asked_for_less_and_less_and_holds_up_nothing_else() {
    let played = Played::start(empty(), |_| {}).await;
    for action in [Action::Status(500), Action::Status(401), Action::NoAnswer] {
        played.server.inject(Fault::always(Matcher::verb(Verb::Discovery), action));
        // Something to look for.
        let n = usize::try_from(played.server.revision()).expect("a small number");
        played.server.add_crd(&crd(n)).expect("a new kind");
        played.server.clear_requests();
        played.pass(Duration::from_secs(60)).await;
        played.server.clear_requests();
        played.pass(Duration::from_secs(240)).await;
        assert!(readings(&played) <= 12, "{} readings", readings(&played));
        let name = format!("beside-{n}");
        make(&played.server, "configmaps", &name);
        let before = played.held("configmaps");
        played.until("an object beside it", |own| own.held("configmaps") > before).await;
        played.server.clear_faults();
        played.until("the new kind to be read", |own| own.state(&key(n)).is_some()).await;
        played.becomes_live().await;
    }
}

/// What `kinds.json` names.
fn named(store: &Store) -> Vec<String> {
    let kinds: Vec<Kind> = store.read_json("kinds.json").ok().flatten().unwrap_or_default();
    kinds.iter().map(|kind| kind.key().to_string()).collect()
}

/// Puts a folder in the place of a file: nothing can be written there.
fn obstruct(store: &Store, file: &str) -> std::path::PathBuf {
    let path = store.dir().join(file);
    // It may not be there yet.
    fs_err::remove_file(&path).ok();
    fs_err::create_dir_all(path.join("in the way")).expect("a folder");
    path
}

fn notes(played: &Played, file: &str) -> bool {
    played.status().notes.iter().any(|note| note.starts_with(file))
}

#[tokio::test(start_paused = true)]
async fn kinds_that_could_not_be_written_are_written_as_soon_as_they_can_be_and_status_says_so_meanwhile() {
    let played = Played::start(empty(), |_| {}).await;
    let store = played.store();
    let path = obstruct(&store, "kinds.json");
    a_new_kind_is_found(&played, 1).await;
    played.until("the status to say so", |own| notes(own, "kinds.json can't be written")).await;
    played.pass(TWO_MINUTES).await;
    assert!(notes(&played, "kinds.json") && named(&store).is_empty());
    fs_err::remove_dir_all(path).expect("no folder");
    played.until("the file to be written", |_| named(&store).contains(&key(1))).await;
    played.until("nothing to be said of it", |own| !notes(own, "kinds.json")).await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_gone_keeps_its_objects_until_that_is_written_down() {
    let budgets = "poddisruptionbudgets.policy";
    let played = Played::start(empty(), |server| make(server, budgets, "one")).await;
    let store = played.store();
    let path = obstruct(&store, "vanished.json");
    played.server.set_served(budgets, false).expect("it is known");
    played.until("the status to say so", |own| notes(own, "vanished.json can't be written")).await;
    played.pass(2 * TWO_MINUTES).await;
    assert_eq!((played.held(budgets), played.status().deletes), (1, 0));
    fs_err::remove_dir_all(path).expect("no folder");
    played.until("its object to go", |own| own.held(budgets) == 0).await;
    let vanished: Vec<Value> = store.read_json("vanished.json").expect("readable").expect("a file");
    assert_eq!(vanished[0]["plural"], "poddisruptionbudgets");
}
