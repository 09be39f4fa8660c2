//! A simulated API server: the wire of a real one, objects from a seed, and faults on request.
//!
//! It serves what kubesift reads: discovery, lists and watches of metadata in protobuf and JSON with the meanings of
//! `resourceVersion`, single objects, the two self subject reviews and `/version`; over TLS with HTTP/2 or plain
//! HTTP/1. It takes no writes: [`Server`] changes the cluster from inside. `kubectl get` works against it.
//!
//! ```no_run
//! # async fn example() -> Result<(), kubesift::demo::DemoError> {
//! use kubesift::demo::{Action, Fault, Matcher, Server, ServerOptions, Verb};
//!
//! let server = Server::start(ServerOptions { objects: 500, ..ServerOptions::default() }).await?;
//! server.inject(Fault::once(Matcher::kind(Verb::List, "pods"), Action::Status(500)));
//! println!("{}", server.kubeconfig());
//! # Ok(())
//! # }
//! ```

mod catalog;
mod churn;
mod custom;
mod faults;
mod gate;
mod http;
mod kinds;
mod kubeconfig;
mod log;
mod net;
mod options;
mod rights;
mod seed;
mod server;
mod shared;
mod store;

use std::io;
use std::net::SocketAddr;

pub use catalog::Listing;
pub use custom::Crd;
pub use faults::{Action, Fault, Matcher, RetryAfter, Verb};
pub use log::{Count, Request, Tally, busiest};
pub use options::{Formats, Profile, ServerOptions, Tls, User};
pub use rights::{Review, Rights, Rule};
pub use server::Server;

/// Why the simulated server can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The address can't be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate can't be made or used.
    #[error("cannot use the certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A profile that does not exist.
    #[error("unknown profile {0:?}: 1.27, 1.30, 1.33 and 1.37 are known")]
    UnknownProfile(String),
    /// A kind that is not served.
    #[error("no such kind: {0}")]
    UnknownKind(String),
    /// A cluster-scoped object with a namespace, or the other way round.
    #[error("the object's namespace does not fit the scope of {0}")]
    WrongScope(String),
    /// A custom resource without a version.
    #[error("{0} has no version")]
    NoVersion(String),
    /// A revision that history no longer holds.
    #[error("revision {0} has been compacted")]
    Compacted(u64),
}
