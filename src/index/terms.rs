//! Text to index terms, and the definitions that searching shares with indexing: case folding, boundaries,
//! and which values of a document are searched.
//!
//! Field `gram` (the name), one marker byte before each term:
//! `s` every run of 1, 2 and 3 characters; `p` the first 1 to 3 characters; `w` runs of 1 to 3 characters with a
//! boundary at both ends; `e` the whole name where it has at most 3 characters. A word of up to 3 characters is
//! one term of each; a longer one is found by its rarest 3-character runs and compared with the names themselves.
//! `t` every segment that a slip of the keyboard is looked for in; see [`is_spelled`].
//!
//! Field `part` (values of labels and annotations, owners, finalizers): `r` from every token start to the end of the value,
//! [`RUN_CAP`] bytes at most, so that "starts with" is one range of the dictionary; `p` the first 1 to 3 characters
//! of those, so that short words read one list instead of thousands; `w` runs of 1 to 3 characters that end
//! where a token ends, for short phrases. Terms are folded; where the original has capitals, [`CASE`] and their
//! places follow ([`capitals`]), so that a word with capitals is compared without reading documents.
//!
//! What many documents share (namespace, kind, keys of labels and annotations) has no terms here, which would be every
//! second one of a document: it has a dictionary of its own, short enough to compare every entry with the word.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use xxhash_rust::xxh3::xxh3_64;

use crate::document::Document;
use crate::object::KindKey;

/// Longest term outside of names, in bytes.
pub const RUN_CAP: usize = 64;

/// Words of up to this many characters have terms of their own.
pub const SHORT: usize = 3;

/// Marker of terms; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Marker {
    /// Anywhere.
    Sub = b's',
    /// At the start.
    Prefix = b'p',
    /// Between boundaries.
    Whole = b'w',
    /// The whole value.
    Exact = b'e',
    /// From a token start to the value's end, capped.
    Run = b'r',
    /// A whole segment of a name.
    Token = b't',
}

/// Ends the folded text of a term of `part` whose original has capitals. No folded text holds it.
pub const CASE: char = '\u{1}';

/// Shortest and longest segment of a name that is kept as [`Marker::Token`], in characters.
pub const TOKEN: std::ops::RangeInclusive<usize> = 4..=32;

/// The pseudo namespace of cluster-scoped objects; it is no word to search for.
pub const CLUSTER: &str = "_cluster";

/// Lower case, one character for one character (so that positions agree). NUL separates terms and [`CASE`] ends their
/// text: both are replaced.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return if c <= CASE { '\u{fffd}' } else { c.to_ascii_lowercase() };
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// [`fold_char`] over a text.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// Whether a boundary lies between two neighbouring characters: beside anything that is no letter or digit, and
/// where camelCase turns (`web|App`, `HTTP|Server`). `next` is the character after `right`.
pub fn boundary(left: char, right: char, next: Option<char>) -> bool {
    if !left.is_alphanumeric() || !right.is_alphanumeric() {
        return true;
    }
    right.is_uppercase() && (!left.is_uppercase() || next.is_some_and(char::is_lowercase))
}

/// Whether folding makes nothing but lower case of a text, byte by byte.
pub fn is_plain(text: &[u8]) -> bool {
    // one pass without a way out early is vectorised
    text.is_ascii() && text.iter().fold(true, |plain, byte| plain & (*byte > CASE as u8))
}

/// [`boundary`] before byte `at` of a text that [`is_plain`], and at both of its ends.
pub fn plain_boundary(text: &[u8], at: usize) -> bool {
    match (at.checked_sub(1).and_then(|left| text.get(left)), text.get(at)) {
        (Some(left), Some(right)) => {
            let turns =
                |next: Option<&u8>| !left.is_ascii_uppercase() || next.is_some_and(u8::is_ascii_lowercase);
            !left.is_ascii_alphanumeric()
                || !right.is_ascii_alphanumeric()
                || right.is_ascii_uppercase() && turns(text.get(at + 1))
        }
        _ => true,
    }
}

/// A text folded, with the place of each character and the boundaries. Reused to save allocations.
#[derive(Debug, Default)]
pub struct Folded {
    /// The folded text.
    pub text: String,
    /// Byte offset of each character in `text`, and its length at the end.
    pub offsets: Vec<usize>,
    /// Whether a boundary lies before each character, and `true` at the end.
    pub boundaries: Vec<bool>,
    /// Whether each character is a letter or digit.
    pub alphanumeric: Vec<bool>,
    /// The characters that folding changed, in order: the capitals.
    pub capitals: Vec<usize>,
}

impl Folded {
    /// Folds `text`.
    pub fn set(&mut self, text: &str) {
        self.text.clear();
        self.offsets.clear();
        self.boundaries.clear();
        self.alphanumeric.clear();
        self.capitals.clear();
        if is_plain(text.as_bytes()) {
            self.set_plain(text)
        } else {
            self.set_chars(text)
        }
        self.offsets.push(self.text.len());
        self.boundaries.push(true);
    }

    /// Nearly every text: one byte is one character, and lower case is all that folding does.
    fn set_plain(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.make_ascii_lowercase();
        let bytes = text.as_bytes();
        self.offsets.extend(0..bytes.len());
        self.alphanumeric.extend(bytes.iter().map(u8::is_ascii_alphanumeric));
        self.boundaries.extend((0..bytes.len()).map(|at| plain_boundary(bytes, at)));
        let capitals = bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        self.capitals.extend(capitals.map(|(at, _)| at));
    }

    fn set_chars(&mut self, text: &str) {
        let mut left = None;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            self.offsets.push(self.text.len());
            let folded = fold_char(c);
            if folded != c {
                self.capitals.push(self.alphanumeric.len());
            }
            self.text.push(folded);
            self.alphanumeric.push(c.is_alphanumeric());
            self.boundaries.push(left.is_none_or(|left| boundary(left, c, rest.clone().next())));
            left = Some(c);
        }
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.alphanumeric.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.alphanumeric.is_empty()
    }

    /// Whether a token starts at character `i`: the value's start, and every letter or digit after a boundary.
    pub fn token_start(&self, i: usize) -> bool {
        i == 0 || (self.boundaries[i] && self.alphanumeric[i])
    }

    /// Whether a phrase may end before character `i`: the value's end, or beside what is no letter or digit.
    pub fn phrase_end(&self, i: usize) -> bool {
        i == self.len() || !self.alphanumeric[i] || i > 0 && !self.alphanumeric[i - 1]
    }

    /// Calls `each` with the start and end of every segment: the runs of letters and digits between boundaries.
    pub fn segments(&self, mut each: impl FnMut(usize, usize)) {
        for from in (0..self.len()).filter(|i| self.boundaries[*i] && self.alphanumeric[*i]) {
            let end = (from + 1..=self.len()).find(|i| self.boundaries[*i]).unwrap_or(self.len());
            each(from, end);
        }
    }

    /// The folded characters `from..to`.
    pub fn slice(&self, from: usize, to: usize) -> &str {
        &self.text[self.offsets[from]..self.offsets[to]]
    }
}

/// The folded text of a term of `part` (without its marker), and the places of its capitals.
pub fn capitals(term: &str) -> (&str, impl Iterator<Item = usize> + '_) {
    let (text, places) = term.split_once(CASE).unwrap_or((term, ""));
    (text, places.chars().map(|c| c as usize - PLACE))
}

/// Added to a capital's place to make it a printable character.
const PLACE: usize = 0x20;

/// Whether people type a segment of a name letter by letter, and so with slips: not where it looks generated (the
/// alphabet of Kubernetes' own suffixes has no vowels; hashes are full of digits).
pub fn is_spelled(segment: &str) -> bool {
    if !TOKEN.contains(&segment.chars().count()) {
        return false;
    }
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_vowel = |b: u8| b"aeiouy".contains(&b);
    digits == 0 || digits * 3 <= segment.len() && segment.bytes().any(is_vowel)
}

/// The longest start of `text` that is no longer than [`RUN_CAP`].
pub fn capped(text: &str) -> &str {
    &text[..text.floor_char_boundary(RUN_CAP)]
}

/// One value that a word is searched in, besides the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// `namespace`, `kind`, `label-key`, `label`, `annotation-key`, `annotation`, `owner` or `finalizer`.
    pub field: &'static str,
    /// The label's or annotation's key.
    pub key: Option<&'a str>,
    /// The text.
    pub text: &'a str,
}

impl Value<'_> {
    /// Whether it is found in a dictionary of its own and not in field `part`.
    fn is_shared(self) -> bool {
        matches!(self.field, "namespace" | "kind" | "label-key" | "annotation-key")
    }
}

/// Calls `each` with everything but the name that words search in a document.
pub fn values<'a>(document: &'a Document, kind: &'a KindKey, mut each: impl FnMut(Value<'a>)) {
    let mut value = |field, key, text| each(Value { field, key, text });
    if document.metadata.namespace != CLUSTER {
        value("namespace", None, &document.metadata.namespace);
    }
    value("kind", None, &document.metadata.kind);
    value("kind", None, kind.plural());
    for (key, text) in &document.local.labels {
        value("label-key", Some(key), key);
        value("label", Some(key), text);
    }
    for (key, text) in &document.local.annotations {
        value("annotation-key", Some(key), key);
        value("annotation", Some(key), text);
    }
    for owner in &document.local.owners {
        value("owner", None, &owner.name);
    }
    for finalizer in &document.local.finalizers {
        value("finalizer", None, finalizer);
    }
}

/// Collects the distinct terms of one field of one document, separated by NUL, as [`Split`] takes them apart.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    buffer: String,
    seen: HashSet<u64, BuildHasherDefault<Ready>>,
    folded: Folded,
}

impl Terms {
    /// The terms of field `gram` for a name.
    pub(crate) fn grams(&mut self, name: &str) -> &str {
        self.clear();
        let mut folded = std::mem::take(&mut self.folded);
        folded.set(name);
        for from in 0..folded.len() {
            for to in from + 1..=(from + SHORT).min(folded.len()) {
                let run = folded.slice(from, to);
                self.push(Marker::Sub, run);
                if from == 0 {
                    self.push(Marker::Prefix, run);
                }
                if folded.boundaries[from] && folded.boundaries[to] {
                    self.push(Marker::Whole, run);
                }
            }
        }
        if folded.len() <= SHORT {
            self.push(Marker::Exact, &folded.text);
        }
        folded.segments(|from, to| {
            let segment = folded.slice(from, to);
            if is_spelled(segment) {
                self.push(Marker::Token, segment);
            }
        });
        self.folded = folded;
        &self.buffer
    }

    /// The terms of field `part` for a document.
    pub(crate) fn parts(&mut self, document: &Document, kind: &KindKey) -> &str {
        self.clear();
        let mut folded = std::mem::take(&mut self.folded);
        values(document, kind, |value| {
            if !value.is_shared() {
                folded.set(value.text);
                self.runs(&folded);
            }
        });
        self.folded = folded;
        &self.buffer
    }

    fn runs(&mut self, folded: &Folded) {
        for from in (0..folded.len()).filter(|from| folded.token_start(*from)) {
            let run = capped(&folded.text[folded.offsets[from]..]);
            let end = folded.offsets.partition_point(|offset| *offset < folded.offsets[from] + run.len());
            if !self.cased(Marker::Run, folded, from, end) {
                continue; // the same text began another token: its starts are there as well
            }
            for to in from + 1..=(from + SHORT).min(folded.len()) {
                self.cased(Marker::Prefix, folded, from, to);
                if folded.phrase_end(to) {
                    self.cased(Marker::Whole, folded, from, to);
                }
            }
        }
    }

    /// Adds the characters `from..to` and the places of their capitals.
    fn cased(&mut self, marker: Marker, folded: &Folded, from: usize, to: usize) -> bool {
        let text = folded.slice(from, to);
        let first = folded.capitals.partition_point(|at| *at < from);
        let last = folded.capitals.partition_point(|at| *at < to);
        if first == last {
            return self.push(marker, text);
        }
        let places = folded.capitals[first..last].iter();
        let places: String = places.filter_map(|at| char::from_u32((at - from + PLACE) as u32)).collect();
        self.push(marker, &format!("{text}{CASE}{places}"))
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.seen.clear();
    }

    /// Adds a term; false when it is there already.
    fn push(&mut self, marker: Marker, term: &str) -> bool {
        let start = self.buffer.len();
        if start > 0 {
            self.buffer.push('\0');
        }
        let from = self.buffer.len();
        self.buffer.push(char::from(marker as u8));
        self.buffer.push_str(term);
        let new = self.seen.insert(xxh3_64(&self.buffer.as_bytes()[from..]));
        if !new {
            self.buffer.truncate(start);
        }
        new
    }
}

/// The term of a marker and a text, as bytes.
pub fn term(marker: Marker, text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.push(marker as u8);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A hasher for values that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

/// tantivy tokenizer: terms come ready, separated by NUL.
#[derive(Debug, Clone, Default)]
pub(crate) struct Split {
    token: Token,
}

/// Stream of [`Split`].
#[derive(Debug)]
pub(crate) struct SplitStream<'a> {
    rest: Option<&'a str>,
    token: &'a mut Token,
}

impl Tokenizer for Split {
    type TokenStream<'a> = SplitStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> SplitStream<'a> {
        self.token.reset();
        SplitStream { rest: (!text.is_empty()).then_some(text), token: &mut self.token }
    }
}

impl TokenStream for SplitStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(rest) = self.rest else { return false };
        let (term, rest) = match memchr::memchr(0, rest.as_bytes()) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(term);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boundaries(text: &str) -> String {
        let mut folded = Folded::default();
        folded.set(text);
        let chars: Vec<char> = text.chars().collect();
        (0..chars.len())
            .map(
                |i| {
                    if i > 0 && folded.boundaries[i] {
                        format!("|{}", chars[i])
                    } else {
                        chars[i].to_string()
                    }
                },
            )
            .collect()
    }

    #[test]
    fn camel_case_and_punctuation_make_boundaries() {
        assert_eq!(boundaries("webApp"), "web|App");
        assert_eq!(boundaries("HTTPServer"), "HTTP|Server");
        assert_eq!(boundaries("ab-c2"), "ab|-|c2");
        assert_eq!(boundaries("system:node"), "system|:|node");
        assert_eq!(boundaries("v1Beta"), "v1|Beta");
    }

    #[test]
    fn plain_texts_are_folded_like_all_others() {
        for text in ["", "webApp", "HTTPServer-x", "a.B/c:D", "kube-root-ca.crt", "V1Beta1X", "\u{7f} aB"] {
            let (mut plain, mut chars) = (Folded::default(), Folded::default());
            plain.set(text);
            chars.set_chars(text);
            chars.offsets.push(chars.text.len());
            chars.boundaries.push(true);
            assert_eq!(format!("{plain:?}"), format!("{chars:?}"));
        }
        assert!(!is_plain("ä".as_bytes()) && !is_plain(b"a\x01") && !is_plain(b"\0"));
    }

    #[test]
    fn folding_keeps_the_number_of_characters() {
        for text in ["İstanbul", "STRASSE", "ẞharp", "Ωmega", "a\0b"] {
            assert_eq!(fold(text).chars().count(), text.chars().count());
            assert_eq!(fold(&fold(text)), fold(text));
        }
    }

    #[test]
    fn a_short_name_has_every_run_once() {
        let mut terms = Terms::default();
        let mut all: Vec<&str> = terms.grams("a-a").split('\0').collect();
        all.sort_unstable();
        assert_eq!(
            all,
            ["ea-a", "pa", "pa-", "pa-a", "s-", "s-a", "sa", "sa-", "sa-a", "w-", "w-a", "wa", "wa-", "wa-a"]
        );
    }

    #[test]
    fn a_name_has_its_spelled_segments() {
        let mut terms = Terms::default();
        let tokens = |terms: &mut Terms, name: &str| {
            terms
                .grams(name)
                .split('\0')
                .filter_map(|t| t.strip_prefix('t'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(tokens(&mut terms, "checkout-api-7d9f8bc6d4-x2k4p"), ["checkout"]);
        assert_eq!(tokens(&mut terms, "webFrontend.postgres15"), ["frontend", "postgres15"]);
        assert_eq!(tokens(&mut terms, "pvc-3f2a9c1d-8b7e"), Vec::<String>::new());
    }

    #[test]
    fn terms_of_values_remember_their_capitals() {
        let mut folded = Folded::default();
        folded.set("a-Helm");
        let mut terms = Terms::default();
        terms.clear();
        terms.runs(&folded);
        let runs: Vec<_> =
            terms.buffer.split('\0').filter(|t| t.starts_with('r')).map(str::to_owned).collect();
        assert_eq!(runs, ["ra-helm\u{1}\"", "rhelm\u{1} "]);
        let (text, places) = capitals("a-helm\u{1}\"");
        assert_eq!((text, places.collect::<Vec<_>>()), ("a-helm", vec![2]));
    }

    #[test]
    fn the_tokenizer_gives_back_the_terms() {
        let mut split = Split::default();
        let mut stream = split.token_stream("sa\0sb\0\0sc");
        let mut found = Vec::new();
        while stream.advance() {
            found.push(stream.token().text.clone());
        }
        assert_eq!(found, ["sa", "sb", "", "sc"]);
        assert!(!Split::default().token_stream("").advance());
    }

    #[test]
    fn a_run_is_cut_at_a_character() {
        let long = "ä".repeat(RUN_CAP);
        assert_eq!(capped(&long).len(), RUN_CAP);
        assert_eq!(capped(&format!("a{long}")).len(), RUN_CAP - 1);
    }
}
