//! One API that fails is that API's trouble: the rest is live, says so, and goes on.

use std::time::Duration;

use kubesift::demo::{Action, Fault, Matcher, Rights, Rule, ServerOptions, Verb};
use kubesift::engine::Timing;
use kubesift::engine::status::{KindState, KindStatus, Phase};
use kubesift::object::KindKey;
use kubesift::text::Clock;

use crate::support::simulated::{Simulated, quick};
use crate::support::wait_for;

const KIND: &str = "configmaps";
const DAY_MS: i64 = 86_400_000;

fn small() -> ServerOptions {
    ServerOptions { objects: 300, bookmark_every: Duration::from_millis(300), ..ServerOptions::default() }
}

fn always(verb: Verb, kind: &str, action: Action) -> Fault {
    Fault::always(Matcher::kind(verb, kind), action)
}

fn lists(simulated: &Simulated, kind: &str) -> u64 {
    simulated.server.tally().kind(Verb::List, kind).requests
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_never_worked_is_tried_again_and_again_and_nobody_is_told_of_a_first_read() {
    for action in [Action::NoAnswer, Action::Status(500), Action::Status(403), Action::Silent { after: 9 }] {
        println!("-- {action:?}");
        let mut simulated = Simulated::new(small(), quick()).await;
        simulated.server.inject(always(Verb::List, KIND, action));
        simulated.resume().await;
        simulated.phase_becomes("all others to be live", |phase| *phase == Phase::Live).await;
        let asked = lists(&simulated, KIND);
        wait_for("some more tries", async || {
            assert_eq!(simulated.status().phase, Phase::Live);
            lists(&simulated, KIND) >= asked + 3
        })
        .await;
        simulated.server.clear_faults();
        simulated.settles(&simulated.before().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_that_tells_which_cluster_this_is_everything_else_is_read() {
    for action in [Action::Status(500), Action::Status(401), Action::NoAnswer, Action::Initializing] {
        println!("-- {action:?}");
        let mut simulated = Simulated::new(small(), quick()).await;
        simulated.server.inject(always(Verb::List, "namespaces", action.clone()));
        simulated.resume().await;
        simulated.state_becomes("pods", |state| *state == KindState::Complete).await;
        let notes = simulated.status().notes;
        assert!(notes.iter().any(|note| note.contains("which cluster this is")), "{notes:?}");
        // Watches that break are resumed all the same.
        simulated.server.drop_connections();
        simulated.disturb(1);
        simulated.server.clear_faults();
        simulated.settles(&simulated.before().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_may_be_listed_and_not_watched_is_never_forbidden() {
    let mut simulated = Simulated::new(small(), quick()).await;
    simulated.forbidden_after = Duration::from_millis(100);
    let user = simulated.server.users()[0].name.clone();
    let no_watch = Rights::denied([Rule::new([Verb::Watch], [KIND, "pods"])]);
    simulated.server.set_rights(&user, no_watch);
    simulated.resume().await;
    simulated.state_becomes(KIND, |state| *state == KindState::Polled).await;
    let before = simulated.before().await;
    simulated.disturb(1);
    simulated.settles(&before).await;
    simulated.state_becomes("pods", |state| *state == KindState::Polled).await;
    simulated.server.set_rights(&user, Rights::default());
    simulated.state_becomes("pods", |state| *state == KindState::Complete).await;
    simulated.settles(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_that_change_while_they_are_read_again_are_read_once_and_stay_equal() {
    let timing = Timing { reread: Duration::from_millis(900), ..quick() };
    let simulated = Simulated::start_with(small(), timing, |_| {}).await;
    let before = simulated.before().await;
    let late = Action::Late(Duration::from_millis(300));
    simulated.server.inject(Fault::always(Matcher::verb(Verb::List), late));
    for round in 0..8 {
        let asked = lists(&simulated, "pods");
        wait_for("pods to be read again", async || lists(&simulated, "pods") > asked).await;
        simulated.disturb(round);
    }
    simulated.settles(&before).await;
    let again = simulated.server.requests().into_iter().filter(|own| {
        own.verb == Verb::List && own.kind == Some(KindKey::from("pods")) && !own.path.contains("limit=1")
    });
    let consistent: Vec<_> =
        again.map(|own| own.path).filter(|path| !path.contains("resourceVersion")).collect();
    assert!(consistent.is_empty(), "{consistent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_clock_said_that_was_ahead_is_not_believed_later() {
    let now = Clock::system().wall_ms();
    let mut simulated = Simulated::new(small(), quick()).await;
    simulated.clock = Clock::simulated(1, now + DAY_MS);
    simulated.resume().await;
    simulated.phase_becomes("everything to be read", |phase| *phase == Phase::Live).await;
    let as_of = |simulated: &Simulated| -> Vec<i64> {
        simulated.status().kinds.iter().filter_map(|kind: &KindStatus| kind.as_of_ms).collect()
    };
    wait_for("times", async || as_of(&simulated).iter().any(|ms| *ms > now + DAY_MS / 2)).await;
    simulated.stop().await;
    simulated.clock = Clock::system();
    simulated.server.inject(Fault::always(Matcher::default(), Action::Status(401)));
    simulated.resume().await;
    simulated
        .phase_becomes("the refusal to be told", |phase| matches!(phase, Phase::Unauthorized { .. }))
        .await;
    assert_eq!(as_of(&simulated), [0; 0], "nothing is known of when it was true");
    simulated.server.clear_faults();
    wait_for("times of the present", async || {
        let (times, now) = (as_of(&simulated), Clock::system().wall_ms());
        !times.is_empty() && times.iter().all(|ms| *ms <= now && *ms > now - DAY_MS)
    })
    .await;
}
