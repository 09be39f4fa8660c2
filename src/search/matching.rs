//! When a text matches, and where: the definitions that candidates from the index are checked against and that
//! spans are found by. Everything here compares folded text; spans are bytes of the original.

use std::ops::Range;

use memchr::memmem::Finder;

use crate::index::terms::{Folded, RUN_CAP, capped, fold, fold_char, is_plain, plain_boundary};
use crate::query::is_case_sensitive;

/// How well a word matches, and so its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Tier {
    /// Not in the name.
    Elsewhere = 1,
    /// Any part of the name.
    Part = 2,
    /// Whole segments of the name.
    Segment = 3,
    /// The name's start.
    Start = 4,
    /// The whole name.
    Whole = 5,
}

/// A word or phrase, ready to be looked for in names.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    /// The folded text.
    pub(crate) text: String,
    /// Its characters.
    pub(crate) chars: usize,
    /// What was written, where its capitals count.
    pub(crate) cased: Option<String>,
    finder: Finder<'static>,
}

impl Needle {
    /// Smart case: capitals count when there are any.
    pub(crate) fn new(text: &str) -> Self {
        if is_case_sensitive(text) { Self::cased(text) } else { Self::folded(text) }
    }

    /// Capitals count.
    pub(crate) fn cased(text: &str) -> Self {
        Self { cased: Some(text.to_owned()), ..Self::folded(text) }
    }

    /// Without regard to case.
    pub(crate) fn folded(text: &str) -> Self {
        let text = fold(text);
        Self {
            chars: text.chars().count(),
            finder: Finder::new(text.as_bytes()).into_owned(),
            cased: None,
            text,
        }
    }

    /// As it is compared.
    pub(crate) fn shown(&self) -> String {
        self.cased.as_ref().unwrap_or(&self.text).clone()
    }

    /// The places of the characters that must be capitals, among the first `chars`; no others may be. `None` where
    /// case does not count.
    pub(crate) fn capitals(&self, chars: usize) -> Option<Vec<usize>> {
        let cased = self.cased.as_ref()?;
        let places = cased.chars().take(chars).enumerate().filter(|(_, c)| fold_char(*c) != *c);
        Some(places.map(|(at, _)| at).collect())
    }

    /// Whether the first `chars` characters are written in `text` from character `from` on as they are here.
    fn is_written(&self, text: &str, from: usize, chars: usize) -> bool {
        let Some(cased) = &self.cased else { return true };
        text.chars().skip(from).take(chars).eq(cased.chars().take(chars))
    }

    /// The best tier of the needle in a name, and where.
    pub(crate) fn in_name(&self, name: &str, scratch: &mut Scratch) -> Option<(Tier, Range<usize>)> {
        if is_plain(name.as_bytes()) {
            self.in_plain(name.as_bytes(), scratch)
        } else {
            self.in_unicode(name, scratch)
        }
    }

    fn in_plain(&self, name: &[u8], scratch: &mut Scratch) -> Option<(Tier, Range<usize>)> {
        let lower = &mut scratch.lower;
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        let bounded = |at: usize| plain_boundary(name, at);
        let written = |at: usize| match &self.cased {
            Some(cased) => name[at..].starts_with(cased.as_bytes()),
            None => true,
        };
        self.best(lower, written, bounded, |from| from + 1)
    }

    fn in_unicode(&self, name: &str, scratch: &mut Scratch) -> Option<(Tier, Range<usize>)> {
        let folded = &mut scratch.folded;
        folded.set(name);
        let index = |offset: usize| folded.offsets.binary_search(&offset).ok();
        let bounded = |at: usize| index(at).is_some_and(|i| folded.boundaries[i]);
        let next = |from: usize| index(from).map_or(from + 1, |i| folded.offsets[i + 1]);
        let written = |at: usize| index(at).is_some_and(|i| self.is_written(name, i, self.chars));
        let (tier, found) = self.best(folded.text.as_bytes(), written, bounded, next)?;
        Some((tier, original(name, folded, found)))
    }

    /// The best occurrence in `hay`; `next` is the start of the character after one.
    fn best(
        &self,
        hay: &[u8],
        written: impl Fn(usize) -> bool,
        bounded: impl Fn(usize) -> bool,
        next: impl Fn(usize) -> usize,
    ) -> Option<(Tier, Range<usize>)> {
        let len = self.text.len();
        let mut part = None;
        let mut from = 0;
        while let Some(further) = hay.get(from..).and_then(|rest| self.finder.find(rest)) {
            let at = from + further;
            from = next(at);
            if !written(at) {
                continue;
            }
            if at == 0 {
                return Some((if len == hay.len() { Tier::Whole } else { Tier::Start }, 0..len));
            }
            if bounded(at) && bounded(at + len) {
                return Some((Tier::Segment, at..at + len));
            }
            part = part.or(Some(at..at + len));
        }
        part.map(|found| (Tier::Part, found))
    }

    /// Where a value has this as a word: from the start of a token on.
    pub(crate) fn in_value(&self, value: &str, scratch: &mut Scratch) -> Option<Range<usize>> {
        self.at_token(value, scratch, |_, _| true)
    }

    /// Where a value has this as a phrase: from the start of a token to where one ends.
    pub(crate) fn as_phrase(&self, value: &str, scratch: &mut Scratch) -> Option<Range<usize>> {
        self.at_token(value, scratch, |folded, end| folded.phrase_end(end))
    }

    fn at_token(
        &self,
        value: &str,
        scratch: &mut Scratch,
        accept: impl Fn(&Folded, usize) -> bool,
    ) -> Option<Range<usize>> {
        let folded = &mut scratch.folded;
        let hay = if value.is_ascii() { ascii_contains(value, self, &mut scratch.lower) } else { true };
        if !hay {
            return None;
        }
        folded.set(value);
        let needle = capped(&self.text);
        let chars = needle.chars().count();
        let fits = |from: &usize| {
            let to = from + chars;
            to <= folded.len()
                && folded.token_start(*from)
                && folded.slice(*from, to) == needle
                && self.is_written(value, *from, chars)
                && (self.text.len() >= RUN_CAP || accept(folded, to))
        };
        let from = (0..folded.len()).find(fits)?;
        // a longer needle may have been cut at the cap: show as much of it as there is
        let whole = folded.text[folded.offsets[from]..].starts_with(&self.text);
        let len = if whole { self.text.len() } else { needle.len() };
        let start = folded.offsets[from];
        Some(original(value, folded, start..start + len))
    }
}

/// Cheap first look: most values do not have the needle at all.
fn ascii_contains(value: &str, needle: &Needle, lower: &mut Vec<u8>) -> bool {
    lower.clear();
    lower.extend(value.bytes().map(|b| b.to_ascii_lowercase()));
    memchr::memmem::find(lower, capped(&needle.text).as_bytes()).is_some()
        || value.bytes().any(|byte| byte <= 1)
}

/// Buffers that are used again for every text.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) lower: Vec<u8>,
    pub(crate) folded: Folded,
}

/// The bytes of `text` that a range of its folded form stands for.
pub(crate) fn original(text: &str, folded: &Folded, range: Range<usize>) -> Range<usize> {
    let byte = |offset: usize| {
        let index = folded.offsets.partition_point(|start| *start < offset);
        text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
    };
    byte(range.start)..byte(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(name: &str, word: &str) -> Option<(Tier, String)> {
        let found = Needle::new(word).in_name(name, &mut Scratch::default())?;
        Some((found.0, name[found.1].to_owned()))
    }

    #[test]
    fn a_name_matches_in_the_best_tier() {
        assert_eq!(tier("Checkout", "checkout"), Some((Tier::Whole, "Checkout".into())));
        assert_eq!(tier("Checkout-api", "check"), Some((Tier::Start, "Check".into())));
        assert_eq!(tier("xapi-api", "api"), Some((Tier::Segment, "api".into())));
        assert_eq!(tier("fooBarBaz", "bar"), Some((Tier::Segment, "Bar".into())));
        assert_eq!(tier("system:node-x", "node"), Some((Tier::Segment, "node".into())));
        assert_eq!(tier("foobar", "oba"), Some((Tier::Part, "oba".into())));
        assert_eq!(tier("xa-a-a", "a-a"), Some((Tier::Segment, "a-a".into())), "overlapping");
        assert_eq!(tier("foobar", "baz"), None);
    }

    #[test]
    fn spans_are_bytes_of_the_original() {
        assert_eq!(tier("ẞß-ÄPI", "äpi"), Some((Tier::Segment, "ÄPI".into())));
        assert_eq!(tier("İx-ab", "ab"), Some((Tier::Segment, "ab".into())));
    }

    #[test]
    fn a_word_begins_where_a_token_begins() {
        let find = |value: &str, word: &str| {
            let found = Needle::new(word).in_value(value, &mut Scratch::default());
            found.map(|range| value[range].to_owned())
        };
        assert_eq!(find("prod-Shop-Api", "shop-a").as_deref(), Some("Shop-A"));
        assert_eq!(find("app.kubernetes.io/name", "kubernetes.io/n").as_deref(), Some("kubernetes.io/n"));
        assert_eq!(find("fooBar", "bar").as_deref(), Some("Bar"));
        assert_eq!(find("foobar", "bar"), None);
        assert_eq!(find("_x", "_x").as_deref(), Some("_x"));
        assert_eq!(find("a_x", "_x"), None);
    }

    #[test]
    fn a_phrase_ends_where_a_token_ends() {
        let find = |value: &str, word: &str| Needle::new(word).as_phrase(value, &mut Scratch::default());
        assert_eq!(find("the shop api", "shop api"), Some(4..12));
        assert_eq!(find("the shop apis", "shop api"), None);
        assert_eq!(find("shop-apis", "shop-"), Some(0..5));
    }

    #[test]
    fn capitals_count_when_there_are_any() {
        assert_eq!(tier("fooBar-bar", "bar"), Some((Tier::Segment, "Bar".into())));
        assert_eq!(tier("foobar-Bar", "Bar"), Some((Tier::Segment, "Bar".into())));
        assert_eq!(tier("foobar", "Bar"), None);
        assert_eq!(tier("äB-Äb", "Äb"), Some((Tier::Segment, "Äb".into())));
        let find = |value: &str, word: &str| Needle::new(word).in_value(value, &mut Scratch::default());
        assert_eq!(find("helm Helm", "Helm"), Some(5..9));
        assert_eq!(find("helm", "Helm"), None);
    }
}
