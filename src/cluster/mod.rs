//! The API server: who we are there, how it is reached, what it serves. The only module that speaks HTTP to it.

pub mod access;
pub mod client;
pub mod discovery;
pub mod fetch;
pub mod identity;
mod politeness;
pub mod review;
pub mod selection;
mod server_clock;
mod tls;
pub mod watch;
pub mod wire;
mod x509;

pub use access::{Access, AccessError, AccessOptions};
pub use client::{Client, ClientError, ClientOptions};
pub use identity::Identity;
