//! The mirror into a real Chroma, beside a bare client that sends the same records in batches of the same size.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kubesift::mirror::{Chroma as Client, ChromaOptions, Contents, VectorStore};
use serde_json::json;

use crate::child::{Cost, cost};
use crate::report::{Table, Times, megabytes, seconds};
use crate::support::chroma::{self, Chroma};
use crate::support::{ControlPlane, Home, load, process};
use crate::visible::{self, RATE, SECONDS, Sent};

/// How often the store is asked for what can be seen in it.
const LOOK: Duration = Duration::from_millis(50);
/// Records of one request, as the mirror sends them.
const BATCH: usize = 1_000;

pub(crate) async fn run(plane: &ControlPlane) {
    let Some(mut chroma) = Chroma::start().await else { return };
    let mut home = Home::new(plane.kubeconfig("admin"));
    if let Some(library) = chroma::onnx_runtime() {
        home.set("ORT_DYLIB_PATH", library);
    }
    whole(&home, &chroma).await;
    following(plane, &home, &chroma).await;
    away(plane, &home, &mut chroma).await;
    crate::ghosts::run(plane, &home, &mut chroma).await;
}

async fn sync(home: &Home, more: &[&str]) -> Cost {
    let cost = cost(home.command(&[&["sync", "--once"][..], more].concat())).await;
    assert_eq!(cost.code, 0, "{more:?}");
    cost
}

/// All of it at once.
async fn whole(home: &Home, chroma: &Chroma) {
    let url = chroma.url();
    let to = |collection| ["--to", "chroma", "--url", url.as_str(), "--collection", collection];
    let table = Table::start(
        "The whole cluster into Chroma (`tests/bench/run mirror`)",
        &["", "wall", "CPU", "peak RSS"],
    );
    let row = |what: &str, cost: &Cost| {
        table.row(&[what.to_owned(), seconds(cost.wall), seconds(cost.cpu), megabytes(Some(cost.peak_mb))]);
    };
    row("the index alone", &sync(home, &[]).await);
    let index = sync(home, &[]).await;
    row("the index alone, again", &index);
    row("and the mirror, every form embedded", &sync(home, &to("instances")).await);
    let first = sync(home, &to("second")).await;
    row("and into another collection, no form embedded", &first);
    let nothing = sync(home, &to("second")).await;
    row("and once more, nothing changed (the second mirror run)", &nothing);

    let bare = chroma
        .python(&format!(
            "
import time
source = client.get_collection('instances', embedding_function=None)
started = time.time()
records, offset = [], 0
while True:
    page = source.get(limit={BATCH}, offset=offset, include=['documents', 'metadatas'])
    if not page['ids']: break
    records.append(page)
    offset += len(page['ids'])
paging = time.time() - started
vectors = [source.get(ids=page['ids'], include=['embeddings']) for page in records]
target = client.create_collection('bare', embedding_function=None, configuration={{'hnsw': {{'space': 'cosine'}}}})
started = time.time()
for page, own in zip(records, vectors):
    order = dict(zip(own['ids'], own['embeddings']))
    target.upsert(ids=page['ids'], documents=page['documents'], metadatas=page['metadatas'],
                  embeddings=[order[i] for i in page['ids']])
print(json.dumps({{'count': offset, 'upserts': time.time() - started, 'paging': paging}}))"
        ))
        .await;
    let number = |key: &str| bare[key].as_f64().expect("a number");
    let rate = |seconds: f64| format!("{:.0}", number("count") / seconds);
    let mirror = first.wall.saturating_sub(index.wall).as_secs_f64();
    let table = Table::start("Documents a second into an empty collection", &["", "seconds", "documents/s"]);
    table.row(&["kubesift (the run less the index's part)".to_owned(), format!("{mirror:.1}"), rate(mirror)]);
    table.row(&[
        "a bare Python client".to_owned(),
        format!("{:.1}", number("upserts")),
        rate(number("upserts")),
    ]);
    println!(
        "\nNothing changed: {:.1} s more than the index alone; a bare client needs {:.1} s to page through.",
        nothing.wall.saturating_sub(index.wall).as_secs_f64(),
        number("paging")
    );
}

/// From a change to its place in the store.
async fn following(plane: &ControlPlane, home: &Home, chroma: &Chroma) {
    let (client, url) = (plane.client("admin").await, chroma.url());
    let there = http::Request::get(format!("{}/{}", visible::PATH, visible::name(0))).body(Vec::new());
    if client.request_text(there.expect("a request")).await.is_err() {
        visible::create(&client).await;
    }
    let mut writer = home.spawn(&["sync", "--watch", "--to", "chroma", "--url", &url]);
    writer.wait_for_line("mirror live").await;
    let store = Client::new(ChromaOptions::new(url)).expect("options");
    store.find().await.expect("a collection").expect("a collection");
    let sent = Sent::default();
    let changes = tokio::spawn(visible::change(client, Arc::clone(&sent)));
    let mut seen = BTreeMap::new();
    let deadline = Instant::now() + Duration::from_secs(SECONDS + 30);
    while !(changes.is_finished() && seen.len() as u64 >= RATE * SECONDS) && Instant::now() < deadline {
        // Only what is waited for: looking costs the store more than being written to.
        let waiting: BTreeSet<String> = {
            let sent = sent.lock().expect("not poisoned");
            let unseen = sent.keys().filter(|number| !seen.contains_key(*number));
            unseen.map(|number| format!("default/v1/ConfigMap/{}", visible::name(*number))).collect()
        };
        let waiting: Vec<String> = waiting.into_iter().collect();
        let records = store.get(&waiting, Contents::Full).await.expect("records");
        let number = |labels: &str| labels.rsplit('=').next()?.parse::<u64>().ok();
        let labels = records.iter().filter_map(|record| record.fields.get("labels")?.as_str());
        let numbers: Vec<u64> = labels.filter_map(number).collect();
        visible::take(&numbers, &sent, Instant::now(), &mut seen);
        tokio::time::sleep(LOOK).await;
    }
    let sent = sent.lock().expect("not poisoned").clone();
    let times: Times = seen
        .iter()
        .filter_map(|(number, at)| Some(at.saturating_duration_since(sent.get(number)?.1?)))
        .collect();
    let title = "From a change in the cluster to its record in Chroma, 200 changes/s, looked at every 50 ms";
    let table = Table::start(title, &["p50", "p99", "max", "changes"]);
    let [p50, p99, max] = times.quantiles();
    table.row(&[p50, p99, max, format!("{} of {}", seen.len(), RATE * SECONDS)]);
    writer.stop().await;
}

/// The store is away while everything changes.
async fn away(plane: &ControlPlane, home: &Home, chroma: &mut Chroma) {
    let url = chroma.url();
    let mut writer = home.spawn(&["sync", "--watch", "--to", "chroma", "--url", &url]);
    writer.wait_for_line("mirror live").await;
    let anon = |pid| process::memory_mb(pid, "RssAnon").unwrap_or_default();
    let before = anon(writer.id());
    chroma.kill();
    let planned = |n: u32| load::Planned {
        path: visible::PATH.into(),
        body: json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": format!("away-{n}"), "namespace": "default", "labels": { "n": n.to_string() } } }),
        manager: "bench",
        status: None,
    };
    load::create(&plane.client("admin").await, (0..20_000).map(planned)).await;
    let during = anon(writer.id());
    chroma.resume().await;
    let started = Instant::now();
    let store = Client::new(ChromaOptions::new(url)).expect("options");
    store.find().await.expect("a collection").expect("a collection");
    let last = ["default/v1/ConfigMap/away-19999".to_owned(), "default/v1/ConfigMap/away-0".to_owned()];
    while store.get(&last, Contents::Ids).await.expect("records").len() < 2 {
        tokio::time::sleep(LOOK).await;
    }
    let title = "Memory while Chroma is away and 20,000 objects come";
    let table = Table::start(
        title,
        &["RssAnon before", "after all changes", "first and last of them there again after"],
    );
    table.row(&[megabytes(Some(before)), megabytes(Some(during)), seconds(started.elapsed())]);
    writer.stop().await;
}
