//! The top line: which cluster, how current, how complete. The one fixed place where the truth stands.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::msg::Link;
use super::super::state::State;
use super::text::{clean, number};
use crate::engine::status::{Coverage, Phase, SemanticState, Status};
use crate::text::width;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width);
    let (sign, words, style) = condition(state);
    let name = if state.cluster.name.is_empty() { "no cluster" } else { &state.cluster.name };
    let mut left: Vec<Span<'static>> = vec![
        " ".into(),
        Span::styled(clean(name, columns / 3), state.theme.heading().patch(state.theme.accent())),
        Span::styled(format!(" {sign} {words}"), style),
    ];
    if !state.namespaces.is_empty() {
        let names = state.namespaces.join(",");
        left.push(Span::styled(format!("  ns {}", clean(&names, 24)), state.theme.accent()));
    }
    let used: usize = left.iter().map(|span| width(&span.content)).sum();
    let right = fitting(&facts(state), columns.saturating_sub(used + 3));
    let gap = columns.saturating_sub(used + width(&right) + 1);
    left.push(" ".repeat(gap).into());
    left.push(Span::styled(right, state.theme.dim()));
    frame.render_widget(Line::from(left), area);
}

// The first facts matter most; what does not fit goes.
fn fitting(facts: &[String], room: usize) -> String {
    let mut shown = String::new();
    for fact in facts {
        let gap = if shown.is_empty() { 0 } else { 2 };
        if width(&shown) + gap + width(fact) > room {
            break;
        }
        shown.push_str(&" ".repeat(gap));
        shown.push_str(fact);
    }
    shown
}

/// Sign and words for how current the rows are.
pub(super) fn condition(state: &State) -> (&'static str, String, Style) {
    let theme = state.theme;
    if let Some(context) = &state.cluster.opening {
        return ("◌", format!("opening {}", clean(context, 30)), theme.dim());
    }
    let status = state.cluster.status.as_deref();
    match (&state.cluster.link, status) {
        (Link::Opening, _) => ("◌", "opening".to_owned(), theme.dim()),
        (Link::Writer, None) => ("◌", "connecting".to_owned(), theme.dim()),
        (Link::Writer, Some(status)) => phase(state, status),
        (Link::Following { pid }, Some(status)) if is_down(&status.phase) => {
            let (sign, words, style) = phase(state, status);
            (sign, format!("following pid {pid}: {words}"), style)
        }
        (Link::Following { pid }, _) => ("◆", format!("following pid {pid}"), theme.good()),
        (Link::Stored(_), Some(status)) => ("○", offline(state, status), theme.bad()),
        (Link::Stored(_), None) => ("○", "offline, nothing is stored".to_owned(), theme.bad()),
    }
}

fn is_down(phase: &Phase) -> bool {
    matches!(phase, Phase::Offline { .. } | Phase::Unauthorized { .. })
}

fn phase(state: &State, status: &Status) -> (&'static str, String, Style) {
    let theme = state.theme;
    match &status.phase {
        Phase::Connecting if status.objects > 0 => {
            ("◌", format!("connecting, data from {}", time(state, data_time(status))), theme.dim())
        }
        Phase::Connecting => ("◌", "connecting".to_owned(), theme.dim()),
        Phase::Syncing { done, total } => {
            let percent = done * 100 / (*total).max(1);
            ("◐", format!("syncing {percent} %"), theme.accent())
        }
        Phase::Live => ("●", "live".to_owned(), theme.good()),
        Phase::Offline { .. } => ("○", offline(state, status), theme.bad()),
        Phase::Unauthorized { .. } => ("○", "the credentials are refused".to_owned(), theme.bad()),
        Phase::Stopped => ("○", offline(state, status), theme.bad()),
    }
}

fn offline(state: &State, status: &Status) -> String {
    match data_time(status) {
        Some(ms) => format!("offline, data from {}", time(state, Some(ms))),
        None => "offline".to_owned(),
    }
}

// When the data was last known to be true.
fn data_time(status: &Status) -> Option<i64> {
    let since = match &status.phase {
        Phase::Offline { since_ms, .. } => Some(*since_ms),
        Phase::Connecting
        | Phase::Syncing { .. }
        | Phase::Live
        | Phase::Unauthorized { .. }
        | Phase::Stopped => None,
    };
    let confirmed = status.kinds.iter().filter_map(|kind| kind.as_of_ms).max();
    confirmed.or(since)
}

/// `14:02`, or with the date when it was not today.
pub(super) fn time(state: &State, ms: Option<i64>) -> String {
    let zoned = |ms: i64| Timestamp::from_millisecond(ms).map(|time| time.to_zoned(state.zone.clone()));
    let (Some(Ok(time)), Ok(now)) = (ms.map(zoned), zoned(state.now_ms)) else { return "-".to_owned() };
    let form = if time.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    time.strftime(form).to_string()
}

fn facts(state: &State) -> Vec<String> {
    let mut facts = Vec::new();
    let objects = state.cluster.status.as_ref().map(|status| status.objects);
    let objects = objects.unwrap_or_default().max(state.results.objects);
    if objects > 0 || state.cluster.status.is_some() {
        facts.push(format!("{} objects", number(objects)));
    }
    if let Some(status) = &state.cluster.status {
        facts.push(kinds(&status.coverage()));
        facts.extend(freshness(state, status));
        facts.extend(mirror(status));
        facts.push(semantic(status));
    }
    facts
}

fn kinds(coverage: &Coverage) -> String {
    let mut text = format!("{}/{} kinds", coverage.complete, coverage.kinds);
    let troubles = [("forbidden", coverage.forbidden.len()), ("failing", coverage.failing.len())];
    let told: Vec<String> = troubles
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if !told.is_empty() {
        text.push_str(&format!(" ({})", told.join(", ")));
    }
    text
}

// `mirror ✓ 0.8 s`: how far it is behind, or what it does; nothing where none is configured.
fn mirror(status: &Status) -> Option<String> {
    let mirror = status.mirror.as_ref()?;
    if mirror.trouble().is_some() {
        return Some(format!("mirror ✗ {} (K says why)", mirror.state()));
    }
    let waiting = if mirror.queue > 0 { format!(" {} wait", number(mirror.queue)) } else { String::new() };
    Some(match (mirror.is_in_sync(), mirror.state()) {
        (true, _) => format!("mirror ✓ {}.{} s", mirror.lag_ms / 1000, mirror.lag_ms % 1000 / 100),
        (false, state) => format!("mirror {state}{waiting}"),
    })
}

fn semantic(status: &Status) -> String {
    let semantic = &status.semantic;
    match semantic.state {
        SemanticState::Off | SemanticState::Unused => "semantic off".to_owned(),
        SemanticState::Working => {
            let done = semantic.forms.saturating_sub(semantic.waiting) * 100 / semantic.forms.max(1);
            format!("semantic {done} %")
        }
        SemanticState::Ready => "semantic ✓".to_owned(),
        SemanticState::Failing => "semantic ✗ failing (K says why)".to_owned(),
    }
}

fn freshness(state: &State, status: &Status) -> Option<String> {
    match (&status.phase, &state.cluster.link) {
        (Phase::Syncing { .. }, _) => Some("searchable now".to_owned()),
        (Phase::Live, Link::Writer) => Some("as of now".to_owned()),
        (Phase::Live, Link::Following { .. }) => {
            let age = (state.now_ms - status.heartbeat_ms).max(0) / 1000;
            Some(if age < 2 { "as of now".to_owned() } else { format!("as of {age} s ago") })
        }
        (Phase::Offline { .. }, _) => Some("trying again".to_owned()),
        _ => None,
    }
}
