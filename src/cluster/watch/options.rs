//! What a reader reads, through what, and how long it waits in between.

use std::time::Duration;

use super::{Backoff, Connectivity, Mode, Revisions, Rounds, Start, Storage};
use crate::cluster::client::{Answerer, Client, RequestSpec};
use crate::object::{Kind, Scope};

/// What a reader reads, and through what.
#[derive(Clone)]
pub struct ReaderOptions {
    /// The API server.
    pub client: Client,
    /// Shared view of the connection.
    pub connectivity: Connectivity,
    /// Shared revision checks.
    pub revisions: Revisions,
    /// Shared turns of the readers that poll.
    pub rounds: Rounds,
    /// The kind.
    pub kind: Kind,
    /// Where it looks.
    pub scope: Scope,
    /// Where its objects are stored.
    pub storage: Storage,
    /// Uid of `kube-system` that the index is of, where known.
    pub cluster_uid: Option<String>,
    /// How it begins.
    pub start: Start,
    /// How long it goes on.
    pub mode: Mode,
    /// Waiting times.
    pub timing: Timing,
}

impl ReaderOptions {
    /// The collection's path.
    pub(super) fn path(&self) -> String {
        match &self.scope {
            Scope::All => self.kind.path(None),
            Scope::Namespace(namespace) => self.kind.path(Some(namespace)),
        }
    }

    /// A request for the collection.
    pub(super) fn ask(&self) -> RequestSpec {
        RequestSpec::new(self.path()).kind(self.kind.key()).answered_by(self.answerer())
    }

    /// Whose word an answer to such a request is.
    pub(super) fn answerer(&self) -> Answerer {
        self.storage.answerer()
    }

    /// Growing pauses by this reader's clock.
    pub(super) fn backoff(&self, first: Duration, longest: Duration) -> Backoff {
        Backoff::new((first, longest.max(first)), self.client.clock())
    }

    /// A while, or up to a tenth more.
    pub(super) fn spread(&self, time: Duration) -> Duration {
        self.client.clock().spread(time)
    }
}

/// Waiting times; the defaults are those of client-go and kube where they have one.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Every kind is read again this often, however often the program is started anew. Defaults to 6 hours, spread by up
    /// to a tenth.
    pub reread: Duration,
    /// A forbidden kind is asked for again after this time, then at growing intervals, up to ten times as long. Defaults
    /// to 30 s.
    pub recheck_forbidden: Duration,
    /// A kind without a watch is listed this often, and less often where a list takes more than a twentieth of that. A
    /// watch is tried again after this time, then at growing intervals, up to ten times as long. Defaults to 60 s.
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
    /// A storage that is still being set up is waited for this long; then the kind fails with the reason that the server
    /// hides behind that answer. Defaults to 15 s.
    pub initializing: Duration,
    /// [`Mode::Once`] and [`Mode::Confirm`]: how long one kind may go without an answer. Defaults to 30 s.
    pub once: Duration,
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
            initializing: Duration::from_secs(15),
            once: Duration::from_secs(30),
        }
    }
}
