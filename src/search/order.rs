//! The order of hits: two numbers for each document, which decide nearly always, and the rest where they are equal.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::index::{Doc, Segment};
use crate::query::{Sort, SortKey};

/// The order of one search over the segments of one snapshot.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    segments: &'a [Arc<Segment>],
    keys: Vec<(Key, bool)>,
}

#[derive(Debug)]
enum Key {
    Relevance,
    Name,
    /// For each segment, the place of each of its values in the order of all values.
    Namespace(Vec<Vec<u64>>),
    Kind(Vec<Vec<u64>>),
    Age,
}

/// One document to be put in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) segment: usize,
    pub(crate) doc: Doc,
    /// As `eval` gives it.
    pub(crate) byte: u8,
}

/// Decides among documents whose numbers are equal.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tie {
    Number(u64),
    Text(Vec<u8>),
    Reversed(Reverse<Vec<u8>>),
    Id((String, u64)),
}

impl<'a> Order<'a> {
    pub(crate) fn new(sort: &[Sort], segments: &'a [Arc<Segment>]) -> Self {
        let key = |sort: &Sort| {
            let key = match sort.key {
                SortKey::Relevance => Key::Relevance,
                SortKey::Name => Key::Name,
                SortKey::Age => Key::Age,
                SortKey::Kind => Key::Kind(places(segments, |segment| {
                    segment.kinds().iter().map(|kind| kind.as_str().to_owned()).collect()
                })),
                SortKey::Namespace => Key::Namespace(places(segments, |segment| {
                    segment.namespaces().iter().map(|name| namespace(name).to_owned()).collect()
                })),
            };
            (key, sort.descending)
        };
        Self { segments, keys: sort.iter().map(key).collect() }
    }

    /// Whether the best come first, as without `sort:`.
    pub(crate) fn is_relevance(&self) -> bool {
        matches!(self.keys.first(), None | Some((Key::Relevance, false)))
    }

    /// Smaller first.
    pub(crate) fn numbers(&self, place: Place) -> (u64, u64) {
        match &*self.keys {
            [] => (relevance(place.byte), self.rank(place)),
            [(Key::Name, descending), ..] => {
                let (start, next) = self.name_start(place);
                if *descending { (!start, !next) } else { (start, next) }
            }
            [only] => (self.number(only, place), relevance(place.byte) << 56 | self.rank(place)),
            [first, second, ..] => (self.number(first, place), self.number(second, place)),
        }
    }

    /// Among documents with equal numbers, smaller first.
    pub(crate) fn tie(&self, place: Place) -> Vec<Tie> {
        let Some(segment) = self.segments.get(place.segment) else { return Vec::new() };
        let mut ties = Vec::with_capacity(self.keys.len() + 3);
        for key in &self.keys {
            ties.push(match key {
                (Key::Name, descending) => {
                    let mut buffer = Vec::new();
                    let name = segment.name(place.doc, &mut buffer).as_bytes().to_vec();
                    if *descending { Tie::Reversed(Reverse(name)) } else { Tie::Text(name) }
                }
                key => Tie::Number(self.number(key, place)),
            });
        }
        ties.push(Tie::Number(relevance(place.byte)));
        ties.push(Tie::Number(self.rank(place)));
        ties.push(Tie::Id(segment.tie(place.doc)));
        ties
    }

    fn name_start(&self, place: Place) -> (u64, u64) {
        self.segments.get(place.segment).map_or((0, 0), |segment| segment.name_start(place.doc))
    }

    fn rank(&self, place: Place) -> u64 {
        self.segments.get(place.segment).map_or(u64::MAX, |segment| segment.rank(place.doc))
    }

    fn number(&self, (key, descending): &(Key, bool), place: Place) -> u64 {
        let Some(segment) = self.segments.get(place.segment) else { return u64::MAX };
        let in_order = |places: &[Vec<u64>], at: Option<usize>| {
            at.and_then(|at| places.get(place.segment)?.get(at)).copied().unwrap_or(0)
        };
        let number = match key {
            Key::Relevance => relevance(place.byte),
            Key::Name => segment.name_start(place.doc).0,
            Key::Namespace(places) => in_order(places, segment.namespace_at(place.doc)),
            Key::Kind(places) => in_order(places, segment.kind_at(place.doc)),
            Key::Age => {
                // the youngest first; what has no age comes last either way
                let Some(created) = segment.created(place.doc) else { return u64::MAX };
                let created = created.unsigned_abs();
                return if *descending { created } else { u64::MAX - 1 - created };
            }
        };
        if *descending { !number } else { number }
    }
}

fn relevance(byte: u8) -> u64 {
    u64::from(u8::MAX - byte)
}

/// Cluster-scoped kinds come first.
fn namespace(name: &str) -> &str {
    if name == crate::index::terms::CLUSTER { "" } else { name }
}

fn places(segments: &[Arc<Segment>], values: impl Fn(&Segment) -> Vec<String>) -> Vec<Vec<u64>> {
    let each: Vec<Vec<String>> = segments.iter().map(|segment| values(segment)).collect();
    let all: BTreeSet<&String> = each.iter().flatten().collect();
    let all: Vec<&String> = all.into_iter().collect();
    let place = |value: &String| all.binary_search(&value).unwrap_or(0) as u64;
    each.iter().map(|values| values.iter().map(place).collect()).collect()
}
