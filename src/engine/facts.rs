//! Who answers, and as whom: checked before anything is resumed.

use crate::cluster::client::{Client, ClientError, RequestSpec};
use crate::cluster::review;

/// What tells one cluster and user from another.
pub(super) struct Facts {
    /// Uid of the `kube-system` namespace, where readable.
    pub(super) cluster_uid: Option<String>,
    /// Our user name, where served.
    pub(super) user: Option<String>,
    /// The server's version, e.g. `v1.37.2`; empty where it may not be read.
    pub(super) version: String,
}

/// Asks for all of them at once.
pub(super) async fn facts(client: &Client) -> Result<Facts, ClientError> {
    #[derive(serde::Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    let version = async {
        match client.get(&RequestSpec::new("/version")).await {
            Ok(response) => response.json::<Version>(64 * 1024).await.map(|version| version.git_version),
            Err(ClientError::Forbidden(_) | ClientError::NotFound(_)) => Ok(String::new()),
            Err(error) => Err(error),
        }
    };
    let cluster_uid = async {
        match client.cluster_revision().await {
            Ok(revision) => Ok(revision.uid),
            Err(ClientError::Forbidden(_) | ClientError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let (version, cluster_uid, user) =
        futures_util::future::try_join3(version, cluster_uid, review::user(client)).await?;
    Ok(Facts { cluster_uid, user, version })
}
