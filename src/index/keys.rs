//! The keys of labels and annotations in a segment: few, and shared by most of its documents.

use super::IndexError;
use super::postings::Next;
use super::segment::{Segment, Terms};

impl Segment {
    /// Calls `each` with the keys of labels ([`Terms::Label`]) or annotations ([`Terms::Annotation`]) that begin with
    /// `start` and the number of their documents, deleted ones included. Jumps over the values.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn each_map_key(
        &self,
        terms: Terms,
        start: &str,
        mut each: impl FnMut(&str, u32),
    ) -> Result<(), IndexError> {
        self.each_term(terms, start.as_bytes(), |term, count| {
            let Ok(term) = std::str::from_utf8(term) else { return Next::Term };
            match term.split_once('=') {
                None => {
                    each(term, count);
                    Next::Term
                }
                // the first character after '='
                Some((key, _)) => Next::From([key, ">"].concat().into_bytes()),
            }
        })
    }

    /// All keys of labels ([`Terms::Label`]) or annotations (any other), which are kept.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn map_keys(&self, terms: Terms) -> Result<&[String], IndexError> {
        let kept = &self.parts.map_keys[usize::from(terms != Terms::Label)];
        if let Some(keys) = kept.get() {
            return Ok(keys);
        }
        let mut keys = Vec::new();
        self.each_map_key(terms, "", |key, _| keys.push(key.to_owned()))?;
        Ok(kept.get_or_init(|| keys))
    }
}
