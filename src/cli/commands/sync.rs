//! `sync`: brings the index up to date, or keeps it live until stopped.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::watch;

use super::super::args::SyncArgs;
use super::super::clock::now_ms;
use super::super::coverage::Truth;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Wanted, prepare};
use super::super::mirror::{OneShot, Plan, failure, remarks, summary};
use super::super::monitor::Monitor;
use super::super::output::Progress;
use super::super::session::Session;
use super::super::settings::Key;
use super::super::target::{Need, Target};
use super::patience::{Patience, Waiting};
use super::verify::verdict;
use crate::embed::Storing;
use crate::engine::mirror::{compare, mirror_beside};
use crate::engine::status::{Phase, Status};
use crate::engine::{Handle, Mode, Outcome as Ended};
use crate::index::{Lock, Reader};
use crate::mirror::{Depth, Halt, MirrorPhase, MirrorStatus, StoreError};

/// How often a follower tries to take over.
const TAKE_OVER: Duration = Duration::from_secs(2);
/// How often another process's mirror is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs `sync`; `--once` is the default.
pub(crate) async fn run(session: &mut Session<'_>, args: &SyncArgs) -> Outcome {
    let mut target = Target::open(session, Need::Cluster)?;
    let one_shot = OneShot { adopt: args.adopt, allow_mass_delete: args.allow_mass_delete };
    let plan = target.plan(session, one_shot)?;
    match plan {
        None if args.dry_run || args.adopt || args.allow_mass_delete.is_some() => {
            let problem =
                anyhow!("--dry-run, --adopt and --allow-mass-delete are about a mirror, and none is named");
            Err(Failure::usage(problem).advise("kubesift sync --to chroma --url http://localhost:8000"))
        }
        Some(plan) if args.dry_run => dry_run(session, &target, &plan).await,
        plan => {
            target.mirror = plan;
            if args.watch { follow(session, &target).await } else { once(session, &target).await }
        }
    }
}

/// What a sync would do.
async fn dry_run(session: &mut Session<'_>, target: &Target, plan: &Plan) -> Outcome {
    let prepared = prepare(session, target, Wanted::Fresh).await?;
    let (progress, _) = watch::channel(MirrorStatus::default());
    let comparison =
        compare(plan.settings(), &prepared.reader, &target.store, Depth::Contents, progress).await;
    let comparison = comparison.map_err(failure)?;
    session.output.note(&verdict(&comparison, &plan.name()));
    session
        .output
        .note("nothing was written (--dry-run): missing would be added, different updated, extra deleted");
    Ok(Exit::Done)
}

/// What was mirrored: by this process, or by the one that writes the index, or beside it.
async fn mirrored(
    session: &mut Session<'_>,
    target: &Target,
    plan: &Plan,
    status: &Status,
    reader: &Reader,
) -> Result<MirrorStatus, Failure> {
    if status.pid == std::process::id() {
        return Ok(status.mirror.clone().unwrap_or_default());
    }
    if status.mirror.as_ref().is_some_and(|mirror| plan.is(mirror)) {
        return wait_for_writer(session, target, plan).await;
    }
    session.output.note(&format!(
        "pid {} writes the index: nothing is known to be complete, so nothing is deleted from the store",
        status.pid
    ));
    let settings = target.with_vectors(plan, Storing::Read)?;
    let (sender, mut updates) = watch::channel(MirrorStatus::default());
    let mut progress = session.output.progress();
    let work = mirror_beside(&settings, reader, &target.store, sender);
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => break ended.map_err(failure)?,
            // A closed channel means that the work is about to end.
            Ok(()) = updates.changed() => show(&mut progress, &updates.borrow_and_update().phase),
        }
    }
    Ok(updates.borrow().clone())
}

fn show(progress: &mut Progress, phase: &MirrorPhase) {
    if let MirrorPhase::Comparing { done, total } | MirrorPhase::Writing { done, total } = phase {
        progress.update(
            "mirroring",
            usize::try_from(*done).unwrap_or(0),
            usize::try_from(*total).unwrap_or(0),
        );
    }
}

/// Waits until the process that mirrors to the same collection is in sync.
async fn wait_for_writer(
    session: &mut Session<'_>,
    target: &Target,
    plan: &Plan,
) -> Result<MirrorStatus, Failure> {
    let mut patience = Patience::new(now_ms());
    loop {
        let status = target.status().filter(|status| status.is_alive(now_ms()));
        let Some(status) = status else {
            return Err(Failure::unavailable(anyhow!(
                "the process that mirrored ended before it was in sync"
            )));
        };
        let Some(mirror) = status.mirror.filter(|mirror| plan.is(mirror)) else {
            return Err(Failure::unavailable(anyhow!("pid {} no longer mirrors there", status.pid)));
        };
        match patience.look(now_ms(), &mirror) {
            Waiting::Done => {
                session.output.note(&format!("pid {} keeps this collection in sync", status.pid));
                return Ok(mirror);
            }
            Waiting::Over(why) => {
                return Err(Failure::unavailable(anyhow!(why).context("the writer's mirror is not in sync")));
            }
            Waiting::On => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn once(session: &mut Session<'_>, target: &Target) -> Outcome {
    let prepared = prepare(session, target, Wanted::Fresh).await?;
    let objects = prepared.reader.snapshot().num_docs();
    let status = prepared.status.clone().unwrap_or_default();
    // Another process may be the writer, and have lost the connection.
    match &status.phase {
        Phase::Offline { error, .. } => return finish(Ended::Unreachable(error.clone())),
        Phase::Unwritable { error, .. } => return finish(Ended::IndexFailed(error.clone())),
        Phase::Unauthorized { message } => return finish(Ended::Unauthorized(message.clone())),
        Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped => {}
    }
    let truth = Truth { clock: &session.clock, now_ms: now_ms(), status: Some(&status), objects, asked: &[] };
    truth.lines("").iter().for_each(|line| session.output.note(line));
    let coverage = status.coverage();
    let unread = !(coverage.failing.is_empty() && coverage.pending.is_empty() && coverage.stale.is_empty());
    let mut incomplete = false;
    if let Some(plan) = &target.mirror {
        let mirror = mirrored(session, target, plan, &status, &prepared.reader).await?;
        summary(&mirror).iter().for_each(|line| session.output.note(line));
        incomplete = !mirror.lacks.is_empty();
    }
    Ok(if unread || incomplete { Exit::Nothing } else { Exit::Done })
}

async fn follow(session: &mut Session<'_>, target: &Target) -> Outcome {
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
    let mut updates = handle.subscribe();
    let ended = tokio::select! {
        ended = report(session, &mut handle) => return finish(ended),
        why = mistake(&mut updates) => {
            handle.shutdown().await;
            return finish(Ended::MirrorFailed(Halt::Store(StoreError::Name(why))));
        }
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

/// Why the mirror can never do what it was asked for; does not end while it can.
async fn mistake(updates: &mut watch::Receiver<Status>) -> String {
    loop {
        if let Some(MirrorPhase::Mistaken { why }) =
            updates.borrow_and_update().mirror.as_ref().map(|mirror| &mirror.phase)
        {
            return why.clone();
        }
        if updates.changed().await.is_err() {
            // The engine ends, and says so itself.
            std::future::pending::<()>().await;
        }
    }
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
    let silent = if status.is_silent() { " silent" } else { "" };
    let mirror = status.mirror.as_ref().map(|mirror| match mirror.phase.failing() {
        // A count that moves is no change of state.
        Some((_, error)) => format!("failing {error}"),
        None => mirror.state().replace("writing changes", "in sync"),
    });
    let mirror = mirror.unwrap_or_default();
    match &status.phase {
        Phase::Live => format!("live{silent} {troubled:?} {:?} {mirror}", status.notes),
        Phase::Offline { .. } => "offline".to_owned(),
        Phase::Unwritable { error, .. } => format!("unwritable {error}"),
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
            let truth = Truth { clock, now_ms: now_ms(), status: Some(status), objects, asked: &[] };
            let truth = truth.lines("");
            let mirror = status.mirror.iter().flat_map(|mirror| {
                std::iter::once(super::super::mirror::line(mirror)).chain(remarks(mirror))
            });
            let lines: Vec<String> = truth.iter().chain(&status.notes).cloned().chain(mirror).collect();
            let live = if status.is_silent() { "no answers" } else { "live" };
            format!("{live}: {}", lines.join("\n"))
        }
        Phase::Offline { error, .. } => format!("offline, trying again: {error}"),
        Phase::Unwritable { error, .. } => format!("the index can't be written, trying again: {error}"),
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
        Ended::MirrorFailed(halt) => return Err(failure(halt)),
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
