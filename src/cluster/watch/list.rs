//! Reading one list: unpaged unless the server insists, decoded while it arrives.

use crate::cluster::client::{Client, ClientError, Purpose, Request, LIST_ACCEPT};
use crate::cluster::wire::{Encoding, ListDecoder, ListPart};
use crate::object::{Object, ResourceVersion};

use super::reader::ReaderOptions;
use super::{Answer, Event, Sink};

/// Items are handed on in batches of this many: big enough to make a channel cheap, small enough to stay in cache.
const BATCH: usize = 128;

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
    fn query(&self) -> String {
        match self {
            Freshness::Any => "resourceVersion=0".to_owned(),
            Freshness::NotOlderThan(version) => {
                format!("resourceVersion={version}&resourceVersionMatch=NotOlderThan")
            }
            Freshness::Consistent => String::new(),
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
) -> Result<Listed, ClientError> {
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
) -> Result<Option<Option<ResourceVersion>>, ClientError> {
    let mut query = freshness.query();
    loop {
        let request = Request {
            path: options.path(),
            query: query.clone(),
            accept: LIST_ACCEPT,
            kind: Some(options.kind.key()),
            purpose: Purpose::Ordinary,
        };
        let page = page(&options.client, sink, request).await?;
        let Some((version, token)) = page else { return Ok(None) };
        match token {
            Some(token) => query = format!("continue={}", encode(&token)),
            None => return Ok(Some(version)),
        }
    }
}

type Page = (Option<ResourceVersion>, Option<String>);

async fn page<S: Sink>(
    client: &Client,
    sink: &mut S,
    request: Request,
) -> Result<Option<Page>, ClientError> {
    let mut response = client.get(request).await?;
    let encoding = Encoding::of(response.content_type()).ok_or_else(|| response.unexpected_type())?;
    let mut decoder = ListDecoder::new(encoding);
    let mut batch: Vec<Object> = Vec::with_capacity(BATCH);
    while let Some(chunk) = response.chunk().await? {
        let mut full = Vec::new();
        decoder
            .push(&chunk, &mut |part| match part {
                ListPart::Item(object) => {
                    batch.push(*object);
                    if batch.len() == BATCH {
                        full.push(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                    }
                }
                ListPart::Version(_) => {}
            })
            .map_err(ClientError::decode)?;
        for objects in full {
            if sink.send(Event::Listed(objects)).await == Answer::Stop {
                return Ok(None);
            }
        }
    }
    let end = decoder.finish().map_err(ClientError::decode)?;
    if !batch.is_empty() && sink.send(Event::Listed(batch)).await == Answer::Stop {
        return Ok(None);
    }
    Ok(Some((ResourceVersion::parse(&end.resource_version), end.continue_token)))
}

/// Percent-encodes a token for a query string.
fn encode(token: &str) -> String {
    let mut out = String::with_capacity(token.len());
    for byte in token.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
