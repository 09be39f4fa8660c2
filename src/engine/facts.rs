//! Who answers, and as whom: checked before anything is resumed.

use std::time::Duration;

use crate::cluster::client::{Answerer, Client, ClientError, RequestSpec};
use crate::cluster::review;
use crate::cluster::watch::{Trouble, describe};

/// The cluster's uid is asked for this often before it counts as unknown.
const TRIES: u32 = 3;
/// A pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What tells one cluster and user from another.
pub(super) struct Facts {
    /// Uid of the `kube-system` namespace, where readable.
    pub(super) cluster_uid: Option<String>,
    /// Our user name, where served.
    pub(super) user: Option<String>,
    /// The server's version, e.g. `v1.37.2`; empty where it may not be read.
    pub(super) version: String,
    /// What could not be read although nothing forbids it.
    pub(super) note: Option<String>,
}

/// Asks for all of them at once. An error concerns the connection as a whole; one API that fails is that API's trouble,
/// and leaves unknown what it would have told.
pub(super) async fn facts(client: &Client) -> Result<Facts, ClientError> {
    let asked = futures_util::join!(version(client), cluster_uid(client), review::user(client));
    let (version, cluster_uid, user) = (asked.0?, asked.1, asked.2);
    let mut note = None;
    let cluster_uid = known(cluster_uid, "which cluster this is", &mut note)?;
    let user = match user {
        // Nobody but the server itself answers this one.
        Err(error @ ClientError::Unauthorized(_)) => return Err(error),
        user => known(user, "the user's name", &mut note)?,
    };
    Ok(Facts { cluster_uid, user, version, note })
}

async fn version(client: &Client) -> Result<String, ClientError> {
    #[derive(serde::Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    match client.get(&RequestSpec::new("/version")).await {
        Ok(response) => response.json::<Version>(64 * 1024).await.map(|version| version.git_version),
        Err(ClientError::Forbidden(_) | ClientError::NotFound(_)) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

async fn cluster_uid(client: &Client) -> Result<Option<String>, ClientError> {
    let mut tries = 1;
    loop {
        match client.cluster_revision(Answerer::Server).await {
            Ok(revision) => return Ok(revision.uid),
            Err(ClientError::Forbidden(_) | ClientError::NotFound(_)) => return Ok(None),
            Err(error) if tries == TRIES || !passes(&error) => return Err(error),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it may be only a moment's trouble of one API.
fn passes(error: &ClientError) -> bool {
    let trouble = Trouble::from_error(error);
    !trouble.is_for_all() && !matches!(trouble, Trouble::Unauthorized(_) | Trouble::NoAnswer(_))
}

/// The answer, or nothing where one API fails; what concerns the connection stays an error.
fn known<T>(
    answer: Result<Option<T>, ClientError>,
    what: &str,
    note: &mut Option<String>,
) -> Result<Option<T>, ClientError> {
    match answer {
        Err(error) if !Trouble::from_error(&error).is_for_all() => {
            *note = Some(format!("{what} could not be read: {}", describe(&error)));
            Ok(None)
        }
        answer => answer,
    }
}
