//! kubectl's label selectors: apimachinery's `labels.Parse`, its grammar and its validation.
//!
//! ```text
//! selector    = requirement { "," requirement }
//! requirement = "!" KEY | KEY [ ("=" | "==" | "!=") VALUE | ("in" | "notin") "(" VALUE { "," VALUE } ")"
//!                              | (">" | "<") INTEGER ]
//! ```
//! A VALUE may be empty. Not taken over: the empty selector that selects all.

use super::build::ordered;
use super::error::quoted;
use super::{ParseError, Pattern, Selector, SelectorOp, Span};

/// Parses what follows `-l`: requirements that must all hold.
///
/// # Errors
/// Whatever kubectl refuses, and an empty selector; positions are those of `text`.
pub fn parse_selector(text: &str) -> Result<Vec<Selector>, ParseError> {
    Ok(requirements(text)?.into_iter().map(|(selector, _)| selector).collect())
}

/// The requirements and where they stand.
pub(super) fn requirements(text: &str) -> Result<Vec<(Selector, Span)>, ParseError> {
    let limit = super::MAX_BYTES;
    if text.len() > limit {
        let span = text.floor_char_boundary(limit)..text.len();
        return Err(ParseError::new(span, format!("the selector is longer than {limit} bytes")));
    }
    let mut parser = Parser { text, tokens: lex(text), next: 0 };
    if parser.peek().is_none() {
        let error = ParseError::new(0..text.len(), "an empty label selector");
        return Err(error.expected("a requirement such as `app=web`").mendable());
    }
    let mut all = Vec::new();
    loop {
        let start = parser.here().start;
        let selector = parser.requirement()?;
        all.push((selector, start..parser.end_of_last()));
        if parser.peek().is_none() {
            return Ok(all);
        }
        parser.take(",").map_err(|error| error.expected("`,` or the end"))?;
    }
}

/// Operators, parentheses, commas; everything else between them and spaces is one word.
fn lex(text: &str) -> Vec<Span> {
    let is_space = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let is_special = |b: u8| b"=!(),><".contains(&b);
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if is_space(bytes[at]) {
            at += 1;
            continue;
        }
        if is_special(bytes[at]) {
            let double = bytes[at..].starts_with(b"==") || bytes[at..].starts_with(b"!=");
            at += if double { 2 } else { 1 };
        } else {
            at += bytes[at..].iter().take_while(|b| !is_space(**b) && !is_special(**b)).count();
        }
        tokens.push(start..at);
    }
    tokens
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Span>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).map(|span| &self.text[span.clone()])
    }

    fn here(&self) -> Span {
        self.tokens.get(self.next).cloned().unwrap_or(self.text.len()..self.text.len())
    }

    fn end_of_last(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |span| span.end)
    }

    fn unexpected(&self) -> ParseError {
        let got = self.peek().map_or_else(|| "the end of the selector".to_owned(), quoted);
        let error = ParseError::new(self.here(), "this is no label selector").got(got);
        // at the end, or at a word that may become `in` or `notin`
        let last = self.next + 1 >= self.tokens.len();
        let begun =
            self.peek().is_none_or(|word| word == "!" || "in".starts_with(word) || "notin".starts_with(word));
        if last && begun { error.mendable() } else { error }
    }

    fn take(&mut self, token: &str) -> Result<(), ParseError> {
        if self.peek() != Some(token) {
            return Err(self.unexpected().expected(format!("`{token}`")));
        }
        self.next += 1;
        Ok(())
    }

    fn word(&mut self) -> Option<(&'a str, Span)> {
        let word = self.peek().filter(|token| !token.starts_with(['=', '!', '(', ')', ',', '>', '<']))?;
        let span = self.here();
        self.next += 1;
        Some((word, span))
    }

    fn requirement(&mut self) -> Result<Selector, ParseError> {
        let absent = self.peek() == Some("!");
        self.next += usize::from(absent);
        let expected = if absent { "a label key" } else { "a label key or `!`" };
        let (key, span) = self.word().ok_or_else(|| self.unexpected().expected(expected))?;
        check_key(key).map_err(|error| error.shifted(span.start))?;
        let op = match self.peek() {
            None | Some(",") if absent => SelectorOp::NotExists,
            None | Some(",") => SelectorOp::Exists,
            Some(_) if absent => return Err(self.unexpected().expected("`,` or the end after `!KEY`")),
            Some(operator) => self.operation(operator)?,
        };
        Ok(Selector { key: key.to_owned(), op })
    }

    fn operation(&mut self, operator: &str) -> Result<SelectorOp, ParseError> {
        match operator {
            "=" | "==" | "!=" | "in" | "notin" | "<" | ">" => self.next += 1,
            _ => return Err(self.unexpected().expected("`=`, `==`, `!=`, `in`, `notin`, `<` or `>`")),
        }
        Ok(match operator {
            "in" => SelectorOp::In(self.values()?),
            "notin" => SelectorOp::NotIn(self.values()?),
            "!=" => SelectorOp::NotIn(vec![Pattern::Exact(self.exact_value()?)]),
            "<" => SelectorOp::Below(self.integer()?),
            ">" => SelectorOp::Above(self.integer()?),
            _ => SelectorOp::In(vec![Pattern::Exact(self.exact_value()?)]),
        })
    }

    /// A number as Go's `strconv.ParseInt` reads it, in the characters of a label value.
    fn integer(&mut self) -> Result<i64, ParseError> {
        let (value, span) = self.word().ok_or_else(|| self.unexpected().expected("an integer"))?;
        let bad = || ParseError::new(span.clone(), format!("{} is no integer", quoted(value)));
        check_value(value).map_err(|error| error.shifted(span.start))?;
        value.parse().map_err(|_| bad().expected("an integer such as `10`"))
    }

    fn exact_value(&mut self) -> Result<String, ParseError> {
        match self.peek() {
            None | Some(",") => Ok(String::new()),
            Some(_) => self.value()?.ok_or_else(|| self.unexpected().expected("a label value")),
        }
    }

    fn value(&mut self) -> Result<Option<String>, ParseError> {
        let Some((value, span)) = self.word() else { return Ok(None) };
        check_value(value).map_err(|error| error.shifted(span.start))?;
        Ok(Some(value.to_owned()))
    }

    /// `(a,b)`; nothing between two commas is the empty value.
    fn values(&mut self) -> Result<Vec<Pattern>, ParseError> {
        self.take("(")?;
        let mut values = Vec::new();
        loop {
            values.push(Pattern::Exact(self.value()?.unwrap_or_default()));
            match self.peek() {
                Some(",") => self.next += 1,
                Some(")") => break,
                _ => return Err(self.unexpected().expected("`,` or `)`")),
            }
        }
        self.next += 1;
        Ok(ordered(values))
    }
}

/// What labels are made of, for messages.
pub(super) const PART: &str = "letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";

/// Checks a label key as apimachinery does: `[DNS subdomain/]name`.
pub(super) fn check_key(key: &str) -> Result<(), ParseError> {
    let bad = |why: &str| {
        let error = ParseError::new(0..key.len(), format!("{} is no label key", quoted(key))).expected(why);
        Err(if goes_on(key) { error.mendable() } else { error })
    };
    if key.is_empty() {
        return Err(ParseError::new(0..0, "an empty label key").expected("a key such as `app`").mendable());
    }
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if name.contains('/') {
        return bad("at most one `/`");
    }
    if prefix.is_some_and(|prefix| prefix.len() > 253 || !prefix.split('.').all(is_dns_label)) {
        return bad("a DNS name in lower case before the `/`");
    }
    if name.len() > 63 {
        return bad("at most 63 characters after the prefix");
    }
    if !is_part(name) {
        return bad(PART);
    }
    Ok(())
}

/// Checks a label value as apimachinery does.
pub(super) fn check_value(value: &str) -> Result<(), ParseError> {
    let bad = |why: &str| {
        let error =
            ParseError::new(0..value.len(), format!("{} is no label value", quoted(value))).expected(why);
        Err(if goes_on(value) { error.mendable() } else { error })
    };
    if value.len() > 63 {
        return bad("at most 63 characters");
    }
    if !value.is_empty() && !is_part(value) {
        return bad(if value.contains(['*', '?']) {
            "a whole value; without `-l` `*` and `?` work"
        } else {
            PART
        });
    }
    Ok(())
}

/// Ends in what something must follow.
fn goes_on(text: &str) -> bool {
    text.ends_with(['/', '-', '_', '.'])
}

fn is_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = |b: Option<&u8>| b.is_some_and(inner);
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|b| inner(b) || *b == b'-')
}
