//! What can't be understood: the end of it all when the whole must be right, one thing of several while it is typed.

use super::{ParseError, Span};

/// More are not worth showing.
const MOST: usize = 16;

/// Something that can't be understood, and the part of the query that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) error: ParseError,
    /// Being typed while the cursor touches it.
    pub(super) extent: Span,
}

/// Collects problems, or refuses the first.
#[derive(Debug)]
pub(super) struct Problems {
    collect: bool,
    found: Vec<Problem>,
}

impl Problems {
    /// The first problem is an error.
    pub(super) fn strict() -> Self {
        Self { collect: false, found: Vec::new() }
    }

    /// Problems are collected.
    pub(super) fn lenient() -> Self {
        Self { collect: true, found: Vec::new() }
    }

    /// Refuses the error or notes it; `extent` is the token or group that is to blame.
    pub(super) fn add(&mut self, error: ParseError, extent: Span) -> Result<(), ParseError> {
        if !self.collect {
            return Err(error);
        }
        if self.found.len() < MOST {
            self.found.push(Problem {
                extent: extent.start.min(error.span.start)..extent.end.max(error.span.end),
                error,
            });
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn into_found(self) -> Vec<Problem> {
        self.found
    }
}
