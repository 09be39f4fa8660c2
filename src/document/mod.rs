//! L1: the pure mapping from an object to the document that is searched and mirrored.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::object::Owner;

mod fingerprint;
mod form;
mod map;
mod redact;
mod rules;
#[cfg(test)]
mod tests;

pub use fingerprint::fingerprint;
pub use form::{Form, FormHash, LABELS as FORM_LABELS, form};
pub use map::{document, document_id};
pub use redact::{REDACTED, without_secrets};
pub use rules::{DENIED_ANNOTATIONS, RuleError, RuleOptions, Rules, TICKING_ANNOTATIONS};

/// Counts changes of the mapping and of its fields: an index of another version is built anew.
pub const SCHEMA_VERSION: u32 = 1;

/// The value of every document's `source` key.
pub const SOURCE: &str = "resource-sync";

/// What is searched and mirrored (`id`, `text`, `metadata`), and what only the local index adds (`local`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `namespace/apiVersion/Kind/name`, namespace `_cluster` for cluster-scoped kinds.
    pub id: String,
    /// The sections joined by ` | `, as upstream's pull path writes them.
    pub text: String,
    /// The keys an agent filters by.
    pub metadata: Metadata,
    /// Never mirrored.
    pub local: Local,
}

/// The mirrored metadata. Serialises to upstream's seven string keys plus `createdAt` and `labelPairs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Namespace; `_cluster` for cluster-scoped kinds.
    pub namespace: String,
    /// Object name; may be empty.
    pub name: String,
    /// Kind name from discovery.
    pub kind: String,
    /// `group/version` from discovery.
    pub api_version: String,
    /// API group; empty for the core group.
    pub api_group: String,
    /// `key=value` joined by a bare comma; empty without labels.
    pub labels: String,
    /// Creation time, RFC 3339; absent on the wire when `None`.
    pub created_at: Option<String>,
    /// One `key=value` per label; absent on the wire when empty (Chroma refuses empty lists).
    pub label_pairs: Vec<String>,
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("namespace", &self.namespace)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("apiVersion", &self.api_version)?;
        map.serialize_entry("apiGroup", &self.api_group)?;
        map.serialize_entry("labels", &self.labels)?;
        map.serialize_entry("source", SOURCE)?;
        if let Some(created_at) = &self.created_at {
            map.serialize_entry("createdAt", created_at)?;
        }
        if !self.label_pairs.is_empty() {
            map.serialize_entry("labelPairs", &self.label_pairs)?;
        }
        map.end()
    }
}

/// Local fields: in the index for search and screens, never in a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Local {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`; 0 where the kind has none.
    pub generation: i64,
    /// Creation time, seconds since 1970 (UTC).
    pub created: Option<i64>,
    /// Deletion time, seconds since 1970 (UTC); set while finalizers hold the object.
    pub deleted: Option<i64>,
    /// Labels as a map (the metadata has them flattened).
    pub labels: BTreeMap<String, String>,
    /// Annotations after the deny list, redaction and the cap of 1 KiB a value.
    pub annotations: BTreeMap<String, String>,
    /// Owner references.
    pub owners: Vec<Owner>,
    /// Finalizers.
    pub finalizers: Vec<String>,
}

/// Hashes of what the index and the mirror would hold: equal fingerprints, nothing to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint {
    /// Everything but annotation values.
    pub content: u64,
    /// Annotation values alone: they may tick, so their writes are rationed.
    pub annotations: u64,
}
