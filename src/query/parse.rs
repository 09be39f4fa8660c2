//! Tokens to AST.
//!
//! ```text
//! query     = [ all ]                                   empty: nothing asked
//! all       = any { [ "AND" ] any }                     every one must hold
//! any       = one { ( "|" | "OR" ) one }                binds tighter than side by side
//! one       = [ "-" | "!" | "NOT" ] atom | flag
//! atom      = "(" all ")" | PHRASE | qualified | condition | pattern | WORD
//! flag      = "-n" list | "-l" SELECTOR | "-A"          kubectl's; exact tokens
//! qualified = ( "kind" | "k" | "ns" | "namespace" | "name" ) ":" list | "label:" ( keys | condition )
//! list      = value { "," value }                       one of them
//! value     = [ "=" | "^" ] ( TEXT | PHRASE ) [ "$" ]   TEXT may hold "*" and "?"
//! condition = KEY ( "=" | "==" | "!=" ) VALUE { "," ( VALUE | condition ) }
//! keys      = [ "!" ] KEY { "," [ "!" ] KEY }
//! pattern   = "^" list | list "$" | TEXT with "*" | "'" TEXT      the same as "name:" with it
//! ```
//! PHRASE is `"..."` (with `\"` and `\\`) or `'...'`; a bare token ends at white space, `(`, `)` and `|`. The same
//! qualifier twice means either; an unknown prefix is a WORD and leaves a hint.

use super::build::{Part, all_labels, all_of, merge, one_of};
use super::error::quoted;
use super::lex::{Token, TokenKind, is_delimiter, lex};
use super::value::{self, Bare, Item};
use super::{Expr, Hint, LabelOp, LabelSelector, ParseError, Pattern, Query, Span, Term, selector};
use crate::text::suggest;

/// Longest query, in bytes.
pub const MAX_BYTES: usize = 4096;
/// Deepest nesting of parentheses.
pub const MAX_DEPTH: usize = 32;
/// Most terms, each value of a list counted.
pub const MAX_TERMS: usize = 256;

/// Parses a query.
///
/// # Errors
/// Anything that is not understood, with its place; never reads a known qualifier as text, never widens a search.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    if text.len() > MAX_BYTES {
        let span = text.floor_char_boundary(MAX_BYTES)..text.len();
        let error = ParseError::new(span, "the query is too long");
        return Err(error
            .expected(format!("at most {MAX_BYTES} bytes"))
            .got(format!("{} bytes", text.len())));
    }
    let mut parser = Parser {
        text,
        tokens: lex(text)?,
        next: 0,
        depth: 0,
        terms: 0,
        hints: Vec::new(),
        all_namespaces: false,
    };
    let root = parser.all()?;
    if let Some(token) = parser.peek() {
        let error = ParseError::new(token.span.clone(), "this parenthesis was never opened");
        return Err(error.suggest("to search for the character, quote it: \")\""));
    }
    Ok(Query { root, all_namespaces: parser.all_namespaces, hints: parser.hints })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    terms: usize,
    hints: Vec<Hint>,
    all_namespaces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Qualifier {
    Kind,
    Namespace,
    Name,
    Label,
    /// Of the full language, not of this version.
    Later,
}

const QUALIFIERS: &[(&str, Qualifier)] = &[
    ("kind", Qualifier::Kind),
    ("k", Qualifier::Kind),
    ("ns", Qualifier::Namespace),
    ("namespace", Qualifier::Namespace),
    ("name", Qualifier::Name),
    ("label", Qualifier::Label),
    ("anno", Qualifier::Later),
    ("annotation", Qualifier::Later),
    ("age", Qualifier::Later),
    ("by", Qualifier::Later),
    ("changed", Qualifier::Later),
    ("cluster", Qualifier::Later),
    ("created", Qualifier::Later),
    ("group", Qualifier::Later),
    ("has", Qualifier::Later),
    ("is", Qualifier::Later),
    ("limit", Qualifier::Later),
    ("no", Qualifier::Later),
    ("owner", Qualifier::Later),
    ("root", Qualifier::Later),
    ("sort", Qualifier::Later),
    ("uid", Qualifier::Later),
    ("version", Qualifier::Later),
];

fn qualifier(word: &str) -> Option<Qualifier> {
    QUALIFIERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, qualifier)| *qualifier)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn kind(&self) -> Option<&TokenKind> {
        self.peek().map(|token| &token.kind)
    }

    fn advance(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn missing_term(&self, message: &str, span: Span) -> ParseError {
        let got = self
            .peek()
            .map_or_else(|| "the end of the query".to_owned(), |t| quoted(&self.text[t.span.clone()]));
        ParseError::new(span, message).expected("a term").got(got)
    }

    /// Up to the end or a closing parenthesis; `None` where only `-A` or nothing stands.
    fn all(&mut self) -> Result<Option<Expr>, ParseError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut seen = false;
        loop {
            match self.kind() {
                None | Some(TokenKind::Close) => return Ok(all_of(parts)),
                Some(TokenKind::AllNamespaces) => {
                    self.next += 1;
                    self.all_namespaces = true;
                }
                Some(TokenKind::And) => {
                    let span = self.advance().map(|token| token.span).unwrap_or_default();
                    if !seen
                        || matches!(
                            self.kind(),
                            None | Some(TokenKind::Close | TokenKind::And | TokenKind::Or)
                        )
                    {
                        let error = self.missing_term("`AND` needs a term on both sides", span);
                        return Err(error.suggest("to search for the word, quote it: \"AND\""));
                    }
                    continue;
                }
                Some(_) => {
                    let part = self.any()?;
                    merge(&mut parts, part);
                }
            }
            seen = true;
        }
    }

    fn any(&mut self) -> Result<Part, ParseError> {
        let first = self.one()?;
        let mut rest = Vec::new();
        while self.kind() == Some(&TokenKind::Or) {
            self.next += 1;
            rest.push(self.one()?.expr);
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let all = std::iter::once(first.expr).chain(rest);
        Ok(Part { expr: one_of(all.collect()), merges: false })
    }

    fn one(&mut self) -> Result<Part, ParseError> {
        let end = self.text.len();
        let Some(token) = self.advance() else {
            return Err(self.missing_term("a term is missing at the end", end..end));
        };
        let span = token.span;
        match token.kind {
            TokenKind::Not => {
                let expr = self.excluded(span)?;
                Ok(Part { expr: Expr::Not(Box::new(expr)), merges: false })
            }
            TokenKind::Open => Ok(Part { expr: self.group(span)?, merges: false }),
            TokenKind::Namespaces(list) => {
                let term = self.namespaces(&self.text[list.clone()], list.start)?;
                Ok(Part { expr: Expr::Term(term, span), merges: true })
            }
            TokenKind::Selector(range) => self.selector(range),
            TokenKind::Phrase(text) => {
                self.count(1, &span)?;
                Ok(Part { expr: Expr::Term(Term::Phrase(text), span), merges: false })
            }
            TokenKind::Text => self.text_term(span),
            TokenKind::Or | TokenKind::And | TokenKind::Close | TokenKind::AllNamespaces => {
                let what = quoted(&self.text[span.clone()]);
                let error = ParseError::new(span, format!("a term is missing before {what}"));
                Err(error.expected("a term").got(what))
            }
        }
    }

    fn excluded(&mut self, mark: Span) -> Result<Expr, ParseError> {
        match self.kind() {
            Some(TokenKind::Open | TokenKind::Phrase(_) | TokenKind::Text) => {
                self.hint_at_flag(&mark);
                Ok(self.one()?.expr)
            }
            Some(TokenKind::Not) => {
                let end = self.peek().map_or(mark.end, |token| token.span.end);
                Err(ParseError::new(mark.start..end, "excluded twice").expected("one `-`, `!` or `NOT`"))
            }
            Some(TokenKind::AllNamespaces | TokenKind::Namespaces(_) | TokenKind::Selector(_)) => {
                let span = self.peek().map_or(mark, |token| token.span.clone());
                let error = ParseError::new(span, "a flag can't be excluded");
                Err(error.suggest("write `-ns:NAME` or `-KEY=VALUE`"))
            }
            _ => Err(self.missing_term("nothing to exclude", mark)),
        }
    }

    fn group(&mut self, open: Span) -> Result<Expr, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ParseError::new(
                open,
                format!("more than {MAX_DEPTH} parentheses inside each other"),
            ));
        }
        let inside = self.all()?;
        let Some(close) = self.advance() else {
            let error = ParseError::new(open, "this parenthesis is never closed").expected("`)`");
            return Err(error.got("the end of the query"));
        };
        self.depth -= 1;
        let empty = || ParseError::new(open.start..close.span.end, "nothing between the parentheses");
        inside.ok_or_else(|| empty().expected("a term"))
    }

    fn count(&mut self, terms: usize, span: &Span) -> Result<(), ParseError> {
        self.terms += terms;
        if self.terms > MAX_TERMS {
            return Err(ParseError::new(span.clone(), format!("more than {MAX_TERMS} terms")));
        }
        Ok(())
    }

    fn selector(&mut self, range: Span) -> Result<Part, ParseError> {
        let requirements =
            selector::requirements(&self.text[range.clone()]).map_err(|e| e.shifted(range.start))?;
        let shift = |span: Span| span.start + range.start..span.end + range.start;
        let all = requirements.into_iter().map(|(one, span)| (one, shift(span))).collect();
        Ok(Part { expr: all_labels(self.labels(all)?), merges: false })
    }

    fn labels(&mut self, all: Vec<(LabelSelector, Span)>) -> Result<Vec<Expr>, ParseError> {
        for (selector, span) in &all {
            let values = match &selector.op {
                LabelOp::In(values) | LabelOp::NotIn(values) => values.len(),
                LabelOp::Exists | LabelOp::NotExists => 1,
            };
            self.count(values, span)?;
        }
        Ok(all.into_iter().map(|(selector, span)| Expr::Term(Term::Label(selector), span)).collect())
    }

    fn text_term(&mut self, span: Span) -> Result<Part, ParseError> {
        let raw = &self.text[span.clone()];
        self.refuse_later_forms(raw, &span)?;
        let sign = raw.find([':', '=', '<', '>']);
        let (before, sign, after) =
            sign.map_or((raw, "", ""), |at| (&raw[..at], &raw[at..=at], &raw[at + 1..]));
        match (sign, qualifier(before)) {
            _ if raw.starts_with('^') => self.name(raw, span, false),
            (":" | "<" | ">", Some(Qualifier::Later)) => {
                Err(later(&quoted(&format!("{before}{sign}")), raw, span))
            }
            (":", Some(qualifier)) => self.qualified(qualifier, after, span),
            (":", None) => {
                self.hint_at_prefix(before, &span);
                self.word(raw, span)
            }
            ("=", _) => self.conditions(raw, span),
            _ => self.word(raw, span),
        }
    }

    fn refuse_later_forms(&self, raw: &str, span: &Span) -> Result<(), ParseError> {
        let (form, whole) = match raw.chars().next() {
            Some('~') => ("`~` (search by meaning)", raw),
            Some('@') => ("`@` (another cluster)", raw),
            Some('/') => {
                // A regular expression may hold `|` and parentheses, which end a bare token.
                let rest = self.text[span.start..].split(char::is_whitespace).next().unwrap_or_default();
                let ends = |at: &usize| rest[at + 1..].chars().next().is_none_or(is_delimiter);
                match rest.match_indices('/').map(|(at, _)| at).skip(1).find(ends) {
                    Some(end) if end > 1 => ("`/regex/`", &rest[..=end]),
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        Err(later(form, whole, span.start..span.start + whole.len()))
    }

    fn qualified(&mut self, qualifier: Qualifier, list: &str, span: Span) -> Result<Part, ParseError> {
        let start = span.end - list.len();
        if list.is_empty() {
            let expected = match qualifier {
                Qualifier::Kind => "a kind such as `deploy`",
                Qualifier::Namespace => "a namespace",
                Qualifier::Name | Qualifier::Later => "a name or a part of one",
                Qualifier::Label => "a label such as `app` or `app=web`",
            };
            let error = ParseError::new(span.clone(), format!("{} has no value", quoted(&self.text[span])));
            let next = self.peek().map_or("the end of the query", |_| "a space");
            return Err(error.expected(expected).got(next));
        }
        match qualifier {
            Qualifier::Kind => self.kinds(list, start, span),
            Qualifier::Namespace => {
                let term = self.namespaces(list, start)?;
                Ok(Part { expr: Expr::Term(term, span), merges: true })
            }
            Qualifier::Name => self.name(list, span, true),
            Qualifier::Label => self.label(list, start),
            Qualifier::Later => Err(later("this qualifier", list, span)),
        }
    }

    fn kinds(&mut self, list: &str, start: usize, span: Span) -> Result<Part, ParseError> {
        let items = value::split(list, start);
        self.count(items.len(), &span)?;
        let mut kinds = Vec::new();
        for Item { raw, span } in items {
            refuse_exclusion(raw, &span, "kind")?;
            let kind = value::unquoted(raw).0;
            if kind.is_empty() {
                return Err(ParseError::new(span, "an empty value").expected("a kind such as `deploy`"));
            }
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Ok(Part { expr: Expr::Term(Term::Kind(kinds), span), merges: true })
    }

    fn namespaces(&mut self, list: &str, start: usize) -> Result<Term, ParseError> {
        let items = value::split(list, start);
        self.count(items.len(), &(start..start + list.len()))?;
        items.iter().try_for_each(|item| refuse_exclusion(item.raw, &item.span, "ns"))?;
        patterns(&items, Bare::Exact).map(Term::Namespace)
    }

    /// The values of `name:`, or a bare token that can only be meant so (`^web`).
    fn name(&mut self, list: &str, span: Span, merges: bool) -> Result<Part, ParseError> {
        let items = value::split(list, span.end - list.len());
        self.count(items.len(), &span)?;
        let term = Term::Name(patterns(&items, Bare::Substring)?);
        Ok(Part { expr: Expr::Term(term, span), merges })
    }

    fn label(&mut self, list: &str, start: usize) -> Result<Part, ParseError> {
        let has_value = value::split(list, start).first().is_some_and(|item| item.raw.contains('='));
        if has_value {
            return self.conditions(list, start..start + list.len());
        }
        let keys = value::label_keys(list, start)?;
        Ok(Part { expr: one_of(self.labels(keys)?), merges: false })
    }

    fn conditions(&mut self, raw: &str, span: Span) -> Result<Part, ParseError> {
        let all = self.labels(value::labels(raw, span.start)?)?;
        Ok(Part { merges: all.len() == 1, expr: all_labels(all) })
    }

    fn word(&mut self, raw: &str, span: Span) -> Result<Part, ParseError> {
        if let Some(part) = raw.strip_prefix('\'').filter(|part| !part.is_empty()) {
            if part.contains([',', '*', '?', '^', '$', '=', '\'']) {
                let error = ParseError::new(span, "this is no part of a name").got(quoted(part));
                return Err(error.suggest("write `name:...`, or quote the text"));
            }
            return self.name(part, span, false);
        }
        let (text, has_quotes) = value::unquoted(raw);
        if !has_quotes && (raw.contains('*') || (raw.len() > 1 && raw.ends_with('$'))) {
            return self.name(raw, span, false);
        }
        self.count(1, &span)?;
        self.hint_at_operator(raw, &span);
        let term = if has_quotes { Term::Phrase(text) } else { Term::Word(text) };
        Ok(Part { expr: Expr::Term(term, span), merges: false })
    }

    /// `-n=prod` excludes a label; kubectl's users may have meant its flag.
    fn hint_at_flag(&mut self, mark: &Span) {
        let rest = &self.text[mark.start..];
        if rest.starts_with("-n=") || rest.starts_with("-l=") {
            let (flag, label) = (&rest[..2], &rest[1..2]);
            let message = format!("this excludes the label `{label}`; the flag is written `{flag} VALUE`");
            self.hints.push(Hint { span: mark.start..mark.start + 3, message });
        }
    }

    fn hint_at_operator(&mut self, word: &str, span: &Span) {
        let operator = match word {
            "or" => "`OR` or `|`",
            "and" => "`AND` or nothing",
            "not" => "`NOT` or `-`",
            _ => return,
        };
        let message = format!("`{word}` is searched as a word; the operator is written {operator}");
        self.hints.push(Hint { span: span.clone(), message });
    }

    fn hint_at_prefix(&mut self, prefix: &str, span: &Span) {
        // `fe80::1`, `10:15`, `nginx:1.25` with a digit or dot before the colon: nobody meant a qualifier.
        if prefix.is_empty() || !prefix.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_')) {
            return;
        }
        let names = QUALIFIERS.iter().filter(|(_, q)| *q != Qualifier::Later).map(|(name, _)| *name);
        let meant = suggest(prefix, names).map_or(String::new(), |name| format!("; did you mean `{name}:`?"));
        let message = format!("no qualifier {}, searching as text{meant}", quoted(&format!("{prefix}:")));
        self.hints.push(Hint { span: span.start..span.start + prefix.len() + 1, message });
    }
}

fn later(form: &str, raw: &str, span: Span) -> ParseError {
    let error = ParseError::new(span, format!("{form} is not understood by this version yet"));
    error.suggest(format!("to search for the text, quote it: {}", quoted(&format!("\"{raw}\""))))
}

fn refuse_exclusion(raw: &str, span: &Span, qualifier: &str) -> Result<(), ParseError> {
    match raw.strip_prefix(['-', '!']) {
        Some(value) => {
            let error = ParseError::new(span.clone(), "an exclusion inside a list").got(quoted(raw));
            Err(error.suggest(format!("write {}", quoted(&format!("-{qualifier}:{value}")))))
        }
        None => Ok(()),
    }
}

fn patterns(items: &[Item<'_>], bare: Bare) -> Result<Vec<Pattern>, ParseError> {
    let mut patterns = Vec::new();
    for item in items {
        let pattern = value::pattern(item, bare)?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}
