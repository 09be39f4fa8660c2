//! `sync --once` ends whatever one kind is answered, names that kind, and has all others.

use kubesift::demo::RetryAfter;
use kubesift::engine::Outcome;
use kubesift::engine::status::Status;

use super::*;

/// The kinds that a run ended without.
fn failing(status: &Status) -> Vec<String> {
    status.coverage().failing.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_single_run_ends_and_names_the_kind_that_had_no_answer() {
    let busy = |status, retry_after| Action::Busy { status, retry_after };
    for action in [
        busy(429, RetryAfter::Seconds(600)),
        busy(429, RetryAfter::Seconds(86_400)),
        busy(429, RetryAfter::Date(86_400)),
        busy(503, RetryAfter::Seconds(600)),
        Action::TooManyRequests { retry_after: 1 },
        Action::Initializing,
        Action::Expired,
        Action::Status(401),
        Action::Status(500),
        Action::Status(504),
        Action::NoAnswer,
        Action::Silent { after: 30 },
        Action::Slow { chunk: 1, pause: SECOND },
        Action::Break { after: 30 },
        Action::Truncate { after: 30 },
    ] {
        let mut played = Played::prepared(small(), |server| {
            server.inject(Fault::always(Matcher::kind(Verb::List, "configmaps"), action.clone()));
        });
        let begun = tokio::time::Instant::now();
        let ended = played.once(10 * MINUTE).await;
        let (outcome, status) = ended.unwrap_or_else(|| panic!("{action:?}: no end within ten minutes"));
        println!("{action:?}: {outcome:?} after {:?}", begun.elapsed());
        assert_eq!(outcome, Outcome::Done, "{action:?}");
        assert!(begun.elapsed() < 5 * MINUTE, "{action:?}: {:?}", begun.elapsed());
        assert_eq!(failing(&status), ["configmaps"], "{action:?}");
        let asked = played.server.tally().kind(Verb::List, "configmaps").requests;
        // A storage that is being set up is asked for each second, as it says itself.
        let limit = if action == Action::Initializing { 30 } else { 12 };
        assert!((1..=limit).contains(&asked), "{action:?}: {asked} lists");
        // What was missing is there as soon as it can be had.
        played.server.clear_faults();
        let (_, status) = played.once(MINUTE).await.expect("an end");
        assert!(status.coverage().is_complete(), "{action:?}: {:?}", status.coverage());
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_that_one_answer_asks_for_makes_no_kind_blind_for_a_day() {
    let played = Played::start(small(), |_| {}).await;
    for (verb, retry_after) in [
        (Verb::List, RetryAfter::Seconds(86_400)),
        (Verb::Watch, RetryAfter::Seconds(86_400)),
        (Verb::Watch, RetryAfter::Date(86_400)),
    ] {
        let busy = Action::Busy { status: 429, retry_after };
        played.server.inject(Fault::once(Matcher::kind(verb, "configmaps"), busy));
        // A list is only made where a watch can't go on.
        if verb == Verb::List {
            played.server.inject(Fault::once(Matcher::kind(Verb::Watch, "configmaps"), Action::Expired));
        }
        let before = played.held("configmaps");
        played.server.drop_connections();
        played.until("the faults to be used up", |own| own.server.faults_left() == 0).await;
        let name = format!("after-{before}");
        played.server.apply("configmaps", object("default", &name)).expect("config maps are served");
        let begun = tokio::time::Instant::now();
        played.until("the new one", |own| own.held("configmaps") == before + 1).await;
        assert!(begun.elapsed() <= 2 * MINUTE, "{:?}", begun.elapsed());
    }
}
