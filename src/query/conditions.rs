//! Conditions on labels and annotations: `app=web`, `label:app`, `anno:team=pay*`, `label:/regex/`.

use super::build::ordered;
use super::cursor::Place;
use super::error::quoted;
use super::selector::{PART, check_key, check_value};
use super::value::{self, Bare, Item, pattern, regex_source, split};
use super::{ParseError, Pattern, Selector, SelectorOp, Span, Term};

/// Labels or annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Map {
    Label,
    Annotation,
}

impl Map {
    pub(super) fn term(self, selector: Selector) -> Term {
        match self {
            Self::Label => Term::Label(selector),
            Self::Annotation => Term::Annotation(selector),
        }
    }

    pub(super) fn pair(self, pattern: Pattern) -> Term {
        match self {
            Self::Label => Term::LabelPair(pattern),
            Self::Annotation => Term::AnnotationPair(pattern),
        }
    }

    fn value_place(self, key: &str) -> Place {
        let key = key.to_owned();
        match self {
            Self::Label => Place::LabelValue { key },
            Self::Annotation => Place::AnnotationValue { key },
        }
    }

    fn key_place(self) -> Place {
        match self {
            Self::Label => Place::LabelKey,
            Self::Annotation => Place::AnnotationKey,
        }
    }

    /// The qualifier and what it is about.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Label => ("label", "a label"),
            Self::Annotation => ("anno", "an annotation"),
        }
    }
}

/// Whether a value is being typed and is the beginning of known ones.
pub(super) type Half<'a> = &'a dyn Fn(&Place, &Item<'_>) -> bool;

/// Where `=`, `==` or `!=` stands in a condition, and whether it is `!=`.
pub(super) fn operator(raw: &str) -> Option<(Span, bool)> {
    let at = raw.find('=')?;
    let double = raw[at + 1..].starts_with('=');
    match raw[..at].ends_with('!') {
        true => Some((at - 1..at + 1, true)),
        false => Some((at..at + 1 + usize::from(double), false)),
    }
}

/// `app=web`, `app!=web`, `app=web,api` (one of both), `app=web,tier=db` (both hold): conditions without `-l`. Each
/// with its place.
pub(super) fn conditions(
    raw: &str,
    start: usize,
    map: Map,
    half: Half<'_>,
) -> Result<Vec<(Term, Span)>, ParseError> {
    let mut all: Vec<(Term, Span)> = Vec::new();
    for item in split(raw, start) {
        let found = operator(item.raw).filter(|(op, _)| op.start > 0 || all.is_empty());
        let Some((op, differs)) = found.filter(|_| regex_source(item.raw).is_none()) else {
            match all.last_mut() {
                Some((
                    Term::Label(Selector { key, op: SelectorOp::In(values) | SelectorOp::NotIn(values) })
                    | Term::Annotation(Selector {
                        key,
                        op: SelectorOp::In(values) | SelectorOp::NotIn(values),
                    }),
                    place,
                )) => {
                    // `app=web,tier` may go on with `=db`
                    let goes_on = check_key(item.raw.trim_end_matches('!')).is_ok();
                    let value = self::value(&item, key, map, half);
                    values.push(value.map_err(|error| if goes_on { error.mendable() } else { error })?);
                    place.end = item.span.end;
                }
                _ => {
                    let error = ParseError::new(item.span, format!("a value without {}", map.names().1));
                    return Err(error.expected("`key=value`"));
                }
            }
            continue;
        };
        let key = &item.raw[..op.start];
        if key.contains('*') {
            all.push((any_key(&item, &op, differs, map)?, item.span));
            continue;
        }
        check_key(key).map_err(|error| {
            let text = quoted(&format!("\"{raw}\""));
            error.shifted(item.span.start).suggest(format!("to search for the text, quote it: {text}"))
        })?;
        let values = vec![self::value(&item.from(op.end), key, map, half)?];
        let op = if differs { SelectorOp::NotIn(values) } else { SelectorOp::In(values) };
        all.push((map.term(Selector { key: key.to_owned(), op }), item.span));
    }
    for (term, place) in &mut all {
        if let Term::Label(Selector { op, .. }) | Term::Annotation(Selector { op, .. }) = term {
            tidy(op, place)?;
        }
    }
    Ok(all)
}

/// Values in order. One that is still to be typed restricts nothing but the key.
fn tidy(op: &mut SelectorOp, place: &Span) -> Result<(), ParseError> {
    let (SelectorOp::In(values) | SelectorOp::NotIn(values)) = op else { return Ok(()) };
    values.retain(|value| *value != Pattern::Prefix(String::new()));
    *values = ordered(std::mem::take(values));
    match op {
        SelectorOp::In(values) if values.is_empty() => *op = SelectorOp::Exists,
        SelectorOp::NotIn(values) if values.is_empty() => {
            return Err(ParseError::new(place.clone(), "an empty value").expected("a value").mendable());
        }
        _ => {}
    }
    Ok(())
}

/// `*=prod`, `team.example/*=web`: any key that fits the pattern.
fn any_key(item: &Item<'_>, op: &Span, differs: bool, map: Map) -> Result<Term, ParseError> {
    if differs {
        let error =
            ParseError::new(item.span.clone(), "`!=` with a pattern for the key").got(quoted(item.raw));
        return Err(error.suggest(format!("exclude it: -{}:KEY=VALUE", map.names().0)));
    }
    let value = value::unquoted(&item.raw[op.end..]).0;
    if value.starts_with('=') {
        let error = ParseError::new(item.span.clone(), "a value that begins with `=`").got(quoted(item.raw));
        return Err(error.suggest("write it as a regular expression over key=value"));
    }
    glob(format!("{}={value}", &item.raw[..op.start]), item, map)
}

/// A glob over `key=value`, which prints as it reads.
fn glob(text: String, item: &Item<'_>, map: Map) -> Result<Term, ParseError> {
    let key = text.split_once('=').map_or(&*text, |(key, _)| key);
    if key.contains('!') {
        // it would read as `!=`
        let error = ParseError::new(item.span.clone(), "`!` inside a pattern for the key");
        return Err(error.expected("a pattern such as `team.example/*`").got(quoted(item.raw)));
    }
    if text.contains(['"', '\'', ',', '(', ')', '|']) || text.contains(char::is_whitespace) {
        let error = ParseError::new(item.span.clone(), "a quote or a space inside a pattern");
        return Err(error.expected("a pattern such as `team.example/*`").got(quoted(item.raw)));
    }
    Ok(map.pair(Pattern::Glob(text)))
}

/// One value of a condition: exact unless it is marked, or being typed.
fn value(item: &Item<'_>, key: &str, map: Map, half: Half<'_>) -> Result<Pattern, ParseError> {
    let fits =
        map == Map::Annotation || item.raw.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if fits && item.is_plain() && half(&map.value_place(key), item) {
        return Ok(Pattern::Prefix(item.raw.to_owned()));
    }
    let marked = item.raw.starts_with(['^', '~']) || item.raw.ends_with('$');
    let has_glob = item.raw.contains(['*', '?']) && !value::unquoted(item.raw).1;
    if regex_source(item.raw).is_some() || marked || has_glob {
        let pattern = pattern(item, Bare::Exact, "a value or a part of one")?;
        if let (Map::Label, Some(text)) = (map, literal(&pattern)) {
            let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.*?".contains(c));
            if text.contains(odd) {
                let message = format!("{} can't be a part of a label value", quoted(text));
                return Err(ParseError::new(item.span.clone(), message).expected(PART));
            }
        }
        // `=*` behind `==`: a whole value after all
        if let (Map::Label, Pattern::Exact(text)) = (map, &pattern) {
            check_value(text).map_err(|error| ParseError { span: item.span.clone(), ..error })?;
        }
        return Ok(pattern);
    }
    let (text, is_quoted) = value::unquoted(item.raw);
    if map == Map::Label {
        let whole = |error: ParseError| ParseError { span: item.span.clone(), ..error };
        check_value(&text)
            .map_err(|error| if is_quoted { whole(error) } else { error.shifted(item.span.start) })?;
    }
    Ok(Pattern::Exact(text))
}

fn literal(pattern: &Pattern) -> Option<&str> {
    match pattern {
        Pattern::Exact(text)
        | Pattern::Substring(text)
        | Pattern::Prefix(text)
        | Pattern::Suffix(text)
        | Pattern::Glob(text) => Some(text),
        Pattern::Regex(_) => None,
    }
}

/// `app`, `!app`, `app*`, `/regex/`, or a comma list of them: the items of `label:` that have no value.
pub(super) fn keys(
    raw: &str,
    start: usize,
    map: Map,
    half: Half<'_>,
) -> Result<Vec<(Term, Span)>, ParseError> {
    split(raw, start).into_iter().map(|item| Ok((key(&item, map, half)?, item.span))).collect()
}

fn key(item: &Item<'_>, map: Map, half: Half<'_>) -> Result<Term, ParseError> {
    let Item { raw, span } = item;
    if !raw.is_empty() && !raw.contains('=') && item.is_plain() && half(&map.key_place(), item) {
        return glob(format!("{raw}*=*"), item, map);
    }
    if regex_source(raw).is_some() {
        return pattern(item, Bare::Exact, "a regular expression").map(|pattern| map.pair(pattern));
    }
    if raw.contains('=') {
        let error = ParseError::new(span.clone(), "keys and values in one list").got(quoted(raw));
        return Err(error.suggest("write `-l KEY,KEY=VALUE`, or two terms"));
    }
    let (key, op) =
        raw.strip_prefix('!').map_or((*raw, SelectorOp::Exists), |key| (key, SelectorOp::NotExists));
    let (key, is_quoted) = value::unquoted(key);
    if key.contains('*') && !is_quoted {
        if op == SelectorOp::NotExists {
            let error = ParseError::new(span.clone(), "`!` with a pattern for the key").got(quoted(raw));
            return Err(error.suggest(format!("exclude it: -{}:{key}", map.names().0)));
        }
        return glob(format!("{key}=*"), item, map);
    }
    check_key(&key).map_err(|error| ParseError { span: span.clone(), ..error })?;
    Ok(map.term(Selector { key, op }))
}
