//! Columns of few distinct texts.

use std::sync::OnceLock;

use tantivy::columnar::{Column, StrColumn};

use super::segment::{Doc, Segment};

/// A column of few distinct texts, kept parsed: one number per document on disk, the texts in memory.
pub(super) struct Dictionary<T> {
    ords: Option<Column<u64>>,
    pub(super) values: Vec<T>,
    /// For each value its documents, deleted ones included, once they were asked for.
    totals: OnceLock<Vec<u64>>,
}

impl<T> Dictionary<T> {
    pub(super) fn open(column: Option<StrColumn>, parse: impl Fn(&str) -> T) -> tantivy::Result<Self> {
        let Some(column) = column else {
            return Ok(Self { ords: None, values: Vec::new(), totals: OnceLock::new() });
        };
        let mut values = Vec::with_capacity(column.num_terms());
        let mut stream = column.dictionary().stream()?;
        while stream.advance() {
            values.push(parse(&String::from_utf8_lossy(stream.key())));
        }
        Ok(Self { ords: Some(column.ords().clone()), values, totals: OnceLock::new() })
    }

    pub(super) fn at(&self, doc: Doc) -> Option<usize> {
        usize::try_from(self.ords.as_ref()?.first(doc)?).ok()
    }

    pub(super) fn get(&self, doc: Doc) -> Option<&T> {
        self.values.get(self.at(doc)?)
    }

    /// Calls `each` with every value that a living document of `segment` has, and how many have it. `frequency` says in
    /// how many documents, deleted ones included, a value occurs; where that can't be read, they are counted.
    pub(super) fn count_all<E>(
        &self,
        segment: &Segment,
        frequency: impl Fn(&T) -> Result<u32, E>,
        each: impl FnMut(&T, u64),
    ) {
        let totals = self.totals.get_or_init(|| {
            let known: Result<Vec<u64>, E> =
                self.values.iter().map(|value| frequency(value).map(u64::from)).collect();
            known.unwrap_or_else(|_| self.tally(0..segment.max_doc()))
        });
        let dead = self.tally(segment.dead().iter().copied());
        self.each(totals.iter().zip(dead).map(|(all, dead)| all.saturating_sub(dead)), each);
    }

    /// The same among the documents that `counted` takes.
    pub(super) fn count(&self, segment: &Segment, counted: impl Fn(Doc) -> bool, each: impl FnMut(&T, u64)) {
        let docs = (0..segment.max_doc()).filter(|doc| counted(*doc) && segment.is_alive(*doc));
        self.each(self.tally(docs).into_iter(), each);
    }

    fn tally(&self, docs: impl Iterator<Item = Doc>) -> Vec<u64> {
        let mut counts = vec![0u64; self.values.len()];
        let Some(ords) = &self.ords else { return counts };
        for doc in docs {
            let ord = ords.first(doc).and_then(|ord| counts.get_mut(ord as usize));
            if let Some(count) = ord {
                *count += 1;
            }
        }
        counts
    }

    fn each(&self, counts: impl Iterator<Item = u64>, mut each: impl FnMut(&T, u64)) {
        let present = self.values.iter().zip(counts).filter(|(_, count)| *count > 0);
        present.for_each(|(value, count)| each(value, count));
    }
}
