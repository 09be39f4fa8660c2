//! Comparing without writing: what `verify` and `sync --dry-run` tell.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Depth, Halt, Mirror};
use crate::document::Document;
use crate::mirror::core::authority::Ruling;
use crate::mirror::core::claim::Judgement;
use crate::mirror::record::{Difference, Subject, differences, vector_difference};
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::{Contents, Stored, Vector, VectorStore};
use crate::object::IdHash;

/// Records of one page.
pub(super) const PAGE: usize = 1_000;
/// Records of one page with vectors: a megabyte.
pub(super) const VECTOR_PAGE: usize = 250;
/// So often is a collection walked through at most; the next reconcile finds what is left.
const WALKS: usize = 5;
/// Of a walk that has read so many times as many records as there are nothing more is expected.
const ENOUGH: usize = 4;

/// How one document and its record differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Divergence {
    /// The store lacks it.
    Missing,
    /// The store has another text, metadata or vector.
    Different(Vec<Difference>),
    /// The index lacks it, and its kind is covered.
    Extra,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Documents and records that are equal.
    pub equal: usize,
    /// By id, what is not.
    pub divergent: Vec<(String, Divergence)>,
    /// Records of somebody else.
    pub foreign: usize,
    /// Records that the index lacks and whose kinds are not covered.
    pub kept: usize,
    /// Those kinds.
    pub not_covered: BTreeSet<String>,
    /// The collection is not there.
    pub no_collection: bool,
}

/// What one walk through the store found; candidates only, as paging is unordered.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Hashes of ids whose records are equal.
    pub(super) equal: HashSet<IdHash>,
    /// Hashes of ids whose records differ.
    pub(super) different: HashSet<IdHash>,
    /// Those among them whose vectors differ, and how.
    pub(super) foreign_vectors: HashMap<IdHash, Difference>,
    /// Records that the index lacks.
    pub(super) extra: HashSet<String>,
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Compares every id, text and metadata, and vectors where these are asked for; writes nothing.
    ///
    /// # Errors
    /// Store or index can't be read, or the collection is another's.
    pub async fn compare(&mut self, depth: Depth) -> Result<Comparison, Halt> {
        let authority = self.source.authority().await;
        let store = self.store.clone();
        let Some(found) = self.request(store.find()).await?? else {
            let ids = self.source.snapshot().ids()?;
            let mut comparison = Comparison { no_collection: true, ..Comparison::default() };
            for chunk in ids.chunks(PAGE) {
                let documents = self.source.snapshot().documents(chunk)?;
                comparison.divergent.extend(documents.into_iter().map(|it| (it.id, Divergence::Missing)));
            }
            comparison.divergent.sort_by(|a, b| a.0.cmp(&b.0));
            return Ok(comparison);
        };
        if let Judgement::Refused(refusal) = self.observer.judge(self.feed.now(), &found, &self.claimant(), 0)
        {
            return Err(refusal.into());
        }
        let scan = self.scan(depth).await?;
        let snapshot = self.source.snapshot();
        let ids = snapshot.ids()?;
        let mut comparison = Comparison { equal: scan.equal.len(), ..Comparison::default() };
        let unsure: Vec<IdHash> = ids.into_iter().filter(|id| !scan.equal.contains(id)).collect();
        for chunk in unsure.chunks(self.page_for(depth)) {
            let documents = snapshot.documents(chunk)?;
            let ids = documents.iter().map(|document| document.id.clone()).collect();
            let stored = self.stored(ids, depth.contents()).await?;
            let vectors = self.vectors_of(documents.iter(), depth).await?;
            for document in documents {
                let divergence = match stored.get(&document.id) {
                    None => Divergence::Missing,
                    Some(record) => {
                        let mut found = differences(&document, record, self.lists);
                        let wanted = vectors.get(&document.id);
                        found.extend(wanted.and_then(|wanted| vector_difference(wanted, record)));
                        Divergence::Different(found)
                    }
                };
                match divergence {
                    Divergence::Different(found) if found.is_empty() => comparison.equal += 1,
                    divergence => comparison.divergent.push((document.id, divergence)),
                }
            }
        }
        let extra: Vec<String> = scan.extra.into_iter().collect();
        for chunk in extra.chunks(self.page_size()) {
            let stored = self.stored(chunk.to_vec(), Contents::Full).await?;
            let there = living(&self.source.snapshot(), stored.keys())?;
            for (id, record) in stored.into_iter().filter(|(id, _)| !there.contains(id)) {
                match Subject::of(&record).map(|subject| authority.judge(&subject)) {
                    None => comparison.foreign += 1,
                    Some(Ruling::Delete) => comparison.divergent.push((id, Divergence::Extra)),
                    Some(Ruling::NotCovered(kind)) => {
                        comparison.kept += 1;
                        comparison.not_covered.insert(kind.to_string());
                    }
                    Some(Ruling::Unknown(kind)) => {
                        comparison.kept += 1;
                        comparison.not_covered.insert(kind);
                    }
                }
            }
        }
        comparison.divergent.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(comparison)
    }

    /// Looks again at what differed: what became equal meanwhile leaves the comparison.
    ///
    /// # Errors
    /// As [`Mirror::compare`].
    pub async fn look_again(&mut self, comparison: &mut Comparison, depth: Depth) -> Result<(), Halt> {
        let ids: Vec<String> = comparison.divergent.iter().map(|(id, _)| id.clone()).collect();
        let mut still = HashMap::new();
        for chunk in ids.chunks(self.page_for(depth)) {
            let stored = self.stored(chunk.to_vec(), depth.contents()).await?;
            let hashes: Vec<IdHash> = chunk.iter().map(|id| IdHash::of(id)).collect();
            let documents: HashMap<String, Document> = self
                .source
                .snapshot()
                .documents(&hashes)?
                .into_iter()
                .map(|it| (it.id.clone(), it))
                .collect();
            let vectors = self.vectors_of(documents.values(), depth).await?;
            for id in chunk {
                let divergence = match (documents.get(id), stored.get(id)) {
                    (None, None) => None,
                    (Some(_), None) => Some(Divergence::Missing),
                    (None, Some(_)) => Some(Divergence::Extra),
                    (Some(document), Some(record)) => {
                        let mut found = differences(document, record, self.lists);
                        found.extend(vectors.get(id).and_then(|wanted| vector_difference(wanted, record)));
                        (!found.is_empty()).then_some(Divergence::Different(found))
                    }
                };
                match divergence {
                    Some(divergence) => _ = still.insert(id.clone(), divergence),
                    None => comparison.equal += usize::from(documents.contains_key(id)),
                }
            }
        }
        comparison.divergent.retain_mut(|(id, divergence)| match still.remove(id) {
            Some(new) => {
                *divergence = new;
                true
            }
            None => false,
        });
        Ok(())
    }

    /// Walks through the whole collection and compares each record with the index. Paging is unordered, and may pass
    /// some records by: then it walks again. What comes and goes meanwhile is counted.
    pub(super) async fn scan(&mut self, depth: Depth) -> Result<Scan, Halt> {
        let mut scan = Scan::default();
        let store = self.store.clone();
        self.ledger.begin(HashSet::new());
        for _ in 0..WALKS {
            self.walk(&mut scan, depth).await?;
            if self.ledger.walked() >= self.request(store.count()).await?? {
                break;
            }
        }
        self.ledger.end();
        Ok(scan)
    }

    async fn walk(&mut self, scan: &mut Scan, depth: Depth) -> Result<(), Halt> {
        let (store, snapshot) = (self.store.clone(), self.source.snapshot());
        let total = self.request(store.count()).await??;
        let (mut done, mut read, size) = (0, 0, self.page_for(depth));
        loop {
            self.phase(MirrorPhase::Comparing { done: done as u64, total: total.max(done) as u64 });
            let page = self.request(store.page(done, size, depth.contents())).await??;
            // A server that takes no notice of the offset never comes to an end.
            if page.is_empty() || read > ENOUGH * (total + size) {
                return Ok(());
            }
            done += page.len();
            read += page.len();
            let hashes: Vec<IdHash> = page.iter().map(|record| IdHash::of(&record.id)).collect();
            let documents: HashMap<String, Document> =
                snapshot.documents(&hashes)?.into_iter().map(|it| (it.id.clone(), it)).collect();
            let vectors = self.vectors_of(documents.values(), depth).await?;
            for (record, hash) in page.into_iter().zip(hashes) {
                self.ledger.came(hash);
                let Some(document) = documents.get(&record.id) else {
                    scan.extra.insert(record.id);
                    continue;
                };
                // Walked by before, when the index did not have it yet.
                scan.extra.remove(&record.id);
                let vector = vectors.get(&record.id).and_then(|wanted| vector_difference(wanted, &record));
                if vector.is_none() && differences(document, &record, self.lists).is_empty() {
                    scan.equal.insert(hash);
                    scan.different.remove(&hash);
                    if self.opened.as_ref().is_some_and(|opened| !opened.distrusted) {
                        self.confirmed.confirm(hash, self.content(document));
                        self.forget_refusal(&document.id);
                    }
                } else if !scan.equal.contains(&hash) {
                    scan.different.insert(hash);
                    scan.foreign_vectors.extend(vector.map(|vector| (hash, vector)));
                }
            }
            if self.opened.is_some() {
                let before = self.deleted();
                self.between().await?;
                // What was deleted before this place moved the rest up by as much.
                done = done.saturating_sub(self.deleted() - before);
            }
        }
    }

    fn deleted(&self) -> usize {
        usize::try_from(self.status.borrow().deleted).unwrap_or(usize::MAX)
    }

    /// These records as the store has them now, by id.
    pub(super) async fn stored(
        &mut self,
        ids: Vec<String>,
        contents: Contents,
    ) -> Result<HashMap<String, Stored>, Halt> {
        let store = self.store.clone();
        let records = self.request(store.get(&ids, contents)).await??;
        ids.iter().for_each(|id| self.ledger.went(IdHash::of(id)));
        records.iter().for_each(|record| self.ledger.came(IdHash::of(&record.id)));
        Ok(records.into_iter().map(|record| (record.id.clone(), record)).collect())
    }

    /// The vectors that the records of these documents should have, by id; none where they are not compared.
    async fn vectors_of(
        &mut self,
        documents: impl Iterator<Item = &Document> + Send,
        depth: Depth,
    ) -> Result<HashMap<String, Vector>, Halt> {
        if depth == Depth::Contents {
            return Ok(HashMap::new());
        }
        let documents: Vec<Document> = documents.cloned().collect();
        let vectors = self.vectors(&documents).await?;
        Ok(documents.into_iter().map(|document| document.id).zip(vectors).collect())
    }

    fn page_for(&self, depth: Depth) -> usize {
        match depth {
            Depth::Contents => self.page_size(),
            Depth::Vectors => self.page_size().min(VECTOR_PAGE),
        }
    }

    pub(super) fn page_size(&self) -> usize {
        self.store.limits().records.clamp(1, PAGE)
    }
}

/// Which of these ids the index has now.
pub(super) fn living<'a>(
    snapshot: &impl crate::mirror::source::Snapshot,
    ids: impl Iterator<Item = &'a String>,
) -> Result<HashSet<String>, Halt> {
    let hashes: Vec<IdHash> = ids.map(|id| IdHash::of(id)).collect();
    Ok(snapshot.documents(&hashes)?.into_iter().map(|document| document.id).collect())
}
