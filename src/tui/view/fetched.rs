//! One object, whole: the heading with its tabs, and the tab that is shown.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::family::Family;
use super::super::msg::Page;
use super::super::state::{Detail, State, Tab};
use super::detail;
use super::text::{clean, paragraph, wrap};
use crate::cluster::fetch::{Occurrence, Standing};
use crate::text::{age, sanitise, width};

pub(super) fn lines(state: &State, detail: &Detail, columns: usize) -> Vec<Line<'static>> {
    match (detail.tab, &detail.page) {
        (Tab::Summary, _) => detail::lines(state, &detail.row, columns),
        (Tab::Yaml | Tab::Events | Tab::Logs | Tab::Tree, None) => Vec::new(),
        (Tab::Yaml | Tab::Events | Tab::Logs | Tab::Tree, Some(Err(why))) => {
            paragraph(vec![(sanitise(why).into_owned(), state.theme.bad())], columns)
        }
        (_, Some(Ok(Page::Manifest(manifest)))) => {
            super::yaml::visible(state, detail, manifest, columns, 0, usize::MAX)
        }
        (_, Some(Ok(Page::Family(family)))) => relatives(state, family, columns),
        (_, Some(Ok(Page::Events(events)))) => occurrences(state, events, columns),
    }
}

/// About what is shown: how current it is, what is hidden of it.
pub(super) fn about(state: &State, detail: &Detail, columns: usize) -> Vec<Line<'static>> {
    let waiting = match (detail.tab, &detail.page) {
        (Tab::Summary, _) => return Vec::new(),
        (Tab::Logs, None) => "looking for its Pods in the index",
        (Tab::Tree, None) => "looking in the index",
        (Tab::Yaml | Tab::Events, None) => "asking the cluster; esc goes back",
        (Tab::Yaml | Tab::Events | Tab::Logs | Tab::Tree, Some(_)) => "",
    };
    if !waiting.is_empty() {
        return vec![dim(state, waiting)];
    }
    let mut parts = vec![standing(state, detail)];
    let mut fact = |text: String| parts.push((text, state.theme.dim()));
    if let Some(Ok(Page::Manifest(manifest))) = &detail.page {
        if let Some(at) = detail.live.changed_ms {
            fact(format!("changed {} ago", age((state.now_ms - at) / 1000)));
        }
        if manifest.masked > 0 {
            let gone = matches!(detail.live.standing, Some(Standing::Deleted { .. }));
            let way = if gone { "" } else { "; x reveals them" };
            fact(format!("{} values are masked{way}", manifest.masked));
        }
        if manifest.revealed {
            fact("values are decoded; x masks them".to_owned());
        }
    }
    paragraph(parts, columns)
}

fn standing(state: &State, detail: &Detail) -> (String, Style) {
    let theme = state.theme;
    let at = || super::top::time(state, Some(detail.live.since_ms));
    match &detail.live.standing {
        // Nothing was read: that stands below.
        Some(Standing::Still { again: true, .. }) if matches!(detail.page, Some(Err(_))) => {
            ("trying again".to_owned(), theme.dim())
        }
        Some(_) if matches!(detail.page, Some(Err(_))) => (String::new(), theme.dim()),
        None => (String::new(), theme.dim()),
        Some(Standing::Read) => (format!("◌ as of {}", at()), theme.dim()),
        Some(Standing::Live) => ("● live".to_owned(), theme.good()),
        Some(Standing::Still { why, again }) => {
            let again = if *again { "; trying again" } else { "" };
            (format!("○ as of {}, not live{again}: {}", at(), sanitise(why)), theme.bad())
        }
        Some(Standing::Deleted { replaced }) => {
            let next = if *replaced { "; another object has its name now" } else { "" };
            let when = if detail.live.later { "after" } else { "at" };
            (format!("○ deleted {when} {}{next}", at()), theme.bad())
        }
    }
}

pub(super) fn dim(state: &State, text: &str) -> Line<'static> {
    Line::from(Span::styled(format!("   {text}"), state.theme.dim()))
}

pub(super) fn heading(state: &State, detail: &Detail, columns: usize) -> Line<'static> {
    let metadata = &detail.row.document.metadata;
    let taken = |tabs: &[Tab]| tabs.iter().map(|tab| tab.title().len() + 2).sum::<usize>();
    // Where not all tabs have room, the one that shows says where one is.
    let fits = taken(&Tab::ALL) + 16 <= columns;
    let tabs: &[Tab] = if fits { &Tab::ALL } else { std::slice::from_ref(&detail.tab) };
    let name = format!("{}/{}", metadata.kind, metadata.name);
    let mut spans = vec![Span::styled(
        format!(" {}  ", clean(&name, columns.saturating_sub(taken(tabs) + 3).max(8))),
        state.theme.accent(),
    )];
    for tab in tabs {
        let style = if *tab == detail.tab { state.theme.hit() } else { state.theme.dim() };
        spans.push(Span::styled(tab.title(), style));
        spans.push("  ".into());
    }
    Line::from(spans)
}

fn relatives(state: &State, family: &Family, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for member in &family.members {
        let indent = (3 + member.depth * 2).min(columns / 2);
        let style = if member.is_self { state.theme.accent() } else { Style::new() };
        let facts = match &member.row {
            Some(row) => {
                let created = row.document.local.created;
                let age = created.map(|at| age(state.now_ms / 1000 - at)).unwrap_or_default();
                let deleting = if row.document.local.deleted.is_some() { "  deleting" } else { "" };
                format!("  {}  {age}{deleting}", super::list::namespace(row))
            }
            None => "  not in the index".to_owned(),
        };
        let room = columns.saturating_sub(indent + width(&facts).min(40) + 1).max(10);
        lines.push(Line::from(vec![
            " ".repeat(indent).into(),
            Span::styled(clean(&member.label, room), style),
            Span::styled(clean(&facts, 60), state.theme.dim()),
        ]));
    }
    if family.members.len() < 2 {
        lines.push(dim(state, "It has no owner and owns nothing that is in the index."));
    }
    if family.more {
        lines.push(dim(state, "and more"));
    }
    lines
}

fn occurrences(state: &State, events: &[Occurrence], columns: usize) -> Vec<Line<'static>> {
    if events.is_empty() {
        return vec![dim(state, "No events. API servers forget them after an hour.")];
    }
    let reason =
        events.iter().map(|event| width(&sanitise(&event.reason))).max().unwrap_or_default().clamp(6, 24);
    let mut lines = Vec::new();
    // The newest is what one looks for.
    for event in events.iter().rev() {
        let when = event.last.map(|at| age(state.now_ms / 1000 - at)).unwrap_or_default();
        let count = if event.count > 1 { format!("×{}", event.count) } else { String::new() };
        let style = if event.kind == "Warning" { state.theme.bad() } else { Style::new() };
        let head = format!("   {when:>6} {count:>5}  ");
        let indent = width(&head) + reason + 2;
        let room = columns.saturating_sub(indent + 1).max(10);
        let source = match event.source.is_empty() {
            true => String::new(),
            false => format!("  ({})", sanitise(&event.source)),
        };
        let message = format!("{}{source}", sanitise(&event.message));
        for (nth, piece) in wrap(&message, room).into_iter().enumerate() {
            lines.push(match nth {
                0 => Line::from(vec![
                    Span::styled(head.clone(), state.theme.dim()),
                    Span::styled(super::text::cell(&event.reason, reason), style),
                    format!("  {piece}").into(),
                ]),
                _ => Line::from(format!("{}{piece}", " ".repeat(indent))),
            });
        }
    }
    lines
}
