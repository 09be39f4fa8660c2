//! The coverage view: each kind with its state, count, age and cost, and at the foot all that is known of the
//! selected one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::msg::Link;
use super::super::state::State;
use super::text::{bytes, cell, clean, flow, number};
use super::top;
use crate::engine::status::{KindState, KindStatus, Phase, REFUSED, Status};
use crate::text::{age, sanitise, width};

/// From this many columns on, the costs of each kind stand in its line.
const ROOMY: usize = 110;
/// Below this many columns, age and reason stand at the foot alone.
const NARROW: usize = 60;

/// The parts of the view; the kinds scroll between the others.
struct Parts {
    head: Vec<Line<'static>>,
    rows: usize,
    foot: Vec<Line<'static>>,
}

pub(super) fn draw(state: &State, selected: usize, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width);
    let Some(status) = state.cluster.status.as_deref() else {
        let text = clean("   Nothing is known of the kinds yet.", columns);
        return frame.render_widget(Line::from(text), Rect { height: area.height.min(1), ..area });
    };
    let kinds = sorted(status);
    let selected = selected.min(kinds.len().saturating_sub(1));
    let Parts { head, rows, foot } = parts(state, status, &kinds, selected, area);
    let first = selected.saturating_sub(rows / 2).min(kinds.len().saturating_sub(rows));
    let name = kinds.iter().map(|kind| width(kind.kind.as_str())).max().unwrap_or_default();
    let widths = Widths { name: name.clamp(4, (columns * 2 / 5).max(4)), columns };
    let mut lines = head;
    lines.push(heading(state, widths));
    let shown = kinds.iter().enumerate().skip(first).take(rows);
    lines.extend(shown.map(|(nth, kind)| line(state, kind, widths, nth == selected)));
    let gap = usize::from(area.height).saturating_sub(lines.len() + foot.len());
    lines.extend(std::iter::repeat_n(Line::default(), gap));
    lines.extend(foot);
    if let Some(find) = &state.find {
        lines = lines.into_iter().map(|line| super::find::marked(state, line, find.line.text())).collect();
    }
    frame.render_widget(ratatui::widgets::Paragraph::new(lines), area);
}

/// How many kinds show at once.
pub(in crate::tui) fn rows(state: &State, area: Rect) -> usize {
    let Some(status) = state.cluster.status.as_deref() else { return 1 };
    parts(state, status, &sorted(status), 0, area).rows
}

/// The kinds in their order, each with all that can be searched for in it.
pub(super) fn texts(state: &State) -> Vec<String> {
    let Some(status) = state.cluster.status.as_deref() else { return Vec::new() };
    let text = |kind: &KindStatus| format!("{} {} {}", kind.kind, kind.state.name(), kind.why());
    sorted(status).into_iter().map(|kind| sanitise(&text(kind)).into_owned()).collect()
}

fn parts(state: &State, status: &Status, kinds: &[&KindStatus], selected: usize, area: Rect) -> Parts {
    let (columns, height) = (usize::from(area.width), usize::from(area.height));
    let mut head = summary(state, status, columns);
    shorten(&mut head, (height / 4).max(1));
    if height > 12 {
        head.push(Line::default());
    }
    let mut foot = Vec::new();
    if height > 6 {
        // As many lines as the longest error takes, so that nothing moves with the selection.
        let longest = kinds.iter().map(|kind| about(kind, columns).len()).max().unwrap_or_default();
        let most = longest.min((height / 4).max(1));
        foot = kinds.get(selected).map(|kind| chosen(state, kind, columns)).unwrap_or_default();
        shorten(&mut foot, most + 2);
        foot.resize(most + 2, Line::default());
    }
    let rows = height.saturating_sub(head.len() + 1 + foot.len());
    Parts { head, rows, foot }
}

// As many lines as there is room for; what is left out leaves a mark.
fn shorten(lines: &mut Vec<Line<'static>>, most: usize) {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut().and_then(|line| line.spans.last_mut()) {
            last.content.to_mut().push_str(" …");
        }
    }
}

// What needs a person first; then the largest.
fn sorted(status: &Status) -> Vec<&KindStatus> {
    let mut kinds: Vec<&KindStatus> = status.kinds.iter().collect();
    kinds.sort_by_key(|kind| (order(&kind.state), std::cmp::Reverse(kind.objects), kind.kind.clone()));
    kinds
}

// What needs a person first, what is left out by a rule last.
fn order(state: &KindState) -> u8 {
    match state {
        KindState::Failing { .. } => 0,
        KindState::Forbidden { .. } => 1,
        KindState::Stale { .. } => 2,
        KindState::Waiting | KindState::Listing => 3,
        KindState::Polled => 4,
        KindState::Complete => 5,
        KindState::Gone => 6,
        KindState::Excluded { .. } => 7,
    }
}

/// The kind on a line.
pub(in crate::tui) fn kind_at(state: &State, nth: usize) -> Option<&KindStatus> {
    state.cluster.status.as_deref().and_then(|status| sorted(status).get(nth).copied())
}

fn summary(state: &State, status: &Status, columns: usize) -> Vec<Line<'static>> {
    let (sign, words, style) = top::condition(state);
    let words = format!(" {sign} {words}");
    let server = format!("  {}  {}", status.server, status.version);
    let room = columns.saturating_sub(width(&words));
    let mut lines = vec![Line::from(vec![
        Span::styled(words, style),
        Span::styled(clean(&server, room), state.theme.dim()),
    ])];
    let mut say = |text: &str, style: Style| {
        for piece in flow(&sanitise(text), columns.saturating_sub(2)) {
            lines.push(Line::from(Span::styled(format!(" {piece}"), style)));
        }
    };
    match (&state.cluster.link, &status.phase) {
        // Nobody writes the index: what the last writer said of the cluster is not the reason.
        (Link::Stored(why), _) => say(why, state.theme.bad()),
        (_, Phase::Offline { error, .. } | Phase::Unwritable { error, .. }) => say(error, state.theme.bad()),
        (_, Phase::Unauthorized { message }) => say(&format!("{REFUSED}: {message}"), state.theme.bad()),
        (_, Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped) => {}
    }
    say(&coverage(state, status), Style::new());
    if let Some(mirror) = &status.mirror {
        let trouble = mirror.trouble();
        let lacks = (!mirror.lacks.is_empty()).then(|| mirror.lacks.join(", "));
        let why = trouble.map(str::to_owned).or(lacks).map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!(
            "mirror {}{why}; {} records, {} waiting; {}",
            mirror.state(),
            number(mirror.records),
            number(mirror.queue),
            mirror.to
        );
        let bad = trouble.is_some() || !mirror.lacks.is_empty();
        say(&text, if bad { state.theme.bad() } else { state.theme.dim() });
    }
    say(&costs(state, status), state.theme.dim());
    if let Some(text) = semantic(status) {
        say(&text, state.theme.dim());
    }
    status.notes.iter().for_each(|note| say(note, state.theme.dim()));
    lines
}

// `61 of 64 kinds read, 3 forbidden, 61 not confirmed since 14:02`: one line, however many kinds it concerns.
fn coverage(state: &State, status: &Status) -> String {
    let coverage = status.coverage();
    let mut text = format!("{} of {} kinds read", coverage.complete, coverage.kinds);
    let mut add = |count: usize, what: &str| {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    };
    add(coverage.failing.len(), "failing");
    add(coverage.forbidden.len(), "forbidden");
    let since = coverage.stale.iter().filter_map(|(_, as_of)| *as_of).min();
    let since = since.map(|ms| format!(" since {}", top::time(state, Some(ms)))).unwrap_or_default();
    add(coverage.stale.len(), &format!("not confirmed{since}"));
    add(coverage.pending.len(), "not read yet");
    add(coverage.polled.len(), "listed now and then");
    add(coverage.partial.len(), "in some namespaces only");
    add(coverage.excluded.len(), "left out by a rule");
    text
}

fn costs(state: &State, status: &Status) -> String {
    let column = match state.statuses.off {
        true => "the status column off".to_owned(),
        false => format!("{} for the status column", number(state.statuses.requests)),
    };
    let opened = number(state.opened);
    let mut text = format!(
        "{} requests, {column}, {opened} for what was opened, {} received",
        number(status.requests),
        bytes(status.bytes)
    );
    // Nothing is said of what did not happen.
    for (count, what) in [
        (status.throttled, "answers of 429"),
        (status.watch_restarts, "watches restarted"),
        (status.drift_corrected, "corrected by re-reading"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {} {what}", number(count)));
        }
    }
    text
}

// The embedder: what it does, and why not.
fn semantic(status: &Status) -> Option<String> {
    let semantic = &status.semantic;
    let parts = [semantic.error.as_deref(), semantic.advice.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    if semantic.model.is_empty() && parts.is_empty() {
        return None;
    }
    let model = if semantic.model.is_empty() { "off" } else { &semantic.model };
    let mut text = format!(
        "semantic {model}: {} forms, {} vectors, {} waiting",
        number(semantic.forms),
        number(semantic.cached),
        number(semantic.waiting),
    );
    parts.iter().for_each(|part| text.push_str(&format!("; {part}")));
    Some(text)
}

// Whole, however long it is.
fn about(kind: &KindStatus, columns: usize) -> Vec<String> {
    flow(&sanitise(&kind.why()), columns.saturating_sub(4))
}

// The foot: the selected kind, what it costs, and why it is as it is.
fn chosen(state: &State, kind: &KindStatus, columns: usize) -> Vec<Line<'static>> {
    let theme = state.theme;
    let rule = format!(" {}", "─".repeat(columns.saturating_sub(2)));
    let mut facts = vec![kind.state.name().to_owned()];
    let mut add = |shows: bool, fact: String| facts.extend(shows.then_some(fact));
    add(kind.writes_per_minute > 0.0, format!("{:.1} writes/min", kind.writes_per_minute));
    let requests = if kind.requests == 1 { "request" } else { "requests" };
    add(kind.requests > 0, format!("{} {requests}", number(kind.requests)));
    add(kind.bytes > 0, bytes(kind.bytes));
    add(kind.throttled > 0, format!("{} answers of 429", number(kind.throttled)));
    let event = kind.last_event_ms.map(|ms| age((state.now_ms - ms).max(0) / 1000));
    add(event.is_some(), format!("last event {} ago", event.unwrap_or_default()));
    let name = clean(kind.kind.as_str(), columns.saturating_sub(4));
    let facts = clean(&facts.join(", "), columns.saturating_sub(width(&name) + 4));
    let mut lines = vec![
        Line::from(Span::styled(rule, theme.dim())),
        Line::from(vec![
            Span::styled(format!(" {name}"), theme.accent()),
            Span::styled(format!("  {facts}"), theme.dim()),
        ]),
    ];
    let style = style(state, &kind.state);
    lines.extend(
        about(kind, columns).into_iter().map(|text| Line::from(Span::styled(format!("   {text}"), style))),
    );
    lines
}

fn style(state: &State, kind: &KindState) -> Style {
    match kind {
        KindState::Failing { .. } | KindState::Forbidden { .. } => state.theme.bad(),
        KindState::Excluded { .. } | KindState::Gone => state.theme.dim(),
        KindState::Waiting | KindState::Listing | KindState::Stale { .. } => state.theme.accent(),
        KindState::Complete | KindState::Polled => Style::new(),
    }
}

#[derive(Clone, Copy)]
struct Widths {
    name: usize,
    columns: usize,
}

fn heading(state: &State, widths: Widths) -> Line<'static> {
    if widths.columns < NARROW {
        let head = format!("   {}  {}  {:>8}", cell("KIND", widths.name), cell("STATE", 9), "OBJECTS");
        return Line::from(Span::styled(head, state.theme.dim()));
    }
    let mut head =
        format!("   {}  {}  {:>9}  {:>6}", cell("KIND", widths.name), cell("STATE", 9), "OBJECTS", "AGE");
    if widths.columns >= ROOMY {
        head.push_str(&format!("  {:>10}  {:>9}  {:>8}  {:>5}", "WRITES/MIN", "BYTES", "REQUESTS", "429"));
    }
    head.push_str("  WHY");
    Line::from(Span::styled(clean(&head, widths.columns), state.theme.dim()))
}

fn line(state: &State, kind: &KindStatus, widths: Widths, selected: bool) -> Line<'static> {
    let theme = state.theme;
    let excluded = matches!(kind.state, KindState::Excluded { .. });
    let as_of = kind.as_of_ms.map(|ms| age((state.now_ms - ms).max(0) / 1000)).unwrap_or_default();
    let objects = if excluded { String::new() } else { number(kind.objects) };
    let mut numbers = match widths.columns < NARROW {
        true => format!("  {objects:>8}"),
        false => format!("  {objects:>9}  {as_of:>6}"),
    };
    if widths.columns >= ROOMY {
        let written = match kind.writes_per_minute > 0.0 {
            true => format!("{:.1}", kind.writes_per_minute),
            false => String::new(),
        };
        let some = |value: u64, text: String| if value > 0 { text } else { String::new() };
        numbers.push_str(&format!(
            "  {written:>10}  {:>9}  {:>8}  {:>5}",
            some(kind.bytes, bytes(kind.bytes)),
            some(kind.requests, number(kind.requests)),
            some(kind.throttled, number(kind.throttled)),
        ));
    }
    let used = 3 + widths.name + 2 + 9 + numbers.len() + 2;
    let name = if excluded { theme.dim() } else { Style::new() };
    let name = if selected { name.patch(theme.selected()) } else { name };
    let mark = if selected { Span::styled(" ▸ ", theme.accent()) } else { "   ".into() };
    Line::from(vec![
        mark,
        Span::styled(cell(kind.kind.as_str(), widths.name), name),
        Span::styled(format!("  {}", cell(kind.state.name(), 9)), style(state, &kind.state)),
        Span::styled(format!("{numbers}  "), theme.dim()),
        Span::styled(clean(&why(kind), widths.columns.saturating_sub(used)), theme.dim()),
    ])
}

// A few words: the foot has all of it.
fn why(kind: &KindStatus) -> String {
    match &kind.state {
        KindState::Forbidden { .. } => "may not be listed".to_owned(),
        KindState::Stale { .. } => "not confirmed".to_owned(),
        KindState::Waiting
        | KindState::Listing
        | KindState::Complete
        | KindState::Polled
        | KindState::Failing { .. }
        | KindState::Excluded { .. }
        | KindState::Gone => kind.why(),
    }
}
