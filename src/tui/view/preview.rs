//! The preview: the object under the cursor, as much of it as fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::layout;
use super::super::state::{Item, Row, State};
use super::detail;
use super::list::namespace;
use super::text::clean;
use crate::text::{sanitise, width};

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let beside = area.x > 0 && area.y == layout::areas(state).body.y && area.height > 8;
    if beside {
        // A rule between the list and the preview.
        for y in area.y..area.y + area.height {
            let rule = Line::from(Span::styled("│", state.theme.dim()));
            frame.render_widget(rule, Rect { x: area.x, y, width: 1, height: 1 });
        }
    } else {
        let rule = format!(" {}", "─".repeat(usize::from(area.width).saturating_sub(2)));
        frame.render_widget(Line::from(Span::styled(rule, state.theme.dim())), Rect { height: 1, ..area });
    }
    let inner = if beside {
        Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area }
    } else {
        Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
    };
    let Some(row) = state.item().and_then(|item| state.results.content.row(item)) else { return };
    let columns = usize::from(inner.width);
    let lines = if beside { detail::lines(state, row, columns) } else { short(state, row, columns) };
    let lines: Vec<Line<'_>> = lines.into_iter().take(usize::from(inner.height)).collect();
    frame.render_widget(Paragraph::new(lines), inner);
}

// Six lines: who it is, what it is for, labels, owners, times, what keeps it.
fn short(state: &State, row: &Row, columns: usize) -> Vec<Line<'static>> {
    let (metadata, local) = (&row.document.metadata, &row.document.local);
    let folded = match state.item() {
        Some(Item::Group { rows, open: false }) => {
            format!("  best of {} siblings; space unfolds", rows.len())
        }
        Some(Item::Group { .. } | Item::Row(_) | Item::Member(_) | Item::Kind(_)) | None => String::new(),
    };
    let said = super::status::line(state, row).map(|(text, _)| format!("  {text}")).unwrap_or_default();
    let head = format!("{}  {}  {}{said}", metadata.kind, metadata.api_version, namespace(row));
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {}", clean(&metadata.name, columns / 2)), state.theme.accent()),
        Span::styled(
            clean(
                &format!("  {head}{folded}"),
                columns.saturating_sub(2 + width(&metadata.name).min(columns / 2)),
            ),
            Style::new(),
        ),
    ])];
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("  ")
    };
    let or_none = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let owners: Vec<String> =
        local.owners.iter().map(|owner| format!("{}/{}", owner.kind, owner.name)).collect();
    let mut field = |name: &str, value: &str, style: Style| {
        lines.push(Line::from(vec![
            Span::styled(format!(" {name:<10} "), state.theme.dim()),
            Span::styled(clean(value, columns.saturating_sub(13)), style),
        ]));
    };
    field("labels", &or_none(pairs(&local.labels)), Style::new());
    field("annos", &or_none(sanitise(&pairs(&local.annotations)).into_owned()), Style::new());
    field("owned by", &or_none(owners.join("  ")), Style::new());
    let created = local.created.map_or("–".to_owned(), |at| detail::when(state, at));
    field("created", &created, Style::new());
    match local.deleted {
        Some(at) => {
            let kept = or_none(local.finalizers.join("  "));
            field(
                "deleting",
                &format!("since {}  kept by {kept}", detail::when(state, at)),
                state.theme.bad(),
            );
        }
        None => field("finalizers", &or_none(local.finalizers.join("  ")), Style::new()),
    }
    lines
}
