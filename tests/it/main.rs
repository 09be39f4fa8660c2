//! The tests that need real parts: a control plane, proxies, the built program. One binary, so that they share
//! what is expensive.

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
    reason = "a test fails by panicking, and says why on the terminal"
)]

mod aggregated;
mod answers;
mod bad_input;
mod connecting;
mod contract;
mod directory;
mod embed;
mod faults;
mod kinds;
mod kubectl;
mod looking;
mod many_kinds;
mod mirror;
mod one_api;
mod proxies;
mod questions;
mod reader;
mod rediscovery;
mod rights;
mod served;
mod servers;
mod simulated;
mod slow_disk;
mod support;
mod support_works;
mod sync;
mod truth;
mod tui;
mod tui_detail;
mod tui_login;
mod tui_manners;
mod unattended;
mod watching;
