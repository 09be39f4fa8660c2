//! What the core does with messages.

use std::sync::Arc;

use super::super::family::{Family, Member};
use super::super::keys::{Action, Key, Keymap};
use super::super::msg::{
    Answer, ClusterEvent, ClusterNews, Effect, Event, Found, Link, Mouse, Msg, Problem, Request,
};
use super::super::msg::{LogNews, Page, Wanted};
use super::super::state::testing::{NOW, owned, row};
use super::super::state::{Content, Detail, Focus, Overlay, Proposal, Row, State, Tab};
use super::{start, update};
use crate::cluster::fetch::{Fate, Manifest, Printed, Reported};
use crate::engine::status::{Phase, Status};

mod live;
mod mouse;
mod moving;
mod palette;
mod random;
mod views;

/// A state, what it asked for, and a hand on its keys.
struct Driven {
    state: State,
    effects: Vec<Effect>,
}

impl Driven {
    fn new(query: &str) -> Self {
        let mut state = State::new(NOW * 1000, (80, 24), query);
        let effects = start(&mut state);
        Self { state, effects }
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        let effects = update(&mut self.state, Msg { now_ms: NOW * 1000, event });
        self.effects.extend(effects.clone());
        effects
    }

    fn press(&mut self, keys: &str) -> Vec<Effect> {
        let keys = keys.split(' ').map(|key| key.parse::<Key>().unwrap());
        keys.flat_map(|key| self.tell(Event::Key(key))).collect()
    }

    /// A line of the screen.
    fn line(&self, row: u16) -> String {
        let backend = ratatui::backend::TestBackend::new(80, 24);
        let mut terminal = ratatui::Terminal::new(backend).unwrap();
        terminal.draw(|frame| crate::tui::view::view(&self.state, frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        (0..80).map(|x| buffer[(x, row)].symbol()).collect::<String>().trim().to_owned()
    }

    fn request(&self) -> Request {
        let last = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Search(request) => Some(request.clone()),
            _ => None,
        });
        last.expect("a search was asked for")
    }

    fn answer(&mut self, rows: &[Arc<Row>]) {
        let generation = self.request().generation;
        self.tell(Event::Answer(answer(generation, rows)));
    }

    fn selected(&self) -> String {
        self.state.row().map(|row| row.document.metadata.name.clone()).unwrap_or_default()
    }
}

fn answer(generation: u64, rows: &[Arc<Row>]) -> Answer {
    let found = Found {
        content: Content::Rows(rows.to_vec()),
        total: rows.len() as u64,
        exact: true,
        objects: 100,
        ..Found::default()
    };
    Answer {
        generation,
        took_us: 1,
        found: Ok(found),
        settled: None,
        proposals: Vec::new(),
        proposed_for: 0..0,
    }
}

fn rows(names: &[&str]) -> Vec<Arc<Row>> {
    names.iter().map(|name| row("Pod", "shop", name, &[])).collect()
}

#[test]
fn every_key_asks_anew_and_only_the_newest_answer_counts() {
    let mut app = Driven::new("");
    app.press("w");
    let first = app.request().generation;
    app.press("e b");
    assert_eq!(app.request().text, "web");
    app.answer(&rows(&["web"]));
    app.tell(Event::Answer(answer(first, &rows(&["wrong"]))));
    assert_eq!(app.selected(), "web");
}

#[test]
fn a_change_in_the_cluster_moves_no_cursor() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a", "b", "c"]));
    app.press("down");
    assert_eq!(app.selected(), "b");
    app.tell(Event::IndexChanged);
    app.answer(&rows(&["new", "other", "a", "b", "c"]));
    assert_eq!(app.selected(), "b");
    app.tell(Event::IndexChanged);
    app.answer(&rows(&["new", "c"]));
    assert_eq!(app.selected(), "c", "what was selected is gone: the line stays");
}

#[test]
fn the_best_hit_of_an_unmoved_cursor_stays_when_the_cluster_changes_and_not_when_the_query_does() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a", "b"]));
    app.tell(Event::IndexChanged);
    app.answer(&rows(&["new", "a", "b"]));
    assert_eq!(app.selected(), "a");
    app.press("x");
    app.answer(&rows(&["new", "a"]));
    assert_eq!(app.selected(), "new");
    app.press("down x");
    app.answer(&rows(&["b", "a"]));
    assert_eq!(app.selected(), "a", "a line that was chosen is kept");
}

#[test]
fn an_error_keeps_the_last_good_rows() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press("(");
    let generation = app.request().generation;
    let problem = Problem { span: Some(3..4), message: "never closed".to_owned(), half_typed: false };
    app.tell(Event::Answer(Answer {
        generation,
        took_us: 1,
        found: Err(problem),
        settled: None,
        proposals: Vec::new(),
        proposed_for: 0..0,
    }));
    assert_eq!(app.selected(), "a");
    assert!(app.state.results.problem.is_some());
    app.press("backspace");
    app.answer(&rows(&["a"]));
    assert!(app.state.results.problem.is_none());
}

#[test]
fn missing_credentials_are_said_once_with_what_helps() {
    let mut app = Driven::new("");
    let phase = Phase::Unauthorized { message: "the plugin failed: wrong pass code".to_owned() };
    let tell = |app: &mut Driven| {
        let what = ClusterNews::Status(Arc::new(Status { phase: phase.clone(), ..Status::default() }));
        app.tell(Event::Cluster(ClusterEvent { connection: 0, what }));
        app.state.note.clone().map(|(text, _)| text).unwrap_or_default()
    };
    assert_eq!(tell(&mut app), "ctrl-r tries again; the plugin failed: wrong pass code");
    app.press("esc");
    assert_eq!(tell(&mut app), "");
    assert!(app.press("ctrl-r").contains(&Effect::AskForCredentials));
}

#[test]
fn letters_are_typed_in_the_query_and_are_commands_in_the_list() {
    let mut app = Driven::new("");
    app.press("w");
    assert!(!app.state.wide);
    app.press("esc w");
    assert!(app.state.wide && app.state.query.text() == "w");
    app.press("/ x");
    assert_eq!((app.state.query.text(), app.state.focus), ("wx", Focus::Query));
}

#[test]
fn q_leaves_step_by_step_and_ctrl_c_at_once() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press("esc ?");
    assert!(matches!(app.state.overlays.as_slice(), [Overlay::Help(0)]));
    assert!(!app.press("q").contains(&Effect::Quit));
    assert!(app.press("q").contains(&Effect::Quit));
    assert!(Driven::new("").press("ctrl-c").contains(&Effect::Quit));
}

#[test]
fn enter_opens_unfolds_and_narrows() {
    let mut app = Driven::new("web");
    let siblings: Vec<_> =
        ["web-a", "web-b", "web-c"].iter().map(|name| row("Pod", "shop", name, &owned("web"))).collect();
    app.answer(&siblings);
    assert_eq!(app.state.results.items.len(), 1);
    app.press("enter");
    assert_eq!(app.state.results.items.len(), 4);
    app.press("esc j j enter");
    assert!(matches!(app.state.overlays.last(), Some(Overlay::Detail(detail))
        if detail.row.document.metadata.name == "web-b"));
    assert_eq!(app.press("c").last(), Some(&Effect::Copy("web-b".to_owned())));
    app.press("esc !");
    assert_eq!(app.state.query.text(), "web is:deleting");
    app.press("[");
    assert_eq!(app.state.query.text(), "web");
    app.press("]");
    assert_eq!(app.state.query.text(), "web is:deleting");
    app.press("- -");
    assert_eq!(app.state.query.text(), "web is:deleting");
}

#[test]
fn going_back_finds_the_cursor_where_it_was() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a", "b", "c"]));
    app.press("esc j j !");
    app.answer(&rows(&["x"]));
    app.press("[");
    app.answer(&rows(&["a", "b", "c"]));
    assert_eq!(app.selected(), "c");
}

#[test]
fn what_is_copied_is_quoted_for_a_shell() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["it's; rm -rf ~"]));
    app.press("esc");
    let copied = app.press("C");
    let command = r"kubectl get pods 'it'\''s; rm -rf ~' -n shop -o yaml".to_owned();
    assert_eq!(copied, [Effect::Copy(command)]);
}

#[test]
fn more_rows_are_asked_for_near_the_end_only() {
    let mut app = Driven::new("web");
    let many: Vec<_> = (0..200).map(|n| row("Pod", "shop", &format!("p{n}"), &[])).collect();
    let generation = app.request().generation;
    let mut first = answer(generation, &many);
    if let Ok(found) = &mut first.found {
        found.total = 5_000;
    }
    app.tell(Event::Answer(first));
    assert!(app.press("pagedown").is_empty());
    app.press("esc G");
    assert_eq!(app.request().limit, 400);
}

#[test]
fn namespaces_are_marked_with_space_and_0_takes_them_away() {
    let mut app = Driven::new("");
    let mut first = answer(app.request().generation, &[]);
    if let Ok(found) = &mut first.found {
        found.namespaces = vec![("prod".to_owned(), 3), ("shop".to_owned(), 2), ("stage".to_owned(), 1)];
    }
    app.tell(Event::Answer(first));
    app.press("esc n space down space enter");
    assert_eq!(app.request().namespaces, ["prod", "stage"]);
    app.press("0");
    assert_eq!(app.request().namespaces, Vec::<String>::new());
}

#[test]
fn what_an_old_connection_still_says_is_dropped() {
    let mut app = Driven::new("web");
    let opened = |connection, name: &str| {
        let what = ClusterNews::Opened { name: name.to_owned(), history: Vec::new() };
        Event::Cluster(ClusterEvent { connection, what })
    };
    app.tell(opened(1, "old"));
    app.answer(&rows(&["a"]));
    app.tell(opened(2, "new"));
    assert_eq!(app.state.results.content, Content::Nothing, "no row of the old cluster stays");
    let late = ClusterEvent { connection: 1, what: ClusterNews::Link(super::super::msg::Link::Writer) };
    app.tell(Event::Cluster(late));
    assert_eq!(app.state.cluster.link, super::super::msg::Link::Opening);
}

#[test]
fn a_completion_that_is_asked_for_too_early_comes_with_its_answer() {
    let mut app = Driven::new("");
    app.press("k i tab");
    let mut answer = answer(app.request().generation, &[]);
    answer.proposals = vec![Proposal { text: "kind:".to_owned(), count: None }];
    answer.proposed_for = 0..2;
    app.tell(Event::Answer(answer));
    assert_eq!((app.state.query.text(), app.state.focus), ("kind:", Focus::Query));
    app.answer(&[]);
    app.press("tab");
    assert_eq!(app.state.focus, Focus::List, "nothing to complete");
}

#[test]
fn a_rebound_key_moves_its_action() {
    let rebinding =
        super::super::keys::Rebinding { action: "wide".to_owned(), keys: vec!["z".to_owned()], line: 1 };
    let mut app = Driven::new("");
    app.state.keymap = Keymap::with(&[rebinding]).0;
    app.press("esc w");
    assert!(!app.state.wide);
    app.press("z");
    assert!(app.state.wide);
}

#[test]
fn what_is_fetched_for_a_tab_that_was_left_is_dropped_and_a_revealed_secret_goes_with_its_view() {
    let mut app = Driven::new("web");
    app.answer(&[row("Secret", "shop", "token", &[])]);
    app.press("esc y");
    let fetch = |app: &Driven| {
        let last = app.effects.iter().rev().find_map(|effect| match effect {
            Effect::Fetch { ticket, wanted, .. } => Some((*ticket, wanted.clone())),
            _ => None,
        });
        last.expect("a fetch")
    };
    let (first, wanted) = fetch(&app);
    assert_eq!(wanted, Wanted::Manifest { reveal: false });
    let manifest = |text: &str, masked| {
        Ok(Page::Manifest(Manifest { text: text.to_owned(), masked, ..Manifest::default() }))
    };
    app.press("E");
    app.tell(Event::Fetched { ticket: first, page: manifest("late", 0) });
    let page = |app: &Driven| match app.state.overlays.last() {
        Some(Overlay::Detail(detail)) => detail.page.clone(),
        _ => None,
    };
    assert_eq!(page(&app), None);
    app.press("y");
    app.tell(Event::Fetched { ticket: fetch(&app).0, page: manifest("masked", 1) });
    app.press("x");
    assert_eq!(fetch(&app).1, Wanted::Manifest { reveal: true });
    app.tell(Event::Fetched { ticket: fetch(&app).0, page: manifest("hunter2", 0) });
    assert!(format!("{:?}", app.state).contains("hunter2"));
    app.press("E");
    assert!(!format!("{:?}", app.state).contains("hunter2"), "kept nowhere");
    assert!(app.press("esc").contains(&Effect::CancelFetch));
}
