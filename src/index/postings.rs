//! Terms of a segment, and the documents that have them.

use tantivy::index::InvertedIndexReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{TERMINATED, Term};

use super::IndexError;
use super::segment::{Doc, Segment, Terms};
use super::terms::{self, Marker};

impl Segment {
    /// In how many documents, deleted ones included, a term occurs.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn frequency(&self, terms: Terms, term: &[u8]) -> Result<u32, IndexError> {
        Ok(self.info(terms, term)?.map_or(0, |info| info.doc_freq))
    }

    /// Calls `each` with the documents that have a term, in order, some at a time.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn with_term(&self, terms: Terms, term: &[u8], each: impl FnMut(&[Doc])) -> Result<(), IndexError> {
        match self.info(terms, term)? {
            Some(info) => {
                let mut postings = self.postings(terms, &info)?;
                read(&mut postings, each);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Calls `each` with the documents of every term that starts with `prefix` and that `accept` takes; documents
    /// come in order for each term, and may come again.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn with_prefix(
        &self,
        terms: Terms,
        prefix: &[u8],
        mut accept: impl FnMut(&[u8]) -> bool,
        mut each: impl FnMut(&[Doc]),
    ) -> Result<(), IndexError> {
        let mut range = self.parts.terms[terms as usize].terms().range().ge(prefix);
        if let Some(end) = after(prefix) {
            range = range.lt(end);
        }
        let mut stream = range.into_stream().map_err(IndexError::read)?;
        let mut postings = Reused { reader: &self.parts.terms[terms as usize], postings: None };
        while let Some((term, info)) = stream.next() {
            if accept(term) {
                postings.read(info, &mut each)?;
            }
        }
        Ok(())
    }

    /// Calls `each` with the documents of every [`Marker::Token`] of names within `distance` (1 or 2) of `word`, a
    /// swap of neighbours counted as one; with `begins`, of every one that starts with such a text.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn with_similar(
        &self,
        word: &str,
        distance: u8,
        begins: bool,
        each: impl FnMut(&[Doc]),
    ) -> Result<(), IndexError> {
        let marker = [Marker::Token as u8];
        let text = String::from_utf8_lossy(&terms::term(Marker::Token, word)).into_owned();
        let term = Term::from_field_text(self.parts.fields.gram, &text);
        let fuzzy = match begins {
            true => FuzzyTermQuery::new_prefix(term, distance, true),
            false => FuzzyTermQuery::new(term, distance, true),
        };
        let reader = &self.parts.terms[Terms::Gram as usize];
        let mut each = each;
        let automaton = fuzzy.automaton().map_err(|source| IndexError::Read { source })?;
        let mut stream = reader
            .terms()
            .search(automaton)
            .ge(marker)
            .lt([marker[0] + 1])
            .into_stream()
            .map_err(IndexError::read)?;
        let mut postings = Reused { reader, postings: None };
        while let Some((_, info)) = stream.next() {
            postings.read(info, &mut each)?;
        }
        Ok(())
    }

    /// Calls `each` with the terms that start with `prefix` and the number of their documents, deleted ones included,
    /// until it returns where to go on: `None` at the next term, otherwise at the first term not below that.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn each_term(
        &self,
        terms: Terms,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], u32) -> Next,
    ) -> Result<(), IndexError> {
        let dictionary = self.parts.terms[terms as usize].terms();
        let end = after(prefix);
        let mut from = prefix.to_vec();
        'seek: loop {
            let mut range = dictionary.range().ge(&from);
            if let Some(end) = &end {
                range = range.lt(end);
            }
            let mut stream = range.into_stream().map_err(IndexError::read)?;
            while let Some((term, info)) = stream.next() {
                match each(term, info.doc_freq) {
                    Next::Term => {}
                    Next::From(term) => {
                        from = term;
                        continue 'seek;
                    }
                    Next::Stop => return Ok(()),
                }
            }
            return Ok(());
        }
    }

    fn info(&self, terms: Terms, term: &[u8]) -> Result<Option<TermInfo>, IndexError> {
        self.parts.terms[terms as usize].terms().get(term).map_err(IndexError::read)
    }

    fn postings(&self, terms: Terms, info: &TermInfo) -> Result<BlockSegmentPostings, IndexError> {
        self.parts.terms[terms as usize]
            .read_block_postings_from_terminfo(info, IndexRecordOption::Basic)
            .map_err(IndexError::read)
    }
}

/// Where [`Segment::each_term`] goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// With the next term.
    Term,
    /// With the first term that is not below this.
    From(Vec<u8>),
    /// Nowhere.
    Stop,
}

/// Reads one posting list after the other with the same buffers.
struct Reused<'a> {
    reader: &'a InvertedIndexReader,
    postings: Option<BlockSegmentPostings>,
}

impl Reused<'_> {
    fn read(&mut self, info: &TermInfo, each: impl FnMut(&[Doc])) -> Result<(), IndexError> {
        match &mut self.postings {
            Some(postings) => self.reader.reset_block_postings_from_terminfo(info, postings),
            None => self
                .reader
                .read_block_postings_from_terminfo(info, IndexRecordOption::Basic)
                .map(|postings| self.postings = Some(postings)),
        }
        .map_err(IndexError::read)?;
        if let Some(postings) = &mut self.postings {
            read(postings, each);
        }
        Ok(())
    }
}

/// The first bytes after every text that starts with `prefix`; `None` when there are none.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let len = prefix.iter().rposition(|byte| *byte != u8::MAX)? + 1;
    let mut end = prefix[..len].to_vec();
    end[len - 1] += 1;
    Some(end)
}

fn read(postings: &mut BlockSegmentPostings, mut each: impl FnMut(&[Doc])) {
    loop {
        let docs = postings.docs();
        let Some(last) = docs.last() else { return };
        if *last == TERMINATED {
            let end = docs.partition_point(|doc| *doc != TERMINATED);
            if end > 0 {
                each(&docs[..end]);
            }
            return;
        }
        each(docs);
        postings.advance();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_after_all_its_texts() {
        assert_eq!(after(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after(&[b'a', 0xff]), Some(b"b".to_vec()));
        assert_eq!(after(&[0xff]), None);
        assert_eq!(after(b""), None);
    }
}
