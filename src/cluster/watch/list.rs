//! Reading one list: unpaged unless the server insists, decoded while it arrives.

use crate::cluster::client::RequestSpec;
use crate::cluster::wire::{Encoding, Gunzip, ListDecoder, ListPart};
use crate::object::{Object, ResourceVersion};

use super::reader::ReaderOptions;
use super::{Answer, Event, Sink, Trouble};

/// Items are handed on in batches of this many: big enough to make a channel cheap, small enough to stay in cache.
const BATCH: usize = 128;
/// In this order: a server that lacks the first answers 406 to a single type.
const ACCEPT: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,\
     application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

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

/// Reads one list and sends what it holds.
pub(super) async fn list<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    freshness: &Freshness,
    reread: bool,
) -> Result<Listed, Trouble> {
    let _permit = options.client.read_permit().await;
    let consistent = *freshness == Freshness::Consistent;
    if sink.send(Event::ListStarted { consistent, reread }).await == Answer::Stop {
        return Ok(Listed::Stop);
    }
    match pages(options, sink, freshness).await {
        Ok(Some(version)) => Ok(match sink.send(Event::ListEnded(version.clone())).await {
            Answer::Continue => Listed::Accepted(version),
            Answer::ListAgain { held } => Listed::Again(held),
            Answer::Stop => Listed::Stop,
        }),
        Ok(None) => Ok(Listed::Stop),
        Err(error) => {
            sink.send(Event::ListFailed).await;
            Err(error)
        }
    }
}

/// Follows `continue` tokens; `None` when the sink wants no more.
async fn pages<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    freshness: &Freshness,
) -> Result<Option<Option<ResourceVersion>>, Trouble> {
    let base = RequestSpec::new(options.path()).accept(ACCEPT).kind(options.kind.key());
    let mut spec = freshness.ask(base.clone());
    loop {
        let Some((version, token)) = page(options, sink, &spec).await? else { return Ok(None) };
        match token {
            Some(token) => spec = base.clone().query("continue", token),
            None => return Ok(Some(version)),
        }
    }
}

type Page = (Option<ResourceVersion>, Option<String>);

async fn page<S: Sink>(
    options: &ReaderOptions,
    sink: &mut S,
    spec: &RequestSpec,
) -> Result<Option<Page>, Trouble> {
    let mut response = options.client.get(spec).await?;
    let unknown = || Trouble::format(response.content_type());
    let mut decoder = ListDecoder::new(Encoding::of(response.content_type()).ok_or_else(unknown)?);
    let mut gunzip = if response.is_gzip() { Gunzip::new() } else { Gunzip::identity() };
    let mut batch: Vec<Object> = Vec::with_capacity(BATCH);
    while let Some(chunk) = response.chunk_within(options.timing.idle).await? {
        gunzip.push(&chunk, &mut |plain| {
            decoder.push(plain, &mut |part| match part {
                ListPart::Item(object) => batch.push(*object),
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
