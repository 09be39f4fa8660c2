//! Which documents of a segment match a plan, and how well: one byte per document, 0 for no match, otherwise
//! 1 + score.
//!
//! Bytes for all documents, and not sorted lists of some: a posting list is decoded at a billion documents a second, a
//! combination of two byte arrays is a few vector instructions per 32 documents, and the cost of a query
//! depends on its terms alone. Only words of four letters and more have candidates that must be looked at one
//! by one, and these are few: the documents with the rarest three letters in a row.

mod filters;
mod names;
mod shared;
mod words;

pub(crate) use filters::number;
pub(crate) use words::LITERAL;

use crate::index::{Doc, IndexError, Segment, Terms};

use super::matching::Scratch;
use super::plan::{Node, Word};

/// What a filter contributes: a match without score.
pub(crate) const MATCH: u8 = 1;

/// The part of an index that is asked, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) segment: &'a Segment,
    /// The segment's number in its snapshot.
    pub(crate) number: usize,
    /// Words also match what they are only similar to, with lower scores; see `words`.
    pub(crate) similar: bool,
}

/// One byte per document of a segment. Deleted documents are not left out.
pub(crate) fn eval(node: &Node, asked: Asked<'_>) -> Result<Vec<u8>, IndexError> {
    Evaluator::new(asked).eval(node)
}

/// As [`eval`], but a single short word may stop when `enough` living documents match better than all others would.
/// Returns whether that was so: then some matches are missing, none of the best.
pub(crate) fn eval_until(
    node: &Node,
    asked: Asked<'_>,
    enough: usize,
) -> Result<(Vec<u8>, bool), IndexError> {
    let mut evaluator = Evaluator::new(asked);
    match short_word(node) {
        Some((word, filters)) => {
            let mask = if filters.is_empty() { None } else { Some(evaluator.all(filters)?) };
            evaluator.word_until(word, mask.as_deref(), enough)
        }
        None => Ok((evaluator.eval(node)?, false)),
    }
}

/// A query of one short word and filters.
fn short_word(node: &Node) -> Option<(&Word, Vec<&Node>)> {
    let all: Vec<&Node> = match node {
        Node::Word(_) => vec![node],
        Node::And(all) => all.iter().collect(),
        _ => return None,
    };
    let mut word = None;
    let mut filters = Vec::new();
    for node in all {
        match node {
            Node::Word(one) if word.is_none() && words::is_short(one) => word = Some(&**one),
            node if has_no_score(node) => filters.push(node),
            _ => return None,
        }
    }
    Some((word?, filters))
}

fn has_no_score(node: &Node) -> bool {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().all(has_no_score),
        Node::Word(_) | Node::Phrase(_) | Node::Names(_) => false,
        Node::Not(_)
        | Node::Kinds(_)
        | Node::Namespaces(_)
        | Node::Versions(_)
        | Node::Uids(_)
        | Node::Map(..)
        | Node::Owners(_)
        | Node::Descendants(..)
        | Node::Created(_)
        | Node::Flag(_) => true,
    }
}

struct Evaluator<'a> {
    asked: Asked<'a>,
    segment: &'a Segment,
    scratch: Scratch,
    /// Only documents that this has a match for are asked about: for others any answer will do, and the costly ones are
    /// left out.
    within: Option<Vec<u8>>,
}

impl<'a> Evaluator<'a> {
    fn new(asked: Asked<'a>) -> Self {
        Self { asked, segment: asked.segment, scratch: Scratch::default(), within: None }
    }

    fn eval(&mut self, node: &Node) -> Result<Vec<u8>, IndexError> {
        match node {
            Node::And(all) => self.all(all),
            Node::Or(any) => {
                let mut best = self.nothing();
                for node in any {
                    let other = self.eval(node)?;
                    best.iter_mut().zip(other).for_each(|(a, b)| *a = b.max(*a));
                }
                Ok(best)
            }
            Node::Not(inner) => {
                // what is only similar must not exclude anything
                let similar = std::mem::replace(&mut self.asked.similar, false);
                let found = self.eval(inner);
                self.asked.similar = similar;
                let mut found = found?;
                found.iter_mut().for_each(|byte| *byte = if *byte == 0 { MATCH } else { 0 });
                Ok(found)
            }
            Node::Word(word) => self.word(word),
            Node::Phrase(needle) => self.phrase(needle),
            Node::Names(shapes) => self.names(shapes),
            Node::Kinds(_)
            | Node::Namespaces(_)
            | Node::Versions(_)
            | Node::Uids(_)
            | Node::Map(..)
            | Node::Owners(_)
            | Node::Descendants(..)
            | Node::Created(_)
            | Node::Flag(_) => {
                let mut found = self.nothing();
                self.filter(node, &mut found)?;
                Ok(found)
            }
        }
    }

    fn nothing(&self) -> Vec<u8> {
        vec![0; self.segment.max_doc() as usize]
    }

    fn everything(&self) -> Vec<u8> {
        vec![MATCH; self.segment.max_doc() as usize]
    }

    /// What costs little comes first: the rest is asked about its matches only.
    fn all<'n>(&mut self, all: impl IntoIterator<Item = &'n Node>) -> Result<Vec<u8>, IndexError> {
        let mut nodes: Vec<&Node> = all.into_iter().collect();
        nodes.sort_by_key(|node| !has_no_score(node));
        let Some((first, rest)) = nodes.split_first() else { return Ok(self.everything()) };
        let mut sum = self.eval(first)?;
        for node in rest {
            if sum.iter().all(|byte| *byte == 0) {
                break;
            }
            let other;
            (other, sum) = self.within(sum, |this| this.eval(node))?;
            sum.iter_mut().zip(other).for_each(|(a, b)| {
                let both = *a != 0 && b != 0;
                *a = if both { a.saturating_add(b - MATCH) } else { 0 };
            });
        }
        Ok(sum)
    }

    /// What `ask` says about the matches in `mask`; gives the mask back.
    fn within<T>(
        &mut self,
        mask: Vec<u8>,
        ask: impl FnOnce(&mut Self) -> Result<T, IndexError>,
    ) -> Result<(T, Vec<u8>), IndexError> {
        let outer = self.within.replace(mask);
        let answer = ask(self);
        let mask = std::mem::replace(&mut self.within, outer).unwrap_or_default();
        Ok((answer?, mask))
    }

    /// Whether a document is asked about.
    fn is_asked(within: &Option<Vec<u8>>, doc: Doc) -> bool {
        within.as_ref().is_none_or(|mask| mask.get(doc as usize).is_some_and(|byte| *byte != 0))
    }

    /// In a search for similar names, what matches literally scores more.
    fn literally(&self, mut found: Vec<u8>) -> Vec<u8> {
        if self.asked.similar {
            found.iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte += LITERAL);
        }
        found
    }

    /// Sets the byte of every document that has a term.
    fn set(&self, terms: Terms, term: &[u8], value: u8, found: &mut [u8]) -> Result<(), IndexError> {
        self.segment.with_term(terms, term, |docs| set(found, docs, value))
    }
}

fn set(found: &mut [u8], docs: &[Doc], value: u8) {
    for doc in docs {
        if let Some(byte) = found.get_mut(*doc as usize) {
            *byte = value;
        }
    }
}
