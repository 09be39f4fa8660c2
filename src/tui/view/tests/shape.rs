//! Where things stand, and what is cut.

use super::super::widths;
use super::*;

fn screen(size: (u16, u16), change: impl Fn(&mut State)) -> String {
    let mut state = base(size, Theme::Dark);
    change(&mut state);
    text(&buffer(&state))
}

#[test]
fn names_and_namespaces_can_be_read_at_eighty_columns_whatever_else_shows() {
    let long = |state: &mut State| {
        let pod = |n: usize| {
            let name = format!("checkout-api-7f9c4d5b6-x2x9{n}");
            matching(
                row("Pod", "payments-staging", &name, &[]),
                vec![found("label", Some("app"), &"long ".repeat(9), 0..4)],
            )
        };
        set(state, Content::Rows((0..3).map(pod).collect()), 3);
    };
    let shown = screen((80, 24), long);
    assert!(shown.contains("payments-staging  checkout-api-7f9c4d5b6-x2x90"), "{shown}");
    let shown = screen((80, 24), |state| {
        long(state);
        state.facets = true;
    });
    assert!(
        shown.contains("NAMESPACE") && shown.contains("payments-") && shown.contains("checkout-api-7f9"),
        "{shown}"
    );
    let shown = screen((80, 24), |state| {
        long(state);
        state.wide = true;
    });
    assert!(
        shown.contains("payments-staging  checkout-api-7f9c4d5b6-x2x90") && shown.contains("LABELS"),
        "{shown}"
    );
    let shown = screen((80, 24), |state| {
        long(state);
        (state.wide, state.facets) = (true, true);
    });
    assert!(
        shown.contains("NAMESPACE") && shown.contains("checkout-api-7f") && shown.contains("LABELS"),
        "{shown}"
    );
}

#[test]
fn moving_by_a_line_moves_no_column_that_still_fits() {
    let mut state = base((80, 24), Theme::Dark);
    let name = |n: usize| if n == 20 { "a-name-that-is-longer".to_owned() } else { format!("web-{n}") };
    set(&mut state, Content::Rows((0..60).map(|n| row("Pod", "shop", &name(n), &[])).collect()), 60);
    state.focus = Focus::List;
    let heads = |state: &mut State, action: Action, times: usize| {
        let mut heads = Vec::new();
        for _ in 0..times {
            perform(state, action);
            state.widths = widths(state);
            let head = text(&buffer(state)).lines().nth(3).unwrap_or_default().to_owned();
            if heads.last() != Some(&head) {
                heads.push(head);
            }
        }
        heads
    };
    assert_eq!(heads(&mut state, Action::Down, 59).len(), 2, "wider once, where it has to be");
    assert_eq!(heads(&mut state, Action::Up, 59).len(), 1, "and not narrower again");
}

#[test]
fn help_is_never_cut() {
    for columns in [40, 80, 100, 200] {
        let mut state = base((columns, 400), Theme::Dark);
        perform(&mut state, Action::Help);
        let shown = text(&buffer(&state));
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!shown.contains('…'), "{shown}");
        for action in Action::ALL {
            let last = action.help().split_whitespace().last().unwrap_or_default();
            assert!(words.contains(last), "{last}");
        }
    }
}

#[test]
fn the_coverage_view_shows_the_whole_error_of_the_selected_kind() {
    let error = "the server failed (503): upstream connect error or disconnect/reset before headers. reset reason: \
                 connection failure, transport failure reason: delayed connect error: Connection refused";
    for size in [(80, 24), (100, 24), (200, 50)] {
        let shown = screen(size, |state| {
            let mut status = status();
            status.kinds[3].state = KindState::Failing { error: error.to_owned() };
            state.cluster.status = Some(Arc::new(status));
            perform(state, Action::Coverage);
        });
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(error), "{shown}");
    }
}

#[test]
fn reasons_in_a_detail_view_show_whole_where_the_screen_has_room() {
    let why = "container \"app\" in pod \"catalog-search-0\" is waiting to start: the image can't be pulled from \
               registry.example.com/catalog/search-with-a-long-name:1.2.3";
    let shows = |size, put: &dyn Fn(&mut Detail)| {
        let shown = screen(size, |state| {
            let mut detail = detail(state.results.content.rows()[0].clone(), Tab::Yaml, None);
            put(&mut detail);
            state.overlays.push(Overlay::Detail(detail));
        });
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(why), "{shown}");
        shown
    };
    for size in [(80, 24), (200, 50)] {
        shows(size, &|detail| detail.page = Some(Err(why.to_owned())));
        shows(size, &|detail| {
            let mut logs = Logs::new("app".to_owned(), false);
            logs.push(&["a line".to_owned()], 80);
            logs.ended = Some(Err(why.to_owned()));
            (detail.tab, detail.logs) = (Tab::Logs, Some(logs));
        });
        let shown = shows(size, &|detail| {
            let text = (0..60).map(|nth| format!("key{nth}: 1\n")).collect();
            detail.page = Some(Ok(Page::Manifest(Manifest { text, ..Manifest::default() })));
            detail.live.standing = Some(Standing::Still { why: why.to_owned(), again: true });
            detail.scroll = usize::MAX;
        });
        assert!(
            shown.contains("managedFields") || shown.contains("key59"),
            "the end can be reached: {shown}"
        );
    }
}

#[test]
fn a_long_reason_leaves_most_of_a_small_screen_to_the_object() {
    let shown = screen((40, 10), |state| {
        let mut detail = detail(state.results.content.rows()[0].clone(), Tab::Yaml, None);
        let manifest = Manifest { text: "first: 1\nsecond: 2".to_owned(), ..Manifest::default() };
        detail.page = Some(Ok(Page::Manifest(manifest)));
        detail.live.standing = Some(Standing::Still { why: "word ".repeat(50), again: true });
        state.overlays.push(Overlay::Detail(detail));
    });
    assert!(shown.contains('…') && shown.contains("second: 2"), "{shown}");
}

#[test]
fn the_hint_says_what_x_does_next_to_a_secret() {
    for (revealed, hint) in [(false, "x reveal "), (true, "x mask ")] {
        let shown = screen((80, 24), |state| {
            set(state, Content::Rows(vec![row("Secret", "shop", "keys", &[])]), 1);
            stands(state, Standing::Live);
            if let Some(Overlay::Detail(Detail { page: Some(Ok(Page::Manifest(manifest))), .. })) =
                state.overlays.last_mut()
            {
                manifest.revealed = revealed;
            }
        });
        assert!(shown.contains(hint), "{shown}");
    }
}
