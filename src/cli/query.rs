//! From the words and filters of a command line to one query, and from a mistake in it to what a person reads.

use std::ops::Range;

use anyhow::anyhow;

use super::failure::Failure;
use crate::query::{Expr, Query, Term, parse, parse_selector};
use crate::text;

/// What was typed.
#[derive(Debug)]
pub(super) struct Wording<'a> {
    /// The words, joined by spaces to one query.
    pub(super) words: &'a [String],
    /// `-n`, any of them.
    pub(super) namespaces: &'a [String],
    /// `-l`, all of them.
    pub(super) selectors: &'a [String],
}

impl Wording<'_> {
    /// The query as one text.
    pub(super) fn text(&self) -> String {
        self.words.join(" ")
    }
}

/// The query that the words and filters make together; filters are ANDed in.
pub(super) fn build(wording: &Wording<'_>) -> Result<Query, Failure> {
    let text = wording.text();
    let Query { root, hints } = parse(&text).map_err(|error| {
        let span = error.span.clone();
        mistake(&text, Some(span), anyhow!(error))
    })?;
    let mut all: Vec<Expr> = root.into_iter().collect();
    all.extend(namespaces(wording.namespaces)?);
    for selector in wording.selectors {
        let parsed = parse_selector(selector).map_err(|error| {
            let span = error.span.clone();
            mistake(selector, Some(span), anyhow!(error).context("-l"))
        })?;
        all.extend(parsed.into_iter().map(|selector| Expr::Term(Term::Label(selector), 0..0)));
    }
    let root = match all.len() {
        0 | 1 => all.pop(),
        _ => Some(Expr::And(all)),
    };
    Ok(Query { root, hints })
}

// The language's own `ns:` knows globs; what can't be a namespace must not become another term.
fn namespaces(names: &[String]) -> Result<Option<Expr>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '*' | '?' | '_');
    if let Some(wrong) = names.iter().find(|name| name.is_empty() || !name.chars().all(plain)) {
        let error = anyhow!("-n: \"{}\" can't be a namespace", text::truncate(wrong, 60));
        return Err(Failure::usage(error).advise("lower-case letters, digits and -, or a glob such as team-*"));
    }
    let parsed = parse(&format!("ns:{}", names.join(",")));
    parsed.map(|query| query.root).map_err(|error| Failure::usage(anyhow!(error).context("-n")))
}

/// A mistake in a query, with the place marked below the text.
pub(super) fn mistake(query: &str, span: Option<Range<usize>>, error: anyhow::Error) -> Failure {
    let failure = Failure::usage(error);
    match span.and_then(|span| marked(query, &span)) {
        Some(marked) => failure.advise(marked),
        None => failure,
    }
}

// The query with `^^^` below the place: only what fits one line, and only around the place.
fn marked(query: &str, span: &Range<usize>) -> Option<String> {
    const AROUND: usize = 30;
    let (before, place, after) = (query.get(..span.start)?, query.get(span.clone())?, query.get(span.end..)?);
    let before = text::sanitise(before);
    let skipped = before.chars().count().saturating_sub(AROUND);
    let before: String = before.chars().skip(skipped).collect();
    let place = text::truncate(&text::sanitise(place), AROUND).into_owned();
    let after: String = text::sanitise(after).chars().take(AROUND).collect();
    let start = if skipped > 0 { "…" } else { "" };
    let indent = text::width(start) + text::width(&before);
    let carets = "^".repeat(text::width(&place).max(1));
    Some(format!("{start}{before}{place}{after}\n{}{carets}", " ".repeat(indent)))
}
