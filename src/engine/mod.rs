//! L3: the sync core.

pub mod status;
