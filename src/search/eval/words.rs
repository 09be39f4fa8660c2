//! Words and phrases, in names and everywhere else; and what is only similar to them.
//!
//! Where similar names are asked for, scores are: 1 far, 2 near, and whatever matches literally 2 more than otherwise,
//! so that of several words the literal ones weigh more.

use crate::index::facts::Flag;
use crate::index::terms::{CASE, Folded, Marker, RUN_CAP, SHORT, capitals, capped, term};
use crate::index::{Doc, IndexError, Terms};

use super::super::matching::{Needle, Tier};
use super::super::need::Need;
use super::super::plan::Word;
use super::super::similar::{Likeness, Lookup, Similar};
use super::names::intersect;
use super::shared::Stands;
use super::{Evaluator, MATCH, set};

/// What literal matches score more where similar ones count.
pub(crate) const LITERAL: u8 = Likeness::Near as u8;

const ELSEWHERE: u8 = MATCH + Tier::Elsewhere as u8;

/// Whether a word has all its matches in terms of its own, one list for each tier.
pub(super) fn is_short(word: &Word) -> bool {
    word.needle.chars <= SHORT && word.needle.cased.is_none()
}

/// The tiers of short words in names, the best first.
const TIERS: [(Marker, Tier); 4] = [
    (Marker::Exact, Tier::Whole),
    (Marker::Prefix, Tier::Start),
    (Marker::Whole, Tier::Segment),
    (Marker::Sub, Tier::Part),
];

impl Evaluator<'_> {
    pub(super) fn word(&mut self, word: &Word) -> Result<Vec<u8>, IndexError> {
        let found = self.literal(word, &word.needle)?;
        let mut found = self.literally(found);
        if self.asked.similar {
            self.like(word, &mut found)?;
        }
        Ok(found)
    }

    /// A short word, tier by tier, until enough documents of `mask` match; then true.
    pub(super) fn word_until(
        &mut self,
        word: &Word,
        mask: Option<&[u8]>,
        enough: usize,
    ) -> Result<(Vec<u8>, bool), IndexError> {
        let mut found = self.nothing();
        let mut count = 0;
        let segment = self.segment;
        let mut add = |docs: &[Doc], value: u8| {
            for doc in docs {
                let at = *doc as usize;
                let fits = mask.is_none_or(|mask| mask.get(at).is_some_and(|byte| *byte != 0));
                if let Some(byte) = found.get_mut(at).filter(|byte| **byte == 0 && fits) {
                    *byte = value;
                    count += usize::from(segment.is_alive(*doc));
                }
            }
            count >= enough
        };
        for (marker, tier) in TIERS {
            let mut full = false;
            let term = term(marker, &word.needle.text);
            self.segment.with_term(Terms::Gram, &term, |docs| full = add(docs, MATCH + tier as u8))?;
            if full {
                return Ok((found, true));
            }
        }
        for kind in &word.kinds {
            let kind = kind.as_str().as_bytes();
            self.segment.with_term(Terms::Kind, kind, |docs| {
                add(docs, ELSEWHERE);
            })?;
        }
        self.short(Marker::Prefix, &word.needle, |docs| {
            add(docs, ELSEWHERE);
        })?;
        self.shared(&word.needle, Stands::Word, |docs| {
            add(docs, ELSEWHERE);
        })?;
        Ok((found, false))
    }

    pub(super) fn phrase(&mut self, needle: &Needle) -> Result<Vec<u8>, IndexError> {
        let mut found = self.nothing();
        if needle.chars <= SHORT {
            self.short(Marker::Whole, needle, |docs| set(&mut found, docs, ELSEWHERE))?;
        } else {
            let len = needle.text.len();
            let ends_open = needle.text.chars().next_back().is_some_and(char::is_alphanumeric);
            // a run is folded text from a token start on; what follows the phrase decides whether a token ended
            let ended = |run: &str| {
                let next = run.get(len..).and_then(|rest| rest.chars().next());
                !ends_open || next.is_none_or(|c| !c.is_alphanumeric())
            };
            self.runs(needle, ended, &mut found)?;
        }
        self.shared(needle, Stands::Phrase, |docs| set(&mut found, docs, ELSEWHERE))?;
        self.in_names(needle, &mut found)?;
        Ok(self.literally(found))
    }

    fn literal(&mut self, word: &Word, needle: &Needle) -> Result<Vec<u8>, IndexError> {
        let mut found = self.nothing();
        for kind in &word.kinds {
            self.set(Terms::Kind, kind.as_str().as_bytes(), ELSEWHERE, &mut found)?;
        }
        if let Some(uid) = &word.uid {
            self.uids(uid, &mut found)?;
            found.iter_mut().filter(|byte| **byte == MATCH).for_each(|byte| *byte = ELSEWHERE);
        }
        if needle.chars <= SHORT {
            self.short(Marker::Prefix, needle, |docs| set(&mut found, docs, ELSEWHERE))?;
        } else {
            self.runs(needle, |_| true, &mut found)?;
        }
        self.shared(needle, Stands::Word, |docs| set(&mut found, docs, ELSEWHERE))?;
        self.in_names(needle, &mut found)?;
        Ok(found)
    }

    /// Calls `each` with the documents that have a short term in field `part`.
    fn short(&self, marker: Marker, needle: &Needle, mut each: impl FnMut(&[Doc])) -> Result<(), IndexError> {
        let mut bytes = term(marker, &needle.text);
        let wanted = needle.capitals(needle.chars);
        if wanted.as_ref().is_none_or(Vec::is_empty) {
            self.segment.with_term(Terms::Part, &bytes, &mut each)?;
        }
        bytes.push(CASE as u8);
        self.segment.with_prefix(Terms::Part, &bytes, |term| has_capitals(term, needle.chars, &wanted), each)
    }

    /// Sets the documents with a token start of field `part` that goes on like the needle. Longer needles than terms are: their start
    /// must be there, and so must their end from one of their own token starts on.
    fn runs(
        &self,
        needle: &Needle,
        accept: impl Fn(&str) -> bool,
        found: &mut [u8],
    ) -> Result<(), IndexError> {
        let text = capped(&needle.text);
        let chars = text.chars().count();
        let wanted = needle.capitals(chars);
        let accepted = |term: &[u8]| {
            let run = || term.get(1..).and_then(|run| std::str::from_utf8(run).ok()).unwrap_or_default();
            (needle.text.len() >= RUN_CAP || accept(run())) && has_capitals(term, chars, &wanted)
        };
        let start = term(Marker::Run, text);
        let Some(end) = tail(&needle.text) else {
            return self
                .segment
                .with_prefix(Terms::Part, &start, accepted, |docs| set(found, docs, ELSEWHERE));
        };
        let (mut begins, mut ends) = (self.nothing(), self.nothing());
        self.segment.with_prefix(Terms::Part, &start, accepted, |docs| set(&mut begins, docs, MATCH))?;
        let end = term(Marker::Run, end);
        self.segment.with_prefix(Terms::Part, &end, |_| true, |docs| set(&mut ends, docs, MATCH))?;
        let both = begins.iter().zip(&ends).map(|(a, b)| a & b);
        found.iter_mut().zip(both).filter(|(_, both)| *both != 0).for_each(|(byte, _)| *byte = ELSEWHERE);
        Ok(())
    }

    /// Sets the documents that have the needle in their name, by tier.
    pub(super) fn in_names(&mut self, needle: &Needle, found: &mut [u8]) -> Result<(), IndexError> {
        if needle.chars <= SHORT && needle.cased.is_none() {
            return TIERS.iter().rev().try_for_each(|(marker, tier)| {
                self.set(Terms::Gram, &term(*marker, &needle.text), MATCH + *tier as u8, found)
            });
        }
        let need = Need::Texts(vec![needle.text.clone()], false);
        let mut candidates = self.candidates(&need)?;
        if needle.capitals(needle.chars).is_some_and(|places| !places.is_empty()) {
            // few names have capitals
            let mut capitals = Vec::new();
            let flag = Flag::Capital.as_str().as_bytes();
            self.segment.with_term(Terms::Flag, flag, |docs| capitals.extend_from_slice(docs))?;
            candidates = Some(match candidates {
                Some(docs) => intersect(&docs, &capitals),
                None => capitals,
            });
        }
        self.check(candidates, found, |name, scratch, byte| {
            if let Some((tier, _)) = needle.in_name(name, scratch) {
                *byte = MATCH + tier as u8;
            }
        });
        Ok(())
    }

    /// Sets the documents that match a word only with other capitals or with slips, unless they are set.
    fn like(&mut self, word: &Word, found: &mut [u8]) -> Result<(), IndexError> {
        if let Some(folded) = &word.folded {
            let others = self.literal(word, folded)?;
            let near = MATCH + Likeness::Near as u8;
            let new = found.iter_mut().zip(others).filter(|(byte, other)| **byte == 0 && *other != 0);
            new.for_each(|(byte, _)| *byte = near);
        }
        let Some(similar) = &word.similar else { return Ok(()) };
        let candidates = self.looked_up(similar)?;
        self.check(Some(candidates), found, |name, scratch, byte| {
            if *byte == 0
                && let Some((likeness, _)) = similar.in_name(name, scratch)
            {
                *byte = MATCH + likeness as u8;
            }
        });
        Ok(())
    }

    fn looked_up(&self, similar: &Similar) -> Result<Vec<Doc>, IndexError> {
        let mut docs = Vec::new();
        for lookup in &similar.lookups {
            match lookup {
                Lookup::Segment { text, distance, begins } => {
                    self.segment
                        .with_similar(text, *distance, *begins, |some| docs.extend_from_slice(some))?;
                }
                Lookup::Part(text) => {
                    let need = Need::Texts(vec![text.clone()], false);
                    docs.extend(self.candidates(&need)?.unwrap_or_default());
                }
            }
        }
        docs.sort_unstable();
        docs.dedup();
        Ok(docs)
    }
}

/// Whether the first characters of a term have their capitals at these places, if that counts.
fn has_capitals(term: &[u8], chars: usize, wanted: &Option<Vec<usize>>) -> bool {
    let Some(wanted) = wanted else { return true };
    let Ok(term) = std::str::from_utf8(term) else { return false };
    let (_, places) = capitals(term.get(1..).unwrap_or_default());
    places.take_while(|at| *at < chars).eq(wanted.iter().copied())
}

/// Of a text longer than a term: from its first token start that leaves no more than a term's length.
fn tail(text: &str) -> Option<&str> {
    if text.len() <= RUN_CAP {
        return None;
    }
    let mut folded = Folded::default();
    folded.set(text);
    let starts = (0..folded.len()).filter(|i| folded.token_start(*i)).map(|i| folded.offsets[i]);
    starts.map(|at| &text[at..]).find(|rest| rest.len() <= RUN_CAP)
}
