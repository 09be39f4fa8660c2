//! Classic discovery: one request per group version, for servers before 1.26. It knows no freshness.
//!
//! The API server hands the request for an aggregated group on to that group's own server, whose trouble is no one
//! else's: whatever it answers, and however long it takes, the other groups are read.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::Freshness;
use super::parse::{Part, nullable, read};
use crate::cluster::client::{Answerer, Client, ClientError, ConnectFailure, RequestSpec};
use crate::object::{Kind, KindKey};

/// Requests at once: enough that some groups that hang do not hold up the others.
const AT_ONCE: usize = 32;
const LIMIT: usize = 16 << 20;

/// Of `/apis` the groups, of `/api` the versions of the core group. A body with neither is no discovery.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Groups { groups: Vec<Group> },
    Core { versions: Vec<String> },
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(deserialize_with = "nullable")]
    versions: Vec<GroupVersion>,
    preferred_version: Option<GroupVersion>,
}

#[derive(Deserialize, Default, Clone, PartialEq)]
#[serde(default)]
struct GroupVersion {
    version: String,
}

/// What one group version serves.
#[derive(Deserialize)]
pub(super) struct ResourceList {
    #[serde(deserialize_with = "nullable")]
    resources: Vec<Resource>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    name: String,
    singular_name: String,
    kind: String,
    namespaced: bool,
    #[serde(deserialize_with = "nullable")]
    verbs: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    short_names: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    categories: Vec<String>,
}

/// Group and version in the order they are preferred, and the path that lists their resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) path: String,
}

/// The group versions that a classic answer of `/api` or `/apis` names, the preferred one of each group first.
pub(super) fn wanted(body: &[u8]) -> Result<Vec<Wanted>, ClientError> {
    let groups = match read(body)? {
        Listed::Groups { groups } => groups,
        Listed::Core { versions } => {
            let core = versions.into_iter().map(|version| {
                let path = format!("/api/{version}");
                Wanted { group: String::new(), version, path }
            });
            return Ok(core.collect());
        }
    };
    let mut all = Vec::new();
    for group in groups {
        let mut versions = group.versions;
        // Stable: the others keep the server's order.
        versions.sort_by_key(|version| Some(version) != group.preferred_version.as_ref());
        for GroupVersion { version } in versions {
            let path = format!("/apis/{}/{version}", group.name);
            all.push(Wanted { group: group.name.clone(), version, path });
        }
    }
    Ok(all)
}

/// Reads the resource lists; `None` where a group's server gave none.
pub(super) fn part(answers: Vec<(Wanted, Option<ResourceList>)>) -> Part {
    let mut taken = BTreeSet::new();
    let mut part = Part::default();
    for (wanted, list) in answers {
        let freshness = part.groups.entry(wanted.group.clone()).or_insert(Freshness::Unknown);
        let Some(list) = list else {
            *freshness = Freshness::Stale;
            continue;
        };
        for resource in list.resources.into_iter().filter(|resource| !resource.name.contains('/')) {
            let key = KindKey::new(&wanted.group, &resource.name);
            part.named.insert(key.clone());
            if !resource.verbs.iter().any(|verb| verb == "list") {
                continue;
            }
            part.served.entry(key.clone()).or_default().push(wanted.version.clone());
            if taken.insert(key) {
                part.kinds.push(resource.kind(&wanted));
            }
        }
    }
    part
}

impl Resource {
    fn kind(self, wanted: &Wanted) -> Kind {
        Kind {
            group: wanted.group.clone(),
            version: wanted.version.clone(),
            kind: self.kind,
            plural: self.name,
            singular: self.singular_name,
            short_names: self.short_names,
            categories: self.categories,
            namespaced: self.namespaced,
            watchable: self.verbs.iter().any(|verb| verb == "watch"),
        }
    }
}

/// Asks for every group version that the answer names, with this much patience for each.
pub(super) async fn complete(client: &Client, body: &[u8], patience: Duration) -> Result<Part, ClientError> {
    let requests = wanted(body)?.into_iter().map(|wanted| async move {
        let answer = resources(client, &wanted, patience).await;
        (wanted, answer)
    });
    let answers: Vec<_> = stream::iter(requests).buffered(AT_ONCE).collect().await;
    let mut lists = Vec::with_capacity(answers.len());
    let mut refused = None;
    for (wanted, answer) in answers {
        match answer {
            Ok(list) => lists.push((wanted, list)),
            Err(error) if is_of_all(&wanted, &error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, path = wanted.path, "a group's discovery could not be read");
                refused = Some(error);
                lists.push((wanted, None));
            }
        }
    }
    match refused {
        // Nobody gave anything: that is no single group's trouble.
        Some(error) if lists.iter().all(|(_, list)| list.is_none()) => Err(error),
        Some(_) | None => Ok(part(lists)),
    }
}

/// What one group version serves; `None` when its server takes too long.
async fn resources(
    client: &Client,
    wanted: &Wanted,
    patience: Duration,
) -> Result<Option<ResourceList>, ClientError> {
    let answer = async {
        // What an API server behind the API server refuses it refuses for itself.
        let foreign = KindKey::new(&wanted.group, "any").is_custom();
        let answerer = if foreign { Answerer::Aggregated } else { Answerer::Server };
        let response = client.get(&RequestSpec::new(wanted.path.clone()).answered_by(answerer)).await?;
        read(&response.bytes(LIMIT).await?)
    };
    if wanted.group.is_empty() {
        return answer.await.map(Some);
    }
    match tokio::time::timeout(patience, answer).await {
        Ok(list) => list.map(Some),
        Err(_) => Ok(None),
    }
}

/// Whether a failure concerns more than the group that was asked for: the API server itself answers for the core
/// group, and without a connection or credentials nobody is asked.
fn is_of_all(wanted: &Wanted, error: &ClientError) -> bool {
    match error {
        _ if wanted.group.is_empty() => true,
        ClientError::Unreachable { source: ConnectFailure::NoAnswer(_), .. } => false,
        ClientError::Unreachable { .. }
        | ClientError::AuthPlugin(_)
        | ClientError::Tls(_)
        | ClientError::Credentials { .. }
        | ClientError::ReadOnly { .. } => true,
        ClientError::Unauthorized(_)
        | ClientError::Forbidden(_)
        | ClientError::NotFound(_)
        | ClientError::Gone(_)
        | ClientError::TooLargeVersion(_)
        | ClientError::Throttled { .. }
        | ClientError::NotAcceptable(_)
        | ClientError::Server(_)
        | ClientError::Api(_)
        | ClientError::Body(_)
        | ClientError::NoConnection => false,
    }
}
