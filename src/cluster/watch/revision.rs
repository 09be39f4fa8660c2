//! The revision check: a watch resumed *above* the server's revision (etcd restored, cluster recreated) is silent for
//! ever, so before resuming, one `limit=1` list per storage reads the current revision.
//!
//! Many readers come back at the same moment; they share what one of them learns. Whoever fails, fails for itself: one
//! collection that can't be read says nothing about the others in its storage.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Trouble;
use crate::cluster::client::{Answerer, Client, Revision};
use crate::object::Kind;

/// Where a kind's objects are stored: revisions compare only within one storage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Storage {
    /// The API server's own etcd: built-in kinds and custom resources.
    Core,
    /// Events, which large clusters keep in an etcd of their own.
    Events,
    /// An aggregated API server, by group.
    Aggregated(String),
}

impl Storage {
    /// Where a kind's objects are stored; `crds` are the names of all CRDs, where they may be read. What is neither
    /// built in nor known as a custom resource counts as aggregated: that costs a request, never a wrong comparison.
    pub fn of(kind: &Kind, crds: Option<&BTreeSet<String>>) -> Self {
        let key = kind.key();
        let is_crd = crds.is_some_and(|crds| crds.contains(key.as_str()));
        match key.as_str() {
            "events" | "events.events.k8s.io" => Self::Events,
            _ if is_crd || !key.is_custom() => Self::Core,
            _ => Self::Aggregated(kind.group.clone()),
        }
    }

    /// Whose word an answer about such a kind is.
    pub fn answerer(&self) -> Answerer {
        match self {
            Self::Core | Self::Events => Answerer::Kind,
            Self::Aggregated(_) => Answerer::Aggregated,
        }
    }

    /// Whether versions are etcd's, which only grow; an aggregated API may count as it likes.
    pub fn is_ordered(&self) -> bool {
        !matches!(self, Self::Aggregated(_))
    }
}

/// Questions at once to the collections of one storage.
const AT_ONCE: usize = 4;
/// Where the cluster-wide question may not be asked each reader asks for itself, for this long.
const BARRED: Duration = Duration::from_secs(300);
/// The same where it has failed for this long, though the server answers otherwise.
const FAILING: Duration = Duration::from_secs(20);

/// Reads revisions; clones share what is known.
#[derive(Clone)]
pub struct Revisions {
    client: Client,
    storages: Arc<Mutex<HashMap<Storage, Arc<Known>>>>,
}

/// What is known of one storage.
struct Known {
    /// The place of whoever asks for the cluster as a whole.
    cluster: Semaphore,
    /// The places of those who ask for their own collection.
    paths: Semaphore,
    learnt: Mutex<Learnt>,
}

#[derive(Default)]
struct Learnt {
    /// The last answer, and when it was asked for. A failure only where it is one for everybody.
    answer: Option<(Instant, Result<Revision, Trouble>)>,
    /// Since when the cluster-wide question fails.
    failing_since: Option<Instant>,
    barred_until: Option<Instant>,
}

impl Revisions {
    /// Asks through `client`.
    pub fn new(client: Client) -> Self {
        Self { client, storages: Arc::default() }
    }

    /// The revision of `storage` as read at some moment after `since`. `path` is a collection in that storage that
    /// the caller may list.
    pub async fn check(
        &self,
        storage: &Storage,
        since: Instant,
        path: &str,
        answerer: Answerer,
    ) -> Result<Revision, Trouble> {
        let known = self.known(storage);
        if let Some(answer) = known.since(since) {
            return answer;
        }
        if *storage == Storage::Core
            && let Some(answer) = self.of_cluster(&known, since).await
        {
            return answer;
        }
        let _turn = known.paths.acquire().await;
        if let Some(answer) = known.since(since) {
            return answer;
        }
        let at = Instant::now();
        let answer = self.client.revision(path, answerer).await.map_err(Trouble::from);
        if answer.as_ref().map_or_else(Trouble::is_for_all, |_| true) {
            known.learn(at, answer.clone());
        }
        answer
    }

    /// The revision of one collection by itself, for a reader that must not rely on what others were told.
    pub async fn own(&self, storage: &Storage, path: &str, answerer: Answerer) -> Result<Revision, Trouble> {
        let known = self.known(storage);
        let _turn = known.paths.acquire().await;
        Ok(self.client.revision(path, answerer).await?)
    }

    /// One question for all kinds of the API server, which also tells which cluster it is; `None` where it can't be
    /// answered now.
    async fn of_cluster(&self, known: &Known, since: Instant) -> Option<Result<Revision, Trouble>> {
        let _turn = known.cluster.acquire().await;
        if let Some(answer) = known.since(since) {
            return Some(answer);
        }
        let at = Instant::now();
        if known.learnt().barred_until.is_some_and(|until| at < until) {
            return None;
        }
        let answer = self.client.cluster_revision(Answerer::Kind).await.map_err(Trouble::from);
        if known.is_barred(at, &answer) {
            return None;
        }
        known.learn(at, answer.clone());
        Some(answer)
    }

    fn known(&self, storage: &Storage) -> Arc<Known> {
        let mut storages = self.storages.lock().unwrap_or_else(PoisonError::into_inner);
        storages.entry(storage.clone()).or_default().clone()
    }
}

impl Default for Known {
    fn default() -> Self {
        Self { cluster: Semaphore::new(1), paths: Semaphore::new(AT_ONCE), learnt: Mutex::default() }
    }
}

impl Known {
    fn learnt(&self) -> std::sync::MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since(&self, since: Instant) -> Option<Result<Revision, Trouble>> {
        self.learnt().answer.as_ref().filter(|(at, _)| *at >= since).map(|(_, answer)| answer.clone())
    }

    /// A server that answers nobody is not asked by each reader in turn: that would take a timeout for each.
    fn learn(&self, at: Instant, answer: Result<Revision, Trouble>) {
        self.learnt().answer = Some((at, answer));
    }

    /// Whether this answer to the cluster-wide question means that nobody asks it for a while. One failure does not: it
    /// also tells one cluster from another, and a server that has just come back may need a moment.
    fn is_barred(&self, at: Instant, answer: &Result<Revision, Trouble>) -> bool {
        let mut learnt = self.learnt();
        let barred = match answer {
            Ok(_) => {
                learnt.failing_since = None;
                false
            }
            Err(Trouble::Forbidden(_)) => true,
            Err(trouble) if trouble.is_for_all() => false,
            Err(_) => at - *learnt.failing_since.get_or_insert(at) >= FAILING,
        };
        if barred {
            learnt.barred_until = Some(at + BARRED);
        }
        barred
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_other_api_servers_have_storages_of_their_own() {
        let of = |plural: &str, group: &str, crds: Option<&BTreeSet<String>>| {
            let kind = Kind {
                group: group.into(),
                version: "v1".into(),
                kind: plural.into(),
                plural: plural.into(),
                singular: String::new(),
                short_names: vec![],
                categories: vec![],
                namespaced: true,
                watchable: true,
            };
            Storage::of(&kind, crds)
        };
        let crds = BTreeSet::from(["things.a.b".to_owned()]);
        assert_eq!(of("pods", "", None), Storage::Core);
        assert_eq!(of("things", "a.b", Some(&crds)), Storage::Core);
        assert_eq!(of("others", "a.b", Some(&crds)), Storage::Aggregated("a.b".into()));
        assert_eq!(of("things", "a.b", None), Storage::Aggregated("a.b".into()));
        assert_eq!(of("events", "", None), Storage::Events);
        assert_eq!(of("events", "events.k8s.io", Some(&crds)), Storage::Events);
    }
}
