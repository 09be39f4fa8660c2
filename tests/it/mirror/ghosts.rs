//! Records of objects that were deleted while nobody could tell the store: they go within seconds of a start, not with
//! the next bookmark of their kind, which takes a minute.

use serde_json::{Value, json};

use super::sync::equal;
use super::{parts, to};
use crate::support::steps::{appears, config_map, vanishes};
use crate::support::{ControlPlane, Home, chroma::Chroma};

/// Below the minute that a bookmark takes, and above what a start takes on a busy machine.
const SOON: u64 = 40;

/// Watches the collection until the ghosts are gone; what it shows on the way, each sight once.
const WATCH: &str = "import time
seen, until = [], time.time() + SOON
while time.time() < until:
    # In this order: what is said of records that are there afterwards is not so.
    collection = client.get_collection('instances', embedding_function=None)
    said = {key: collection.metadata['kubesift_' + key] for key in ('beat', 'complete', 'stale')}
    there = collection.get(ids=[f'default/v1/ConfigMap/{name}' for name in ('one', 'two', 'three')])
    said['names'] = sorted(id.split('/')[-1] for id in there['ids'])
    if said not in seen:
        seen.append(said)
    if said['names'] == ['three'] and said['complete']:
        break
    time.sleep(0.02)
print(json.dumps(seen))";

async fn sights(chroma: &Chroma, seconds: u64) -> Vec<Value> {
    let seen = chroma.python(&WATCH.replace("SOON", &seconds.to_string())).await;
    seen.as_array().expect("a list of sights").clone()
}

/// Mirrors again, and looks on.
async fn ghosts_go(home: &Home, chroma: &Chroma) {
    let before = sights(chroma, 1).await;
    let before = before.last().expect("a collection");
    assert_eq!(before["names"], json!(["one", "three", "two"]));
    let start = async { home.spawn(&to("sync", &chroma.url(), &["--watch"])) };
    let (seen, writer) = tokio::join!(sights(chroma, SOON), start);
    writer.stop().await;
    let last = seen.last().expect("a collection");
    assert_eq!((&last["names"], &last["complete"]), (&json!(["three"]), &json!(true)), "{seen:#?}");
    // Until the new writer has claimed the collection nobody is there to say anything.
    for sight in
        seen.iter().filter(|sight| sight["beat"] != before["beat"] && sight["names"] != json!(["three"]))
    {
        let stale =
            sight["stale"].as_str().is_some_and(|stale| stale.split(',').any(|kind| kind == "configmaps"));
        assert!(sight["complete"] == json!(false) || stale, "{seen:#?}");
    }
}

async fn three(plane: &ControlPlane) {
    plane.apply_objects(&["one", "two", "three"].map(config_map)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_objects_that_were_deleted_while_the_store_was_away_go_soon_after_a_kill() {
    let Some((plane, mut chroma, home)) = parts().await else { return };
    let url = chroma.url();
    three(&plane).await;
    let mut writer = home.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    appears(&home, "name:=three").await;
    equal(&home, &url).await;
    chroma.kill();
    plane.kubectl(&["delete", "configmap", "one", "two", "-n", "default"]).await;
    vanishes(&home, "name:=two").await;
    writer.kill().await;
    chroma.resume().await;
    ghosts_go(&home, &chroma).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_search_found_deleted_leaves_the_store_soon_after_the_next_start() {
    let Some((plane, chroma, home)) = parts().await else { return };
    let url = chroma.url();
    three(&plane).await;
    home.run(&to("sync", &url, &["--once"])).await.success();
    plane.kubectl(&["delete", "configmap", "one", "two", "-n", "default"]).await;
    // The index knows, and did not tell: a search mirrors nothing.
    home.run(&["search", "--fresh", "name:=three"]).await.success();
    ghosts_go(&home, &chroma).await;
}
