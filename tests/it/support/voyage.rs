//! An endpoint that answers as Voyage does. A text's vector counts its words, so that similar texts have similar vectors.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_64;

/// The key that it takes.
pub(crate) const KEY: &str = "pa-test";

/// The endpoint; it ends when it is dropped.
pub(crate) struct Voyage {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Voyage {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let asked = Arc::clone(&shared);
                let service = service_fn(move |request| answer(request, Arc::clone(&asked)));
                tokio::spawn(async move {
                    // A client that goes away is not this server's affair.
                    let builder = hyper::server::conn::http1::Builder::new();
                    builder.serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
        });
        Self { url, asked, task }
    }

    /// Its URL, to `/v1`.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The bodies of all requests so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

impl Drop for Voyage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: http::Request<Incoming>,
    asked: Arc<Mutex<Vec<Value>>>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let authorised = request.headers().get("authorization").is_some_and(|it| *it == format!("Bearer {KEY}"));
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let (status, answer) = match serde_json::from_slice::<Value>(&body) {
        _ if !authorised => (401, json!({ "detail": "Provided API key is invalid." })),
        Ok(body) if path == "/v1/embeddings" => {
            let texts = body["input"].as_array().expect("a list of texts").iter();
            let item = |(index, text): (usize, &Value)| json!({ "object": "embedding", "index": index, "embedding": vector(text.as_str().expect("a text")) });
            let data: Vec<Value> = texts.enumerate().map(item).collect();
            asked.lock().expect("not poisoned").push(body.clone());
            (200, json!({ "object": "list", "data": data, "model": body["model"] }))
        }
        Ok(_) | Err(_) => (400, json!({ "detail": "no such request" })),
    };
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(Full::new(Bytes::from(answer.to_string()))).expect("response"))
}

/// 1,024 numbers, of length 1 together.
fn vector(text: &str) -> Vec<f32> {
    let mut counts = vec![0.01_f32; 1_024];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        counts[(xxh3_64(word.as_bytes()) % 1_024) as usize] += 1.0;
    }
    let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt();
    counts.iter().map(|count| count / length).collect()
}
