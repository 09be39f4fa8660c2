//! What most tests do: make small objects, start a writer, and wait until a query finds something.

use std::io::Write;

use serde_json::{Value, json};

use super::binary::Running;
use super::{Home, wait_for};

/// A config map in the namespace `default`.
pub(crate) fn config_map(name: &str) -> Value {
    config_map_in("default", name)
}

/// A config map.
pub(crate) fn config_map_in(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace } })
}

/// A CRD `PLURAL.test.example.org` that serves these versions; the first one is stored.
pub(crate) fn crd(plural: &str, versions: &[&str]) -> Value {
    let version = |name: &&str| {
        json!({ "name": name, "served": true, "storage": *name == versions[0],
            "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.test.example.org") },
        "spec": {
            "group": "test.example.org",
            "scope": "Namespaced",
            "names": { "kind": plural, "plural": plural, "singular": format!("{plural}-one") },
            "versions": versions.iter().map(version).collect::<Vec<_>>(),
        },
    })
}

/// An object of such a CRD, in the namespace `default`.
pub(crate) fn custom(plural: &str, version: &str, name: &str) -> Value {
    json!({ "apiVersion": format!("test.example.org/{version}"), "kind": plural,
        "metadata": { "name": name, "namespace": "default" } })
}

/// Starts a writer and waits until it is live.
pub(crate) async fn live(home: &Home) -> Running {
    let mut writer = home.spawn(&["sync", "--watch"]);
    writer.wait_for_line("live").await;
    writer
}

/// How many hits a query has in what is stored.
pub(crate) async fn found(home: &Home, query: &str) -> usize {
    home.ids_offline(query).await.len()
}

/// Waits until a query finds something.
pub(crate) async fn appears(home: &Home, query: &str) {
    wait_for(&format!("{query} to be found"), async || found(home, query).await > 0).await;
}

/// Waits until a query finds nothing.
pub(crate) async fn vanishes(home: &Home, query: &str) {
    wait_for(&format!("{query} to be gone"), async || found(home, query).await == 0).await;
}

/// The state of one kind (`plural.group`) in `status -o json`: `complete`, `forbidden`, ...; empty when it is not there.
pub(crate) fn state_of<'a>(status: &'a Value, kind: &str) -> &'a str {
    let kinds = status["kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = kinds.iter().find(|status| status["kind"] == kind);
    found.and_then(|status| status["state"]["is"].as_str()).unwrap_or_default()
}

/// Waits until `status` tells this state of a kind.
pub(crate) async fn state_becomes(home: &Home, kind: &str, state: &str) {
    wait_for(&format!("{kind} to be {state}"), async || {
        let status = home.status().await;
        let now = state_of(&status, kind);
        if now == state { Ok(()) } else { Err(format!("it is {now:?}")) }
    })
    .await;
}

/// Every kind that `status` tells, with its state, but for those that a rule leaves out.
pub(crate) fn states(status: &Value) -> Vec<(String, String)> {
    let kinds = status["kinds"].as_array().expect("kinds");
    let all = kinds.iter().map(|kind| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&kind["kind"]), text(&kind["state"]["is"]))
    });
    all.filter(|(_, state)| state != "excluded").collect()
}

/// A figure for the person who reads the test's output; nothing is asserted on it.
pub(crate) fn measured(what: &str) {
    // Not `eprintln!`: the test harness would hide it.
    writeln!(std::io::stderr(), "measured: {what}").expect("stderr");
}
