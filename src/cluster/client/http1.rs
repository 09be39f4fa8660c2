//! Connections where the server (or a proxy before it) speaks HTTP/1 only: one request each, few in all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::client::conn::http1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::auth::Credentials;
use super::connect::{Connected, Connector, Io};
use super::error::ConnectFailure;
use super::lane::Body;

/// Connections in all. Old load balancers count them.
pub(super) const CONNECTIONS: usize = 60;
/// Those kept free of watches, for lists and everything else.
const ORDINARY: usize = 12;
/// Watches that may be open.
pub(super) const WATCHES: usize = CONNECTIONS - ORDINARY;

type Sender = http1::SendRequest<Body>;

/// The idle connections and the right to more.
pub(super) struct Http1Pool {
    idle: Mutex<Vec<Sender>>,
    /// The credentials that the connections were made with; others need other connections.
    epoch: AtomicU64,
    ordinary: Arc<Semaphore>,
    watches: Arc<Semaphore>,
}

/// What became of asking for a connection.
pub(super) enum Leased {
    /// A connection for one request.
    Connection(Box<Lease>),
    /// A watch finds all of its own in use.
    Full,
    /// The server has chosen HTTP/2 for a new one: it speaks that again, or another one answers.
    Http2,
}

/// A connection in use by one request.
pub(super) struct Lease {
    sender: Option<Sender>,
    pool: Arc<Http1Pool>,
    permit: Option<OwnedSemaphorePermit>,
    /// Whether it served a request before.
    pub(super) reused: bool,
}

impl Http1Pool {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            idle: Mutex::default(),
            epoch: AtomicU64::new(0),
            ordinary: Arc::new(Semaphore::new(ORDINARY)),
            watches: Arc::new(Semaphore::new(WATCHES)),
        })
    }

    /// Takes a new connection in.
    pub(super) async fn adopt(&self, io: Box<dyn Io>) -> Result<(), ConnectFailure> {
        let sender = handshake(io).await?;
        self.put(sender);
        Ok(())
    }

    /// A connection for one request.
    pub(super) async fn lease(
        self: &Arc<Self>,
        watch: bool,
        connector: &Connector,
        credentials: &Credentials,
    ) -> Result<Leased, ConnectFailure> {
        let permit = match watch {
            true => match Arc::clone(&self.watches).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return Ok(Leased::Full),
            },
            // Never closed.
            false => Arc::clone(&self.ordinary).acquire_owned().await.ok(),
        };
        if self.epoch.fetch_max(credentials.epoch, Relaxed) < credentials.epoch {
            self.clear();
        }
        let idle = self.take();
        let reused = idle.is_some();
        let sender = match idle {
            Some(sender) => sender,
            None => match connector.connect(credentials).await? {
                Connected { http2: true, .. } => return Ok(Leased::Http2),
                Connected { io, http2: false } => handshake(io).await?,
            },
        };
        let lease = Lease { sender: Some(sender), pool: Arc::clone(self), permit, reused };
        Ok(Leased::Connection(Box::new(lease)))
    }

    /// Drops what is idle: after one stale connection the others are no better.
    pub(super) fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn put(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CONNECTIONS {
            idle.push(sender);
        }
    }
}

impl Lease {
    pub(super) fn sender(&mut self) -> Option<&mut Sender> {
        self.sender.as_mut()
    }

    /// Gives the connection back once it is ready for the next request: call it at the end of a whole body.
    pub(super) fn give_back(mut self) {
        let (Some(mut sender), permit) = (self.sender.take(), self.permit.take()) else { return };
        let pool = Arc::clone(&self.pool);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.put(sender);
            }
            drop(permit);
        });
    }
}

async fn handshake(io: Box<dyn Io>) -> Result<Sender, ConnectFailure> {
    let lost = |error: hyper::Error| ConnectFailure::Lost(super::connect::chain(&error));
    let (sender, connection) = http1::handshake(io).await.map_err(lost)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
    Ok(sender)
}
