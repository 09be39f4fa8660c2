//! Several API servers in front of one etcd. Each has a watch cache of its own, and a cache can stand still.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::storage::{Objects, Storage};
use crate::object::KindKey;

/// What a cache that stands still shows.
#[derive(Debug)]
pub(in crate::demo) struct Frozen {
    pub(in crate::demo) revision: u64,
    objects: BTreeMap<KindKey, Objects>,
}

impl Frozen {
    pub(super) fn of(storage: &Storage) -> Self {
        Self { revision: storage.revision(), objects: storage.all().clone() }
    }

    pub(in crate::demo) fn objects(&self, kind: &KindKey) -> Option<&Objects> {
        self.objects.get(kind)
    }
}

/// The API servers' caches; one that is up to date holds nothing.
#[derive(Debug)]
pub(super) struct Caches {
    servers: Vec<Option<Arc<Frozen>>>,
    next: usize,
}

impl Default for Caches {
    fn default() -> Self {
        Self { servers: vec![None], next: 0 }
    }
}

impl Caches {
    /// This many API servers, whose caches are up to date; those that are there stay as they are.
    pub(super) fn resize(&mut self, servers: usize) {
        self.servers.resize(servers.max(1), None);
    }

    /// The server that a request goes to: they take turns.
    pub(super) fn turn(&mut self) -> usize {
        self.next = (self.next + 1) % self.servers.len();
        self.next
    }

    pub(super) fn set(&mut self, server: usize, frozen: Option<Arc<Frozen>>) {
        if let Some(place) = self.servers.get_mut(server) {
            *place = frozen;
        }
    }

    pub(super) fn of(&self, server: usize) -> Option<&Arc<Frozen>> {
        self.servers.get(server)?.as_ref()
    }
}
