//! One failing API is that API's trouble, every answer ends, and nothing is asked for without a budget: the whole engine
//! against the simulated server, with its usual waiting times, on a paused clock.

mod answers;
mod apis;
mod discovery;
mod rights;

use std::time::Duration;

use kubesift::demo::{Action, Fault, Formats, Matcher, Server, ServerOptions, Tally, Verb};
use kubesift::engine::status::Phase;
use kubesift::object::Kind;

use crate::support::played::Played;
use crate::support::simulated::object;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn small() -> ServerOptions {
    ServerOptions { objects: 300, ..ServerOptions::default() }
}

/// `plural.group` of an API of its own.
fn thing(n: usize) -> String {
    format!("things.g{n}.example.org")
}

/// Adds so many APIs, each a group with one kind and one object of it.
fn add_apis(server: &Server, count: usize) {
    for n in 0..count {
        let kind = Kind {
            group: format!("g{n}.example.org"),
            version: "v1".to_owned(),
            kind: "Thing".to_owned(),
            plural: "things".to_owned(),
            singular: "thing".to_owned(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            watchable: true,
        };
        server.add_aggregated(kind, Formats::All, false).expect("a new kind");
        server.apply(&thing(n), object("default", "own")).expect("a kind that is served");
    }
}

/// Makes lists and watches of so many of these APIs fail.
fn fail_apis(server: &Server, count: usize, action: &Action) {
    for n in 0..count {
        for verb in [Verb::List, Verb::Watch] {
            server.inject(Fault::always(Matcher::kind(verb, &thing(n)), action.clone()));
        }
    }
}

/// Lets time pass in which everything stays live, and says what was asked meanwhile.
async fn stays_live(played: &Played, time: Duration) -> Tally {
    let before = played.server.tally();
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < time {
        let phase = played.status().phase;
        assert!(phase == Phase::Live, "{phase:?} after {:?}", begun.elapsed());
        played.pass(SECOND / 4).await;
    }
    played.server.tally().since(&before)
}

/// A change to another kind is seen at once.
async fn others_are_followed(played: &Played, name: &str) {
    let before = played.held("services");
    played.server.apply("services", object("default", name)).expect("services are served");
    let begun = tokio::time::Instant::now();
    played.until("the new service", |own| own.held("services") == before + 1).await;
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
}
