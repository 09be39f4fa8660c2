//! Documents as records: which metadata is written, and what makes a stored record different.

use std::fmt;

use serde_json::Value;

use super::store::{Fields, Stored, Vector};
use crate::document::{Document, SOURCE};

/// The one key whose value is a list; servers before lists existed refuse it.
pub const LIST_KEY: &str = "labelPairs";

/// Every key that a document may have; a record that lacks one must not keep an older value of it.
const KEYS: [&str; 9] =
    ["namespace", "name", "kind", "apiVersion", "apiGroup", "labels", "source", "createdAt", LIST_KEY];

/// A document's metadata as it is written: every key, null where the document has none, because stores merge and
/// would keep the last value for ever. `lists`: whether the store takes lists.
pub fn fields(document: &Document, lists: bool) -> Fields {
    let mut fields: Fields = KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
    // The metadata serialises to a map of strings and one list; anything else can't come of it.
    if let Ok(Value::Object(map)) = serde_json::to_value(&document.metadata) {
        fields.extend(map);
    }
    if !lists {
        fields.remove(LIST_KEY);
    }
    fields
}

/// A vector is ours as long as its cosine to what should be there is at least this. The same form embedded on another
/// machine differs by less than 0.008, which is how far the 8-bit model is from the one that it was made of, and the
/// offset of a document's id by 0.001 to 0.003; another text, or the same one embedded as a whole, differs by tenths. What
/// is nearer answers every question alike.
pub const SAME_VECTOR: f32 = 0.98;

/// What differs between a document and its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The text.
    Text,
    /// The value of this key; also a key that the document does not have.
    Key(String),
    /// The vector: its cosine to what should be there, in thousandths.
    Vector(i16),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Key(key) => f.write_str(key),
            Self::Vector(thousandths) => write!(f, "vector, cosine {:.3}", f32::from(*thousandths) / 1_000.0),
        }
    }
}

/// Compares a document with its record; empty when they are equal. Order is part of a list.
pub fn differences(document: &Document, stored: &Stored, lists: bool) -> Vec<Difference> {
    let mut found = Vec::new();
    if stored.text.as_deref() != Some(document.text.as_str()) {
        found.push(Difference::Text);
    }
    let wanted = fields(document, lists);
    for (key, value) in &wanted {
        if stored.fields.get(key).unwrap_or(&Value::Null) != value {
            found.push(Difference::Key(key.clone()));
        }
    }
    let foreign = stored.fields.iter().filter(|(key, value)| !wanted.contains_key(*key) && !value.is_null());
    found.extend(foreign.map(|(key, _)| Difference::Key(key.clone())));
    found
}

/// Compares the vector that a document should have with its record's, which was read with it.
pub fn vector_difference(wanted: &Vector, stored: &Stored) -> Option<Difference> {
    let cosine = stored.vector.as_ref().map_or(0.0, |vector| cosine(wanted, vector));
    // Nothing that is no number is near to anything.
    let same = cosine >= SAME_VECTOR;
    (!same).then_some(Difference::Vector((cosine * 1_000.0) as i16))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return 0.0;
    }
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

/// Keys of a stored record that no document has: they are removed with the next write.
pub fn foreign_keys(stored: &Stored) -> impl Iterator<Item = &String> {
    stored.fields.keys().filter(|key| !KEYS.contains(&key.as_str()))
}

/// Which object a stored record speaks of; `None` for what neither kubesift nor upstream wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind name.
    pub kind: String,
    /// Namespace; `_cluster` for cluster-scoped kinds.
    pub namespace: String,
}

impl Subject {
    /// Reads it from a record's metadata.
    pub fn of(stored: &Stored) -> Option<Self> {
        let text = |key: &str| stored.fields.get(key).and_then(Value::as_str).map(str::to_owned);
        if text("source").as_deref() != Some(SOURCE) {
            return None;
        }
        Some(Self { group: text("apiGroup")?, kind: text("kind")?, namespace: text("namespace")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Metadata;

    fn document(labels: &[&str], created: Option<&str>) -> Document {
        Document {
            id: "a/v1/Pod/x".into(),
            text: "Pod x".into(),
            metadata: Metadata {
                namespace: "a".into(),
                name: "x".into(),
                kind: "Pod".into(),
                api_version: "v1".into(),
                labels: labels.join(","),
                created_at: created.map(str::to_owned),
                label_pairs: labels.iter().map(|label| (*label).to_owned()).collect(),
                ..Metadata::default()
            },
            local: Default::default(),
        }
    }

    fn stored(document: &Document) -> Stored {
        let fields = fields(document, true).into_iter().filter(|(_, value)| !value.is_null()).collect();
        Stored { id: document.id.clone(), text: Some(document.text.clone()), fields, vector: None }
    }

    #[test]
    fn every_key_is_written_and_null_stands_for_none() {
        let fields = fields(&document(&[], None), true);
        assert_eq!(fields.len(), KEYS.len());
        assert_eq!((&fields["labelPairs"], &fields["createdAt"]), (&Value::Null, &Value::Null));
        assert_eq!((&fields["labels"], &fields["source"]), (&Value::from(""), &Value::from("resource-sync")));
        assert!(!super::fields(&document(&["a=b"], None), false).contains_key("labelPairs"));
    }

    #[test]
    fn a_record_is_equal_only_if_nothing_is_left_over() {
        let labelled = document(&["a=b"], Some("2026-01-01T00:00:00Z"));
        assert_eq!(differences(&labelled, &stored(&labelled), true), []);
        let bare = document(&[], None);
        let keys = |keys: &[&str]| keys.iter().map(|key| Difference::Key((*key).into())).collect::<Vec<_>>();
        assert_eq!(
            differences(&bare, &stored(&labelled), true),
            keys(&["createdAt", "labelPairs", "labels"])
        );
        let mut more = stored(&bare);
        more.fields.insert("team".into(), "x".into());
        assert_eq!(differences(&bare, &more, true), keys(&["team"]));
        assert_eq!(foreign_keys(&more).collect::<Vec<_>>(), ["team"]);
        more = Stored { text: None, ..stored(&bare) };
        assert_eq!(differences(&bare, &more, true), [Difference::Text]);
    }

    #[test]
    fn a_vector_is_ours_if_it_points_nearly_the_same_way() {
        let wanted: Vector = vec![0.6, 0.8, 0.0].into();
        let with = |vector: Option<&[f32]>| Stored {
            vector: vector.map(Into::into),
            ..stored(&document(&[], None))
        };
        let differs = |vector: Option<&[f32]>| vector_difference(&wanted, &with(vector));
        assert_eq!(differs(Some(&[0.6, 0.8, 0.0])), None);
        assert_eq!(differs(Some(&[1.2, 1.6, 0.1])), None, "its length is no difference");
        let foreign = differs(Some(&[0.0, 0.6, 0.8]));
        assert_eq!(foreign, Some(Difference::Vector(480)));
        assert_eq!(foreign.unwrap().to_string(), "vector, cosine 0.480");
        for none in [None, Some(&[][..]), Some(&[0.6, 0.8]), Some(&[f32::NAN; 3]), Some(&[0.0; 3])] {
            assert_eq!(differs(none), Some(Difference::Vector(0)), "{none:?}");
        }
    }

    #[test]
    fn only_records_of_the_sync_have_a_subject() {
        let mut record = stored(&document(&[], None));
        assert_eq!(
            Subject::of(&record),
            Some(Subject { group: String::new(), kind: "Pod".into(), namespace: "a".into() })
        );
        record.fields.insert("source".into(), "somebody".into());
        assert_eq!(Subject::of(&record), None);
    }
}
