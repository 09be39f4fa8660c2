//! The text of a kubeconfig as named entries, before any of them is understood: what is broken in an entry matters
//! only where that entry is used.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::AccessError;

/// An entry of one of the three lists.
#[derive(Clone)]
pub(super) struct Entry {
    /// What contexts call it.
    pub(super) name: String,
    /// The file it stands in: relative paths start there.
    pub(super) file: PathBuf,
    /// What stands under `context`, `cluster` or `user`.
    pub(super) body: Value,
}

/// Several kubeconfigs as one.
#[derive(Default)]
pub(super) struct Document {
    pub(super) contexts: Vec<Entry>,
    pub(super) clusters: Vec<Entry>,
    pub(super) users: Vec<Entry>,
    pub(super) current_context: Option<String>,
}

impl Document {
    /// Reads a file's text.
    pub(super) fn read(file: &Path, text: &str) -> Result<Self, AccessError> {
        // As kubectl reads: the last of repeated keys counts. Nothing that looks like a number by chance becomes one.
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
            non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            strict_booleans: true,
            with_snippet: false,
        };
        let parts: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
            .map_err(|error| invalid_yaml(file, &error))?;
        let mut document = Self::default();
        for part in parts {
            let Value::Object(fields) = part else { return Err(invalid(file, "it holds no fields")) };
            document.merge(Self {
                contexts: entries(file, &fields, "contexts", "context")?,
                clusters: entries(file, &fields, "clusters", "cluster")?,
                users: entries(file, &fields, "users", "user")?,
                current_context: fields.get("current-context").and_then(name),
            });
        }
        Ok(document)
    }

    /// Adds what a further file says: the first to name something wins, entry by entry.
    pub(super) fn merge(&mut self, next: Self) {
        fn add(own: &mut Vec<Entry>, next: Vec<Entry>) {
            let known = own.len();
            for entry in next {
                if !own[..known].iter().any(|other| other.name == entry.name) {
                    own.push(entry);
                }
            }
        }
        add(&mut self.contexts, next.contexts);
        add(&mut self.clusters, next.clusters);
        add(&mut self.users, next.users);
        if self.current_context.is_none() {
            self.current_context = next.current_context;
        }
    }
}

/// The entry of a name.
pub(super) fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

/// The named entries of a list. One that has no name can't be meant by anybody, whatever else is wrong with it.
fn entries(
    file: &Path,
    fields: &Map<String, Value>,
    list: &'static str,
    body: &str,
) -> Result<Vec<Entry>, AccessError> {
    let items = match fields.get(list) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(invalid(file, &format!("'{list}' is not a list"))),
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    for item in items {
        let Some(name) = item.get("name").and_then(name) else { continue };
        if find(&entries, &name).is_some() {
            return Err(AccessError::NamedTwice { file: file.to_owned(), list, name });
        }
        entries.push(Entry {
            name,
            file: file.to_owned(),
            body: item.get(body).cloned().unwrap_or_default(),
        });
    }
    Ok(entries)
}

/// A name as text. Somebody may call a context 2024 and not think of quotes.
pub(super) fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn invalid(file: &Path, problem: &str) -> AccessError {
    AccessError::Invalid { file: file.to_owned(), line: 0, column: 0, problem: problem.to_owned() }
}

fn invalid_yaml(file: &Path, error: &serde_saphyr::Error) -> AccessError {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
    let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    AccessError::Invalid { file: file.to_owned(), line, column, problem: without_values(&message) }
}

/// A parser's message without the values it quotes (they may be tokens or keys) and the place, which is said before.
fn without_values(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first.split_once(" at line ").map_or(first, |(message, _)| message);
    let mut text = String::with_capacity(first.len());
    for (index, part) in first.split(['"', '`']).enumerate() {
        text.push_str(if index % 2 == 0 { part } else { "…" });
    }
    text
}
