//! Base64 and PEM, through types that are there anyway.

use k8s_openapi::ByteString;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Decodes standard base64; line breaks are allowed, as kubectl allows them.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    serde_json::from_value::<ByteString>(serde_json::Value::String(text)).ok().map(|data| data.0)
}

/// Encodes standard base64.
#[cfg(test)]
pub(crate) fn to_base64(data: &[u8]) -> String {
    match serde_json::to_value(ByteString(data.to_vec())) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::new(),
    }
}

/// Decodes the URL-safe base64 of a JSON Web Token.
fn from_base64_url(text: &str) -> Option<Vec<u8>> {
    let mut standard: String = text
        .chars()
        .map(|c| {
            if c == '-' {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    from_base64(&standard)
}

/// The certificates of a PEM text. What is no certificate or can't be read is passed over: one block that somebody
/// damaged must not spoil the others.
pub(crate) fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut starts =
        pem.windows(BEGIN.len()).enumerate().filter(|(_, window)| *window == BEGIN).map(|(at, _)| at);
    let mut next = starts.next();
    while let Some(start) = next {
        next = starts.next();
        // Block by block: a missing end does not reach into the next one.
        let block = &pem[start..next.unwrap_or(pem.len())];
        found.extend(CertificateDer::from_pem_slice(block).ok().map(|der| der.to_vec()));
    }
    found
}

/// The certificates of a PEM text that can be trusted as authorities.
pub(crate) fn authorities(pem: &[u8]) -> Vec<Vec<u8>> {
    let is_usable = |der: &Vec<u8>| RootCertStore::empty().add(CertificateDer::from(der.as_slice())).is_ok();
    certificates(pem).into_iter().filter(is_usable).collect()
}

/// Whether a text has any PEM block.
pub(super) fn is_pem(text: &[u8]) -> bool {
    text.windows(BEGIN.len()).any(|window| window == BEGIN)
}

const BEGIN: &[u8] = b"-----BEGIN ";

/// The subject a service account token names (`system:serviceaccount:<namespace>:<name>`); nothing is verified.
pub(super) fn token_subject(token: &str) -> Option<String> {
    let payload = from_base64_url(token.trim().split('.').nth(1)?)?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        assert_eq!(from_base64(" aGVsbG8=\n").unwrap(), b"hello");
        assert_eq!(to_base64(b"hello"), "aGVsbG8=");
        assert_eq!(from_base64("not base64!"), None);
    }

    #[test]
    fn a_token_names_its_subject_and_anything_else_names_none() {
        let payload = to_base64(br#"{"sub":"system:serviceaccount:a:b"}"#);
        let token = format!("h.{}.s", payload.trim_end_matches('=').replace('+', "-").replace('/', "_"));
        assert_eq!(token_subject(&token).as_deref(), Some("system:serviceaccount:a:b"));
        for other in ["", "opaque", "a.b.c", "a.e30.c"] {
            assert_eq!(token_subject(other), None);
        }
    }
}
