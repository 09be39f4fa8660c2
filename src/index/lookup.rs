//! Finding documents by what they are instead of by what they say: by the hash of their id, or by their key.

use std::collections::{HashMap, HashSet};

use super::{IndexError, Segment, Snapshot};
use crate::document::Document;
use crate::object::{IdHash, Key};

impl Snapshot {
    /// Hashes of the ids of all documents.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn ids(&self) -> Result<Vec<IdHash>, IndexError> {
        let mut ids = Vec::with_capacity(usize::try_from(self.num_docs()).unwrap_or_default());
        for segment in self.segments() {
            segment.each_id(|_, id| ids.push(id))?;
        }
        Ok(ids)
    }

    /// The documents with these ids, in any order; what is not there is left out. Looks through a column of the whole
    /// index (a millisecond for 100,000 documents), so ask for many at once.
    ///
    /// # Errors
    /// [`IndexError::Read`], [`IndexError::Document`].
    pub fn documents(&self, ids: &[IdHash]) -> Result<Vec<Document>, IndexError> {
        let wanted: HashSet<IdHash> = ids.iter().copied().collect();
        let mut found = Vec::with_capacity(wanted.len());
        for segment in self.segments().iter().filter(|_| !wanted.is_empty()) {
            let mut docs = Vec::new();
            segment.each_id(|doc, id| {
                if wanted.contains(&id) {
                    docs.push(doc);
                }
            })?;
            for doc in docs {
                found.push(segment.document(doc)?);
            }
        }
        Ok(found)
    }

    /// The ids of the entries with these keys, as far as they are there.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn ids_of(&self, keys: &HashSet<Key>) -> Result<HashMap<Key, String>, IndexError> {
        let mut found = HashMap::with_capacity(keys.len());
        for segment in self.segments().iter().filter(|_| !keys.is_empty()) {
            let segment: &Segment = segment;
            segment.each_key(|doc, key| {
                if keys.contains(&key) {
                    found.insert(key, segment.tie(doc).0);
                }
            })?;
        }
        Ok(found)
    }
}
