//! Single objects on demand, for people to look at: the manifest and the events, for as long as somebody looks; the status;
//! logs. Nothing here is stored; the values of Secrets are masked unless a call asks for them.

mod events;
mod live;
mod logs;
mod manifest;
mod table;
#[cfg(test)]
mod tests;

use events::About;
use live::{Follower, Place};
use manifest::Single;

use super::client::{Client, ClientError, RequestSpec};

pub use events::Occurrence;
pub use live::{Sight, Standing};
pub use logs::{Fate, LogOptions, LogStream};
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
    /// There is none.
    #[error("it is not there (any more)")]
    Missing,
    /// There is no such log, in the server's words.
    #[error("{0}")]
    NoLog(String),
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

    /// Tells how the object looks as YAML, and again when it changes, until it is gone or can't be followed. Of a
    /// Secret, values are masked unless `reveal`.
    pub async fn follow(
        &self,
        object: &ObjectRef,
        reveal: bool,
        mut tell: impl FnMut(Sight<Manifest>) + Send,
    ) {
        let place = object.collection().and_then(|list| {
            let selector = format!("metadata.name={}", object.name);
            Ok(Place { list, selector, limit: None, single: Some(object.path()?) })
        });
        match place {
            Ok(place) => {
                Follower::new(&self.client, place, Single::new(object, reveal), &mut tell).run().await;
            }
            Err(error) => tell(Sight::impossible(&error)),
        }
    }

    /// Tells the events about the object, oldest first, at most 500, and again when there are others, until they can't
    /// be followed.
    pub async fn follow_events(
        &self,
        object: &ObjectRef,
        mut tell: impl FnMut(Sight<Vec<Occurrence>>) + Send,
    ) {
        // Events about cluster-scoped objects lie in the namespace `default`.
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let list = segment(namespace).map(|namespace| format!("/api/v1/namespaces/{namespace}/events"));
        match list {
            Ok(list) => {
                let selector = format!("involvedObject.uid={}", object.uid);
                let place = Place { list, selector, limit: Some(MOST_EVENTS), single: None };
                Follower::new(&self.client, place, About::new(&object.uid), &mut tell).run().await;
            }
            Err(error) => tell(Sight::impossible(&error)),
        }
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
        match self.client.get(&spec).await {
            Ok(response) => LogStream::new(response),
            // How it says that there is no log: a container that waits to start, or was never restarted.
            Err(ClientError::Api(failure)) if !failure.message.is_empty() => {
                Err(FetchError::NoLog(failure.message))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What became of a Pod whose log ended.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fate(&self, pod: &ObjectRef) -> Result<Fate, FetchError> {
        match self.client.get(&RequestSpec::new(pod.path()?)).await {
            Ok(response) => Ok(logs::fate(&response.json(LARGEST_OBJECT).await?, &pod.uid)),
            Err(ClientError::NotFound(_)) => Ok(Fate::Gone),
            Err(error) => Err(error.into()),
        }
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
