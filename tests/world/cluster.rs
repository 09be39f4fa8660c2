//! The simulated cluster: what a history does to it, and what may be read of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use kubesift::cluster::access::Environment;
use kubesift::cluster::client::Dialer;
use kubesift::cluster::{Access, AccessOptions};
use kubesift::demo::{Crd, Formats, Listing, Rights, Server, ServerOptions};
use kubesift::document::{Rules, document, fingerprint, form};
use kubesift::object::{Key, Kind, KindKey, Object};
use kubesift::text::Clock;

use crate::history::{BASE, KINDS, NAMESPACES, NODES, REPORTS, Shown, Step, WIDGETS, Which, Wire};

/// The built-in kinds that are served; more would only be slower.
const BUILT_IN: [&str; 9] = [
    "namespaces",
    "configmaps",
    "pods",
    "nodes",
    "deployments.apps",
    "apiservices.apiregistration.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "selfsubjectreviews.authentication.k8s.io",
    "selfsubjectrulesreviews.authorization.k8s.io",
];

/// One object as the index should hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) id: String,
    pub(crate) kind: KindKey,
    pub(crate) namespace: String,
    pub(crate) content: u64,
    pub(crate) text: String,
    /// What of it is embedded.
    pub(crate) form: String,
}

/// One version of an object: kind, version of its API, uid, resource version.
type Version = (KindKey, String, String, String);

pub(crate) type Things = BTreeMap<Key, Arc<Thing>>;

/// The cluster, the network before it, and who may read what.
pub(crate) struct Cluster {
    pub(crate) server: Arc<Server>,
    pub(crate) clock: Clock,
    pub(crate) wire: Arc<Mutex<Wire>>,
    pub(crate) rights: Rights,
    rules: Arc<Rules>,
    known: BTreeMap<Version, (Key, Arc<Thing>)>,
    uids: u64,
    pub(crate) user: String,
    /// Every kind that was ever served, as it was last.
    pub(crate) kinds: BTreeMap<KindKey, Kind>,
    /// Faults that are not over and answer 403: whether a kind may be read is then anybody's guess.
    pub(crate) refused: Vec<Which>,
    /// Kinds that discovery does not show, though their definition stands.
    pub(crate) unseen: BTreeSet<u8>,
    /// How the aggregated API keeps its objects: in an etcd of its own, with versions that are no numbers.
    own_storage: bool,
    opaque: bool,
}

impl Cluster {
    pub(crate) fn new(seed: u64, start_ms: i64, rules: Arc<Rules>) -> Self {
        let clock = Clock::simulated(seed, start_ms);
        let server = Server::in_memory(ServerOptions {
            seed: 1,
            objects: 0,
            built_in: Some(BUILT_IN.into_iter().map(KindKey::from).collect()),
            epoch: Some(start_ms / 1_000 - 86_400),
            clock: clock.clone(),
            ..ServerOptions::default()
        });
        let server = Arc::new(server.expect("a simulated server"));
        let user = server.users()[0].name.clone();
        let mut own = Self {
            server,
            clock,
            wire: Arc::new(Mutex::new(Wire::Open)),
            rights: Rights::default(),
            rules,
            known: BTreeMap::new(),
            uids: 0,
            user,
            kinds: BTreeMap::new(),
            refused: Vec::new(),
            unseen: BTreeSet::new(),
            own_storage: seed % 3 == 1,
            opaque: seed % 5 == 2,
        };
        own.apply(&Step::AddKind { kind: WIDGETS });
        own.apply(&Step::AddKind { kind: REPORTS });
        // What a world begins with can't be undone.
        own.server.compact();
        own
    }

    /// How it is reached, by its own kubeconfig.
    pub(crate) fn access(&self) -> Access {
        let dir = tempfile::tempdir().expect("temp dir");
        let kubeconfig = dir.path().join("kubeconfig");
        fs_err::write(&kubeconfig, self.server.kubeconfig()).expect("kubeconfig");
        let access = Access::load(&AccessOptions {
            kubeconfig: Some(kubeconfig),
            environment: Environment::fixed::<String, String>([]),
            ..AccessOptions::default()
        });
        let mut access = access.expect("a kubeconfig that works");
        // There is no TLS in memory; reading the machine's certificates for nothing takes its time.
        access.config.accept_invalid_certs = true;
        access
    }

    /// Connections to it, as the network allows.
    pub(crate) fn dialer(&self) -> Dialer {
        let (server, wire) = (Arc::clone(&self.server), Arc::clone(&self.wire));
        Dialer::new(move || {
            let (server, wire) = (Arc::clone(&server), *wire.lock().expect("a network"));
            Box::pin(async move {
                let http2 = match wire {
                    Wire::Open => true,
                    Wire::Http1 => false,
                    Wire::Refused => return Err(std::io::ErrorKind::ConnectionRefused.into()),
                    Wire::Hanging => std::future::pending().await,
                };
                Ok(kubesift::cluster::client::Dialed { stream: server.connect(http2), http2 })
            })
        })
    }

    /// Does what a step does to the cluster or to the network. Steps that mean nothing now do nothing.
    pub(crate) fn apply(&mut self, step: &Step) {
        match *step {
            Step::Put { kind, namespace, name, label } => self.put(kind, namespace, name, label),
            Step::Delete { kind, namespace, name } => self.delete(kind, namespace, name),
            Step::Recreate { kind, namespace, name } => {
                self.delete(kind, namespace, name);
                self.put(kind, namespace, name, 0);
            }
            Step::DropNamespace { namespace } => self.drop_namespace(NAMESPACES[usize::from(namespace)]),
            Step::AddKind { kind } => self.add_kind(kind),
            Step::DropKind { kind } => {
                let name = KINDS[usize::from(kind)];
                _ = self.server.remove_crd(name) || self.server.remove_aggregated(name);
            }
            Step::Prefer { second } => {
                let versions = if second { ["v1beta1", "v1"] } else { ["v1", "v1beta1"] };
                // Does nothing where the kind is not there.
                _ = self.server.set_versions(KINDS[usize::from(WIDGETS)], &versions);
            }
            Step::Broken { broken } => self.server.set_broken("metrics.example.net", broken),
            // These do nothing where the kind is not there.
            Step::Hide { kind, hidden } => {
                _ = self.server.set_served(KINDS[usize::from(kind)], !hidden);
                self.set_unseen(kind, hidden);
            }
            Step::Watchable { kind, watchable } => {
                let verbs: &[&str] = if watchable { &["get", "list", "watch"] } else { &["get", "list"] };
                _ = self.server.set_verbs(KINDS[usize::from(kind)], verbs);
            }
            Step::Convert { fails } => {
                let why = "conversion webhook for example.org/v1, Kind=Widget failed: connection refused";
                _ = self.server.set_conversion(KINDS[usize::from(WIDGETS)], fails.then_some(why));
            }
            Step::Listed { kind, listing } => {
                self.set_unseen(kind, listing == Shown::Missing);
                let listing = match listing {
                    Shown::Current => Listing::Current,
                    Shown::Stale => Listing::Stale,
                    Shown::Missing => Listing::Missing,
                };
                self.server.set_listing(KindKey::from(KINDS[usize::from(kind)]).group(), listing);
            }
            Step::Servers { count } => self.server.set_servers(usize::from(count)),
            Step::Freeze { server: Some(server) } => self.server.freeze(usize::from(server)),
            Step::Freeze { server: None } => self.thaw(),
            Step::Forbid { .. }
            | Step::Allow { .. }
            | Step::Incomplete { .. }
            | Step::OnlyNamespaces { .. } => self.change_rights(step),
            Step::Fault { which, how, times } => self.fault(which, how, times),
            Step::Heal => {
                self.server.clear_faults();
                self.refused.clear();
            }
            Step::Touch { kind } => {
                let (definitions, name) = match kind {
                    WIDGETS => (BASE[1], KINDS[usize::from(kind)]),
                    _ => (BASE[2], "v1.metrics.example.net"),
                };
                // Does nothing where the kind is not there.
                _ = self.server.touch(definitions, "", name);
            }
            Step::Network(wire) => {
                *self.wire.lock().expect("a network") = wire;
                if wire != Wire::Open {
                    self.server.drop_connections();
                }
            }
            Step::Cut => self.server.drop_connections(),
            Step::Mute { muted } => self.server.set_silent(muted),
            Step::Compact => self.server.compact(),
            Step::Restore { writes } => {
                let back = self.server.revision().saturating_sub(u64::from(writes));
                // What history no longer has can't be restored.
                _ = self.server.set_revision_back(back);
                self.server.drop_connections();
            }
            Step::Jump { .. }
            | Step::Kill { .. }
            | Step::Stop
            | Step::Start(_)
            | Step::Once
            | Step::Confirm { .. }
            | Step::Beside
            | Step::Store { .. }
            | Step::StoreHeals
            | Step::Wipe
            | Step::Steal { .. }
            | Step::Twist { .. }
            | Step::Plant
            | Step::Rival { .. }
            | Step::Pass { .. }
            | Step::Quiet => {}
        }
    }

    /// Nothing fails any more.
    pub(crate) fn heal(&mut self) {
        self.apply(&Step::Heal);
        self.server.set_broken("metrics.example.net", false);
        for kind in [WIDGETS, REPORTS] {
            self.apply(&Step::Hide { kind, hidden: false });
            self.apply(&Step::Listed { kind, listing: Shown::Current });
        }
        for kind in 0..u8::try_from(KINDS.len()).expect("few kinds") {
            self.apply(&Step::Watchable { kind, watchable: true });
        }
        self.apply(&Step::Convert { fails: false });
        self.thaw();
        self.server.set_silent(false);
        *self.wire.lock().expect("a network") = Wire::Open;
    }

    /// Every object there is, as documents.
    pub(crate) fn things(&mut self) -> Things {
        let mut things = Things::new();
        for kind in self.server.kinds() {
            self.kinds.insert(kind.key(), kind);
        }
        let kinds: Vec<Kind> = self.kinds.values().cloned().collect();
        for kind in kinds {
            for object in self.server.objects(kind.key().as_str()) {
                let (key, thing) = self.thing(&kind, object);
                things.insert(key, thing);
            }
        }
        things
    }

    /// The objects of the custom kind as documents of the version that is not preferred: discovery is read every five
    /// minutes, and until then they are read as before.
    pub(crate) fn things_otherwise(&mut self) -> Things {
        let Some(kind) = self.kinds.get(&KindKey::from(KINDS[usize::from(WIDGETS)])).cloned() else {
            return Things::new();
        };
        let objects = self.server.objects(kind.key().as_str());
        let version = if kind.version == "v1" { "v1beta1" } else { "v1" };
        let other = Kind { version: version.to_owned(), ..kind };
        objects.into_iter().map(|object| self.thing(&other, object)).collect()
    }

    fn set_unseen(&mut self, kind: u8, unseen: bool) {
        if unseen {
            self.unseen.insert(kind);
        } else {
            self.unseen.remove(&kind);
        }
    }

    fn thaw(&self) {
        (0..2).for_each(|server| self.server.thaw(server));
    }

    fn thing(&mut self, kind: &Kind, object: Object) -> (Key, Arc<Thing>) {
        let at = (kind.key(), kind.version.clone(), object.uid.clone(), object.resource_version.clone());
        let known = self.known.entry(at).or_insert_with(|| {
            let document = document(kind, &object, &self.rules);
            let thing = Thing {
                id: document.id.clone(),
                kind: kind.key(),
                namespace: object.namespace.clone(),
                content: fingerprint(&document, &self.rules).content,
                form: form(&document).text().to_owned(),
                text: document.text,
            };
            (Key::of(&thing.id, &object.uid), Arc::new(thing))
        });
        known.clone()
    }

    fn uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012}", self.uids)
    }

    fn put(&mut self, kind: u8, namespace: u8, name: u8, label: u8) {
        let key = KINDS[usize::from(kind)];
        let namespace = if kind == NODES { "" } else { NAMESPACES[usize::from(namespace)] };
        let name = format!("{}-{}", ["red", "green", "blue", "grey"][usize::from(name)], name);
        if !namespace.is_empty() && self.server.object("namespaces", "", namespace).is_none() {
            let uid = self.uid();
            let namespace = Object { name: namespace.to_owned(), uid, ..Object::default() };
            self.server.apply("namespaces", namespace).expect("namespaces are served");
        }
        let label = ("tier".to_owned(), format!("tier-{label}"));
        let changed = self.server.modify(key, namespace, &name, |object| {
            object.labels.insert(label.0.clone(), label.1.clone());
        });
        if matches!(changed, Ok(None)) {
            let uid = self.uid();
            let labels = [label].into();
            let object = Object { name, namespace: namespace.to_owned(), uid, labels, ..Object::default() };
            // A kind that is not served just now gets none.
            _ = self.server.apply(key, object);
        }
    }

    fn delete(&mut self, kind: u8, namespace: u8, name: u8) {
        let namespace = if kind == NODES { "" } else { NAMESPACES[usize::from(namespace)] };
        let name = format!("{}-{}", ["red", "green", "blue", "grey"][usize::from(name)], name);
        self.server.delete(KINDS[usize::from(kind)], namespace, &name);
    }

    fn drop_namespace(&mut self, namespace: &str) {
        for kind in KINDS {
            for object in self.server.objects(kind) {
                if object.namespace == namespace {
                    self.server.delete(kind, namespace, &object.name);
                }
            }
        }
        self.server.delete("namespaces", "", namespace);
    }

    fn add_kind(&mut self, kind: u8) {
        let name = KINDS[usize::from(kind)];
        if self.server.kinds().iter().any(|served| served.key().as_str() == name) {
            return;
        }
        match kind {
            WIDGETS => {
                let crd = Crd::new("example.org", "v1", "Widget", "widgets");
                let versions = vec!["v1".to_owned(), "v1beta1".to_owned()];
                self.server.add_crd(&Crd { versions, ..crd }).expect("a custom kind");
            }
            REPORTS => {
                let kind = Kind {
                    group: "metrics.example.net".to_owned(),
                    version: "v1".to_owned(),
                    kind: "Report".to_owned(),
                    plural: "reports".to_owned(),
                    singular: "report".to_owned(),
                    short_names: Vec::new(),
                    categories: Vec::new(),
                    namespaced: true,
                    watchable: true,
                };
                let own = kind.key();
                self.server.add_aggregated(kind, Formats::All, self.opaque).expect("an aggregated kind");
                if self.own_storage {
                    self.server.set_own_storage(own.as_str(), 7).expect("it is served");
                }
            }
            _ => {}
        }
    }
}
