//! Less than all rights: said, followed, and never a reason to delete.

mod played;
mod silent;

use serde_json::json;

use crate::support::proxy::Proxy;
use crate::support::steps::{appears, config_map_in, found, live, state_becomes, states, vanishes};
use crate::support::{ControlPlane, Home, Options, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn partial_rights_are_told_and_follow_what_is_given_and_taken() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    plane.namespace("one").await;
    plane.namespace("two").await;
    let in_namespace = |name: &str, namespace: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace } });
    plane.apply_objects(&[in_namespace("mine", "one"), in_namespace("theirs", "two")]).await;
    plane.grant("twons", Some("one"), &["configmaps"]).await;
    plane.grant("twons", None, &["namespaces"]).await;
    let proxy = Proxy::forward(&plane).await;
    let through = |config: &mut crate::support::controlplane::kubeconfig::Kubeconfig| {
        config.server = format!("https://{}", proxy.address());
    };
    let home = Home::new(plane.kubeconfig_with("twons", through));
    let output = home.run(&["search", "kind:configmap", "-o", "json"]).await;
    assert!(output.stdout.contains("\"mine\"") && !output.stdout.contains("theirs"), "{output:?}");
    assert!(output.stderr.contains("forbidden"), "{output:?}");

    let mut writer = live(&home).await;
    plane.grant("twons", None, &["configmaps", "namespaces"]).await;
    appears(&home, "name:=theirs").await;
    plane.revoke("twons", None).await;
    wait_for("the right to be gone", async || {
        plane.kubectl_as("twons", &["get", "configmaps", "-n", "two"]).await.code != 0
    })
    .await;
    // An open watch outlives the right; the next one does not.
    proxy.drop_everything();
    writer.wait_for_line("offline").await;
    proxy.resume();
    // Forbidden for a moment: it may still be read in one namespace.
    wait_for("config maps to be read in one namespace alone", async || {
        let status = home.status().await;
        let kinds = status["kinds"].as_array().cloned().unwrap_or_default();
        kinds.iter().any(|kind| kind["kind"] == "configmaps" && kind["scopes"] == json!(["one"]))
    })
    .await;
    assert_eq!(found(&home, "name:=theirs").await, 1, "a right that is gone deletes nothing");
    assert_eq!(found(&home, "name:=mine").await, 1);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_rights_the_message_is_clear() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let home = Home::new(plane.kubeconfig("nobody"));
    let output = home.run(&["search", "checkout"]).await;
    assert!(output.stderr.contains("forbidden"), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_forbidden_kind_is_named_and_all_others_are_complete() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("forbidden-kind").await;
    let secret = json!({ "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "hidden", "namespace": "forbidden-kind" }, "stringData": { "a": "b" } });
    plane.apply_objects(&[secret, config_map_in("forbidden-kind", "shown")]).await;
    let all = plane.kubectl(&["api-resources", "--verbs=list", "-o", "name"]).await;
    let all: Vec<&str> = all.lines().filter(|kind| *kind != "secrets").collect();
    plane.grant("reader", None, &all).await;
    let home = Home::new(plane.kubeconfig("reader"));

    let output = home.run(&["sync", "--once"]).await;
    assert!(output.stderr.contains("(1 forbidden: secrets)"), "{output:?}");
    assert_eq!((output.code, output.stdout.as_str()), (0, ""), "a forbidden kind is only named: {output:?}");
    let status = home.status().await;
    for (kind, state) in states(&status) {
        let expected = if kind == "secrets" { "forbidden" } else { "complete" };
        assert_eq!(state, expected, "{kind}");
    }
    let table = home.run(&["status"]).await.success();
    let row = table.lines().find(|line| line.starts_with("secrets ")).expect("a row");
    assert!(row.contains("forbidden") && row.contains("reader"), "{row}");

    let output = home.run(&["search", "ns:forbidden-kind", "name:=shown"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("1 forbidden: secrets"), "{output:?}");
    let output = home.run(&["search", "kind:secret"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (1, ""), "nothing is found, and why: {output:?}");
    assert!(output.stderr.contains("1 forbidden: secrets"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_taken_away_deletes_nothing_and_given_back_makes_it_live_again() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("taken").await;
    plane.apply_objects(&["kept", "removed"].map(|name| config_map_in("taken", name))).await;
    plane.grant("limited", None, &["*"]).await;
    let proxy = Proxy::forward(plane).await;
    let through = |config: &mut crate::support::controlplane::kubeconfig::Kubeconfig| {
        config.server = format!("https://{}", proxy.address());
    };
    let home = Home::new(plane.kubeconfig_with("limited", through));
    let mut writer = live(&home).await;
    let held = found(&home, "kind:configmap").await;

    plane.revoke("limited", None).await;
    // The binding itself is deleted, and that is still seen.
    vanishes(&home, "kind:clusterrolebinding name:=granted-to-limited").await;
    wait_for("the right to be gone", async || {
        plane.kubectl_as("limited", &["get", "configmaps", "-n", "taken"]).await.code != 0
    })
    .await;
    // An open watch outlives the right; the next one does not.
    proxy.drop_everything();
    writer.wait_for_line("offline").await;
    proxy.resume();
    wait_for("every kind to be forbidden", async || {
        let states = states(&home.status().await);
        let other: Vec<_> = states.into_iter().filter(|(_, state)| state != "forbidden").collect();
        if other.is_empty() { Ok(()) } else { Err(format!("{other:?}")) }
    })
    .await;
    let blind = home.status().await;
    plane.apply_objects(&[config_map_in("taken", "made-meanwhile")]).await;
    plane.kubectl(&["delete", "configmap", "removed", "-n", "taken"]).await;
    assert!(found(&home, "kind:configmap").await >= held);
    let output = home.run(&["search", "ns:taken", "name:=kept"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("forbidden"), "{output:?}");
    let status = home.status().await;
    assert_eq!(status["deletes"], blind["deletes"], "a right that is gone deletes nothing");
    assert_eq!(status["objects"], blind["objects"]);

    plane.grant("limited", None, &["*"]).await;
    appears(&home, "ns:taken name:=made-meanwhile").await;
    vanishes(&home, "ns:taken name:=removed").await;
    state_becomes(&home, "configmaps", "complete").await;
    plane.apply_objects(&[config_map_in("taken", "made-after")]).await;
    appears(&home, "ns:taken name:=made-after").await;
    writer.stop().await;
}
