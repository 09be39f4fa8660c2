//! The little that is read of X.509 certificates and keys here: whose they are, when they are valid, what they are for.
//!
//! A few fields at fixed places do not need a certificate parser and its seven dependencies: a walk over the outer tags
//! is enough. Signatures and names are verified by rustls.

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const PARAMETERS: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// 1.2.840.10045.2.1
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 2.5.29.19
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// 2.5.29.37
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// 2.5.29.37.0
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
/// 1.3.6.1.5.5.7.3.1
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// Fields of a certificate.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    /// The issuer's name, as the DER stands there.
    pub(super) issuer: &'a [u8],
    /// The subject's name, as the DER stands there.
    pub(super) subject: &'a [u8],
    /// Seconds since 1970; inclusive.
    pub(super) not_before: i64,
    /// Seconds since 1970; inclusive.
    pub(super) not_after: i64,
    /// Whether servers may use it: extended key usages name them, or there are none.
    pub(super) is_for_servers: bool,
    /// Whether it says that it is an authority. One of version 1 can't say anything about that.
    pub(super) is_authority: bool,
}

impl<'a> Certificate<'a> {
    /// Reads the DER of a certificate; `None` where it is none.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?; // TBSCertificate
        let has_version = rest.first() == Some(&VERSION);
        if has_version {
            rest = element(rest, VERSION)?.1;
        }
        rest = element(rest, INTEGER)?.1; // serial number
        rest = element(rest, SEQUENCE)?.1; // signature algorithm
        let (issuer, rest) = element(rest, SEQUENCE)?;
        let (validity, rest) = element(rest, SEQUENCE)?;
        let (subject, rest) = element(rest, SEQUENCE)?;
        let (not_before, validity) = time(validity)?;
        let (not_after, _) = time(validity)?;
        let (_public_key, rest) = element(rest, SEQUENCE)?;
        let (mut is_for_servers, mut is_authority) = (true, !has_version);
        let mut extensions = extensions(rest)?;
        while !extensions.is_empty() {
            let (extension, after) = element(extensions, SEQUENCE)?;
            extensions = after;
            let (id, value) = element(extension, OBJECT_ID)?;
            match id {
                EXTENDED_KEY_USAGE => is_for_servers = names_servers(content(value)?)?,
                BASIC_CONSTRAINTS => is_authority = content(value)?.starts_with(&[BOOLEAN, 1, 0xff]),
                _ => {}
            }
        }
        Some(Self { issuer, subject, not_before, not_after, is_for_servers, is_authority })
    }
}

/// A private key on an elliptic curve, as SEC1 writes it.
pub(super) struct EcPrivateKey<'a> {
    /// The secret number.
    pub(super) secret: &'a [u8],
    /// The object id of the curve, where it stands there.
    pub(super) curve: Option<&'a [u8]>,
}

/// Reads the DER of an `ECPrivateKey`.
pub(super) fn ec_private_key(der: &[u8]) -> Option<EcPrivateKey<'_>> {
    let (key, _) = element(der, SEQUENCE)?;
    let (_version, rest) = element(key, INTEGER)?;
    let (secret, rest) = element(rest, OCTETS)?;
    let curve = element(rest, PARAMETERS).and_then(|(inner, _)| element(inner, OBJECT_ID));
    Some(EcPrivateKey { secret, curve: curve.map(|(curve, _)| curve) })
}

/// The curve and the `ECPrivateKey` in a PKCS#8 key; `None` where it is none of an elliptic curve.
pub(super) fn ec_in_pkcs8(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, _) = element(der, SEQUENCE)?;
    let (_version, rest) = element(info, INTEGER)?;
    let (algorithm, rest) = element(rest, SEQUENCE)?;
    let (id, parameters) = element(algorithm, OBJECT_ID)?;
    let (curve, _) = element(parameters, OBJECT_ID).filter(|_| id == EC_PUBLIC_KEY)?;
    let (key, _) = element(rest, OCTETS)?;
    Some((curve, key))
}

/// The extensions, in what follows the public key; before them stand unique ids that nobody uses.
fn extensions(mut rest: &[u8]) -> Option<&[u8]> {
    while let Some(&tag) = rest.first() {
        let (inner, after) = element(rest, tag)?;
        if tag == EXTENSIONS {
            return element(inner, SEQUENCE).map(|(extensions, _)| extensions);
        }
        rest = after;
    }
    Some(&[])
}

/// What is in an extension's value, a sequence for all that are read here; whether it is critical stands before it.
fn content(mut value: &[u8]) -> Option<&[u8]> {
    if value.first() == Some(&BOOLEAN) {
        value = element(value, BOOLEAN)?.1;
    }
    let (value, _) = element(value, OCTETS)?;
    element(value, SEQUENCE).map(|(content, _)| content)
}

fn names_servers(mut usages: &[u8]) -> Option<bool> {
    while !usages.is_empty() {
        let (usage, after) = element(usages, OBJECT_ID)?;
        if usage == SERVER_AUTH || usage == ANY_USAGE {
            return Some(true);
        }
        usages = after;
    }
    Some(false)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, as RFC 5280 asks for.
fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let tag = *der.first()?;
    let (text, rest) = element(der, tag)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, text) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, text) = text.split_at(2);
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, text) = text.split_at(4);
            (year.parse().ok()?, text)
        }
        _ => return None,
    };
    let part = |at: usize| text.get(at..at + 2)?.parse::<i8>().ok();
    let date = jiff::civil::DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    let seconds = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some((seconds, rest))
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
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> rcgen::Certificate {
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "the authority");
        let issuer = rcgen::Issuer::new(ca, &key);
        let mut user = CertificateParams::default();
        user.distinguished_name.push(DnType::CommonName, "the user");
        change(&mut user);
        user.signed_by(&key, &issuer).unwrap()
    }

    #[test]
    fn a_certificate_gives_its_issuer_subject_and_times() {
        // The year decides between the two ways to write a time.
        for (year, second) in [(2049, 2_493_072_000), (2051, 2_556_144_000)] {
            let made = certificate(|params| {
                params.not_before = rcgen::date_time_ymd(1999, 12, 31);
                params.not_after = rcgen::date_time_ymd(year, 1, 1);
            });
            let read = Certificate::read(made.der()).unwrap();
            assert!(String::from_utf8_lossy(read.issuer).contains("the authority"));
            assert!(String::from_utf8_lossy(read.subject).contains("the user"));
            assert_eq!((read.not_before, read.not_after), (946_598_400, second));
        }
    }

    #[test]
    fn usages_decide_whether_servers_may_use_it() {
        use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
        for (usages, expected) in [
            (vec![], true),
            (vec![ServerAuth], true),
            (vec![ClientAuth, ServerAuth], true),
            (vec![Any], true),
            (vec![ClientAuth], false),
        ] {
            let made = certificate(|params| params.extended_key_usages = usages.clone());
            assert_eq!(Certificate::read(made.der()).unwrap().is_for_servers, expected, "{usages:?}");
        }
    }

    #[test]
    fn only_what_says_so_is_an_authority() {
        use rcgen::{BasicConstraints, IsCa};
        for (is_ca, expected) in [
            (IsCa::NoCa, false),
            (IsCa::ExplicitNoCa, false),
            (IsCa::Ca(BasicConstraints::Unconstrained), true),
            (IsCa::Ca(BasicConstraints::Constrained(0)), true),
        ] {
            let made = certificate(|params| params.is_ca = is_ca);
            assert_eq!(Certificate::read(made.der()).unwrap().is_authority, expected, "{is_ca:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_give_nothing() {
        for bytes in [&b""[..], b"0", b"0\x84\xff\xff\xff\xff", b"hello", &[0x30; 64]] {
            assert!(Certificate::read(bytes).is_none());
        }
    }

    proptest! {
        #[test]
        fn damaged_certificates_do_no_harm(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
            let made = certificate(|_| {});
            let mut der = made.der().to_vec();
            let length = der.len();
            der[at % length] = byte;
            der.truncate(length - cut % length);
            if let Some(read) = Certificate::read(&der) {
                prop_assert!(read.issuer.len() <= der.len());
            }
        }
    }
}
