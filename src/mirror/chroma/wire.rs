//! Bodies of Chroma's API v2, as far as they are used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::mirror::store::{Fields, Record, Stored};

/// What a server says it takes.
#[derive(Debug, Deserialize)]
pub(super) struct PreFlight {
    pub(super) max_batch_size: Option<usize>,
    #[serde(default)]
    pub(super) supports_base64_encoding: bool,
}

/// A collection.
#[derive(Debug, Deserialize)]
pub(super) struct CollectionReply {
    pub(super) id: String,
    #[serde(default)]
    pub(super) metadata: Option<Fields>,
    #[serde(default)]
    pub(super) dimension: Option<usize>,
    #[serde(default)]
    configuration_json: Value,
}

impl CollectionReply {
    /// How vectors are compared: of the index that is in use; older servers keep it in the metadata.
    pub(super) fn space(&self) -> Option<&str> {
        let of = |index: &str| self.configuration_json.get(index)?.get("space")?.as_str();
        let old = || self.metadata.as_ref()?.get("hnsw:space")?.as_str();
        of("hnsw").or_else(|| of("spann")).or_else(old)
    }
}

/// Makes a collection: cosine distance, no embedding function of the server's own.
#[derive(Debug, Serialize)]
pub(super) struct CreateBody<'a> {
    name: &'a str,
    get_or_create: bool,
    configuration: Value,
    // An empty map is refused.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    metadata: &'a Fields,
}

impl<'a> CreateBody<'a> {
    pub(super) fn new(name: &'a str, metadata: &'a Fields) -> Self {
        let configuration = serde_json::json!({ "hnsw": { "space": "cosine" } });
        Self { name, get_or_create: false, configuration, metadata }
    }
}

/// Replaces a collection's metadata.
#[derive(Debug, Serialize)]
pub(super) struct ModifyBody<'a> {
    pub(super) new_metadata: &'a Fields,
}

/// Deletes by id.
#[derive(Debug, Serialize)]
pub(super) struct Ids<'a> {
    pub(super) ids: &'a [String],
}

/// Reads records.
#[derive(Debug, Serialize)]
pub(super) struct GetBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ids: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<usize>,
    pub(super) include: &'static [&'static str],
}

/// Records that were read.
#[derive(Debug, Deserialize)]
pub(super) struct GetReply {
    ids: Vec<String>,
    #[serde(default)]
    documents: Option<Vec<Option<String>>>,
    #[serde(default)]
    metadatas: Option<Vec<Option<Fields>>>,
    #[serde(default)]
    embeddings: Option<Vec<Option<Vec<Option<f32>>>>>,
}

impl GetReply {
    /// One by one; `None` when the lists do not belong together.
    pub(super) fn into_stored(self) -> Option<Vec<Stored>> {
        let count = self.ids.len();
        let documents = self.documents.unwrap_or_else(|| vec![None; count]);
        let metadatas = self.metadatas.unwrap_or_else(|| vec![None; count]);
        let vectors = self.embeddings.unwrap_or_else(|| vec![None; count]);
        if documents.len() != count || metadatas.len() != count || vectors.len() != count {
            return None;
        }
        let parts = self.ids.into_iter().zip(documents).zip(metadatas.into_iter().zip(vectors));
        let stored = parts.map(|((id, text), (fields, vector))| Stored {
            id,
            text,
            fields: fields.unwrap_or_default(),
            // What is no number is null in JSON.
            vector: vector.map(|numbers| numbers.into_iter().map(|it| it.unwrap_or(f32::NAN)).collect()),
        });
        Some(stored.collect())
    }
}

/// Writes records, in Chroma's columns.
#[derive(Debug, Serialize)]
pub(super) struct RecordsBody<'a> {
    ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeddings: Option<Vectors<'a>>,
    documents: Vec<&'a str>,
    metadatas: Vec<&'a Fields>,
}

impl<'a> RecordsBody<'a> {
    /// With vectors if the records have them: all or none.
    pub(super) fn of(records: &'a [Record], base64: bool) -> Self {
        let vectors: Option<Vec<&[f32]>> = records.iter().map(|record| record.vector.as_deref()).collect();
        Self {
            ids: records.iter().map(|record| record.id.as_str()).collect(),
            embeddings: vectors.map(|vectors| Vectors { vectors, base64 }),
            documents: records.iter().map(|record| record.text.as_str()).collect(),
            metadatas: records.iter().map(|record| &record.fields).collect(),
        }
    }
}

/// Vectors as base64 of little-endian floats where the server takes it: a third of the size of numbers.
#[derive(Debug)]
struct Vectors<'a> {
    vectors: Vec<&'a [f32]>,
    base64: bool,
}

impl Serialize for Vectors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.vectors.len()))?;
        for vector in &self.vectors {
            if self.base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                list.serialize_element(&STANDARD.encode(bytes))?;
            } else {
                list.serialize_element(vector)?;
            }
        }
        list.end()
    }
}

/// A name as a part of a path; `None` for what no server could have been given.
pub(super) fn path_segment(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '~');
    let usable = !text.is_empty() && text.chars().all(plain) && text.chars().any(|c| c != '.');
    usable.then(|| text.to_owned())
}

/// Whether Chroma takes a name for a collection; its own rules, in words where it does not.
pub(super) fn collection_name(name: &str) -> Result<(), &'static str> {
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let wellformed = (3..=512).contains(&name.len())
        && name.chars().all(inner)
        && outer(name.chars().next())
        && outer(name.chars().next_back());
    if !wellformed {
        Err("it needs 3 to 512 of a-z, A-Z, 0-9, '.', '_', '-', and a letter or digit at both ends")
    } else if name.contains("..") {
        Err("it must not have two dots in a row")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Err("it must not be an IP address")
    } else {
        Ok(())
    }
}

/// Whether a collection was refused because of its name.
pub(super) fn is_about_name(message: &str) -> bool {
    message.contains("name:") || message.contains("a name ")
}

/// Whether a 404 is about the collection, not about the tenant, the database or the path.
pub(super) fn is_collection_missing(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("collection") && message.contains("not exist")
        || message.contains("collection") && message.contains("not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_chroma_takes() {
        // Each was sent to Chroma 1.5.9.
        for taken in ["abc", "UPPER", "a.b", "a-_b", "1.2.3", &"a".repeat(512)] {
            assert_eq!(collection_name(taken), Ok(()), "{taken}");
        }
        for refused in [
            "",
            "ab",
            "a..b",
            "a_",
            "_ab",
            "-ab",
            "ab-",
            "a@b",
            "a~b",
            "a b",
            "a/b",
            "1.2.3.4",
            &"a".repeat(513),
        ] {
            assert!(collection_name(refused).is_err(), "{refused}");
        }
        let said = "Validation error: name: Expected a name containing 3-512 characters from [a-zA-Z0-9._-]";
        assert!(is_about_name(said) && !is_about_name("Database [x] does not exist"));
    }
}
