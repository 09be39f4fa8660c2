//! A server that gives every request the same answer: a login page, an old version, a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server; it ends when it is dropped.
pub(crate) struct Answers {
    url: String,
    writes: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Answers {
    /// Starts it.
    pub(crate) async fn start(status: u16, kind: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let writes = Arc::new(AtomicUsize::new(0));
        let (kind, body, counted) = (kind.to_owned(), body.to_owned(), Arc::clone(&writes));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kind, body, counted) = (kind.clone(), body.clone(), Arc::clone(&counted));
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    if request.method() != http::Method::GET {
                        counted.fetch_add(1, Relaxed);
                    }
                    let response =
                        http::Response::builder().status(status).header("content-type", kind.clone());
                    let response = response.header("location", "https://login.example/");
                    let response = response.body(Full::new(bytes::Bytes::from(body.clone())));
                    async move { response }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(async move {
                    // A client that goes away is not this server's affair.
                    connection.serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
        });
        Self { url, writes, task }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Requests that were not GET.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Relaxed)
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.task.abort();
    }
}
