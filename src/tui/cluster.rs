//! The connection's task: becomes the writer of the index or follows another, and says what it learns.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::Connection;
use super::msg::{ClusterEvent, ClusterNews, Event, Link};
use super::worker::{Hand, Index};
use crate::engine::status::Status;
use crate::engine::{Handle, Outcome};
use crate::search::{Catalog, Searcher};

/// How often a writer in another process is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two tries to become the writer.
const LOOKS_PER_TRY: u32 = 2;
/// How long the first search over what is stored has the processor for itself at most.
const HEAD_START: Duration = Duration::from_millis(100);
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// One connection at work.
pub(super) struct Attendance {
    pub(super) number: u64,
    pub(super) connection: Arc<dyn Connection>,
    pub(super) hand: Hand,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: CancellationToken,
    pub(super) refresh: Arc<Notify>,
}

/// Why the writer stopped writing.
enum Ended {
    /// The app ends, or goes to another cluster.
    Stopped,
    /// It is to connect anew.
    Refresh,
    /// By itself: why.
    Failed(String),
}

impl Attendance {
    /// Works until stopped.
    pub(super) async fn run(self) {
        // What is stored shows at once, whatever becomes of the cluster.
        let mut catalog = Known::default();
        let said = self.blocking(|connection| connection.status());
        let (has_index, said) = tokio::join!(self.give_stored(), said);
        if let Some(status) = said {
            self.say(ClusterNews::Status(Arc::new(status))).await;
        }
        let mut shown = Shown { has_index, pid: 0 };
        if has_index {
            // To become the writer is work for all cores, and somebody looks at an empty screen.
            _ = tokio::time::timeout(HEAD_START, self.hand.answered()).await;
        }
        let mut refused = String::new();
        while !self.stop.is_cancelled() {
            match self.become_writer().await {
                Ok(Some(handle)) => match self.write(handle, &mut catalog).await {
                    Ended::Stopped => return,
                    Ended::Refresh => shown.has_index = false,
                    Ended::Failed(why) => {
                        tracing::warn!(why, "the index is written no longer");
                        shown.has_index = self.give_stored().await;
                        self.say(ClusterNews::Link(Link::Stored(why))).await;
                        self.pause(AGAIN).await;
                    }
                },
                Ok(None) => self.follow(&mut shown).await,
                Err(why) => {
                    if why != refused {
                        tracing::warn!(why, "the index can't be written");
                        refused.clone_from(&why);
                    }
                    self.say(ClusterNews::Link(Link::Stored(why))).await;
                    self.pause(AGAIN).await;
                }
            }
        }
    }

    async fn become_writer(&self) -> Result<Option<Handle>, String> {
        let connection = self.connection.clone();
        let tried = tokio::task::spawn_blocking(move || connection.write()).await;
        tried.unwrap_or_else(|_| Err("the index could not be opened; see --log-file".to_owned()))
    }

    async fn write(&self, mut handle: Handle, catalog: &mut Known) -> Ended {
        tracing::info!(context = self.connection.name(), "this process writes the index");
        self.say(ClusterNews::Link(Link::Writer)).await;
        let mut updates = handle.subscribe();
        loop {
            let status = updates.borrow_and_update().clone();
            self.refresh_catalog(&status, catalog).await;
            let searcher = Searcher::new(handle.reader(), catalog.kinds.clone());
            self.hand.give(Some(Index::Written(searcher)));
            self.say(ClusterNews::Status(Arc::new(status))).await;
            let refresh = tokio::select! {
                () = self.stop.cancelled() => false,
                () = self.refresh.notified() => true,
                changed = updates.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ended::Failed(told(handle.finished().await)),
                },
            };
            handle.shutdown().await;
            return if refresh { Ended::Refresh } else { Ended::Stopped };
        }
    }

    /// Shows what another writer writes, until it may be the time to take over.
    async fn follow(&self, shown: &mut Shown) {
        for _ in 0..LOOKS_PER_TRY {
            if let Some(status) = self.blocking(|connection| connection.status()).await {
                // Another writer may have set the index aside and begun a new one.
                if shown.pid != status.pid {
                    shown.has_index = false;
                    shown.pid = status.pid;
                    tracing::info!(pid = status.pid, "another process writes the index");
                }
                self.say(ClusterNews::Link(Link::Following { pid: status.pid })).await;
                self.say(ClusterNews::Status(Arc::new(status))).await;
            }
            if !shown.has_index {
                shown.has_index = self.give_stored().await;
            }
            if self.pause(LOOK).await {
                return;
            }
        }
    }

    // Reads the kinds again when the writer names others than before.
    async fn refresh_catalog(&self, status: &Status, catalog: &mut Known) {
        let names: Vec<_> = status.kinds.iter().map(|kind| kind.kind.clone()).collect();
        if names != catalog.names || catalog.kinds.kinds().is_empty() {
            catalog.kinds = Arc::new(Catalog::new(self.blocking(|connection| connection.kinds()).await));
            catalog.names = names;
        }
    }

    /// Searches what is stored; whether there is anything.
    async fn give_stored(&self) -> bool {
        let stored = self.blocking(|connection| connection.stored()).await;
        let there = stored.is_some();
        self.hand.give(stored.map(Index::Stored));
        there
    }

    /// Waits; whether it is asked to do something else before that.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => true,
            () = self.refresh.notified() => true,
            () = tokio::time::sleep(time) => false,
        }
    }

    // Files are read beside the tasks. A reading that panics is as good as one that found nothing.
    async fn blocking<T: Default + Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Connection) -> T + Send + 'static,
    ) -> T {
        let connection = self.connection.clone();
        tokio::task::spawn_blocking(move || read(&*connection)).await.unwrap_or_default()
    }

    async fn say(&self, what: ClusterNews) {
        let event = Event::Cluster(ClusterEvent { connection: self.number, what });
        // Nobody listens any more when the app ends.
        _ = self.events.send(event).await;
    }
}

/// The stored index that is searched while another process writes it.
struct Shown {
    has_index: bool,
    pid: u32,
}

#[derive(Default)]
struct Known {
    names: Vec<crate::object::KindKey>,
    kinds: Arc<Catalog>,
}

fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done => "the reading ended".to_owned(),
        Outcome::Unreachable(why) => format!("the cluster can't be reached: {why}"),
        Outcome::Unauthorized(why) => format!("the credentials are refused: {why}"),
        Outcome::IndexFailed(why) => format!("the index can't be written: {why}"),
        Outcome::MirrorFailed(halt) => format!("the mirror is not up to date: {halt}"),
    }
}
