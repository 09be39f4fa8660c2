//! A store that answers badly ends equal all the same, and each trouble is said once.

use serde_json::{Value, json};

use super::sync::equal;
use super::{parts, to};
use crate::support::store_proxy::{Fault, StoreProxy};
use crate::support::wait_for;

fn objects(names: impl Iterator<Item = usize>) -> Vec<Value> {
    let object = |n| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": format!("c-{n}"), "namespace": "default", "labels": { "n": format!("{n}") } } })
    };
    names.map(object).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_store_answers_it_ends_equal() {
    let Some((plane, chroma, home)) = parts().await else { return };
    let proxy = StoreProxy::start(chroma.port()).await;
    let url = proxy.url();
    plane.apply_objects(&objects(0..40)).await;
    // In the first sync: too large until it is small enough, then a connection that ends.
    proxy.fail([Fault::Larger(60_000)]);
    home.run(&to("sync", &url, &["--once"])).await.success();
    assert!(proxy.failed() > 0);
    proxy.fail([]);
    home.run(&to("verify", &url, &[])).await.success();

    let mut writer = home.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    for (round, fault) in [
        Fault::Status(429),
        Fault::Status(500),
        Fault::Status(503),
        Fault::Close,
        Fault::CloseAfter,
        Fault::Status(422),
    ]
    .into_iter()
    .enumerate()
    {
        let before = proxy.failed();
        proxy.fail([fault, fault]);
        plane.apply_objects(&objects(100 + round * 10..105 + round * 10)).await;
        let name = format!("c-{round}");
        plane.kubectl(&["label", "configmap", &name, "-n", "default", &format!("round={round}")]).await;
        plane.kubectl(&["delete", "configmap", &format!("c-{}", 20 + round), "-n", "default"]).await;
        wait_for(&format!("{fault:?} to happen twice"), async || proxy.failed() >= before + 2).await;
        equal(&home, &url).await;
    }
    // A document that was refused once is asked again later, and no longer counted then.
    wait_for("nothing to be held back or refused", async || {
        let status = home.status().await;
        [&status["mirror"]["held_back"], &status["mirror"]["over_limit_count"]] == [&json!(0), &json!(0)]
    })
    .await;
    let (code, output) = writer.stop().await;
    assert_eq!(code, 0);
    let told = output.matches("mirror failing").count();
    assert!(told <= 12, "each trouble is said once, not at each try ({told} times): {output}");
}
