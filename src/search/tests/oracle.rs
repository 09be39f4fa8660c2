//! The semantics again, as a plain filter over characters: slow, obvious, and with nothing of `search` or
//! `index::terms` in it.

use std::cmp::Reverse;

use crate::index::Entry;
use crate::query::{Expr, Pattern, SelectorOp, Term};

/// (uid, score) of every match, best first.
pub(super) fn search(query: &Expr, entries: &[Entry]) -> Vec<(String, u32)> {
    let scored = entries.iter().filter_map(|entry| Some((score(query, entry)?, entry)));
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
        Expr::Term(Term::Label(label), _) => matches!(label.op, SelectorOp::Exists | SelectorOp::In(_)),
        Expr::Term(..) => true,
    }
}

fn score(query: &Expr, entry: &Entry) -> Option<u32> {
    match query {
        Expr::And(all) => all.iter().map(|expr| score(expr, entry)).sum(),
        Expr::Or(any) => any.iter().filter_map(|expr| score(expr, entry)).max(),
        Expr::Not(inner) => score(inner, entry).is_none().then_some(0),
        Expr::Term(term, _) => term_score(term, entry),
    }
}

fn term_score(term: &Term, entry: &Entry) -> Option<u32> {
    let filter = |yes: bool| yes.then_some(0);
    let metadata = &entry.document.metadata;
    match term {
        Term::Word(word) => {
            let word = lower(word);
            let named = matches!(
                (&*word.iter().collect::<String>(), &*metadata.kind),
                ("po", "Pod") | ("sts", "StatefulSet") | ("no", "Node")
            );
            name_score(&metadata.name, &word).or_else(|| {
                (named || elsewhere(entry).iter().any(|value| has(value, &word, false))).then_some(1)
            })
        }
        Term::Phrase(phrase) => {
            let phrase = lower(phrase);
            name_score(&metadata.name, &phrase)
                .or_else(|| elsewhere(entry).iter().any(|value| has(value, &phrase, true)).then_some(1))
        }
        Term::Kind(values) => filter(values.iter().any(|value| {
            let Pattern::Exact(word) = &value.pattern else { panic!("no case for {value:?}") };
            word == "all"
                || match &*metadata.kind {
                    "Pod" => ["po", "Pod"].contains(&&**word),
                    "StatefulSet" => word == "sts",
                    _ => word == "nodes",
                }
        })),
        Term::Namespace(patterns) => filter(patterns.iter().any(|p| fits(p, &metadata.namespace))),
        Term::Name(patterns) => filter(patterns.iter().any(|p| fits(p, &metadata.name))),
        Term::Label(selector) => {
            let value = entry.document.local.labels.get(&selector.key);
            filter(match &selector.op {
                SelectorOp::Exists => value.is_some(),
                SelectorOp::NotExists => value.is_none(),
                SelectorOp::In(values) => value.is_some_and(|value| among(values, value)),
                SelectorOp::NotIn(values) => value.is_none_or(|value| !among(values, value)),
                SelectorOp::Above(_) | SelectorOp::Below(_) => panic!("no case for {selector:?}"),
            })
        }
        other => panic!("no case for {other:?}"),
    }
}

fn among(values: &[Pattern], value: &str) -> bool {
    values.contains(&Pattern::Exact(value.to_owned()))
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

fn name_score(name: &str, word: &[char]) -> Option<u32> {
    let original: Vec<char> = name.chars().collect();
    let name = lower(name);
    let at: Vec<usize> = (0..name.len()).filter(|at| name[*at..].starts_with(word)).collect();
    if at.is_empty() {
        return None;
    }
    Some(match () {
        () if name == word => 5,
        () if at.contains(&0) => 4,
        () if at.iter().any(|at| edge(&original, *at) && edge(&original, at + word.len())) => 3,
        () => 2,
    })
}

fn elsewhere(entry: &Entry) -> Vec<String> {
    let (m, l) = (&entry.document.metadata, &entry.document.local);
    let mut all = vec![m.kind.clone(), entry.kind.plural().to_owned()];
    all.extend(Some(m.namespace.clone()).filter(|n| n != "_cluster"));
    all.extend(l.labels.iter().chain(&l.annotations).flat_map(|(k, v)| [k.clone(), v.clone()]));
    all.extend(l.owners.iter().map(|owner| owner.name.clone()));
    all
}

fn has(value: &str, word: &[char], phrase: bool) -> bool {
    let original: Vec<char> = value.chars().collect();
    let value = lower(value);
    (0..value.len()).any(|at| {
        let end = at + word.len();
        let starts = at == 0 || edge(&original, at) && original[at].is_alphanumeric();
        let ends =
            || end == value.len() || !value[end].is_alphanumeric() || !value[end - 1].is_alphanumeric();
        starts && value[at..].starts_with(word) && (!phrase || ends())
    })
}

fn fits(pattern: &Pattern, value: &str) -> bool {
    let value = lower(value);
    match pattern {
        Pattern::Exact(text) => value == lower(text),
        Pattern::Prefix(text) => value.starts_with(&lower(text)),
        Pattern::Suffix(text) => value.ends_with(&lower(text)),
        Pattern::Substring(text) => {
            let text = lower(text);
            (0..=value.len()).any(|at| value[at..].starts_with(&text))
        }
        Pattern::Glob(text) => glob(&lower(text), &value),
        Pattern::Regex(source) => panic!("no case for {source}"),
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
