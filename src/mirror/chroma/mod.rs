//! Chroma, by its HTTP API v2. Tried on 1.5.9; what it does that its documentation does not say stands beside the
//! code that minds it.

mod http;
mod wire;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use http::Token;
use http::{Http, Method};
use wire::{CollectionReply, GetBody, GetReply, RecordsBody};

use super::StoreError;
use super::core::claim::REQUEST_MS;
use super::store::{
    Collection, Contents, Ensured, Fields, Limits, Metric, Record, Sink, Stored, VectorStore,
};

/// The collection that upstream's agent reads.
pub const COLLECTION: &str = "instances";
/// Chroma's names for what is there without configuration.
pub const TENANT: &str = "default_tenant";
/// See [`TENANT`].
pub const DATABASE: &str = "default_database";

/// Bodies stay below this: proxies in front of a store have limits, and one batch is held in memory.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Chroma Cloud's quotas (ids, documents, records of one request).
const CLOUD: Limits = Limits { records: 300, bytes: BODY_BYTES, id_bytes: 128, text_bytes: 16 * 1024 };
/// Where a server does not say how much it takes.
const RECORDS: usize = 1_000;
/// Requests are slow while Chroma moves its log into the vector index.
const PATIENCE: Duration = Duration::from_millis(REQUEST_MS.unsigned_abs());

/// Which server, tenant, database and collection.
#[derive(Debug, Clone)]
pub struct ChromaOptions {
    /// `http://` or `https://`, host, port, and a path prefix where a proxy needs one.
    pub url: String,
    /// The collection's name.
    pub collection: String,
    /// The tenant.
    pub tenant: String,
    /// The database.
    pub database: String,
    /// What the server, or a proxy before it, asks for.
    pub token: Option<Token>,
    /// Give up an answer after this long; `None` for what suits the request.
    pub patience: Option<Duration>,
}

impl ChromaOptions {
    /// The collection `instances` of a server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            collection: COLLECTION.to_owned(),
            tenant: TENANT.to_owned(),
            database: DATABASE.to_owned(),
            token: None,
            patience: None,
        }
    }
}

/// One collection of a Chroma server.
pub struct Chroma {
    http: Http,
    /// Path of the database's collections.
    root: String,
    tenant: String,
    database: String,
    collection: String,
    patience: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The id under which the collection was last seen.
    id: Option<String>,
    records: Option<usize>,
    base64: bool,
}

impl std::fmt::Debug for Chroma {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chroma").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Chroma {
    /// Checks the address; connects to nothing.
    ///
    /// # Errors
    /// [`StoreError::Setting`], [`StoreError::Name`].
    pub fn new(options: ChromaOptions) -> Result<Self, StoreError> {
        let http = Http::new(&options.url, options.token)?;
        let segment = |what: &str, text: &str| match wire::path_segment(text) {
            Some(segment) => Ok(segment),
            None => Err(StoreError::Setting(format!("'{text}' can't be the name of a {what}"))),
        };
        let (tenant, database) =
            (segment("tenant", &options.tenant)?, segment("database", &options.database)?);
        if let Err(why) = wire::collection_name(&options.collection) {
            return Err(bad_name(&options.collection, why));
        }
        Ok(Self {
            root: format!("/api/v2/tenants/{tenant}/databases/{database}/collections"),
            tenant: options.tenant,
            database: options.database,
            collection: options.collection,
            patience: options.patience,
            state: Mutex::default(),
            http,
        })
    }

    /// Asks whether a Chroma with this API answers, and what it takes. Once for each server.
    async fn greet(&self) -> Result<(), StoreError> {
        if self.state().records.is_some() {
            return Ok(());
        }
        let checks: wire::PreFlight =
            self.send(Method::Get, "/api/v2/pre-flight-checks", None::<&()>).await?;
        let mut state = self.state();
        state.records = Some(checks.max_batch_size.unwrap_or(RECORDS).max(1));
        state.base64 = checks.supports_base64_encoding;
        Ok(())
    }

    async fn send<B: serde::Serialize + Sync, R: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<R, StoreError> {
        self.http.send(method, path, body, self.patience.unwrap_or(PATIENCE)).await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records_path(&self, verb: &str) -> Result<String, StoreError> {
        let missing = || StoreError::NotFound { message: format!("collection {}", self.collection) };
        let id = self.state().id.clone().ok_or_else(missing)?;
        Ok(format!("{}/{id}/{verb}", self.root))
    }

    fn remember(&self, reply: CollectionReply) -> Result<Collection, StoreError> {
        let metric = match reply.space() {
            Some("cosine") => Metric::Cosine,
            Some(other) => Metric::Other(other.to_owned()),
            None => Metric::Other("unknown".to_owned()),
        };
        // The id becomes part of paths.
        let id =
            wire::path_segment(&reply.id).ok_or_else(|| self.http.no_store("its collections have no id"))?;
        self.state().id = Some(id.clone());
        Ok(Collection { id, metric, dimension: reply.dimension, fields: reply.metadata.unwrap_or_default() })
    }

    /// No such tenant or database: nothing that passes, and they are not made unasked.
    fn misplaced(&self, message: &str) -> StoreError {
        StoreError::Setting(format!("{}: {message}", self.name()))
    }

    /// Why the collection could not be made: nothing that passes.
    fn not_made(&self, message: &str) -> StoreError {
        // A server may know more rules for names than are known here.
        let about_name = wire::is_about_name(message);
        if about_name { bad_name(&self.collection, message) } else { self.misplaced(message) }
    }

    async fn write(&self, verb: &str, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let path = self.records_path(verb)?;
        let body = RecordsBody::of(records, self.state().base64);
        let _: serde_json::Value = self.send(Method::Post, &path, Some(&body)).await?;
        Ok(())
    }

    async fn read(&self, body: &GetBody<'_>) -> Result<Vec<Stored>, StoreError> {
        let path = self.records_path("get")?;
        let reply: GetReply = self.send(Method::Post, &path, Some(body)).await?;
        reply.into_stored().ok_or_else(|| {
            self.http.no_store("its lists of ids, documents, metadata and vectors differ in length")
        })
    }
}

impl Sink for Chroma {
    fn limits(&self) -> Limits {
        let records = self.state().records.unwrap_or(RECORDS);
        match self.http.is_cloud() {
            true => Limits { records: CLOUD.records.min(records), ..CLOUD },
            false => Limits { records, bytes: BODY_BYTES, id_bytes: usize::MAX, text_bytes: usize::MAX },
        }
    }

    async fn upsert(&self, records: &[Record]) -> Result<(), StoreError> {
        self.write("upsert", records).await
    }

    async fn delete(&self, ids: &[String]) -> Result<(), StoreError> {
        // Without ids and without a filter Chroma answers 400; nobody should find out what an older one does.
        if ids.is_empty() {
            return Ok(());
        }
        let path = self.records_path("delete")?;
        let _: serde_json::Value = self.send(Method::Post, &path, Some(&wire::Ids { ids })).await?;
        Ok(())
    }
}

impl VectorStore for Chroma {
    async fn find(&self) -> Result<Option<Collection>, StoreError> {
        self.greet().await?;
        let path = format!("{}/{}", self.root, self.collection);
        match self.send::<(), CollectionReply>(Method::Get, &path, None).await {
            Ok(reply) => self.remember(reply).map(Some),
            Err(StoreError::NotFound { message }) if wire::is_collection_missing(&message) => Ok(None),
            Err(StoreError::NotFound { message }) => Err(self.misplaced(&message)),
            Err(error) => Err(error),
        }
    }

    async fn ensure(&self, fields: &Fields) -> Result<Ensured, StoreError> {
        if let Some(collection) = self.find().await? {
            return Ok(Ensured { collection, created: false });
        }
        // Without `get_or_create`: of two that come at the same time one is told that it exists.
        let body = wire::CreateBody::new(&self.collection, fields);
        match self.send::<_, CollectionReply>(Method::Post, &self.root, Some(&body)).await {
            Ok(reply) => Ok(Ensured { collection: self.remember(reply)?, created: true }),
            Err(error @ StoreError::Rejected { status: 409, .. }) => {
                let found = self.find().await?.ok_or(error)?;
                Ok(Ensured { collection: found, created: false })
            }
            Err(StoreError::NotFound { message } | StoreError::Rejected { message, .. }) => {
                Err(self.not_made(&message))
            }
            Err(error) => Err(error),
        }
    }

    async fn set_fields(&self, fields: &Fields) -> Result<(), StoreError> {
        let id = self.state().id.clone();
        let id =
            id.ok_or_else(|| StoreError::NotFound { message: format!("collection {}", self.collection) })?;
        let path = format!("{}/{id}", self.root);
        let _: serde_json::Value =
            self.send(Method::Put, &path, Some(&wire::ModifyBody { new_metadata: fields })).await?;
        Ok(())
    }

    async fn update(&self, records: &[Record]) -> Result<(), StoreError> {
        self.write("update", records).await
    }

    async fn page(&self, offset: usize, limit: usize, contents: Contents) -> Result<Vec<Stored>, StoreError> {
        self.read(&GetBody {
            ids: None,
            offset: Some(offset),
            limit: Some(limit),
            include: include(contents),
        })
        .await
    }

    async fn get(&self, ids: &[String], contents: Contents) -> Result<Vec<Stored>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new()); // no ids would mean all of them
        }
        self.read(&GetBody { ids: Some(ids), offset: None, limit: None, include: include(contents) }).await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        let path = self.records_path("count")?;
        self.send(Method::Get, &path, None::<&()>).await
    }

    fn name(&self) -> String {
        let mut name = format!("collection {} of Chroma at {}", self.collection, self.http.server());
        if (self.tenant.as_str(), self.database.as_str()) != (TENANT, DATABASE) {
            name.push_str(&format!(" (tenant {}, database {})", self.tenant, self.database));
        }
        name
    }
}

fn bad_name(name: &str, why: &str) -> StoreError {
    StoreError::Name(format!("'{name}' can't be the name of a collection: {why}"))
}

fn include(contents: Contents) -> &'static [&'static str] {
    match contents {
        Contents::Ids => &[],
        Contents::Full => &["documents", "metadatas"],
        Contents::Vectors => &["documents", "metadatas", "embeddings"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_refuses_a_name_is_asked_for_no_other_collection_of_that_name() {
        let chroma = Chroma::new(ChromaOptions::new("http://localhost:8000")).unwrap();
        let name = "Validation error: name: Expected a name that does not contains two consecutive periods";
        assert!(matches!(chroma.not_made(name), StoreError::Name(why) if why.contains("'instances'")));
        let database =
            "Database [nowhere] does not exist. Are you trying to connect to the correct database?";
        assert!(matches!(chroma.not_made(database), StoreError::Setting(_)));
    }
}
