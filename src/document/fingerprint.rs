//! Two hashes of a document: equal, and there is nothing to write.

use xxhash_rust::xxh3::xxh3_64;

use super::{Document, Fingerprint, Local, Metadata, Rules};
use crate::object::Owner;

/// Hashes what the index and the mirror hold of a document: stable across runs and machines.
///
/// `content` covers everything but annotation values, `annotations` those. Ticking annotations
/// ([`super::TICKING_ANNOTATIONS`]) are part of neither.
pub fn fingerprint(document: &Document, rules: &Rules) -> Fingerprint {
    // Taken apart without `..`: a new field must be given a place here.
    let Document { id, text, metadata, local } = document;
    let Metadata { namespace, name, kind, api_version, api_group, labels, created_at, label_pairs } =
        metadata;
    let Local { uid, generation, created, deleted, labels: label_map, annotations, owners, finalizers } =
        local;

    let mut content = Bytes::default();
    let mut values = Bytes::default();
    for text in [id, text, namespace, name, kind, api_version, api_group, labels, uid] {
        content.text(text);
    }
    content.list(created_at.as_slice(), |bytes, text| bytes.text(text));
    content.list(label_pairs, |bytes, text| bytes.text(text));
    content.number(*generation);
    for time in [created, deleted] {
        content.list(time.as_slice(), |bytes, time| bytes.number(*time));
    }
    content.number(label_map.len() as i64);
    for (key, value) in label_map {
        content.text(key);
        content.text(value);
    }
    for (key, value) in annotations.iter().filter(|(key, _)| !rules.ticks(key)) {
        content.text(key);
        values.text(key);
        values.text(value);
    }
    // Closes the annotation keys, whose number is not known before.
    content.number(-1);
    content.list(owners, |bytes, owner| {
        let Owner { api_version, kind, name, uid, controller } = owner;
        [api_version, kind, name, uid].into_iter().for_each(|text| bytes.text(text));
        bytes.number(i64::from(*controller));
    });
    content.list(finalizers, |bytes, text| bytes.text(text));
    Fingerprint { content: xxh3_64(&content.0), annotations: xxh3_64(&values.0) }
}

/// Length-prefixed fields, so that no two documents give the same bytes.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, number: i64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        self.0.extend(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Self, &T)) {
        self.number(items.len() as i64);
        items.iter().for_each(|item| put(self, item));
    }
}
