//! A kind: one served resource type, as discovery lists it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One served resource type in its preferred version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: String,
    /// Preferred version, e.g. `v1`.
    pub version: String,
    /// Kind name, e.g. `Deployment`.
    pub kind: String,
    /// Plural resource name, e.g. `deployments`.
    pub plural: String,
    /// Singular resource name, e.g. `deployment`; may be empty.
    pub singular: String,
    /// Short names, e.g. `deploy`.
    pub short_names: Vec<String>,
    /// Categories, e.g. `all`.
    pub categories: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether the server offers `watch` for it.
    pub watchable: bool,
}

impl Kind {
    /// `group/version`, or just the version for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The key that does not change with the version: `plural` or `plural.group`.
    pub fn key(&self) -> KindKey {
        KindKey::new(&self.group, &self.plural)
    }

    /// The collection's path, below one namespace when `namespace` is given.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        match namespace {
            Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", self.version, self.plural),
            None => format!("{root}/{}/{}", self.version, self.plural),
        }
    }
}

/// Group and plural of a kind as `plural.group` (`deployments.apps`; core kinds just `pods`): what delete
/// authority and coverage are counted by, whatever version is preferred.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KindKey(Arc<str>);

/// The groups of Kubernetes' own APIs, beside the core group, as the sources of 1.37 name them; their objects lie in the
/// API server's own etcd. A CRD may well have a group below `k8s.io`, so its end says nothing.
const OWN_GROUPS: &[&str] = &[
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "lifecycle.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

impl KindKey {
    /// Joins a group (may be empty) and a plural.
    pub fn new(group: &str, plural: &str) -> Self {
        if group.is_empty() { Self(plural.into()) } else { Self(format!("{plural}.{group}").into()) }
    }

    /// `plural.group`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The plural: what stands before the first dot (a plural is a DNS label).
    pub fn plural(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(plural, _)| plural)
    }

    /// The group; empty for the core group.
    pub fn group(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, group)| group)
    }

    /// Whether it extends the API (by a CustomResourceDefinition or an aggregated API server) instead of being one of
    /// Kubernetes' own.
    pub fn is_custom(&self) -> bool {
        let group = self.group();
        !group.is_empty() && !OWN_GROUPS.contains(&group)
    }
}

impl From<&str> for KindKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for KindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_kind_is_known_by_its_group() {
        let custom = |key: &str| KindKey::from(key).is_custom();
        assert!(custom("certificates.cert-manager.io") && custom("gateways.gateway.networking.k8s.io"));
        assert!(!custom("pods") && !custom("deployments.apps") && !custom("ingresses.networking.k8s.io"));
    }

    #[test]
    fn a_kind_key_splits_at_the_first_dot() {
        let key = KindKey::new("rbac.authorization.k8s.io", "clusterroles");
        assert_eq!(key.as_str(), "clusterroles.rbac.authorization.k8s.io");
        assert_eq!((key.plural(), key.group()), ("clusterroles", "rbac.authorization.k8s.io"));
        assert_eq!((KindKey::from("pods").plural(), KindKey::from("pods").group()), ("pods", ""));
    }
}
