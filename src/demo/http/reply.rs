//! Answers: whole bodies, streams and refusals.

use std::io;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::StatusCode;
use serde_json::Value;

use crate::cluster::wire::{Cause, Encoding, JSON, PROTOBUF, Status, encode};

/// An answer before compression, faults and counting.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Payload,
}

/// A body.
pub(super) enum Payload {
    Whole(Vec<u8>),
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

impl Reply {
    pub(super) fn whole(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, content_type, headers: Vec::new(), body: Payload::Whole(body) }
    }

    pub(super) fn encoded(encoding: Encoding, body: Vec<u8>) -> Self {
        Self::whole(content_type(encoding), body)
    }

    pub(super) fn json(value: &Value) -> Self {
        Self::whole(JSON, value.to_string().into_bytes())
    }

    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        let own = Self::whole("text/plain; charset=utf-8", text.as_bytes().to_vec());
        own.with_status(status).with_header("x-content-type-options", "nosniff".to_owned())
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

pub(super) fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    }
}

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) Status);

impl Refusal {
    pub(super) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self(Status { code, reason: reason.to_owned(), message: message.into(), ..Status::default() })
    }

    pub(super) fn bad_request(message: String) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(super) fn expired() -> Self {
        Self::new(410, "Expired", "The resourceVersion for the provided list is too old.")
    }

    pub(super) fn too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut own = Self::new(504, "Timeout", message);
        own.0.retry_after_seconds = Some(1);
        own.0.causes.push(Cause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: "Too large resource version".to_owned(),
            field: String::new(),
        });
        own
    }

    pub(super) fn initializing(retry_after: u32) -> Self {
        let mut own = Self::new(429, "TooManyRequests", "storage is (re)initializing");
        own.0.retry_after_seconds = Some(retry_after);
        own
    }

    /// The refusal that goes with a bare HTTP status.
    pub(super) fn of_status(code: u16) -> Self {
        match code {
            401 => Self::new(401, "Unauthorized", "Unauthorized"),
            403 => Self::new(403, "Forbidden", "forbidden: User cannot do this (injected fault)"),
            404 => Self::no_such_resource(),
            410 => Self::expired(),
            429 => Self::initializing(1),
            503 => {
                Self::new(503, "ServiceUnavailable", "the server is currently unable to handle the request")
            }
            504 => Self::new(504, "Timeout", "request did not complete within the allotted timeout"),
            code @ 400..500 => Self::new(code, "BadRequest", "the request is refused (injected fault)"),
            code => Self::new(code, "InternalError", "Internal error occurred: injected fault"),
        }
    }

    pub(super) fn reply(&self, encoding: Encoding) -> Reply {
        let status = StatusCode::from_u16(self.0.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reply = Reply::encoded(encoding, encode::status(encoding, &self.0)).with_status(status);
        match self.0.retry_after_seconds {
            Some(seconds) => reply.with_header("retry-after", seconds.to_string()),
            None => reply,
        }
    }
}
