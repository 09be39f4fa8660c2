//! Watches: changes after a revision, bookmarks between them, and an end.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Call;
use super::accept::{Form, Want, negotiate};
use super::reply::{Payload, Refusal, Reply};
use super::selector::Selector;
use crate::cluster::wire::{Encoding, JSON, Status, WatchEvent, encode};
use crate::demo::faults::Action;
use crate::demo::seed;
use crate::demo::shared::Shared;
use crate::demo::store::{Change, Stored};
use crate::object::Object;

const NOT_ACCEPTABLE: &str = "406: Not Acceptable\n\nAvailable representations: application/json, \
    application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, \
    application/vnd.kubernetes.protobuf;stream=watch";

/// Changes taken from the history at once: what a watch that is not read holds.
const BATCH: usize = 64;
/// How long a swapped event waits for its partner.
const SWAP: Duration = Duration::from_millis(50);

/// Answers a watch: the headers at once, the events as they happen.
pub(super) fn watch(shared: &Arc<Shared>, call: Call) -> Result<Reply, Refusal> {
    let form = negotiate(&call.accept, Want::Watch, call.formats());
    let form = form.ok_or_else(|| Refusal::new(406, "NotAcceptable", NOT_ACCEPTABLE))?;
    let selector = Selector::new(call.namespace.as_deref(), &call.query)?;
    let revision = match call.query.get("resourceVersion") {
        None => 0,
        Some(text) => call.served.version_number(text).ok_or_else(|| {
            Refusal::new(
                500,
                "",
                format!("resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing"),
            )
        })?,
    };
    let streamed = call.query.flag("sendInitialEvents") && call.minor >= 30;
    if streamed && call.minor < 34 {
        let message = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is \
                       forbidden for watch unless the WatchList feature gate is enabled";
        return Err(Refusal::new(422, "Invalid", message));
    }
    let content_type = match form {
        Form::Metadata(Encoding::Protobuf) => "application/vnd.kubernetes.protobuf;stream=watch",
        Form::Metadata(Encoding::Json) | Form::Full | Form::Table => JSON,
    };
    let watcher = Watcher::new(shared, call, form, selector, revision, streamed);
    let events = stream::unfold(watcher, |mut watcher| async move {
        let bytes = watcher.next().await?;
        Some((io::Result::Ok(bytes), watcher))
    });
    let mut reply = Reply::whole(content_type, Vec::new());
    reply.body = Payload::Stream(events.boxed());
    Ok(reply)
}

/// One open watch. Pulled by its connection: nothing is queued for a client that does not read.
struct Watcher {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    call: Call,
    form: Form,
    selector: Selector,
    /// Everything up to here has been put into `ready`.
    revision: u64,
    ready: VecDeque<WatchEvent>,
    /// An event that waits to be sent after its successor.
    swapped: Option<WatchEvent>,
    bookmark_at: Instant,
    ends_at: Instant,
    over: bool,
}

impl Watcher {
    fn new(
        shared: &Arc<Shared>,
        call: Call,
        form: Form,
        selector: Selector,
        revision: u64,
        streamed: bool,
    ) -> Self {
        let now = Instant::now();
        let seconds = call.query.number("timeoutSeconds").filter(|seconds| *seconds > 0);
        let ends_at = now + Duration::from_secs(seconds.unwrap_or(45 * 60).min(24 * 3600));
        // As the real server: regularly, and once shortly before the end.
        let bookmark_at = (now + shared.options.bookmark_every).min(last_bookmark(now, ends_at));
        let mut own = Self {
            shared: Arc::clone(shared),
            // Before the state is read, so that no change falls between.
            changed: shared.changed.subscribe(),
            call,
            form,
            selector,
            revision,
            ready: VecDeque::new(),
            swapped: None,
            bookmark_at,
            ends_at,
            over: false,
        };
        if own.call.action == Some(Action::Expired) {
            own.expire();
        } else if revision == 0 || streamed {
            own.begin_with_everything(streamed);
        }
        own
    }

    // The present as ADDED events: a watch from no version, from 0, or with `sendInitialEvents`.
    fn begin_with_everything(&mut self, streamed: bool) {
        let state = self.shared.state();
        let key = &self.call.key;
        let all: Vec<_> = match state.frozen(self.call.server, key) {
            Some(frozen) => {
                frozen.objects(key).into_iter().flat_map(|objects| objects.values()).cloned().collect()
            }
            None => state.objects(key).cloned().collect(),
        };
        let revision = state.cached(self.call.server, key);
        drop(state);
        let all = all.iter().filter(|stored| self.selector.matches(&stored.object));
        let all: Vec<_> = all.map(|stored| WatchEvent::Added(self.boxed(stored, stored.revision))).collect();
        self.revision = revision;
        self.ready.extend(all);
        if streamed && self.call.query.flag("allowWatchBookmarks") {
            let version = self.version(revision);
            self.ready.push_back(WatchEvent::Bookmark { version, initial_events_end: true });
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if let Some(bytes) = self.send(event) {
                    return Some(bytes);
                }
                continue;
            }
            if self.over {
                return self.swapped.take().map(|event| self.encode(&event));
            }
            if !self.collect() {
                continue;
            }
            let swap_at = Instant::now() + SWAP;
            tokio::select! {
                changed = self.changed.changed() => self.over |= changed.is_err(),
                () = tokio::time::sleep_until(self.ends_at) => self.over = true,
                () = tokio::time::sleep_until(self.bookmark_at) => self.bookmark(),
                () = tokio::time::sleep_until(swap_at), if self.swapped.is_some() => {
                    return self.swapped.take().map(|event| self.encode(&event));
                }
            }
        }
    }

    // Takes what happened since; true when there was nothing and the watch has to wait.
    fn collect(&mut self) -> bool {
        self.changed.borrow_and_update();
        let state = self.shared.state();
        let served = state.catalog.get(&self.call.key);
        let same = served.is_some_and(|served| {
            served.rank == self.call.served.rank
                && !served.hidden
                && served.has("watch")
                && served.versions.contains(&self.call.version)
        });
        if !same || state.catalog.is_broken(&self.call.served.kind.group) {
            drop(state);
            self.over = true;
            return false;
        }
        let result = state.since(self.call.server, &self.call.key, self.revision, BATCH);
        drop(state);
        let Ok((changes, reached)) = result else {
            self.expire();
            return false;
        };
        self.revision = reached;
        let events: Vec<_> = changes.iter().filter_map(|change| self.event(change)).collect();
        self.ready.extend(events);
        self.ready.is_empty() && changes.len() < BATCH
    }

    // What a change is for this watch: an object that leaves the selection is deleted, as far as it can see.
    fn event(&self, change: &Change) -> Option<WatchEvent> {
        let seen = |stored: &&Arc<Stored>| self.selector.matches(&stored.object);
        let (before, after) = (change.before.as_ref().filter(seen), change.after.as_ref().filter(seen));
        match (before, after) {
            (None, Some(after)) => Some(WatchEvent::Added(self.boxed(after, change.revision))),
            (Some(_), Some(after)) => Some(WatchEvent::Modified(self.boxed(after, change.revision))),
            (Some(before), None) => Some(WatchEvent::Deleted(self.boxed(before, change.revision))),
            (None, None) => None,
        }
    }

    fn boxed(&self, stored: &Stored, revision: u64) -> Box<Object> {
        Box::new(Object { resource_version: self.version(revision), ..stored.object.clone() })
    }

    fn version(&self, revision: u64) -> String {
        let told = match &self.call.action {
            Some(Action::RevisionBackwards(by)) => revision.saturating_sub(*by).max(1),
            _ => revision,
        };
        self.call.served.version_text(told)
    }

    fn expire(&mut self) {
        let current = self.shared.state().revision_of(&self.call.key);
        self.ready.push_back(WatchEvent::Error(Status {
            code: 410,
            reason: "Expired".to_owned(),
            message: format!("too old resource version: {} ({current})", self.revision),
            ..Status::default()
        }));
        self.over = true;
    }

    fn bookmark(&mut self) {
        let now = Instant::now();
        let last = last_bookmark(now, self.ends_at);
        let next = now + self.shared.options.bookmark_every;
        self.bookmark_at = if now < last { next.min(last) } else { next.max(self.ends_at + SWAP) };
        if self.call.query.flag("allowWatchBookmarks") {
            let version = self.version(self.revision);
            self.ready.push_back(WatchEvent::Bookmark { version, initial_events_end: false });
        }
    }

    // The bytes of an event; none when a fault holds it back.
    fn send(&mut self, event: WatchEvent) -> Option<Bytes> {
        match self.call.action {
            Some(Action::Duplicate) => {
                let bytes = self.encode(&event);
                Some([bytes.as_ref(), bytes.as_ref()].concat().into())
            }
            Some(Action::Reorder) => match self.swapped.take() {
                Some(first) => {
                    let (second, first) = (self.encode(&event), self.encode(&first));
                    Some([second.as_ref(), first.as_ref()].concat().into())
                }
                None => {
                    self.swapped = Some(event);
                    None
                }
            },
            _ => Some(self.encode(&event)),
        }
    }

    fn encode(&self, event: &WatchEvent) -> Bytes {
        let kind = &self.call.served.kind.kind;
        let bytes = match self.form {
            Form::Metadata(encoding) => encode::event(encoding, event, seed::managed_fields(kind)),
            Form::Full | Form::Table => {
                let fields = seed::managed_fields(kind);
                encode::full_event(kind, &self.call.api_version(), event, fields, seed::content(kind))
            }
        };
        bytes.into()
    }
}

// A watch with a short timeout hears of the present about a second after its start.
fn last_bookmark(now: Instant, ends_at: Instant) -> Instant {
    let before = ends_at.checked_sub(Duration::from_secs(2)).unwrap_or(ends_at);
    before.max(now + Duration::from_millis(100)).min(ends_at)
}
