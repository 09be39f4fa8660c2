//! Answers that lead nowhere: whatever is repeated is repeated ever less.

use super::*;

/// Requests in the first 20 s and in the hour after them.
async fn asked(setup: &Setup) -> (u64, u64) {
    let all = || {
        let (lists, watches) = setup.asked();
        lists + watches
    };
    sleep(20 * SECOND).await;
    let first = all();
    sleep(HOUR).await;
    (first, all() - first)
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_can_never_begin_where_the_list_ended_leads_to_few_lists() {
    let setup = Setup::new(|_| {});
    setup.fault(Verb::Watch, Action::Expired);
    let reader = setup.follow(KIND);
    let (first, hour) = asked(&setup).await;
    assert!(first <= 8 && hour <= 80, "{first} requests in 20 s, then {hour} in an hour");
    assert_eq!(reader.state(), State::Polled);
    setup.make("later");
    reader.finds("later", 70 * SECOND).await;
    setup.server.clear_faults();
    reader.is_live(12 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_a_list_or_a_watch_answers_few_requests_follow() {
    let actions = [
        Action::Expired,
        Action::Status(400),
        Action::Status(401),
        Action::Status(403),
        Action::Status(404),
        Action::Status(410),
        Action::Status(500),
        Action::Status(503),
        Action::Status(504),
        Action::Html(502),
        Action::Initializing,
        Action::NoAnswer,
        Action::TooManyRequests { retry_after: 0 },
        Action::Truncate { after: 0 },
        Action::Garbage { after: 0 },
        Action::Break { after: 10 },
        Action::Silent { after: 0 },
    ];
    for verb in [Verb::List, Verb::Watch] {
        for action in &actions {
            let setup = Setup::new(|_| {});
            setup.fault(verb, action.clone());
            let reader = setup.follow(KIND);
            let (first, hour) = asked(&setup).await;
            let what = format!("{verb:?} {action:?}: {first} requests in 20 s, {hour} in an hour");
            println!("{what}: {:?}", reader.state());
            assert!(first <= 40 && hour <= 400, "{what}");
            setup.server.clear_faults();
            reader.is_live(12 * MINUTE).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_brings_one_event_and_breaks_is_opened_ever_less() {
    let setup = Setup::new(|_| {});
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    setup.server.clear_requests();
    for n in 0..3_600 {
        setup.make(&format!("made-{n}"));
        if n % 2 == 0 {
            setup.server.compact();
        }
        setup.server.drop_connections();
        sleep(SECOND).await;
    }
    let (lists, watches) = setup.asked();
    assert!(lists <= 300 && watches <= 400, "{lists} lists, {watches} watches in an hour");
    reader.finds("made-3599", 70 * SECOND).await;
    reader.is_live(12 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_set_up_is_waited_for_and_a_webhook_that_is_down_is_named() {
    let setup = Setup::new(|server| {
        server.inject(Fault::times(4, Matcher::kind(Verb::List, KIND), Action::Initializing));
    });
    let reader = setup.follow(KIND);
    reader.is_live(6 * SECOND).await;
    assert!(!reader.history().iter().any(is_failing), "{:?}", reader.history());
    drop(reader);

    let setup = Setup::new(|_| {});
    setup.make("one");
    let why = "conversion webhook for platform.example.org/v1alpha1, Kind=Thing failed: connection refused";
    setup.server.set_conversion(KIND, Some(why)).expect("a kind");
    let reader = setup.follow(KIND);
    reader.becomes(|state| matches!(state, State::Failing(said) if said.contains(why)), 20 * SECOND).await;
    setup.server.clear_requests();
    sleep(HOUR).await;
    let (lists, watches) = setup.asked();
    assert!(lists <= 400 && watches == 0, "{lists} lists, {watches} watches in an hour");
    setup.server.set_conversion(KIND, None).expect("a kind");
    reader.is_live(40 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_goes_down_while_running_ends_in_its_reason_too() {
    let setup = Setup::new(|_| {});
    setup.make("one");
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    setup.server.set_conversion(KIND, Some("the webhook is down")).expect("a kind");
    setup.server.drop_connections();
    let named = |state: &State| matches!(state, State::Failing(said) if said.contains("the webhook is down"));
    reader.becomes(named, 2 * MINUTE).await;
    setup.server.set_conversion(KIND, None).expect("a kind");
    setup.make("two");
    reader.finds("two", 2 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn one_server_whose_cache_stands_still_is_no_reason_to_hammer_the_others() {
    let setup = Setup::new(|server| server.set_servers(2));
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    setup.server.freeze(1);
    setup.make("after");
    setup.server.drop_connections();
    setup.server.clear_requests();
    sleep(HOUR).await;
    let (lists, watches) = setup.asked();
    assert!(lists <= 150 && watches <= 150, "{lists} lists, {watches} watches in an hour");
    setup.server.thaw(1);
    setup.make("last");
    reader.finds("last", 12 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn kinds_with_an_etcd_of_their_own_are_not_taken_for_a_restored_one() {
    for kind in ["events", KIND] {
        let setup = Setup::new(|server| server.set_own_storage(kind, 1_000_000).expect("a kind"));
        let reader = setup.follow(kind);
        reader.is_live(SECOND).await;
        setup.server.drop_connections();
        sleep(10 * SECOND).await;
        assert_eq!((reader.state(), reader.log(|log| log.regressions)), (State::Live, 0), "{kind}");
        // And where theirs is restored, that is noticed.
        let version = setup.server.apply(kind, Object { name: "x".into(), ..object() }).expect("served");
        sleep(SECOND).await;
        assert!(reader.holds("x"));
        setup.server.set_own_revision_back(kind, version - 1).expect("not compacted");
        setup.server.drop_connections();
        sleep(10 * SECOND).await;
        assert_eq!((reader.state(), reader.log(|log| log.regressions)), (State::Live, 1), "{kind}");
        assert!(!reader.holds("x"));
    }
}

fn object() -> Object {
    Object { namespace: "default".to_owned(), ..Object::default() }
}

/// A reader whose first lists show less than is held, as the answers of several API servers may.
fn contradicted(setup: &Setup, times: usize, mode: Mode) -> Running {
    setup.make("there");
    let held = setup.server.revision();
    let log = Log { older: [held].repeat(times).into(), ..Log::default() };
    setup.read_into(log, KIND, Start::Consistent, mode, Timing::default())
}

#[tokio::test(start_paused = true)]
async fn a_list_older_than_what_is_held_is_no_place_to_watch_from() {
    let setup = Setup::new(|_| {});
    let reader = contradicted(&setup, 2, Mode::Follow);
    reader.is_live(MINUTE).await;
    assert!(reader.holds("there"), "it watches from where it has not read to");
    assert_eq!(reader.log(|log| (log.lists, log.regressions)), (3, 0));
    let setup = Setup::new(|_| {});
    let mut reader = contradicted(&setup, 1, Mode::Confirm);
    assert_eq!(reader.ends(MINUTE).await, State::Confirmed);
    assert!(reader.holds("there"));
}

#[tokio::test(start_paused = true)]
async fn lists_that_go_on_contradicting_what_is_held_are_told_and_asked_for_ever_less() {
    let setup = Setup::new(|_| {});
    let reader = contradicted(&setup, 1_000, Mode::Follow);
    reader.becomes(is_failing, 2 * MINUTE).await;
    sleep(HOUR).await;
    let lists = reader.log(|log| log.lists);
    assert!(lists <= 100, "{lists} lists in an hour");
    reader.log.lock().unwrap().older.clear();
    reader.is_live(2 * MINUTE).await;
    assert!(reader.holds("there"));
    let mut once = contradicted(&setup, 1_000, Mode::Once);
    assert!(matches!(once.ends(MINUTE).await, State::Unconfirmed(_)));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_was_forbidden_at_its_start_is_listed_when_it_may_be_read_again() {
    let setup = Setup::new(|_| {});
    let first = setup.follow(KIND);
    first.is_live(MINUTE).await;
    let version = first.version();
    drop(first);
    // Neither the cluster's revision nor the kind's own may be asked for.
    for kind in [KIND, "namespaces"] {
        setup.server.inject(Fault::always(Matcher::kind(Verb::List, kind), Action::Status(403)));
    }
    let reader = setup.read(KIND, Start::Resume(version), Mode::Follow);
    reader.becomes(|state| matches!(state, State::Forbidden(_)), MINUTE).await;
    sleep(5 * MINUTE).await;
    setup.server.clear_faults();
    reader.is_live(10 * MINUTE).await;
    assert!(reader.log(|log| !log.held.is_empty()), "what was removed meanwhile only a list brings back");
}
