//! What was asked: for tests that count requests and bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// Requests remembered; older ones are only counted.
const MAX_ENTRIES: usize = 20_000;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its HTTP method.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// The `Accept` header.
    pub accept: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The user of its token; empty when there was none.
    pub user: String,
    /// The HTTP status of the answer.
    pub status: u16,
    bytes: Arc<AtomicU64>,
    body: Weak<()>,
}

/// Goes with the body of an answer: counts its bytes, and ends with it.
#[derive(Debug, Default)]
pub(super) struct Counter {
    bytes: Arc<AtomicU64>,
    body: Arc<()>,
}

impl Counter {
    /// So many bytes were sent.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Request {
    pub(super) fn new(method: &str, path: &str, accept: &str, user_agent: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            accept: accept.to_owned(),
            user_agent: user_agent.to_owned(),
            user: String::new(),
            status: 0,
            bytes: Arc::default(),
            body: Weak::new(),
        }
    }

    /// Bytes of the body sent so far (compressed, where it was).
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the answer is still being sent, or waited for.
    pub fn is_open(&self) -> bool {
        self.body.strong_count() > 0
    }

    pub(super) fn counter(&mut self) -> Counter {
        let counter = Counter { bytes: Arc::clone(&self.bytes), body: Arc::default() };
        self.body = Arc::downgrade(&counter.body);
        counter
    }

    /// Whether it opened a watch.
    pub fn is_watch(&self) -> bool {
        self.path
            .split_once('?')
            .is_some_and(|(_, query)| query.split('&').any(|p| p == "watch=1" || p == "watch=true"))
    }
}

/// The requests of a server's life.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Request>,
    forgotten: u64,
}

impl Log {
    pub(super) fn add(&mut self, request: Request) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(request);
    }

    pub(super) fn all(&self) -> Vec<Request> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn count(&self) -> u64 {
        self.forgotten + self.entries.len() as u64
    }
}
