//! The top line: which cluster, how current, how complete. The one fixed place where the truth stands.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::msg::Link;
use super::super::state::State;
use super::text::{clean, ending, number};
use crate::engine::status::{Coverage, Phase, REFUSED, SemanticState, Status};
use crate::text::width;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width);
    let (sign, words, style) = condition(state);
    let condition = format!(" {sign} {words}");
    let name = if state.cluster.name.is_empty() { "no cluster" } else { &state.cluster.name };
    // Context and condition are never left out. The end of a long context says more than its beginning.
    let room = columns.saturating_sub(width(&condition) + 1).min(columns / 2).max(8);
    let mut left: Vec<Span<'static>> = vec![
        " ".into(),
        Span::styled(ending(name, room), state.theme.heading().patch(state.theme.accent())),
        Span::styled(condition, style),
    ];
    let used = |left: &[Span<'_>]| left.iter().map(|span| width(&span.content)).sum::<usize>();
    if !state.namespaces.is_empty() {
        let room = columns.saturating_sub(used(&left) + 5).min(24);
        left.push(Span::styled(
            format!("  ns {}", namespaces(&state.namespaces, room)),
            state.theme.accent(),
        ));
    }
    let used = used(&left);
    let right = fitting(&facts(state), columns.saturating_sub(used + 3));
    let gap = columns.saturating_sub(used + width(&right) + 1);
    left.push(" ".repeat(gap).into());
    left.push(Span::styled(right, state.theme.dim()));
    frame.render_widget(Line::from(left), area);
}

// All of them, or the first and how many more.
fn namespaces(names: &[String], room: usize) -> String {
    let all = names.join(",");
    let more = names.len().saturating_sub(1);
    if width(&all) <= room || more == 0 {
        return clean(&all, room);
    }
    let more = format!(" +{more}");
    clean(&names[0], room.saturating_sub(width(&more))) + &more
}

/// Something to say at the right: how much it matters (the least number most), and its forms, the longest first.
struct Fact(u8, Vec<String>);

/// From this rank on, what is said is no news: it takes the room of nothing else.
const NO_NEWS: u8 = 7;

// What matters most is there as long as its shortest form fits, and in the longest form that then fits.
fn fitting(facts: &[Fact], room: usize) -> String {
    const GAP: usize = 2;
    let mut order: Vec<usize> = (0..facts.len()).collect();
    order.sort_by_key(|nth| facts[*nth].0);
    let mut left = room + GAP;
    let mut forms: Vec<Option<&str>> = vec![None; facts.len()];
    for nth in order.iter().filter(|nth| facts[**nth].0 < NO_NEWS) {
        let Some(shortest) = facts[*nth].1.last().map(String::as_str) else { continue };
        let Some(rest) = left.checked_sub(width(shortest) + GAP) else { break };
        (forms[*nth], left) = (Some(shortest), rest);
    }
    for nth in order {
        let room = match forms[nth] {
            Some(chosen) => left + width(chosen),
            None if facts[nth].0 < NO_NEWS => continue,
            None => left.saturating_sub(GAP),
        };
        let fits = facts[nth].1.iter().map(String::as_str).find(|form| width(form) <= room);
        if let Some(longest) = fits.filter(|_| room > 0) {
            left = room - width(longest);
            forms[nth] = Some(longest);
        }
    }
    forms.into_iter().flatten().collect::<Vec<_>>().join(&" ".repeat(GAP))
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
        (Link::Stored(_), Some(status)) if is_down(&status.phase) => phase(state, status),
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
        Phase::Live if status.is_silent() => ("○", dated(state, "no answers", status), theme.bad()),
        Phase::Live => ("●", "live".to_owned(), theme.good()),
        Phase::Offline { .. } => ("○", offline(state, status), theme.bad()),
        Phase::Unauthorized { .. } => ("○", dated(state, REFUSED, status), theme.bad()),
        Phase::Stopped => ("○", offline(state, status), theme.bad()),
    }
}

fn offline(state: &State, status: &Status) -> String {
    dated(state, "offline", status)
}

fn dated(state: &State, what: &str, status: &Status) -> String {
    match data_time(status) {
        Some(ms) => format!("{what}, data from {}", time(state, Some(ms))),
        None => what.to_owned(),
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

// What stands at the right, in this order.
fn facts(state: &State) -> Vec<Fact> {
    let mut facts = Vec::new();
    let objects = state.cluster.status.as_ref().map(|status| status.objects);
    let objects = objects.unwrap_or_default().max(state.results.objects);
    if objects > 0 || state.cluster.status.is_some() {
        let objects = number(objects);
        facts.push(Fact(3, vec![format!("{objects} objects"), format!("{objects} obj")]));
    }
    if let Some(status) = &state.cluster.status {
        facts.extend(Some(status.coverage()).filter(|coverage| coverage.kinds > 0).as_ref().map(kinds));
        facts.extend(freshness(state, status));
        facts.extend(mirror(status));
        facts.push(semantic(status));
    }
    facts
}

fn kinds(coverage: &Coverage) -> Fact {
    let kinds = format!("{}/{} kinds", coverage.complete, coverage.kinds);
    let (forbidden, failing) = (coverage.forbidden.len(), coverage.failing.len());
    let told: Vec<String> = [("forbidden", forbidden), ("failing", failing)]
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if told.is_empty() {
        return Fact(4, vec![kinds]);
    }
    let told = told.join(", ");
    Fact(0, vec![format!("{kinds} ({told})"), told, format!("{} not read", forbidden + failing)])
}

// `mirror ✓ 0.8 s`: how far it is behind, or what it does; nothing where none is configured.
fn mirror(status: &Status) -> Option<Fact> {
    let mirror = status.mirror.as_ref()?;
    if mirror.trouble().is_some() {
        let long = format!("mirror ✗ {} (K says why)", mirror.state());
        return Some(Fact(1, vec![long, "mirror ✗".to_owned()]));
    }
    let waiting = if mirror.queue > 0 { format!(" {} wait", number(mirror.queue)) } else { String::new() };
    let forms = match (mirror.is_in_sync(), mirror.state()) {
        (true, _) => vec![
            format!("mirror ✓ {}.{} s", mirror.lag_ms / 1000, mirror.lag_ms % 1000 / 100),
            "mirror ✓".to_owned(),
        ],
        (false, state) => vec![format!("mirror {state}{waiting}"), format!("mirror {state}")],
    };
    Some(Fact(5, forms))
}

fn semantic(status: &Status) -> Fact {
    let semantic = &status.semantic;
    match semantic.state {
        SemanticState::Off | SemanticState::Unused => Fact(7, vec!["semantic off".to_owned()]),
        SemanticState::Working => {
            let done = semantic.forms.saturating_sub(semantic.waiting) * 100 / semantic.forms.max(1);
            Fact(6, vec![format!("semantic {done} %")])
        }
        SemanticState::Ready => Fact(6, vec!["semantic ✓".to_owned()]),
        SemanticState::Failing => {
            Fact(1, vec!["semantic ✗ failing (K says why)".to_owned(), "semantic ✗".to_owned()])
        }
    }
}

fn freshness(state: &State, status: &Status) -> Option<Fact> {
    let said = |text: &str| Some(Fact(8, vec![text.to_owned()]));
    match (&status.phase, &state.cluster.link) {
        (Phase::Syncing { .. }, _) => said("searchable now"),
        (Phase::Live, _) if status.is_silent() => None,
        (Phase::Live, Link::Writer) => said("as of now"),
        (Phase::Live, Link::Following { .. }) => {
            let age = (state.now_ms - status.heartbeat_ms).max(0) / 1000;
            if age < 2 { said("as of now") } else { Some(Fact(2, vec![format!("as of {age} s ago")])) }
        }
        (Phase::Offline { .. } | Phase::Unauthorized { .. }, Link::Writer | Link::Following { .. }) => {
            Some(Fact(2, retry(status.next_try_ms.map(|at| at - state.now_ms))))
        }
        _ => None,
    }
}

// In so many milliseconds; now, where none are left.
fn retry(left: Option<i64>) -> Vec<String> {
    match left.filter(|left| *left > 0) {
        Some(left) => {
            let seconds = (left + 999) / 1000;
            vec![format!("retry in {seconds} s"), format!("retry {seconds} s")]
        }
        None => vec!["trying again".to_owned(), "trying".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_is_shortened_first_and_then_left_out() {
        let fact = |rank, forms: &[&str]| Fact(rank, forms.iter().map(|form| (*form).to_owned()).collect());
        let facts = [
            fact(3, &["18,904 objects", "18,904 obj"]),
            fact(0, &["61/64 kinds (3 forbidden)", "3 forbidden", "3 not read"]),
            fact(7, &["semantic off"]),
        ];
        let shown = |room| fitting(&facts, room);
        assert_eq!(shown(60), "18,904 objects  61/64 kinds (3 forbidden)  semantic off");
        assert_eq!(shown(50), "18,904 objects  61/64 kinds (3 forbidden)");
        assert_eq!(shown(38), "18,904 obj  61/64 kinds (3 forbidden)");
        assert_eq!(shown(30), "18,904 objects  3 forbidden");
        assert_eq!(shown(23), "18,904 obj  3 forbidden");
        assert_eq!(shown(22), "18,904 obj  3 not read");
        assert_eq!(shown(12), "3 forbidden");
        assert_eq!(shown(7), "");
    }

    #[test]
    fn where_every_kind_fails_nothing_is_called_live() {
        let kind = |state| crate::engine::status::KindStatus::new("pods".into(), state);
        let failing =
            || kind(crate::engine::status::KindState::Failing { error: "no answer within 60 s".into() });
        let complete = kind(crate::engine::status::KindState::Complete);
        let mut state = State::new(0, (80, 24), "");
        state.cluster.link = Link::Writer;
        let mut said = |kinds| {
            let status = Status { phase: Phase::Live, kinds, ..Status::default() };
            state.cluster.status = Some(std::sync::Arc::new(status));
            (condition(&state).1, facts(&state).iter().any(|fact| fact.1[0] == "as of now"))
        };
        assert_eq!(said(vec![failing(), complete]), ("live".to_owned(), true));
        assert_eq!(said(vec![failing()]), ("no answers".to_owned(), false));
    }

    #[test]
    fn a_countdown_ends_in_trying() {
        assert_eq!(retry(Some(8_000))[0], "retry in 8 s");
        assert_eq!(retry(Some(1))[0], "retry in 1 s");
        assert_eq!(retry(Some(0))[0], "trying again");
        assert_eq!(retry(None)[0], "trying again");
    }
}
