//! AST to text. What [`super::parse`] made reads back as the same AST; spans and hints aside.

use std::fmt::{self, Display, Formatter, Write};

use super::value::Bare;
use super::words::{PARTS, SORT_KEYS, STATES, word_for};
use super::{Expr, Owner, Pattern, Query, Selector, SelectorOp, Sort, Term, Times, Value, times};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.all_namespaces {
            parts.push("-A".to_owned());
        }
        parts.extend(self.root.as_ref().map(ToString::to_string));
        if !self.clusters.is_empty() {
            parts.push(Listed("cluster:", &self.clusters).to_string());
        }
        if !self.sort.is_empty() {
            parts.push(Listed("sort:", &self.sort).to_string());
        }
        parts.extend(self.limit.map(|limit| format!("limit:{limit}")));
        f.write_str(&parts.join(" "))
    }
}

/// A qualifier and its values.
struct Listed<'a, T>(&'a str, &'a [T]);

impl<T: Display> Display for Listed<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(self.0, self.1, f, |value, f| value.fmt(f))
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            // `a:/b` could begin a regular expression
            Pattern::Exact(text) if text.contains([':', '/']) => quoted(text, f),
            pattern => print_pattern(pattern, Bare::Exact, f),
        }
    }
}

impl Display for Sort {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = SORT_KEYS.iter().find(|(_, key, reversed)| *key == self.key && !reversed);
        f.write_str(if self.descending { "-" } else { "" })?;
        f.write_str(word.map_or("", |(word, ..)| word))
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::And(all) => print_all(all, f),
            Expr::Or(any) => {
                for (index, one) in any.iter().enumerate() {
                    f.write_str(if index > 0 { " | " } else { "" })?;
                    grouped(one, matches!(one, Expr::And(_) | Expr::Or(_)), f)?;
                }
                Ok(())
            }
            // `-n` and `-l` are flags.
            Expr::Not(one) => {
                let flag = matches!(&**one, Expr::Term(Term::Word(word), _) if matches!(word.as_str(), "n" | "l" | "A"));
                f.write_char(if flag { '!' } else { '-' })?;
                grouped(one, !matches!(**one, Expr::Term(..)), f)
            }
            Expr::Term(term, _) => term.fmt(f),
        }
    }
}

fn grouped(expr: &Expr, group: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if group { write!(f, "({expr})") } else { expr.fmt(f) }
}

/// The same qualifier twice would merge: from the second on it stands in parentheses.
fn print_all(all: &[Expr], f: &mut Formatter<'_>) -> fmt::Result {
    let mut seen: Vec<Like<'_>> = Vec::new();
    for (index, one) in all.iter().enumerate() {
        f.write_str(if index > 0 { " " } else { "" })?;
        let like = Like::of(one);
        let again = like.as_ref().is_some_and(|like| seen.contains(like));
        grouped(one, again || matches!(one, Expr::And(_)), f)?;
        seen.extend(like);
    }
    Ok(())
}

/// What a term merges with.
#[derive(PartialEq)]
enum Like<'a> {
    Qualifier(std::mem::Discriminant<Term>),
    Key(std::mem::Discriminant<Term>, &'a str),
}

impl<'a> Like<'a> {
    fn of(expr: &'a Expr) -> Option<Self> {
        let Expr::Term(term, _) = expr else { return None };
        let same = std::mem::discriminant(term);
        match term {
            Term::Name(patterns) if bare_name(patterns).is_some() => None,
            Term::Kind(_)
            | Term::Namespace(_)
            | Term::Name(_)
            | Term::Group(_)
            | Term::Version(_)
            | Term::Uid(_)
            | Term::Owner(_)
            | Term::Root(_)
            | Term::By(_) => Some(Self::Qualifier(same)),
            Term::Label(Selector { key, op: SelectorOp::In(_) })
            | Term::Annotation(Selector { key, op: SelectorOp::In(_) }) => Some(Self::Key(same, key)),
            Term::Word(_)
            | Term::Phrase(_)
            | Term::Meaning(_)
            | Term::KindName { .. }
            | Term::Label(_)
            | Term::Annotation(_)
            | Term::LabelPair(_)
            | Term::AnnotationPair(_)
            | Term::Created(_)
            | Term::Changed(_)
            | Term::Is(_)
            | Term::Has(_) => None,
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Term::Word(word) => f.write_str(word),
            Term::Phrase(text) => quoted(text, f),
            Term::Meaning(text) => {
                f.write_char('~')?;
                quoted(text, f)
            }
            Term::Kind(kinds) => Listed("kind:", kinds).fmt(f),
            Term::Namespace(all) => patterns("ns:", all, Bare::Exact, f),
            Term::Name(all) => match bare_name(all) {
                Some(bare) => f.write_str(&bare),
                None => patterns("name:", all, Bare::Substring, f),
            },
            Term::KindName { kind, name } => {
                write!(f, "{kind}/")?;
                match name {
                    Pattern::Exact(text) => quoted(text, f),
                    other => print_pattern(other, Bare::Substring, f),
                }
            }
            Term::Group(all) => patterns("group:", all, Bare::Exact, f),
            Term::Version(all) => patterns("version:", all, Bare::Exact, f),
            Term::Uid(all) => patterns("uid:", all, Bare::Prefix, f),
            Term::Label(selector) => condition(selector, "label:", "", f),
            Term::Annotation(selector) => condition(selector, "anno:", "anno:", f),
            Term::LabelPair(pattern) => {
                f.write_str("label:")?;
                print_pattern(pattern, Bare::Exact, f)
            }
            Term::AnnotationPair(pattern) => {
                f.write_str("anno:")?;
                print_pattern(pattern, Bare::Exact, f)
            }
            Term::Owner(all) => Listed("owner:", all).fmt(f),
            Term::Root(all) => Listed("root:", all).fmt(f),
            Term::Created(ages @ Times::Ago { .. }) => write!(f, "age:{}", times::print(ages)),
            Term::Created(times) => write!(f, "created:{}", times::print(times)),
            Term::Changed(times) => write!(f, "changed:{}", times::print(times)),
            Term::By(all) => patterns("by:", all, Bare::Substring, f),
            Term::Is(all) => list("is:", all, f, |state, f| f.write_str(word_for(STATES, state))),
            Term::Has(all) => list("has:", all, f, |part, f| f.write_str(word_for(PARTS, part))),
        }
    }
}

fn patterns(qualifier: &str, all: &[Pattern], bare: Bare, f: &mut Formatter<'_>) -> fmt::Result {
    list(qualifier, all, f, |pattern, f| print_pattern(pattern, bare, f))
}

/// A condition as it stands in a query; `keys` and `values` are the qualifiers before it.
fn condition(selector: &Selector, keys: &str, values: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let key = &selector.key;
    match &selector.op {
        SelectorOp::Exists => write!(f, "{keys}{key}"),
        SelectorOp::NotExists => write!(f, "{keys}!{key}"),
        SelectorOp::In(all) => list(&format!("{values}{key}="), all, f, print_value),
        SelectorOp::NotIn(all) => list(&format!("{values}{key}!="), all, f, print_value),
        SelectorOp::Above(_) | SelectorOp::Below(_) => write!(f, "-l {selector}"),
    }
}

/// A value may be empty, and what would read as a second condition or a mark is quoted.
fn print_value(pattern: &Pattern, f: &mut Formatter<'_>) -> fmt::Result {
    match pattern {
        Pattern::Exact(text) if text.is_empty() => Ok(()),
        Pattern::Exact(text) if text.starts_with('=') || text.contains(['=', '^', '$']) => quoted(text, f),
        other => print_pattern(other, Bare::Exact, f),
    }
}

impl Display for Owner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => f.write_str(uid),
            Self::Object { kind: Some(kind), name } => {
                write!(f, "{kind}/")?;
                print_pattern(name, Bare::Exact, f)
            }
            // a slash would end a kind
            Self::Object { kind: None, name: Pattern::Exact(text) } if text.contains('/') => quoted(text, f),
            Self::Object { kind: None, name } => print_pattern(name, Bare::Exact, f),
        }
    }
}

impl Display for Selector {
    /// As kubectl writes it, for `-l`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.op {
            SelectorOp::Exists => f.write_str(key),
            SelectorOp::NotExists => write!(f, "!{key}"),
            SelectorOp::In(values) => match values.as_slice() {
                [value] => write!(f, "{key}={}", literal(value)),
                _ => write!(f, "{key} in ({})", literals(values)),
            },
            SelectorOp::NotIn(values) => match values.as_slice() {
                [value] => write!(f, "{key}!={}", literal(value)),
                _ => write!(f, "{key} notin ({})", literals(values)),
            },
            SelectorOp::Above(number) => write!(f, "{key}>{number}"),
            SelectorOp::Below(number) => write!(f, "{key}<{number}"),
        }
    }
}

/// kubectl knows whole values only.
fn literal(pattern: &Pattern) -> &str {
    match pattern {
        Pattern::Exact(text)
        | Pattern::Substring(text)
        | Pattern::Prefix(text)
        | Pattern::Suffix(text)
        | Pattern::Glob(text)
        | Pattern::Regex(text) => text,
    }
}

fn literals(patterns: &[Pattern]) -> String {
    patterns.iter().map(literal).collect::<Vec<_>>().join(",")
}

fn list<T>(
    qualifier: &str,
    values: &[T],
    f: &mut Formatter<'_>,
    print: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(qualifier)?;
    for (index, value) in values.iter().enumerate() {
        f.write_str(if index > 0 { "," } else { "" })?;
        print(value, f)?;
    }
    Ok(())
}

/// `^web`, `web$`, `web-*` without `name:`, where nothing in them could be read otherwise.
fn bare_name(patterns: &[Pattern]) -> Option<String> {
    let [pattern] = patterns else { return None };
    let simple = |text: &str, also: char| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == also)
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.') || c == also)
    };
    match pattern {
        Pattern::Prefix(text) if simple(text, '-') => Some(format!("^{text}")),
        Pattern::Suffix(text) if simple(text, '.') => Some(format!("{text}$")),
        Pattern::Glob(text) if simple(text, '*') && text.contains('*') => Some(text.clone()),
        Pattern::Regex(source) => Some(format!("/{source}/")),
        Pattern::Exact(_)
        | Pattern::Substring(_)
        | Pattern::Prefix(_)
        | Pattern::Suffix(_)
        | Pattern::Glob(_) => None,
    }
}

fn print_pattern(pattern: &Pattern, bare: Bare, f: &mut Formatter<'_>) -> fmt::Result {
    match pattern {
        Pattern::Exact(text) => {
            f.write_str(if bare == Bare::Exact { "" } else { "=" })?;
            plain_or_quoted(text, f)
        }
        Pattern::Prefix(text) if bare == Bare::Prefix && is_plain(text) => f.write_str(text),
        Pattern::Substring(text) | Pattern::Glob(text) => f.write_str(text),
        Pattern::Prefix(text) => {
            f.write_char('^')?;
            plain_or_quoted(text, f)
        }
        Pattern::Suffix(text) => {
            plain_or_quoted(text, f)?;
            f.write_char('$')
        }
        Pattern::Regex(source) => write!(f, "/{source}/"),
    }
}

fn plain_or_quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    if is_plain(text) { f.write_str(text) } else { quoted(text, f) }
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_.:/".contains(c);
    text.starts_with(char::is_alphanumeric) && text.chars().all(plain)
}

fn quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
