//! Tables, as `kubectl get` asks for them: the columns that the real server prints, filled from the demo's world.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Call;
use super::list::written;
use crate::cluster::wire::encode::{self, Written};
use crate::cluster::wire::{Encoding, ListEnd};
use crate::demo::seed;
use crate::demo::store::{State, Stored};
use crate::object::{KindKey, Object};
use crate::text;

/// Ready Pods and all Pods of each application, by namespace and its `app` label: what workloads print.
pub(super) type Replicas = HashMap<(String, String), (usize, usize)>;

/// Counts the Pods that these objects stand for; nothing for kinds that print no number of them.
pub(super) fn replicas(state: &State, call: &Call, items: &[Arc<Stored>]) -> Replicas {
    let mut counts = Replicas::new();
    let kind = call.served.kind.kind.as_str();
    if !matches!(kind, "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") {
        return counts;
    }
    for stored in items {
        counts.insert(application(kind, &stored.object), (0, 0));
    }
    for stored in state.objects(&KindKey::from("pods")) {
        if let Some((ready, all)) = counts.get_mut(&application(kind, &stored.object)) {
            *all += 1;
            *ready += usize::from(seed::status::pod(&stored.object, call.now).ready);
        }
    }
    counts
}

// A ReplicaSet's Pods are those with its template's hash.
fn application(kind: &str, object: &Object) -> (String, String) {
    let key = if kind == "ReplicaSet" { "pod-template-hash" } else { "app" };
    (object.namespace.clone(), object.labels.get(key).cloned().unwrap_or_default())
}

/// The Table of some objects.
pub(super) fn table(call: &Call, end: &ListEnd, items: &[Arc<Stored>], replicas: &Replicas) -> Value {
    let kind = call.served.kind.kind.as_str();
    let column = |name: &str| {
        let format = if name == "Name" { "name" } else { "" };
        json!({ "name": name, "type": "string", "format": format, "description": "", "priority": 0 })
    };
    let names = ["Name"].iter().chain(columns(kind)).chain(&["Age"]);
    let rows = items.iter().map(|stored| {
        let object = &stored.object;
        let version = call.served.version_text(stored.revision);
        let item = Written { managed_fields: "", ..written(call, object, &version) };
        let age = object.created.map_or("<unknown>".to_owned(), |created| text::age(call.now - created));
        let mut row = vec![json!(object.name)];
        row.extend(cells(kind, object, call.now, replicas));
        row.push(json!(age));
        let object = encode::object(Encoding::Json, item);
        json!({ "cells": row, "object": serde_json::from_slice::<Value>(&object).unwrap_or_default() })
    });
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {
            "resourceVersion": end.resource_version, "continue": end.continue_token.as_deref().unwrap_or_default(),
        },
        "columnDefinitions": names.map(|name| column(name)).collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
    })
}

/// What a kind prints between its name and its age.
fn columns(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &["Ready", "Status", "Restarts"],
        "Deployment" => &["Ready", "Up-to-date", "Available"],
        "StatefulSet" => &["Ready"],
        "ReplicaSet" => &["Desired", "Current", "Ready"],
        "DaemonSet" => &["Desired", "Current", "Ready", "Up-to-date", "Available"],
        "ReplicationController" => &["Desired", "Current", "Ready"],
        "HorizontalPodAutoscaler" => &["Reference", "Targets", "MinPods", "MaxPods", "Replicas"],
        "Job" => &["Status", "Completions"],
        "APIService" => &["Service", "Available"],
        "ResourceClaim" => &["State"],
        "ComponentStatus" => &["Status", "Message", "Error"],
        "StorageVersionMigration" => &["Resource", "Status"],
        "Namespace" | "Node" | "PersistentVolume" | "PersistentVolumeClaim" => &["Status"],
        "Certificate" => &["Ready", "Secret"],
        "Application" => &["Sync Status", "Health Status"],
        "SqlClaim" | "QueueClaim" => &["Synced", "Ready"],
        _ => &[],
    }
}

fn cells(kind: &str, object: &Object, now: i64, replicas: &Replicas) -> Vec<Value> {
    let (ready, all) = replicas.get(&application(kind, object)).copied().unwrap_or_default();
    let mostly = |good: &'static str, bad: &'static str| {
        if seed::status::luck(object, 25) == 0 { bad } else { good }
    };
    match kind {
        "Pod" => {
            let status = seed::status::pod(object, now);
            let restarts = match status.restarts {
                0 => "0".to_owned(),
                restarts => format!("{restarts} ({} ago)", text::age(60 + 7 * restarts as i64)),
            };
            vec![json!(format!("{}/1", u8::from(status.ready))), json!(status.word), json!(restarts)]
        }
        "Deployment" => vec![json!(format!("{ready}/{all}")), json!(all), json!(ready)],
        "StatefulSet" => vec![json!(format!("{ready}/{all}"))],
        "ReplicaSet" | "ReplicationController" => vec![json!(all), json!(all), json!(ready)],
        "DaemonSet" => vec![json!(all), json!(all), json!(ready), json!(all), json!(ready)],
        "HorizontalPodAutoscaler" => {
            let target = format!("Deployment/{}", object.name);
            vec![json!(target), json!("cpu: 41%/80%"), json!("2"), json!("10"), json!(3)]
        }
        "Job" => vec![json!("Complete"), json!("1/1")],
        "APIService" => vec![json!("Local"), json!("True")],
        "ResourceClaim" => vec![json!("pending")],
        "ComponentStatus" => vec![json!("Healthy"), json!("ok"), json!("")],
        "StorageVersionMigration" => vec![json!(object.name), json!("Succeeded")],
        "Namespace" => vec![json!("Active")],
        "Node" => vec![json!("Ready")],
        "PersistentVolume" | "PersistentVolumeClaim" => vec![json!("Bound")],
        "Certificate" => vec![json!(mostly("True", "False")), json!(format!("{}-tls", object.name))],
        "Application" => vec![json!(mostly("Synced", "OutOfSync")), json!(mostly("Healthy", "Degraded"))],
        "SqlClaim" | "QueueClaim" => vec![json!("True"), json!(mostly("True", "False"))],
        _ => Vec::new(),
    }
}
