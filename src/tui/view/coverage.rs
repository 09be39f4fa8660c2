//! The coverage view: each kind with its state, count, age, cost and error.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::state::State;
use super::text::{bytes, cell, clean, number};
use super::top;
use crate::engine::status::{KindState, KindStatus, Status};
use crate::text::age;

pub(super) fn lines(state: &State, columns: usize) -> Vec<Line<'static>> {
    let Some(status) = state.cluster.status.as_deref() else {
        return vec![Line::default(), Line::from("   Nothing is known of the kinds yet.")];
    };
    let mut lines = summary(state, status, columns);
    let wide = columns >= 100;
    let name = if wide { 44 } else { 30.min(columns / 2) };
    let mut head = format!(" {}  {}  {:>9}  {:>6}", cell("KIND", name), cell("STATE", 9), "OBJECTS", "AGE");
    if wide {
        head.push_str(&format!("  {:>10}  {:>9}  {:>8}  {:>5}", "WRITES/MIN", "BYTES", "REQUESTS", "429"));
    }
    head.push_str("  WHY");
    lines.push(Line::from(Span::styled(clean(&head, columns), state.theme.dim())));
    let mut kinds: Vec<&KindStatus> = status.kinds.iter().collect();
    kinds.sort_by_key(|kind| (order(&kind.state), std::cmp::Reverse(kind.objects), kind.kind.clone()));
    lines.extend(kinds.into_iter().map(|kind| line(state, kind, name, wide, columns)));
    lines
}

fn summary(state: &State, status: &Status, columns: usize) -> Vec<Line<'static>> {
    let (sign, words, style) = top::condition(state);
    let cost = format!(
        " {} requests, {} received, {} answers of 429, {} watches restarted, {} corrected by re-reading",
        number(status.requests),
        bytes(status.bytes),
        number(status.throttled),
        number(status.watch_restarts),
        number(status.drift_corrected)
    );
    let apart = match state.statuses.off {
        true => " the status column is off".to_owned(),
        false => format!(" and apart from that {} for the status column", number(state.statuses.requests)),
    };
    let server = format!(" {}  {}", status.server, status.version);
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!(" {sign} {words}"), style),
            Span::styled(clean(&server, columns.saturating_sub(30)), state.theme.dim()),
        ]),
        Line::from(Span::styled(clean(&cost, columns), state.theme.dim())),
        Line::from(Span::styled(clean(&apart, columns), state.theme.dim())),
    ];
    let error = match &status.phase {
        crate::engine::status::Phase::Offline { error, .. } => Some(error),
        crate::engine::status::Phase::Unauthorized { message } => Some(message),
        crate::engine::status::Phase::Connecting
        | crate::engine::status::Phase::Syncing { .. }
        | crate::engine::status::Phase::Live
        | crate::engine::status::Phase::Stopped => None,
    };
    if let Some(error) = error {
        lines.push(Line::from(Span::styled(
            format!(" {}", clean(error, columns.saturating_sub(2))),
            state.theme.bad(),
        )));
    }
    if let Some(mirror) = &status.mirror {
        let held = match mirror.held_back {
            0 => String::new(),
            held => format!(", {} deletes held back", number(held)),
        };
        let trouble = mirror.trouble();
        let why = trouble.map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!(
            " mirror {}{why}; {} records, {} waiting{held}; {}",
            mirror.state(),
            number(mirror.records),
            number(mirror.queue),
            mirror.to
        );
        let bad = trouble.is_some() || mirror.held_back > 0;
        let style = if bad { state.theme.bad() } else { state.theme.dim() };
        lines.push(Line::from(Span::styled(clean(&text, columns), style)));
    }
    if let Some(line) = semantic(status) {
        lines.push(Line::from(Span::styled(clean(&line, columns), state.theme.dim())));
    }
    for note in &status.notes {
        lines.push(Line::from(Span::styled(
            format!(" {}", clean(note, columns.saturating_sub(2))),
            state.theme.dim(),
        )));
    }
    lines.push(Line::default());
    lines
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
    Some(format!(
        " semantic {model}: {} forms, {} vectors, {} waiting  {}",
        number(semantic.forms),
        number(semantic.cached),
        number(semantic.waiting),
        parts.join("; ")
    ))
}

// What needs a person first, what is left out by a rule last.
fn order(state: &KindState) -> u8 {
    match state {
        KindState::Failing { .. } => 0,
        KindState::Forbidden { .. } => 1,
        KindState::Stale { .. } => 2,
        KindState::Waiting | KindState::Listing => 3,
        KindState::Complete | KindState::Polled => 4,
        KindState::Gone => 5,
        KindState::Excluded { .. } => 6,
    }
}

fn line(state: &State, kind: &KindStatus, name: usize, wide: bool, columns: usize) -> Line<'static> {
    let theme = state.theme;
    let style = match kind.state {
        KindState::Failing { .. } | KindState::Forbidden { .. } => theme.bad(),
        KindState::Excluded { .. } | KindState::Gone => theme.dim(),
        KindState::Waiting | KindState::Listing | KindState::Stale { .. } => theme.accent(),
        KindState::Complete | KindState::Polled => Style::new(),
    };
    let excluded = matches!(kind.state, KindState::Excluded { .. });
    let as_of = kind.as_of_ms.map(|ms| age((state.now_ms - ms).max(0) / 1000)).unwrap_or_default();
    let objects = if excluded { String::new() } else { number(kind.objects) };
    let mut numbers = format!("  {objects:>9}  {as_of:>6}");
    if wide {
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
    let used = 1 + name + 2 + 9 + numbers.len() + 2;
    Line::from(vec![
        Span::styled(
            format!(" {}", cell(kind.kind.as_str(), name)),
            if excluded { theme.dim() } else { Style::new() },
        ),
        Span::styled(format!("  {}", cell(kind.state.name(), 9)), style),
        Span::styled(format!("{numbers}  "), theme.dim()),
        Span::styled(clean(&kind.why(), columns.saturating_sub(used)), theme.dim()),
    ])
}
