//! The support code does what the other tests trust it to do.

use serde_json::json;

use crate::support::controlplane::Request;
use crate::support::proxy::Proxy;
use crate::support::{ControlPlane, Home, Options, load, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_sees_what_was_applied_and_the_audit_log_who_asked() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("support").await;
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "support" } });
    plane.apply_objects(&[map]).await;
    let listed = plane.kubectl_json(&["get", "configmaps", "-n", "support"]).await;
    assert_eq!(listed["items"][0]["metadata"]["name"], "a");

    assert_ne!(plane.kubectl_as("nobody", &["get", "nodes"]).await.code, 0, "nobody has no rights");
    // Other tests use the same control plane, some of them as the same user.
    let is_ours = |request: &Request| request.uri.contains("/nodes") && request.agent.starts_with("kubectl");
    let refused = plane.requests("nobody").into_iter().find(is_ours);
    let refused = refused.expect("the refused request is on record");
    assert_eq!((refused.status, refused.verb.as_str()), (403, "list"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_can_be_given_and_taken_back() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let allowed = async || plane.kubectl_as("twons", &["get", "services", "-n", "default"]).await.code == 0;
    assert!(!allowed().await);
    plane.grant("twons", Some("default"), &["services"]).await;
    wait_for("the right to be given", allowed).await;
    plane.revoke("twons", Some("default")).await;
    wait_for("the right to be gone", async || !allowed().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_snapshot_goes_back_in_revision_and_forgets_what_came_after() {
    let Some(mut plane) = ControlPlane::start(Options::default()).await else { return };
    plane.namespace("before").await;
    let snapshot = plane.snapshot();
    let then = plane.revision().await;
    plane.namespace("after").await;
    assert!(plane.revision().await > then);

    plane.restore(&snapshot).await;

    let names = plane.kubectl(&["get", "namespaces", "-o", "name"]).await;
    assert!(names.contains("namespace/before") && !names.contains("namespace/after"), "{names}");
    let answer = plane.kubectl_json(&["get", "configmaps"]).await;
    assert!(answer["items"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_api_server_comes_back_on_the_same_port_and_a_compaction_moves_nothing() {
    let Some(mut plane) = ControlPlane::start(Options { progress_notify: None, ..Options::default() }).await
    else {
        return;
    };
    plane.namespace("kept").await;
    assert!(plane.cpu_seconds() > 0.0);
    let url = plane.url();
    plane.kill_apiserver();
    assert_ne!(plane.kubectl_as("admin", &["get", "namespaces"]).await.code, 0);
    plane.compact().await;
    plane.start_apiserver().await;
    assert_eq!(plane.url(), url);
    plane.kubectl(&["get", "namespace", "kept"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mixed_load_is_mostly_pods_with_kilobytes_of_metadata() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let loaded = load::mixed(&plane, 400).await;
    assert_eq!(loaded.objects, 400);
    let pods = plane.kubectl_json(&["get", "pods", "-A", "--show-managed-fields"]).await;
    let pods = pods["items"].as_array().expect("a list").clone();
    assert!(pods.len() > 200, "{} Pods", pods.len());
    let bytes: usize = pods.iter().map(|pod| pod["metadata"].to_string().len()).sum();
    let mean = bytes / pods.len();
    assert!((2_000..6_500).contains(&mean), "{mean} bytes of metadata for a Pod");
    let managers = pods[0]["metadata"]["managedFields"].as_array().expect("managedFields").len();
    assert!(managers >= 2, "{managers} managers");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_pass_on_count_fall_silent_and_drop() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let (forward, connect) = (Proxy::forward(plane).await, Proxy::connect().await);
    let (socks, http1) = (Proxy::socks5().await, Proxy::http1(plane).await);
    let direct = |proxy: &Proxy| format!("https://{}", proxy.address());
    let configs = [
        plane.kubeconfig_with("admin", |config| config.server = direct(&forward)),
        plane.kubeconfig_with("admin", |config| config.server = direct(&http1)),
        plane.kubeconfig_with("admin", |config| config.proxy = Some(format!("http://{}", connect.address()))),
        plane.kubeconfig_with("admin", |config| config.proxy = Some(format!("socks5://{}", socks.address()))),
    ];
    for config in &configs {
        let path = config.to_str().expect("UTF-8");
        plane.kubectl(&["--kubeconfig", path, "get", "namespaces"]).await;
    }
    for proxy in [&forward, &http1, &connect, &socks] {
        assert!(proxy.connections() >= 1 && proxy.bytes() > 1_000, "{} bytes", proxy.bytes());
    }

    let path = configs[0].to_str().expect("UTF-8");
    let fails = ["--kubeconfig", path, "--request-timeout=1s", "get", "namespaces"];
    forward.go_silent();
    assert_ne!(plane.kubectl_as("admin", &fails).await.code, 0);
    forward.drop_everything();
    assert_ne!(plane.kubectl_as("admin", &fails).await.code, 0);
    forward.resume();
    plane.kubectl(&["--kubeconfig", path, "get", "namespaces"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_runs_in_a_home_of_its_own() {
    let home = Home::new("/nonexistent/kubeconfig");
    home.run(&["--version"]).await.success();
    assert!(home.path().join("data").is_dir());
}
