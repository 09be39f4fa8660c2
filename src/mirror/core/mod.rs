//! The pure heart of the mirror: what is due, what may be deleted, who may write. No IO, no clock; time is passed in.

pub mod authority;
pub mod backoff;
pub mod brake;
pub mod claim;
pub mod confirmed;
pub mod dirty;
pub mod ledger;
pub mod marker;
pub mod patrol;
pub mod split;

/// Milliseconds of a clock that never goes back.
pub type Millis = i64;
