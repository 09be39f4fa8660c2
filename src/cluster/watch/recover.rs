//! What a reader does after each kind of failure: which step comes next, what it tells, and how long it waits.

use std::time::Duration;

use tokio::time::Instant;

use super::list::Freshness;
use super::reader::{Reader, Step};
use super::trouble::describe;
use super::{Event, Mode, Sink, State, Trouble};
use crate::cluster::client::Queue;

/// A new kind's storage is set up within seconds; the server says so with 429.
const INITIALIZING_PAUSE: Duration = Duration::from_secs(1);

impl<S: Sink> Reader<S> {
    /// How it goes on after a failure.
    pub(super) async fn recover(&mut self, trouble: Trouble, step: Step) -> Step {
        let since = Instant::now();
        self.pace.failed();
        // Without a connection a reader that does not follow says so, and ends.
        if self.options.mode == Mode::Follow || !trouble.is_for_all() {
            self.options.connectivity.report_kind(&trouble);
        }
        if matches!(step, Step::Watch { .. }) {
            return self.recover_watch(trouble, since).await;
        }
        // Whoever does not answer must not keep the others waiting the next time.
        let silent = matches!(trouble, Trouble::NoAnswer(_));
        self.pace.queue = if silent { Queue::Suspect } else { Queue::Fresh };
        let again = match (step, &trouble) {
            (Step::Poll, Trouble::Gone | Trouble::VersionTooLarge) => {
                self.consistently = true;
                Step::Poll
            }
            (Step::List(_) | Step::Resume { .. } | Step::Doubt { .. }, Trouble::Gone) => {
                Step::List(Freshness::Consistent)
            }
            // What it had read may be removed before it may be read again.
            (Step::Resume { .. }, Trouble::Forbidden(_)) => Step::List(Freshness::Consistent),
            (Step::Resume { .. }, _) => Step::Resume { since },
            (Step::Doubt { .. }, _) => Step::Doubt { since },
            (step, _) => step,
        };
        self.go_on(trouble, again).await
    }

    /// The same for a watch. Only a list can show that a kind may not be read, or is not there; a watch that is refused,
    /// or never brings anything, leads to lists.
    async fn recover_watch(&mut self, trouble: Trouble, since: Instant) -> Step {
        self.sink.send(Event::Restarted).await;
        if self.options.mode != Mode::Follow {
            let refused = matches!(trouble, Trouble::Forbidden(_) | Trouble::NotOffered(_) | Trouble::Gone);
            let again = if refused { Step::List(Freshness::Consistent) } else { Step::Resume { since } };
            return if refused { again } else { self.go_on(trouble, again).await };
        }
        let polls = match &trouble {
            // The watch may have worked until the connection went.
            trouble if trouble.is_for_all() => false,
            Trouble::Forbidden(_) | Trouble::NotOffered(_) => self.pace.watches.refused(),
            Trouble::Initializing => {
                let waits = self.pace.is_initializing(self.options.timing.initializing);
                (self.pace.watches.are_doubted() || !waits) && self.pace.watches.refused()
            }
            Trouble::Gone
            | Trouble::VersionTooLarge
            | Trouble::NotFound
            | Trouble::Unauthorized(_)
            | Trouble::NoCredentials(_)
            | Trouble::Unreachable(_)
            | Trouble::NoAnswer(_)
            | Trouble::Lost(_)
            | Trouble::Other { .. } => !self.watch_worked && self.pace.watches.failed(),
        };
        if polls {
            return Step::Poll;
        }
        if trouble == Trouble::Gone {
            let pause = self.pace.relists.leap();
            self.pace.rest(pause).await;
            return Step::List(Freshness::Consistent);
        }
        self.go_on(trouble, Step::Resume { since }).await
    }

    /// Says what is wrong, waits as long as that kind of trouble deserves, and goes on with `again`, unless there is
    /// something better to do or the mode's end has come.
    async fn go_on(&mut self, trouble: Trouble, again: Step) -> Step {
        let (follows, verdict) = (self.options.mode == Mode::Follow, verdict(&trouble));
        let hopeless = matches!(trouble, Trouble::Forbidden(_) | Trouble::NotFound);
        let over = !follows && (hopeless || self.pace.is_over());
        let next = if over { Some(again) } else { self.wait_after(trouble, again).await };
        if !follows && (over || self.pace.is_over()) {
            self.tell(verdict).await;
            return Step::Stop;
        }
        next.unwrap_or(Step::Stop)
    }

    /// `None` when the sink wants no more.
    async fn wait_after(&mut self, trouble: Trouble, again: Step) -> Option<Step> {
        let follows = self.options.mode == Mode::Follow;
        match trouble {
            Trouble::Initializing => return self.wait_for_storage(again).await,
            Trouble::Forbidden(message) => {
                self.tell(State::Forbidden(message)).await?;
                let pause = self.pace.denials.pause();
                self.pace.rest(pause).await;
            }
            Trouble::NotFound => {
                self.tell(State::NotServed).await?;
                // Discovery stops this reader if it agrees; one that stays is asked for ever less.
                let pause = self.pace.refusals.pause();
                self.pace.rest(pause).await;
            }
            Trouble::Unauthorized(message) => {
                self.tell(State::Failing(message)).await?;
                let pause = self.pace.refusals.pause();
                self.pace.rest(pause).await;
            }
            Trouble::Unreachable(message) | Trouble::NoCredentials(message) if follows => {
                self.tell(State::Failing(message)).await?;
                self.options.connectivity.up().await;
                // Not all at once: the server has just come back.
                let pause = self.pace.backoff.pause();
                self.pace.rest(pause).await;
            }
            Trouble::Other { message, retry_after } => {
                self.tell(State::Failing(message)).await?;
                let pause = self.pace.backoff.pause();
                self.pace.rest(retry_after.map_or(pause, |asked| asked.max(pause))).await;
            }
            Trouble::Gone
            | Trouble::VersionTooLarge
            | Trouble::NotOffered(_)
            | Trouble::Unreachable(_)
            | Trouble::NoCredentials(_)
            | Trouble::NoAnswer(_)
            | Trouble::Lost(_) => {
                self.tell(State::Failing(trouble.to_string())).await?;
                let pause = self.pace.backoff.pause();
                self.pace.rest(pause).await;
            }
        }
        Some(again)
    }

    /// A storage is set up within seconds. But the server gives the same answer while it can't fill its cache, such as
    /// while a conversion webhook is down: then the kind fails, with the reason that it gives when asked past the cache.
    async fn wait_for_storage(&mut self, again: Step) -> Option<Step> {
        if self.pace.is_initializing(self.options.timing.initializing) {
            self.tell(State::Initializing).await?;
            self.pace.rest(self.options.spread(INITIALIZING_PAUSE)).await;
            return Some(again);
        }
        let (path, answerer) = (self.options.path(), self.options.answerer());
        match self.options.client.revision(&path, answerer).await {
            // The storage can be read, only not through the cache.
            Ok(_) if !self.consistently => {
                self.consistently = true;
                Some(if again == Step::Poll { again } else { Step::List(Freshness::Consistent) })
            }
            answer => {
                let why = match answer {
                    Err(error) => describe(&error),
                    Ok(_) => Trouble::Initializing.to_string(),
                };
                self.tell(State::Failing(why)).await?;
                let pause = self.pace.backoff.pause();
                self.pace.rest(pause).await;
                Some(again)
            }
        }
    }
}

/// How a reader that does not follow ends.
fn verdict(trouble: &Trouble) -> State {
    match trouble {
        Trouble::Forbidden(message) => State::Forbidden(message.clone()),
        Trouble::NotFound => State::NotServed,
        Trouble::Gone
        | Trouble::VersionTooLarge
        | Trouble::NotOffered(_)
        | Trouble::Initializing
        | Trouble::Unauthorized(_)
        | Trouble::NoCredentials(_)
        | Trouble::Unreachable(_)
        | Trouble::NoAnswer(_)
        | Trouble::Lost(_)
        | Trouble::Other { .. } => State::Unconfirmed(trouble.to_string()),
    }
}
