//! The query line and what stands below it: an error where it is, completions, or a rule.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::state::{Content, Focus, Overlay, State};
use super::text::{clean, number};
use crate::text::{sanitise, width};

/// The mark before the query.
const MARK: &str = " › ";

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, below: Rect) {
    let columns = usize::from(area.width);
    let summary = summary(state);
    let room = columns.saturating_sub(width(MARK) + width(&summary) + 3).max(8.min(columns));
    let window = window(state.query.text(), state.query.cursor(), room);
    let mut spans = vec![Span::styled(MARK, state.theme.accent())];
    if state.query.is_empty() {
        let what = "type a word, or kind:deploy, ns:prod, app=web; ? for help";
        spans.push(Span::styled(clean(what, room), state.theme.dim()));
    } else {
        spans.extend(words(state, &window));
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    if used + width(&summary) + 2 <= columns {
        spans.push(" ".repeat(columns - used - width(&summary) - 1).into());
        spans.push(Span::styled(summary, state.theme.dim()));
    }
    frame.render_widget(Line::from(spans), area);
    if state.focus == Focus::Query && state.overlays.is_empty() {
        let before = &state.query.text()[window.start..state.query.cursor()];
        let x = width(MARK) + usize::from(window.start > 0) + width(&sanitise(before));
        let x = u16::try_from(x).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
        frame.set_cursor_position(Position { x: area.x + x, y: area.y });
    }
    frame.render_widget(under(state, &window, usize::from(below.width)), below);
}

// The part of the query that shows: the cursor is always in it.
fn window(text: &str, cursor: usize, columns: usize) -> Range<usize> {
    let fits = |range: &Range<usize>| width(&sanitise(&text[range.clone()])) < columns;
    let starts = std::iter::once(0).chain(text.char_indices().skip(1).map(|(at, _)| at));
    let start = starts.take_while(|at| *at <= cursor).find(|at| fits(&(*at..cursor))).unwrap_or(cursor);
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.filter(|end| *end >= cursor).take_while(|end| fits(&(start..*end))).last();
    start..end.unwrap_or(cursor).max(cursor)
}

fn words(state: &State, window: &Range<usize>) -> Vec<Span<'static>> {
    let text = &state.query.text()[window.clone()];
    let wrong = state.results.problem.as_ref().filter(|problem| !problem.half_typed);
    let wrong = wrong.and_then(|problem| problem.span.clone()).map(|span| {
        let inside = |at: usize| at.clamp(window.start, window.end) - window.start;
        inside(span.start)..inside(span.end)
    });
    let mut spans = Vec::new();
    if window.start > 0 {
        spans.push(Span::styled("…", state.theme.dim()));
    }
    match wrong.filter(|wrong| text.get(wrong.clone()).is_some()) {
        Some(wrong) => {
            let part = |range: Range<usize>| sanitise(&text[range]).into_owned();
            spans.push(part(0..wrong.start).into());
            spans.push(Span::styled(part(wrong.clone()), state.theme.underlined()));
            spans.push(part(wrong.end..text.len()).into());
        }
        None => spans.push(sanitise(text).into_owned().into()),
    }
    spans
}

fn summary(state: &State) -> String {
    let results = &state.results;
    let took = match results.took_us {
        0..1_000 => "< 1 ms".to_owned(),
        us => format!("{} ms", us / 1_000),
    };
    match &results.content {
        Content::Rows(_) => {
            let more = if results.exact { "" } else { "+" };
            let noun = if results.total == 1 { "hit" } else { "hits" };
            format!("{}{more} {noun}  {took}", number(results.total))
        }
        Content::Kinds(kinds) => format!("{} kinds", number(kinds.len() as u64)),
        Content::Nothing | Content::NoIndex => String::new(),
    }
}

fn under(state: &State, window: &Range<usize>, columns: usize) -> Line<'static> {
    let indent = |at: usize| {
        let at = at.clamp(window.start, window.end);
        width(MARK) + usize::from(window.start > 0) + width(&sanitise(&state.query.text()[window.start..at]))
    };
    if let Some(Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Detail(_)) = state.overlays.last() {
        return rule(state, columns);
    }
    if let Some(problem) = &state.results.problem {
        let style = if problem.half_typed { state.theme.dim() } else { state.theme.bad() };
        let at = problem.span.as_ref().map_or(width(MARK), |span| indent(span.start));
        let carets = problem
            .span
            .as_ref()
            .map_or(0, |span| indent(span.end).saturating_sub(indent(span.start)).max(1));
        let message = sanitise(&problem.message).into_owned();
        let whole = at + carets + 1 + width(&message);
        // Too far to the right to be read: from the left then; the underline shows the place.
        let (at, carets) =
            if whole > columns || problem.half_typed { (width(MARK), 0) } else { (at, carets) };
        let gap = if carets > 0 { " " } else { "" };
        let text = format!("{}{}{gap}{message}", " ".repeat(at), "^".repeat(carets));
        return Line::from(Span::styled(clean(&text, columns), style));
    }
    if !state.proposals.is_empty() && state.focus == Focus::Query {
        return proposals(state, indent(state.proposed_for.start), columns);
    }
    // Where nothing is listed, the hints stand in its place.
    match state.results.hints.first().filter(|_| !state.results.items.is_empty()) {
        Some(hint) => {
            let text = format!("{}{}", " ".repeat(width(MARK)), sanitise(hint));
            Line::from(Span::styled(clean(&text, columns), state.theme.dim()))
        }
        None => rule(state, columns),
    }
}

fn rule(state: &State, columns: usize) -> Line<'static> {
    Line::from(Span::styled(format!(" {}", "─".repeat(columns.saturating_sub(2))), state.theme.dim()))
}

fn proposals(state: &State, indent: usize, columns: usize) -> Line<'static> {
    let indent = if indent + 20 > columns { width(MARK) } else { indent };
    let mut spans: Vec<Span<'static>> = vec![" ".repeat(indent).into()];
    let mut room = columns.saturating_sub(indent);
    for (nth, proposal) in state.proposals.iter().enumerate() {
        let word = clean(&proposal.text, 40);
        let count = proposal.count.map(|count| format!(" {}", number(count))).unwrap_or_default();
        let needed = width(&word) + width(&count) + 2;
        if needed > room {
            break;
        }
        room -= needed;
        let style = if nth == 0 { state.theme.accent() } else { ratatui::style::Style::new() };
        spans.push(Span::styled(word, style));
        spans.push(Span::styled(format!("{count}  "), state.theme.dim()));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_in_the_part_that_shows() {
        let text = "kind:deploy 東京 team=payments checkout";
        for cursor in text.char_indices().map(|(at, _)| at).chain([text.len()]) {
            for columns in 1..50 {
                let window = window(text, cursor, columns);
                assert!(window.start <= cursor && cursor <= window.end, "{cursor} {columns} {window:?}");
                assert!(text.get(window.clone()).is_some());
                assert!(columns < 3 || width(&text[window]) < columns);
            }
        }
    }
}
