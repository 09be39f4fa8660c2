//! One view of the connection for all readers: when the server can't be reached, or refuses the credentials, one
//! prober asks for it and everybody else waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Backoff, Trouble};
use crate::cluster::client::{Client, RequestSpec};

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

/// Shared state of the connection; clones see the same.
#[derive(Debug, Clone)]
pub struct Connectivity {
    link: watch::Sender<Link>,
    /// When the server is asked again; `None` while it is, and while the connection works.
    next_try: watch::Sender<Option<Instant>>,
    /// Somebody got no answer: the server is asked whether it answers at all.
    doubt: Arc<Notify>,
}

impl Connectivity {
    /// A connection that is thought to work. [`Connectivity::probe`] must run beside it.
    pub fn new() -> Self {
        Self { link: watch::Sender::new(Link::Up), next_try: watch::Sender::new(None), doubt: Arc::default() }
    }

    /// Says that a request failed. Returns whether in a way that concerns everybody: then the connection is down until
    /// the server answers. No answer to one request may be the fault of one API, so that only has the server asked.
    pub fn report(&self, trouble: &Trouble) -> bool {
        if matches!(trouble, Trouble::NoAnswer(_)) {
            self.doubt.notify_one();
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
        loop {
            let doubted = tokio::select! {
                // The sender lives as long as `self`.
                _ = link.wait_for(|link| *link != Link::Up) => false,
                () = self.doubt.notified() => true,
            };
            if doubted && self.ask(client).await {
                continue;
            }
            let mut backoff = Backoff::new(pauses, client.clock());
            loop {
                let pause = backoff.pause();
                self.next_try.send_replace(Instant::now().checked_add(pause));
                tokio::time::sleep(pause).await;
                self.next_try.send_replace(None);
                if self.ask(client).await {
                    break;
                }
            }
        }
    }

    /// Whether the server answers; everybody is told.
    async fn ask(&self, client: &Client) -> bool {
        let now = match client.get(&RequestSpec::new("/version")).await {
            Ok(_) => Link::Up,
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

impl Link {
    fn of(trouble: &Trouble) -> Option<Self> {
        match trouble {
            Trouble::Unauthorized(error) => Some(Link::Unauthorized { error: error.clone() }),
            Trouble::Unreachable(error) => Some(Link::Down { error: error.clone() }),
            Trouble::Gone
            | Trouble::VersionTooLarge
            | Trouble::Forbidden(_)
            | Trouble::NotFound
            | Trouble::Initializing
            | Trouble::NoAnswer(_)
            | Trouble::Other { .. } => None,
        }
    }

    /// The question that every server answers at once.
    fn of_probe(trouble: &Trouble) -> Self {
        if let Trouble::NoAnswer(error) = trouble {
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
        assert!(connectivity.report(&Trouble::Unreachable("connection refused".into())));
        assert_ne!(*connectivity.subscribe().borrow(), Link::Up);
    }
}
