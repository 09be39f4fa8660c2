//! The handle of a simulated server: what a test or the `demo` command does to it.

mod kinds_and_rights;
mod trouble;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio::task::AbortHandle;

use super::catalog::{Catalog, Served};
use super::net::{self, Protection};
use super::shared::Shared;
use super::store::{State, Stored, path};
use super::{DemoError, ServerOptions, Tls, User, churn, kinds, kubeconfig, seed};
use crate::object::{KindKey, Object};

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
        let mut built_in = kinds::built_in(options.profile);
        if let Some(only) = &options.built_in {
            built_in.retain(|served| only.contains(&served.kind.key()));
        }
        let mut state = State::new(Catalog::new(built_in), options.history);
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
                let fresh = || seed::Random::new(state.seed() ^ 0x0bec7).uid();
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
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn with_version(served: &Served, stored: &Stored) -> Object {
    Object { resource_version: served.version_text(stored.revision), ..stored.object.clone() }
}
