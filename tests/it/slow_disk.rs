//! A disk that stands still slows the watch down to nothing; memory does not grow meanwhile, and nothing is lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kubesift::demo::{Server, ServerOptions};

use crate::support::simulated::object;
use crate::support::steps::{appears, live, measured};
use crate::support::{Home, process, wait_for};

/// Changes offered while the disk stands still.
const CHANGES: usize = 20_000;
/// Far more than window, socket buffers and queue hold, and far less than what is offered.
const SENT_AT_MOST: u64 = 20 << 20;
/// A queue without a bound would take several times what is sent.
const GROWTH_MB: f64 = 32.0;

/// The directory of the one index below a home.
fn index_dir(home: &Home) -> PathBuf {
    let data = home.path().join("data/kubesift");
    let entries = fs_err::read_dir(data).expect("a data directory");
    let mut dirs =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.join("status.json").exists());
    dirs.next().expect("an index")
}

/// Puts a pipe that nobody reads where the writer writes its next status: opening it takes until somebody does.
async fn stop_disk(dir: &Path, pid: u32) -> PathBuf {
    let pipe = dir.join(format!(".status.json.{pid}"));
    wait_for("a moment in which no status is being written", async || {
        let made = std::process::Command::new("mkfifo").arg(&pipe).output().expect("mkfifo starts");
        made.status.success()
    })
    .await;
    let status = dir.join("status.json");
    wait_for("the writer to stand still", async || {
        let age = fs_err::metadata(&status).expect("a status").modified().expect("a time").elapsed();
        age.is_ok_and(|age| age > Duration::from_secs(2))
    })
    .await;
    pipe
}

/// Reads the pipe: the writer goes on, and its next status is a file again.
async fn start_disk(dir: &Path, pipe: PathBuf) {
    let read = tokio::task::spawn_blocking(move || fs_err::read(pipe)).await.expect("a thread");
    assert!(!read.expect("a pipe").is_empty());
    let status = dir.join("status.json");
    wait_for("a status in a file", async || fs_err::metadata(&status).is_ok_and(|status| status.is_file()))
        .await;
}

/// Bytes that the server has sent for watches.
fn watched(server: &Server) -> u64 {
    server.requests().iter().filter(|request| request.is_watch()).map(kubesift::demo::Request::bytes).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stands_still_slows_the_watch_and_grows_no_memory() {
    let options = ServerOptions { objects: 400, history: 4 * CHANGES, ..ServerOptions::default() };
    let server = Server::start(options).await.expect("the simulated server starts");
    let kubeconfig = tempfile::NamedTempFile::new().expect("temp file");
    fs_err::write(kubeconfig.path(), server.kubeconfig()).expect("kubeconfig");
    let home = Home::new(kubeconfig.path());
    let writer = live(&home).await;
    server.apply("configmaps", object("default", "before")).expect("config maps are served");
    appears(&home, "name:=before").await;

    let dir = index_dir(&home);
    let pipe = stop_disk(&dir, writer.id()).await;
    let memory = || process::memory_mb(writer.id(), "RssAnon").expect("it runs");
    let (sent_before, memory_before) = (watched(&server), memory());
    server.stir(CHANGES).expect("pods are served");
    server.apply("configmaps", object("default", "meanwhile")).expect("config maps are served");
    let mut last = Vec::new();
    wait_for("the watches to stand still", async || {
        last.push(watched(&server));
        let looks = last.len();
        looks > 40 && last[looks - 40] == last[looks - 1]
    })
    .await;
    let sent = watched(&server) - sent_before;
    let growth = memory() - memory_before;
    assert!(sent < SENT_AT_MOST, "{sent} bytes were sent to a writer that stands still");
    assert!(growth < GROWTH_MB, "memory grew by {growth:.0} MB");

    start_disk(&dir, pipe).await;
    appears(&home, "name:=meanwhile").await;
    let names = server.objects("pods").into_iter().map(|pod| pod.name);
    let expected: std::collections::BTreeSet<String> = names.collect();
    wait_for("every pod to be the server's", async || {
        let found = home.search_offline("kind:pod").await;
        let names = found.iter().map(|hit| hit["metadata"]["name"].as_str().expect("a name").to_owned());
        names.collect::<std::collections::BTreeSet<_>>() == expected
    })
    .await;
    let all = watched(&server) - sent_before;
    assert!(all > 2 * sent, "{sent} of {all} bytes were sent before the disk went on");
    measured(&format!("a disk that stands still: {sent} of {all} bytes sent, memory grew by {growth:.1} MB"));
    writer.stop().await;
}
