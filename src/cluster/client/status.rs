//! What an error answer says, whatever its body.

use bytes::Bytes;

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
