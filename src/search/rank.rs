//! The count, and the documents of one page in their order.

use std::sync::Arc;

use crate::index::{Doc, Segment};

use super::eval::{Asked, eval, eval_until};
use super::order::{Order, Place};
use super::plan::Node;
use super::{SearchError, Stop, Total};

/// A count that is not exact stops here.
pub(crate) const ENOUGH: u64 = 10_000;

/// With fewer literal matches than this, similar names are looked for as well.
pub(crate) const FEW: u64 = 10;

/// What part of the matches is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// Count to the end.
    pub(crate) exact: bool,
    /// Look for similar names where few match.
    pub(crate) similar: bool,
    pub(crate) stop: &'a Stop,
}

/// One document of the page.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) similar: bool,
    /// Smaller first.
    numbers: (u64, u64),
}

/// A page and what it is a part of.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) found: Vec<Found>,
    pub(crate) total: Total,
    /// How many of the total are only similar.
    pub(crate) similar: u64,
}

/// The number of matches, and those of the page, best first; what is only similar follows what matches.
pub(crate) fn page(
    node: &Node,
    segments: &[Arc<Segment>],
    order: &Order<'_>,
    wanted: Wanted<'_>,
) -> Result<Page, SearchError> {
    let end = wanted.offset.saturating_add(wanted.limit);
    let until = (!wanted.exact && order.is_relevance()).then(|| (ENOUGH as usize).max(end));
    let literal = Scores::new(node, segments, until, false, wanted.stop)?;
    let mut found = literal.best(order, end, false);
    let count = literal.count();
    let mut page = Page {
        total: if literal.stopped {
            Total { count: ENOUGH, exact: false }
        } else {
            Total { count, exact: true }
        },
        similar: 0,
        found: Vec::new(),
    };
    if wanted.similar && count < FEW && wanted.limit > 0 && order.is_relevance() && has_words(node) {
        let mut similar = Scores::new(node, segments, None, true, wanted.stop)?;
        similar.leave_out(&literal);
        page.similar = similar.count();
        page.total.count += page.similar;
        found.extend(similar.best(order, end.saturating_sub(found.len()), true));
    }
    found.drain(..wanted.offset.min(found.len()));
    page.found = found;
    Ok(page)
}

/// Which documents match, as `eval` gives it for every segment, without deleted ones.
pub(crate) fn matches(
    node: &Node,
    segments: &[Arc<Segment>],
    stop: &Stop,
) -> Result<Vec<Vec<u8>>, SearchError> {
    Ok(Scores::new(node, segments, None, false, stop)?.bytes)
}

/// Whether any word of the query is one that may be misspelled.
fn has_words(node: &Node) -> bool {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(has_words),
        Node::Word(word) => word.similar.is_some() || word.folded.is_some(),
        _ => false,
    }
}

struct Scores {
    bytes: Vec<Vec<u8>>,
    counts: [u64; 256],
    /// Some matches are missing, none of the best.
    stopped: bool,
}

impl Scores {
    fn new(
        node: &Node,
        segments: &[Arc<Segment>],
        until: Option<usize>,
        similar: bool,
        stop: &Stop,
    ) -> Result<Self, SearchError> {
        let mut scores = Self { bytes: Vec::with_capacity(segments.len()), counts: [0; 256], stopped: false };
        for (number, segment) in segments.iter().enumerate() {
            stop.check()?;
            let asked = Asked { segment, number, similar };
            let mut found = match until {
                Some(enough) => {
                    let (found, stopped) = eval_until(node, asked, enough)?;
                    scores.stopped |= stopped;
                    found
                }
                None => eval(node, asked)?,
            };
            for doc in segment.dead() {
                if let Some(byte) = found.get_mut(*doc as usize) {
                    *byte = 0;
                }
            }
            scores.bytes.push(found);
        }
        scores.tally();
        Ok(scores)
    }

    fn tally(&mut self) {
        self.counts = [0; 256];
        self.bytes.iter().for_each(|found| count(found, &mut self.counts));
        self.counts[0] = 0;
    }

    fn leave_out(&mut self, others: &Scores) {
        for (found, others) in self.bytes.iter_mut().zip(&others.bytes) {
            let both = found.iter_mut().zip(others).filter(|(_, other)| **other != 0);
            both.for_each(|(byte, _)| *byte = 0);
        }
        self.tally();
    }

    fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn best(&self, order: &Order<'_>, wanted: usize, similar: bool) -> Vec<Found> {
        let least = if order.is_relevance() { least_score(&self.counts, wanted) } else { Some(1) };
        let Some(least) = least.filter(|_| wanted > 0) else { return Vec::new() };
        let mut best = Best::new(wanted);
        for (segment, found) in self.bytes.iter().enumerate() {
            each_match(found, |doc, byte| {
                if byte >= least {
                    let place = Place { segment, doc, byte };
                    best.offer(Found { place, similar, numbers: order.numbers(place) });
                }
            });
        }
        let mut page = best.finish(|found| order.tie(found.place));
        page.truncate(wanted);
        page
    }
}

/// Calls `each` with the documents that match; eight that do not cost one comparison.
pub(crate) fn each_match(found: &[u8], mut each: impl FnMut(Doc, u8)) {
    for (nth, chunk) in found.chunks(8).enumerate() {
        if chunk.iter().all(|byte| *byte == 0) {
            continue;
        }
        for (at, byte) in chunk.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            each((nth * 8 + at) as Doc, *byte);
        }
    }
}

fn count(found: &[u8], counts: &mut [u64; 256]) {
    // Four tables: neighbours are often equal, and one counter would wait for itself.
    let mut tables = [[0u32; 256]; 4];
    let mut quads = found.chunks_exact(4);
    for quad in &mut quads {
        if u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]]) == 0 {
            continue;
        }
        tables.iter_mut().zip(quad).for_each(|(table, byte)| table[usize::from(*byte)] += 1);
    }
    quads.remainder().iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    for table in &tables {
        counts.iter_mut().zip(table).for_each(|(sum, n)| *sum += u64::from(*n));
    }
}

/// The least score (plus one) that a page of `wanted` documents reaches down to; `None` when it is empty.
fn least_score(counts: &[u64; 256], wanted: usize) -> Option<u8> {
    let mut sum = 0;
    let mut least = None;
    for (byte, count) in counts.iter().enumerate().skip(1).rev().filter(|(_, count)| **count > 0) {
        if sum >= wanted as u64 {
            break;
        }
        sum += count;
        least = u8::try_from(byte).ok();
    }
    least.filter(|_| wanted > 0)
}

/// Keeps the best that are offered.
struct Best {
    found: Vec<Found>,
    wanted: usize,
    /// What comes after this is out.
    worst: (u64, u64),
    /// When to look which are out.
    full: usize,
}

impl Best {
    fn new(wanted: usize) -> Self {
        let full = wanted.saturating_mul(4).max(1024);
        Self { found: Vec::new(), wanted, worst: (u64::MAX, u64::MAX), full }
    }

    fn offer(&mut self, found: Found) {
        if found.numbers <= self.worst {
            self.found.push(found);
            if self.found.len() >= self.full {
                self.prune();
            }
        }
    }

    /// Drops what can't be on the page. What decides among equal numbers is read only at the end: all stay.
    fn prune(&mut self) {
        let Some(last) = self.wanted.checked_sub(1).filter(|last| *last < self.found.len()) else { return };
        let (_, kth, _) = self.found.select_nth_unstable_by_key(last, |found| found.numbers);
        self.worst = kth.numbers;
        let worst = self.worst;
        self.found.retain(|found| found.numbers <= worst);
        self.full = self.full.max(self.found.len() * 2);
    }

    fn finish<T: Ord>(mut self, tie: impl Fn(&Found) -> T) -> Vec<Found> {
        self.prune();
        self.found.sort_unstable_by_key(|found| found.numbers);
        for tied in self.found.chunk_by_mut(|a, b| a.numbers == b.numbers).filter(|tied| tied.len() > 1) {
            tied.sort_by_cached_key(&tie);
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_score_is_where_the_page_is_full() {
        let mut counts = [0u64; 256];
        counts[2] = 1000;
        counts[5] = 3;
        assert_eq!(least_score(&counts, 3), Some(5));
        assert_eq!(least_score(&counts, 4), Some(2));
        assert_eq!(least_score(&counts, 5000), Some(2));
        assert_eq!(least_score(&counts, 0), None);
        assert_eq!(least_score(&[0; 256], 10), None);
    }

    #[test]
    fn counting_counts_every_byte() {
        let found: Vec<u8> = (0..1003u32).map(|i| (i % 7) as u8).collect();
        let mut counts = [0u64; 256];
        count(&found, &mut counts);
        for value in 1..7u8 {
            assert_eq!(counts[usize::from(value)], found.iter().filter(|b| **b == value).count() as u64);
        }
    }

    #[test]
    fn the_best_survive_pruning_and_ties_are_decided_at_the_end() {
        let mut best = Best::new(10);
        let found = |score: u64, rank: u64, doc: u32| Found {
            place: Place { segment: 0, doc, byte: 1 },
            similar: false,
            numbers: (255 - score, rank),
        };
        let ranks = (0..5000u64).map(|i| i * 7919 % 5000 / 2);
        for (doc, rank) in ranks.enumerate() {
            best.offer(found(2, rank, doc as Doc));
        }
        best.offer(found(4, 9, 9999));
        let page = best.finish(|found| format!("{:05}", found.place.doc));
        assert_eq!(page[0].place.doc, 9999);
        assert_eq!(page[1..10].iter().map(|f| f.numbers.1).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
        assert!(page[1].place.doc < page[2].place.doc);
    }
}
