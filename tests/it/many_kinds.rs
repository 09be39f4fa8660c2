//! More kinds than one connection carries watches.

use std::collections::BTreeSet;

use crate::support::binary::Running;
use crate::support::steps::{appears, found, live, measured, states};
use crate::support::wait::wait_at_most;
use crate::support::{ControlPlane, Home, Options, load, long, process};

/// Enough for more than one connection: an API server carries 100 streams on each.
const MANY: usize = 150;
/// As many as a Crossplane installation brings.
const CROSSPLANE: usize = 1_200;

/// Waits until every one of `crds` kinds and all others are read and watched, and nothing is missing.
async fn all_complete(home: &Home, crds: usize, what: &str) {
    let patience = std::time::Duration::from_secs(180);
    wait_at_most(patience, &format!("{crds} kinds to be complete, {what}"), async || {
        let status = home.status().await;
        let states = states(&status);
        let unfinished: Vec<_> = states.iter().filter(|(_, state)| state != "complete").take(5).collect();
        let custom = states.iter().filter(|(kind, _)| kind.ends_with(".bulk.kubesift.test")).count();
        if custom == crds && unfinished.is_empty() {
            Ok(())
        } else {
            Err(format!("{custom} custom kinds of {}, such as {unfinished:?}", states.len()))
        }
    })
    .await;
}

/// Kinds of which kubesift opened a watch.
fn watched(plane: &ControlPlane) -> BTreeSet<String> {
    let requests = plane.requests("admin").into_iter();
    let watches = requests.filter(|request| request.agent.starts_with("kubesift") && request.verb == "watch");
    watches.map(|request| request.uri.split('?').next().unwrap_or_default().to_owned()).collect()
}

/// The last object made is found, which a hanging connection would prevent.
async fn follows_the_last_kind(plane: &ControlPlane, home: &Home, path: &str, name: &str) {
    let client = plane.client("admin").await;
    load::served(&client, path).await;
    load::create(&client, [load::bulk_object(path, name)]).await;
    appears(home, &format!("name:={name}")).await;
}

fn memory(writer: &Running, what: &str) {
    let figure = |field| process::memory_mb(writer.id(), field).unwrap_or_default();
    measured(&format!("{what}: RssAnon {:.0} MB, VmHWM {:.0} MB", figure("RssAnon"), figure("VmHWM")));
}

async fn kinds_made_beside_a_writer_on_a_warm_and_on_a_restarted_server(count: usize) {
    let Some(mut plane) = ControlPlane::start(Options::default()).await else { return };
    let home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    let last = load::crds(&plane, count).await;
    all_complete(&home, count, "made beside a writer").await;
    follows_the_last_kind(&plane, &home, &last, "beside").await;
    let watched = watched(&plane);
    assert!(watched.len() > count, "{} watches for {count} custom kinds", watched.len());
    memory(&writer, &format!("{count} kinds made beside a writer"));

    // Every watch breaks at once, and every custom resource is set up anew.
    plane.restart_apiserver().await;
    follows_the_last_kind(&plane, &home, &last, "restarted").await;
    all_complete(&home, count, "after a restart beside a writer").await;
    assert_eq!(home.status().await["deletes"], 0);
    memory(&writer, &format!("{count} kinds after a restart beside a writer"));
    writer.stop().await;

    let home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    all_complete(&home, count, "read by a new writer on a warm server").await;
    assert_eq!(found(&home, "name:=beside").await + found(&home, "name:=restarted").await, 2);
    memory(&writer, &format!("{count} kinds on a warm server"));
    writer.stop().await;

    plane.restart_apiserver().await;
    let home = Home::new(plane.kubeconfig("admin"));
    let started = std::time::Instant::now();
    let output = home.run(&["search", "name:=beside", "-o", "name"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    measured(&format!("{count} kinds on a just restarted server: search after {:.1?}", started.elapsed()));
    all_complete(&home, count, "read by search on a just restarted server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_hundred_watches_run_in_one_process() {
    kinds_made_beside_a_writer_on_a_warm_and_on_a_restarted_server(MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_hundred_kinds_are_read_and_watched() {
    if !long() {
        return;
    }
    kinds_made_beside_a_writer_on_a_warm_and_on_a_restarted_server(CROSSPLANE).await;
}
