//! Tokens to AST.
//!
//! ```text
//! query     = [ all ]                                   empty: nothing asked
//! all       = any { [ "AND" ] any }                     every one must hold
//! any       = one { ( "|" | "OR" ) one }                binds tighter than side by side
//! one       = [ "-" | "!" | "NOT" ] atom | flag | setting
//! atom      = "(" all ")" | PHRASE | qualified | condition | pattern | meaning | KIND "/" value | WORD
//! flag      = "-n" values | "-l" SELECTOR | "-A"        kubectl's, as exact tokens; also --namespace --selector
//!                                                       --all-namespaces
//! setting   = "sort:" [ "-" ] KEY { "," [ "-" ] KEY } | "limit:" NUMBER | ( "cluster:" | "@" ) values
//!                                                       of the whole query: not in parentheses, not excluded
//! qualified = ( "kind" | "k" | "ns" | "namespace" | "name" | "group" | "version" | "uid" | "by" ) ":" values
//!           | ( "label" | "anno" | "annotation" ) ":" ( keys | condition )
//!           | ( "owner" | "root" ) ":" owner { "," owner }
//!           | ( "age" | "created" | "changed" ) ":" TIMES | ( "age" | "created" | "changed" ) ( "<" | ">" ) TIMES
//!           | ( "is" | "has" | "no" ) ":" NAME { "," NAME }
//! values    = value { "," value }                       one of them
//! value     = [ "=" | "^" ] ( TEXT | PHRASE ) [ "$" ] | REGEX     TEXT may hold "*" and "?"
//! owner     = UID | [ KIND "/" ] value                  KIND may end with "*"
//! condition = KEY ( "=" | "==" | "!=" ) value { "," ( value | condition ) }     KEY may hold "*"
//! keys      = key { "," key }
//! key       = [ "!" ] KEY | REGEX                       over key=value
//! pattern   = "^" values | values "$" | TEXT with "*" | "'" TEXT | REGEX      the same as "name:" with it
//! meaning   = "~" ( PHRASE | WORD { WORD } )
//! ```
//! PHRASE is `"..."` (with `\"` and `\\`) or `'...'`; REGEX is `/.../` without white space, and closes before a
//! delimiter or a comma; a bare token ends at white space, `(`, `)` and `|`. TIMES are those of `times`, SELECTOR is
//! that of `selector`. The same qualifier twice means either, but `is:`, `has:` and comparisons of time must all
//! hold; an unknown prefix is a WORD and leaves a hint.

use super::build::{Piece, all_of, merge, one_of};
use super::error::quoted;
use super::lenient::Typing;
use super::lex::{Token, TokenKind, lex};
use super::problems::Problems;
use super::{Expr, Hint, ParseError, Query, Span, Term};

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
    Parser::new(text, Problems::strict(), None)?.query().map(|(query, _)| query)
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    pub(super) depth: usize,
    terms: usize,
    pub(super) problems: Problems,
    /// All but its root, which is built last.
    pub(super) query: Query,
    /// Where the last term was, if it was none: a setting of the whole query.
    pub(super) setting: Option<Span>,
    /// Where the cursor is, if the query is being typed.
    pub(super) typing: Option<Typing<'a>>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        text: &'a str,
        mut problems: Problems,
        typing: Option<Typing<'a>>,
    ) -> Result<Self, ParseError> {
        let mut tokens = Vec::new();
        if text.len() > MAX_BYTES {
            let span = text.floor_char_boundary(MAX_BYTES)..text.len();
            let error = ParseError::new(span.clone(), "the query is too long")
                .expected(format!("at most {MAX_BYTES} bytes"))
                .got(format!("{} bytes", text.len()));
            problems.add(error, span)?;
        } else {
            tokens = lex(text, &mut problems)?;
        }
        let query = Query::default();
        Ok(Self { text, tokens, next: 0, depth: 0, terms: 0, problems, query, setting: None, typing })
    }

    /// The query, and what could not be understood of it.
    pub(super) fn query(mut self) -> Result<(Query, Problems), ParseError> {
        let mut parts = Vec::new();
        loop {
            parts.extend(self.all()?.map(|expr| Piece { expr, merges: false }));
            // what `all` stops at is the end, or a parenthesis that nothing opened
            let Some(token) = self.advance() else { break };
            let error = ParseError::new(token.span.clone(), "this parenthesis was never opened");
            let error = error.suggest("to search for the character, quote it: \")\"");
            self.problems.add(error, token.span)?;
        }
        let root = all_of(parts);
        Ok((Query { root, ..self.query }, self.problems))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn kind(&self) -> Option<&TokenKind> {
        self.peek().map(|token| &token.kind)
    }

    pub(super) fn advance(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn here(&self) -> usize {
        self.peek().map_or(self.text.len(), |token| token.span.start)
    }

    fn missing_term(&self, message: impl Into<String>, span: Span) -> ParseError {
        let got = self
            .peek()
            .map_or_else(|| "the end of the query".to_owned(), |t| quoted(&self.text[t.span.clone()]));
        let error = ParseError::new(span, message).expected("a term").got(got);
        // at the end, spaces may still be typed before it
        if self.peek().is_none() { error.open() } else { error.mendable() }
    }

    /// Up to the end or a closing parenthesis; `None` where nothing stands that restricts the search.
    fn all(&mut self) -> Result<Option<Expr>, ParseError> {
        let mut parts: Vec<Piece> = Vec::new();
        let mut seen = false;
        loop {
            match self.kind() {
                None | Some(TokenKind::Close) => return Ok(all_of(parts)),
                Some(TokenKind::AllNamespaces) => {
                    self.next += 1;
                    self.query.all_namespaces = true;
                }
                Some(TokenKind::And) => {
                    self.and(seen)?;
                    continue;
                }
                Some(_) => {
                    if let Some(part) = self.any()? {
                        merge(&mut parts, part);
                    }
                }
            }
            seen = true;
        }
    }

    /// `AND` says what holds anyway.
    fn and(&mut self, seen: bool) -> Result<(), ParseError> {
        let Some(token) = self.advance() else { return Ok(()) };
        let last = matches!(self.kind(), None | Some(TokenKind::Close | TokenKind::And | TokenKind::Or));
        if seen && !last {
            return Ok(());
        }
        let error = self.missing_term("`AND` needs a term on both sides", token.span.clone());
        let extent = token.span.start..self.here();
        self.problems.add(error.suggest("to search for the word, quote it: \"AND\""), extent)
    }

    /// Alternatives; `None` where nothing came of any.
    fn any(&mut self) -> Result<Option<Piece>, ParseError> {
        let first = self.tried()?;
        let mut alternatives = Vec::new();
        while self.kind() == Some(&TokenKind::Or) {
            self.no_setting("an alternative")?;
            self.next += 1;
            alternatives.extend(self.tried()?.map(|piece| piece.expr));
            self.no_setting("an alternative")?;
        }
        if alternatives.is_empty() {
            return Ok(first);
        }
        let all = first.into_iter().map(|piece| piece.expr).chain(alternatives);
        Ok(Some(Piece { expr: one_of(all.collect()), merges: false }))
    }

    /// One term, or a problem and nothing.
    fn tried(&mut self) -> Result<Option<Piece>, ParseError> {
        let (first, start) = (self.next, self.here());
        self.setting = None;
        match self.one() {
            Ok(piece) => Ok(piece),
            Err(error) => {
                let last = self.tokens[first..self.next.max(first)].last();
                // where a term is missing, what asks for it is to blame
                let before = first.checked_sub(1).filter(|_| last.is_none()).map(|nth| &self.tokens[nth]);
                let start = before.map_or(start, |token| token.span.start);
                let end = last.map_or(start, |token| token.span.end);
                let end = if error.open { self.text.len() } else { end };
                self.problems.add(error, start..end)?;
                Ok(None)
            }
        }
    }

    fn one(&mut self) -> Result<Option<Piece>, ParseError> {
        let end = self.text.len();
        let Some(token) = self.peek().cloned() else {
            return Err(self.missing_term("a term is missing at the end", end..end));
        };
        let span = token.span;
        if let TokenKind::Or | TokenKind::And | TokenKind::Close | TokenKind::AllNamespaces = token.kind {
            let what = quoted(&self.text[span.clone()]);
            let error = ParseError::new(span, format!("a term is missing before {what}"));
            return Err(error.expected("a term").got(what));
        }
        self.next += 1;
        let piece = match token.kind {
            TokenKind::Not => {
                let expr = self.excluded(span)?;
                expr.map(|expr| Piece { expr: Expr::Not(Box::new(expr)), merges: false })
            }
            TokenKind::Open => self.group(span)?.map(|expr| Piece { expr, merges: false }),
            TokenKind::Namespaces(list) => {
                let term = self.namespaces(&self.text[list.clone()], list.start)?;
                Some(Piece { expr: Expr::Term(term, span), merges: true })
            }
            TokenKind::Selector(range) => Some(self.selector(range)?),
            TokenKind::Phrase(text) => {
                self.count(1, &span)?;
                Some(Piece { expr: Expr::Term(Term::Phrase(text), span), merges: false })
            }
            TokenKind::Text
            | TokenKind::Or
            | TokenKind::And
            | TokenKind::Close
            | TokenKind::AllNamespaces => self.text_term(span)?,
        };
        Ok(piece)
    }

    fn excluded(&mut self, mark: Span) -> Result<Option<Expr>, ParseError> {
        match self.kind() {
            Some(TokenKind::Open | TokenKind::Phrase(_) | TokenKind::Text) => {
                self.hint_at_flag(&mark);
                let piece = self.one()?;
                self.no_setting("excluded")?;
                Ok(piece.map(|piece| piece.expr))
            }
            Some(TokenKind::Not) => {
                let end = self.advance().map_or(mark.end, |token| token.span.end);
                // behind `-` a `NOT` is a word, which alone it could not be: it goes with its mark
                while self.kind() == Some(&TokenKind::Not) {
                    self.next += 1;
                }
                self.next += usize::from(self.kind() == Some(&TokenKind::Text));
                Err(ParseError::new(mark.start..end, "excluded twice").expected("one `-`, `!` or `NOT`"))
            }
            Some(TokenKind::AllNamespaces | TokenKind::Namespaces(_) | TokenKind::Selector(_)) => {
                let span = self.advance().map_or(mark, |token| token.span);
                let error = ParseError::new(span, "a flag can't be excluded");
                Err(error.suggest("write `-ns:NAME` or `-KEY=VALUE`"))
            }
            _ => Err(self.missing_term("nothing to exclude", mark)),
        }
    }

    /// A setting of the whole query is no condition that could be combined.
    fn no_setting(&mut self, role: &str) -> Result<(), ParseError> {
        let Some(span) = self.setting.take() else { return Ok(()) };
        let what = quoted(&self.text[span.clone()]);
        let error = ParseError::new(span, format!("{what} can't be {role}: it belongs to the whole query"));
        let extent = error.span.clone();
        self.problems.add(error, extent)
    }

    fn group(&mut self, open: Span) -> Result<Option<Expr>, ParseError> {
        if self.depth >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} parentheses inside each other");
            return Err(ParseError::new(open, message));
        }
        self.depth += 1;
        let found = self.problems.len();
        let inside = self.all();
        self.depth -= 1;
        let inside = inside?;
        // what could not be understood inside was told already
        let is_empty = inside.is_none() && self.problems.len() == found;
        let Some(close) = self.advance() else {
            let error = ParseError::new(open.clone(), "this parenthesis is never closed").expected("`)`");
            self.problems.add(error.got("the end of the query").open(), open.start..self.text.len())?;
            return Ok(inside);
        };
        if is_empty {
            let error = ParseError::new(open.start..close.span.end, "nothing between the parentheses");
            return Err(error.expected("a term").mendable());
        }
        Ok(inside)
    }

    pub(super) fn count(&mut self, terms: usize, span: &Span) -> Result<(), ParseError> {
        self.terms += terms;
        if self.terms > MAX_TERMS {
            return Err(ParseError::new(span.clone(), format!("more than {MAX_TERMS} terms")));
        }
        Ok(())
    }

    pub(super) fn hint(&mut self, span: Span, message: impl Into<String>) {
        self.query.hints.push(Hint { span, message: message.into() });
    }
}
