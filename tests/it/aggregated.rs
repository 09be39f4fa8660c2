//! API servers behind the API server: kinds of an APIService whose backend stops answering are not gone.

use std::time::Duration;

use kubesift::demo::{Formats, Server, ServerOptions, User};
use kubesift::object::{Kind, Object};
use serde_json::{Value, json};

use crate::support::steps::{appears, config_map, found, live, state_becomes, state_of, states, vanishes};
use crate::support::wait::wait_at_most;
use crate::support::{ControlPlane, Home, Options};

const GROUP: &str = "things.test.example.org";
const KIND: &str = "gizmos.things.test.example.org";
/// A group that no server ever answered for.
const DEAD: &str = "dead.test.example.org";
/// The API server looks at its backends once a minute.
const A_LOOK: Duration = Duration::from_secs(150);

/// An API server with one kind, to stand behind an APIService.
async fn backend() -> Server {
    let user = User { name: "aggregator".to_owned(), token: "unused".to_owned(), groups: Vec::new() };
    let options = ServerOptions {
        objects: 0,
        anonymous: Some(user.name.clone()),
        users: vec![user],
        ..ServerOptions::default()
    };
    let server = Server::start(options).await.expect("the simulated server starts");
    let kind = Kind {
        group: GROUP.to_owned(),
        version: "v1".to_owned(),
        kind: "Gizmo".to_owned(),
        plural: "gizmos".to_owned(),
        singular: "gizmo".to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        watchable: true,
    };
    server.add_aggregated(kind, Formats::All, false).expect("a new kind");
    for name in ["one", "two", "three"] {
        make(&server, name);
    }
    server
}

fn make(server: &Server, name: &str) {
    let object = Object { name: name.to_owned(), namespace: "default".to_owned(), ..Object::default() };
    server.apply(KIND, object).expect("a kind that is served");
}

/// An APIService of a group, and the Service that leads to a port of this machine.
fn api_service(group: &str, port: u16) -> [Value; 2] {
    let name = group.split('.').next().expect("a name");
    [
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "default" },
            "spec": { "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": port }] } }),
        json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": { "name": format!("v1.{group}") },
            "spec": { "group": group, "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 10,
                "insecureSkipTLSVerify": true,
                "service": { "name": name, "namespace": "default", "port": port } } }),
    ]
}

/// Waits until the API server's own discovery says this of a group.
async fn freshness_becomes(plane: &ControlPlane, group: &str, wanted: &str) {
    let client = plane.client("admin").await;
    wait_at_most(A_LOOK, &format!("{group} to be {wanted}"), async || {
        let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let request = http::Request::get("/apis").header("accept", accept).body(Vec::new()).expect("request");
        let answer = client.request_text(request).await.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let groups = answer["items"].as_array().expect("groups").iter();
        let mut own = groups.filter(|item| item["metadata"]["name"] == group);
        let freshness = own.next().map(|item| item["versions"][0]["freshness"].to_string());
        if freshness.as_deref() == Some(&format!("\"{wanted}\"")) {
            Ok(())
        } else {
            Err(format!("{freshness:?}"))
        }
    })
    .await;
}

/// All that is not of the two groups is complete.
fn assert_others_complete(status: &Value) {
    for (kind, state) in states(status).into_iter().filter(|(kind, _)| !kind.contains(".test.example.org")) {
        assert_eq!(state, "complete", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_api_service_is_named_and_nothing_of_it_is_deleted() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let backend = backend().await;
    plane.apply_objects(&api_service(GROUP, backend.addr().port())).await;
    let home = Home::new(plane.kubeconfig("admin"));
    freshness_becomes(&plane, GROUP, "Current").await;
    let writer = live(&home).await;
    state_becomes(&home, KIND, "complete").await;
    assert_eq!(found(&home, "kind:gizmo").await, 3);
    make(&backend, "four");
    appears(&home, "kind:gizmo name:=four").await;

    // Its backend goes away beside a living writer, and comes back.
    backend.stop();
    state_becomes(&home, KIND, "failing").await;
    plane.apply_objects(&[config_map("beside")]).await;
    appears(&home, "name:=beside").await;
    assert_eq!(found(&home, "kind:gizmo").await, 4);
    let status = home.status().await;
    assert_others_complete(&status);
    let output = home.run(&["search", "kind:gizmo", "name:=one", "-o", "name"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains(&format!("1 failing: {KIND}")), "{output:?}");
    make(&backend, "five");
    backend.delete(KIND, "default", "two");
    backend.restart().await.expect("the same port");
    appears(&home, "kind:gizmo name:=five").await;
    vanishes(&home, "kind:gizmo name:=two").await;

    // It goes again, for so long that discovery no longer names its kinds; another group never had one.
    backend.stop();
    plane.apply_objects(&api_service(DEAD, 1)).await;
    freshness_becomes(&plane, GROUP, "Stale").await;
    freshness_becomes(&plane, DEAD, "Stale").await;
    state_becomes(&home, &format!("*.{DEAD}"), "failing").await;
    assert_eq!(state_of(&home.status().await, KIND), "failing");
    let (code, _) = writer.stop().await;
    assert_eq!(code, 0);

    let output = home.run(&["sync", "--once"]).await;
    assert_eq!(output.code, 1, "kinds that fail are told by the exit code: {output:?}");
    assert!(output.stderr.contains(&format!("2 failing: *.{DEAD}, {KIND}")), "{output:?}");
    let status = home.status().await;
    assert_others_complete(&status);
    assert_eq!(status["deletes"], 0);
    assert_eq!(found(&home, "kind:gizmo").await, 4);
    let output = home.run(&["search", "--fresh", "kind:gizmo", "-o", "name"]).await;
    assert_eq!((output.code, output.stdout.lines().count()), (0, 4), "{output:?}");

    // A writer that begins while it is away finds it when it is back.
    let writer = live(&home).await;
    assert_eq!(state_of(&home.status().await, KIND), "failing");
    make(&backend, "six");
    backend.restart().await.expect("the same port");
    wait_at_most(A_LOOK, "the kind to be read again", async || {
        found(&home, "kind:gizmo name:=six").await == 1
    })
    .await;
    assert_eq!(found(&home, "kind:gizmo").await, 5);
    state_becomes(&home, KIND, "complete").await;
    writer.stop().await;
}
