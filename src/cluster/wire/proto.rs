//! Protobuf, as little of it as Kubernetes metadata needs: fields of a message that is in memory, and the two
//! writers of the encode side. Hand-written, so that `managedFields` costs one varint.

use super::WireError;

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: strings, bytes, messages.
    Bytes(&'a [u8]),
    /// Wire types 1 and 5: none of ours, skipped.
    Fixed,
}

/// The fields of one message, in the order they were written.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value; `None` at the end of the message.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = field_number(tag)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| OVERRUN)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(WIRE_TYPE),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        match varint(self.rest)? {
            Some((value, used)) => {
                self.rest = &self.rest[used..];
                Ok(value)
            }
            None => Err(OVERRUN),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(OVERRUN)?;
        self.rest = rest;
        Ok(taken)
    }
}

const OVERRUN: WireError = WireError::Malformed("a protobuf field runs over the end of its message");
pub(super) const WIRE_TYPE: WireError = WireError::Malformed("an unknown protobuf wire type");

/// The field number of a tag.
pub(super) fn field_number(tag: u64) -> Result<u32, WireError> {
    match u32::try_from(tag >> 3) {
        Ok(number @ 1..=0x1fff_ffff) => Ok(number),
        Ok(_) | Err(_) => Err(WireError::Malformed("an impossible protobuf field number")),
    }
}

/// A varint at the start of `bytes` and its length; `None` when more bytes are needed.
#[inline]
pub(super) fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, WireError> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            // The tenth byte holds the top bit only.
            return if index == 9 && byte > 1 { Err(LONG_VARINT) } else { Ok(Some((value, index + 1))) };
        }
    }
    if bytes.len() >= 10 { Err(LONG_VARINT) } else { Ok(None) }
}

const LONG_VARINT: WireError = WireError::Malformed("a protobuf number of more than 64 bits");

/// Text of a field. Kubernetes wants UTF-8 but Go does not insist: bad bytes become U+FFFD rather than costing the
/// whole list.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a varint field.
pub(super) fn put_number(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field) << 3);
    put_varint(out, value);
}

/// Appends a length-delimited field.
pub(super) fn put_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_varint(out, u64::from(field) << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_as_written_and_wait_for_their_last_byte() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(varint(&bytes), Ok(Some((value, bytes.len()))));
            assert_eq!(varint(&bytes[..bytes.len() - 1]), Ok(None));
        }
        assert_eq!(varint(&[0xff; 10]), Err(LONG_VARINT));
        assert_eq!(varint(&[0x80; 12]), Err(LONG_VARINT));
    }

    #[test]
    fn a_field_longer_than_its_message_is_an_error() {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, 1, b"name");
        put_number(&mut bytes, 7, 9);
        let mut fields = Fields::new(&bytes);
        assert_eq!(fields.next(), Ok(Some((1, Value::Bytes(b"name")))));
        assert_eq!(fields.next(), Ok(Some((7, Value::Varint(9)))));
        assert_eq!(fields.next(), Ok(None));
        for end in 1..6 {
            assert_eq!(Fields::new(&bytes[..end]).next(), Err(OVERRUN), "{end}");
        }
        assert_eq!(Fields::new(&[0x0b]).next(), Err(WIRE_TYPE));
        assert!(Fields::new(&[0x00]).next().is_err());
    }
}
