//! The API server: its wire format, and how it is read.

pub mod wire;
