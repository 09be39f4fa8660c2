//! 100,000 objects, which a test machine's etcd would take an hour to be given: the simulated server's, in this
//! process; kubesift is one of its own.

use kubesift::demo::{Server, ServerOptions};

use crate::child::cost;
use crate::report::{Table, Times, megabytes, seconds};
use crate::support::Home;

const OBJECTS: usize = 100_000;
const ROUNDS: usize = 20;

pub(crate) async fn run() {
    let server = Server::start(ServerOptions { objects: OBJECTS, ..ServerOptions::default() }).await;
    let server = server.expect("the simulated server");
    let dir = tempfile::tempdir().expect("temp dir");
    let kubeconfig = dir.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    let home = Home::new(&kubeconfig);
    let columns = ["what", "wall, median (least - most)", "CPU", "VmHWM", "RssAnon, most"];
    let table = Table::start("100,000 objects of the simulated server (`tests/bench/run reading`)", &columns);
    for (what, rounds, arguments) in [
        ("`sync --once`, empty index to complete and searchable", 1, vec!["sync", "--once"]),
        (
            "`search --offline checkout`: restart to first result",
            ROUNDS,
            vec!["search", "--offline", "checkout"],
        ),
    ] {
        let mut costs = Vec::new();
        for _ in 0..rounds {
            costs.push(cost(home.command(&arguments)).await);
        }
        let wall: Times = costs.iter().map(|cost| cost.wall).collect();
        let cpu = costs.iter().map(|cost| cost.cpu).sum::<std::time::Duration>() / rounds as u32;
        let peak = costs.iter().map(|cost| cost.peak_mb).fold(0.0, f64::max);
        let anon = costs.iter().map(|cost| cost.anon_mb).fold(0.0, f64::max);
        let memory = [megabytes(Some(peak)), megabytes(Some(anon))];
        table.row(&[vec![what.to_owned(), wall.spread(), seconds(cpu)], memory.to_vec()].concat());
    }
    let objects = home.status().await["objects"].clone();
    println!("\n{objects} objects in the index.");
}
