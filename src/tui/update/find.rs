//! Searching inside a view of text: typing, and going from match to match.

use super::super::keys::Action;
use super::super::layout;
use super::super::state::{Find, Overlay, State};
use super::super::view;
use super::note;

/// Begins to search in the view on top.
pub(super) fn begin(state: &mut State) {
    let from = scroll(state).map_or(0, |scroll| *scroll);
    let line = state.find.take().map(|find| find.line).unwrap_or_default();
    let mut find = Find { line, typing: true, from, ..Find::default() };
    find.line.end();
    state.find = Some(find);
}

/// Leaves the search; while it is typed the view goes back to where it stood.
pub(super) fn leave(state: &mut State) {
    if let Some(find) = state.find.take().filter(|find| find.typing)
        && let Some(scroll) = scroll(state)
    {
        *scroll = find.from;
    }
}

/// A character was typed.
pub(super) fn insert(state: &mut State, text: &str) {
    if let Some(find) = &mut state.find {
        find.line.insert(text);
        typed(state);
    }
}

/// Actions while it is typed.
pub(super) fn act(state: &mut State, action: Action) {
    let Some(find) = &mut state.find else { return };
    match action {
        Action::Open => {
            find.typing = false;
            if find.line.is_empty() {
                return leave(state);
            }
            if find.count.1 == 0 {
                let text = crate::text::sanitise(find.line.text()).into_owned();
                note(state, format!("{text} is not in here"));
            }
            return;
        }
        Action::Up => return next(state, false),
        Action::Down => return next(state, true),
        Action::DeleteToStart => find.line.delete_to_start(),
        Action::DeleteToEnd => find.line.delete_to_end(),
        Action::DeleteWord => find.line.delete_word(),
        Action::Backspace if find.line.is_empty() => return leave(state),
        Action::Backspace => find.line.backspace(),
        Action::Delete => find.line.delete(),
        Action::Left => find.line.left(),
        Action::Right => find.line.right(),
        Action::WordLeft => find.line.word_left(),
        Action::WordRight => find.line.word_right(),
        Action::LineStart => find.line.start(),
        Action::LineEnd => find.line.end(),
        _ => return,
    }
    typed(state);
}

// The first match from where the search began.
fn typed(state: &mut State) {
    let rows = view::rows_with(state);
    let Some(find) = &mut state.find else { return };
    let from = find.from;
    let nth = rows.iter().position(|row| *row >= from).or((!rows.is_empty()).then_some(0));
    go(state, &rows, nth);
}

/// The next match, or the one before; round the end.
pub(super) fn next(state: &mut State, forward: bool) {
    let Some(find) = &state.find else { return note(state, "nothing is searched for; / searches") };
    let at = find.at;
    let rows = view::rows_with(state);
    if rows.is_empty() {
        return note(state, "no match");
    }
    let last = rows.len() - 1;
    let nth = match (at, forward) {
        (None, _) => 0,
        (Some(at), true) => rows.iter().position(|row| *row > at).unwrap_or(0),
        (Some(at), false) => rows.iter().rposition(|row| *row < at).unwrap_or(last),
    };
    go(state, &rows, Some(nth));
}

/// The text below the search changed: each row is now where `follow` says. The match that was gone to stays the one.
pub(super) fn carry(state: &mut State, follow: impl Fn(usize) -> usize) {
    let Some(find) = &mut state.find else { return };
    find.from = follow(find.from);
    let at = find.at.map(follow);
    let rows = view::rows_with(state);
    let nth = at.and_then(|at| rows.iter().position(|row| *row >= at).or(rows.len().checked_sub(1)));
    if let Some(find) = &mut state.find {
        find.at = nth.and_then(|nth| rows.get(nth)).copied();
        find.count = (nth.map_or(0, |nth| nth + 1), rows.len());
    }
}

fn go(state: &mut State, rows: &[usize], nth: Option<usize>) {
    let row = nth.and_then(|nth| rows.get(nth)).copied();
    if let Some(find) = &mut state.find {
        find.at = row;
        find.count = (nth.map_or(0, |nth| nth + 1), rows.len());
    }
    let height = layout::overlay_rows(state).max(1);
    let last = view::overlay_lines(state).saturating_sub(height);
    if let Some(Overlay::Detail(detail)) = state.overlays.last_mut()
        && let Some(logs) = &mut detail.logs
    {
        // What was found must not run away.
        logs.follows = false;
    }
    // A line of the coverage view is selected, not scrolled to.
    let selects = matches!(state.overlays.last(), Some(Overlay::Coverage(_)));
    let (Some(row), Some(scroll)) = (row, scroll(state)) else { return };
    if selects {
        *scroll = row;
        return;
    }
    if row < *scroll || row >= *scroll + height {
        *scroll = row.saturating_sub(height / 2).min(last);
    }
}

fn scroll(state: &mut State) -> Option<&mut usize> {
    match state.overlays.last_mut()? {
        Overlay::Help(at) | Overlay::Coverage(at) => Some(at),
        Overlay::Detail(detail) => Some(&mut detail.scroll),
        Overlay::Picker(_) => None,
    }
}
