//! Events about one object.

use serde_json::Value;

use crate::text::parse_rfc3339;

/// One event: something that happened to the object, perhaps several times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Occurrence {
    /// When it happened last, seconds since 1970.
    pub last: Option<i64>,
    /// How often it happened.
    pub count: u64,
    /// `Normal` or `Warning`.
    pub kind: String,
    /// One word.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// Who says so.
    pub source: String,
}

/// Reads an `EventList`; events about another uid (a server may ignore the selector) are left out.
pub(super) fn read(list: &Value, uid: &str) -> Vec<Occurrence> {
    let items = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let about = |item: &&Value| text(item, &["involvedObject", "uid"]) == uid;
    let mut events: Vec<Occurrence> = items.iter().filter(about).map(occurrence).collect();
    events.sort_by_key(|event| event.last);
    events
}

fn occurrence(item: &Value) -> Occurrence {
    let first = |paths: &[&[&str]]| paths.iter().map(|path| text(item, path)).find(|text| !text.is_empty());
    // Which of the times and sources is set depends on the API that the event was written with.
    let last = first(&[
        &["series", "lastObservedTime"],
        &["lastTimestamp"],
        &["eventTime"],
        &["firstTimestamp"],
        &["metadata", "creationTimestamp"],
    ]);
    let number = |path: &[&str]| find(item, path).and_then(Value::as_u64);
    Occurrence {
        last: last.and_then(parse_rfc3339),
        count: number(&["series", "count"]).or_else(|| number(&["count"])).unwrap_or(1).max(1),
        kind: text(item, &["type"]).to_owned(),
        reason: text(item, &["reason"]).to_owned(),
        message: text(item, &["message"]).to_owned(),
        source: first(&[&["reportingComponent"], &["source", "component"]]).unwrap_or_default().to_owned(),
    }
}

fn find<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    find(value, path).and_then(Value::as_str).unwrap_or_default()
}
