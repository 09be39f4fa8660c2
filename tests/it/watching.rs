//! `search --watch` against a real API server: beside a writer, as the writer, and after the writer's death.

use crate::support::steps::{config_map, live};
use crate::support::{ControlPlane, Home, Options};

const WATCH: [&str; 4] = ["search", "name:^watched", "--watch", "-o"];

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_search_tells_what_appears_changes_and_goes() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    plane.apply_objects(&[config_map("watched-first"), config_map("other")]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    // nobody else writes: it becomes the writer
    let mut watch = home.spawn(&[&WATCH[..], &["jsonl"]].concat());
    let present = watch.wait_for_line("watched-first").await;
    assert!(present.contains(r#""change":"present""#), "{present}");
    plane.apply_objects(&[config_map("watched-second")]).await;
    watch.wait_for_line(r#"{"change":"added","id":"default/v1/ConfigMap/watched-second""#).await;
    plane.kubectl(&["label", "configmap", "watched-second", "-n", "default", "team=payments"]).await;
    let changed =
        watch.wait_for_line(r#"{"change":"changed","id":"default/v1/ConfigMap/watched-second""#).await;
    assert!(changed.contains("team=payments"), "{changed}");
    plane.kubectl(&["delete", "configmap", "watched-second", "-n", "default"]).await;
    watch.wait_for_line(r#"{"change":"removed","id":"default/v1/ConfigMap/watched-second""#).await;
    let (code, output) = watch.stop().await;
    assert_eq!(code, 0, "{output}");
    assert!(!output.contains("ConfigMap/other"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_search_follows_the_writer_and_takes_over_from_it() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    plane.apply_objects(&[config_map("watched-first")]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    let mut watch = home.spawn(&[&WATCH[..], &["name"]].concat());
    watch.wait_for_line("configmap/watched-first").await;
    plane.apply_objects(&[config_map("watched-second")]).await;
    watch.wait_for_line("+ configmap/watched-second").await;
    writer.kill().await;
    plane.apply_objects(&[config_map("watched-third")]).await;
    watch.wait_for_line("+ configmap/watched-third").await;
    assert_eq!(watch.stop().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_has_no_end_and_so_no_list() {
    let home = Home::new("/nonexistent/kubeconfig");
    let output = home.run(&["search", "web", "--watch", "--count"]).await;
    assert_eq!(output.code, 2, "{}", output.stderr);
}
