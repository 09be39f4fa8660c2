//! Patterns over whole values: exact, part, start, end, glob, regular expression.

use std::ops::Range;

use memchr::memmem;
use regex::RegexBuilder;

use crate::index::terms::{boundary, fold, is_plain};
use crate::query::Pattern;

use super::matching::{Needle, Scratch, Tier, original};
use super::need::{self, Need};

/// A compiled expression may take this many bytes; so may its automaton.
const REGEX_SIZE: usize = 1 << 20;

/// A pattern, ready to be compared.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    test: Test,
    /// Whether letter case counts; otherwise the texts in `test` are folded.
    cased: bool,
    /// What every match ends with, as it is compared; empty where nothing is known.
    end: String,
}

#[derive(Debug, Clone)]
enum Test {
    Exact(String),
    Substring(Box<Needle>),
    Prefix(String),
    Suffix(String),
    Glob(Vec<char>),
    Regex(Box<regex::Regex>),
}

impl Shape {
    /// With smart case.
    pub(crate) fn smart(pattern: &Pattern) -> Result<Self, regex::Error> {
        Self::new(pattern, pattern.is_case_sensitive())
    }

    /// `cased`: whether letter case counts.
    pub(crate) fn new(pattern: &Pattern, cased: bool) -> Result<Self, regex::Error> {
        let text = |text: &String| if cased { text.clone() } else { fold(text) };
        let test = match pattern {
            Pattern::Exact(exact) => Test::Exact(text(exact)),
            Pattern::Substring(part) if cased => Test::Substring(Box::new(Needle::cased(part))),
            Pattern::Substring(part) => Test::Substring(Box::new(Needle::folded(part))),
            Pattern::Prefix(start) => Test::Prefix(text(start)),
            Pattern::Suffix(end) => Test::Suffix(text(end)),
            Pattern::Glob(glob) => Test::Glob(text(glob).chars().collect()),
            Pattern::Regex(source) => {
                let mut builder = RegexBuilder::new(source);
                builder.case_insensitive(!cased).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE);
                Test::Regex(Box::new(builder.build()?))
            }
        };
        let end = match &test {
            Test::Exact(text) | Test::Suffix(text) => text.clone(),
            Test::Glob(glob) => {
                let from = glob.iter().rposition(|c| matches!(c, '*' | '?')).map_or(0, |at| at + 1);
                glob[from..].iter().collect()
            }
            Test::Substring(_) | Test::Prefix(_) | Test::Regex(_) => String::new(),
        };
        Ok(Self { test, cased, end })
    }

    /// The value that this equals, where it is an exact one with regard to case.
    pub(crate) fn exact(&self) -> Option<&str> {
        match &self.test {
            Test::Exact(text) if self.cased => Some(text),
            _ => None,
        }
    }

    /// The start that every match has, as it is written.
    pub(crate) fn start(&self) -> &str {
        match &self.test {
            Test::Exact(text) | Test::Prefix(text) => text,
            Test::Glob(_) | Test::Substring(_) | Test::Suffix(_) | Test::Regex(_) => "",
        }
    }

    /// Whether only equal values match.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.test, Test::Exact(_))
    }

    /// The start that every match has, as it is written; of a glob, what stands before its first mark.
    pub(crate) fn glob_start(&self) -> String {
        match &self.test {
            Test::Glob(glob) => glob.iter().take_while(|c| !matches!(c, '*' | '?')).collect(),
            _ => self.start().to_owned(),
        }
    }

    /// The part of a word that this is: any part of the name, without regard to case.
    pub(crate) fn as_word(&self) -> Option<&Needle> {
        match &self.test {
            Test::Substring(needle) if !self.cased => Some(needle),
            _ => None,
        }
    }

    /// As the query language writes it.
    pub(crate) fn shown(&self) -> String {
        match &self.test {
            Test::Exact(text) => format!("={text}"),
            Test::Substring(needle) => format!("'{}", needle.shown()),
            Test::Prefix(text) => format!("^{text}"),
            Test::Suffix(text) => format!("{text}$"),
            Test::Glob(glob) => glob.iter().collect(),
            Test::Regex(regex) => format!("/{}/", regex.as_str()),
        }
    }

    /// In words: `is web`, `contains web`, ...
    pub(crate) fn meant(&self) -> String {
        let case = |text: &str| match self.cased && text.chars().any(char::is_uppercase) {
            true => format!("{text} (capitals count)"),
            false => text.to_owned(),
        };
        match &self.test {
            Test::Exact(text) => format!("is {}", case(text)),
            Test::Substring(needle) => format!("contains {}", case(&needle.shown())),
            Test::Prefix(text) => format!("starts with {}", case(text)),
            Test::Suffix(text) => format!("ends with {}", case(text)),
            Test::Glob(glob) => format!("is like {}", case(&glob.iter().collect::<String>())),
            Test::Regex(regex) => format!("matches /{}/", regex.as_str()),
        }
    }

    /// What candidates are found by.
    pub(crate) fn need(&self) -> Need {
        match &self.test {
            Test::Exact(text) | Test::Prefix(text) => Need::Texts(vec![fold(text)], true),
            Test::Suffix(text) => Need::Texts(vec![fold(text)], false),
            Test::Substring(needle) => Need::Texts(vec![needle.text.clone()], false),
            Test::Glob(glob) => {
                let text: String = glob.iter().collect();
                let pieces = text.split(['*', '?']).filter(|piece| !piece.is_empty()).map(fold);
                let pieces: Vec<String> = pieces.collect();
                let starts = !text.starts_with(['*', '?']);
                if pieces.is_empty() { Need::Anything } else { Need::Texts(pieces, starts) }
            }
            Test::Regex(regex) => need::of_regex(regex.as_str()),
        }
    }

    /// The number of characters that every match has at least, and at most.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        match &self.test {
            Test::Exact(text) => (text.chars().count(), text.chars().count()),
            Test::Prefix(text) | Test::Suffix(text) => (text.chars().count(), usize::MAX),
            Test::Substring(needle) => (needle.chars, usize::MAX),
            Test::Glob(glob) => {
                let chars = glob.iter().filter(|c| **c != '*').count();
                (chars, if glob.contains(&'*') { usize::MAX } else { chars })
            }
            Test::Regex(_) => (0, usize::MAX),
        }
    }

    /// Whether `*` and nothing else: every value matches.
    pub(crate) fn is_anything(&self) -> bool {
        matches!(&self.test, Test::Glob(glob) if !glob.is_empty() && glob.iter().all(|c| *c == '*'))
    }

    /// The part of `value` that matches, in bytes.
    pub(crate) fn find(&self, value: &str, scratch: &mut Scratch) -> Option<Range<usize>> {
        if let Test::Regex(regex) = &self.test {
            return regex.find(value).map(|found| found.range());
        }
        if self.cased {
            return self.find_in(value, value);
        }
        if is_plain(value.as_bytes()) {
            let end = value.len().checked_sub(self.end.len()).and_then(|at| value.get(at..));
            if !end.is_some_and(|end| end.eq_ignore_ascii_case(&self.end)) {
                return None; // most names, at the price of one look
            }
            let mut lower = std::mem::take(&mut scratch.lower);
            lower.clear();
            lower.extend(value.bytes().map(|byte| byte.to_ascii_lowercase()));
            let found = std::str::from_utf8(&lower).ok().and_then(|lower| self.find_in(lower, value));
            scratch.lower = lower;
            return found;
        }
        scratch.folded.set(value);
        let found = self.find_in(&scratch.folded.text, value)?;
        Some(original(value, &scratch.folded, found))
    }

    /// The best tier of this in a name, and where.
    pub(crate) fn in_name(&self, name: &str, scratch: &mut Scratch) -> Option<(Tier, Range<usize>)> {
        if let Test::Substring(needle) = &self.test {
            return needle.in_name(name, scratch);
        }
        let found = self.find(name, scratch)?;
        let tier = match &self.test {
            _ if found == (0..name.len()) && !matches!(self.test, Test::Glob(_)) => Tier::Whole,
            Test::Prefix(_) => Tier::Start,
            Test::Suffix(_) if is_boundary(name, found.start) => Tier::Segment,
            _ => Tier::Part,
        };
        Some((tier, found))
    }

    /// `text` is `value`, folded unless letter case counts.
    fn find_in(&self, text: &str, value: &str) -> Option<Range<usize>> {
        match &self.test {
            Test::Exact(wanted) => (text == wanted).then_some(0..text.len()),
            Test::Substring(needle) => {
                let wanted = needle.cased.as_deref().unwrap_or(&needle.text);
                memmem::find(text.as_bytes(), wanted.as_bytes()).map(|at| at..at + wanted.len())
            }
            Test::Prefix(wanted) => text.starts_with(wanted.as_str()).then_some(0..wanted.len()),
            Test::Suffix(wanted) => {
                text.ends_with(wanted.as_str()).then(|| text.len() - wanted.len()..text.len())
            }
            Test::Glob(glob) => {
                let fits = if text.is_ascii() {
                    matches_glob(glob, text.as_bytes(), |byte| char::from(*byte))
                } else {
                    matches_glob(glob, &text.chars().collect::<Vec<_>>(), |c| *c)
                };
                fits.then_some(0..text.len())
            }
            Test::Regex(regex) => regex.find(value).map(|found| found.range()),
        }
    }
}

fn is_boundary(name: &str, at: usize) -> bool {
    let mut after = name[at..].chars();
    match (name[..at].chars().next_back(), after.next()) {
        (Some(left), Some(right)) => boundary(left, right, after.next()),
        _ => true,
    }
}

/// `*` any run, `?` any one character; goes back to the last `*` only, so it is never exponential.
fn matches_glob<T>(glob: &[char], text: &[T], char: impl Fn(&T) -> char) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == char(&text[t]) => {
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

    fn find(pattern: Pattern, value: &str) -> Option<Range<usize>> {
        Shape::smart(&pattern).unwrap().find(value, &mut Scratch::default())
    }

    #[test]
    fn globs_match_the_whole_value() {
        let test = |glob: &str, value: &str| find(Pattern::Glob(glob.into()), value).is_some();
        assert!(test("web-*", "web-0") && test("*", "") && test("a*b*c", "aXbXbc") && test("?b", "ab"));
        assert!(!test("web", "web-0") && !test("?", "") && !test("a*b", "abc"));
        assert!(test("?ö*", "äÖx") && !test("?", "äö"));
        assert!(!test(&"*a".repeat(50), &"b".repeat(5000)));
    }

    #[test]
    fn capitals_count_when_there_are_any() {
        assert_eq!(find(Pattern::Prefix("web".into()), "WebApp"), Some(0..3));
        assert_eq!(find(Pattern::Prefix("Web".into()), "webapp"), None);
        assert_eq!(find(Pattern::Regex("b.p".into()), "WEBAPP"), Some(2..5));
        assert_eq!(find(Pattern::Regex(r"\SbA".into()), "WebApp"), Some(1..4));
        assert_eq!(find(Pattern::Regex("bA".into()), "webapp"), None);
    }

    #[test]
    fn a_pattern_in_a_name_has_a_tier() {
        let tier = |pattern: Pattern, name: &str| {
            Shape::smart(&pattern).unwrap().in_name(name, &mut Scratch::default()).map(|found| found.0)
        };
        assert_eq!(tier(Pattern::Substring("api".into()), "rapid-api"), Some(Tier::Segment));
        assert_eq!(tier(Pattern::Prefix("api".into()), "api"), Some(Tier::Whole));
        assert_eq!(tier(Pattern::Prefix("api".into()), "apiary"), Some(Tier::Start));
        assert_eq!(tier(Pattern::Suffix("api".into()), "shop-api"), Some(Tier::Segment));
        assert_eq!(tier(Pattern::Suffix("api".into()), "shopapi"), Some(Tier::Part));
        assert_eq!(tier(Pattern::Glob("a*".into()), "api"), Some(Tier::Part));
    }
}
