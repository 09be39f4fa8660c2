//! The revision check: a watch resumed *above* the server's revision (etcd restored, cluster recreated) is silent for
//! ever, so before resuming, one `limit=1` list per storage reads the current revision.
//!
//! Many readers come back at the same moment; they share one request per storage.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Trouble;
use crate::cluster::client::{Client, Revision};
use crate::object::Kind;

/// Where a kind's objects are stored: revisions compare only within one storage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Storage {
    /// The API server's own etcd: built-in kinds and custom resources.
    Core,
    /// An aggregated API server, by group.
    Aggregated(String),
}

impl Storage {
    /// Where a kind's objects are stored; `crds` are the names of all CRDs, where they may be read. What is neither
    /// built in nor known as a custom resource counts as aggregated: that costs a request, never a wrong comparison.
    pub fn of(kind: &Kind, crds: Option<&BTreeSet<String>>) -> Self {
        let key = kind.key();
        let is_crd = crds.is_some_and(|crds| crds.contains(key.as_str()));
        if is_crd || !key.is_custom() { Self::Core } else { Self::Aggregated(kind.group.clone()) }
    }
}

/// Requests that wait for one storage's check; more readers than this wait in `send`.
const QUEUE: usize = 64;

type Reply = oneshot::Sender<Result<Revision, Trouble>>;

struct Ask {
    since: Instant,
    path: String,
    reply: Reply,
}

/// Reads revisions, one request at a time per storage; clones share.
#[derive(Clone)]
pub struct Revisions {
    client: Client,
    storages: Arc<Mutex<HashMap<Storage, mpsc::Sender<Ask>>>>,
}

impl Revisions {
    /// Asks through `client`.
    pub fn new(client: Client) -> Self {
        Self { client, storages: Arc::default() }
    }

    /// The revision of `storage` as read at some moment after `since`. `path` is a collection in that storage that
    /// the caller may list.
    pub async fn check(&self, storage: &Storage, since: Instant, path: &str) -> Result<Revision, Trouble> {
        let asks = self.storage(storage);
        let (reply, answer) = oneshot::channel();
        let ask = Ask { since, path: path.to_owned(), reply };
        // Both ends live in this process; a lost one means that the runtime is shutting down.
        if asks.send(ask).await.is_err() {
            return std::future::pending().await;
        }
        match answer.await {
            Ok(revision) => revision,
            Err(_) => std::future::pending().await,
        }
    }

    fn storage(&self, storage: &Storage) -> mpsc::Sender<Ask> {
        let mut storages = self.storages.lock().unwrap_or_else(PoisonError::into_inner);
        let spawn = || {
            let (asks, inbox) = mpsc::channel(QUEUE);
            tokio::spawn(serve(self.client.clone(), storage.clone(), inbox));
            asks
        };
        storages.entry(storage.clone()).or_insert_with(spawn).clone()
    }
}

async fn serve(client: Client, storage: Storage, mut inbox: mpsc::Receiver<Ask>) {
    let mut last: Option<(Instant, Result<Revision, Trouble>)> = None;
    while let Some(ask) = inbox.recv().await {
        if let Some((at, answer)) = &last
            && *at >= ask.since
        {
            // A reader that has gone away needs no answer.
            _ = ask.reply.send(answer.clone());
            continue;
        }
        let at = Instant::now();
        let answer = read(&client, &storage, &ask.path).await;
        last = is_for_all(&answer).then(|| (at, answer.clone()));
        _ = ask.reply.send(answer);
    }
}

/// Whether an answer holds for every path of the storage. A server that answers nobody is not asked by each reader in
/// turn: that would take a timeout for each.
fn is_for_all(answer: &Result<Revision, Trouble>) -> bool {
    match answer {
        Ok(_)
        | Err(
            Trouble::Unauthorized(_) | Trouble::Unreachable(_) | Trouble::NoAnswer(_) | Trouble::Other { .. },
        ) => true,
        Err(
            Trouble::Gone
            | Trouble::VersionTooLarge
            | Trouble::Forbidden(_)
            | Trouble::NotFound
            | Trouble::Initializing,
        ) => false,
    }
}

async fn read(client: &Client, storage: &Storage, path: &str) -> Result<Revision, Trouble> {
    if *storage == Storage::Core {
        match client.cluster_revision().await.map_err(Trouble::from) {
            Err(Trouble::Forbidden(_)) => {}
            answer => return answer,
        }
    }
    Ok(client.revision(path).await?)
}
