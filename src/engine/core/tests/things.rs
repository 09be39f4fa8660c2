//! The objects of the model, and what a reader makes of them.

use std::collections::BTreeMap;

use super::super::*;
use crate::document::{Document, Local, Metadata};

pub(super) type Name = u8;

/// One object of the model cluster. `Name` decides the namespace: even ones live in `a`, odd ones in `b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) uid: u32,
    pub(super) version: u64,
    pub(super) content: u8,
    pub(super) annotation: u8,
}

pub(super) fn id(name: Name) -> String {
    format!("{}/v1/Thing/{name}", namespace(name))
}

pub(super) fn namespace(name: Name) -> &'static str {
    if name.is_multiple_of(2) { "a" } else { "b" }
}

pub(super) fn key(name: Name, uid: u32) -> Key {
    Key::of(&id(name), &uid.to_string())
}

pub(super) fn item(name: Name, thing: &Thing) -> Item {
    let annotations = BTreeMap::from([("a".to_owned(), thing.annotation.to_string())]);
    let document = Document {
        id: id(name),
        text: thing.content.to_string(),
        metadata: Metadata { namespace: namespace(name).to_owned(), ..Metadata::default() },
        local: Local { uid: thing.uid.to_string(), annotations, ..Local::default() },
    };
    let fingerprint =
        Fingerprint { content: u64::from(thing.content) + 1, annotations: u64::from(thing.annotation) + 1 };
    let entry = Entry {
        key: key(name, thing.uid),
        kind: "things".into(),
        document,
        fingerprint,
        version: Some(thing.version),
    };
    Item { id: IdHash::of(&id(name)), entry }
}

pub(super) fn held(entry: &Entry) -> HeldEntry {
    HeldEntry {
        key: entry.key,
        id: IdHash::of(&entry.document.id),
        kind: entry.kind.clone(),
        namespace: entry.document.metadata.namespace.as_str().into(),
        fingerprint: entry.fingerprint,
        version: entry.version.unwrap_or(0),
    }
}
