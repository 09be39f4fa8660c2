//! What the mirror needs from the rest of the program: the index, the vectors, and a place to remember things.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::core::Millis;
use super::core::authority::Authority;
use super::core::brake::Brake;
use super::core::dirty::{Cause, DirtySet, Due, MOST};
use super::store::Vector;
use crate::document::Document;
use crate::object::{IdHash, KindKey};

/// Why the index or the embedder gave nothing; one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// One commit of the index.
pub trait Snapshot: Send + Sync {
    /// Hashes of the ids of all living documents.
    ///
    /// # Errors
    /// The index can't be read.
    fn ids(&self) -> Result<Vec<IdHash>, SourceError>;

    /// The living ones among these documents, in any order.
    ///
    /// # Errors
    /// The index can't be read.
    fn documents(&self, ids: &[IdHash]) -> Result<Vec<Document>, SourceError>;
}

/// The index.
pub trait Source: Send + Sync {
    /// Its snapshots.
    type Snapshot: Snapshot;

    /// The last commit.
    fn snapshot(&self) -> Self::Snapshot;

    /// What it covers, as of a commit that every snapshot taken after the answer contains.
    fn authority(&self) -> impl Future<Output = Authority> + Send;

    /// The same, once these kinds are confirmed where objects of these namespaces are, as far as that can be had
    /// within seconds.
    fn confirmed(&self, places: &BTreeSet<(KindKey, String)>) -> impl Future<Output = Authority> + Send {
        _ = places;
        self.authority()
    }

    /// Whether anything is known of the cluster as it is now: else nothing is complete, however equal.
    fn knows_cluster(&self) -> bool {
        true
    }

    /// Another writer may know more of the cluster than the index does: from now on only what is found out by lists
    /// that begin after this shows that something is not there.
    fn distrust(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Kinds that should be covered and are not, or not confirmed, now.
    fn stale(&self) -> BTreeSet<KindKey>;

    /// The time, in milliseconds since 1970, that what is not watched now was true at; `None` where all is watched.
    fn listed_ms(&self) -> Option<i64> {
        None
    }
}

/// Makes vectors of documents.
pub trait Embedder: Send + Sync {
    /// The model's name.
    fn model(&self) -> String;

    /// The length of its vectors.
    fn dimension(&self) -> usize;

    /// A hash of what would be embedded of a document: equal hashes, equal vectors.
    fn form(&self, document: &Document) -> u64;

    /// A document's vector, if it is there already.
    fn at_hand(&self, document: &Document) -> Option<Vector>;

    /// One vector of length 1 for each document, without the document's offset.
    fn vectors(
        &self,
        documents: &[Document],
    ) -> impl Future<Output = Result<Vec<Vector>, SourceError>> + Send;
}

/// What a mirror remembers between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memo {
    /// Which collection this is about; another one starts anew.
    pub target: String,
    /// The id under which this directory writes.
    pub writer: String,
    /// The newest beat that may have been written.
    pub beat: Option<i64>,
    /// The identity of the cluster that collections were marked with, once it was known.
    pub cluster: Option<String>,
    /// The scope that was written last, and the one that may have been written since.
    pub scopes: BTreeSet<String>,
    /// Held-back deletes, and those of the last hour.
    pub brake: Brake,
}

/// Where a memo is kept.
pub trait Keep: Send + Sync {
    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// One line.
    fn save(&self, memo: &Memo) -> Result<(), SourceError>;
}

/// What changed, on its way from the index's writer to the mirror: shared, never full.
#[derive(Debug, Default)]
pub struct Feed {
    dirty: Mutex<DirtySet>,
    overrun: Mutex<bool>,
    notify: Notify,
    started: Mutex<Option<tokio::time::Instant>>,
}

impl Feed {
    /// Takes note of changes that were just committed: all of one commit.
    pub fn mark<'a>(&self, changes: impl IntoIterator<Item = (&'a str, Cause)>) {
        let now = self.now();
        let mut dirty = self.dirty();
        dirty.begin_group();
        changes.into_iter().for_each(|(id, cause)| dirty.mark(now, id, cause));
        let too_many = dirty.give_up(MOST);
        drop(dirty);
        if too_many {
            self.overrun();
        }
        self.notify.notify_one();
    }

    /// More changed than was worth naming: everything has to be compared.
    pub fn overrun(&self) {
        *self.overrun.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.notify.notify_one();
    }

    /// What happened last to a document that waits.
    pub fn cause(&self, id: &str) -> Option<Cause> {
        self.dirty().cause(id)
    }

    /// Documents that wait.
    pub fn len(&self) -> usize {
        self.dirty().len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Milliseconds of the clock that waiting times are told in.
    pub(super) fn now(&self) -> Millis {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let start = *started.get_or_insert_with(tokio::time::Instant::now);
        Millis::try_from(start.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    pub(super) fn dirty(&self) -> MutexGuard<'_, DirtySet> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put_back(&self, due: Vec<Due>) {
        self.dirty().put_back(due);
    }

    pub(super) fn is_overrun(&self) -> bool {
        *self.overrun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_overrun(&self) {
        *self.overrun.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    pub(super) async fn changed(&self) {
        self.notify.notified().await;
    }
}
