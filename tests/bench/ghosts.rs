//! Records of objects that are gone: how long they stay in the store after a start.

use std::time::{Duration, Instant};

use kubesift::mirror::{Chroma as Client, ChromaOptions, Contents, VectorStore};
use serde_json::json;

use crate::report::{Table, Times};
use crate::support::chroma::Chroma;
use crate::support::{ControlPlane, Home};

/// How often the store is asked.
const LOOK: Duration = Duration::from_millis(20);
const ROUNDS: usize = 3;
const NAMES: [&str; 2] = ["ghost-0", "ghost-1"];

pub(crate) async fn run(plane: &ControlPlane, home: &Home, chroma: &mut Chroma) {
    let title = "From a start to the end of the last record whose object is gone";
    let table = Table::start(title, &["two objects deleted", "median (least - most)", "rounds"]);
    let mut crashed = Times::default();
    for _ in 0..ROUNDS {
        crashed.push(after_a_crash(plane, home, chroma).await);
    }
    let mut unseen = Times::default();
    for _ in 0..ROUNDS {
        unseen.push(without_the_mirror(plane, home, chroma).await);
    }
    let row = |what: &str, times: &Times| {
        table.row(&[what.to_owned(), times.spread(), times.len().to_string()]);
    };
    row("while Chroma was away, then `kill -9`; from the start of `sync --watch`", &crashed);
    row("between `sync --once` and `search --fresh`; from the start of `sync --watch`", &unseen);
}

/// The index knows that they are gone, the store was away, and the program is killed before it could say so.
async fn after_a_crash(plane: &ControlPlane, home: &Home, chroma: &mut Chroma) -> Duration {
    let url = chroma.url();
    let writer = follow(home, &url).await;
    create(plane).await;
    until(&url, NAMES.len()).await;
    chroma.kill();
    delete(plane).await;
    while !home.ids_offline("name:^ghost-").await.is_empty() {
        tokio::time::sleep(LOOK).await;
    }
    writer.kill().await;
    chroma.resume().await;
    ended(home, &url).await
}

/// They go while nobody mirrors, and a search without a mirror is the first to notice.
async fn without_the_mirror(plane: &ControlPlane, home: &Home, chroma: &Chroma) -> Duration {
    let url = chroma.url();
    create(plane).await;
    home.run(&["sync", "--once", "--to", "chroma", "--url", &url]).await.success();
    until(&url, NAMES.len()).await;
    delete(plane).await;
    home.run(&["search", "--fresh", "name:^ghost-"]).await;
    ended(home, &url).await
}

async fn follow(home: &Home, url: &str) -> crate::support::binary::Running {
    let mut writer = home.spawn(&["sync", "--watch", "--to", "chroma", "--url", url]);
    writer.wait_for_line("mirror live").await;
    writer
}

/// From the start of a writer until the store has none of them.
async fn ended(home: &Home, url: &str) -> Duration {
    let started = Instant::now();
    let writer = home.spawn(&["sync", "--watch", "--to", "chroma", "--url", url]);
    until(url, 0).await;
    let took = started.elapsed();
    writer.stop().await;
    took
}

async fn create(plane: &ControlPlane) {
    let objects = NAMES.map(|name| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "default" } })
    });
    plane.apply_objects(&objects).await;
}

async fn delete(plane: &ControlPlane) {
    plane.kubectl(&["delete", "configmap", "-n", "default", NAMES[0], NAMES[1]]).await;
}

/// Waits until the store holds so many of them.
async fn until(url: &str, records: usize) {
    let store = Client::new(ChromaOptions::new(url)).expect("options");
    store.find().await.expect("an answer").expect("a collection");
    let ids = NAMES.map(|name| format!("default/v1/ConfigMap/{name}"));
    while store.get(&ids, Contents::Ids).await.expect("records").len() != records {
        tokio::time::sleep(LOOK).await;
    }
}
