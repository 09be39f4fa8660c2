//! Reads that end: whatever a server answers, and however often, a kind has one deadline.

use super::*;
use kubesift::demo::RetryAfter;

#[tokio::test(start_paused = true)]
async fn every_answer_ends_and_says_why_a_kind_is_not_confirmed() {
    let trickle = Action::Slow { chunk: 10, pause: 10 * SECOND };
    let cases = [
        (Action::TooManyRequests { retry_after: 600 }, "slow down"),
        (Action::TooManyRequests { retry_after: 86_400 }, "slow down"),
        (Action::Busy { status: 503, retry_after: RetryAfter::Seconds(86_400) }, "503"),
        (Action::Busy { status: 429, retry_after: RetryAfter::Date(86_400) }, "slow down"),
        (Action::Expired, "no longer has that version"),
        (Action::Initializing, "being set up"),
        (Action::NoAnswer, "no answer"),
        (Action::Status(401), "401"),
        (Action::Status(500), "500"),
        (Action::Silent { after: 10 }, "too slowly"),
        (trickle, "too slowly"),
    ];
    for (action, why) in cases {
        let setup = Setup::new(|_| {});
        setup.fault(Verb::List, action.clone());
        let mut reader = setup.read(KIND, Start::Consistent, Mode::Once);
        let begun = Instant::now();
        let state = reader.ends(5 * MINUTE).await;
        println!("{action:?}: {state:?} after {:?}", begun.elapsed());
        let State::Unconfirmed(said) = state else { panic!("{action:?}: {state:?}") };
        assert!(said.contains(why), "{action:?}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_never_answers_keeps_a_short_read_for_half_a_minute_and_no_other_kind() {
    let setup = Setup::new(|_| {});
    setup.fault(Verb::List, Action::NoAnswer);
    let begun = Instant::now();
    let mut silent = setup.read(KIND, Start::Consistent, Mode::Once);
    let mut other = setup.read("pods", Start::Consistent, Mode::Once);
    assert_eq!(other.ends(SECOND).await, State::Confirmed);
    assert!(matches!(silent.ends(MINUTE).await, State::Unconfirmed(_)));
    assert!(begun.elapsed() <= 31 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_moments_trouble_is_no_reason_to_give_up() {
    for action in [Action::Expired, Action::Initializing, Action::TooManyRequests { retry_after: 2 }] {
        let setup = Setup::new(|_| {});
        setup.server.inject(Fault::times(2, Matcher::kind(Verb::List, KIND), action.clone()));
        let mut reader = setup.read(KIND, Start::Consistent, Mode::Once);
        assert_eq!(reader.ends(20 * SECOND).await, State::Confirmed, "{action:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_or_gone_is_said_at_once() {
    for (code, expected) in [(403, "Forbidden"), (404, "NotServed")] {
        let setup = Setup::new(|_| {});
        setup.fault(Verb::List, Action::Status(code));
        let mut reader = setup.read(KIND, Start::Consistent, Mode::Once);
        let state = format!("{:?}", reader.ends(SECOND).await);
        assert!(state.starts_with(expected), "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_that_was_asked_for_is_a_minute() {
    let setup = Setup::new(|server| {
        let action = Action::TooManyRequests { retry_after: 86_400 };
        server.inject(Fault::once(Matcher::kind(Verb::List, KIND), action));
    });
    let reader = setup.follow(KIND);
    reader.is_live(62 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn pages_that_lead_to_themselves_are_a_failure_and_not_read_for_ever() {
    for (mode, start) in [(Mode::Once, Start::Consistent), (Mode::Follow, Start::Empty)] {
        let setup = Setup::new(|_| {});
        setup.fault(Verb::List, Action::Endless);
        let reader = setup.read(KIND, start, mode);
        let is_told = |state: &State| match state {
            State::Unconfirmed(why) | State::Failing(why) => why.contains("has no end"),
            _ => false,
        };
        reader.becomes(is_told, MINUTE).await;
        setup.server.clear_faults();
        if mode == Mode::Follow {
            reader.is_live(MINUTE).await;
        }
        assert!(setup.asked().0 < 20, "{:?}", setup.asked());
    }
}
