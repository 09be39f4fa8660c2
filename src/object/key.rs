//! Fixed-size keys: the index's key of an entry is (id, uid), and one id has at most one living entry.

use sha2::{Digest, Sha256};

/// Hash of a document id: which object a document describes, whatever its uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdHash(pub u128);

/// Hash of (id, uid): one entry of the index. A recreated object has the same id and another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

impl IdHash {
    /// Hashes a document id.
    pub fn of(id: &str) -> Self {
        Self(hash(&[id.as_bytes()]))
    }
}

impl Key {
    /// Hashes a document id and a uid.
    pub fn of(id: &str, uid: &str) -> Self {
        Self(hash(&[id.as_bytes(), &[0], uid.as_bytes()]))
    }
}

// SHA-256 and not a fast hash: who may create objects must not be able to craft two with one key.
fn hash(parts: &[&[u8]]) -> u128 {
    let mut sha = Sha256::new();
    parts.iter().for_each(|part| sha.update(part));
    let digest = sha.finalize();
    digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_tells_uids_and_ids_apart() {
        assert_ne!(Key::of("a/v1/Pod/x", "1"), Key::of("a/v1/Pod/x", "2"));
        assert_ne!(Key::of("a/v1/Pod/x", "1"), Key::of("a/v1/Pod/x1", ""));
        assert_eq!(Key::of("a", "b"), Key::of("a", "b"));
    }
}
