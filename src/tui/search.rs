//! From a request to an answer: the query parsed, the index searched, the words under the cursor completed. The only
//! place that knows the searcher's types.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::msg::{Answer, Found, Problem, Request};
use super::state::{CLUSTER, Content, Facet, FacetPick, KindCount, MANY, Proposal, Row, TOO_MANY};
use crate::object::{Kind, KindKey};
use crate::query::{ParseError, Place, Query, Span, at_cursor, parse, parse_lenient};
use crate::search::{Catalog, Options, SearchError, Searcher, Stop};

impl Answer {
    /// An answer that says what went wrong.
    pub(super) fn failed(generation: u64, message: &str) -> Self {
        let problem = Problem { span: None, message: message.to_owned(), half_typed: false };
        Self {
            generation,
            took_us: 0,
            found: Err(problem),
            settled: None,
            proposals: Vec::new(),
            proposed_for: 0..0,
        }
    }
}

/// Answers a request.
/// It is worth nothing once it was told to stop.
pub(super) fn answer(searcher: Option<&Searcher>, request: &Request, stop: &Stop) -> Answer {
    let mut answer = Answer {
        generation: request.generation,
        took_us: 0,
        found: Ok(Found { content: Content::NoIndex, exact: true, ..Found::default() }),
        settled: None,
        proposals: Vec::new(),
        proposed_for: 0..0,
    };
    let Some(searcher) = searcher else { return answer };
    let cursor = request.cursor.filter(|cursor| request.text.is_char_boundary(*cursor));
    answer.settled = request.left.and_then(|at| match cursor {
        Some(_) => searcher.settle_value(&request.text, at),
        None => searcher.settle(&request.text, at),
    });
    let text = answer.settled.as_ref().unwrap_or(&request.text);
    // It stands behind what was settled.
    let cursor = cursor.map(|cursor| (cursor + text.len()).saturating_sub(request.text.len()));
    answer.found = match cursor {
        Some(cursor) => typing(searcher, request, (text, cursor), stop),
        None => parse(text)
            .map_err(|error| misread(&error))
            .and_then(|query| find(searcher, request, &query, stop)),
    };
    if let Some(cursor) = cursor {
        (answer.proposals, answer.proposed_for) = proposals(searcher, text, cursor);
    }
    answer
}

// A query that is being typed: what the cursor touches may be half of something.
fn typing(
    searcher: &Searcher,
    request: &Request,
    (text, cursor): (&str, usize),
    stop: &Stop,
) -> Result<Found, Problem> {
    let lenient = parse_lenient(text, cursor, searcher);
    if let Some(error) = lenient.errors.first() {
        return Err(misread(error));
    }
    let mut found = find(searcher, request, &lenient.query, stop)?;
    let unfinished = lenient.unfinished.iter().map(ToString::to_string);
    found.hints.splice(0..0, unfinished);
    Ok(found)
}

/// Proposals at most: one line of them.
const MOST_PROPOSALS: usize = 8;

// What the word under the cursor may become. A plain word is searched as it is, so only its beginnings count there, and
// keys that have it behind their domain.
fn proposals(searcher: &Searcher, text: &str, cursor: usize) -> (Vec<Proposal>, Span) {
    let at = at_cursor(text, cursor);
    if at.place == Place::Word && at.prefix.len() < 2 {
        return (Vec::new(), 0..0);
    }
    let all = searcher.complete(text, cursor).unwrap_or_default();
    let inner = format!("/{}", at.prefix);
    let fits = |text: &str| at.place != Place::Word || text.starts_with(&at.prefix) || text.contains(&inner);
    let span = all.first().map_or(0..0, |completion| completion.span.clone());
    let some = all.into_iter().filter(|completion| fits(&completion.text)).take(MOST_PROPOSALS);
    (some.map(|completion| Proposal { text: completion.text, count: completion.count }).collect(), span)
}

fn find(searcher: &Searcher, request: &Request, query: &Query, stop: &Stop) -> Result<Found, Problem> {
    let options = Options {
        limit: request.limit,
        namespaces: request.namespaces.clone(),
        now: Some(request.now),
        stop: stop.clone(),
        ..Options::default()
    };
    let namespaces = namespaces(searcher);
    let facets = match request.facets {
        true => facets(searcher, query, &options, request.facet_key.as_deref()),
        false => Vec::new(),
    };
    let unread = |kind: Option<&KindKey>| request.status.as_ref()?.unread(kind);
    // what can't be told is not worth an error: the rows are right
    let why = || searcher.why_nothing(query, &options, &unread).unwrap_or_default();
    match searcher.search(query, &options) {
        Ok(answer) => {
            let mut hints: Vec<String> = answer.hints.into_iter().map(|hint| hint.message).collect();
            if answer.total.count == answer.similar {
                hints.extend(why());
            }
            if answer.similar > 0 {
                hints.push(format!("{} names are only similar", answer.similar));
            }
            let rows = rows(answer.hits, searcher.catalog());
            let counts = searcher.counts();
            Ok(Found {
                places: places(searcher, &rows, &counts),
                content: Content::Rows(rows),
                total: answer.total.count - answer.similar,
                exact: answer.total.exact,
                objects: answer.objects,
                hints,
                facets,
                namespaces,
                catalog: searcher.catalog().clone(),
                counts,
            })
        }
        Err(SearchError::Empty) => {
            let counts = searcher.counts_within(query, &options).map_err(|error| failed(&error))?;
            Ok(Found {
                namespaces,
                facets,
                hints: if counts.is_empty() { why() } else { Vec::new() },
                catalog: searcher.catalog().clone(),
                counts: searcher.counts(),
                ..kinds(searcher, counts)
            })
        }
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &SearchError) -> Problem {
    Problem { span: error.span(), message: error.to_string(), half_typed: false }
}

/// Hits as rows.
pub(super) fn rows(hits: Vec<crate::search::Hit>, catalog: &Catalog) -> Vec<Arc<Row>> {
    // Few kinds, many rows.
    let mut short_names: BTreeMap<KindKey, String> = BTreeMap::new();
    let mut row = |hit: crate::search::Hit| {
        let short = short_names.entry(hit.kind.clone()).or_insert_with(|| {
            let first = catalog.get(&hit.kind).and_then(|kind| kind.short_names.first().cloned());
            first.unwrap_or_else(|| hit.document.metadata.kind.clone())
        });
        let short = short.clone();
        Arc::new(Row {
            kind: hit.kind,
            short,
            document: hit.document,
            score: hit.score,
            matched: hit.matched,
        })
    };
    hits.into_iter().map(&mut row).collect()
}

// How many objects there are of a kind in a namespace, for the pairs that many of the rows are of; not for those
// that are too many by the kind's own count already.
fn places(
    searcher: &Searcher,
    rows: &[Arc<Row>],
    kinds: &BTreeMap<KindKey, u64>,
) -> BTreeMap<(KindKey, String), u64> {
    let mut shown: BTreeMap<(KindKey, String), usize> = BTreeMap::new();
    for row in rows {
        *shown.entry((row.kind.clone(), row.document.metadata.namespace.clone())).or_default() += 1;
    }
    shown.retain(|_, count| *count > MANY);
    if shown.is_empty() {
        return BTreeMap::new();
    }
    let namespaces = searcher.namespaces();
    let count = |(kind, namespace): &(KindKey, String)| {
        let most = kinds.get(kind).min(namespaces.get(namespace.as_str())).copied().unwrap_or_default();
        if most < TOO_MANY {
            return Some(most);
        }
        let query = parse(&format!("kind:{} ns:{namespace}", kind.as_str())).ok()?;
        let options = Options { limit: 0, exact: true, similar: false, ..Options::default() };
        searcher.search(&query, &options).ok().map(|answer| answer.total.count)
    };
    shown.into_keys().filter_map(|place| Some((place.clone(), count(&place)?))).collect()
}

/// Values of one field that are listed, most objects first.
pub(super) const MOST_VALUES: usize = 100;

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
    // The group is said where the name alone could mean two.
    let same =
        |kind: &KindKey| found.kinds.iter().filter(|(other, _)| other.plural() == kind.plural()).count();
    all.extend(found.kinds.iter().take(MOST_VALUES).map(|(kind, count)| {
        let name = if same(kind) > 1 { kind.as_str() } else { kind.plural() };
        facet("kind", name.to_owned(), *count, narrow(format!("kind:{}", kind.as_str())))
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

// An empty query asks for nothing: what there is, by kind, most objects first; of the chosen namespaces alone.
fn kinds(searcher: &Searcher, counts: BTreeMap<KindKey, u64>) -> Found {
    let objects = searcher.objects();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::shops;

    fn request(text: &str, cursor: Option<usize>, left: Option<usize>) -> Request {
        Request {
            generation: 1,
            text: text.to_owned(),
            cursor,
            left,
            namespaces: Vec::new(),
            limit: 10,
            facets: false,
            facet_key: None,
            now: 0,
            status: None,
        }
    }

    fn told(searcher: &Searcher, request: &Request) -> (Option<String>, String) {
        let answer = answer(Some(searcher), request, &Stop::default());
        let shown = match answer.found {
            Ok(Found { content: Content::Kinds(kinds), .. }) => {
                kinds.iter().map(|kind| format!("{}:{}", kind.kind.plural, kind.count)).collect::<Vec<_>>()
            }
            Ok(found) => found.content.rows().iter().map(|row| row.document.metadata.name.clone()).collect(),
            Err(problem) => vec![problem.message],
        };
        (answer.settled, shown.join(" "))
    }

    #[test]
    fn a_line_that_is_left_keeps_its_rows_and_says_so() {
        let (searcher, _held) = shops();
        let typed = told(&searcher, &request("ns:shop kind:po", Some(7), None));
        assert_eq!(typed, (None, "web card".to_owned()));
        let left = told(&searcher, &request("ns:shop kind:po", None, Some(7)));
        assert_eq!(left, (Some("ns:shop* kind:po".to_owned()), "web card".to_owned()));
        let on = told(&searcher, &request("ns:shop kind:po", Some(15), Some(7)));
        assert_eq!(on, (Some("ns:shop* kind:po".to_owned()), "web card".to_owned()));
        let elsewhere = told(&searcher, &request("ns:shop kind:po", None, None));
        assert_eq!(elsewhere, (None, String::new()), "what nobody is typing is read strictly");
    }

    #[test]
    fn kinds_are_counted_in_the_chosen_namespaces() {
        let (searcher, _held) = shops();
        let everywhere = request("", None, None);
        assert_eq!(told(&searcher, &everywhere).1, "pods:2 nodes:1 widgets:1");
        let there = Request { namespaces: vec!["shop-prod".to_owned()], ..everywhere.clone() };
        assert_eq!(told(&searcher, &there).1, "pods:1 widgets:1");
        let found = answer(Some(&searcher), &there, &Stop::default()).found;
        assert_eq!(found.map(|found| (found.objects, found.counts.len())), Ok((4, 3)));
        let nowhere = Request { namespaces: vec!["shop-prd".to_owned()], ..everywhere };
        let hints = answer(Some(&searcher), &nowhere, &Stop::default()).found.map(|found| found.hints);
        let said = "nothing is in a namespace called shop-prd: did you mean shop-prod?";
        assert_eq!(hints, Ok(vec![said.to_owned()]));
        let all = Request { text: "-A".to_owned(), ..there };
        assert_eq!(told(&searcher, &all).1, "pods:2 nodes:1 widgets:1");
    }
}
