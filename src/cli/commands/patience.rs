//! Waiting for the mirror of another process: how long, and why no longer.

use crate::mirror::{MirrorPhase, MirrorStatus};

/// A mirror that fails, or may not write, is waited for this long.
const TROUBLED_MS: i64 = 10_000;
/// One in which nothing moves, this long: a foreign hand in the collection puts its work off for longer than a person waits.
const STILL_MS: i64 = 120_000;

/// Waits for one mirror.
#[derive(Debug)]
pub(super) struct Patience {
    started: i64,
    /// What moved last, and when.
    moved: (Option<i64>, Option<(u64, u64)>),
    moved_at: i64,
}

/// What a look came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// All that the index had when the waiting began is written, as far as it can be.
    Done,
    /// It goes on.
    On,
    /// Nothing will come of it soon.
    Over(String),
}

impl Patience {
    pub(super) fn new(now_ms: i64) -> Self {
        Self { started: now_ms, moved: (None, None), moved_at: now_ms }
    }

    pub(super) fn look(&mut self, now_ms: i64, mirror: &MirrorStatus) -> Waiting {
        if mirror.caught_up_ms.is_some_and(|at| at >= self.started) {
            return Waiting::Done;
        }
        let trouble = if let MirrorPhase::Passive { writer } = &mirror.phase {
            Some(format!("another kubesift (writer {writer}) keeps this collection"))
        } else {
            mirror.trouble().map(str::to_owned)
        };
        if let Some(why) = trouble
            && now_ms - self.started > TROUBLED_MS
        {
            return Waiting::Over(why);
        }
        let at = if let MirrorPhase::Comparing { done, .. } = mirror.phase {
            Some((0, done))
        } else if let MirrorPhase::Writing { done, .. } = mirror.phase {
            Some((1, done))
        } else {
            None
        };
        // That it only stands still again is no move.
        if mirror.caught_up_ms != self.moved.0 || (at.is_some() && at != self.moved.1) {
            (self.moved, self.moved_at) = ((mirror.caught_up_ms, at.or(self.moved.1)), now_ms);
        }
        if now_ms - self.moved_at < STILL_MS {
            return Waiting::On;
        }
        let lacks = mirror.lacks.join(", ");
        Waiting::Over(match lacks.is_empty() {
            true => format!("nothing has moved for {} s, it is {}", STILL_MS / 1_000, mirror.state()),
            false => format!("nothing has moved for {} s: {lacks}", STILL_MS / 1_000),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(phase: MirrorPhase, caught_up_ms: Option<i64>) -> MirrorStatus {
        MirrorStatus { phase, caught_up_ms, ..MirrorStatus::default() }
    }

    /// Looks each second until it ends; when that was, and how.
    fn wait(shown: impl Fn(i64) -> MirrorStatus) -> (i64, Waiting) {
        let mut patience = Patience::new(1_000_000);
        for second in 0..4_000 {
            let waiting = patience.look(1_000_000 + second * 1_000, &shown(second));
            if waiting != Waiting::On {
                return (second, waiting);
            }
        }
        (4_000, Waiting::On)
    }

    #[test]
    fn every_wait_for_another_mirror_ends() {
        let passive = || MirrorPhase::Passive { writer: "w".into() };
        let failing = || MirrorPhase::Failing { since_ms: 0, error: "no".into() };
        for phase in [passive(), failing(), MirrorPhase::Refused { why: "no".into() }] {
            let (second, ended) = wait(|_| mirror(phase.clone(), Some(0)));
            assert!(second == 11 && matches!(ended, Waiting::Over(_)), "{phase:?}: {second} {ended:?}");
        }
        let still = [MirrorPhase::Connecting, MirrorPhase::Claiming, MirrorPhase::Live];
        for phase in still.into_iter().chain([MirrorPhase::Comparing { done: 7, total: 9 }]) {
            let (second, ended) = wait(|_| mirror(phase.clone(), None));
            assert!(second == 120 && matches!(ended, Waiting::Over(_)), "{phase:?}: {second} {ended:?}");
        }
        let lacks = vec!["somebody else wrote into the collection".to_owned()];
        let (_, ended) = wait(|_| MirrorStatus { lacks: lacks.clone(), ..mirror(MirrorPhase::Live, None) });
        assert!(matches!(&ended, Waiting::Over(why) if why.contains("somebody else")), "{ended:?}");
    }

    #[test]
    fn what_moves_is_waited_for() {
        let writing = |second: i64| MirrorPhase::Writing { done: second.unsigned_abs() / 60, total: 99 };
        let (second, ended) = wait(|second| match second {
            0..2_000 => mirror(writing(second), None),
            // Behind by a minute, and it follows.
            second => mirror(MirrorPhase::Live, Some(1_000_000 + (second - 2_060) * 1_000)),
        });
        assert_eq!((second, ended), (2_060, Waiting::Done));
    }
}
