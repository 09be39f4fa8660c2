//! The engine, in this process, on a simulated server: for faults that no real server makes on request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kubesift::cluster::access::Environment;
use kubesift::cluster::selection::{Decision, Selection, SelectionOptions};
use kubesift::cluster::{Access, AccessOptions, Client, ClientOptions};
use kubesift::demo::{Server, ServerOptions};
use kubesift::document::{RuleOptions, Rules, document, fingerprint};
use kubesift::engine::status::{KindState, Phase, Status};
use kubesift::engine::{self, EngineOptions, Handle, Mode, Semantic, Timing};
use kubesift::index::{Lock, Store};
use kubesift::object::{Key, KindKey, Object};
use kubesift::text::Clock;
use tempfile::TempDir;

use super::wait_for;

/// Kind and key (id and uid) of each entry, and a hash of what it says but for annotation values: those are written
/// once a minute at most.
type Entries = BTreeMap<String, u64>;

/// A simulated server and an engine that follows it.
pub(crate) struct Simulated {
    /// The server.
    pub server: Server,
    handle: Option<Handle>,
    access: Access,
    rules: Arc<Rules>,
    selection: Arc<Selection>,
    /// Waiting times of the next start.
    pub timing: Timing,
    /// The clock of the next start.
    pub clock: Clock,
    /// How long what is forbidden stays, from the next start on.
    pub forbidden_after: Duration,
    /// Objects that [`Simulated::disturb`] removed from the server.
    removed: AtomicU64,
    dir: TempDir,
}

/// What stood in the index before something went wrong.
pub(crate) struct Before {
    entries: Entries,
    deletes: u64,
    removed: u64,
}

/// Waiting times in which a test can see failures heal.
pub(crate) fn quick() -> Timing {
    Timing {
        recheck_forbidden: Duration::from_millis(200),
        poll: Duration::from_millis(200),
        idle: Duration::from_millis(500),
        silence: Duration::from_millis(1_500),
        backoff: (Duration::from_millis(20), Duration::from_millis(200)),
        ..Timing::default()
    }
}

/// How a simulated server is reached: by its own kubeconfig, whatever the environment says.
pub(crate) fn access(server: &Server) -> Access {
    let dir = tempfile::tempdir().expect("temp dir");
    let kubeconfig = dir.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    let access = Access::load(&AccessOptions {
        kubeconfig: Some(kubeconfig),
        environment: Environment::fixed::<String, String>([]),
        ..AccessOptions::default()
    });
    access.expect("a kubeconfig that works")
}

impl Before {
    /// The same for an engine that was started again: it counts from 0.
    pub(crate) fn restarted(self) -> Self {
        Self { deletes: 0, ..self }
    }
}

impl Simulated {
    /// Starts both, and waits until all is read.
    pub(crate) async fn start(options: ServerOptions) -> Self {
        Self::start_with(options, quick(), |_| {}).await
    }

    /// The same, with these waiting times, and with a server that is prepared before it is asked anything.
    pub(crate) async fn start_with(
        options: ServerOptions,
        timing: Timing,
        prepare: impl FnOnce(&Server),
    ) -> Self {
        let mut own = Self::new(options, timing).await;
        prepare(&own.server);
        own.resume().await;
        own.settles(&Before { entries: Entries::new(), deletes: 0, removed: 0 }).await;
        own
    }

    /// A server, and an engine that is not started yet.
    pub(crate) async fn new(options: ServerOptions, timing: Timing) -> Self {
        let server = Server::start(options).await.expect("the simulated server starts");
        let dir = tempfile::Builder::new().prefix("kubesift-sim-").tempdir().expect("temp dir");
        let access = access(&server);
        let rules = Arc::new(Rules::new(&RuleOptions::default()).expect("the default rules"));
        let selection = Arc::new(Selection::new(&SelectionOptions::default()));
        Self {
            server,
            handle: None,
            access,
            rules,
            selection,
            timing,
            clock: Clock::system(),
            forbidden_after: Duration::from_secs(86_400),
            removed: AtomicU64::new(0),
            dir,
        }
    }

    /// Starts the engine on what is stored.
    pub(crate) async fn resume(&mut self) {
        let options = ClientOptions {
            connect_timeout: Duration::from_secs(2),
            head_timeout: Duration::from_secs(2),
            watch_head_timeout: Duration::from_secs(2),
            idle: Duration::from_millis(500),
            clock: self.clock.clone(),
            ..ClientOptions::default()
        };
        let store = Store::locate(self.dir.path(), self.access.identity.as_str()).expect("a directory");
        let lock = wait_for("the lock", async || Lock::try_acquire(&store).expect("a lock file")).await;
        let options = EngineOptions {
            client: Client::new(&self.access, options).expect("a client"),
            context: None,
            server: self.access.server.clone(),
            context_namespace: None,
            store,
            rules: self.rules.clone(),
            selection: self.selection.clone(),
            mode: Mode::Live,
            forbidden_after: self.forbidden_after,
            timing: self.timing,
            notes: Vec::new(),
            running: engine::Running::default(),
            semantic: Semantic::Off,
            mirror: None,
        };
        self.handle = Some(engine::start(options, lock).expect("the engine starts"));
    }

    /// Stops the engine in good order.
    pub(crate) async fn stop(&mut self) {
        let handle = self.handle.take().expect("it runs");
        handle.shutdown().await;
    }

    /// The engine's status.
    pub(crate) fn status(&self) -> Status {
        self.handle.as_ref().expect("it runs").status()
    }

    /// Waits until the status of a kind is what is wanted.
    pub(crate) async fn state_becomes(&self, kind: &str, wanted: impl Fn(&KindState) -> bool) {
        wait_for(&format!("the state of {kind}"), async || {
            let status = self.status();
            let state = status.kind(&KindKey::from(kind)).map(|kind| kind.state.clone());
            if state.as_ref().is_some_and(&wanted) { Ok(()) } else { Err(format!("{state:?}")) }
        })
        .await;
    }

    /// Waits until the phase is what is wanted.
    pub(crate) async fn phase_becomes(&self, what: &str, wanted: impl Fn(&Phase) -> bool) {
        wait_for(what, async || {
            let phase = self.status().phase;
            if wanted(&phase) { Ok(()) } else { Err(format!("{phase:?}")) }
        })
        .await;
    }

    /// Everything held now, to compare with after trouble.
    pub(crate) async fn before(&self) -> Before {
        let deletes = self.fresh_status().await.deletes;
        Before { entries: self.held(), deletes, removed: self.removed.load(Relaxed) }
    }

    /// A status that was written after this call began.
    async fn fresh_status(&self) -> Status {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        wait_for("a status", async || {
            Some(self.status()).filter(|status| u128::try_from(status.heartbeat_ms).is_ok_and(|at| at > now))
        })
        .await
    }

    /// Waits until the index equals the server's objects and everything is confirmed. Whatever stood there before and
    /// still exists is never missing meanwhile, and no more is deleted than what is gone from the server.
    pub(crate) async fn settles(&self, before: &Before) {
        wait_for("the index to equal the cluster", async || {
            let (expected, held) = (self.expected(), self.held());
            for name in before.entries.keys().filter(|name| expected.contains_key(*name)) {
                assert!(held.contains_key(name), "{name} was deleted without authority");
            }
            let missing: Vec<_> =
                expected.iter().filter(|(name, entry)| held.get(*name) != Some(entry)).collect();
            let surplus: Vec<_> = held.keys().filter(|name| !expected.contains_key(*name)).collect();
            let status = self.status();
            let coverage = status.coverage();
            if !missing.is_empty() || !surplus.is_empty() {
                let shown = |n: usize| n.min(3);
                return Err(format!(
                    "{} missing or old, such as {:?}; {} too many, such as {:?}; {:?}",
                    missing.len(),
                    &missing[..shown(missing.len())],
                    surplus.len(),
                    &surplus[..shown(surplus.len())],
                    status.phase,
                ));
            }
            if status.phase == Phase::Live && coverage.is_complete() {
                Ok(())
            } else {
                Err(format!("{:?}, {coverage:?}", status.phase))
            }
        })
        .await;
        // A server that went back to an earlier state has lost what nobody deleted.
        let removed = self.removed.load(Relaxed) - before.removed;
        let allowed = removed.max(self.gone(before));
        let status = self.fresh_status().await;
        let deleted = status.deletes - before.deletes;
        assert!(deleted <= allowed, "{deleted} entries were deleted, {allowed} are gone from the server");
        assert_eq!(status.drift_corrected, 0, "nothing was wrong at a version that was held");
    }

    /// Everything that was held and still exists is held now.
    pub(crate) fn assert_nothing_lost(&self, before: &Before) {
        let (expected, held) = (self.expected(), self.held());
        for name in before.entries.keys().filter(|name| expected.contains_key(*name)) {
            assert!(held.contains_key(name), "{name} was deleted without authority");
        }
    }

    /// Changes of every sort: new objects, changed ones, deleted ones, and one that comes back under its old name.
    /// `round` keeps what several calls do apart.
    pub(crate) fn disturb(&self, round: usize) {
        const NAMESPACE: &str = "default";
        let server = &self.server;
        let kept: BTreeSet<String> = server.objects("configmaps").into_iter().map(|own| own.name).collect();
        for n in 0..4 {
            let new = object(NAMESPACE, &format!("new-{round}-{n}"));
            server.apply("configmaps", new).expect("config maps are served");
        }
        for name in kept.iter().filter(|name| name.starts_with("new-")).take(2) {
            server.delete("configmaps", NAMESPACE, name);
            self.removed.fetch_add(1, Relaxed);
        }
        for pod in server.objects("pods").iter().skip(round * 5).take(20) {
            let relabel = |own: &mut Object| {
                own.labels.insert("round".to_owned(), round.to_string());
            };
            server.modify("pods", &pod.namespace, &pod.name, relabel).expect("pods are served");
            server.touch("pods", &pod.namespace, &pod.name).expect("pods are served");
        }
        let services = server.objects("services");
        if let Some(service) = services.get(round % services.len().max(1)) {
            server.delete("services", &service.namespace, &service.name);
            self.removed.fetch_add(1, Relaxed);
            let again = Object { uid: String::new(), ..service.clone() };
            server.apply("services", again).expect("services are served");
        }
    }

    /// How many of the entries that stood there before no longer exist on the server.
    fn gone(&self, before: &Before) -> u64 {
        let expected = self.expected();
        before.entries.keys().filter(|name| !expected.contains_key(*name)).count() as u64
    }

    /// What the index holds.
    fn held(&self) -> Entries {
        let held =
            self.handle.as_ref().expect("it runs").reader().snapshot().held().expect("a readable index");
        held.into_iter().map(|entry| (name(&entry.kind, &entry.key), entry.fingerprint.content)).collect()
    }

    /// What it should hold: the server's objects as documents.
    fn expected(&self) -> Entries {
        let kinds =
            self.server.kinds().into_iter().filter(|kind| self.selection.decide(kind) == Decision::Read);
        kinds
            .flat_map(|kind| {
                let objects = self.server.objects(kind.key().as_str());
                let entries = objects.into_iter().map(|object| {
                    let document = document(&kind, &object, &self.rules);
                    let key = Key::of(&document.id, &object.uid);
                    (name(&kind.key(), &key), fingerprint(&document, &self.rules).content)
                });
                entries.collect::<Vec<_>>()
            })
            .collect()
    }
}

fn name(kind: &KindKey, key: &Key) -> String {
    format!("{kind} {key:?}")
}

/// An object of no particular contents.
pub(crate) fn object(namespace: &str, name: &str) -> Object {
    Object { name: name.to_owned(), namespace: namespace.to_owned(), ..Object::default() }
}
