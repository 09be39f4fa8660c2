//! Records into requests: as many as the store takes, below the limit of bytes.

use std::ops::Range;

use crate::mirror::store::{Limits, Record};

/// Bytes that JSON adds to a record, besides its texts: quotes, commas, names of keys.
const FRAME: usize = 200;

/// Why a record can't be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverLimit {
    /// Its id is too long.
    Id(usize),
    /// Its text is too long.
    Text(usize),
    /// It fills more than one request alone.
    Record(usize),
}

impl std::fmt::Display for OverLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(bytes) => write!(f, "its id has {bytes} bytes"),
            Self::Text(bytes) => write!(f, "its text has {bytes} bytes"),
            Self::Record(bytes) => write!(f, "it takes {bytes} bytes in a request"),
        }
    }
}

/// Whether a record can be stored at all.
pub fn over_limit(record: &Record, limits: &Limits) -> Option<OverLimit> {
    let size = size(record);
    if record.id.len() > limits.id_bytes {
        Some(OverLimit::Id(record.id.len()))
    } else if record.text.len() > limits.text_bytes {
        Some(OverLimit::Text(record.text.len()))
    } else if size > limits.bytes {
        Some(OverLimit::Record(size))
    } else {
        None
    }
}

/// Consecutive ranges of records that make one request each; every record is in exactly one.
pub fn requests(records: &[Record], limits: &Limits) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, record) in records.iter().enumerate() {
        let size = size(record);
        if at > start && (at - start >= limits.records.max(1) || bytes + size > limits.bytes) {
            ranges.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < records.len() {
        ranges.push(start..records.len());
    }
    ranges
}

/// About what a record takes in a request; escapes may make it a little more.
fn size(record: &Record) -> usize {
    // Base64 of four bytes a number.
    let vector = record.vector.as_ref().map_or(0, |vector| vector.len() * 16 / 3 + 4);
    let fields: usize = record.fields.iter().map(|(key, value)| key.len() + value_size(value)).sum();
    FRAME + record.id.len() + escaped(&record.text) + fields + vector
}

fn value_size(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => escaped(text),
        serde_json::Value::Array(items) => items.iter().map(|item| value_size(item) + 3).sum(),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Object(_) => 8,
    }
}

fn escaped(text: &str) -> usize {
    // A control character takes six bytes, a quote or backslash two.
    text.bytes()
        .map(|byte| {
            if byte < 0x20 {
                6
            } else if byte == b'"' || byte == b'\\' {
                2
            } else {
                1
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mirror::Fields;

    fn record(text: usize) -> Record {
        let vector = Some(vec![0.0; 3].into());
        Record { id: "x".into(), text: "a".repeat(text), fields: Fields::new(), vector }
    }

    const LIMITS: Limits = Limits { records: 3, bytes: 2_000, id_bytes: 10, text_bytes: 5_000 };

    #[test]
    fn a_record_over_a_limit_says_which() {
        assert_eq!(over_limit(&record(100), &LIMITS), None);
        assert_eq!(over_limit(&record(5_001), &LIMITS), Some(OverLimit::Text(5_001)));
        assert!(matches!(over_limit(&record(3_000), &LIMITS), Some(OverLimit::Record(_))));
        let long = Record { id: "12345678901".into(), ..record(1) };
        assert_eq!(over_limit(&long, &LIMITS), Some(OverLimit::Id(11)));
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_request_below_the_limits(sizes in prop::collection::vec(0..1_500_usize, 0..40)) {
            let records: Vec<_> = sizes.into_iter().map(record).collect();
            let ranges = requests(&records, &LIMITS);
            let mut next = 0;
            for range in ranges {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.len() <= LIMITS.records && !range.is_empty());
                let bytes: usize = records[range.clone()].iter().map(size).sum();
                prop_assert!(bytes <= LIMITS.bytes || range.len() == 1);
                next = range.end;
            }
            prop_assert_eq!(next, records.len());
        }
    }
}
