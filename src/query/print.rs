//! AST to text. What [`super::parse`] made reads back as the same AST; spans and hints aside.

use std::fmt::{self, Display, Formatter, Write};

use super::{Expr, LabelOp, LabelSelector, Pattern, Query, Term};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.all_namespaces {
            f.write_str("-A")?;
        }
        match &self.root {
            Some(root) if self.all_namespaces => write!(f, " {root}"),
            Some(root) => root.fmt(f),
            None => Ok(()),
        }
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
    Kind,
    Namespace,
    Name,
    Label(&'a str),
}

impl<'a> Like<'a> {
    fn of(expr: &'a Expr) -> Option<Self> {
        let Expr::Term(term, _) = expr else { return None };
        match term {
            Term::Kind(_) => Some(Self::Kind),
            Term::Namespace(_) => Some(Self::Namespace),
            Term::Name(patterns) if bare_name(patterns).is_none() => Some(Self::Name),
            Term::Label(LabelSelector { key, op: LabelOp::In(_) }) => Some(Self::Label(key)),
            Term::Word(_) | Term::Phrase(_) | Term::Name(_) | Term::Label(_) => None,
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Term::Word(word) => f.write_str(word),
            Term::Phrase(text) => quoted(text, f),
            Term::Kind(kinds) => list("kind:", kinds, f, |kind, f| plain_or_quoted(kind, f)),
            Term::Namespace(all) => list("ns:", all, f, |pattern, f| print_pattern(pattern, false, f)),
            Term::Name(all) => match bare_name(all) {
                Some(bare) => f.write_str(&bare),
                None => list("name:", all, f, |pattern, f| print_pattern(pattern, true, f)),
            },
            Term::Label(selector) => match &selector.op {
                LabelOp::Exists => write!(f, "label:{}", selector.key),
                LabelOp::NotExists => write!(f, "label:!{}", selector.key),
                LabelOp::In(values) => write!(f, "{}={}", selector.key, values.join(",")),
                LabelOp::NotIn(values) => write!(f, "{}!={}", selector.key, values.join(",")),
            },
        }
    }
}

impl Display for LabelSelector {
    /// As kubectl writes it, for `-l`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.op {
            LabelOp::Exists => f.write_str(key),
            LabelOp::NotExists => write!(f, "!{key}"),
            LabelOp::In(values) => match values.as_slice() {
                [value] => write!(f, "{key}={value}"),
                _ => write!(f, "{key} in ({})", values.join(",")),
            },
            LabelOp::NotIn(values) => match values.as_slice() {
                [value] => write!(f, "{key}!={value}"),
                _ => write!(f, "{key} notin ({})", values.join(",")),
            },
        }
    }
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
        Pattern::Exact(_)
        | Pattern::Substring(_)
        | Pattern::Prefix(_)
        | Pattern::Suffix(_)
        | Pattern::Glob(_) => None,
    }
}

fn print_pattern(pattern: &Pattern, marked: bool, f: &mut Formatter<'_>) -> fmt::Result {
    match pattern {
        // A bare value of `name:` is a substring, of `ns:` the whole.
        Pattern::Exact(text) if marked => {
            f.write_char('=')?;
            plain_or_quoted(text, f)
        }
        Pattern::Exact(text) => plain_or_quoted(text, f),
        Pattern::Substring(text) | Pattern::Glob(text) => f.write_str(text),
        Pattern::Prefix(text) => {
            f.write_char('^')?;
            plain_or_quoted(text, f)
        }
        Pattern::Suffix(text) => {
            plain_or_quoted(text, f)?;
            f.write_char('$')
        }
    }
}

fn plain_or_quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let starts = text.starts_with(char::is_alphanumeric);
    let plain = |c: char| c.is_alphanumeric() || "-_.:/".contains(c);
    if starts && text.chars().all(plain) { f.write_str(text) } else { quoted(text, f) }
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
