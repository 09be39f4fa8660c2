//! One reader per (kind, scope): an unpaged list, then a watch with bookmarks, for as long as it is wanted.
//!
//! ```text
//!            ┌────────────── 410, lost half, too old ──────────────┐
//!            v                                                     │
//!  start ─> List ──ended──> Watch ──closed at its timeout──> Watch ┤
//!    │                        │                                    │
//!    └─ stored version ─> Resume (revision check) <── broken ──────┘
//!                             │
//!                             └─ revision below ours: Regressed ─> List (consistent)
//! ```
//!
//! A consistent list that is older than what is held leads to the same check, and then to another list.
//!
//! The reader decides nothing about documents: it tells what it saw, and the sink answers how to go on.

mod backoff;
mod connectivity;
mod list;
mod options;
mod pace;
mod reader;
mod recover;
mod revision;
mod rounds;
mod stream;
mod trouble;

pub use backoff::Backoff;
pub use connectivity::{Connectivity, Link};
pub use options::{ReaderOptions, Timing};
pub use reader::Reader;
pub use revision::{Revisions, Storage};
pub use rounds::Rounds;
pub use trouble::{Trouble, describe, refusal};

use std::future::Future;

use crate::object::{Object, ResourceVersion};

/// How a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Nothing is held: any cached state of the server will do (`resourceVersion=0`).
    Empty,
    /// Something is held but no version is known: read from etcd.
    Consistent,
    /// Go on from a stored version, after the revision check.
    Resume(ResourceVersion),
}

/// How long a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// List and watch until told to stop.
    Follow,
    /// One consistent list, then the end.
    Once,
    /// Resume with a watch of three seconds and end at the first sign that it is current.
    Confirm,
}

/// What a reader saw.
#[derive(Debug)]
pub enum Event {
    /// A list begins; `reread`: of a kind that was being watched a moment ago.
    ListStarted {
        /// Read from etcd, not from the watch cache.
        consistent: bool,
        /// A background re-read.
        reread: bool,
    },
    /// Items of the list, some hundreds at most.
    Listed(Vec<Object>),
    /// The list ended with status 200. The sink answers [`Answer::ListAgain`] if it could not sweep with it.
    ListEnded(Option<ResourceVersion>),
    /// The list broke off.
    ListFailed,
    /// ADDED or MODIFIED.
    Upserted(Box<Object>),
    /// DELETED.
    Deleted(Box<Object>),
    /// A bookmark.
    Bookmark(ResourceVersion),
    /// The storage's revision lies below the reader's version.
    Regressed,
    /// The `kube-system` namespace has another uid: this is not the cluster that the index is of.
    AnotherCluster,
    /// The watch was opened again after it had ended.
    Restarted,
    /// The reader's state changed.
    State(State),
}

/// What a reader is doing; for status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waiting for its turn to list.
    Waiting,
    /// Reading the list.
    Listing,
    /// Watching.
    Live,
    /// No watch to be had: listed again now and then.
    Polled,
    /// The server says its storage is still being set up.
    Initializing,
    /// 403.
    Forbidden(String),
    /// 404: not served, or not any more.
    NotServed,
    /// Something else failed; the reader tries again.
    Failing(String),
    /// [`Mode::Once`] and [`Mode::Confirm`]: done, what is held is current.
    Confirmed,
    /// [`Mode::Once`] and [`Mode::Confirm`]: ended without that.
    Unconfirmed(String),
}

/// What the sink wants the reader to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Continue,
    /// The list could not be swept with: list again, consistently.
    ListAgain {
        /// The version that is held, if the list was older than that.
        held: Option<u64>,
    },
    /// End.
    Stop,
}

/// Where a reader's events go. Awaiting it is what slows a watch down when the disk is slow.
pub trait Sink: Send {
    /// Takes one event.
    fn send(&mut self, event: Event) -> impl Future<Output = Answer> + Send;

    /// The newest version that anybody has seen of the kind, now: where the storage's revision lies below it, the storage
    /// went back, however far this reader itself had come.
    fn newest(&mut self) -> impl Future<Output = Option<u64>> + Send {
        std::future::ready(None)
    }
}
