//! L2: keeping a vector store equal to the index. What is written, when, and what may be deleted.
//!
//! [`Sink`] and [`VectorStore`] are what a store must do; [`Chroma`] is the one there is, [`memory`] the double that
//! enforces the contract in tests, [`AnyStore`] whichever the settings name.

mod any;
pub mod chroma;
pub mod core;
mod error;
pub mod memory;
pub mod offset;
pub mod record;
pub mod run;
pub mod source;
pub mod status;
pub mod store;

pub use any::AnyStore;
pub use chroma::{Chroma, ChromaOptions, Token};
pub use error::{Reaction, StoreError};
pub use run::{Comparison, Depth, Divergence, Halt, Mirror, MirrorOptions};
pub use status::{MirrorPhase, MirrorStatus};
pub use store::{
    Collection, Contents, Ensured, Fields, Limits, Metric, Record, Sink, Stored, Vector, VectorStore,
};
