//! The front door: a query and its options in, an answer out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::Document;
use crate::index::{Reader, Snapshot};
use crate::object::KindKey;
use crate::query::{Hint, Query};

use super::explain::{Match, ScorePart, Subject, Why, explain, points};
use super::facets::{Facets, facets};
use super::order::Order;
use super::plan::{everything, plan};
use super::rank::{Found, Wanted, matches, page};
use super::understand::{Understood, understand};
use super::{Catalog, SearchError, Stop};

/// Searches one index. Cheap to clone; give it a new catalog when discovery changed.
#[derive(Debug, Clone)]
pub struct Searcher {
    reader: Reader,
    catalog: Arc<Catalog>,
}

/// What is wanted beside the query.
#[derive(Debug, Clone)]
pub struct Options {
    /// Hits at most; a smaller `limit:` of the query counts. Defaults to 100.
    pub limit: usize,
    /// Hits to leave out at the start. Defaults to 0.
    pub offset: usize,
    /// Only these namespaces; all when empty or when the query says `-A`. Defaults to none.
    pub namespaces: Vec<String>,
    /// Count to the end, though a first letter then takes longer. Defaults to false.
    pub exact: bool,
    /// Where few objects match, look for names that are only similar. Defaults to true.
    pub similar: bool,
    /// The time that ages are counted from, seconds since 1970 by the server's clock. Defaults to none; then a query
    /// with ages is an error.
    pub now: Option<i64>,
    /// Gives the search up. Defaults to one that nobody sets.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            namespaces: Vec::new(),
            exact: false,
            similar: true,
            now: None,
            stop: Stop::default(),
        }
    }
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The page, best first; what is only similar follows what matches.
    pub hits: Vec<Hit>,
    /// All matches and all that is similar, not only this page's.
    pub total: Total,
    /// How many of the total are only similar.
    pub similar: u64,
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
    /// Whether it is exactly so many; otherwise there are at least so many (`10,000+`).
    pub exact: bool,
}

/// One object that matched.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The document, as stored and mirrored.
    pub document: Document,
    /// Group and plural.
    pub kind: KindKey,
    /// Sum of the parts: 1 to 5 for each word or pattern; 0 when the query has only filters; below 1 for what is only
    /// similar.
    pub score: f32,
    /// Whether it does not match, and its name is only similar to what was asked for.
    pub similar: bool,
    /// What the score is made of.
    pub parts: Vec<ScorePart>,
    /// Why it matched.
    pub matched: Vec<Match>,
}

impl Searcher {
    /// A searcher over the reader's current snapshot; who reloads the reader makes newer commits visible.
    pub fn new(reader: Reader, catalog: Arc<Catalog>) -> Self {
        Self { reader, catalog }
    }

    /// The kinds that kind words are resolved by.
    pub fn catalog(&self) -> &Arc<Catalog> {
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
    /// [`SearchError::Empty`] for a query that asks for nothing, [`SearchError::UnknownKind`] and
    /// [`SearchError::UnknownGroup`] for words that mean nothing here, [`SearchError::Semantic`] and
    /// [`SearchError::NotYet`] for what can't be searched, [`SearchError::Stopped`] when it was told to stop,
    /// [`SearchError::Index`] when the index can't be read.
    pub fn search(&self, query: &Query, options: &Options) -> Result<Answer, SearchError> {
        let snapshot = self.reader.snapshot();
        let node = plan(query, options, &self.catalog, &snapshot)?;
        let segments = snapshot.segments();
        let order = Order::new(&query.sort, segments);
        let last = query.limit.unwrap_or(usize::MAX).saturating_sub(options.offset);
        let wanted = Wanted {
            offset: options.offset,
            limit: options.limit.min(last),
            exact: options.exact,
            similar: options.similar,
            stop: &options.stop,
        };
        let page = page(&node, segments, &order, wanted)?;
        Ok(Answer {
            hits: self.hits(&node, &snapshot, &page.found)?,
            total: page.total,
            similar: page.similar,
            objects: snapshot.num_docs(),
            hints: query.hints.clone(),
        })
    }

    pub(super) fn hits(
        &self,
        node: &super::plan::Node,
        snapshot: &Snapshot,
        found: &[Found],
    ) -> Result<Vec<Hit>, SearchError> {
        // Documents are read in the order in which they are stored: neighbours share a compressed block.
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_unstable_by_key(|nth| (found[*nth].place.segment, found[*nth].place.doc));
        let mut hits: Vec<Option<Hit>> = vec![None; found.len()];
        for nth in order {
            let Found { place, similar, .. } = found[nth];
            let segment = &snapshot.segments()[place.segment];
            let document = segment.document(place.doc)?;
            let kind = segment.kind(place.doc).cloned().unwrap_or_else(|| KindKey::from(""));
            let subject =
                Subject { document: &document, kind: &kind, place: (place.segment, place.doc), similar };
            let Why { matches, parts } = explain(node, subject, &self.catalog).unwrap_or_default();
            let score = points(place.byte - 1, similar);
            hits[nth] = Some(Hit { document, kind, score, similar, parts, matched: matches });
        }
        Ok(hits.into_iter().flatten().collect())
    }

    /// How a query is understood in this cluster.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn understand(&self, query: &Query, options: &Options) -> Result<Understood, SearchError> {
        Ok(understand(&plan(query, options, &self.catalog, &self.reader.snapshot())?))
    }

    /// The matches of a query (all objects for an empty one) by kind, namespace and label; values of the label
    /// `key` when there is one.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn facets(&self, query: &Query, options: &Options, key: Option<&str>) -> Result<Facets, SearchError> {
        let snapshot = self.reader.snapshot();
        let node = match plan(query, options, &self.catalog, &snapshot) {
            Err(SearchError::Empty) => everything(query, options)?,
            other => other?,
        };
        facets(&node, snapshot.segments(), key, &options.stop)
    }

    /// Number of objects of every kind that has any, in the namespaces that the options (and a query that asks for
    /// nothing, by `-A`) leave.
    ///
    /// # Errors
    /// [`SearchError::Stopped`], [`SearchError::Index`].
    pub fn counts_within(
        &self,
        query: &Query,
        options: &Options,
    ) -> Result<BTreeMap<KindKey, u64>, SearchError> {
        if options.namespaces.is_empty() || query.all_namespaces {
            return Ok(self.counts());
        }
        let snapshot = self.reader.snapshot();
        let segments = snapshot.segments();
        let found = matches(&everything(query, options)?, segments, &options.stop)?;
        let mut counts = BTreeMap::new();
        for (segment, found) in segments.iter().zip(&found) {
            let is_match = |doc: u32| found.get(doc as usize).is_some_and(|byte| *byte != 0);
            segment.count_kinds(is_match, |kind, count| *counts.entry(kind.clone()).or_default() += count);
        }
        counts.retain(|_, count| *count > 0);
        Ok(counts)
    }

    /// Number of objects in the index.
    pub fn objects(&self) -> u64 {
        self.reader.snapshot().num_docs()
    }

    /// Number of objects of every kind.
    pub fn counts(&self) -> BTreeMap<KindKey, u64> {
        self.tally(|snapshot, add| {
            snapshot.segments().iter().for_each(|segment| segment.each_kind(&mut *add));
        })
    }

    /// Number of objects in every namespace (`_cluster` for cluster-scoped kinds).
    pub fn namespaces(&self) -> BTreeMap<Arc<str>, u64> {
        self.tally(|snapshot, add| {
            snapshot.segments().iter().for_each(|segment| segment.each_namespace(&mut *add));
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
