//! What the matches of a query have in common: counts by kind, namespace and label.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::index::{IndexError, Next, Segment, Terms};
use crate::object::KindKey;

use super::plan::Node;
use super::rank::matches;
use super::{SearchError, Stop};

/// Values of one label that are counted in one part of the index: a label with more is no facet but a name.
const VALUES: usize = 2_000;

/// Counts of the matches of a query, the most frequent first; nothing is listed with a count of 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// All matches.
    pub count: u64,
    /// By kind.
    pub kinds: Vec<(KindKey, u64)>,
    /// By namespace (`_cluster` for cluster-scoped kinds).
    pub namespaces: Vec<(Arc<str>, u64)>,
    /// How many have each label key.
    pub label_keys: Vec<(String, u64)>,
    /// How many have each value of the label that was asked for.
    pub label_values: Vec<(String, u64)>,
    /// Whether that label has more values than were counted.
    pub more_values: bool,
}

pub(crate) fn facets(
    node: &Node,
    segments: &[Arc<Segment>],
    key: Option<&str>,
    stop: &Stop,
) -> Result<Facets, SearchError> {
    let found = matches(node, segments, stop)?;
    let mut facets = Facets::default();
    let mut kinds = BTreeMap::new();
    let mut namespaces = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let mut values = BTreeMap::new();
    for (segment, found) in segments.iter().zip(&found) {
        stop.check()?;
        facets.count += found.iter().filter(|byte| **byte != 0).count() as u64;
        let is_match = |doc: u32| found.get(doc as usize).is_some_and(|byte| *byte != 0);
        segment.count_kinds(is_match, |kind, count| *kinds.entry(kind.clone()).or_default() += count);
        segment
            .count_namespaces(is_match, |name, count| *namespaces.entry(name.clone()).or_default() += count);
        for (key, _) in label_keys(segment, Terms::Label, "")? {
            add(segment, &key, is_match, key.clone(), &mut keys)?;
        }
        if let Some(key) = key {
            let (some, more) = label_values(segment, Terms::Label, key, "", VALUES)?;
            facets.more_values |= more;
            for (value, _) in some {
                let term = [key, "=", &value].concat();
                add(segment, &term, is_match, value, &mut values)?;
            }
        }
    }
    facets.kinds = sorted(kinds);
    facets.namespaces = sorted(namespaces);
    facets.label_keys = sorted(keys);
    facets.label_values = sorted(values);
    Ok(facets)
}

fn add(
    segment: &Segment,
    term: &str,
    is_match: impl Fn(u32) -> bool,
    name: String,
    counts: &mut BTreeMap<String, u64>,
) -> Result<(), IndexError> {
    let mut count = 0;
    segment.with_term(Terms::Label, term.as_bytes(), |docs| {
        count += docs.iter().filter(|doc| is_match(**doc)).count() as u64;
    })?;
    if count > 0 {
        *counts.entry(name).or_default() += count;
    }
    Ok(())
}

/// The most frequent first, then by name.
pub(crate) fn sorted<T: Ord>(counts: BTreeMap<T, u64>) -> Vec<(T, u64)> {
    let mut all: Vec<(T, u64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable: equal ones stay sorted by name
    all
}

/// The keys of labels or annotations in a segment that begin with `start`, with the number of their documents, deleted
/// ones included.
pub(crate) fn label_keys(
    segment: &Segment,
    terms: Terms,
    start: &str,
) -> Result<Vec<(String, u32)>, IndexError> {
    let mut keys = Vec::new();
    segment.each_map_key(terms, start, |key, count| keys.push((key.to_owned(), count)))?;
    Ok(keys)
}

/// The values of a key in a segment that begin with `start`, as [`label_keys`], `most` at most, and whether there are
/// more. Values that were cut are left out.
pub(crate) fn label_values(
    segment: &Segment,
    terms: Terms,
    key: &str,
    start: &str,
    most: usize,
) -> Result<(Vec<(String, u32)>, bool), IndexError> {
    let equals = [key, "="].concat();
    let mut values = Vec::new();
    let mut more = false;
    segment.each_term(terms, [&*equals, start].concat().as_bytes(), |term, count| {
        if values.len() == most {
            more = true;
            return Next::Stop;
        }
        let value = std::str::from_utf8(term).ok().and_then(|term| term.strip_prefix(&*equals));
        if let Some(value) = value.filter(|value| !value.contains(crate::index::facts::SEPARATOR)) {
            values.push((value.to_owned(), count));
        }
        Next::Term
    })?;
    Ok((values, more))
}
