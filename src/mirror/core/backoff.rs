//! How long to wait after a failure.

use std::time::Duration;

use crate::mirror::Reaction;

/// The first pause.
const FIRST: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);
/// Where a person has to do something first.
const ASKED: Duration = Duration::from_secs(60);

/// The longest before everything is read again only to find that nothing can be written.
const LONGEST_UNFINISHED: Duration = Duration::from_secs(300);

/// The pause before another comparison, after so many that could not be finished.
pub fn unfinished(times: u32) -> Duration {
    if times < 2 {
        return Duration::ZERO;
    }
    Duration::from_secs(1 << times.min(10)).min(LONGEST_UNFINISHED)
}

/// Growing pauses with jitter.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After a success the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The pause after a failure; `chance` from 0 to 1 spreads clients that failed together.
    pub fn pause(&mut self, reaction: Reaction, chance: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let grown = FIRST.saturating_mul(1 << self.failures.saturating_sub(1).min(10)).min(LONGEST);
        let jittered = grown.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        match reaction {
            Reaction::Retry(Some(asked)) => jittered.max(asked.min(Duration::from_secs(300))),
            Reaction::Ask | Reaction::Isolate => {
                if self.failures > 3 {
                    ASKED
                } else {
                    jittered.max(FIRST)
                }
            }
            Reaction::Retry(None) | Reaction::Reconnect | Reaction::Split | Reaction::Reopen => jittered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_that_are_never_finished_end_in_pauses_of_minutes() {
        let pauses: Vec<_> = (0..12).map(|times| unfinished(times).as_secs()).collect();
        assert_eq!(pauses, [0, 0, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn pauses_grow_to_half_a_minute_and_heed_the_server() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..9).map(|_| backoff.pause(Reaction::Reconnect, 1.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        backoff.reset();
        assert_eq!(backoff.pause(Reaction::Retry(None), 0.0).as_millis(), 250);
        let asked = Reaction::Retry(Some(Duration::from_secs(7)));
        assert_eq!(backoff.pause(asked, 0.5).as_secs(), 7);
        assert_eq!((0..5).map(|_| backoff.pause(Reaction::Ask, 0.5)).last(), Some(ASKED));
    }
}
