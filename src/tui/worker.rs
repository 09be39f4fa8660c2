//! The search thread: one search runs, one waits, the newest wins. It also notices when the index changed. A search that
//! only looks again at what shows is given up when anything else is asked: a change in the cluster delays no key.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::family::family;
use super::msg::{Answer, Event, Page, Request};
use super::search::answer;
use super::state::Row;
use crate::search::{Searcher, Stop};

/// How often the index is looked at for something newer; reading one small file.
const LOOK: Duration = Duration::from_millis(100);

/// What is searched, and who opens its new commits.
#[derive(Debug, Clone)]
pub(super) enum Index {
    /// What another process writes, or nobody: looked at again before every search.
    Stored(Searcher),
    /// What this process writes. The writer opens its commits; a search must not wait for that.
    Written(Searcher),
}

impl Index {
    fn searcher(&self) -> &Searcher {
        match self {
            Self::Stored(searcher) | Self::Written(searcher) => searcher,
        }
    }

    /// The commit that is searched from now on; a failing look leaves the one that is there.
    fn version(&self) -> u64 {
        if let Self::Stored(searcher) = self
            && let Err(error) = searcher.refresh()
        {
            tracing::debug!(%error, "the index could not be looked at again");
        }
        self.searcher().version()
    }
}

/// The thread's front: hands over requests. Dropping it ends the thread after the search that runs.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// Told after every answer from an index.
    answered: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    request: Option<Request>,
    /// The search that runs, if it asks what the last answer answered.
    again: Option<(Request, Stop)>,
    /// An object whose family is wanted, and the number of that request.
    family: Option<(u64, Arc<Row>)>,
    index: Option<Index>,
    /// Counts the indexes that were handed over.
    changes: u64,
    /// Number of the connection whose index is searched.
    owner: u64,
    ends: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Starts the thread; what it has to say goes through `send`, which may block.
    pub(super) fn start(send: impl Fn(Event) + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        std::thread::Builder::new().name("search".to_owned()).spawn(move || run(&own, &send))?;
        Ok(Self { shared })
    }

    /// Asks; a request that still waits is forgotten.
    pub(super) fn ask(&self, request: Request) {
        let mut waiting = self.shared.lock();
        if let Some((running, stop)) = &waiting.again
            && !running.asks_the_same(&request)
        {
            stop.set();
        }
        waiting.request = Some(request);
        drop(waiting);
        self.shared.wake.notify_one();
    }

    /// Asks for the family of an object; one that still waits is forgotten.
    pub(super) fn ask_family(&self, ticket: u64, row: Arc<Row>) {
        self.shared.lock().family = Some((ticket, row));
        self.shared.wake.notify_one();
    }

    /// The index of this connection is searched from now on; none until it gives one, and never more that of a
    /// connection with a smaller number.
    pub(super) fn hand(&self, owner: u64) -> Hand {
        self.shared.lock().owner = owner;
        let hand = Hand { shared: self.shared.clone(), owner };
        hand.give(None);
        hand
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.wake.notify_one();
    }
}

/// Hands the thread another index. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Hand {
    shared: Arc<Shared>,
    owner: u64,
}

impl Hand {
    /// Searches this from now on; nothing with `None`.
    pub(super) fn give(&self, index: Option<Index>) {
        let mut waiting = self.shared.lock();
        if waiting.owner != self.owner {
            return;
        }
        waiting.index = index;
        waiting.changes += 1;
        drop(waiting);
        self.shared.wake.notify_one();
    }

    /// Waits for an answer that nobody waited for yet.
    pub(super) async fn answered(&self) {
        self.shared.answered.notified().await;
    }
}

fn run(shared: &Shared, send: &dyn Fn(Event)) {
    let mut present: Option<Index> = None;
    let mut seen = Seen::default();
    let mut answered: Option<Request> = None;
    loop {
        let mut waiting = shared.lock();
        if waiting.request.is_none()
            && waiting.family.is_none()
            && waiting.changes == seen.changes
            && !waiting.ends
        {
            waiting = shared.wake.wait_timeout(waiting, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.ends {
            return;
        }
        let (request, family) = (waiting.request.take(), waiting.family.take());
        if waiting.changes != seen.changes {
            seen.changes = waiting.changes;
            if !same_kinds(present.as_ref(), waiting.index.as_ref()) {
                // `kind:secret` was an error a moment ago: other kinds give other answers over the same commit.
                seen.version = None;
            }
            present = waiting.index.clone();
        }
        let stop = Stop::default();
        waiting.again = request
            .as_ref()
            .filter(|request| answered.as_ref().is_some_and(|before| before.asks_the_same(request)))
            .map(|request| (request.clone(), stop.clone()));
        drop(waiting);
        let version = present.as_ref().map(Index::version);
        let searcher = present.as_ref().map(Index::searcher);
        if let Some((ticket, row)) = family {
            send(Event::Fetched { ticket, page: relatives(searcher, &row) });
        }
        match request {
            Some(request) => {
                // What is searched now is what the answer shows; a commit in between is noticed by the next look.
                seen.version = version;
                let answer = guarded(searcher, &request, &stop);
                // Something else waits, and this answer would be dropped.
                if stop.is_set() {
                    continue;
                }
                send(Event::Answer(answer));
                answered = Some(request);
                if searcher.is_some() {
                    shared.answered.notify_one();
                }
            }
            None if seen.version != version => {
                seen.version = version;
                send(Event::IndexChanged);
            }
            None => {}
        }
    }
}

fn same_kinds(before: Option<&Index>, now: Option<&Index>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => std::ptr::eq(before.searcher().catalog(), now.searcher().catalog()),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[derive(Debug, Default)]
struct Seen {
    changes: u64,
    version: Option<u64>,
}

fn relatives(searcher: Option<&Searcher>, row: &Arc<Row>) -> Result<Page, String> {
    let searcher = searcher.ok_or_else(|| "there is no index yet".to_owned())?;
    let searched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| family(searcher, row)));
    searched.unwrap_or_else(|_| Err("the search failed; see --log-file".to_owned())).map(Page::Family)
}

// A panic in a search must not leave the app without one: it is an answer, and the log has the rest.
fn guarded(searcher: Option<&Searcher>, request: &Request, stop: &Stop) -> Answer {
    let generation = request.generation;
    let started = Instant::now();
    let searched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer(searcher, request, stop)));
    let mut answer =
        searched.unwrap_or_else(|_| Answer::failed(generation, "the search failed; see --log-file"));
    answer.took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    answer
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::tui::state::Content;

    fn request(generation: u64) -> Request {
        Request {
            generation,
            text: "web".to_owned(),
            cursor: None,
            left: None,
            namespaces: Vec::new(),
            limit: 10,
            facets: false,
            facet_key: None,
            now: 0,
            status: None,
        }
    }

    #[test]
    fn while_one_search_runs_only_the_newest_request_waits() {
        // `send` blocks as a slow search would, so that everything asked meanwhile has to wait.
        let (said, heard) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let worker = Worker::start(move |event| {
            if let Event::Answer(answer) = event {
                said.send(answer.generation).unwrap();
                gate.recv().unwrap();
            }
        })
        .unwrap();
        worker.ask(request(1));
        assert_eq!(heard.recv().unwrap(), 1);
        (2..=100).for_each(|generation| worker.ask(request(generation)));
        go.send(()).unwrap();
        assert_eq!(heard.recv().unwrap(), 100);
        go.send(()).unwrap();
        drop(worker);
        assert!(heard.recv().is_err(), "99 requests, two searches");
    }

    #[test]
    fn another_question_ends_a_search_that_only_looks_again() {
        let worker = Worker { shared: Arc::new(Shared::default()) };
        let stop = Stop::default();
        worker.shared.lock().again = Some((request(1), stop.clone()));
        worker.ask(Request { now: 5, ..request(2) });
        assert!(!stop.is_set(), "the same question");
        worker.ask(Request { text: "webs".to_owned(), ..request(3) });
        assert!(stop.is_set());
    }

    #[test]
    fn only_what_another_process_writes_is_opened_by_the_search() {
        let (searcher, mut commit) = crate::search::tests::growing();
        commit();
        let (written, stored) = (Index::Written(searcher.clone()), Index::Stored(searcher));
        let before = written.version();
        assert_eq!(written.version(), before, "the writer has not opened its commit yet");
        assert_ne!(stored.version(), before);
    }

    #[test]
    fn without_an_index_the_answer_says_so() {
        let answer = guarded(None, &request(7), &Stop::default());
        assert_eq!(answer.generation, 7);
        assert_eq!(answer.found.unwrap().content, Content::NoIndex);
    }
}
