//! Resource versions: decimal numbers that grow, or opaque strings (aggregated APIs) that can't be compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A `resourceVersion` as a server sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ResourceVersion {
    /// A decimal integer: comparable, and good for a resume.
    Number(u64),
    /// Anything else: neither compared nor resumed across restarts.
    Opaque(Box<str>),
}

impl ResourceVersion {
    /// Reads what stands in `metadata.resourceVersion`; `None` when it is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if plain => Some(Self::Number(number)),
            Ok(_) | Err(_) if text.is_empty() => None,
            Ok(_) | Err(_) => Some(Self::Opaque(text.into())),
        }
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Opaque(_) => None,
        }
    }
}

impl From<String> for ResourceVersion {
    fn from(text: String) -> Self {
        Self::parse(&text).unwrap_or(Self::Opaque(text.into()))
    }
}

impl From<ResourceVersion> for String {
    fn from(version: ResourceVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Opaque(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimals_are_numbers() {
        assert_eq!(ResourceVersion::parse("42"), Some(ResourceVersion::Number(42)));
        for opaque in ["0x2a", "042", "-1", "v42", "99999999999999999999999", "4 2"] {
            assert_eq!(ResourceVersion::parse(opaque), Some(ResourceVersion::Opaque(opaque.into())));
        }
        assert_eq!(ResourceVersion::parse(""), None);
    }
}
