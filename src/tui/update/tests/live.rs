//! What is fetched of an object and kept current.

use super::*;
use crate::cluster::fetch::{Occurrence, Sight, Standing};

fn yaml(text: &str) -> Manifest {
    Manifest { text: text.to_owned(), ..Manifest::default() }
}

fn see(app: &mut Driven, what: Option<Page>, standing: Standing, requests: u64) {
    let ticket = app.state.ticket;
    app.tell(Event::Seen { ticket, sight: Sight { what: what.map(Ok), standing, requests } });
}

fn detail(app: &Driven) -> &Detail {
    match app.state.overlays.last() {
        Some(Overlay::Detail(detail)) => detail,
        other => panic!("no details: {other:?}"),
    }
}

fn manifest(app: &Driven) -> &Manifest {
    match &detail(app).page {
        Some(Ok(Page::Manifest(manifest))) => manifest,
        other => panic!("no manifest: {other:?}"),
    }
}

fn wanted(app: &Driven) -> Wanted {
    let last = app.effects.iter().rev().find_map(|effect| match effect {
        Effect::Fetch { wanted, .. } => Some(wanted.clone()),
        _ => None,
    });
    last.expect("something was fetched")
}

fn opened(keys: &str) -> Driven {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press(keys);
    app
}

/// Lines of YAML, those named with another value.
fn text(lines: usize, needles: &[usize]) -> String {
    let value = |nth| if needles.contains(&nth) { "needle" } else { "hay" };
    (0..lines).map(|nth| format!("key{nth}: {}\n", value(nth))).collect()
}

#[test]
fn a_change_takes_the_place_of_what_is_read_and_moves_neither_line_nor_match() {
    let mut app = opened("esc y");
    see(&mut app, Some(Page::Manifest(yaml(&text(200, &[50, 120])))), Standing::Read, 1);
    see(&mut app, None, Standing::Live, 2);
    assert_eq!(detail(&app).live.changed_ms, None);
    app.press("/ n e e d enter n");
    let (at, scroll) = (120, detail(&app).scroll);
    assert_eq!(app.state.find.as_ref().unwrap().at, Some(at));
    // Three lines more above, one value another, and one match more in front.
    let changed =
        format!("new: 1\nnew: 2\nnew: needle\n{}", text(200, &[50, 120]).replace("key7: hay", "key7: straw"));
    see(&mut app, Some(Page::Manifest(yaml(&changed))), Standing::Live, 2);
    assert_eq!(detail(&app).scroll, scroll + 3);
    let find = app.state.find.as_ref().unwrap();
    assert_eq!((find.at, find.count), (Some(at + 3), (3, 3)));
    assert_eq!(
        (detail(&app).live.changed.as_slice(), detail(&app).live.changed_ms),
        (&[0, 1, 2, 10][..], Some(NOW * 1000))
    );
    app.press("n");
    assert_eq!(app.state.find.as_ref().unwrap().at, Some(2), "round the end");
    // The next change is marked instead.
    see(&mut app, Some(Page::Manifest(yaml(&changed.replace("new: 2", "new: 3")))), Standing::Live, 2);
    assert_eq!(detail(&app).live.changed, [1]);
    see(&mut app, None, Standing::Deleted { replaced: false }, 2);
    assert!(manifest(&app).text.contains("new: 3"), "the last text stays");
    assert_eq!(app.state.opened, 2);
}

#[test]
fn a_revealed_secret_stays_revealed_while_it_changes_and_no_longer() {
    let masked = |text: &str| Page::Manifest(Manifest { masked: 1, ..yaml(text) });
    let revealed = |text: &str| Page::Manifest(Manifest { revealed: true, ..yaml(text) });
    let mut app = opened("esc y");
    see(&mut app, Some(masked("data: •")), Standing::Live, 2);
    app.press("x");
    assert_eq!(wanted(&app), Wanted::Manifest { reveal: true });
    assert_eq!(manifest(&app).masked, 1, "what was there stays until the other comes");
    see(&mut app, Some(revealed("data: hunter2")), Standing::Read, 1);
    assert!(detail(&app).live.changed.is_empty(), "nothing changed in the cluster");
    see(&mut app, Some(revealed("data: hunter3")), Standing::Live, 2);
    assert_eq!(
        (manifest(&app).text.as_str(), detail(&app).live.changed.as_slice()),
        ("data: hunter3", &[0][..])
    );
    app.press("?");
    let ticket = app.state.ticket;
    app.press("q");
    assert_eq!((app.state.ticket, manifest(&app).revealed), (ticket, true), "the view was not left");
    app.press("x");
    assert_eq!(wanted(&app), Wanted::Manifest { reveal: false });
    assert_eq!(detail(&app).page, None, "it is hidden before an answer comes");
    for leave in ["q", "E", "tab", "/ h u n t e r enter q"] {
        let mut app = opened("esc y");
        see(&mut app, Some(masked("data: •")), Standing::Live, 2);
        app.press("x");
        see(&mut app, Some(revealed("data: hunter2")), Standing::Live, 2);
        let old = app.state.ticket;
        app.press(leave);
        let late = Sight { what: Some(Ok(revealed("data: hunter2"))), standing: Standing::Live, requests: 3 };
        app.tell(Event::Seen { ticket: old, sight: late });
        assert!(!format!("{:?}", app.state).contains("hunter2"), "{leave}");
        app.press("esc y");
        assert_eq!(wanted(&app), Wanted::Manifest { reveal: false }, "{leave}");
    }
}

#[test]
fn nothing_of_a_revealed_secret_can_be_copied_from_the_app_by_accident() {
    let mut app = opened("esc y");
    let page = Page::Manifest(Manifest { revealed: true, ..yaml("data: hunter2") });
    see(&mut app, Some(page), Standing::Live, 2);
    app.press("c C Y enter");
    assert!(!app.effects.iter().any(|effect| format!("{effect:?}").contains("hunter2")));
}

#[test]
fn what_is_read_among_events_keeps_its_place_when_others_happen() {
    let events = |count: usize| {
        let event = |nth| Occurrence {
            reason: format!("R{nth}"),
            message: "m".to_owned(),
            count: 1,
            ..Occurrence::default()
        };
        Page::Events((0..count).map(event).collect())
    };
    let mut app = opened("esc E");
    see(&mut app, Some(events(50)), Standing::Live, 2);
    see(&mut app, Some(events(52)), Standing::Live, 2);
    assert_eq!(detail(&app).scroll, 0, "at the top the newest show");
    app.press("down down down");
    see(&mut app, Some(events(55)), Standing::Live, 2);
    assert_eq!(detail(&app).scroll, 6);
}

#[test]
fn another_size_is_drawn_whole_even_if_it_is_the_same_as_before() {
    let mut app = opened("esc y");
    let effects = app.tell(Event::Resize(80, 24));
    assert!(
        effects.contains(&Effect::Redraw),
        "the terminal may have been smaller for a moment: {effects:?}"
    );
}

/// What the line above the text says of how current it is.
fn standing(app: &Driven) -> String {
    app.line(4).split("  ").next().unwrap_or_default().to_owned()
}

/// Ten minutes later it is found to be gone.
fn missing(app: &mut Driven, replaced: bool) {
    let ticket = app.state.ticket;
    let what = Some(Err("it is not there (any more)".to_owned()));
    let sight = Sight { what, standing: Standing::Deleted { replaced }, requests: 1 };
    let (now_ms, event) = ((NOW + 600) * 1000, Event::Seen { ticket, sight });
    update(&mut app.state, Msg { now_ms, event });
}

#[test]
fn the_last_text_of_a_deleted_object_is_still_there_after_another_tab() {
    for replaced in [false, true] {
        let mut app = opened("esc y");
        see(&mut app, Some(Page::Manifest(yaml("round: 1"))), Standing::Read, 1);
        see(&mut app, None, Standing::Live, 2);
        see(&mut app, Some(Page::Manifest(yaml("round: 2"))), Standing::Deleted { replaced }, 2);
        let said = standing(&app);
        assert!(said.starts_with("○ deleted at 10:00"), "{said}");
        for keys in ["t y", "l y", "tab tab E y", "y", "ctrl-r"] {
            app.press(keys);
            assert_eq!(detail(&app).page, None, "it is asked for again");
            missing(&mut app, replaced);
            assert_eq!(manifest(&app).text, "round: 2", "{keys}");
            assert_eq!(standing(&app), said, "{keys}");
        }
        app.press("q y");
        missing(&mut app, replaced);
        assert!(matches!(detail(&app).page, Some(Err(_))), "nothing is kept of what was closed");
    }
}

#[test]
fn what_was_deleted_while_another_tab_showed_was_deleted_after_it_was_seen() {
    let mut app = opened("esc y");
    see(&mut app, Some(Page::Manifest(yaml("round: 1"))), Standing::Live, 2);
    app.press("t");
    for _ in 0..2 {
        app.press("y");
        missing(&mut app, false);
        assert_eq!(manifest(&app).text, "round: 1");
        assert_eq!(standing(&app), "○ deleted after 10:00");
    }
}

#[test]
fn of_a_deleted_secret_that_was_revealed_only_the_masked_text_is_kept() {
    let mut app = opened("esc y");
    let masked = Page::Manifest(Manifest { masked: 1, ..yaml("data: •") });
    see(&mut app, Some(masked), Standing::Live, 2);
    app.press("x");
    let revealed = Page::Manifest(Manifest { revealed: true, ..yaml("data: hunter2") });
    see(&mut app, Some(revealed), Standing::Live, 2);
    see(&mut app, None, Standing::Deleted { replaced: false }, 2);
    app.press("t");
    assert!(!format!("{:?}", app.state).contains("hunter2"));
    app.press("y");
    missing(&mut app, false);
    assert_eq!((manifest(&app).text.as_str(), manifest(&app).masked), ("data: •", 1));
    assert_eq!(standing(&app), "○ deleted at 10:00");
    app.press("x");
    missing(&mut app, false);
    assert_eq!(manifest(&app).text, "data: •", "there is nothing left to reveal");
}

#[test]
fn a_kept_text_is_shown_of_no_other_object_and_of_none_that_only_can_not_be_reached() {
    let mut app = opened("esc y");
    see(&mut app, Some(Page::Manifest(yaml("round: 1"))), Standing::Live, 2);
    app.press("t y");
    let away = Standing::Still { why: "away".to_owned(), again: true };
    let sight = Sight { what: Some(Err("away".to_owned())), standing: away, requests: 1 };
    app.tell(Event::Seen { ticket: app.state.ticket, sight });
    assert_eq!(detail(&app).page, Some(Err("away".to_owned())));
    if let Some(Overlay::Detail(detail)) = app.state.overlays.last_mut() {
        detail.row = row("Pod", "shop", "other", &[]);
    }
    missing(&mut app, false);
    assert!(matches!(detail(&app).page, Some(Err(_))));
}
