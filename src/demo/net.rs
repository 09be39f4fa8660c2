//! Sockets: the listener, TLS, and one task per connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::shared::Shared;
use super::{DemoError, Tls, http};

/// Bytes on their way in a connection in memory.
const PIPE: usize = 64 << 10;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A server's TLS: how connections are accepted, and the certificate that clients trust.
#[derive(Clone)]
pub(super) struct Protection {
    pub(super) acceptor: TlsAcceptor,
    pub(super) authority_pem: String,
}

impl Protection {
    /// Loads or makes the certificate; `None` for plain HTTP.
    pub(super) fn new(tls: &Tls, http1_only: bool, address: IpAddr) -> Result<Option<Self>, DemoError> {
        let (chain_pem, key_pem) = match tls {
            Tls::Off => return Ok(None),
            Tls::SelfSigned => self_signed(address)?,
            Tls::Given { chain_pem, key_pem } => (chain_pem.clone(), key_pem.clone()),
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| DemoError::Certificate(Box::new(error)))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| DemoError::Certificate(Box::new(error)))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| DemoError::Certificate(Box::new(error)))?;
        let protocols: &[&[u8]] = if http1_only { &[b"http/1.1"] } else { &[b"h2", b"http/1.1"] };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let last = chain_pem.rfind("-----BEGIN").unwrap_or_default();
        let authority_pem = chain_pem.get(last..).unwrap_or_default().to_owned();
        Ok(Some(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority_pem }))
    }
}

fn self_signed(address: IpAddr) -> Result<(String, String), DemoError> {
    let names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .into_iter()
        .chain([address.to_string()])
        .collect::<Vec<_>>();
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.map_err(|error| DemoError::Certificate(Box::new(error)))?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// Listens.
pub(super) async fn bind(addr: SocketAddr) -> Result<TcpListener, DemoError> {
    TcpListener::bind(addr).await.map_err(|source| DemoError::Listen { addr, source })
}

/// Accepts connections until the task is aborted, which ends them too.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let places = Arc::new(Semaphore::new(shared.options.connections.max(1)));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((socket, _)) = socket else {
            // Out of file descriptors: others have to end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        connections.spawn(async move {
            let _open = Open::new(&shared);
            let mut dropped = shared.dropped.subscribe();
            tokio::select! {
                _ = dropped.changed() => {}
                // A client that goes away or talks nonsense is not the server's trouble.
                _ = connection(socket, &shared, tls) => {}
            }
            drop(place);
        });
    }
}

/// Serves one connection in memory, as a task of the present runtime; its other end is handed back.
pub(super) fn connect(shared: &Arc<Shared>, http2: bool) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let _open = Open::new(&shared);
        let mut dropped = shared.dropped.subscribe();
        let socket = shared.gate.guard(theirs);
        tokio::select! {
            biased;
            _ = dropped.changed() => {}
            // A client that goes away or talks nonsense is not the server's trouble.
            _ = speak(socket, &shared, http2) => {}
        }
    });
    ours
}

/// Counts a connection while it is open.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(socket: TcpStream, shared: &Arc<Shared>, tls: Option<TlsAcceptor>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = shared.gate.guard(socket);
    let Some(tls) = tls else { return speak(socket, shared, false).await };
    let socket = tokio::time::timeout(HANDSHAKE, tls.accept(socket)).await??;
    let http2 = socket.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(socket, shared, http2).await
}

async fn speak<S>(socket: S, shared: &Arc<Shared>, http2: bool) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| http::serve(Arc::clone(shared), request));
    let socket = TokioIo::new(socket);
    let result = if http2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(shared.options.streams)
            .serve_connection(socket, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(socket, service).await
    };
    result.map_err(io::Error::other)
}
