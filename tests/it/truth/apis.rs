//! APIs that fail by halves: that kind is failing or old, and everything else is as it was.

use kubesift::demo::Action;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_watch_that_expires_after_each_good_list_costs_few_lists_and_the_kind_is_followed() {
    let played = Played::start(ServerOptions { objects: 2_000, ..small() }, |_| {}).await;
    let held = played.held("pods");
    played.server.inject(Fault::always(Matcher::kind(Verb::Watch, "pods"), Action::Expired));
    played.server.drop_connections();
    let asked = stays_live(&played, HOUR).await;
    let lists = asked.kind(Verb::List, "pods");
    assert!((3..=120).contains(&lists.requests), "{lists:?}");
    assert!(asked.all().bytes < 120 * 1024 * 1024, "{:?}", asked.all());
    // What happens is seen all the same, later.
    played.server.apply("pods", object("default", "new")).expect("Pods are served");
    played.until("the new Pod", |own| own.held("pods") == held + 1).await;
    others_are_followed(&played, "beside").await;
    played.server.clear_faults();
    played.becomes("pods", "complete").await;
    assert_eq!(played.status().deletes, 0);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_answers_401_is_failing_and_everything_else_stays_live() {
    let played = Played::start(small(), |server| add_apis(server, 1)).await;
    played.server.inject(Fault::always(Matcher::group("g0.example.org"), Action::Status(401)));
    played.server.drop_connections();
    let asked = stays_live(&played, HOUR).await;
    played.becomes(&thing(0), "failing").await;
    assert_eq!(played.held(&thing(0)), 1);
    others_are_followed(&played, "beside").await;
    assert!(asked.kind(Verb::List, &thing(0)).requests <= 120, "{asked:?}");
    assert!(asked.all().requests - asked.verb(Verb::Watch).requests < 400, "{asked:?}");
    played.server.clear_faults();
    played.becomes(&thing(0), "complete").await;
}

#[tokio::test(start_paused = true)]
async fn apis_that_hang_from_the_start_keep_nothing_else_waiting() {
    for (count, action) in [
        (1, Action::NoAnswer),
        (1, Action::Silent { after: 30 }),
        (48, Action::NoAnswer),
        (48, Action::Slow { chunk: 1, pause: SECOND }),
    ] {
        println!("-- {count} {action:?}");
        let mut played = Played::prepared(small(), |server| {
            add_apis(server, count);
            fail_apis(server, count, &action);
        });
        let begun = tokio::time::Instant::now();
        played.resume().await;
        played
            .until("Deployments", |own| {
                own.state("deployments.apps").is_some_and(|state| state.name() == "complete")
            })
            .await;
        assert!(begun.elapsed() < 40 * SECOND, "{:?}", begun.elapsed());
        played.becomes_live().await;
        let live = begun.elapsed();
        assert!(live < 30 * SECOND, "{live:?}");
        let asked = stays_live(&played, HOUR / 2).await;
        for n in 0..count {
            assert_eq!(played.state(&thing(n)).map(|state| state.name()), Some("failing"), "{n}");
        }
        others_are_followed(&played, "beside").await;
        assert!(asked.all().requests < 60 * count as u64 + 400, "{:?}", asked.all());
        played.server.clear_faults();
        for n in 0..count {
            played.becomes(&thing(n), "complete").await;
        }
        played.stop().await;
    }
}
