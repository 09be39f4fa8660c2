//! The facets panel: counts of the matches by kind, namespace and label.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::layout::{self, FacetLine};
use super::super::search::MOST_VALUES;
use super::super::state::{Facet, FacetPick, Focus, State};
use super::text::{cell, ending, number};
use crate::text::width;

/// Cells of a bar, where the panel is so wide that there is room for one.
const BAR: usize = 4;
const ROOM_FOR_BARS: usize = 30;

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
            let title = facet(nth).map(|facet| heading(state, facet)).unwrap_or_default();
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
            let bar =
                if columns >= ROOM_FOR_BARS { format!("  {}", bar(state, facet)) } else { String::new() };
            let room = columns.saturating_sub(3 + 2 + count + width(&bar));
            // Keys of labels differ at their ends.
            let value = match facet.pick {
                FacetPick::Values(_) => ending(&facet.value, room),
                FacetPick::Narrow(_) => facet.value.clone(),
            };
            Line::from(vec![
                mark,
                Span::styled(cell(&value, room), style),
                Span::styled(format!("  {:>count$}{bar}", number(facet.count)), state.theme.dim()),
            ])
        }
    }
}

// How much of the greatest count of its field it is, in eighths of a cell; never nothing.
fn bar(state: &State, facet: &Facet) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let same = state.results.facets.iter().filter(|other| other.field == facet.field);
    let greatest = same.map(|other| other.count).max().unwrap_or_default().max(1);
    let most = BAR * EIGHTHS.len();
    let share = u128::from(facet.count) * most as u128 / u128::from(greatest);
    let eighths = usize::try_from(share).unwrap_or(most).clamp(1, most);
    let drawn = format!("{}{}", "█".repeat(eighths / EIGHTHS.len()), EIGHTHS[eighths % EIGHTHS.len()]);
    cell(&drawn, BAR)
}

// Above its values stands a label's own key; above the keys, of which each can be opened, what they are.
fn heading(state: &State, facet: &Facet) -> String {
    let title = match (&facet.pick, facet.field.as_str()) {
        (FacetPick::Values(_), _) => "LABELS".to_owned(),
        (FacetPick::Narrow(_), field @ ("kind" | "namespace")) => field.to_uppercase(),
        (FacetPick::Narrow(_), key) => key.to_owned(),
    };
    match state.results.facets.iter().filter(|other| other.field == facet.field).count() {
        count if count < MOST_VALUES => title,
        count => format!("{title}, first {count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_greatest_count_of_their_field_and_never_empty() {
        let facet = |field: &str, count| Facet {
            field: field.to_owned(),
            value: String::new(),
            count,
            pick: FacetPick::Narrow(String::new()),
        };
        let mut state = State::new(0, (200, 50), "");
        state.results.facets =
            vec![facet("kind", 1_000_000), facet("kind", 1), facet("team", 32), facet("team", 9)];
        let bars: Vec<String> = state.results.facets.iter().map(|facet| bar(&state, facet)).collect();
        assert_eq!(bars, ["████", "▏   ", "████", "█▏  "]);
        assert_eq!(bar(&state, &facet("none", u64::MAX)), "████");
    }
}
