//! The fixed words of the language: qualifiers, states, parts, sort keys. One table each, with every spelling.

use super::{Part, SortKey, State};

/// What a qualifier is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    Kind,
    Namespace,
    Name,
    Group,
    Version,
    Uid,
    Cluster,
    Label,
    Annotation,
    Owner,
    Root,
    Age,
    Created,
    Changed,
    By,
    Is,
    Has,
    No,
    Sort,
    Limit,
}

/// Every spelling; the first of each is the one that is printed and suggested.
pub(super) const QUALIFIERS: &[(&str, Qualifier)] = &[
    ("kind", Qualifier::Kind),
    ("k", Qualifier::Kind),
    ("ns", Qualifier::Namespace),
    ("namespace", Qualifier::Namespace),
    ("name", Qualifier::Name),
    ("label", Qualifier::Label),
    ("anno", Qualifier::Annotation),
    ("annotation", Qualifier::Annotation),
    ("owner", Qualifier::Owner),
    ("root", Qualifier::Root),
    ("age", Qualifier::Age),
    ("created", Qualifier::Created),
    ("changed", Qualifier::Changed),
    ("by", Qualifier::By),
    ("is", Qualifier::Is),
    ("has", Qualifier::Has),
    ("no", Qualifier::No),
    ("group", Qualifier::Group),
    ("version", Qualifier::Version),
    ("uid", Qualifier::Uid),
    ("cluster", Qualifier::Cluster),
    ("sort", Qualifier::Sort),
    ("limit", Qualifier::Limit),
];

/// Values of `is:`; the first spelling of each is printed.
pub(super) const STATES: &[(&str, State)] = &[
    ("namespaced", State::Namespaced),
    ("cluster", State::Cluster),
    ("deleting", State::Deleting),
    ("custom", State::Custom),
    ("gone", State::Gone),
    ("cluster-scoped", State::Cluster),
    ("terminating", State::Deleting),
    ("deleted", State::Gone),
];

/// Values of `has:` and `no:`.
pub(super) const PARTS: &[(&str, Part)] = &[
    ("label", Part::Label),
    ("annotation", Part::Annotation),
    ("owner", Part::Owner),
    ("finalizer", Part::Finalizer),
    ("labels", Part::Label),
    ("anno", Part::Annotation),
    ("annotations", Part::Annotation),
    ("owners", Part::Owner),
    ("finalizers", Part::Finalizer),
];

/// Values of `sort:`, and whether the word means its key the other way round.
pub(super) const SORT_KEYS: &[(&str, SortKey, bool)] = &[
    ("relevance", SortKey::Relevance, false),
    ("name", SortKey::Name, false),
    ("ns", SortKey::Namespace, false),
    ("kind", SortKey::Kind, false),
    ("age", SortKey::Age, false),
    ("namespace", SortKey::Namespace, false),
    ("created", SortKey::Age, true),
];

/// The value of a word in one of the tables, without regard to case.
pub(super) fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value)
}

/// The word that is printed for a value.
pub(super) fn word_for<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, other)| other == value).map_or("", |(word, _)| word)
}

/// `` `a`, `b` or `c` ``: the words that are suggested, each value once.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The first spelling of every value of a table.
pub(super) fn first_spellings<T: Copy + PartialEq>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    let mut seen: Vec<T> = Vec::new();
    let mut words = Vec::new();
    for (word, value) in table {
        if !seen.contains(value) {
            seen.push(*value);
            words.push(*word);
        }
    }
    words
}
