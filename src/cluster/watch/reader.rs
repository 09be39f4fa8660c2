//! The reader's state machine: which step comes next, and how it goes on after each kind of failure.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::client::Client;
use crate::object::{Kind, ResourceVersion, Scope};

use super::list::{Freshness, Listed, list};
use super::stream::{Ended, watch};
use super::{
    Answer, Backoff, Connectivity, Event, Mode, Revisions, Rounds, Sink, Start, State, Storage, Timing,
    Trouble,
};

/// A new kind's storage is set up within seconds; the server says so with 429.
const INITIALIZING_PAUSE: Duration = Duration::from_secs(1);
/// [`Mode::Once`] gives a kind this many attempts before it is reported as unconfirmed.
const ONCE_ATTEMPTS: u32 = 4;
/// A background re-read that failed is tried again after this time; the watch goes on meanwhile.
const REREAD_AGAIN: Duration = Duration::from_secs(600);

/// What a reader reads, and through what.
#[derive(Clone)]
pub struct ReaderOptions {
    /// The API server.
    pub client: Client,
    /// Shared view of the connection.
    pub connectivity: Connectivity,
    /// Shared revision checks.
    pub revisions: Revisions,
    /// Shared turns of the readers that poll.
    pub rounds: Rounds,
    /// The kind.
    pub kind: Kind,
    /// Where it looks.
    pub scope: Scope,
    /// Where its objects are stored.
    pub storage: Storage,
    /// Uid of `kube-system` that the index is of, where known.
    pub cluster_uid: Option<String>,
    /// How it begins.
    pub start: Start,
    /// How long it goes on.
    pub mode: Mode,
    /// Waiting times.
    pub timing: Timing,
}

impl ReaderOptions {
    /// The collection's path.
    pub(super) fn path(&self) -> String {
        match &self.scope {
            Scope::All => self.kind.path(None),
            Scope::Namespace(namespace) => self.kind.path(Some(namespace)),
        }
    }
}

/// Reads one kind in one scope; see the module's picture.
pub struct Reader<S> {
    options: ReaderOptions,
    sink: S,
    backoff: Backoff,
    attempts: u32,
    /// The newest version that was taken: what a broken list or watch goes on from.
    version: Option<ResourceVersion>,
    next_reread: Instant,
}

/// What to do next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// List.
    List { freshness: Freshness, reread: bool },
    /// Wait for the next turn, then list.
    Poll,
    /// Check the revision, as something broke after this instant, then watch.
    Resume { since: Instant },
    /// Watch from the reader's version; `resumed`: after something broke, so the watchdog looks.
    Watch { resumed: bool },
    /// End.
    Stop,
}

impl<S: Sink> Reader<S> {
    /// A reader that has not begun.
    pub fn new(options: ReaderOptions, sink: S) -> Self {
        let backoff = Backoff::new(options.timing.backoff, options.client.clock());
        let next_reread = Instant::now() + options.client.clock().spread(options.timing.reread);
        Self { options, sink, backoff, attempts: 0, version: None, next_reread }
    }

    /// Reads until the sink says stop, or the mode's end.
    pub async fn run(mut self) {
        let mut step = self.first();
        self.tell(State::Waiting).await;
        loop {
            let now = step.clone();
            step = match self.take(now).await {
                Ok(Step::Stop) => return,
                Ok(next) => next,
                Err(trouble) => match self.recover(trouble, step).await {
                    Some(next) => next,
                    None => return,
                },
            };
        }
    }

    fn first(&mut self) -> Step {
        let consistent = Step::List { freshness: Freshness::Consistent, reread: false };
        match (self.options.mode, self.options.start.clone()) {
            (Mode::Once, _) | (Mode::Follow | Mode::Confirm, Start::Consistent) => consistent,
            (Mode::Follow | Mode::Confirm, Start::Empty) => {
                Step::List { freshness: Freshness::Any, reread: false }
            }
            (Mode::Follow | Mode::Confirm, Start::Resume(version)) => {
                self.version = Some(version);
                Step::Resume { since: Instant::now() }
            }
        }
    }

    async fn take(&mut self, step: Step) -> Result<Step, Trouble> {
        match step {
            Step::List { freshness, reread } => {
                if !reread {
                    self.tell(State::Listing).await;
                }
                let listed = list(&self.options, &mut self.sink, &freshness, reread).await?;
                self.listed(listed, freshness).await
            }
            Step::Poll => self.poll().await,
            Step::Resume { since } => self.resume(since).await,
            Step::Watch { resumed } => self.watch(resumed).await,
            Step::Stop => Ok(Step::Stop),
        }
    }

    /// How it goes on after a list.
    async fn listed(&mut self, listed: Listed, freshness: Freshness) -> Result<Step, Trouble> {
        match listed {
            Listed::Stop => Ok(Step::Stop),
            // Even etcd's own answer is older than what is held: has it been restored?
            Listed::Again(Some(held)) if freshness == Freshness::Consistent => {
                self.version = Some(ResourceVersion::Number(held));
                tokio::time::sleep(self.backoff.pause()).await;
                Ok(Step::Resume { since: Instant::now() })
            }
            Listed::Again(_) => Ok(Step::List { freshness: Freshness::Consistent, reread: false }),
            Listed::Accepted(version) => {
                self.settle();
                self.version = version;
                self.next_reread = Instant::now() + self.spread(self.options.timing.reread);
                Ok(self.after_list().await)
            }
        }
    }

    async fn after_list(&mut self) -> Step {
        match self.options.mode {
            Mode::Once | Mode::Confirm => {
                self.tell(State::Confirmed).await;
                Step::Stop
            }
            Mode::Follow if self.version.is_some() && self.options.kind.watchable => {
                Step::Watch { resumed: false }
            }
            Mode::Follow => Step::Poll,
        }
    }

    /// Goes on without a watch: waits for the next list's turn.
    async fn poll(&mut self) -> Result<Step, Trouble> {
        self.tell(State::Polled).await;
        tokio::time::sleep(self.spread(self.options.timing.poll)).await;
        let freshness = self.not_older();
        let rounds = self.options.rounds.clone();
        let listed = rounds.turn(list(&self.options, &mut self.sink, &freshness, true)).await?;
        self.listed(listed, freshness).await
    }

    /// The revision check; see `revision`.
    async fn resume(&mut self, since: Instant) -> Result<Step, Trouble> {
        let revision =
            self.options.revisions.check(&self.options.storage, since, &self.options.path()).await?;
        if let (Some(ours), Some(theirs)) = (&self.options.cluster_uid, &revision.uid)
            && ours != theirs
        {
            self.sink.send(Event::AnotherCluster).await;
            return Ok(Step::Stop);
        }
        let held = self.version.as_ref().and_then(ResourceVersion::number);
        let current = revision.version.as_ref().and_then(ResourceVersion::number);
        match (held, current) {
            (Some(held), Some(current)) if current < held => Ok(self.regress().await),
            (Some(_), _) => Ok(Step::Watch { resumed: true }),
            // No comparable version: only a fresh list tells.
            (None, _) => Ok(Step::List { freshness: Freshness::Consistent, reread: false }),
        }
    }

    /// Nothing held may be compared any more; only etcd's own state tells.
    async fn regress(&mut self) -> Step {
        self.version = None;
        match self.sink.send(Event::Regressed).await {
            Answer::Stop => Step::Stop,
            Answer::Continue | Answer::ListAgain { .. } => {
                Step::List { freshness: Freshness::Consistent, reread: false }
            }
        }
    }

    async fn watch(&mut self, resumed: bool) -> Result<Step, Trouble> {
        let Some(version) = self.version.clone() else {
            return Ok(Step::List { freshness: Freshness::Consistent, reread: false });
        };
        let Some(permit) = self.options.client.acquire_watch() else { return Ok(Step::Poll) };
        let begun = Instant::now();
        let ended = watch(
            &self.options,
            &mut self.sink,
            &permit,
            &mut self.version,
            version,
            resumed,
            self.next_reread,
        )
        .await;
        // It worked for longer than any pause: something in between ends streams early, which is no trouble.
        if begun.elapsed() > self.options.timing.backoff.1 {
            self.settle();
        }
        match ended? {
            Ended::Stop => Ok(Step::Stop),
            Ended::Confirmed => {
                self.tell(State::Confirmed).await;
                Ok(Step::Stop)
            }
            Ended::Timeout if self.options.mode == Mode::Confirm => {
                self.tell(State::Unconfirmed("no bookmark in time".to_owned())).await;
                Ok(Step::Stop)
            }
            Ended::Timeout => {
                self.settle();
                Ok(Step::Watch { resumed: false })
            }
            Ended::Early => {
                self.sink.send(Event::Restarted).await;
                let since = Instant::now();
                tokio::time::sleep(self.backoff.pause()).await;
                Ok(Step::Resume { since })
            }
            Ended::Backwards => {
                tokio::time::sleep(self.backoff.pause()).await;
                Ok(self.regress().await)
            }
            Ended::Silent => Ok(Step::List { freshness: Freshness::Consistent, reread: false }),
            Ended::Reread => Ok(Step::List { freshness: self.not_older(), reread: true }),
        }
    }

    /// How it goes on after a failure; `None` ends the reader.
    async fn recover(&mut self, trouble: Trouble, step: Step) -> Option<Step> {
        let since = Instant::now();
        self.attempts += 1;
        if matches!(step, Step::Watch { .. }) {
            self.sink.send(Event::Restarted).await;
        }
        let again = match step {
            Step::Watch { .. } | Step::Resume { .. } => Step::Resume { since },
            Step::List { .. } | Step::Poll | Step::Stop => step,
        };
        match (&trouble, &again) {
            (Trouble::Gone, _) => {
                if matches!(again, Step::List { .. }) {
                    tokio::time::sleep(self.backoff.pause()).await;
                }
                return Some(Step::List { freshness: Freshness::Consistent, reread: false });
            }
            (Trouble::VersionTooLarge, _) => {
                if let Step::List { freshness: Freshness::NotOlderThan(version), .. } = &again {
                    self.version = Some(version.clone());
                }
                tokio::time::sleep(self.backoff.pause()).await;
                return Some(Step::Resume { since });
            }
            (
                Trouble::Forbidden(_)
                | Trouble::NotFound
                | Trouble::Initializing
                | Trouble::Unauthorized(_)
                | Trouble::Unreachable(_)
                | Trouble::NoAnswer(_)
                | Trouble::Other { .. },
                _,
            ) => {}
        }
        let hopeless = matches!(trouble, Trouble::Forbidden(_) | Trouble::NotFound);
        if self.options.mode != Mode::Follow && (self.attempts >= ONCE_ATTEMPTS || hopeless) {
            self.tell(self.verdict(trouble)).await;
            return None;
        }
        self.wait_after(trouble).await?;
        // A background re-read that fails is no reason to leave a watch that works.
        let rereading = matches!(again, Step::List { reread: true, .. });
        let held = self.version.as_ref().and_then(ResourceVersion::number);
        if rereading && held.is_some() && self.options.kind.watchable && self.options.mode == Mode::Follow {
            self.next_reread = Instant::now() + self.spread(REREAD_AGAIN);
            return Some(Step::Resume { since });
        }
        Some(again)
    }

    /// How a reader that does not follow ends.
    fn verdict(&self, trouble: Trouble) -> State {
        match trouble {
            Trouble::Forbidden(message) => State::Forbidden(message),
            Trouble::NotFound => State::NotServed,
            Trouble::Gone
            | Trouble::VersionTooLarge
            | Trouble::Initializing
            | Trouble::Unauthorized(_)
            | Trouble::Unreachable(_)
            | Trouble::NoAnswer(_)
            | Trouble::Other { .. } => State::Unconfirmed(trouble.to_string()),
        }
    }

    /// Says what is wrong and waits as long as that kind of trouble deserves.
    async fn wait_after(&mut self, trouble: Trouble) -> Option<()> {
        let timing = self.options.timing;
        let pause = self.backoff.pause();
        match trouble {
            Trouble::Initializing => {
                self.tell(State::Initializing).await?;
                tokio::time::sleep(self.spread(INITIALIZING_PAUSE)).await;
            }
            Trouble::Forbidden(message) => {
                self.tell(State::Forbidden(message)).await?;
                tokio::time::sleep(self.spread(timing.recheck_forbidden)).await;
            }
            Trouble::NotFound => {
                self.tell(State::NotServed).await?;
                tokio::time::sleep(pause).await;
            }
            Trouble::Unauthorized(_) | Trouble::Unreachable(_) if self.options.mode == Mode::Follow => {
                self.options.connectivity.report(&trouble);
                self.tell(State::Failing(trouble.to_string())).await?;
                self.options.connectivity.up().await;
                // Not all at once: the server has just come back.
                tokio::time::sleep(pause.min(timing.backoff.0)).await;
            }
            Trouble::Other { retry_after, .. } => {
                self.tell(State::Failing(trouble.to_string())).await?;
                tokio::time::sleep(retry_after.map_or(pause, |asked| asked.max(pause))).await;
            }
            Trouble::NoAnswer(_) => {
                self.options.connectivity.report(&trouble);
                self.tell(State::Failing(trouble.to_string())).await?;
                tokio::time::sleep(pause).await;
            }
            Trouble::Gone | Trouble::VersionTooLarge | Trouble::Unauthorized(_) | Trouble::Unreachable(_) => {
                self.tell(State::Failing(trouble.to_string())).await?;
                tokio::time::sleep(pause).await;
            }
        }
        Some(())
    }

    fn spread(&self, duration: Duration) -> Duration {
        self.options.client.clock().spread(duration)
    }

    fn settle(&mut self) {
        self.backoff.reset();
        self.attempts = 0;
    }

    fn not_older(&self) -> Freshness {
        match &self.version {
            Some(version @ ResourceVersion::Number(_)) => Freshness::NotOlderThan(version.clone()),
            Some(ResourceVersion::Opaque(_)) | None => Freshness::Consistent,
        }
    }

    /// Tells a state; `None` when the sink wants no more.
    async fn tell(&mut self, state: State) -> Option<()> {
        match self.sink.send(Event::State(state)).await {
            Answer::Continue | Answer::ListAgain { .. } => Some(()),
            Answer::Stop => None,
        }
    }
}
