//! What a store must be able to do to be mirrored into. Records are plain data; what is written when and why is
//! decided elsewhere.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::StoreError;

/// Metadata of a record or a collection. Null in a write removes the key.
pub type Fields = BTreeMap<String, Value>;

/// A vector of length 1.
pub type Vector = Arc<[f32]>;

/// One record to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The document's id.
    pub id: String,
    /// The document's text.
    pub text: String,
    /// Every key, null for none: stores merge.
    pub fields: Fields,
    /// Its vector; `None` leaves the stored one as it is, and then the record must be there already.
    pub vector: Option<Vector>,
}

/// One record as the store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Its text; `None` where it has none or it was not asked for.
    pub text: Option<String>,
    /// Its metadata; empty where it has none or it was not asked for.
    pub fields: Fields,
    /// Its vector; `None` where it has none or it was not asked for.
    pub vector: Option<Vector>,
}

/// What one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records in one request.
    pub records: usize,
    /// Bytes of one request's body.
    pub bytes: usize,
    /// Bytes of an id.
    pub id_bytes: usize,
    /// Bytes of a text.
    pub text_bytes: usize,
}

/// How vectors are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Cosine distance: what documents need.
    Cosine,
    /// Anything else, by the store's name for it.
    Other(String),
}

/// A collection as the store describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// What tells it from a later one of the same name.
    pub id: String,
    /// How it compares vectors.
    pub metric: Metric,
    /// How long its vectors are; `None` before the first one.
    pub dimension: Option<usize>,
    /// Its metadata.
    pub fields: Fields,
}

/// What a collection came to by [`VectorStore::ensure`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ensured {
    /// The collection.
    pub collection: Collection,
    /// Made by this very call: nobody else can have written to it.
    pub created: bool,
}

/// How much of records is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Ids alone.
    Ids,
    /// Text and metadata as well.
    Full,
    /// And vectors: forty times as much.
    Vectors,
}

/// Takes documents. Whether it can tell what it holds is [`VectorStore`]'s business.
pub trait Sink: Send + Sync {
    /// What one request may hold.
    fn limits(&self) -> Limits;

    /// Adds records or replaces those with the same ids; no id may come twice. Every record needs a vector.
    fn upsert(&self, records: &[Record]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes records; ids that are not there are no error.
    fn delete(&self, ids: &[String]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<T: Sink> Sink for Arc<T> {
    fn limits(&self) -> Limits {
        (**self).limits()
    }

    async fn upsert(&self, records: &[Record]) -> Result<(), StoreError> {
        (**self).upsert(records).await
    }

    async fn delete(&self, ids: &[String]) -> Result<(), StoreError> {
        (**self).delete(ids).await
    }
}

/// A store that tells what it holds, in one collection.
pub trait VectorStore: Sink {
    /// The collection, if it is there. Writes nothing.
    fn find(&self) -> impl Future<Output = Result<Option<Collection>, StoreError>> + Send;

    /// The collection, made with cosine distance and `fields` as its metadata if it is not there.
    fn ensure(&self, fields: &Fields) -> impl Future<Output = Result<Ensured, StoreError>> + Send;

    /// Replaces the collection's metadata, all of it.
    fn set_fields(&self, fields: &Fields) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Changes text and metadata of records and leaves their vectors. An id that is not there is silently ignored.
    fn update(&self, records: &[Record]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Some records, in an order that means nothing and may change between calls; none at the end.
    fn page(
        &self,
        offset: usize,
        limit: usize,
        contents: Contents,
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>> + Send;

    /// Those of these records that are there, in any order.
    fn get(
        &self,
        ids: &[String],
        contents: Contents,
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>> + Send;

    /// How many records there are.
    fn count(&self) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// The store's name for people: kind and address, no credentials.
    fn name(&self) -> String;
}

impl<T: VectorStore> VectorStore for Arc<T> {
    async fn find(&self) -> Result<Option<Collection>, StoreError> {
        (**self).find().await
    }

    async fn ensure(&self, fields: &Fields) -> Result<Ensured, StoreError> {
        (**self).ensure(fields).await
    }

    async fn set_fields(&self, fields: &Fields) -> Result<(), StoreError> {
        (**self).set_fields(fields).await
    }

    async fn update(&self, records: &[Record]) -> Result<(), StoreError> {
        (**self).update(records).await
    }

    async fn page(&self, offset: usize, limit: usize, contents: Contents) -> Result<Vec<Stored>, StoreError> {
        (**self).page(offset, limit, contents).await
    }

    async fn get(&self, ids: &[String], contents: Contents) -> Result<Vec<Stored>, StoreError> {
        (**self).get(ids, contents).await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        (**self).count().await
    }

    fn name(&self) -> String {
        (**self).name()
    }
}
