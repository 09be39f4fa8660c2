//! The top line: which cluster, how current, how complete. The one fixed place where the truth stands.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::msg::Link;
use super::super::state::State;
use super::text::{clean, ending, number};
use crate::engine::status::{Coverage, HEARTBEAT_LIMIT_MS, Phase, REFUSED, SemanticState, Status};
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

/// Two looks at the clock may be this far apart.
const AHEAD_MS: i64 = 1_000;

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
        (Link::Following { pid }, Some(status)) if !gives_signs(state, status) => {
            ("○", dated(state, &format!("pid {pid} gives no sign of life"), status), theme.bad())
        }
        (Link::Following { pid }, Some(status)) if status.phase != Phase::Live || status.is_silent() => {
            let (sign, words, style) = phase(state, status);
            (sign, format!("following pid {pid}: {words}"), style)
        }
        (Link::Following { pid }, _) => ("◆", format!("following pid {pid}"), theme.good()),
        (Link::Stored(_), Some(status)) if is_down(&status.phase) => phase(state, status),
        (Link::Stored(_), Some(status)) => ("○", offline(state, status), theme.bad()),
        (Link::Stored(_), None) => ("○", "offline, nothing is stored".to_owned(), theme.bad()),
    }
}

// Another process may be dead, or stopped by hand; whoever holds the index then keeps nothing up to date.
fn gives_signs(state: &State, status: &Status) -> bool {
    (state.now_ms - status.heartbeat_ms).abs() < HEARTBEAT_LIMIT_MS
}

fn is_down(phase: &Phase) -> bool {
    matches!(phase, Phase::Offline { .. } | Phase::Unwritable { .. } | Phase::Unauthorized { .. })
}

fn phase(state: &State, status: &Status) -> (&'static str, String, Style) {
    let theme = state.theme;
    match &status.phase {
        Phase::Connecting if status.objects > 0 => ("◌", dated(state, "connecting", status), theme.dim()),
        Phase::Connecting => ("◌", "connecting".to_owned(), theme.dim()),
        Phase::Syncing { done, total } => {
            let percent = done * 100 / (*total).max(1);
            ("◐", format!("syncing {percent} %"), theme.accent())
        }
        Phase::Live if status.is_silent() => ("○", dated(state, "no answers", status), theme.bad()),
        Phase::Live => ("●", "live".to_owned(), theme.good()),
        Phase::Offline { .. } => ("○", offline(state, status), theme.bad()),
        Phase::Unwritable { .. } => ("○", dated(state, "the index can't be written", status), theme.bad()),
        Phase::Unauthorized { .. } => ("○", dated(state, REFUSED, status), theme.bad()),
        Phase::Stopped => ("○", offline(state, status), theme.bad()),
    }
}

fn offline(state: &State, status: &Status) -> String {
    dated(state, "offline", status)
}

fn dated(state: &State, what: &str, status: &Status) -> String {
    match data_time(state, status) {
        Some(ms) => format!("{what}, data from {}", time(state, Some(ms))),
        None => what.to_owned(),
    }
}

// When the data was last known to be true; a time of the future tells nothing.
fn data_time(state: &State, status: &Status) -> Option<i64> {
    let since = match &status.phase {
        Phase::Offline { since_ms, .. } => Some(*since_ms),
        Phase::Connecting
        | Phase::Syncing { .. }
        | Phase::Live
        | Phase::Unwritable { .. }
        | Phase::Unauthorized { .. }
        | Phase::Stopped => None,
    };
    let confirmed = status.kinds.iter().filter_map(|kind| kind.as_of_ms).max();
    confirmed.or(since).filter(|ms| *ms < state.now_ms + AHEAD_MS)
}

/// `14:02`, or with the date when it was not today. Of what has been: no time is of the future.
pub(super) fn time(state: &State, ms: Option<i64>) -> String {
    let zoned = |ms: i64| Timestamp::from_millisecond(ms).map(|time| time.to_zoned(state.zone.clone()));
    let ms = ms.map(|ms| ms.min(state.now_ms));
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
        let coverage = status.coverage();
        if coverage.kinds > 0 {
            facts.push(kinds(&coverage, status.phase == Phase::Live));
        }
        facts.extend(freshness(state, status, &coverage));
        facts.extend(mirror(status));
        facts.push(semantic(status));
    }
    facts
}

// Where nothing is confirmed the condition says so; one kind that is not, beside others that are, has to be told.
fn kinds(coverage: &Coverage, live: bool) -> Fact {
    let kinds = format!("{}/{} kinds", coverage.complete, coverage.kinds);
    let (forbidden, failing) = (coverage.forbidden.len(), coverage.failing.len());
    let stale = if live { coverage.stale.len() } else { 0 };
    let told: Vec<String> =
        [("forbidden", forbidden), ("failing", failing), ("old", stale), ("in part", coverage.partial.len())]
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
    if told.is_empty() {
        return Fact(4, vec![kinds]);
    }
    let told = told.join(", ");
    let mut forms = vec![format!("{kinds} ({told})"), told];
    forms.extend((forbidden + failing > 0).then(|| format!("{} not read", forbidden + failing)));
    Fact(0, forms)
}

// `mirror ✓ 0.8 s`: how far it is behind, or what it does; nothing where none is configured.
fn mirror(status: &Status) -> Option<Fact> {
    let mirror = status.mirror.as_ref()?;
    if mirror.trouble().is_some() {
        let long = format!("mirror ✗ {} (K says why)", mirror.state());
        return Some(Fact(1, vec![long, "mirror ✗".to_owned()]));
    }
    if mirror.held_back > 0 {
        let held = format!("{} held back", number(mirror.held_back));
        return Some(Fact(1, vec![format!("mirror ✗ {held} (K says more)"), format!("mirror ✗ {held}")]));
    }
    let waiting = if mirror.queue > 0 { format!(" {} wait", number(mirror.queue)) } else { String::new() };
    let forms = match (mirror.in_sync, mirror.state()) {
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

fn freshness(state: &State, status: &Status, coverage: &Coverage) -> Option<Fact> {
    let said = |text: &str| Some(Fact(8, vec![text.to_owned()]));
    let now = || match coverage.polled.len() {
        0 if coverage.watched() == 0 => None,
        0 => said("as of now"),
        // Between two lists nobody looks: that is news beside what is watched, and all there is where nothing is.
        polled if coverage.watched() == 0 => {
            let age = coverage.as_of_ms.map(|ms| (state.now_ms - ms).max(0) / 1000);
            let long = age.map(|age| format!("polled, as of {age} s ago"));
            Some(Fact(2, long.into_iter().chain([format!("{polled} polled")]).collect()))
        }
        polled => {
            let kinds = if polled == 1 { "kind" } else { "kinds" };
            Some(Fact(6, vec![format!("as of now, {polled} {kinds} polled"), format!("{polled} polled")]))
        }
    };
    match (&status.phase, &state.cluster.link) {
        (Phase::Syncing { .. }, _) => said("searchable now"),
        (Phase::Live, _) if status.is_silent() => None,
        (Phase::Live, Link::Writer) => now(),
        (Phase::Live, Link::Following { .. }) => {
            let age = (state.now_ms - status.heartbeat_ms).max(0) / 1000;
            if age < 2 { now() } else { Some(Fact(2, vec![format!("as of {age} s ago")])) }
        }
        (phase, Link::Writer | Link::Following { .. }) if is_down(phase) => {
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
    use crate::engine::status::{KindState, KindStatus};

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

    fn said(link: Link, status: Status) -> (String, Vec<String>) {
        let mut state = State::new(0, (80, 24), "");
        state.now_ms = NOON;
        state.cluster.link = link;
        state.cluster.status = Some(std::sync::Arc::new(status));
        let facts = facts(&state).into_iter().map(|fact| fact.1[0].clone()).collect();
        (condition(&state).1, facts)
    }

    const NOON: i64 = 1_772_452_800_000;

    fn live(kinds: &[KindState]) -> Status {
        let kinds = kinds.iter().enumerate().map(|(nth, state)| {
            let name = format!("kind{nth}");
            KindStatus {
                as_of_ms: Some(NOON - 60_000),
                ..KindStatus::new(name.as_str().into(), state.clone())
            }
        });
        Status { phase: Phase::Live, heartbeat_ms: NOON, kinds: kinds.collect(), ..Status::default() }
    }

    #[test]
    fn kinds_that_are_polled_or_old_beside_live_ones_are_told() {
        let stale = KindState::Stale { since_ms: NOON };
        let (words, facts) = said(Link::Writer, live(&[KindState::Complete, KindState::Polled, stale]));
        assert_eq!(words, "live");
        assert!(facts.contains(&"3/3 kinds (1 old)".to_owned()), "{facts:?}");
        assert!(facts.contains(&"as of now, 1 kind polled".to_owned()), "{facts:?}");
        let (_, facts) = said(Link::Following { pid: 7 }, live(&[KindState::Polled, KindState::Polled]));
        assert!(facts.contains(&"polled, as of 60 s ago".to_owned()), "{facts:?}");
        let forbidden = KindState::Forbidden { since_ms: NOON };
        let (_, facts) = said(Link::Writer, live(&[forbidden]));
        assert!(!facts.iter().any(|fact| fact.starts_with("as of")), "{facts:?}");
        let mut partial = live(&[KindState::Complete]);
        partial.kinds[0].scopes = vec!["shop".into()];
        let (_, facts) = said(Link::Writer, partial);
        assert!(facts.contains(&"1/1 kinds (1 in part)".to_owned()), "{facts:?}");
    }

    #[test]
    fn whoever_is_followed_is_called_what_it_is() {
        let following = || Link::Following { pid: 7 };
        let complete = || live(&[KindState::Complete]);
        assert_eq!(said(following(), complete()).0, "following pid 7");
        let syncing = Status { phase: Phase::Syncing { done: 1, total: 4 }, ..complete() };
        assert_eq!(said(following(), syncing).0, "following pid 7: syncing 25 %");
        let failing = live(&[KindState::Failing { error: "503".into() }]);
        assert_eq!(said(following(), failing).0, "following pid 7: no answers, data from 11:59");
        let asleep = Status { heartbeat_ms: NOON - 60_000, ..complete() };
        assert_eq!(said(following(), asleep).0, "pid 7 gives no sign of life, data from 11:59");
    }

    #[test]
    fn no_data_is_of_the_future() {
        let offline = Phase::Offline { since_ms: NOON + 7_200_000, error: "refused".into() };
        let mut status = Status { phase: offline, ..live(&[KindState::Stale { since_ms: NOON }]) };
        assert_eq!(said(Link::Writer, status.clone()).0, "offline, data from 11:59");
        status.kinds[0].as_of_ms = Some(NOON + 7_200_000);
        assert_eq!(said(Link::Writer, status).0, "offline");
    }

    #[test]
    fn deletes_that_are_held_back_are_told() {
        let mut status = Status { mirror: Some(Default::default()), ..live(&[KindState::Complete]) };
        status.mirror.iter_mut().for_each(|mirror| mirror.held_back = 12);
        let (_, facts) = said(Link::Writer, status);
        assert!(facts.contains(&"mirror ✗ 12 held back (K says more)".to_owned()), "{facts:?}");
    }

    #[test]
    fn a_countdown_ends_in_trying() {
        assert_eq!(retry(Some(8_000))[0], "retry in 8 s");
        assert_eq!(retry(Some(1))[0], "retry in 1 s");
        assert_eq!(retry(Some(0))[0], "trying again");
        assert_eq!(retry(None)[0], "trying again");
    }
}
