//! Aggregated discovery (`apidiscovery.k8s.io`, v2 and v2beta1 are alike): a pure function of its body.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Freshness;
use crate::cluster::client::{BodyFailure, ClientError};
use crate::object::{Kind, KindKey};

/// What one of the two requests gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its listable kinds.
    pub kinds: Vec<Kind>,
    /// Its groups.
    pub groups: BTreeMap<String, Freshness>,
    /// Every version that each kind can be listed in.
    pub served: BTreeMap<KindKey, Vec<String>>,
    /// Every kind that is served, also those that can't be listed.
    pub named: BTreeSet<KindKey>,
}

#[derive(Deserialize)]
struct List {
    /// Must be there: without it the body is something else, and no cluster is without kinds.
    items: Vec<Group>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Group {
    metadata: Name,
    versions: Vec<Version>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Name {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Version {
    version: String,
    #[serde(deserialize_with = "nullable")]
    resources: Vec<Resource>,
    freshness: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    resource: String,
    response_kind: Option<ResponseKind>,
    scope: String,
    singular_resource: String,
    #[serde(deserialize_with = "nullable")]
    verbs: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    short_names: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    categories: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResponseKind {
    kind: String,
}

/// Go writes an empty list as null.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, ClientError> {
    let unreadable = |error: serde_json::Error| ClientError::Body(BodyFailure::Unreadable(error.to_string()));
    serde_json::from_slice(body).map_err(unreadable)
}

/// Reads an aggregated answer. Versions stand in the server's order of preference: a resource is taken in the first
/// that has it. A group whose server is down is there without kinds, as stale.
pub fn aggregated(body: &[u8]) -> Result<Part, ClientError> {
    let list: List = read(body)?;
    let mut part = Part::default();
    for group in list.items {
        let mut taken = BTreeSet::new();
        let stale = group.versions.iter().any(|version| version.freshness == "Stale");
        let freshness = if stale { Freshness::Stale } else { Freshness::Current };
        for version in group.versions {
            for resource in version.resources {
                let key = KindKey::new(&group.metadata.name, &resource.resource);
                part.named.insert(key.clone());
                if !resource.verbs.iter().any(|verb| verb == "list") {
                    continue;
                }
                part.served.entry(key).or_default().push(version.version.clone());
                if !taken.insert(resource.resource.clone()) {
                    continue;
                }
                part.kinds.push(Kind {
                    group: group.metadata.name.clone(),
                    version: version.version.clone(),
                    kind: resource.response_kind.unwrap_or_default().kind,
                    plural: resource.resource,
                    singular: resource.singular_resource,
                    short_names: resource.short_names,
                    categories: resource.categories,
                    namespaced: resource.scope == "Namespaced",
                    watchable: resource.verbs.iter().any(|verb| verb == "watch"),
                });
            }
        }
        part.groups.insert(group.metadata.name, freshness);
    }
    Ok(part)
}
