//! Whose cluster it is, and what to say when nobody answers.

use crate::cluster::client::ClientError;
use crate::cluster::watch::{Backoff, Trouble};
use crate::index::Checkpoint;

use super::super::facts::facts;
use super::super::pump::Message;
use super::super::readers::Readers;
use super::super::{Mode, Outcome};
use super::Life;

impl Life<'_> {
    /// Checks that cluster and user are those that the index is of. `Ok(false)`: they are not.
    pub(super) async fn identify(&mut self, checkpoint: &Checkpoint) -> Result<bool, Outcome> {
        let mut pauses = Backoff::new(self.options.timing.backoff, self.client.clock());
        let facts = loop {
            match facts(&self.client).await {
                Ok(facts) => break facts,
                Err(error) if self.options.mode != Mode::Live => return Err(outcome(&error)),
                Err(error) => {
                    if self.tell_trouble("who answers could not be asked", &error).await {
                        self.connectivity.up().await;
                    }
                    tokio::time::sleep(pauses.pause()).await;
                }
            }
        };
        let differs = |old: &Option<String>, new: &Option<String>| matches!((old, new), (Some(old), Some(new)) if old != new);
        if differs(&checkpoint.cluster_uid, &facts.cluster_uid) || differs(&checkpoint.user, &facts.user) {
            return Ok(false);
        }
        let cluster_uid = facts.cluster_uid.or_else(|| checkpoint.cluster_uid.clone());
        self.shared.cluster_uid.clone_from(&cluster_uid);
        self.readers = Readers::new(self.shared.clone());
        let user = facts.user.or_else(|| checkpoint.user.clone());
        self.cluster_uid.clone_from(&cluster_uid);
        self.tell(Message::Base { cluster_uid, user }).await;
        let (version, note) = (facts.version, facts.note);
        self.report(move |report| {
            report.head.version = version;
            note.into_iter().for_each(|note| report.note(note));
        })
        .await;
        Ok(true)
    }

    /// Says what went wrong; whether it concerns the connection.
    pub(super) async fn tell_trouble(&self, what: &str, error: &ClientError) -> bool {
        let trouble = Trouble::from_error(error);
        let of_all = self.connectivity.report(&trouble);
        if !of_all {
            let note = format!("{what}: {trouble}");
            self.report(move |report| report.note(note)).await;
        }
        of_all
    }
}

/// How a run ends that does not wait for a server.
pub(super) fn outcome(error: &ClientError) -> Outcome {
    match Trouble::from_error(error) {
        Trouble::Unauthorized(message) | Trouble::NoCredentials(message) => Outcome::Unauthorized(message),
        trouble @ (Trouble::Gone
        | Trouble::VersionTooLarge
        | Trouble::Forbidden(_)
        | Trouble::NotFound
        | Trouble::NotOffered(_)
        | Trouble::Initializing
        | Trouble::Unreachable(_)
        | Trouble::NoAnswer(_)
        | Trouble::Lost(_)
        | Trouble::Other { .. }) => Outcome::Unreachable(trouble.to_string()),
    }
}
