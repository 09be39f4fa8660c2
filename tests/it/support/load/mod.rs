//! Fills a real API server: thousands of believable objects, the same ones for the same seed.

mod objects;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::ControlPlane;
use super::wait::wait_for;

/// One object to create, and the status that a controller then writes.
pub(crate) struct Planned {
    /// The collection's path.
    pub path: String,
    /// The object.
    pub body: Value,
    /// The client that creates it, as `managedFields` will name it.
    pub manager: &'static str,
    /// Written through the `status` subresource by another client.
    pub status: Option<(&'static str, Value)>,
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// How many objects.
    pub objects: usize,
    /// How long it took.
    pub took: Duration,
}

/// How many requests are in flight. More does not make a busy two-core API server faster.
const CONNECTIONS: usize = 16;

/// Namespaces of [`mixed`].
pub(crate) const NAMESPACES: usize = 40;

/// Custom resource definitions of [`mixed`].
pub(crate) const CRDS: usize = 20;

/// Loads `total` objects of mixed kinds, most of them Pods with realistic managedFields: namespaces, Deployments,
/// ReplicaSets, Services, ConfigMaps, Secrets, RBAC, and 20 CRDs with custom resources.
pub(crate) async fn mixed(plane: &ControlPlane, total: usize) -> Loaded {
    let started = Instant::now();
    let client = plane.client("admin").await;
    let crds: Vec<_> = (0..CRDS).map(objects::mixed_crd).collect();
    create(&client, crds).await;
    let namespaces: Vec<_> = (0..NAMESPACES).map(objects::namespace).collect();
    create(&client, namespaces).await;
    for number in 0..CRDS {
        served(&client, &objects::mixed_crd_path(number)).await;
    }
    let rest = objects::mixed(total - CRDS - NAMESPACES, 4);
    create(&client, rest).await;
    Loaded { objects: total, took: started.elapsed() }
}

/// Creates `count` CRDs over eight connections; hands back the path of the last one's objects. They are served
/// some seconds after this returns.
pub(crate) async fn crds(plane: &ControlPlane, count: usize) -> String {
    let client = plane.client("admin").await;
    let planned = (0..count).map(objects::bulk_crd);
    create_over(&client, planned, 8).await;
    objects::bulk_crd_path(count - 1)
}

/// An object in the namespace `default` of one of the kinds of [`crds`], by the path of its collection.
pub(crate) fn bulk_object(path: &str, name: &str) -> Planned {
    objects::bulk_object(path, name)
}

/// Waits until a path is served.
pub(crate) async fn served(client: &kube::Client, path: &str) {
    wait_for(&format!("{path} to be served"), async || {
        let request = http::Request::get(format!("{path}?limit=1")).body(Vec::new()).expect("request");
        client.request_text(request).await.map_err(|error| error.to_string())
    })
    .await;
}

/// Creates objects over as many connections as are useful.
pub(crate) async fn create(client: &kube::Client, planned: impl IntoIterator<Item = Planned>) {
    create_over(client, planned, CONNECTIONS).await;
}

async fn create_over(client: &kube::Client, planned: impl IntoIterator<Item = Planned>, connections: usize) {
    stream::iter(planned).for_each_concurrent(connections, |planned| create_one(client, planned)).await;
}

async fn create_one(client: &kube::Client, planned: Planned) {
    let Planned { path, body, manager, status } = planned;
    let uri = format!("{path}?fieldManager={manager}");
    let request = http::Request::post(uri).header("content-type", "application/json");
    send(client, request, &body).await;
    let Some((manager, status)) = status else { return };
    let name = body["metadata"]["name"].as_str().expect("a name");
    let uri = format!("{path}/{name}/status?fieldManager={manager}");
    let request = http::Request::patch(uri).header("content-type", "application/merge-patch+json");
    send(client, request, &json!({ "status": status })).await;
}

async fn send(client: &kube::Client, request: http::request::Builder, body: &Value) {
    let request = request.body(body.to_string().into_bytes()).expect("request");
    let what = format!("{} {}", request.method(), request.uri());
    client.request_text(request).await.unwrap_or_else(|error| panic!("{what}: {error}"));
}
