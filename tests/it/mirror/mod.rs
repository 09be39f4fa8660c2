//! The mirror against a real Chroma.

mod bad_input;
mod chaos;
mod contract;
mod deployed;
mod faults;
mod foreign;
mod fronts;
mod ghosts;
mod orphans;
mod rate;
mod relevance;
mod silence;
mod sync;
mod terminal;
mod whisperer;

use crate::support::chroma::{self, Chroma};
use crate::support::{ControlPlane, Home, Options};

/// A control plane, a Chroma, and a home that can embed; `None` when they can't run here.
async fn parts() -> Option<(ControlPlane, Chroma, Home)> {
    let plane = ControlPlane::start(Options::default()).await?;
    let chroma = Chroma::start().await?;
    let home = home(plane.kubeconfig("admin"));
    Some((plane, chroma, home))
}

/// A home with ONNX Runtime: that of Chroma's own Python environment.
fn home(kubeconfig: impl Into<std::path::PathBuf>) -> Home {
    let mut home = Home::new(kubeconfig);
    if let Some(library) = chroma::onnx_runtime() {
        home.set("ORT_DYLIB_PATH", library);
    }
    home
}

/// The arguments that mirror into `url`.
fn to<'a>(command: &'a str, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--to", "chroma", "--url", url][..], more].concat()
}
