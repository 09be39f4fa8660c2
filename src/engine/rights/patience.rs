//! Questions without an answer in a run that ends, pure. Each sort is asked again as a reader asks: up to four times in
//! a row, after pauses that grow. What hangs is asked no more once its time is over; what answers may take longer.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which a sort is given up.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure.
const FIRST: Duration = Duration::from_millis(800);
/// A question that takes longer and has no answer hangs.
const HANGS: Duration = Duration::from_secs(5);

/// Questions whose failures are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Which namespaces there are.
    Names,
    /// Reviews.
    Reviews,
    /// Tries of a kind, by its number.
    Tries(usize),
}

/// What is still asked in spite of failures.
#[derive(Debug)]
pub(super) struct Patience {
    /// How long a sort that hangs is asked.
    limit: Duration,
    sorts: BTreeMap<Sort, Account>,
}

#[derive(Debug)]
struct Account {
    begun: Instant,
    /// In a row.
    failures: u32,
    /// When the last of them was counted, and when the next question may follow.
    pause: Option<(Instant, Instant)>,
    over: bool,
}

impl Patience {
    /// Nothing was asked.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, sorts: BTreeMap::new() }
    }

    /// A question goes out.
    pub(super) fn asked(&mut self, now: Instant, sort: Sort) {
        let fresh = Account { begun: now, failures: 0, pause: None, over: false };
        self.sorts.entry(sort).or_insert(fresh);
    }

    /// One was answered.
    pub(super) fn answered(&mut self, sort: Sort) {
        if let Some(own) = self.sorts.get_mut(&sort) {
            (own.failures, own.pause) = (0, None);
        }
    }

    /// One that was asked at this time had no answer.
    pub(super) fn failed(&mut self, now: Instant, sort: Sort, asked: Instant) {
        let Some(own) = self.sorts.get_mut(&sort) else { return };
        let hung = now.duration_since(asked) >= HANGS;
        own.over |= hung && now.duration_since(own.begun) >= self.limit;
        // Those that were on their way together fail together, and count once.
        if own.pause.is_none_or(|(counted, _)| counted <= asked) {
            let pause = FIRST * 2_u32.pow(own.failures.min(ATTEMPTS));
            own.failures += 1;
            own.pause = Some((now, now + pause));
            own.over |= own.failures >= ATTEMPTS;
        }
    }

    /// Whether it is asked no more.
    pub(super) fn is_over(&self, sort: Sort) -> bool {
        self.sorts.get(&sort).is_some_and(|own| own.over)
    }

    /// Whether a question may go out now.
    pub(super) fn allows(&self, now: Instant, sort: Sort) -> bool {
        let Some(own) = self.sorts.get(&sort) else { return true };
        !own.over && own.pause.is_none_or(|(_, until)| until <= now)
    }

    /// The first pause that ends after this moment.
    pub(super) fn due(&self, after: Instant) -> Option<Instant> {
        let waits = self.sorts.values().filter(|own| !own.over);
        waits.filter_map(|own| own.pause).map(|(_, until)| until).filter(|until| *until > after).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn asked() -> (Patience, Instant) {
        let (mut own, now) = (Patience::new(LIMIT), Instant::now());
        own.asked(now, Sort::Reviews);
        (own, now)
    }

    #[test]
    fn four_failures_in_a_row_are_the_end_and_those_of_one_moment_count_once() {
        let (mut own, mut now) = asked();
        for attempt in 1..=4 {
            let asked = now;
            now += Duration::from_millis(10);
            (0..8).for_each(|_| own.failed(now, Sort::Reviews, asked));
            assert_eq!(own.is_over(Sort::Reviews), attempt == 4);
            assert!(!own.allows(now, Sort::Reviews), "nothing is repeated at once");
            now = own.due(now).unwrap_or(now);
            assert_eq!(own.allows(now, Sort::Reviews), attempt < 4);
        }
        assert!(own.allows(now, Sort::Tries(1)), "another sort has nothing to do with it");
        assert_eq!(own.due(now), None);
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (mut own, mut now) = asked();
        for _ in 0..20 {
            own.failed(now + FIRST, Sort::Reviews, now);
            now += 2 * FIRST;
            own.answered(Sort::Reviews);
            assert!(own.allows(now, Sort::Reviews));
        }
    }

    #[test]
    fn what_hangs_ends_with_its_time_and_what_fails_at_once_does_not() {
        let (mut own, begun) = asked();
        let late = begun + LIMIT;
        own.failed(late + Duration::from_millis(5), Sort::Reviews, late);
        assert!(!own.is_over(Sort::Reviews));
        own.answered(Sort::Reviews);
        own.failed(late + HANGS, Sort::Reviews, late);
        assert!(own.is_over(Sort::Reviews));
    }
}
