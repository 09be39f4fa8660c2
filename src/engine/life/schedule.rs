//! When discovery is read again, pure. Each reason to read it has a budget of its own: it is answered at once, then after
//! pauses that double while it goes on, and at once again after some quiet. So a kind that answers 404 all day, or an
//! operator that touches its CRD every second, delays nobody's new CRD.

use std::time::Duration;

use tokio::time::Instant;

/// Why discovery is read before its regular time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A CRD or an APIService came or went.
    Names,
    /// One of them was updated.
    Updates,
    /// Discovery has not caught up with them.
    Behind,
    /// A kind answers 404.
    NotServed,
    /// An API server does not answer.
    Stale,
    /// Discovery could not be read.
    Failed,
}

/// The budgets of all reasons, and the regular time.
#[derive(Debug)]
pub(super) struct Schedule {
    regular: Instant,
    budgets: [Budget; 6],
}

/// How often one reason may have discovery read.
#[derive(Debug)]
struct Budget {
    reason: Reason,
    /// From being asked to the reading: what has just changed needs a moment to show.
    settle: Duration,
    /// Between the first two readings, and the longest pause.
    first: Duration,
    longest: Duration,
    pause: Duration,
    /// When the last reading that it asked for was done.
    last: Option<Instant>,
    due: Option<Instant>,
    /// Whether the present reading answers it.
    answering: bool,
}

impl Budget {
    const fn new(reason: Reason, settle: Duration, first: Duration, longest: Duration) -> Self {
        Self { reason, settle, first, longest, pause: first, last: None, due: None, answering: false }
    }

    fn ask(&mut self, now: Instant) {
        if self.due.is_some() {
            return;
        }
        let earliest = match self.last {
            Some(last) if self.answering || now < last + 2 * self.pause => last + self.pause,
            Some(_) | None => {
                self.pause = self.first / 2;
                now
            }
        };
        self.due = Some(earliest.max(now + self.settle));
    }

    fn begin(&mut self) {
        self.answering = self.due.take().is_some();
    }

    fn done(&mut self, now: Instant) {
        if !std::mem::take(&mut self.answering) {
            return;
        }
        self.last = Some(now);
        self.pause = (self.pause * 2).min(self.longest);
        // Asked again meanwhile.
        self.due = self.due.map(|due| due.max(now + self.pause));
    }
}

impl Schedule {
    /// The first reading is due at once; `failing` are the first and the longest pause after one that failed.
    pub(super) fn new(now: Instant, failing: (Duration, Duration)) -> Self {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        let budgets = [
            Budget::new(Reason::Names, ms(300), s(1), s(30)),
            Budget::new(Reason::Updates, ms(300), s(1), s(30)),
            Budget::new(Reason::Behind, ms(300), ms(400), s(30)),
            Budget::new(Reason::NotServed, s(1), s(2), s(300)),
            Budget::new(Reason::Stale, s(5), s(5), s(60)),
            Budget::new(Reason::Failed, failing.0, 2 * failing.0, failing.1),
        ];
        Self { regular: now, budgets }
    }

    /// Asks for a reading.
    pub(super) fn ask(&mut self, reason: Reason, now: Instant) {
        self.budgets.iter_mut().filter(|budget| budget.reason == reason).for_each(|budget| budget.ask(now));
    }

    /// When the next reading is due.
    pub(super) fn due(&self) -> Instant {
        self.budgets.iter().filter_map(|budget| budget.due).fold(self.regular, Instant::min)
    }

    /// A reading begins: it answers all that was asked up to now.
    pub(super) fn begin(&mut self) {
        self.budgets.iter_mut().for_each(Budget::begin);
    }

    /// The reading is done; the next regular one comes after this pause.
    pub(super) fn done(&mut self, now: Instant, regular: Duration) {
        self.budgets.iter_mut().for_each(|budget| budget.done(now));
        self.regular = now + regular;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REGULAR: Duration = Duration::from_secs(300);
    const BACKOFF: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(30));

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A clock that ticks every 50 ms, and readings that take `flight`.
    struct Played {
        schedule: Schedule,
        start: Instant,
        now: Instant,
        flight: Duration,
        under_way: Option<Instant>,
        /// When readings began.
        read: Vec<Duration>,
    }

    impl Played {
        fn new(flight: Duration) -> Self {
            let now = Instant::now();
            let schedule = Schedule::new(now, BACKOFF);
            let mut own = Self { schedule, start: now, now, flight, under_way: None, read: Vec::new() };
            own.play(flight + ms(100), |_| None);
            own.read.clear();
            own.start = own.now;
            own
        }

        /// Plays for so long; `asks` says what is asked at each tick.
        fn play(&mut self, time: Duration, asks: impl Fn(Duration) -> Option<Reason>) {
            let end = self.now + time;
            while self.now < end {
                if self.under_way.is_some_and(|begun| self.now >= begun + self.flight) {
                    self.under_way = None;
                    self.schedule.done(self.now, REGULAR);
                }
                if let Some(reason) = asks(self.now - self.start) {
                    self.schedule.ask(reason, self.now);
                }
                if self.under_way.is_none() && self.schedule.due() <= self.now {
                    self.schedule.begin();
                    self.under_way = Some(self.now);
                    self.read.push(self.now - self.start);
                }
                self.now += ms(50);
            }
        }
    }

    #[test]
    fn one_new_crd_is_looked_for_at_once_and_again_while_discovery_is_behind() {
        let mut played = Played::new(ms(50));
        played.play(ms(3_000), |at| match at.as_millis() {
            0 => Some(Reason::Names),
            _ => Some(Reason::Behind),
        });
        let first = &played.read[..3];
        assert!(first[0] <= ms(300) && first[1] <= ms(1_000) && first[2] <= ms(2_000), "{first:?}");
    }

    #[test]
    fn two_minutes_of_changes_four_times_a_second_are_a_dozen_readings() {
        for reason in [Reason::Names, Reason::Updates, Reason::NotServed, Reason::Failed, Reason::Behind] {
            for flight in [50, 2_000, 10_000] {
                let mut played = Played::new(ms(flight));
                played.play(ms(120_000), |at| (at.as_millis() % 250 == 0).then_some(reason));
                let read = played.read.len();
                assert!((4..=12).contains(&read), "{reason:?}, {flight} ms: {:?}", played.read);
            }
        }
    }

    #[test]
    fn what_goes_on_all_day_delays_no_new_crd() {
        for reason in [Reason::Updates, Reason::NotServed, Reason::Stale, Reason::Failed, Reason::Behind] {
            let mut played = Played::new(ms(50));
            played.play(ms(600_000), |_| Some(reason));
            let (asked, before) = (played.now - played.start, played.read.len());
            played.play(ms(400), |at| if at == asked { Some(Reason::Names) } else { Some(reason) });
            assert!(played.read.len() > before, "{reason:?}: {:?}", &played.read[before - 1..]);
        }
    }

    #[test]
    fn after_some_quiet_a_change_is_answered_at_once_again() {
        let mut played = Played::new(ms(50));
        played.play(ms(300_000), |_| Some(Reason::Names));
        played.play(ms(100_000), |_| None);
        played.read.clear();
        let asked = played.now - played.start;
        played.play(ms(2_000), |_| Some(Reason::Names));
        assert!(played.read[0] - asked <= ms(350) && played.read.len() == 2, "{:?}", played.read);
    }

    fn reason() -> impl Strategy<Value = Reason> {
        prop::sample::select(vec![
            Reason::Names,
            Reason::Updates,
            Reason::Behind,
            Reason::NotServed,
            Reason::Stale,
            Reason::Failed,
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_asked_is_answered_in_time_and_within_the_budget(
            asks in prop::collection::vec((0u64..600_000, reason()), 0..400),
            flight in 50u64..5_000,
        ) {
            let mut played = Played::new(ms(flight));
            let at = |now: Duration| {
                let due = |(at, _): &&(u64, Reason)| ms(*at / 50 * 50) == now;
                asks.iter().find(due).map(|(_, reason)| *reason)
            };
            played.play(ms(1_000_000), at);
            for (asked, reason) in asks.iter().map(|(asked, reason)| (ms(*asked / 50 * 50), *reason)) {
                let longest = if reason == Reason::NotServed { 301_000 } else { 61_000 };
                let latest = asked + ms(longest) + ms(flight);
                let answered = played.read.iter().any(|read| *read >= asked && *read <= latest);
                prop_assert!(answered, "{asked:?}: {:?}", played.read);
            }
            // Six budgets, each of some quick readings after a quiet time and then one a pause.
            for minute in 0..12u64 {
                let within = |read: &&Duration| ms(minute * 60_000) <= **read && **read < ms((minute + 1) * 60_000);
                prop_assert!(played.read.iter().filter(within).count() <= 6 * 7);
            }
        }
    }
}
