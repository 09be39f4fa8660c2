//! Searching inside a view of text: where the matches are, how they are marked, and the line it is typed in.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::msg::Page;
use super::super::state::{Detail, Find, Overlay, State, matches};
use super::text::clean;
use crate::text::{sanitise, width};

/// The rows of a view that hold the needle.
pub(super) fn rows(state: &State, overlay: &Overlay, needle: &str) -> Vec<usize> {
    if let Overlay::Detail(Detail { logs: Some(logs), .. }) = overlay {
        let columns = usize::from(state.size.0);
        let mut row = 0;
        let mut found = Vec::new();
        for line in logs.lines() {
            let text = line.text();
            if let Some(first) = matches(&text, needle).first() {
                found.push(row + width(&text[..first.start]) / columns.max(1));
            }
            row += line.rows(columns);
        }
        return found;
    }
    if let Overlay::Detail(detail @ Detail { page: Some(Ok(Page::Manifest(manifest))), .. }) = overlay {
        return super::yaml::holding(detail, manifest, usize::from(state.size.0), needle);
    }
    if let Overlay::Coverage(_) = overlay {
        let holds = |text: &String| !matches(text, needle).is_empty();
        return super::coverage::texts(state)
            .iter()
            .enumerate()
            .filter(|(_, text)| holds(text))
            .map(|(nth, _)| nth)
            .collect();
    }
    let holds = |line: &Line<'_>| !matches(&text(line), needle).is_empty();
    let lines = super::lines(state, overlay).0;
    lines.iter().enumerate().filter(|(_, line)| holds(line)).map(|(nth, _)| nth).collect()
}

fn text(line: &Line<'_>) -> String {
    line.spans.iter().map(|span| span.content.as_ref()).collect()
}

/// A line with the matches marked.
pub(super) fn marked(state: &State, line: Line<'static>, needle: &str) -> Line<'static> {
    let found = matches(&text(&line), needle);
    if found.is_empty() {
        return line;
    }
    let mut spans = Vec::new();
    let mut start = 0;
    for span in line.spans {
        let end = start + span.content.len();
        let mut at = start;
        for range in found.iter().filter(|range| range.start < end && range.end > start) {
            let (from, to) = (range.start.max(at), range.end.min(end));
            push(&mut spans, &span, at - start..from - start, span.style);
            push(&mut spans, &span, from - start..to - start, span.style.patch(state.theme.hit()));
            at = to;
        }
        push(&mut spans, &span, at - start..end - start, span.style);
        start = end;
    }
    Line::from(spans)
}

fn push(
    spans: &mut Vec<Span<'static>>,
    span: &Span<'static>,
    range: std::ops::Range<usize>,
    style: ratatui::style::Style,
) {
    if let Some(part) = span.content.get(range).filter(|part| !part.is_empty()) {
        spans.push(Span::styled(part.to_owned(), style));
    }
}

/// What is searched for, in the place of the hints.
pub(super) fn draw(state: &State, find: &Find, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme;
    let typed = sanitise(find.line.text()).into_owned();
    let counts = match find.count {
        _ if find.line.is_empty() => String::new(),
        (_, 0) => "no match".to_owned(),
        (nth, all) => format!("{nth} of {all}"),
    };
    let keys = if find.typing { "⏎ keep  esc back" } else { "n next  N previous  esc done" };
    let room = usize::from(area.width).saturating_sub(width(keys) + width(&counts) + 8);
    let spans = vec![
        Span::styled(" /", theme.accent()),
        clean(&typed, room.max(4)).into(),
        Span::styled(format!("  {counts}  {keys}"), theme.dim()),
    ];
    frame.render_widget(Line::from(spans), area);
    if find.typing {
        let before = width(&sanitise(&find.line.text()[..find.line.cursor()]));
        let x = u16::try_from(2 + before).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
        frame.set_cursor_position(Position { x: area.x + x, y: area.y });
    }
}
