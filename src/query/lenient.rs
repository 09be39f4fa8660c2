//! The same parser for a query that is being typed: what the cursor touches may be half of something.

use super::cursor::{AtCursor, Place, at_cursor};
use super::parse::Parser;
use super::problems::Problems;
use super::{ParseError, Query};

/// What values there are, to tell half of one from a wrong one.
pub trait Known {
    /// Whether any value that may stand at `place` begins with `prefix`, without regard to case for kinds.
    fn begins(&self, place: &Place, prefix: &str) -> bool;

    /// Whether this is one of them as it stands: then it alone is meant, though others begin so.
    fn holds(&self, _place: &Place, _value: &str) -> bool {
        false
    }
}

impl<F: Fn(&Place, &str) -> bool> Known for F {
    fn begins(&self, place: &Place, prefix: &str) -> bool {
        self(place, prefix)
    }
}

/// A query that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lenient {
    /// What is understood of it. A value that the cursor touches and that is the beginning of known ones is a
    /// [`super::Pattern::Prefix`].
    pub query: Query,
    /// The text that it was read from: what was typed, where something was left open with an end to it (`/web` is
    /// read as `/web/`, `"card paym` as `"card" paym`).
    pub text: String,
    /// What the cursor touches.
    pub at: AtCursor,
    /// What is wrong, in the order in which it stands. With any of these `query` is not what was meant: keep the last
    /// good answer.
    pub errors: Vec<ParseError>,
    /// What the cursor touches and is not finished, such as `kind:`: left out of `query`, to be told quietly.
    pub unfinished: Vec<ParseError>,
}

/// Things that are open at once and read as if they were closed.
const MOST_OPEN: usize = 4;

/// Parses a query that is being typed; `cursor` is a byte of `text`. Never fails: what can't be understood is told.
pub fn parse_lenient(text: &str, cursor: usize, known: &dyn Known) -> Lenient {
    let cursor = text.floor_char_boundary(cursor);
    let first = read(text, cursor, known);
    let mut best: Option<Lenient> = None;
    for _ in 0..MOST_OPEN {
        let before = best.as_ref().unwrap_or(&first);
        let Some(closed) = closed(&before.text, &before.unfinished) else { break };
        let next = read(&closed, cursor, known);
        if !next.errors.is_empty() || next.unfinished.len() >= before.unfinished.len() {
            break;
        }
        best = Some(next);
    }
    match best.filter(|_| first.errors.is_empty()) {
        Some(best) => Lenient { query: best.query, text: best.text, ..first },
        None => first,
    }
}

/// The text with an end to what was opened last.
fn closed(text: &str, unfinished: &[ParseError]) -> Option<String> {
    let end =
        |error: &ParseError| error.expected.as_deref().and_then(|end| end.strip_prefix('`')?.chars().next());
    let (error, end) = unfinished
        .iter()
        .filter_map(|error| Some((error, end(error)?)))
        .filter(|(_, end)| matches!(end, '"' | ')' | '/'))
        .max_by_key(|(error, _)| error.span.start)?;
    match end {
        '"' => phrase(text, error.span.start),
        ')' => Some(format!("{text})")),
        _ => Some(format!("{}/{}", &text[..error.span.end], &text[error.span.end..])),
    }
}

/// A phrase that still goes on: its last word may be half of one, so it counts as a word of its own.
fn phrase(text: &str, start: usize) -> Option<String> {
    let (before, inside) = (&text[..start], text[start..].strip_prefix('"')?);
    let alone =
        before.chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '|' | '-' | '!'));
    if !alone || inside.trim().is_empty() {
        return None;
    }
    let at = inside
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + inside[at..].chars().next().map_or(0, char::len_utf8));
    let (whole, last) = inside.split_at(at);
    let is_word = last.starts_with(char::is_alphanumeric)
        && last.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !matches!(last, "OR" | "AND" | "NOT");
    Some(match (whole.trim().is_empty(), is_word) {
        (true, true) => format!("{before}{last}"),
        (false, true) => format!("{before}\"{}\" {last}", whole.trim_end()),
        (_, false) => format!("{before}\"{}\"", inside.trim_end()),
    })
}

/// Reads the text as it stands.
fn read(text: &str, cursor: usize, known: &dyn Known) -> Lenient {
    let cursor = text.floor_char_boundary(cursor);
    let typing = Typing { cursor, known };
    let at = at_cursor(text, cursor);
    // a lenient parser collects problems and fails never
    let parsed = Parser::new(text, Problems::lenient(), Some(typing)).and_then(Parser::query);
    let (query, found) = match parsed {
        Ok((query, problems)) => (query, problems.into_found()),
        Err(error) => {
            let (text, errors) = (text.to_owned(), vec![error]);
            return Lenient { query: Query::default(), text, at, errors, unfinished: Vec::new() };
        }
    };
    let (mut errors, mut unfinished) = (Vec::new(), Vec::new());
    for problem in found {
        let touched = problem.extent.start <= cursor && cursor <= problem.extent.end;
        let list = if touched && problem.error.mendable { &mut unfinished } else { &mut errors };
        list.push(problem.error);
    }
    errors.sort_by_key(|error: &ParseError| error.span.start);
    Lenient { query, text: text.to_owned(), at, errors, unfinished }
}

/// Where the cursor is, and what there is.
#[derive(Clone, Copy)]
pub(super) struct Typing<'a> {
    pub(super) cursor: usize,
    known: &'a dyn Known,
}

impl Typing<'_> {
    /// Whether the cursor touches a value that is the beginning of known ones and none itself.
    pub(super) fn is_half(&self, place: &Place, raw: &str, span: &super::Span) -> bool {
        self.begins(place, raw, span) && (raw.is_empty() || !self.known.holds(place, raw))
    }

    /// Whether the cursor touches a value that is a known one or the beginning of some.
    pub(super) fn begins(&self, place: &Place, raw: &str, span: &super::Span) -> bool {
        self.touches(span) && self.known.begins(place, raw)
    }

    pub(super) fn touches(&self, span: &super::Span) -> bool {
        span.start <= self.cursor && self.cursor <= span.end
    }
}
