//! 20,000 objects of a real API server into an empty index, and the same kinds by other ways.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use kubesift::cluster::client::RequestSpec;
use kubesift::cluster::wire::{Encoding, Gunzip, ListDecoder, ListPart};
use kubesift::cluster::{Access, AccessOptions, Client, ClientOptions};
use kubesift::object::Kind;
use serde_json::Value;

use crate::child::{Cost, cost};
use crate::report::{Table, Times, megabytes, seconds};
use crate::support::{ControlPlane, Home, process};

/// Runs of each row; kubectl takes so long that fewer must do.
const ROUNDS: usize = 5;
const KUBECTL_ROUNDS: usize = 2;
/// Runs of what takes milliseconds.
const SHORT_ROUNDS: usize = 20;

/// What any client wants of a kind's metadata, as DESIGN's readers ask for it.
const ACCEPT: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

pub(crate) async fn run(plane: &ControlPlane) {
    let kubeconfig = plane.kubeconfig("admin");
    // Once to warm the API server, and to learn which kinds are read.
    let stored = Home::new(&kubeconfig);
    stored.run(&["sync", "--once"]).await.success();
    let kinds = read_kinds(&stored).await;
    let objects = stored.status().await["objects"].clone();
    println!(
        "\n{objects} objects of {} kinds. Each row is a whole process unless it says otherwise.",
        kinds.len()
    );

    let title = "Reading a real API server (`tests/bench/run reading`)";
    let table = Table::start(
        title,
        &["what", "wall, median (least - most)", "CPU", "API server CPU", "VmHWM", "RssAnon, most"],
    );
    let bench = Bench { plane, table, kubeconfig };
    bench
        .kubesift("`sync --once`, empty index to complete and searchable", ROUNDS, None, &["sync", "--once"])
        .await;
    bench
        .kubesift("`search checkout`, empty index to the answer", ROUNDS, None, &["search", "checkout"])
        .await;
    bench.bare(&kinds).await;
    bench.kubectl("json", &kinds).await;
    bench.kubectl("name", &kinds).await;
    let stored = Some(&stored);
    bench
        .kubesift("`sync --once`, everything stored: consistent relist", ROUNDS, stored, &["sync", "--once"])
        .await;
    let confirm = ["search", "--max-age", "0s", "checkout"];
    bench.kubesift("`search checkout`, everything stored, no writer: relist", ROUNDS, stored, &confirm).await;
    let offline = ["search", "--offline", "checkout"];
    bench
        .kubesift("`search --offline checkout`: restart to first result", SHORT_ROUNDS, stored, &offline)
        .await;
    drop(bench);
    live(plane).await;
}

struct Bench<'a> {
    plane: &'a ControlPlane,
    table: Table,
    kubeconfig: PathBuf,
}

impl Bench<'_> {
    /// Runs kubesift several times, in `home` or each time in a new one.
    async fn kubesift(&self, what: &str, rounds: usize, home: Option<&Home>, arguments: &[&str]) {
        self.row(what, rounds, async || match home {
            Some(home) => cost(home.command(arguments)).await,
            None => cost(Home::new(&self.kubeconfig).command(arguments)).await,
        })
        .await;
    }

    async fn kubectl(&self, form: &str, kinds: &[Kind]) {
        let names: Vec<String> = kinds.iter().map(|kind| kind.key().to_string()).collect();
        let names = names.join(",");
        self.row(&format!("`kubectl get <the same kinds> -A -o {form}`"), KUBECTL_ROUNDS, async || {
            let mut command = self.plane.kubectl_command("admin");
            command.args(["get", &names, "-A", "-o", form]);
            cost(command).await
        })
        .await;
    }

    /// In this process: lists in protobuf over four connections, 16 at once, decoded and dropped.
    async fn bare(&self, kinds: &[Kind]) {
        let own = std::process::id();
        self.row(
            "bare: protobuf metadata lists, decoded, nothing kept (in the benchmark's process)",
            ROUNDS,
            async || {
                let (started, cpu) = (Instant::now(), process::cpu_seconds(own));
                list_all(self.plane, kinds).await;
                let cpu = Duration::from_secs_f64(process::cpu_seconds(own) - cpu);
                Cost { wall: started.elapsed(), cpu, peak_mb: 0.0, anon_mb: 0.0, code: 0 }
            },
        )
        .await;
    }

    async fn row(&self, what: &str, rounds: usize, mut once: impl AsyncFnMut() -> Cost) {
        let before = self.plane.cpu_seconds();
        let mut costs = Vec::new();
        for _ in 0..rounds {
            let cost = once().await;
            assert_eq!(cost.code, 0, "{what}");
            costs.push(cost);
        }
        let server = (self.plane.cpu_seconds() - before) / rounds as f64;
        let wall: Times = costs.iter().map(|cost| cost.wall).collect();
        let cpu = costs.iter().map(|cost| cost.cpu).sum::<Duration>() / rounds as u32;
        let most = |memory: fn(&Cost) -> f64| {
            megabytes(Some(costs.iter().map(memory).fold(0.0, f64::max)).filter(|size| *size > 0.0))
        };
        self.table.row(&[
            what.to_owned(),
            wall.spread(),
            seconds(cpu),
            format!("{server:.2} s"),
            most(|cost| cost.peak_mb),
            most(|cost| cost.anon_mb),
        ]);
    }
}

/// The kinds that an index holds in full.
async fn read_kinds(home: &Home) -> Vec<Kind> {
    let Value::Array(rows) = home.run(&["kinds", "-o", "json"]).await.json() else { panic!("no list") };
    let read = rows.into_iter().filter(|row| row["state"]["is"] != "excluded");
    read.map(|row| serde_json::from_value(row).expect("a kind")).collect()
}

async fn list_all(plane: &ControlPlane, kinds: &[Kind]) {
    let options = AccessOptions { kubeconfig: Some(plane.kubeconfig("admin")), ..AccessOptions::default() };
    let access = Access::load(&options).expect("kubeconfig");
    let client = Client::new(&access, ClientOptions::default()).expect("client");
    stream::iter(kinds).for_each_concurrent(16, |kind| list(&client, kind)).await;
}

async fn list(client: &Client, kind: &Kind) {
    let spec = RequestSpec::new(kind.path(None)).accept(ACCEPT).query("resourceVersion", "0");
    let mut response = client.get(&spec).await.expect("a list");
    let mut decoder = ListDecoder::new(Encoding::of(response.content_type()).expect("an encoding"));
    let mut gunzip = if response.is_gzip() { Gunzip::new() } else { Gunzip::identity() };
    while let Some(chunk) = response.chunk().await.expect("a body") {
        let taken = gunzip.push(&chunk, &mut |plain| {
            decoder.push(plain, &mut |part| drop(std::hint::black_box::<ListPart>(part)))
        });
        taken.expect("a list");
    }
    decoder.finish().expect("a whole list");
}

/// The columns of [`live_row`].
pub(crate) const LIVE: [&str; 8] = [
    "`sync --watch`",
    "to `live`",
    "requests",
    "on the wire",
    "CPU",
    "API server CPU",
    "RssAnon live",
    "VmHWM",
];

/// A writer that stays: to `live`, its memory then, its requests and bytes.
async fn live(plane: &ControlPlane) {
    let table = Table::start("A writer that stays live (`tests/bench/run reading`)", &LIVE);
    let home = Home::new(plane.kubeconfig("admin"));
    for what in ["empty index", "restart: everything stored, nothing changed"] {
        table.row(&live_row(plane, &home, what).await);
    }
}

/// Starts a writer, waits until it is live, and says what that took. The writer is stopped again.
pub(crate) async fn live_row(plane: &ControlPlane, home: &Home, what: &str) -> Vec<String> {
    let server = plane.cpu_seconds();
    let started = Instant::now();
    let mut writer = home.spawn(&["sync", "--watch"]);
    writer.wait_for_line_at_most(Duration::from_secs(300), "live").await;
    let took = started.elapsed();
    let (pid, server) = (writer.id(), plane.cpu_seconds() - server);
    let cpu = process::cpu_seconds(pid);
    let (anon, peak) = (process::memory_mb(pid, "RssAnon"), process::memory_mb(pid, "VmHWM"));
    let status = home.status().await;
    writer.stop().await;
    vec![
        what.to_owned(),
        seconds(took),
        status["requests"].to_string(),
        format!("{} kB", status["bytes"].as_u64().unwrap_or_default() / 1000),
        format!("{cpu:.2} s"),
        format!("{server:.2} s"),
        megabytes(anon),
        megabytes(peak),
    ]
}
