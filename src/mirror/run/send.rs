//! Records on their way: embedded, split into requests, and those that the store refuses found and named.

use super::{Halt, Mirror, RECONCILE_MS};
use crate::document::Document;
use crate::mirror::core::Millis;
use crate::mirror::core::confirmed::{Content, Way};
use crate::mirror::core::dirty::Cause;
use crate::mirror::core::split::{over_limit, requests};
use crate::mirror::offset::moved;
use crate::mirror::record::{self, LIST_KEY};
use crate::mirror::source::{Embedder, Source};
use crate::mirror::store::{Contents, Record, Vector, VectorStore};
use crate::mirror::{Reaction, StoreError};
use crate::object::IdHash;

/// Records in one request, where the store takes more: measured, see `docs/mirror.md`.
pub(super) const BATCH: usize = 1_000;
/// After so many refused records and no accepted one, it is not about single records.
const REFUSED_IN_A_ROW: usize = 8;
/// Refused records are tried again after this long, then after twice as long, and so on.
const ASK_AGAIN_MS: Millis = 15_000;

/// One document to write.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) document: Document,
    /// Keys of the stored record that no document has.
    pub(super) foreign_keys: Vec<String>,
}

impl From<Document> for Outgoing {
    fn from(document: Document) -> Self {
        Self { document, foreign_keys: Vec::new() }
    }
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Upsert,
    Update,
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Writes documents, each in the cheapest safe way; returns how many records were written.
    pub(super) async fn write(&mut self, outgoing: Vec<Outgoing>) -> Result<usize, Halt> {
        let (mut upserts, mut updates) = (Vec::new(), Vec::new());
        for outgoing in outgoing {
            match self.confirmed.way(IdHash::of(&outgoing.document.id), self.content(&outgoing.document)) {
                // What was refused is there: as it was before, or the refusal was of something else.
                Way::Nothing => self.forget_refusal(&outgoing.document.id),
                Way::Update => updates.push(outgoing),
                Way::Upsert => upserts.push(outgoing),
            }
        }
        let count = upserts.len() + updates.len();
        let lost = self.update(updates).await?;
        upserts.extend(lost);
        for chunk in chunks(upserts, self.batch_size()) {
            self.upsert(chunk).await?;
        }
        Ok(count)
    }

    /// Changes text and metadata of confirmed records; hands back those that turned out to be missing.
    async fn update(&mut self, updates: Vec<Outgoing>) -> Result<Vec<Outgoing>, Halt> {
        let mut lost = Vec::new();
        for chunk in chunks(updates, self.batch_size()) {
            let records = chunk.iter().map(|outgoing| self.record(outgoing, None)).collect();
            self.doubt(&chunk, Way::Update);
            let stored = self.send(Verb::Update, records).await?;
            // An update of what is not there is silently ignored: only a look tells.
            let store = self.store.clone();
            let there = self.request(store.get(&stored, Contents::Ids)).await??;
            let there: std::collections::HashSet<String> =
                there.into_iter().map(|record| record.id).collect();
            for outgoing in chunk {
                let id = IdHash::of(&outgoing.document.id);
                if there.contains(&outgoing.document.id) {
                    self.confirmed.confirm(id, self.content(&outgoing.document));
                    self.status.send_modify(|status| status.updated += 1);
                } else if stored.contains(&outgoing.document.id) {
                    self.confirmed.forget(id);
                    self.ledger.went(id);
                    self.status.send_modify(|status| status.lost_updates += 1);
                    lost.push(outgoing);
                }
            }
        }
        Ok(lost)
    }

    async fn upsert(&mut self, chunk: Vec<Outgoing>) -> Result<(), Halt> {
        let documents: Vec<Document> = chunk.iter().map(|outgoing| outgoing.document.clone()).collect();
        let vectors = self.vectors(&documents).await?;
        let records = chunk.iter().zip(vectors).map(|(outgoing, vector)| self.record(outgoing, Some(vector)));
        let records: Vec<Record> = records.collect();
        self.doubt(&chunk, Way::Upsert);
        let stored: std::collections::HashSet<String> =
            self.send(Verb::Upsert, records).await?.into_iter().collect();
        for outgoing in chunk.iter().filter(|outgoing| stored.contains(&outgoing.document.id)) {
            let id = IdHash::of(&outgoing.document.id);
            let known = self.ledger.holds(id);
            self.confirmed.confirm(id, self.content(&outgoing.document));
            self.ledger.came(id);
            self.ledger.uncovered.remove(&outgoing.document.id);
            self.status.send_modify(|status| {
                let count = if known { &mut status.updated } else { &mut status.added };
                *count += 1;
            });
        }
        Ok(())
    }

    /// The vectors that the records of these documents have.
    pub(super) async fn vectors(&mut self, documents: &[Document]) -> Result<Vec<Vector>, Halt> {
        let embedder = self.embedder.clone();
        let vectors = self.beside(embedder.vectors(documents)).await??;
        if vectors.len() != documents.len() {
            let what = format!("{} vectors came for {} documents", vectors.len(), documents.len());
            return Err(crate::mirror::source::SourceError(what).into());
        }
        let pairs = documents.iter().zip(&vectors);
        Ok(pairs.map(|(document, vector)| moved(vector, &document.id)).collect())
    }

    /// The same of one document, if nothing has to be embedded for it.
    pub(super) fn vector_at_hand(&self, document: &Document) -> Option<Vector> {
        self.embedder.at_hand(document).map(|vector| moved(&vector, &document.id))
    }

    fn doubt(&mut self, outgoing: &[Outgoing], way: Way) {
        outgoing.iter().for_each(|one| self.confirmed.doubt(IdHash::of(&one.document.id), way));
    }

    pub(super) fn content(&self, document: &Document) -> Content {
        Content::of(document, self.embedder.form(document))
    }

    fn record(&self, outgoing: &Outgoing, vector: Option<Vector>) -> Record {
        let document = &outgoing.document;
        let mut fields = record::fields(document, self.lists);
        fields.extend(outgoing.foreign_keys.iter().map(|key| (key.clone(), serde_json::Value::Null)));
        Record { id: document.id.clone(), text: document.text.clone(), fields, vector }
    }

    /// Sends records in requests that the store takes. Those that it refuses one by one are named in the status and
    /// left out. Returns the ids of the others.
    async fn send(&mut self, verb: Verb, records: Vec<Record>) -> Result<Vec<String>, Halt> {
        let limits = self.store.limits();
        let mut sendable = Vec::with_capacity(records.len());
        for record in records {
            match over_limit(&record, &limits) {
                None => sendable.push(record),
                Some(why) => self.refuse(&record.id, why.to_string()),
            }
        }
        let mut waiting: Vec<Vec<Record>> = Vec::new();
        for range in requests(&sendable, &limits).into_iter().rev() {
            waiting.push(sendable.split_off(range.start));
        }
        let (mut stored, mut refused) = (Vec::new(), 0);
        while let Some(mut batch) = waiting.pop() {
            if !self.lists {
                batch.iter_mut().for_each(|record| {
                    record.fields.remove(LIST_KEY);
                });
            }
            let Err(error) = self.put(verb, &batch).await? else {
                self.status.send_modify(|status| status.batches_sent += 1);
                batch.iter().for_each(|record| self.forget_refusal(&record.id));
                stored.extend(batch.into_iter().map(|record| record.id));
                refused = 0;
                continue;
            };
            self.status.send_modify(|status| status.batches_failed += 1);
            let single = batch.len() == 1;
            match error.reaction() {
                Reaction::Split | Reaction::Isolate if !single => {
                    let rest = batch.split_off(batch.len() / 2);
                    waiting.push(rest);
                    waiting.push(batch);
                }
                Reaction::Isolate if self.lists && self.takes_no_lists(verb, &batch).await? => {
                    stored.extend(batch.into_iter().map(|record| record.id));
                }
                Reaction::Split | Reaction::Isolate => {
                    refused += 1;
                    if refused > REFUSED_IN_A_ROW && stored.is_empty() {
                        return Err(error.into());
                    }
                    batch.iter().for_each(|record| self.refuse(&record.id, error.to_string()));
                }
                Reaction::Reconnect | Reaction::Retry(_) | Reaction::Reopen | Reaction::Ask => {
                    return Err(error.into());
                }
            }
        }
        Ok(stored)
    }

    /// Whether a refused record is taken without its list: then the store is one that knows no lists.
    async fn takes_no_lists(&mut self, verb: Verb, batch: &[Record]) -> Result<bool, Halt> {
        let listed = |record: &Record| record.fields.get(LIST_KEY).is_some_and(serde_json::Value::is_array);
        if !batch.iter().any(listed) {
            return Ok(false);
        }
        let mut bare = batch.to_vec();
        bare.iter_mut().for_each(|record| {
            record.fields.remove(LIST_KEY);
        });
        if !self.is_taken(verb, &bare).await? {
            return Ok(false);
        }
        // Once more as it was: a refusal that passed was not about lists.
        if !self.is_taken(verb, batch).await? {
            self.lists = false;
            self.note("the store refuses lists in metadata: documents are mirrored without labelPairs");
        }
        Ok(true)
    }

    async fn is_taken(&mut self, verb: Verb, batch: &[Record]) -> Result<bool, Halt> {
        match self.put(verb, batch).await? {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.reaction(), Reaction::Isolate | Reaction::Split) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One request that writes records: the store's answer.
    async fn put(&mut self, verb: Verb, batch: &[Record]) -> Result<Result<(), StoreError>, Halt> {
        self.stand().await?;
        let store = self.store.clone();
        match verb {
            Verb::Upsert => self.request(store.upsert(batch)).await,
            Verb::Update => self.request(store.update(batch)).await,
        }
    }

    fn refuse(&mut self, id: &str, why: String) {
        tracing::warn!(id, why, "a document can't be mirrored");
        if self.refused.insert(id.to_owned()) {
            (self.ask_again_at, self.ask_again_after) = (self.feed.now() + ASK_AGAIN_MS, ASK_AGAIN_MS);
        }
        self.status.send_modify(|status| status.over_limit(id, why));
    }

    /// What the store refused is tried again at growing intervals: it may have been the store's bad moment.
    pub(super) fn ask_again(&mut self) {
        if self.refused.is_empty() || self.feed.now() < self.ask_again_at {
            return;
        }
        self.ask_again_after = (self.ask_again_after * 2).min(RECONCILE_MS);
        self.ask_again_at = self.feed.now() + self.ask_again_after;
        // Not what waits already: that it was deleted must not be forgotten.
        let idle = self.refused.iter().filter(|id| self.feed.cause(id).is_none());
        let idle: Vec<&str> = idle.map(String::as_str).collect();
        self.feed.mark(idle.into_iter().map(|id| (id, Cause::Written)));
    }

    pub(super) fn forget_refusal(&mut self, id: &str) {
        if self.refused.remove(id) {
            self.status.send_modify(|status| {
                status.over_limit.retain(|(known, _)| known != id);
                status.over_limit_count = status.over_limit_count.saturating_sub(1);
            });
        }
    }
}

fn chunks<T>(mut items: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut chunks = Vec::new();
    while items.len() > size {
        let rest = items.split_off(size);
        chunks.push(std::mem::replace(&mut items, rest));
    }
    if !items.is_empty() {
        chunks.push(items);
    }
    chunks
}
