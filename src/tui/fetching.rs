//! What is fetched of single objects: one page for the details, and the status of what shows. Tasks of their own, so
//! that a slow server holds up no key; aborting one cancels its request.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::msg::{Event, LogNews, Page, Wanted};
use super::state::StatusRequest;
use crate::cluster::fetch::{FetchError, Fetcher, LogOptions, ObjectRef};

/// How long a status may take: one that comes later says little, and four slow ones would keep all others waiting.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);

/// Lines of the past that are asked for.
const LOG_TAIL: usize = 2_000;

/// What is under way.
pub(super) struct Fetching {
    events: mpsc::Sender<Event>,
    page: Option<JoinHandle<()>>,
    statuses: HashMap<u64, JoinHandle<()>>,
}

impl Fetching {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, page: None, statuses: HashMap::new() }
    }

    /// Fetches a page; what was fetched before is cancelled.
    pub(super) fn page(&mut self, fetcher: Option<Fetcher>, ticket: u64, object: ObjectRef, wanted: Wanted) {
        self.cancel_page();
        let events = self.events.clone();
        self.page = Some(tokio::spawn(async move {
            let page = match fetcher {
                Some(fetcher) => look(&fetcher, &object, wanted).await.map_err(|error| chain(&error)),
                None => Err("there is no way to reach the cluster".to_owned()),
            };
            // Nobody listens any more when the app ends.
            _ = events.send(Event::Fetched { ticket, page }).await;
        }));
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
                None => Err("there is no way to reach the cluster".to_owned()),
            };
            _ = events.send(Event::Log { ticket, news: LogNews::Ended(how) }).await;
        }));
    }

    /// The page is wanted no longer.
    pub(super) fn cancel_page(&mut self) {
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
                None => Err("there is no way to reach the cluster".to_owned()),
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
) -> Result<(), FetchError> {
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
    Ok(())
}

async fn look(fetcher: &Fetcher, object: &ObjectRef, wanted: Wanted) -> Result<Page, FetchError> {
    match wanted {
        Wanted::Manifest { reveal } => fetcher.manifest(object, reveal).await.map(Page::Manifest),
        Wanted::Events => fetcher.events(object).await.map(Page::Events),
    }
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
