//! Whose cluster it is, and what to say when nobody answers.

use crate::cluster::client::ClientError;
use crate::cluster::identity::lasting_user;
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
        let user = stored_user(checkpoint);
        if differs(&checkpoint.cluster_uid, &facts.cluster_uid) || differs(&user, &facts.user) {
            return Ok(false);
        }
        let cluster_uid = facts.cluster_uid.or_else(|| checkpoint.cluster_uid.clone());
        self.shared.cluster_uid.clone_from(&cluster_uid);
        self.readers = Readers::new(self.shared.clone());
        let user = facts.user.or(user);
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

/// The user that an index is of. Earlier versions stored the name of a session with it.
fn stored_user(checkpoint: &Checkpoint) -> Option<String> {
    checkpoint.user.as_deref().map(|user| lasting_user(user).to_owned())
}

/// Whether both are known and are not the same.
fn differs(old: &Option<String>, new: &Option<String>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_a_session_that_an_earlier_version_stored_is_the_same_users() {
        let role = "arn:aws:sts::123456789012:assumed-role/Admin";
        let stored = |user: &str| Checkpoint { user: Some(user.to_owned()), ..Checkpoint::default() };
        let is_other = |old: &str| differs(&stored_user(&stored(old)), &Some(role.to_owned()));
        assert!(!is_other(&format!("{role}/botocore-session-1700000000")) && !is_other(role));
        assert!(is_other("arn:aws:sts::123456789012:assumed-role/Viewer/botocore-session-1700000000"));
        assert!(!differs(&None, &Some(role.to_owned())), "who is not known is nobody else");
    }
}
