//! The reader's state machine: which step comes next while things work. What follows a failure is `recover`.

use tokio::time::Instant;

use crate::cluster::client::ReadPermit;
use crate::object::ResourceVersion;

use super::list::{Freshness, Listed, begin, start, take};
use super::options::ReaderOptions;
use super::pace::Pace;
use super::stream::{Ended, Positions, Watch};
use super::{Answer, Event, Mode, Sink, Start, State, Trouble};

/// Reads one kind in one scope; see the module's picture.
pub struct Reader<S> {
    pub(super) options: ReaderOptions,
    pub(super) sink: S,
    pub(super) pace: Pace,
    /// The newest version that was taken: what a broken list or watch goes on from.
    pub(super) version: Option<ResourceVersion>,
    /// The newest version that any list named, whether it was taken or broke off.
    newest: u64,
    /// Only lists from the storage itself are asked for: the server's cache does not work.
    pub(super) consistently: bool,
    /// Whether the last watch was good for anything.
    pub(super) watch_worked: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// List.
    List(Freshness),
    /// Wait for the next turn, then list.
    Poll,
    /// Check the revision, as something broke after this instant, then watch.
    Resume { since: Instant },
    /// Check the revision, as a list that ended after this instant is older than what is held, then list again: whatever
    /// is held, it was not held up to that version here.
    Doubt { since: Instant },
    /// Watch from the reader's version; `resumed`: after something broke, so the watchdog looks.
    Watch { resumed: bool },
    /// End.
    Stop,
}

impl<S: Sink> Reader<S> {
    /// A reader that has not begun.
    pub fn new(options: ReaderOptions, sink: S) -> Self {
        let pace = Pace::new(&options);
        Self { options, sink, pace, version: None, newest: 0, consistently: false, watch_worked: false }
    }

    /// Reads until the sink says stop, or the mode's end.
    pub async fn run(mut self) {
        let mut step = self.first();
        self.tell(State::Waiting).await;
        while step != Step::Stop {
            let now = step.clone();
            step = match self.take(now).await {
                Ok(next) => next,
                Err(trouble) => self.recover(trouble, step).await,
            };
        }
    }

    fn first(&mut self) -> Step {
        match (self.options.mode, self.options.start.clone()) {
            (Mode::Once, _) | (Mode::Follow | Mode::Confirm, Start::Consistent) => {
                Step::List(Freshness::Consistent)
            }
            (Mode::Follow | Mode::Confirm, Start::Empty) => Step::List(Freshness::Any),
            (Mode::Follow | Mode::Confirm, Start::Resume(version)) => {
                self.version = Some(version);
                Step::Resume { since: Instant::now() }
            }
        }
    }

    async fn take(&mut self, step: Step) -> Result<Step, Trouble> {
        if self.options.mode == Mode::Follow {
            self.options.connectivity.up().await;
        }
        match step {
            Step::List(freshness) => {
                self.tell(State::Listing).await;
                let listed = self.list(&freshness).await?;
                self.listed(listed, freshness).await
            }
            Step::Poll => self.poll().await,
            Step::Resume { since } => self.check(since, Step::Watch { resumed: true }).await,
            Step::Doubt { since } => self.check(since, Step::List(Freshness::Consistent)).await,
            Step::Watch { resumed } => self.watch(resumed).await,
            Step::Stop => Ok(Step::Stop),
        }
    }

    async fn list(&mut self, freshness: &Freshness) -> Result<Listed, Trouble> {
        let queue = self.pace.queue;
        let permit = in_time(self.pace.deadline(), self.options.client.read_permit(queue)).await?;
        self.pace.begin(&self.options);
        if start(&mut self.sink, freshness, false).await == Answer::Stop {
            return Ok(Listed::Stop);
        }
        let begun = Instant::now();
        let listed = self.take_list(freshness, permit).await;
        match &listed {
            Ok(Listed::Accepted(_)) => {
                self.pace.listed(&self.options, begun.elapsed(), self.is_watched());
            }
            Ok(Listed::Again(_) | Listed::Stop) => {}
            Err(_) => _ = self.sink.send(Event::ListFailed).await,
        }
        listed
    }

    async fn take_list(&mut self, freshness: &Freshness, permit: ReadPermit) -> Result<Listed, Trouble> {
        let list = in_time(self.pace.deadline(), begin(&self.options, freshness, permit)).await??;
        take(&self.options, &mut self.sink, list, &mut self.newest).await
    }

    /// How it goes on after a list.
    async fn listed(&mut self, listed: Listed, freshness: Freshness) -> Result<Step, Trouble> {
        match listed {
            Listed::Stop => Ok(Step::Stop),
            // Even etcd's own answer is older than what is held: has it been restored?
            Listed::Again(Some(held)) if freshness == Freshness::Consistent => {
                self.version = Some(ResourceVersion::Number(held));
                Ok(self.contradicted(Step::Doubt { since: Instant::now() }).await)
            }
            Listed::Again(_) => Ok(self.contradicted(Step::List(Freshness::Consistent)).await),
            Listed::Accepted(version) => {
                self.version = version;
                Ok(self.after_list().await)
            }
        }
    }

    /// A list could not be swept with; `again` finds out why.
    async fn contradicted(&mut self, again: Step) -> Step {
        self.pace.failed();
        if self.pace.is_over() {
            let why = "its lists contradict what is held".to_owned();
            if self.options.mode != Mode::Follow {
                self.tell(State::Unconfirmed(why)).await;
                return Step::Stop;
            }
            self.tell(State::Failing(why)).await;
        }
        let pause = self.pace.relists.leap();
        self.pace.rest(pause).await;
        again
    }

    async fn after_list(&mut self) -> Step {
        match self.options.mode {
            Mode::Once | Mode::Confirm => {
                self.tell(State::Confirmed).await;
                Step::Stop
            }
            Mode::Follow if self.version.is_some() && self.is_watched() => Step::Watch { resumed: false },
            Mode::Follow => Step::Poll,
        }
    }

    /// Whether a watch follows a list.
    fn is_watched(&self) -> bool {
        self.options.mode == Mode::Follow && self.options.kind.watchable && self.pace.watches.is_due()
    }

    /// Goes on without a watch: waits for the next list's turn.
    async fn poll(&mut self) -> Result<Step, Trouble> {
        if self.pace.is_listed() {
            self.tell(State::Polled).await;
        }
        self.pace.next_poll().await;
        self.options.connectivity.up().await;
        let freshness = match self.consistently {
            true => Freshness::Consistent,
            false => Freshness::not_older(self.version.as_ref()),
        };
        let rounds = self.options.rounds.clone();
        let listed = rounds.turn_again(self.list(&freshness)).await?;
        self.listed(listed, freshness).await
    }

    /// The revision check, and what follows where the storage has not gone back; see `revision`.
    async fn check(&mut self, since: Instant, sound: Step) -> Result<Step, Trouble> {
        self.pace.begin(&self.options);
        let (path, answerer) = (self.options.path(), self.options.answerer());
        let (revisions, storage) = (&self.options.revisions, &self.options.storage);
        let deadline = self.pace.deadline();
        let revision = in_time(deadline, revisions.check(storage, since, &path, answerer)).await??;
        if let (Some(ours), Some(theirs)) = (&self.options.cluster_uid, &revision.uid)
            && ours != theirs
        {
            self.sink.send(Event::AnotherCluster).await;
            return Ok(Step::Stop);
        }
        let held = self.version.as_ref().and_then(ResourceVersion::number);
        // No comparable version: only a fresh list tells.
        let Some(held) = held.map(|held| held.max(self.newest)) else {
            return Ok(Step::List(Freshness::Consistent));
        };
        // Others may have seen something since the question; then the second one finds nothing wrong.
        let held = held.max(self.sink.newest().await.unwrap_or(0));
        let below = |version: &Option<ResourceVersion>| {
            version.as_ref().and_then(ResourceVersion::number).is_some_and(|current| current < held)
        };
        if below(&revision.version) {
            // Any resource may be kept in an etcd of its own: then this says nothing about it.
            let own = in_time(deadline, revisions.own(storage, &path, answerer)).await??;
            if below(&own.version) {
                return Ok(self.regress().await);
            }
        }
        Ok(sound)
    }

    /// Nothing held may be compared any more; only etcd's own state tells.
    async fn regress(&mut self) -> Step {
        (self.version, self.newest) = (None, 0);
        match self.sink.send(Event::Regressed).await {
            Answer::Stop => Step::Stop,
            Answer::Continue | Answer::ListAgain { .. } => Step::List(Freshness::Consistent),
        }
    }

    async fn watch(&mut self, resumed: bool) -> Result<Step, Trouble> {
        let Some(version) = self.version.clone() else { return Ok(Step::List(Freshness::Consistent)) };
        let Some(permit) = self.options.client.acquire_watch() else { return Ok(Step::Poll) };
        let positions = Positions { version: &mut self.version, newest: &mut self.newest };
        let watch = Watch::new(&self.options, &mut self.sink, positions, &mut self.pace.reread);
        let watched = watch.run(&permit, version, resumed).await;
        drop(permit);
        let at_timeout = watched.ended == Ok(Ended::Timeout);
        self.watch_worked = self.pace.watched(watched.lasted, watched.brought, at_timeout);
        self.consistently &= !self.watch_worked;
        match watched.ended? {
            Ended::Stop => Ok(Step::Stop),
            Ended::Confirmed => {
                self.tell(State::Confirmed).await;
                Ok(Step::Stop)
            }
            Ended::Timeout if self.options.mode == Mode::Confirm => {
                self.tell(State::Unconfirmed("no bookmark in time".to_owned())).await;
                Ok(Step::Stop)
            }
            Ended::Timeout => Ok(Step::Watch { resumed: false }),
            Ended::Early => {
                self.sink.send(Event::Restarted).await;
                let since = Instant::now();
                if !self.watch_worked && self.pace.watches.failed() {
                    return Ok(Step::Poll);
                }
                let pause = self.pace.backoff.pause();
                self.pace.rest(pause).await;
                Ok(Step::Resume { since })
            }
            Ended::Backwards => {
                let pause = self.pace.relists.leap();
                self.pace.rest(pause).await;
                Ok(self.regress().await)
            }
            Ended::Silent | Ended::ReadAgain => {
                let pause = self.pace.relists.leap();
                self.pace.rest(pause).await;
                Ok(Step::List(Freshness::Consistent))
            }
            Ended::Reread(version) => {
                self.version = version;
                Ok(self.after_list().await)
            }
            Ended::Denied(trouble) => Ok(self.recover(trouble, Step::List(Freshness::Consistent)).await),
        }
    }

    /// Tells a state; `None` when the sink wants no more.
    pub(super) async fn tell(&mut self, state: State) -> Option<()> {
        match self.sink.send(Event::State(state)).await {
            Answer::Continue | Answer::ListAgain { .. } => Some(()),
            Answer::Stop => None,
        }
    }
}

/// Waits for an answer, up to a time if there is one.
async fn in_time<T>(deadline: Option<Instant>, answer: impl Future<Output = T>) -> Result<T, Trouble> {
    match deadline {
        None => Ok(answer.await),
        Some(at) => {
            let answer = tokio::time::timeout_at(at, answer).await;
            answer.map_err(|_| Trouble::NoAnswer("no answer in time".to_owned()))
        }
    }
}
