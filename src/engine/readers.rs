//! The running readers: starts them from what the index holds, stops them, and keeps count.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::cluster::client::Client;
use crate::cluster::selection::Selection;
use crate::cluster::watch::{
    Connectivity, Mode as ReaderMode, Reader, ReaderOptions, Revisions, Rounds, Sink, Start, Storage, Timing,
};
use crate::document::Rules;
use crate::object::{Kind, KindKey, Scope};

use super::pump::{Message, SourceState};
use super::sink::{KindSink, Notice};
use super::stirs::{Stirred, Stirs};

/// More namespaced watches than this are not opened; the rest is listed round-robin.
pub(super) const NAMESPACED_WATCHES: usize = 500;

/// What all readers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) connectivity: Connectivity,
    pub(super) revisions: Revisions,
    pub(super) rounds: Rounds,
    pub(super) rules: Arc<Rules>,
    pub(super) selection: Arc<Selection>,
    pub(super) pump: mpsc::Sender<Message>,
    pub(super) notices: mpsc::Sender<Notice>,
    pub(super) mode: ReaderMode,
    pub(super) timing: Timing,
    /// Something was seen to change that rights may depend on.
    pub(super) stirred: Arc<Stirred>,
    pub(super) cluster_uid: Option<String>,
}

/// The readers that run.
pub(super) struct Readers {
    shared: Shared,
    running: HashMap<(KindKey, Scope), JoinHandle<()>>,
    /// How many of them read one namespace.
    namespaced: usize,
}

impl Readers {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, running: HashMap::new(), namespaced: 0 }
    }

    /// Starts reading `kind` in `scope`, unless that runs already.
    pub(super) async fn start(&mut self, kind: &Kind, scope: &Scope, storage: Storage) {
        if !self.running.contains_key(&(kind.key(), scope.clone())) {
            let start = self.starting_point(kind, scope).await;
            self.begin(kind, scope, storage, start);
        }
    }

    fn begin(&mut self, kind: &Kind, scope: &Scope, storage: Storage, start: Start) {
        let at = (kind.key(), scope.clone());
        let shared = &self.shared;
        let sink = KindSink {
            kind: Arc::new(kind.clone()),
            key: kind.key(),
            scope: scope.clone(),
            rules: shared.rules.clone(),
            selection: shared.selection.clone(),
            pump: shared.pump.clone(),
            notices: shared.notices.clone(),
            stirs: Stirs::of(kind, &shared.stirred),
            denied: false,
        };
        let mut kind = kind.clone();
        kind.watchable &= !self.is_crowded(scope);
        let reader = self.reader(kind, scope.clone(), storage, start, sink);
        let (notices, ended) = (shared.notices.clone(), Notice::Ended(at.0.clone(), at.1.clone()));
        let task = async move {
            reader.run().await;
            // The supervisor may be gone already.
            _ = notices.send(ended).await;
        };
        self.namespaced += usize::from(at.1 != Scope::All);
        self.running.insert(at, tokio::spawn(task));
    }

    /// A reader that is not one of the index's: CRDs and APIServices.
    pub(super) fn signal<S: Sink + 'static>(&self, kind: Kind, sink: S) -> JoinHandle<()> {
        let reader = self.reader(kind, Scope::All, Storage::Core, Start::Empty, sink);
        tokio::spawn(reader.run())
    }

    /// Stops every reader of `kind`; what they read stays.
    pub(super) async fn stop_kind(&mut self, kind: &KindKey) {
        let scopes: Vec<Scope> =
            self.running.keys().filter(|(own, _)| own == kind).map(|(_, scope)| scope.clone()).collect();
        for scope in scopes {
            self.stop(kind, &scope).await;
        }
    }

    /// Stops one reader and forgets its source; what it read stays.
    pub(super) async fn stop(&mut self, kind: &KindKey, scope: &Scope) {
        if let Some(task) = self.remove(kind, scope) {
            task.abort();
            // Aborted or ended, nothing of it comes after this.
            _ = task.await;
            let forget = Message::Forget { kind: kind.clone(), scope: scope.clone() };
            _ = self.shared.pump.send(forget).await;
        }
    }

    /// Stops one reader and keeps its source: what it read goes by the rules for what may not be read. Says whether there
    /// was one.
    pub(super) async fn suspend(&mut self, kind: &KindKey, scope: &Scope) -> bool {
        let Some(task) = self.remove(kind, scope) else { return false };
        task.abort();
        // Aborted or ended, nothing of it comes after this.
        _ = task.await;
        true
    }

    /// Starts a running reader anew, from what is known of its source.
    pub(super) async fn restart(&mut self, kind: &Kind, scope: &Scope, storage: Storage) {
        if self.running.contains_key(&(kind.key(), scope.clone())) {
            self.suspend(&kind.key(), scope).await;
            self.start(kind, scope, storage).await;
        }
    }

    /// Has a running reader list anew, consistently; says whether there was one.
    pub(super) async fn list_anew(&mut self, kind: &Kind, scope: &Scope, storage: Storage) -> bool {
        let Some(task) = self.remove(&kind.key(), scope) else { return false };
        task.abort();
        // Aborted or ended, nothing of it comes after this.
        _ = task.await;
        self.begin(kind, scope, storage, Start::Consistent);
        true
    }

    /// Stops all readers and keeps their sources.
    pub(super) async fn stop_all(&mut self) {
        self.running.values().for_each(JoinHandle::abort);
        self.namespaced = 0;
        for (_, task) in self.running.drain() {
            _ = task.await;
        }
    }

    /// Readers of one kind in namespaces.
    pub(super) fn namespaces_of(&self, kind: &KindKey) -> Vec<Scope> {
        self.running
            .keys()
            .filter(|(own, scope)| own == kind && *scope != Scope::All)
            .map(|(_, scope)| scope.clone())
            .collect()
    }

    /// Takes note that a reader ended by itself.
    pub(super) fn ended(&mut self, kind: &KindKey, scope: &Scope) {
        self.remove(kind, scope);
    }

    /// Whether none runs.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    fn remove(&mut self, kind: &KindKey, scope: &Scope) -> Option<JoinHandle<()>> {
        let task = self.running.remove(&(kind.clone(), scope.clone()))?;
        self.namespaced -= usize::from(*scope != Scope::All);
        Some(task)
    }

    fn is_crowded(&self, scope: &Scope) -> bool {
        *scope != Scope::All && self.namespaced >= NAMESPACED_WATCHES
    }

    fn reader<S: Sink>(
        &self,
        kind: Kind,
        scope: Scope,
        storage: Storage,
        start: Start,
        sink: S,
    ) -> Reader<S> {
        let shared = &self.shared;
        let options = ReaderOptions {
            client: shared.client.clone(),
            connectivity: shared.connectivity.clone(),
            revisions: shared.revisions.clone(),
            rounds: shared.rounds.clone(),
            kind,
            scope,
            storage,
            cluster_uid: shared.cluster_uid.clone(),
            start,
            mode: shared.mode,
            timing: shared.timing,
        };
        Reader::new(options, sink)
    }

    /// `resourceVersion=0` only for the first list of an empty index; a stored version where there is one.
    async fn starting_point(&self, kind: &Kind, scope: &Scope) -> Start {
        let (reply, answer) = oneshot::channel();
        let api = format!("{}/{}", kind.api_version(), kind.kind);
        let ask = Message::Source { kind: kind.key(), scope: scope.clone(), api, reply };
        let state = match self.shared.pump.send(ask).await {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => SourceState::default(),
        };
        match state {
            SourceState { version: Some(version), .. } => Start::Resume(version),
            SourceState { version: None, holds_any: true } => Start::Consistent,
            SourceState { version: None, holds_any: false } => Start::Empty,
        }
    }
}
