//! Brings the index up to date for one answer, with as little work as the promise allows: not at all while a writer
//! lives or the index is young, else by reading the cluster as its writer.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;

use super::clock::now_ms;
use super::failure::Failure;
use super::output::Progress;
use super::session::Session;
use super::settings::Key;
use super::target::Target;
use crate::engine::status::{KindState, Phase, Status};
use crate::engine::{Mode, Outcome};
use crate::index::{Checkpoint, Lock, Reader};
use crate::mirror::MirrorPhase;

/// How often another process's progress is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// A process that holds the index this long without a sign of life hangs, or was stopped by hand.
const HUNG: Duration = Duration::from_secs(10);

/// How fresh the answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever is stored.
    Offline,
    /// As young as the settings say.
    Recent,
    /// Read again now, or fail: what is stored is no substitute.
    Fresh,
}

/// What to do for an answer.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// The index as it is.
    Answer,
    /// Nothing is stored, and nothing may be read.
    Nothing,
    /// Another process is reading everything for the first time.
    Wait,
    /// Become the writer.
    Read(Mode),
}

/// What the plan depends on.
#[derive(Debug, Clone, Copy)]
struct Facts {
    wanted: Wanted,
    /// A writer lives, and whether it has read everything once.
    writer: Option<bool>,
    /// How much is stored, if anything.
    stored: Option<u64>,
    /// How long ago all that is confirmed was confirmed.
    age: Option<Duration>,
    max_age: Duration,
    relist_limit: u64,
    wait: Duration,
}

impl Facts {
    fn plan(self) -> Plan {
        let young = self.age.is_some_and(|age| age < self.max_age);
        let confirm = self.stored.is_some_and(|objects| objects > self.relist_limit);
        match (self.wanted, self.writer) {
            (Wanted::Offline, _) if self.stored.is_some() => Plan::Answer,
            (Wanted::Offline, _) => Plan::Nothing,
            // It is up to date within moments, whatever is asked for: nobody can read fresher.
            (_, Some(true)) if self.stored.is_some() => Plan::Answer,
            (_, Some(_)) => Plan::Wait,
            (Wanted::Recent, None) if young => Plan::Answer,
            (Wanted::Recent, None) if confirm => Plan::Read(Mode::Confirm { wait: self.wait }),
            (_, None) => Plan::Read(Mode::Once),
        }
    }
}

/// An index to answer from.
pub(super) struct Prepared {
    /// Its last commit.
    pub(super) reader: Reader,
    /// What the writer said about it.
    pub(super) status: Option<Status>,
}

impl Prepared {
    /// What is stored although `failure` kept it from being refreshed, which is said; the failure itself where that
    /// is no substitute.
    fn instead(
        session: &mut Session<'_>,
        failure: Failure,
        wanted: Wanted,
        reader: Option<Reader>,
        status: Option<Status>,
    ) -> Result<Self, Failure> {
        let reader = reader.filter(|reader| wanted != Wanted::Fresh && holds_anything(reader));
        let Some(reader) = reader else { return Err(failure) };
        session.output.note(&format!("{failure}\nanswering from what is stored"));
        Ok(Self { reader, status })
    }
}

/// Makes the index as fresh as wanted.
pub(super) async fn prepare(
    session: &mut Session<'_>,
    target: &Target,
    wanted: Wanted,
) -> Result<Prepared, Failure> {
    let wanted = if target.access.is_none() { Wanted::Offline } else { wanted };
    let mut waiting = Waiting::new(session);
    let started = std::time::Instant::now();
    loop {
        let (reader, status) = (target.reader()?, target.status());
        let facts = facts(target, wanted, reader.as_ref(), status.as_ref());
        match facts.plan() {
            Plan::Answer => {
                if let Some(failure) = not_fresh(wanted, status.as_ref()) {
                    return Err(failure);
                }
                return reader
                    .map(|reader| Prepared { reader, status })
                    .ok_or_else(|| nothing_stored(target));
            }
            Plan::Nothing => return Err(nothing_stored(target)),
            // What is stored may be whole but for one kind that does not answer.
            Plan::Wait
                if wanted == Wanted::Recent && facts.stored.is_some() && started.elapsed() > facts.wait =>
            {
                let pid = status.as_ref().map_or(0, |status| status.pid);
                let note = format!("pid {pid} has not read everything yet: answering from what is stored");
                session.output.note(&note);
                return reader
                    .map(|reader| Prepared { reader, status })
                    .ok_or_else(|| nothing_stored(target));
            }
            Plan::Wait => waiting.look(session, status.as_ref()),
            Plan::Read(mode) => match Lock::try_acquire(&target.store) {
                Ok(Some(lock)) => return read(session, target, lock, mode, wanted).await,
                // Somebody just took it, and will show up in status.json.
                Ok(None) => waiting.look(session, None),
                Err(error) => {
                    return Prepared::instead(session, Failure::unavailable(error), wanted, reader, status);
                }
            },
        }
        if waiting.is_hopeless() {
            let why = anyhow!("another process holds the index and gives no sign of life");
            let failure = Failure::unavailable(why).advise("look for a stopped kubesift");
            return Prepared::instead(session, failure, wanted, reader, status);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Why the writer that lives can't be asked for a fresh answer.
fn not_fresh(wanted: Wanted, status: Option<&Status>) -> Option<Failure> {
    let status = status.filter(|_| wanted == Wanted::Fresh)?;
    let why = match &status.phase {
        Phase::Offline { error, .. } => format!("is offline: {error}"),
        Phase::Unauthorized { message } => format!("is refused: {message}"),
        Phase::Live if status.is_silent() => "gets no answers".to_owned(),
        Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped => return None,
    };
    Some(Failure::unavailable(anyhow!("pid {}, which keeps the index, {why}", status.pid)))
}

fn facts(target: &Target, wanted: Wanted, reader: Option<&Reader>, status: Option<&Status>) -> Facts {
    let now = now_ms();
    let alive = status.filter(|status| status.is_alive(now));
    let snapshot = reader.map(Reader::snapshot);
    let checkpoint = snapshot.as_ref().map(|snapshot| snapshot.checkpoint());
    let stored = snapshot.filter(|_| reader.is_some_and(holds_anything));
    let settings = &target.settings;
    Facts {
        wanted,
        writer: alive.map(has_read_everything),
        stored: stored.map(|snapshot| snapshot.num_docs()),
        age: checkpoint.and_then(|checkpoint| confirmed(&checkpoint, status)).map(|at| {
            // A clock that was set back makes ages of the future: as good as unknown, so as old as can be.
            u64::try_from(now / 1000 - at).map_or(Duration::MAX, Duration::from_secs)
        }),
        max_age: settings.duration(Key::MaxAge),
        relist_limit: settings.number(Key::RelistLimit),
        wait: settings.duration(Key::Wait),
    }
}

/// Whether any kind was ever read to its end.
pub(super) fn holds_anything(reader: &Reader) -> bool {
    reader.checkpoint().scopes.iter().any(|scope| scope.complete)
}

/// Whether a writer's answer is as good as it gets: its first reads are over, or the server does not let it.
fn has_read_everything(status: &Status) -> bool {
    match status.phase {
        Phase::Connecting => false,
        Phase::Syncing { .. } => status.coverage().pending.is_empty() && !status.kinds.is_empty(),
        Phase::Live | Phase::Offline { .. } | Phase::Unauthorized { .. } | Phase::Stopped => true,
    }
}

// Kinds that the last run could not confirm would not be confirmed by the next one either: they are named, and do
// not make every search wait.
fn confirmed(checkpoint: &Checkpoint, status: Option<&Status>) -> Option<i64> {
    let settled = |kind| {
        let state = status.and_then(|status| status.kind(kind)).map(|kind| &kind.state);
        !matches!(
            state,
            Some(KindState::Stale { .. } | KindState::Failing { .. } | KindState::Forbidden { .. })
        )
    };
    let complete = checkpoint.scopes.iter().filter(|scope| scope.complete && settled(&scope.kind));
    complete.map(|scope| scope.as_of).min()
}

pub(super) fn nothing_stored(target: &Target) -> Failure {
    let coverage = target.status().unwrap_or_default().coverage();
    let (forbidden, failing) = (coverage.forbidden.len(), coverage.failing.len());
    if forbidden + failing > 0 {
        let why = format!("{forbidden} kinds are forbidden, {failing} fail");
        let failure = Failure::unavailable(anyhow!("nothing could be read of {}: {why}", target.name()));
        return failure.advise("kubesift status names the kinds and the reasons");
    }
    let failure = Failure::unavailable(anyhow!("nothing is stored for {} yet", target.name()));
    failure.advise("read it once: kubesift sync")
}

async fn read(
    session: &mut Session<'_>,
    target: &Target,
    lock: Lock,
    mode: Mode,
    wanted: Wanted,
) -> Result<Prepared, Failure> {
    let mut handle = target.start(lock, mode)?;
    let outcome = watch_progress(session, &mut handle).await;
    let status = handle.status();
    let reader = handle.reader();
    for note in &status.notes {
        session.output.note(note);
    }
    let why = match outcome {
        Outcome::Done => return Ok(Prepared { reader, status: Some(status) }),
        Outcome::Unreachable(why) => anyhow!(why).context(format!("can't reach {}", target.name())),
        Outcome::Unauthorized(why) => {
            anyhow!(why).context(format!("{} refuses the credentials", target.name()))
        }
        Outcome::IndexFailed(why) => anyhow!(why).context("the index can't be written"),
        Outcome::MirrorFailed(halt) => return Err(super::mirror::failure(halt)),
    };
    Prepared::instead(session, Failure::unavailable(why), wanted, Some(reader), Some(status))
}

/// Shows the progress of a run until it ends.
async fn watch_progress(session: &mut Session<'_>, handle: &mut crate::engine::Handle) -> Outcome {
    let updates = handle.subscribe();
    let mut progress = session.output.progress();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let finished = handle.finished();
    tokio::pin!(finished);
    loop {
        tokio::select! {
            outcome = &mut finished => return outcome,
            _ = tick.tick() => show(&mut progress, &updates.borrow()),
        }
    }
}

/// Waits for another process, and says so when that takes long enough to wonder.
struct Waiting {
    progress: Progress,
    since: Instant,
    last_sign: Instant,
    said: bool,
}

impl Waiting {
    fn new(session: &Session<'_>) -> Self {
        let now = Instant::now();
        Self { progress: session.output.progress(), since: now, last_sign: now, said: false }
    }

    fn look(&mut self, session: &mut Session<'_>, status: Option<&Status>) {
        let Some(status) = status else { return };
        self.last_sign = Instant::now();
        if !self.said && self.since.elapsed() > Duration::from_millis(500) {
            session.output.note(&format!("following pid {}, which is reading the cluster", status.pid));
            self.said = true;
        }
        show(&mut self.progress, status);
    }

    fn is_hopeless(&self) -> bool {
        self.last_sign.elapsed() > HUNG
    }
}

fn show(progress: &mut Progress, status: &Status) {
    let mirror = status.mirror.as_ref().map(|mirror| &mirror.phase);
    if let Some(MirrorPhase::Comparing { done, total } | MirrorPhase::Writing { done, total }) = mirror {
        let what =
            if matches!(mirror, Some(MirrorPhase::Writing { .. })) { "mirroring" } else { "comparing" };
        progress.update(what, usize::try_from(*done).unwrap_or(0), usize::try_from(*total).unwrap_or(0));
        return;
    }
    match status.phase {
        Phase::Connecting => progress.update("connecting", 0, 0),
        Phase::Syncing { done, total } => progress.update("reading kinds", done, total),
        Phase::Live | Phase::Offline { .. } | Phase::Unauthorized { .. } | Phase::Stopped => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::KindStatus;
    use crate::index::ScopeCheckpoint;
    use crate::object::Scope;

    const FACTS: Facts = Facts {
        wanted: Wanted::Recent,
        writer: None,
        stored: Some(20_000),
        age: Some(Duration::from_secs(60)),
        max_age: Duration::from_secs(30),
        relist_limit: 50_000,
        wait: Duration::from_secs(3),
    };

    #[test]
    fn an_old_index_is_read_again_and_a_large_one_confirmed() {
        let confirm = Plan::Read(Mode::Confirm { wait: Duration::from_secs(3) });
        assert_eq!(FACTS.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { stored: Some(50_000), ..FACTS }.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { stored: Some(50_001), ..FACTS }.plan(), confirm);
        assert_eq!(Facts { stored: None, age: None, ..FACTS }.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { age: None, ..FACTS }.plan(), Plan::Read(Mode::Once));
    }

    #[test]
    fn a_living_writer_or_a_young_index_answers_at_once() {
        assert_eq!(Facts { writer: Some(true), ..FACTS }.plan(), Plan::Answer);
        assert_eq!(Facts { age: Some(Duration::from_secs(29)), ..FACTS }.plan(), Plan::Answer);
        let age = Some(Duration::ZERO);
        assert_eq!(Facts { age, max_age: Duration::ZERO, ..FACTS }.plan(), Plan::Read(Mode::Once));
    }

    #[test]
    fn a_writer_in_its_first_reads_is_waited_for() {
        assert_eq!(Facts { writer: Some(false), ..FACTS }.plan(), Plan::Wait);
        assert_eq!(Facts { writer: Some(true), stored: None, ..FACTS }.plan(), Plan::Wait);
    }

    #[test]
    fn fresh_reads_and_offline_never_does() {
        let fresh = Facts { wanted: Wanted::Fresh, age: Some(Duration::ZERO), ..FACTS };
        assert_eq!(fresh.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { stored: Some(1_000_000), ..fresh }.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { writer: Some(true), ..fresh }.plan(), Plan::Answer);
        let offline = Facts { wanted: Wanted::Offline, ..FACTS };
        assert_eq!(offline.plan(), Plan::Answer);
        assert_eq!(Facts { writer: Some(false), ..offline }.plan(), Plan::Answer);
        assert_eq!(Facts { stored: None, ..offline }.plan(), Plan::Nothing);
    }

    #[test]
    fn a_writer_that_gets_no_answers_gives_none_that_is_fresh() {
        let of = |state| {
            let kinds = vec![KindStatus::new("nodes".into(), state)];
            Status { phase: Phase::Live, kinds, ..Status::default() }
        };
        let failing = of(KindState::Failing { error: "no answer within 60 s".into() });
        assert!(not_fresh(Wanted::Fresh, Some(&failing)).is_some());
        assert!(not_fresh(Wanted::Recent, Some(&failing)).is_none());
        assert!(not_fresh(Wanted::Fresh, Some(&of(KindState::Complete))).is_none());
    }

    #[test]
    fn the_oldest_confirmed_kind_gives_the_age() {
        let scope = |kind: &str, complete, as_of| ScopeCheckpoint {
            kind: kind.into(),
            scope: Scope::All,
            api: String::new(),
            version: None,
            complete,
            as_of,
            forbidden_since: None,
        };
        let scopes = vec![scope("pods", true, 90), scope("nodes", true, 80), scope("jobs.batch", false, 10)];
        let checkpoint = Checkpoint { scopes, ..Checkpoint::default() };
        assert_eq!(confirmed(&checkpoint, None), Some(80));
        let stale = KindStatus::new("nodes".into(), KindState::Stale { since_ms: 0 });
        let status = Status { kinds: vec![stale], ..Status::default() };
        assert_eq!(confirmed(&checkpoint, Some(&status)), Some(90));
        assert_eq!(confirmed(&Checkpoint::default(), None), None);
    }
}
