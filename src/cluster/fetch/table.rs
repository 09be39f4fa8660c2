//! The status of objects, in the server's own words: what it prints in a Table (`kubectl get`), read to one line.

use serde::Deserialize;

/// What the server says about the status of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// The object's uid.
    pub uid: String,
    /// One line: `1/1 Running`, `0/2`, `Bound`; empty where the kind prints nothing of the like.
    pub text: String,
    /// What several objects are counted by: `Running`, `Ready`.
    pub word: String,
    /// Whether a person should look at it.
    pub alarming: bool,
}

/// What a server prints about some objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Printed {
    /// One of each.
    pub objects: Vec<Reported>,
    /// Whether this kind has a column for it at all; of most kinds nothing is said.
    pub has_status: bool,
}

/// A `meta.k8s.io/v1` Table, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Table {
    column_definitions: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Column {
    name: String,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Row {
    cells: Vec<serde_json::Value>,
    object: Partial,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Partial {
    metadata: Metadata,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Metadata {
    uid: String,
}

/// Columns that say in a word how an object is, the best first.
const WORDS: [&str; 6] = ["status", "phase", "state", "health status", "health", "job status"];
/// Columns of how many of the wanted parts are there.
const PARTS: [&str; 2] = ["ready", "completions"];
/// Columns of how many parts are wanted, where `ready` is a bare number.
const WANTED: [&str; 2] = ["desired", "replicas"];
/// Columns of True and False that custom resources use, and what they are said as.
const CONDITIONS: [(&str, &str, &str); 4] = [
    ("ready", "Ready", "Not ready"),
    ("synced", "Synced", "Not synced"),
    ("available", "Available", "Not available"),
    ("healthy", "Healthy", "Unhealthy"),
];
/// Parts of words that call for a person.
const ALARMS: [&str; 14] = [
    "error",
    "backoff",
    "fail",
    "oomkilled",
    "evicted",
    "unknown",
    "notready",
    "lost",
    "invalid",
    "denied",
    "degraded",
    "missing",
    "deadline",
    "unhealthy",
];

/// What the words begin with that explain why not all parts are there.
const PASSING: [&str; 6] =
    ["Complete", "Succeeded", "ContainerCreating", "PodInitializing", "Init:", "Terminating"];

/// Reads a Table: one line for each of its rows that names its object.
pub(super) fn read(table: &Table) -> Printed {
    let names: Vec<String> =
        table.column_definitions.iter().map(|column| column.name.to_lowercase()).collect();
    let rows = table.rows.iter().filter(|row| !row.object.metadata.uid.is_empty());
    let objects =
        rows.map(|row| reported(&Cells { names: &names, cells: &row.cells }, &row.object.metadata.uid));
    Printed { objects: objects.collect(), has_status: names.iter().any(|name| tells(name)) }
}

fn tells(column: &str) -> bool {
    WORDS.contains(&column)
        || PARTS.contains(&column)
        || CONDITIONS.iter().any(|(condition, _, _)| *condition == column)
}

/// The cells of a row, by their columns' names.
struct Cells<'a> {
    names: &'a [String],
    cells: &'a [serde_json::Value],
}

impl Cells<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let at = self.names.iter().position(|own| own == name)?;
        let cell = self.cells.get(at)?;
        let text = match (cell.as_str(), cell.as_bool()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(true)) => "True".to_owned(),
            (None, Some(false)) => "False".to_owned(),
            (None, None) => cell.as_number()?.to_string(),
        };
        Some(text).filter(|text| !text.is_empty() && text != "<none>")
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }
}

fn reported(cells: &Cells<'_>, uid: &str) -> Reported {
    let word = cells.first(&WORDS);
    let parts = parts(cells);
    let conditions = conditions(cells);
    let restarts = cells.get("restarts").filter(|restarts| !restarts.starts_with('0'));
    // What comes, ends or ended well has no ready container, and that is as it should be; no more has a Job that runs.
    let passing = word.as_deref().is_some_and(|word| {
        PASSING.iter().any(|start| word.starts_with(start)) || cells.get("completions").is_some()
    });
    let short = parts.as_ref().is_some_and(|(there, wanted)| there < wanted);
    let alarming = word.as_deref().is_some_and(alarming)
        || (short && !passing)
        || conditions.iter().any(|(_, good)| !good);
    let mut text: Vec<String> = Vec::new();
    text.extend(parts.map(|(there, wanted)| format!("{there}/{wanted}")));
    text.extend(word.clone());
    if text.is_empty() {
        text.extend(conditions.iter().map(|(said, _)| (*said).to_owned()));
    }
    if let Some(restarts) = restarts.filter(|_| alarming) {
        // `7 (2m ago)`: the number says it.
        text.push(format!("↻{}", restarts.split(' ').next().unwrap_or_default()));
    }
    let word = word.or_else(|| conditions.first().map(|(said, _)| (*said).to_owned()));
    let word = word.unwrap_or_else(|| match (text.is_empty(), short) {
        (true, _) => String::new(),
        (false, true) => "not ready".to_owned(),
        (false, false) => "ready".to_owned(),
    });
    Reported { uid: uid.to_owned(), text: text.join(" "), word, alarming }
}

fn parts(cells: &Cells<'_>) -> Option<(u64, u64)> {
    let ready = cells.first(&PARTS)?;
    match ready.split_once('/') {
        // `1/1 (...)` and the like: only two numbers are parts.
        Some((there, wanted)) => Some((there.trim().parse().ok()?, wanted.trim().parse().ok()?)),
        None => Some((ready.parse().ok()?, cells.first(&WANTED)?.parse().ok()?)),
    }
}

fn conditions(cells: &Cells<'_>) -> Vec<(&'static str, bool)> {
    let said = CONDITIONS.iter().filter_map(|(name, yes, no)| match cells.get(name)?.as_str() {
        "True" | "true" => Some((*yes, true)),
        "False" | "false" | "Unknown" => Some((*no, false)),
        _ => None,
    });
    said.collect()
}

fn alarming(word: &str) -> bool {
    let word = word.to_lowercase();
    ALARMS.iter().any(|alarm| word.contains(alarm))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(columns: &[&str], cells: Value) -> Reported {
        let definitions: Vec<Value> =
            columns.iter().map(|name| json!({ "name": name, "type": "string" })).collect();
        let table = json!({
            "columnDefinitions": definitions,
            "rows": [{ "cells": cells, "object": { "metadata": { "uid": "u1", "name": "x" } } }],
        });
        let read = read(&serde_json::from_value(table).unwrap());
        assert_eq!(read.objects[0].uid, "u1");
        read.objects[0].clone()
    }

    fn said(columns: &[&str], cells: Value) -> (String, bool) {
        let row = row(columns, cells);
        (row.text, row.alarming)
    }

    #[test]
    fn built_in_kinds_are_said_as_kubectl_says_them() {
        let pod = ["Name", "Ready", "Status", "Restarts", "Age"];
        assert_eq!(said(&pod, json!(["a", "1/1", "Running", "0", "1d"])), ("1/1 Running".to_owned(), false));
        assert_eq!(
            said(&pod, json!(["a", "1/1", "Running", "3 (2d ago)", "1d"])),
            ("1/1 Running".to_owned(), false)
        );
        assert_eq!(
            said(&pod, json!(["a", "0/1", "CrashLoopBackOff", "7 (2m ago)", "1d"])),
            ("0/1 CrashLoopBackOff ↻7".to_owned(), true)
        );
        assert_eq!(
            said(&pod, json!(["a", "0/1", "Completed", "0", "1d"])),
            ("0/1 Completed".to_owned(), false)
        );
        let deployment = ["Name", "Ready", "Up-to-date", "Available", "Age"];
        assert_eq!(said(&deployment, json!(["a", "3/3", 3, 3, "1d"])), ("3/3".to_owned(), false));
        assert_eq!(said(&deployment, json!(["a", "0/2", 2, 0, "1d"])), ("0/2".to_owned(), true));
        let set = ["Name", "Desired", "Current", "Ready", "Age"];
        assert_eq!(said(&set, json!(["a", 3, 3, 2, "1d"])), ("2/3".to_owned(), true));
        let job = ["Name", "Status", "Completions"];
        assert_eq!(said(&job, json!(["a", "Running", "0/1"])), ("0/1 Running".to_owned(), false));
        assert_eq!(said(&job, json!(["a", "Failed", "0/1"])), ("0/1 Failed".to_owned(), true));
        assert_eq!(said(&["Name", "Status"], json!(["a", "NotReady"])), ("NotReady".to_owned(), true));
        assert_eq!(said(&["Name", "Data", "Age"], json!(["a", 3, "1d"])), (String::new(), false));
    }

    #[test]
    fn custom_resources_are_said_by_their_conditions() {
        let crossplane = ["Name", "Synced", "Ready", "Composition"];
        assert_eq!(said(&crossplane, json!(["a", "True", "True", "x"])), ("Ready Synced".to_owned(), false));
        assert_eq!(
            said(&crossplane, json!(["a", "True", "False", "x"])),
            ("Not ready Synced".to_owned(), true)
        );
        let argo = ["Name", "Sync Status", "Health Status"];
        assert_eq!(said(&argo, json!(["a", "Synced", "Degraded"])), ("Degraded".to_owned(), true));
    }

    #[test]
    fn what_several_objects_are_counted_by_is_a_word() {
        assert_eq!(row(&["Ready", "Status"], json!(["1/1", "Running"])).word, "Running");
        assert_eq!(row(&["Ready"], json!(["0/2"])).word, "not ready");
        assert_eq!(row(&["Data"], json!([3])).word, "");
    }

    #[test]
    fn rows_of_another_shape_say_nothing() {
        let odd = json!({
            "columnDefinitions": [{ "name": "Status" }, { "name": "Ready" }],
            "rows": [
                { "cells": [{ "a": 1 }], "object": { "metadata": { "uid": "u1" } } },
                { "cells": ["x"] },
                { "cells": ["Running"], "object": { "metadata": { "uid": "" } } },
            ],
        });
        let read = read(&serde_json::from_value(odd).unwrap());
        assert_eq!(read.objects, [Reported { uid: "u1".to_owned(), ..Reported::default() }]);
        assert!(read.has_status);
        let mute = json!({ "columnDefinitions": [{ "name": "Data" }], "rows": [] });
        assert!(!super::read(&serde_json::from_value(mute).unwrap()).has_status);
    }
}
