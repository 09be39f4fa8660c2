//! The facets panel: counts of the matches by kind, namespace and label.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::layout;
use super::super::state::{Focus, State};
use super::text::{cell, number};
use crate::text::width;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let columns = usize::from(area.width);
    let offset = layout::facet_offset(state, usize::from(area.height));
    let facets = state.results.facets.iter().enumerate().skip(offset);
    for (y, (nth, facet)) in (area.y..area.y + area.height).zip(facets) {
        let count = number(facet.count);
        let first = nth == 0 || state.results.facets[nth - 1].field != facet.field;
        // Values of one field stand below each other; the field is named once, before its first.
        let label =
            if first { format!("{}: {}", facet.field, facet.value) } else { format!("  {}", facet.value) };
        let selected = nth == state.facet && state.focus == Focus::Facets;
        let style = if selected { state.theme.selected() } else { ratatui::style::Style::new() };
        let mark = if selected { Span::styled("▸", state.theme.accent()) } else { " ".into() };
        let room = columns.saturating_sub(width(&count) + 4);
        let line = Line::from(vec![
            mark,
            Span::styled(cell(&label, room), style),
            Span::styled(format!(" {count} "), state.theme.dim()),
        ]);
        frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    if state.results.facets.is_empty() {
        let text = cell(" nothing to count", columns);
        frame.render_widget(Line::from(Span::styled(text, state.theme.dim())), Rect { height: 1, ..area });
    }
}
