//! A run that nobody watches: health, metrics, a log for programs, an end in good order; and the manifests for a cluster.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use kubesift::demo::{Server, ServerOptions};
use kubesift::object::Object;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::binary::Running;
use crate::support::controlplane::kubeconfig::Auth;
use crate::support::{ControlPlane, Home, Options, load, wait_for};

/// Status and body of an endpoint.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = tokio::net::TcpStream::connect(addr).await.expect("the endpoints listen");
    let request = format!("GET {path} HTTP/1.1\r\nHost: kubesift\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

/// A metric without labels.
pub(crate) async fn metric(addr: SocketAddr, name: &str) -> Option<u64> {
    let (_, page) = get(addr, "/metrics").await;
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

const ARGUMENTS: [&str; 6] = ["sync", "--watch", "--listen", "127.0.0.1:0", "--log-format", "json"];

async fn start(home: &Home) -> (Running, SocketAddr) {
    let mut running = home.spawn(&ARGUMENTS);
    let line = running.wait_for_line("listening on").await;
    let event: Value = serde_json::from_str(&line).expect("a line of JSON");
    let addr = event["message"].as_str().and_then(|text| text.rsplit(' ').next());
    (running, addr.and_then(|addr| addr.parse().ok()).expect("an address"))
}

pub(crate) async fn ready(addr: SocketAddr) {
    wait_for("/readyz", async || match get(addr, "/readyz").await {
        (200, _) => Ok(()),
        (_, why) => Err(why),
    })
    .await;
}

async fn cluster(files: &tempfile::TempDir) -> (Server, Home) {
    let server =
        Server::start(ServerOptions { objects: 100, ..ServerOptions::default() }).await.expect("a server");
    let kubeconfig = files.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    (server, Home::new(kubeconfig))
}

fn config_map(name: &str) -> Object {
    Object { name: name.into(), namespace: "default".into(), ..Object::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_tell_the_truth_metrics_count_and_the_end_loses_nothing() {
    let files = tempfile::tempdir().expect("temp dir");
    let (server, home) = cluster(&files).await;
    let (running, addr) = start(&home).await;
    ready(addr).await;
    let before = metric(addr, "kubesift_documents").await.expect("a number");
    assert_eq!(home.status().await["objects"], before);
    server.apply("configmaps", config_map("first")).expect("an object");
    wait_for("the metric to count it", async || metric(addr, "kubesift_documents").await == Some(before + 1))
        .await;
    let (_, page) = get(addr, "/metrics").await;
    for part in ["kubesift_phase{phase=\"live\"} 1", "kubesift_kind_documents{kind=\"configmaps\"} "] {
        assert!(page.contains(part), "{part}: {page}");
    }

    // A cluster that is away makes it unready, and no reason to restart it.
    server.stop();
    wait_for("/readyz to notice", async || {
        let (code, body) = get(addr, "/readyz").await;
        if code == 503 && body.starts_with("offline: ") { Ok(()) } else { Err(body) }
    })
    .await;
    assert_eq!(get(addr, "/healthz").await.0, 200);
    server.restart().await.expect("the same port");
    ready(addr).await;

    server.apply("configmaps", config_map("last")).expect("an object");
    wait_for("the last object", async || metric(addr, "kubesift_documents").await == Some(before + 2)).await;
    let (code, log) = running.stop().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(home.ids_offline("name:=last").await.len(), 1, "SIGTERM commits what was read");
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["timestamp"].is_string() && event["level"].is_string() && event["message"].is_string());
    }
    assert!(log.contains("\"live: ") || log.contains(" live: "), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_is_alive_but_not_ready_until_it_takes_over() {
    let files = tempfile::tempdir().expect("temp dir");
    let (_server, home) = cluster(&files).await;
    let (first, addr) = start(&home).await;
    ready(addr).await;
    let (second, other) = start(&home).await;
    wait_for("the second to follow", async || {
        let (code, body) = get(other, "/readyz").await;
        if code == 503 && body.contains(&format!("following pid {}", first.id())) {
            Ok(())
        } else {
            Err(body)
        }
    })
    .await;
    assert_eq!(get(other, "/healthz").await.0, 200);
    assert_eq!(metric(other, "kubesift_writer").await, Some(0));
    first.kill().await;
    ready(other).await;
    assert_eq!(metric(other, "kubesift_writer").await, Some(1));
    assert_eq!(second.stop().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_can_not_be_listened_on_is_said_at_once() {
    let files = tempfile::tempdir().expect("temp dir");
    let (_server, mut home) = cluster(&files).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|addr| (addr.to_string(), taken)).expect("an address");
    let output = home.run(&["sync", "--watch", "--listen", &taken.0]).await;
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.stderr.contains(&format!("can't listen on {}", taken.0)), "{output:?}");
    let output = home.run(&["sync", "--watch", "--listen", "9090"]).await;
    assert!(output.code == 2 && output.stderr.contains("127.0.0.1:9090 or :9090"), "{output:?}");
    // As the manifests set it.
    home.set("KUBESIFT_LISTEN", "nowhere");
    let output = home.run(&["sync", "--watch"]).await;
    assert!(output.code == 2 && output.stderr.contains("KUBESIFT_LISTEN: expected an address"), "{output:?}");
}

pub(crate) const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/deploy");
const ACCOUNT: &str = "system:serviceaccount:kubesift:kubesift";

/// A home with the rights of the ServiceAccount that these manifests make.
async fn as_service_account(plane: &ControlPlane, manifests: &str) -> Home {
    let path = format!("{DEPLOY}/{manifests}");
    let applied = plane.kubectl_as("admin", &["apply", "--server-side", "-k", &path]).await;
    assert!(applied.code == 0 && !applied.stderr.contains("Warning"), "{applied:?}");
    let token = plane.kubectl(&["create", "token", "kubesift", "-n", "kubesift"]).await.trim().to_owned();
    Home::new(plane.kubeconfig_with("admin", |config| config.auth = Auth::Token(token)))
}

/// The kinds in a state, by the status of the last run.
async fn kinds(home: &Home, state: &str) -> BTreeSet<String> {
    let status = home.status().await;
    let kinds = status["kinds"].as_array().expect("kinds").iter().filter(|kind| kind["state"]["is"] == state);
    kinds.map(|kind| kind["kind"].as_str().expect("a key").to_owned()).collect()
}

/// What the ServiceAccount asked since it exists, as verbs; panics where something was refused but these kinds.
fn verbs(plane: &ControlPlane, refused: &BTreeSet<String>) -> BTreeSet<String> {
    let mut verbs = BTreeSet::new();
    for request in plane.requests(ACCOUNT) {
        let named = refused.iter().any(|kind| {
            let plural = kind.split('.').next().expect("a plural");
            request.uri.split('?').next().is_some_and(|path| path.ends_with(&format!("/{plural}")))
        });
        assert!(request.status != 403 || named, "{request:?}");
        verbs.insert(request.verb);
    }
    verbs
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_are_valid_and_grant_exactly_what_a_run_needs() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    plane.namespace("kubesift").await; // a dry run does not make it for what follows
    for manifests in ["base", "overlays/without-secrets", "overlays/chroma"] {
        let path = format!("{DEPLOY}/{manifests}");
        let arguments = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-k", &path];
        let output = plane.kubectl_as("admin", &arguments).await;
        assert!(output.code == 0 && !output.stderr.contains("Warning"), "{manifests}: {output:?}");
    }
    load::mixed(&plane, 200).await;

    let home = as_service_account(&plane, "base").await;
    home.run(&["sync"]).await.success();
    assert_eq!(kinds(&home, "forbidden").await, BTreeSet::new());
    assert!(kinds(&home, "complete").await.contains("secrets"));
    let (running, addr) = start(&home).await;
    ready(addr).await;
    assert_eq!(running.stop().await.0, 0);
    let granted = ["create", "get", "list", "watch"].map(str::to_owned).into();
    assert_eq!(verbs(&plane, &BTreeSet::new()), granted, "nothing was refused, nothing else was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variant_without_secrets_leaves_out_secrets_and_nothing_of_kubernetes_itself() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    load::mixed(&plane, 200).await;
    let mut home = as_service_account(&plane, "overlays/without-secrets").await;
    // Without the setting that goes with it: Secrets are really not granted.
    home.run(&["sync"]).await;
    let forbidden = kinds(&home, "forbidden").await;
    let own: BTreeSet<_> = forbidden.iter().filter(|kind| is_built_in(kind)).cloned().collect();
    assert_eq!(own, BTreeSet::from(["secrets".to_owned()]), "custom groups are to be added: {forbidden:?}");
    verbs(&plane, &forbidden);

    home.set("KUBESIFT_EXCLUDE", "secrets");
    home.run(&["sync"]).await;
    assert!(kinds(&home, "excluded").await.contains("secrets"));
    assert!(!kinds(&home, "forbidden").await.contains("secrets"));
    assert_eq!(home.ids_offline("kind:secrets").await.len(), 0);
}

fn is_built_in(kind: &str) -> bool {
    match kind.split_once('.') {
        None => true,
        Some((_, group)) => group.ends_with(".k8s.io") || !group.contains('.'),
    }
}
