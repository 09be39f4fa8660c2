//! Slips of the keyboard: names with a run of segments that differs from a word by one or two letters.
//!
//! Words of 4 and 5 letters may differ by one letter, longer ones by two (up to 7 letters only if the first letter is
//! right); a swap of neighbours counts as one. From 5 letters on, the segments may go on, so that a slip does not empty
//! the list while the word is being typed.

use std::ops::Range;

use crate::index::terms::{Folded, TOKEN, is_spelled};

use super::distance::Letters;
use super::matching::{Needle, Scratch, original};

/// Words of this many letters may differ by two.
const LONG: usize = 6;
/// Words of this many letters may do so in their first letter.
const LONGER: usize = 8;
/// Words of this many letters may be the start of a segment.
const BEGINS: usize = 5;

/// How much a name differs from a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Likeness {
    /// By two letters, or the segments go on.
    Far = 1,
    /// By one letter.
    Near = 2,
}

/// A word that is looked for with slips.
#[derive(Debug, Clone)]
pub(crate) struct Similar {
    word: Vec<char>,
    letters: Letters,
    distance: u8,
    begins: bool,
    /// Where names that may match are found: every match is in one of these.
    pub(crate) lookups: Vec<Lookup>,
}

/// A set of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Those with a segment like this.
    Segment { text: String, distance: u8, begins: bool },
    /// Those whose name holds this.
    Part(String),
}

impl Similar {
    /// `None` for what nobody types letter by letter.
    pub(crate) fn new(needle: &Needle) -> Option<Self> {
        if !TOKEN.contains(&needle.chars) {
            return None;
        }
        let distance = if needle.chars >= LONG { 2 } else { 1 };
        let begins = needle.chars >= BEGINS;
        let mut folded = Folded::default();
        folded.set(&needle.text);
        let mut segments = Vec::new();
        folded.segments(|from, to| segments.push(folded.slice(from, to).to_owned()));
        let longest = segments.iter().max_by_key(|segment| segment.len()).filter(|s| is_spelled(s))?;
        let is_last = segments.last() == Some(longest);
        let text = longest.clone();
        let mut lookups = vec![Lookup::Segment { text, distance, begins: begins && is_last }];
        match u8::try_from(segments.len() - 1) {
            Ok(0) => {
                lookups.extend((2..needle.chars.saturating_sub(1)).map(|at| {
                    Lookup::Part([folded.slice(0, at), "-", folded.slice(at, folded.len())].concat())
                }))
            }
            Ok(separators) if separators <= distance => {
                let text = segments.concat();
                lookups.push(Lookup::Segment { text, distance: distance - separators, begins: false });
            }
            Ok(_) | Err(_) => {}
        }
        let word: Vec<char> = needle.text.chars().collect();
        Some(Self { letters: Letters::new(&word), word, distance, begins, lookups })
    }

    /// How much a name is like the word, and where.
    pub(crate) fn in_name(&self, name: &str, scratch: &mut Scratch) -> Option<(Likeness, Range<usize>)> {
        let folded = &mut scratch.folded;
        folded.set(name);
        let starts = (0..folded.len()).filter(|at| folded.token_start(*at));
        let found = starts.filter_map(|from| {
            let (likeness, end) = self.at(folded, from)?;
            Some((likeness, from..end))
        });
        let (likeness, chars) =
            found.max_by_key(|(likeness, chars)| (*likeness, usize::MAX - chars.start))?;
        let bytes = folded.offsets[chars.start]..folded.offsets[chars.end];
        Some((likeness, original(name, folded, bytes)))
    }

    /// The best end of the word from character `from` on.
    fn at(&self, folded: &Folded, from: usize) -> Option<(Likeness, usize)> {
        let least = self.word.len() - usize::from(self.distance);
        let reach = self.word.len() + usize::from(self.distance);
        let mut text = folded.text[folded.offsets[from]..].chars().take(reach).peekable();
        let begins_alike = text.peek() == self.word.first();
        let may_be_far = begins_alike || self.word.len() >= LONGER;
        let mut column = self.letters.column();
        let ends = text.zip(1..).filter_map(|(letter, length)| {
            let distance = column.next(letter);
            if length < least || distance > usize::from(self.distance) {
                return None;
            }
            let end = from + length;
            match (folded.boundaries[end], distance) {
                (true, 0 | 1) => Some((Likeness::Near, distance, end)),
                (true, _) if may_be_far => Some((Likeness::Far, distance, end)),
                (true, _) => None,
                (false, _) if self.begins && begins_alike => Some((Likeness::Far, distance + 1, end)),
                (false, _) => None,
            }
        });
        ends.min_by_key(|(likeness, distance, end)| (std::cmp::Reverse(*likeness), *distance, *end))
            .map(|(likeness, _, end)| (likeness, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(word: &str, name: &str) -> Option<(Likeness, String)> {
        let similar = Similar::new(&Needle::new(word))?;
        let (likeness, span) = similar.in_name(name, &mut Scratch::default())?;
        Some((likeness, name[span].to_owned()))
    }

    #[test]
    fn one_letter_is_near_and_two_are_far() {
        let near = |text: &str| Some((Likeness::Near, text.to_owned()));
        let far = |text: &str| Some((Likeness::Far, text.to_owned()));
        assert_eq!(like("chekout", "pre-checkout-api"), near("checkout"), "left out");
        assert_eq!(like("chceckout", "checkout"), near("checkout"), "added");
        assert_eq!(like("cehckout", "checkout"), near("checkout"), "swapped");
        assert_eq!(like("checkout", "check-out"), near("check-out"), "split");
        assert_eq!(like("check-out", "pre-checkout"), near("checkout"), "joined");
        assert_eq!(like("chkout", "checkout"), far("checkout"));
        assert_eq!(like("kheckou", "checkout"), None, "two letters, and one is the first");
        assert_eq!(like("chkot", "checkout"), None, "three letters");
        assert_eq!(like("chekcuot", "checkout"), far("checkout"));
        assert_eq!(like("payment-apu", "payment-api-0"), near("payment-api"));
        assert_eq!(like("paymemt-gatway", "x-payment-gateway-0"), far("payment-gateway"), "in two segments");
        assert_eq!(like("zürich-äpi", "neu-Zürih-Äpi"), near("Zürih-Äpi"), "beyond ASCII");
    }

    #[test]
    fn a_longer_word_may_go_on_and_a_short_one_may_not() {
        assert_eq!(like("cheko", "checkout").map(|found| found.0), Some(Likeness::Far));
        assert_eq!(like("hecko", "checkouts"), None, "only from the same letter on");
        assert_eq!(like("apii", "apiary"), None);
        assert_eq!(like("api", "apo"), None, "too short");
        assert_eq!(like("7d9f8b", "7d9f8c"), None, "generated");
    }

    #[test]
    fn every_likeness_is_in_a_lookup() {
        let similar = Similar::new(&Needle::new("check-out")).unwrap();
        assert_eq!(
            similar.lookups,
            [
                Lookup::Segment { text: "check".into(), distance: 2, begins: false },
                Lookup::Segment { text: "checkout".into(), distance: 1, begins: false },
            ]
        );
        let similar = Similar::new(&Needle::new("webapp")).unwrap();
        assert_eq!(similar.lookups.len(), 4);
        assert_eq!(similar.lookups[1], Lookup::Part("we-bapp".into()));
    }
}
