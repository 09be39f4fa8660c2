//! Where time and chance come from: one handle, given in options, so that a simulated world can play days in
//! milliseconds and the same history twice.
//!
//! | time | for | jumps |
//! |---|---|---|
//! | [`Clock::wall_ms`] | what people and other processes read: heartbeats, "as of", notes | yes: it is set, and it stood still while the machine slept |
//! | [`Clock::steady_ms`] | every duration within a run: since when forbidden, since when missing, what is due | never |
//! | `tokio::time::Instant` | waiting: pauses, timeouts, ages of connections | never |
//!
//! A steady time that leaves the process (checkpoint, status) is turned into wall time by [`Clock::wall_of`]; one that
//! comes back is turned by [`Clock::steady_of`], and says nothing of how long the process was away.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, RngCore as _, SeedableRng as _};
use tokio::time::Instant;

/// A wall clock that differs by more than this from what is known has jumped.
const JUMP_MS: i64 = 1_000;
/// Jumps that are remembered.
const JUMPS: usize = 32;

/// Time and chance; clones are the same clock. The default is the system's.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    /// When this clock was made, and what the wall clock showed then.
    start: Mutex<(Instant, i64)>,
    /// How far the wall clock was ahead of the steady one, and from which steady time on; newest last.
    offsets: Mutex<VecDeque<(i64, i64)>>,
    simulated: Option<Mutex<Simulated>>,
}

struct Simulated {
    /// The sum of all jumps.
    jumped_ms: i64,
    chance: StdRng,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("simulated", &self.0.simulated.is_some()).finish_non_exhaustive()
    }
}

impl Clock {
    /// The system's clock and its random numbers.
    pub fn system() -> Self {
        Self::new(system_ms(), None)
    }

    /// A clock that shows `start_ms` now, goes on with tokio's (which may be paused), jumps when told to, and draws its
    /// numbers from a seed.
    pub fn simulated(seed: u64, start_ms: i64) -> Self {
        let simulated = Simulated { jumped_ms: 0, chance: StdRng::seed_from_u64(seed) };
        Self::new(start_ms, Some(Mutex::new(simulated)))
    }

    fn new(start_ms: i64, simulated: Option<Mutex<Simulated>>) -> Self {
        let offsets = Mutex::new(VecDeque::from([(i64::MIN, 0)]));
        Self(Arc::new(Inner { start: Mutex::new((Instant::now(), start_ms)), offsets, simulated }))
    }

    /// Milliseconds since 1970 as the wall clock shows them; it may be set at any time.
    pub fn wall_ms(&self) -> i64 {
        match &self.0.simulated {
            None => system_ms(),
            Some(simulated) => {
                let jumped = simulated.lock().unwrap_or_else(PoisonError::into_inner).jumped_ms;
                self.elapsed_ms().saturating_add(jumped)
            }
        }
    }

    /// Seconds since 1970 as the wall clock shows them.
    pub fn wall_s(&self) -> i64 {
        self.wall_ms().div_euclid(1_000)
    }

    /// Milliseconds that only count on: what the wall clock showed when this clock was made, and the time since then.
    pub fn steady_ms(&self) -> i64 {
        let steady = self.elapsed_ms();
        self.observe(steady);
        steady
    }

    /// What the wall clock showed, or would have shown, at a steady time. Where a jump lets both be said, the older one:
    /// nothing looks younger than it is.
    pub fn wall_of(&self, steady_ms: i64) -> i64 {
        self.observe(self.elapsed_ms());
        let offsets = self.0.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let then = offsets.iter().rev().find(|(from, _)| *from <= steady_ms);
        let (then, now) = (then.or(offsets.front()), offsets.back());
        let offset = |known: Option<&(i64, i64)>| known.map_or(0, |(_, offset)| *offset);
        steady_ms.saturating_add(offset(then).min(offset(now)))
    }

    /// The steady time of a wall time that was written down earlier.
    pub fn steady_of(&self, wall_ms: i64) -> i64 {
        let steady = self.elapsed_ms();
        self.observe(steady);
        let offsets = self.0.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        wall_ms.saturating_sub(offsets.back().map_or(0, |(_, offset)| *offset))
    }

    /// A number from a range of fractions: spreads those who would all come at once.
    pub fn chance(&self, range: Range<f64>) -> f64 {
        match &self.0.simulated {
            None => rand::rng().random_range(range),
            Some(simulated) => {
                simulated.lock().unwrap_or_else(PoisonError::into_inner).chance.random_range(range)
            }
        }
    }

    /// Any number: tells one writer from another.
    pub fn number(&self) -> u64 {
        match &self.0.simulated {
            None => rand::random(),
            Some(simulated) => simulated.lock().unwrap_or_else(PoisonError::into_inner).chance.next_u64(),
        }
    }

    /// `duration` or up to a tenth more.
    pub fn spread(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.chance(1.0..1.1))
    }

    /// Sets a simulated wall clock forward or back; the system's is not ours to set.
    pub fn jump(&self, by_ms: i64) {
        if let Some(simulated) = &self.0.simulated {
            simulated.lock().unwrap_or_else(PoisonError::into_inner).jumped_ms += by_ms;
        }
    }

    /// Has a simulated clock show a steady time now, on the present runtime: each paused runtime has a time of its own,
    /// and what outlives one goes on in the next.
    pub fn resume(&self, steady_ms: i64) {
        if self.0.simulated.is_some() {
            *self.0.start.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), steady_ms);
        }
    }

    fn elapsed_ms(&self) -> i64 {
        let (start, start_ms) = *self.0.start.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX);
        start_ms.saturating_add(elapsed)
    }

    fn observe(&self, steady_ms: i64) {
        let offset = self.wall_ms().saturating_sub(steady_ms);
        let mut offsets = self.0.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = offsets.back().map_or(0, |(_, offset)| *offset);
        if offset.abs_diff(known) <= JUMP_MS.unsigned_abs() {
            return;
        }
        offsets.push_back((steady_ms, offset));
        if offsets.len() > JUMPS {
            offsets.pop_front();
        }
    }
}

fn system_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    async fn pass(ms: i64) {
        tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_jumps_and_the_steady_one_does_not() {
        let clock = Clock::simulated(1, 10 * HOUR);
        pass(5_000).await;
        clock.jump(24 * HOUR);
        assert_eq!(clock.steady_ms(), 10 * HOUR + 5_000);
        assert_eq!(clock.wall_ms(), 34 * HOUR + 5_000);
        clock.jump(-26 * HOUR);
        pass(1_000).await;
        assert_eq!(clock.steady_ms(), 10 * HOUR + 6_000);
        assert_eq!(clock.wall_s(), 8 * 3_600 + 6);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_jump_nothing_looks_younger_than_it_is() {
        let clock = Clock::simulated(1, 10 * HOUR);
        let before = clock.steady_ms();
        pass(1_000).await;
        // Set forward, or the machine slept: which of both can't be told, so the hour may have passed.
        clock.jump(HOUR);
        let ahead = clock.steady_ms();
        assert_eq!(clock.wall_of(before), 10 * HOUR);
        assert_eq!(clock.wall_of(ahead), 11 * HOUR + 1_000);
        pass(1_000).await;
        // Set back: no time of the future is left behind.
        clock.jump(-HOUR);
        assert_eq!(clock.wall_of(ahead), 10 * HOUR + 1_000);
        assert_eq!(clock.wall_of(clock.steady_ms()), clock.wall_ms());
        assert_eq!(clock.steady_of(clock.wall_ms()), clock.steady_ms());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_by_an_earlier_run_comes_back_as_it_was() {
        let clock = Clock::simulated(1, 10 * HOUR);
        let old = 3 * HOUR;
        assert_eq!(clock.wall_of(clock.steady_of(old)), old);
        clock.jump(HOUR);
        assert_eq!(clock.wall_of(clock.steady_of(old)), 2 * HOUR, "which is older, never younger");
    }

    #[tokio::test(start_paused = true)]
    async fn one_seed_draws_the_same_numbers() {
        let draw =
            |clock: Clock| (clock.chance(0.0..1.0), clock.number(), clock.spread(Duration::from_secs(1)));
        assert_eq!(draw(Clock::simulated(7, 0)), draw(Clock::simulated(7, HOUR)));
        assert_ne!(draw(Clock::simulated(7, 0)), draw(Clock::simulated(8, 0)));
        let (fraction, _, spread) = draw(Clock::system());
        assert!((0.0..1.0).contains(&fraction));
        assert!(spread >= Duration::from_secs(1) && spread <= Duration::from_millis(1_100));
    }

    #[test]
    fn the_system_clock_needs_no_runtime() {
        let clock = Clock::system();
        assert!(clock.wall_ms() > 1_600_000_000_000);
        assert!(clock.steady_ms().abs_diff(clock.wall_ms()) < 60_000);
    }
}
