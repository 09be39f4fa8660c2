//! The HTTP client of one cluster: kube's credentials and TLS settings on our own connections.
//!
//! kube's connector speaks HTTP/1 only, and hyper's pooled client opens one HTTP/2 connection per host, on which the
//! 101st watch hangs every request. So connections are made here: four lanes for ordinary requests, and as many as
//! needed for watches, at most 90 on each.

mod auth;
mod connect;
mod counters;
mod dialer;
mod error;
mod exec;
mod http1;
mod lane;
mod pool;
mod probe;
mod request;
mod response;
mod status;
mod terminal;
#[cfg(test)]
pub(crate) mod tests;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Method};

use self::auth::{Auth, Credentials};
use self::connect::Connector;
use self::counters::{Counters, Tally};
use self::pool::WatchPools;
use self::transport::{Arrived, Outgoing, Transport};
use super::access::Access;
use super::politeness::Politeness;
use super::server_clock::ServerClock;
use crate::object::KindKey;
use crate::text::Clock;

pub use super::politeness::{Queue, ReadPermit};
pub use counters::Counts;
pub use dialer::{Dialed, Dialer};
pub use error::{AuthError, BodyFailure, ClientError, ConnectFailure, LONGEST_RETRY, TlsError};
pub use pool::WatchPermit;
pub use probe::Revision;
pub use request::{Answerer, RequestSpec};
pub use response::Response;
pub use status::Failure;
pub use terminal::{Lender, Loan, Terminal};

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How long a connection may take, TLS and proxy included. Defaults to 10 s.
    pub connect_timeout: Duration,
    /// How long the head of an ordinary answer may take. Defaults to 60 s, the API server's own limit: it encodes a
    /// large list before it sends the first byte.
    pub head_timeout: Duration,
    /// How long the head of a watch may take; the API server sends it at once. Defaults to 30 s.
    pub watch_head_timeout: Duration,
    /// How long a small body may stand still. Defaults to 30 s.
    pub idle: Duration,
    /// HTTP/2 connections for ordinary requests. Defaults to 4: lists run in parallel, 0.3 s instead of 0.5 s.
    pub connections: usize,
    /// The terminal that a credential plugin may ask on. Defaults to none.
    pub terminal: Terminal,
    /// Where everything that reads through this client has its time from. Defaults to the system's clock.
    pub clock: Clock,
    /// How connections are made instead of by TCP and TLS. Defaults to none.
    pub dialer: Option<Dialer>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(60),
            watch_head_timeout: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            connections: 4,
            terminal: Terminal::Unavailable,
            clock: Clock::system(),
            dialer: None,
        }
    }
}

/// The HTTP version that the server chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One request per connection: at most 60 connections.
    Http1,
    /// Many requests per connection.
    Http2,
}

/// The client of one cluster. Cheap to clone; all clones share connections, credentials, gate and counters.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    auth: Arc<Auth>,
    /// There are credentials, and this server is sent none.
    keeps_back: bool,
    pools: Arc<WatchPools>,
    politeness: Politeness,
    counters: Counters,
    server_clock: ServerClock,
    server: String,
    options: ClientOptions,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.inner.server).finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares a client: certificates are read and checked, nothing is connected and no plugin runs yet.
    pub fn new(access: &Access, options: ClientOptions) -> Result<Self, ClientError> {
        let config = &access.config;
        // A connection in memory leaves the process no more than one by TLS can be read.
        let private = access.is_private() || options.dialer.is_some();
        let mut headers = transport::common_headers(!config.disable_compression);
        headers.extend(auth::extra_headers(config)?);
        let connector = Connector::new(access, options.connect_timeout, options.dialer.clone())?;
        let base = config.cluster_url.clone();
        let transport = Transport::new(connector, base, access.server.clone(), headers, options.connections);
        Ok(Self {
            inner: Arc::new(Inner {
                transport,
                auth: Arc::new(Auth::new(config, private, options.terminal.clone())?),
                keeps_back: !private && access.has_credentials(),
                pools: Arc::default(),
                politeness: Politeness::new(),
                counters: Counters::default(),
                server_clock: ServerClock::default(),
                server: access.server.clone(),
                options,
            }),
        })
    }

    /// Sends a GET. An answer other than 2xx is an error; its body is in the error.
    pub async fn get(&self, spec: &RequestSpec) -> Result<Response, ClientError> {
        let outgoing = outgoing(Method::GET, spec, None, self.inner.options.head_timeout)?;
        self.exchange(outgoing, Way::Ordinary, spec).await
    }

    /// Sends the GET of a list, one of few at once. Its answer keeps the permit until it is dropped.
    pub async fn read(&self, spec: &RequestSpec, mut permit: ReadPermit) -> Result<Response, ClientError> {
        let outgoing = outgoing(Method::GET, spec, None, self.inner.options.head_timeout)?;
        let response = self.exchange(outgoing, Way::Read(&mut permit), spec).await?;
        Ok(response.keep(permit))
    }

    /// Sends the GET of a watch on the connection of its permit. The body has no time limit: use `chunk_within`.
    pub async fn watch(&self, spec: &RequestSpec, permit: &WatchPermit) -> Result<Response, ClientError> {
        let outgoing = outgoing(Method::GET, spec, None, self.inner.options.watch_head_timeout)?;
        self.exchange(outgoing, Way::Watch(permit), spec).await
    }

    /// Sends one of the two reviews that are asked by POST.
    pub(super) async fn review(&self, path: &str, body: Bytes) -> Result<Response, ClientError> {
        let spec = RequestSpec::new(path);
        let outgoing = outgoing(Method::POST, &spec, Some(body), self.inner.options.head_timeout)?;
        self.exchange(outgoing, Way::Ordinary, &spec).await
    }

    /// A place for one watch; `None` when there is no more (HTTP/1): list that kind in turns instead.
    pub fn acquire_watch(&self) -> Option<WatchPermit> {
        self.inner.pools.acquire(self.protocol())
    }

    /// Watches that have a place, and the connections these use.
    #[cfg(test)]
    pub(super) fn watches(&self) -> (usize, usize) {
        self.inner.pools.usage()
    }

    /// The right to run one initial read; waits while 16 of its queue are running.
    pub async fn read_permit(&self, queue: Queue) -> ReadPermit {
        self.inner.politeness.read_permit(queue).await
    }

    /// How long all requests are held back because the server asked for it.
    #[cfg(test)]
    pub(super) fn paused_for(&self) -> Option<Duration> {
        self.inner.politeness.paused_for()
    }

    /// The credentials have ended: the next request fetches others.
    #[cfg(test)]
    pub(super) fn end_credentials(&self) {
        self.inner.auth.end();
    }

    /// Fetches the credentials, if they are not at hand: a person who is asked for them may take all the time they
    /// need. What goes wrong is told by the next request.
    pub async fn log_in(&self) {
        _ = self.inner.auth.current().await;
    }

    /// The HTTP version, known after the first connection.
    pub fn protocol(&self) -> Option<Protocol> {
        self.inner.transport.protocol()
    }

    /// What one kind has cost.
    pub fn counters(&self, kind: &KindKey) -> Counts {
        self.inner.counters.of(kind)
    }

    /// What everything has cost.
    pub fn totals(&self) -> Counts {
        self.inner.counters.totals()
    }

    /// Seconds since 1970 by the server's clock; by ours until it has answered once.
    pub fn server_now(&self) -> i64 {
        self.inner.server_clock.now(self.clock().wall_s())
    }

    /// Time and chance of whatever reads through this client.
    pub fn clock(&self) -> &Clock {
        &self.inner.options.clock
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    async fn exchange(
        &self,
        outgoing: Outgoing,
        mut way: Way<'_>,
        spec: &RequestSpec,
    ) -> Result<Response, ClientError> {
        let inner = &*self.inner;
        let tally = inner.counters.tally(spec.kind.as_ref());
        // One kind's 401 says nothing about the credentials: the prober finds that out, and has them replaced.
        let mut replaceable = spec.answerer == Answerer::Server;
        loop {
            inner.politeness.pass().await;
            let credentials = inner.auth.current().await.map_err(ClientError::AuthPlugin)?;
            tally.request();
            let arrived = self.send(&outgoing, &credentials, &mut way).await?;
            let response = Response::new(arrived, tally.clone(), inner.options.idle);
            if let Some(date) = response.header(DATE.as_str()) {
                inner.server_clock.observe(date, inner.options.clock.wall_s());
            }
            if response.status.as_u16() != 401 {
                inner.auth.accept();
            } else if std::mem::take(&mut replaceable) {
                let renewed = inner.auth.replace(credentials.generation).await;
                if renewed.map_err(ClientError::AuthPlugin)? {
                    continue;
                }
            }
            return if response.status.is_success() {
                inner.politeness.answered();
                Ok(response)
            } else {
                Err(self.judge(response, &credentials, &tally, spec).await)
            };
        }
    }

    async fn send(
        &self,
        outgoing: &Outgoing,
        credentials: &Arc<Credentials>,
        way: &mut Way<'_>,
    ) -> Result<Arrived, ClientError> {
        let transport = &self.inner.transport;
        match way {
            Way::Ordinary => transport.send(outgoing, credentials, None).await,
            Way::Watch(permit) => transport.send(outgoing, credentials, Some(permit)).await,
            Way::Read(permit) => match permit.head(transport.send(outgoing, credentials, None)).await {
                Some(arrived) => arrived,
                None => Err(ClientError::Unreachable {
                    server: self.inner.server.clone(),
                    source: ConnectFailure::NoAnswer(ReadPermit::patience()),
                }),
            },
        }
    }

    async fn judge(
        &self,
        response: Response,
        credentials: &Credentials,
        tally: &Tally,
        spec: &RequestSpec,
    ) -> ClientError {
        const LIMIT: usize = 64 * 1024;
        let status = response.status.as_u16();
        let content_type = response.content_type().to_owned();
        let asked =
            response.header(RETRY_AFTER.as_str()).map(|text| status::seconds(text, self.server_now()));
        // The status alone decides; a body that broke off or never ends just explains less.
        let body = tokio::time::timeout(Duration::from_secs(5), response.bytes(LIMIT)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        let mut failure = Failure::read(status, &content_type, body);
        // A server may repeat what it was sent.
        failure.message = credentials.struck_from(&failure.message);
        failure.kept_back = self.inner.keeps_back;
        failure.retry_after = asked.or(failure.retry_after);
        if status == 429 {
            tally.throttled();
        }
        match failure.held_back(asked.is_some()) {
            Some(time) if spec.answerer != Answerer::Aggregated => {
                self.inner.politeness.refused(spec.what(), time);
            }
            Some(_) => {}
            None => self.inner.politeness.answered(),
        }
        ClientError::of(failure)
    }
}

/// How a request goes out.
enum Way<'a> {
    Ordinary,
    Watch(&'a WatchPermit),
    Read(&'a mut ReadPermit),
}

fn outgoing(
    method: Method,
    spec: &RequestSpec,
    body: Option<Bytes>,
    patience: Duration,
) -> Result<Outgoing, ClientError> {
    let path_and_query = spec.path_and_query();
    let patience = spec.patience.map_or(patience, |own| own.min(patience));
    match HeaderValue::from_str(&spec.accept) {
        Ok(accept) => Ok(Outgoing { method, path_and_query, accept, body, patience }),
        // An Accept header that is none can only be ours; nothing is sent.
        Err(_) => Err(ClientError::ReadOnly { method: method.to_string(), path: path_and_query }),
    }
}
