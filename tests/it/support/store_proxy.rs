//! A proxy before a store that misbehaves as proxies and tired servers do.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::controlplane::Certified;

/// What happens to a request that writes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered with this status; nothing reaches the store.
    Status(u16),
    /// The connection ends before the store sees the request.
    Close,
    /// The store does it; the connection ends in the middle of the answer.
    CloseAfter,
    /// The store does it; no answer ever comes.
    SilenceAfter,
    /// Refused with 413 while it holds more than so many bytes.
    Larger(usize),
}

/// What stands before a store that is not open to everybody.
#[derive(Default)]
pub(crate) struct Guard {
    /// TLS with this certificate.
    pub certificate: Option<Certified>,
    /// The path below which the store answers, without a slash at its end.
    pub prefix: &'static str,
    /// The only token that is let through.
    pub token: Option<&'static str>,
}

/// The proxy; it ends when it is dropped.
pub(crate) struct StoreProxy {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the proxy does and saw.
struct Shared {
    /// The store's port.
    port: u16,
    prefix: &'static str,
    token: Option<&'static str>,
    faults: Mutex<Vec<Fault>>,
    failed: AtomicUsize,
    deleted: Mutex<Vec<String>>,
}

impl StoreProxy {
    /// Before the store at this port.
    pub(crate) async fn start(port: u16) -> Self {
        Self::guarded(port, Guard::default()).await
    }

    /// Before the store at this port, and not for everybody.
    pub(crate) async fn guarded(port: u16, guard: Guard) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let acceptor = guard.certificate.as_ref().map(super::proxy::acceptor);
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}{}", listener.local_addr().expect("bound"), guard.prefix);
        let shared = Arc::new(Shared {
            port,
            prefix: guard.prefix,
            token: guard.token,
            faults: Mutex::default(),
            failed: AtomicUsize::new(0),
            deleted: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                match acceptor.clone() {
                    None => _ = tokio::spawn(connection(stream, shared)),
                    Some(acceptor) => {
                        _ = tokio::spawn(async move {
                            // Who does not trust the certificate goes away.
                            if let Ok(stream) = acceptor.accept(stream).await {
                                connection(stream, shared).await;
                            }
                        });
                    }
                }
            }
        });
        Self { url, shared, task }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The next writes fail like this, in this order; then all is well again.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut planned: Vec<Fault> = faults.into_iter().collect();
        planned.reverse();
        *self.shared.faults.lock().expect("not poisoned") = planned;
    }

    /// Requests that failed so far.
    pub(crate) fn failed(&self) -> usize {
        self.shared.failed.load(Relaxed)
    }

    /// Ids that deletes named so far, whatever became of these requests.
    pub(crate) fn deleted(&self) -> Vec<String> {
        self.shared.deleted.lock().expect("not poisoned").clone()
    }
}

impl Drop for StoreProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| serve(request, Arc::clone(&shared)));
    // An error of the service closes the connection, which is what it is for.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

/// What a request that is not let through is told.
fn turned_away(head: &http::request::Parts, shared: &Shared) -> Option<http::Response<Full<Bytes>>> {
    let answer = |status: u16, kind: &str, body: &'static str| {
        let answer = http::Response::builder().status(status).header("content-type", kind);
        Some(answer.body(Full::new(Bytes::from(body))).expect("response"))
    };
    if !head.uri.path().starts_with(shared.prefix) {
        return answer(404, "text/html", "<html>nothing here</html>");
    }
    let said = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    match shared.token {
        Some(token)
            if said("x-chroma-token") != Some(token)
                || said("authorization").and_then(|it| it.strip_prefix("Bearer ")) != Some(token) =>
        {
            answer(401, "application/json", r#"{"error":"AuthError","message":"Unauthorized"}"#)
        }
        Some(_) | None => None,
    }
}

async fn serve(
    request: http::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let other = |error: hyper::Error| std::io::Error::other(error);
    let (mut head, body) = request.into_parts();
    if let Some(answer) = turned_away(&head, &shared) {
        return Ok(answer);
    }
    if !shared.prefix.is_empty() {
        let rest = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = rest[shared.prefix.len()..].parse().expect("a path");
    }
    let body = body.collect().await.map_err(other)?.to_bytes();
    let path = head.uri.path().to_owned();
    let writes = ["/upsert", "/update", "/delete"].iter().any(|verb| path.ends_with(verb));
    if path.ends_with("/delete") {
        let named: serde_json::Value = serde_json::from_slice(&body).expect("a delete is JSON");
        let ids = named["ids"].as_array().expect("a delete names its ids").iter();
        let ids = ids.map(|id| id.as_str().expect("an id").to_owned());
        shared.deleted.lock().expect("not poisoned").extend(ids);
    }
    let fault = if writes { next(&shared.faults, body.len()) } else { None };
    shared.failed.fetch_add(usize::from(fault.is_some()), Relaxed);
    match fault {
        Some(Fault::Status(status)) => {
            let answer = http::Response::builder().status(status).header("content-type", "application/json");
            return Ok(answer
                .body(Full::new(Bytes::from(r#"{"error":"X","message":"tired"}"#)))
                .expect("response"));
        }
        Some(Fault::Larger(_)) => {
            return Ok(http::Response::builder().status(413).body(Full::default()).expect("response"));
        }
        Some(Fault::Close) => return Err(std::io::Error::other("closed")),
        Some(Fault::CloseAfter | Fault::SilenceAfter) | None => {}
    }
    let stream = TcpStream::connect(("127.0.0.1", shared.port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(other)?;
    tokio::spawn(connection);
    let answer =
        sender.send_request(http::Request::from_parts(head, Full::new(body))).await.map_err(other)?;
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await.map_err(other)?.to_bytes();
    match fault {
        Some(Fault::CloseAfter) => return Err(std::io::Error::other("closed after it was done")),
        Some(Fault::SilenceAfter) => std::future::pending().await,
        Some(Fault::Status(_) | Fault::Close | Fault::Larger(_)) | None => {}
    }
    head.headers.remove("content-length");
    head.headers.remove("transfer-encoding");
    Ok(http::Response::from_parts(head, Full::new(body)))
}

fn next(faults: &Mutex<Vec<Fault>>, bytes: usize) -> Option<Fault> {
    let mut faults = faults.lock().expect("not poisoned");
    match faults.last().copied()? {
        // Stays for as long as it is planned: every request is measured.
        Fault::Larger(limit) => (bytes > limit).then_some(Fault::Larger(limit)),
        fault => {
            faults.pop();
            Some(fault)
        }
    }
}
