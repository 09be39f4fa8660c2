//! Which documents of a segment match a plan, and how well: one byte per document, 0 for no match, otherwise
//! 1 + score.
//!
//! Bytes for all documents, and not sorted lists of some: a posting list is decoded at a billion documents a second, a
//! combination of two byte arrays is a few vector instructions per 32 documents, and the cost of a query
//! depends on its terms alone. Only words of four letters and more have candidates that must be looked at one
//! by one, and these are few: the documents with the rarest three letters in a row.

use crate::index::terms::{CASE, Marker, RUN_CAP, SHORT, capped, term};
use crate::index::{Doc, IndexError, Segment, Terms};

use super::matching::{Needle, Scratch, Shape, Tier};
use super::plan::{Node, Word};

/// What a filter contributes: a match without score.
const MATCH: u8 = 1;

/// Lists that are up to this much longer than the shortest one are worth being read to shorten it.
const WORTH_READING: u32 = 8;

/// Lists that are intersected before the names themselves are compared.
const LISTS: usize = 3;

/// One byte per document of `segment`. Deleted documents are not left out.
pub(crate) fn eval(node: &Node, segment: &Segment) -> Result<Vec<u8>, IndexError> {
    Evaluator { segment, scratch: Scratch::default() }.eval(node)
}

struct Evaluator<'a> {
    segment: &'a Segment,
    scratch: Scratch,
}

impl Evaluator<'_> {
    fn eval(&mut self, node: &Node) -> Result<Vec<u8>, IndexError> {
        match node {
            Node::And(all) => self.and(all),
            Node::Or(any) => {
                let mut best = self.nothing();
                for node in any {
                    let other = self.eval(node)?;
                    best.iter_mut().zip(other).for_each(|(a, b)| *a = b.max(*a));
                }
                Ok(best)
            }
            Node::Not(inner) => {
                let mut found = self.eval(inner)?;
                found.iter_mut().for_each(|byte| *byte = if *byte == 0 { MATCH } else { 0 });
                Ok(found)
            }
            Node::Word(word) => self.word(word),
            Node::Phrase(needle) => self.phrase(needle),
            Node::Kinds(kinds) => {
                let terms = kinds.iter().map(|kind| kind.as_str().as_bytes());
                self.any_term(Terms::Kind, terms)
            }
            Node::Namespaces(shapes) => {
                let segment = self.segment;
                let scratch = &mut self.scratch;
                let fits =
                    |name: &&std::sync::Arc<str>| shapes.iter().any(|shape| shape.is_match(name, scratch));
                let found: Vec<_> = segment.namespaces().iter().filter(fits).cloned().collect();
                self.any_term(Terms::Namespace, found.iter().map(|name| name.as_bytes()))
            }
            Node::Names(shapes) => {
                let mut found = self.nothing();
                shapes.iter().try_for_each(|shape| self.names(shape, &mut found))?;
                Ok(found)
            }
            Node::HasLabel(key) => self.any_term(Terms::Label, [key.as_bytes()]),
            Node::Label { key, values } => {
                let terms: Vec<String> = values.iter().map(|value| [&**key, "=", value].concat()).collect();
                self.any_term(Terms::Label, terms.iter().map(|term| term.as_bytes()))
            }
        }
    }

    fn nothing(&self) -> Vec<u8> {
        vec![0; self.segment.max_doc() as usize]
    }

    fn and(&mut self, all: &[Node]) -> Result<Vec<u8>, IndexError> {
        let mut sum = vec![MATCH; self.segment.max_doc() as usize];
        for (nth, node) in all.iter().enumerate() {
            if nth > 0 && sum.iter().all(|byte| *byte == 0) {
                break;
            }
            let other = self.eval(node)?;
            sum.iter_mut().zip(other).for_each(|(a, b)| {
                let both = *a != 0 && b != 0;
                *a = if both { a.saturating_add(b - MATCH) } else { 0 };
            });
        }
        Ok(sum)
    }

    fn any_term<'t>(
        &self,
        terms: Terms,
        each: impl IntoIterator<Item = &'t [u8]>,
    ) -> Result<Vec<u8>, IndexError> {
        let mut found = self.nothing();
        each.into_iter().try_for_each(|term| self.set(terms, term, MATCH, &mut found))?;
        Ok(found)
    }

    /// Sets the byte of every document that has a term.
    fn set(&self, terms: Terms, term: &[u8], value: u8, found: &mut [u8]) -> Result<(), IndexError> {
        self.segment.with_term(terms, term, |docs| set(found, docs, value))
    }

    /// Sets the byte of every document that has a short term outside of its name, whatever its capitals.
    fn short(&self, marker: Marker, text: &str, value: u8, found: &mut [u8]) -> Result<(), IndexError> {
        let mut bytes = term(marker, text);
        self.set(Terms::Part, &bytes, value, found)?;
        bytes.push(CASE as u8);
        self.segment.with_prefix(Terms::Part, &bytes, |_| true, |docs| set(found, docs, value))
    }

    fn word(&mut self, word: &Word) -> Result<Vec<u8>, IndexError> {
        let mut found = self.nothing();
        let needle = &word.needle;
        let elsewhere = MATCH + Tier::Elsewhere as u8;
        for kind in &word.kinds {
            self.set(Terms::Kind, kind.as_str().as_bytes(), elsewhere, &mut found)?;
        }
        if needle.chars <= SHORT {
            self.short(Marker::Prefix, &needle.text, elsewhere, &mut found)?;
        } else {
            self.runs(needle, |_| true, elsewhere, &mut found)?;
        }
        self.in_names(needle, &mut found)?;
        Ok(found)
    }

    fn phrase(&mut self, needle: &Needle) -> Result<Vec<u8>, IndexError> {
        let mut found = self.nothing();
        let elsewhere = MATCH + Tier::Elsewhere as u8;
        if needle.chars <= SHORT {
            self.short(Marker::Whole, &needle.text, elsewhere, &mut found)?;
        } else {
            let len = needle.text.len();
            let ends_open = needle.text.chars().next_back().is_some_and(char::is_alphanumeric);
            // `run` is folded text from a token start on; what follows the phrase decides whether a token ended
            let ended = |run: &[u8]| {
                let next = run.get(len..).and_then(|rest| std::str::from_utf8(rest).ok()?.chars().next());
                !ends_open || next.is_none_or(|c| !c.is_alphanumeric())
            };
            self.runs(needle, ended, elsewhere, &mut found)?;
        }
        self.in_names(needle, &mut found)?;
        Ok(found)
    }

    /// Documents with a token start that goes on like the needle. Longer needles than terms are: their start
    /// must be there, and so must their end from one of their own token starts on.
    fn runs(
        &self,
        needle: &Needle,
        accept: impl Fn(&[u8]) -> bool,
        value: u8,
        found: &mut [u8],
    ) -> Result<(), IndexError> {
        let start = term(Marker::Run, capped(&needle.text));
        let accepted = |term: &[u8]| needle.text.len() >= RUN_CAP || accept(&term[1..]);
        let Some(end) = tail(&needle.text) else {
            return self.segment.with_prefix(Terms::Part, &start, accepted, |docs| set(found, docs, value));
        };
        let (mut begins, mut ends) = (self.nothing(), self.nothing());
        self.segment.with_prefix(Terms::Part, &start, accepted, |docs| set(&mut begins, docs, MATCH))?;
        let end = term(Marker::Run, end);
        self.segment.with_prefix(Terms::Part, &end, |_| true, |docs| set(&mut ends, docs, MATCH))?;
        let both = begins.iter().zip(&ends).map(|(a, b)| a & b);
        found.iter_mut().zip(both).filter(|(_, both)| *both != 0).for_each(|(byte, _)| *byte = value);
        Ok(())
    }

    /// Documents that have the needle in their name, by tier.
    fn in_names(&mut self, needle: &Needle, found: &mut [u8]) -> Result<(), IndexError> {
        if needle.chars <= SHORT {
            let tiers = [
                (Marker::Sub, Tier::Part),
                (Marker::Whole, Tier::Segment),
                (Marker::Prefix, Tier::Start),
                (Marker::Exact, Tier::Whole),
            ];
            return tiers.into_iter().try_for_each(|(marker, tier)| {
                self.set(Terms::Gram, &term(marker, &needle.text), MATCH + tier as u8, found)
            });
        }
        let candidates = self.candidates(&[&needle.text], false)?;
        self.check(
            candidates,
            |name, scratch, byte| {
                if let Some((tier, _)) = needle.in_name(name, scratch) {
                    *byte = MATCH + tier as u8;
                }
            },
            found,
        );
        Ok(())
    }

    fn names(&mut self, shape: &Shape, found: &mut [u8]) -> Result<(), IndexError> {
        let (literals, starts) = shape.literals();
        let candidates = self.candidates(&literals, starts)?;
        self.check(
            candidates,
            |name, scratch, byte| {
                if shape.is_match(name, scratch) {
                    *byte = MATCH;
                }
            },
            found,
        );
        Ok(())
    }

    /// Calls `test` with the name of every candidate, or of every document when there are none to choose from.
    fn check(
        &mut self,
        candidates: Option<Vec<Doc>>,
        test: impl Fn(&str, &mut Scratch, &mut u8),
        found: &mut [u8],
    ) {
        let mut name = Vec::new();
        let mut one = |doc: Doc| {
            self.segment.name(doc, &mut name);
            if let (Ok(name), Some(byte)) = (std::str::from_utf8(&name), found.get_mut(doc as usize)) {
                test(name, &mut self.scratch, byte);
            }
        };
        match candidates {
            Some(docs) => docs.into_iter().for_each(&mut one),
            None => (0..self.segment.max_doc()).for_each(&mut one),
        }
    }

    /// Documents whose names may have all these texts (the first at its start if `starts`): those with the
    /// rarest runs of three characters. `None`: the texts are no help.
    fn candidates(&self, literals: &[&str], starts: bool) -> Result<Option<Vec<Doc>>, IndexError> {
        let mut terms: Vec<Vec<u8>> = literals.iter().flat_map(|text| grams(text)).collect();
        if let (true, Some(first)) = (starts, literals.first().filter(|text| !text.is_empty())) {
            let end = first.char_indices().nth(SHORT).map_or(first.len(), |(at, _)| at);
            terms.push(term(Marker::Prefix, &first[..end]));
        }
        terms.sort_unstable();
        terms.dedup();
        let mut lists = Vec::with_capacity(terms.len());
        for term in terms {
            lists.push((self.segment.frequency(Terms::Gram, &term)?, term));
        }
        lists.sort_unstable();
        let Some(rarest) = lists.first().map(|(frequency, _)| *frequency) else { return Ok(None) };
        let mut docs = Vec::with_capacity(rarest as usize);
        for (nth, (frequency, term)) in lists.iter().take(LISTS).enumerate() {
            if nth > 0 && *frequency > (docs.len() as u32).saturating_mul(WORTH_READING) {
                break;
            }
            let mut list = Vec::with_capacity(*frequency as usize);
            self.segment.with_term(Terms::Gram, term, |some| list.extend_from_slice(some))?;
            docs = if nth == 0 { list } else { intersect(&docs, &list) };
        }
        Ok(Some(docs))
    }
}

fn set(found: &mut [u8], docs: &[Doc], value: u8) {
    for doc in docs {
        if let Some(byte) = found.get_mut(*doc as usize) {
            *byte = value;
        }
    }
}

/// The terms that every name with this text has: its runs of three characters, or itself when it is shorter.
fn grams(text: &str) -> Vec<Vec<u8>> {
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    starts.push(text.len());
    match starts.len() - 1 {
        0 => Vec::new(),
        1..=SHORT => vec![term(Marker::Sub, text)],
        _ => starts.windows(SHORT + 1).map(|w| term(Marker::Sub, &text[w[0]..w[SHORT]])).collect(),
    }
}

fn intersect(a: &[Doc], b: &[Doc]) -> Vec<Doc> {
    let mut both = Vec::with_capacity(a.len().min(b.len()));
    let mut rest = b.iter().copied().peekable();
    for doc in a {
        while rest.next_if(|other| other < doc).is_some() {}
        if rest.peek() == Some(doc) {
            both.push(*doc);
        }
    }
    both
}

/// Of a text longer than a term: from its first token start that leaves no more than a term's length.
fn tail(text: &str) -> Option<&str> {
    if text.len() <= RUN_CAP {
        return None;
    }
    let mut folded = crate::index::terms::Folded::default();
    folded.set(text);
    let starts = (0..folded.len()).filter(|i| folded.token_start(*i)).map(|i| folded.offsets[i]);
    starts.map(|at| &text[at..]).find(|rest| rest.len() <= RUN_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grams_are_the_runs_of_three() {
        let text = |terms: Vec<Vec<u8>>| {
            terms.into_iter().map(|t| String::from_utf8(t).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(text(grams("abcd")), ["sabc", "sbcd"]);
        assert_eq!(text(grams("ab")), ["sab"]);
        assert_eq!(text(grams("äöü")), ["säöü"]);
        assert!(grams("").is_empty());
    }

    #[test]
    fn lists_intersect() {
        assert_eq!(intersect(&[1, 3, 5, 9], &[0, 3, 4, 9, 12]), [3, 9]);
        assert_eq!(intersect(&[1], &[]), Vec::<Doc>::new());
    }
}
