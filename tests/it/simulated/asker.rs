//! Bare HTTP requests to a simulated server: no client of ours between it and what is asserted.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use kubesift::demo::{Server, ServerOptions, Tls, User};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::wait::DEADLINE;

const JSON: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Asks one server as one user.
#[derive(Clone)]
pub(super) struct Asker {
    addr: SocketAddr,
    token: String,
    accept: &'static str,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) text: String,
}

/// A server without TLS, and who asks it.
pub(super) async fn server(options: ServerOptions) -> (Server, Asker) {
    let server = Server::start(ServerOptions { tls: Tls::Off, ..options }).await.expect("it starts");
    let asker = Asker::new(&server, &server.users()[0]);
    (server, asker)
}

impl Asker {
    /// Asks as this user.
    pub(super) fn new(server: &Server, user: &User) -> Self {
        Self { addr: server.addr(), token: user.token.clone(), accept: JSON }
    }

    /// Asks for this form of answers.
    pub(super) fn accepting(&self, accept: &'static str) -> Self {
        Self { accept, ..self.clone() }
    }

    /// Sends a request and reads the head of the answer.
    async fn send(&self, method: &str, path: &str, body: String) -> hyper::Result<http::Response<Incoming>> {
        let socket = TcpStream::connect(self.addr).await.expect("it listens");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.expect("HTTP/1");
        tokio::spawn(connection);
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("accept", self.accept)
            .header("authorization", format!("Bearer {}", self.token))
            .body(Full::new(Bytes::from(body)));
        let response = sender.send_request(request.expect("a request")).await;
        // Without its sender the connection would end.
        response.map(|mut response| {
            response.extensions_mut().insert(std::sync::Arc::new(sender));
            response
        })
    }

    /// The whole answer to a GET.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, String::new()).await
    }

    /// The whole answer to any request.
    pub(super) async fn ask(&self, method: &str, path: &str, body: String) -> Answer {
        let response = self.send(method, path, body).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(DEADLINE, body.collect()).await.expect("an end").expect("a body");
        let retry_after = parts.headers.get("retry-after");
        Answer {
            status: parts.status.as_u16(),
            retry_after: retry_after.map(|value| value.to_str().expect("text").to_owned()),
            text: String::from_utf8(body.to_bytes().into()).expect("UTF-8"),
        }
    }

    /// Opens a watch.
    pub(super) async fn watch(&self, path: &str) -> Watch {
        let response = self.send("GET", path, String::new()).await.expect("an answer");
        let status = response.status().as_u16();
        Watch { status, response, rest: Vec::new() }
    }
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The names in a list.
    pub(super) fn names(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.text);
        let list = self.json();
        let items = list["items"].as_array().expect("items").iter();
        items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The list's version.
    pub(super) fn version(&self) -> u64 {
        let list = self.json();
        list["metadata"]["resourceVersion"].as_str().expect("a version").parse().expect("a number")
    }

    /// Code, reason and message of a `Status`.
    pub(super) fn refusal(&self) -> (u16, String, String) {
        let status = self.json();
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        (self.status, text("reason"), text("message"))
    }
}

/// An open watch.
pub(super) struct Watch {
    pub(super) status: u16,
    response: http::Response<Incoming>,
    rest: Vec<u8>,
}

impl Watch {
    /// The next event: its type, and its object's name or its status' code; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).expect("an event");
                let object = &event["object"];
                let told = match object["metadata"]["name"].as_str() {
                    Some(name) => name.to_owned(),
                    None => object["code"].to_string(),
                };
                return Some((event["type"].as_str().expect("a type").to_owned(), told));
            }
            let frame = tokio::time::timeout(DEADLINE, self.response.frame()).await.expect("something");
            let frame = frame?.expect("a whole stream").into_data().unwrap_or_default();
            self.rest.extend_from_slice(&frame);
        }
    }
}
