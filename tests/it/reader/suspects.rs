//! Kinds whose API hangs, or refuses our credentials: their trouble, and nobody else's.

use super::*;
use kubesift::cluster::watch::Link;

fn bad(n: usize) -> Kind {
    Kind {
        group: format!("g{n}.example.org"),
        version: "v1".into(),
        kind: "Thing".into(),
        plural: "things".into(),
        singular: String::new(),
        short_names: vec![],
        categories: vec![],
        namespaced: true,
        watchable: true,
    }
}

/// A server with this many kinds that meet with `action`, and readers of them all, begun before any other.
fn with_bad(count: usize, action: &Action) -> (Setup, Vec<Running>) {
    let setup = Setup::new(|server| {
        for kind in (0..count).map(bad) {
            let key = kind.key();
            server.add_aggregated(kind, kubesift::demo::Formats::All, false).expect("a kind");
            for verb in [Verb::List, Verb::Watch] {
                server.inject(Fault::always(Matcher::kind(verb, key.as_str()), action.clone()));
            }
        }
    });
    let readers = (0..count).map(|n| setup.follow(bad(n).key().as_str())).collect();
    (setup, readers)
}

#[tokio::test(start_paused = true)]
async fn forty_eight_apis_that_hang_keep_no_other_kind_waiting() {
    for action in [Action::NoAnswer, Action::Silent { after: 20 }, Action::Slow { chunk: 1, pause: SECOND }] {
        let (setup, hanging) = with_bad(48, &action);
        let healthy = setup.follow("pods");
        let took = healthy.is_live(40 * SECOND).await;
        println!("{action:?}: live after {took:?}");
        for reader in &hanging {
            reader.becomes(is_failing, 4 * MINUTE).await;
        }
        assert_eq!(*setup.connectivity.subscribe().borrow(), Link::Up);
        // A kind that comes later finds its place too.
        let later = setup.follow("services");
        later.is_live(10 * SECOND).await;
        // They are asked ever less, and come back by themselves.
        setup.server.clear_faults();
        for reader in &hanging {
            reader.is_live(5 * MINUTE).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn apis_that_answer_401_have_the_server_asked_now_and_then_and_nobody_waits() {
    let (setup, refused) = with_bad(12, &Action::Status(401));
    let healthy = setup.follow("pods");
    healthy.is_live(SECOND).await;
    let mut link = setup.connectivity.subscribe();
    let watched = async {
        loop {
            link.changed().await.expect("it lives");
            assert_eq!(*link.borrow(), Link::Up, "their trouble is taken for everybody's");
        }
    };
    tokio::select! {
        () = watched => {}
        () = sleep(HOUR) => {}
    }
    let tally = setup.server.tally();
    assert!(tally.verb(Verb::Review).requests <= 100, "{:?}", tally.verb(Verb::Review));
    for (n, reader) in refused.iter().enumerate() {
        assert!(is_failing(&reader.state()), "{:?}", reader.history());
        let asked = tally.kind(Verb::List, bad(n).key().as_str()).requests;
        assert!((5..=40).contains(&asked), "{asked} lists in an hour");
    }
    // When the server itself refuses them, that is noticed within a minute, and everybody waits.
    setup.server.inject(Fault::always(Matcher::default(), Action::Status(401)));
    setup.server.drop_connections();
    sleep(MINUTE).await;
    assert!(matches!(*setup.connectivity.subscribe().borrow(), Link::Unauthorized { .. }));
    setup.server.clear_requests();
    sleep(10 * MINUTE).await;
    let others: Vec<_> = setup.server.requests().into_iter().filter(|own| own.verb != Verb::Review).collect();
    assert!(others.is_empty(), "{others:?}");
    setup.server.clear_faults();
    healthy.is_live(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_as_a_whole_is_offline() {
    let setup = Setup::new(|_| {});
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    setup.server.inject(Fault::always(Matcher::default(), Action::NoAnswer));
    setup.server.drop_connections();
    sleep(90 * SECOND).await;
    assert!(matches!(*setup.connectivity.subscribe().borrow(), Link::Down { .. }));
    setup.server.clear_faults();
    reader.is_live(2 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn one_kind_that_is_refused_for_minutes_holds_nobody_back() {
    let setup = Setup::new(|_| {});
    setup.fault(Verb::List, Action::TooManyRequests { retry_after: 600 });
    setup.fault(Verb::Watch, Action::TooManyRequests { retry_after: 600 });
    let refused = setup.follow(KIND);
    refused.becomes(is_failing, SECOND).await;
    let healthy = setup.follow("pods");
    healthy.is_live(SECOND).await;
    for _ in 0..60 {
        setup.server.drop_connections();
        sleep(31 * SECOND).await;
        assert_eq!(healthy.state(), State::Live);
    }
    let asked = setup.asked().0;
    assert!(asked <= 40, "{asked} lists in half an hour");
}
