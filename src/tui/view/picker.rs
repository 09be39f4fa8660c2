//! A picker: what is typed, and what matches.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::state::{Picker, PickerKind, State};
use super::text::{cell, clean};
use crate::text::{sanitise, width};

pub(super) fn draw(state: &State, picker: &Picker, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = state.theme;
    let prompt = match picker.kind {
        PickerKind::Palette => " : ",
        PickerKind::Namespaces => " namespace › ",
        PickerKind::Sort => " order › ",
        PickerKind::Copy => " copy › ",
        PickerKind::Contexts => " context › ",
        PickerKind::Pods => " log of › ",
        PickerKind::Containers => " container › ",
    };
    let typed = sanitise(picker.line.text()).into_owned();
    let columns = usize::from(area.width);
    let input = Line::from(vec![Span::styled(prompt, theme.accent()), clean(&typed, columns).into()]);
    frame.render_widget(input, Rect { height: 1, ..area });
    let before = &picker.line.text()[..picker.line.cursor()];
    let x = u16::try_from(width(prompt) + width(&sanitise(before))).unwrap_or(u16::MAX);
    frame.set_cursor_position(Position { x: area.x + x.min(area.width.saturating_sub(1)), y: area.y });
    let rows = usize::from(area.height).saturating_sub(1);
    let matching = picker.matching();
    let label = matching.iter().map(|item| width(&item.label)).max().unwrap_or_default();
    let label = label.clamp(8, (columns / 2).max(8));
    let offset = (picker.cursor + 1).saturating_sub(rows.max(1));
    for (line, (nth, item)) in (1..area.height).zip(matching.iter().enumerate().skip(offset)) {
        let selected = nth == picker.cursor;
        let style = if selected { theme.selected() } else { ratatui::style::Style::new() };
        let mark = if picker.marked.contains(&item.label) { "✓" } else { " " };
        let spans = vec![
            Span::styled(if selected { " ▸" } else { "  " }, theme.accent()),
            Span::styled(format!("{mark} "), theme.hit()),
            Span::styled(cell(&item.label, label), style),
            Span::styled(
                format!("  {}", clean(&item.detail, columns.saturating_sub(label + 7))),
                theme.dim(),
            ),
        ];
        frame.render_widget(Line::from(spans), Rect { y: area.y + line, height: 1, ..area });
    }
    if matching.is_empty() && rows > 0 {
        let line = Line::from(Span::styled("    nothing matches", theme.dim()));
        frame.render_widget(line, Rect { y: area.y + 1, height: 1, ..area });
    }
}
