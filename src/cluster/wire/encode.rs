//! The other direction, for the simulated server and for tests: objects to lists, watch events and refusals.

use serde_json::{Map, Value, json};

use super::envelope::MAGIC;
use super::list::ListEnd;
use super::proto::{put_bytes, put_number};
use super::watch::INITIAL_EVENTS_END;
use super::{Encoding, Status, WatchEvent};
use crate::object::{Object, Owner};
use crate::text::rfc3339;

const META_V1: &str = "meta.k8s.io/v1";

/// One object to write, with what a server sends besides that kubesift does not keep.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// The object.
    pub object: &'a Object,
    /// Its `resourceVersion`, which need not be the object's own.
    pub version: &'a str,
    /// `managedFields` as their JSON; empty for none.
    pub managed_fields: &'a str,
    /// What a full object holds besides its metadata.
    pub content: fn(&Object) -> Map<String, Value>,
}

/// The content of an object that has none.
pub fn no_content(_: &Object) -> Map<String, Value> {
    ["spec", "status"].into_iter().map(|key| (key.to_owned(), json!({}))).collect()
}

impl<'a> From<&'a Object> for Written<'a> {
    fn from(object: &'a Object) -> Self {
        Self { object, version: &object.resource_version, managed_fields: "", content: no_content }
    }
}

/// A whole list body (`PartialObjectMetadataList`).
pub fn list<'a>(encoding: Encoding, end: &ListEnd, items: impl Iterator<Item = Written<'a>>) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut list = Vec::new();
            put_bytes(&mut list, 1, &list_meta(end));
            items.for_each(|item| put_bytes(&mut list, 2, &partial_object(item)));
            envelope(META_V1, "PartialObjectMetadataList", &list)
        }
        Encoding::Json => {
            let head = json_head("PartialObjectMetadataList", META_V1, end);
            json_list(head, items.map(|item| json_object("PartialObjectMetadata", META_V1, item)))
        }
    }
}

/// A whole list body as plain JSON, with full objects: what a server sends that knows no metadata lists. Items of a
/// custom resource's list say their kind (`named`), those of a built-in one's do not.
pub fn full_list<'a>(
    kind: &str,
    api_version: &str,
    named: bool,
    end: &ListEnd,
    items: impl Iterator<Item = Written<'a>>,
) -> Vec<u8> {
    // Metadata last, as for custom resources.
    let mut body = Vec::from(format!("{{\"apiVersion\":{},\"items\":[", json!(api_version)));
    items.enumerate().for_each(|(index, item)| {
        if index > 0 {
            body.push(b',');
        }
        let mut object = full_object(kind, api_version, item);
        if let Some(members) = object.as_object_mut().filter(|_| !named) {
            members.retain(|key, _| key != "kind" && key != "apiVersion");
        }
        body.extend(object.to_string().bytes());
    });
    let head = json_head(&format!("{kind}List"), api_version, end);
    body.extend(format!("],\"kind\":{},\"metadata\":{}}}\n", head["kind"], head["metadata"]).bytes());
    body
}

/// One object (`PartialObjectMetadata`), as a GET answers.
pub fn object(encoding: Encoding, item: Written<'_>) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => envelope(META_V1, "PartialObjectMetadata", &partial_object(item)),
        Encoding::Json => line(&json_object("PartialObjectMetadata", META_V1, item)),
    }
}

/// One full object as JSON.
pub fn full_object(kind: &str, api_version: &str, item: Written<'_>) -> Value {
    let mut value = json_object(kind, api_version, item);
    if let Some(members) = value.as_object_mut() {
        members.extend((item.content)(item.object));
    }
    value
}

/// One event of a watch: a frame, or a line of JSON.
pub fn event(encoding: Encoding, event: &WatchEvent, managed_fields: &str) -> Vec<u8> {
    let (name, object) = match event {
        WatchEvent::Added(object) => ("ADDED", Some(object.as_ref().clone())),
        WatchEvent::Modified(object) => ("MODIFIED", Some(object.as_ref().clone())),
        WatchEvent::Deleted(object) => ("DELETED", Some(object.as_ref().clone())),
        WatchEvent::Bookmark { version, initial_events_end } => {
            ("BOOKMARK", Some(bookmark(version, *initial_events_end)))
        }
        WatchEvent::Error(_) => ("ERROR", None),
        WatchEvent::Unknown(name) => (name.as_str(), Some(Object::default())),
    };
    let written = object.as_ref().map(|object| Written {
        managed_fields: if object.name.is_empty() { "" } else { managed_fields },
        ..Written::from(object)
    });
    let refused = if let WatchEvent::Error(refused) = event { refused.clone() } else { Status::default() };
    match encoding {
        Encoding::Protobuf => {
            let raw = match written {
                Some(item) => envelope(META_V1, "PartialObjectMetadata", &partial_object(item)),
                None => status(encoding, &refused),
            };
            frame(name, &raw)
        }
        Encoding::Json => line(&json!({ "type": name, "object": match written {
            Some(item) => json_object("PartialObjectMetadata", META_V1, item),
            None => json_status(&refused),
        }})),
    }
}

/// One event of a watch as full JSON: what a server sends that knows no metadata watches.
pub fn full_event(
    kind: &str,
    api_version: &str,
    event: &WatchEvent,
    managed_fields: &str,
    content: fn(&Object) -> Map<String, Value>,
) -> Vec<u8> {
    let (name, object) = match event {
        WatchEvent::Added(object) => ("ADDED", object.as_ref()),
        WatchEvent::Modified(object) => ("MODIFIED", object.as_ref()),
        WatchEvent::Deleted(object) => ("DELETED", object.as_ref()),
        WatchEvent::Bookmark { version, initial_events_end } => {
            ("BOOKMARK", &bookmark(version, *initial_events_end))
        }
        WatchEvent::Error(_) | WatchEvent::Unknown(_) => return self::event(Encoding::Json, event, ""),
    };
    let managed_fields = if object.name.is_empty() { "" } else { managed_fields };
    let written = Written { content, managed_fields, ..Written::from(object) };
    line(&json!({ "type": name, "object": full_object(kind, api_version, written) }))
}

fn bookmark(version: &str, initial_events_end: bool) -> Object {
    let mut object = Object { resource_version: version.to_owned(), ..Object::default() };
    if initial_events_end {
        object.annotations.insert(INITIAL_EVENTS_END.to_owned(), "true".to_owned());
    }
    object
}

/// A refusal's body.
pub fn status(encoding: Encoding, status: &Status) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => envelope("v1", "Status", &status_message(status)),
        Encoding::Json => line(&json_status(status)),
    }
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut type_meta = Vec::new();
    put_bytes(&mut type_meta, 1, api_version.as_bytes());
    put_bytes(&mut type_meta, 2, kind.as_bytes());
    let mut out = Vec::with_capacity(raw.len() + 64);
    out.extend_from_slice(MAGIC);
    put_bytes(&mut out, 1, &type_meta);
    put_bytes(&mut out, 2, raw);
    put_bytes(&mut out, 3, b"");
    put_bytes(&mut out, 4, b"");
    out
}

fn frame(name: &str, raw: &[u8]) -> Vec<u8> {
    let (mut extension, mut event) = (Vec::new(), Vec::new());
    put_bytes(&mut extension, 1, raw);
    put_bytes(&mut event, 1, name.as_bytes());
    put_bytes(&mut event, 2, &extension);
    let mut out = Vec::from(u32::try_from(event.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.append(&mut event);
    out
}

// As the server writes it: empty strings are there, unset pointers are not.
fn list_meta(end: &ListEnd) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, b"");
    put_bytes(&mut out, 2, end.resource_version.as_bytes());
    put_bytes(&mut out, 3, end.continue_token.as_deref().unwrap_or_default().as_bytes());
    if let Some(remaining) = end.remaining {
        put_number(&mut out, 4, remaining);
    }
    out
}

fn partial_object(item: Written<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, &object_meta(item));
    out
}

fn object_meta(item: Written<'_>) -> Vec<u8> {
    let object = item.object;
    let mut out = Vec::with_capacity(512);
    put_bytes(&mut out, 1, object.name.as_bytes());
    put_bytes(&mut out, 2, b"");
    put_bytes(&mut out, 3, object.namespace.as_bytes());
    put_bytes(&mut out, 4, b"");
    put_bytes(&mut out, 5, object.uid.as_bytes());
    put_bytes(&mut out, 6, item.version.as_bytes());
    put_number(&mut out, 7, object.generation.cast_unsigned());
    put_bytes(&mut out, 8, &object.created.map(time).unwrap_or_default());
    if let Some(deleted) = object.deleted {
        put_bytes(&mut out, 9, &time(deleted));
        put_number(&mut out, 10, 30);
    }
    object.labels.iter().for_each(|(key, value)| put_bytes(&mut out, 11, &pair(key, value)));
    object.annotations.iter().for_each(|(key, value)| put_bytes(&mut out, 12, &pair(key, value)));
    object.owners.iter().for_each(|owner| put_bytes(&mut out, 13, &owner_reference(owner)));
    object.finalizers.iter().for_each(|finalizer| put_bytes(&mut out, 14, finalizer.as_bytes()));
    if !item.managed_fields.is_empty() {
        put_bytes(&mut out, 17, &managed_fields(item));
    }
    out
}

// ManagedFieldsEntry: manager 1, operation 2, apiVersion 3, time 4, fieldsType 6, fieldsV1 7 (raw 1), subresource 8.
fn managed_fields(item: Written<'_>) -> Vec<u8> {
    let (mut out, mut fields) = (Vec::new(), Vec::new());
    put_bytes(&mut fields, 1, item.managed_fields.as_bytes());
    put_bytes(&mut out, 1, MANAGER.as_bytes());
    put_bytes(&mut out, 2, b"Update");
    put_bytes(&mut out, 3, b"v1");
    put_bytes(&mut out, 4, &item.object.created.map(time).unwrap_or_default());
    put_bytes(&mut out, 6, b"FieldsV1");
    put_bytes(&mut out, 7, &fields);
    put_bytes(&mut out, 8, b"");
    out
}

const MANAGER: &str = "kube-controller-manager";

fn time(seconds: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, 1, seconds.cast_unsigned());
    put_number(&mut out, 2, 0);
    out
}

fn pair(key: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + value.len() + 8);
    put_bytes(&mut out, 1, key.as_bytes());
    put_bytes(&mut out, 2, value.as_bytes());
    out
}

fn owner_reference(owner: &Owner) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, owner.kind.as_bytes());
    put_bytes(&mut out, 3, owner.name.as_bytes());
    put_bytes(&mut out, 4, owner.uid.as_bytes());
    put_bytes(&mut out, 5, owner.api_version.as_bytes());
    if owner.controller {
        put_number(&mut out, 6, 1);
    }
    out
}

fn status_message(status: &Status) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, &list_meta(&ListEnd::default()));
    put_bytes(&mut out, 2, b"Failure");
    put_bytes(&mut out, 3, status.message.as_bytes());
    put_bytes(&mut out, 4, status.reason.as_bytes());
    if status.retry_after_seconds.is_some() || !status.causes.is_empty() {
        let mut details = Vec::new();
        (1..=3).for_each(|field| put_bytes(&mut details, field, b""));
        for cause in &status.causes {
            let mut message = Vec::new();
            put_bytes(&mut message, 1, cause.reason.as_bytes());
            put_bytes(&mut message, 2, cause.message.as_bytes());
            put_bytes(&mut message, 3, cause.field.as_bytes());
            put_bytes(&mut details, 4, &message);
        }
        put_number(&mut details, 5, status.retry_after_seconds.unwrap_or_default().into());
        put_bytes(&mut out, 5, &details);
    }
    put_number(&mut out, 6, status.code.into());
    out
}

fn json_head(kind: &str, api_version: &str, end: &ListEnd) -> Value {
    let mut metadata = Map::new();
    put(&mut metadata, "resourceVersion", &end.resource_version);
    put(&mut metadata, "continue", end.continue_token.as_deref().unwrap_or_default());
    if let Some(remaining) = end.remaining {
        metadata.insert("remainingItemCount".to_owned(), remaining.into());
    }
    json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata })
}

fn json_list(head: Value, items: impl Iterator<Item = Value>) -> Vec<u8> {
    // Metadata first, as the built-in kinds have it; the items one after the other.
    let (kind, version, metadata) = (&head["kind"], &head["apiVersion"], &head["metadata"]);
    let mut body =
        Vec::from(format!("{{\"kind\":{kind},\"apiVersion\":{version},\"metadata\":{metadata},\"items\":["));
    items.enumerate().for_each(|(index, item)| {
        if index > 0 {
            body.push(b',');
        }
        body.extend(item.to_string().bytes());
    });
    body.extend(b"]}\n");
    body
}

fn json_object(kind: &str, api_version: &str, item: Written<'_>) -> Value {
    let object = item.object;
    let mut meta = Map::new();
    put(&mut meta, "name", &object.name);
    put(&mut meta, "namespace", &object.namespace);
    put(&mut meta, "uid", &object.uid);
    put(&mut meta, "resourceVersion", item.version);
    if object.generation != 0 {
        meta.insert("generation".to_owned(), object.generation.into());
    }
    put(&mut meta, "creationTimestamp", &object.created.map(rfc3339).unwrap_or_default());
    if let Some(deleted) = object.deleted {
        put(&mut meta, "deletionTimestamp", &rfc3339(deleted));
        meta.insert("deletionGracePeriodSeconds".to_owned(), 30.into());
    }
    if !object.labels.is_empty() {
        meta.insert("labels".to_owned(), json!(object.labels));
    }
    if !object.annotations.is_empty() {
        meta.insert("annotations".to_owned(), json!(object.annotations));
    }
    if !object.owners.is_empty() {
        meta.insert("ownerReferences".to_owned(), object.owners.iter().map(json_owner).collect());
    }
    if !object.finalizers.is_empty() {
        meta.insert("finalizers".to_owned(), json!(object.finalizers));
    }
    if !item.managed_fields.is_empty() {
        let fields: Value = serde_json::from_str(item.managed_fields).unwrap_or_default();
        meta.insert(
            "managedFields".to_owned(),
            json!([{ "manager": MANAGER, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields }]),
        );
    }
    json!({ "kind": kind, "apiVersion": api_version, "metadata": meta })
}

fn json_owner(owner: &Owner) -> Value {
    let mut value =
        json!({ "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid });
    if owner.controller {
        value["controller"] = true.into();
    }
    value
}

fn json_status(status: &Status) -> Value {
    let mut value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": status.message, "reason": status.reason, "code": status.code,
    });
    if let Some(seconds) = status.retry_after_seconds {
        value["details"]["retryAfterSeconds"] = seconds.into();
    }
    for (index, cause) in status.causes.iter().enumerate() {
        if index == 0 {
            value["details"]["causes"] = json!([]);
        }
        let cause = json!({ "reason": cause.reason, "message": cause.message, "field": cause.field });
        if let Some(causes) = value["details"]["causes"].as_array_mut() {
            causes.push(cause);
        }
    }
    value
}

fn put(map: &mut Map<String, Value>, key: &str, value: &str) {
    if !value.is_empty() {
        map.insert(key.to_owned(), value.into());
    }
}

fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}
