//! One run of the program: an engine with its mirror, as `sync --watch` and `sync --once` start it.

use std::sync::Arc;
use std::time::Duration;

use kubesift::cluster::selection::{Selection, SelectionOptions};
use kubesift::cluster::{Access, Client, ClientOptions};
use kubesift::document::Rules;
use kubesift::embed::hashed::Hashed;
use kubesift::embed::{Embedder, Model, Vectors};
use kubesift::engine::mirror::{MirrorSettings, Profile};
use kubesift::engine::{self, EngineOptions, Handle, Mode, Running, Semantic, Timing};
use kubesift::index::{Lock, Store};
use kubesift::mirror::AnyStore;
use kubesift::mirror::memory::Memory;
use kubesift::text::Clock;

use crate::cluster::Cluster;
use crate::history::{Chosen, KINDS, NAMESPACES, Settings};

/// Status is written this often: every second would be most of the work.
pub(crate) const STATUS_EVERY: Duration = Duration::from_secs(15);

/// Everything is read again this often; by default six times as long.
pub(crate) const REREAD: Duration = Duration::from_secs(3_600);

/// What makes vectors.
pub(crate) fn embedder() -> Hashed {
    let profile = Profile::Small;
    Hashed::of(Model {
        name: profile.model().to_owned(),
        dimensions: profile.dimension(),
        place: "world".to_owned(),
    })
}

/// What every run of the program is started with.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) access: Access,
    pub(crate) store: Store,
    pub(crate) rules: Arc<Rules>,
    pub(crate) memory: Memory,
}

/// A program that runs.
pub(crate) struct Program {
    pub(crate) handle: Handle,
    /// The machine's clock, as this process has it.
    pub(crate) clock: Clock,
}

impl Settings {
    /// How long what is forbidden is kept, in milliseconds.
    pub(crate) fn forbidden_after(self) -> i64 {
        if self.patient { 86_400_000 } else { 1_200_000 }
    }
}

/// What is read with these settings.
pub(crate) fn selection(settings: Settings) -> Selection {
    let named = |names: &[&str], bits: u8| -> Vec<String> {
        let chosen = names.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
        chosen.map(|(_, name)| (*name).to_owned()).collect()
    };
    let exclude = named(&KINDS, settings.excluded);
    let (namespaces, exclude_namespaces) = match settings.namespaces {
        Chosen::All => (Vec::new(), Vec::new()),
        Chosen::Only(bits) => (named(&NAMESPACES, bits), Vec::new()),
        Chosen::AllBut(bits) => (Vec::new(), named(&NAMESPACES, bits)),
    };
    Selection::new(&SelectionOptions {
        exclude,
        namespaces,
        exclude_namespaces,
        ..SelectionOptions::default()
    })
}

impl Setup {
    /// The mirror that these settings name.
    pub(crate) fn mirror(
        &self,
        settings: Settings,
        clock: Clock,
        vectors: Option<Vectors>,
    ) -> MirrorSettings {
        MirrorSettings {
            store: AnyStore::new(self.memory.clone()),
            url: "memory".to_owned(),
            collection: "world".to_owned(),
            profile: Profile::Small,
            vectors,
            scope: selection(settings).word(),
            adopt: false,
            allow_mass_delete: None,
            clock,
        }
    }

    /// Starts the program; `None` while another one writes the index.
    pub(crate) fn start(
        &self,
        cluster: &Cluster,
        mode: Mode,
        settings: Settings,
        seed: u64,
        wall_ms: i64,
    ) -> Option<Program> {
        let lock = Lock::try_acquire(&self.store).expect("a lock file")?;
        let clock = Clock::simulated(seed, wall_ms);
        let client = ClientOptions {
            clock: clock.clone(),
            dialer: Some(cluster.dialer()),
            ..ClientOptions::default()
        };
        let selection = Arc::new(selection(settings));
        let mirrors = settings.mirrors && !matches!(mode, Mode::Confirm { .. });
        let mirror = mirrors.then(|| self.mirror(settings, clock.clone(), None));
        let forbidden_after = u64::try_from(settings.forbidden_after()).expect("a time");
        let options = EngineOptions {
            client: Client::new(&self.access, client).expect("a client"),
            context: Some("world".to_owned()),
            server: self.access.server.clone(),
            context_namespace: Some("default".to_owned()),
            store: self.store.clone(),
            rules: Arc::clone(&self.rules),
            semantic: Semantic::On(Embedder::Hashed(embedder())),
            selection,
            mode,
            forbidden_after: Duration::from_millis(forbidden_after),
            timing: Timing { reread: REREAD, ..Timing::default() },
            mirror,
            notes: Vec::new(),
            running: Running { threads: false, status_every: STATUS_EVERY },
        };
        let handle = engine::start(options, lock).expect("the engine starts");
        Some(Program { handle, clock })
    }
}
