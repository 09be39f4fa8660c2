//! What was asked: for tests that count requests and bytes.

use std::collections::{BTreeMap, VecDeque};
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::faults::Verb;
use crate::object::KindKey;

/// Requests remembered; older ones are only counted.
const MAX_ENTRIES: usize = 20_000;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its HTTP method.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// What it asks for.
    pub verb: Verb,
    /// The kind (`plural.group`), where it names one.
    pub kind: Option<KindKey>,
    /// The namespace, where it names one.
    pub namespace: Option<String>,
    /// The `Accept` header.
    pub accept: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The user of its token; empty when there was none.
    pub user: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// When it came, counted from the server's start.
    pub at: Duration,
    bytes: Arc<AtomicU64>,
    body: Weak<()>,
}

impl Request {
    pub(super) fn new(method: &str, path: &str, verb: Verb, kind: Option<KindKey>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            verb,
            kind,
            namespace: None,
            accept: String::new(),
            user_agent: String::new(),
            user: String::new(),
            status: 0,
            at: Duration::ZERO,
            bytes: Arc::default(),
            body: Weak::new(),
        }
    }

    /// Bytes of the body sent so far (compressed, where it was).
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Whether the answer is still being sent, or waited for.
    pub fn is_open(&self) -> bool {
        self.body.strong_count() > 0
    }

    /// Whether it opened a watch.
    pub fn is_watch(&self) -> bool {
        self.path
            .split_once('?')
            .is_some_and(|(_, query)| query.split('&').any(|p| p == "watch=1" || p == "watch=true"))
    }
}

/// What some requests came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many there were.
    pub requests: u64,
    /// How many of them were answered with 400 or more.
    pub refused: u64,
    /// Bytes of all bodies sent so far (compressed, where they were).
    pub bytes: u64,
    /// How many are open now: their answer is waited for or being sent.
    pub open: usize,
    /// The most that were open at once.
    pub peak: usize,
}

impl Count {
    // What came after `earlier`; what is open stays as it is.
    fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            refused: self.refused.saturating_sub(earlier.refused),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            ..self
        }
    }
}

impl AddAssign for Count {
    // The peaks of several need not have come at one time: the sum is the most that it can have been.
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.refused += other.refused;
        self.bytes += other.bytes;
        self.open += other.open;
        self.peak += other.peak;
    }
}

/// Requests by verb and kind. It does not forget, however many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<(Verb, Option<KindKey>), Count>,
    verbs: BTreeMap<Verb, Count>,
    all: Count,
}

impl Tally {
    /// All requests.
    pub fn all(&self) -> Count {
        self.all
    }

    /// The requests of a verb.
    pub fn verb(&self, verb: Verb) -> Count {
        self.verbs.get(&verb).copied().unwrap_or_default()
    }

    /// The requests of a verb for a kind (`plural.group`).
    pub fn kind(&self, verb: Verb, kind: &str) -> Count {
        self.counts.get(&(verb, Some(KindKey::from(kind)))).copied().unwrap_or_default()
    }

    /// The kinds that a verb was used on, with their counts.
    pub fn kinds(&self, verb: Verb) -> impl Iterator<Item = (&KindKey, Count)> {
        self.counts.iter().filter_map(move |((own, kind), count)| {
            let kind = kind.as_ref().filter(|_| *own == verb)?;
            Some((kind, *count))
        })
    }

    /// What came after an earlier tally. Peaks are those of the server's whole life, or since
    /// [`Server::clear_requests`](super::Server::clear_requests).
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |key: &(Verb, Option<KindKey>)| earlier.counts.get(key).copied().unwrap_or_default();
        let verb = |verb: &Verb| earlier.verbs.get(verb).copied().unwrap_or_default();
        Self {
            counts: self.counts.iter().map(|(key, own)| (key.clone(), own.since(before(key)))).collect(),
            verbs: self.verbs.iter().map(|(key, own)| (*key, own.since(verb(key)))).collect(),
            all: self.all.since(earlier.all),
        }
    }
}

/// The most requests that fall into a window of this length.
pub fn busiest<'a>(requests: impl IntoIterator<Item = &'a Request>, window: Duration) -> usize {
    let mut times: Vec<_> = requests.into_iter().map(|request| request.at).collect();
    times.sort();
    let reach = |start: usize| times[start..].iter().take_while(|at| **at - times[start] < window).count();
    (0..times.len()).map(reach).max().unwrap_or(0)
}

/// One [`Count`] in the making.
#[derive(Debug, Default)]
struct Total {
    requests: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    open: AtomicUsize,
    peak: AtomicUsize,
}

impl Total {
    fn begin(&self) {
        self.requests.fetch_add(1, Relaxed);
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(open, Relaxed);
    }

    fn clear(&self) {
        [&self.requests, &self.refused, &self.bytes].into_iter().for_each(|count| count.store(0, Relaxed));
        self.peak.store(self.open.load(Relaxed), Relaxed);
    }

    fn count(&self) -> Count {
        Count {
            requests: self.requests.load(Relaxed),
            refused: self.refused.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            open: self.open.load(Relaxed),
            peak: self.peak.load(Relaxed),
        }
    }
}

/// Goes with the body of an answer: counts its bytes, and ends with it.
#[derive(Debug, Default)]
pub(super) struct Counter {
    bytes: Arc<AtomicU64>,
    totals: Vec<Arc<Total>>,
    _body: Arc<()>,
}

impl Counter {
    /// So many bytes were sent.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        for total in &self.totals {
            total.bytes.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// The request was refused.
    pub(super) fn refuse(&self) {
        self.totals.iter().for_each(|total| {
            total.refused.fetch_add(1, Relaxed);
        });
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.totals.iter().for_each(|total| {
            total.open.fetch_sub(1, Relaxed);
        });
    }
}

/// The requests of a server's life.
#[derive(Debug)]
pub(super) struct Log {
    started: Instant,
    entries: VecDeque<Request>,
    count: u64,
    counts: BTreeMap<(Verb, Option<KindKey>), Arc<Total>>,
    verbs: BTreeMap<Verb, Arc<Total>>,
    all: Arc<Total>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            entries: VecDeque::new(),
            count: 0,
            counts: BTreeMap::new(),
            verbs: BTreeMap::new(),
            all: Arc::default(),
        }
    }
}

impl Log {
    /// A request came.
    pub(super) fn begin(&mut self, request: &mut Request) -> Counter {
        request.at = self.started.elapsed();
        let totals = vec![
            Arc::clone(self.counts.entry((request.verb, request.kind.clone())).or_default()),
            Arc::clone(self.verbs.entry(request.verb).or_default()),
            Arc::clone(&self.all),
        ];
        totals.iter().for_each(|total| total.begin());
        let body = Arc::new(());
        request.body = Arc::downgrade(&body);
        Counter { bytes: Arc::clone(&request.bytes), totals, _body: body }
    }

    /// It has its answer.
    pub(super) fn add(&mut self, request: Request) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.count += 1;
        self.entries.push_back(request);
    }

    pub(super) fn all(&self) -> Vec<Request> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            counts: self.counts.iter().map(|(key, total)| (key.clone(), total.count())).collect(),
            verbs: self.verbs.iter().map(|(verb, total)| (*verb, total.count())).collect(),
            all: self.all.count(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.count = 0;
        self.counts.values().chain(self.verbs.values()).for_each(|total| total.clear());
        self.all.clear();
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(verb: Verb, kind: &str) -> Request {
        Request::new("GET", "/", verb, Some(kind.into()))
    }

    #[test]
    fn a_tally_counts_by_verb_and_kind_and_knows_what_was_open_at_once() {
        let mut log = Log::default();
        let first = log.begin(&mut request(Verb::List, "pods"));
        let second = log.begin(&mut request(Verb::List, "nodes"));
        let earlier = log.tally();
        assert_eq!((earlier.verb(Verb::List).open, earlier.kind(Verb::List, "pods").peak), (2, 1));
        first.add(10);
        second.refuse();
        drop((first, second));
        log.begin(&mut request(Verb::Watch, "pods")).add(5);
        let all = log.tally();
        assert_eq!(all.verb(Verb::List), Count { requests: 2, refused: 1, bytes: 10, open: 0, peak: 2 });
        assert_eq!(all.all(), Count { requests: 3, refused: 1, bytes: 15, open: 0, peak: 2 });
        let later = all.since(&earlier);
        assert_eq!((later.all().requests, later.all().bytes), (1, 15));
        assert_eq!(
            later.kinds(Verb::Watch).map(|(kind, own)| (kind.as_str(), own.bytes)).collect::<Vec<_>>(),
            [("pods", 5)]
        );
        log.clear();
        assert_eq!(log.tally().all(), Count::default());
    }

    #[test]
    fn the_busiest_second_is_found() {
        let at = |ms| Request { at: Duration::from_millis(ms), ..request(Verb::List, "pods") };
        let requests = [at(0), at(900), at(1_100), at(1_800), at(5_000)];
        assert_eq!(busiest(&requests, Duration::from_secs(1)), 3);
        assert_eq!(busiest([], Duration::from_secs(1)), 0);
    }
}
