//! The terminal app in a pseudo-terminal: from a key to the frame that shows it, start to first rows, memory and CPU,
//! with 20,000 and 100,000 objects of the simulated server (in this process) and 200 changes a second.
//!
//! Two clocks stop for a key: when the query line shows it, and when the number of hits is that of the new query.
//! Both contain the pseudo-terminal and its parser, which are not the app's. A key whose query has as many hits as the
//! one before it counts for the first clock alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kubesift::demo::{Server, ServerOptions};

use crate::report::{Table, Times, megabytes, millis};
use crate::support::terminal::Terminal;
use crate::support::{Home, process};

/// Columns and rows of the terminal.
const SIZE: (u16, u16) = (120, 40);
/// What is typed, letter by letter.
const TYPED: [&str; 6] = [
    "checkout",
    "payments-api",
    "kind:pod ns:payments-prod",
    "postgres",
    "team=team-payments",
    "api kind:deploy",
];
/// How often.
const ROUNDS: usize = 5;
/// Changes per second, in bursts so many times a second.
const RATE: usize = 200;
const BURSTS: usize = 20;
/// Between two keys: a fast typist.
const PACE: Duration = Duration::from_millis(80);
/// How long CPU time is measured.
const WATCHED: Duration = Duration::from_secs(20);
/// How long a frame may take until it counts as missing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Starts of the app over a stored index.
const STARTS: usize = 10;

/// Objects of the simulated server where no other numbers are asked for.
const OBJECTS: [usize; 2] = [20_000, 100_000];

/// With so many objects, one after the other; the usual numbers when there are none.
pub(crate) async fn run(sizes: &[usize]) {
    for objects in if sizes.is_empty() { &OBJECTS } else { sizes } {
        measure(*objects).await;
    }
}

async fn measure(objects: usize) {
    let server = Server::start(ServerOptions { objects, ..ServerOptions::default() }).await;
    let server = Arc::new(server.expect("the simulated server"));
    let dir = tempfile::tempdir().expect("temp dir");
    let kubeconfig = dir.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    let home = Home::new(&kubeconfig);

    let mut app = Terminal::open(&home, SIZE, &[]);
    while !app.line(0).contains("● live") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let pid = app.id().await;
    let idle = cpu(pid).await;
    let expected = settle(&mut app).await;
    let still = keys(&mut app, &expected).await;
    let changes = tokio::spawn(change(Arc::clone(&server)));
    let churned = keys(&mut app, &expected).await;
    let busy = cpu(pid).await;
    changes.abort();

    let title = format!("Terminal app, {objects} objects, {}x{} (`tests/bench/run tui`)", SIZE.0, SIZE.1);
    let table = Table::start(&title, &["from a key to", "p50", "p99", "max", "keys"]);
    for (what, times, missed) in [
        ("the query line that shows it, nothing changes", &still.shown, still.missed),
        ("the rows of the new query, nothing changes", &still.answered, still.missed),
        ("the query line that shows it, 200 changes/s", &churned.shown, churned.missed),
        ("the rows of the new query, 200 changes/s", &churned.answered, churned.missed),
    ] {
        let [p50, p99, max] = times.quantiles();
        table.row(&[what.to_owned(), p50, p99, max, format!("{} ({missed} missed)", times.len())]);
    }
    let peak = megabytes(process::memory_mb(pid, "VmHWM"));
    let anon = megabytes(process::memory_mb(pid, "RssAnon"));
    app.press("\x03");
    app.wait_for("EXIT").await;
    let first = starts(&home).await;
    println!(
        "\nCPU of one core: idle {idle:.1} %, under 200 changes/s {busy:.1} %. Memory: VmHWM {peak}, RssAnon {anon}. \
         Start over the stored index to first rows (a shell starts it): {} (p50), {} (max of {STARTS}).",
        millis(first.at(0.5)),
        millis(first.at(1.0)),
    );
}

/// The label that changes: nothing that is typed finds it, so that the numbers of hits stay.
const LABEL: &str = "zz";

/// Share of one core, in percent.
async fn cpu(pid: u32) -> f64 {
    let before = process::cpu_seconds(pid);
    tokio::time::sleep(WATCHED).await;
    (process::cpu_seconds(pid) - before) * 100.0 / WATCHED.as_secs_f64()
}

/// Writes a label of some Pods, `RATE` times a second.
async fn change(server: Arc<Server>) {
    let pods = server.objects("pods");
    let mut tick = tokio::time::interval(Duration::from_secs(1) / BURSTS as u32);
    let mut number = 0usize;
    loop {
        tick.tick().await;
        for _ in 0..RATE / BURSTS {
            let pod = &pods[number * 7919 % pods.len()];
            let value = number.to_string();
            let label = |pod: &mut kubesift::object::Object| {
                _ = pod.labels.insert(LABEL.to_owned(), value);
            };
            server.modify("pods", &pod.namespace, &pod.name, label).expect("a Pod");
            number += 1;
        }
    }
}

/// The number of hits of each query on the way to what is typed, as the screen says it at rest.
async fn settle(app: &mut Terminal) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for text in TYPED {
        app.press("\x15");
        let mut own = Vec::new();
        for letter in text.chars() {
            app.press(&letter.to_string());
            tokio::time::sleep(Duration::from_millis(400)).await;
            own.push(hits(&app.line(1)));
        }
        all.push(own);
    }
    all
}

/// `1,234 hits` of the query line.
fn hits(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("hit"));
    at.and_then(|at| words.get(at.checked_sub(1)?)).map(|count| (*count).to_owned()).unwrap_or_default()
}

#[derive(Default)]
struct Measured {
    shown: Times,
    answered: Times,
    missed: usize,
}

async fn keys(app: &mut Terminal, expected: &[Vec<String>]) -> Measured {
    let mut measured = Measured::default();
    for _ in 0..ROUNDS {
        for (text, counts) in TYPED.iter().zip(expected) {
            app.press("\x15");
            tokio::time::sleep(PACE * 3).await;
            for (nth, (at, letter)) in text.char_indices().enumerate() {
                let typed = format!("› {}", &text[..at + letter.len_utf8()]);
                let before = nth.checked_sub(1).map(|nth| counts[nth].as_str());
                let pressed = Instant::now();
                app.press(&letter.to_string());
                let shown = app.until(PATIENCE, |line| line.contains(&typed));
                measured.missed += usize::from(shown.is_none());
                measured.shown.extend(shown.map(|at| at - pressed).into_iter().collect());
                if before.is_some_and(|before| before != counts[nth]) {
                    let answered =
                        app.until(PATIENCE, |line| line.contains(&typed) && hits(line) == counts[nth]);
                    measured.missed += usize::from(answered.is_none());
                    measured.answered.extend(answered.map(|at| at - pressed).into_iter().collect());
                }
                tokio::time::sleep(PACE.saturating_sub(pressed.elapsed())).await;
            }
        }
    }
    measured
}

/// From the start of the app to the rows of its query, from a stored index.
async fn starts(home: &Home) -> Times {
    let mut times = Times::default();
    for _ in 0..STARTS {
        let started = Instant::now();
        let mut app = Terminal::open(home, SIZE, &["checkout"]);
        if let Some(at) = app.until(PATIENCE, |line| line.contains("hits")) {
            times.push(at - started);
        }
        app.press("\x03");
        app.wait_for("EXIT").await;
    }
    times
}
