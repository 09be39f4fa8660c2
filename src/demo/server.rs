//! The handle of a simulated server: what a test or the `demo` command does to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::DuplexStream;
use tokio::task::AbortHandle;

use super::catalog::{Catalog, Origin, Served};
use super::faults::Fault;
use super::log::{Request, Tally};
use super::net::{self, Protection};
use super::rights::Rights;
use super::shared::Shared;
use super::store::{State, Stored, path};
use super::{DemoError, Formats, ServerOptions, Tls, User, churn, custom, kinds, kubeconfig, seed};
use crate::object::{Kind, KindKey, Object};

/// A running simulated API server. Dropping it closes every connection.
pub struct Server {
    pub(super) shared: Arc<Shared>,
    addr: SocketAddr,
    protection: Option<Protection>,
    running: std::sync::Mutex<Option<AbortHandle>>,
}

impl Server {
    /// Fills a cluster from its seed and listens.
    pub async fn start(options: ServerOptions) -> Result<Self, DemoError> {
        let protection = Protection::new(&options.tls, options.http1_only, options.addr.ip())?;
        let listener = net::bind(options.addr).await?;
        let addr =
            listener.local_addr().map_err(|source| DemoError::Listen { addr: options.addr, source })?;
        let own = Self::fill(options, addr, protection)?;
        own.run(listener);
        Ok(own)
    }

    /// Fills a cluster from its seed and listens nowhere: connections are made by [`Server::connect`]. Its kubeconfig
    /// speaks of `https`, so that a client sends its credentials; whoever dials leaves TLS out.
    pub fn in_memory(options: ServerOptions) -> Result<Self, DemoError> {
        let addr = options.addr;
        Self::fill(options, addr, None)
    }

    /// A connection in memory to a server that listens nowhere, served by a task of the present runtime until either
    /// side closes it.
    pub fn connect(&self, http2: bool) -> DuplexStream {
        net::connect(&self.shared, http2)
    }

    fn fill(
        mut options: ServerOptions,
        addr: SocketAddr,
        protection: Option<Protection>,
    ) -> Result<Self, DemoError> {
        if options.users.is_empty() {
            options.users.push(User {
                name: "demo".to_owned(),
                token: format!("demo-{:016x}", seed::Random::new(options.seed ^ 0x70ac).next()),
                groups: Vec::new(),
            });
        }
        let mut state = State::new(Catalog::new(kinds::built_in(options.profile)), options.history);
        let epoch = options.epoch.unwrap_or_else(|| options.clock.wall_s() / 86_400 * 86_400);
        seed::fill(&mut state, options.seed, options.objects, epoch)?;
        state.compact();
        Ok(Self {
            shared: Arc::new(Shared::new(options, state)),
            addr,
            protection,
            running: std::sync::Mutex::default(),
        })
    }

    fn run(&self, listener: tokio::net::TcpListener) {
        let tls = self.protection.as_ref().map(|protection| protection.acceptor.clone());
        let task = tokio::spawn(net::accept(listener, Arc::clone(&self.shared), tls));
        self.replace(Some(task.abort_handle()));
    }

    fn replace(&self, task: Option<AbortHandle>) {
        let mut running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *running, task) {
            old.abort();
        }
    }

    /// Stops listening and closes every connection; the cluster's state stays.
    pub fn stop(&self) {
        self.replace(None);
    }

    /// Listens again on the same port after [`Server::stop`].
    pub async fn restart(&self) -> Result<(), DemoError> {
        self.stop();
        // The old listener is closed by the runtime, a moment after its task was aborted.
        let mut tries = 0;
        let listener = loop {
            match net::bind(self.addr).await {
                Ok(listener) => break listener,
                Err(error) if tries == 100 => return Err(error),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
            tries += 1;
        };
        self.run(listener);
        Ok(())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `https://127.0.0.1:PORT`, or `http` without TLS.
    pub fn url(&self) -> String {
        let scheme = if self.shared.options.tls == Tls::Off { "http" } else { "https" };
        let mut addr = self.addr;
        // Whoever listens everywhere is reached on this machine.
        match addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        format!("{scheme}://{addr}")
    }

    /// The certificate that clients have to trust, in PEM; `None` without TLS.
    pub fn authority_pem(&self) -> Option<&str> {
        self.protection.as_ref().map(|protection| protection.authority_pem.as_str())
    }

    /// The users, the first one first.
    pub fn users(&self) -> &[User] {
        &self.shared.options.users
    }

    /// A kubeconfig for the first user, with the context `demo`.
    pub fn kubeconfig(&self) -> String {
        self.users().first().map(|user| self.kubeconfig_for(user)).unwrap_or_default()
    }

    /// A kubeconfig for one user.
    pub fn kubeconfig_for(&self, user: &User) -> String {
        kubeconfig::kubeconfig(&self.url(), self.authority_pem(), user)
    }

    // --- objects

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.shared.state().revision()
    }

    /// How many objects there are, of all kinds.
    pub fn count(&self) -> usize {
        self.shared.state().count()
    }

    /// A kind's objects (`plural.group`) in the order of lists.
    pub fn objects(&self, kind: &str) -> Vec<Object> {
        let (kind, state) = (KindKey::from(kind), self.shared.state());
        let Some(served) = state.catalog.get(&kind) else { return Vec::new() };
        state.objects(&kind).map(|stored| with_version(served, stored)).collect()
    }

    /// One object; `namespace` is empty for cluster-scoped kinds.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Object> {
        let (kind, state) = (KindKey::from(kind), self.shared.state());
        let served = state.catalog.get(&kind)?;
        state.get(&kind, &path(namespace, name)).map(|stored| with_version(served, stored))
    }

    /// Creates or replaces an object. An empty uid and a missing creation time are kept from the object before, or
    /// made. Returns the revision of the write.
    pub fn apply(&self, kind: &str, mut object: Object) -> Result<u64, DemoError> {
        let kind = KindKey::from(kind);
        let now = self.shared.now();
        self.shared.update(|state| {
            let before = state.get(&kind, &path(&object.namespace, &object.name)).cloned();
            if object.uid.is_empty() {
                let fresh = || seed::Random::new(state.revision() ^ 0x0bec7).uid();
                object.uid = before.as_ref().map_or_else(fresh, |before| before.object.uid.clone());
            }
            let created = before.and_then(|before| before.object.created);
            object.created = object.created.or(created).or(Some(now));
            state.apply(&kind, object)
        })
    }

    /// Changes an object in place; does nothing where there is none.
    pub fn modify(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Object),
    ) -> Result<Option<u64>, DemoError> {
        let kind = KindKey::from(kind);
        self.shared.update(|state| {
            let Some(stored) = state.get(&kind, &path(namespace, name)) else { return Ok(None) };
            let mut object = stored.object.clone();
            change(&mut object);
            state.apply(&kind, object).map(Some)
        })
    }

    /// Writes an object as it is, as an update of its status does: only its resourceVersion changes.
    pub fn touch(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<u64>, DemoError> {
        self.modify(kind, namespace, name, |_| {})
    }

    /// Deletes an object; `None` when there is none, else the revision of the delete.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> Option<u64> {
        self.shared.update(|state| state.delete(&KindKey::from(kind), &path(namespace, name)))
    }

    /// Makes `changes` believable changes all over the cluster: status updates mostly, some rollouts and relabelling.
    pub fn stir(&self, changes: usize) -> Result<(), DemoError> {
        let now = self.shared.now();
        self.shared.update(|state| churn::stir(state, changes, now))
    }

    /// Makes a namespace, without anything in it.
    pub fn add_namespace(&self, name: &str) -> Result<u64, DemoError> {
        self.apply("namespaces", Object { name: name.to_owned(), ..Object::default() })
    }

    /// Deletes a namespace as its controller does: first everything in it, then itself. False when there is none.
    pub fn remove_namespace(&self, name: &str) -> bool {
        let kind = KindKey::from("namespaces");
        self.shared.update(|state| {
            if state.get(&kind, name).is_none() {
                return false;
            }
            for (kind, path) in state.objects_in(name) {
                state.delete(&kind, &path);
            }
            state.delete(&kind, name).is_some()
        })
    }

    // --- kinds

    /// Every kind that can be listed, in its preferred version.
    pub fn kinds(&self) -> Vec<Kind> {
        let state = self.shared.state();
        let listable = state.catalog.all().filter(|served| served.has("list"));
        listable.map(|served| served.kind.clone()).collect()
    }

    /// Adds a custom resource: its CustomResourceDefinition, its APIService and the kind itself.
    pub fn add_crd(&self, crd: &custom::Crd) -> Result<(), DemoError> {
        let now = self.shared.now();
        self.shared.update(|state| custom::add(state, crd, now))
    }

    /// Removes a custom resource by its name (`plural.group`), with all its objects. False when there is none.
    pub fn remove_crd(&self, name: &str) -> bool {
        self.shared.update(|state| custom::remove(state, name))
    }

    /// Adds a kind of an API server behind an APIService.
    pub fn add_aggregated(
        &self,
        kind: Kind,
        formats: Formats,
        opaque_versions: bool,
    ) -> Result<(), DemoError> {
        let now = self.shared.now();
        self.shared.update(|state| {
            let versions = vec![kind.version.clone()];
            custom::add_api_service(state, &kind.group, &kind.version, "False", now)?;
            let served = Served::new(kind, versions, Origin::Aggregated);
            state.catalog.add(Served { formats, opaque_versions, ..served });
            Ok(())
        })
    }

    /// Prefers a version for every kind of a group that has it.
    pub fn set_preferred_version(&self, group: &str, version: &str) {
        self.shared.update(|state| state.catalog.prefer(group, version));
    }

    /// Serves a kind in these versions, the preferred one first; its objects stay. False when there is no such kind.
    pub fn set_versions(&self, kind: &str, versions: &[&str]) -> bool {
        self.shared.update(|state| {
            let served = state.catalog.get_mut(&KindKey::from(kind));
            let Some((served, first)) = served.zip(versions.first()) else { return false };
            served.versions = versions.iter().map(|&version| version.to_owned()).collect();
            served.kind.version = (*first).to_owned();
            true
        })
    }

    /// Breaks or mends a group's API server: its requests answer 503, and discovery shows the group empty and stale.
    pub fn set_broken(&self, group: &str, broken: bool) {
        self.shared.update(|state| state.catalog.set_broken(group, broken));
    }

    /// Limits the encodings that a kind knows. False when there is no such kind.
    pub fn set_formats(&self, kind: &str, formats: Formats) -> bool {
        self.shared.update(|state| {
            state.catalog.get_mut(&KindKey::from(kind)).map(|served| served.formats = formats).is_some()
        })
    }

    /// Gives a user other rights. Open watches go on, as on the real server.
    pub fn set_rights(&self, user: &str, rights: Rights) {
        self.shared.update(|state| state.rights.insert(user.to_owned(), rights));
    }

    // --- trouble

    /// Forgets the past: watches and pages from before now are expired (410).
    pub fn compact(&self) {
        self.shared.update(State::compact);
    }

    /// Goes back to an earlier revision, as an etcd that was restored from a snapshot; what came after never happened.
    /// Open watches stay open and hear nothing until the revision passes theirs again, so drop the connections too for
    /// what a restarted API server does.
    pub fn set_revision_back(&self, revision: u64) -> Result<(), DemoError> {
        self.shared.update(|state| state.restore(revision)).map_err(|_| DemoError::Compacted(revision))
    }

    /// Closes every open connection, in the middle of whatever it sends.
    pub fn drop_connections(&self) {
        self.shared.dropped.send_modify(|count| *count += 1);
    }

    /// Goes silent: sockets stay open, new ones too, but no byte goes either way until it is switched off again.
    pub fn set_silent(&self, silent: bool) {
        self.shared.gate.set_closed(silent);
    }

    /// Whether it is silent.
    pub fn is_silent(&self) -> bool {
        self.shared.gate.is_closed()
    }

    /// Sets the server's clock off by so many seconds, in its `Date` header and in new objects.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.shared.clock_skew.store(seconds, Ordering::Relaxed);
    }

    /// Adds a fault; the oldest that matches a request hits it.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults().add(fault);
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Faults that are not used up yet.
    pub fn faults_left(&self) -> usize {
        self.shared.faults().len()
    }

    // --- what happened

    /// The requests so far, oldest first (the last 20,000).
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().all()
    }

    /// How many requests there were.
    pub fn request_count(&self) -> u64 {
        self.shared.log().count()
    }

    /// How many requests there were, by verb and kind, and what they cost.
    pub fn tally(&self) -> Tally {
        self.shared.log().tally()
    }

    /// Forgets the requests so far, and counts peaks from what is open now.
    pub fn clear_requests(&self) {
        self.shared.log().clear();
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn with_version(served: &Served, stored: &Stored) -> Object {
    Object { resource_version: served.version_text(stored.revision), ..stored.object.clone() }
}
