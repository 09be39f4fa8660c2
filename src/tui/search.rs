//! From a request to an answer: the query parsed, the index searched, the words under the cursor completed. The only
//! place that knows the searcher's types.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::msg::{Answer, Found, Problem, Request};
use super::state::{CLUSTER, Content, Facet, FacetPick, KindCount, Proposal, Row};
use crate::object::{Kind, KindKey};
use crate::query::{ParseError, Place, Query, Span, at_cursor, parse, parse_lenient};
use crate::search::{Options, SearchError, Searcher};

impl Answer {
    /// An answer that says what went wrong.
    pub(super) fn failed(generation: u64, message: &str) -> Self {
        let problem = Problem { span: None, message: message.to_owned(), half_typed: false };
        Self { generation, took_us: 0, found: Err(problem), proposals: Vec::new(), proposed_for: 0..0 }
    }
}

/// Answers a request.
pub(super) fn answer(searcher: Option<&Searcher>, request: &Request) -> Answer {
    let mut answer = Answer {
        generation: request.generation,
        took_us: 0,
        found: Ok(Found { content: Content::NoIndex, exact: true, ..Found::default() }),
        proposals: Vec::new(),
        proposed_for: 0..0,
    };
    let Some(searcher) = searcher else { return answer };
    let cursor = request.cursor.filter(|cursor| request.text.is_char_boundary(*cursor));
    answer.found = match cursor {
        Some(cursor) => typing(searcher, request, cursor),
        None => parse(&request.text)
            .map_err(|error| misread(&error))
            .and_then(|query| find(searcher, request, &query)),
    };
    if let Some(cursor) = cursor {
        (answer.proposals, answer.proposed_for) = proposals(searcher, &request.text, cursor);
    }
    answer
}

// A query that is being typed: what the cursor touches may be half of something.
fn typing(searcher: &Searcher, request: &Request, cursor: usize) -> Result<Found, Problem> {
    let lenient = parse_lenient(&request.text, cursor, searcher);
    if let Some(error) = lenient.errors.first() {
        return Err(misread(error));
    }
    let mut found = find(searcher, request, &lenient.query)?;
    let unfinished = lenient.unfinished.iter().map(ToString::to_string);
    found.hints.splice(0..0, unfinished);
    Ok(found)
}

/// Proposals at most: one line of them.
const MOST_PROPOSALS: usize = 8;

// What the word under the cursor may become. A plain word is searched as it is, so only its beginnings count there.
fn proposals(searcher: &Searcher, text: &str, cursor: usize) -> (Vec<Proposal>, Span) {
    let at = at_cursor(text, cursor);
    if at.place == Place::Word && at.prefix.len() < 2 {
        return (Vec::new(), 0..0);
    }
    let all = searcher.complete(text, cursor).unwrap_or_default();
    let fits = |text: &str| at.place != Place::Word || text.starts_with(&at.prefix);
    let span = all.first().map_or(0..0, |completion| completion.span.clone());
    let some = all.into_iter().filter(|completion| fits(&completion.text)).take(MOST_PROPOSALS);
    (some.map(|completion| Proposal { text: completion.text, count: completion.count }).collect(), span)
}

fn find(searcher: &Searcher, request: &Request, query: &Query) -> Result<Found, Problem> {
    let options = Options {
        limit: request.limit,
        namespaces: request.namespaces.clone(),
        now: Some(request.now),
        ..Options::default()
    };
    let namespaces = namespaces(searcher);
    let facets = match request.facets {
        true => facets(searcher, query, &options, request.facet_key.as_deref()),
        false => Vec::new(),
    };
    match searcher.search(query, &options) {
        Ok(answer) => {
            let mut hints: Vec<String> = answer.hints.into_iter().map(|hint| hint.message).collect();
            if answer.total.count == answer.similar {
                // what can't be told is not worth an error: the rows are right
                hints.extend(searcher.why_nothing(query, &options).unwrap_or_default());
            }
            let rows = answer.hits.into_iter().map(|hit| Arc::new(row(hit)));
            Ok(Found {
                content: Content::Rows(rows.collect()),
                total: answer.total.count,
                exact: answer.total.exact,
                objects: answer.objects,
                hints,
                facets,
                namespaces,
            })
        }
        Err(SearchError::Empty) => Ok(Found { namespaces, facets, ..kinds(searcher) }),
        Err(error) => Err(Problem { span: error.span(), message: error.to_string(), half_typed: false }),
    }
}

/// A hit as a row.
pub(super) fn row(hit: crate::search::Hit) -> Row {
    Row { kind: hit.kind, document: hit.document, score: hit.score, matched: hit.matched }
}

/// Values of one field that are listed.
const MOST_VALUES: usize = 12;

// Counts that can't be had leave the panel empty; the rows are there all the same.
fn facets(searcher: &Searcher, query: &Query, options: &Options, key: Option<&str>) -> Vec<Facet> {
    let found = match searcher.facets(query, options, key) {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "no facets");
            return Vec::new();
        }
    };
    let facet =
        |field: &str, value: String, count, pick| Facet { field: field.to_owned(), value, count, pick };
    let narrow = |term: String| FacetPick::Narrow(term);
    let mut all = Vec::new();
    all.extend(found.kinds.into_iter().take(MOST_VALUES).map(|(kind, count)| {
        facet("kind", kind.as_str().to_owned(), count, narrow(format!("kind:{}", kind.as_str())))
    }));
    let named = found.namespaces.into_iter().filter(|(name, _)| &**name != CLUSTER).take(MOST_VALUES);
    all.extend(
        named.map(|(name, count)| facet("namespace", name.to_string(), count, narrow(format!("ns:{name}")))),
    );
    if let Some(key) = key {
        all.extend(found.label_values.into_iter().take(MOST_VALUES).map(|(value, count)| {
            let term = format!("{key}={value}");
            facet(key, value, count, narrow(term))
        }));
    }
    all.extend(
        found
            .label_keys
            .into_iter()
            .take(MOST_VALUES)
            .map(|(key, count)| facet("label", key.clone(), count, FacetPick::Values(key))),
    );
    all
}

// An empty query asks for nothing: what there is, by kind, most objects first.
fn kinds(searcher: &Searcher) -> Found {
    let counts: BTreeMap<KindKey, u64> = searcher.counts();
    let objects = counts.values().sum();
    let mut kinds: Vec<KindCount> = counts
        .into_iter()
        .map(|(key, count)| KindCount {
            kind: searcher.catalog().get(&key).cloned().unwrap_or(unknown(&key)),
            count,
        })
        .collect();
    kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.kind.kind.cmp(&b.kind.kind)));
    Found { content: Content::Kinds(kinds), exact: true, objects, ..Found::default() }
}

// A kind that the index holds and discovery does not name: known by its key alone.
fn unknown(key: &KindKey) -> Kind {
    Kind {
        group: key.group().to_owned(),
        version: String::new(),
        kind: key.plural().to_owned(),
        plural: key.plural().to_owned(),
        singular: String::new(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        watchable: true,
    }
}

fn namespaces(searcher: &Searcher) -> Vec<(String, u64)> {
    let all = searcher.namespaces().into_iter().filter(|(name, _)| &**name != CLUSTER);
    all.map(|(name, count)| (name.to_string(), count)).collect()
}

fn misread(error: &ParseError) -> Problem {
    let mut message = error.to_string();
    if let Some(suggestion) = &error.suggestion {
        message = format!("{message}; {suggestion}");
    }
    Problem { span: Some(error.span.clone()), message, half_typed: false }
}
