//! The mirror against a real Chroma.

mod contract;
