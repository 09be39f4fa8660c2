//! One connection: TCP, a proxy's tunnel, TLS, and which HTTP the other side chose.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceExt as _};

use super::auth::Credentials;
use super::dialer::{Dialed, Dialer};
use super::error::{ClientError, ConnectFailure};
use crate::cluster::access::{Access, Proxy, ProxyKind};
use crate::cluster::tls::{self, TlsError};

/// Certificate files are read again for a connection made this long after the last reading.
const TLS_AGE: Duration = Duration::from_secs(60);
/// A dead peer of an HTTP/1 connection is noticed by the kernel; HTTP/2 has its own pings.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A byte stream to the server, whatever it goes through.
pub(super) trait Io: hyper::rt::Read + hyper::rt::Write + Send + Unpin {}
impl<T: hyper::rt::Read + hyper::rt::Write + Send + Unpin> Io for T {}

/// An open connection.
pub(super) struct Connected {
    pub(super) io: Box<dyn Io>,
    pub(super) http2: bool,
}

impl From<Dialed> for Connected {
    fn from(Dialed { stream, http2 }: Dialed) -> Self {
        Self { io: Box::new(TokioIo::new(stream)), http2 }
    }
}

/// Makes connections to one API server.
pub(super) struct Connector {
    server: Uri,
    proxy: Option<Proxy>,
    config: kube::Config,
    names: Arc<dyn ResolveServerName + Send + Sync>,
    timeout: Duration,
    tls: Mutex<Option<Built>>,
    dialer: Option<Dialer>,
}

struct Built {
    epoch: u64,
    when: Instant,
    config: Arc<ClientConfig>,
}

impl Connector {
    pub(super) fn new(
        access: &Access,
        timeout: Duration,
        dialer: Option<Dialer>,
    ) -> Result<Self, ClientError> {
        let config = access.config.clone();
        let names: Arc<dyn ResolveServerName + Send + Sync> = match &config.tls_server_name {
            None => Arc::new(DefaultServerNameResolver::default()),
            Some(name) => {
                let name = ServerName::try_from(name.clone()).map_err(|_| wrong_name(name))?;
                Arc::new(FixedServerNameResolver::new(name))
            }
        };
        let connector = Self {
            server: config.cluster_url.clone(),
            proxy: access.proxy.clone(),
            names,
            timeout,
            tls: Mutex::default(),
            dialer,
            config,
        };
        // Unusable certificates are said now and not at the first request.
        connector.build(0, None).map_err(ClientError::Tls)?;
        Ok(connector)
    }

    /// Opens one connection with these credentials.
    pub(super) async fn connect(&self, credentials: &Credentials) -> Result<Connected, ConnectFailure> {
        let tls = self.tls(credentials).map_err(|error| ConnectFailure::Tls(chain(&error)))?;
        let connecting = async {
            match &self.dialer {
                Some(dialer) => Ok(Connected::from(dialer.dial().await?)),
                None => self.through_proxy(tls).await,
            }
        };
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(self.explain(error.as_ref())),
            Err(_) => Err(ConnectFailure::ConnectTimeout(self.timeout)),
        }
    }

    fn tls(&self, credentials: &Credentials) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(built) = &*self.tls.lock().unwrap_or_else(PoisonError::into_inner)
            && built.epoch == credentials.epoch
            && (built.when.elapsed() < TLS_AGE || !tls::reads_files(&self.config))
        {
            return Ok(Arc::clone(&built.config));
        }
        self.build(credentials.epoch, credentials.certificate.as_ref())
    }

    fn build(
        &self,
        epoch: u64,
        certificate: Option<&tls::ClientCertificate>,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let config = tls::client_config(&self.config, certificate, &[b"h2", b"http/1.1"])?;
        let built = Built { epoch, when: Instant::now(), config: Arc::clone(&config) };
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(built);
        Ok(config)
    }

    async fn through_proxy(&self, tls: Arc<ClientConfig>) -> Result<Connected, BoxError> {
        let Some(proxy) = &self.proxy else { return self.over(tcp(), tls).await };
        match (proxy.kind, proxy.uri.scheme_str()) {
            (ProxyKind::Socks5, _) => {
                let mut socks = SocksV5::new(proxy.uri.clone(), tcp());
                if let Some((user, password)) = &proxy.login {
                    socks = socks.with_auth(user.clone(), password.clone());
                }
                self.over(socks, tls).await
            }
            (ProxyKind::Connect, Some("https")) => {
                // To the proxy itself: its own name, no HTTP/2 (CONNECT here is HTTP/1), same trust as Go's client.
                let mut own = ClientConfig::clone(&tls);
                own.alpn_protocols = vec![b"http/1.1".to_vec()];
                let secure = HttpsConnector::from((tcp(), own));
                self.over(with_login(Tunnel::new(proxy.uri.clone(), secure), proxy), tls).await
            }
            (ProxyKind::Connect, _) => {
                self.over(with_login(Tunnel::new(proxy.uri.clone(), tcp()), proxy), tls).await
            }
        }
    }

    async fn over<H>(&self, transport: H, tls: Arc<ClientConfig>) -> Result<Connected, BoxError>
    where
        H: Service<Uri>,
        H::Response: Connection + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
        H::Future: Send + 'static,
        H::Error: Into<BoxError>,
    {
        let mut connector = HttpsConnector::new(transport, tls, false, Arc::clone(&self.names));
        let io = connector.ready().await?.call(self.server.clone()).await?;
        let http2 = io.connected().is_negotiated_h2();
        Ok(Connected { io: Box::new(io), http2 })
    }

    fn explain(&self, error: &(dyn StdError + 'static)) -> ConnectFailure {
        let host = self.server.host().unwrap_or_default();
        let name = self.config.tls_server_name.as_deref().unwrap_or(host);
        if let Some(error) = find::<rustls::Error>(error) {
            return explain_tls(error, name);
        }
        if let Some(proxy) = &self.proxy {
            let problem = match find::<std::io::Error>(error).map(std::io::Error::kind) {
                Some(ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
                _ => chain(error),
            };
            let proxy = proxy.uri.to_string().trim_end_matches('/').to_owned();
            return ConnectFailure::Proxy { proxy, problem };
        }
        if chain(error).contains("dns error") {
            return ConnectFailure::Name(host.to_owned());
        }
        match find::<std::io::Error>(error).map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => ConnectFailure::Refused,
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => ConnectFailure::NoRoute,
            Some(ErrorKind::TimedOut) => ConnectFailure::ConnectTimeout(self.timeout),
            _ => ConnectFailure::Lost(chain(error)),
        }
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(3));
    tcp
}

fn with_login<C>(tunnel: Tunnel<C>, proxy: &Proxy) -> Tunnel<C> {
    match &proxy.basic {
        Some(login) => tunnel.with_auth(login.clone()),
        None => tunnel,
    }
}

fn wrong_name(name: &str) -> ClientError {
    ClientError::Tls(TlsError::Field {
        field: "tls-server-name",
        problem: format!("'{name}' is not a host name"),
    })
}

fn explain_tls(error: &rustls::Error, name: &str) -> ConnectFailure {
    use rustls::{CertificateError, Error, InvalidMessage};
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "rustls has dozens of errors; the rest speak for themselves"
    )]
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            ConnectFailure::UnknownAuthority
        }
        Error::InvalidCertificate(CertificateError::NotValidForName) => {
            ConnectFailure::WrongName { name: name.to_owned(), for_names: Vec::new() }
        }
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            ConnectFailure::WrongName {
                name: name.to_owned(),
                for_names: presented.iter().map(|name| bare(name)).collect(),
            }
        }
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => ConnectFailure::Expired,
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => ConnectFailure::NotTls,
        other => ConnectFailure::Tls(other.to_string()),
    }
}

/// `DnsName("a.example")` as `a.example`.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// The first error of a type in a chain of causes, also inside an `io::Error` (which hides what it wraps).
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| find(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and its causes in one line, repeats left out.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}
