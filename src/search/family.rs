//! Owners and what they own, by the uids of owner references.

use std::collections::HashSet;

use crate::index::facts::{SEPARATOR, parse_owner, uid_term};
use crate::index::terms::fold;
use crate::index::{Doc, IndexError, Segment, Snapshot, Terms};

use super::matching::Scratch;
use super::plan::Origin;

/// Longest chain of owners that is followed; Kubernetes' own have four links.
const DEPTH: usize = 32;

/// From this many owners on, the dictionary is read once instead of being asked for each.
const MANY: usize = 4096;

/// Calls `each` with the documents of a segment that have such a direct owner.
pub(crate) fn owned(segment: &Segment, origin: &Origin, each: impl FnMut(&[Doc])) -> Result<(), IndexError> {
    let (kinds, name) = match origin {
        Origin::Uid(uid) => return segment.with_term(Terms::OwnerUid, &uid_term(uid), each),
        Origin::Named { kinds, name } => (kinds, name),
    };
    let mut start = fold(name.start());
    if name.is_exact() {
        start.push(SEPARATOR);
    }
    let mut scratch = Scratch::default();
    let fits = |term: &[u8]| {
        let owner = std::str::from_utf8(term).ok().and_then(parse_owner);
        owner.is_some_and(|(_, kind, text)| {
            kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|wanted| wanted == kind))
                && name.find(text, &mut scratch).is_some()
        })
    };
    segment.with_prefix(Terms::Owner, start.as_bytes(), fits, each)
}

/// The living documents that have one of these as an ancestor, of every segment in order.
pub(crate) fn descendants(origins: &[Origin], snapshot: &Snapshot) -> Result<Vec<Vec<Doc>>, IndexError> {
    let segments = snapshot.segments();
    let mut family = Family {
        found: segments.iter().map(|segment| vec![false; segment.max_doc() as usize]).collect(),
        uids: HashSet::new(),
    };
    for (number, segment) in segments.iter().enumerate() {
        for origin in origins {
            owned(segment, origin, |docs| family.add(number, segment, docs))?;
        }
    }
    for _ in 0..DEPTH {
        let owners = std::mem::take(&mut family.uids);
        if owners.is_empty() {
            break;
        }
        for (number, segment) in segments.iter().enumerate() {
            if owners.len() > MANY {
                segment.with_prefix(
                    Terms::OwnerUid,
                    &[],
                    |term| owners.contains(term),
                    |docs| family.add(number, segment, docs),
                )?;
                continue;
            }
            for owner in &owners {
                segment.with_term(Terms::OwnerUid, owner, |docs| family.add(number, segment, docs))?;
            }
        }
    }
    let found = family.found.into_iter();
    Ok(found.map(|found| (0..).zip(found).filter(|(_, is)| *is).map(|(doc, _)| doc).collect()).collect())
}

struct Family {
    /// Of each segment, which documents were found.
    found: Vec<Vec<bool>>,
    /// Terms of the uids of those whose children were not looked for yet.
    uids: HashSet<Vec<u8>>,
}

impl Family {
    fn add(&mut self, number: usize, segment: &Segment, docs: &[Doc]) {
        for doc in docs.iter().filter(|doc| segment.is_alive(**doc)) {
            if let Some(found) = self.found.get_mut(number).and_then(|found| found.get_mut(*doc as usize))
                && !std::mem::replace(found, true)
            {
                self.uids.insert(segment.uid(*doc).0.to_be_bytes().to_vec());
            }
        }
    }
}
