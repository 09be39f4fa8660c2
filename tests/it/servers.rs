//! Servers of other versions and abilities, as the simulated one plays them: the index holds the whole cluster, and
//! changes arrive.

use std::collections::BTreeSet;

use kubesift::demo::{Formats, Profile, Server, ServerOptions, Tls};
use kubesift::object::Object;

use crate::support::{Home, wait_for};

fn servers() -> Vec<(&'static str, ServerOptions)> {
    let some = || ServerOptions { objects: 300, ..ServerOptions::default() };
    vec![
        ("1.27", ServerOptions { profile: Profile::V1_27, ..some() }),
        ("1.30", ServerOptions { profile: Profile::V1_30, ..some() }),
        ("1.33", ServerOptions { profile: Profile::V1_33, ..some() }),
        ("1.37", ServerOptions { profile: Profile::V1_37, ..some() }),
        (
            "1.27 with classic discovery",
            ServerOptions { profile: Profile::V1_27, classic_discovery: true, ..some() },
        ),
        ("no protobuf", ServerOptions { formats: Formats::Json, ..some() }),
        ("full objects only", ServerOptions { formats: Formats::PlainJson, ..some() }),
        ("HTTP/1 only", ServerOptions { http1_only: true, ..some() }),
        ("plain HTTP", ServerOptions { tls: Tls::Off, ..some() }),
    ]
}

/// What a server holds of the kinds that are read, as `namespace/kind/name`.
fn held(server: &Server, read: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for kind in server.kinds().iter().filter(|kind| read.contains(kind.key().as_str())) {
        for object in server.objects(kind.key().as_str()) {
            let namespace = if kind.namespaced { object.namespace.as_str() } else { "_cluster" };
            all.insert(format!("{namespace}/{}/{}", kind.kind, object.name));
        }
    }
    all
}

/// What the index holds, in the same form.
async fn indexed(home: &Home) -> BTreeSet<String> {
    let hits = home.search_offline("-name:nothing-is-called-so").await;
    let text = |hit: &serde_json::Value, key: &str| hit["metadata"][key].as_str().expect("text").to_owned();
    hits.iter()
        .map(|hit| format!("{}/{}/{}", text(hit, "namespace"), text(hit, "kind"), text(hit, "name")))
        .collect()
}

async fn kinds_read(home: &Home) -> BTreeSet<String> {
    let kinds = home.run(&["kinds", "-o", "json"]).await.json();
    let read = kinds.as_array().expect("kinds").iter().filter(|kind| kind["state"]["is"] != "excluded");
    let key = |kind: &serde_json::Value| {
        let (plural, group) =
            (kind["plural"].as_str().expect("plural"), kind["group"].as_str().expect("group"));
        if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
    };
    read.map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_is_read_whole_and_followed() {
    let files = tempfile::tempdir().expect("temp dir");
    for (name, options) in servers() {
        let server = Server::start(options).await.expect("a simulated server");
        let kubeconfig = files.path().join(name.replace('/', "-"));
        fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
        let home = Home::new(&kubeconfig);
        let mut writer = home.spawn(&["sync", "--watch"]);
        writer.wait_for_line("live").await;
        let read = kinds_read(&home).await;
        assert!(read.len() > 40, "{name}: only {} kinds", read.len());
        assert_eq!(indexed(&home).await, held(&server, &read), "{name}");

        let map = Object { name: "new-one".into(), namespace: "default".into(), ..Object::default() };
        server.apply("configmaps", map).expect("an object");
        server.delete("namespaces", "", "kube-public").expect("a namespace");
        wait_for(&format!("{name}: both changes"), async || {
            let (ours, theirs) = (indexed(&home).await, held(&server, &read));
            if ours == theirs { Ok(()) } else { Err(format!("{:?}", ours.symmetric_difference(&theirs))) }
        })
        .await;
        let status = home.status().await;
        assert_eq!(status["drift_corrected"], 0, "{name}");
        let (code, output) = writer.stop().await;
        assert_eq!(code, 0, "{name}: {output}");
    }
}
