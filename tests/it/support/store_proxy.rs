//! A proxy before a store that misbehaves as proxies and tired servers do.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to a request that writes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered with this status; nothing reaches the store.
    Status(u16),
    /// The connection ends before the store sees the request.
    Close,
    /// The store does it; the connection ends in the middle of the answer.
    CloseAfter,
    /// Refused with 413 while it holds more than so many bytes.
    Larger(usize),
}

/// The proxy; it ends when it is dropped.
pub(crate) struct StoreProxy {
    url: String,
    faults: Arc<Mutex<Vec<Fault>>>,
    failed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl StoreProxy {
    /// Before the store at this port.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (faults, failed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (shared, counted) = (Arc::clone(&faults), Arc::clone(&failed));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (faults, failed) = (Arc::clone(&shared), Arc::clone(&counted));
                let service =
                    service_fn(move |request| serve(port, request, Arc::clone(&faults), Arc::clone(&failed)));
                tokio::spawn(async move {
                    // An error of the service closes the connection, which is what it is for.
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        Self { url, faults, failed, task }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The next writes fail like this, in this order; then all is well again.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut planned: Vec<Fault> = faults.into_iter().collect();
        planned.reverse();
        *self.faults.lock().expect("not poisoned") = planned;
    }

    /// Requests that failed so far.
    pub(crate) fn failed(&self) -> usize {
        self.failed.load(Relaxed)
    }
}

impl Drop for StoreProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    port: u16,
    request: http::Request<Incoming>,
    faults: Arc<Mutex<Vec<Fault>>>,
    failed: Arc<AtomicUsize>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let other = |error: hyper::Error| std::io::Error::other(error);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(other)?.to_bytes();
    let path = head.uri.path().to_owned();
    let writes = ["/upsert", "/update", "/delete"].iter().any(|verb| path.ends_with(verb));
    let fault = if writes { next(&faults, body.len()) } else { None };
    failed.fetch_add(usize::from(fault.is_some()), Relaxed);
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
        Some(Fault::CloseAfter) | None => {}
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(other)?;
    tokio::spawn(connection);
    let answer =
        sender.send_request(http::Request::from_parts(head, Full::new(body))).await.map_err(other)?;
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await.map_err(other)?.to_bytes();
    if fault == Some(Fault::CloseAfter) {
        return Err(std::io::Error::other("closed after it was done"));
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
