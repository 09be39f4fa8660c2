//! The figures that need a cluster: `cargo bench --bench cluster -- reading visible mirror kinds rights tui`. Prints Markdown.
//!
//! - `reading`: an empty index filled from a real API server, beside kubectl and a bare list of the same kinds;
//!   restarts; memory; the same with 100,000 objects on the simulated server.
//! - `visible`: from a change in the cluster to its place in a search, while 200 changes arrive each second.
//! - `mirror`: all of it into a real Chroma, beside a bare client; from a change to its record; memory while it is away;
//!   from a start to the end of the last record whose object is gone.
//! - `rights`: requests and memory where rights are partial, on the simulated server; a number among the arguments
//!   (`rights 60`) is how many minutes are measured.
//! - `tui`: the terminal app, from a key to the frame that shows it, and what it costs.
//! - `kinds`: 1,200 custom resource definitions on a warm API server and on one that has just started.
//!
//! Another number among the arguments (`tui 1000000`, `mirror 500`) is how many objects there are instead of the usual
//! ones.
//!
//! `tests/bench/run` sets up what this needs. A figure is never a verdict here: nothing is asserted about time.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures, and ends where it can't go on"
)]

mod child;
mod ghosts;
mod kinds;
mod mirror;
mod reading;
mod report;
mod rights;
mod simulated;
#[path = "../it/support/mod.rs"]
mod support;
mod tui;
mod visible;

use support::{ControlPlane, Options, load};

/// Objects of the mixed load.
const OBJECTS: usize = 20_000;

#[tokio::main]
async fn main() {
    // cargo adds `--bench`.
    let arguments = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (sizes, asked): (Vec<String>, Vec<String>) = arguments.partition(|arg| arg.parse::<usize>().is_ok());
    let sizes: Vec<usize> = sizes.iter().filter_map(|size| size.parse().ok()).collect();
    let wants = |section: &str| asked.is_empty() || asked.iter().any(|arg| arg == section);
    let known = ["reading", "visible", "mirror", "kinds", "rights", "tui"];
    if let Some(unknown) = asked.iter().find(|arg| !known.contains(&arg.as_str())) {
        eprintln!("unknown section {unknown}: choose from {}", known.join(", "));
        return;
    }
    if wants("reading") || wants("visible") || wants("mirror") {
        let Some(plane) = start().await else { return };
        let loaded = load::mixed(&plane, sizes.first().copied().unwrap_or(OBJECTS)).await;
        eprintln!("{} objects loaded in {:.0} s", loaded.objects, loaded.took.as_secs_f64());
        if wants("reading") {
            reading::run(&plane).await;
            simulated::run().await;
        }
        if wants("visible") {
            visible::run(&plane).await;
        }
        if wants("mirror") {
            mirror::run(&plane).await;
        }
    }
    if wants("rights") {
        rights::run(sizes.first().copied().filter(|_| asked == ["rights"])).await;
    }
    if wants("tui") {
        tui::run(&sizes).await;
    }
    if wants("kinds") {
        let Some(plane) = start().await else { return };
        kinds::run(plane).await;
    }
}

/// Without an audit log, which would be counted as the API server's work.
async fn start() -> Option<ControlPlane> {
    ControlPlane::start(Options { audit: false, ..Options::default() }).await
}
