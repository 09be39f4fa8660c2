//! Health and metrics of a run that nobody watches: `/healthz`, `/readyz` and `/metrics` over plain HTTP/1.
//!
//! What they answer comes from the status that the engine publishes; nothing here asks the cluster or the index.

mod answer;
mod metrics;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Sleep;

use super::clock::now_ms;
use crate::engine::status::Status;
use answer::Answer;
pub use answer::ready;

/// Probes and a scraper or two need no more; others wait.
const CONNECTIONS: usize = 16;
/// Who opens a connection and sends nothing makes room again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the endpoints speak of.
#[derive(Default)]
enum Source {
    /// The run has only begun.
    #[default]
    Starting,
    /// Another process writes the index.
    Following(u32),
    /// An engine of this process runs.
    Engine(watch::Receiver<Status>),
}

/// The endpoints; they close when this is dropped.
pub(super) struct Monitor {
    addr: SocketAddr,
    source: Arc<Mutex<Source>>,
    task: AbortHandle,
}

impl Monitor {
    /// Listens.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub(super) async fn start(addr: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let source = Arc::<Mutex<Source>>::default();
        let task = tokio::spawn(accept(listener, Arc::clone(&source))).abort_handle();
        Ok(Self { addr, source, task })
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Another process writes the index, and this one waits for its turn.
    pub(super) fn following(&self, pid: u32) {
        self.set(Source::Following(pid));
    }

    /// From now on this engine is meant.
    pub(super) fn watch(&self, status: watch::Receiver<Status>) {
        self.set(Source::Engine(status));
    }

    fn set(&self, source: Source) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, source: Arc<Mutex<Source>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let socket = loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => break socket,
                    // Out of file descriptors: others have to end first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        };
        let source = Arc::clone(&source);
        connections.spawn(async move {
            serve(socket, source).await;
            drop(place);
        });
    }
}

async fn serve(socket: TcpStream, source: Arc<Mutex<Source>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method().as_str(), request.uri().path(), &source);
        std::future::ready(Ok::<_, Infallible>(response(answer)))
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // A client that goes away or talks nonsense is no trouble of ours.
    _ = http.serve_connection(TokioIo::new(Patient::new(socket)), service).await;
}

/// A connection whose client has to read: one that never does would hold its place for ever.
struct Patient {
    socket: TcpStream,
    /// Since something waits to be written.
    waits: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(socket: TcpStream) -> Self {
        Self { socket, waits: None }
    }

    /// Passes on what writing came to, and gives up when it has waited for too long.
    fn in_time<T>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let done = write(Pin::new(&mut self.socket), cx);
        if done.is_ready() {
            self.waits = None;
            return done;
        }
        let waits = self.waits.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        match waits.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.in_time(cx, |socket, cx| socket.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(cx, |socket, cx| socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(cx, |socket, cx| socket.poll_shutdown(cx))
    }
}

fn answer(method: &str, path: &str, source: &Mutex<Source>) -> Answer {
    let source = source.lock().unwrap_or_else(PoisonError::into_inner);
    match &*source {
        Source::Starting => Answer::to(method, path, &answer::State::Starting, now_ms()),
        Source::Following(pid) => Answer::to(method, path, &answer::State::Following(*pid), now_ms()),
        Source::Engine(status) => {
            Answer::to(method, path, &answer::State::Running(&status.borrow()), now_ms())
        }
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    if answer.code == http::StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn get(addr: SocketAddr, path: &str) -> String {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_endpoints_speak_of_what_runs_now() {
        let monitor = Monitor::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        assert!(get(monitor.addr(), "/readyz").await.starts_with("HTTP/1.1 503"));
        monitor.following(7);
        assert!(get(monitor.addr(), "/readyz").await.contains("following pid 7"));
        let (sender, receiver) = watch::channel(Status::default());
        monitor.watch(receiver);
        let phase = crate::engine::status::Phase::Live;
        sender.send_replace(Status { phase, heartbeat_ms: now_ms(), objects: 3, ..Status::default() });
        assert!(get(monitor.addr(), "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(get(monitor.addr(), "/metrics").await.contains("\nkubesift_documents 3\n"));
        drop(sender);
        assert!(get(monitor.addr(), "/healthz").await.starts_with("HTTP/1.1 200"));
    }

    /// Asks on a connection that stays open, and reads the answer.
    async fn ask(socket: &mut TcpStream) {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok\n") {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "closed");
        }
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_until_another_ends() {
        let monitor = Monitor::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut socket = TcpStream::connect(monitor.addr()).await.unwrap();
            ask(&mut socket).await;
            open.push(socket);
        }
        let mut waiting = TcpStream::connect(monitor.addr()).await.unwrap();
        waiting.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        // All others are answered meanwhile, on this one thread.
        for socket in &mut open {
            ask(socket).await;
        }
        let unanswered = waiting.try_read(&mut [0]).unwrap_err();
        assert_eq!(unanswered.kind(), std::io::ErrorKind::WouldBlock);
        open.pop();
        assert_ne!(waiting.read(&mut [0]).await.unwrap(), 0);
    }

    // Time stands still but for what is waited for: the patience of the server is all that can go on here.
    #[tokio::test(start_paused = true)]
    async fn connections_that_say_nothing_make_room() {
        let monitor = Monitor::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(monitor.addr()).await.unwrap());
        }
        let started = tokio::time::Instant::now();
        assert!(get(monitor.addr(), "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(started.elapsed() >= PATIENCE);
        drop(silent);
    }
}
