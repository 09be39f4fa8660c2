//! Brings the index up to date for one answer, with as little work as the promise allows: not at all while a writer
//! lives or the index is young, else by reading the cluster as its writer.

mod again;
mod patience;
mod plan;

use std::time::Duration;

use anyhow::anyhow;

use super::clock::now_ms;
use super::coverage::trouble;
use super::failure::Failure;
use super::session::Session;
use super::settings::Key;
use super::target::Target;
use crate::engine::status::{Phase, Status};
use crate::engine::{Handle, Mode, Outcome};
use crate::index::{Lock, Reader};
pub(super) use again::may_read;
pub(super) use patience::Patience;
use patience::{Waiting, show};
pub(super) use plan::Wanted;
use plan::{Facts, Plan, confirmed};

/// How often another process's progress is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often this process's own is.
const TICK: Duration = Duration::from_millis(100);

/// An index to answer from.
pub(super) struct Prepared {
    /// Its last commit.
    pub(super) reader: Reader,
    /// What the writer said about it.
    pub(super) status: Option<Status>,
    /// Nobody keeps it up to date, it was not read just now, and it could be.
    pub(super) may_lack_news: bool,
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
        Ok(Self { reader, status, may_lack_news: false })
    }
}

/// Makes the index as fresh as wanted.
pub(super) async fn prepare(
    session: &mut Session<'_>,
    target: &Target,
    wanted: Wanted,
) -> Result<Prepared, Failure> {
    let wanted = if target.access.is_none() { Wanted::Offline } else { wanted };
    let mut waiting = Waiting::new(session, wanted, target.settings.duration(Key::Wait));
    loop {
        let (reader, status) = (target.reader()?, target.status());
        let facts = facts(target, wanted, reader.as_ref(), status.as_ref(), &mut waiting);
        match facts.plan() {
            Plan::Answer => return answer(session, target, reader, status, &facts),
            Plan::Nothing => return Err(nothing_stored(target)),
            Plan::Wait => {
                if let Some(failure) = not_fresh(wanted, status.as_ref()) {
                    return Err(failure);
                }
                waiting.look(session, status.as_ref());
            }
            Plan::Read(mode) => match Lock::try_acquire(&target.store) {
                Ok(Some(lock)) => return read(session, target, lock, mode, &facts).await,
                // Somebody just took it, and will show up in status.json.
                Ok(None) => waiting.look(session, None),
                Err(error) => {
                    return Prepared::instead(session, Failure::unavailable(error), wanted, reader, status);
                }
            },
        }
        if waiting.is_hopeless(facts.stored.is_some()) {
            let why = anyhow!("another process holds the index and gives no sign of life");
            let failure = Failure::unavailable(why).advise("look for a stopped kubesift");
            return Prepared::instead(session, failure, wanted, reader, status);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// From what is there.
fn answer(
    session: &mut Session<'_>,
    target: &Target,
    reader: Option<Reader>,
    status: Option<Status>,
    facts: &Facts,
) -> Result<Prepared, Failure> {
    if facts.writer.is_some()
        && let Some(failure) = not_fresh(facts.wanted, status.as_ref())
    {
        return Err(failure);
    }
    if facts.writer == Some(plan::Writer::Reading) && facts.wanted != Wanted::Offline {
        let pid = status.as_ref().map_or(0, |status| status.pid);
        session.output.note(&format!("pid {pid} has not read everything yet: answering from what is stored"));
    }
    let reader = reader.ok_or_else(|| nothing_stored(target))?;
    Ok(Prepared { reader, status, may_lack_news: facts.may_lack_news() })
}

/// Why the writer that lives can't be asked for a fresh answer.
fn not_fresh(wanted: Wanted, status: Option<&Status>) -> Option<Failure> {
    let status = status.filter(|_| wanted == Wanted::Fresh)?;
    let why = match &status.phase {
        Phase::Offline { error, .. } => format!("is offline: {error}"),
        Phase::Unwritable { error, .. } => format!("can't write it: {error}"),
        Phase::Unauthorized { message } => format!("is refused: {message}"),
        Phase::Live if status.is_silent() => "gets no answers".to_owned(),
        Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped => return None,
    };
    Some(Failure::unavailable(anyhow!("pid {}, which keeps the index, {why}", status.pid)))
}

fn facts(
    target: &Target,
    wanted: Wanted,
    reader: Option<&Reader>,
    status: Option<&Status>,
    waiting: &mut Waiting,
) -> Facts {
    let now = now_ms();
    let alive = status.filter(|status| status.is_alive(now));
    let snapshot = reader.map(Reader::snapshot);
    let checkpoint = snapshot.as_ref().map(|snapshot| snapshot.checkpoint());
    let stored = snapshot.filter(|_| reader.is_some_and(holds_anything));
    let settings = &target.settings;
    let writer = alive.map(plan::writer);
    let waited = alive
        .zip(writer)
        .is_some_and(|(status, writer)| waiting.is_over(status, writer, stored.is_some(), now));
    Facts {
        wanted,
        writer,
        waited,
        index: reader.is_some(),
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

/// Whether there is anything to answer from: objects, or a kind that was read to its end and has none.
pub(super) fn holds_anything(reader: &Reader) -> bool {
    let snapshot = reader.snapshot();
    snapshot.num_docs() > 0 || snapshot.checkpoint().scopes.iter().any(|scope| scope.complete)
}

pub(super) fn nothing_stored(target: &Target) -> Failure {
    let status = target.status().unwrap_or_default();
    if status.is_alive(now_ms())
        && let Some(why) = trouble(&status)
    {
        let why = anyhow!("nothing is stored for {} yet, and {why}", target.name());
        return Failure::unavailable(why).advise("kubesift status says more");
    }
    let coverage = status.coverage();
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
    facts: &Facts,
) -> Result<Prepared, Failure> {
    let (client, last) = (target.client()?, target.status());
    let mut handle = target.start(lock, mode)?;
    let patience = async {
        // A person who is asked for a password takes all the time they need; then the clock starts.
        client.log_in().await;
        Patience::new(facts.wanted, facts.wait, facts.stored.is_some(), last.as_ref())
    };
    let outcome = watch_progress(session, &mut handle, patience, facts.wait).await;
    let status = handle.status();
    let reader = handle.reader();
    for note in &status.notes {
        session.output.note(note);
    }
    let why = match outcome {
        Outcome::Done => return Ok(Prepared { reader, status: Some(status), may_lack_news: false }),
        Outcome::Unreachable(why) => anyhow!(why).context(format!("can't reach {}", target.name())),
        Outcome::Unauthorized(why) => {
            anyhow!(why).context(format!("{} refuses the credentials", target.name()))
        }
        Outcome::IndexFailed(why) => anyhow!(why).context("the index can't be written"),
        Outcome::MirrorFailed(halt) => return Err(super::mirror::failure(halt)),
    };
    Prepared::instead(session, Failure::unavailable(why), facts.wanted, Some(reader), Some(status))
}

/// Shows the progress of a run until it ends, or patience does: then what has not answered is told so.
async fn watch_progress(
    session: &mut Session<'_>,
    handle: &mut Handle,
    patience: impl Future<Output = Patience>,
    wait: Duration,
) -> Outcome {
    let updates = handle.subscribe();
    let mut progress = session.output.progress();
    let connecting = {
        let over = async {
            let mut patience = patience.await;
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                let status = updates.borrow().clone();
                if patience.is_over(&status) {
                    break status.phase == Phase::Connecting;
                }
            }
        };
        let finished = handle.finished();
        tokio::pin!(over, finished);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                outcome = &mut finished => return outcome,
                connecting = &mut over => break connecting,
                _ = tick.tick() => show(&mut progress, &updates.borrow()),
            }
        }
    };
    let why = format!("no answer within {} s", wait.as_secs_f32());
    match handle.give_up(&why).await {
        Outcome::Done if connecting => Outcome::Unreachable(why),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::{KindState, KindStatus};

    fn of(phase: Phase, state: KindState) -> Status {
        Status { pid: 7, phase, kinds: vec![KindStatus::new("nodes".into(), state)], ..Status::default() }
    }

    #[test]
    fn a_writer_that_gets_no_answers_gives_none_that_is_fresh() {
        let failing = of(Phase::Live, KindState::Failing { error: "no answer within 60 s".into() });
        assert!(not_fresh(Wanted::Fresh, Some(&failing)).is_some());
        assert!(not_fresh(Wanted::Recent, Some(&failing)).is_none());
        assert!(not_fresh(Wanted::Fresh, Some(&of(Phase::Live, KindState::Complete))).is_none());
    }
}
