//! What many documents have in common: namespaces, kinds, keys of labels and annotations. There are few of them, so a
//! word is compared with each when it is asked for, and not with a term of every document.

use crate::index::terms::{CLUSTER, RUN_CAP, fold};
use crate::index::{Doc, IndexError, Terms};

use super::super::matching::{Needle, Scratch};
use super::Evaluator;

/// How a word must stand in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// From the start of a token on.
    Word,
    /// So, and up to the end of one.
    Phrase,
}

impl Stands {
    fn in_value(self, needle: &Needle, value: &str, scratch: &mut Scratch) -> bool {
        let found = match self {
            Self::Word => needle.in_value(value, scratch),
            Self::Phrase => needle.as_phrase(value, scratch),
        };
        // of a longer one, only the start was compared
        found.is_some_and(|range| needle.text.len() < RUN_CAP || fold(&value[range]) == needle.text)
    }
}

impl Evaluator<'_> {
    /// Calls `each` with the documents that have the needle in what they share with others.
    pub(super) fn shared(
        &mut self,
        needle: &Needle,
        stands: Stands,
        mut each: impl FnMut(&[Doc]),
    ) -> Result<(), IndexError> {
        let (segment, scratch) = (self.segment, &mut self.scratch);
        let mut fits = |value: &str| stands.in_value(needle, value, scratch);
        for namespace in segment.namespaces().iter().filter(|name| &***name != CLUSTER) {
            if fits(namespace) {
                segment.with_term(Terms::Namespace, namespace.as_bytes(), &mut each)?;
            }
        }
        for kind in segment.kinds() {
            if fits(kind.plural()) {
                segment.with_term(Terms::Kind, kind.as_str().as_bytes(), &mut each)?;
            }
        }
        for api in segment.apis() {
            if fits(api.rsplit('/').next().unwrap_or_default()) {
                segment.with_term(Terms::Api, api.as_bytes(), &mut each)?;
            }
        }
        for terms in [Terms::Label, Terms::Annotation] {
            for key in segment.map_keys(terms)? {
                if fits(key) {
                    segment.with_term(terms, key.as_bytes(), &mut each)?;
                }
            }
        }
        Ok(())
    }
}
