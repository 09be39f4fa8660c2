//! Lists, item by item as their bytes arrive.

use super::envelope::{MAGIC, TypeMeta};
use super::list_json::JsonList;
use super::proto::{WIRE_TYPE, field_number, varint};
use super::{Encoding, MAX_ITEM, WireError, metadata};
use crate::object::Object;

/// One part of a list, in the order it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPart {
    /// The list's `resourceVersion`: before the items in protobuf, maybe after them in JSON, absent from some
    /// aggregated APIs.
    Version(String),
    /// One object.
    Item(Box<Object>),
}

/// What a complete list says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListEnd {
    /// The list's `resourceVersion`; empty where the server sent none.
    pub resource_version: String,
    /// The token of the next page, when this was not the last.
    pub continue_token: Option<String>,
    /// How many objects follow on later pages, where the server says so.
    pub remaining: Option<u64>,
}

/// Decodes the body of a list. Cutting the body into other chunks never changes what comes out.
///
/// After an error the decoder is spent: every later call returns an error too.
pub struct ListDecoder {
    inner: Inner,
    failed: Option<WireError>,
}

enum Inner {
    Protobuf(ProtoList),
    Json(Box<JsonList>),
}

impl ListDecoder {
    /// Starts on an empty body.
    pub fn new(encoding: Encoding) -> Self {
        let inner = match encoding {
            Encoding::Protobuf => Inner::Protobuf(ProtoList::default()),
            Encoding::Json => Inner::Json(Box::default()),
        };
        Self { inner, failed: None }
    }

    /// Takes the next bytes and hands every part that they complete to `sink`.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<(), WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = match &mut self.inner {
            Inner::Protobuf(list) => list.push(bytes, sink),
            Inner::Json(list) => list.push(bytes, sink),
        };
        self.failed = result.clone().err();
        result
    }

    /// Ends the body. An error means that the list is not complete and says nothing about what it did not name.
    pub fn finish(self) -> Result<ListEnd, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.inner {
            Inner::Protobuf(list) => list.finish(),
            Inner::Json(list) => list.finish(),
        }
    }
}

/// What a step of a protobuf decoder did with the bytes at hand.
pub(super) enum Step {
    /// Read that many of them, at least one.
    Used(usize),
    /// Needs that many in all.
    Need(usize),
}

/// Runs `step` over `chunk`, holding back in `pending` only what a step needs more of.
pub(super) fn drive(
    pending: &mut Vec<u8>,
    mut chunk: &[u8],
    mut step: impl FnMut(&[u8]) -> Result<Step, WireError>,
) -> Result<(), WireError> {
    while !chunk.is_empty() {
        if pending.is_empty() {
            match step(chunk)? {
                Step::Used(used) => chunk = &chunk[used..],
                Step::Need(_) => {
                    pending.extend_from_slice(chunk);
                    return Ok(());
                }
            }
        } else {
            match step(pending)? {
                Step::Used(used) => release(pending, used),
                Step::Need(total) => {
                    let missing = total.saturating_sub(pending.len()).clamp(1, chunk.len());
                    pending.extend_from_slice(&chunk[..missing]);
                    chunk = &chunk[missing..];
                }
            }
        }
    }
    // The last bytes may have completed what was pending.
    while !pending.is_empty() {
        match step(pending)? {
            Step::Used(used) => release(pending, used),
            Step::Need(_) => return Ok(()),
        }
    }
    Ok(())
}

fn release(pending: &mut Vec<u8>, used: usize) {
    pending.drain(..used);
    // One huge item must not keep its buffer for the life of a watch.
    if pending.is_empty() && pending.capacity() > 1 << 20 {
        *pending = Vec::new();
    }
}

#[derive(Default)]
struct ProtoList {
    pending: Vec<u8>,
    reader: Reader,
}

/// Where in envelope and list the next byte stands.
#[derive(Default)]
struct Reader {
    place: Place,
    kind: Option<TypeMeta>,
    /// Bytes of the list still to come; `None` before it starts.
    left: Option<u64>,
    end: ListEnd,
}

#[derive(Default, Clone, Copy)]
enum Place {
    #[default]
    Magic,
    /// At a field of the envelope or, while `left` is above 0, of the list.
    Field,
    /// In a field that is read as a whole.
    Element { field: u32, length: usize, listed: bool },
    /// In a field that nobody reads.
    Skip { length: u64 },
}

impl ProtoList {
    fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<(), WireError> {
        drive(&mut self.pending, bytes, |bytes| self.reader.step(bytes, sink))
    }

    fn finish(self) -> Result<ListEnd, WireError> {
        let between = self.pending.is_empty() && matches!(self.reader.place, Place::Field);
        match self.reader.left {
            Some(0) if between => Ok(self.reader.end),
            _ => Err(WireError::Truncated("a list")),
        }
    }
}

impl Reader {
    fn step(&mut self, bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<Step, WireError> {
        match self.place {
            Place::Magic => {
                let known = bytes.len().min(MAGIC.len());
                if bytes[..known] != MAGIC[..known] {
                    return Err(WireError::Magic);
                }
                if known < MAGIC.len() {
                    return Ok(Step::Need(MAGIC.len()));
                }
                self.place = Place::Field;
                Ok(Step::Used(MAGIC.len()))
            }
            Place::Field => self.field(bytes, sink),
            Place::Element { field, length, listed } => match bytes.get(..length) {
                None => Ok(Step::Need(length)),
                Some(element) => {
                    self.place = Place::Field;
                    self.element(field, listed, element, sink)?;
                    Ok(Step::Used(length))
                }
            },
            Place::Skip { length } => {
                let used = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
                let length = length - used as u64;
                self.place = if length == 0 { Place::Field } else { Place::Skip { length } };
                Ok(Step::Used(used))
            }
        }
    }

    /// Reads a field's tag, and its length or value.
    fn field(&mut self, bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<Step, WireError> {
        let listed = self.left.is_some_and(|left| left > 0);
        let Some((tag, tag_length)) = varint(bytes)? else { return Ok(Step::Need(bytes.len() + 1)) };
        let field = field_number(tag)?;
        let (used, length) = match tag & 7 {
            0 => match varint(&bytes[tag_length..])? {
                Some((_, value_length)) => (tag_length + value_length, 0),
                None => return Ok(Step::Need(bytes.len() + 1)),
            },
            1 => (tag_length, 8),
            5 => (tag_length, 4),
            2 => match varint(&bytes[tag_length..])? {
                Some((length, length_length)) => (tag_length + length_length, length),
                None => return Ok(Step::Need(bytes.len() + 1)),
            },
            _ => return Err(WIRE_TYPE),
        };
        if listed {
            let spent = length.checked_add(used as u64);
            let left = self.left.zip(spent).and_then(|(left, spent)| left.checked_sub(spent));
            self.left = Some(left.ok_or(WireError::Malformed("an item runs over the end of its list"))?);
        }
        // Fields 1 and 2 are all that is read: type and list of the envelope, metadata and items of the list.
        match (tag & 7, field, listed) {
            (2, 2, false) => self.begin_list(length)?,
            (2, 1 | 2, _) => self.begin_element(field, length, listed, sink)?,
            _ => self.place = if length == 0 { Place::Field } else { Place::Skip { length } },
        }
        Ok(Step::Used(used))
    }

    fn begin_list(&mut self, length: u64) -> Result<(), WireError> {
        if self.left.is_some() {
            return Err(WireError::Malformed("two lists in one answer"));
        }
        self.kind.take().unwrap_or_default().expect("PartialObjectMetadataList")?;
        self.left = Some(length);
        Ok(())
    }

    fn begin_element(
        &mut self,
        field: u32,
        length: u64,
        listed: bool,
        sink: &mut dyn FnMut(ListPart),
    ) -> Result<(), WireError> {
        match usize::try_from(length) {
            // Nothing will arrive for it: it is complete.
            Ok(0) => self.element(field, listed, &[], sink),
            Ok(length) if length <= MAX_ITEM => {
                self.place = Place::Element { field, length, listed };
                Ok(())
            }
            Ok(_) | Err(_) => Err(WireError::TooLarge { what: "an item", cap: MAX_ITEM }),
        }
    }

    fn element(
        &mut self,
        field: u32,
        listed: bool,
        bytes: &[u8],
        sink: &mut dyn FnMut(ListPart),
    ) -> Result<(), WireError> {
        match (listed, field) {
            (false, _) => self.kind = Some(TypeMeta::read(bytes)?),
            (true, 1) => {
                self.end = metadata::list_meta(bytes)?;
                if !self.end.resource_version.is_empty() {
                    sink(ListPart::Version(self.end.resource_version.clone()));
                }
            }
            (true, _) => sink(ListPart::Item(Box::new(metadata::partial_object(bytes)?))),
        }
        Ok(())
    }
}
