//! One sync, and following: equal to the cluster, as `verify`, upstream's agent and a plain Python client see it.

use serde_json::{Value, json};

use super::{home, parts, to};
use crate::support::wait::{wait_at_most, wait_for};
use crate::support::{ControlPlane, Home, load};

fn object(kind: &str, name: &str, labels: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "default", "labels": labels } })
}

/// Waits until `verify` finds nothing.
pub(super) async fn equal(home: &Home, url: &str) {
    wait_at_most(std::time::Duration::from_secs(150), "the store to equal the index", async || {
        let output = home.run(&to("verify", url, &[])).await;
        if output.code == 0 { Ok(()) } else { Err(format!("{output:?}")) }
    })
    .await;
}

const COLLECTION: &str = "collection = client.get_collection('instances', embedding_function=None)\n";

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_objects_are_mirrored_and_found_as_upstream_asks() {
    let Some((plane, chroma, home)) = parts().await else { return };
    load::mixed(&plane, 5_000).await;
    plane
        .apply_objects(&[
            object("ConfigMap", "probe-a", json!({ "app": "probe", "tier": "web" })),
            object("ConfigMap", "probe-b", json!({ "app": "probe" })),
            object("Service", "probe", json!({ "app": "probe" })).as_object().map_or(
                Value::Null,
                |service| {
                    let mut service = service.clone();
                    service.insert("spec".into(), json!({ "ports": [{ "port": 80 }] }));
                    Value::Object(service)
                },
            ),
        ])
        .await;
    let url = chroma.url();
    let dry = home.run(&to("sync", &url, &["--once", "--dry-run"])).await;
    assert!(dry.code == 0 && dry.stderr.contains("does not exist"), "{dry:?}");
    let missing = home.run(&to("verify", &url, &[])).await;
    assert_eq!(missing.code, 1, "{missing:?}");

    let first = home.run(&to("sync", &url, &["--once"])).await;
    assert!(first.code == 0 && first.stderr.contains(" 0 unchanged, 0 deleted, 0 held back"), "{first:?}");
    let verified = home.run(&to("verify", &url, &[])).await;
    assert!(verified.code == 0 && verified.stdout.is_empty(), "{verified:?}");
    let second = home.run(&to("sync", &url, &["--once"])).await;
    assert!(second.code == 0 && second.stderr.contains(" 0 added, 0 updated,"), "{second:?}");

    let found = chroma
        .python(&format!(
            "{COLLECTION}
ids = lambda result: sorted(result['ids'] if not result['ids'] or isinstance(result['ids'][0], str) else result['ids'][0])
vector = collection.get(ids=['default/v1/ConfigMap/probe-a'], include=['embeddings'])['embeddings'][0].tolist()
maps = {{'$and': [{{'kind': 'ConfigMap'}}, {{'namespace': 'default'}}]}}
print(json.dumps({{
  'count': collection.count(),
  'query': ids(collection.query(query_embeddings=[vector], n_results=2)),
  'filtered': ids(collection.query(query_embeddings=[vector], n_results=5, where={{'kind': 'Service'}}, include=['documents', 'metadatas', 'distances'])),
  'keyword': ids(collection.get(where_document={{'$and': [{{'$contains': 'probe-'}}, {{'$contains': 'probe-'}}]}}, limit=9)),
  'filters': [i for i in ids(collection.get(where=maps)) if 'probe' in i],
  'both': ids(collection.query(query_embeddings=[vector], n_results=9, where=maps, where_document={{'$contains': 'probe'}})),
  'pairs': ids(collection.get(where={{'labelPairs': {{'$contains': 'app=probe'}}}})),
  'metadata': collection.get(ids=['default/v1/Service/probe'])['metadatas'][0],
  'text': collection.get(ids=['default/v1/Service/probe'])['documents'][0],
  'marker': collection.metadata,
}}))"
        ))
        .await;
    let both = json!(["default/v1/ConfigMap/probe-a", "default/v1/ConfigMap/probe-b"]);
    for form in ["query", "keyword", "filters", "both"] {
        assert_eq!(found[form], both, "{form}: {found}");
    }
    let all =
        json!(["default/v1/ConfigMap/probe-a", "default/v1/ConfigMap/probe-b", "default/v1/Service/probe"]);
    assert_eq!(found["pairs"], all);
    assert!(found["filtered"].to_string().contains("default/v1/Service/probe"), "{found}");
    assert!(found["count"].as_u64() > Some(5_000), "{found}");
    let metadata = &found["metadata"];
    assert_eq!((&metadata["source"], &metadata["labels"]), (&json!("resource-sync"), &json!("app=probe")));
    assert_eq!(metadata["labelPairs"], json!(["app=probe"]));
    assert_eq!(found["text"], "Service probe | namespace: default | apiVersion: v1 | labels: app=probe");
    let marker = &found["marker"];
    assert_eq!(
        (&marker["kubesift_complete"], &marker["kubesift_profile"]),
        (&json!(true), &json!("default"))
    );
    assert!(marker["kubesift_synced_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{marker}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_arrive_and_what_is_gone_is_gone() {
    let Some((plane, mut chroma, home)) = parts().await else { return };
    let url = chroma.url();
    let mut writer = home.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    plane
        .apply_objects(&[
            object("ConfigMap", "first", json!({ "app": "x" })),
            object("ConfigMap", "second", json!({})),
        ])
        .await;
    let read = format!(
        "{COLLECTION}
got = collection.get(ids=['default/v1/ConfigMap/first', 'default/v1/ConfigMap/second', 'default/v1/ConfigMap/third'])
print(json.dumps({{'ids': sorted(got['ids']), 'x': collection.get(where={{'labelPairs': {{'$contains': 'app=x'}}}})['ids'],
  'keys': [sorted(m) for i, m in zip(got['ids'], got['metadatas']) if i.endswith('first')]}}))"
    );
    let first = "default/v1/ConfigMap/first";
    wait_for("both to be there", async || {
        let got = chroma.python(&read).await;
        (got["ids"].as_array().is_some_and(|ids| ids.len() == 2) && got["x"] == json!([first]))
            .then_some(())
            .ok_or(got.to_string())
    })
    .await;
    plane.kubectl(&["label", "configmap", "first", "-n", "default", "app-"]).await;
    plane.kubectl(&["delete", "configmap", "second", "-n", "default"]).await;
    wait_for("the last label and the deleted one to be gone", async || {
        let got = chroma.python(&read).await;
        let keys = got["keys"][0].as_array().is_some_and(|keys| !keys.contains(&json!("labelPairs")));
        (got["ids"] == json!([first]) && got["x"] == json!([]) && keys).then_some(()).ok_or(got.to_string())
    })
    .await;

    // The store dies, comes back, dies and comes back empty; changes go on.
    chroma.kill();
    writer.wait_for_line("mirror failing").await;
    plane.apply_objects(&[object("ConfigMap", "third", json!({}))]).await;
    plane.kubectl(&["delete", "configmap", "first", "-n", "default"]).await;
    chroma.resume().await;
    wait_for("what changed meanwhile", async || {
        let got = chroma.python(&read).await;
        (got["ids"] == json!(["default/v1/ConfigMap/third"])).then_some(()).ok_or(got.to_string())
    })
    .await;
    chroma.wipe().await;
    equal(&home, &url).await;
    let once = home.run(&to("sync", &url, &["--once"])).await;
    assert!(once.code == 0 && once.stderr.contains("keeps this collection in sync"), "{once:?}");
    let status = home.status().await;
    assert_eq!(
        (&status["mirror"]["phase"]["is"], &status["mirror"]["held_back"]),
        (&json!("live"), &json!(0))
    );

    // Killed in the middle, another takes over at once.
    writer.kill().await;
    plane.apply_objects(&[object("ConfigMap", "fourth", json!({}))]).await;
    plane.kubectl(&["delete", "configmap", "third", "-n", "default"]).await;
    home.run(&to("sync", &url, &["--once"])).await.success();
    assert_eq!(chroma.python(&read).await["ids"], json!([]));
    home.run(&to("verify", &url, &[])).await.success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_may_no_longer_be_read_keeps_its_records() {
    let Some((plane, chroma, admin)) = parts().await else { return };
    let url = chroma.url();
    plane.namespace("one").await;
    plane.apply_objects(&[object("ConfigMap", "kept", json!({}))]).await;
    plane.grant("twons", None, &["namespaces"]).await;
    admin.run(&to("sync", &url, &["--once"])).await.success();
    let before = chroma.python(&format!("{COLLECTION}print(collection.count())")).await;
    // Another user has another index, in which next to nothing can be read.
    let limited = home(plane.kubeconfig("twons"));
    let output = limited.run(&to("sync", &url, &["--once"])).await;
    assert!(output.stderr.contains("stay because their kinds are not covered"), "{output:?}");
    assert!(output.stderr.contains(" 0 deleted, 0 held back"), "{output:?}");
    assert_eq!(chroma.python(&format!("{COLLECTION}print(collection.count())")).await, before);
    let marker = chroma.python(&format!("{COLLECTION}print(json.dumps(collection.metadata))")).await;
    assert_eq!(marker["kubesift_complete"], json!(false), "{marker}");
    admin.run(&to("verify", &url, &[])).await.success();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_one_is_passive() {
    let Some((plane, chroma, first)) = parts().await else { return };
    let second = home(plane.kubeconfig("admin"));
    let url = chroma.url();
    let mut writer = first.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    let mut passive = second.spawn(&to("sync", &url, &["--watch"]));
    passive.wait_for_line("mirror passive").await;
    plane.apply_objects(&[object("ConfigMap", "one", json!({}))]).await;
    equal(&first, &url).await;
    let (code, _) = writer.stop().await;
    assert_eq!(code, 0);
    passive.wait_for_line("mirror live").await;
    plane.apply_objects(&[object("ConfigMap", "two", json!({}))]).await;
    equal(&second, &url).await;
    passive.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clusters_collection_is_refused() {
    let Some((_plane, chroma, home_here)) = parts().await else { return };
    let url = chroma.url();
    home_here.run(&to("sync", &url, &["--once"])).await.success();
    let Some(other) = ControlPlane::start(crate::support::Options::default()).await else { return };
    let there = home(other.kubeconfig("admin"));
    for command in [to("sync", &url, &["--once"]), to("verify", &url, &[]), to("sync", &url, &["--dry-run"])]
    {
        let refused = there.run(&command).await;
        assert!(refused.code == 3 && refused.stderr.contains("another cluster"), "{refused:?}");
        assert!(refused.stderr.contains("--adopt"), "{refused:?}");
    }
    home_here.run(&to("verify", &url, &[])).await.success();
    let adopted = there.run(&to("sync", &url, &["--once", "--adopt"])).await;
    assert!(adopted.code == 0 || adopted.code == 1, "{adopted:?}");
    equal(&there, &url).await;
}
