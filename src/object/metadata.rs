//! One object as metadata only (`PartialObjectMetadata`), without `managedFields`.

use std::collections::BTreeMap;

/// What kubesift keeps of `metadata`; kind, version and scope come from discovery, not from the object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// `metadata.name`; may be empty on the wire.
    pub name: String,
    /// `metadata.namespace`; empty for cluster-scoped objects.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion` as sent.
    pub resource_version: String,
    /// `metadata.generation`; 0 where the kind has none.
    pub generation: i64,
    /// `metadata.creationTimestamp`, seconds since 1970 (UTC).
    pub created: Option<i64>,
    /// `metadata.deletionTimestamp`, seconds since 1970 (UTC).
    pub deleted: Option<i64>,
    /// `metadata.labels`, sorted bytewise as Kubernetes sorts them.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, sorted bytewise; unfiltered (the document mapping redacts).
    pub annotations: BTreeMap<String, String>,
    /// `metadata.ownerReferences`.
    pub owners: Vec<Owner>,
    /// `metadata.finalizers`.
    pub finalizers: Vec<String>,
}

/// One owner reference.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    /// The owner's `group/version`.
    pub api_version: String,
    /// The owner's kind name.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// The owner's uid.
    pub uid: String,
    /// Whether it is the managing controller.
    pub controller: bool,
}
