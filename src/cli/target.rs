//! Which cluster is meant, which settings hold for it, and where its index lies. Connects to nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};

use super::embedding::Embedding;
use super::failure::Failure;
use super::mirror::{OneShot, Plan};
use super::session::Session;
use super::settings::{Key, Settings};
use crate::cluster::access::{Environment, Place, current_context, last_place};
use crate::cluster::client::Terminal;
use crate::cluster::selection::{Selection, SelectionOptions};
use crate::cluster::{Access, AccessOptions, Client, ClientOptions};
use crate::document::{DENIED_ANNOTATIONS, RuleOptions, Rules};
use crate::embed::Storing;
use crate::engine::mirror::{MirrorSettings, Profile};
use crate::engine::status::Status;
use crate::engine::{self, EngineOptions, Handle, Mode, Semantic};
use crate::index::{IndexError, Lock, Reader, Store};
use crate::object::Kind;

/// What a command does with the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It may connect.
    Cluster,
    /// What is stored is enough, even where the kubeconfig can't be used any more.
    Stored,
}

/// One cluster, its settings and its index.
pub(super) struct Target {
    /// The settings for its context.
    pub(super) settings: Settings,
    /// How it is reached; `None` where only what is stored can answer.
    pub(super) access: Option<Access>,
    /// Its index.
    pub(super) store: Store,
    embedding: Embedding,
    /// Why there is no access.
    pub(super) problem: Option<String>,
    /// What a credential plugin may ask on: commands share their terminal, the terminal app lends it.
    pub(super) terminal: Terminal,
    /// Made when first needed.
    client: OnceLock<Client>,
    /// Where a writer of this index mirrors to.
    pub(super) mirror: Option<Plan>,
}

impl Target {
    /// Reads the kubeconfig and finds the index.
    pub(super) fn open(session: &mut Session<'_>, need: Need) -> Result<Self, Failure> {
        let base = session.settings();
        let mut options = AccessOptions {
            kubeconfig: base.path(Key::Kubeconfig),
            context: base.text(Key::Context).map(str::to_owned),
            namespace: None,
            environment: Environment::default(),
        };
        if options.context.is_none() {
            // What is wrong with the kubeconfig is said below.
            options.context = current_context(&options).unwrap_or_default();
        }
        let settings = session.sources.settings(options.context.as_deref());
        options.kubeconfig = settings.path(Key::Kubeconfig);
        let data_dir = data_dir(session, &settings)?;
        let embedding = Embedding::of(&session.env, data_dir.clone());
        let access = match Access::load(&options) {
            Ok(access) => access,
            Err(error) => {
                let failure = Failure::usage(error);
                let Some(store) = stored(&options, &data_dir, need) else { return Err(failure) };
                session
                    .output
                    .note(&format!("{failure}\nanswering from what is stored{}", of_server(&store)));
                let problem = Some(failure.to_string());
                return Ok(Self {
                    settings,
                    access: None,
                    store,
                    problem,
                    embedding,
                    terminal: Terminal::Shared,
                    client: OnceLock::new(),
                    mirror: None,
                });
            }
        };
        let store = locate(session, &settings, data_dir, access.identity.as_str())?;
        // Only a shortcut for later starts; a read-only directory is used all the same.
        if let Err(error) = store.remember_places(access.places.iter().map(Place::as_str)) {
            tracing::debug!(%error, "the table of places could not be written");
        }
        Ok(Self {
            settings,
            access: Some(access),
            store,
            problem: None,
            embedding,
            terminal: Terminal::Shared,
            client: OnceLock::new(),
            mirror: None,
        })
    }

    fn reachable(&self) -> Result<&Access, Failure> {
        let none = || Failure::unavailable(anyhow!("there is no way to reach the cluster"));
        self.access.as_ref().ok_or_else(none)
    }

    /// The cluster's client: the same for all who ask, so that connections and credentials are shared.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let options = ClientOptions { terminal: self.terminal.clone(), ..ClientOptions::default() };
        let client = Client::new(self.reachable()?, options).map_err(Failure::usage)?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    /// Starts the engine as the writer of the index.
    pub(super) fn start(&self, lock: Lock, mode: Mode) -> Result<Handle, Failure> {
        let client = self.client()?;
        let access = self.reachable()?;
        let rules = rules(&self.settings)?;
        let semantic = self.semantic(mode)?;
        let mirror = match &self.mirror {
            None => None,
            // Two that make the same vectors would write the same file.
            Some(plan) if makes(&semantic, plan.profile()) => Some(plan.settings().clone()),
            // The lock is held: vectors are written beside the index.
            Some(plan) => Some(self.with_vectors(plan, Storing::Write)?),
        };
        let options = EngineOptions {
            client,
            context: access.context.clone(),
            server: access.server.clone(),
            context_namespace: access.context_namespace.clone(),
            store: self.store.clone(),
            rules: Arc::new(rules),
            semantic,
            selection: Arc::new(self.selection()),
            mode,
            forbidden_after: self.settings.duration(Key::ForbiddenAfter),
            timing: engine::Timing::default(),
            mirror,
            notes: self.remove_unused(),
            running: engine::Running::default(),
        };
        engine::start(options, lock).map_err(Failure::unavailable)
    }

    /// What embeds this cluster's documents. Only a writer that stays embeds them by itself.
    fn semantic(&self, mode: Mode) -> Result<Semantic, Failure> {
        match mode {
            Mode::Live => self.embedding.semantic(&self.settings),
            Mode::Once | Mode::Confirm { .. } => Ok(Semantic::Unused),
        }
    }

    /// The mirror that the settings ask for.
    pub(super) fn plan(&self, session: &Session<'_>, one_shot: OneShot) -> Result<Option<Plan>, Failure> {
        Plan::read(session, &self.settings, one_shot)
    }

    /// Lets the writer of this index mirror, if the settings say so. What is wrong with them is said now, not when
    /// the writer starts.
    ///
    /// # Errors
    /// Settings that can't be used.
    pub(super) fn mirror_as_configured(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        self.mirror = self.plan(session, OneShot::default())?;
        match &self.mirror {
            Some(plan) => self.embedding.of_profile(&self.settings, plan.profile()).map(drop),
            None => Ok(()),
        }
    }

    /// A mirror with vectors of its own.
    pub(super) fn with_vectors(&self, plan: &Plan, storing: Storing) -> Result<MirrorSettings, Failure> {
        let embedder = self.embedding.of_profile(&self.settings, plan.profile())?;
        plan.with_vectors(embedder, self.store.dir(), storing)
    }

    /// What the writer, living or gone, said last.
    pub(super) fn status(&self) -> Option<Status> {
        match self.store.read_json("status.json") {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!(%error, "status.json can't be read");
                None
            }
        }
    }

    /// The kinds that discovery named last.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        match self.store.read_json("kinds.json") {
            Ok(kinds) => kinds.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "kinds.json can't be read");
                Vec::new()
            }
        }
    }

    /// The stored index; `None` when there is none, or one that a writer has to rebuild first.
    pub(super) fn reader(&self) -> Result<Option<Reader>, Failure> {
        match Reader::open(&self.store) {
            Ok(reader) => Ok(Some(reader)),
            Err(IndexError::Missing { .. } | IndexError::Unusable { .. }) => Ok(None),
            Err(error) => Err(Failure::unavailable(error)),
        }
    }

    /// The cluster's name for people: its context, or its address.
    pub(super) fn name(&self) -> String {
        match &self.access {
            Some(Access { context: Some(context), .. }) => format!("context {context}"),
            Some(access) => access.server.clone(),
            None => "this cluster".to_owned(),
        }
    }

    /// The cluster's name alone: its context, or its address.
    pub(super) fn short_name(&self) -> String {
        match &self.access {
            Some(Access { context: Some(context), .. }) => context.clone(),
            Some(access) => access.server.clone(),
            None => self.settings.text(Key::Context).unwrap_or("offline").to_owned(),
        }
    }

    /// Which kinds and namespaces are read.
    pub(super) fn selection(&self) -> Selection {
        selection(&self.settings)
    }

    fn remove_unused(&self) -> Vec<String> {
        let data_dir = self.store.dir().parent().unwrap_or(self.store.dir());
        let removed = Store::remove_unused(data_dir, SystemTime::now()).unwrap_or_default();
        let note = |removed: crate::index::Removed| {
            format!("removed {}: unused for {} days", removed.path.display(), removed.days)
        };
        removed.into_iter().map(note).collect()
    }
}

/// The index that what can't be loaded any more led to when it was last used, where that is enough.
fn stored(options: &AccessOptions, data_dir: &Path, need: Need) -> Option<Store> {
    let place = last_place(options).filter(|_| need == Need::Stored)?;
    Store::of_place(data_dir, place.as_str()).ok().flatten()
}

/// Which server an index is of, as its last writer said.
fn of_server(store: &Store) -> String {
    let status: Option<Status> = store.read_json("status.json").ok().flatten();
    let server = status.map(|status| status.server).filter(|server| !server.is_empty());
    server.map(|server| format!(" of {server}")).unwrap_or_default()
}

/// Which kinds and namespaces the settings choose.
pub(super) fn selection(settings: &Settings) -> Selection {
    Selection::new(&SelectionOptions {
        include: settings.list(Key::Include),
        exclude: settings.list(Key::Exclude),
        namespaces: settings.list(Key::Namespaces),
        exclude_namespaces: settings.list(Key::ExcludeNamespaces),
    })
}

/// Whether the index is embedded with the vectors of this profile.
fn makes(semantic: &Semantic, profile: Profile) -> bool {
    match semantic {
        Semantic::On(embedder) => {
            let model = embedder.model();
            (model.name.as_str(), model.dimensions) == (profile.model(), profile.dimension())
        }
        Semantic::Unused | Semantic::Off => false,
    }
}

/// The rules that the settings ask for; the built-in deny list always stays.
fn rules(settings: &Settings) -> Result<Rules, Failure> {
    let denied = DENIED_ANNOTATIONS.map(str::to_owned).into_iter();
    let options = RuleOptions {
        deny_annotations: denied.chain(settings.list(Key::DenyAnnotations)).collect(),
        redact: settings.list(Key::Redact),
        exact_upstream: settings.is_on(Key::ExactUpstream),
    };
    Rules::new(&options).map_err(Failure::usage)
}

/// Where indexes lie, and what `setup` gets.
pub(super) fn data_dir(session: &Session<'_>, settings: &Settings) -> Result<PathBuf, Failure> {
    let dir = settings.path(Key::DataDir).or_else(|| session.env.data_dir());
    let dir = dir.ok_or_else(|| {
        Failure::usage(anyhow!("no home directory: HOME is not set"))
            .advise("say where the index may lie: --data-dir DIR or KUBESIFT_DATA_DIR")
    })?;
    // Relative ones would make another index in every working directory.
    std::path::absolute(&dir).context("the working directory is gone").map_err(Failure::from)
}

// Locks and memory maps are not safe on network file systems: there the runtime directory serves, and the next boot
// reads the cluster again.
fn locate(
    session: &mut Session<'_>,
    settings: &Settings,
    dir: PathBuf,
    identity: &str,
) -> Result<Store, Failure> {
    let error = match Store::locate(&dir, identity) {
        Ok(store) => return Ok(store),
        Err(error) => error,
    };
    let runtime = session.env.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    match (&error, runtime) {
        (IndexError::NetworkFileSystem { path, kind }, Some(runtime))
            if settings.path(Key::DataDir).is_none() =>
        {
            let runtime = runtime.join("kubesift");
            session.output.note(&format!(
                "{} is on a network file system ({kind}); the index is kept in {} until the next boot",
                path.display(),
                runtime.display()
            ));
            Store::locate(&runtime, identity).map_err(Failure::unavailable)
        }
        _ => {
            Err(Failure::unavailable(error)
                .advise("choose another place: --data-dir DIR or KUBESIFT_DATA_DIR"))
        }
    }
}
