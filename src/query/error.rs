//! What is wrong with a query, where, and what to write instead.

use std::fmt;

use super::Span;
use crate::text::{sanitise, truncate, width};

/// A query or selector that can't be understood. Every text in it is sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The offending part, in bytes of the text, on character boundaries; empty where something is missing.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What could have stood there.
    pub expected: Option<String>,
    /// What stood there.
    pub got: Option<String>,
    /// A sentence that says what to write instead.
    pub suggestion: Option<String>,
    /// Something was opened and goes on to the end of the text.
    pub(super) open: bool,
    /// What is typed next may mend it.
    pub(super) mendable: bool,
}

/// Columns of the text that [`ParseError::render`] shows before, in and after the span.
const BEFORE: usize = 30;
const WITHIN: usize = 40;
const AFTER: usize = 20;

impl ParseError {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            expected: None,
            got: None,
            suggestion: None,
            open: false,
            mendable: false,
        }
    }

    /// An error that is none of the parser's, such as a kind that does not exist, to be told in the same way.
    pub fn elsewhere(span: Span, message: impl Into<String>) -> Self {
        Self::new(span, message)
    }

    /// It goes on to the end of the text.
    pub(super) fn open(mut self) -> Self {
        self.open = true;
        self.mendable = true;
        self
    }

    /// More letters may mend it.
    pub(super) fn mendable(mut self) -> Self {
        self.mendable = true;
        self
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }

    pub(super) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        // it may hold what was typed
        self.suggestion = Some(sanitise(&suggestion.into()).into_owned());
        self
    }

    /// The error of a part of a text, told about the whole.
    pub(super) fn shifted(mut self, by: usize) -> Self {
        self.span = self.span.start + by..self.span.end + by;
        self
    }

    /// Several lines for a person: the message, the text (sanitised, cut around the span) with carets under the
    /// span, what was expected, the suggestion. `text` is what was parsed; no final newline.
    pub fn render(&self, text: &str) -> String {
        let part = |range| text.get::<Span>(range).unwrap_or_default();
        let before = tail(part(0..self.span.start), BEFORE);
        let within = head(part(self.span.clone()), WITHIN);
        let after = head(part(self.span.end..text.len()), AFTER);
        let indent = " ".repeat(width(&before));
        let carets = "^".repeat(width(&within).max(1));
        let mut out = format!("{}\n  {before}{within}{after}\n  {indent}{carets}", self.message);
        if let Some(detail) = self.detail() {
            out.push(' ');
            out.push_str(&detail);
        }
        if let Some(suggestion) = &self.suggestion {
            out.push_str("\n  ");
            out.push_str(suggestion);
        }
        out
    }

    fn detail(&self) -> Option<String> {
        match (&self.expected, &self.got) {
            (Some(expected), Some(got)) => Some(format!("expected {expected}, got {got}")),
            (Some(expected), None) => Some(format!("expected {expected}")),
            (None, Some(got)) => Some(format!("got {got}")),
            (None, None) => None,
        }
    }
}

impl fmt::Display for ParseError {
    /// One line: the message and what was expected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.detail().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl std::error::Error for ParseError {}

/// A part of the user's text inside a message: sanitised, short, in backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", head(text, WITHIN))
}

// A character takes at least no column, so twice the columns in characters are more than enough to look at.
fn head(text: &str, columns: usize) -> String {
    let end = text.char_indices().nth(columns * 2).map_or(text.len(), |(at, _)| at);
    truncate(&sanitise(&text[..end]), columns).into_owned()
}

fn tail(text: &str, columns: usize) -> String {
    let start = text.char_indices().nth_back(columns * 2).map_or(0, |(at, _)| at);
    let clean = sanitise(&text[start..]);
    if start == 0 && width(&clean) <= columns {
        return clean.into_owned();
    }
    let fits = clean.char_indices().map(|(at, _)| &clean[at..]).find(|rest| width(rest) < columns);
    format!("…{}", fits.unwrap_or_default())
}
