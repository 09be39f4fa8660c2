//! Things that stand between kubesift and the API server: proxies that count, drop and fall silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::ControlPlane;
use super::controlplane::Certified;

/// A name that only these proxies resolve, to 127.0.0.1: what reaches it came through one of them. The API server's
/// certificate names it.
pub(crate) const BEHIND: &str = "kubernetes.default.svc";

/// What kind of thing it is.
#[derive(Clone)]
enum Role {
    /// Passes bytes on to one address.
    Forward(SocketAddr),
    /// An HTTP proxy that knows CONNECT.
    Connect,
    /// A SOCKS5 proxy without authentication.
    Socks5,
    /// Ends TLS, offers HTTP/1.1 alone, and speaks HTTP/1.1 to the server behind it.
    Http1 { upstream: SocketAddr, acceptor: TlsAcceptor, connector: TlsConnector },
}

/// How it treats its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Bytes flow.
    Open,
    /// Connections stand and new ones are accepted, but no byte moves.
    Silent,
    /// Every connection is closed, and new ones at once.
    Closed,
}

/// A running proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    counters: Arc<Counters>,
    acceptor: JoinHandle<()>,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    bytes: AtomicU64,
}

impl Proxy {
    /// Passes bytes on to the API server: for counting, dropping and falling silent.
    pub(crate) async fn forward(plane: &ControlPlane) -> Self {
        Self::start(Role::Forward(upstream(plane))).await
    }

    /// An HTTP proxy that knows CONNECT.
    pub(crate) async fn connect() -> Self {
        Self::start(Role::Connect).await
    }

    /// A SOCKS5 proxy.
    pub(crate) async fn socks5() -> Self {
        Self::start(Role::Socks5).await
    }

    /// A reverse proxy before the API server that speaks HTTP/1.1 only, with a certificate of the cluster's CA.
    pub(crate) async fn http1(plane: &ControlPlane) -> Self {
        let acceptor = acceptor(&plane.server_certificate("http1-proxy"));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(plane.ca()).expect("CA")).expect("CA");
        let mut client =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("protocol versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self::start(Role::Http1 {
            upstream: upstream(plane),
            acceptor,
            connector: TlsConnector::from(Arc::new(client)),
        })
        .await
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it accepted and served.
    pub(crate) fn connections(&self) -> u64 {
        self.counters.connections.load(Relaxed)
    }

    /// How many bytes it passed on, both ways.
    pub(crate) fn bytes(&self) -> u64 {
        self.counters.bytes.load(Relaxed)
    }

    /// Closes every connection, and every new one at once, until [`Self::resume`].
    pub(crate) fn drop_everything(&self) {
        self.mode.send_replace(Mode::Closed);
    }

    /// Lets no byte through in either direction, without closing anything, until [`Self::resume`].
    pub(crate) fn go_silent(&self) {
        self.mode.send_replace(Mode::Silent);
    }

    /// Bytes flow again; connections that were dropped stay dropped.
    pub(crate) fn resume(&self) {
        self.mode.send_replace(Mode::Open);
    }

    async fn start(role: Role) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (mode, modes) = watch::channel(Mode::Open);
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        let acceptor = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *modes.borrow() == Mode::Closed {
                    continue;
                }
                counted.connections.fetch_add(1, Relaxed);
                tokio::spawn(serve(role.clone(), stream, modes.clone(), Arc::clone(&counted)));
            }
        });
        Self { address, mode, counters, acceptor }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
        // Ends the connections: their tasks see the mode.
        self.drop_everything();
    }
}

/// Accepts TLS with this certificate, for HTTP/1.1.
pub(super) fn acceptor(files: &Certified) -> TlsAcceptor {
    let certificates = CertificateDer::pem_file_iter(&files.certificate).expect("certificate");
    let certificates = certificates.collect::<Result<Vec<_>, _>>().expect("certificate");
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("server certificate");
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(server))
}

fn upstream(plane: &ControlPlane) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], plane.port()))
}

async fn serve(role: Role, stream: TcpStream, mut modes: watch::Receiver<Mode>, counters: Arc<Counters>) {
    let mut closed = modes.clone();
    let session = async {
        match role {
            Role::Forward(to) => pump(stream, TcpStream::connect(to).await?, &mut modes, &counters).await,
            Role::Connect => {
                let (stream, server) = accept_connect(stream).await?;
                pump(stream, server, &mut modes, &counters).await
            }
            Role::Socks5 => {
                let (stream, server) = accept_socks5(stream).await?;
                pump(stream, server, &mut modes, &counters).await
            }
            Role::Http1 { upstream, acceptor, connector } => {
                let client = acceptor.accept(stream).await?;
                let name = ServerName::try_from("127.0.0.1").expect("an address");
                let server = connector.connect(name, TcpStream::connect(upstream).await?).await?;
                pump(client, server, &mut modes, &counters).await
            }
        }
    };
    // A connection that breaks is the peer's affair: it sees the end of it.
    tokio::select! {
        _ = session => {}
        _ = closed.wait_for(|mode| *mode == Mode::Closed) => {}
    }
}

async fn pump<A, B>(
    client: A,
    server: B,
    modes: &mut watch::Receiver<Mode>,
    counters: &Counters,
) -> std::io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (client_reads, client_writes) = tokio::io::split(client);
    let (server_reads, server_writes) = tokio::io::split(server);
    tokio::try_join!(
        one_way(client_reads, server_writes, modes.clone(), counters),
        one_way(server_reads, client_writes, modes.clone(), counters),
    )?;
    Ok(())
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut modes: watch::Receiver<Mode>,
    counters: &Counters,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if modes.wait_for(|mode| *mode == Mode::Open).await.is_err() || read == 0 {
            // Half a close: the other way may still have something to say.
            return to.shutdown().await;
        }
        counters.bytes.fetch_add(read as u64, Relaxed);
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
    }
}

/// Reads `CONNECT host:port HTTP/1.1` and its headers, connects, and says so.
async fn accept_connect(mut stream: TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let Some(target) = target else {
        stream.write_all(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n").await?;
        return Err(std::io::Error::other("not CONNECT"));
    };
    let server = TcpStream::connect(target.replace(BEHIND, "127.0.0.1")).await?;
    stream.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?;
    Ok((stream, server))
}

/// The SOCKS5 handshake (RFC 1928): no authentication, CONNECT, any address type.
async fn accept_socks5(mut stream: TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    const VERSION: u8 = 5;
    let [_version, methods] = read(&mut stream).await?;
    let mut offered = vec![0; usize::from(methods)];
    stream.read_exact(&mut offered).await?;
    stream.write_all(&[VERSION, 0]).await?;
    let [_version, _command, _reserved, address_type] = read(&mut stream).await?;
    let host = match address_type {
        1 => std::net::Ipv4Addr::from(read::<4>(&mut stream).await?).to_string(),
        4 => std::net::Ipv6Addr::from(read::<16>(&mut stream).await?).to_string(),
        _ => {
            let mut name = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    let port = stream.read_u16().await?;
    let server = TcpStream::connect((host.replace(BEHIND, "127.0.0.1").as_str(), port)).await?;
    stream.write_all(&[VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok((stream, server))
}

async fn read<const N: usize>(stream: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
