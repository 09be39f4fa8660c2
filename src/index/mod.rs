//! L2: the tantivy index of one cluster on disk. One process writes, any number read.
//!
//! [`Store`] is the directory of one identity, [`Lock`] lets one process write it, [`Writer`] takes changes and
//! commits them together with a [`Checkpoint`], [`Reader`] gives [`Snapshot`]s of the last commit. A snapshot's
//! [`Segment`]s answer which documents have a term; what a query means is `search`'s business.

mod checkpoint;
mod codec;
mod dictionary;
mod directory;
mod entry;
mod error;
pub mod facts;
mod filesystem;
mod keys;
mod lock;
mod lookup;
mod names;
mod open;
mod postings;
mod rank;
mod reader;
mod schema;
mod segment;
mod store;
pub mod terms;
#[cfg(test)]
mod tests;
mod writer;

pub use checkpoint::{Checkpoint, ScopeCheckpoint};
pub use entry::{Entry, HeldEntry, Op};
pub use error::IndexError;
pub use lock::Lock;
pub use postings::Next;
pub use reader::{Reader, Snapshot};
pub use schema::Schema;
pub use segment::{Doc, Segment, SegmentKey, Terms};
pub use store::{Removed, Store, UNUSED_AFTER};
pub use writer::{Opened, Writer, memory};
