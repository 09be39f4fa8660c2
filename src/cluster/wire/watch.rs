//! Watches: one event after the other, for as long as the server sends.

use serde::Deserialize;

use super::json::{Item, Value, blanks, parse};
use super::list::{Step, drive};
use super::proto::{Fields, Value as Field, text};
use super::{Encoding, MAX_ITEM, MAX_JSON_ITEM, Status, WireError, envelope, metadata, short};
use crate::object::Object;

/// The annotation of the bookmark that ends `sendInitialEvents`.
pub(super) const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// One event of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// An object exists now.
    Added(Box<Object>),
    /// An object changed.
    Modified(Box<Object>),
    /// An object is gone; this is its last state, with the version of the delete.
    Deleted(Box<Object>),
    /// Everything up to `version` has been sent.
    Bookmark {
        /// The version the watch stands at.
        version: String,
        /// Whether it ends the initial events of a watch with `sendInitialEvents`.
        initial_events_end: bool,
    },
    /// The server ends the watch, 410 when the version was too old.
    Error(Status),
    /// An event type of the future; its name, made safe to show.
    Unknown(String),
}

/// Decodes the body of a watch. Cutting the body into other chunks never changes what comes out.
///
/// After an error the decoder is spent: every later call returns an error too.
pub struct WatchDecoder {
    inner: Inner,
    failed: Option<WireError>,
}

enum Inner {
    Protobuf { pending: Vec<u8> },
    Json { value: Value },
}

impl WatchDecoder {
    /// Starts on an empty body.
    pub fn new(encoding: Encoding) -> Self {
        let inner = match encoding {
            Encoding::Protobuf => Inner::Protobuf { pending: Vec::new() },
            Encoding::Json => Inner::Json { value: Value::default() },
        };
        Self { inner, failed: None }
    }

    /// Takes the next bytes and hands every event that they complete to `sink`.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(WatchEvent)) -> Result<(), WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = match &mut self.inner {
            Inner::Protobuf { pending } => drive(pending, bytes, |bytes| frame(bytes, sink)),
            Inner::Json { value } => documents(value, bytes, sink),
        };
        self.failed = result.clone().err();
        result
    }

    /// Ends the body; an error when it ended inside an event.
    pub fn finish(self) -> Result<(), WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let between = match self.inner {
            Inner::Protobuf { pending } => pending.is_empty(),
            Inner::Json { value } => !value.is_open(),
        };
        if between { Ok(()) } else { Err(WireError::Truncated("a watch event")) }
    }
}

// A frame: its length in 4 bytes, big-endian, then a bare `WatchEvent`.
fn frame(bytes: &[u8], sink: &mut dyn FnMut(WatchEvent)) -> Result<Step, WireError> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Ok(Step::Need(4)) };
    let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if length > MAX_ITEM {
        return Err(WireError::TooLarge { what: "a watch event", cap: MAX_ITEM });
    }
    match rest.get(..length) {
        None => Ok(Step::Need(4 + length)),
        Some(event) => {
            sink(protobuf_event(event)?);
            Ok(Step::Used(4 + length))
        }
    }
}

// `WatchEvent`: type 1, object 2 (a `RawExtension` whose field 1 is an envelope).
fn protobuf_event(bytes: &[u8]) -> Result<WatchEvent, WireError> {
    let (mut name, mut raw) = (&[][..], &[][..]);
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Field::Bytes(value)) => name = value,
            (2, Field::Bytes(extension)) => {
                let mut fields = Fields::new(extension);
                while let Some(field) = fields.next()? {
                    if let (1, Field::Bytes(value)) = field {
                        raw = value;
                    }
                }
            }
            _ => {}
        }
    }
    event(&text(name), || protobuf_object(raw), || Ok(Status::from_protobuf(raw)))
}

fn protobuf_object(raw: &[u8]) -> Result<Object, WireError> {
    let (kind, bytes) = envelope::open(raw)?;
    kind.expect("PartialObjectMetadata")?;
    metadata::partial_object(bytes)
}

/// One document of a JSON watch; a bare `Status` has no `type`.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    name: Option<String>,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Body<T> {
    object: T,
}

fn documents(value: &mut Value, mut bytes: &[u8], sink: &mut dyn FnMut(WatchEvent)) -> Result<(), WireError> {
    loop {
        if !value.is_open() {
            bytes = &bytes[blanks(bytes)..];
            if bytes.first().is_some_and(|&first| first != b'{') {
                return Err(WireError::Malformed("a watch event that is not JSON"));
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let (used, event) = value.take(bytes, MAX_JSON_ITEM, "a watch event", json_event)?;
        event.into_iter().for_each(&mut *sink);
        bytes = &bytes[used..];
    }
}

fn json_event(bytes: &[u8]) -> Result<WatchEvent, WireError> {
    const WHAT: &str = "a watch event";
    let head: Head = parse(bytes, WHAT)?;
    match (head.name, head.kind.as_deref()) {
        (None, Some("Status")) => Ok(WatchEvent::Error(Status::from_json(bytes))),
        (name, _) => event(
            &name.unwrap_or_default(),
            || parse::<Body<Item>>(bytes, WHAT).and_then(|body| body.object.object()),
            || parse::<Body<serde_json::Value>>(bytes, WHAT).map(|body| Status::from_value(&body.object)),
        ),
    }
}

fn event(
    name: &str,
    object: impl FnOnce() -> Result<Object, WireError>,
    status: impl FnOnce() -> Result<Status, WireError>,
) -> Result<WatchEvent, WireError> {
    Ok(match name {
        "ADDED" => WatchEvent::Added(Box::new(object()?)),
        "MODIFIED" => WatchEvent::Modified(Box::new(object()?)),
        "DELETED" => WatchEvent::Deleted(Box::new(object()?)),
        "BOOKMARK" => {
            let mark = object()?;
            let initial_events_end =
                mark.annotations.get(INITIAL_EVENTS_END).is_some_and(|value| value == "true");
            WatchEvent::Bookmark { version: mark.resource_version, initial_events_end }
        }
        "ERROR" => WatchEvent::Error(status()?),
        other => WatchEvent::Unknown(short(other)),
    })
}
