//! Partial rights: in which namespaces a kind may be listed when the whole cluster may not be. [`Book`] says what to ask
//! and remembers the answers; here they are asked.

mod bits;
mod book;
mod pace;
mod patience;
mod question;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bits::Bits;
pub(super) use book::Book;
use question::Rules;
pub(super) use question::{Ask, Depth, Places, Tried};
use tokio::time::timeout;

use crate::cluster::client::{Answerer, Client, ClientError, RequestSpec};
use crate::cluster::review;
use crate::cluster::watch::{Connectivity, Rounds, describe};
use crate::object::{Kind, KindKey};

/// What is asked of one namespace is quickly answered; an API that takes longer hangs.
const ANSWER: Duration = Duration::from_secs(10);
/// The same of the list of all namespaces, to its end.
const LIST: Duration = Duration::from_secs(60);

/// An answer to a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// Which namespaces there are; `None` where they may not be listed.
    Namespaces(Result<Option<Vec<String>>, ()>),
    /// What may be listed in a namespace.
    Reviewed(Arc<str>, Option<Rules>),
    /// Whether a kind may be listed in a namespace, and the server's words.
    Tried(KindKey, Arc<str>, Tried, String),
}

/// Asks the API server.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) connectivity: Connectivity,
    /// Tries take their turns here; `None` in a run that ends.
    pub(super) rounds: Option<Rounds>,
}

impl Asker {
    /// Asks one question.
    pub(super) async fn ask(self, ask: Ask, answerer: Answerer) -> Answer {
        if self.rounds.is_some() {
            self.connectivity.up().await;
        }
        match ask {
            Ask::Namespaces => {
                let names = timeout(LIST, review::namespaces(&self.client)).await;
                Answer::Namespaces(names.map_err(drop).and_then(|names| names.map_err(drop)))
            }
            Ask::Review(namespace, kinds) => {
                let rules = timeout(ANSWER, self.review(&namespace, &kinds)).await;
                Answer::Reviewed(namespace, rules.ok().flatten())
            }
            Ask::Try(kind, namespace) => {
                let tried = match &self.rounds {
                    Some(rounds) => rounds.turn(self.attempt(&kind, &namespace, answerer)).await,
                    None => self.attempt(&kind, &namespace, answerer).await,
                };
                let (tried, why) = match tried {
                    Ok(()) => (Tried::Allowed, String::new()),
                    Err(error @ ClientError::Forbidden(_)) => (Tried::Refused, describe(&error)),
                    Err(error) => (Tried::Unclear, describe(&error)),
                };
                Answer::Tried(kind.key(), namespace, tried, why)
            }
        }
    }

    async fn review(&self, namespace: &str, kinds: &[Kind]) -> Option<Rules> {
        let (allowed, incomplete) = match review::rights(&self.client, namespace).await {
            Ok(rights) => {
                let allowed = kinds.iter().enumerate().filter(|(_, kind)| rights.may_list(kind));
                (allowed.map(|(number, _)| number).collect(), rights.incomplete)
            }
            // Nobody may ask, or nobody answers: what is allowed has to be tried.
            Err(ClientError::Forbidden(_) | ClientError::NotFound(_)) => (Bits::default(), true),
            Err(error) => {
                tracing::debug!(namespace, error = describe(&error), "rights could not be asked for");
                return None;
            }
        };
        Some(Rules { allowed, kinds: kinds.len(), incomplete })
    }

    /// Lists one object at most: whether that is allowed is all that counts.
    async fn attempt(&self, kind: &Kind, namespace: &str, answerer: Answerer) -> Result<(), ClientError> {
        let spec = RequestSpec::new(kind.path(Some(namespace))).query("limit", "1").kind(kind.key());
        let spec = spec.answered_by(answerer).patience(ANSWER).accept(review::METADATA);
        self.client.get(&spec).await.map(drop)
    }
}
