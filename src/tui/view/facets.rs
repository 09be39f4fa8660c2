//! The facets panel: counts of the matches by kind, namespace and label.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::layout::{self, FacetLine};
use super::super::state::{Facet, FacetPick, Focus, State};
use super::text::{cell, ending, number};
use crate::text::width;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    // A rule between the panel and the list, where there is one beside it.
    let beside = area.width < state.size.0;
    let columns = usize::from(area.width).saturating_sub(if beside { 2 } else { 1 });
    let lines = layout::facet_lines(state, usize::from(area.height));
    let count = state.results.facets.iter().map(|facet| width(&number(facet.count))).max();
    let mut drawn: Vec<Line<'static>> =
        lines.iter().map(|line| draw_line(state, *line, columns, count.unwrap_or_default())).collect();
    if drawn.is_empty() {
        drawn.push(Line::from(Span::styled(cell(" nothing to count", columns), state.theme.dim())));
    }
    for (nth, y) in (area.y..area.y + area.height).enumerate() {
        if let Some(line) = drawn.get(nth) {
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
        if beside {
            let rule = Line::from(Span::styled("│", state.theme.dim()));
            frame.render_widget(rule, Rect { x: area.x + area.width - 1, y, width: 1, height: 1 });
        }
    }
}

fn draw_line(state: &State, line: FacetLine, columns: usize, count: usize) -> Line<'static> {
    let facet = |nth: usize| state.results.facets.get(nth);
    match line {
        FacetLine::Space => Line::default(),
        FacetLine::Heading(nth) => {
            let title = facet(nth).map(heading).unwrap_or_default();
            let title = ending(&title, columns.saturating_sub(1));
            Line::from(Span::styled(
                format!(" {}", cell(&title, columns.saturating_sub(1))),
                state.theme.dim(),
            ))
        }
        FacetLine::Value(nth) => {
            let Some(facet) = facet(nth) else { return Line::default() };
            let selected = nth == state.facet && state.focus == Focus::Facets;
            let style = if selected { state.theme.selected() } else { Style::new() };
            let mark = if selected { Span::styled(" ▸ ", state.theme.accent()) } else { "   ".into() };
            let room = columns.saturating_sub(3 + 2 + count);
            // Keys of labels differ at their ends.
            let value = match facet.pick {
                FacetPick::Values(_) => ending(&facet.value, room),
                FacetPick::Narrow(_) => facet.value.clone(),
            };
            Line::from(vec![
                mark,
                Span::styled(cell(&value, room), style),
                Span::styled(format!("  {:>count$}", number(facet.count)), state.theme.dim()),
            ])
        }
    }
}

// Above its values stands a label's own key; above the keys, of which each can be opened, what they are.
fn heading(facet: &Facet) -> String {
    match (&facet.pick, facet.field.as_str()) {
        (FacetPick::Values(_), _) => "LABELS".to_owned(),
        (FacetPick::Narrow(_), field @ ("kind" | "namespace")) => field.to_uppercase(),
        (FacetPick::Narrow(_), key) => key.to_owned(),
    }
}
