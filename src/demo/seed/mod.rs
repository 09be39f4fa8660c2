//! A believable cluster from a seed: a shop with its teams, its databases and the platform underneath. Equal seeds
//! give equal clusters, byte for byte.

mod apps;
mod builder;
mod platform;
mod random;
pub(super) mod status;
mod world;

use serde_json::{Map, Value, json};

use super::DemoError;
use super::kubeconfig::base64;
use super::store::State;
use crate::cluster::wire::encode;
use crate::object::Object;
use builder::Builder;
pub(super) use random::Random;

/// Fills an empty cluster with about so many objects, their ages counted back from `epoch`. What every cluster has is
/// there in any case.
pub(super) fn fill(state: &mut State, seed: u64, objects: usize, epoch: i64) -> Result<(), DemoError> {
    let mut builder = Builder::new(state, seed, epoch);
    platform::skeleton(&mut builder)?;
    if objects == 0 {
        return Ok(());
    }
    platform::custom_resources(&mut builder)?;
    platform::cluster_scoped(&mut builder)?;
    builder.limit(objects);
    for domain in world::DOMAINS {
        apps::domain(&mut builder, domain, "prod")?;
    }
    platform::services(&mut builder)?;
    for environment in ["staging", "dev"] {
        for domain in world::DOMAINS {
            apps::domain(&mut builder, domain, environment)?;
        }
    }
    // Larger clusters are more teams, and more Pods to each.
    for tenant in 0.. {
        if builder.is_full() {
            break;
        }
        apps::tenant(&mut builder, tenant)?;
    }
    Ok(())
}

/// `managedFields` as the controllers leave them: most of a real Pod's bytes.
pub(super) fn managed_fields(kind: &str) -> &'static str {
    match kind {
        "Pod" => POD_FIELDS,
        "Namespace" | "CustomResourceDefinition" | "APIService" => "",
        _ => {
            r#"{"f:metadata":{"f:labels":{".":{},"f:app":{},"f:team":{}}},"f:spec":{},"f:status":{"f:conditions":{}}}"#
        }
    }
}

const POD_FIELDS: &str = concat!(
    r#"{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":"#,
    r#"{".":{},"k:{\"uid\":\"00000000-0000-4000-8000-000000000000\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":"#,
    r#"{".":{},"f:env":{".":{},"k:{\"name\":\"LOG_LEVEL\"}":{".":{},"f:name":{},"f:value":{}},"k:{\"name\":\"REGION\"}":"#,
    r#"{".":{},"f:name":{},"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold"#,
    r#"":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"#,
    r#""f:timeoutSeconds":{}},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"#,
    r#""f:containerPort":{},"f:name":{},"f:protocol":{}}},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"#,
    r#""f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"#,
    r#""f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"#,
    r#""f:serviceAccountName":{},"f:terminationGracePeriodSeconds":{}},"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":"#,
    r#"{".":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}}},"f:containerStatuses":{},"f:phase":{},"f:podIP":{}}}"#,
);

/// What full objects of a kind hold besides their metadata. Secrets hold a value that must never be seen again.
pub(super) fn content(kind: &str) -> fn(&Object) -> Map<String, Value> {
    match kind {
        "Secret" => |object| {
            let data = json!({ "password": base64(secret_value(object).as_bytes()) });
            [("type".to_owned(), "Opaque".into()), ("data".to_owned(), data)].into_iter().collect()
        },
        "ConfigMap" => |_| [("data".to_owned(), json!({ "LOG_LEVEL": "info" }))].into_iter().collect(),
        "Pod" => |object| {
            let image =
                format!("registry.example.org/{}:1.0", object.labels.get("app").unwrap_or(&object.name));
            let spec = json!({ "containers": [{ "name": "app", "image": image }] });
            [("spec".to_owned(), spec)].into_iter().collect()
        },
        _ => encode::no_content,
    }
}

/// The value in a seeded Secret.
pub(super) fn secret_value(object: &Object) -> String {
    format!("planted-secret-{}-{}", object.namespace, object.name)
}
