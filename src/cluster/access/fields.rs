//! The fields of one entry, with words for what is wrong with one of them. Null and empty mean absent, as for kubectl.

use std::collections::HashMap;
use std::path::Path;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::document::Entry;
use super::error::AccessError;

/// A map of fields somewhere in an entry.
pub(super) struct Fields<'a> {
    entry: &'a Entry,
    /// `context`, `cluster` or `user`.
    kind: &'static str,
    /// Where in the entry: `exec.`; empty at its top.
    place: String,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    /// The fields of an entry.
    pub(super) fn of(kind: &'static str, entry: &'a Entry) -> Result<Self, AccessError> {
        let fields = Self { entry, kind, place: String::new(), map: None };
        match &entry.body {
            Value::Null => Ok(fields),
            Value::Object(map) => Ok(Self { map: Some(map), ..fields }),
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(fields.wrong("", is(other, "a map of fields")))
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    /// An error about one field.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> AccessError {
        let field = format!("{}{key}", self.place);
        AccessError::Entry {
            file: self.entry.file.clone(),
            kind: self.kind,
            name: self.entry.name.clone(),
            field: field.trim_end_matches('.').to_owned(),
            problem: problem.into(),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, AccessError> {
        Ok(self.any_text(key)?.filter(|text| !text.trim().is_empty()))
    }

    /// A text as it stands there, blanks included.
    pub(super) fn any_text(&self, key: &str) -> Result<Option<String>, AccessError> {
        self.get(key).map(|value| self.as_text(key, value)).transpose()
    }

    fn as_text(&self, key: &str, value: &Value) -> Result<String, AccessError> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Null => Ok(String::new()),
            // What stood there can't be told from 1e3 any more, so kubectl does not take it either.
            Value::Number(_) | Value::Bool(_) => {
                Err(self.wrong(key, format!("{}: write it in quotes", is(value, "a text"))))
            }
            Value::Array(_) | Value::Object(_) => Err(self.wrong(key, is(value, "a text"))),
        }
    }

    /// A text that nobody may see.
    pub(super) fn secret(&self, key: &str) -> Result<Option<SecretString>, AccessError> {
        Ok(self.text(key)?.map(SecretString::from))
    }

    /// The name of another entry.
    pub(super) fn name(&self, key: &str) -> Result<Option<String>, AccessError> {
        match self.get(key) {
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(super::document::name(value)),
            _ => self.text(key),
        }
    }

    /// A file: a relative one lies beside the kubeconfig.
    pub(super) fn file(&self, key: &str) -> Result<Option<String>, AccessError> {
        Ok(self.text(key)?.map(|path| beside(&self.entry.file, &path)))
    }

    /// Yes or no, as YAML 1.1 spells them too.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, AccessError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "" => Ok(None),
                "true" | "yes" | "y" | "on" => Ok(Some(true)),
                "false" | "no" | "n" | "off" => Ok(Some(false)),
                _ => Err(self.wrong(key, "is neither true nor false")),
            },
            Some(_) => Err(self.wrong(key, "is neither true nor false")),
        }
    }

    fn items(&self, key: &str) -> Result<Option<&'a [Value]>, AccessError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong(key, is(other, "a list"))),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, AccessError> {
        let Some(items) = self.items(key)? else { return Ok(None) };
        let text = |(at, item)| self.as_text(&format!("{key}[{at}]"), item);
        items.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Further fields in one field.
    pub(super) fn fields(&self, key: &str) -> Result<Option<Fields<'a>>, AccessError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => self.within(key, value).map(Some),
        }
    }

    /// A list of maps of fields.
    pub(super) fn all_fields(&self, key: &str) -> Result<Vec<Fields<'a>>, AccessError> {
        let items = self.items(key)?.unwrap_or_default();
        items.iter().enumerate().map(|(at, item)| self.within(&format!("{key}[{at}]"), item)).collect()
    }

    fn within(&self, key: &str, value: &'a Value) -> Result<Fields<'a>, AccessError> {
        let map = match value {
            Value::Null => None,
            Value::Object(map) => Some(map),
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(self.wrong(key, is(other, "a map of fields")));
            }
        };
        Ok(Fields { entry: self.entry, kind: self.kind, place: format!("{}{key}.", self.place), map })
    }

    /// All fields as texts.
    pub(super) fn all_texts(&self) -> Result<HashMap<String, String>, AccessError> {
        let text = |(key, value): (&String, &Value)| Ok((key.clone(), self.as_text(key, value)?));
        self.map.into_iter().flatten().map(text).collect()
    }

    /// All fields as lists of texts.
    pub(super) fn all_lists(&self) -> Result<HashMap<String, Vec<String>>, AccessError> {
        let keys = self.map.into_iter().flatten().map(|(key, _)| key);
        keys.map(|key| Ok((key.clone(), self.texts(key)?.unwrap_or_default()))).collect()
    }

    /// One field as it stands there.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.get(key)
    }
}

/// What a value is instead; the value itself may be secret.
fn is(value: &Value, wanted: &str) -> String {
    let what = match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map of fields",
    };
    format!("is {what}, not {wanted}")
}

fn beside(kubeconfig: &Path, file: &str) -> String {
    match kubeconfig.parent() {
        Some(directory) if Path::new(file).is_relative() => directory.join(file).display().to_string(),
        Some(_) | None => file.to_owned(),
    }
}
