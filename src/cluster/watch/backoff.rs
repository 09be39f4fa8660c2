//! Growing pauses with full jitter, so that a thousand readers do not come back at the same moment.

use std::time::Duration;

use crate::text::Clock;

/// Pauses that double from a first one to a longest one.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    leapt: bool,
    clock: Clock,
}

impl Backoff {
    /// Starts at `first`, never longer than `longest`.
    pub fn new((first, longest): (Duration, Duration), clock: &Clock) -> Self {
        Self { first, longest, next: first, leapt: false, clock: clock.clone() }
    }

    /// The next pause: between half of it and all of it.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(self.clock.chance(0.5..1.0))
    }

    /// The next pause; none before the first try since things worked.
    pub fn leap(&mut self) -> Duration {
        if std::mem::replace(&mut self.leapt, true) { self.pause() } else { Duration::ZERO }
    }

    /// Things work again: the next pause is the first one.
    pub fn reset(&mut self) {
        (self.next, self.leapt) = (self.first, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew_after_a_reset() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_millis(350));
        let mut backoff = Backoff::new((first, longest), &Clock::system());
        let bounds = [100, 200, 350, 350].map(Duration::from_millis);
        for bound in bounds {
            let pause = backoff.pause();
            assert!(pause >= bound / 2 && pause <= bound, "{pause:?} is not within {bound:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= first);
        backoff.reset();
        assert_eq!(backoff.leap(), Duration::ZERO);
        let second = backoff.leap();
        assert!(second >= first / 2 && second <= first && backoff.leap() >= first, "{second:?}");
    }
}
