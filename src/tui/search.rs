//! From a request to an answer: the query parsed, the index searched, the words under the cursor completed. The only
//! place that knows the searcher's types.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::complete;
use super::msg::{Answer, Found, Problem, Request};
use super::state::{CLUSTER, Content, KindCount, Row};
use crate::object::{Kind, KindKey};
use crate::query::{ParseError, parse};
use crate::search::{Options, SearchError, Searcher};

impl Answer {
    /// An answer that says what went wrong.
    pub(super) fn failed(generation: u64, message: &str) -> Self {
        let problem = Problem { span: None, message: message.to_owned(), half_typed: false, unknown: false };
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
    answer.found = find(searcher, request);
    let cursor = request
        .cursor
        .filter(|cursor| request.text.is_char_boundary(*cursor) && *cursor <= request.text.len());
    if let Some(cursor) = cursor {
        (answer.proposals, answer.proposed_for) = complete::proposals(searcher, &request.text, cursor);
        answer.found = answer.found.or_else(|problem| half_typed(searcher, request, cursor, problem));
    }
    answer
}

// What is wrong touches the cursor, so it may still become right: a kind that begins so is taken for it, any other
// word counts once it is whole.
fn half_typed(
    searcher: &Searcher,
    request: &Request,
    cursor: usize,
    problem: Problem,
) -> Result<Found, Problem> {
    let touches = problem.span.as_ref().is_some_and(|span| (span.start..=span.end).contains(&cursor));
    if !touches {
        return Err(problem);
    }
    let instead = |text: String| find(searcher, &Request { text, ..request.clone() });
    if let Some(text) = complete::spelled_out(searcher, &request.text, cursor) {
        return instead(text);
    }
    if problem.unknown {
        // No kind begins so: waiting would be in vain.
        return Err(problem);
    }
    let hint = problem.message.clone();
    let found = instead(complete::without_word(&request.text, cursor));
    found
        .map(|found| Found { hints: vec![hint], ..found })
        .map_err(|_| Problem { half_typed: true, ..problem })
}

fn find(searcher: &Searcher, request: &Request) -> Result<Found, Problem> {
    let query = parse(&request.text).map_err(|error| misread(&error))?;
    let options = Options {
        limit: request.limit,
        namespaces: request.namespaces.clone(),
        now: Some(request.now),
        ..Options::default()
    };
    let options = if query.all_namespaces { Options { namespaces: Vec::new(), ..options } } else { options };
    let namespaces = namespaces(searcher);
    match searcher.search(&query, &options) {
        Ok(answer) => {
            let rows = answer.hits.into_iter().map(|hit| {
                Arc::new(Row {
                    kind: hit.kind,
                    document: hit.document,
                    score: hit.score,
                    matched: hit.matched,
                })
            });
            Ok(Found {
                content: Content::Rows(rows.collect()),
                total: answer.total.count,
                exact: answer.total.exact,
                objects: answer.objects,
                hints: answer.hints.into_iter().map(|hint| hint.message).collect(),
                facets: Vec::new(),
                namespaces,
            })
        }
        Err(SearchError::Empty) => Ok(Found { namespaces, ..kinds(searcher) }),
        Err(error) => Err(Problem {
            span: error.span(),
            message: error.to_string(),
            half_typed: false,
            unknown: matches!(error, SearchError::UnknownKind { .. }),
        }),
    }
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
    Problem { span: Some(error.span.clone()), message, half_typed: false, unknown: false }
}
