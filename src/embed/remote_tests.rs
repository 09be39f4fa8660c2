//! Remote embedders against an endpoint that misbehaves in every way on the list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::remote::{Patience, RemoteOptions};
use super::*;
use crate::document::Form;

/// What the endpoint does with one request; when none is left it answers well.
#[derive(Debug, Clone)]
enum Act {
    /// Answers with these items as `data`.
    Data(Value),
    /// Answers well, the last text first.
    Backwards,
    /// Answers with this status, these further headers, and this body.
    Status(u16, &'static str, &'static str),
    /// Sends half of an answer and closes.
    HalfAnswer,
    /// Closes without a word.
    HangUp,
    /// Never answers.
    Silence,
}

/// A fake endpoint; vectors are `[length of the text, 1, 0]`.
struct Endpoint {
    url: String,
    acts: Arc<Mutex<VecDeque<Act>>>,
    /// Head and body of every request.
    requests: Arc<Mutex<Vec<(String, Value)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Endpoint {
    async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (acts.clone(), requests.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (script, log) = (script.clone(), log.clone());
                tokio::spawn(async move { while serve(&mut stream, &script, &log).await.is_some() {} });
            }
        });
        Self { url, acts, requests, task }
    }

    fn options(&self) -> RemoteOptions {
        let patience = Patience {
            answer: Duration::from_millis(300),
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(2),
        };
        RemoteOptions {
            url: self.url.clone(),
            model: "test".to_owned(),
            dimensions: 3,
            key: Some("sesame".to_owned().into()),
            patience,
        }
    }

    fn voyage(&self) -> Embedder {
        voyage::embedder(self.options()).unwrap()
    }

    fn openai(&self) -> Embedder {
        openai::embedder(self.options()).unwrap()
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn remaining(&self) -> usize {
        self.acts.lock().unwrap().len()
    }
}

async fn serve(
    stream: &mut TcpStream,
    script: &Mutex<VecDeque<Act>>,
    log: &Mutex<Vec<(String, Value)>>,
) -> Option<()> {
    let (head, body) = read_request(stream).await?;
    let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
    log.lock().unwrap().push((head, body));
    let item = |(index, text): (usize, &String)| json!({"index": index, "embedding": [text.len(), 1, 0]});
    let mut data: Vec<Value> = texts.iter().enumerate().map(item).collect();
    let act = script.lock().unwrap().pop_front();
    let json =
        |data: Value| reply(200, "Content-Type: application/json\r\n", &json!({"data": data}).to_string());
    let answer = match act {
        None => json(data.into()),
        Some(Act::Backwards) => {
            data.reverse();
            json(data.into())
        }
        Some(Act::Data(data)) => json(data),
        Some(Act::Status(status, headers, body)) => reply(status, headers, body),
        Some(Act::HalfAnswer) => {
            let whole = json(data.into());
            stream.write_all(&whole.as_bytes()[..whole.len() / 2]).await.ok()?;
            return None;
        }
        Some(Act::HangUp) => return None,
        Some(Act::Silence) => {
            // Until the client gives up and closes.
            stream.read_to_end(&mut Vec::new()).await.ok();
            return None;
        }
    };
    stream.write_all(answer.as_bytes()).await.ok()
}

fn reply(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = bytes.split_off(head);
    while body.len() < length.parse::<usize>().unwrap() {
        stream.read_buf(&mut body).await.ok()?;
    }
    Some((text, serde_json::from_slice(&body).unwrap()))
}

/// Asks for three texts through the whole way, cache included.
async fn ask(embedder: Embedder) -> (Result<Vec<Vector>, EmbedError>, Vectors, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let vectors = Vectors::open(dir.path(), embedder, Storing::Write).unwrap();
    let forms = ["a", "bb", "ccc"].map(Form::new);
    (vectors.obtain(&forms).await, vectors, dir)
}

/// The second numbers over the first: lengths of the texts, in the order they came.
fn lengths(vectors: &[Vector]) -> Vec<u32> {
    vectors.iter().map(|vector| (vector[0] / vector[1]).round() as u32).collect()
}

/// The error, after a look that nothing was kept.
async fn refused(embedder: Embedder) -> String {
    let (outcome, vectors, _dir) = ask(embedder).await;
    assert_eq!(vectors.progress().borrow().cached, 0);
    assert_eq!(vectors.hashes(), []);
    let error = outcome.unwrap_err();
    assert_eq!(vectors.progress().borrow().failing.as_ref().unwrap().message, error.to_string());
    error.to_string()
}

#[tokio::test]
async fn a_request_is_what_the_provider_documents() {
    let endpoint = Endpoint::start([]).await;
    for embedder in [endpoint.voyage(), endpoint.openai()] {
        let (outcome, _, _dir) = ask(embedder).await;
        assert_eq!(lengths(&outcome.unwrap()), [1, 2, 3]);
    }
    let requests = endpoint.requests.lock().unwrap();
    for (head, body) in &*requests {
        assert!(head.starts_with("post /v1/embeddings http/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: bearer sesame\r\n"), "{head}");
        let mut texts: Vec<&str> =
            body["input"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
        texts.sort();
        assert_eq!(texts, ["a", "bb", "ccc"]);
        assert_eq!(body["model"], "test");
        // Only what was asked for: upstream sends nothing else either, and local servers refuse what they don't know.
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_length_that_is_not_the_usual_one_is_asked_for() {
    let endpoint = Endpoint::start([]).await;
    let three = |model: &str| RemoteOptions { model: model.to_owned(), ..endpoint.options() };
    ask(openai::embedder(three("text-embedding-3-small")).unwrap()).await.0.unwrap();
    ask(voyage::embedder(three("voyage-4")).unwrap()).await.0.unwrap();
    let requests = endpoint.requests.lock().unwrap();
    assert_eq!((&requests[0].1["dimensions"], &requests[1].1["output_dimension"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn the_places_that_an_answer_names_count_and_not_its_order() {
    let endpoint = Endpoint::start([Act::Backwards]).await;
    assert_eq!(lengths(&ask(endpoint.voyage()).await.0.unwrap()), [1, 2, 3]);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let acts = [
        Act::Status(429, "Retry-After: 0\r\n", "{}"),
        Act::Status(500, "", "oops"),
        Act::HangUp,
        Act::HalfAnswer,
    ];
    for remote in [Endpoint::voyage, Endpoint::openai] {
        let endpoint = Endpoint::start(acts.clone()).await;
        assert_eq!(lengths(&ask(remote(&endpoint)).await.0.unwrap()), [1, 2, 3]);
        assert_eq!((endpoint.remaining(), endpoint.count()), (0, 5));
    }
    let endpoint = Endpoint::start([Act::Silence]).await;
    assert_eq!(lengths(&ask(endpoint.voyage()).await.0.unwrap()), [1, 2, 3]);
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_and_told() {
    let endpoint = Endpoint::start(vec![Act::Status(503, "", r#"{"error": "loading"}"#); 5]).await;
    let told = refused(endpoint.openai()).await;
    assert_eq!(told, format!("{}/embeddings answers 503: loading", endpoint.url));
    assert_eq!(endpoint.count(), 5);

    // A server that wants to be left alone for longer than anybody waits is not asked again now.
    let endpoint =
        Endpoint::start([Act::Status(429, "Retry-After: 3600\r\n", r#"{"detail": "slow down"}"#)]).await;
    assert!(refused(endpoint.voyage()).await.ends_with("answers 429: slow down"));
    assert_eq!(endpoint.count(), 1);

    let endpoint = Endpoint::start(vec![Act::Silence; 5]).await;
    assert!(refused(endpoint.voyage()).await.ends_with("can't be reached: no answer within 0.3 s"));
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused_whole() {
    let one = |index: usize, vector: Value| json!({"index": index, "embedding": vector});
    let good = |index| one(index, json!([1, 1, 0]));
    for (data, told) in [
        (json!([good(0), good(1)]), "2 vectors for 3 texts"),
        (json!([good(0), good(1), good(2), good(3)]), "4 vectors for 3 texts"),
        (json!([good(0), good(1), good(1)]), "two vectors for one text"),
        (json!([good(0), good(1), good(3)]), "a vector for a text that was not asked for"),
        (json!([good(0), good(1), {"embedding": [1, 1, 0]}]), "a vector for a text that was not asked for"),
        (json!([good(0), good(1), one(2, json!([1, 1]))]), "a vector of 2 numbers instead of 3"),
        (json!([good(0), good(1), one(2, json!([0, 0, 0]))]), "a vector without a direction"),
        (json!([good(0), good(1), one(2, json!("AAAA"))]), "invalid type: string"),
    ] {
        let endpoint = Endpoint::start([Act::Data(data)]).await;
        let error = refused(endpoint.openai()).await;
        assert!(error.contains(told), "{error} has not {told}");
        assert_eq!(endpoint.count(), 1);
    }
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (act, told) in [
        (
            Act::Status(401, "", r#"{"error": {"message": "bad key"}}"#),
            "refuses the key in VOYAGE_API_KEY (401): bad key",
        ),
        (Act::Status(400, "", r#"{"detail": "no such model"}"#), "answers 400: no such model"),
        (
            Act::Status(404, "Content-Type: text/html\r\n", "<html>nginx</html>"),
            "answers 404: a web page; is the URL right?",
        ),
        (
            Act::Status(200, "Content-Type: text/html\r\n", "<!doctype html>"),
            "answered with a web page; is the URL right?",
        ),
        (Act::Status(200, "", "{\"object\": 1}"), "missing field `data`"),
    ] {
        let endpoint = Endpoint::start([act]).await;
        let error = refused(endpoint.voyage()).await;
        assert!(error.contains(told), "{error} has not {told}");
        assert!(!error.contains("sesame"), "{error}");
        assert_eq!(endpoint.count(), 1);
    }
}

#[tokio::test]
async fn large_requests_are_cut_into_batches() {
    let endpoint = Endpoint::start([]).await;
    let dir = tempfile::tempdir().unwrap();
    let vectors = Vectors::open(dir.path(), endpoint.voyage(), Storing::Write).unwrap();
    let forms: Vec<Form> = (0..300).map(|n| Form::new(&format!("{n:0>width$}", width = 4 + n))).collect();
    assert_eq!(lengths(&vectors.obtain(&forms).await.unwrap()), (4..304).collect::<Vec<_>>());
    let sizes: Vec<usize> = endpoint
        .requests
        .lock()
        .unwrap()
        .iter()
        .map(|(_, body)| body["input"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [128, 128, 44]);
}

#[test]
fn settings_that_can_not_work_are_told_at_once() {
    let options = |model: &str, dimensions| RemoteOptions {
        url: String::new(),
        model: model.to_owned(),
        dimensions,
        key: Some("k".to_owned().into()),
        patience: Patience::default(),
    };
    let told = |made: Result<Embedder, EmbedError>| made.unwrap_err().to_string();
    assert_eq!(
        told(openai::embedder(options("my-model", 0))),
        "how long are the vectors of my-model? Say it with embedder_dimensions"
    );
    assert_eq!(
        told(voyage::embedder(RemoteOptions { key: None, ..options("", 0) })),
        "no key: VOYAGE_API_KEY is not set"
    );
    assert_eq!(openai::embedder(options("nomic-embed-text:latest", 0)).unwrap().model().dimensions, 768);
    assert_eq!(voyage::embedder(options("", 0)).unwrap().model().dimensions, 1024);
}
