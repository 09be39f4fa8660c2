//! Where a storage stands now, and which cluster it is: asked before anything is resumed.

use std::time::Duration;

use serde::Deserialize;

use super::{Answerer, Client, ClientError, RequestSpec};
use crate::object::ResourceVersion;

/// A storage's answer to a list of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The list's resourceVersion; `None` when the server names none.
    pub version: Option<ResourceVersion>,
    /// The uid of `kube-system`, where that was asked: any other object's says nothing about the cluster.
    pub uid: Option<String>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct List {
    metadata: ListMetadata,
    /// Go writes an empty list as null.
    items: Option<Vec<Item>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item {
    metadata: ItemMetadata,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ItemMetadata {
    name: String,
    uid: String,
}

/// The namespace whose uid tells one cluster from another.
const CLUSTER: &str = "kube-system";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// One object's metadata; a full object only where an old aggregated API knows no metadata lists.
const LIMIT: usize = 8 << 20;
/// One object is quickly read; an API that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// The current revision of the storage behind a collection's path: a consistent list of one object's metadata.
    pub async fn revision(&self, path: &str, answerer: Answerer) -> Result<Revision, ClientError> {
        let spec = RequestSpec::new(path).answered_by(answerer);
        Ok(Revision { uid: None, ..self.probe(spec, "").await? })
    }

    /// The same for the core storage, and with it the `kube-system` uid, which tells one cluster from another.
    /// Without the right to list namespaces it is an error: ask `revision` of another path then.
    pub async fn cluster_revision(&self, answerer: Answerer) -> Result<Revision, ClientError> {
        let spec = RequestSpec::new("/api/v1/namespaces").answered_by(answerer);
        self.probe(spec.query("fieldSelector", format!("metadata.name={CLUSTER}")), CLUSTER).await
    }

    /// The uid is that of the object of this name: a proxy may ignore the selector and give another one.
    async fn probe(&self, spec: RequestSpec, name: &str) -> Result<Revision, ClientError> {
        let spec = spec.query("limit", "1").accept(METADATA).patience(PATIENCE);
        let list: List = self.get(&spec).await?.json(LIMIT).await?;
        let uid = list
            .items
            .unwrap_or_default()
            .into_iter()
            .find(|item| item.metadata.name == name && !item.metadata.uid.is_empty())
            .map(|item| item.metadata.uid);
        Ok(Revision { version: ResourceVersion::parse(&list.metadata.resource_version), uid })
    }
}
