//! What an error answer says, whatever its body.

use std::time::Duration;

use bytes::Bytes;

use super::error::LONGEST_RETRY;
use crate::cluster::wire::Status;

/// What could be read of an error body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// `reason`, e.g. `Expired`; empty when the body is no `Status`.
    pub reason: String,
    /// `message`; for other bodies a short piece of their text. Short and safe to show.
    pub message: String,
    /// Reasons in `details.causes`.
    pub causes: Vec<String>,
    /// `details.retryAfterSeconds` or the `Retry-After` header.
    pub retry_after: Option<u64>,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The body as it came (decompressed, at most 64 KiB).
    pub body: Bytes,
    /// There are credentials, and they were not sent: the server's URL is `http://`.
    pub kept_back: bool,
}

impl Failure {
    /// Reads an error body.
    pub(super) fn read(status: u16, content_type: &str, body: Bytes) -> Self {
        let said = Status::decode(content_type, &body);
        Self {
            status,
            reason: said.reason,
            message: said.message,
            causes: said.causes.into_iter().map(|cause| cause.reason).collect(),
            retry_after: said.retry_after_seconds.map(u64::from),
            content_type: content_type.to_owned(),
            body,
            kept_back: false,
        }
    }

    /// How long the server asks to wait, as far as that is heeded.
    pub fn pause(&self) -> Option<Duration> {
        self.retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY))
    }

    /// How long everything has to wait if this is the word of the server as a whole: of its request limiter, which
    /// answers 429 in plain text, or of one that starts or stops (503). `asked`: by a header. A `Status` in a 429 was
    /// written by the API that was asked.
    pub(super) fn held_back(&self, asked: bool) -> Option<Duration> {
        match self.status {
            429 if self.reason.is_empty() => Some(self.pause().unwrap_or(Duration::from_secs(1))),
            503 if asked => self.pause(),
            _ => None,
        }
    }
}

/// The seconds of a `Retry-After` header: a number, or a date by the server's clock. One second where it is neither.
pub(super) fn seconds(header: &str, server_now: i64) -> u64 {
    let text = header.trim();
    let date = || {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
        u64::try_from(at.saturating_sub(server_now)).ok()
    };
    text.parse().ok().or_else(date).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::wire::{Cause, Encoding, encode};

    #[test]
    fn a_status_reads_the_same_in_json_and_protobuf() {
        let cause = Cause { reason: "ResourceVersionTooLarge".into(), ..Cause::default() };
        let said = Status {
            code: 504,
            reason: "Timeout".into(),
            message: "too large".into(),
            retry_after_seconds: Some(1),
            causes: vec![cause],
        };
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let failure = Failure::read(504, "x", encode::status(encoding, &said).into());
            assert_eq!((failure.status, failure.retry_after), (504, Some(1)), "{encoding:?}");
            assert_eq!((failure.reason.as_str(), failure.message.as_str()), ("Timeout", "too large"));
            assert_eq!(failure.causes, ["ResourceVersionTooLarge"]);
        }
    }

    #[test]
    fn retry_after_is_a_number_or_a_date_and_is_heeded_for_a_minute() {
        let at = |text| seconds(text, 10);
        assert_eq!((at("7"), at(" 7 "), at("soon"), at("-3"), at("")), (7, 7, 1, 1, 1));
        assert_eq!(at("Thu, 01 Jan 1970 00:00:25 GMT"), 15);
        assert_eq!(at("Thu, 01 Jan 1970 00:00:05 GMT"), 1, "a date that is past");
        let asks = |seconds| Failure { retry_after: Some(seconds), ..Failure::default() }.pause();
        assert_eq!((asks(7), asks(86_400)), (Some(Duration::from_secs(7)), Some(LONGEST_RETRY)));
    }

    #[test]
    fn only_the_servers_limiter_speaks_for_the_server() {
        let failure = |status, reason: &str, retry_after| Failure {
            status,
            reason: reason.to_owned(),
            retry_after,
            ..Failure::default()
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(failure(429, "", Some(3)).held_back(true), seconds(3));
        assert_eq!(failure(429, "", None).held_back(false), seconds(1));
        assert_eq!(failure(429, "TooManyRequests", Some(3)).held_back(true), None);
        assert_eq!(failure(503, "ServiceUnavailable", Some(3)).held_back(true), seconds(3));
        assert_eq!(failure(503, "ServiceUnavailable", None).held_back(false), None);
        assert_eq!(failure(500, "", Some(3)).held_back(true), None);
    }

    #[test]
    fn other_bodies_give_a_little_of_their_text() {
        let said = |content_type: &str, body: &'static [u8]| {
            Failure::read(502, content_type, Bytes::from_static(body)).message
        };
        assert_eq!(said("text/html", b"<p>upstream\n is <b>down</b>"), "upstream is down");
        assert_eq!(said("text/plain", b"a\tb"), "a b");
        assert_eq!(said("application/json", br#"{"error":"no"}"#), r#"{"error":"no"}"#);
        assert_eq!(said("", b""), "");
        assert_eq!(Failure::read(500, "x", Bytes::from_static(b"k8s\0\xff\xff")).reason, "");
    }
}
