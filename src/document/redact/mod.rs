//! Which annotation values are never kept. Recognises spellings ([`classes`]) and shapes ([`shape`]); a secret in
//! free text can't be recognised, and the documentation says so.

mod classes;
mod prose;
mod shape;
#[cfg(test)]
mod tests;

use classes::{ANY_CLASS, ANYTHING, ASSIGNMENT, AUTHORIZATION, CLASSES, SECRET_KEY};

pub use prose::without_secrets;

/// What stands where a value was redacted.
pub const REDACTED: &str = "[redacted]";

/// The shortest value that can hold a secret the classes know: `pwd=x`.
const SHORTEST: usize = 5;

/// Whether the value of annotation `key` is redacted by the built-in rules: a document (JSON, YAML), an encoded
/// blob, a known secret, or anything under a key that says "secret".
pub(super) fn is_secret(key: &str, value: &str) -> bool {
    let said_by_key = || !is_switch(value) && SECRET_KEY.is_match(key.as_bytes());
    if value.len() < SHORTEST {
        return said_by_key();
    }
    shape::is_json(value)
        || shape::is_yaml(value)
        || shape::is_encoded(value)
        || is_known(value)
        || said_by_key()
}

/// The patterns of the built-in rules, for the schema version: another table is another index.
pub(super) fn patterns() -> impl Iterator<Item = &'static str> {
    let contexts = [ASSIGNMENT.as_str(), AUTHORIZATION.as_str(), SECRET_KEY.as_str()];
    CLASSES.iter().flat_map(|class| [class.name, class.pattern]).chain(contexts)
}

fn is_known(value: &str) -> bool {
    let bytes = value.as_bytes();
    ANYTHING.is_match(bytes)
        && (ANY_CLASS.is_match(bytes)
            || AUTHORIZATION.find_iter(bytes).any(|found| found.as_bytes().iter().any(u8::is_ascii_digit))
            || ASSIGNMENT.find_iter(bytes).any(|found| is_assigned(value, found.range())))
}

/// Whether a secret follows at the end of `found`, a match of [`ASSIGNMENT`]: after `=` any value that is no
/// placeholder; after `:` or a space (which prose has too) the last word of a line, or a word with a digit.
fn is_assigned(value: &str, found: std::ops::Range<usize>) -> bool {
    let (Some(before), Some(matched), Some(after)) =
        (value.get(..found.start), value.get(found.clone()), value.get(found.end..))
    else {
        return false;
    };
    let line = after.lines().next().unwrap_or_default();
    let quoted = line.starts_with(['"', '\'']);
    let line = line.trim_start_matches(['"', '\'']);
    let (word, rest) = line.split_at(line.find(ends_value).unwrap_or(line.len()));
    if is_placeholder(word) {
        return false;
    }
    if matched.contains('=') || quoted {
        return true;
    }
    // `arn:aws:secretsmanager:...:secret:name` is an address.
    let address = before.ends_with(':');
    let last = rest.trim_matches(|c: char| ends_value(c) || c == '}').is_empty();
    !address
        && (last
            || rest.starts_with([',', ';'])
            || (word.len() >= 6 && word.contains(|c: char| c.is_ascii_digit())))
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || "\"',;&".contains(c)
}

/// Nothing, a switch, or a reference to be filled in: `${PASSWORD}`, `$(PASSWORD)`, `{{ .password }}`, `<password>`.
fn is_placeholder(word: &str) -> bool {
    let named = |c: char| c.is_ascii_uppercase() || c == '_';
    is_switch(word)
        || ["${", "$(", "{{", "[redacted", "<"].iter().any(|start| word.starts_with(start))
        || word.strip_prefix('$').is_some_and(|name| !name.is_empty() && name.chars().all(named))
        || word.chars().all(|c| "*.-_".contains(c))
}

fn is_switch(word: &str) -> bool {
    ["", "true", "false", "yes", "no", "none", "null", "nil", "enabled", "disabled"]
        .iter()
        .any(|switch| word.eq_ignore_ascii_case(switch))
}
