//! One HTTP endpoint: a POST of JSON, and what its answer means.

use std::time::{Duration, SystemTime};

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use ::http::{Request, Response, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret as _, SecretString};

use super::EmbedError;
use crate::document::without_secrets;

/// No connection after this long is none.
const CONNECT: Duration = Duration::from_secs(10);
/// An answer longer than this is none: a hundred vectors of 4,096 numbers in decimal are some 8 MB.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// As much of an error's text is shown.
const MESSAGE_CHARS: usize = 300;

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Trying again may help: no connection, a broken answer, 5xx, 429.
    Passing {
        /// What happened.
        error: EmbedError,
        /// How long the server wants to be left alone.
        after: Option<Duration>,
    },
    /// It will be the same next time.
    Lasting(EmbedError),
}

/// An endpoint and how it is asked.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl Http {
    /// An endpoint at `url`, to which `path` is added. The key goes into the `Authorization` header and nowhere else.
    pub(super) fn new(
        url: &str,
        path: &str,
        key: Option<&SecretString>,
        timeout: Duration,
    ) -> Result<Self, EmbedError> {
        let uri = endpoint(url, path)?;
        let open = uri.scheme_str() == Some("http") && !uri.host().is_some_and(crate::text::is_loopback);
        if open && key.is_some() {
            return Err(setting(
                "embedder_url is not encrypted: the key in the environment is sent to https:// alone, or within this machine",
            ));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("kubesift/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim()));
            let mut value = value.map_err(|_| setting("the key has characters that no key has"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self { client: client(&uri)?, uri, headers, timeout })
    }

    /// The endpoint for people; it has no credentials in it.
    pub(super) fn url(&self) -> String {
        self.uri.to_string()
    }

    /// Sends one body and reads the answer to its end.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<Bytes, Failure> {
        let mut request = Request::post(self.uri.clone()).body(Full::new(Bytes::from(body)));
        if let Ok(request) = &mut request {
            *request.headers_mut() = self.headers.clone();
        }
        let request = request.map_err(|error| Failure::Lasting(self.unreachable(error.to_string())))?;
        let exchange = async {
            let sent = self.client.request(request).await;
            let response = sent.map_err(|error| self.passing(chain(&error)))?;
            self.read(response).await
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.passing(format!("no answer within {} s", self.timeout.as_secs_f32()))),
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, Failure> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.passing(format!("the answer broke off: {error}")))?.to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        let error = EmbedError::Refused {
            url: self.url(),
            status: head.status.as_u16(),
            message: message(&head.headers, &body),
        };
        let again = head.status.is_server_error()
            || matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if again {
            Err(Failure::Passing { error, after: retry_after(&head.headers, SystemTime::now()) })
        } else {
            Err(Failure::Lasting(error))
        }
    }

    fn unreachable(&self, reason: String) -> EmbedError {
        EmbedError::Unreachable { url: self.url(), reason }
    }

    fn passing(&self, reason: String) -> Failure {
        Failure::Passing { error: self.unreachable(reason), after: None }
    }
}

fn setting(why: &str) -> EmbedError {
    EmbedError::Setting(why.to_owned())
}

fn endpoint(url: &str, path: &str) -> Result<Uri, EmbedError> {
    let wrong = || setting("embedder_url is no URL such as http://localhost:11434/v1");
    let given: Uri = url.trim().parse().map_err(|_| wrong())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (given.scheme_str(), given.authority()) else {
        return Err(wrong());
    };
    if authority.as_str().contains('@') || given.query().is_some() {
        return Err(setting("embedder_url holds a login or a query; keys come from the environment"));
    }
    // The whole address is what documentations show, and is taken as well.
    let prefix = given.path().trim_end_matches('/');
    let prefix = prefix.strip_suffix(path).unwrap_or(prefix);
    format!("{scheme}://{authority}{prefix}{path}").parse().map_err(|_| wrong())
}

fn client(uri: &Uri) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, EmbedError> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new();
    let connector = if uri.scheme_str() == Some("https") {
        let provider = rustls::crypto::ring::default_provider();
        let roots = connector.with_provider_and_native_roots(provider);
        roots.map_err(|error| EmbedError::Setting(format!("no trusted certificate authorities: {error}")))?
    } else {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| EmbedError::Setting(error.to_string()))?;
        let none = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        connector.with_tls_config(none)
    };
    let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}

/// What a server says about its error: the message of its JSON, or its text where that is short and no page.
fn message(headers: &HeaderMap, body: &[u8]) -> String {
    let told = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|json| {
        let pointers = ["/error/message", "/error", "/detail", "/message"];
        pointers.iter().find_map(|at| json.pointer(at)?.as_str().map(str::to_owned))
    });
    let html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let text = told.unwrap_or_else(|| match std::str::from_utf8(body) {
        _ if html => "a web page; is the URL right?".to_owned(),
        Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "no reason given".to_owned(),
    });
    // A gateway may repeat the key that it was sent.
    let short: String = without_secrets(&text).chars().take(MESSAGE_CHARS).collect();
    crate::text::sanitise(&short).into_owned()
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(value).ok()?;
    let date = SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(date.timestamp().as_second().try_into().ok()?));
    Some(date?.duration_since(now).unwrap_or_default())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_once() {
        let at = |url: &str| endpoint(url, "/embeddings").unwrap().to_string();
        assert_eq!(at("http://localhost:11434/v1"), "http://localhost:11434/v1/embeddings");
        assert_eq!(at("http://localhost:11434/v1/"), "http://localhost:11434/v1/embeddings");
        assert_eq!(at(" https://models.example/v1/embeddings"), "https://models.example/v1/embeddings");
        for wrong in ["", "localhost:11434", "ftp://x/v1", "http://me:secret@x/v1", "http://x/v1?key=secret"]
        {
            assert!(matches!(endpoint(wrong, "/embeddings"), Err(EmbedError::Setting(_))), "{wrong}");
        }
    }

    #[test]
    fn a_key_goes_to_https_or_stays_within_this_machine() {
        let key = SecretString::from("abc");
        let made = |url: &str, key: Option<&SecretString>| {
            Http::new(url, "/embeddings", key, Duration::from_secs(1)).map(|_| ())
        };
        for url in ["https://models.example/v1", "http://localhost:11434/v1", "http://127.0.0.1:1/v1"] {
            assert!(made(url, Some(&key)).is_ok(), "{url}");
        }
        assert!(made("http://models.example/v1", None).is_ok());
        assert!(matches!(made("http://models.example/v1", Some(&key)), Err(EmbedError::Setting(_))));
    }

    #[test]
    fn what_a_server_repeats_of_a_key_is_not_passed_on() {
        let body = br#"{"error":{"message":"Received API Key = sk-proj-Ab3dEf6hIj9kLmN0pQrS"}}"#;
        assert!(!message(&HeaderMap::new(), body).contains("Ab3dEf6hIj9kLmN0pQrS"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |value: &str| {
            let headers = [(RETRY_AFTER, HeaderValue::from_str(value).unwrap())].into_iter().collect();
            retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Tue, 14 Nov 2023 22:13:50 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("Tue, 14 Nov 2000 22:13:50 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }
}
