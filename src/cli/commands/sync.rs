//! `sync`: brings the index up to date, or keeps it live until stopped.

use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::super::args::SyncArgs;
use super::super::clock::now_ms;
use super::super::coverage::Truth;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Wanted, prepare};
use super::super::monitor::Monitor;
use super::super::session::Session;
use super::super::settings::Key;
use super::super::target::{Need, Target};
use crate::engine::status::{Phase, Status};
use crate::engine::{Handle, Mode, Outcome as Ended};
use crate::index::Lock;

/// How often a follower tries to take over.
const TAKE_OVER: Duration = Duration::from_secs(2);

/// Runs `sync`; `--once` is the default.
pub(crate) async fn run(session: &mut Session<'_>, args: &SyncArgs) -> Outcome {
    let target = Target::open(session, Need::Cluster)?;
    if args.watch { watch(session, &target).await } else { once(session, &target).await }
}

async fn once(session: &mut Session<'_>, target: &Target) -> Outcome {
    let prepared = prepare(session, target, Wanted::Synced).await?;
    let objects = prepared.reader.snapshot().num_docs();
    let status = prepared.status.unwrap_or_default();
    // Another process may be the writer, and have lost the connection.
    match &status.phase {
        Phase::Offline { error, .. } => return finish(Ended::Unreachable(error.clone())),
        Phase::Unauthorized { message } => return finish(Ended::Unauthorized(message.clone())),
        Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped => {}
    }
    let truth = Truth { clock: &session.clock, now_ms: now_ms(), status: Some(&status), objects };
    truth.lines("").iter().for_each(|line| session.output.note(line));
    let failing = !status.coverage().failing.is_empty();
    Ok(if failing { Exit::Nothing } else { Exit::Done })
}

async fn watch(session: &mut Session<'_>, target: &Target) -> Outcome {
    let mut stop = Stop::new().context("signals can't be heard")?;
    let monitor = monitor(session, target).await?;
    let lock = tokio::select! {
        lock = acquire(session, target, monitor.as_ref()) => lock?,
        () = stop.asked() => return Ok(Exit::Done),
    };
    let mut handle = target.start(lock, Mode::Live)?;
    if let Some(monitor) = &monitor {
        monitor.watch(handle.subscribe());
    }
    let ended = tokio::select! {
        ended = report(session, &mut handle) => return finish(ended),
        () = stop.asked() => {
            session.output.note("stopping");
            // A second signal does not wait for the last commit.
            tokio::select! {
                ended = handle.shutdown() => ended,
                () = stop.asked() => Ended::IndexFailed("stopped before the last commit".to_owned()),
            }
        }
    };
    finish(ended)
}

/// The health and metrics endpoints, where an address is set.
async fn monitor(session: &mut Session<'_>, target: &Target) -> Result<Option<Monitor>, Failure> {
    let Some(addr) = target.settings.address(Key::Listen) else { return Ok(None) };
    let monitor = Monitor::start(addr).await;
    let monitor = monitor.with_context(|| format!("can't listen on {addr}")).map_err(Failure::usage)?;
    session.output.note(&format!("listening on {}", monitor.addr()));
    Ok(Some(monitor))
}

/// Waits for the right to write, beside whom it may belong to now.
async fn acquire(
    session: &mut Session<'_>,
    target: &Target,
    monitor: Option<&Monitor>,
) -> Result<Lock, Failure> {
    let mut followed = None;
    loop {
        if let Some(lock) = Lock::try_acquire(&target.store).map_err(Failure::unavailable)? {
            return Ok(lock);
        }
        let pid = target.status().filter(|status| status.is_alive(now_ms())).map(|status| status.pid);
        if pid.is_some() && pid != followed {
            followed = pid;
            if let (Some(monitor), Some(pid)) = (monitor, pid) {
                monitor.following(pid);
            }
            session.output.note(&format!("following pid {}", pid.unwrap_or_default()));
        }
        tokio::time::sleep(TAKE_OVER).await;
    }
}

/// Says every change of state until the engine ends.
async fn report(session: &mut Session<'_>, handle: &mut Handle) -> Ended {
    let mut updates = handle.subscribe();
    let mut said = String::new();
    let finished = handle.finished();
    tokio::pin!(finished);
    loop {
        let status = updates.borrow_and_update().clone();
        let state = state(&status);
        if state != said {
            session.output.note(&format!(
                "{} {}",
                session.clock.time(now_ms(), now_ms()),
                line(session, &status)
            ));
            said = state;
        }
        tokio::select! {
            ended = &mut finished => return ended,
            changed = updates.changed() => if changed.is_err() { return finished.await },
        }
    }
}

/// What makes a change of state: not the numbers that always change.
fn state(status: &Status) -> String {
    let coverage = status.coverage();
    let troubled: Vec<_> = coverage.forbidden.iter().chain(&coverage.failing).collect();
    match &status.phase {
        Phase::Live => format!("live {troubled:?} {:?}", status.notes),
        Phase::Offline { .. } => "offline".to_owned(),
        Phase::Unauthorized { message } => format!("unauthorized {message}"),
        Phase::Syncing { .. } => "syncing".to_owned(),
        Phase::Connecting => "connecting".to_owned(),
        Phase::Stopped => "stopped".to_owned(),
    }
}

fn line(session: &Session<'_>, status: &Status) -> String {
    match &status.phase {
        Phase::Connecting => format!("connecting to {}", status.server),
        Phase::Syncing { total, .. } => format!("syncing {total} kinds"),
        Phase::Live => {
            let (clock, objects) = (&session.clock, status.objects);
            let truth = Truth { clock, now_ms: now_ms(), status: Some(status), objects }.lines("");
            format!("live: {}", truth.iter().chain(&status.notes).cloned().collect::<Vec<_>>().join("\n"))
        }
        Phase::Offline { error, .. } => format!("offline, trying again: {error}"),
        Phase::Unauthorized { message } => format!("the credentials are refused, trying again: {message}"),
        Phase::Stopped => "stopped".to_owned(),
    }
}

/// The exit code of an engine's end, or why it ended.
pub(super) fn finish(ended: Ended) -> Outcome {
    let (why, what) = match ended {
        Ended::Done => return Ok(Exit::Done),
        Ended::Unreachable(why) => (why, "the cluster can't be reached"),
        Ended::Unauthorized(why) => (why, "the credentials are refused"),
        Ended::IndexFailed(why) => (why, "the index can't be written"),
    };
    Err(Failure::unavailable(anyhow!(why).context(what)))
}

/// SIGINT and SIGTERM.
pub(super) struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    pub(super) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
