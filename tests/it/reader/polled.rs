//! Kinds that may be listed and not watched, or whose watches never work.

use super::*;
use kubesift::demo::{Rights, Rule};

fn no_watch(server: &Server) -> Rights {
    let rights = Rights::denied([Rule::new([Verb::Watch], [KIND])]);
    server.set_rights(&server.users()[0].name, rights.clone());
    rights
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_watched_is_polled_and_watched_once_that_is_allowed() {
    let setup = Setup::new(|server| _ = no_watch(server));
    let reader = setup.follow(KIND);
    reader.becomes(|state| *state == State::Polled, SECOND).await;
    setup.make("later");
    reader.finds("later", 70 * SECOND).await;
    sleep(HOUR).await;
    let (lists, watches) = setup.asked();
    assert!((50..=65).contains(&lists) && watches <= 12, "{lists} lists, {watches} watches");
    assert!(!reader.history().iter().any(|state| matches!(state, State::Forbidden(_))));
    setup.server.set_rights(&setup.server.users()[0].name, Rights::default());
    reader.is_live(12 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_in_the_middle_of_a_run_leads_to_lists_at_once() {
    let setup = Setup::new(|_| {});
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    sleep(HOUR).await;
    no_watch(&setup.server);
    setup.make("meanwhile");
    setup.server.drop_connections();
    reader.finds("meanwhile", 3 * SECOND).await;
    reader.becomes(|state| *state == State::Polled, 3 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_stored_version_is_listed_from_at_once_where_it_may_not_be_watched_from() {
    let setup = Setup::new(|_| {});
    let version = {
        let reader = setup.follow(KIND);
        reader.is_live(SECOND).await;
        reader.version()
    };
    no_watch(&setup.server);
    setup.make("meanwhile");
    let reader = setup.read(KIND, Start::Resume(version.clone()), Mode::Follow);
    reader.finds("meanwhile", SECOND).await;
    reader.becomes(|state| *state == State::Polled, SECOND).await;
    // A short look confirms by a list instead.
    let mut look = setup.read(KIND, Start::Resume(version), Mode::Confirm);
    assert_eq!(look.ends(SECOND).await, State::Confirmed);
    assert!(look.holds("meanwhile"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_not_offered_is_no_failure() {
    let setup = Setup::new(|_| {});
    let kind = setup.kind(KIND);
    setup.server.set_verbs(KIND, &["get", "list"]).expect("a kind");
    assert!(kind.watchable, "as discovery said it a moment ago");
    let reader = setup.follow(KIND);
    reader.becomes(|state| *state == State::Polled, SECOND).await;
    sleep(HOUR).await;
    assert!(!reader.history().iter().any(is_failing), "{:?}", reader.history());
}

#[tokio::test(start_paused = true)]
async fn only_a_list_forbids_a_kind_and_it_is_asked_for_ever_less() {
    let forbidden = |state: &State| matches!(state, State::Forbidden(_));
    let setup = Setup::new(|_| {});
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    setup.fault(Verb::List, Action::Status(403));
    // Open watches go on; the next list finds out, in the background at the latest.
    sleep(7 * HOUR).await;
    reader.becomes(forbidden, SECOND).await;
    let before = setup.asked().0;
    sleep(HOUR).await;
    let asked = setup.asked().0 - before;
    assert!((12..=40).contains(&asked), "{asked} lists in an hour");
    setup.server.clear_faults();
    reader.is_live(6 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn fifty_polled_kinds_take_turns_and_one_that_hangs_stops_no_other() {
    let setup = Setup::new(|server| {
        server.inject(Fault::always(Matcher::verb(Verb::Watch), Action::Status(403)));
    });
    let kinds: Vec<_> = setup.server.kinds().into_iter().filter(|kind| kind.watchable).collect();
    let readers: Vec<_> = kinds.iter().map(|kind| setup.follow(kind.key().as_str())).collect();
    for reader in &readers {
        reader.becomes(|state| *state == State::Polled, 10 * SECOND).await;
    }
    setup.server.clear_requests();
    setup.server.inject(Fault::always(Matcher::kind(Verb::List, "pods"), Action::NoAnswer));
    setup.server.inject(Fault::always(Matcher::kind(Verb::List, "services"), Action::NoAnswer));
    sleep(10 * MINUTE).await;
    let requests = setup.server.requests();
    let lists: Vec<_> = requests.iter().filter(|request| request.verb == Verb::List).collect();
    let busiest = kubesift::demo::busiest(lists.iter().copied(), SECOND);
    assert!(busiest <= 11, "{busiest} lists within a second");
    let tally = setup.server.tally();
    for kind in kinds.iter().map(Kind::key).filter(|kind| !["pods", "services"].contains(&kind.as_str())) {
        let lists = tally.kind(Verb::List, kind.as_str()).requests;
        assert!((7..=10).contains(&lists), "{kind}: {lists} lists in ten minutes");
    }
}
