//! Connections that somebody else makes: in memory, for a world that is played in one thread.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::DuplexStream;

/// A connection to the server, ready for HTTP.
#[derive(Debug)]
pub struct Dialed {
    /// Our end.
    pub stream: DuplexStream,
    /// Whether HTTP/2 is spoken on it, without asking; otherwise HTTP/1.
    pub http2: bool,
}

/// Makes connections. One that is never made hangs until the client's time limit.
#[derive(Clone)]
pub struct Dialer(Arc<dyn Fn() -> BoxFuture<'static, io::Result<Dialed>> + Send + Sync>);

impl Dialer {
    /// Makes each connection by a call of this.
    pub fn new(dial: impl Fn() -> BoxFuture<'static, io::Result<Dialed>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(dial))
    }

    pub(super) async fn dial(&self) -> io::Result<Dialed> {
        (self.0)().await
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dialer")
    }
}
