//! What goes wrong on request, and what was asked.

use std::sync::atomic::Ordering;

use super::Server;
use crate::demo::DemoError;
use crate::demo::faults::Fault;
use crate::demo::log::{Request, Tally};
use crate::demo::store::State;
use crate::object::KindKey;

impl Server {
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

    /// The same for a kind with an etcd of its own ([`Server::set_own_storage`]).
    pub fn set_own_revision_back(&self, kind: &str, revision: u64) -> Result<(), DemoError> {
        let key = KindKey::from(kind);
        let restored = self.shared.update(|state| state.restore_own(&key, revision));
        match restored {
            Some(restored) => restored.map_err(|_| DemoError::Compacted(revision)),
            None => Err(DemoError::UnknownKind(kind.to_owned())),
        }
    }

    /// Puts so many API servers behind the address. Requests go to each in turn, and each has a watch cache of its own,
    /// which [`Server::freeze`] stops. Those that are there already stay as they are.
    pub fn set_servers(&self, servers: usize) {
        self.shared.update(|state| state.set_servers(servers));
    }

    /// Stops the watch cache of an API server (counted from 0) where it is now. Lists at `resourceVersion=0` show this
    /// state from then on, watches hear nothing more, and lists that ask for a newer version are answered 504 `Too large
    /// resource version`; what is read from etcd is as new as ever. Kinds with an etcd of their own are not concerned.
    pub fn freeze(&self, server: usize) {
        self.shared.update(|state| state.freeze(server, true));
    }

    /// Lets the watch cache of an API server catch up.
    pub fn thaw(&self, server: usize) {
        self.shared.update(|state| state.freeze(server, false));
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
