//! What every connection of a simulated server shares.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::faults::Faults;
use super::gate::Gate;
use super::log::Log;
use super::store::State;
use super::{ServerOptions, Tls, User};

/// State, faults, log and switches; locks are held for a moment and never over an await.
pub(super) struct Shared {
    pub(super) options: ServerOptions,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    log: Mutex<Log>,
    pub(super) gate: Gate,
    /// Counts up when every connection has to go.
    pub(super) dropped: watch::Sender<u64>,
    /// The revision of the last write: wakes watches.
    pub(super) changed: watch::Sender<u64>,
    pub(super) clock_skew: AtomicI64,
    pub(super) open: AtomicUsize,
    pub(super) accepted: AtomicU64,
}

impl Shared {
    pub(super) fn new(options: ServerOptions, state: State) -> Self {
        let revision = state.revision();
        Self {
            options,
            state: Mutex::new(state),
            faults: Mutex::default(),
            log: Mutex::default(),
            gate: Gate::default(),
            dropped: watch::Sender::new(0),
            changed: watch::Sender::new(revision),
            clock_skew: AtomicI64::new(0),
            open: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the cluster and wakes every watch.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let revision = state.revision();
        drop(state);
        self.changed.send_replace(revision);
        result
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since 1970 by the server's clock.
    pub(super) fn now(&self) -> i64 {
        self.options.clock.wall_s() + self.clock_skew.load(Ordering::Relaxed)
    }

    /// Who an `Authorization` header belongs to.
    pub(super) fn user(&self, authorization: &str) -> Option<&User> {
        let users = &self.options.users;
        if authorization.is_empty() {
            return match &self.options.anonymous {
                Some(name) => users.iter().find(|user| user.name == *name),
                None if self.options.tls == Tls::Off => users.first(),
                None => None,
            };
        }
        let token = authorization.strip_prefix("Bearer ")?.trim();
        users.iter().find(|user| user.token == token)
    }

    /// Waits until something is so, at most for the time that the options give; false when it is not so then.
    pub(super) async fn wait_until(&self, is_so: impl Fn(&State) -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                let is_so = is_so(&self.state());
                if is_so || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(self.options.fresh_wait, wait).await.is_ok()
    }
}
