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

/// Issuer and subject of an X.509 certificate, as the DER stands there.
///
/// Two fields at fixed places do not need a certificate parser and its seven dependencies: a walk over the outer
/// tags is enough, and nothing here decides about trust (rustls does).
pub(super) fn issuer_and_subject(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const EXPLICIT_VERSION: u8 = 0xa0;
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?; // TBSCertificate
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = element(rest, EXPLICIT_VERSION)?.1;
    }
    rest = element(rest, 0x02)?.1; // serial number
    rest = element(rest, SEQUENCE)?.1; // signature algorithm
    let (issuer, rest) = element(rest, SEQUENCE)?;
    let (_validity, rest) = element(rest, SEQUENCE)?;
    let (subject, _) = element(rest, SEQUENCE)?;
    Some((issuer, subject))
}

/// Splits one DER element of the given tag off: its content, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
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
    fn a_certificate_gives_its_issuer_and_subject() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::default();
        ca.distinguished_name.push(rcgen::DnType::CommonName, "the authority");
        let issuer = rcgen::Issuer::new(ca, &key);
        let mut user = rcgen::CertificateParams::default();
        user.distinguished_name.push(rcgen::DnType::CommonName, "the user");
        let certificate = user.signed_by(&key, &issuer).unwrap();
        let (issuer, subject) = issuer_and_subject(certificate.der()).unwrap();
        assert!(String::from_utf8_lossy(issuer).contains("the authority"));
        assert!(String::from_utf8_lossy(subject).contains("the user"));
    }

    #[test]
    fn bytes_that_are_no_certificate_give_nothing() {
        for bytes in [&b""[..], b"0", b"0\x84\xff\xff\xff\xff", b"hello", &[0x30; 64]] {
            assert_eq!(issuer_and_subject(bytes), None);
        }
    }
}
