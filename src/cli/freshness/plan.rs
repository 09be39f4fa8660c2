//! What is done for an answer, decided from a few facts. Pure.

use std::time::Duration;

use crate::engine::Mode;
use crate::engine::status::{KindState, Phase, Status};
use crate::index::Checkpoint;

/// How fresh the answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whatever is stored.
    Offline,
    /// As young as the settings say.
    Recent,
    /// Read again, for a moment: what is stored knows nothing of what was asked for.
    Again,
    /// Read again now, or fail: what is stored is no substitute.
    Fresh,
}

/// What to do for an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The index as it is.
    Answer,
    /// Nothing is stored, and nothing may be read.
    Nothing,
    /// Another process is reading everything for the first time.
    Wait,
    /// Become the writer.
    Read(Mode),
}

/// What a writer that lives is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// Its first reads: whoever waits gets a better answer.
    Reading,
    /// Its answer is as good as it gets.
    Ready,
}

/// What the plan depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) wanted: Wanted,
    /// The writer, if one lives.
    pub(super) writer: Option<Writer>,
    /// No longer time is spent on waiting for it.
    pub(super) waited: bool,
    /// Whether there is an index, however little it holds.
    pub(super) index: bool,
    /// How much is stored, if anything.
    pub(super) stored: Option<u64>,
    /// How long ago all that is confirmed was confirmed.
    pub(super) age: Option<Duration>,
    pub(super) max_age: Duration,
    pub(super) relist_limit: u64,
    pub(super) wait: Duration,
}

/// Data of this age may lack what was just made. Ages are whole seconds: one of 1 s is up to two seconds old.
const NOW: Duration = Duration::from_secs(1);

impl Facts {
    /// Whether an answer from what is stored may lack what was just made.
    pub(super) fn may_lack_news(self) -> bool {
        let old = self.age.is_none_or(|age| age >= NOW);
        self.writer.is_none() && self.wanted == Wanted::Recent && old
    }

    pub(super) fn plan(self) -> Plan {
        let young = self.age.is_some_and(|age| age < self.max_age);
        let confirm = self.stored.is_some_and(|objects| objects > self.relist_limit);
        match (self.wanted, self.writer) {
            (Wanted::Offline, _) if self.stored.is_some() => Plan::Answer,
            (Wanted::Offline, _) => Plan::Nothing,
            // It is up to date within moments, whatever is asked for: nobody can read fresher.
            (_, Some(Writer::Ready)) if self.stored.is_some() => Plan::Answer,
            (_, Some(_)) if !self.waited => Plan::Wait,
            // A writer that may read nothing has said so by now; one that reads has a part to answer from.
            (_, Some(Writer::Ready)) if self.index => Plan::Answer,
            (_, Some(_)) if self.stored.is_some() => Plan::Answer,
            (_, Some(_)) => Plan::Nothing,
            (Wanted::Recent, None) if young => Plan::Answer,
            (Wanted::Recent | Wanted::Again, None) if confirm => {
                Plan::Read(Mode::Confirm { wait: self.wait })
            }
            (_, None) => Plan::Read(Mode::Once),
        }
    }
}

/// Whether a writer's answer is as good as it gets: its first reads are over, or the server does not let it.
pub(super) fn writer(status: &Status) -> Writer {
    match status.phase {
        Phase::Connecting | Phase::Syncing { .. } => Writer::Reading,
        Phase::Live
        | Phase::Offline { .. }
        | Phase::Unwritable { .. }
        | Phase::Unauthorized { .. }
        | Phase::Stopped => Writer::Ready,
    }
}

/// The time that what is stored was true at; `None` where that is not known, or a kind is missing that the last run had
/// no time for. Kinds that it could not confirm would not be confirmed by the next one either: they are named, and do
/// not make every search wait.
pub(super) fn confirmed(checkpoint: &Checkpoint, status: Option<&Status>) -> Option<i64> {
    if status.is_some_and(|status| !status.coverage().pending.is_empty()) {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::KindStatus;
    use crate::index::ScopeCheckpoint;
    use crate::object::Scope;

    const WAIT: Duration = Duration::from_secs(3);
    const FACTS: Facts = Facts {
        wanted: Wanted::Recent,
        writer: None,
        waited: false,
        index: true,
        stored: Some(20_000),
        age: Some(Duration::from_secs(60)),
        max_age: Duration::from_secs(30),
        relist_limit: 50_000,
        wait: WAIT,
    };

    #[test]
    fn an_old_index_is_read_again_and_a_large_one_confirmed() {
        let confirm = Plan::Read(Mode::Confirm { wait: WAIT });
        assert_eq!(FACTS.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { stored: Some(50_000), ..FACTS }.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { stored: Some(50_001), ..FACTS }.plan(), confirm);
        assert_eq!(Facts { stored: None, age: None, ..FACTS }.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { age: None, ..FACTS }.plan(), Plan::Read(Mode::Once));
    }

    #[test]
    fn a_living_writer_or_a_young_index_answers_at_once() {
        assert_eq!(Facts { writer: Some(Writer::Ready), ..FACTS }.plan(), Plan::Answer);
        assert_eq!(Facts { age: Some(Duration::from_secs(29)), ..FACTS }.plan(), Plan::Answer);
        let age = Some(Duration::ZERO);
        assert_eq!(Facts { age, max_age: Duration::ZERO, ..FACTS }.plan(), Plan::Read(Mode::Once));
    }

    #[test]
    fn what_is_older_than_a_second_may_lack_what_was_just_made() {
        let aged = |seconds| Facts { age: Some(Duration::from_secs(seconds)), ..FACTS }.may_lack_news();
        assert_eq!((aged(0), aged(1), aged(60)), (false, true, true));
        assert!(Facts { age: None, ..FACTS }.may_lack_news());
        assert!(!Facts { writer: Some(Writer::Ready), ..FACTS }.may_lack_news());
        assert!(!Facts { wanted: Wanted::Again, ..FACTS }.may_lack_news());
    }

    #[test]
    fn a_writer_in_its_first_reads_is_waited_for_and_not_for_ever() {
        let reading = Facts { writer: Some(Writer::Reading), ..FACTS };
        assert_eq!(reading.plan(), Plan::Wait);
        assert_eq!(Facts { waited: true, ..reading }.plan(), Plan::Answer);
        assert_eq!(Facts { wanted: Wanted::Fresh, waited: true, ..reading }.plan(), Plan::Answer);
        let empty = Facts { stored: None, ..reading };
        assert_eq!(empty.plan(), Plan::Wait);
        assert_eq!(Facts { waited: true, ..empty }.plan(), Plan::Nothing);
    }

    #[test]
    fn a_writer_that_may_read_nothing_answers_nothing() {
        let empty = Facts { writer: Some(Writer::Ready), stored: None, ..FACTS };
        assert_eq!(empty.plan(), Plan::Wait, "its last commit may be on its way");
        assert_eq!(Facts { waited: true, ..empty }.plan(), Plan::Answer);
        assert_eq!(Facts { waited: true, index: false, ..empty }.plan(), Plan::Nothing);
    }

    #[test]
    fn fresh_reads_and_offline_never_does() {
        let fresh = Facts { wanted: Wanted::Fresh, age: Some(Duration::ZERO), ..FACTS };
        assert_eq!(fresh.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { stored: Some(1_000_000), ..fresh }.plan(), Plan::Read(Mode::Once));
        assert_eq!(Facts { writer: Some(Writer::Ready), ..fresh }.plan(), Plan::Answer);
        let offline = Facts { wanted: Wanted::Offline, ..FACTS };
        assert_eq!(offline.plan(), Plan::Answer);
        assert_eq!(Facts { writer: Some(Writer::Reading), ..offline }.plan(), Plan::Answer);
        assert_eq!(Facts { stored: None, ..offline }.plan(), Plan::Nothing);
    }

    #[test]
    fn asking_again_reads_however_young_the_index_is() {
        let again = Facts { wanted: Wanted::Again, age: Some(Duration::from_secs(2)), ..FACTS };
        assert_eq!(again.plan(), Plan::Read(Mode::Once));
        let large = Facts { stored: Some(1_000_000), ..again };
        assert_eq!(large.plan(), Plan::Read(Mode::Confirm { wait: WAIT }));
    }

    fn status(phase: Phase, kinds: &[(&str, KindState)]) -> Status {
        let kinds = kinds.iter().map(|(kind, state)| KindStatus::new((*kind).into(), state.clone()));
        Status { phase, kinds: kinds.collect(), ..Status::default() }
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
            forbidden_s: None,
            regressed: false,
        };
        let scopes = vec![scope("pods", true, 90), scope("nodes", true, 80), scope("jobs.batch", false, 10)];
        let checkpoint = Checkpoint { scopes, ..Checkpoint::default() };
        assert_eq!(confirmed(&checkpoint, None), Some(80));
        let stale = status(Phase::Stopped, &[("nodes", KindState::Stale { since_ms: 0 })]);
        assert_eq!(confirmed(&checkpoint, Some(&stale)), Some(90));
        assert_eq!(confirmed(&Checkpoint::default(), None), None);
        let cut_off = status(Phase::Syncing { done: 2, total: 3 }, &[("jobs.batch", KindState::Listing)]);
        assert_eq!(confirmed(&checkpoint, Some(&cut_off)), None, "a run that was killed in its first reads");
    }
}
