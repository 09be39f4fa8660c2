//! Which records are known to be in the store, and with what content. Only these may be changed without their vector:
//! an update of a record that is not there is silently ignored.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::document::Document;
use crate::mirror::record;
use crate::object::IdHash;

/// What a record was written with: hashes of its text and metadata, and of what was embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Text and metadata.
    pub document: u64,
    /// The form; equal forms have equal vectors.
    pub form: u64,
}

impl Content {
    /// Of a document; `form` is the hash of what is embedded of it.
    pub fn of(document: &Document, form: u64) -> Self {
        let mut bytes = document.text.as_bytes().to_vec();
        bytes.push(0);
        // A map of strings and one list always serialises.
        bytes.extend(serde_json::to_vec(&record::fields(document, true)).unwrap_or_default());
        Self { document: xxh3_64(&bytes), form }
    }
}

/// How a document gets into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is there already, as it is.
    Nothing,
    /// Its text or metadata changed; the vector stays.
    Update,
    /// All of it.
    Upsert,
}

/// Confirmed records by id, some 60 bytes each.
#[derive(Debug, Default)]
pub struct Confirmed {
    records: HashMap<IdHash, Known>,
}

/// What is known of a record that is there; `None` where a request may or may not have changed it.
#[derive(Debug, Clone, Copy)]
struct Known {
    document: Option<u64>,
    form: Option<u64>,
}

impl Confirmed {
    /// Nothing is certain any more.
    pub fn clear(&mut self) {
        self.records = HashMap::new();
    }

    /// The store acknowledged this content, or showed it.
    pub fn confirm(&mut self, id: IdHash, content: Content) {
        let Content { document, form } = content;
        self.records.insert(id, Known { document: Some(document), form: Some(form) });
    }

    /// The record is about to be changed in this way: until the store acknowledges it, it may be the old or the new one.
    pub fn doubt(&mut self, id: IdHash, way: Way) {
        if let Some(known) = self.records.get_mut(&id) {
            known.document = known.document.filter(|_| way == Way::Nothing);
            known.form = known.form.filter(|_| way != Way::Upsert);
        }
    }

    /// The record is gone, or in doubt.
    pub fn forget(&mut self, id: IdHash) {
        self.records.remove(&id);
    }

    /// How a document with this content gets into the store.
    pub fn way(&self, id: IdHash, content: Content) -> Way {
        match self.records.get(&id) {
            Some(known) if known.form != Some(content.form) => Way::Upsert,
            Some(known) if known.document == Some(content.document) => Way::Nothing,
            Some(_) => Way::Update,
            None => Way::Upsert,
        }
    }

    /// Whether the record is known to be there.
    pub fn contains(&self, id: IdHash) -> bool {
        self.records.contains_key(&id)
    }

    /// All that are known, in any order.
    pub fn ids(&self) -> impl Iterator<Item = IdHash> {
        self.records.keys().copied()
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_confirmed_record_is_updated_without_its_vector() {
        let (id, mut confirmed) = (IdHash::of("a"), Confirmed::default());
        let content = |document, form| Content { document, form };
        assert_eq!(confirmed.way(id, content(1, 1)), Way::Upsert);
        confirmed.confirm(id, content(1, 1));
        assert_eq!(confirmed.way(id, content(1, 1)), Way::Nothing);
        assert_eq!(confirmed.way(id, content(2, 1)), Way::Update);
        assert_eq!(confirmed.way(id, content(2, 2)), Way::Upsert);
        confirmed.forget(id);
        assert_eq!(confirmed.way(id, content(2, 1)), Way::Upsert);
    }

    #[test]
    fn what_was_sent_and_never_acknowledged_is_sent_again_even_if_it_is_as_before() {
        let (id, mut confirmed) = (IdHash::of("a"), Confirmed::default());
        let content = |document, form| Content { document, form };
        confirmed.confirm(id, content(1, 1));
        confirmed.doubt(id, Way::Update);
        assert_eq!(confirmed.way(id, content(1, 1)), Way::Update);
        confirmed.doubt(id, Way::Upsert);
        assert_eq!(confirmed.way(id, content(1, 1)), Way::Upsert);
        assert!(confirmed.contains(id));
        confirmed.confirm(id, content(1, 1));
        assert_eq!(confirmed.way(id, content(1, 1)), Way::Nothing);
    }
}
