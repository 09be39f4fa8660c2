//! `ObjectMeta` and `ListMeta` in protobuf, read straight into [`Object`].

use super::WireError;
use super::list::ListEnd;
use super::proto::{Fields, Value, text};
use crate::object::{Object, Owner};

/// Reads a `PartialObjectMetadata`: field 1 is its `ObjectMeta`.
pub(super) fn partial_object(bytes: &[u8]) -> Result<Object, WireError> {
    let mut object = Object::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        if let (1, Value::Bytes(meta)) = field {
            object_meta(meta, &mut object)?;
        }
    }
    Ok(object)
}

// Tags of k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto. Not read: generateName 2, selfLink 4,
// deletionGracePeriodSeconds 10, managedFields 17.
fn object_meta(bytes: &[u8], object: &mut Object) -> Result<(), WireError> {
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(value)) => object.name = text(value),
            (3, Value::Bytes(value)) => object.namespace = text(value),
            (5, Value::Bytes(value)) => object.uid = text(value),
            (6, Value::Bytes(value)) => object.resource_version = text(value),
            (7, Value::Varint(value)) => object.generation = value.cast_signed(),
            (8, Value::Bytes(value)) => object.created = time(value)?,
            (9, Value::Bytes(value)) => object.deleted = time(value)?,
            (11, Value::Bytes(value)) => object.labels.extend([pair(value)?]),
            (12, Value::Bytes(value)) => object.annotations.extend([pair(value)?]),
            (13, Value::Bytes(value)) => object.owners.push(owner(value)?),
            (14, Value::Bytes(value)) => object.finalizers.push(text(value)),
            _ => {}
        }
    }
    Ok(())
}

// `Timestamp`: seconds 1, nanos 2. Go's zero time is written as an empty message.
fn time(bytes: &[u8]) -> Result<Option<i64>, WireError> {
    let mut seconds = 0;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        if let (1, Value::Varint(value)) = field {
            seconds = value.cast_signed();
        }
    }
    Ok(Some(seconds).filter(|&seconds| seconds != 0))
}

fn pair(bytes: &[u8]) -> Result<(String, String), WireError> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => key = text(bytes),
            (2, Value::Bytes(bytes)) => value = text(bytes),
            _ => {}
        }
    }
    Ok((key, value))
}

fn owner(bytes: &[u8]) -> Result<Owner, WireError> {
    let mut owner = Owner::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(value)) => owner.kind = text(value),
            (3, Value::Bytes(value)) => owner.name = text(value),
            (4, Value::Bytes(value)) => owner.uid = text(value),
            (5, Value::Bytes(value)) => owner.api_version = text(value),
            (6, Value::Varint(value)) => owner.controller = value != 0,
            _ => {}
        }
    }
    Ok(owner)
}

/// Reads a `ListMeta`.
pub(super) fn list_meta(bytes: &[u8]) -> Result<ListEnd, WireError> {
    let mut end = ListEnd::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (2, Value::Bytes(value)) => end.resource_version = text(value),
            (3, Value::Bytes(value)) => {
                end.continue_token = Some(text(value)).filter(|token| !token.is_empty())
            }
            (4, Value::Varint(value)) => end.remaining = u64::try_from(value.cast_signed()).ok(),
            _ => {}
        }
    }
    Ok(end)
}
