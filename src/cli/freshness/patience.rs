//! How long is waited: for a run of this process, and for another process that reads. Every wait ends.

use std::time::Duration;

use tokio::time::Instant;

use super::super::output::Progress;
use super::super::session::Session;
use super::plan::{Wanted, Writer};
use crate::engine::status::{KindState, Phase, Status};
use crate::mirror::MirrorPhase;
use crate::object::KindKey;

/// A process that holds the index this long without a sign of life hangs, or was stopped by hand.
const HUNG: Duration = Duration::from_secs(10);
/// A writer that has read all it may and has nothing: what it read may not be committed yet.
const COMMIT: Duration = Duration::from_secs(2);
/// A writer that gets no further for this long is waited for no longer, however fresh the answer has to be.
const STUCK: Duration = Duration::from_secs(60);
/// Nor one that is not through after this time.
const LONGEST: Duration = Duration::from_secs(900);

/// Whether anything moves.
#[derive(Debug)]
struct Pulse {
    seen: Option<(Phase, usize, u64, u64)>,
    at: Instant,
}

impl Pulse {
    fn new() -> Self {
        Self { seen: None, at: Instant::now() }
    }

    /// How long nothing has come of what is waited for: no kind got ready, not a byte arrived.
    fn quiet(&mut self, status: &Status) -> Duration {
        let pending = status.kinds.iter().filter(|kind| is_pending(&kind.state));
        let (waiting, bytes) = pending.fold((0, 0), |(n, bytes), kind| (n + 1, bytes + kind.bytes));
        let now = Some((status.phase.clone(), waiting, bytes, status.objects));
        if now != self.seen {
            (self.seen, self.at) = (now, Instant::now());
        }
        self.at.elapsed()
    }
}

/// Not through with its first read in this run, whatever is held of it from before.
fn is_pending(state: &KindState) -> bool {
    match state {
        KindState::Waiting | KindState::Listing | KindState::Stale { .. } => true,
        KindState::Complete
        | KindState::Polled
        | KindState::Failing { .. }
        | KindState::Forbidden { .. }
        | KindState::Excluded { .. }
        | KindState::Gone => false,
    }
}

/// Patience with a run of this process. Its readers have deadlines of their own; an answer that is wanted soon does not
/// wait for those of kinds that are held from before, or that failed the last time too.
pub(crate) struct Patience {
    wanted: Wanted,
    wait: Duration,
    /// Whether there is anything to answer from.
    stored: bool,
    failed: Vec<KindKey>,
    started: Instant,
    pulse: Pulse,
}

impl Patience {
    /// `last` is what the run before this one said.
    pub(crate) fn new(wanted: Wanted, wait: Duration, stored: bool, last: Option<&Status>) -> Self {
        let kinds = last.into_iter().flat_map(|status| &status.kinds);
        let failed = kinds.filter(|kind| matches!(kind.state, KindState::Failing { .. }));
        let failed = failed.map(|kind| kind.kind.clone()).collect();
        Self { wanted, wait, stored, failed, started: Instant::now(), pulse: Pulse::new() }
    }

    /// Whether it is at an end.
    pub(crate) fn is_over(&mut self, status: &Status) -> bool {
        let quiet = self.pulse.quiet(status);
        match self.wanted {
            Wanted::Fresh => false,
            Wanted::Again => self.started.elapsed() >= self.wait,
            Wanted::Recent | Wanted::Offline => quiet >= self.wait && self.can_do_without(status),
        }
    }

    /// Whether what is still missing is there from before, or was missing then too.
    fn can_do_without(&self, status: &Status) -> bool {
        match status.phase {
            Phase::Connecting => self.stored,
            Phase::Syncing { .. } => status.coverage().pending.iter().all(|kind| self.failed.contains(kind)),
            Phase::Live
            | Phase::Offline { .. }
            | Phase::Unwritable { .. }
            | Phase::Unauthorized { .. }
            | Phase::Stopped => true,
        }
    }
}

/// Waits for another process, and says so when that takes long enough to wonder.
pub(super) struct Waiting {
    wanted: Wanted,
    wait: Duration,
    progress: Progress,
    since: Instant,
    last_sign: Instant,
    ready: Option<Instant>,
    pulse: Pulse,
    said: bool,
}

impl Waiting {
    pub(super) fn new(session: &Session<'_>, wanted: Wanted, wait: Duration) -> Self {
        let now = Instant::now();
        let (progress, pulse) = (session.output.progress(), Pulse::new());
        Self { wanted, wait, progress, since: now, last_sign: now, ready: None, pulse, said: false }
    }

    /// Whether this writer is waited for no longer.
    pub(super) fn is_over(&mut self, status: &Status, writer: Writer, stored: bool, now_ms: i64) -> bool {
        let quiet = self.pulse.quiet(status);
        let soon = matches!(self.wanted, Wanted::Recent | Wanted::Again) && stored;
        match writer {
            Writer::Ready => self.ready.get_or_insert_with(Instant::now).elapsed() >= COMMIT,
            // What it could not read in that time hangs: nobody waits for it again and again.
            Writer::Reading if soon => {
                let running = u64::try_from(now_ms - status.started_ms).unwrap_or(0);
                self.since.elapsed() >= self.wait || Duration::from_millis(running) >= self.wait
            }
            Writer::Reading => quiet >= STUCK || self.since.elapsed() >= LONGEST,
        }
    }

    pub(super) fn look(&mut self, session: &mut Session<'_>, status: Option<&Status>) {
        let Some(status) = status else { return };
        self.last_sign = Instant::now();
        if !self.said && self.since.elapsed() > Duration::from_millis(500) {
            session.output.note(&format!("following pid {}, which is reading the cluster", status.pid));
            self.said = true;
        }
        show(&mut self.progress, status);
    }

    /// Whether whoever holds the index is dead or asleep. Who has something to answer from does not wait long to know.
    pub(super) fn is_hopeless(&self, stored: bool) -> bool {
        let soon = matches!(self.wanted, Wanted::Recent | Wanted::Again) && stored;
        self.last_sign.elapsed() > if soon { self.wait.min(HUNG) } else { HUNG }
    }
}

/// How far a run is.
pub(super) fn show(progress: &mut Progress, status: &Status) {
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
        Phase::Live
        | Phase::Offline { .. }
        | Phase::Unwritable { .. }
        | Phase::Unauthorized { .. }
        | Phase::Stopped => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::KindStatus;

    const WAIT: Duration = Duration::from_secs(3);
    const A_MOMENT: Duration = Duration::from_millis(100);

    fn syncing(kinds: &[(&str, KindState, u64)]) -> Status {
        let kinds = kinds.iter().map(|(kind, state, bytes)| KindStatus {
            bytes: *bytes,
            ..KindStatus::new((*kind).into(), state.clone())
        });
        let phase = Phase::Syncing { done: 1, total: 2 };
        Status { phase, kinds: kinds.collect(), ..Status::default() }
    }

    fn stale() -> KindState {
        KindState::Stale { since_ms: 0 }
    }

    /// Looks at the same status until patience is over; how long that took.
    async fn lasts(mut patience: Patience, status: &Status) -> Option<Duration> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(3_600) {
            if patience.is_over(status) {
                return Some(started.elapsed());
            }
            tokio::time::sleep(A_MOMENT).await;
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_that_is_held_or_failed_before_is_not_waited_for() {
        let held = syncing(&[("pods", KindState::Complete, 9), ("nodes", stale(), 0)]);
        assert_eq!(lasts(Patience::new(Wanted::Recent, WAIT, true, None), &held).await, Some(WAIT));
        let new = syncing(&[("pods", KindState::Complete, 9), ("nodes", KindState::Listing, 0)]);
        assert_eq!(lasts(Patience::new(Wanted::Recent, WAIT, true, None), &new).await, None);
        let failing = syncing(&[("nodes", KindState::Failing { error: "no answer".into() }, 0)]);
        let patience = Patience::new(Wanted::Recent, WAIT, true, Some(&failing));
        assert_eq!(lasts(patience, &new).await, Some(WAIT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_arrives_is_waited_for() {
        let mut patience = Patience::new(Wanted::Recent, WAIT, true, None);
        for bytes in 0..100 {
            assert!(!patience.is_over(&syncing(&[("nodes", stale(), bytes)])));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(patience.is_over(&syncing(&[("nodes", stale(), 99)])));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_is_waited_for_as_long_as_nothing_is_stored() {
        let connecting = Status::default();
        let recent = |stored| Patience::new(Wanted::Recent, WAIT, stored, None);
        assert_eq!(lasts(recent(true), &connecting).await, Some(WAIT));
        assert_eq!(lasts(recent(false), &connecting).await, None, "the run ends by itself");
    }

    #[tokio::test(start_paused = true)]
    async fn asking_again_takes_a_moment_and_fresh_answers_their_time() {
        let new = syncing(&[("nodes", KindState::Listing, 0)]);
        assert_eq!(lasts(Patience::new(Wanted::Again, WAIT, true, None), &new).await, Some(WAIT));
        assert_eq!(lasts(Patience::new(Wanted::Fresh, WAIT, true, None), &new).await, None);
    }

    fn waiting(wanted: Wanted) -> Waiting {
        let (now, pulse) = (Instant::now(), Pulse::new());
        let progress = super::super::super::output::Output::silent().progress();
        Waiting { wanted, wait: WAIT, progress, since: now, last_sign: now, ready: None, pulse, said: false }
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_has_run_for_a_while_is_not_waited_for() {
        let status = Status { started_ms: 10_000, ..syncing(&[("nodes", KindState::Listing, 0)]) };
        let mut recent = waiting(Wanted::Recent);
        assert!(recent.is_over(&status, Writer::Reading, true, 13_000));
        assert!(!recent.is_over(&status, Writer::Reading, true, 12_000));
        assert!(!recent.is_over(&status, Writer::Reading, false, 99_000), "there is nothing to answer from");
        tokio::time::sleep(WAIT).await;
        assert!(recent.is_over(&status, Writer::Reading, true, 12_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_is_stuck_is_given_up_whatever_is_wanted() {
        let status = syncing(&[("nodes", KindState::Listing, 0)]);
        for wanted in [Wanted::Fresh, Wanted::Recent] {
            let mut waiting = waiting(wanted);
            let mut waited = Duration::ZERO;
            while !waiting.is_over(&status, Writer::Reading, false, 0) {
                waited += A_MOMENT;
                tokio::time::sleep(A_MOMENT).await;
            }
            assert_eq!(waited, STUCK);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_crawls_is_given_up_in_the_end() {
        let mut waiting = waiting(Wanted::Fresh);
        let mut bytes = 0;
        let started = Instant::now();
        while !waiting.is_over(&syncing(&[("nodes", KindState::Listing, bytes)]), Writer::Reading, false, 0) {
            bytes += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(started.elapsed(), LONGEST);
    }
}
