//! What goes into the index, and what a restart needs to know of it.

use crate::document::{Document, Fingerprint};
use crate::object::{IdHash, Key, KindKey};

/// One object as the index holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key: hash of (id, uid).
    pub key: Key,
    /// Group and plural.
    pub kind: KindKey,
    /// What is searched, shown and mirrored.
    pub document: Document,
    /// Hashes of the document, compared after a restart.
    pub fingerprint: Fingerprint,
    /// The object's `resourceVersion` where it is a number.
    pub version: Option<u64>,
}

/// One change of the index.
#[derive(Debug, Clone)]
pub enum Op {
    /// Adds the entry, or replaces the one with the same key.
    Upsert(Box<Entry>),
    /// Removes the entry with this key, if there is one.
    Delete(Key),
}

/// What the engine needs of every entry after a restart; read from columns, without the documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEntry {
    /// The key: hash of (id, uid).
    pub key: Key,
    /// Hash of the document id.
    pub id: IdHash,
    /// Group and plural.
    pub kind: KindKey,
    /// Namespace as in the document (`_cluster` for cluster-scoped kinds).
    pub namespace: std::sync::Arc<str>,
    /// Hashes of the document.
    pub fingerprint: Fingerprint,
    /// The object's `resourceVersion`; 0 where it is unknown or no number.
    pub version: u64,
}
