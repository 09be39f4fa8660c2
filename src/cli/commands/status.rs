//! `status`: what the index covers and what it costs, from what the writer says of itself. Connects to nothing.

use anyhow::anyhow;

use super::super::args::StatusArgs;
use super::super::clock::now_ms;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::nothing_stored;
use super::super::output::{Cell, Column, Style, Table, bytes, count};
use super::super::session::Session;
use super::super::target::{Need, Target};
use crate::engine::status::{KindState, KindStatus, Phase, REFUSED, SemanticState, SemanticStatus, Status};
use crate::index::Lock;
use crate::mirror::MirrorStatus;
use crate::text;

/// Runs `status`.
pub(crate) fn run(session: &mut Session<'_>, args: &StatusArgs) -> Outcome {
    if !session.namespaces.is_empty() {
        let why = anyhow!("-n: the status is of the whole index, not of a namespace");
        return Err(
            Failure::usage(why).advise("kubesift kinds -n NAMESPACE counts the objects of a namespace")
        );
    }
    let target = Target::open(session, Need::Stored)?;
    let Some(status) = target.status() else { return Err(nothing_stored(&target)) };
    match args.list.output.as_str() {
        "json" => session.output.json(&status)?,
        "yaml" => session.output.yaml(&status)?,
        _ => {
            let now = now_ms();
            let head = head(session, &target, &status, now);
            session.output.data(&head)?;
            if args.all {
                session.output.table(&table(&status, now))?;
            } else {
                let attention = attention(session, &status, now);
                session.output.data(&attention)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn head(session: &Session<'_>, target: &Target, status: &Status, now: i64) -> String {
    let coverage = status.coverage();
    let time = |ms| session.clock.time(ms, now);
    let writer = match (&status.phase, status.is_alive(now)) {
        (_, false) if holds(target) => {
            let last = time(status.heartbeat_ms);
            format!("another process holds the index and gives no sign of life; status of {last}")
        }
        (_, false) => {
            format!("no writer; last one stopped at {}{}", time(status.heartbeat_ms), ending(&status.phase))
        }
        (Phase::Connecting, true) => format!("connecting (pid {})", status.pid),
        (Phase::Syncing { done, total }, true) => {
            format!("syncing, {done} of {total} reads done (pid {})", status.pid)
        }
        (Phase::Live, true) if status.is_silent() => {
            format!("gets no answers from the cluster (pid {})", status.pid)
        }
        (Phase::Live | Phase::Stopped, true) => format!("live (pid {})", status.pid),
        (Phase::Offline { since_ms, error }, true) => {
            format!(
                "offline since {} (pid {}){}: {error}",
                time(*since_ms),
                status.pid,
                next_try(status, now)
            )
        }
        (Phase::Unwritable { since_ms, error }, true) => {
            format!("can't write the index since {} (pid {}): {error}", time(*since_ms), status.pid)
        }
        (Phase::Unauthorized { message }, true) => {
            format!("{REFUSED} (pid {}){}: {message}", status.pid, next_try(status, now))
        }
    };
    let mut lines = vec![
        ("context", status.context.clone().unwrap_or_else(|| "in cluster".to_owned())),
        ("server", format!("{} {}", status.server, status.version).trim_end().to_owned()),
        ("writer", writer),
        ("objects", count(status.objects)),
        ("kinds", kinds_line(&coverage)),
        (
            "traffic",
            format!(
                "{} requests, {}, {} times told to slow down, {} watches restarted, since {}",
                count(status.requests),
                bytes(status.bytes),
                count(status.throttled),
                count(status.watch_restarts),
                time(status.started_ms)
            ),
        ),
        ("deleted", count(status.deletes)),
        ("drift", format!("{} corrected", count(status.drift_corrected))),
        ("semantic", semantic(&status.semantic)),
        ("index", target.store.dir().display().to_string()),
    ];
    if let Some(mirror) = &status.mirror {
        lines.push(("mirror", mirror_line(session, mirror, now)));
        lines.extend(super::super::mirror::remarks(mirror).into_iter().map(|text| ("", text)));
    }
    lines.extend(status.notes.iter().map(|note| ("note", note.clone())));
    lines.iter().map(|(title, text)| format!("{title:<9} {}\n", text::sanitise(text))).collect::<String>()
        + "\n"
}

// A writer that is stopped, or that can't write its status: then what is there may be that of one before.
fn holds(target: &Target) -> bool {
    matches!(Lock::try_acquire(&target.store), Ok(None))
}

// How a writer stood that ended without a word.
fn ending(phase: &Phase) -> String {
    match phase {
        Phase::Offline { error, .. } => format!(", offline: {error}"),
        Phase::Unwritable { error, .. } => format!(", the index could not be written: {error}"),
        Phase::Unauthorized { message } => format!(", {REFUSED}: {message}"),
        Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped => String::new(),
    }
}

fn next_try(status: &Status, now: i64) -> String {
    let left = status.next_try_ms.map(|at| at - now).filter(|left| *left > 0);
    left.map(|left| format!(", retry in {} s", (left + 999) / 1000)).unwrap_or_default()
}

/// `off (kubesift setup)`, or how far embedding is.
fn semantic(status: &SemanticStatus) -> String {
    let SemanticStatus { state, model, forms, cached, waiting, made, error, advice } = status;
    let (forms, cached, made) = (count(*forms), count(*cached), count(*made));
    match state {
        SemanticState::Off => match (advice, error) {
            (Some(advice), Some(error)) => format!("off ({advice}): {error}"),
            (None, Some(error)) => format!("off: {error}"),
            (_, None) => "off".to_owned(),
        },
        SemanticState::Unused => "not used by the last writer, a short one".to_owned(),
        SemanticState::Working => {
            format!("{model}: {forms} forms, {} waiting for their vector, {made} made", count(*waiting))
        }
        SemanticState::Ready => format!("{model}: {forms} forms, {cached} vectors kept, {made} made"),
        SemanticState::Failing => {
            format!("{model} fails, trying again: {}", error.as_deref().unwrap_or("no reason given"))
        }
    }
}

fn mirror_line(session: &Session<'_>, mirror: &MirrorStatus, now: i64) -> String {
    let last = mirror.synced_ms.map(|ms| format!("equal at {}", session.clock.time(ms, now)));
    let synced = match (mirror.lacks.as_slice(), last) {
        ([], Some(last)) => last,
        ([], None) => "not equal yet".to_owned(),
        (lacks, Some(last)) => format!("not equal: {}; last {last}", lacks.join(", ")),
        (lacks, None) => format!("not equal: {}", lacks.join(", ")),
    };
    format!(
        "{}; {synced}; {} records, {} waiting, {} deletes held back; {}",
        super::super::mirror::line(mirror),
        count(mirror.records),
        count(mirror.queue),
        count(mirror.held_back),
        mirror.to
    )
}

fn kinds_line(coverage: &crate::engine::status::Coverage) -> String {
    let mut parts = vec![format!("{} of {} read", coverage.complete, coverage.kinds)];
    for (number, what) in [
        (coverage.forbidden.len(), "forbidden"),
        (coverage.failing.len(), "failing"),
        (coverage.pending.len(), "not read yet"),
        (coverage.stale.len(), "not confirmed"),
        (coverage.polled.len(), "listed now and then"),
        (coverage.partial.len(), "in some namespaces only"),
        (coverage.excluded.len(), "left out by a rule"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

/// Kinds of one state that are named one by one; more are counted.
const NAMED: usize = 20;

// The kinds that are not simply read, each with its whole reason, and how many are.
fn attention(session: &Session<'_>, status: &Status, now: i64) -> String {
    if status.kinds.is_empty() {
        return "no kinds are known yet\n".to_owned();
    }
    let mut kinds: Vec<&KindStatus> = status.kinds.iter().filter(|kind| needs_attention(kind)).collect();
    let state = |kind: &KindStatus| std::mem::discriminant(&kind.state);
    kinds.sort_by_key(|kind| (rank(&kind.state), kind.kind.clone()));
    let name = kinds.iter().map(|kind| text::width(kind.kind.as_str())).max().unwrap_or_default().min(40);
    let mut out = String::new();
    for same in kinds.chunk_by(|one, other| state(one) == state(other)) {
        for kind in same.iter().take(NAMED) {
            let why = reason(session, kind, now);
            let line = format!("{:<name$}   {:<9}   {why}", kind.kind.as_str(), kind.state.name());
            out.push_str(text::sanitise(&line).trim_end());
            out.push('\n');
        }
        if let (Some(kind), Some(more @ 1..)) = (same.first(), same.len().checked_sub(NAMED)) {
            out.push_str(&format!("and {} more {} kinds\n", count(more as u64), kind.state.name()));
        }
    }
    let told = match kinds.len() {
        0 => "no kind needs attention".to_owned(),
        1 => "1 kind needs attention".to_owned(),
        more => format!("{} kinds need attention", count(more as u64)),
    };
    let space = if out.is_empty() { "" } else { "\n" };
    format!("{out}{space}{told}; --all shows all {}\n", count(status.kinds.len() as u64))
}

// Why a kind is named, whole; one that is not confirmed says how old it is.
fn reason(session: &Session<'_>, kind: &KindStatus, now: i64) -> String {
    let why = kind.why();
    match (&kind.state, kind.as_of_ms) {
        (KindState::Stale { .. }, Some(ms)) if why.is_empty() => {
            format!("as of {}", session.clock.time(ms, now))
        }
        (KindState::Stale { .. }, Some(ms)) => format!("as of {}: {why}", session.clock.time(ms, now)),
        _ => why,
    }
}

fn needs_attention(kind: &KindStatus) -> bool {
    match kind.state {
        KindState::Failing { .. }
        | KindState::Forbidden { .. }
        | KindState::Stale { .. }
        | KindState::Waiting
        | KindState::Listing => true,
        KindState::Polled => true,
        KindState::Complete => !kind.scopes.is_empty(),
        KindState::Excluded { .. } | KindState::Gone => false,
    }
}

fn rank(state: &KindState) -> u8 {
    match state {
        KindState::Failing { .. } => 0,
        KindState::Forbidden { .. } => 1,
        KindState::Stale { .. } => 2,
        KindState::Waiting => 3,
        KindState::Listing => 4,
        KindState::Complete => 5,
        KindState::Polled => 6,
        KindState::Excluded { .. } | KindState::Gone => 7,
    }
}

fn table(status: &Status, now: i64) -> Table {
    let mut table = Table::new(vec![
        Column::text("KIND", 16),
        Column::text("STATE", 9),
        Column::number("OBJECTS"),
        Column::number("WRITES/MIN").spare(5),
        Column::number("RECEIVED").spare(3),
        Column::number("REQUESTS").spare(4),
        Column::number("429").spare(6),
        Column::number("LAST EVENT").spare(2),
        Column::text("WHY", 12).spare(1),
    ]);
    let mut kinds: Vec<&KindStatus> = status.kinds.iter().collect();
    kinds.sort_by_key(|kind| (std::cmp::Reverse(kind.objects), is_excluded(kind), kind.kind.clone()));
    for kind in kinds {
        let event = kind.last_event_ms.map(|ms| text::age((now - ms) / 1000)).unwrap_or_default();
        let numbers = |n: u64| Cell::plain(&if is_excluded(kind) { String::new() } else { count(n) });
        table.row(vec![
            Cell::plain(kind.kind.as_str()),
            state(&kind.state),
            numbers(kind.objects),
            Cell::plain(&if kind.writes_per_minute > 0.0 {
                format!("{:.1}", kind.writes_per_minute)
            } else {
                String::new()
            }),
            Cell::plain(&if kind.bytes > 0 { bytes(kind.bytes) } else { String::new() }),
            numbers(kind.requests),
            numbers(kind.throttled),
            Cell::plain(&event),
            Cell::plain(&kind.why()),
        ]);
    }
    table
}

/// A kind's state in its colour.
pub(super) fn state(state: &KindState) -> Cell {
    let style = match state {
        KindState::Failing { .. } => Style::Bad,
        KindState::Excluded { .. } | KindState::Gone => Style::Dim,
        KindState::Waiting
        | KindState::Listing
        | KindState::Complete
        | KindState::Polled
        | KindState::Stale { .. }
        | KindState::Forbidden { .. } => Style::Plain,
    };
    Cell::styled(style, state.name())
}

fn is_excluded(kind: &KindStatus) -> bool {
    matches!(kind.state, KindState::Excluded { .. })
}
