//! The HTTP layer: puts a request on a connection and gives the head of its answer. Lets only reads out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::Protocol;
use super::auth::Credentials;
use super::connect::{Connector, chain};
use super::error::{ClientError, ConnectFailure};
use super::http1::{Http1Pool, Lease, Leased};
use super::lane::{Body, Lane, Opened};
use super::pool::WatchPermit;
use super::request::is_read;

/// A request as it goes out.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) accept: HeaderValue,
    pub(super) body: Option<Bytes>,
    pub(super) patience: Duration,
}

/// What an answer holds on to until it is read or dropped.
pub(super) enum Hold {
    Stream(#[expect(dead_code, reason = "frees its place when dropped")] StreamPlace),
    Watch(#[expect(dead_code, reason = "frees its place when dropped")] WatchPermit),
    Connection(Box<Lease>),
}

/// A head that arrived, its body to come.
pub(super) struct Arrived {
    pub(super) response: http::Response<Incoming>,
    pub(super) hold: Hold,
}

/// The place of one request on a lane.
pub(super) struct StreamPlace {
    lane: Arc<Lane>,
    freed: Arc<Notify>,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.lane.load.fetch_sub(1, Relaxed);
        self.freed.notify_one();
    }
}

/// Connections and what they are made with.
pub(super) struct Transport {
    connector: Arc<Connector>,
    http1: Arc<Http1Pool>,
    ordinary: Vec<Arc<Lane>>,
    freed: Arc<Notify>,
    protocol: AtomicU8,
    headers: HeaderMap,
    server: String,
    base: Uri,
}

enum Attempt {
    Done(Box<Arrived>),
    /// The connection was an old one: once more on a new one.
    Again(ConnectFailure),
    /// The stream broke on a connection that lives: once more, and then it is what was asked for.
    Once(ConnectFailure),
}

impl Transport {
    pub(super) fn new(
        connector: Connector,
        base: Uri,
        server: String,
        headers: HeaderMap,
        lanes: usize,
    ) -> Self {
        Self {
            connector: Arc::new(connector),
            http1: Http1Pool::new(),
            ordinary: (0..lanes.max(1)).map(|_| Arc::default()).collect(),
            freed: Arc::default(),
            protocol: AtomicU8::new(0),
            headers,
            server,
            base,
        }
    }

    pub(super) fn protocol(&self) -> Option<Protocol> {
        match self.protocol.load(Relaxed) {
            1 => Some(Protocol::Http1),
            2 => Some(Protocol::Http2),
            _ => None,
        }
    }

    /// Sends one request; `watch` names its lane when it is a watch.
    pub(super) async fn send(
        &self,
        outgoing: &Outgoing,
        credentials: &Arc<Credentials>,
        watch: Option<&WatchPermit>,
    ) -> Result<Arrived, ClientError> {
        if !is_read(&outgoing.method, &outgoing.path_and_query) {
            return Err(ClientError::ReadOnly {
                method: outgoing.method.to_string(),
                path: outgoing.path_and_query.clone(),
            });
        }
        let sending = async {
            let mut tries = 0;
            loop {
                tries += 1;
                match self.attempt(outgoing, credentials, watch).await? {
                    Attempt::Done(arrived) => return Ok(*arrived),
                    Attempt::Again(failure) if tries > 2 => return Err(self.unreachable(failure)),
                    Attempt::Once(failure) if tries > 1 => return Err(self.unreachable(failure)),
                    Attempt::Again(failure) | Attempt::Once(failure) => {
                        tracing::debug!(%failure, "sent again on a new connection")
                    }
                }
            }
        };
        match tokio::time::timeout(outgoing.patience, sending).await {
            Ok(result) => result,
            Err(_) => Err(self.unreachable(ConnectFailure::NoAnswer(outgoing.patience))),
        }
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        credentials: &Arc<Credentials>,
        watch: Option<&WatchPermit>,
    ) -> Result<Attempt, ClientError> {
        if self.protocol() == Some(Protocol::Http1) {
            return self.by_http1(outgoing, credentials, watch.is_some()).await;
        }
        let (lane, hold) = match watch {
            Some(permit) => (permit.lane(), Hold::Watch(permit.clone())),
            None => {
                let place = self.place().await;
                (Arc::clone(&place.lane), Hold::Stream(place))
            }
        };
        let open = lane.open(&self.connector, &self.http1, credentials).await;
        let open = open.map_err(|failure| self.unreachable(failure))?;
        let Opened::Http2(mut sender) = open.opened else {
            self.protocol.store(1, Relaxed);
            return self.by_http1(outgoing, credentials, watch.is_some()).await;
        };
        self.protocol.store(2, Relaxed);
        match sender.send_request(self.request(outgoing, credentials, true)?).await {
            Ok(response) => Ok(Attempt::Done(Box::new(Arrived { response, hold }))),
            Err(error) => {
                // A GOAWAY or a stale socket: nothing came back, and a GET may be repeated.
                if sender.is_closed() || error.is_canceled() {
                    lane.forget(open.attempt);
                    return self.failed(&error, open.reused || error.is_canceled());
                }
                // The stream broke on a connection that lives.
                let failure = ConnectFailure::Lost(chain(&error));
                if open.reused { Ok(Attempt::Once(failure)) } else { Err(self.unreachable(failure)) }
            }
        }
    }

    async fn by_http1(
        &self,
        outgoing: &Outgoing,
        credentials: &Arc<Credentials>,
        watch: bool,
    ) -> Result<Attempt, ClientError> {
        let mut lease = match self.http1.lease(watch, &self.connector, credentials).await {
            Ok(Leased::Connection(lease)) => lease,
            Ok(Leased::Full) => return Err(ClientError::NoConnection),
            Ok(Leased::Http2) => {
                self.protocol.store(0, Relaxed);
                let failure = ConnectFailure::Lost("the server speaks HTTP/2 now".to_owned());
                return Ok(Attempt::Again(failure));
            }
            Err(failure) => {
                // Whoever answers after an outage may speak HTTP/2.
                self.protocol.store(0, Relaxed);
                return Err(self.unreachable(failure));
            }
        };
        let request = self.request(outgoing, credentials, false)?;
        let Some(sender) = lease.sender() else { return Err(ClientError::NoConnection) };
        if let Err(error) = sender.ready().await {
            return self.failed(&error, lease.reused);
        }
        match sender.send_request(request).await {
            Ok(response) => Ok(Attempt::Done(Box::new(Arrived { response, hold: Hold::Connection(lease) }))),
            Err(error) => {
                if lease.reused {
                    self.http1.clear();
                }
                self.failed(&error, lease.reused)
            }
        }
    }

    fn failed(&self, error: &hyper::Error, again: bool) -> Result<Attempt, ClientError> {
        let failure = ConnectFailure::Lost(chain(error));
        if again { Ok(Attempt::Again(failure)) } else { Err(self.unreachable(failure)) }
    }

    /// A place on the ordinary lane with the least to do; a lane is opened only when those before it are busy.
    async fn place(&self) -> StreamPlace {
        loop {
            let freed = self.freed.notified();
            let free = self.ordinary.iter().filter(|lane| lane.load.load(Relaxed) < lane.streams());
            if let Some(lane) = free.min_by_key(|lane| lane.load.load(Relaxed)) {
                lane.load.fetch_add(1, Relaxed);
                return StreamPlace { lane: Arc::clone(lane), freed: Arc::clone(&self.freed) };
            }
            freed.await;
        }
    }

    fn request(
        &self,
        outgoing: &Outgoing,
        credentials: &Credentials,
        http2: bool,
    ) -> Result<Request<Body>, ClientError> {
        let prefix = self.base.path().trim_end_matches('/');
        let path = format!("{prefix}{}", outgoing.path_and_query);
        let authority = self.base.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let uri = match http2 {
            true => format!("{}://{authority}{path}", self.base.scheme_str().unwrap_or("https")),
            false => path,
        };
        let body = Body::new(outgoing.body.clone().unwrap_or_default());
        let mut request = Request::builder().method(outgoing.method.clone()).uri(uri).body(body);
        if let Ok(request) = &mut request {
            let headers = request.headers_mut();
            headers.extend(self.headers.clone());
            headers.insert(ACCEPT, outgoing.accept.clone());
            if let Some(header) = &credentials.header {
                headers.insert(AUTHORIZATION, header.clone());
            }
            if let (false, Ok(host)) = (http2, HeaderValue::from_str(authority)) {
                headers.insert(HOST, host);
            }
            if outgoing.body.is_some() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
        }
        request.map_err(|error| self.unreachable(ConnectFailure::Lost(error.to_string())))
    }

    fn unreachable(&self, source: ConnectFailure) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), source }
    }
}

/// The headers that all requests share, besides impersonation.
pub(super) fn common_headers(gzip: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("kubesift/", env!("CARGO_PKG_VERSION"))));
    if gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers
}
