//! One object, from its document alone: no request.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::state::{Row, State};
use super::list::namespace;
use super::text::{clean, wrap};
use crate::text::{age, rfc3339, width};

/// The controller, or else the first owner, as `Kind/name`; empty without owners.
pub(super) fn owner(row: &Row) -> String {
    let owners = &row.document.local.owners;
    let first = owners.iter().find(|owner| owner.controller).or(owners.first());
    first.map(|owner| format!("{}/{}", owner.kind, owner.name)).unwrap_or_default()
}

/// `41d (2026-01-02T03:04:05Z)`
pub(super) fn when(state: &State, at: i64) -> String {
    format!("{} ago ({})", age(state.now_ms / 1000 - at), rfc3339(at))
}

/// All that is known of an object.
pub(super) fn lines(state: &State, row: &Row, columns: usize) -> Vec<Line<'static>> {
    let mut page = Page { state, columns, lines: Vec::new() };
    let (metadata, local) = (&row.document.metadata, &row.document.local);
    page.line(&metadata.name, state.theme.accent());
    page.field("kind", &format!("{}  {}", metadata.kind, metadata.api_version));
    page.field("namespace", namespace(row));
    page.field("created", &local.created.map_or("–".to_owned(), |at| when(state, at)));
    if let Some(at) = local.deleted {
        page.bad("deleting", &format!("since {}", when(state, at)));
    }
    page.field("uid", &local.uid);
    if local.generation > 0 {
        page.field("generation", &local.generation.to_string());
    }
    page.field("id", &row.document.id);
    page.section("Owners", local.owners.len());
    for owner in &local.owners {
        let role = if owner.controller { "  controller" } else { "" };
        page.item(&format!("{}/{}  {}{role}", owner.kind, owner.name, owner.api_version));
    }
    page.section("Finalizers", local.finalizers.len());
    local.finalizers.iter().for_each(|finalizer| page.item(finalizer));
    page.section("Labels", local.labels.len());
    local.labels.iter().for_each(|(key, value)| page.pair(key, value));
    page.section("Annotations", local.annotations.len());
    local.annotations.iter().for_each(|(key, value)| page.pair(key, value));
    if !row.matched.is_empty() {
        page.section("Matched", row.matched.len());
        for found in &row.matched {
            let key = found.key.as_ref().map(|key| format!(" {key}")).unwrap_or_default();
            page.pair(&format!("{}{key}", found.field), &found.value);
        }
    }
    page.lines
}

struct Page<'a> {
    state: &'a State,
    columns: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn line(&mut self, text: &str, style: Style) {
        let text = clean(text, self.columns.saturating_sub(2));
        self.lines.push(Line::from(Span::styled(format!(" {text}"), style)));
    }

    fn field(&mut self, name: &str, value: &str) {
        self.styled(name, value, Style::new());
    }

    fn bad(&mut self, name: &str, value: &str) {
        self.styled(name, value, self.state.theme.bad());
    }

    fn styled(&mut self, name: &str, value: &str, style: Style) {
        let room = self.columns.saturating_sub(14);
        self.lines.push(Line::from(vec![
            Span::styled(format!(" {name:<11} "), self.state.theme.dim()),
            Span::styled(clean(value, room), style),
        ]));
    }

    fn section(&mut self, title: &str, count: usize) {
        self.lines.push(Line::default());
        let text = if count == 0 { format!(" {title}  none") } else { format!(" {title}  {count}") };
        self.lines.push(Line::from(Span::styled(text, self.state.theme.heading())));
    }

    fn item(&mut self, text: &str) {
        let text = clean(text, self.columns.saturating_sub(4));
        self.lines.push(Line::from(format!("   {text}")));
    }

    // Long values go on in further lines: nothing of what is known is cut away here.
    fn pair(&mut self, key: &str, value: &str) {
        let key = clean(key, self.columns.saturating_sub(5));
        let value = crate::text::sanitise(value);
        let room = self.columns.saturating_sub(4 + width(&key) + 2).max(10);
        if width(&value) <= room {
            self.lines.push(Line::from(vec![
                Span::styled(format!("   {key}"), self.state.theme.accent()),
                "  ".into(),
                value.into_owned().into(),
            ]));
            return;
        }
        self.lines.push(Line::from(Span::styled(format!("   {key}"), self.state.theme.accent())));
        let room = self.columns.saturating_sub(6).max(10);
        for piece in wrap(&value, room) {
            self.lines.push(Line::from(format!("     {piece}")));
        }
    }
}
