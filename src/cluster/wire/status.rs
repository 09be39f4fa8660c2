//! `Status`: what the API server, or something before it, says when it refuses.

use serde_json::Value as Json;

use super::proto::{Fields, Value, text};
use super::{WireError, envelope, short, shortened};
use crate::text::sanitise;

/// A refusal, from whatever body carried it. All texts are short and safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The code in the body, as the HTTP status; 0 where the body names none (a watch's error event is all there is).
    pub code: u16,
    /// The machine-readable reason, e.g. `Expired`, `Forbidden`, `TooManyRequests`; may be empty.
    pub reason: String,
    /// The message for people; may be empty.
    pub message: String,
    /// How long to wait before the next try.
    pub retry_after_seconds: Option<u32>,
    /// Details, e.g. `ResourceVersionTooLarge`.
    pub causes: Vec<Cause>,
}

/// One cause of a [`Status`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The machine-readable reason.
    pub reason: String,
    /// The message for people.
    pub message: String,
    /// The field it is about.
    pub field: String,
}

/// Causes kept: an answer can name one per field of a large object.
const MAX_CAUSES: usize = 16;
/// Longest message of a `Status`, in bytes: who may not do something is told with all the names.
const MAX_MESSAGE: usize = 1000;
/// How much of a body that is no `Status` is looked at.
const MAX_TEXT: usize = 4096;

impl Status {
    /// Reads any body of an answer that is not a success: protobuf, JSON, or what a proxy made up. Never fails.
    pub fn decode(content_type: &str, body: &[u8]) -> Self {
        if body.starts_with(envelope::MAGIC) {
            return Self::from_protobuf(body);
        }
        let value = serde_json::from_slice::<Json>(body).ok().filter(Json::is_object);
        match value.map(|value| Self::from_value(&value)) {
            Some(said) if !said.message.is_empty() || !said.reason.is_empty() || said.code > 0 => said,
            Some(_) | None => Self::from_text(content_type, body),
        }
    }

    /// Reads an envelope that should hold a `Status`.
    pub(super) fn from_protobuf(body: &[u8]) -> Self {
        let opened = envelope::open(body).and_then(|(kind, raw)| kind.expect("Status").map(|()| raw));
        opened.and_then(Self::from_fields).unwrap_or_else(|error| Self::message(error.to_string()))
    }

    pub(super) fn from_json(body: &[u8]) -> Self {
        serde_json::from_slice::<Json>(body)
            .map_or_else(|_| Self::from_text("application/json", body), |value| Self::from_value(&value))
    }

    // Status: message 3, reason 4, details 5, code 6.
    fn from_fields(bytes: &[u8]) -> Result<Self, WireError> {
        let mut own = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (3, Value::Bytes(value)) => own.message = message(&text(value)),
                (4, Value::Bytes(value)) => own.reason = short(&text(value)),
                (5, Value::Bytes(value)) => own.read_details(value)?,
                (6, Value::Varint(value)) => own.code = u16::try_from(value).unwrap_or_default(),
                _ => {}
            }
        }
        Ok(own)
    }

    // StatusDetails: causes 4, retryAfterSeconds 5.
    fn read_details(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (4, Value::Bytes(value)) if self.causes.len() < MAX_CAUSES => self.causes.push(cause(value)?),
                (5, Value::Varint(value)) => self.retry_after_seconds = seconds(u32::try_from(value).ok()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a JSON `Status`; of any other object what looks like one.
    pub(super) fn from_value(value: &Json) -> Self {
        let text = |value: &Json, key: &str| short(value[key].as_str().unwrap_or_default());
        let details = &value["details"];
        let causes = details["causes"].as_array().into_iter().flatten().take(MAX_CAUSES);
        let retry = details["retryAfterSeconds"].as_u64().and_then(|value| u32::try_from(value).ok());
        Self {
            code: value["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or_default(),
            reason: text(value, "reason"),
            message: message(value["message"].as_str().unwrap_or_default()),
            retry_after_seconds: seconds(retry),
            causes: causes
                .map(|cause| Cause {
                    reason: text(cause, "reason"),
                    message: text(cause, "message"),
                    field: text(cause, "field"),
                })
                .collect(),
        }
    }

    fn from_text(content_type: &str, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(&body[..body.len().min(MAX_TEXT)]);
        let html = content_type.contains("html") || body.trim_start().starts_with('<');
        Self::message(if html { html_text(&body) } else { short(&body) })
    }

    fn message(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

/// A message with what is hidden in it made visible, and not too long.
fn message(text: &str) -> String {
    shortened(&sanitise(text), MAX_MESSAGE)
}

fn seconds(value: Option<u32>) -> Option<u32> {
    value.filter(|&seconds| seconds > 0)
}

// StatusCause: reason 1, message 2, field 3.
fn cause(bytes: &[u8]) -> Result<Cause, WireError> {
    let mut own = Cause::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(value)) => own.reason = short(&text(value)),
            (2, Value::Bytes(value)) => own.message = short(&text(value)),
            (3, Value::Bytes(value)) => own.field = short(&text(value)),
            _ => {}
        }
    }
    Ok(own)
}

// The title of a page, or else its text without tags.
fn html_text(page: &str) -> String {
    // Only ASCII case changes, so the positions stay those of the page.
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").map(|start| start + "<title>".len());
    let title = title.and_then(|start| Some(start..start + lower[start..].find("</title>")?));
    if let Some(title) = title {
        return short(&page[title]);
    }
    let mut inside = false;
    let plain = page.chars().map(|c| {
        let skip = inside || c == '<';
        inside = skip && c != '>';
        if skip { ' ' } else { c }
    });
    short(&plain.collect::<String>())
}
