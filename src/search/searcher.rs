//! The front door: a query and its options in, an answer out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::Document;
use crate::index::{Reader, Snapshot};
use crate::object::KindKey;
use crate::query::{Hint, Query};

use super::explain::{Match, explain};
use super::plan::plan;
use super::rank::page;
use super::{Catalog, SearchError};

/// Searches one index. Cheap to clone; give it a new catalog when discovery changed.
#[derive(Debug, Clone)]
pub struct Searcher {
    reader: Reader,
    catalog: Arc<Catalog>,
}

/// What is wanted beside the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Hits at most. Defaults to 100.
    pub limit: usize,
    /// Hits to leave out at the start. Defaults to 0.
    pub offset: usize,
    /// Only these namespaces; all when empty. Defaults to none.
    pub namespaces: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 100, offset: 0, namespaces: Vec::new() }
    }
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The page, best first.
    pub hits: Vec<Hit>,
    /// All matches, not only this page's.
    pub total: Total,
    /// Objects in the index.
    pub objects: u64,
    /// Remarks about the query.
    pub hints: Vec<Hint>,
}

/// A number of matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Whether it is exactly so many; otherwise there are at least so many. Always true so far.
    pub exact: bool,
}

/// One object that matched.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The document, as stored and mirrored.
    pub document: Document,
    /// Group and plural.
    pub kind: KindKey,
    /// Sum over the words, 1 to 5 each; 0 when the query has only filters.
    pub score: f32,
    /// Why it matched.
    pub matched: Vec<Match>,
}

impl Searcher {
    /// A searcher over the reader's current snapshot; who reloads the reader makes newer commits visible.
    pub fn new(reader: Reader, catalog: Arc<Catalog>) -> Self {
        Self { reader, catalog }
    }

    /// The kinds that kind words are resolved by.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The index that is searched.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Looks for a newer commit; whether there was one.
    ///
    /// # Errors
    /// [`SearchError::Index`] when the index can't be read; the present commit stays.
    pub fn refresh(&self) -> Result<bool, SearchError> {
        Ok(self.reader.reload()?)
    }

    /// A number for the commit that is searched; another commit has another.
    pub fn version(&self) -> u64 {
        self.reader.snapshot().id()
    }

    /// Answers a query from one snapshot.
    ///
    /// # Errors
    /// [`SearchError::Empty`] for a query that asks for nothing, [`SearchError::UnknownKind`],
    /// [`SearchError::Index`] when the index can't be read.
    pub fn search(&self, query: &Query, options: &Options) -> Result<Answer, SearchError> {
        let snapshot = self.reader.snapshot();
        let node = plan(query, &options.namespaces, &self.catalog, &snapshot)?;
        let segments = snapshot.segments();
        let (count, found) = page(&node, segments, options.offset, options.limit)?;
        // Documents are read in the order in which they are stored: neighbours share a compressed block.
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_unstable_by_key(|nth| (found[*nth].segment, found[*nth].doc));
        let mut hits: Vec<Option<Hit>> = vec![None; found.len()];
        for nth in order {
            let (segment, doc) = (&segments[found[nth].segment], found[nth].doc);
            let document = segment.document(doc)?;
            let kind = segment.kind(doc).cloned().unwrap_or_else(|| KindKey::from(""));
            let matched = explain(&node, &document, &kind, &self.catalog);
            hits[nth] = Some(Hit { document, kind, score: f32::from(found[nth].score), matched });
        }
        Ok(Answer {
            hits: hits.into_iter().flatten().collect(),
            total: Total { count, exact: true },
            objects: snapshot.num_docs(),
            hints: query.hints.clone(),
        })
    }

    /// Number of objects of every kind.
    pub fn counts(&self) -> BTreeMap<KindKey, u64> {
        self.tally(|snapshot, add| {
            snapshot.segments().iter().for_each(|segment| segment.count_kinds(|_| true, &mut *add));
        })
    }

    /// Number of objects in every namespace (`_cluster` for cluster-scoped kinds).
    pub fn namespaces(&self) -> BTreeMap<Arc<str>, u64> {
        self.tally(|snapshot, add| {
            snapshot.segments().iter().for_each(|segment| segment.count_namespaces(|_| true, &mut *add));
        })
    }

    fn tally<T: Ord + Clone>(
        &self,
        each: impl FnOnce(&Snapshot, &mut dyn FnMut(&T, u64)),
    ) -> BTreeMap<T, u64> {
        let mut counts = BTreeMap::new();
        each(&self.reader.snapshot(), &mut |key, count| *counts.entry(key.clone()).or_insert(0) += count);
        counts
    }
}
