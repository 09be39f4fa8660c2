//! Many changes: 200 a second, and then equal; and a store that is away while thousands of objects change.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;

use super::sync::equal;
use super::{parts, to};
use crate::support::{ControlPlane, long};

const PATH: &str = "/api/v1/namespaces/default/configmaps";

async fn send(client: &kube::Client, request: http::request::Builder, body: serde_json::Value) {
    let request = request.body(body.to_string().into_bytes()).expect("request");
    client.request_text(request).await.expect("the API server answers");
}

async fn create(plane: &ControlPlane, count: usize) -> kube::Client {
    let client = plane.client("admin").await;
    let work = futures_util::stream::iter(0..count).for_each_concurrent(16, |n| {
        let body =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": format!("rate-{n}") } });
        let request = http::Request::post(PATH).header("content-type", "application/json");
        send(&client, request, body)
    });
    work.await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_changes_a_second_end_equal() {
    let Some((plane, chroma, home)) = parts().await else { return };
    let (url, seconds) = (chroma.url(), if long() { 60 } else { 5 });
    let client = create(&plane, 400).await;
    let mut writer = home.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let mut running = futures_util::stream::FuturesUnordered::new();
    for n in 0..seconds * 200_u64 {
        tick.tick().await;
        let (client, name) = (client.clone(), format!("{PATH}/rate-{}", n % 400));
        running.push(tokio::spawn(async move {
            let request = http::Request::patch(name).header("content-type", "application/merge-patch+json");
            send(&client, request, json!({ "metadata": { "labels": { "change": n.to_string() } } })).await;
        }));
    }
    while running.next().await.is_some() {}
    equal(&home, &url).await;
    let status = home.status().await;
    assert_eq!((&status["mirror"]["lost_updates"], &status["mirror"]["held_back"]), (&json!(0), &json!(0)));
    assert!(status["mirror"]["updated"].as_u64() >= Some(400), "{status}");
    writer.stop().await;
}
