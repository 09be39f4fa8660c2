//! The list: objects, folded siblings, or kinds for an empty query.

use std::ops::Range;

use ratatui::Frame;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::layout::Areas;
use super::super::state::{CLUSTER, Content, Focus, Item, KindCount, Row, State};
use super::columns::{Columns, GAP, MARGIN, columns, head, kind_text};
use super::text::{cell, clean, flow, marked, number};
use crate::engine::status::Phase;
use crate::search::Match;
use crate::text::{age, sanitise, width};

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, areas: &Areas) {
    let room = usize::from(areas.list.width);
    let rows = usize::from(areas.list.height);
    let (head, lines) = match &state.results.content {
        Content::Kinds(kinds) => kinds_list(state, kinds, room, rows),
        Content::Rows(all) if !all.is_empty() => objects(state, room, rows),
        Content::Rows(_) => (String::new(), nothing(state, room)),
        Content::Nothing => (String::new(), Vec::new()),
        Content::NoIndex => (String::new(), no_index(state, room)),
    };
    frame.render_widget(Line::from(Span::styled(head, state.theme.dim())), areas.head);
    // Rows that answer the query before this one.
    let stale = state.results.problem.as_ref().is_some_and(|problem| !problem.half_typed);
    for (nth, line) in lines.into_iter().take(rows).enumerate() {
        let line = if stale { dimmed(line, state) } else { line };
        let area = ratatui::layout::Rect {
            y: areas.list.y + u16::try_from(nth).unwrap_or_default(),
            height: 1,
            ..areas.list
        };
        frame.render_widget(line, area);
    }
}

fn mark(state: &State, nth: usize) -> Span<'static> {
    match (nth == state.cursor, state.focus) {
        (true, Focus::Query | Focus::List) => Span::styled(" ▸ ", state.theme.accent()),
        (true, Focus::Facets) => Span::styled(" ▹ ", state.theme.dim()),
        (false, _) => "   ".into(),
    }
}

fn kinds_list(state: &State, kinds: &[KindCount], room: usize, rows: usize) -> (String, Vec<Line<'static>>) {
    let widest = kinds.iter().map(|kind| width(&kind.kind.kind)).max().unwrap_or_default();
    let name = widest.clamp(4, 40).min(room.saturating_sub(MARGIN + GAP + 10));
    let group = room.saturating_sub(MARGIN + name + GAP + 10 + GAP);
    let head =
        format!("{}{}  {:>10}  {}", " ".repeat(MARGIN), cell("KIND", name), "OBJECTS", clean("API", group));
    let lines = kinds.iter().enumerate().skip(state.offset).take(rows).map(|(nth, kind)| {
        let style = if nth == state.cursor { state.theme.selected() } else { Style::new() };
        Line::from(vec![
            mark(state, nth),
            Span::styled(cell(&kind.kind.kind, name), style),
            Span::styled(format!("  {:>10}  ", number(kind.count)), style),
            Span::styled(clean(&kind.kind.api_version(), group), state.theme.dim()),
        ])
    });
    (clean(&head, room), lines.collect())
}

fn objects(state: &State, room: usize, rows: usize) -> (String, Vec<Line<'static>>) {
    let columns = columns(state, room);
    let items = state.results.items.iter().enumerate().skip(state.offset).take(rows);
    let lines = items.map(|(nth, item)| line(state, &columns, nth, item));
    (head(&columns), lines.collect())
}

fn dimmed(line: Line<'static>, state: &State) -> Line<'static> {
    let spans = line.spans.into_iter().map(|span| Span::styled(span.content, state.theme.dim()));
    Line::from(spans.collect::<Vec<_>>())
}

/// The namespace as the screen says it: nothing for cluster-scoped kinds.
pub(super) fn namespace(row: &Row) -> &str {
    let namespace = row.document.metadata.namespace.as_str();
    if namespace == CLUSTER { "–" } else { namespace }
}

fn line(state: &State, columns: &Columns, nth: usize, item: &Item) -> Line<'static> {
    let Some(row) = state.results.content.row(item) else { return Line::default() };
    let style = if nth == state.cursor { state.theme.selected() } else { Style::new() };
    let hit = state.theme.hit();
    let metadata = &row.document.metadata;
    let mut spans = vec![mark(state, nth)];
    let mut push = |parts: Vec<Span<'static>>, columns: usize| {
        if columns > 0 {
            spans.extend(parts);
            spans.push(" ".repeat(GAP).into());
        }
    };
    let kind = kind_text(item, if columns.short { &row.short } else { &metadata.kind });
    push(vec![Span::styled(cell(&kind, columns.kind), style)], columns.kind);
    let marks = |field: &str| spans_of(&row.matched, field);
    let namespaces = if namespace(row) == "–" { Vec::new() } else { marks("namespace") };
    push(marked(namespace(row), &namespaces, columns.namespace, state.theme.dim(), hit), columns.namespace);
    push(marked(&name(state, item, row), &marks("name"), columns.name, style, hit), columns.name);
    push(vec![Span::styled(cell(&ages(state, item), columns.age), state.theme.dim())], columns.age);
    push(super::status::spans(state, item, columns.status), columns.status);
    let wide = |text: String, columns: usize| vec![Span::styled(cell(&text, columns), state.theme.dim())];
    push(wide(labels(&metadata.labels, columns.labels), columns.labels), columns.labels);
    push(wide(owner(row, columns.owner), columns.owner), columns.owner);
    push(reasons(row, columns.matched, state), columns.matched);
    Line::from(spans)
}

/// What a line calls its object; of siblings what their names have in common.
pub(super) fn name(state: &State, item: &Item, row: &Row) -> String {
    match item {
        Item::Group { rows, .. } => group_name(state, rows),
        Item::Kind(_) | Item::Row(_) | Item::Member(_) => row.document.metadata.name.clone(),
    }
}

// Labels in so many columns: where not all fit, without the domains of their keys, which say little.
fn labels(labels: &str, columns: usize) -> String {
    if width(labels) <= columns {
        return labels.to_owned();
    }
    let short = labels.split(',').map(|pair| {
        let key = pair.split('=').next().unwrap_or_default();
        key.rfind('/').map_or(pair, |at| &pair[at + 1..])
    });
    short.collect::<Vec<_>>().join(",")
}

// The owner in so many columns: its name alone where its kind would push that out.
fn owner(row: &Row, columns: usize) -> String {
    let owner = super::detail::owner(row);
    match owner.split_once('/') {
        Some((_, name)) if width(&owner) > columns => name.to_owned(),
        Some(_) | None => owner,
    }
}

// What the names of siblings have in common, and a star.
fn group_name(state: &State, rows: &[usize]) -> String {
    let all = state.results.content.rows();
    let mut names =
        rows.iter().filter_map(|nth| all.get(*nth)).map(|row| row.document.metadata.name.as_str());
    let Some(first) = names.next() else { return String::new() };
    let common = names.fold(first.len(), |common, name| {
        let same = first.char_indices().zip(name.chars()).take_while(|((_, a), b)| a == b);
        same.map(|((at, c), _)| at + c.len_utf8()).last().unwrap_or(0).min(common)
    });
    format!("{}*", &first[..common])
}

/// The age of a line.
pub(super) fn ages(state: &State, item: &Item) -> String {
    let all = state.results.content.rows();
    let created = |nth: &usize| all.get(*nth).and_then(|row| row.document.local.created);
    let now = state.now_ms / 1000;
    match item {
        // The youngest: what changed last is what one looks for.
        Item::Group { rows, open: false } => {
            rows.iter().filter_map(created).max().map(|at| age(now - at)).unwrap_or_default()
        }
        Item::Group { rows, .. } => {
            rows.first().and_then(created).map(|at| age(now - at)).unwrap_or_default()
        }
        Item::Row(nth) | Item::Member(nth) => created(nth).map(|at| age(now - at)).unwrap_or_default(),
        Item::Kind(_) => String::new(),
    }
}

fn spans_of(matched: &[Match], field: &str) -> Vec<Range<usize>> {
    matched.iter().filter(|found| found.field == field).map(|found| found.span.clone()).collect()
}

// What matched and does not show in the row: of several, the first; all are in the details. A word that shows in
// the name or namespace as well needs no other reason.
fn hidden(row: &Row) -> Option<&Match> {
    let shows = |found: &Match| matches!(found.field, "name" | "namespace" | "kind" | "created" | "deleted");
    let word = |found: &Match| found.value.get(found.span.clone()).unwrap_or_default().to_lowercase();
    let seen: Vec<String> = row.matched.iter().filter(|found| shows(found)).map(word).collect();
    row.matched.iter().find(|found| !shows(found) && !seen.contains(&word(found)))
}

fn prefix(found: &Match) -> String {
    match (found.field, &found.key) {
        ("label", Some(key)) => format!("{key}="),
        ("annotation", Some(key)) => format!("anno {key}="),
        ("label-key", _) => "label ".to_owned(),
        ("annotation-key", _) => "anno ".to_owned(),
        (field, _) => format!("{field} "),
    }
}

/// Why a row matched, where the row does not show it.
pub(super) fn reason(row: &Row) -> String {
    hidden(row).map(|found| format!("{}{}", prefix(found), found.value)).unwrap_or_default()
}

fn reasons(row: &Row, columns: usize, state: &State) -> Vec<Span<'static>> {
    let Some(found) = hidden(row) else { return vec![" ".repeat(columns).into()] };
    let whole = prefix(found);
    // The text that matched says more than the key of the annotation.
    let is_long = width(&whole) + width(&found.value) > columns;
    let prefix = if is_long && found.field == "annotation" { "anno ".to_owned() } else { whole };
    // Long values are shown from a little before the match.
    let start =
        if width(&found.value) + width(&prefix) > columns { found.span.start.saturating_sub(6) } else { 0 };
    let start = (0..=start).rev().find(|at| found.value.is_char_boundary(*at)).unwrap_or_default();
    let value = &found.value[start..];
    let lead = if start > 0 { format!("{prefix}…") } else { prefix };
    let text = format!("{lead}{value}");
    let shift = |at: usize| (at + lead.len()).saturating_sub(start);
    let span = shift(found.span.start)..shift(found.span.end);
    marked(&text, &[span], columns, state.theme.dim(), state.theme.hit())
}

fn nothing(state: &State, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let mut say = |text: String| {
        let pieces = flow(&sanitise(&text), room.saturating_sub(4));
        lines.extend(pieces.into_iter().map(|piece| Line::from(format!("   {piece}"))));
    };
    let unread = state.cluster.status.as_ref().is_some_and(|status| status.kinds.is_empty());
    if unread && state.results.objects == 0 {
        say("Nothing of this cluster is read yet.".to_owned());
        return lines;
    }
    if state.results.query.trim().is_empty() {
        say("Nothing is stored.".to_owned());
    } else if is_reading(state) {
        say("Nothing of what is read so far has all of this.".to_owned());
    } else {
        let one = state.results.query.split_whitespace().nth(1).is_none();
        say(if one { "Nothing matches." } else { "Nothing has all of this." }.to_owned());
    }
    state.results.hints.iter().for_each(|hint| say(hint.clone()));
    if !state.namespaces.is_empty() {
        say(format!("Searched in {} only; 0 searches all namespaces.", state.namespaces.join(", ")));
    }
    if let Some(status) = &state.cluster.status {
        let coverage = status.coverage();
        let mut text = format!("Searched {} of {} kinds", coverage.complete, coverage.kinds);
        let names = |kinds: &[crate::object::KindKey]| {
            let all: Vec<&str> = kinds.iter().take(5).map(|kind| kind.as_str()).collect();
            let more = kinds.len().saturating_sub(5);
            all.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
        };
        if !coverage.forbidden.is_empty() {
            text.push_str(&format!("; not allowed to list: {}", names(&coverage.forbidden)));
        }
        if !coverage.failing.is_empty() {
            text.push_str(&format!("; failing: {}", names(&coverage.failing)));
        }
        if !coverage.pending.is_empty() {
            text.push_str(&format!("; not read yet: {}", names(&coverage.pending)));
        }
        if !coverage.partial.is_empty() {
            text.push_str(&format!("; in some namespaces only: {}", names(&coverage.partial)));
        }
        say(text + ".");
        if coverage.lists_nothing() {
            say(crate::engine::status::ADVICE_ON_RIGHTS.to_owned());
        }
    }
    lines
}

fn is_reading(state: &State) -> bool {
    let phase = state.cluster.status.as_ref().map(|status| &status.phase);
    matches!(phase, Some(Phase::Syncing { .. }))
}

fn no_index(state: &State, room: usize) -> Vec<Line<'static>> {
    use super::super::msg::Link;
    const NOTHING: &str = "Nothing is stored for this cluster, and it can't be read:";
    let phase = state.cluster.status.as_ref().map(|status| &status.phase);
    let (what, why) = match (&state.cluster.link, phase) {
        (Link::Stored(why), _) => (NOTHING, why.as_str()),
        (_, Some(Phase::Offline { error: why, .. } | Phase::Unwritable { error: why, .. })) => {
            (NOTHING, why.as_str())
        }
        (_, Some(Phase::Unauthorized { message })) => (NOTHING, message.as_str()),
        (Link::Opening | Link::Writer | Link::Following { .. }, _) => {
            ("Reading the cluster for the first time.", "")
        }
    };
    let mut lines = vec![Line::default()];
    for (text, style) in [(what, Style::new()), (why, state.theme.bad())] {
        let pieces = flow(&sanitise(text), room.saturating_sub(4));
        lines.extend(pieces.into_iter().map(|piece| Line::from(Span::styled(format!("   {piece}"), style))));
    }
    lines
}
