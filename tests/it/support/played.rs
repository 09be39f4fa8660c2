//! The engine and a simulated server in one thread, over connections in memory and on tokio's paused clock: minutes and
//! days pass in moments.

use std::sync::Arc;
use std::time::Duration;

use kubesift::cluster::client::{Dialed, Dialer};
use kubesift::cluster::selection::{Selection, SelectionOptions};
use kubesift::cluster::{Access, Client, ClientOptions};
use kubesift::demo::{Rights, Server, ServerOptions};
use kubesift::document::{RuleOptions, Rules};
use kubesift::engine::status::{KindState, Phase, Status};
use kubesift::engine::{self, EngineOptions, Handle, Mode, Outcome, Running, Semantic, Timing};
use kubesift::index::{Lock, Store};
use kubesift::object::KindKey;
use kubesift::text::Clock;
use tempfile::TempDir;

use super::simulated::access;

/// When every played time begins, in milliseconds since 1970.
const START_MS: i64 = 1_800_000_000_000;
/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A simulated server and an engine that follows it.
pub(crate) struct Played {
    /// The server.
    pub server: Arc<Server>,
    /// The engine's clock.
    pub clock: Clock,
    handle: Option<Handle>,
    access: Access,
    selection: SelectionOptions,
    forbidden_after: Duration,
    status_every: Duration,
    dir: TempDir,
}

impl Played {
    /// Starts both, with a server that is prepared before it is asked anything, and waits until all is read.
    pub(crate) async fn start(options: ServerOptions, prepare: impl FnOnce(&Server)) -> Self {
        Self::start_with(options, SelectionOptions::default(), prepare).await
    }

    /// The same, of which only this is read.
    pub(crate) async fn start_with(
        options: ServerOptions,
        selection: SelectionOptions,
        prepare: impl FnOnce(&Server),
    ) -> Self {
        let mut own = Self { selection, ..Self::prepared(options, prepare) };
        own.resume().await;
        own.becomes_live().await;
        own
    }

    /// The same for hours and days: nobody needs a status each second of them.
    pub(crate) async fn start_for_long(options: ServerOptions, prepare: impl FnOnce(&Server)) -> Self {
        let status_every = Duration::from_secs(60);
        let mut own = Self { status_every, ..Self::prepared(options, prepare) };
        own.resume().await;
        own.becomes_live().await;
        own
    }

    /// A server that is prepared, and an engine that has not begun.
    pub(crate) fn prepared(options: ServerOptions, prepare: impl FnOnce(&Server)) -> Self {
        let clock = Clock::simulated(options.seed, START_MS);
        let options = ServerOptions { clock: clock.clone(), ..options };
        let server = Arc::new(Server::in_memory(options).expect("a simulated server"));
        prepare(&server);
        let access = access(&server);
        let dir = tempfile::Builder::new().prefix("kubesift-played-").tempdir().expect("temp dir");
        Self {
            server,
            clock,
            handle: None,
            access,
            selection: SelectionOptions::default(),
            forbidden_after: Duration::from_secs(86_400),
            status_every: Running::default().status_every,
            dir,
        }
    }

    /// Starts the engine on what is stored.
    pub(crate) async fn resume(&mut self) {
        self.handle = Some(self.engine(Mode::Live));
    }

    /// Reads everything once; how that ended, and what was said last. `None` when it has no end within a time.
    pub(crate) async fn once(&mut self, within: Duration) -> Option<(Outcome, Status)> {
        let mut handle = self.engine(Mode::Once);
        let outcome = tokio::time::timeout(within, handle.finished()).await.ok()?;
        Some((outcome, handle.status()))
    }

    fn engine(&self, mode: Mode) -> Handle {
        let server = Arc::clone(&self.server);
        let dial = move || -> futures_util::future::BoxFuture<'static, std::io::Result<Dialed>> {
            let stream = server.connect(true);
            Box::pin(std::future::ready(Ok(Dialed { stream, http2: true })))
        };
        let client = ClientOptions {
            clock: self.clock.clone(),
            dialer: Some(Dialer::new(dial)),
            ..ClientOptions::default()
        };
        let options = EngineOptions {
            client: Client::new(&self.access, client).expect("a client"),
            context: None,
            server: self.access.server.clone(),
            context_namespace: None,
            store: self.store(),
            rules: Arc::new(Rules::new(&RuleOptions::default()).expect("the default rules")),
            selection: Arc::new(Selection::new(&self.selection)),
            mode,
            forbidden_after: self.forbidden_after,
            timing: Timing::default(),
            notes: Vec::new(),
            running: Running { threads: false, status_every: self.status_every },
            semantic: Semantic::Off,
            mirror: None,
        };
        let lock = Lock::try_acquire(&self.store()).expect("a lock file").expect("nobody else writes");
        engine::start(options, lock).expect("the engine starts")
    }

    /// Stops the engine in good order.
    pub(crate) async fn stop(&mut self) {
        self.handle.take().expect("it runs").shutdown().await;
    }

    /// What the next start excludes.
    pub(crate) fn exclude(&mut self, kind: &str) {
        self.selection.exclude.push(kind.to_owned());
    }

    /// What the next start names as namespaces to read.
    pub(crate) fn only_in(&mut self, namespaces: &[&str]) {
        self.selection.namespaces = namespaces.iter().map(|&name| name.to_owned()).collect();
    }

    /// After this time the next start removes what may not be read.
    pub(crate) fn forbidden_after(&mut self, time: Duration) {
        self.forbidden_after = time;
    }

    /// What the user may do from now on.
    pub(crate) fn set_rights(&self, rights: Rights) {
        self.server.set_rights(&self.server.users()[0].name, rights);
    }

    /// Where everything is stored.
    pub(crate) fn store(&self) -> Store {
        Store::locate(self.dir.path(), self.access.identity.as_str()).expect("a directory")
    }

    /// The engine's status.
    pub(crate) fn status(&self) -> Status {
        self.handle.as_ref().expect("it runs").status()
    }

    /// What the status says of a kind; `None` when nothing.
    pub(crate) fn state(&self, kind: &str) -> Option<KindState> {
        self.status().kind(&KindKey::from(kind)).map(|kind| kind.state.clone())
    }

    /// Why a kind is as it is.
    pub(crate) fn why(&self, kind: &str) -> String {
        self.status().kind(&KindKey::from(kind)).map(|kind| kind.why()).unwrap_or_default()
    }

    /// How many entries of a kind the index holds.
    pub(crate) fn held(&self, kind: &str) -> usize {
        let held = self.handle.as_ref().expect("it runs").reader().snapshot().held().expect("an index");
        held.iter().filter(|entry| entry.kind.as_str() == kind).count()
    }

    /// The ids of a kind's documents.
    pub(crate) fn ids(&self, kind: &str) -> Vec<String> {
        let snapshot = self.handle.as_ref().expect("it runs").reader().snapshot();
        let held = snapshot.held().expect("an index");
        let ids: Vec<_> =
            held.iter().filter(|entry| entry.kind.as_str() == kind).map(|entry| entry.id).collect();
        let documents = snapshot.documents(&ids).expect("an index");
        let mut ids: Vec<String> = documents.into_iter().map(|document| document.id).collect();
        ids.sort();
        ids
    }

    /// How many of them lie in a namespace.
    pub(crate) fn held_in(&self, kind: &str, namespace: &str) -> usize {
        let held = self.handle.as_ref().expect("it runs").reader().snapshot().held().expect("an index");
        let inside = held.iter().filter(|entry| entry.kind.as_str() == kind);
        inside.filter(|entry| &*entry.namespace == namespace).count()
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = tokio::time::Instant::now();
        while !is_so(self) {
            if begun.elapsed() >= PATIENCE {
                let Status { phase, mut kinds, notes, .. } = self.status();
                kinds.retain(|kind| !matches!(kind.state, KindState::Complete | KindState::Excluded { .. }));
                let kinds: Vec<String> = kinds
                    .iter()
                    .map(|kind| {
                        let (name, scopes) = (kind.state.name(), kind.scopes.len());
                        format!("{} {name} in {scopes}, {} held: {}", kind.kind, kind.objects, kind.why())
                    })
                    .map(|line| line.chars().take(300).collect())
                    .collect();
                panic!("{what}: not so: {phase:?}, {kinds:#?}, {notes:?}");
            }
            self.pass(LOOK).await;
        }
    }

    /// Waits until a kind is in a state, by its name.
    pub(crate) async fn becomes(&self, kind: &str, state: &str) {
        let is = |own: &Self| own.state(kind).is_some_and(|own| own.name() == state);
        self.until(&format!("{kind} to be {state}"), is).await;
    }

    /// Waits until everything is read.
    pub(crate) async fn becomes_live(&self) {
        self.until("all to be read", |own| own.status().phase == Phase::Live).await;
    }
}
