//! Values of qualifiers: comma lists, quotes, name patterns, label conditions.

use super::error::quoted;
use super::lex::{QUOTE_OPENERS, unquote};
use super::selector::{check_key, check_value, set};
use super::{LabelOp, LabelSelector, ParseError, Pattern, Span};

/// One value of a comma list as it stands, and where.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub(super) raw: &'a str,
    pub(super) span: Span,
}

/// Splits at the commas outside of quotes. `start` is where `raw` stands in the query.
pub(super) fn split(raw: &str, start: usize) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(c) = raw[at..].chars().next() {
        let opens = at == from || raw[from..at].ends_with(QUOTE_OPENERS);
        match c {
            '"' | '\'' if opens => at += unquote(&raw[at..]).map_or(1, |(_, length)| length),
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
    /// Namespaces: the whole name.
    Exact,
    /// Names: any part.
    Substring,
}

/// `web` `=web` `"web"` `^web` `web$` `web-*`: one value of `name:` or `ns:`.
pub(super) fn pattern(item: &Item<'_>, bare: Bare) -> Result<Pattern, ParseError> {
    let Item { raw, span } = item;
    let empty = || ParseError::new(span.clone(), "an empty value").expected("a name or a part of one");
    if let Some(form) = not_yet(raw) {
        return Err(ParseError::new(span.clone(), format!("{form} is not understood by this version yet")));
    }
    if let Some(exact) = raw.strip_prefix('=') {
        let text = unquoted(exact).0;
        return if text.is_empty() { Err(empty()) } else { Ok(Pattern::Exact(text)) };
    }
    let (start, middle) = raw.strip_prefix('^').map_or((false, *raw), |rest| (true, rest));
    let (end, middle) = middle.strip_suffix('$').map_or((false, middle), |rest| (true, rest));
    let (text, is_quoted) = unquoted(middle);
    // No name holds a quote, and such a pattern could not be written any other way.
    if !is_quoted && text.contains(['*', '?']) && text.contains(['"', '\'']) {
        let error = ParseError::new(span.clone(), "a quote inside a pattern");
        return Err(error.expected("a pattern such as `web-*`").got(crate::query::error::quoted(raw)));
    }
    if text.is_empty() {
        return Err(empty());
    }
    if !is_quoted && text.contains(['*', '?']) {
        if start || end {
            let error =
                ParseError::new(span.clone(), "`*` and `?` together with `^` or `$`").got(quoted(raw));
            return Err(
                error.suggest("a pattern with `*` is compared with the whole name: leave out `^` and `$`")
            );
        }
        return Ok(Pattern::Glob(text));
    }
    Ok(match (start, end) {
        (true, false) => Pattern::Prefix(text),
        (false, true) => Pattern::Suffix(text),
        (true, true) => Pattern::Exact(text),
        (false, false) if is_quoted || bare == Bare::Exact => Pattern::Exact(text),
        (false, false) => Pattern::Substring(text),
    })
}

fn not_yet(raw: &str) -> Option<&'static str> {
    if raw.starts_with('~') {
        return Some("`~` (search by meaning)");
    }
    is_regex(raw).then_some("`/regex/`")
}

/// `/.../`; a single slash belongs to names such as `deploy/web`.
pub(super) fn is_regex(raw: &str) -> bool {
    raw.len() > 2 && raw.starts_with('/') && raw.ends_with('/')
}

/// Where `=`, `==` or `!=` stands in a label condition, and whether it is `!=`.
fn operator(raw: &str) -> Option<(Span, bool)> {
    let at = raw.find('=')?;
    let double = raw[at + 1..].starts_with('=');
    match raw[..at].ends_with('!') {
        true => Some((at - 1..at + 1, true)),
        false => Some((at..at + 1 + usize::from(double), false)),
    }
}

/// `app=web`, `app!=web`, `app=web,api` (one of both), `app=web,tier=db` (both hold): label conditions without
/// `-l`. Each with its place.
pub(super) fn labels(raw: &str, start: usize) -> Result<Vec<(LabelSelector, Span)>, ParseError> {
    let mut all: Vec<(LabelSelector, Span)> = Vec::new();
    for Item { raw: item, span } in split(raw, start) {
        let Some((op, differs)) = operator(item).filter(|(op, _)| op.start > 0 || all.is_empty()) else {
            let value = value(item, span.start)?;
            match all.last_mut() {
                Some((LabelSelector { op: LabelOp::In(values) | LabelOp::NotIn(values), .. }, place)) => {
                    values.push(value);
                    place.end = span.end;
                }
                _ => return Err(ParseError::new(span, "a value without a label").expected("`key=value`")),
            }
            continue;
        };
        let key = &item[..op.start];
        check_key(key).map_err(|error| {
            let text = quoted(&format!("\"{raw}\""));
            error.shifted(span.start).suggest(format!("to search for the text, quote it: {text}"))
        })?;
        let values = vec![value(&item[op.end..], span.start + op.end)?];
        let op = if differs { LabelOp::NotIn(values) } else { LabelOp::In(values) };
        all.push((LabelSelector { key: key.to_owned(), op }, span));
    }
    for (selector, _) in &mut all {
        if let LabelOp::In(values) | LabelOp::NotIn(values) = &mut selector.op {
            *values = set(std::mem::take(values));
        }
    }
    Ok(all)
}

fn value(raw: &str, start: usize) -> Result<String, ParseError> {
    let (text, is_quoted) = unquoted(raw);
    let place = |error: ParseError| ParseError { span: start..start + raw.len(), ..error };
    check_value(&text).map_err(|error| if is_quoted { place(error) } else { error.shifted(start) })?;
    Ok(text)
}

/// `app`, `!app`, or a comma list of them: the items of `label:` that have no value.
pub(super) fn label_keys(raw: &str, start: usize) -> Result<Vec<(LabelSelector, Span)>, ParseError> {
    let one = |Item { raw, span }: Item<'_>| {
        if raw.contains('=') {
            let error = ParseError::new(span, "keys and values in one list").got(quoted(raw));
            return Err(error.suggest("write `-l KEY,KEY=VALUE`, or two terms"));
        }
        let (key, op) = raw.strip_prefix('!').map_or((raw, LabelOp::Exists), |key| (key, LabelOp::NotExists));
        let key = unquoted(key).0;
        check_key(&key).map_err(|error| ParseError { span: span.clone(), ..error })?;
        Ok((LabelSelector { key, op }, span))
    };
    split(raw, start).into_iter().map(one).collect()
}
