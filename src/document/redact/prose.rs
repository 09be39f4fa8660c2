//! Secrets in what programs and servers say: only the words that are secret go, the rest still has to explain.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::classes::{ANY_CLASS, ASSIGNMENT, AUTHORIZATION, compile};
use super::{REDACTED, ends_value, is_placeholder, shape};

/// OpenShift's tokens, and those that nodes join a cluster with.
static CLUSTER_TOKEN: LazyLock<Regex> =
    LazyLock::new(|| compile(r"\bsha256~[A-Za-z0-9_-]{16,}|\b[a-z0-9]{6}\.[a-z0-9]{16}\b"));
/// What says that a password follows, and nothing else can.
static PASSWORD: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)pass(?:word|wd|phrase|code)|pwd"));

/// A run of letters and digits from here on is no word and no name.
const OPAQUE: usize = 20;
/// A value behind `token: ` or `Bearer ` from here on is no word either.
const LONG: usize = 20;
/// A shorter value behind `token: ` is none, digits or not.
const SHORT: usize = 6;

/// A text without the secrets that can be recognised in it: what has a spelling of its own, what is called a password or
/// token, what looks random.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut secrets = known(text);
    secrets.extend(named(text));
    secrets.extend(random(text));
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_by_key(|secret| (secret.start, secret.end));
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    for secret in secrets {
        let (start, end) = (down(text, secret.start.max(at)), up(text, secret.end));
        if end <= at {
            continue;
        }
        // What overlaps the last one only lengthens it.
        if start > at || shown.is_empty() {
            shown.push_str(&text[at..start]);
            shown.push_str(REDACTED);
        }
        at = end;
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}

fn down(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn up(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// The end of the word that goes on at a place.
fn word_end(text: &str, at: usize) -> usize {
    let at = up(text, at);
    let ends = |c: char| ends_value(c) || ")]}>".contains(c);
    text[at..].find(ends).map_or(text.len(), |length| at + length)
}

fn known(text: &str) -> Vec<Range<usize>> {
    let classes = ANY_CLASS.find_iter(text.as_bytes()).chain(CLUSTER_TOKEN.find_iter(text.as_bytes()));
    let whole = |found: regex::bytes::Match<'_>| match found.as_bytes() {
        // The address still says where; who logs in there is nobody's business.
        bytes if bytes.starts_with(b"://") && bytes.ends_with(b"@") => found.start() + 3..found.end() - 1,
        bytes if bytes.starts_with(b"-----BEGIN ") => found.start()..pem_end(text, found.end()),
        _ => found.start()..word_end(text, found.end()),
    };
    classes.map(whole).collect()
}

/// The end of the block that begins before a place; the end of the text where it has none.
fn pem_end(text: &str, at: usize) -> usize {
    const END: &str = "-----END ";
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find(END).and_then(|begin| {
        let dashes = rest[begin + END.len()..].find("-----")?;
        Some(at + begin + END.len() + dashes + "-----".len())
    });
    end.unwrap_or(text.len())
}

fn named(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for header in AUTHORIZATION.find_iter(text.as_bytes()) {
        let bytes = header.as_bytes();
        let start = bytes.iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
        let value = &bytes[start..];
        if value.len() >= LONG || value.iter().any(u8::is_ascii_digit) {
            found.push(header.start() + start..word_end(text, header.end()));
        }
    }
    for assignment in ASSIGNMENT.find_iter(text.as_bytes()) {
        let (before, after) = (text.get(..assignment.start()), text.get(assignment.end()..));
        let (Some(before), Some(after)) = (before, after) else { continue };
        let value = after.trim_start_matches(['"', '\'']);
        let start = text.len() - value.len();
        let end = word_end(text, start);
        let word = &text[start..end];
        let said = assignment.as_bytes();
        let certain = said.contains(&b'=') || value.len() < after.len() || PASSWORD.is_match(said);
        let looks =
            word.len() >= LONG || (word.len() >= SHORT && word.bytes().any(|byte| byte.is_ascii_digit()));
        // `arn:aws:secretsmanager:...:secret:name` is an address.
        if !before.ends_with(':') && !is_placeholder(word) && (certain || looks) {
            found.push(start..end);
        }
    }
    found
}

fn random(text: &str) -> Vec<Range<usize>> {
    // `=` stands at the end of base64, and before it in `key=value`.
    let padding = |at: usize| text.as_bytes()[at..].iter().take(2).take_while(|byte| **byte == b'=').count();
    let encoded = runs(text, |byte| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte));
    let encoded = encoded.map(|run| run.start..run.end + padding(run.end));
    let encoded = encoded.filter(|run| shape::is_encoded(&text[run.clone()]));
    let opaque = runs(text, |byte| byte.is_ascii_alphanumeric());
    let opaque = opaque.filter(|run| {
        let bytes = &text.as_bytes()[run.clone()];
        bytes.len() >= OPAQUE
            && bytes.iter().any(u8::is_ascii_digit)
            && bytes.iter().any(u8::is_ascii_alphabetic)
    });
    encoded.chain(opaque).collect()
}

/// The longest runs of bytes of a kind; ASCII only, so that their borders are those of characters.
fn runs(text: &str, of: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|byte| of(*byte))?;
        let length = bytes[start..].iter().position(|byte| !of(*byte));
        at = length.map_or(bytes.len(), |length| start + length);
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_secret_words_go() {
        let jwt = concat!("ey", "JhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl");
        let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----";
        for (text, shown) in [
            (format!("bad token {jwt} given"), "bad token [redacted] given"),
            (format!("Authorization: Bearer {jwt}, refused"), "Authorization: Bearer [redacted], refused"),
            ("Bearer abcd1234efgh was refused".into(), "Bearer [redacted] was refused"),
            ("token=s3cr3t expired".into(), "token=[redacted] expired"),
            (r#"{"token": "opaque", "a": 1}"#.into(), r#"{"token": "[redacted]", "a": 1}"#),
            ("password: hunter is wrong".into(), "password: [redacted] is wrong"),
            ("proxy http://me:pass@proxy:3128 refused".into(), "proxy http://[redacted]@proxy:3128 refused"),
            (format!("key:\n{pem}\nis bad"), "key:\n[redacted]\nis bad"),
            ("-----BEGIN PRIVATE KEY-----\nMHcC".into(), "[redacted]"),
            (concat!("sha256", "~Kx_0-abcdefghijklmnopq is no token").into(), "[redacted] is no token"),
            ("joined with abcdef.0123456789abcdef".into(), "joined with [redacted]"),
            (
                "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0Fj".into(),
                "k8s-aws-v1.[redacted]",
            ),
            ("got 3f786850e387550fdab836ed7e6dc881de23001b".into(), "got [redacted]"),
            ("kubeconfig-u-abc:x7qmv2l8kz9plbxcd4rtw5".into(), "kubeconfig-u-abc:[redacted]"),
            (format!("é token={jwt}é ü"), "é token=[redacted] ü"),
            ("--token abc12345 --verbose".into(), "--token [redacted] --verbose"),
        ] {
            assert_eq!(without_secrets(&text), shown, "{text}");
        }
    }

    #[test]
    fn what_explains_a_failure_stays() {
        for text in [
            "",
            r#"pods "web-6d4cf56db6-abcde" is forbidden: User "system:serviceaccount:monitoring:prometheus-k8s" cannot list resource "pods" in API group "" at the cluster scope"#,
            "An error occurred (ExpiredToken) when calling the AssumeRole operation: The security token included in the request is expired",
            "Error loading SSO Token: Token for default does not exist",
            "getting credentials: exec: executable aws not found",
            "unable to decode token: EOF",
            "the server has asked for the client to provide credentials",
            "Basic authentication is not supported",
            "arn:aws:sts::123456789012:assumed-role/Admin/botocore-session-1700000000 is not mapped",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:name can't be read",
            r#"failed calling webhook "x.example.com": Post "https://svc.ns.svc:443/convert?timeout=30s": dial tcp 10.96.0.1:443: connect: connection refused"#,
            "too old resource version: 12345678901234567890 (1234567999)",
            "Trace ID: 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
            "etcdserver: leader changed",
            "no configuration in /home/somebody/.aws/config",
            "the storage is (re)initializing",
        ] {
            assert!(
                matches!(without_secrets(text), Cow::Borrowed(same) if same == text),
                "{text}: {}",
                without_secrets(text)
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_redacting_twice_changes_nothing(
            text in r#"([a-z"' é]{0,6}|token[:=] ?|Bearer |eyJ[a-zA-Z0-9]{12}|://a:b@|-----BEGIN A-----|[a-z0-9]{0,30}){0,8}"#,
        ) {
            let once = without_secrets(&text).into_owned();
            prop_assert_eq!(without_secrets(&once), once.as_str());
        }
    }
}
