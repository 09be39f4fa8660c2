//! Giving up a search whose answer nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SearchError;

/// Ends a search early, from another thread. Clones end the same search.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// The search ends with [`SearchError::Stopped`] before it looks at the next part of the index.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), SearchError> {
        if self.is_set() { Err(SearchError::Stopped) } else { Ok(()) }
    }
}
