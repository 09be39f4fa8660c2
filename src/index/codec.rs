//! A document as bytes in the store, and back, byte-equal. What can be derived from the rest is not stored: a
//! flag says so, and whatever does not follow the rule is written out.

use std::collections::BTreeMap;

use crate::document::{Document, Local, Metadata};
use crate::object::Owner;

use super::IndexError;

const ID: u8 = 1;
const GROUP: u8 = 1 << 1;
const LABELS: u8 = 1 << 2;
const PAIRS: u8 = 1 << 3;
const HEAD: u8 = 1 << 4;
const CREATED_AT: u8 = 1 << 5;

/// Appends the encoding of `document` to `out`.
pub(crate) fn encode(document: &Document, out: &mut Vec<u8>) {
    let Document { id, text, metadata, local } = document;
    let head = head(metadata);
    let derived = [
        (ID, *id == derive_id(metadata)),
        (GROUP, metadata.api_group == derive_group(&metadata.api_version)),
        (LABELS, metadata.labels == derive_labels(&local.labels)),
        (PAIRS, metadata.label_pairs == derive_pairs(&local.labels)),
        (HEAD, text.starts_with(&head)),
        (CREATED_AT, metadata.created_at == derive_created_at(local.created)),
    ];
    let flags = derived.iter().filter(|(_, same)| *same).fold(0, |flags, (flag, _)| flags | flag);
    let mut w = Encoder { out };
    w.out.push(flags);
    w.text(&metadata.kind);
    w.text(&metadata.api_version);
    w.text(&metadata.namespace);
    w.text(&metadata.name);
    w.map(&local.labels);
    w.map(&local.annotations);
    w.uid(&local.uid);
    w.number(local.generation as u64);
    w.time(local.created);
    w.time(local.deleted);
    w.number(local.owners.len() as u64);
    local.owners.iter().for_each(|owner| w.owner(owner));
    w.texts(&local.finalizers);
    let rest = if flags & HEAD != 0 { &text[head.len()..] } else { text };
    w.text(rest);
    if flags & ID == 0 {
        w.text(id);
    }
    if flags & GROUP == 0 {
        w.text(&metadata.api_group);
    }
    if flags & LABELS == 0 {
        w.text(&metadata.labels);
    }
    if flags & PAIRS == 0 {
        w.texts(&metadata.label_pairs);
    }
    if flags & CREATED_AT == 0 {
        let times: Vec<String> = metadata.created_at.iter().cloned().collect();
        w.texts(&times);
    }
}

/// The document that [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Document, IndexError> {
    let mut r = Decoder { bytes };
    let flags = r.byte()?;
    let mut metadata = Metadata {
        kind: r.text()?,
        api_version: r.text()?,
        namespace: r.text()?,
        name: r.text()?,
        ..Metadata::default()
    };
    let (labels, annotations) = (r.map()?, r.map()?);
    let local = Local {
        labels,
        annotations,
        uid: r.uid()?,
        generation: r.number()? as i64,
        created: r.time()?,
        deleted: r.time()?,
        owners: (0..r.number()?).map(|_| r.owner()).collect::<Result<_, _>>()?,
        finalizers: r.texts()?,
    };
    let rest = r.text()?;
    let derived = |flag| flags & flag != 0;
    let id = if derived(ID) { derive_id(&metadata) } else { r.text()? };
    metadata.api_group =
        if derived(GROUP) { derive_group(&metadata.api_version).to_owned() } else { r.text()? };
    metadata.labels = if derived(LABELS) { derive_labels(&local.labels) } else { r.text()? };
    metadata.label_pairs = if derived(PAIRS) { derive_pairs(&local.labels) } else { r.texts()? };
    metadata.created_at =
        if derived(CREATED_AT) { derive_created_at(local.created) } else { r.texts()?.pop() };
    let text = if derived(HEAD) { head(&metadata) + &rest } else { rest };
    Ok(Document { id, text, metadata, local })
}

fn derive_id(m: &Metadata) -> String {
    [&*m.namespace, &m.api_version, &m.kind, &m.name].join("/")
}

fn derive_group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn derive_pairs(labels: &BTreeMap<String, String>) -> Vec<String> {
    labels.iter().map(|(key, value)| [&**key, value].join("=")).collect()
}

fn derive_labels(labels: &BTreeMap<String, String>) -> String {
    derive_pairs(labels).join(",")
}

fn derive_created_at(created: Option<i64>) -> Option<String> {
    Some(jiff::Timestamp::from_second(created?).ok()?.to_string())
}

fn head(m: &Metadata) -> String {
    let mut head =
        [&*m.kind, " ", &m.name, " | namespace: ", &m.namespace, " | apiVersion: ", &m.api_version].concat();
    if !m.labels.is_empty() {
        head.push_str(" | labels: ");
        head.push_str(&m.labels);
    }
    head
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }

    fn map(&mut self, map: &BTreeMap<String, String>) {
        self.number(map.len() as u64);
        for (key, value) in map {
            self.text(key);
            self.text(value);
        }
    }

    /// 0: none, otherwise zigzag + 1.
    fn time(&mut self, time: Option<i64>) {
        match time {
            None => self.number(0),
            Some(t) => {
                self.number(1);
                self.number(((t << 1) ^ (t >> 63)) as u64);
            }
        }
    }

    /// A canonical UUID takes 17 bytes (0, then binary), other texts their length + 1 first.
    fn uid(&mut self, uid: &str) {
        match parse_uuid(uid) {
            Some(bits) => {
                self.number(0);
                self.out.extend_from_slice(&bits.to_be_bytes());
            }
            None => {
                self.number(uid.len() as u64 + 1);
                self.out.extend_from_slice(uid.as_bytes());
            }
        }
    }

    fn owner(&mut self, owner: &Owner) {
        self.text(&owner.api_version);
        self.text(&owner.kind);
        self.text(&owner.name);
        self.uid(&owner.uid);
        self.out.push(u8::from(owner.controller));
    }
}

struct Decoder<'a> {
    bytes: &'a [u8],
}

type Decoded<T> = Result<T, IndexError>;

impl<'a> Decoder<'a> {
    fn take(&mut self, len: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) =
            self.bytes.split_at_checked(len).ok_or(IndexError::Document { what: "it ends early" })?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Decoded<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> Decoded<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(IndexError::Document { what: "a number is too long" })
    }

    fn length(&mut self) -> Decoded<usize> {
        self.number().map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    fn str(&mut self, len: usize) -> Decoded<String> {
        let bytes = self.take(len)?.to_vec();
        String::from_utf8(bytes).map_err(|_| IndexError::Document { what: "a text is not UTF-8" })
    }

    fn text(&mut self) -> Decoded<String> {
        let len = self.length()?;
        self.str(len)
    }

    fn texts(&mut self) -> Decoded<Vec<String>> {
        (0..self.length()?).map(|_| self.text()).collect()
    }

    fn map(&mut self) -> Decoded<BTreeMap<String, String>> {
        (0..self.length()?).map(|_| Ok((self.text()?, self.text()?))).collect()
    }

    fn time(&mut self) -> Decoded<Option<i64>> {
        if self.byte()? == 0 {
            return Ok(None);
        }
        let zigzag = self.number()?;
        Ok(Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)))
    }

    fn uid(&mut self) -> Decoded<String> {
        match self.length()? {
            0 => {
                let bytes = self.take(16)?;
                Ok(print_uuid(bytes.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))))
            }
            len => self.str(len - 1),
        }
    }

    fn owner(&mut self) -> Decoded<Owner> {
        Ok(Owner {
            api_version: self.text()?,
            kind: self.text()?,
            name: self.text()?,
            uid: self.uid()?,
            controller: self.byte()? != 0,
        })
    }
}

/// The bits of a UUID in its usual lower-case form; `None` for any other text.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let mut bits = 0u128;
    for (at, byte) in bytes.iter().enumerate() {
        let nibble = match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        bits = bits << 4 | u128::from(nibble);
    }
    Some(bits)
}

pub(crate) fn print_uuid(bits: u128) -> String {
    let mut text = format!("{bits:032x}");
    for at in [8, 13, 18, 23] {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(document: &Document) {
        let mut bytes = Vec::new();
        encode(document, &mut bytes);
        assert_eq!(decode(&bytes).unwrap(), *document);
        for len in 0..bytes.len() {
            decode(&bytes[..len]).unwrap_err(); // cut off anywhere: an error, no panic
        }
    }

    fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
        proptest::collection::btree_map("[a-c/.]{0,4}", any::<String>(), 0..3)
    }

    prop_compose! {
        fn document()(id in ".{0,8}", derive in any::<bool>(), name in ".{0,6}", namespace in "[a-z_]{0,4}",
                      kind in "[A-Z][a-z]{0,4}", api_version in "(apps/)?v1", labels in map(), annotations in map(),
                      uid in prop_oneof![Just(String::new()), any::<u128>().prop_map(print_uuid), ".{36}"],
                      created in proptest::option::of(any::<i64>()), generation in any::<i64>(),
                      rest in ".{0,10}", odd in ".{0,5}", controller in any::<bool>())
                      -> Document {
            let mut m = Metadata { namespace, name, kind, api_version, ..Metadata::default() };
            m.api_group = if derive { derive_group(&m.api_version).to_owned() } else { odd.clone() };
            m.labels = if derive { derive_labels(&labels) } else { odd.clone() };
            m.label_pairs = if derive { derive_pairs(&labels) } else { vec![odd.clone(), String::new()] };
            m.created_at = if derive { derive_created_at(created) } else { Some(odd.clone()) };
            let text = if derive { head(&m) + &rest } else { rest };
            let id = if derive { derive_id(&m) } else { id };
            let owner = Owner { api_version: "v1".into(), kind: odd.clone(), name: odd.clone(), uid: uid.clone(), controller };
            let local = Local { uid, generation, created, deleted: created.map(|t| t / 2), labels, annotations,
                                owners: vec![owner], finalizers: vec![odd] };
            Document { id, text, metadata: m, local }
        }
    }

    proptest! {
        #[test]
        fn every_document_comes_back_byte_equal(document in document()) {
            round_trip(&document);
        }
    }

    #[test]
    fn an_empty_document_comes_back() {
        let empty = Document {
            id: String::new(),
            text: String::new(),
            metadata: Metadata::default(),
            local: Local::default(),
        };
        round_trip(&empty);
    }
}
