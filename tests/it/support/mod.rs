//! What the tests stand on: a real control plane, a loader, proxies, the built program, and waiting.

pub(crate) mod answers;
pub(crate) mod binary;
pub(crate) mod chroma;
pub(crate) mod controlplane;
pub(crate) mod load;
pub(crate) mod models;
pub(crate) mod played;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod simulated;
pub(crate) mod steps;
pub(crate) mod store_proxy;
pub(crate) mod terminal;
pub(crate) mod voyage;
pub(crate) mod wait;

pub(crate) use binary::Home;
pub(crate) use controlplane::{ControlPlane, Options};
pub(crate) use wait::wait_for;

/// Says that a test can't run here, and why. With `CI=true` that is a failure: CI must have what it needs.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped with CI=true: {why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln!`: the test harness would hide it.
    writeln!(std::io::stderr(), "skipped: {test}: {why}").expect("stderr");
}

/// Whether the long parts run (`tests/run --long`).
pub(crate) fn long() -> bool {
    std::env::var_os("KUBESIFT_LONG").is_some()
}
