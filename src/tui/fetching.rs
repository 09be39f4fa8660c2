//! What is fetched of single objects: one page for the details, and the status of what shows. Tasks of their own, so
//! that a slow server holds up no key; aborting one cancels its request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::msg::{Event, LogNews, Page, Wanted};
use super::state::StatusRequest;
use crate::cluster::fetch::{Fate, FetchError, Fetcher, LogOptions, ObjectRef, Sight, Standing};

/// How long a status may take: one that comes later says little, and four slow ones would keep all others waiting.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);

/// Said where no client could be made.
const NO_WAY: &str = "there is no way to reach the cluster";

/// Lines of the past that are asked for.
const LOG_TAIL: usize = 2_000;

/// What is under way.
pub(super) struct Fetching {
    events: mpsc::Sender<Event>,
    page: Option<JoinHandle<()>>,
    /// What the page's task sees, and the number of its request.
    seen: Option<(u64, Arc<Slot>)>,
    statuses: HashMap<u64, JoinHandle<()>>,
}

/// The newest sight of an object that has not been taken yet: whoever looks away for a while misses what lay between,
/// and nothing piles up.
#[derive(Default)]
struct Slot {
    newest: Mutex<Option<Sight<Page>>>,
    put: Notify,
}

impl Slot {
    fn put(&self, sight: Sight<Page>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = newest.take().and_then(|before| before.what);
        *newest = Some(Sight { what: sight.what.or(before), ..sight });
        self.put.notify_one();
    }

    async fn next(&self) -> Sight<Page> {
        loop {
            let put = self.put.notified();
            if let Some(sight) = self.newest.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return sight;
            }
            put.await;
        }
    }
}

impl Fetching {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, page: None, seen: None, statuses: HashMap::new() }
    }

    /// Fetches a page and keeps it current; what was fetched before is cancelled.
    pub(super) fn page(&mut self, fetcher: Option<Fetcher>, ticket: u64, object: ObjectRef, wanted: Wanted) {
        self.cancel_page();
        let slot = Arc::new(Slot::default());
        self.seen = Some((ticket, slot.clone()));
        let Some(fetcher) = fetcher else {
            let why = NO_WAY.to_owned();
            let standing = Standing::Still { why: why.clone(), again: false };
            return slot.put(Sight { what: Some(Err(why)), standing, requests: 0 });
        };
        self.page = Some(tokio::spawn(async move {
            match wanted {
                Wanted::Manifest { reveal } => {
                    fetcher.follow(&object, reveal, |sight| slot.put(sight.map(Page::Manifest))).await;
                }
                Wanted::Events => {
                    fetcher.follow_events(&object, |sight| slot.put(sight.map(Page::Events))).await;
                }
            }
        }));
    }

    /// The next thing that is seen of the page; waits for ever where none is fetched. Safe to cancel.
    pub(super) async fn seen(&self) -> Event {
        match &self.seen {
            Some((ticket, slot)) => Event::Seen { ticket: *ticket, sight: slot.next().await },
            None => std::future::pending().await,
        }
    }

    /// Follows a log; what was fetched before is cancelled.
    pub(super) fn logs(
        &mut self,
        fetcher: Option<Fetcher>,
        ticket: u64,
        pod: ObjectRef,
        container: String,
        previous: bool,
    ) {
        self.cancel_page();
        let events = self.events.clone();
        self.page = Some(tokio::spawn(async move {
            let how = match fetcher {
                Some(fetcher) => {
                    let options = LogOptions { container, previous, tail: LOG_TAIL };
                    follow(&fetcher, &pod, options, ticket, &events).await.map_err(|error| chain(&error))
                }
                None => Err(NO_WAY.to_owned()),
            };
            _ = events.send(Event::Log { ticket, news: LogNews::Ended(how) }).await;
        }));
    }

    /// The page is wanted no longer.
    pub(super) fn cancel_page(&mut self) {
        self.seen = None;
        if let Some(task) = self.page.take() {
            task.abort();
        }
    }

    /// Asks for the status of objects.
    pub(super) fn status(&mut self, fetcher: Option<Fetcher>, request: StatusRequest) {
        self.statuses.retain(|_, task| !task.is_finished());
        let events = self.events.clone();
        let StatusRequest { ticket, object, all } = request;
        let task = tokio::spawn(async move {
            let said = match fetcher {
                Some(fetcher) => {
                    let asked = tokio::time::timeout(STATUS_PATIENCE, fetcher.statuses(&object, all)).await;
                    match asked {
                        Ok(said) => said.map_err(|error| chain(&error)),
                        Err(_) => Err("no answer in time".to_owned()),
                    }
                }
                None => Err(NO_WAY.to_owned()),
            };
            if let Err(why) = &said {
                tracing::debug!(kind = object.plural, name = object.name, %why, "no status");
            }
            _ = events.send(Event::Status { ticket, said }).await;
        });
        self.statuses.insert(ticket, task);
    }

    /// The status request with this number is wanted no longer.
    pub(super) fn cancel_status(&mut self, ticket: u64) {
        if let Some(task) = self.statuses.remove(&ticket) {
            task.abort();
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.cancel_page();
        self.statuses.drain().for_each(|(_, task)| task.abort());
    }
}

// A screen that can't keep up makes the log wait: the channel is bounded, and so is what the server sends unread.
async fn follow(
    fetcher: &Fetcher,
    pod: &ObjectRef,
    mut options: LogOptions,
    ticket: u64,
    events: &mpsc::Sender<Event>,
) -> Result<Fate, FetchError> {
    let say = async |news| _ = events.send(Event::Log { ticket, news }).await;
    if options.container.is_empty() {
        let containers = fetcher.containers(pod).await?;
        options.container = containers.first().cloned().unwrap_or_default();
        say(LogNews::Containers(containers)).await;
    }
    let mut stream = fetcher.logs(pod, &options).await?;
    while let Some(lines) = stream.lines().await? {
        say(LogNews::Lines(lines)).await;
    }
    if options.previous {
        return Ok(Fate::There);
    }
    // It ended; whether it is known why takes no time from that.
    say(LogNews::Ended(Ok(Fate::There))).await;
    Ok(fetcher.fate(pod).await.unwrap_or(Fate::There))
}

// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
