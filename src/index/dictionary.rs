//! Columns of few distinct texts.

use tantivy::columnar::{Column, StrColumn};

use super::segment::{Doc, Segment};

/// A column of few distinct texts, kept parsed: one number per document on disk, the texts in memory.
pub(super) struct Dictionary<T> {
    ords: Option<Column<u64>>,
    pub(super) values: Vec<T>,
}

impl<T> Dictionary<T> {
    pub(super) fn open(column: Option<StrColumn>, parse: impl Fn(&str) -> T) -> tantivy::Result<Self> {
        let Some(column) = column else { return Ok(Self { ords: None, values: Vec::new() }) };
        let mut values = Vec::with_capacity(column.num_terms());
        let mut stream = column.dictionary().stream()?;
        while stream.advance() {
            values.push(parse(&String::from_utf8_lossy(stream.key())));
        }
        Ok(Self { ords: Some(column.ords().clone()), values })
    }

    pub(super) fn at(&self, doc: Doc) -> Option<usize> {
        usize::try_from(self.ords.as_ref()?.first(doc)?).ok()
    }

    pub(super) fn get(&self, doc: Doc) -> Option<&T> {
        self.values.get(self.at(doc)?)
    }

    pub(super) fn count(
        &self,
        segment: &Segment,
        counted: impl Fn(Doc) -> bool,
        mut each: impl FnMut(&T, u64),
    ) {
        let Some(ords) = &self.ords else { return };
        let mut counts = vec![0u64; self.values.len()];
        for doc in (0..segment.max_doc()).filter(|doc| counted(*doc) && segment.is_alive(*doc)) {
            let ord = ords.first(doc).and_then(|ord| counts.get_mut(ord as usize));
            if let Some(count) = ord {
                *count += 1;
            }
        }
        self.values
            .iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .for_each(|(value, count)| each(value, count));
    }
}
