//! Text to index terms, and the definitions that searching shares with indexing: folding and boundaries
//! ([`Folded`]), and which values of a document are searched ([`values`]).
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

mod folding;
mod split;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

pub use folding::{Folded, boundary, fold, fold_char, is_plain, plain_boundary};
pub(crate) use split::Split;

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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_run_is_cut_at_a_character() {
        let long = "ä".repeat(RUN_CAP);
        assert_eq!(capped(&long).len(), RUN_CAP);
        assert_eq!(capped(&format!("a{long}")).len(), RUN_CAP - 1);
    }
}
