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
//! The reader decides nothing about documents: it tells what it saw, and the sink answers how to go on.

mod backoff;
mod connectivity;
mod list;
mod reader;
mod revision;
mod rounds;
mod stream;
mod trouble;

pub use backoff::Backoff;
pub use connectivity::{Connectivity, Link};
pub use reader::{Reader, ReaderOptions};
pub use revision::{Revisions, Storage};
pub use rounds::Rounds;
pub use trouble::{Trouble, describe, refusal};

use std::future::Future;
use std::time::Duration;

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
}

/// Waiting times; the defaults are those of client-go and kube where they have one.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Every kind is read again this often. Defaults to 6 hours, spread by up to a tenth.
    pub reread: Duration,
    /// A forbidden kind is asked for again this often. Defaults to 30 s.
    pub recheck_forbidden: Duration,
    /// A kind without a watch is listed this often. Defaults to 60 s.
    pub poll: Duration,
    /// A resumed kind without event or bookmark at or above its version for this long is relisted. Defaults to
    /// 3 minutes: the server sends a bookmark a minute.
    pub watchdog: Duration,
    /// `timeoutSeconds` of a watch, at least; at most twice that. Defaults to 5 minutes, as client-go.
    pub watch_timeout: Duration,
    /// A list's body that stands still for this long is given up. Defaults to 60 s.
    pub idle: Duration,
    /// A watch that has sent bookmarks and then nothing for this long is taken for dead. Defaults to 150 s: a server
    /// that sends bookmarks sends one a minute, and two are missing.
    pub silence: Duration,
    /// A watch that the server has not closed this long after its timeout never will be. Defaults to 15 s.
    pub closing: Duration,
    /// The first pause after a failure, and the longest. Default to 0.8 s and 30 s, as kube.
    pub backoff: (Duration, Duration),
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            reread: Duration::from_secs(6 * 3600),
            recheck_forbidden: Duration::from_secs(30),
            poll: Duration::from_secs(60),
            watchdog: Duration::from_secs(180),
            watch_timeout: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            silence: Duration::from_secs(150),
            closing: Duration::from_secs(15),
            backoff: (Duration::from_millis(800), Duration::from_secs(30)),
        }
    }
}
