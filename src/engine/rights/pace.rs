//! How often is asked again what was answered already: in rounds that take ever longer, and never more than so many
//! questions an hour, first ones included.

use std::time::Duration;

use tokio::time::Instant;

/// Questions that may follow each other without a pause between rounds.
const FREE: u32 = 60;
/// The longest round, counted in first ones: an hour.
const LONGEST: u32 = 120;

/// The pace of all questions about rights.
#[derive(Debug)]
pub(super) struct Pace {
    first: Duration,
    round: Duration,
    /// When the next question that was asked before may be asked again.
    next: Instant,
    /// Until when the questions asked so far are worked off, at one each [`Pace::each`].
    spent_until: Instant,
}

impl Pace {
    /// The first round takes `first`.
    pub(super) fn new(first: Duration, now: Instant) -> Self {
        Self { first, round: first, next: now + first, spent_until: now }
    }

    /// A question was asked.
    pub(super) fn spend(&mut self, now: Instant) {
        self.spent_until = self.spent_until.max(now) + self.each();
    }

    /// A question was asked again, one of so many of a round.
    pub(super) fn again(&mut self, now: Instant, of: usize) {
        let share = self.round / u32::try_from(of.max(1)).unwrap_or(u32::MAX);
        self.next = now + share.max(self.each());
    }

    /// A round has ended: the next one takes longer.
    pub(super) fn end_round(&mut self) {
        self.round = (self.round * 2).min(self.first * LONGEST);
    }

    /// Something has changed: what was refused may be allowed now.
    pub(super) fn start_over(&mut self, now: Instant, of: usize) {
        self.round = self.first;
        let share = self.first / u32::try_from(of.max(1)).unwrap_or(u32::MAX);
        self.next = self.next.min(now + share.max(self.each()));
    }

    /// When the next question may be asked again.
    pub(super) fn due(&self) -> Instant {
        let free = self.spent_until.checked_sub(self.each() * FREE).unwrap_or(self.next);
        self.next.max(free)
    }

    /// Half a minute's pause makes this 1.2 s: 3,000 questions an hour at most.
    fn each(&self) -> Duration {
        self.first / 25
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(30);

    /// How many questions of a round of `of` are asked again within a time.
    fn asked(pace: &mut Pace, of: usize, start: Instant, time: Duration) -> usize {
        let mut count = 0;
        while pace.due() < start + time {
            let now = pace.due();
            pace.spend(now);
            pace.again(now, of);
            count += 1;
            if count % of == 0 {
                pace.end_round();
            }
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_take_longer_and_longer_up_to_an_hour() {
        let start = Instant::now();
        let mut pace = Pace::new(FIRST, start);
        let hour = asked(&mut pace, 3, start, Duration::from_secs(3_600));
        assert!((18..=24).contains(&hour), "three questions, some seven rounds: {hour}");
        let day = asked(&mut pace, 3, start, Duration::from_secs(24 * 3_600));
        assert!(day <= 3 * 25, "then hourly: {day}");
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_there_are_the_first_ones_count_as_well() {
        let start = Instant::now();
        let mut pace = Pace::new(FIRST, start);
        (0..3_300).for_each(|_| pace.spend(start));
        let hour = asked(&mut pace, 3_300, start, Duration::from_secs(3_600));
        assert!(hour < 100, "{hour}");
        let next = asked(&mut pace, 3_300, start, Duration::from_secs(7_200));
        assert!((2_500..=3_100).contains(&next), "{next}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_shortens_the_pause() {
        let start = Instant::now();
        let mut pace = Pace::new(FIRST, start);
        asked(&mut pace, 1, start, Duration::from_secs(20_000));
        let late = start + Duration::from_secs(20_000);
        assert!(pace.due() > late + Duration::from_secs(60));
        pace.start_over(late, 1);
        assert!(pace.due() <= late + FIRST);
    }
}
