//! One watch stream, from its first frame to its end, and the background re-read beside it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::cluster::client::{Queue, Response, WatchPermit};
use crate::cluster::wire::{Encoding, Gunzip, WatchDecoder, WatchEvent, WireError};
use crate::object::ResourceVersion;

use super::list::{Freshness, Listed, begin, slow, start, take};
use super::options::ReaderOptions;
use super::pace::Reread;
use super::{Answer, Event, Mode, Sink, State, Trouble};

/// [`Mode::Confirm`]: the server then sends a bookmark after about a second instead of a minute.
const CONFIRM_TIMEOUT_S: u64 = 3;
/// In this order, as for lists.
const ACCEPT: &str = "application/vnd.kubernetes.protobuf;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,\
     application/json;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// Why a stream ended, where nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server closed it at the timeout that was asked for.
    Timeout,
    /// The server, or something on the way, closed it earlier, or no byte came for too long.
    Early,
    /// The watchdog: nothing at or above the version that it was resumed from.
    Silent,
    /// An object's version lies below the one that the watch was opened at: the storage has gone back.
    Backwards,
    /// The background re-read was taken: go on from its version.
    Reread(Option<ResourceVersion>),
    /// The background re-read could not be swept with.
    ReadAgain,
    /// The kind may not be listed any more.
    Denied(Trouble),
    /// [`Mode::Confirm`]: current.
    Confirmed,
    /// The sink wants no more.
    Stop,
}

/// A watch that is over.
pub(super) struct Watched {
    pub(super) ended: Result<Ended, Trouble>,
    /// From the head of the answer on.
    pub(super) lasted: Duration,
    /// Whether it brought an event or a bookmark.
    pub(super) brought: bool,
}

/// Where its reader stands.
pub(super) struct Positions<'a> {
    /// Moves with the watch's events.
    pub(super) version: &'a mut Option<ResourceVersion>,
    /// The newest version that any list named.
    pub(super) newest: &'a mut u64,
}

/// One watch.
pub(super) struct Watch<'a, S> {
    options: &'a ReaderOptions,
    sink: &'a mut S,
    at: Positions<'a>,
    reread: &'a mut Reread,
    opened: Option<Instant>,
    from: Option<u64>,
    /// Where nothing can be compared, any event or bookmark will do.
    confirmed: bool,
    bookmarks: bool,
    brought: bool,
}

impl<'a, S: Sink> Watch<'a, S> {
    pub(super) fn new(
        options: &'a ReaderOptions,
        sink: &'a mut S,
        at: Positions<'a>,
        reread: &'a mut Reread,
    ) -> Self {
        let (opened, from) = (None, None);
        Self { options, sink, at, reread, opened, from, confirmed: false, bookmarks: false, brought: false }
    }

    /// Opens it at `from` and sends its events until it ends. `resumed`: after something broke, so the watchdog looks.
    pub(super) async fn run(mut self, permit: &WatchPermit, from: ResourceVersion, resumed: bool) -> Watched {
        let ended = self.follow(permit, from, resumed).await;
        let lasted = self.opened.map_or(Duration::ZERO, |at| at.elapsed());
        Watched { ended, lasted, brought: self.brought }
    }

    async fn follow(
        &mut self,
        permit: &WatchPermit,
        from: ResourceVersion,
        resumed: bool,
    ) -> Result<Ended, Trouble> {
        let (options, timing) = (self.options, self.options.timing);
        let timeout = match options.mode {
            Mode::Confirm => Duration::from_secs(CONFIRM_TIMEOUT_S),
            Mode::Follow | Mode::Once => {
                let spread = options.client.clock().chance(1.0..2.0);
                timing.watch_timeout.mul_f64(spread).max(Duration::from_secs(1))
            }
        };
        let spec = options
            .ask()
            .query("watch", "1")
            .query("resourceVersion", from.to_string())
            .query("allowWatchBookmarks", "true")
            .query("timeoutSeconds", timeout.as_secs().to_string())
            .accept(ACCEPT);
        let response = options.client.watch(&spec, permit).await?;
        if options.mode == Mode::Follow && self.sink.send(Event::State(State::Live)).await == Answer::Stop {
            return Ok(Ended::Stop);
        }
        let opened = Instant::now();
        (self.opened, self.from) = (Some(opened), from.number());
        let watchdog = resumed.then_some(opened + timing.watchdog);
        self.read(response, opened + timeout, watchdog).await
    }

    async fn read(
        &mut self,
        response: Response,
        closes: Instant,
        watchdog: Option<Instant>,
    ) -> Result<Ended, Trouble> {
        let mut reading = None;
        let ended = self.read_on(response, closes, watchdog, &mut reading).await;
        // A re-read that still waits for its answer goes with the watch that it was to begin from.
        if reading.is_some() && self.sink.send(Event::ListFailed).await == Answer::Stop {
            return Ok(Ended::Stop);
        }
        ended
    }

    async fn read_on(
        &mut self,
        mut response: Response,
        closes: Instant,
        watchdog: Option<Instant>,
        reading: &mut Option<BoxFuture<'a, Result<Response, Trouble>>>,
    ) -> Result<Ended, Trouble> {
        let unknown = || Trouble::format(response.content_type());
        let mut decoder = WatchDecoder::new(Encoding::of(response.content_type()).ok_or_else(unknown)?);
        let mut gunzip = if response.is_gzip() { Gunzip::new() } else { Gunzip::identity() };
        let mut heard = Instant::now();
        loop {
            let mut due = self.reread.due();
            if due.is_some_and(|at| at <= Instant::now()) {
                if reading.is_none() {
                    let freshness = Freshness::not_older(self.at.version.as_ref());
                    if start(self.sink, &freshness, true).await == Answer::Stop {
                        return Ok(Ended::Stop);
                    }
                    *reading = Some(Box::pin(begin_reread(self.options, freshness)));
                }
                due = None;
            }
            let timing = self.options.timing;
            let patience = if self.bookmarks { heard + timing.silence } else { closes + timing.closing };
            let suspicion = watchdog.filter(|_| !self.confirmed);
            let until = [suspicion, due].into_iter().flatten().fold(patience, Instant::min);
            let chunk = tokio::select! {
                // Where versions can't be compared nothing may happen between the question and the list.
                chunk = tokio::time::timeout_at(until, response.chunk()), if reading.is_none() || self.is_comparable() => chunk,
                begun = ready(reading) => {
                    *reading = None;
                    if let Some(ended) = self.take_reread(begun).await {
                        return Ok(ended);
                    }
                    heard = Instant::now();
                    continue;
                }
            };
            let Ok(chunk) = chunk else {
                let now = Instant::now();
                match suspicion {
                    Some(at) if at <= now => return Ok(Ended::Silent),
                    _ if patience <= now => return Ok(Ended::Early),
                    _ => continue,
                }
            };
            let Some(chunk) = chunk? else {
                decoder.finish()?;
                let at_timeout = Instant::now() + Duration::from_secs(1) >= closes;
                return Ok(if at_timeout { Ended::Timeout } else { Ended::Early });
            };
            heard = Instant::now();
            let mut events = Vec::new();
            let decoded: Result<(), WireError> =
                gunzip.push(&chunk, &mut |plain| decoder.push(plain, &mut |event| events.push(event)));
            for event in events {
                if let Some(ended) = self.take(event).await? {
                    return Ok(ended);
                }
            }
            decoded?;
        }
    }

    /// Whether the reader's version is one that can be compared with others.
    fn is_comparable(&self) -> bool {
        self.at.version.as_ref().is_some_and(|version| version.number().is_some())
    }

    /// Reads the list whose answer has begun while the watch waits, open, for its end. A re-read that fails is no reason
    /// to leave a watch that works.
    async fn take_reread(&mut self, begun: Result<Response, Trouble>) -> Option<Ended> {
        let listed = match begun {
            Ok(response) => {
                let taking = take(self.options, self.sink, response, self.at.newest);
                let taken = tokio::time::timeout(self.reread.patience(), taking).await;
                taken.unwrap_or_else(|_| Err(slow()))
            }
            Err(trouble) => Err(trouble),
        };
        let trouble = match listed {
            Ok(Listed::Accepted(version)) => {
                self.reread.done(self.options);
                // What the watch has brought until now counts as well: it goes on, unless the list has overtaken it.
                let number =
                    |version: &Option<ResourceVersion>| version.as_ref().and_then(ResourceVersion::number);
                let behind = matches!((number(&version), number(self.at.version)), (Some(new), Some(own)) if new <= own);
                return (!behind).then_some(Ended::Reread(version));
            }
            Ok(Listed::Again(_)) => {
                self.reread.failed();
                return Some(Ended::ReadAgain);
            }
            Ok(Listed::Stop) => return Some(Ended::Stop),
            Err(trouble) => trouble,
        };
        self.reread.failed();
        if self.sink.send(Event::ListFailed).await == Answer::Stop {
            return Some(Ended::Stop);
        }
        if matches!(trouble, Trouble::Forbidden(_)) {
            return Some(Ended::Denied(trouble));
        }
        tracing::debug!(kind = %self.options.kind.key(), %trouble, "a background re-read failed");
        self.options.connectivity.report_kind(&trouble);
        None
    }

    async fn take(&mut self, event: WatchEvent) -> Result<Option<Ended>, Trouble> {
        let (version, event) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                (object.resource_version.clone(), Event::Upserted(object))
            }
            WatchEvent::Deleted(object) => (object.resource_version.clone(), Event::Deleted(object)),
            WatchEvent::Bookmark { version, .. } => {
                self.bookmarks = true;
                let Some(parsed) = ResourceVersion::parse(&version) else { return Ok(None) };
                (version, Event::Bookmark(parsed))
            }
            WatchEvent::Error(status) => return Err(Trouble::of_status(status)),
            // A type that a later server may add: skipped, and the re-read mends what it meant.
            WatchEvent::Unknown(_) => return Ok(None),
        };
        let bookmark = matches!(event, Event::Bookmark(_));
        if self.options.storage.is_ordered() && !bookmark && self.is_before(&version) {
            return Ok(Some(Ended::Backwards));
        }
        self.brought = true;
        if self.sink.send(event).await == Answer::Stop {
            return Ok(Some(Ended::Stop));
        }
        self.advance(ResourceVersion::parse(&version));
        // An event may be the first of many; a bookmark says that all of them have come.
        let confirms = self.options.mode == Mode::Confirm && bookmark && self.confirmed;
        Ok(confirms.then_some(Ended::Confirmed))
    }

    fn is_before(&self, version: &str) -> bool {
        let number = ResourceVersion::parse(version).and_then(|version| version.number());
        matches!((number, self.from), (Some(number), Some(from)) if number < from)
    }

    fn advance(&mut self, version: Option<ResourceVersion>) {
        let Some(version) = version else { return };
        let number = version.number();
        self.confirmed |= match (number, self.from) {
            (Some(number), Some(from)) => number >= from,
            (None, _) | (_, None) => true,
        };
        let held = self.at.version.as_ref().and_then(ResourceVersion::number);
        let back = matches!((number, held), (Some(number), Some(held)) if number < held);
        if !back {
            *self.at.version = Some(version);
        }
    }
}

async fn begin_reread(options: &ReaderOptions, freshness: Freshness) -> Result<Response, Trouble> {
    let permit = options.client.read_permit(Queue::Fresh).await;
    begin(options, &freshness, permit).await
}

async fn ready<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
