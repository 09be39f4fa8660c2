//! Base64 and PEM, through types that are there anyway.

use k8s_openapi::ByteString;
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

/// The certificates of a PEM text; other sections are passed over.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    CertificateDer::pem_slice_iter(pem).map(|found| found.ok().map(|der| der.to_vec())).collect()
}

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
