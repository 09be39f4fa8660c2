//! Kinds that come, go, and change their version.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::steps::{appears, config_map, crd, custom, found, live, vanishes};
use crate::support::{ControlPlane, Home, Options, load, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn kinds_come_and_go_with_their_crds() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    plane.apply_objects(&[crd("gadgets", &["v1", "v1beta1"])]).await;
    wait_for("the kind to be served", async || {
        plane.kubectl_as("admin", &["get", "gadgets"]).await.code == 0
    })
    .await;
    plane.apply_objects(&[custom("gadgets", "v1", "one")]).await;
    appears(&home, "kind:gadgets name:=one").await;
    assert_eq!(found(&home, "is:custom").await, 1, "what Kubernetes brings itself is not custom");
    plane.kubectl(&["delete", "crd", "gadgets.test.example.org"]).await;
    vanishes(&home, "name:=one").await;
    writer.stop().await;
}

/// The document ids of a kind, by the name of the object.
async fn ids(home: &Home, kind: &str) -> Vec<(String, String)> {
    let ids = home.ids_offline(&format!("kind:{kind}")).await;
    let split = |id: String| (id.rsplit('/').next().unwrap_or_default().to_owned(), id);
    ids.into_iter().map(split).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_preferred_version_gives_new_ids_before_the_old_ones_go() {
    // More than the number from which a list that lost half is doubted: the change must not look like a loss.
    const OBJECTS: usize = 60;
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    plane.apply_objects(&[crd("widgets", &["v1beta1"])]).await;
    let client = plane.client("admin").await;
    load::served(&client, "/apis/test.example.org/v1beta1/widgets").await;
    let names: BTreeSet<String> = (0..OBJECTS).map(|n| format!("w{n}")).collect();
    let objects: Vec<Value> = names.iter().map(|name| custom("widgets", "v1beta1", name)).collect();
    plane.apply_objects(&objects).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    assert_eq!(found(&home, "kind:widgets").await, OBJECTS);
    let before = home.status().await;

    let mut both = crd("widgets", &["v1", "v1beta1"]);
    plane.apply_objects(std::slice::from_ref(&both)).await;
    load::served(&client, "/apis/test.example.org/v1/widgets").await;
    // A second writer's view: nothing changed its id while the old version is served and the new one is young.
    plane.apply_objects(&[config_map("after-both")]).await;
    appears(&home, "name:=after-both").await;
    assert!(ids(&home, "widgets").await.iter().all(|(_, id)| id.contains("/v1beta1/")));

    both["spec"]["versions"][1]["served"] = json!(false);
    plane.apply_objects(&[both]).await;
    wait_for("every id to name the new version", async || {
        let ids = ids(&home, "widgets").await;
        let seen: BTreeSet<String> = ids.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(seen, names, "at every moment each object is found by one id at least");
        let old = ids.iter().filter(|(_, id)| id.contains("/v1beta1/")).count();
        if old == 0 { Ok(()) } else { Err(format!("{old} of {} ids are old", ids.len())) }
    })
    .await;
    assert_eq!(found(&home, "kind:widgets").await, OBJECTS);
    // The old ids, and the APIService of the old version; the status follows a commit.
    let deleted = number(&before["deletes"]) + OBJECTS as u64 + 1;
    wait_for("exactly the old ids to be deleted", async || {
        let now = number(&home.status().await["deletes"]);
        if now == deleted { Ok(()) } else { Err(format!("{now} deletes instead of {deleted}")) }
    })
    .await;
    assert_eq!(home.status().await["drift_corrected"], 0);

    plane.kubectl(&["label", "widgets.v1.test.example.org", "w0", "-n", "default", "seen=live"]).await;
    appears(&home, "kind:widgets name:=w0 seen=live").await;
    plane.kubectl(&["delete", "widgets.v1.test.example.org", "w1", "-n", "default"]).await;
    vanishes(&home, "kind:widgets name:=w1").await;
    writer.stop().await;
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}
