//! What filters select by, as terms: labels and annotations, owners, uids, flags. Searching and indexing share these
//! definitions.

use xxhash_rust::xxh3::xxh3_64;

use super::codec::{parse_uuid, print_uuid};
use super::terms::{CLUSTER, fold};
use crate::document::Document;
use crate::object::Owner;

/// Longest value in a term, in bytes; a longer one is cut there, and NUL and its hash follow.
pub const VALUE_CAP: usize = 200;

/// Follows a value that was cut, and stands between the parts of an owner.
pub const SEPARATOR: char = '\0';

/// `key=value` of a label or annotation (keys have no `=`).
pub fn pair(key: &str, value: &str) -> String {
    if value.len() <= VALUE_CAP {
        return [key, "=", value].concat();
    }
    let start = &value[..value.floor_char_boundary(VALUE_CAP)];
    format!("{key}={start}{SEPARATOR}{:016x}", xxh3_64(value.as_bytes()))
}

/// An owner's folded name, NUL, `Kind.group` (`Kind` for the core group), and where folding changed the name, NUL and
/// the name as it is.
pub fn owner(owner: &Owner) -> String {
    let folded = fold(&owner.name);
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    let mut term = format!("{folded}{SEPARATOR}{}", owner_kind(&owner.kind, group));
    if folded != owner.name {
        term.push(SEPARATOR);
        term.push_str(&owner.name);
    }
    term
}

/// The middle part of [`owner`].
pub fn owner_kind(kind: &str, group: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { [kind, ".", group].concat() }
}

/// [`owner`] taken apart: the folded name, `Kind.group`, the name.
pub fn parse_owner(term: &str) -> Option<(&str, &str, &str)> {
    let (folded, rest) = term.split_once(SEPARATOR)?;
    let (kind, name) = rest.split_once(SEPARATOR).unwrap_or((rest, folded));
    Some((folded, kind, name))
}

/// The lower half that says: this uid is no UUID, look at the document.
const NO_UUID: u64 = u64::MAX;

/// The halves of a UUID's bits; of any other text a hash and a lower half that no UUID has.
pub fn uid_bits(uid: &str) -> (u64, u64) {
    match parse_uuid(uid) {
        Some(bits) => ((bits >> 64) as u64, bits as u64),
        None => (xxh3_64(uid.as_bytes()), NO_UUID),
    }
}

/// The UUID that has these halves; `None` when the document must be asked.
pub fn uid_text((high, low): (u64, u64)) -> Option<String> {
    is_uuid(low).then(|| print_uuid(u128::from(high) << 64 | u128::from(low)))
}

/// Whether the lower half of [`uid_bits`] is that of a UUID.
pub fn is_uuid(low: u64) -> bool {
    low != NO_UUID
}

/// How owners' uids are looked up.
pub fn uid_term(uid: &str) -> [u8; 8] {
    uid_bits(uid).0.to_be_bytes()
}

/// What an object is or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// Marked for deletion.
    Deleting,
    /// Of a cluster-scoped kind.
    Cluster,
    /// Has a label.
    Label,
    /// Has an annotation.
    Annotation,
    /// Has an owner.
    Owner,
    /// Has a finalizer.
    Finalizer,
    /// Has a capital letter in its name.
    Capital,
}

impl Flag {
    /// The term.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleting => "deleting",
            Self::Cluster => "cluster",
            Self::Label => "label",
            Self::Annotation => "annotation",
            Self::Owner => "owner",
            Self::Finalizer => "finalizer",
            Self::Capital => "capital",
        }
    }

    /// The flags of a document.
    pub fn of(document: &Document) -> impl Iterator<Item = Flag> {
        let (metadata, local) = (&document.metadata, &document.local);
        let name = &metadata.name;
        let all = [
            (Self::Deleting, local.deleted.is_some()),
            (Self::Cluster, metadata.namespace == CLUSTER),
            (Self::Label, !local.labels.is_empty()),
            (Self::Annotation, !local.annotations.is_empty()),
            (Self::Owner, !local.owners.is_empty()),
            (Self::Finalizer, !local.finalizers.is_empty()),
            (Self::Capital, name.chars().zip(fold(name).chars()).any(|(c, folded)| c != folded)),
        ];
        all.into_iter().filter(|(_, yes)| *yes).map(|(flag, _)| flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_and_told_apart() {
        let long = "x".repeat(VALUE_CAP);
        assert_eq!(pair("k", &long), format!("k={long}"));
        let (a, b) = (pair("k", &format!("{long}a")), pair("k", &format!("{long}b")));
        assert_ne!(a, b);
        assert!(a.starts_with(&format!("k={long}\0")));
        assert!(pair("k", &"ä".repeat(150)).starts_with(&format!("k={}\0", "ä".repeat(100))));
    }

    #[test]
    fn owners_come_apart_again() {
        let one = |api: &str, name: &str| Owner {
            api_version: api.into(),
            kind: "Node".into(),
            name: name.into(),
            ..Owner::default()
        };
        assert_eq!(parse_owner(&owner(&one("v1", "web"))), Some(("web", "Node", "web")));
        assert_eq!(parse_owner(&owner(&one("a.io/v1", "Web"))), Some(("web", "Node.a.io", "Web")));
    }

    #[test]
    fn uids_come_back_from_their_bits() {
        let uid = "3f2a9c1d-8b7e-4c11-9f00-0123456789ab";
        assert_eq!(uid_text(uid_bits(uid)).as_deref(), Some(uid));
        assert_eq!(uid_text(uid_bits("uid-1")), None);
    }
}
