//! The same parser for a query that is being typed: what the cursor touches may be half of something.

use super::cursor::{AtCursor, Place, at_cursor};
use super::parse::Parser;
use super::problems::Problems;
use super::{ParseError, Query};

/// What values there are, to tell half of one from a wrong one.
pub trait Known {
    /// Whether any value that may stand at `place` begins with `prefix`, without regard to case for kinds.
    fn begins(&self, place: &Place, prefix: &str) -> bool;
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
    /// What the cursor touches.
    pub at: AtCursor,
    /// What is wrong, in the order in which it stands. With any of these `query` is not what was meant: keep the last
    /// good answer.
    pub errors: Vec<ParseError>,
    /// What the cursor touches and is not finished, such as `kind:`: left out of `query`, to be told quietly.
    pub unfinished: Vec<ParseError>,
}

/// Parses a query that is being typed; `cursor` is a byte of `text`. Never fails: what can't be understood is told.
pub fn parse_lenient(text: &str, cursor: usize, known: &dyn Known) -> Lenient {
    let cursor = text.floor_char_boundary(cursor);
    let typing = Typing { cursor, known };
    // a lenient parser collects problems and fails never
    let parsed = Parser::new(text, Problems::lenient(), Some(typing)).and_then(Parser::query);
    let (query, found) = match parsed {
        Ok((query, problems)) => (query, problems.into_found()),
        Err(error) => {
            let errors = vec![error];
            return Lenient {
                query: Query::default(),
                at: at_cursor(text, cursor),
                errors,
                unfinished: Vec::new(),
            };
        }
    };
    let (mut errors, mut unfinished) = (Vec::new(), Vec::new());
    for problem in found {
        let touched = problem.extent.start <= cursor && cursor <= problem.extent.end;
        let list = if touched && problem.error.mendable { &mut unfinished } else { &mut errors };
        list.push(problem.error);
    }
    errors.sort_by_key(|error: &ParseError| error.span.start);
    Lenient { query, at: at_cursor(text, cursor), errors, unfinished }
}

/// Where the cursor is, and what there is.
#[derive(Clone, Copy)]
pub(super) struct Typing<'a> {
    pub(super) cursor: usize,
    known: &'a dyn Known,
}

impl Typing<'_> {
    /// Whether the cursor touches a value that is the beginning of known ones.
    pub(super) fn is_half(&self, place: &Place, raw: &str, span: &super::Span) -> bool {
        self.touches(span) && self.known.begins(place, raw)
    }

    pub(super) fn touches(&self, span: &super::Span) -> bool {
        span.start <= self.cursor && self.cursor <= span.end
    }
}
