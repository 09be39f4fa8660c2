//! L2: embedding. Forms become vectors: made by a local model or a remote endpoint, kept on disk by model and form.
//!
//! ```text
//!   engine, mirror, search ──forms──> Vectors ──missing ones──> worker (one thread, low priority) ──> Embedder
//!                                        └─────────────────────── cache (vectors-<model>) <── made ──────┘
//! ```
//!
//! Nothing here is on the way of keyword search: a model is loaded by the worker when the first vector is asked for,
//! and every queue is bounded.

mod cache;
mod embedder;
mod error;
pub mod hashed;
mod http;
mod local;
mod model;
mod normal;
pub mod openai;
mod priority;
mod remote;
#[cfg(test)]
mod remote_tests;
mod runtime;
mod setup;
#[cfg(test)]
mod tests;
mod vectors;
pub mod voyage;
mod worker;

use std::sync::Arc;

pub use cache::Extent;
pub use embedder::Embedder;
pub use error::EmbedError;
pub use local::Local;
pub use model::Model;
pub use priority::step_back;
pub use remote::{Patience, Remote, RemoteOptions};
pub use runtime::{LIBRARY, Runtime};
pub use setup::{Build, Installed, SetupError, VERSION, install};
pub use vectors::{Progress, Storing, Trouble, Vectors};

/// One vector, of length 1 (so that the dot product is the cosine).
pub type Vector = Arc<[f32]>;
