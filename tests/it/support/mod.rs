//! What the tests stand on: a real control plane, a loader, proxies, the built program, and waiting.

pub mod binary;
pub mod controlplane;
pub mod load;
pub mod process;
pub mod proxy;
pub mod wait;

pub use binary::Home;
pub use controlplane::{ControlPlane, Options};
pub use wait::wait_for;

/// Says that a test can't run here, and why. With `CI=true` that is a failure: CI must have what it needs.
pub fn skipped(why: &str) {
    use std::io::Write;
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped with CI=true: {why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln!`: the test harness would hide it.
    writeln!(std::io::stderr(), "skipped: {test}: {why}").expect("stderr");
}

/// Whether the long parts run (`tests/run --long`).
pub fn long() -> bool {
    std::env::var_os("KUBESIFT_LONG").is_some()
}
