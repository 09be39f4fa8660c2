//! JSON: where a value ends in a stream of chunks, and metadata out of one value.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::list::ListEnd;
use super::{MAX_JSON_ITEM, WireError, short};
use crate::object::{Object, Owner};
use crate::text::parse_rfc3339;

/// Collects one JSON value out of chunks. A value that lies whole in one chunk is not copied.
#[derive(Default)]
pub(super) struct Value {
    scan: Scan,
    held: Vec<u8>,
}

/// What lies open at this byte of a value.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Scan {
    #[default]
    Start,
    Scalar,
    Nested {
        depth: u32,
    },
    Text {
        depth: u32,
        escaped: bool,
    },
}

impl Value {
    /// Takes bytes up to the end of the value; `use_value` gets it when it is complete. Returns how many bytes belong
    /// to it and, when complete, what `use_value` said.
    pub(super) fn take<T>(
        &mut self,
        bytes: &[u8],
        cap: usize,
        what: &'static str,
        use_value: impl FnOnce(&[u8]) -> Result<T, WireError>,
    ) -> Result<(usize, Option<T>), WireError> {
        let (used, complete) = self.end(bytes)?;
        if self.held.len() + used > cap {
            return Err(WireError::TooLarge { what, cap });
        }
        if !complete {
            self.held.extend_from_slice(&bytes[..used]);
            return Ok((used, None));
        }
        let result = if self.held.is_empty() {
            use_value(&bytes[..used])
        } else {
            self.held.extend_from_slice(&bytes[..used]);
            use_value(&self.held)
        };
        self.held.clear();
        if self.held.capacity() > 1 << 20 {
            self.held = Vec::new();
        }
        result.map(|value| (used, Some(value)))
    }

    /// Goes past the value without keeping it.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Result<(usize, bool), WireError> {
        self.end(bytes)
    }

    /// Whether a value has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.scan != Scan::Start
    }

    // How many bytes belong to the value, and whether it ends there. What lies between the ends is checked by serde.
    fn end(&mut self, bytes: &[u8]) -> Result<(usize, bool), WireError> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.scan = match self.scan {
                Scan::Text { depth, escaped: true } => Scan::Text { depth, escaped: false },
                Scan::Text { depth, escaped: false } => match byte {
                    b'"' if depth == 0 => return Ok(self.done(index + 1)),
                    b'"' => Scan::Nested { depth },
                    b'\\' => Scan::Text { depth, escaped: true },
                    _ => continue,
                },
                Scan::Nested { depth } => match byte {
                    b'"' => Scan::Text { depth, escaped: false },
                    b'{' | b'[' => Scan::Nested { depth: depth.saturating_add(1) },
                    b'}' | b']' if depth == 1 => return Ok(self.done(index + 1)),
                    b'}' | b']' => Scan::Nested { depth: depth - 1 },
                    _ => continue,
                },
                Scan::Scalar => match byte {
                    b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' => return Ok(self.done(index)),
                    _ => continue,
                },
                Scan::Start => match byte {
                    b'{' | b'[' => Scan::Nested { depth: 1 },
                    b'"' => Scan::Text { depth: 0, escaped: false },
                    b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Scan::Scalar,
                    _ => return Err(WireError::Malformed("no JSON value where one should be")),
                },
            };
        }
        Ok((bytes.len(), false))
    }

    fn done(&mut self, used: usize) -> (usize, bool) {
        self.scan = Scan::Start;
        (used, true)
    }
}

/// Bytes of blank space at the start.
pub(super) fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Reads one value; the error says what it should have been, never what it held.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &'static str) -> Result<T, WireError> {
    debug_assert!(bytes.len() <= MAX_JSON_ITEM);
    serde_json::from_slice(bytes).map_err(|error| WireError::json(what, &error))
}

/// Any object; everything but its metadata is passed over.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Item {
    kind: Option<String>,
    metadata: Option<Meta>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    annotations: Option<BTreeMap<String, Option<String>>>,
    owner_references: Option<Vec<JsonOwner>>,
    finalizers: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonOwner {
    api_version: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    controller: Option<bool>,
}

impl Item {
    /// The metadata; an error message in the place of an object is refused.
    pub(super) fn object(self) -> Result<Object, WireError> {
        if self.kind.as_deref() == Some("Status") {
            return Err(WireError::Unexpected { expected: "an object", found: "Status".to_owned() });
        }
        let meta = self.metadata.unwrap_or_default();
        Ok(Object {
            name: meta.name.unwrap_or_default(),
            namespace: meta.namespace.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            resource_version: meta.resource_version.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: time(meta.creation_timestamp),
            deleted: time(meta.deletion_timestamp),
            labels: pairs(meta.labels),
            annotations: pairs(meta.annotations),
            owners: meta.owner_references.unwrap_or_default().into_iter().map(Owner::from).collect(),
            finalizers: meta.finalizers.unwrap_or_default(),
        })
    }
}

impl From<JsonOwner> for Owner {
    fn from(owner: JsonOwner) -> Self {
        Self {
            api_version: owner.api_version.unwrap_or_default(),
            kind: owner.kind.unwrap_or_default(),
            name: owner.name.unwrap_or_default(),
            uid: owner.uid.unwrap_or_default(),
            controller: owner.controller.unwrap_or_default(),
        }
    }
}

fn pairs(map: Option<BTreeMap<String, Option<String>>>) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
}

// A time that is none costs the object its age, not the list its objects.
fn time(text: Option<String>) -> Option<i64> {
    parse_rfc3339(&text?)
}

/// A list's own metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta {
    resource_version: Option<String>,
    #[serde(rename = "continue")]
    continue_token: Option<String>,
    remaining_item_count: Option<i64>,
}

impl From<ListMeta> for ListEnd {
    fn from(meta: ListMeta) -> Self {
        Self {
            resource_version: meta.resource_version.unwrap_or_default(),
            continue_token: meta.continue_token.filter(|token| !token.is_empty()),
            remaining: meta.remaining_item_count.and_then(|count| u64::try_from(count).ok()),
        }
    }
}

/// Refuses a list document of another kind: an error message, a table.
pub(super) fn expect_list(kind: &str) -> Result<(), WireError> {
    if kind.ends_with("List") {
        return Ok(());
    }
    Err(WireError::Unexpected { expected: "a list", found: short(kind) })
}
