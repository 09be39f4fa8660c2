//! A lane: at most one open HTTP/2 connection, made when first needed and again after it broke.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::auth::Credentials;
use super::connect::{Connected, Connector, Io};
use super::error::ConnectFailure;
use super::http1::Http1Pool;

/// Streams we use of a connection. API servers allow 100, and the 101st hangs all others too; ten are left for
/// streams that we dropped and the server still counts.
pub(super) const STREAMS: usize = 90;

// Lists of 50 MB should not wait for window updates: measured on loopback, see docs/benchmarks.md.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// A ping after this much silence, and how long its answer may take: a dead socket is noticed within half a minute.
const PING_EVERY: Duration = Duration::from_secs(15);
const PING_PATIENCE: Duration = Duration::from_secs(15);

pub(super) type Body = Full<Bytes>;

/// What opening a lane gave.
#[derive(Clone)]
pub(super) enum Opened {
    /// A connection for many requests.
    Http2(http2::SendRequest<Body>),
    /// The server chose HTTP/1; the connection waits in the pool.
    Http1,
}

type Opening = Shared<BoxFuture<'static, Result<Opened, ConnectFailure>>>;

/// One connection and its state.
#[derive(Default)]
pub(super) struct Lane {
    link: Mutex<Link>,
    /// Requests of ours that use it now.
    pub(super) load: AtomicUsize,
    /// Streams the server allows, as far as it said.
    allowed: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Link {
    attempt: u64,
    epoch: u64,
    opening: Option<Opening>,
}

/// An opened lane, and which attempt it was: to report that it broke.
pub(super) struct OpenLane {
    pub(super) opened: Opened,
    pub(super) attempt: u64,
    /// Whether it was open before: then a failure says little, and one repeat on a new connection is fair.
    pub(super) reused: bool,
}

impl Lane {
    /// Streams that may be used at once.
    pub(super) fn streams(&self) -> usize {
        match self.allowed.load(Relaxed) {
            0 => STREAMS,
            allowed => (allowed - allowed / 10).clamp(1, STREAMS),
        }
    }

    /// The open connection, or a new one. All who wait share one attempt and its failure.
    pub(super) async fn open(
        &self,
        connector: &Arc<Connector>,
        pool: &Arc<Http1Pool>,
        credentials: &Arc<Credentials>,
    ) -> Result<OpenLane, ConnectFailure> {
        loop {
            let (opening, attempt, reused) = self.opening(connector, pool, credentials);
            let result = opening.await;
            match &result {
                Ok(Opened::Http2(sender)) if sender.is_closed() && reused => self.forget(attempt),
                Ok(Opened::Http2(_)) => {}
                Ok(Opened::Http1) | Err(_) => self.forget(attempt),
            }
            match result {
                Ok(Opened::Http2(sender)) if sender.is_closed() && reused => {}
                result => return result.map(|opened| OpenLane { opened, attempt, reused }),
            }
        }
    }

    /// Makes the next request open a new connection, unless that already happened.
    pub(super) fn forget(&self, attempt: u64) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.attempt == attempt {
            link.opening = None;
        }
    }

    fn opening(
        &self,
        connector: &Arc<Connector>,
        pool: &Arc<Http1Pool>,
        credentials: &Arc<Credentials>,
    ) -> (Opening, u64, bool) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opening) = link.opening.clone().filter(|_| link.epoch >= credentials.epoch) {
            let reused = opening.peek().is_some();
            return (opening, link.attempt, reused);
        }
        let work =
            open(Arc::clone(connector), Arc::clone(pool), Arc::clone(credentials), Arc::clone(&self.allowed));
        // On its own task: a caller that gives up does not leave the others with a half-made connection.
        let task = tokio::spawn(work).map(|result| match result {
            Ok(result) => result,
            Err(error) => Err(ConnectFailure::Lost(error.to_string())),
        });
        link.attempt += 1;
        link.epoch = credentials.epoch;
        let opening = task.boxed().shared();
        link.opening = Some(opening.clone());
        (opening, link.attempt, false)
    }
}

async fn open(
    connector: Arc<Connector>,
    pool: Arc<Http1Pool>,
    credentials: Arc<Credentials>,
    allowed: Arc<AtomicUsize>,
) -> Result<Opened, ConnectFailure> {
    let Connected { io, http2 } = connector.connect(&credentials).await?;
    if !http2 {
        pool.adopt(io).await?;
        return Ok(Opened::Http1);
    }
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .keep_alive_while_idle(true);
    let handshake = builder.handshake(io).await;
    let (sender, connection) =
        handshake.map_err(|error| ConnectFailure::Lost(super::connect::chain(&error)))?;
    tokio::spawn(Driver { connection, allowed });
    Ok(Opened::Http2(sender))
}

/// Runs a connection and notes how many streams the server allows.
struct Driver {
    connection: http2::Connection<Box<dyn Io>, Body, TokioExecutor>,
    allowed: Arc<AtomicUsize>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let result = Pin::new(&mut self.connection).poll(context);
        self.allowed.store(self.connection.current_max_send_streams(), Relaxed);
        match result {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended");
                }
                Poll::Ready(())
            }
        }
    }
}
