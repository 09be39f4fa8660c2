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
    /// A group that no kind of this cluster has.
    #[error("no kind has the group '{}'{}", crate::text::sanitise(word),
            suggestion.as_ref().map(|s| format!(": did you mean '{s}'?")).unwrap_or_default())]
    UnknownGroup {
        /// The word.
        word: String,
        /// The nearest group there is.
        suggestion: Option<String>,
        /// Where the term stands.
        span: Span,
    },
    /// `~`: only the semantic engine answers that.
    #[error(
        "a search by meaning (`~`) needs the semantic engine, which this version does not have: leave out the `~`"
    )]
    Semantic {
        /// Where it stands.
        span: Span,
    },
    /// The language knows it, the search does not yet.
    #[error("{} can't be searched by this version yet", crate::text::sanitise(what))]
    NotYet {
        /// The term as it prints.
        what: String,
        /// Where it stands.
        span: Span,
    },
    /// Ages without a clock: a fault of the caller.
    #[error("an age was asked for without the time")]
    NoClock,
    /// A regular expression that the parser should have refused.
    #[error("a regular expression can't be used")]
    Regex(#[from] regex::Error),
    /// It was told to stop.
    #[error("the search was given up")]
    Stopped,
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl SearchError {
    /// The part of the query that is to blame, in bytes.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::UnknownKind { source } => source.span.clone(),
            Self::UnknownGroup { span, .. } | Self::NotYet { span, .. } | Self::Semantic { span } => {
                Some(span.clone())
            }
            Self::Empty | Self::NoClock | Self::Regex(_) | Self::Stopped | Self::Index(_) => None,
        }
    }
}
