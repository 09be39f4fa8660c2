//! What an error answer says: a Kubernetes `Status` in protobuf or JSON, or whatever a proxy sent.

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;

/// What could be read of an error body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// `reason`, e.g. `Expired`; empty when the body is no `Status`.
    pub reason: String,
    /// `message`; for other bodies a short piece of their text. From outside: sanitise before showing.
    pub message: String,
    /// Reasons in `details.causes`.
    pub causes: Vec<String>,
    /// `details.retryAfterSeconds` or the `Retry-After` header.
    pub retry_after: Option<u64>,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The body as it came (decompressed, at most 64 KiB).
    pub body: Bytes,
}

const ENVELOPE: &[u8] = b"k8s\0";

impl Failure {
    /// Reads an error body.
    pub(super) fn read(status: u16, content_type: &str, body: Bytes) -> Self {
        let content_type = content_type.to_owned();
        let decoded = match body.strip_prefix(ENVELOPE) {
            Some(envelope) => from_protobuf(envelope),
            None => serde_json::from_slice(&body).ok(),
        };
        let Some(decoded) = decoded.filter(|status| !status.message.is_empty() || !status.reason.is_empty())
        else {
            return Self {
                status,
                message: plain(&content_type, &body),
                content_type,
                body,
                ..Self::default()
            };
        };
        Self {
            status,
            reason: decoded.reason,
            message: decoded.message,
            causes: decoded.details.causes.into_iter().map(|cause| cause.reason).collect(),
            retry_after: Some(decoded.details.retry_after).filter(|seconds| *seconds > 0),
            content_type,
            body,
        }
    }
}

fn from_protobuf(envelope: &[u8]) -> Option<Status> {
    Status::decode(Unknown::decode(envelope).ok()?.raw).ok()
}

/// A line of text from a body that is no `Status`: of a page just its title or first words.
fn plain(content_type: &str, body: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(body);
    let text = match content_type.contains("html") || text.trim_start().starts_with('<') {
        true => without_tags(&text),
        false => text.into_owned(),
    };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SHOWN).collect()
}

fn without_tags(html: &str) -> String {
    let title = html.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    if let Some((title, _)) = title.filter(|(title, _)| !title.trim().is_empty()) {
        return title.to_owned();
    }
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or("", |(_, rest)| rest));
        text.push(' ');
    }
    text
}

// k8s.io/apimachinery/pkg/runtime/generated.proto
#[derive(Clone, PartialEq, Message)]
struct Unknown {
    #[prost(bytes = "bytes", tag = "2")]
    raw: Bytes,
}

// k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
struct Status {
    #[prost(string, tag = "3")]
    message: String,
    #[prost(string, tag = "4")]
    reason: String,
    #[prost(message, required, tag = "5")]
    details: Details,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
struct Details {
    #[prost(message, repeated, tag = "4")]
    causes: Vec<Cause>,
    #[prost(uint64, tag = "5")]
    #[serde(rename = "retryAfterSeconds")]
    retry_after: u64,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
struct Cause {
    #[prost(string, tag = "1")]
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_the_same_in_json_and_protobuf() {
        let json = br#"{"kind":"Status","message":"too large","reason":"Timeout","code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"m"}],"retryAfterSeconds":1}}"#;
        let from_json = Failure::read(504, "application/json", Bytes::from_static(json));
        assert_eq!(
            (from_json.causes.as_slice(), from_json.retry_after),
            (&["ResourceVersionTooLarge".to_owned()][..], Some(1))
        );
        let status: Status = serde_json::from_slice(json).unwrap();
        let mut body = ENVELOPE.to_vec();
        body.extend(Unknown { raw: status.encode_to_vec().into() }.encode_to_vec());
        let from_protobuf = Failure::read(504, "application/vnd.kubernetes.protobuf", body.into());
        assert_eq!((from_protobuf.message, from_protobuf.reason), (from_json.message, from_json.reason));
        assert_eq!(from_protobuf.causes, from_json.causes);
    }

    #[test]
    fn a_proxys_page_gives_its_title_and_garbage_gives_little() {
        let page = "<html><head><title>503 Service Unavailable</title></head><body>no</body></html>";
        assert_eq!(Failure::read(503, "text/html", page.into()).message, "503 Service Unavailable");
        assert_eq!(
            Failure::read(502, "text/html", "<p>upstream\n is <b>down</b>".into()).message,
            "upstream is down"
        );
        assert_eq!(Failure::read(400, "text/plain", "a\tb".into()).message, "a b");
        assert_eq!(Failure::read(500, "", Bytes::new()).message, "");
        assert!(Failure::read(500, "", vec![0xff; 70_000].into()).message.chars().count() <= 200);
        assert_eq!(Failure::read(500, "x", Bytes::from_static(b"k8s\0\xff\xff")).reason, "");
    }
}
