//! Drawing: a function of the state. Every string from outside passes the sanitiser on its way ([`text`]).

mod columns;
mod coverage;
mod detail;
mod facets;
mod fetched;
mod find;
mod help;
mod hints;
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
mod yaml;

use ratatui::Frame;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::layout::{self, Areas};
use super::msg::Page;
use super::state::{Detail, Overlay, State};

pub(super) use columns::{order_at, widths};
pub(super) use coverage::kind_at;
pub(super) use yaml::starts as yaml_starts;

/// Draws everything.
pub(super) fn view(state: &State, frame: &mut Frame<'_>) {
    let areas = layout::areas(state);
    top::draw(state, frame, areas.top);
    query::draw(state, frame, areas.query, areas.below);
    match state.overlays.last() {
        Some(Overlay::Picker(picker)) => picker::draw(state, picker, frame, areas.body),
        Some(Overlay::Coverage(selected)) => coverage::draw(state, *selected, frame, areas.body),
        Some(overlay) => text_view(state, overlay, frame, &areas),
        None => {
            list::draw(state, frame, &areas);
            facets::draw(state, frame, areas.facets);
            preview::draw(state, frame, areas.preview);
        }
    }
    hints::draw(state, frame, areas.hints);
}

fn text_view(state: &State, overlay: &Overlay, frame: &mut Frame<'_>, areas: &Areas) {
    let columns = usize::from(areas.body.width);
    let head = match overlay {
        Overlay::Detail(detail) => detail_head(state, detail),
        Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Picker(_) => Vec::new(),
    };
    let height = usize::from(areas.body.height).saturating_sub(head.len());
    let mut shown = match overlay {
        Overlay::Detail(Detail { logs: Some(logs), scroll, .. }) => {
            let scroll = (*scroll).min(logs.rows(columns).saturating_sub(height));
            logs::rows(state, logs, columns, scroll, height)
        }
        Overlay::Detail(detail @ Detail { page: Some(Ok(Page::Manifest(manifest))), .. }) => {
            let last = yaml::count(detail, manifest, columns).saturating_sub(height);
            yaml::visible(state, detail, manifest, columns, detail.scroll.min(last), height)
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
    shown.splice(0..0, head);
    frame.render_widget(Paragraph::new(shown), areas.body);
}

// Which object, and how current what shows of it is: in one row at least, and most of the screen is left to the object.
fn detail_head(state: &State, detail: &Detail) -> Vec<Line<'static>> {
    let body = layout::areas(state).body;
    let columns = usize::from(body.width);
    let mut about = match &detail.logs {
        Some(logs) => logs::about(state, logs, columns),
        None => fetched::about(state, detail, columns),
    };
    let most = (usize::from(body.height) / 3).max(1);
    if about.len() > most {
        about.truncate(most);
        about.last_mut().into_iter().for_each(|last| last.push_span("…"));
    }
    about.resize(about.len().max(1), Line::default());
    about.insert(0, fetched::heading(state, detail, columns));
    about
}

/// How many rows stand above what is shown of an object.
pub(super) fn head_rows(state: &State, detail: &Detail) -> usize {
    detail_head(state, detail).len()
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
        Overlay::Detail(detail) => (fetched::lines(state, detail, columns), detail.scroll),
        Overlay::Coverage(_) | Overlay::Picker(_) => (Vec::new(), 0),
    }
}

/// How many kinds show at once in the coverage view.
pub(super) fn coverage_rows(state: &State) -> usize {
    coverage::rows(state, layout::areas(state).body)
}

/// How many lines the view on top has.
pub(super) fn overlay_lines(state: &State) -> usize {
    match state.overlays.last() {
        Some(Overlay::Detail(Detail { logs: Some(logs), .. })) => logs.rows(usize::from(state.size.0)),
        Some(Overlay::Detail(detail @ Detail { page: Some(Ok(Page::Manifest(manifest))), .. })) => {
            yaml::count(detail, manifest, usize::from(state.size.0))
        }
        Some(overlay) => lines(state, overlay).0.len(),
        None => 0,
    }
}
