//! What one reader has said of its kind.

use super::super::status::KindState;
use super::{Millis, Report};
use crate::cluster::watch::{Link, State};

/// What is said of a kind that discovery names and that its API does not know.
const NOT_SERVED: &str = "discovery names it, but its API answers that there is no such kind (404)";
/// What is said of a kind whose first answer is not waited for any more.
const NO_ANSWER_YET: &str = "its API has not answered yet";

/// The last states of a reader.
pub(super) struct Reading {
    pub(super) state: State,
    /// What the last attempt came to, good or bad; `None` until there was one.
    pub(super) outcome: Option<State>,
    pub(super) since: Millis,
    pub(super) error: Option<String>,
    pub(super) listed: bool,
    /// Its first answer takes so long that nothing else waits for it.
    pub(super) overdue: bool,
}

impl Reading {
    pub(super) fn new(now: Millis) -> Self {
        Self { state: State::Waiting, outcome: None, since: now, error: None, listed: false, overdue: false }
    }

    pub(super) fn take(&mut self, state: State) {
        match &state {
            State::Failing(error) | State::Forbidden(error) | State::Unconfirmed(error) => {
                self.error = Some(error.clone());
                self.outcome = Some(state.clone());
            }
            State::Live | State::Polled | State::Confirmed => {
                self.listed = true;
                self.outcome = Some(state.clone());
            }
            State::NotServed => self.outcome = Some(state.clone()),
            State::Waiting | State::Listing | State::Initializing => {}
        }
        self.overdue &= self.is_pending();
        self.state = state;
    }

    /// A kind that fails goes on failing while it is tried again, until that succeeds.
    pub(super) fn shown(&self) -> &State {
        let trying = matches!(self.state, State::Waiting | State::Listing | State::Initializing);
        let failed = self.outcome.as_ref().filter(|outcome| match outcome {
            State::Failing(_) | State::Forbidden(_) | State::NotServed | State::Unconfirmed(_) => trying,
            State::Waiting
            | State::Listing
            | State::Initializing
            | State::Live
            | State::Polled
            | State::Confirmed => false,
        });
        failed.unwrap_or(&self.state)
    }

    /// Whether its first attempt still runs: only that is a first read.
    pub(super) fn is_pending(&self) -> bool {
        self.outcome.is_none()
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.is_pending() && !self.overdue
    }

    /// Until when a run that ended in good order watched; earlier than anything while it runs.
    pub(super) fn watched(&self, now: Millis, report: &Report) -> Millis {
        let watched = report.stopped && report.link == Link::Up && self.state == State::Live;
        if watched { now } else { Millis::MIN }
    }

    pub(super) fn kind_state(&self, complete: bool, link: &Link, link_since: Millis) -> KindState {
        if *link != Link::Up && complete {
            return KindState::Stale { since_ms: link_since };
        }
        match self.shown() {
            State::Live | State::Confirmed if complete => KindState::Complete,
            // It was emptied since, and a list has to say what there is.
            State::Live | State::Confirmed => KindState::Waiting,
            State::Polled => KindState::Polled,
            State::Waiting | State::Initializing | State::Listing if self.overdue && !complete => {
                KindState::Failing { error: NO_ANSWER_YET.to_owned() }
            }
            State::Waiting | State::Initializing if complete => KindState::Stale { since_ms: self.since },
            State::Listing if complete && self.listed => KindState::Complete,
            // Held from before, and being read again.
            State::Listing if complete => KindState::Stale { since_ms: self.since },
            State::Listing => KindState::Listing,
            State::Waiting | State::Initializing => KindState::Waiting,
            State::Forbidden(_) => KindState::Forbidden { since_ms: self.since },
            State::NotServed => KindState::Failing { error: NOT_SERVED.to_owned() },
            State::Failing(error) => KindState::Failing { error: error.clone() },
            State::Unconfirmed(_) if complete => KindState::Stale { since_ms: self.since },
            State::Unconfirmed(error) => KindState::Failing { error: error.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::status::KindStatus;
    use super::*;

    fn shown(reading: &Reading, complete: bool) -> (&'static str, bool) {
        (reading.kind_state(complete, &Link::Up, 0).name(), reading.is_pending())
    }

    #[test]
    fn a_first_answer_that_is_overdue_is_a_failure_until_it_comes() {
        let mut reading = Reading::new(0);
        reading.take(State::Listing);
        reading.overdue = true;
        assert_eq!(shown(&reading, false), ("failing", true));
        assert_eq!(shown(&reading, true), ("stale", true), "what is held is only not confirmed");
        assert!(!reading.is_awaited());
        reading.take(State::Live);
        assert_eq!((shown(&reading, true), reading.overdue), (("complete", false), false));
    }

    #[test]
    fn a_retry_is_no_first_read_and_a_kind_that_fails_does_so_until_it_succeeds() {
        let mut reading = Reading::new(0);
        reading.take(State::Listing);
        assert_eq!(shown(&reading, false), ("listing", true));
        reading.take(State::Initializing);
        assert_eq!(shown(&reading, false), ("waiting", true));
        for failure in [State::Failing("no answer".into()), State::Forbidden("403".into()), State::NotServed]
        {
            reading.take(failure);
            let failed = shown(&reading, false);
            assert!(!failed.1);
            for again in [State::Waiting, State::Listing, State::Initializing] {
                reading.take(again);
                assert_eq!(shown(&reading, false), failed);
            }
        }
        reading.take(State::Live);
        assert_eq!(shown(&reading, true), ("complete", false));
        reading.take(State::Listing);
        assert_eq!(shown(&reading, true), ("complete", false), "what is read again was watched a moment ago");
    }

    #[test]
    fn what_is_watched_and_was_never_read_to_the_end_is_not_complete() {
        let mut reading = Reading::new(0);
        reading.take(State::Live);
        assert_eq!(shown(&reading, false), ("waiting", false));
        assert_eq!(shown(&reading, true), ("complete", false));
    }

    #[test]
    fn a_kind_of_which_it_is_unknown_where_it_may_be_read_counts_as_failing() {
        let mut status = KindStatus::new("pods".into(), KindState::Complete);
        status.fail("nobody answers");
        assert_eq!((status.state.name(), status.why().as_str()), ("failing", "nobody answers"));
    }
}
