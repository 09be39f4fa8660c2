//! What can go wrong with a store, by what it means for the mirror.

use std::time::Duration;

/// Why a store gave no usable answer. Text that came from outside is in it as it came: sanitise before showing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The address or another setting can't be used; nothing was sent.
    #[error("{0}")]
    Setting(String),
    /// No store of this kind takes such a name, or this store does not: another one is needed.
    #[error("{0}")]
    Name(String),
    /// No connection, or no answer in time. What was sent may have been applied all the same.
    #[error("{server} can't be reached: {why}")]
    Unreachable {
        /// The store's URL.
        server: String,
        /// The reason in plain words.
        why: String,
    },
    /// The answer broke off or can't be read. What was sent may have been applied all the same.
    #[error("{server} answered something unreadable: {why}")]
    Unreadable {
        /// The store's URL.
        server: String,
        /// What was wrong with the answer.
        why: String,
    },
    /// Whoever answers is no store that this backend can use.
    #[error("{server} is not usable as Chroma: {why}")]
    NotAStore {
        /// The store's URL.
        server: String,
        /// What it is instead.
        why: String,
    },
    /// The collection (or tenant, or database) is not there.
    #[error("not found: {message}")]
    NotFound {
        /// What the store said.
        message: String,
    },
    /// 401 or 403.
    #[error("{server} refuses the credentials ({status}): {message}")]
    Denied {
        /// The store's URL.
        server: String,
        /// The status.
        status: u16,
        /// What the store said.
        message: String,
    },
    /// 413: less at once.
    #[error("the store finds a batch too large (413)")]
    TooLarge,
    /// 429, or 503 with a time to come back.
    #[error("the store asks to slow down ({status})")]
    Busy {
        /// The status.
        status: u16,
        /// When to come back, where it said so.
        retry_after: Option<Duration>,
    },
    /// Any other 5xx.
    #[error("the store failed ({status}): {message}")]
    Failed {
        /// The status.
        status: u16,
        /// What the store said.
        message: String,
    },
    /// Any other 4xx: the request itself is not accepted.
    #[error("the store refuses a request ({status}): {message}")]
    Rejected {
        /// The status.
        status: u16,
        /// What the store said.
        message: String,
    },
}

/// What an error asks of the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing is known of what the store holds now: reconcile before the next partial update.
    Reconnect,
    /// The same again, later; at the earliest after this time.
    Retry(Option<Duration>),
    /// The same in smaller parts.
    Split,
    /// Some record in it can't be stored: find it, report it, store the others.
    Isolate,
    /// The collection is gone: make sure of it again, then reconcile.
    Reopen,
    /// A person has to do something; tried again at long intervals.
    Ask,
}

impl StoreError {
    /// What to do about it.
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::Unreachable { .. } | Self::Unreadable { .. } => Reaction::Reconnect,
            Self::Busy { retry_after, .. } => Reaction::Retry(*retry_after),
            Self::Failed { .. } => Reaction::Retry(None),
            Self::TooLarge => Reaction::Split,
            Self::Rejected { .. } => Reaction::Isolate,
            Self::NotFound { .. } => Reaction::Reopen,
            Self::Setting(_) | Self::Name(_) | Self::NotAStore { .. } | Self::Denied { .. } => Reaction::Ask,
        }
    }
}
