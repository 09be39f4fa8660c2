//! One type for every store: what mirrors is written once and compiled once, whatever store the settings name.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::StoreError;
use super::store::{Collection, Contents, Ensured, Fields, Limits, Record, Sink, Stored, VectorStore};

/// What a call of a store comes to.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store whose kind was chosen at run time. Clones share it.
#[derive(Clone)]
pub struct AnyStore(Arc<dyn Erased>);

impl AnyStore {
    /// Hides which store it is.
    pub fn new(store: impl VectorStore + 'static) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyStore").field(&self.0.name()).finish()
    }
}

/// [`VectorStore`] with futures on the heap: beside a request to a store they cost nothing.
trait Erased: Send + Sync {
    fn limits(&self) -> Limits;
    fn upsert<'a>(&'a self, records: &'a [Record]) -> Answer<'a, ()>;
    fn delete<'a>(&'a self, ids: &'a [String]) -> Answer<'a, ()>;
    fn find(&self) -> Answer<'_, Option<Collection>>;
    fn ensure<'a>(&'a self, fields: &'a Fields) -> Answer<'a, Ensured>;
    fn set_fields<'a>(&'a self, fields: &'a Fields) -> Answer<'a, ()>;
    fn update<'a>(&'a self, records: &'a [Record]) -> Answer<'a, ()>;
    fn page(&self, offset: usize, limit: usize, contents: Contents) -> Answer<'_, Vec<Stored>>;
    fn get<'a>(&'a self, ids: &'a [String], contents: Contents) -> Answer<'a, Vec<Stored>>;
    fn count(&self) -> Answer<'_, usize>;
    fn name(&self) -> String;
}

impl<S: VectorStore> Erased for S {
    fn limits(&self) -> Limits {
        Sink::limits(self)
    }

    fn upsert<'a>(&'a self, records: &'a [Record]) -> Answer<'a, ()> {
        Box::pin(Sink::upsert(self, records))
    }

    fn delete<'a>(&'a self, ids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(Sink::delete(self, ids))
    }

    fn find(&self) -> Answer<'_, Option<Collection>> {
        Box::pin(VectorStore::find(self))
    }

    fn ensure<'a>(&'a self, fields: &'a Fields) -> Answer<'a, Ensured> {
        Box::pin(VectorStore::ensure(self, fields))
    }

    fn set_fields<'a>(&'a self, fields: &'a Fields) -> Answer<'a, ()> {
        Box::pin(VectorStore::set_fields(self, fields))
    }

    fn update<'a>(&'a self, records: &'a [Record]) -> Answer<'a, ()> {
        Box::pin(VectorStore::update(self, records))
    }

    fn page(&self, offset: usize, limit: usize, contents: Contents) -> Answer<'_, Vec<Stored>> {
        Box::pin(VectorStore::page(self, offset, limit, contents))
    }

    fn get<'a>(&'a self, ids: &'a [String], contents: Contents) -> Answer<'a, Vec<Stored>> {
        Box::pin(VectorStore::get(self, ids, contents))
    }

    fn count(&self) -> Answer<'_, usize> {
        Box::pin(VectorStore::count(self))
    }

    fn name(&self) -> String {
        VectorStore::name(self)
    }
}

impl Sink for AnyStore {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn upsert(&self, records: &[Record]) -> Result<(), StoreError> {
        self.0.upsert(records).await
    }

    async fn delete(&self, ids: &[String]) -> Result<(), StoreError> {
        self.0.delete(ids).await
    }
}

impl VectorStore for AnyStore {
    async fn find(&self) -> Result<Option<Collection>, StoreError> {
        self.0.find().await
    }

    async fn ensure(&self, fields: &Fields) -> Result<Ensured, StoreError> {
        self.0.ensure(fields).await
    }

    async fn set_fields(&self, fields: &Fields) -> Result<(), StoreError> {
        self.0.set_fields(fields).await
    }

    async fn update(&self, records: &[Record]) -> Result<(), StoreError> {
        self.0.update(records).await
    }

    async fn page(&self, offset: usize, limit: usize, contents: Contents) -> Result<Vec<Stored>, StoreError> {
        self.0.page(offset, limit, contents).await
    }

    async fn get(&self, ids: &[String], contents: Contents) -> Result<Vec<Stored>, StoreError> {
        self.0.get(ids, contents).await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        self.0.count().await
    }

    fn name(&self) -> String {
        self.0.name()
    }
}
