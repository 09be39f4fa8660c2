//! The wire format of the Kubernetes API: lists and watches of object metadata, pushed in as bytes arrive, pulled out
//! as objects. Pure: no IO, no async, and never more than one item or frame buffered.
//!
//! - A **list** is one protobuf envelope (`k8s\0`, then `runtime.Unknown` holding the list) or one JSON document:
//!   [`ListDecoder`].
//! - A **watch** is a stream of length-delimited protobuf frames, each a `WatchEvent` that holds another envelope, or
//!   a stream of JSON documents: [`WatchDecoder`]; of whole objects, for people, always the latter: [`WholeDecoder`].
//! - What a server says when it refuses is a [`Status`]; bodies may come gzipped ([`Gunzip`]).
//!
//! `managedFields` is skipped unread: on real clusters it is most of the bytes. [`encode`] writes the same formats for
//! the simulated server.

pub mod encode;
mod envelope;
mod gzip;
mod json;
mod list;
mod list_json;
mod metadata;
mod proto;
mod status;
mod watch;
mod whole;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub use gzip::Gunzip;
pub use list::{ListDecoder, ListEnd, ListPart};
pub use status::{Cause, Status};
pub use watch::{WatchDecoder, WatchEvent};
pub use whole::{WholeDecoder, WholeEvent, WholeObject};

/// Content type of the protobuf encoding, without parameters.
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// Content type of the JSON encoding, without parameters.
pub const JSON: &str = "application/json";

/// Largest protobuf item or watch frame that is accepted: etcd holds objects of up to 1.5 MiB.
pub const MAX_ITEM: usize = 4 << 20;
/// Largest JSON item: escapes and base64 make more of the same object.
pub const MAX_JSON_ITEM: usize = 16 << 20;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// Reads a `Content-Type` header; parameters such as `;stream=watch` do not matter. `None` for anything else
    /// (a proxy's HTML, say).
    pub fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(PROTOBUF) {
            Some(Self::Protobuf)
        } else if essence.eq_ignore_ascii_case(JSON) {
            Some(Self::Json)
        } else {
            None
        }
    }
}

/// Why bytes are not what the API server should have sent. Every variant ends the list or the watch: what was decoded
/// before it is good, but the read as a whole is not.
///
/// Messages never hold bytes of the body: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The body ended in the middle of something.
    #[error("the answer ended early, in the middle of {0}")]
    Truncated(&'static str),
    /// A protobuf body without its magic bytes.
    #[error("the answer does not start as a Kubernetes protobuf message")]
    Magic,
    /// Bytes that are not what their place asks for.
    #[error("the answer is damaged: {0}")]
    Malformed(&'static str),
    /// JSON that does not parse, or parses as something else; says where, not what.
    #[error("the answer is damaged: {what} is not the expected JSON (line {line}, column {column})")]
    Json {
        /// What was being read.
        what: &'static str,
        /// Line within it.
        line: usize,
        /// Column within it.
        column: usize,
    },
    /// An item or frame over the cap.
    #[error("{what} of more than {cap} bytes")]
    TooLarge {
        /// What was being read.
        what: &'static str,
        /// The cap it went over.
        cap: usize,
    },
    /// A message of another kind.
    #[error("expected {expected}, the server sent {found}")]
    Unexpected {
        /// What was asked for.
        expected: &'static str,
        /// What came, made safe to show.
        found: String,
    },
    /// A gzip stream that does not inflate.
    #[error("the compressed answer is damaged")]
    Gzip,
}

impl WireError {
    fn json(what: &'static str, error: &serde_json::Error) -> Self {
        Self::Json { what, line: error.line(), column: error.column() }
    }
}

/// Outside text made short and safe for an error message or a log line.
fn short(text: &str) -> String {
    shortened(text, 200)
}

/// Outside text made safe, and at most so many bytes long.
fn shortened(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = if c.is_control() || is_format(c) { ' ' } else { c };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if out.len() + c.len_utf8() > max {
            out.truncate(out.trim_end().len());
            out.push('…');
            return out;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

// Zero-width, bidi and separator characters: invisible, and able to reorder what a terminal shows.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
