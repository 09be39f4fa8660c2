//! The exact count, and the documents of one page in their order.

use std::sync::Arc;

use crate::index::{Doc, IndexError, Segment};

use super::eval::eval;
use super::plan::Node;

/// One document of the page.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Sum over the words.
    pub(crate) score: u8,
    /// Smaller first.
    rank: u64,
    /// Number of the segment.
    pub(crate) segment: usize,
    /// Number in the segment.
    pub(crate) doc: Doc,
}

/// The number of matches, and those from `offset` on, `limit` at most, best first.
pub(crate) fn page(
    node: &Node,
    segments: &[Arc<Segment>],
    offset: usize,
    limit: usize,
) -> Result<(u64, Vec<Found>), IndexError> {
    let mut scores = Vec::with_capacity(segments.len());
    let mut counts = [0u64; 256];
    for segment in segments {
        let mut found = eval(node, segment)?;
        if segment.has_deletes() {
            drop_deleted(segment, &mut found);
        }
        count(&found, &mut counts);
        scores.push(found);
    }
    counts[0] = 0;
    let total = counts.iter().sum();
    let wanted = offset.saturating_add(limit);
    let Some(least) = least_score(&counts, wanted) else { return Ok((total, Vec::new())) };
    let mut best = Best::new(least, wanted);
    for (nth, (segment, found)) in segments.iter().zip(&scores).enumerate() {
        each_match(found, |doc, byte| {
            if byte >= least {
                best.offer(Found { score: byte - 1, rank: segment.rank(doc), segment: nth, doc });
            }
        });
    }
    let mut page = best.finish(|found| segments.get(found.segment).map(|s| s.tie(found.doc)));
    page.truncate(wanted);
    page.drain(..offset.min(page.len()));
    Ok((total, page))
}

fn drop_deleted(segment: &Segment, found: &mut [u8]) {
    for (doc, byte) in found.iter_mut().enumerate() {
        if *byte != 0 && !segment.is_alive(doc as Doc) {
            *byte = 0;
        }
    }
}

/// Calls `each` with the documents that match; eight that do not cost one comparison.
fn each_match(found: &[u8], mut each: impl FnMut(Doc, u8)) {
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

/// Keeps everything above the least score and the best of those that have it.
struct Best {
    above: Vec<Found>,
    least: Vec<Found>,
    score: u8,
    wanted: usize,
    /// Of those with the least score, a worse rank than this is out.
    worst: u64,
    /// When to look which are out.
    full: usize,
}

impl Best {
    fn new(least: u8, wanted: usize) -> Self {
        Self {
            above: Vec::new(),
            least: Vec::new(),
            score: least - 1,
            wanted,
            worst: u64::MAX,
            full: wanted.saturating_mul(4).max(1024),
        }
    }

    fn offer(&mut self, found: Found) {
        if found.score > self.score {
            self.above.push(found);
        } else if found.rank <= self.worst {
            self.least.push(found);
            if self.least.len() >= self.full {
                self.prune();
            }
        }
    }

    /// Drops what can't be on the page. Equal ranks are decided by id, which is read only at the end: all stay.
    fn prune(&mut self) {
        let Some(last) = self.wanted.checked_sub(1).filter(|last| *last < self.least.len()) else { return };
        let (_, kth, _) = self.least.select_nth_unstable_by_key(last, |found| found.rank);
        self.worst = kth.rank;
        let worst = self.worst;
        self.least.retain(|found| found.rank <= worst);
        self.full = self.full.max(self.least.len() * 2);
    }

    fn finish<T: Ord>(mut self, tie: impl Fn(&Found) -> T) -> Vec<Found> {
        self.prune();
        let mut all = self.above;
        all.append(&mut self.least);
        all.sort_unstable_by_key(|found| (std::cmp::Reverse(found.score), found.rank));
        let same = |a: &Found, b: &Found| (a.score, a.rank) == (b.score, b.rank);
        for tied in all.chunk_by_mut(same).filter(|tied| tied.len() > 1) {
            tied.sort_by_cached_key(&tie);
        }
        all
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
    fn the_best_survive_pruning_and_ties_are_decided_by_id() {
        let mut best = Best::new(3, 10);
        let ranks = (0..5000u64).map(|i| i * 7919 % 5000 / 2);
        for (doc, rank) in ranks.enumerate() {
            best.offer(Found { score: 2, rank, segment: 0, doc: doc as Doc });
        }
        best.offer(Found { score: 4, rank: 9, segment: 0, doc: 9999 });
        let page = best.finish(|found| format!("{:05}", found.doc));
        assert_eq!(page[0].doc, 9999);
        assert_eq!(page[1..11].iter().map(|f| f.rank).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        assert!(page[1].doc < page[2].doc);
    }
}
