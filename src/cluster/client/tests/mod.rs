//! The client against servers and proxies in this process.

mod answers;
mod connections;
mod credentials;
mod failures;
mod in_the_clear;
mod lent;
mod proxies;
pub(crate) mod server;
mod trust;
