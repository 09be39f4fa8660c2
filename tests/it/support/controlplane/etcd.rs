//! The few calls to etcd's JSON gateway that tests need.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The store's current revision.
pub(super) async fn revision(port: u16) -> u64 {
    let answer = post(port, "/v3/kv/range", &json!({ "key": "AA==" })).await.expect("etcd answers");
    answer["header"]["revision"].as_str().and_then(|text| text.parse().ok()).expect("a revision")
}

/// Forgets every revision below this one.
pub(super) async fn compact(port: u16, revision: u64) {
    let body = json!({ "revision": revision.to_string(), "physical": true });
    post(port, "/v3/kv/compaction", &body).await.expect("etcd compacts");
}

/// Whether etcd answers.
pub(super) async fn is_ready(port: u16) -> bool {
    post(port, "/v3/kv/range", &json!({ "key": "AA==" })).await.is_ok()
}

async fn post(port: u16, path: &str, body: &Value) -> Result<Value, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let request = http::Request::post(path)
        .header("host", "127.0.0.1")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    connection.abort();
    let text = String::from_utf8_lossy(&bytes);
    if !status.is_success() {
        return Err(format!("{status}: {text}"));
    }
    serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
}
