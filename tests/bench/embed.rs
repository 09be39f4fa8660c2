//! Embedding with the built-in model: `cargo bench --bench embed [-- OBJECTS]`. Prints Markdown.
//!
//! Forms per object and what they cost, texts per second, the time until every form of a simulated cluster (20,000
//! objects) has its vector, and again with the vectors on disk; resident memory before and after. Needs ONNX Runtime:
//! `ORT_DYLIB_PATH`, or what tests/models/runtime has set up. Nothing is asserted about time.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures, and ends where it can't go on"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kubesift::demo::{Server, ServerOptions};
use kubesift::document::{Document, Form, Rules, document, form};
use kubesift::embed::{Embedder, Local, Runtime, Storing, Vectors};

const OBJECTS: usize = 20_000;
/// Questions asked one after the other.
const QUESTIONS: usize = 200;

#[tokio::main]
async fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let objects = asked.unwrap_or(OBJECTS);
    let Some(library) = runtime() else {
        eprintln!("skipped: no ONNX Runtime; set ORT_DYLIB_PATH or run tests/models/runtime");
        return;
    };
    let documents = documents(objects).await;
    let (forms, per_form) = distinct(&documents);
    println!("### Embedding, {} objects of a simulated cluster\n", documents.len());
    println!("| what | measured | target |\n|---|---|---|");
    println!(
        "| forms | {} ({:.1} objects each), {:.1} µs to make one | |",
        forms.len(),
        documents.len() as f64 / forms.len() as f64,
        per_form.as_secs_f64() * 1e6
    );
    drop(documents);

    let dir = tempfile::tempdir().expect("temp dir");
    let memory = rss();
    let vectors = open(dir.path(), &library);
    let started = Instant::now();
    vectors.query("the first one loads library and model").await.expect("a vector");
    println!("| library and model loaded, first text | {} | |", ms(started.elapsed()));

    let started = Instant::now();
    vectors.obtain(&forms).await.expect("vectors");
    let took = started.elapsed();
    println!("| texts per second, batch 1 | {:.0} | |", forms.len() as f64 / took.as_secs_f64());
    println!("| every form embedded | {:.1} s | 30 s |", took.as_secs_f64());
    println!("| resident memory added | {:.0} MB | 150 MB |", (rss() - memory) as f64 / 1e3);

    let mut times: Vec<Duration> = Vec::with_capacity(QUESTIONS);
    for number in 0..QUESTIONS {
        let started = Instant::now();
        vectors.query(&format!("which databases run in cluster {number}?")).await.expect("a vector");
        times.push(started.elapsed());
    }
    times.sort();
    println!(
        "| a question, p50 / p99 | {} / {} | |",
        ms(times[QUESTIONS / 2]),
        ms(times[QUESTIONS * 99 / 100])
    );
    drop(vectors);

    let vectors = open(dir.path(), &library);
    let started = Instant::now();
    vectors.obtain(&forms).await.expect("vectors");
    let made = vectors.progress().borrow().made;
    println!("| the same from disk after a restart | {}, {made} made | 0 made |", ms(started.elapsed()));
}

fn open(dir: &Path, library: &Path) -> Vectors {
    let runtime = Runtime { given: Some(library.to_owned()), ..Runtime::default() };
    Vectors::open(dir, Embedder::Local(Box::new(Local::new(runtime))), Storing::Write).expect("a worker")
}

fn runtime() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("ORT_DYLIB_PATH") {
        return Some(given.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/runtime");
    let output = Command::new(script).arg(env!("CARGO_BIN_EXE_kubesift")).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// Every object of a simulated cluster as its document.
async fn documents(objects: usize) -> Vec<Document> {
    let server =
        Server::start(ServerOptions { objects, ..ServerOptions::default() }).await.expect("a server");
    let rules = Rules::default();
    let kinds = server.kinds();
    let of = |kind: &kubesift::object::Kind| -> Vec<Document> {
        server.objects(kind.key().as_str()).iter().map(|object| document(kind, object, &rules)).collect()
    };
    kinds.iter().flat_map(of).collect()
}

/// The different forms, and the time for one.
fn distinct(documents: &[Document]) -> (Vec<Form>, Duration) {
    let started = Instant::now();
    let all: Vec<Form> = documents.iter().map(form).collect();
    let each = started.elapsed() / u32::try_from(all.len().max(1)).expect("few");
    let mut seen = HashSet::new();
    (all.into_iter().filter(|form| seen.insert(form.hash())).collect(), each)
}

/// Resident memory of this process in KiB.
fn rss() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
