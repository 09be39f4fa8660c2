//! The words of the program: kinds, objects (metadata only), versions and scopes. Pure, no IO.

mod key;
mod kind;
mod metadata;
mod version;

pub use key::{IdHash, Key};
pub use kind::{Kind, KindKey};
pub use metadata::{Object, Owner};
pub use version::ResourceVersion;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where one read of a kind looks: the whole cluster, or one namespace (with partial rights).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Every namespace, or a cluster-scoped kind.
    All,
    /// One namespace only.
    Namespace(Arc<str>),
}

impl Scope {
    /// Whether an object in `namespace` (`None` for cluster-scoped) belongs to this scope.
    pub fn contains(&self, namespace: Option<&str>) -> bool {
        match self {
            Scope::All => true,
            Scope::Namespace(own) => namespace == Some(own.as_ref()),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::All => f.write_str("all namespaces"),
            Scope::Namespace(namespace) => write!(f, "namespace {namespace}"),
        }
    }
}
