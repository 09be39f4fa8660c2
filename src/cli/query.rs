//! From the words and filters of a command line to one query, and from a mistake in it to what a person reads.

use anyhow::anyhow;

use super::failure::Failure;
use crate::object::KindKey;
use crate::query::{Expr, ParseError, Pattern, Query, Term, parse, parse_selector};
use crate::search::{Catalog, UnknownKind};
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
    let mut query = parse(&text).map_err(|error| mistake(&error, &text))?;
    let mut all: Vec<Expr> = query.root.take().into_iter().collect();
    if !query.all_namespaces {
        all.extend(namespaces(wording.namespaces)?);
    }
    for selector in wording.selectors {
        let parsed = parse_selector(selector).map_err(|error| mistake(&error, selector))?;
        all.extend(parsed.into_iter().map(|selector| Expr::Term(Term::Label(selector), 0..0)));
    }
    query.root = if all.len() > 1 { Some(Expr::And(all)) } else { all.pop() };
    Ok(query)
}

/// `-n` as a condition; `None` without any.
// The language's own `ns:` knows lists and globs; what can't be a namespace must not become another term.
pub(super) fn namespaces(names: &[String]) -> Result<Option<Expr>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.*?_".contains(c);
    if let Some(wrong) = names.iter().find(|name| name.is_empty() || !name.chars().all(plain)) {
        let error = anyhow!("-n: \"{}\" can't be a namespace", text::truncate(wrong, 60));
        return Err(
            Failure::usage(error).advise("lower-case letters, digits and -, or a glob such as team-*")
        );
    }
    let filter = format!("ns:{}", names.join(","));
    parse(&filter).map(|query| query.root).map_err(|error| mistake(&error, &filter))
}

/// The kinds that a query names to be found: none that it excludes.
pub(super) fn kinds(query: &Query, catalog: &Catalog) -> Vec<KindKey> {
    let mut words = Vec::new();
    kind_words(query.root.as_ref(), &mut words);
    words.iter().filter_map(|word| catalog.resolve(word).ok()).flat_map(|found| found.kinds).collect()
}

fn kind_words<'a>(expr: Option<&'a Expr>, words: &mut Vec<&'a str>) {
    match expr {
        Some(Expr::And(all) | Expr::Or(all)) => all.iter().for_each(|one| kind_words(Some(one), words)),
        Some(Expr::Term(Term::Kind(kinds), _)) => {
            words.extend(kinds.iter().filter_map(|kind| match &kind.pattern {
                Pattern::Exact(word) => Some(word.as_str()),
                _ => None,
            }))
        }
        Some(Expr::Term(Term::KindName { kind, .. }, _)) => words.push(kind),
        Some(Expr::Term(..) | Expr::Not(_)) | None => {}
    }
}

/// A mistake in a query, with the place marked below the text.
pub(super) fn mistake(error: &ParseError, query: &str) -> Failure {
    let rendered = error.render(query);
    let mut lines = rendered.lines();
    let failure = Failure::usage(anyhow!(lines.next().unwrap_or_default().to_owned()));
    let rest: Vec<&str> = lines.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    failure.advise(rest.join("\n"))
}

/// A kind word that this cluster does not know, told as a mistake of the query.
pub(super) fn unknown_kind(unknown: &UnknownKind, query: &str) -> Failure {
    let known = "kubesift kinds lists the kinds of this cluster";
    // A word in a flag stands nowhere in the query.
    let Some(span) = unknown.span.clone() else { return Failure::usage(unknown.clone()).advise(known) };
    mistake(&ParseError::elsewhere(span, unknown.to_string()), query).advise(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str], namespaces: &[&str], selectors: &[&str]) -> String {
        let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let (words, namespaces, selectors) = (own(words), own(namespaces), own(selectors));
        match build(&Wording { words: &words, namespaces: &namespaces, selectors: &selectors }) {
            Ok(query) => query.to_string(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn words_are_joined_and_filters_are_anded_in() {
        assert_eq!(shown(&["web", "api"], &[], &[]), "web api");
        assert_eq!(shown(&["web api", "\"a b\""], &[], &[]), "web api \"a b\"");
        assert_eq!(shown(&["web"], &["shop", "team-*"], &[]), "web ns:shop,team-*");
        assert_eq!(shown(&["ns:a"], &["b"], &[]), "ns:a (ns:b)");
        assert_eq!(shown(&[], &[], &["app=web,env in (a,b)"]), "app=web env=a,b");
        assert_eq!(shown(&["web -A"], &["shop"], &[]), "-A web");
        assert_eq!(shown(&[], &[], &[]), "");
    }

    #[test]
    fn mistakes_show_their_place() {
        insta::assert_snapshot!(shown(&["web", "(api"], &[], &[]), @"
        error: this parenthesis is never closed
          web (api
              ^ expected `)`, got the end of the query
        ");
        insta::assert_snapshot!(shown(&["web"], &[], &["app in (a"]), @"
        error: this is no label selector
          app in (a
                   ^ expected `,` or `)`, got the end of the selector
        ");
        insta::assert_snapshot!(shown(&["web"], &["a b"], &[]), @r#"
        error: -n: "a b" can't be a namespace
          lower-case letters, digits and -, or a glob such as team-*
        "#);
        insta::assert_snapshot!(shown(&["web"], &["x) | kind:secret"], &[]), @r#"
        error: -n: "x) | kind:secret" can't be a namespace
          lower-case letters, digits and -, or a glob such as team-*
        "#);
        let unknown =
            UnknownKind { word: "deploi".into(), suggestion: Some("deploy".into()), span: Some(4..15) };
        insta::assert_snapshot!(unknown_kind(&unknown, "web kind:deploi"), @"
        error: no kind is called 'deploi': did you mean 'deploy'?
          web kind:deploi
              ^^^^^^^^^^^
          kubesift kinds lists the kinds of this cluster
        ");
    }
}
