//! One file per command: wiring and words.

pub(super) mod completions;
pub(super) mod config;
pub(super) mod demo;
mod explained;
pub(super) mod kinds;
mod patience;
pub(super) mod search;
pub(super) mod setup;
pub(super) mod status;
pub(super) mod sync;
pub(super) mod tui;
pub(super) mod verify;
mod watch;
