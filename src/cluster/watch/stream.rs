//! One watch stream, from its first frame to its end.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::client::{RequestSpec, Response, WatchPermit};
use crate::cluster::wire::{Encoding, Gunzip, WatchDecoder, WatchEvent, WireError};
use crate::object::ResourceVersion;

use super::reader::ReaderOptions;
use super::{Answer, Event, Mode, Sink, State, Storage, Timing, Trouble};

/// [`Mode::Confirm`]: the server then sends a bookmark after about a second instead of a minute.
const CONFIRM_TIMEOUT_S: u64 = 3;
/// In this order, as for lists.
const ACCEPT: &str = "application/vnd.kubernetes.protobuf;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,\
     application/json;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// Why a stream ended, where nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server closed it at the timeout that was asked for.
    Timeout,
    /// The server, or something on the way, closed it earlier, or no byte came for too long.
    Early,
    /// The watchdog: nothing at or above the version that it was resumed from.
    Silent,
    /// An object's version lies below the one that the watch was opened at: the storage has gone back.
    Backwards,
    /// The background re-read is due.
    Reread,
    /// [`Mode::Confirm`]: current.
    Confirmed,
    /// The sink wants no more.
    Stop,
}

/// Opens a watch at `from` and sends its events; moves `version` with them.
pub(super) async fn watch<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    permit: &WatchPermit,
    version: &mut Option<ResourceVersion>,
    from: ResourceVersion,
    resumed: bool,
    next_reread: Instant,
) -> Result<Ended, Trouble> {
    let timeout = match options.mode {
        Mode::Confirm => Duration::from_secs(CONFIRM_TIMEOUT_S),
        Mode::Follow | Mode::Once => {
            let least = options.timing.watch_timeout;
            least.mul_f64(options.client.clock().chance(1.0..2.0)).max(Duration::from_secs(1))
        }
    };
    let spec = RequestSpec::new(options.path())
        .query("watch", "1")
        .query("resourceVersion", from.to_string())
        .query("allowWatchBookmarks", "true")
        .query("timeoutSeconds", timeout.as_secs().to_string())
        .accept(ACCEPT)
        .kind(options.kind.key());
    let response = options.client.watch(&spec, permit).await?;
    if options.mode == Mode::Follow && sink.send(Event::State(State::Live)).await == Answer::Stop {
        return Ok(Ended::Stop);
    }
    let opened = Instant::now();
    let mut stream = Stream {
        sink,
        version,
        timing: options.timing,
        confirm: options.mode == Mode::Confirm,
        ordered: options.storage == Storage::Core,
        from: from.number(),
        // Where nothing can be compared, any event or bookmark will do.
        confirmed: false,
        bookmarks: false,
    };
    let watchdog = resumed.then_some(opened + options.timing.watchdog);
    stream.run(response, opened + timeout, watchdog, next_reread).await
}

struct Stream<'a, S> {
    sink: &'a mut S,
    version: &'a mut Option<ResourceVersion>,
    timing: Timing,
    confirm: bool,
    /// Whether versions are etcd's, which only grow; an aggregated API may count as it likes.
    ordered: bool,
    from: Option<u64>,
    confirmed: bool,
    bookmarks: bool,
}

impl<S: Sink> Stream<'_, S> {
    async fn run(
        &mut self,
        mut response: Response,
        closes: Instant,
        watchdog: Option<Instant>,
        next_reread: Instant,
    ) -> Result<Ended, Trouble> {
        let unknown = || Trouble::format(response.content_type());
        let mut decoder = WatchDecoder::new(Encoding::of(response.content_type()).ok_or_else(unknown)?);
        let mut gunzip = if response.is_gzip() { Gunzip::new() } else { Gunzip::identity() };
        loop {
            let silence = Instant::now() + self.timing.silence;
            let patience = if self.bookmarks { silence } else { closes + self.timing.closing };
            let suspicion = watchdog.filter(|_| !self.confirmed);
            let until = [Some(patience), suspicion, Some(next_reread)].into_iter().flatten().min();
            let until = until.unwrap_or(patience);
            let Ok(chunk) = tokio::time::timeout_at(until, response.chunk()).await else {
                return Ok(match Instant::now() {
                    now if suspicion.is_some_and(|at| at <= now) => Ended::Silent,
                    now if next_reread <= now => Ended::Reread,
                    _ => Ended::Early,
                });
            };
            let Some(chunk) = chunk? else {
                decoder.finish()?;
                let at_timeout = Instant::now() + Duration::from_secs(1) >= closes;
                return Ok(if at_timeout { Ended::Timeout } else { Ended::Early });
            };
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
        if self.ordered && !bookmark && self.is_before(&version) {
            return Ok(Some(Ended::Backwards));
        }
        if self.sink.send(event).await == Answer::Stop {
            return Ok(Some(Ended::Stop));
        }
        self.advance(ResourceVersion::parse(&version));
        // An event may be the first of many; a bookmark says that all of them have come.
        Ok((self.confirm && bookmark && self.confirmed).then_some(Ended::Confirmed))
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
        let held = self.version.as_ref().and_then(ResourceVersion::number);
        let back = matches!((number, held), (Some(number), Some(held)) if number < held);
        if !back {
            *self.version = Some(version);
        }
    }
}
