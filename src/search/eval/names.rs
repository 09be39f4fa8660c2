//! Names: which documents may have one that fits, and the comparison with the names themselves.

use crate::index::terms::{Marker, SHORT, term};
use crate::index::{Doc, IndexError, Next, Terms};

use super::super::matching::{Scratch, Tier};
use super::super::need::{Need, Set};
use super::super::pattern::Shape;
use super::{Evaluator, MATCH};

/// Lists that are up to this much longer than the shortest one are worth being read to shorten it.
const WORTH_READING: u32 = 8;

/// Lists that are intersected before the names themselves are compared.
const LISTS: usize = 3;

impl Evaluator<'_> {
    /// Documents whose names fit one of these, with the score of the best.
    pub(super) fn names(&mut self, shapes: &[Shape]) -> Result<Vec<u8>, IndexError> {
        let mut found = self.nothing();
        for shape in shapes {
            let mut one = self.nothing();
            self.name(shape, &mut one)?;
            found.iter_mut().zip(one).for_each(|(byte, other)| *byte = other.max(*byte));
        }
        Ok(self.literally(found))
    }

    fn name(&mut self, shape: &Shape, found: &mut [u8]) -> Result<(), IndexError> {
        if let Some(needle) = shape.as_word() {
            return self.in_names(needle, found);
        }
        if shape.is_anything() {
            found.fill(MATCH + Tier::Part as u8);
            return Ok(());
        }
        let candidates = self.candidates(&shape.need())?;
        self.check_lengths(candidates, shape.lengths(), found, |name, scratch, byte| {
            if let Some((tier, _)) = shape.in_name(name, scratch) {
                *byte = MATCH + tier as u8;
            }
        });
        Ok(())
    }

    /// Calls `test` with the name of every candidate, or of every document when there are none to choose from.
    pub(super) fn check(
        &mut self,
        candidates: Option<Vec<Doc>>,
        found: &mut [u8],
        test: impl Fn(&str, &mut Scratch, &mut u8),
    ) {
        self.check_lengths(candidates, (0, usize::MAX), found, test);
    }

    /// As [`Evaluator::check`], of the names with so many characters.
    fn check_lengths(
        &mut self,
        candidates: Option<Vec<Doc>>,
        (least, most): (usize, usize),
        found: &mut [u8],
        test: impl Fn(&str, &mut Scratch, &mut u8),
    ) {
        let mut buffer = Vec::new();
        let segment = self.segment;
        let Self { scratch, within, .. } = self;
        let mut one = |doc: Doc| {
            let fits = most == usize::MAX || segment.name_may_have(doc, least..=most);
            if let (true, Some(byte)) = (fits && Self::is_asked(within, doc), found.get_mut(doc as usize)) {
                test(segment.name(doc, &mut buffer), scratch, byte);
            }
        };
        match candidates {
            Some(docs) => docs.into_iter().for_each(&mut one),
            None => (0..segment.max_doc()).for_each(&mut one),
        }
    }

    /// Documents whose names may have what is needed, in order. `None`: that is no help.
    pub(super) fn candidates(&self, need: &Need) -> Result<Option<Vec<Doc>>, IndexError> {
        match need {
            Need::Anything => Ok(None),
            Need::Texts(texts, starts) => self.with_texts(texts, *starts),
            Need::Run(sets) => self.with_run(sets).map(Some),
            Need::One(needs) => {
                let mut docs = Vec::new();
                for need in needs {
                    let Some(some) = self.candidates(need)? else { return Ok(None) };
                    docs.extend(some);
                }
                docs.sort_unstable();
                docs.dedup();
                Ok(Some(docs))
            }
        }
    }

    /// Documents whose names have a run of characters of these sets. Jumps from one such term to the next.
    fn with_run(&self, sets: &[Set]) -> Result<Vec<Doc>, IndexError> {
        let marker = [Marker::Sub as u8];
        let mut terms: Vec<Vec<u8>> = Vec::new();
        self.segment.each_term(Terms::Gram, &marker, |term, _| {
            let Ok(text) = std::str::from_utf8(&term[marker.len()..]) else { return Next::Term };
            let from = |start: &str, next: &[u8]| Next::From([&marker, start.as_bytes(), next].concat());
            let mut chars = text.char_indices();
            for set in sets {
                match chars.next() {
                    None => return Next::Term, // too short: what goes on like it comes next
                    Some((_, c)) if set.has(c) => {}
                    Some((at, c)) => {
                        return from(&text[..at], set.after(c).encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            }
            let end = chars.next().map_or(text.len(), |(at, _)| at);
            if end == text.len() {
                terms.push(term.to_vec());
            }
            // beyond all that go on like it
            if sets.len() < SHORT { from(&text[..end], &[u8::MAX]) } else { Next::Term }
        })?;
        let mut has = vec![false; self.segment.max_doc() as usize];
        for term in terms {
            self.segment.with_term(Terms::Gram, &term, |docs| {
                docs.iter().for_each(|doc| {
                    if let Some(has) = has.get_mut(*doc as usize) {
                        *has = true;
                    }
                });
            })?;
        }
        Ok((0..).zip(has).filter(|(_, has)| *has).map(|(doc, _)| doc).collect())
    }

    /// Documents whose names may have all these texts (the first at its start if `starts`): those with the
    /// rarest runs of three characters.
    fn with_texts(&self, texts: &[String], starts: bool) -> Result<Option<Vec<Doc>>, IndexError> {
        let mut terms: Vec<Vec<u8>> = texts.iter().flat_map(|text| grams(text)).collect();
        if let (true, Some(first)) = (starts, texts.first().filter(|text| !text.is_empty())) {
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

pub(super) fn intersect(a: &[Doc], b: &[Doc]) -> Vec<Doc> {
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
