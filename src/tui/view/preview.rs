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
use crate::text::{age, width};

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

// Who it is; then what matters most of what is there, as far as there is room.
fn short(state: &State, row: &Row, columns: usize) -> Vec<Line<'static>> {
    let local = &row.document.local;
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("  ")
    };
    let or_none = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let owners: Vec<String> =
        local.owners.iter().map(|owner| format!("{}/{}", owner.kind, owner.name)).collect();
    let mut lines = vec![title(state, row, columns)];
    let mut field = |name: &str, value: &str, style: Style| {
        lines.push(Line::from(vec![
            Span::styled(format!(" {name:<10} "), state.theme.dim()),
            Span::styled(clean(value, columns.saturating_sub(13)), style),
        ]));
    };
    let finalizers = local.finalizers.join("  ");
    if let Some(at) = local.deleted {
        let text = format!("since {}  kept by {}", detail::when(state, at), or_none(finalizers.clone()));
        field("deleting", &text, state.theme.bad());
    }
    let why = super::list::reason(row);
    if !why.is_empty() {
        field("matched", &why, state.theme.hit());
    }
    field("labels", &or_none(pairs(&local.labels)), Style::new());
    let created = |said: &dyn Fn(i64) -> String| local.created.map_or("–".to_owned(), said);
    match owners.is_empty() {
        true => field("created", &created(&|at| detail::when(state, at)), Style::new()),
        false => {
            let ago = created(&|at| format!("created {} ago", age(state.now_ms / 1000 - at)));
            field("owned by", &format!("{}  {ago}", owners.join("  ")), Style::new());
        }
    }
    if !local.annotations.is_empty() {
        field("annos", &pairs(&local.annotations), Style::new());
    }
    if local.deleted.is_none() && !finalizers.is_empty() {
        field("finalizers", &finalizers, Style::new());
    }
    lines
}

fn title(state: &State, row: &Row, columns: usize) -> Line<'static> {
    let metadata = &row.document.metadata;
    let name = clean(&metadata.name, columns * 3 / 5);
    let mut about = vec![metadata.kind.clone(), namespace(row).to_owned()];
    about.extend(super::status::line(state, row).map(|(text, _)| text));
    match state.item() {
        Some(Item::Group { rows, open: false }) => {
            about.insert(0, format!("best of {}, space unfolds", rows.len()));
        }
        Some(Item::Group { .. } | Item::Row(_) | Item::Member(_) | Item::Kind(_)) | None => {}
    }
    about.push(metadata.api_version.clone());
    let about = clean(&format!("  {}", about.join("  ")), columns.saturating_sub(2 + width(&name)));
    Line::from(vec![Span::styled(format!(" {name}"), state.theme.accent()), about.into()])
}
