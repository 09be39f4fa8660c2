//! Values of qualifiers: comma lists, quotes, patterns.

use super::error::quoted;
use super::lex::{QUOTE_OPENERS, regex, unquote};
use super::{ParseError, Pattern, Span};

/// Largest compiled regular expression, in bytes: some thousand letters, or a few hundred of any script.
const REGEX_SIZE: usize = 1 << 20;

/// One value of a comma list as it stands, and where.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub(super) raw: &'a str,
    pub(super) span: Span,
}

impl<'a> Item<'a> {
    /// Whether it holds no mark: no quote, anchor, star or slash at its start.
    pub(super) fn is_plain(&self) -> bool {
        !self.raw.starts_with(['=', '^', '~', '/', '!', '-'])
            && !self.raw.contains(['"', '\'', '*', '?'])
            && !self.raw.ends_with('$')
    }

    /// What stands from byte `at` of it on.
    pub(super) fn from(&self, at: usize) -> Item<'a> {
        Item { raw: &self.raw[at..], span: self.span.start + at..self.span.end }
    }
}

/// Splits at the commas outside of quotes and regular expressions. `start` is where `raw` stands in the query.
pub(super) fn split(raw: &str, start: usize) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(c) = raw[at..].chars().next() {
        let opens = at == from || raw[from..at].ends_with(QUOTE_OPENERS);
        match c {
            '"' | '\'' if opens => at += unquote(&raw[at..]).map_or(1, |(_, length)| length),
            '/' if opens => at += regex(&raw[at..]).unwrap_or(1),
            ',' => {
                items.push(Item { raw: &raw[from..at], span: start + from..start + at });
                at += 1;
                from = at;
            }
            _ => at += c.len_utf8(),
        }
    }
    items.push(Item { raw: &raw[from..], span: start + from..start + raw.len() });
    items
}

/// Text with its quoted parts unquoted, and whether there were any.
pub(super) fn unquoted(raw: &str) -> (String, bool) {
    let (mut out, mut any, mut at) = (String::new(), false, 0);
    while let Some(c) = raw[at..].chars().next() {
        let opens = at == 0 || raw[..at].ends_with(QUOTE_OPENERS);
        let part = if opens && matches!(c, '"' | '\'') { unquote(&raw[at..]) } else { None };
        at += part.as_ref().map_or(c.len_utf8(), |(_, length)| *length);
        match part {
            Some((text, _)) => {
                any = true;
                out.push_str(&text);
            }
            None => out.push(c),
        }
    }
    (out, any)
}

/// Which comparison a value without any mark means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// The whole value.
    Exact,
    /// Any part of it.
    Substring,
    /// Its start.
    Prefix,
}

/// `web` `=web` `"web"` `^web` `web$` `web-*` `/regex/`: one value. `expected` is what an empty one lacks.
pub(super) fn pattern(item: &Item<'_>, bare: Bare, expected: &str) -> Result<Pattern, ParseError> {
    let Item { raw, span } = item;
    let empty = || ParseError::new(span.clone(), "an empty value").expected(expected).mendable();
    if let Some(source) = regex_source(raw) {
        check_regex(source, span.start + 1)?;
        return Ok(Pattern::Regex(source.to_owned()));
    }
    if raw.starts_with('~') {
        let error = ParseError::new(span.clone(), "`~` (search by meaning) inside a qualifier");
        return Err(error.got(quoted(raw)).suggest("write `~` before a word of its own: ~databases"));
    }
    if let Some(exact) = raw.strip_prefix('=') {
        let text = unquoted(exact).0;
        return if text.is_empty() { Err(empty()) } else { Ok(Pattern::Exact(text)) };
    }
    let (start, middle) = raw.strip_prefix('^').map_or((false, *raw), |rest| (true, rest));
    let (end, middle) = middle.strip_suffix('$').map_or((false, middle), |rest| (true, rest));
    let (text, is_quoted) = unquoted(middle);
    let is_glob = !is_quoted && text.contains(['*', '?']);
    // No name holds a quote, and such a pattern could not be written any other way.
    if is_glob && text.contains(['"', '\'']) {
        let error = ParseError::new(span.clone(), "a quote inside a pattern");
        return Err(error.expected("a pattern such as `web-*`").got(quoted(raw)));
    }
    if text.is_empty() {
        return Err(empty());
    }
    if is_glob && (start || end) {
        let error = ParseError::new(span.clone(), "`*` and `?` together with `^` or `$`").got(quoted(raw));
        return Err(
            error.suggest("a pattern with `*` is compared with the whole value: leave out `^` and `$`")
        );
    }
    Ok(match (start, end) {
        _ if is_glob => Pattern::Glob(text),
        (true, false) => Pattern::Prefix(text),
        (false, true) => Pattern::Suffix(text),
        (true, true) => Pattern::Exact(text),
        (false, false) if is_quoted => Pattern::Exact(text),
        (false, false) => match bare {
            Bare::Exact => Pattern::Exact(text),
            Bare::Substring => Pattern::Substring(text),
            Bare::Prefix => Pattern::Prefix(text),
        },
    })
}

/// What stands between the slashes of `/.../`.
pub(super) fn regex_source(raw: &str) -> Option<&str> {
    (regex(raw)? == raw.len()).then(|| &raw[1..raw.len() - 1])
}

/// Checks that a regular expression compiles; `start` is where it stands.
pub(super) fn check_regex(source: &str, start: usize) -> Result<(), ParseError> {
    let whole = start..start + source.len();
    match regex::RegexBuilder::new(source).size_limit(REGEX_SIZE).build() {
        Ok(_) => Ok(()),
        Err(regex::Error::Syntax(text)) => {
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let place = caret(&text, source).map_or(whole, |at| start + at.start..start + at.end);
            let error = ParseError::new(place, format!("this regular expression can't be read: {why}"));
            Err(error.suggest("to search for the text, quote it").mendable())
        }
        Err(_) => {
            let error = ParseError::new(whole, "this regular expression is too large");
            Err(error.expected("less repetition, such as `{1,20}` instead of `{1,9999}`"))
        }
    }
}

/// Where `regex` put its carets, below the expression: bytes of `source`.
fn caret(text: &str, source: &str) -> Option<Span> {
    let mut lines = text.lines().skip_while(|line| line.trim_start() != source);
    let indent = lines.next()?.len() - source.len();
    let marks = lines.next()?.get(indent..)?;
    let byte = |chars: usize| source.char_indices().nth(chars).map_or(source.len(), |(at, _)| at);
    let first = marks.find('^')?;
    Some(byte(first)..byte(marks.rfind('^')? + 1))
}
