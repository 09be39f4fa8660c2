//! 1,200 custom resource definitions: Crossplane's clusters have as many.

use std::time::Instant;

use crate::reading::{LIVE, live_row};
use crate::report::{Table, megabytes};
use crate::support::{ControlPlane, Home, load, process};

const CRDS: usize = 1_200;

pub(crate) async fn run(mut plane: ControlPlane) {
    let started = Instant::now();
    let last = load::crds(&plane, CRDS).await;
    let created = started.elapsed().as_secs_f64();
    load::served(&plane.client("admin").await, &last).await;
    let served = started.elapsed().as_secs_f64();
    println!(
        "\n{CRDS} CRDs, without objects of them: created after {created:.1} s, the last one served after {served:.1} s."
    );

    let table = Table::start("1,200 CRDs (`tests/bench/run kinds`)", &LIVE);
    let kubeconfig = plane.kubeconfig("admin");
    let stored = Home::new(&kubeconfig);
    for (what, home) in [
        ("empty index, nobody has asked for these kinds yet", &stored),
        ("empty index, API server warm", &Home::new(&kubeconfig)),
        ("everything stored, API server warm", &stored),
    ] {
        table.row(&live_row(&plane, home, what).await);
    }
    plane.restart_apiserver().await;
    table.row(&live_row(&plane, &Home::new(&kubeconfig), "empty index, API server just started").await);
    plane.restart_apiserver().await;
    table.row(&live_row(&plane, &stored, "everything stored, API server just started").await);
    let memory = process::memory_mb(plane.apiserver_id(), "VmRSS");
    println!("\nThe API server then holds {}.", megabytes(memory));
}
