//! A server in this process: TLS, HTTP/2 or HTTP/1, answers by a function, and the kubeconfig to reach it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::cluster::access::{Access, AccessOptions, Environment};
use crate::cluster::client::{Client, ClientOptions};

pub(crate) type Answer = Response<BoxBody<Bytes, std::io::Error>>;

/// A whole answer.
pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    Response::builder().status(status).header("content-type", content_type).body(body).unwrap()
}

/// An answer that sends one piece and then neither more nor an end.
pub(crate) fn endless(first: &'static str) -> Answer {
    let first = futures_util::stream::once(async move { Ok(Frame::data(Bytes::from(first))) });
    let body = StreamBody::new(first.chain(futures_util::stream::pending()));
    Response::new(BodyExt::boxed(body))
}

/// An answer whose body breaks off after one piece.
pub(crate) fn broken(first: &'static str) -> Answer {
    let pieces = [Ok(Frame::data(Bytes::from(first))), Err(std::io::Error::other("broken on purpose"))];
    // The pause lets the first piece out before the reset overtakes it.
    let body = futures_util::stream::iter(pieces).then(|piece| async move {
        tokio::task::yield_now().await;
        piece
    });
    Response::new(BodyExt::boxed(StreamBody::new(body)))
}

/// A certificate authority made for one test.
pub(crate) struct Authority {
    key: rcgen::KeyPair,
    params: rcgen::CertificateParams,
    pub(crate) pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let certificate = params.self_signed(&key).unwrap();
        Self { key, pem: certificate.pem(), der: certificate.der().clone(), params }
    }

    /// A certificate and its key.
    pub(crate) fn issue(&self, names: &[&str], common_name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        self.issue_with(names, common_name, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        common_name: &str,
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        change(&mut params);
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        (params.signed_by(&key, &issuer).unwrap(), key)
    }
}

/// How the server behaves.
pub(crate) struct Settings {
    pub(crate) http2: bool,
    pub(crate) streams: u32,
    pub(crate) names: Vec<&'static str>,
    pub(crate) expired: bool,
    pub(crate) asks_certificate: bool,
    /// Another certificate and way of TLS than those that the authority and the rest here give.
    pub(crate) tls: Option<rustls::ServerConfig>,
    /// No TLS at all.
    pub(crate) plain: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http2: true,
            streams: 100,
            names: vec!["127.0.0.1"],
            expired: false,
            asks_certificate: false,
            tls: None,
            plain: false,
        }
    }
}

impl Settings {
    /// HTTP/1 without TLS.
    pub(crate) fn plain() -> Self {
        Self { http2: false, plain: true, ..Self::default() }
    }
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    /// Sends a GOAWAY on every connection that is open now.
    goaway: watch::Sender<usize>,
    plain: bool,
    directory: tempfile::TempDir,
}

struct Shared {
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    goaway: watch::Receiver<usize>,
}

impl Server {
    pub(crate) async fn start<F>(mut settings: Settings, handler: F) -> Self
    where
        F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
    {
        let authority = Authority::new();
        let mut config = settings.tls.take().unwrap_or_else(|| tls(&authority, &settings));
        config.alpn_protocols = vec![if settings.http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let tls = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (goaway, told) = watch::channel(0);
        let shared = Arc::new(Shared { connections: Arc::default(), seen: Arc::default(), goaway: told });
        let server = Self {
            address,
            authority,
            plain: settings.plain,
            connections: Arc::clone(&shared.connections),
            seen: Arc::clone(&shared.seen),
            goaway,
            directory: tempfile::tempdir().unwrap(),
        };
        let handler = Arc::new(handler);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, shared, handler) = (tls.clone(), Arc::clone(&shared), Arc::clone(&handler));
                shared.connections.fetch_add(1, Relaxed);
                tokio::spawn(async move {
                    if settings.plain {
                        return serve(TokioIo::new(socket), false, settings.streams, &shared, handler).await;
                    }
                    // A client that refuses our certificate ends here.
                    let Ok(stream) = tls.accept(socket).await else { return };
                    serve(TokioIo::new(stream), settings.http2, settings.streams, &shared, handler).await;
                });
            }
        });
        server
    }

    /// Ends every connection politely.
    pub(crate) fn send_goaway(&self) {
        self.goaway.send_modify(|round| *round += 1);
    }

    /// A path in the test's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the kubeconfig.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs_err::write(self.path(name), text).unwrap();
    }

    /// Writes an executable script beside the kubeconfig.
    pub(crate) fn script(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, text);
        fs_err::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// Access with this user entry and these further fields of the cluster entry.
    pub(crate) fn access(&self, user: &str, cluster: &str) -> Access {
        self.write("ca.crt", &self.authority.pem);
        let server = if cluster.contains("server:") {
            String::new()
        } else {
            format!("server: \"{}://{}\", ", if self.plain { "http" } else { "https" }, self.address)
        };
        let ca = match self.plain || cluster.contains("certificate-authority:") {
            true => "",
            false => "certificate-authority: ca.crt, ",
        };
        self.write(
            "config",
            &format!(
                "{{apiVersion: v1, kind: Config, current-context: test,\
                 contexts: [{{name: test, context: {{cluster: c, user: u}}}}],\
                 clusters: [{{name: c, cluster: {{{server}{ca}{cluster}}}}}],\
                 users: [{{name: u, user: {{{user}}}}}]}}"
            ),
        );
        let environment = Environment::fixed::<&str, &str>([]);
        let options =
            AccessOptions { kubeconfig: Some(self.path("config")), environment, ..Default::default() };
        Access::load(&options).unwrap()
    }

    /// A client with this user entry and cluster fields.
    pub(crate) fn client(&self, user: &str, cluster: &str) -> Client {
        Client::new(&self.access(user, cluster), ClientOptions::default()).unwrap()
    }

    /// The paths asked for so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    /// One header of the last request.
    pub(crate) fn last_header(&self, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        seen.last()?.1.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

fn tls(authority: &Authority, settings: &Settings) -> rustls::ServerConfig {
    let (certificate, key) = authority.issue_with(&settings.names, "test server", |params| {
        if settings.expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
    });
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = rustls::ServerConfig::builder();
    let builder = match settings.asks_certificate {
        false => builder.with_no_client_auth(),
        true => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der.clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
    };
    builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

async fn serve<F, S>(io: S, http2: bool, streams: u32, shared: &Arc<Shared>, handler: Arc<F>)
where
    F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let seen = Arc::clone(&shared.seen);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.lock().unwrap().push((request.uri().path().to_owned(), request.headers().clone()));
        let answer = handler(&request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let mut goaway = shared.goaway.clone();
    goaway.mark_unchanged();
    // How a connection ends is the client's business, and asserted there.
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let connection = builder.max_concurrent_streams(streams).serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = goaway.changed() => connection.as_mut().graceful_shutdown(),
        }
        _ = connection.await;
    } else {
        _ = http1::Builder::new().serve_connection(io, service).await;
    }
}
