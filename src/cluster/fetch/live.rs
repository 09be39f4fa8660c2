//! What is looked at, for as long as somebody looks: a list of what a selector picks, then a watch from its version.
//! Everything ends when the future is dropped.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{FetchError, LARGEST_OBJECT};
use crate::cluster::client::{Client, ClientError, RequestSpec, Response};
use crate::cluster::watch::{Backoff, describe, refusal};
use crate::cluster::wire::{Encoding, Gunzip, WholeDecoder, WholeEvent, WireError};

/// Changes are told this often at most: an object may change a hundred times a second, and nobody reads so fast.
const PACE: Duration = Duration::from_millis(250);
/// The first and the longest pause after something broke.
const PAUSES: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(30));
/// A watch that lasted so long worked.
const WORKED: Duration = Duration::from_secs(10);
/// `timeoutSeconds` of a watch, at least; at most twice that.
const WATCH_FOR: Duration = Duration::from_secs(300);
/// A watch that has sent bookmarks and then nothing for so long is dead: a server sends one a minute.
const SILENCE: Duration = Duration::from_secs(150);
/// A watch that is not closed so long after its timeout never will be.
const CLOSING: Duration = Duration::from_secs(15);

/// How current what is seen is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It was read just now; whether it stays current is not known yet.
    Read,
    /// Every change comes.
    Live,
    /// Changes do not come: why, and whether it is tried again.
    Still {
        /// Why. What a server said is in it as it came: sanitise before showing.
        why: String,
        /// It is tried again by itself.
        again: bool,
    },
    /// It is gone; nothing more comes.
    Deleted {
        /// Another object has its name now.
        replaced: bool,
    },
}

/// What became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight<T> {
    /// How it looks now, or why it can't be seen; `None` when that is as before.
    pub what: Option<Result<T, String>>,
    /// How current that is.
    pub standing: Standing,
    /// Requests that were made for it so far.
    pub requests: u64,
}

impl<T> Sight<T> {
    /// What can't be looked at for this reason.
    pub(super) fn impossible(error: &FetchError) -> Self {
        let why = describe(error);
        let standing = Standing::Still { why: why.clone(), again: false };
        Self { what: Some(Err(why)), standing, requests: 0 }
    }

    /// The same of something else.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Sight<U> {
        let Self { what, standing, requests } = self;
        Sight { what: what.map(|what| what.map(other)), standing, requests }
    }
}

/// Where to look.
pub(super) struct Place {
    /// The collection.
    pub(super) list: String,
    /// What of it.
    pub(super) selector: String,
    /// Objects that are asked for at most.
    pub(super) limit: Option<usize>,
    /// The path of the object itself, for who may not list; without one a list is all there is.
    pub(super) single: Option<String>,
}

/// What is made of lists and events.
pub(super) trait Watched: Send {
    /// How it is shown.
    type Page: Send;

    /// Takes a list.
    fn read(&mut self, list: Value) -> Result<(), FetchError>;

    /// Takes the object itself.
    fn read_single(&mut self, object: Value) -> Result<(), FetchError>;

    /// Takes an event of the watch.
    fn happened(&mut self, event: WholeEvent) -> Result<Happened, WireError>;

    /// How it looks now.
    fn page(&mut self) -> Result<Self::Page, FetchError>;
}

/// What an event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    /// Nothing that shows.
    Nothing,
    /// Something shows that did not.
    Changed,
    /// What is looked at is gone.
    Gone {
        /// Another object has its name now.
        replaced: bool,
    },
}

/// Why there is no watch any more.
enum Ended {
    /// The server closed it at the timeout that was asked for: go on from this version.
    Timeout,
    /// Something broke: read again.
    Broken(String),
    /// It will not work: what was read stays.
    Refused(String),
    /// There is nothing left to look at.
    Gone,
}

/// Looks.
pub(super) struct Follower<'a, W: Watched> {
    client: &'a Client,
    place: Place,
    watched: W,
    tell: &'a mut (dyn FnMut(Sight<W::Page>) + Send),
    requests: u64,
    /// Something was shown: from now on only its standing gets worse.
    shown: bool,
    version: String,
    backoff: Backoff,
}

impl<'a, W: Watched> Follower<'a, W> {
    pub(super) fn new(
        client: &'a Client,
        place: Place,
        watched: W,
        tell: &'a mut (dyn FnMut(Sight<W::Page>) + Send),
    ) -> Self {
        let backoff = Backoff::new(PAUSES, client.clock());
        Self { client, place, watched, tell, requests: 0, shown: false, version: String::new(), backoff }
    }

    /// Tells what is seen, until nothing more can come.
    pub(super) async fn run(mut self) {
        loop {
            let broken = match self.read().await {
                Ok(None) => match self.watch().await {
                    Ended::Refused(why) => return self.stands(Standing::Still { why, again: false }),
                    Ended::Gone => return,
                    Ended::Broken(why) => why,
                    // `watch` goes on by itself.
                    Ended::Timeout => continue,
                },
                Ok(Some(why)) => return self.stands(Standing::Still { why, again: false }),
                Err(error @ (FetchError::Replaced | FetchError::Missing)) => {
                    let what = (!self.shown).then(|| Err(describe(&error)));
                    let replaced = matches!(error, FetchError::Replaced);
                    return self.say(what, Standing::Deleted { replaced });
                }
                Err(error) => {
                    let (why, again) = (describe(&error), may_pass(&error));
                    let what = (!self.shown).then(|| Err(why.clone()));
                    self.say(what, Standing::Still { why: why.clone(), again });
                    if !again {
                        return;
                    }
                    tokio::time::sleep(self.backoff.pause()).await;
                    continue;
                }
            };
            self.stands(Standing::Still { why: broken, again: true });
            tokio::time::sleep(self.backoff.pause()).await;
        }
    }

    fn say(&mut self, what: Option<Result<W::Page, String>>, standing: Standing) {
        (self.tell)(Sight { what, standing, requests: self.requests });
    }

    fn stands(&mut self, standing: Standing) {
        self.say(None, standing);
    }

    fn show(&mut self, standing: Standing) -> Result<(), FetchError> {
        let page = self.watched.page()?;
        self.shown = true;
        self.say(Some(Ok(page)), standing);
        Ok(())
    }

    /// Reads and shows what there is; why it can't be watched, where that is known already.
    async fn read(&mut self) -> Result<Option<String>, FetchError> {
        let mut spec =
            RequestSpec::new(self.place.list.clone()).query("fieldSelector", self.place.selector.clone());
        if let Some(limit) = self.place.limit {
            spec = spec.query("limit", limit.to_string());
        }
        self.requests += 1;
        let refused = match self.client.get(&spec).await {
            Ok(response) => {
                let list: Value = response.json(LARGEST_OBJECT).await?;
                let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                self.version = version.unwrap_or_default().to_owned();
                self.watched.read(list)?;
                None
            }
            // Who may not list, or a kind that can't be listed: the object itself may be had.
            Err(error) if is_refusal(&error) => {
                let Some(single) = &self.place.single else { return Err(error.into()) };
                let spec = RequestSpec::new(single.clone());
                self.requests += 1;
                let object = self.client.get(&spec).await?.json(LARGEST_OBJECT).await?;
                self.watched.read_single(object)?;
                Some(describe(&error))
            }
            Err(error) => return Err(error.into()),
        };
        self.show(Standing::Read)?;
        Ok(refused.or_else(|| {
            self.version.is_empty().then(|| "the server gives no version to go on from".to_owned())
        }))
    }

    /// Watches from the version that was read.
    async fn watch(&mut self) -> Ended {
        let Some(permit) = self.client.acquire_watch() else {
            return Ended::Refused(describe(&ClientError::NoConnection));
        };
        loop {
            let timeout = WATCH_FOR.mul_f64(self.client.clock().chance(1.0..2.0));
            let spec = RequestSpec::new(self.place.list.clone())
                .query("watch", "1")
                .query("fieldSelector", self.place.selector.clone())
                .query("resourceVersion", self.version.clone())
                .query("allowWatchBookmarks", "true")
                .query("timeoutSeconds", timeout.as_secs().to_string());
            self.requests += 1;
            let opened = Instant::now();
            let ended = match self.client.watch(&spec, &permit).await {
                Ok(response) => self.listen(response, opened + timeout).await,
                Err(error) => Err(error.into()),
            };
            // It worked for a while: streams that end early, as some proxies end them, are no trouble then.
            if opened.elapsed() > WORKED {
                self.backoff.reset();
            }
            match ended {
                Ok(Ended::Timeout) => {}
                Ok(ended) => return ended,
                Err(error) if may_pass(&error) => return Ended::Broken(describe(&error)),
                Err(error) => return Ended::Refused(describe(&error)),
            }
        }
    }

    async fn listen(&mut self, mut response: Response, closes: Instant) -> Result<Ended, FetchError> {
        let format = Encoding::of(response.content_type());
        let gunzip = Gunzip::of(response.header("content-encoding"));
        let (Some(Encoding::Json), Some(mut gunzip)) = (format, gunzip) else {
            return Err(FetchError::Unreadable(format!("a watch as {}", response.content_type())));
        };
        self.stands(Standing::Live);
        let mut stream = Stream { decoder: WholeDecoder::default(), news: News::default(), bookmarks: false };
        // When what changed is told; `None` while nothing has.
        let mut due: Option<Instant> = None;
        let mut rests_until = Instant::now();
        loop {
            let patience = if stream.bookmarks { Instant::now() + SILENCE } else { closes + CLOSING };
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk?,
                () = until(due) => {
                    (due, rests_until) = (None, Instant::now() + PACE);
                    self.show(Standing::Live)?;
                    continue;
                }
                () = tokio::time::sleep_until(patience) => {
                    return Ok(Ended::Broken("nothing came for too long".to_owned()));
                }
            };
            let Some(chunk) = chunk else {
                let at_timeout = Instant::now() + Duration::from_secs(1) >= closes;
                let early = || Ended::Broken("the watch ended early".to_owned());
                return Ok(if at_timeout { Ended::Timeout } else { early() });
            };
            let decoded = stream.push(&mut gunzip, &chunk, &mut self.watched);
            let news = std::mem::take(&mut stream.news);
            self.version = news.version.unwrap_or(std::mem::take(&mut self.version));
            match news.gone {
                Some(replaced) if news.changed || due.is_some() => {
                    self.show(Standing::Deleted { replaced })?;
                    return Ok(Ended::Gone);
                }
                Some(replaced) => {
                    self.stands(Standing::Deleted { replaced });
                    return Ok(Ended::Gone);
                }
                None if news.changed && due.is_none() => due = Some(rests_until.max(Instant::now())),
                None => {}
            }
            if let Some(error) = news.error {
                return Err(error.into());
            }
            decoded.map_err(|error| FetchError::Unreadable(error.to_string()))?;
        }
    }
}

/// What a chunk brought.
#[derive(Default)]
struct News {
    version: Option<String>,
    changed: bool,
    gone: Option<bool>,
    error: Option<ClientError>,
}

struct Stream {
    decoder: WholeDecoder,
    news: News,
    bookmarks: bool,
}

impl Stream {
    fn push(
        &mut self,
        gunzip: &mut Gunzip,
        chunk: &[u8],
        watched: &mut impl Watched,
    ) -> Result<(), WireError> {
        let Self { decoder, news, bookmarks } = self;
        let mut failed = Ok(());
        let mut take = |event: WholeEvent| {
            if news.gone.is_some() || news.error.is_some() || failed.is_err() {
                return;
            }
            match &event {
                WholeEvent::Present(object) | WholeEvent::Deleted(object) => {
                    news.version = Some(object.version.clone());
                }
                WholeEvent::Bookmark(version) => {
                    *bookmarks = true;
                    news.version = Some(version.clone());
                }
                WholeEvent::Error(status) => news.error = Some(refusal(status.clone())),
                WholeEvent::Unknown => {}
            }
            match watched.happened(event) {
                Ok(Happened::Nothing) => {}
                Ok(Happened::Changed) => news.changed = true,
                Ok(Happened::Gone { replaced }) => news.gone = Some(replaced),
                Err(error) => failed = Err(error),
            }
        };
        let decoded = gunzip.push(chunk, &mut |plain| decoder.push(plain, &mut take));
        decoded.and(failed)
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether what failed may work in a while without anybody doing something.
fn may_pass(error: &FetchError) -> bool {
    match error {
        FetchError::Request(error) => match error {
            ClientError::Unreachable { .. }
            | ClientError::Gone(_)
            | ClientError::TooLargeVersion(_)
            | ClientError::Throttled { .. }
            | ClientError::Server(_)
            | ClientError::Body(_)
            | ClientError::NoConnection => true,
            ClientError::Tls(_)
            | ClientError::Credentials { .. }
            | ClientError::Unauthorized(_)
            | ClientError::Forbidden(_)
            | ClientError::NotFound(_)
            | ClientError::NotAcceptable(_)
            | ClientError::Api(_)
            | ClientError::AuthPlugin(_)
            | ClientError::ReadOnly { .. } => false,
        },
        // An event that can't be read; the whole may.
        FetchError::Unreadable(_) => true,
        FetchError::Name | FetchError::Replaced | FetchError::Missing | FetchError::NoLog(_) => false,
    }
}

fn is_refusal(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Forbidden(_)
            | ClientError::NotFound(_)
            | ClientError::NotAcceptable(_)
            | ClientError::Api(_)
    )
}
