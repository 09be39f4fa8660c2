//! Events about one object.

use std::collections::BTreeMap;

use serde_json::Value;

use super::live::{Happened, Watched};
use super::{FetchError, MOST_EVENTS};
use crate::cluster::wire::{WholeEvent, WireError};
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

/// The events about one object, kept up to date.
#[derive(Debug)]
pub(super) struct About {
    /// The object.
    uid: String,
    /// By the event's own uid.
    known: BTreeMap<String, Occurrence>,
}

impl About {
    pub(super) fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned(), known: BTreeMap::new() }
    }

    // Events about another uid (a server may ignore the selector) are left out.
    fn take(&mut self, event: &Value) -> bool {
        if text(event, &["involvedObject", "uid"]) != self.uid {
            return false;
        }
        let own = [&["metadata", "uid"][..], &["metadata", "name"]].map(|path| text(event, path));
        let key = own.into_iter().find(|key| !key.is_empty());
        let key = key.map_or_else(|| format!("#{}", self.known.len()), str::to_owned);
        self.known.insert(key, occurrence(event));
        if self.known.len() > MOST_EVENTS {
            let oldest = self.known.iter().min_by_key(|(_, event)| event.last).map(|(key, _)| key.clone());
            oldest.map(|key| self.known.remove(&key));
        }
        true
    }
}

impl Watched for About {
    /// Oldest first.
    type Page = Vec<Occurrence>;

    fn read(&mut self, list: Value) -> Result<(), FetchError> {
        self.known.clear();
        let items = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().for_each(|event| _ = self.take(event));
        Ok(())
    }

    fn read_single(&mut self, _: Value) -> Result<(), FetchError> {
        Ok(())
    }

    fn happened(&mut self, event: WholeEvent) -> Result<Happened, WireError> {
        let changed = match event {
            WholeEvent::Present(object) => self.take(&object.read()?),
            // The cluster forgets it.
            WholeEvent::Deleted(object) => self.known.remove(&object.uid).is_some(),
            WholeEvent::Bookmark(_) | WholeEvent::Error(_) | WholeEvent::Unknown => false,
        };
        Ok(if changed { Happened::Changed } else { Happened::Nothing })
    }

    fn page(&mut self) -> Result<Vec<Occurrence>, FetchError> {
        let mut events: Vec<Occurrence> = self.known.values().cloned().collect();
        events.sort_by_key(|event| event.last);
        Ok(events)
    }
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
