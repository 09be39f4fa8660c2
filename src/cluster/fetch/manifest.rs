//! An object as YAML for people: `managedFields` apart, a Secret's values masked.

use serde_json::{Map, Value};

use super::{FetchError, ObjectRef};

/// What stands in the place of a masked value.
pub const MASK: &str = "••••••••";

/// An object, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The object as YAML, without `metadata.managedFields`.
    pub text: String,
    /// `metadata.managedFields` as YAML; empty when there are none.
    pub managed_fields: String,
    /// How many values were masked.
    pub masked: usize,
}

pub(super) fn read(mut value: Value, object: &ObjectRef, reveal: bool) -> Result<Manifest, FetchError> {
    let Some(fields) = value.as_object_mut() else {
        return Err(FetchError::Unreadable("no object".to_owned()));
    };
    let metadata = fields.get_mut("metadata").and_then(Value::as_object_mut);
    let uid = metadata.as_ref().and_then(|metadata| metadata.get("uid")).and_then(Value::as_str);
    if uid.is_some_and(|uid| !object.uid.is_empty() && uid != object.uid) {
        return Err(FetchError::Replaced);
    }
    let managed = metadata.and_then(|metadata| metadata.remove("managedFields"));
    let masked = if object.is_secret() && !reveal { mask(fields) } else { 0 };
    let managed_fields = match managed {
        Some(Value::Array(entries)) if !entries.is_empty() => yaml(&Value::Array(entries))?,
        Some(_) | None => String::new(),
    };
    Ok(Manifest { text: yaml(&value)?, managed_fields, masked })
}

// `data` and `stringData`, and every annotation: kubectl's last-applied-configuration holds both again.
fn mask(secret: &mut Map<String, Value>) -> usize {
    let mut masked = 0;
    let mut hide = |values: Option<&mut Value>| match values {
        Some(Value::Object(values)) => values.values_mut().for_each(|value| {
            *value = Value::String(MASK.to_owned());
            masked += 1;
        }),
        // Not what an API server sends; whatever it is, it is not shown.
        Some(other) if !other.is_null() => {
            *other = Value::String(MASK.to_owned());
            masked += 1;
        }
        Some(_) | None => {}
    };
    hide(secret.get_mut("data"));
    hide(secret.get_mut("stringData"));
    hide(secret.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations")));
    masked
}

fn yaml(value: &Value) -> Result<String, FetchError> {
    let text = serde_saphyr::to_string(value).map_err(|error| FetchError::Unreadable(error.to_string()))?;
    Ok(text.trim_end().to_owned())
}
