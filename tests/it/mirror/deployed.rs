//! As the manifests run it: their arguments and environment, their ServiceAccount's rights, a real Chroma.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::parts;
use super::sync::equal;
use crate::support::chroma;
use crate::support::controlplane::kubeconfig::Auth;
use crate::support::steps::config_map;
use crate::support::wait_for;
use crate::unattended::{DEPLOY, get, metric, ready};

#[tokio::test(flavor = "multi_thread")]
async fn the_deployment_with_chroma_is_ready_while_in_sync_and_loses_nothing_at_sigterm() {
    let Some((plane, mut chroma, mut home)) = parts().await else { return };
    plane.namespace("kubesift").await;
    let overlay = format!("{DEPLOY}/overlays/chroma");
    plane.kubectl(&["apply", "--server-side", "-k", &overlay]).await;
    let container = "{.spec.template.spec.containers[0]}";
    let path = format!("jsonpath={container}");
    let text = plane.kubectl(&["get", "deployment", "kubesift", "-n", "kubesift", "-o", &path]).await;
    let container: Value = serde_json::from_str(&text).expect("a container");
    let token = plane.kubectl(&["create", "token", "kubesift", "-n", "kubesift"]).await.trim().to_owned();
    home.use_kubeconfig(plane.kubeconfig_with("admin", |config| config.auth = Auth::Token(token)));
    // What the Pod has in other places: the volume's path, the port, the Service's name.
    let data = home.path().join("volume");
    for variable in container["env"].as_array().expect("an environment") {
        let name = variable["name"].as_str().expect("a name");
        match name {
            "KUBESIFT_DATA_DIR" => home.set(name, data.clone()),
            "KUBESIFT_LISTEN" => home.set(name, "127.0.0.1:0"),
            _ => home.set(name, variable["value"].as_str().expect("a value")),
        }
    }
    let url = chroma.url();
    let arguments = container["args"].as_array().expect("arguments").iter().map(|it| match it.as_str() {
        Some(placeholder) if placeholder.starts_with("http://") => url.as_str(),
        argument => argument.expect("a string"),
    });
    let arguments: Vec<&str> = arguments.collect();
    let mut running = home.spawn(&arguments);
    let line = running.wait_for_line("listening on").await;
    let event: Value = serde_json::from_str(&line).expect("a line of JSON");
    let addr: SocketAddr =
        event["message"].as_str().and_then(|it| it.rsplit(' ').next()?.parse().ok()).expect("an address");
    ready(addr).await;
    equal(&home, &url).await;
    assert_eq!(metric(addr, "kubesift_mirror_in_sync").await, Some(1));
    assert_eq!(metric(addr, "kubesift_mirror_records").await, metric(addr, "kubesift_documents").await);

    // Not ready while the store is away; alive all the same.
    chroma.kill();
    plane.apply_objects(&[config_map("made-meanwhile")]).await;
    wait_for("/readyz to notice", async || {
        let (code, body) = get(addr, "/readyz").await;
        if code == 503 && body.contains("the mirror is not") { Ok(()) } else { Err(format!("{code} {body}")) }
    })
    .await;
    assert_eq!(get(addr, "/healthz").await.0, 200);
    chroma.resume().await;
    ready(addr).await;
    equal(&home, &url).await;

    // What the index has at SIGTERM is in the store when the program has ended.
    let before = metric(addr, "kubesift_documents").await;
    plane.apply_objects(&(0..50).map(|n| config_map(&format!("last-{n}"))).collect::<Vec<_>>()).await;
    wait_for("the index to have them", async || {
        let now = metric(addr, "kubesift_documents").await;
        if now == before.map(|it| it + 50) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    let (code, log) = running.stop().await;
    assert_eq!(code, 0, "{log}");
    let found = chroma
        .python(
            "
collection = client.get_collection('instances', embedding_function=None)
print(json.dumps([len(collection.get(where_document={'$contains': 'ConfigMap last-'})['ids']),
  collection.metadata['kubesift_writer'], collection.metadata['kubesift_complete']]))",
        )
        .await;
    assert_eq!(found, json!([50, "", true]), "flushed, given free, and said so");
    assert!(data.is_dir(), "the index is on the volume");
}
