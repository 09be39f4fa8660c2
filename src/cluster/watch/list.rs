//! Reading one list: unpaged unless the server insists, decoded while it arrives.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::client::{Queue, ReadPermit, RequestSpec, Response};
use crate::cluster::wire::{Encoding, Gunzip, ListDecoder, ListPart};
use crate::object::{Object, ResourceVersion};

use super::options::ReaderOptions;
use super::{Answer, Event, Mode, Sink, Trouble};

/// Items are handed on in batches of this many: big enough to make a channel cheap, small enough to stay in cache.
const BATCH: usize = 128;
/// In this order: a server that lacks the first answers 406 to a single type.
const ACCEPT: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,\
     application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// A body that was waited for this long, in all, must have brought [`SLOWEST`] bytes for each second of it.
const GRACE: Duration = Duration::from_secs(10);
/// No list on any line is slower than that; an API that is would keep its kind being read for ever.
const SLOWEST: u64 = 4 << 10;

/// Which state of the storage a list may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Whatever the server has cached.
    Any,
    /// At least this version.
    NotOlderThan(ResourceVersion),
    /// What etcd holds now.
    Consistent,
}

impl Freshness {
    /// Not older than what is held, where versions can be compared.
    pub(super) fn not_older(held: Option<&ResourceVersion>) -> Self {
        match held {
            Some(version @ ResourceVersion::Number(_)) => Self::NotOlderThan(version.clone()),
            Some(ResourceVersion::Opaque(_)) | None => Self::Consistent,
        }
    }

    fn ask(&self, spec: RequestSpec) -> RequestSpec {
        match self {
            Freshness::Any => spec.query("resourceVersion", "0"),
            Freshness::NotOlderThan(version) => spec
                .query("resourceVersion", version.to_string())
                .query("resourceVersionMatch", "NotOlderThan"),
            Freshness::Consistent => spec,
        }
    }
}

/// How a list ended.
pub(super) enum Listed {
    /// Taken; a watch may start at this version.
    Accepted(Option<ResourceVersion>),
    /// The sink wants a consistent one; it holds this version, if the list was older.
    Again(Option<u64>),
    /// The sink wants no more.
    Stop,
}

/// Asks for a list, and waits until its answer begins. Before that the sink has to be told ([`start`]).
pub(super) async fn begin(
    options: &ReaderOptions,
    freshness: &Freshness,
    permit: ReadPermit,
) -> Result<Response, Trouble> {
    let spec = freshness.ask(options.ask().accept(ACCEPT));
    Ok(options.client.read(&spec, permit).await?)
}

/// Tells the sink that a list is asked for: what it shows is not older than what is held now.
pub(super) async fn start<S: Sink>(sink: &mut S, freshness: &Freshness, reread: bool) -> Answer {
    sink.send(Event::ListStarted { consistent: *freshness == Freshness::Consistent, reread }).await
}

/// Reads a list whose answer has begun, and sends what it holds; `newest` takes the newest version that it names.
pub(super) async fn take<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    response: Response,
    newest: &mut u64,
) -> Result<Listed, Trouble> {
    match pages(options, sink, response, newest).await? {
        Some(version) => Ok(match sink.send(Event::ListEnded(version.clone())).await {
            Answer::Continue => Listed::Accepted(version),
            Answer::ListAgain { held } => Listed::Again(held),
            Answer::Stop => Listed::Stop,
        }),
        None => Ok(Listed::Stop),
    }
}

/// Follows `continue` tokens; `None` when the sink wants no more.
async fn pages<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    mut response: Response,
    newest: &mut u64,
) -> Result<Option<Option<ResourceVersion>>, Trouble> {
    let mut before = None;
    loop {
        let Some((version, token)) = page(options, sink, response, newest).await? else { return Ok(None) };
        let Some(token) = token else { return Ok(Some(version)) };
        if before.as_ref() == Some(&token) {
            return Err(Trouble::endless());
        }
        let next = async {
            let permit = options.client.read_permit(Queue::Fresh).await;
            let spec = options.ask().accept(ACCEPT).query("continue", token.clone());
            options.client.read(&spec, permit).await
        };
        response = match options.mode {
            Mode::Follow => next.await?,
            Mode::Once | Mode::Confirm => {
                tokio::time::timeout(options.timing.once, next).await.map_err(|_| slow())??
            }
        };
        before = Some(token);
    }
}

type Page = (Option<ResourceVersion>, Option<String>);

async fn page<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    mut response: Response,
    newest: &mut u64,
) -> Result<Option<Page>, Trouble> {
    let unknown = || Trouble::format(response.content_type());
    let mut decoder = ListDecoder::new(Encoding::of(response.content_type()).ok_or_else(unknown)?);
    let mut gunzip = if response.is_gzip() { Gunzip::new() } else { Gunzip::identity() };
    let mut batch: Vec<Object> = Vec::with_capacity(BATCH);
    let mut flow = Flow::default();
    loop {
        let asked = Instant::now();
        let next = response.chunk_within(options.timing.idle);
        let next = match tokio::time::timeout(flow.patience(), next).await {
            Ok(next) => next?,
            Err(_) => return Err(slow()),
        };
        let Some(chunk) = next else { break };
        flow.came(chunk.len(), asked.elapsed());
        gunzip.push(&chunk, &mut |plain| {
            decoder.push(plain, &mut |part| match part {
                ListPart::Item(object) => {
                    *newest = number(&object.resource_version).unwrap_or(0).max(*newest);
                    batch.push(*object);
                }
                ListPart::Version(_) => {}
            })
        })?;
        while batch.len() >= BATCH {
            let rest = batch.split_off(BATCH);
            let full = std::mem::replace(&mut batch, rest);
            if sink.send(Event::Listed(full)).await == Answer::Stop {
                return Ok(None);
            }
        }
    }
    gunzip.finish()?;
    let end = decoder.finish()?;
    if !batch.is_empty() && sink.send(Event::Listed(batch)).await == Answer::Stop {
        return Ok(None);
    }
    Ok(Some((ResourceVersion::parse(&end.resource_version), end.continue_token)))
}

fn number(version: &str) -> Option<u64> {
    ResourceVersion::parse(version).and_then(|version| version.number())
}

/// How fast a body comes, without the time that our own side takes for it.
#[derive(Default)]
struct Flow {
    bytes: u64,
    waited: Duration,
}

impl Flow {
    fn came(&mut self, bytes: usize, waited: Duration) {
        self.bytes += bytes as u64;
        self.waited += waited;
    }

    /// How long the next piece may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.bytes / SLOWEST).max(GRACE).saturating_sub(self.waited)
    }
}

pub(super) fn slow() -> Trouble {
    Trouble::NoAnswer("its answer comes too slowly".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_trickles_is_given_up_and_one_that_is_only_long_is_not() {
        let second = Duration::from_secs(1);
        let flow = |bytes: usize| {
            let mut flow = Flow::default();
            let pieces = (0..10_000).take_while(|_| {
                let waits = flow.patience() >= second;
                flow.came(bytes, second);
                waits
            });
            pieces.count()
        };
        assert_eq!((flow(1), flow(4_000), flow(5_000)), (10, 10, 10_000));
        // What has come fast may stand still for a while.
        let mut fast = Flow::default();
        fast.came(1 << 20, second);
        assert_eq!(fast.patience(), Duration::from_secs(255));
    }
}
