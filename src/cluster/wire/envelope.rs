//! The envelope of every protobuf message: `k8s\0`, then a `runtime.Unknown`.

use super::proto::{Fields, Value, text};
use super::{WireError, short};

/// The magic bytes.
pub(super) const MAGIC: &[u8; 4] = b"k8s\0";

/// `TypeMeta`: what an envelope holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct TypeMeta {
    pub(super) kind: String,
}

impl TypeMeta {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut own = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next()? {
            if let (2, Value::Bytes(kind)) = field {
                own.kind = text(kind);
            }
        }
        Ok(own)
    }

    /// The one kind that is welcome here.
    pub(super) fn expect(&self, expected: &'static str) -> Result<(), WireError> {
        if self.kind == expected {
            return Ok(());
        }
        let found = if self.kind.is_empty() { "something unnamed".to_owned() } else { short(&self.kind) };
        Err(WireError::Unexpected { expected, found })
    }
}

/// Opens an envelope that is in memory: its type and the bytes inside.
pub(super) fn open(bytes: &[u8]) -> Result<(TypeMeta, &[u8]), WireError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(WireError::Magic)?;
    let (mut kind, mut raw) = (TypeMeta::default(), &[][..]);
    let mut fields = Fields::new(rest);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(value)) => kind = TypeMeta::read(value)?,
            (2, Value::Bytes(value)) => raw = value,
            _ => {}
        }
    }
    Ok((kind, raw))
}
