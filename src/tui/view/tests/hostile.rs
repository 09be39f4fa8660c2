//! Nothing from outside that could steer a terminal reaches it, whatever the view.

use super::*;
use crate::tui::msg::{Event, Msg};
use crate::tui::state::History;
use crate::tui::update::update;

/// Sequences that a terminal would obey: OSC 52, OSC 8, titles, DCS, C1 controls, bidi overrides.
const HOSTILE: [&str; 8] = [
    "\x1b]52;c;aGk=\x07",
    "\x1b]8;;http://x\x1b\\x\x1b]8;;\x1b\\",
    "\x1b]0;owned\x07",
    "\x1bP1$r0m\x1b\\",
    "\u{9b}31m",
    "\u{9d}0;x\u{9c}",
    "a\u{202e}b\u{2066}c",
    "a\rb\nc\td\0e\u{7f}",
];

fn hostile_state(size: (u16, u16), text: &str) -> State {
    let mut state = base(size, Theme::Dark);
    let labels = [("app", text), (text, "x")];
    let mut evil = labelled(text, text, text, &owned(text), &labels);
    let row = Arc::make_mut(&mut evil);
    row.document.local.annotations.insert(text.to_owned(), text.to_owned());
    row.document.local.finalizers.push(text.to_owned());
    row.matched = ["name", "namespace", "kind", "label", "annotation"]
        .map(|field| found(field, Some(text), text, 0..text.len().min(3)))
        .into();
    row.kind = text.into();
    let printed = text.to_owned();
    let reported = Reported {
        uid: evil.document.local.uid.clone(),
        text: printed.clone(),
        word: printed,
        alarming: true,
    };
    hear_one(&mut state, 1_000, reported);
    let rows = vec![evil; 4];
    set(&mut state, Content::Rows(rows), 4);
    state.cluster.name = text.to_owned();
    state.cluster.opening = Some(text.to_owned());
    state.contexts = vec![text.to_owned()];
    state.namespaces = vec![text.to_owned()];
    state.results.namespaces = vec![(text.to_owned(), 1)];
    state.results.hints = vec![text.to_owned()];
    state.results.facets = vec![Facet {
        field: text.to_owned(),
        value: text.to_owned(),
        count: 1,
        pick: FacetPick::Narrow(text.to_owned()),
    }];
    state.proposals = vec![Proposal { text: text.to_owned(), count: None }];
    let mut status = status();
    status.server = text.to_owned();
    status.version = text.to_owned();
    status.notes = vec![text.to_owned()];
    let mut mirror = status.mirror.take().unwrap_or_default();
    mirror.to = text.to_owned();
    status.mirror = Some(mirror);
    status.phase = Phase::Unauthorized { message: text.to_owned() };
    status.kinds.push(KindStatus::new(text.into(), KindState::Failing { error: text.to_owned() }));
    state.cluster.status = Some(Arc::new(status));
    state
}

fn is_harmless(buffer: &Buffer) -> bool {
    let safe = |cell: &ratatui::buffer::Cell| {
        let symbol = cell.symbol();
        crate::text::sanitise(symbol) == symbol
    };
    buffer.content().iter().all(safe)
}

fn every_view_of(state: &State) -> Vec<State> {
    let mut all = Vec::new();
    for (_, change) in views().into_iter().filter(|(name, _)| !matches!(*name, "kinds" | "nothing")) {
        let mut state = state.clone();
        change(&mut state);
        all.push(state);
    }
    let hostile = || state.cluster.name.clone();
    let mut palette = state.clone();
    perform(&mut palette, Action::Palette);
    all.push(palette);
    for kind in [PickerKind::Contexts, PickerKind::Namespaces, PickerKind::Pods, PickerKind::Containers] {
        let mut state = state.clone();
        let item =
            PickItem { label: hostile(), words: Vec::new(), detail: hostile(), pick: Pick::Text(hostile()) };
        state.overlays.push(Overlay::Picker(Picker::new(kind, vec![item])));
        all.push(state);
    }
    let mut kinds = state.clone();
    kinds.query.set("");
    let named = Kind { kind: hostile(), ..kind(&hostile(), &hostile()) };
    set(&mut kinds, Content::Kinds(vec![KindCount { kind: named, count: 1 }]), 0);
    all.push(kinds);
    let mut with_problem = state.clone();
    with_problem.results.problem =
        Some(Problem { span: Some(0..2), message: state.cluster.name.clone(), half_typed: false });
    let mut with_note = state.clone();
    with_note.note = Some((state.cluster.name.clone(), i64::MAX));
    let mut from_link = state.clone();
    from_link.results.content = Content::NoIndex;
    from_link.cluster.link = Link::Stored(state.cluster.name.clone());
    let row = state.results.content.rows()[0].clone();
    let manifest =
        Manifest { text: format!("a: {}", hostile()), managed_fields: hostile(), ..Manifest::default() };
    let event = Occurrence {
        kind: hostile(),
        reason: hostile(),
        message: hostile(),
        source: hostile(),
        ..Occurrence::default()
    };
    let members = vec![Member { depth: 0, row: Some(row.clone()), label: hostile(), is_self: false }];
    let family = Family { members, more: false };
    let pages = [
        Ok(Page::Family(family)),
        Ok(Page::Manifest(manifest)),
        Ok(Page::Events(vec![event])),
        Err(hostile()),
    ];
    let mut logs = Logs::new(hostile(), false);
    logs.push(&[hostile()], 80);
    logs.containers = vec![hostile()];
    let mut with_logs = state.clone();
    with_logs
        .overlays
        .push(Overlay::Detail(Detail { logs: Some(logs), ..detail(row.clone(), Tab::Logs, None) }));
    perform(&mut with_logs, Action::Find);
    with_logs.find.as_mut().unwrap().line.insert(&state.cluster.name);
    all.push(with_logs);
    for page in pages {
        let mut state = state.clone();
        let mut detail = detail(row.clone(), Tab::Yaml, Some(page));
        detail.live.standing = Some(Standing::Still { why: hostile(), again: true });
        state.overlays.push(Overlay::Detail(detail));
        all.push(state);
    }
    all.extend([with_problem, with_note, from_link]);
    all
}

/// What comes to the screen through the core: the history, and what is to be chosen from.
fn every_way_of(state: &State) -> Vec<State> {
    let hostile = || state.cluster.name.clone();
    let mut recalled = state.clone();
    recalled.history = History::new(vec![hostile()]);
    recalled.focus = Focus::Query;
    perform(&mut recalled, Action::HistoryPrevious);
    let row = state.results.content.rows()[0].clone();
    let member = |row: Arc<Row>, is_self| Member { depth: 0, row: Some(row), label: hostile(), is_self };
    let mut members = vec![member(row.clone(), true)];
    for nth in ["1", "2"] {
        let mut pod = row.clone();
        let own = Arc::make_mut(&mut pod);
        own.kind = "pods".into();
        own.document.metadata.name.push_str(nth);
        members.push(member(pod, false));
    }
    let mut pods = state.clone();
    pods.overlays.push(Overlay::Detail(detail(row.clone(), Tab::Logs, None)));
    let event = Event::Fetched { ticket: 1, page: Ok(Page::Family(Family { members, more: true })) };
    update(&mut pods, Msg { now_ms: state.now_ms, event });
    let mut containers = state.clone();
    let mut logs = Logs::new(hostile(), true);
    logs.containers = vec![hostile(), format!("{}2", hostile())];
    containers.overlays.push(Overlay::Detail(Detail { logs: Some(logs), ..detail(row, Tab::Logs, None) }));
    perform(&mut containers, Action::Container);
    for picked in [&pods, &containers] {
        assert!(matches!(picked.overlays.last(), Some(Overlay::Picker(_))), "{:?}", picked.overlays);
    }
    vec![recalled, pods, containers]
}

#[test]
fn no_sequence_from_outside_reaches_the_terminal() {
    for text in HOSTILE {
        for size in [(80, 24), (200, 50), (40, 10)] {
            let state = hostile_state(size, text);
            for state in every_view_of(&state).into_iter().chain(every_way_of(&state)) {
                assert!(is_harmless(&buffer(&state)), "{text:?} {:?}", state.overlays);
            }
        }
    }
}

#[test]
fn what_was_made_harmless_shows_all_the_same() {
    let state = hostile_state((200, 50), HOSTILE[0]);
    let mut ways = every_way_of(&state);
    ways.push(state);
    for state in ways {
        let shown = text(&buffer(&state));
        let body: Vec<&str> = shown.lines().skip(3).collect();
        let in_query =
            state.focus == Focus::Query && shown.lines().nth(1).is_some_and(|line| line.contains("␛]52"));
        assert!(in_query || body.iter().any(|line| line.contains("␛]52;c;aGk=␇")), "{shown}");
    }
    let mut folded = hostile_state((200, 50), HOSTILE[0]);
    folded.focus = Focus::List;
    let shown = text(&buffer(&folded));
    let line = shown.lines().find(|line| line.contains("▸")).expect("a selected line");
    assert!(line.matches("␛]52").count() >= 3, "name, namespace and status: {shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_text_at_all_steers_the_terminal(text in any::<String>(), wide in "[東京👩‍💻e\u{301}]{0,30}") {
        for text in [text, wide] {
            let state = hostile_state((80, 24), &text);
            for state in every_view_of(&state).into_iter().chain(every_way_of(&state)) {
                prop_assert!(is_harmless(&buffer(&state)));
            }
        }
    }
}
