//! One view of the connection for all readers: when the server can't be reached, or refuses the credentials, one
//! prober asks for it and everybody else waits.

use std::time::Duration;

use tokio::sync::watch;

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
}

impl Connectivity {
    /// A connection that is thought to work. [`Connectivity::probe`] must run beside it.
    pub fn new() -> Self {
        Self { link: watch::Sender::new(Link::Up) }
    }

    /// Says that a request failed in a way that concerns everybody. Returns whether it did.
    pub fn report(&self, trouble: &Trouble) -> bool {
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

    /// Asks for the server whenever the connection is down, until it answers; runs for ever.
    pub async fn probe(&self, client: &Client, pauses: (Duration, Duration)) {
        let mut link = self.link.subscribe();
        loop {
            if link.wait_for(|link| *link != Link::Up).await.is_err() {
                return;
            }
            let mut backoff = Backoff::new(pauses);
            loop {
                tokio::time::sleep(backoff.pause()).await;
                let now = match client.get(&RequestSpec::new("/version")).await {
                    Ok(_) => Link::Up,
                    Err(error) => Link::of(&Trouble::from(error)).unwrap_or(Link::Up),
                };
                let up = now == Link::Up;
                self.link.send_replace(now);
                if up {
                    break;
                }
            }
        }
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
            | Trouble::Other { .. } => None,
        }
    }
}
