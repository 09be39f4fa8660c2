//! One view of the connection for all readers: when the server can't be reached, or refuses the credentials, one
//! prober asks for it and everybody else waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Backoff, Trouble};
use crate::cluster::client::{Client, RequestSpec};
use crate::cluster::review;

/// The connection as the readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Nothing is known to be wrong.
    Up,
    /// The server can't be reached.
    Down {
        /// Why, for people.
        error: String,
    },
    /// 401: the credentials are not accepted.
    Unauthorized {
        /// What the server said.
        error: String,
    },
}

/// After a doubt that was without reason the next of its sort is looked into after this pause, growing.
const DOUBTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Doubts that lie further apart than this have nothing to do with each other.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Every server answers this one at once.
const PATIENCE: Duration = Duration::from_secs(15);

/// Shared state of the connection; clones see the same.
#[derive(Debug, Clone)]
pub struct Connectivity {
    link: watch::Sender<Link>,
    /// When the server is asked again; `None` while it is, and while the connection works.
    next_try: watch::Sender<Option<Instant>>,
    doubts: Arc<Doubts>,
}

/// What one kind's trouble gives reason to ask.
#[derive(Debug, Default)]
struct Doubts {
    answers: Notify,
    credentials: Notify,
}

/// What the server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Does it answer at all?
    Answers,
    /// Does it accept our credentials? It tells its version to anybody, so that is asked otherwise.
    Credentials,
}

impl Connectivity {
    /// A connection that is thought to work. [`Connectivity::probe`] must run beside it.
    pub fn new() -> Self {
        Self {
            link: watch::Sender::new(Link::Up),
            next_try: watch::Sender::new(None),
            doubts: Arc::default(),
        }
    }

    /// Says that a request to the server itself failed. Returns whether in a way that concerns everybody: then the
    /// connection is down until the server answers. No answer to one request only has the server asked.
    pub fn report(&self, trouble: &Trouble) -> bool {
        if matches!(trouble, Trouble::NoAnswer(_) | Trouble::Lost(_)) {
            self.doubts.answers.notify_one();
        }
        let Some(link) = Link::of(trouble) else { return false };
        self.link.send_if_modified(|current| {
            let news = *current == Link::Up;
            if news {
                *current = link;
            }
            news
        });
        true
    }

    /// The same of a request for one kind. Its 401 may be the fault of its API, so that only has the server asked.
    pub fn report_kind(&self, trouble: &Trouble) -> bool {
        if matches!(trouble, Trouble::Unauthorized(_)) {
            self.doubts.credentials.notify_one();
            return false;
        }
        self.report(trouble)
    }

    /// Waits until the connection works.
    pub async fn up(&self) {
        let mut link = self.link.subscribe();
        // The sender lives as long as `self`.
        _ = link.wait_for(|link| *link == Link::Up).await;
    }

    /// The state, and a way to wait for its changes.
    pub fn subscribe(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// When the server is asked again, where it did not answer, and a way to wait for changes of that.
    pub fn next_try(&self) -> watch::Receiver<Option<Instant>> {
        self.next_try.subscribe()
    }

    /// Asks for the server whenever the connection is down, until it answers, and once when that is in doubt; runs for
    /// ever.
    pub async fn probe(&self, client: &Client, pauses: (Duration, Duration)) {
        let mut link = self.link.subscribe();
        let mut answers = Doubt::new(Question::Answers, client);
        let mut credentials = Doubt::new(Question::Credentials, client);
        loop {
            let doubt = tokio::select! {
                // The sender lives as long as `self`.
                _ = link.wait_for(|link| *link != Link::Up) => None,
                () = answers.raised(&self.doubts.answers) => Some(&mut answers),
                () = credentials.raised(&self.doubts.credentials) => Some(&mut credentials),
            };
            if let Some(doubt) = doubt
                && self.ask(client, doubt.question).await
            {
                doubt.was_baseless();
                continue;
            }
            let mut backoff = Backoff::new(pauses, client.clock());
            loop {
                let pause = backoff.pause();
                self.next_try.send_replace(Instant::now().checked_add(pause));
                tokio::time::sleep(pause).await;
                self.next_try.send_replace(None);
                let refused = matches!(*self.link.borrow(), Link::Unauthorized { .. });
                let question = if refused { Question::Credentials } else { Question::Answers };
                if self.ask(client, question).await {
                    break;
                }
            }
        }
    }

    /// Whether the server answers, and as it should; everybody is told.
    async fn ask(&self, client: &Client, question: Question) -> bool {
        let answer = match question {
            Question::Answers => client.get(&RequestSpec::new("/version").patience(PATIENCE)).await.map(drop),
            Question::Credentials => review::user(client).await.map(drop),
        };
        let now = match answer {
            Ok(()) => Link::Up,
            Err(error) => Link::of_probe(&Trouble::from(error)),
        };
        let up = now == Link::Up;
        self.link.send_if_modified(|link| {
            let news = *link != now;
            *link = now;
            news
        });
        up
    }
}

impl Default for Connectivity {
    fn default() -> Self {
        Self::new()
    }
}

/// One sort of doubt, and how soon it is looked into again.
struct Doubt {
    question: Question,
    not_before: Instant,
    pauses: Backoff,
}

impl Doubt {
    fn new(question: Question, client: &Client) -> Self {
        Self { question, not_before: Instant::now(), pauses: Backoff::new(DOUBTS, client.clock()) }
    }

    /// Waits until there is one, and it is time for it.
    async fn raised(&self, doubt: &Notify) {
        tokio::time::sleep_until(self.not_before).await;
        doubt.notified().await;
    }

    fn was_baseless(&mut self) {
        if self.not_before.elapsed() > FORGOTTEN {
            self.pauses.reset();
        }
        self.not_before = Instant::now() + self.pauses.pause();
    }
}

impl Link {
    fn of(trouble: &Trouble) -> Option<Self> {
        match trouble {
            Trouble::Unauthorized(error) | Trouble::NoCredentials(error) => {
                Some(Link::Unauthorized { error: error.clone() })
            }
            Trouble::Unreachable(error) => Some(Link::Down { error: error.clone() }),
            Trouble::Gone
            | Trouble::VersionTooLarge
            | Trouble::Forbidden(_)
            | Trouble::NotFound
            | Trouble::NotOffered(_)
            | Trouble::Initializing
            | Trouble::NoAnswer(_)
            | Trouble::Lost(_)
            | Trouble::Other { .. } => None,
        }
    }

    /// The question that every server answers at once.
    fn of_probe(trouble: &Trouble) -> Self {
        if let Trouble::NoAnswer(error) | Trouble::Lost(error) = trouble {
            return Link::Down { error: error.clone() };
        }
        Link::of(trouble).unwrap_or(Link::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_to_one_request_takes_nobody_else_down() {
        let connectivity = Connectivity::new();
        assert!(!connectivity.report(&Trouble::NoAnswer("no answer within 60 s".into())));
        assert_eq!(*connectivity.subscribe().borrow(), Link::Up);
        assert!(!connectivity.report_kind(&Trouble::Unauthorized("401".into())));
        assert_eq!(*connectivity.subscribe().borrow(), Link::Up);
        assert!(connectivity.report_kind(&Trouble::Unreachable("connection refused".into())));
        assert_ne!(*connectivity.subscribe().borrow(), Link::Up);
    }

    #[test]
    fn the_word_of_the_server_itself_and_a_plugin_that_fails_concern_everybody() {
        let troubles = [Trouble::Unauthorized("401".into()), Trouble::NoCredentials("no plugin".into())];
        for trouble in troubles {
            let connectivity = Connectivity::new();
            assert!(connectivity.report(&trouble));
            assert!(matches!(*connectivity.subscribe().borrow(), Link::Unauthorized { .. }));
        }
        assert!(Connectivity::new().report_kind(&Trouble::NoCredentials("no plugin".into())));
    }
}
