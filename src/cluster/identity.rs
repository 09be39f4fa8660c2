//! Which cluster an index belongs to, and through which user: a hash that survives a rotated credential.

use std::fmt;

use sha2::{Digest, Sha256};

/// One cluster seen through one user entry: the name of an index directory.
///
/// Hashed are the API server's URL, its CA, the user entry's name and auth method, and impersonation. Never a
/// token, a key or a certificate's bytes: a renewed credential keeps the index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(String);

impl Identity {
    /// The hash as 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user's name without what changes at each login: as EKS names somebody who assumed a role, the name ends with the
/// session's (`arn:aws:sts::123456789012:assumed-role/Admin/botocore-session-1700000000`). The role says who it is.
pub fn lasting_user(name: &str) -> &str {
    let role = || {
        let (partition, rest) = name.strip_prefix("arn:")?.split_once(":sts::")?;
        let (account, role) = rest.split_once(":assumed-role/")?;
        let (role, session) = role.split_once('/')?;
        let is_plain = partition.starts_with("aws") && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_session = !role.is_empty() && !session.is_empty() && !session.contains('/');
        (is_plain && is_session).then(|| &name[..name.len() - session.len() - 1])
    };
    role().unwrap_or(name)
}

/// Collects the facts of an identity; order and borders of the values count.
pub(super) struct Facts(Sha256);

impl Facts {
    pub(super) fn new() -> Self {
        let mut sha = Sha256::new();
        sha.update(b"kubesift identity 1");
        Self(sha)
    }

    /// Adds one named value. Lengths are hashed too: `ab`, `c` is not `a`, `bc`.
    pub(super) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
    }

    /// Adds a value where there is one: absent and empty differ.
    pub(super) fn add_optional(&mut self, name: &str, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    pub(super) fn identity(self) -> Identity {
        Identity(self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(facts: &[(&str, &str)]) -> Identity {
        let mut all = Facts::new();
        facts.iter().for_each(|(name, value)| all.add(name, value));
        all.identity()
    }

    #[test]
    fn the_borders_between_values_count() {
        assert_ne!(hash(&[("a", "bc")]), hash(&[("ab", "c")]));
        assert_ne!(hash(&[("a", "b"), ("c", "d")]), hash(&[("a", "bcd")]));
        assert_eq!(hash(&[("a", "b")]), hash(&[("a", "b")]));
        assert_eq!(hash(&[]).as_str().len(), 64);
    }

    #[test]
    fn the_session_of_an_assumed_role_is_no_part_of_the_user() {
        for (name, lasting) in [
            (
                "arn:aws:sts::123456789012:assumed-role/Admin/one",
                "arn:aws:sts::123456789012:assumed-role/Admin",
            ),
            ("arn:aws-cn:sts::1:assumed-role/A/me@x.org", "arn:aws-cn:sts::1:assumed-role/A"),
        ] {
            assert_eq!(lasting_user(name), lasting);
            assert_eq!(lasting_user(lasting), lasting, "what is stored already stays");
        }
        for name in [
            "",
            "jane",
            "system:serviceaccount:a:b",
            "arn:aws:iam::123456789012:user/path/jane",
            "arn:aws:sts::123456789012:federated-user/jane",
            "arn:aws:sts::123456789012:assumed-role/Admin",
            "arn:aws:sts::123456789012:assumed-role/Admin/",
            "arn:aws:sts::me:assumed-role/Admin/one",
            "x:arn:aws:sts::1:assumed-role/Admin/one",
        ] {
            assert_eq!(lasting_user(name), name);
        }
    }
}
