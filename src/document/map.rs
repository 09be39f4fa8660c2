//! Object to document: upstream's pull path, byte for byte, and the local fields beside it.

use std::collections::BTreeMap;

use super::{Document, Local, Metadata, REDACTED, Rules};
use crate::object::{Kind, Object};
use crate::text;

/// Stands for the namespace of cluster-scoped objects.
const CLUSTER: &str = "_cluster";
/// Stands for the missing namespace of a namespaced object.
const DEFAULT: &str = "default";
/// Longest annotation value of the local fields, in bytes.
const ANNOTATION_BYTES: usize = 1024;

/// Maps an object to its document. Kind, version and scope come from discovery (`kind`), not from the object.
///
/// Labels are kept as they are: they are selectors, every client may filter by them, and a redacted one would
/// find nothing. Annotations go through `rules` everywhere, so that index, mirror and vectors agree.
pub fn document(kind: &Kind, object: &Object, rules: &Rules) -> Document {
    let api_version = kind.api_version();
    let namespace = namespace(kind, object);
    let (annotations, descriptions) = annotations(kind, object, rules);
    let labels = in_javascript_order(&object.labels);
    Document {
        id: id(namespace, &api_version, &kind.kind, &object.name),
        text: text(kind, object, namespace, &api_version, &labels, &descriptions),
        metadata: Metadata {
            namespace: namespace.to_owned(),
            name: object.name.clone(),
            kind: kind.kind.clone(),
            api_group: kind.group.clone(),
            labels: pairs(&labels, ","),
            created_at: object.created.map(text::rfc3339),
            label_pairs: labels.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            api_version,
        },
        local: Local {
            uid: object.uid.clone(),
            generation: object.generation,
            created: object.created,
            deleted: object.deleted,
            labels: object.labels.clone(),
            annotations,
            owners: object.owners.clone(),
            finalizers: object.finalizers.clone(),
        },
    }
}

/// The id alone: `namespace/apiVersion/Kind/name`.
pub fn document_id(kind: &Kind, object: &Object) -> String {
    id(namespace(kind, object), &kind.api_version(), &kind.kind, &object.name)
}

fn id(namespace: &str, api_version: &str, kind: &str, name: &str) -> String {
    [namespace, api_version, kind, name].join("/")
}

fn namespace<'a>(kind: &Kind, object: &'a Object) -> &'a str {
    match (kind.namespaced, object.namespace.as_str()) {
        (false, _) => CLUSTER,
        (true, "") => DEFAULT,
        (true, namespace) => namespace,
    }
}

// Nothing is escaped or trimmed: an empty name leaves its space, an empty description its separator.
fn text(
    kind: &Kind,
    object: &Object,
    namespace: &str,
    api_version: &str,
    labels: &[(&str, &str)],
    descriptions: &[&str],
) -> String {
    let mut text =
        format!("{} {} | namespace: {namespace} | apiVersion: {api_version}", kind.kind, object.name);
    if !labels.is_empty() {
        text.push_str(" | labels: ");
        text.push_str(&pairs(labels, ", "));
    }
    if !descriptions.is_empty() {
        text.push_str(" | ");
        text.push_str(&descriptions.join(". "));
    }
    text
}

fn pairs(labels: &[(&str, &str)], separator: &str) -> String {
    let mut out = String::with_capacity(labels.iter().map(|(k, v)| k.len() + v.len() + 3).sum());
    for (index, (key, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(key);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// The annotations to keep, and the description values that `text` gets.
fn annotations<'a>(
    kind: &Kind,
    object: &'a Object,
    rules: &Rules,
) -> (BTreeMap<String, String>, Vec<&'a str>) {
    let of_secret = kind.group.is_empty() && (kind.kind == "Secret" || kind.plural == "secrets");
    let mut kept = BTreeMap::new();
    // Bytewise order is JavaScript's here: no description key is a number.
    let mut descriptions = Vec::new();
    for (key, value) in &object.annotations {
        let denied = rules.denies(key);
        let hidden = of_secret || denied || rules.redacts(key, value);
        if !denied {
            let value = if hidden { REDACTED } else { &value[..value.floor_char_boundary(ANNOTATION_BYTES)] };
            kept.insert(key.clone(), value.to_owned());
        }
        if is_description(key) {
            let lifted = rules.exact_upstream() && !of_secret;
            descriptions.push(if hidden && !lifted { REDACTED } else { value.as_str() });
        }
    }
    (kept, descriptions)
}

/// Whether this annotation's value is part of the text.
pub(super) fn is_description(key: &str) -> bool {
    key == "description" || key.ends_with("/description")
}

/// The order in which JavaScript lists an object's keys, which upstream's documents show: array indices first,
/// ascending, then the rest as kubectl printed them (bytewise).
fn in_javascript_order(map: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let mut pairs: Vec<(&str, &str)> =
        map.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    // No index: u32::MAX, which is none in JavaScript either. The sort is stable.
    pairs.sort_by_key(|(key, _)| array_index(key).unwrap_or(u32::MAX));
    pairs
}

/// `0` to `4294967294` without leading zeros.
fn array_index(key: &str) -> Option<u32> {
    let canonical = key == "0" || (!key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit()));
    if canonical { key.parse().ok().filter(|index| *index != u32::MAX) } else { None }
}
