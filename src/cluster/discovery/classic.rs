//! Classic discovery: one request per group version, for servers before 1.26. It knows no freshness.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::Freshness;
use super::parse::{Part, nullable, read};
use crate::cluster::client::{Client, ClientError, RequestSpec};
use crate::object::{Kind, KindKey};

/// Requests at once.
const AT_ONCE: usize = 8;
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

#[derive(Deserialize)]
struct ResourceList {
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

/// Reads the resource lists; `None` where a group's server did not answer.
pub(super) fn part(answers: Vec<(Wanted, Option<Vec<u8>>)>) -> Result<Part, ClientError> {
    let mut taken = BTreeSet::new();
    let mut groups = BTreeMap::new();
    let mut kinds = Vec::new();
    let mut served = BTreeMap::new();
    for (wanted, body) in answers {
        let freshness = groups.entry(wanted.group.clone()).or_insert(Freshness::Unknown);
        let Some(body) = body else {
            *freshness = Freshness::Stale;
            continue;
        };
        for resource in read::<ResourceList>(&body)?.resources {
            let listable = resource.verbs.iter().any(|verb| verb == "list") && !resource.name.contains('/');
            if listable {
                let key = KindKey::new(&wanted.group, &resource.name);
                served.entry(key).or_insert_with(Vec::new).push(wanted.version.clone());
            }
            if !listable || !taken.insert((wanted.group.clone(), resource.name.clone())) {
                continue;
            }
            kinds.push(Kind {
                group: wanted.group.clone(),
                version: wanted.version.clone(),
                kind: resource.kind,
                plural: resource.name,
                singular: resource.singular_name,
                short_names: resource.short_names,
                categories: resource.categories,
                namespaced: resource.namespaced,
                watchable: resource.verbs.iter().any(|verb| verb == "watch"),
            });
        }
    }
    Ok(Part { kinds, groups, served })
}

/// Asks for every group version that the answer names.
pub(super) async fn complete(client: &Client, body: &[u8]) -> Result<Part, ClientError> {
    let requests = wanted(body)?.into_iter().map(|wanted| async {
        let answer = match client.get(&RequestSpec::new(wanted.path.clone())).await {
            Ok(response) => Some(response.bytes(LIMIT).await?.to_vec()),
            // Its server is down or it just went: the others count, and this group is not known.
            Err(ClientError::Server(_) | ClientError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        Ok((wanted, answer))
    });
    let answers: Vec<Result<_, ClientError>> = stream::iter(requests).buffered(AT_ONCE).collect().await;
    part(answers.into_iter().collect::<Result<_, _>>()?)
}
