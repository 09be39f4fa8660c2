//! Filters: what selects without a score.

use std::cell::Cell;
use std::ops::Range;

use memchr::memchr;

use crate::index::facts::{SEPARATOR, VALUE_CAP, pair, uid_text};
use crate::index::{Doc, IndexError, Terms};

use super::super::family;
use super::super::pattern::Shape;
use super::super::plan::{Map, MapTest, Node};
use super::{Evaluator, MATCH, set};

impl Evaluator<'_> {
    pub(super) fn filter(&mut self, node: &Node, found: &mut [u8]) -> Result<(), IndexError> {
        let segment = self.segment;
        match node {
            Node::Kinds(kinds) => kinds
                .iter()
                .try_for_each(|kind| self.set(Terms::Kind, kind.as_str().as_bytes(), MATCH, found)),
            Node::Namespaces(shapes) => {
                let all = segment.namespaces().iter().map(|name| &**name);
                self.any_value(Terms::Namespace, all, shapes, |name| name, found)
            }
            Node::Versions(shapes) => {
                let all = segment.apis().iter().map(|api| &**api);
                self.any_value(Terms::Api, all, shapes, version, found)
            }
            Node::Uids(shapes) => shapes.iter().try_for_each(|shape| self.uids(shape, found)),
            Node::Map(map, test) => self.map(*map, test, found),
            Node::Owners(origins) => origins
                .iter()
                .try_for_each(|origin| family::owned(segment, origin, |docs| set(found, docs, MATCH))),
            Node::Descendants(_, docs) => {
                docs.get(self.asked.number).into_iter().for_each(|docs| set(found, docs, MATCH));
                Ok(())
            }
            Node::Created(range) => {
                self.created(range, found);
                Ok(())
            }
            Node::Flag(flag) => self.set(Terms::Flag, flag.as_str().as_bytes(), MATCH, found),
            Node::And(_) | Node::Or(_) | Node::Not(_) | Node::Word(_) | Node::Phrase(_) | Node::Names(_) => {
                Ok(())
            }
        }
    }

    /// Documents with one of the few values of a field that fit.
    fn any_value<'v>(
        &mut self,
        terms: Terms,
        all: impl Iterator<Item = &'v str>,
        shapes: &[Shape],
        part: impl Fn(&str) -> &str,
        found: &mut [u8],
    ) -> Result<(), IndexError> {
        for value in all {
            if shapes.iter().any(|shape| shape.find(part(value), &mut self.scratch).is_some()) {
                self.set(terms, value.as_bytes(), MATCH, found)?;
            }
        }
        Ok(())
    }

    fn created(&self, range: &Range<i64>, found: &mut [u8]) {
        for (doc, byte) in found.iter_mut().enumerate() {
            if self.segment.created(doc as Doc).is_some_and(|created| range.contains(&created)) {
                *byte = MATCH;
            }
        }
    }

    pub(super) fn uids(&mut self, shape: &Shape, found: &mut [u8]) -> Result<(), IndexError> {
        let segment = self.segment;
        let start = uid_start(shape.start());
        // what begins as a UUID is printed needs no more than its upper half
        let decided = !shape.is_exact() && is_printed_start(shape.start());
        let all_uuids = segment.has_only_uuids();
        for (doc, byte) in (0..segment.max_doc()).zip(found) {
            let high = segment.uid_start(doc);
            let may = start.as_ref().is_none_or(|start| start.contains(&high));
            if all_uuids && (!may || decided) {
                *byte = if may { MATCH } else { *byte };
                continue;
            }
            let text = match uid_text(segment.uid(doc)) {
                Some(_) if !may => continue,
                Some(text) => text,
                // no UUID: only the document has it
                None => segment.document(doc)?.local.uid,
            };
            if shape.find(&text, &mut self.scratch).is_some() {
                *byte = MATCH;
            }
        }
        Ok(())
    }

    fn map(&mut self, map: Map, test: &MapTest, found: &mut [u8]) -> Result<(), IndexError> {
        let terms = map.terms();
        match test {
            MapTest::Key(key) => self.set(terms, key.as_bytes(), MATCH, found),
            MapTest::Value(key, shapes) => shapes.iter().try_for_each(|shape| match shape.exact() {
                Some(value) => self.set(terms, pair(key, value).as_bytes(), MATCH, found),
                None => self.values(map, key, shape, found),
            }),
            MapTest::Number(key, range) => {
                let start = [key, "="].concat();
                let fits = |term: &[u8]| number(&term[start.len()..]).is_some_and(|n| range.contains(&n));
                self.segment.with_prefix(terms, start.as_bytes(), fits, |docs| set(found, docs, MATCH))
            }
            MapTest::Pair(shape) => self.pairs(map, shape, found),
        }
    }

    /// Documents whose value of `key` fits.
    fn values(&mut self, map: Map, key: &str, shape: &Shape, found: &mut [u8]) -> Result<(), IndexError> {
        let equals = [key, "="].concat();
        let start = [&*equals, shape.start().get(..VALUE_CAP).unwrap_or(shape.start())].concat();
        let test = |_: &str, value: &str, scratch: &mut _| shape.find(value, scratch).is_some();
        self.in_terms(map, &start, equals.len(), Some(key), test, found)
    }

    /// Documents with any `key=value` that fits.
    fn pairs(&mut self, map: Map, shape: &Shape, found: &mut [u8]) -> Result<(), IndexError> {
        let test = |pair: &str, _: &str, scratch: &mut _| shape.find(pair, scratch).is_some();
        self.in_terms(map, &shape.glob_start(), 0, None, test, found)
    }

    /// Documents with a term that begins with `start` and passes `test` (of `key=value` and of what follows `skip`).
    /// Values that were cut in the term are read from the documents.
    fn in_terms(
        &mut self,
        map: Map,
        start: &str,
        skip: usize,
        key: Option<&str>,
        test: impl Fn(&str, &str, &mut super::Scratch) -> bool,
        found: &mut [u8],
    ) -> Result<(), IndexError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut cut = Vec::new();
        let is_cut = |term: &[u8]| memchr(SEPARATOR as u8, term).is_some();
        // what follows the key may lie beyond the cut
        let from = start.get(..skip).unwrap_or_default();
        let at_once = from == start;
        let cut_now = Cell::new(false);
        let accept = |term: &[u8]| {
            cut_now.set(is_cut(term));
            match std::str::from_utf8(term) {
                _ if cut_now.get() => at_once && map == Map::Annotations,
                Ok(pair) if memchr(b'=', term).is_some() => {
                    test(pair, pair.get(skip..).unwrap_or_default(), &mut scratch)
                }
                Ok(_) | Err(_) => false,
            }
        };
        self.segment.with_prefix(map.terms(), start.as_bytes(), accept, |docs| match cut_now.get() {
            true => cut.extend_from_slice(docs),
            false => set(found, docs, MATCH),
        })?;
        if !at_once && map == Map::Annotations {
            self.segment
                .with_prefix(map.terms(), from.as_bytes(), is_cut, |docs| cut.extend_from_slice(docs))?;
        }
        for doc in cut.into_iter().filter(|doc| found.get(*doc as usize) == Some(&0)).collect::<Vec<_>>() {
            let document = self.segment.document(doc)?;
            let mut all = document.local.annotations.iter().filter(|(k, _)| key.is_none_or(|key| key == *k));
            if all.any(|(key, value)| test(&[key, "=", value].concat(), value, &mut scratch)) {
                set(found, &[doc], MATCH);
            }
        }
        self.scratch = scratch;
        Ok(())
    }
}

/// `v1` of `v1/Pod`, `v1beta1` of `apps/v1beta1/Deployment`.
fn version(api: &str) -> &str {
    let api_version = api.rsplit_once('/').map_or(api, |(api_version, _)| api_version);
    api_version.rsplit_once('/').map_or(api_version, |(_, version)| version)
}

/// The upper halves of the UUIDs that start so; `None` for a text that says nothing about them.
fn uid_start(text: &str) -> Option<std::ops::RangeInclusive<u64>> {
    let digits: String = text.chars().filter(|c| *c != '-').take(16).collect();
    let value = u64::from_str_radix(&digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    let free = 4 * (16 - digits.len()) as u32;
    let low = value.checked_shl(free).unwrap_or(0);
    let high = low | u64::MAX.checked_shr(64 - free).unwrap_or(0);
    Some(low..=high)
}

/// Whether a text is the start of a printed UUID and no longer than its upper half.
fn is_printed_start(text: &str) -> bool {
    const DASHES: [usize; 2] = [8, 13];
    let fits = |(at, byte): (usize, u8)| match byte {
        b'-' => DASHES.contains(&at),
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f') && !DASHES.contains(&at),
    };
    (1..=18).contains(&text.len()) && text.bytes().enumerate().all(fits)
}

/// An integer as Kubernetes reads it.
pub(crate) fn number(value: &[u8]) -> Option<i128> {
    std::str::from_utf8(value).ok()?.parse::<i64>().ok().map(i128::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_uid_is_a_range_of_its_upper_half() {
        assert_eq!(uid_start("3f"), Some(0x3f00_0000_0000_0000..=0x3fff_ffff_ffff_ffff));
        assert_eq!(
            uid_start("3f2a9c1d-8b7e-4c11-9f00-0123456789ab"),
            Some(0x3f2a_9c1d_8b7e_4c11..=0x3f2a_9c1d_8b7e_4c11)
        );
        assert_eq!(uid_start(""), None);
        assert_eq!(uid_start("uid-1"), None);
    }

    #[test]
    fn the_start_of_a_uid_is_decided_by_its_upper_half_if_it_is_written_as_printed() {
        for start in ["3", "3f2a9c1d", "3f2a9c1d-", "3f2a9c1d-8b7e-4c11"] {
            assert!(is_printed_start(start), "{start}");
        }
        for other in ["", "3f2a9c1d8", "3f-", "uid-1", "3F", "3f2a9c1d-8b7e-4c11-", "+3"] {
            assert!(!is_printed_start(other), "{other}");
        }
    }

    #[test]
    fn a_version_is_what_stands_before_the_kind() {
        assert_eq!((version("v1/Pod"), version("apps/v1beta1/Deployment")), ("v1", "v1beta1"));
    }
}
