//! An object as YAML for people: `managedFields` apart, a Secret's values masked, or decoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::Commented;

use super::live::{Happened, Watched};
use super::{FetchError, ObjectRef};
use crate::cluster::wire::{WholeEvent, WholeObject, WireError};

/// What stands in the place of a masked value.
pub const MASK: &str = "••••••••";

/// An object, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// The object as YAML, without `metadata.managedFields`.
    pub text: String,
    /// `metadata.managedFields` as YAML; empty when there are none.
    pub managed_fields: String,
    /// How many values were masked.
    pub masked: usize,
    /// Values that would be masked show.
    pub revealed: bool,
}

/// One object, kept up to date.
pub(super) struct Single {
    object: ObjectRef,
    reveal: bool,
    newest: Newest,
}

enum Newest {
    Nothing,
    Read(Value),
    /// It is read when it is shown: most changes never are.
    Event(WholeObject),
}

impl Single {
    pub(super) fn new(object: &ObjectRef, reveal: bool) -> Self {
        Self { object: object.clone(), reveal, newest: Newest::Nothing }
    }

    fn is_it(&self, uid: &str) -> bool {
        self.object.uid.is_empty() || uid == self.object.uid
    }
}

impl Watched for Single {
    type Page = Manifest;

    fn read(&mut self, mut list: Value) -> Result<(), FetchError> {
        let said = |list: &Value, key: &str| list.get(key).and_then(Value::as_str).map(str::to_owned);
        // Items of a built-in kind's list do not say what they are: the list does.
        let kind = said(&list, "kind").and_then(|kind| kind.strip_suffix("List").map(str::to_owned));
        let version = said(&list, "apiVersion");
        let items =
            list.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
        let named = |item: &Value| text(item, "/metadata/name") == self.object.name;
        let Some(mut item) = items.into_iter().find(named) else { return Err(FetchError::Missing) };
        if let Some(fields) = item.as_object_mut() {
            for (key, value) in [("kind", kind), ("apiVersion", version)] {
                if let Some(value) = value.filter(|_| !fields.contains_key(key)) {
                    fields.insert(key.to_owned(), Value::String(value));
                }
            }
        }
        self.read_single(item)
    }

    fn read_single(&mut self, object: Value) -> Result<(), FetchError> {
        if !object.is_object() {
            return Err(FetchError::Unreadable("no object".to_owned()));
        }
        if !self.is_it(text(&object, "/metadata/uid")) {
            return Err(FetchError::Replaced);
        }
        self.newest = Newest::Read(object);
        Ok(())
    }

    fn happened(&mut self, event: WholeEvent) -> Result<Happened, WireError> {
        Ok(match event {
            WholeEvent::Present(object) if self.is_it(&object.uid) => {
                self.newest = Newest::Event(object);
                Happened::Changed
            }
            WholeEvent::Present(_) => Happened::Gone { replaced: true },
            WholeEvent::Deleted(object) if self.is_it(&object.uid) => Happened::Gone { replaced: false },
            WholeEvent::Deleted(_) | WholeEvent::Bookmark(_) | WholeEvent::Error(_) | WholeEvent::Unknown => {
                Happened::Nothing
            }
        })
    }

    fn page(&mut self) -> Result<Manifest, FetchError> {
        let object = match std::mem::replace(&mut self.newest, Newest::Nothing) {
            Newest::Read(object) => object,
            Newest::Event(object) => {
                object.read().map_err(|error| FetchError::Unreadable(error.to_string()))?
            }
            Newest::Nothing => return Err(FetchError::Unreadable("no object".to_owned())),
        };
        manifest(object, &self.object, self.reveal)
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The object for people.
pub(super) fn manifest(mut value: Value, object: &ObjectRef, reveal: bool) -> Result<Manifest, FetchError> {
    let Some(fields) = value.as_object_mut() else {
        return Err(FetchError::Unreadable("no object".to_owned()));
    };
    let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
    let managed = metadata.and_then(|metadata| metadata.remove("managedFields"));
    let masked = if object.is_secret() && !reveal { mask(fields) } else { 0 };
    let managed_fields = match managed {
        Some(Value::Array(entries)) if !entries.is_empty() => yaml(&entries)?,
        Some(_) | None => String::new(),
    };
    let revealed = object.is_secret() && reveal;
    let text = if revealed { yaml(&Decoded(fields))? } else { yaml(fields)? };
    Ok(Manifest { text, managed_fields, masked, revealed })
}

// `data` and `stringData`, and every annotation: kubectl's last-applied-configuration holds both again.
fn mask(secret: &mut Map<String, Value>) -> usize {
    let mut masked = 0;
    let mut hide = |values: Option<&mut Value>| match values {
        Some(Value::Object(values)) => values.values_mut().for_each(|value| {
            *value = Value::String(MASK.to_owned());
            masked += 1;
        }),
        // Not what an API server sends; whatever it is, it is not shown.
        Some(other) if !other.is_null() => {
            *other = Value::String(MASK.to_owned());
            masked += 1;
        }
        Some(_) | None => {}
    };
    hide(secret.get_mut("data"));
    hide(secret.get_mut("stringData"));
    hide(secret.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations")));
    masked
}

/// A Secret whose `data` is shown as what it holds.
struct Decoded<'a>(&'a Map<String, Value>);

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            match value.as_object().filter(|_| key == "data") {
                Some(data) => map.serialize_entry(key, &Data(data))?,
                None => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

struct Data<'a>(&'a Map<String, Value>);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            match value.as_str().map(|encoded| (encoded, held(encoded))) {
                Some((_, Held::Text(text))) => map.serialize_entry(key, &text)?,
                Some((encoded, Held::Bytes(length))) => {
                    let note = format!("base64 of {length} bytes that are no text");
                    map.serialize_entry(key, &Commented(encoded, note))?;
                }
                Some((_, Held::Odd)) | None => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

/// What a value of `data` holds.
enum Held {
    Text(String),
    Bytes(usize),
    /// It is no base64: an API server sends none such.
    Odd,
}

fn held(encoded: &str) -> Held {
    let Ok(bytes) = BASE64.decode(encoded) else { return Held::Odd };
    let length = bytes.len();
    match String::from_utf8(bytes) {
        // What a person could not read, or would read as something else, stays as it is.
        Ok(text) if text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')) => {
            Held::Text(text)
        }
        Ok(_) | Err(_) => Held::Bytes(length),
    }
}

fn yaml(value: &impl Serialize) -> Result<String, FetchError> {
    let text = serde_saphyr::to_string(value).map_err(|error| FetchError::Unreadable(error.to_string()))?;
    Ok(text.trim_end().to_owned())
}
