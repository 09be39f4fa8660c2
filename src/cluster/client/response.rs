//! An answer whose head is good; its body comes in pieces as they arrive.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::connect::chain;
use super::counters::Tally;
use super::error::{BodyFailure, ClientError};
use super::transport::{Arrived, Hold};
use crate::cluster::politeness::ReadPermit;
use crate::document::without_secrets;

/// The answer to a GET: status 2xx. Dropping it ends its stream.
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    // Before `hold`: the stream ends before its place is free again.
    body: Incoming,
    tally: Tally,
    hold: Option<Hold>,
    permit: Option<ReadPermit>,
    idle: Duration,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Response {
    pub(super) fn new(arrived: Arrived, tally: Tally, idle: Duration) -> Self {
        let (head, body) = arrived.response.into_parts();
        let hold = Some(arrived.hold);
        Self { status: head.status, headers: head.headers, body, tally, hold, permit: None, idle }
    }

    /// Keeps the right to read until it is dropped.
    pub(super) fn keep(self, permit: ReadPermit) -> Self {
        Self { permit: Some(permit), ..self }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Type`, parameters included; empty when absent.
    pub fn content_type(&self) -> &str {
        self.header(CONTENT_TYPE.as_str()).unwrap_or_default()
    }

    /// Whether the chunks are gzip.
    pub fn is_gzip(&self) -> bool {
        self.header(CONTENT_ENCODING.as_str()).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"))
    }

    /// The next piece of the body as it came over the wire; `None` at its end. Safe to cancel.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = match &mut self.permit {
                Some(permit) => permit.wait(self.body.frame()).await,
                None => self.body.frame().await,
            };
            match frame {
                None => {
                    self.finished();
                    return Ok(None);
                }
                Some(Ok(frame)) => {
                    // Trailers carry nothing for us.
                    if let Ok(data) = frame.into_data() {
                        self.tally.bytes(data.len());
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(ClientError::Body(BodyFailure::Lost(chain(&error)))),
            }
        }
    }

    /// Like `chunk`, but an error when nothing comes for `idle`: a half-dead connection sends neither data nor end.
    pub async fn chunk_within(&mut self, idle: Duration) -> Result<Option<Bytes>, ClientError> {
        match tokio::time::timeout(idle, self.chunk()).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Body(BodyFailure::Idle(idle))),
        }
    }

    /// The whole body, decompressed: for answers known to be small.
    pub async fn bytes(mut self, limit: usize) -> Result<Bytes, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk_within(self.idle).await? {
            if body.len() + chunk.len() > limit {
                return Err(ClientError::Body(BodyFailure::TooLong(limit)));
            }
            body.extend_from_slice(&chunk);
        }
        if !self.is_gzip() {
            return Ok(body.into());
        }
        gunzip(&body, limit).map_err(ClientError::Body)
    }

    /// The whole body as JSON.
    pub async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<T, ClientError> {
        let body = self.bytes(limit).await?;
        // The parser quotes what it does not understand.
        let unreadable = |error: serde_json::Error| {
            ClientError::Body(BodyFailure::Unreadable(without_secrets(&error.to_string()).into_owned()))
        };
        serde_json::from_slice(&body).map_err(unreadable)
    }

    fn finished(&mut self) {
        // An HTTP/1 connection serves the next request; a place on an HTTP/2 one is free.
        if let Some(Hold::Connection(lease)) = self.hold.take() {
            lease.give_back();
        }
    }
}

fn gunzip(body: &[u8], limit: usize) -> Result<Bytes, BodyFailure> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(body).take(limit as u64 + 1);
    decoder.read_to_end(&mut plain).map_err(|error| BodyFailure::Unreadable(error.to_string()))?;
    if plain.len() > limit { Err(BodyFailure::TooLong(limit)) } else { Ok(plain.into()) }
}
