//! Single objects on demand, for people to look at: the manifest, the events, the status, logs. Nothing here is stored; the
//! values of Secrets are masked unless a call asks for them.

mod events;
mod logs;
mod manifest;
mod table;
#[cfg(test)]
mod tests;

use super::client::{Client, ClientError, RequestSpec};

pub use events::Occurrence;
pub use logs::{LogOptions, LogStream};
pub use manifest::{MASK, Manifest};
pub use table::{Printed, Reported};

/// Bytes of an object at most: etcd's limit is 1.5 MiB, and JSON may be some times that.
const LARGEST_OBJECT: usize = 16 << 20;
/// Bytes of a list of events at most.
const LARGEST_LIST: usize = 8 << 20;
/// What is asked for where the server is to print objects itself.
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
/// Events that are asked for.
const MOST_EVENTS: usize = 500;

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, e.g. `v1`.
    pub version: String,
    /// Plural, e.g. `deployments`.
    pub plural: String,
    /// Namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// uid.
    pub uid: String,
}

/// Why a look at an object failed. What the server said is in it as it came: sanitise before showing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Its name or namespace can't be part of a path.
    #[error("the name can't be asked for")]
    Name,
    /// The request failed.
    #[error(transparent)]
    Request(#[from] ClientError),
    /// The object is another one with the same name.
    #[error("it was deleted; another object has its name now")]
    Replaced,
    /// The answer is no object.
    #[error("the answer can't be read: {0}")]
    Unreadable(String),
}

/// Looks at single objects. Cheap to clone. Dropping a call's future cancels its request.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
}

impl ObjectRef {
    /// Whether it is a core Secret, whose values are masked.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.plural == "secrets"
    }

    fn path(&self) -> Result<String, FetchError> {
        Ok(format!("{}/{}", self.collection()?, segment(&self.name)?))
    }

    /// The path of all objects of its kind in its namespace.
    fn collection(&self) -> Result<String, FetchError> {
        let root = match self.group.is_empty() {
            true => format!("/api/{}", segment(&self.version)?),
            false => format!("/apis/{}/{}", segment(&self.group)?, segment(&self.version)?),
        };
        let scope = match &self.namespace {
            Some(namespace) => format!("/namespaces/{}", segment(namespace)?),
            None => String::new(),
        };
        Ok(format!("{root}{scope}/{}", segment(&self.plural)?))
    }
}

// Names of objects are path segments by Kubernetes' own rule; whatever would need an escape is none of them.
fn segment(text: &str) -> Result<&str, FetchError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&b);
    match !text.is_empty() && text != "." && text != ".." && text.bytes().all(plain) {
        true => Ok(text),
        false => Err(FetchError::Name),
    }
}

impl Fetcher {
    /// Looks through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The object as YAML. Of a Secret, values are masked unless `reveal`.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn manifest(&self, object: &ObjectRef, reveal: bool) -> Result<Manifest, FetchError> {
        let response = self.client.get(&RequestSpec::new(object.path()?)).await?;
        let value = response.json(LARGEST_OBJECT).await?;
        manifest::read(value, object, reveal)
    }

    /// The events about the object, oldest first; at most 500.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn events(&self, object: &ObjectRef) -> Result<Vec<Occurrence>, FetchError> {
        // Events about cluster-scoped objects lie in the namespace `default`.
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let spec = RequestSpec::new(format!("/api/v1/namespaces/{}/events", segment(namespace)?))
            .query("fieldSelector", format!("involvedObject.uid={}", object.uid))
            .query("limit", MOST_EVENTS.to_string());
        let list = self.client.get(&spec).await?.json(LARGEST_LIST).await?;
        Ok(events::read(&list, &object.uid))
    }

    /// The containers of a Pod, the one to look at first in front.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn containers(&self, pod: &ObjectRef) -> Result<Vec<String>, FetchError> {
        let value = self.client.get(&RequestSpec::new(pod.path()?)).await?.json(LARGEST_OBJECT).await?;
        Ok(logs::containers(&value))
    }

    /// The log of a container of a Pod: its end, and what is written from now on (not of a container before its last
    /// restart).
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn logs(&self, pod: &ObjectRef, options: &LogOptions) -> Result<LogStream, FetchError> {
        let mut spec = RequestSpec::new(format!("{}/log", pod.path()?))
            .query("tailLines", options.tail.to_string())
            .accept("*/*");
        if !options.container.is_empty() {
            spec = spec.query("container", options.container.clone());
        }
        spec = match options.previous {
            true => spec.query("previous", "true"),
            false => spec.query("follow", "true"),
        };
        LogStream::new(self.client.get(&spec).await?)
    }

    /// What the server prints about the object's status; with `all`, about all objects of its kind in its namespace.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn statuses(&self, object: &ObjectRef, all: bool) -> Result<Printed, FetchError> {
        let path = if all { object.collection()? } else { object.path()? };
        // From the API server's cache: no quorum read for a look.
        let spec = RequestSpec::new(path).query("resourceVersion", "0").accept(TABLE);
        let table: table::Table = self.client.get(&spec).await?.json(LARGEST_LIST).await?;
        Ok(table::read(&table))
    }
}
