//! Records of a kind that vanished while they could not be deleted.

use std::time::Duration;

use serde_json::json;

use super::sync::equal;
use super::{parts, to};
use crate::support::steps::{appears, crd, custom, vanishes};
use crate::support::wait::wait_at_most;
use crate::support::wait_for;

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_kind_that_vanished_while_the_store_was_away_go_after_a_kill() {
    let Some((plane, mut chroma, home)) = parts().await else { return };
    let url = chroma.url();
    plane.apply_objects(&[crd("tens", &["v1"])]).await;
    let made = |name: &str| custom("tens", "v1", name);
    wait_for("the new kind to be served", async || {
        let served = plane.kubectl_as("admin", &["get", "tens.test.example.org"]).await;
        if served.code == 0 { Ok(()) } else { Err(format!("{served:?}")) }
    })
    .await;
    plane.apply_objects(&[made("one"), made("two")]).await;
    let mut writer = home.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    appears(&home, "kind:tens name:=two").await;
    equal(&home, &url).await;

    // The index loses them; the store can't be told, and who knew of it is killed.
    chroma.kill();
    plane.kubectl(&["delete", "crd", "tens.test.example.org"]).await;
    vanishes(&home, "kind:tens").await;
    writer.kill().await;
    chroma.resume().await;
    let read = "print(json.dumps(client.get_collection('instances', embedding_function=None).get(where={'kind': 'tens'})['ids']))";
    assert_eq!(chroma.python(read).await.as_array().map(Vec::len), Some(2));

    // Too early to be certain that the kind is gone: they stay, and are told.
    let first = home.run(&to("sync", &url, &["--once"])).await;
    assert!(first.stderr.contains("2 records stay because their kinds are not covered: tens"), "{first:?}");
    assert_eq!(chroma.python(read).await.as_array().map(Vec::len), Some(2));
    let writer = home.spawn(&to("sync", &url, &["--watch"]));
    wait_at_most(Duration::from_secs(180), "the records to go", async || {
        chroma.python(read).await == json!([])
    })
    .await;
    writer.stop().await;
    equal(&home, &url).await;

    // Served again, it is mirrored again.
    plane.apply_objects(&[crd("tens", &["v1"])]).await;
    wait_for("the kind to be served again", async || {
        plane.kubectl_as("admin", &["get", "tens.test.example.org"]).await.code == 0
    })
    .await;
    plane.apply_objects(&[made("three")]).await;
    home.run(&to("sync", &url, &["--once"])).await.success();
    assert_eq!(chroma.python(read).await, json!(["default/test.example.org/v1/tens/three"]));
}
