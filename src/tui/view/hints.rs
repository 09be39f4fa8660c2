//! The hint bar: what is worth a place where the keys go now. Keys and words come from the table of keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::keys::{Action, Context, Group};
use super::super::msg::Page;
use super::super::state::{Content, Detail, Focus, Item, Overlay, PickerKind, State, Tab};
use super::text::clean;
use crate::text::width;

/// A key, and what it does in a word.
type Hint = (String, String);

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let columns = usize::from(area.width).saturating_sub(1);
    if let Some((note, _)) = &state.note {
        frame.render_widget(Line::from(vec![" ".into(), clean(note, columns).into()]), area);
        return;
    }
    let picks = matches!(state.overlays.last(), Some(Overlay::Picker(_)));
    if let Some(find) = state.find.as_ref().filter(|_| !picks) {
        return super::find::draw(state, find, frame, area);
    }
    let always: Vec<Hint> = [way_out(state), help(state)].into_iter().flatten().collect();
    let taken = |hint: &Hint| width(&hint.0) + width(&hint.1) + 3;
    // The way out and help are always there, and last.
    let mut room = (columns + 2).saturating_sub(always.iter().map(taken).sum());
    let mut shown = Vec::new();
    for hint in hints(state) {
        let Some(rest) = room.checked_sub(taken(&hint)) else { break };
        room = rest;
        shown.push(hint);
    }
    let mut spans = vec![" ".into()];
    for (key, word) in shown.into_iter().chain(always) {
        spans.push(Span::styled(key, state.theme.accent()));
        spans.push(Span::styled(format!(" {word}  "), state.theme.dim()));
    }
    frame.render_widget(Line::from(spans), area);
}

fn hint(state: &State, action: Action, word: &str) -> Option<Hint> {
    state.keymap.first(action, state.context()).map(|key| (key.short(), word.to_owned()))
}

// One key: back where there is something to go back to, else out of the app.
fn way_out(state: &State) -> Option<Hint> {
    match state.context() {
        Context::List if !state.can_go_back() => hint(state, Action::Back, "quit"),
        Context::List | Context::Text => hint(state, Action::Back, Action::Back.hint()),
        Context::Query => hint(state, Action::Quit, "quit"),
        Context::Picker => None,
    }
}

fn help(state: &State) -> Option<Hint> {
    match state.context() {
        // Typed on an empty line it asks for help.
        Context::Query if state.query.is_empty() => Some(("?".to_owned(), "help".to_owned())),
        Context::Text if matches!(state.overlays.last(), Some(Overlay::Help(_))) => None,
        Context::Query | Context::List | Context::Text => hint(state, Action::Help, Action::Help.hint()),
        Context::Picker => None,
    }
}

// What matters most first: what has no room is left out from the end.
fn hints(state: &State) -> Vec<Hint> {
    let own = |action: Action, word: &str| hint(state, action, word);
    let some = match state.context() {
        Context::Query => vec![
            own(Action::Open, "open"),
            own(Action::Escape, "list"),
            own(Action::Complete, "complete").filter(|_| !state.proposals.is_empty()),
            own(Action::HistoryPrevious, "history"),
            own(Action::DeleteToStart, "clear").filter(|_| !state.query.is_empty()),
        ],
        Context::Picker => vec![
            own(Action::Open, "choose"),
            own(Action::Escape, "close"),
            Some(("space".to_owned(), "mark".to_owned())).filter(|_| {
                matches!(state.overlays.last(), Some(Overlay::Picker(picker))
                    if picker.kind == PickerKind::Namespaces)
            }),
        ],
        Context::List if state.focus == Focus::Facets => {
            vec![own(Action::Open, "narrow"), own(Action::Facets, "close"), own(Action::Escape, "list")]
        }
        Context::List => list(state),
        Context::Text => text(state),
    };
    some.into_iter().flatten().collect()
}

fn list(state: &State) -> Vec<Option<Hint>> {
    use Action::{
        CopyName, Coverage, Events, Facets, FocusQuery, Fold, Logs, Namespaces, Open, Palette, Sort, Tree,
        Yaml,
    };
    let folds = matches!(state.item(), Some(Item::Group { .. } | Item::Member(_)));
    let objects = matches!(state.results.content, Content::Rows(_)) && state.row().is_some();
    let order = [
        FocusQuery, Open, Fold, Yaml, Logs, Events, Tree, Palette, Facets, Namespaces, CopyName, Sort,
        Coverage,
    ];
    let counts = |action: &Action| match action {
        Fold => folds,
        Open => state.item().is_some(),
        action => objects || action.group() != Group::Object,
    };
    order.into_iter().filter(counts).map(|action| hint(state, action, action.hint())).collect()
}

// In a view of text: what its tab can do, then the other tabs.
fn text(state: &State) -> Vec<Option<Hint>> {
    use Action::{
        Container, CopyName, Events, Find, Follow, Logs, ManagedFields, Palette, Previous, Reveal, Tree, Yaml,
    };
    let revealed = reveals(state);
    let own = |action: Action| match action {
        Reveal if revealed => hint(state, action, "mask"),
        action => hint(state, action, action.hint()),
    };
    let mut hints = match state.overlays.last() {
        Some(Overlay::Coverage(_)) => vec![hint(state, Action::Open, "objects")],
        Some(Overlay::Detail(Detail { tab, logs, .. })) => {
            let special: &[Action] = match tab {
                Tab::Logs if logs.as_ref().is_some_and(|logs| logs.containers.len() > 1) => {
                    &[Follow, Previous, Container]
                }
                Tab::Logs if logs.is_some() => &[Follow, Previous],
                Tab::Yaml if state.row().is_some_and(|row| row.document.metadata.kind == "Secret") => {
                    &[Reveal, ManagedFields]
                }
                Tab::Yaml => &[ManagedFields],
                Tab::Logs | Tab::Summary | Tab::Events | Tab::Tree => &[],
            };
            let tabs = [(Yaml, Tab::Yaml), (Logs, Tab::Logs), (Events, Tab::Events), (Tree, Tab::Tree)];
            let others = tabs.iter().filter(|(_, other)| other != tab).map(|(action, _)| *action);
            special.iter().copied().chain(others).map(own).collect()
        }
        Some(Overlay::Help(_) | Overlay::Picker(_)) | None => Vec::new(),
    };
    hints.push(own(Find));
    if matches!(state.overlays.last(), Some(Overlay::Detail(_))) {
        hints.extend([own(CopyName), own(Palette)]);
    }
    hints
}

// What is masked shows.
fn reveals(state: &State) -> bool {
    let Some(Overlay::Detail(Detail { page: Some(Ok(page)), .. })) = state.overlays.last() else {
        return false;
    };
    matches!(page, Page::Manifest(manifest) if manifest.revealed)
}
