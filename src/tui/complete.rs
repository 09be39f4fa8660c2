//! What a half-typed word stands for, and what it may become.

use crate::object::Kind;
use crate::query::Span;
use crate::search::Searcher;

use super::state::{CLUSTER, Proposal};

/// Proposals at most: one line of them.
const MOST: usize = 8;

/// The qualifiers, as they are proposed.
const QUALIFIERS: [&str; 8] = ["kind:", "ns:", "name:", "label:", "anno:", "owner:", "is:deleting", "age:<"];

/// The word that the cursor touches: from the space before it to the space behind it.
pub(super) fn word_at(text: &str, cursor: usize) -> Span {
    let cursor = if text.is_char_boundary(cursor) { cursor.min(text.len()) } else { text.len() };
    let before = &text[..cursor];
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let end = text[cursor..].find(char::is_whitespace).map_or(text.len(), |at| cursor + at);
    start..end
}

/// The value that is being typed behind `kind:` or `ns:`, which of the two, and where it stands.
fn value_at(text: &str, cursor: usize) -> Option<(Field, Span)> {
    let word = word_at(text, cursor);
    let typed = &text[word.start..cursor.min(word.end)];
    let mark = typed.len() - typed.trim_start_matches(['-', '!', '(']).len();
    let (qualifier, values) = typed[mark..].split_once(':')?;
    let field = match qualifier {
        "kind" | "k" => Field::Kind,
        "ns" | "namespace" => Field::Namespace,
        _ => return None,
    };
    let start = word.start + mark + qualifier.len() + 1;
    let last = values.rfind(',').map_or(start, |at| start + at + 1);
    let end = text[last..word.end].find(',').map_or(word.end, |at| last + at);
    Some((field, last..end))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Kind,
    Namespace,
}

/// What the word under the cursor may become, most objects first, and what it replaces.
pub(super) fn proposals(searcher: &Searcher, text: &str, cursor: usize) -> (Vec<Proposal>, Span) {
    let Some((field, span)) = value_at(text, cursor) else { return qualifiers(text, cursor) };
    let typed = text[span.clone()].to_lowercase();
    let mut found: Vec<(String, u64)> = match field {
        Field::Kind => {
            let counts = searcher.counts();
            let begun = searcher.catalog().kinds().iter().filter(|kind| begins(kind, &typed));
            begun
                .map(|kind| (short(searcher, kind), counts.get(&kind.key()).copied().unwrap_or_default()))
                .collect()
        }
        Field::Namespace => {
            let all = searcher.namespaces().into_iter().filter(|(name, _)| &**name != CLUSTER);
            all.filter(|(name, _)| name.starts_with(&typed))
                .map(|(name, count)| (name.to_string(), count))
                .collect()
        }
    };
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.retain(|(name, _)| *name != typed);
    let proposal = |(text, count)| Proposal { text, count: Some(count) };
    (found.into_iter().take(MOST).map(proposal).collect(), span)
}

fn qualifiers(text: &str, cursor: usize) -> (Vec<Proposal>, Span) {
    let word = word_at(text, cursor);
    let typed = &text[word.clone()];
    let begun =
        QUALIFIERS.iter().filter(|name| typed.len() >= 2 && name.starts_with(typed) && **name != typed);
    let proposals = begun.map(|name| Proposal { text: (*name).to_owned(), count: None });
    (proposals.collect(), word)
}

// The plural alone where it says which kind is meant.
fn short(searcher: &Searcher, kind: &Kind) -> String {
    let same = searcher.catalog().kinds().iter().filter(|other| other.plural == kind.plural).count();
    if same > 1 { kind.key().as_str().to_owned() } else { kind.plural.clone() }
}

fn begins(kind: &Kind, typed: &str) -> bool {
    let names = [&kind.kind, &kind.plural, &kind.singular].into_iter().chain(&kind.short_names);
    names.chain(&kind.categories).any(|name| name.to_lowercase().starts_with(typed))
        || kind.key().as_str().starts_with(typed)
}

/// The query with the half-typed value of `kind:` written out as every kind that begins so; `None` when the cursor
/// touches no such value, or none begins so.
pub(super) fn spelled_out(searcher: &Searcher, text: &str, cursor: usize) -> Option<String> {
    let (Field::Kind, span) = value_at(text, cursor)? else { return None };
    let typed = text[span.clone()].to_lowercase();
    let begun = searcher.catalog().kinds().iter().filter(|kind| begins(kind, &typed));
    let keys: Vec<String> = begun.map(|kind| kind.key().as_str().to_owned()).collect();
    (!keys.is_empty()).then(|| format!("{}{}{}", &text[..span.start], keys.join(","), &text[span.end..]))
}

/// The query without the word under the cursor.
pub(super) fn without_word(text: &str, cursor: usize) -> String {
    let word = word_at(text, cursor);
    format!("{}{}", &text[..word.start], &text[word.end..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_word_under_the_cursor_is_found() {
        let text = "web kind:dep,sv ns:prod";
        assert_eq!(&text[word_at(text, 2)], "web");
        assert_eq!(&text[word_at(text, 3)], "web");
        assert_eq!(&text[word_at(text, 4)], "kind:dep,sv");
        assert_eq!(value_at(text, 12), Some((Field::Kind, 9..12)));
        assert_eq!(value_at(text, 15), Some((Field::Kind, 13..15)));
        assert_eq!(value_at(text, 23), Some((Field::Namespace, 19..23)));
        assert_eq!(value_at(text, 3), None);
        assert_eq!(without_word(text, 14), "web  ns:prod");
        assert_eq!(value_at("-kind:po", 8), Some((Field::Kind, 6..8)));
    }

    proptest! {
        #[test]
        fn no_text_and_no_cursor_panics(text in "\\PC{0,12}|[a-z:, -]{0,12}", cursor in 0usize..40) {
            let word = word_at(&text, cursor);
            prop_assert!(text.get(word).is_some());
            if text.is_char_boundary(cursor) && cursor <= text.len() {
                value_at(&text, cursor).into_iter().for_each(|(_, span)| assert!(text.get(span).is_some()));
                without_word(&text, cursor);
            }
        }
    }
}
