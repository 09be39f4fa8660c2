//! kubesift: every object of a Kubernetes cluster in a local index that stays in sync, searched while you type.
//!
//! Modules lie in layers; a module uses only rows above it (`tests/architecture.rs` holds the table):
//!
//! ```text
//! L0  object    text                      pure vocabulary; strings for people
//! L1  document  query                     pure: object -> document; text -> AST
//! L2  cluster   index   embed   mirror   the API server; tantivy; vectors; vector stores
//! L3  engine    search                    the sync core; query -> ranked hits
//! L4  tui       demo                      the terminal app; the simulated server
//! L5  cli       main                      arguments, config, output
//! ```

pub mod cli;
#[warn(clippy::wildcard_enum_match_arm, reason = "a new error of the wire must be judged, not fall through")]
pub mod cluster;
pub mod demo;
pub mod document;
pub mod embed;
#[warn(clippy::wildcard_enum_match_arm, reason = "a new state or phase must be decided on, not fall through")]
pub mod engine;
#[warn(clippy::wildcard_enum_match_arm, reason = "what a new error means for what is stored must be decided")]
pub mod index;
pub mod mirror;
pub mod object;
pub mod query;
pub mod search;
pub mod text;
pub mod tui;
