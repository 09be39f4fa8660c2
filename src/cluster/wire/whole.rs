//! Watches of whole objects, in JSON: each event as it came, with what tells it from others.

use serde::Deserialize;

use super::json::{Value, blanks, parse};
use super::{MAX_JSON_ITEM, Status, WireError};

const WHAT: &str = "a watch event";

/// One event of a watch of whole objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WholeEvent {
    /// An object exists, or is another than before.
    Present(WholeObject),
    /// An object is gone; this is its last state.
    Deleted(WholeObject),
    /// Everything up to this version has been sent.
    Bookmark(String),
    /// The server ends the watch, 410 when the version was too old.
    Error(Status),
    /// An event type of the future.
    Unknown,
}

/// An object as it came; it is read when it is wanted, and of most nobody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeObject {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub version: String,
    event: Vec<u8>,
}

impl WholeObject {
    /// The object.
    ///
    /// # Errors
    /// [`WireError`] when it is none.
    pub fn read(&self) -> Result<serde_json::Value, WireError> {
        #[derive(Deserialize)]
        struct Body {
            object: serde_json::Value,
        }
        parse::<Body>(&self.event, WHAT).map(|body| body.object)
    }
}

/// Decodes the body of a watch. Cutting the body into other chunks never changes what comes out, and never more than
/// one event is held.
#[derive(Default)]
pub struct WholeDecoder {
    value: Value,
}

impl WholeDecoder {
    /// Takes the next bytes and hands every event that they complete to `sink`.
    ///
    /// # Errors
    /// [`WireError`]; the decoder is spent then.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(WholeEvent)) -> Result<(), WireError> {
        loop {
            if !self.value.is_open() {
                bytes = &bytes[blanks(bytes)..];
                if bytes.first().is_some_and(|&first| first != b'{') {
                    return Err(WireError::Malformed("a watch event that is not JSON"));
                }
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let (used, event) = self.value.take(bytes, MAX_JSON_ITEM, WHAT, event)?;
            event.into_iter().for_each(&mut *sink);
            bytes = &bytes[used..];
        }
    }
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    name: Option<String>,
    #[serde(default)]
    object: Named,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    metadata: Meta,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    uid: String,
    resource_version: String,
}

fn event(bytes: &[u8]) -> Result<WholeEvent, WireError> {
    let head: Head = parse(bytes, WHAT)?;
    let Meta { uid, resource_version: version } = head.object.metadata;
    let object = |uid, version| WholeObject { uid, version, event: bytes.to_vec() };
    Ok(match head.name.as_deref() {
        Some("ADDED" | "MODIFIED") => WholeEvent::Present(object(uid, version)),
        Some("DELETED") => WholeEvent::Deleted(object(uid, version)),
        Some("BOOKMARK") => WholeEvent::Bookmark(version),
        Some("ERROR") => WholeEvent::Error(Status::from_value(&object(uid, version).read()?)),
        Some(_) => WholeEvent::Unknown,
        // A bare `Status` has no `type`.
        None => WholeEvent::Error(Status::from_json(bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = concat!(
        r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"uid":"u1","resourceVersion":"7"},"spec":{"a":"}"}}}"#,
        "\n",
        r#"{"type":"DELETED","object":{"metadata":{"uid":"u1","resourceVersion":"8"}}}"#,
        r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#,
        "\n",
        r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#,
        r#"{"type":"NEW","object":{}}"#,
    );

    fn events(body: &[u8], size: usize) -> Result<Vec<WholeEvent>, WireError> {
        let (mut decoder, mut events) = (WholeDecoder::default(), Vec::new());
        for chunk in body.chunks(size) {
            decoder.push(chunk, &mut |event| events.push(event))?;
        }
        Ok(events)
    }

    #[test]
    fn events_are_the_same_however_the_body_is_cut() {
        let whole = events(BODY.as_bytes(), BODY.len()).unwrap();
        for size in 1..80 {
            assert_eq!(events(BODY.as_bytes(), size).unwrap(), whole);
        }
        let WholeEvent::Present(object) = &whole[0] else { panic!("{whole:?}") };
        assert_eq!((object.uid.as_str(), object.version.as_str()), ("u1", "7"));
        assert_eq!(object.read().unwrap()["spec"]["a"], "}");
        assert!(matches!(&whole[1], WholeEvent::Deleted(object) if object.version == "8"));
        assert_eq!(whole[2], WholeEvent::Bookmark("9".to_owned()));
        assert!(matches!(&whole[3], WholeEvent::Error(status) if status.code == 410));
        assert_eq!(whole[4], WholeEvent::Unknown);
    }

    #[test]
    fn what_is_no_watch_is_an_error_and_is_not_repeated_in_it() {
        for body in [
            "<html>hunter2</html>",
            "{\"type\":hunter2}",
            "[\"hunter2\"]",
            "{\"type\":\"ADDED\",\"object\":7}",
        ] {
            let error = events(body.as_bytes(), 100).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(matches!(events(br#"{"kind":"Status","code":403}"#, 100).unwrap()[0], WholeEvent::Error(_)));
    }
}
