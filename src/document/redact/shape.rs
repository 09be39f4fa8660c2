//! What is recognised by its shape: JSON, YAML documents, base64, random-looking text.

use serde::de::IgnoredAny;

/// An object, an array or a quoted document; plain numbers, words and template braces are not meant.
pub(super) fn is_json(value: &str) -> bool {
    let value = value.trim();
    let inner = value.get(1..).unwrap_or_default().trim_start();
    match value.as_bytes().first() {
        Some(b'{') => {
            inner.starts_with(['"', '}'])
                || (!inner.starts_with('{') && inner.ends_with('}') && inner.contains(':'))
        }
        Some(b'[') => {
            inner.starts_with(['{', '[', '"', ']']) || serde_json::from_str::<IgnoredAny>(value).is_ok()
        }
        Some(b'"') => value.ends_with('"') && inner.contains("\\\""),
        _ => false,
    }
}

/// A document marker, an `apiVersion:` line, or lines that are all mappings, lists and their contents. Flat lines
/// such as `Owner: payments` (capital letter, nothing nested) are prose.
pub(super) fn is_yaml(value: &str) -> bool {
    let value = value.trim();
    if value.starts_with("---\n") || value.starts_with("%YAML") || value.starts_with("apiVersion: ") {
        return true;
    }
    if !value.contains('\n') {
        return false;
    }
    let (mut keys, mut small, mut nested) = (0, 0, false);
    for line in value.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if line.starts_with("apiVersion: ") {
            return true;
        }
        let item = line.starts_with([' ', '\t']) || line.starts_with("- ");
        match yaml_key(line) {
            Some((key, rest)) => {
                keys += 1;
                small += usize::from(key.starts_with(|c: char| c.is_ascii_lowercase()));
                nested |= item || rest.is_empty();
            }
            None if item => {}
            None => return false,
        }
    }
    keys >= 2 && (nested || small >= 2)
}

fn yaml_key(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().trim_start_matches("- ");
    let (key, rest) = line.split_once(':')?;
    let word = |c: char| c.is_ascii_alphanumeric() || "._/-\"'".contains(c);
    let holds = !key.is_empty() && key.chars().all(word) && (rest.is_empty() || rest.starts_with(' '));
    holds.then_some((key, rest))
}

/// Shorter tokens are not looked at.
const SHORTEST_TOKEN: usize = 16;
/// The shortest run of letters and digits that is called random.
const RUN: usize = 20;
/// The same where single `-`, `_`, `+`, `/` interrupt it.
const TOKEN: usize = 32;
/// From here a run with both cases and digits is a blob, however regular it looks.
const BLOB: usize = 64;
/// Random base64 changes between upper case, lower case and digit at 63 % of its characters, camel case at 20-35 %.
const CHANGES_PERCENT: usize = 45;
/// An AWS secret access key has exactly this many characters; there less is enough.
const AWS_SECRET: usize = 40;
const AWS_CHANGES_PERCENT: usize = 30;

/// Whether some token of the value is base64 or looks random. Hex (commits, digests, UUIDs), names, paths and
/// words never do: a token must mix upper case, lower case and digits.
pub(super) fn is_encoded(value: &str) -> bool {
    // Cheap first: hardly any annotation mixes both cases with digits or padding.
    let has = |wanted: fn(&u8) -> bool| value.as_bytes().iter().any(wanted);
    if !has(u8::is_ascii_uppercase)
        || !has(u8::is_ascii_lowercase)
        || !has(|b| b.is_ascii_digit() || *b == b'=')
    {
        return false;
    }
    value
        .as_bytes()
        .split(|b| !(b.is_ascii_alphanumeric() || b"+/_-=".contains(b)))
        .filter(|token| token.len() >= SHORTEST_TOKEN)
        .any(is_encoded_token)
}

#[derive(Default, Clone, Copy)]
struct Shape {
    upper: bool,
    lower: bool,
    digit: bool,
    length: usize,
    changes: usize,
    last: u8,
}

impl Shape {
    fn push(&mut self, byte: u8) {
        let class = match byte {
            b'A'..=b'Z' => 1,
            b'a'..=b'z' => 2,
            _ => 3,
        };
        self.upper |= class == 1;
        self.lower |= class == 2;
        self.digit |= class == 3;
        self.changes += usize::from(self.last != class && self.length > 0);
        self.length += 1;
        self.last = class;
    }

    fn mixed(&self) -> bool {
        self.upper && self.lower && self.digit
    }

    fn restless(&self, percent: usize) -> bool {
        self.changes * 100 >= self.length * percent
    }
}

fn is_encoded_token(token: &[u8]) -> bool {
    token.split(|b| *b == b'=').any(is_encoded_part) || is_padded(token)
}

fn is_encoded_part(part: &[u8]) -> bool {
    if part.len() < RUN {
        return false;
    }
    let (mut all, mut run, mut longest, mut separators) =
        (Shape::default(), Shape::default(), Shape::default(), 0);
    for byte in part {
        if byte.is_ascii_alphanumeric() {
            all.push(*byte);
            run.push(*byte);
            if run.length > longest.length {
                longest = run;
            }
        } else {
            separators += 1;
            run = Shape::default();
        }
    }
    let aws = part.len() == AWS_SECRET && separators <= 4 && !part.iter().any(|b| b"-_".contains(b));
    if aws && all.mixed() && all.restless(AWS_CHANGES_PERCENT) {
        return true;
    }
    if !longest.mixed() {
        return false;
    }
    let one_run = longest.length >= RUN && (longest.restless(CHANGES_PERCENT) || longest.length >= BLOB);
    // Names and paths have a separator every few letters, base64 one in 32.
    let interrupted = all.length >= TOKEN
        && longest.length >= 12
        && separators * 12 <= all.length
        && all.restless(CHANGES_PERCENT);
    one_run || interrupted
}

/// `cGFzc3dvcmQxMjM0NQ==`: base64 that says so by its padding.
fn is_padded(token: &[u8]) -> bool {
    let body = token.strip_suffix(b"==").or_else(|| token.strip_suffix(b"=")).unwrap_or_default();
    let mut shape = Shape::default();
    body.iter().for_each(|byte| shape.push(*byte));
    body.len() >= 14
        && token.len().is_multiple_of(4)
        && shape.upper
        && shape.lower
        && shape.restless(CHANGES_PERCENT)
        && body.iter().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(b))
}
