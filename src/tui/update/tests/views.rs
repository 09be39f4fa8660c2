//! Status, logs, searching inside views, and the head of the table.

use std::collections::BTreeMap;

use super::*;

fn live(app: &mut Driven) {
    let status = Status { phase: Phase::Live, ..Status::default() };
    for what in [ClusterNews::Link(Link::Writer), ClusterNews::Status(Arc::new(status))] {
        app.tell(Event::Cluster(ClusterEvent { connection: 0, what }));
    }
}

fn asked(effects: &[Effect]) -> Vec<String> {
    let name = |effect: &Effect| match effect {
        Effect::AskStatus(request) => Some(request.object.name.clone()),
        _ => None,
    };
    effects.iter().filter_map(name).collect()
}

#[test]
fn the_status_of_what_shows_is_asked_for_when_keys_have_rested_and_cancelled_under_a_view() {
    let mut app = Driven::new("web");
    live(&mut app);
    app.answer(&rows(&["a", "b"]));
    let tick = |app: &mut Driven, ms: i64| {
        update(&mut app.state, Msg { now_ms: NOW * 1000 + ms, event: Event::Tick })
    };
    assert_eq!(asked(&tick(&mut app, 299)), Vec::<String>::new());
    assert_eq!(asked(&tick(&mut app, 300)), ["a", "b"]);
    let printed = Printed {
        objects: vec![Reported {
            uid: "uid-shop-a".to_owned(),
            text: "1/1 Running".to_owned(),
            ..Reported::default()
        }],
        has_status: true,
    };
    app.tell(Event::Status { ticket: 1, said: Ok(printed) });
    assert_eq!(
        app.state.statuses.of("uid-shop-a").and_then(|heard| heard.said.as_ref()).unwrap().text,
        "1/1 Running"
    );
    let effects = app.press("esc ?");
    assert!(effects.contains(&Effect::CancelStatus(2)), "{effects:?}");
    assert_eq!(asked(&tick(&mut app, 900)), Vec::<String>::new(), "no row shows under the help");
}

#[test]
fn without_a_cluster_no_status_is_asked_for() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a", "b"]));
    let effects = update(&mut app.state, Msg { now_ms: NOW * 1000 + 900, event: Event::Tick });
    assert_eq!(asked(&effects), Vec::<String>::new());
    live(&mut app);
    app.press("esc");
    let effects = update(&mut app.state, Msg { now_ms: NOW * 1000 + 900, event: Event::Tick });
    assert_eq!(asked(&effects), ["a", "b"]);
}

#[test]
fn a_folded_line_asks_for_all_its_siblings_at_once_where_they_are_not_too_many() {
    let siblings: Vec<Arc<Row>> =
        (0..12).map(|nth| row("Pod", "shop", &format!("web-{nth}"), &owned("web"))).collect();
    for (neighbours, requests) in [(40, 1), (900, 0)] {
        let mut app = Driven::new("web");
        live(&mut app);
        let generation = app.request().generation;
        let mut answer = answer(generation, &siblings);
        if let Ok(found) = &mut answer.found {
            found.places = BTreeMap::from([(("pods".into(), "shop".to_owned()), neighbours)]);
        }
        app.tell(Event::Answer(answer));
        let effects = update(&mut app.state, Msg { now_ms: NOW * 1000 + 300, event: Event::Tick });
        assert_eq!(asked(&effects).len(), requests);
    }
}

fn log(app: &mut Driven, news: LogNews) {
    let ticket = app.state.ticket;
    app.tell(Event::Log { ticket, news });
}

fn detail(app: &Driven) -> &Detail {
    match app.state.overlays.last() {
        Some(Overlay::Detail(detail)) => detail,
        other => panic!("no details: {other:?}"),
    }
}

fn lines(from: usize, to: usize) -> LogNews {
    LogNews::Lines((from..to).map(|nth| format!("line {nth}")).collect())
}

#[test]
fn a_log_follows_its_end_until_the_user_reads_and_what_is_read_stays_in_its_place() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    let effects = app.press("esc l");
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Logs { pod, container, previous, .. } => {
            Some((pod.name.clone(), container.clone(), *previous))
        }
        _ => None,
    });
    assert_eq!(asked, Some(("a".to_owned(), String::new(), false)));
    log(&mut app, LogNews::Containers(vec!["app".to_owned(), "proxy".to_owned()]));
    log(&mut app, lines(0, 100));
    // 80x24: 20 rows of body, two of them say which log it is.
    assert_eq!(detail(&app).scroll, 82);
    app.press("up");
    assert!(!detail(&app).logs.as_ref().unwrap().follows);
    log(&mut app, lines(100, 150));
    assert_eq!(detail(&app).scroll, 81);
    // Older lines go: the scroll goes with them.
    log(&mut app, lines(150, 10_050));
    assert_eq!(detail(&app).scroll, 31);
    app.press("G");
    log(&mut app, lines(0, 10));
    assert_eq!(detail(&app).scroll, 10_000 - 18);
    let effects = app.press("p");
    assert!(effects.iter().any(
        |effect| matches!(effect, Effect::Logs { previous: true, container, .. } if container == "app")
    ));
    app.press("o down");
    let effects = app.press("enter");
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Logs { container, .. } if container == "proxy")),
        "{effects:?}"
    );
    log(&mut app, LogNews::Ended(Err("gone".to_owned())));
    let old = app.state.ticket;
    let effects = app.press("q");
    assert!(effects.contains(&Effect::CancelFetch));
    app.tell(Event::Log { ticket: old, news: lines(0, 10) });
    assert!(app.state.overlays.is_empty(), "what comes late is dropped");
}

#[test]
fn a_log_that_ended_says_what_became_of_its_pod() {
    for (fate, says) in [
        (Fate::Gone, "1 lines  ended: the Pod is gone"),
        (Fate::Deleting, "1 lines  ended: the Pod is being deleted"),
        (Fate::There, "1 lines  ended"),
    ] {
        let mut app = Driven::new("web");
        app.answer(&rows(&["a"]));
        app.press("esc l");
        log(&mut app, LogNews::Containers(vec!["app".to_owned()]));
        log(&mut app, lines(0, 1));
        let before = app.state.opened;
        log(&mut app, LogNews::Ended(Ok(Fate::There)));
        log(&mut app, LogNews::Ended(Ok(fate)));
        assert!(app.line(4).ends_with(says), "{}", app.line(4));
        assert_eq!(app.state.opened, before + 1, "one request more, for the Pod");
    }
}

#[test]
fn the_log_of_an_owner_is_that_of_its_only_pod_or_of_the_one_that_is_chosen() {
    let deployment = row("Deployment", "shop", "web", &[]);
    let member = |row: &Arc<Row>, depth, is_self| Member {
        depth,
        row: Some(row.clone()),
        label: String::new(),
        is_self,
    };
    for pods in [0, 1, 3] {
        let mut app = Driven::new("web");
        app.answer(std::slice::from_ref(&deployment));
        let effects = app.press("esc l");
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Family { .. })), "{effects:?}");
        let mut members =
            vec![member(&row("Pod", "shop", "above", &[]), 0, false), member(&deployment, 1, true)];
        members
            .extend((0..pods).map(|nth| member(&row("Pod", "shop", &format!("web-{nth}"), &[]), 2, false)));
        let ticket = app.state.ticket;
        let page = Ok(Page::Family(Family { members, more: false }));
        let mut effects = app.tell(Event::Fetched { ticket, page });
        match pods {
            0 => assert!(matches!(detail(&app).page, Some(Err(_)))),
            1 => {}
            _ => effects = app.press("down enter"),
        }
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::Logs { pod, .. } => Some(pod.name.clone()),
            _ => None,
        });
        let wanted = [None, Some("web-0"), None, Some("web-1")][pods];
        assert_eq!(asked.as_deref(), wanted, "{pods} Pods");
        assert_eq!(detail(&app).tab, Tab::Logs);
    }
}

#[test]
fn a_search_in_a_view_goes_from_match_to_match_and_leaving_it_goes_back() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press("esc y");
    let ticket = app.state.ticket;
    let text: String =
        (0..200).map(|nth| format!("key{nth}: {}\n", if nth % 50 == 7 { "Needle" } else { "hay" })).collect();
    let manifest = Manifest { text, ..Manifest::default() };
    app.tell(Event::Fetched { ticket, page: Ok(Page::Manifest(manifest)) });
    app.press("down / n e e d");
    assert_eq!(app.state.find.as_ref().unwrap().count, (1, 4));
    app.press("esc");
    assert_eq!((detail(&app).scroll, app.state.find.is_none()), (1, true), "back where it began");
    app.press("/ n e e d enter");
    let at = |app: &Driven| app.state.find.as_ref().and_then(|find| find.at);
    assert_eq!(at(&app), Some(7));
    app.press("n n");
    assert_eq!((at(&app), detail(&app).scroll), (Some(107), 98));
    app.press("n n");
    assert_eq!(at(&app), Some(7), "round the end");
    app.press("N");
    assert_eq!(at(&app), Some(157));
    app.press("esc");
    assert!(app.state.find.is_none() && !app.state.overlays.is_empty());
    app.press("/ N e e d enter q");
    assert!(app.state.overlays.is_empty() && app.state.find.is_none());
}

#[test]
fn a_click_on_a_head_sorts_by_it_and_a_second_one_turns_it_round() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a", "b"]));
    // Below the top line, the query and the rule stands the head; behind the margin the kind.
    app.tell(Event::Mouse(Mouse::Click { x: 4, y: 3 }));
    assert!(app.state.query.text().contains("sort:kind"), "{}", app.state.query.text());
    app.answer(&rows(&["a", "b"]));
    app.tell(Event::Mouse(Mouse::Click { x: 4, y: 3 }));
    assert!(app.state.query.text().contains("sort:-kind"), "{}", app.state.query.text());
}
