//! The kubeconfig of a simulated server.

use std::fmt::Write;

use super::User;

/// A kubeconfig for one user, its context called `demo`.
pub(super) fn kubeconfig(url: &str, authority_pem: Option<&str>, user: &User) -> String {
    let mut out = String::from("apiVersion: v1\nkind: Config\nclusters:\n- name: demo\n  cluster:\n");
    // Writing to a String can't fail.
    _ = writeln!(out, "    server: {url}");
    if let Some(pem) = authority_pem {
        _ = writeln!(out, "    certificate-authority-data: {}", base64(pem.as_bytes()));
    }
    _ = write!(
        out,
        "contexts:\n- name: demo\n  context:\n    cluster: demo\n    user: {name}\n    namespace: default\n\
         current-context: demo\nusers:\n- name: {name}\n  user:\n    token: {token}\n",
        name = quoted(&user.name),
        token = quoted(&user.token),
    );
    out
}

// JSON strings are YAML strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Standard base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0u32, |sum, index| sum << 8 | u32::from(chunk.get(index).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 63;
            out.push(if place > chunk.len() { '=' } else { char::from(ALPHABET[digit as usize]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
