//! When a text matches, and where: the definitions that candidates from the index are checked against and that
//! spans are found by. Everything here compares folded text; spans are bytes of the original.

use std::ops::Range;

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use crate::index::terms::{Folded, RUN_CAP, boundary, capped, fold};
use crate::query::Pattern;

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
    finder: Finder<'static>,
}

impl Needle {
    pub(crate) fn new(text: &str) -> Self {
        let text = fold(text);
        Self { chars: text.chars().count(), finder: Finder::new(text.as_bytes()).into_owned(), text }
    }

    /// The best tier of the needle in a name, and where.
    pub(crate) fn in_name(&self, name: &str, scratch: &mut Scratch) -> Option<(Tier, Range<usize>)> {
        match scratch.plain(name) {
            Some(lower) => self.best(lower, |at| ascii_boundary(name.as_bytes(), at), |from| from + 1),
            None => self.in_unicode(name, scratch),
        }
    }

    fn in_unicode(&self, name: &str, scratch: &mut Scratch) -> Option<(Tier, Range<usize>)> {
        let folded = &mut scratch.folded;
        folded.set(name);
        let index = |offset: usize| folded.offsets.binary_search(&offset).ok();
        let bounded = |at: usize| index(at).is_some_and(|i| folded.boundaries[i]);
        let next = |from: usize| index(from).map_or(from + 1, |i| folded.offsets[i + 1]);
        let (tier, found) = self.best(folded.text.as_bytes(), bounded, next)?;
        Some((tier, original(name, folded, found)))
    }

    /// The best occurrence in `hay`; `next` is the start of the character after one.
    fn best(
        &self,
        hay: &[u8],
        bounded: impl Fn(usize) -> bool,
        next: impl Fn(usize) -> usize,
    ) -> Option<(Tier, Range<usize>)> {
        let len = self.text.len();
        let first = self.finder.find(hay)?;
        if first == 0 {
            return Some((if len == hay.len() { Tier::Whole } else { Tier::Start }, 0..len));
        }
        let mut at = first;
        loop {
            if bounded(at) && bounded(at + len) {
                return Some((Tier::Segment, at..at + len));
            }
            let from = next(at);
            match hay.get(from..).and_then(|rest| self.finder.find(rest)) {
                Some(further) => at = from + further,
                None => return Some((Tier::Part, first..first + len)),
            }
        }
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
    lower: Vec<u8>,
    folded: Folded,
}

impl Scratch {
    /// The folded form of a text that is plain ASCII, as nearly all are: one byte for one.
    fn plain(&mut self, text: &str) -> Option<&[u8]> {
        if !text.is_ascii() || memchr::memchr2(0, 1, text.as_bytes()).is_some() {
            return None;
        }
        self.lower.clear();
        self.lower.extend_from_slice(text.as_bytes());
        self.lower.make_ascii_lowercase();
        Some(&self.lower)
    }
}

/// The bytes of `text` that a range of its folded form stands for.
fn original(text: &str, folded: &Folded, range: Range<usize>) -> Range<usize> {
    let byte = |offset: usize| {
        let index = folded.offsets.partition_point(|start| *start < offset);
        text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
    };
    byte(range.start)..byte(range.end)
}

fn ascii_boundary(name: &[u8], at: usize) -> bool {
    match (at.checked_sub(1).and_then(|left| name.get(left)), name.get(at)) {
        (Some(left), Some(right)) => {
            boundary(char::from(*left), char::from(*right), name.get(at + 1).map(|b| char::from(*b)))
        }
        _ => true,
    }
}

/// A pattern over a whole value, folded.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pattern: Pattern,
    /// For globs: the pattern's characters.
    glob: Vec<char>,
    regex: Option<Regex>,
}

impl Shape {
    pub(crate) fn new(pattern: &Pattern) -> Self {
        let folded = match pattern {
            Pattern::Exact(text) => Pattern::Exact(fold(text)),
            Pattern::Substring(text) => Pattern::Substring(fold(text)),
            Pattern::Prefix(text) => Pattern::Prefix(fold(text)),
            Pattern::Suffix(text) => Pattern::Suffix(fold(text)),
            Pattern::Glob(text) => Pattern::Glob(fold(text)),
            Pattern::Regex(source) => Pattern::Regex(source.clone()),
        };
        let glob = match &folded {
            Pattern::Glob(text) => text.chars().collect(),
            Pattern::Exact(_)
            | Pattern::Substring(_)
            | Pattern::Prefix(_)
            | Pattern::Suffix(_)
            | Pattern::Regex(_) => Vec::new(),
        };
        let regex = match pattern {
            Pattern::Regex(source) => {
                RegexBuilder::new(source).case_insensitive(!pattern.is_case_sensitive()).build().ok()
            }
            _ => None,
        };
        Self { pattern: folded, glob, regex }
    }

    /// The texts that every match contains, and whether the first of them starts the value.
    pub(crate) fn literals(&self) -> (Vec<&str>, bool) {
        match &self.pattern {
            Pattern::Exact(text) | Pattern::Prefix(text) => (vec![text], true),
            Pattern::Substring(text) | Pattern::Suffix(text) => (vec![text], false),
            Pattern::Glob(text) => {
                let pieces = text.split(['*', '?']).filter(|piece| !piece.is_empty()).collect();
                (pieces, !text.starts_with(['*', '?']))
            }
            Pattern::Regex(_) => (Vec::new(), false),
        }
    }

    /// Whether `value` matches: as [`Self::find`], but without the place, for every candidate of a search.
    pub(crate) fn is_match(&self, value: &str, scratch: &mut Scratch) -> bool {
        if let Some(regex) = &self.regex {
            return regex.is_match(value);
        }
        let Some(text) = scratch.plain(value) else { return self.find(value, scratch).is_some() };
        match &self.pattern {
            Pattern::Exact(wanted) => text == wanted.as_bytes(),
            Pattern::Substring(wanted) => memchr::memmem::find(text, wanted.as_bytes()).is_some(),
            Pattern::Prefix(wanted) => text.starts_with(wanted.as_bytes()),
            Pattern::Suffix(wanted) => text.ends_with(wanted.as_bytes()),
            Pattern::Glob(_) => matches_glob(&self.glob, text),
            Pattern::Regex(_) => false,
        }
    }

    /// The part of `value` that matches, in bytes.
    pub(crate) fn find(&self, value: &str, scratch: &mut Scratch) -> Option<Range<usize>> {
        if let Some(regex) = &self.regex {
            return regex.find(value).map(|found| found.range());
        }
        let folded = &mut scratch.folded;
        folded.set(value);
        let text = &*folded.text;
        let range = match &self.pattern {
            Pattern::Exact(wanted) => (text == wanted).then_some(0..text.len()),
            Pattern::Substring(wanted) => text.find(wanted.as_str()).map(|at| at..at + wanted.len()),
            Pattern::Prefix(wanted) => text.starts_with(wanted.as_str()).then_some(0..wanted.len()),
            Pattern::Suffix(wanted) => {
                text.ends_with(wanted.as_str()).then(|| text.len() - wanted.len()..text.len())
            }
            Pattern::Glob(_) => {
                let characters: Vec<char> = text.chars().collect();
                matches_glob(&self.glob, &characters).then_some(0..text.len())
            }
            // one that does not compile matches nothing; the parser lets none through
            Pattern::Regex(_) => None,
        }?;
        Some(original(value, folded, range))
    }
}

/// `*` any run, `?` any one character; goes back to the last `*` only, so it is never exponential.
fn matches_glob<C: Copy + Into<char>>(glob: &[char], text: &[C]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == text[t].into() => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
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
        assert_eq!(tier("checkout", "CHECKOUT"), Some((Tier::Whole, "checkout".into())));
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

    proptest::proptest! {
        #[test]
        fn a_pattern_matches_exactly_where_it_has_a_place(value in "[aB*?ẞä\0-]{0,6}", wanted in "[abß*?-]{0,3}") {
            for make in [Pattern::Exact, Pattern::Substring, Pattern::Prefix, Pattern::Suffix, Pattern::Glob] {
                let (shape, scratch) = (Shape::new(&make(wanted.clone())), &mut Scratch::default());
                assert_eq!(shape.is_match(&value, scratch), shape.find(&value, scratch).is_some(), "{shape:?}");
            }
        }
    }

    #[test]
    fn globs_match_the_whole_value() {
        let test = |glob: &str, value: &str| {
            Shape::new(&Pattern::Glob(glob.into())).is_match(value, &mut Scratch::default())
        };
        assert!(test("web-*", "web-0") && test("*", "") && test("a*b*c", "aXbXbc") && test("?b", "ab"));
        assert!(!test("web", "web-0") && !test("?", "") && !test("a*b", "abc"));
        assert!(!test(&"*a".repeat(50), &"b".repeat(5000)));
    }
}
