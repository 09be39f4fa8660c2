//! A store in memory that enforces the contract as strictly as the strictest real one: what passes here passes
//! there. For tests, which can make it fail, forget, and apply what it then reports as failed.

mod calls;
mod fault;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::StoreError;
use super::source::{Snapshot, SourceError};
use super::store::{Collection, Contents, Fields, Limits, Metric, Record, Stored, Vector};
use crate::document::Document;
use crate::object::IdHash;
pub use fault::{Fault, Faults, Operation, Pace, Requests, Written};

/// Documents by id, as an index in memory commits them.
impl Snapshot for BTreeMap<String, Document> {
    fn ids(&self) -> Result<Vec<IdHash>, SourceError> {
        Ok(self.keys().map(|id| IdHash::of(id)).collect())
    }

    fn documents(&self, ids: &[IdHash]) -> Result<Vec<Document>, SourceError> {
        Ok(self.values().filter(|document| ids.contains(&IdHash::of(&document.id))).cloned().collect())
    }
}

/// A store in memory. Clones share it.
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Mutex<Inner>>,
    /// Who asks, in the journal.
    who: &'static str,
}

struct Inner {
    collection: Option<Kept>,
    made: usize,
    limits: Limits,
    takes_lists: bool,
    keeps_marks: bool,
    /// Pages come in the order of ids, instead of another one each time.
    in_order: bool,
    /// A record that is counted and not shown.
    hidden: Option<String>,
    faults: Option<Faults>,
    turns: usize,
    calls: Calls,
    requests: Requests,
    pace: Option<Pace>,
    journal: Vec<Written>,
    /// What it says about the collection's name, which it refuses.
    refused: Option<String>,
    /// So many records are left out of the call that runs now.
    lost: usize,
}

struct Kept {
    collection: Collection,
    records: BTreeMap<String, KeptRecord>,
}

struct KeptRecord {
    text: String,
    fields: Fields,
    vector: Vector,
}

/// How often it was asked for what, in records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Records upserted.
    pub upserted: usize,
    /// Records updated, vectors left.
    pub updated: usize,
    /// Records deleted.
    pub deleted: usize,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("records", &self.len()).finish_non_exhaustive()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store without a collection.
    pub fn new() -> Self {
        let limits = Limits { records: 100, bytes: 4 * 1024 * 1024, id_bytes: 1024, text_bytes: 1024 * 1024 };
        let inner = Inner {
            collection: None,
            made: 0,
            limits,
            takes_lists: true,
            keeps_marks: true,
            in_order: false,
            hidden: None,
            faults: None,
            turns: 0,
            calls: Calls::default(),
            requests: Requests::default(),
            pace: None,
            journal: Vec::new(),
            refused: None,
            lost: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)), who: "" }
    }

    /// The same store, as somebody of this name uses it.
    pub fn of(&self, who: &'static str) -> Self {
        Self { who, ..self.clone() }
    }

    /// With other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        self.inner().limits = limits;
        self
    }

    /// A server from before lists: it refuses records that have one.
    pub fn without_lists(self) -> Self {
        self.inner().takes_lists = false;
        self
    }

    /// A store whose pages have an order: a record that is deleted moves all that come after it up by one.
    pub fn in_order(self) -> Self {
        self.inner().in_order = true;
        self
    }

    /// A store that forgets a collection's metadata.
    pub fn without_marks(self) -> Self {
        self.inner().keeps_marks = false;
        self
    }

    /// Asks `faults` before every call from now on.
    pub fn fail_by(&self, faults: Faults) {
        self.inner().faults = Some(faults);
    }

    /// Takes its time from now on, whatever else goes wrong.
    pub fn slow_by(&self, pace: Pace) {
        self.inner().pace = Some(pace);
    }

    /// Takes no more time than usual.
    pub fn hurry(&self) {
        self.inner().pace = None;
    }

    /// Whether it takes its usual time.
    pub fn is_quick(&self) -> bool {
        self.inner().pace.is_none()
    }

    /// Works again, and at once.
    pub fn heal(&self) {
        let mut inner = self.inner();
        (inner.faults, inner.pace) = (None, None);
    }

    /// Everything that wrote or deleted records so far, in the order in which it was sent.
    pub fn journal(&self) -> Vec<Written> {
        self.inner().journal.clone()
    }

    /// The collection's metadata as it is now.
    pub fn peek(&self) -> Option<Fields> {
        Some(self.inner().collection.as_ref()?.collection.fields.clone())
    }

    /// Loses everything, as a server whose disk was not kept.
    pub fn wipe(&self) {
        self.inner().collection = None;
    }

    /// Loses the records whose ids `lost` picks, and says nothing of it; how many.
    pub fn lose(&self, mut lost: impl FnMut(&str) -> bool) -> usize {
        let mut inner = self.inner();
        let Some(kept) = &mut inner.collection else { return 0 };
        let before = kept.records.len();
        kept.records.retain(|id, _| !lost(id));
        before - kept.records.len()
    }

    /// Counts this record and shows it to nobody, or shows all again.
    pub fn hide(&self, id: Option<&str>) {
        self.inner().hidden = id.map(str::to_owned);
    }

    /// Somebody else deletes the collection and makes it again, with this metadata and no records.
    pub fn replace(&self, fields: Fields) {
        self.inner().make(fields);
    }

    /// Refuses the collection's name with this message, or takes it again: as real stores do, it is not found and can't be
    /// made. A collection that is there already stays.
    pub fn refuse_name(&self, message: Option<&str>) {
        self.inner().refused = message.map(str::to_owned);
    }

    /// Every record, by id.
    pub fn records(&self) -> BTreeMap<String, Stored> {
        let inner = self.inner();
        let Some(kept) = &inner.collection else { return BTreeMap::new() };
        kept.records.iter().map(|(id, record)| (id.clone(), record.stored(id, Contents::Full))).collect()
    }

    /// A record's vector.
    pub fn vector(&self, id: &str) -> Option<Vector> {
        Some(self.inner().collection.as_ref()?.records.get(id)?.vector.clone())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.inner().collection.as_ref().map_or(0, |kept| kept.records.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it was asked for so far.
    pub fn calls(&self) -> Calls {
        self.inner().calls
    }

    /// How often it was asked so far.
    pub fn requests(&self) -> Requests {
        self.inner().requests
    }

    /// The collection's metadata, changed by somebody else.
    pub fn meddle(&self, change: impl FnOnce(&mut Fields)) {
        if let Some(kept) = &mut self.inner().collection {
            change(&mut kept.collection.fields);
        }
    }

    /// A record, written or removed by somebody else.
    pub fn plant(&self, id: &str, record: Option<(&str, Fields)>) {
        let mut inner = self.inner();
        let Some(kept) = &mut inner.collection else { return };
        let dimension = kept.collection.dimension.unwrap_or(1);
        match record {
            Some((text, fields)) => {
                let vector = vec![1.0; dimension].into();
                kept.records.insert(id.to_owned(), KeptRecord { text: text.to_owned(), fields, vector });
            }
            None => {
                kept.records.remove(id);
            }
        }
    }

    /// A record as somebody else writes it, with a vector of theirs. What was there is replaced as a whole; a vector of
    /// another dimension is refused, and the answer is false.
    pub fn overwrite(&self, id: &str, text: &str, fields: Fields, vector: Vector) -> bool {
        let mut inner = self.inner();
        let Some(kept) = &mut inner.collection else { return false };
        let fits = *kept.collection.dimension.get_or_insert(vector.len()) == vector.len();
        if fits {
            kept.records.insert(id.to_owned(), KeptRecord { text: text.to_owned(), fields, vector });
        }
        fits
    }

    /// Another vector for a record, by somebody else; false where there is no such record.
    pub fn set_vector(&self, id: &str, vector: Vector) -> bool {
        let mut inner = self.inner();
        let Some(kept) = &mut inner.collection else { return false };
        kept.records.get_mut(id).map(|record| record.vector = vector).is_some()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass, as a network would, then runs one call with its fault. What a slow store was sent it does in the
    /// end, also when whoever sent it has given up.
    async fn call<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce(&mut Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let fault = self.inner().faults.as_mut().and_then(|faults| faults(operation));
        let (before, after, fault) = Fault::unwrapped(fault);
        let pace = self.inner().pace.as_mut().map(|pace| pace(operation)).unwrap_or_default();
        let (before, after) = (before + pace.0, after + pace.1);
        let memory = self.clone();
        let run = async move {
            let _open = Open::new(&memory, operation);
            tokio::time::sleep(NETWORK + before).await;
            let result = {
                let mut inner = memory.inner();
                inner.lost = if let Some(Fault::Loses(records)) = fault { records } else { 0 };
                match fault {
                    Some(Fault::Before(error)) => Err(error),
                    Some(Fault::After(error)) => work(&mut inner).and(Err(error)),
                    Some(Fault::Loses(_) | Fault::Slow { .. }) | None => work(&mut inner),
                }
            };
            tokio::time::sleep(NETWORK + after).await;
            result
        };
        if before.is_zero() && after.is_zero() {
            return run.await;
        }
        let ended = |error| StoreError::Failed { status: 500, message: format!("it ended: {error}") };
        tokio::spawn(run).await.map_err(ended)?
    }
}

impl Memory {
    /// [`Self::call`] for what changes records: journalled.
    async fn change(
        &self,
        deleted: Vec<String>,
        work: impl FnOnce(&mut Inner) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let place = {
            let mut inner = self.inner();
            inner.journal.push(Written { who: self.who, sent: Instant::now(), applied: None, deleted });
            inner.journal.len() - 1
        };
        let applied = move |inner: &mut Inner| {
            if let Some(written) = inner.journal.get_mut(place) {
                written.applied = Some(Instant::now());
            }
            work(inner)
        };
        self.call(Operation::Write, applied).await
    }
}

/// How long one way takes.
const NETWORK: Duration = Duration::from_millis(1);

/// A request that is being answered, also when whoever asked gives up.
struct Open<'a>(&'a Memory);

impl<'a> Open<'a> {
    fn new(memory: &'a Memory, operation: Operation) -> Self {
        memory.inner().requests.begin(operation);
        Self(memory)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.inner().requests.open -= 1;
    }
}

impl Inner {
    fn make(&mut self, fields: Fields) -> Collection {
        self.made += 1;
        let fields = if self.keeps_marks { fields } else { Fields::new() };
        let id = format!("collection-{}", self.made);
        let collection = Collection { id, metric: Metric::Cosine, dimension: None, fields };
        self.collection = Some(Kept { collection: collection.clone(), records: BTreeMap::new() });
        collection
    }

    fn kept(&mut self) -> Result<&mut Kept, StoreError> {
        self.collection
            .as_mut()
            .ok_or_else(|| StoreError::NotFound { message: "no such collection".to_owned() })
    }

    fn check(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let rejected = |message: String| Err(StoreError::Rejected { status: 400, message });
        let mut ids = HashSet::new();
        if records.len() > self.limits.records {
            return rejected(format!("{} records are too many", records.len()));
        }
        let bytes: usize = records.iter().map(|record| record.id.len() + record.text.len()).sum();
        if bytes > self.limits.bytes {
            return Err(StoreError::TooLarge);
        }
        for Record { id, text, fields, .. } in records {
            if id.is_empty() || id.len() > self.limits.id_bytes || text.len() > self.limits.text_bytes {
                return rejected("an id or text has no usable length".to_owned());
            }
            if !ids.insert(id) {
                return rejected(format!("{id} comes twice"));
            }
            for value in fields.values() {
                let usable = match value {
                    Value::Array(items) => self.takes_lists && !items.is_empty(),
                    Value::Object(_) => false,
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
                };
                if !usable {
                    return rejected(
                        "metadata has to be text, number, switch, or a list that is not empty".to_owned(),
                    );
                }
            }
        }
        Ok(())
    }
}

impl KeptRecord {
    fn stored(&self, id: &str, contents: Contents) -> Stored {
        match contents {
            Contents::Ids => Stored { id: id.to_owned(), text: None, fields: Fields::new(), vector: None },
            Contents::Full | Contents::Vectors => Stored {
                id: id.to_owned(),
                text: Some(self.text.clone()),
                fields: self.fields.clone(),
                vector: (contents == Contents::Vectors).then(|| self.vector.clone()),
            },
        }
    }
}
