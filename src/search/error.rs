//! Why a search gives no answer.

use crate::index::IndexError;
use crate::query::Span;

use super::UnknownKind;

/// Failure of a search. Never "all rows" instead.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query asks for nothing; what to show instead (kinds with counts) is the caller's business.
    #[error("the query is empty: type a word, or a filter such as kind:deploy")]
    Empty,
    /// A kind word that means nothing in this cluster.
    #[error(transparent)]
    UnknownKind {
        /// What it is and what may have been meant.
        #[from]
        source: UnknownKind,
    },
    /// The language knows it, the search does not yet.
    #[error("{} can't be searched by this version yet", crate::text::sanitise(what))]
    NotYet {
        /// The term as it prints.
        what: String,
        /// Where it stands.
        span: Span,
    },
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl SearchError {
    /// The part of the query that is to blame, in bytes.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::UnknownKind { source } => source.span.clone(),
            Self::NotYet { span, .. } => Some(span.clone()),
            Self::Empty | Self::Index(_) => None,
        }
    }
}
