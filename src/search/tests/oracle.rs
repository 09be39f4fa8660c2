//! The semantics again, as a plain filter over characters: slow, obvious, and with nothing of `search` or
//! `index::terms` in it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::index::Entry;
use crate::query::{Expr, Owner, Part, Pattern, Selector, SelectorOp, State, Term};

/// (uid, score) of every match, best first.
pub(super) fn search(query: &Expr, entries: &[Entry]) -> Vec<(String, u32)> {
    let scored = entries.iter().filter_map(|entry| Some((score(query, entry, entries)?, entry)));
    let mut found: Vec<(u32, &Entry)> = scored.collect();
    found.sort_by_key(|(score, entry)| {
        let d = &entry.document;
        let id = format!(
            "{}/{}/{}/{}",
            d.metadata.namespace, d.metadata.api_version, d.metadata.kind, d.metadata.name
        );
        (
            Reverse(*score),
            d.metadata.name.chars().count(),
            Reverse(d.local.created.unwrap_or(0)),
            id,
            entry.key,
        )
    });
    found.into_iter().map(|(score, entry)| (entry.document.local.uid.clone(), score)).collect()
}

/// Whether every match of the query has a reason to tell: some condition that is not an exclusion must hold.
pub(super) fn says_why(query: &Expr) -> bool {
    match query {
        Expr::And(all) => all.iter().any(says_why),
        Expr::Or(any) => any.iter().all(says_why),
        Expr::Not(_) => false,
        Expr::Term(Term::Label(test) | Term::Annotation(test), _) => {
            !matches!(test.op, SelectorOp::NotExists | SelectorOp::NotIn(_))
        }
        Expr::Term(Term::Is(states), _) => !states.contains(&State::Namespaced),
        Expr::Term(..) => true,
    }
}

fn score(query: &Expr, entry: &Entry, all: &[Entry]) -> Option<u32> {
    match query {
        Expr::And(terms) => terms.iter().map(|expr| score(expr, entry, all)).sum(),
        Expr::Or(any) => any.iter().filter_map(|expr| score(expr, entry, all)).max(),
        Expr::Not(inner) => score(inner, entry, all).is_none().then_some(0),
        Expr::Term(term, _) => term_score(term, entry, all),
    }
}

fn term_score(term: &Term, entry: &Entry, all: &[Entry]) -> Option<u32> {
    let filter = |yes: bool| yes.then_some(0);
    let (metadata, local) = (&entry.document.metadata, &entry.document.local);
    match term {
        Term::Word(word) => {
            let short = matches!(
                (&*plain(&lower(word)), &*metadata.kind),
                ("po" | "pod", "Pod")
                    | ("sts" | "statefulset", "StatefulSet")
                    | ("no" | "node", "Node")
                    | ("wd" | "widget", "Widget")
            );
            let text = Text::new(word, capital(word));
            name_score(&metadata.name, &text).or_else(|| {
                (short || elsewhere(entry).iter().any(|value| has(value, &text, false))).then_some(1)
            })
        }
        Term::Phrase(phrase) => {
            let text = Text::new(phrase, capital(phrase));
            name_score(&metadata.name, &text)
                .or_else(|| elsewhere(entry).iter().any(|value| has(value, &text, true)).then_some(1))
        }
        Term::Kind(values) => filter(values.iter().any(|value| is_kind(&value.pattern, &metadata.kind))),
        Term::KindName { kind, name } => filter(is_kind(&Pattern::Exact(kind.clone()), &metadata.kind))
            .and(pattern_score(name, &metadata.name)),
        Term::Group(patterns) => filter(patterns.iter().any(|pattern| {
            let group = entry.kind.group();
            match pattern {
                Pattern::Exact(text) if text == "core" => group.is_empty(),
                Pattern::Exact(text) => group == text || group.starts_with(&format!("{text}.")),
                other => fits(other, if group.is_empty() { "core" } else { group }, false),
            }
        })),
        Term::Version(patterns) => {
            let version = metadata.api_version.split('/').next_back().unwrap();
            filter(patterns.iter().any(|p| fits(p, version, false)))
        }
        Term::Uid(patterns) => filter(patterns.iter().any(|p| fits(p, &local.uid, false))),
        Term::Namespace(patterns) => filter(patterns.iter().any(|p| fits(p, &metadata.namespace, false))),
        Term::Name(patterns) => patterns.iter().filter_map(|p| pattern_score(p, &metadata.name)).max(),
        Term::Label(test) => filter(selects(test, &local.labels)),
        Term::Annotation(test) => filter(selects(test, &local.annotations)),
        Term::LabelPair(pattern) => filter(any_pair(pattern, &local.labels)),
        Term::AnnotationPair(pattern) => filter(any_pair(pattern, &local.annotations)),
        Term::Owner(owners) => filter(owners.iter().any(|owner| is_owned(entry, owner))),
        Term::Root(owners) => filter(owners.iter().any(|owner| is_below(entry, owner, all))),
        Term::Created(times) => {
            filter(local.created.is_some_and(|created| times.contains(created, super::NOW)))
        }
        Term::Is(states) => filter(states.iter().any(|state| match state {
            State::Namespaced => metadata.namespace != "_cluster",
            State::Cluster => metadata.namespace == "_cluster",
            State::Deleting => local.deleted.is_some(),
            State::Custom => metadata.api_version.starts_with("example.com/"),
            State::Gone => false,
        })),
        Term::Has(parts) => filter(parts.iter().any(|part| match part {
            Part::Label => !local.labels.is_empty(),
            Part::Annotation => !local.annotations.is_empty(),
            Part::Owner => !local.owners.is_empty(),
            Part::Finalizer => !local.finalizers.is_empty(),
        })),
        Term::Meaning(_) | Term::Changed(_) | Term::By(_) => panic!("no case for {term:?}"),
    }
}

fn is_kind(pattern: &Pattern, kind: &str) -> bool {
    let names: &[&str] = match kind {
        "Pod" => &["pods", "pod", "po"],
        "StatefulSet" => &["statefulsets", "statefulset", "sts"],
        "Widget" => &["widgets", "widget", "wd"],
        _ => &["nodes", "node", "no"],
    };
    match pattern {
        Pattern::Exact(word) if word == "all" => true,
        pattern => names.iter().any(|name| fits(pattern, name, false)),
    }
}

fn selects(test: &Selector, map: &BTreeMap<String, String>) -> bool {
    let value = map.get(&test.key);
    let among = |patterns: &[Pattern], value: &str| patterns.iter().any(|p| fits(p, value, true));
    let integer = value.and_then(|value| value.parse::<i64>().ok());
    match &test.op {
        SelectorOp::Exists => value.is_some(),
        SelectorOp::NotExists => value.is_none(),
        SelectorOp::In(patterns) => value.is_some_and(|value| among(patterns, value)),
        SelectorOp::NotIn(patterns) => value.is_none_or(|value| !among(patterns, value)),
        SelectorOp::Above(least) => integer.is_some_and(|n| n > *least),
        SelectorOp::Below(most) => integer.is_some_and(|n| n < *most),
    }
}

fn any_pair(pattern: &Pattern, map: &BTreeMap<String, String>) -> bool {
    map.iter().any(|(key, value)| fits(pattern, &format!("{key}={value}"), true))
}

fn is_owned(entry: &Entry, wanted: &Owner) -> bool {
    entry.document.local.owners.iter().any(|owner| match wanted {
        Owner::Uid(uid) => owner.uid == *uid,
        Owner::Object { kind, name } => {
            kind.as_ref().is_none_or(|word| is_kind(&Pattern::Exact(word.clone()), &owner.kind))
                && fits(name, &owner.name, name.is_case_sensitive())
        }
    })
}

fn is_below(entry: &Entry, wanted: &Owner, all: &[Entry]) -> bool {
    let mut open = vec![entry];
    let mut seen: Vec<&str> = Vec::new();
    while let Some(next) = open.pop() {
        if is_owned(next, wanted) {
            return true;
        }
        seen.push(&next.document.local.uid);
        for owner in &next.document.local.owners {
            let parents = all.iter().filter(|other| other.document.local.uid == owner.uid);
            open.extend(parents.filter(|parent| !seen.contains(&&*parent.document.local.uid)));
        }
    }
    false
}

/// Characters that are compared as they are, or folded.
struct Text {
    chars: Vec<char>,
    cased: bool,
}

impl Text {
    fn new(text: &str, cased: bool) -> Self {
        Self { chars: if cased { text.chars().collect() } else { lower(text) }, cased }
    }

    fn of(&self, value: &str) -> Vec<char> {
        if self.cased { value.chars().collect() } else { lower(value) }
    }
}

fn capital(text: &str) -> bool {
    text.chars().any(char::is_uppercase)
}

fn plain(chars: &[char]) -> String {
    chars.iter().collect()
}

fn lower(text: &str) -> Vec<char> {
    let one = |c: char| {
        let lower: Vec<char> = c.to_lowercase().collect();
        if lower.len() == 1 { lower[0] } else { c }
    };
    text.chars().map(one).collect()
}

fn edge(text: &[char], at: usize) -> bool {
    if at == 0 || at == text.len() {
        return true;
    }
    let (l, r) = (text[at - 1], text[at]);
    let camel = !l.is_uppercase() && r.is_uppercase()
        || l.is_uppercase() && r.is_uppercase() && text.get(at + 1).is_some_and(|c| c.is_lowercase());
    !l.is_alphanumeric() || !r.is_alphanumeric() || camel
}

fn name_score(name: &str, word: &Text) -> Option<u32> {
    let original: Vec<char> = name.chars().collect();
    let (name, word) = (word.of(name), &word.chars);
    let at: Vec<usize> = (0..name.len()).filter(|at| name[*at..].starts_with(word)).collect();
    if at.is_empty() {
        return None;
    }
    Some(match () {
        () if name == *word => 5,
        () if at.contains(&0) => 4,
        () if at.iter().any(|at| edge(&original, *at) && edge(&original, at + word.len())) => 3,
        () => 2,
    })
}

fn pattern_score(pattern: &Pattern, name: &str) -> Option<u32> {
    let cased = pattern.is_case_sensitive();
    if !fits(pattern, name, cased) {
        return None;
    }
    let chars: Vec<char> = name.chars().collect();
    Some(match pattern {
        Pattern::Exact(_) => 5,
        Pattern::Substring(part) => return name_score(name, &Text::new(part, cased)),
        Pattern::Prefix(start) if start.chars().count() == chars.len() => 5,
        Pattern::Prefix(_) => 4,
        Pattern::Suffix(end) if end.chars().count() == chars.len() => 5,
        Pattern::Suffix(end) if edge(&chars, chars.len() - end.chars().count()) => 3,
        Pattern::Regex(_) if is_whole(pattern, name, cased) => 5,
        Pattern::Suffix(_) | Pattern::Glob(_) | Pattern::Regex(_) => 2,
    })
}

/// Whether an expression matches all of a name at its first place.
fn is_whole(pattern: &Pattern, name: &str, cased: bool) -> bool {
    let Pattern::Regex(source) = pattern else { return false };
    regex(source, cased).find(name).is_some_and(|found| found.range() == (0..name.len()))
}

fn regex(source: &str, cased: bool) -> regex::Regex {
    regex::RegexBuilder::new(source).case_insensitive(!cased).build().unwrap()
}

fn elsewhere(entry: &Entry) -> Vec<String> {
    let (m, l) = (&entry.document.metadata, &entry.document.local);
    let mut all = vec![m.kind.clone(), entry.kind.plural().to_owned()];
    all.extend(Some(m.namespace.clone()).filter(|n| n != "_cluster"));
    all.extend(l.labels.iter().chain(&l.annotations).flat_map(|(k, v)| [k.clone(), v.clone()]));
    all.extend(l.owners.iter().map(|owner| owner.name.clone()));
    all.extend(l.finalizers.iter().cloned());
    all
}

fn has(value: &str, word: &Text, phrase: bool) -> bool {
    let original: Vec<char> = value.chars().collect();
    let (value, word) = (word.of(value), &word.chars);
    (0..value.len()).any(|at| {
        let end = at + word.len();
        let starts = at == 0 || edge(&original, at) && original[at].is_alphanumeric();
        let ends =
            || end == value.len() || !value[end].is_alphanumeric() || !value[end - 1].is_alphanumeric();
        starts && value[at..].starts_with(word) && (!phrase || ends())
    })
}

fn fits(pattern: &Pattern, value: &str, cased: bool) -> bool {
    let text = |text: &str| if cased { text.chars().collect() } else { lower(text) };
    let chars = text(value);
    match pattern {
        Pattern::Exact(wanted) => chars == text(wanted),
        Pattern::Prefix(wanted) => chars.starts_with(&text(wanted)),
        Pattern::Suffix(wanted) => chars.ends_with(&text(wanted)),
        Pattern::Substring(wanted) => {
            let wanted = text(wanted);
            (0..=chars.len()).any(|at| chars[at..].starts_with(&wanted))
        }
        Pattern::Glob(wanted) => glob(&text(wanted), &chars),
        Pattern::Regex(source) => regex(source, cased).is_match(value),
    }
}

fn glob(pattern: &[char], value: &[char]) -> bool {
    match pattern.split_first() {
        None => value.is_empty(),
        Some(('*', rest)) => (0..=value.len()).any(|at| glob(rest, &value[at..])),
        Some((c, rest)) => {
            value.split_first().is_some_and(|(v, more)| (*c == '?' || c == v) && glob(rest, more))
        }
    }
}
