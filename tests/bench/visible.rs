//! From a change in the cluster to its place in a search, while 200 changes arrive each second.
//!
//! Every change writes its number into a label of one of 400 ConfigMaps. An observer asks the index for these labels
//! each time it shows a new commit, and so knows when each number could be found. Two clocks start for a change: when
//! its request is sent, and when the API server has answered, that is, when it has happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kubesift::cluster::selection::{Selection, SelectionOptions};
use kubesift::cluster::{Access, AccessOptions, Client, ClientOptions};
use kubesift::document::{RuleOptions, Rules};
use kubesift::engine::status::Phase;
use kubesift::engine::{self, EngineOptions, Handle, Mode, Semantic};
use kubesift::index::{Lock, Reader, Snapshot, Store};
use kubesift::query::{Expr, Query, Selector, SelectorOp, Term};
use kubesift::search::{Catalog, Options, Searcher};
use serde_json::json;

use crate::report::{Table, Times};
use crate::support::{ControlPlane, Home, load, process};

/// Changes per second, and for how many seconds.
pub(crate) const RATE: u64 = 200;
pub(crate) const SECONDS: u64 = 20;
/// Objects that change in turns, each every two seconds.
pub(crate) const TARGETS: u64 = 400;
const LABEL: &str = "bench-change";
pub(crate) const PATH: &str = "/api/v1/namespaces/default/configmaps";
/// As the readers beside a writer do (DESIGN, section 4).
const RELOAD: Duration = Duration::from_millis(100);

pub(crate) async fn run(plane: &ControlPlane) {
    let client = plane.client("admin").await;
    create(&client).await;
    let columns =
        ["seen", "p50", "p99", "max", "p99 from sending", "changes", "writer CPU", "API server CPU"];
    let title = "From a change to its place in a search, 200 changes/s (`tests/bench/run visible`)";
    let table = Table::start(title, &columns);

    let dir = tempfile::tempdir().expect("temp dir");
    let handle = start(plane, dir.path()).await;
    let own = std::process::id();
    let inside = Observed { plane, client: &client, table: &table, writer: own };
    inside.observe("in the writer's process (with the changing client in it)", || handle.reader()).await;
    handle.shutdown().await;

    let home = Home::new(plane.kubeconfig("admin"));
    let mut writer = home.spawn(&["sync", "--watch"]);
    writer.wait_for_line("live").await;
    let store = store_of(plane, &home);
    let reader = Reader::open(&store).expect("an index");
    let mut looked = Instant::now();
    let outside = Observed { plane, client: &client, table: &table, writer: writer.id() };
    let follow = || {
        if looked.elapsed() >= RELOAD {
            looked = Instant::now();
            reader.reload().expect("an index");
        }
        reader.clone()
    };
    outside.observe("in another process, which looks every 100 ms", follow).await;
    writer.stop().await;
}

pub(crate) async fn create(client: &kube::Client) {
    let body = |number| {
        let name = name(number);
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "default" } })
    };
    let planned =
        |number| load::Planned { path: PATH.into(), body: body(number), manager: "bench", status: None };
    load::create(client, (0..TARGETS).map(planned)).await;
}

pub(crate) fn name(number: u64) -> String {
    format!("bench-{}", number % TARGETS)
}

/// When each change was sent, and when the API server had answered.
pub(crate) type Sent = Arc<Mutex<BTreeMap<u64, (Instant, Option<Instant>)>>>;

struct Observed<'a> {
    plane: &'a ControlPlane,
    client: &'a kube::Client,
    table: &'a Table,
    writer: u32,
}

impl Observed<'_> {
    async fn observe(&self, seen: &str, mut reader: impl FnMut() -> Reader) {
        let cpu = || (process::cpu_seconds(self.writer), self.plane.cpu_seconds());
        let before = cpu();
        let sent = Sent::default();
        let changes = tokio::spawn(change(self.client.clone(), Arc::clone(&sent)));
        let mut visible = BTreeMap::new();
        let mut last: Option<Arc<Snapshot>> = None;
        let deadline = Instant::now() + Duration::from_secs(SECONDS + 30);
        while !(changes.is_finished() && visible.len() as u64 >= RATE * SECONDS) && Instant::now() < deadline
        {
            let reader = reader();
            let snapshot = reader.snapshot();
            if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &snapshot)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
            last = Some(snapshot);
            let numbers = numbers(&reader);
            let now = Instant::now();
            take(&numbers, &sent, now, &mut visible);
        }
        let after = cpu();
        let sent = sent.lock().expect("not poisoned").clone();
        let since = |from: fn(&(Instant, Option<Instant>)) -> Option<Instant>| -> Times {
            let each = visible.iter().filter_map(|(number, at): (&u64, &Instant)| {
                Some(at.saturating_duration_since(from(sent.get(number)?)?))
            });
            each.collect()
        };
        let (answered, begun) = (since(|times| times.1), since(|times| Some(times.0)));
        let [p50, p99, max] = answered.quantiles();
        let cpu = [after.0 - before.0, after.1 - before.1]
            .map(|cpu| format!("{:.0} %", cpu * 100.0 / SECONDS as f64));
        let [writer, server] = cpu;
        let changes = format!("{} of {}", visible.len(), RATE * SECONDS);
        self.table.row(&[
            seen.to_owned(),
            p50,
            p99,
            max,
            begun.quantiles()[1].clone(),
            changes,
            writer,
            server,
        ]);
    }
}

/// Every change that the numbers show and that was not seen before is visible now. A number hides the earlier ones
/// of its object.
pub(crate) fn take(numbers: &[u64], sent: &Sent, now: Instant, visible: &mut BTreeMap<u64, Instant>) {
    let sent = sent.lock().expect("not poisoned");
    for newest in numbers {
        let mut number = *newest;
        while sent.contains_key(&number) && !visible.contains_key(&number) {
            visible.insert(number, now);
            match number.checked_sub(TARGETS) {
                Some(earlier) => number = earlier,
                None => break,
            }
        }
    }
}

/// The numbers that the index shows.
fn numbers(reader: &Reader) -> Vec<u64> {
    let selector = Selector { key: LABEL.to_owned(), op: SelectorOp::Exists };
    let query = Query { root: Some(Expr::Term(Term::Label(selector), 0..0)), ..Query::default() };
    let searcher = Searcher::new(reader.clone(), Arc::new(Catalog::default()));
    let options = Options { limit: TARGETS as usize, ..Options::default() };
    let hits = searcher.search(&query, &options).expect("a search").hits;
    hits.iter().filter_map(|hit| hit.document.local.labels.get(LABEL)?.parse().ok()).collect()
}

/// Sends the changes at their times, whatever became of earlier ones.
pub(crate) async fn change(client: kube::Client, sent: Sent) {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / RATE as u32);
    for number in 0..RATE * SECONDS {
        tick.tick().await;
        let (client, sent) = (client.clone(), Arc::clone(&sent));
        tokio::spawn(async move {
            let body = json!({ "metadata": { "labels": { LABEL: number.to_string() } } }).to_string();
            let uri = format!("{PATH}/{}?fieldManager=bench", name(number));
            let request = http::Request::patch(uri).header("content-type", "application/merge-patch+json");
            let request = request.body(body.into_bytes()).expect("a request");
            sent.lock().expect("not poisoned").insert(number, (Instant::now(), None));
            client.request_text(request).await.expect("a change");
            let answered = Some(Instant::now());
            if let Some(times) = sent.lock().expect("not poisoned").get_mut(&number) {
                times.1 = answered;
            }
        });
    }
}

fn access(plane: &ControlPlane) -> Access {
    let options = AccessOptions { kubeconfig: Some(plane.kubeconfig("admin")), ..AccessOptions::default() };
    Access::load(&options).expect("kubeconfig")
}

/// Where a home's kubesift keeps the index of this cluster.
fn store_of(plane: &ControlPlane, home: &Home) -> Store {
    Store::locate(&home.path().join("data/kubesift"), access(plane).identity.as_str()).expect("a store")
}

/// The engine in this process, live.
async fn start(plane: &ControlPlane, dir: &std::path::Path) -> Handle {
    let access = access(plane);
    let store = Store::locate(dir, access.identity.as_str()).expect("a store");
    let lock = Lock::try_acquire(&store).expect("a lock").expect("no other writer");
    let options = EngineOptions {
        client: Client::new(&access, ClientOptions::default()).expect("client"),
        context: access.context.clone(),
        server: access.server.clone(),
        context_namespace: None,
        store,
        rules: Arc::new(Rules::new(&RuleOptions::default()).expect("rules")),
        semantic: Semantic::Off,
        selection: Arc::new(Selection::new(&SelectionOptions::default())),
        mode: Mode::Live,
        forbidden_after: Duration::from_secs(86_400),
        timing: engine::Timing::default(),
        mirror: None,
        notes: Vec::new(),
        running: engine::Running::default(),
    };
    let handle = engine::start(options, lock).expect("an engine");
    let mut status = handle.subscribe();
    status.wait_for(|status| status.phase == Phase::Live).await.expect("the engine runs");
    handle
}
