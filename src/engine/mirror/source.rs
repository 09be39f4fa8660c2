//! The index as the mirror sees it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use xxhash_rust::xxh3::xxh3_64;

use crate::cluster::selection::Selection;
use crate::cluster::watch::describe;
use crate::document::Document;
use crate::index::{IndexError, Reader, Snapshot, Store};
use crate::mirror::core::authority::{Authority, ReadsNamespace};
use crate::mirror::source::{Keep, Memo, Snapshot as MirrorSnapshot, Source, SourceError};
use crate::object::{IdHash, Kind, KindKey, Scope};

use super::super::confirm::Confirm;
use super::super::core::namespace_id;
use super::super::pump::Message;
use super::super::status::{KindState, Phase, Status};
use super::super::vanished;

/// Kinds are confirmed by lists, which take no longer than this unless their API is in trouble.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(5);

/// What the pump says of its coverage, right after a commit.
#[derive(Default)]
pub(in crate::engine) struct Covered {
    /// Listed to the end in this run, or forbidden for so long that it counts as gone.
    pub(in crate::engine) scopes: Vec<(KindKey, Scope)>,
    /// Excluded by the configuration.
    pub(in crate::engine) excluded: HashSet<KindKey>,
    /// Which namespaces are read.
    pub(in crate::engine) selection: Option<Arc<Selection>>,
    /// Ids of the documents of all namespaces there are, where that is known for certain.
    pub(in crate::engine) namespaces: Option<Arc<HashSet<IdHash>>>,
    /// Whether what discovery said last proves that kinds are gone.
    pub(in crate::engine) kinds: bool,
}

/// Where authority comes from.
enum Says {
    /// The writer in this process.
    Pump {
        pump: mpsc::Sender<Message>,
        confirm: Option<mpsc::Sender<Confirm>>,
        status: watch::Receiver<Status>,
    },
    /// What the writer, living or gone, said last: good for comparing, which deletes nothing.
    Status,
    /// Nobody.
    Nobody,
}

/// One index.
pub(in crate::engine) struct IndexSource {
    reader: Reader,
    store: Store,
    says: Says,
}

impl IndexSource {
    /// In the writer's process.
    pub(in crate::engine) fn of_writer(
        reader: Reader,
        store: Store,
        pump: mpsc::Sender<Message>,
        confirm: Option<mpsc::Sender<Confirm>>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { reader, store, says: Says::Pump { pump, confirm, status } }
    }

    /// For comparing alone.
    pub(super) fn beside(reader: Reader, store: Store) -> Self {
        Self { reader, store, says: Says::Status }
    }

    /// For writing beside the index's writer.
    pub(super) fn without_authority(reader: Reader, store: Store) -> Self {
        Self { reader, store, says: Says::Nobody }
    }

    fn status(&self) -> Option<Status> {
        match &self.says {
            Says::Pump { status, .. } => Some(status.borrow().clone()),
            Says::Status | Says::Nobody => self.store.read_json("status.json").ok().flatten(),
        }
    }

    async fn covered(&self) -> Covered {
        match &self.says {
            Says::Pump { pump, .. } => {
                let (reply, answer) = oneshot::channel();
                // When the pump is gone nothing is covered, and nothing is deleted.
                _ = pump.send(Message::Covered(reply)).await;
                answer.await.unwrap_or_default()
            }
            Says::Status => {
                let status = self.status().unwrap_or_default();
                let complete = status
                    .kinds
                    .into_iter()
                    .filter(|kind| matches!(kind.state, KindState::Complete | KindState::Polled));
                let scopes = complete.flat_map(|kind| {
                    let all = kind.scopes.is_empty().then_some(Scope::All);
                    let some: Vec<_> =
                        kind.scopes.iter().map(|it| Scope::Namespace(it.as_str().into())).collect();
                    all.into_iter().chain(some).map(move |scope| (kind.kind.clone(), scope))
                });
                Covered { scopes: scopes.collect(), kinds: true, ..Covered::default() }
            }
            Says::Nobody => Covered::default(),
        }
    }

    fn kinds(&self) -> HashMap<(String, String), KindKey> {
        let kinds: Vec<Kind> = match self.store.read_json("kinds.json") {
            Ok(kinds) => kinds.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(error = describe(&error), "no kind is known, so nothing is deleted");
                Vec::new()
            }
        };
        kinds.into_iter().map(|kind| ((kind.group.clone(), kind.kind.clone()), kind.key())).collect()
    }
}

impl Source for IndexSource {
    type Snapshot = IndexSnapshot;

    fn snapshot(&self) -> IndexSnapshot {
        IndexSnapshot(self.reader.snapshot())
    }

    async fn authority(&self) -> Authority {
        let said = self.covered().await;
        let mut covered: HashMap<KindKey, Vec<Scope>> = HashMap::new();
        for (kind, scope) in said.scopes {
            covered.entry(kind).or_default().push(scope);
        }
        let mut kinds = self.kinds();
        let mut vanished = HashSet::new();
        // Beside another writer nothing is deleted.
        if !matches!(self.says, Says::Nobody) {
            for kind in vanished::read(&self.store) {
                if said.kinds {
                    vanished.insert(kind.key());
                }
                kinds.entry((kind.group.clone(), kind.kind.clone())).or_insert_with(|| kind.key());
            }
        }
        let has = |namespaces: Arc<HashSet<IdHash>>| -> ReadsNamespace {
            Arc::new(move |namespace: &str| namespaces.contains(&namespace_id(namespace)))
        };
        let reads = |selection: Arc<Selection>| -> ReadsNamespace {
            Arc::new(move |namespace: &str| selection.namespace(namespace))
        };
        Authority {
            kinds,
            covered,
            excluded: said.excluded,
            vanished,
            reads_namespace: said.selection.map(reads),
            has_namespace: said.namespaces.map(has),
            stale: self.stale(),
        }
    }

    fn knows_cluster(&self) -> bool {
        self.status().is_some_and(|status| {
            let refused = matches!(status.phase, Phase::Offline { .. } | Phase::Unauthorized { .. });
            !status.kinds.is_empty() && !refused
        })
    }

    async fn distrust(&self) {
        if let Says::Pump { pump, .. } = &self.says {
            let (reply, done) = oneshot::channel();
            _ = pump.send(Message::Distrust(reply)).await;
            // When the pump is gone nothing is covered.
            _ = done.await;
        }
    }

    async fn confirmed(&self, places: &BTreeSet<(KindKey, String)>) -> Authority {
        if let Says::Pump { confirm: Some(confirm), .. } = &self.says {
            let (done, ended) = oneshot::channel();
            let mut places = places.clone();
            // What lay in a namespace goes with it, if it is known that the namespace is gone.
            places.insert((KindKey::from("namespaces"), "_cluster".to_owned()));
            let wish = Confirm { places, done };
            let confirmed = async {
                if confirm.send(wish).await.is_ok() {
                    // Dropped: the engine ends.
                    _ = ended.await;
                }
            };
            // What takes longer is looked at again later.
            _ = tokio::time::timeout(CONFIRMED_WITHIN, confirmed).await;
        }
        self.authority().await
    }

    fn stale(&self) -> BTreeSet<KindKey> {
        let Some(status) = self.status() else { return BTreeSet::new() };
        let coverage = status.coverage();
        let stale = coverage.stale.into_iter().map(|(kind, _)| kind);
        let lists = [coverage.forbidden, coverage.failing, coverage.pending, coverage.partial];
        lists.into_iter().flatten().chain(stale).collect()
    }

    fn listed_ms(&self) -> Option<i64> {
        let status = self.status()?;
        let coverage = status.coverage();
        // Without a connection nothing is watched. One that was never listed is pending, and so not covered.
        let unwatched = if status.phase == Phase::Live { vec![] } else { coverage.stale };
        coverage.polled.iter().chain(&unwatched).filter_map(|(_, as_of_ms)| *as_of_ms).min()
    }
}

/// One commit.
pub(in crate::engine) struct IndexSnapshot(Arc<Snapshot>);

impl MirrorSnapshot for IndexSnapshot {
    fn ids(&self) -> Result<Vec<IdHash>, SourceError> {
        self.0.ids().map_err(unreadable)
    }

    fn documents(&self, ids: &[IdHash]) -> Result<Vec<Document>, SourceError> {
        self.0.documents(ids).map_err(unreadable)
    }
}

fn unreadable(error: IndexError) -> SourceError {
    SourceError(describe(&error))
}

/// The memo as a file beside the index, one for each collection: a run that mirrors to another one must not make this
/// one's held-back deletes forgotten.
pub(super) struct File {
    store: Store,
    name: String,
}

impl File {
    /// That of the collection with this name.
    pub(super) fn of(store: Store, target: &str) -> Self {
        Self { store, name: format!("mirror-{:016x}.json", xxh3_64(target.as_bytes())) }
    }

    /// What is remembered, if anything is.
    pub(super) fn read(&self) -> Result<Option<Memo>, IndexError> {
        self.store.read_json(&self.name)
    }
}

impl Keep for File {
    fn save(&self, memo: &Memo) -> Result<(), SourceError> {
        self.store.write_json(&self.name, memo).map_err(unreadable)
    }
}
