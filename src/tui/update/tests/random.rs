//! Random keys, changes and answers: nothing panics, and what shows is what was found last.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What happens to an app at random.
#[derive(Debug, Clone)]
enum Happens {
    Key(String),
    Click(u16, u16),
    Resize(u16, u16),
    /// An object appears or goes.
    Change(u8),
    /// The nth request still open is answered.
    Answered(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    let all: Vec<String> = Action::ALL
        .iter()
        .flat_map(|action| Keymap::default().keys(*action).to_vec())
        .filter(|key| key.to_string() != "ctrl-c")
        .map(|key| key.to_string())
        .chain(["a", "b", "1", "(", "東"].map(str::to_owned))
        .collect();
    prop_oneof![
        6 => proptest::sample::select(all).prop_map(Happens::Key),
        1 => (0u16..210, 0u16..60).prop_map(|(x, y)| Happens::Click(x, y)),
        1 => (0u16..210, 0u16..60).prop_map(|(x, y)| Happens::Resize(x, y)),
        2 => (0u8..20).prop_map(Happens::Change),
        4 => (0usize..4).prop_map(Happens::Answered),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_key_and_no_change_shows_a_row_that_is_not_there(events in proptest::collection::vec(happens(), 1..80)) {
        let mut app = Driven::new("");
        let mut index: BTreeMap<u8, Arc<Row>> = BTreeMap::new();
        let mut open: Vec<Request> = vec![app.request()];
        // What the index held, and which query was asked, when the rows on the screen were found.
        let mut shown: (u64, Vec<Arc<Row>>, String) = (0, Vec::new(), String::new());
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(80, 24)).unwrap();
        for event in events {
            let effects = match event {
                Happens::Key(key) => app.press(&key),
                Happens::Click(x, y) => app.tell(Event::Mouse(Mouse::Click { x, y })),
                Happens::Resize(x, y) => {
                    terminal.backend_mut().resize(x, y);
                    app.tell(Event::Resize(x, y))
                }
                Happens::Change(nth) => {
                    if index.remove(&nth).is_none() {
                        let owner = if nth % 3 == 0 { owned("web") } else { Vec::new() };
                        index.insert(nth, row("Pod", "shop", &format!("web-{nth}"), &owner));
                    }
                    app.tell(Event::IndexChanged)
                }
                Happens::Answered(nth) if nth < open.len() => {
                    let request = open.remove(nth);
                    let rows: Vec<_> = index.values().cloned().collect();
                    let mut answer = answer(request.generation, &rows);
                    // Of some lines that were left, something was half-typed.
                    answer.settled = request.left.filter(|at| at % 2 == 1).map(|_| format!("{}*", request.text));
                    if request.generation == app.state.generation {
                        let query = answer.settled.clone().unwrap_or(request.text.clone());
                        shown = (request.generation, rows.clone(), query);
                    }
                    app.tell(Event::Answer(answer))
                }
                Happens::Answered(_) => Vec::new(),
            };
            open.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::Search(request) => Some(request),
                _ => None,
            }));
            let (generation, rows, query) = &shown;
            prop_assert_eq!(app.state.results.generation, *generation);
            prop_assert_eq!(app.state.results.content.rows(), rows.as_slice());
            prop_assert_eq!(&app.state.results.query, query);
            let history = app.state.history.entries();
            let each: BTreeSet<&String> = history.iter().collect();
            prop_assert!(each.len() == history.len() && history.iter().all(|query| !query.trim().is_empty()));
            let items = &app.state.results.items;
            prop_assert!(app.state.cursor < items.len().max(1), "{} of {}", app.state.cursor, items.len());
            prop_assert!(items.is_empty() || app.state.offset <= app.state.cursor);
            terminal.draw(|frame| super::super::super::view::view(&app.state, frame)).unwrap();
        }
    }
}
