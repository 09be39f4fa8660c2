//! Drawing: a function of the state. Every string from outside passes the sanitiser on its way ([`text`]).

mod columns;
mod coverage;
mod detail;
mod facets;
mod fetched;
mod find;
mod help;
mod list;
mod logs;
mod picker;
mod preview;
mod query;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod top;

use ratatui::Frame;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::keys::{Action, Context};
use super::layout::{self, Areas};
use super::state::{Detail, Focus, Overlay, State};

pub(super) use columns::order_at;

/// Draws everything.
pub(super) fn view(state: &State, frame: &mut Frame<'_>) {
    let areas = layout::areas(state);
    top::draw(state, frame, areas.top);
    query::draw(state, frame, areas.query, areas.below);
    match state.overlays.last() {
        Some(Overlay::Picker(picker)) => picker::draw(state, picker, frame, areas.body),
        Some(overlay) => text_view(state, overlay, frame, &areas),
        None => {
            list::draw(state, frame, &areas);
            facets::draw(state, frame, areas.facets);
            preview::draw(state, frame, areas.preview);
        }
    }
    hints(state, frame, &areas);
}

fn text_view(state: &State, overlay: &Overlay, frame: &mut Frame<'_>, areas: &Areas) {
    let height = usize::from(areas.body.height);
    let columns = usize::from(areas.body.width);
    let mut shown = match overlay {
        Overlay::Detail(Detail { logs: Some(logs), scroll, .. }) => {
            let height = height.saturating_sub(layout::LOG_HEAD);
            let scroll = (*scroll).min(logs.rows(columns).saturating_sub(height));
            logs::rows(state, logs, columns, scroll, height)
        }
        _ => {
            let (lines, scroll) = lines(state, overlay);
            let scroll = scroll.min(lines.len().saturating_sub(height));
            lines.into_iter().skip(scroll).take(height).collect()
        }
    };
    if let Some(find) = &state.find {
        shown = shown.into_iter().map(|line| find::marked(state, line, find.line.text())).collect();
    }
    if let Overlay::Detail(detail @ Detail { logs: Some(logs), .. }) = overlay {
        shown.splice(0..0, [fetched::heading(state, detail, columns), logs::about(state, logs, columns)]);
    }
    frame.render_widget(Paragraph::new(shown), areas.body);
}

/// The rows of the view on top that hold what is searched for in it.
pub(super) fn rows_with(state: &State) -> Vec<usize> {
    let (Some(overlay), Some(find)) = (state.overlays.last(), &state.find) else { return Vec::new() };
    find::rows(state, overlay, find.line.text())
}

fn lines(state: &State, overlay: &Overlay) -> (Vec<Line<'static>>, usize) {
    let columns = usize::from(state.size.0);
    match overlay {
        Overlay::Help(scroll) => (help::lines(state, columns), *scroll),
        Overlay::Coverage(scroll) => (coverage::lines(state, columns), *scroll),
        Overlay::Detail(detail) => (fetched::lines(state, detail, columns), detail.scroll),
        Overlay::Picker(_) => (Vec::new(), 0),
    }
}

/// How many lines the view on top has.
pub(super) fn overlay_lines(state: &State) -> usize {
    match state.overlays.last() {
        Some(Overlay::Detail(Detail { logs: Some(logs), .. })) => logs.rows(usize::from(state.size.0)),
        Some(overlay) => lines(state, overlay).0.len(),
        None => 0,
    }
}

// The hint bar, from the table of keys: what is worth a place where the keys go now.
fn hints(state: &State, frame: &mut Frame<'_>, areas: &Areas) {
    if let Some((note, _)) = &state.note {
        let note = text::clean(note, usize::from(areas.hints.width).saturating_sub(1));
        frame.render_widget(Line::from(vec![" ".into(), note.into()]), areas.hints);
        return;
    }
    if let Some(find) =
        state.find.as_ref().filter(|_| !matches!(state.overlays.last(), Some(Overlay::Picker(_))))
    {
        return find::draw(state, find, frame, areas.hints);
    }
    let context = state.context();
    let mut spans = vec![" ".into()];
    let mut room = usize::from(areas.hints.width).saturating_sub(1);
    for (key, word) in hint_words(state, context) {
        let needed = crate::text::width(&key) + crate::text::width(&word) + 3;
        if needed > room {
            break;
        }
        room -= needed;
        spans.push(ratatui::text::Span::styled(key, state.theme.accent()));
        spans.push(ratatui::text::Span::styled(format!(" {word}  "), state.theme.dim()));
    }
    frame.render_widget(Line::from(spans), areas.hints);
}

fn hint_words(state: &State, context: Context) -> Vec<(String, String)> {
    let own = |action: Action, word: &str| {
        state.keymap.first(action, context).map(|key| (key.short(), word.to_owned()))
    };
    let first = match context {
        Context::Query => vec![
            own(Action::Open, "open"),
            own(Action::Escape, "list"),
            own(Action::Complete, "complete").filter(|_| !state.proposals.is_empty()),
            own(Action::HistoryPrevious, "history"),
            own(Action::DeleteToStart, "clear"),
            own(Action::Help, "help"),
            own(Action::Quit, "quit"),
        ],
        Context::Picker => vec![
            own(Action::Open, "choose"),
            own(Action::Escape, "close"),
            Some(("space".to_owned(), "mark".to_owned())).filter(|_| {
                matches!(state.overlays.last(), Some(Overlay::Picker(picker))
                    if picker.kind == super::state::PickerKind::Namespaces)
            }),
        ],
        Context::List if state.focus == Focus::Facets => vec![
            own(Action::Open, "narrow"),
            own(Action::Facets, "close"),
            own(Action::Escape, "list"),
            own(Action::Help, "help"),
        ],
        Context::List | Context::Text => Action::ALL
            .iter()
            .filter(|action| !action.hint().is_empty())
            // Nothing is opened from a view of text.
            .filter(|action| context == Context::List || **action != Action::Open)
            .map(|action| own(*action, action.hint()))
            .collect(),
    };
    first.into_iter().flatten().collect()
}
