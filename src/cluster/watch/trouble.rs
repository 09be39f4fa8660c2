//! What went wrong, by what a reader does about it.

use std::time::Duration;

use crate::cluster::client::{BodyFailure, ClientError, ConnectFailure, Failure};
use crate::cluster::wire::{Status, WireError};

/// A failure as the readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// 410: list again.
    Gone,
    /// 504: the server has not reached the version that was asked for.
    VersionTooLarge,
    /// 403, for this kind and scope.
    Forbidden(String),
    /// 404: not served.
    NotFound,
    /// 405: this is served, and not in this way.
    NotOffered(String),
    /// 429 for a kind whose storage is still being set up.
    Initializing,
    /// 401 for this request. The word of the API server itself concerns everything; said of one kind, it may be that
    /// kind's trouble.
    Unauthorized(String),
    /// No credentials to be had: concerns everything.
    NoCredentials(String),
    /// No connection: concerns everything.
    Unreachable(String),
    /// A connection, but no answer in time: one API may hang, or the server.
    NoAnswer(String),
    /// The connection, or the stream of this request, broke before an answer came: one API's doing, or the server's.
    Lost(String),
    /// Anything else; tried again with backoff, not before `retry_after`.
    Other {
        /// One line for people.
        message: String,
        /// What the server asked for.
        retry_after: Option<Duration>,
    },
}

impl Trouble {
    /// A watch's ERROR event.
    pub(super) fn of_status(status: Status) -> Self {
        Self::from(refusal(status))
    }

    /// A list whose pages lead to themselves.
    pub(super) fn endless() -> Self {
        let message = "each page of its list names the same next one, so that it has no end".to_owned();
        Self::Other { message, retry_after: None }
    }

    /// An answer in a format that was not asked for.
    pub(super) fn format(content_type: &str) -> Self {
        let what = if content_type.is_empty() { "no content type" } else { content_type };
        let message = format!("the answer is neither protobuf nor JSON but {what}");
        Self::Other { message, retry_after: None }
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::from_error(&error)
    }
}

impl Trouble {
    /// Whether nothing can be read while this lasts, whoever asked.
    pub fn is_for_all(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NoCredentials(_))
    }

    /// Judges an error by what it means for a reader.
    pub fn from_error(error: &ClientError) -> Self {
        let message = describe(error);
        match error {
            ClientError::Gone(_) => Self::Gone,
            ClientError::TooLargeVersion(_) => Self::VersionTooLarge,
            ClientError::Forbidden(_) => Self::Forbidden(message),
            ClientError::NotFound(_) => Self::NotFound,
            ClientError::Throttled { initializing: true, .. } => Self::Initializing,
            ClientError::Throttled { retry_after, .. } => {
                Self::Other { message, retry_after: Some(*retry_after) }
            }
            ClientError::Unauthorized(_) => Self::Unauthorized(message),
            ClientError::AuthPlugin(_) => Self::NoCredentials(message),
            ClientError::Api(failure) if failure.status == 405 => Self::NotOffered(message),
            ClientError::Server(failure) => Self::Other { message, retry_after: failure.pause() },
            // A body that stands still: whoever sends it may hang, or the server.
            ClientError::Body(BodyFailure::Idle(_)) => Self::NoAnswer(message),
            // Others of this server may be answered.
            ClientError::Unreachable { source: source @ ConnectFailure::NoAnswer(_), .. } => {
                Self::NoAnswer(source.to_string())
            }
            ClientError::Unreachable { source: ConnectFailure::Lost(_), .. } => Self::Lost(message),
            ClientError::Unreachable { .. } => Self::Unreachable(message),
            ClientError::Tls(_)
            | ClientError::Credentials { .. }
            | ClientError::NotAcceptable(_)
            | ClientError::Api(_)
            | ClientError::Body(_)
            | ClientError::ReadOnly { .. }
            | ClientError::NoConnection => Self::Other { message, retry_after: None },
        }
    }
}

impl From<WireError> for Trouble {
    fn from(error: WireError) -> Self {
        Self::from(ClientError::Body(BodyFailure::Unreadable(error.to_string())))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("the server no longer has that version"),
            Self::VersionTooLarge => f.write_str("the server has not reached that version yet"),
            Self::NotFound => f.write_str("not served"),
            Self::Initializing => f.write_str("its storage is being set up"),
            Self::Forbidden(message)
            | Self::NotOffered(message)
            | Self::Unauthorized(message)
            | Self::NoCredentials(message)
            | Self::Unreachable(message)
            | Self::NoAnswer(message)
            | Self::Lost(message)
            | Self::Other { message, .. } => f.write_str(message),
        }
    }
}

/// What a watch's ERROR event says, as if it were the answer.
pub fn refusal(status: Status) -> ClientError {
    ClientError::of(Failure {
        status: status.code,
        reason: status.reason,
        message: status.message,
        causes: status.causes.into_iter().map(|cause| cause.reason).collect(),
        retry_after: status.retry_after_seconds.map(u64::from),
        ..Failure::default()
    })
}

/// An error and its causes in one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
