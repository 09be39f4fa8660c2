//! Requests and answers: one HTTP client for one server, and what its statuses mean.

use std::error::Error as _;
use std::time::Duration;

use ::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use ::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::document::without_secrets;
use crate::mirror::StoreError;
use crate::text;

/// No connection after this long is none.
const CONNECT: Duration = Duration::from_secs(10);
/// A dead peer is noticed by the kernel.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// An answer longer than this is not read: a page of records is a hundredth of it.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// As much of an error's text is kept.
const MESSAGE_CHARS: usize = 300;
/// Where Chroma Cloud answers.
const CLOUD: &str = "trychroma.com";

/// What a server asks for: a token (sent as `x-chroma-token` and as bearer), or a whole `Authorization` header
/// (`Basic ...`, `Bearer ...`) for a proxy in front of it.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// Takes the token as it stands in the environment.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into().into())
    }

    fn headers(&self) -> Result<HeaderMap, StoreError> {
        let token = self.0.expose_secret().trim();
        let secret = |text: &str| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| StoreError::Setting("the token can't be sent in a header".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        };
        let mut headers = HeaderMap::new();
        if token.starts_with("Basic ") || token.starts_with("Bearer ") {
            headers.insert(AUTHORIZATION, secret(token)?);
        } else {
            headers.insert(AUTHORIZATION, secret(&format!("Bearer {token}"))?);
            headers.insert(HeaderName::from_static("x-chroma-token"), secret(token)?);
        }
        Ok(headers)
    }
}

/// The methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
}

/// One server.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Scheme, host and path prefix, without a slash at its end.
    base: String,
    host: String,
    headers: HeaderMap,
}

impl Http {
    pub(super) fn new(url: &str, token: Option<Token>) -> Result<Self, StoreError> {
        let wrong =
            |why: &str| StoreError::Setting(format!("the store's URL '{}' {why}", without_login(url)));
        let uri: Uri = url.trim().parse().map_err(|_| wrong("is not a URL such as http://localhost:8000"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("needs http:// or https:// and a host"));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(wrong("needs http:// or https://"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("holds a login; put it into KUBESIFT_CHROMA_TOKEN ('Basic ...')"));
        }
        if uri.query().is_some() {
            return Err(wrong("has a query; only a path can be before /api"));
        }
        if scheme == "http" && token.is_some() && !text::is_loopback(authority.host()) {
            return Err(wrong(
                "is not encrypted: KUBESIFT_CHROMA_TOKEN is sent to https:// alone, or within this machine",
            ));
        }
        let prefix = uri.path().trim_end_matches('/');
        let prefix = prefix.strip_suffix("/api/v2").or(prefix.strip_suffix("/api/v1")).unwrap_or(prefix);
        let mut headers = token.map(|token| token.headers()).transpose()?.unwrap_or_default();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("kubesift/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self {
            client: client(scheme == "https")?,
            base: format!("{scheme}://{authority}{prefix}"),
            host: authority.host().to_owned(),
            headers,
        })
    }

    /// The URL for people.
    pub(super) fn server(&self) -> &str {
        &self.base
    }

    pub(super) fn is_cloud(&self) -> bool {
        self.host.strip_suffix(CLOUD).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    pub(super) fn no_store(&self, why: &str) -> StoreError {
        StoreError::NotAStore { server: self.base.clone(), why: why.to_owned() }
    }

    /// Sends one request and reads its JSON answer.
    pub(super) async fn send<B: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
        patience: Duration,
    ) -> Result<R, StoreError> {
        let request = self.request(method, path, body)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| self.unreachable(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            // An error's text is worth less than its status.
            match body {
                Ok(body) => Ok((head, body.to_bytes())),
                Err(_) if !head.status.is_success() => Ok((head, Bytes::new())),
                Err(error) => Err(self.unreadable(format!("the answer broke off: {error}"))),
            }
        };
        let (head, body) =
            tokio::time::timeout(patience, exchange).await.map_err(|_| StoreError::Unreachable {
                server: self.base.clone(),
                why: format!("no answer within {} s", patience.as_secs_f32()),
            })??;
        if !head.status.is_success() {
            return Err(self.error(head.status, &head.headers, &body));
        }
        serde_json::from_slice(&body).map_err(|error| match is_html(&head.headers, &body) {
            true => self.no_store("a web page answers instead (is there a proxy with a login before it?)"),
            false => self.unreadable(error.to_string()),
        })
    }

    fn request<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Request<Full<Bytes>>, StoreError> {
        let bad = |why: String| StoreError::Setting(format!("a request for {path} can't be made: {why}"));
        let bytes = body.map(serde_json::to_vec).transpose().map_err(|error| bad(error.to_string()))?;
        let method = match method {
            Method::Get => ::http::Method::GET,
            Method::Post => ::http::Method::POST,
            Method::Put => ::http::Method::PUT,
        };
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let mut request = request
            .body(Full::new(bytes.unwrap_or_default().into()))
            .map_err(|error| bad(error.to_string()))?;
        request.headers_mut().extend(self.headers.clone());
        if body.is_some() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> StoreError {
        StoreError::Unreachable { server: self.base.clone(), why: reason(error, error.is_connect()) }
    }

    fn unreadable(&self, why: String) -> StoreError {
        StoreError::Unreadable { server: self.base.clone(), why: without_secrets(&why).into_owned() }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> StoreError {
        let message = message(status, headers, body);
        let retry_after = || {
            let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        };
        let status_number = status.as_u16();
        match status_number {
            401 | 403 => StoreError::Denied { server: self.base.clone(), status: status_number, message },
            404 if !is_chroma_error(body) => self
                .no_store("it does not know Chroma's API v2 (wrong URL or path, or a Chroma older than 0.6)"),
            404 => StoreError::NotFound { message },
            410 | 501 => self.no_store(&format!("it does not offer the API v2: {message}")),
            413 => StoreError::TooLarge,
            429 => StoreError::Busy { status: status_number, retry_after: retry_after() },
            503 if retry_after().is_some() => {
                StoreError::Busy { status: status_number, retry_after: retry_after() }
            }
            500..=599 => StoreError::Failed { status: status_number, message },
            300..=399 => self.no_store(&format!(
                "it redirects ({status_number}){}",
                headers
                    .get(::http::header::LOCATION)
                    .and_then(|to| to.to_str().ok())
                    .map(|to| format!(" to {}", without_secrets(to)))
                    .unwrap_or_default()
            )),
            _ => StoreError::Rejected { status: status_number, message },
        }
    }
}

fn client(secure: bool) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, StoreError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(3));
    let provider = rustls::crypto::ring::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let builder = if secure {
        // Honours SSL_CERT_FILE and SSL_CERT_DIR.
        builder.with_provider_and_native_roots(provider).map_err(|error| {
            StoreError::Setting(format!("the machine's certificate authorities can't be read: {error}"))
        })?
    } else {
        builder.with_tls_config(plain_config(provider)?)
    };
    let connector = builder.https_or_http().enable_http1().enable_http2().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}

/// For servers without TLS: trusts nobody, as nobody is asked.
fn plain_config(provider: rustls::crypto::CryptoProvider) -> Result<rustls::ClientConfig, StoreError> {
    let builder = rustls::ClientConfig::builder_with_provider(provider.into());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Setting(format!("TLS can't be used: {error}")))?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// What the server said, in one line.
fn message(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct ErrorBody {
        message: Option<String>,
        error: Option<String>,
        detail: Option<serde_json::Value>,
    }
    let said = serde_json::from_slice::<ErrorBody>(body).ok().and_then(|body| {
        body.message.filter(|text| !text.is_empty()).or(body.error).or(body.detail.map(|it| it.to_string()))
    });
    let plain = || {
        let text = std::str::from_utf8(body).ok()?.lines().next()?.trim().to_owned();
        (!is_html(headers, body) && !text.is_empty()).then_some(text)
    };
    let said = said.or_else(plain).or_else(|| status.canonical_reason().map(str::to_owned));
    // A gateway may repeat the token that it was sent.
    text::truncate(&without_secrets(&said.unwrap_or_default()), MESSAGE_CHARS).into_owned()
}

fn is_chroma_error(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body.get("error").is_some())
}

fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    declared.is_some_and(|kind| kind.starts_with("text/html"))
        || body.trim_ascii_start().first() == Some(&b'<')
}

fn without_login(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://...{}", &url[..scheme], &url[at..]),
        (_, Some(at)) => format!("...{}", &url[at..]),
        (_, None) => url.to_owned(),
    }
}

/// Why no answer came, in plain words.
fn reason(error: &hyper_util::client::legacy::Error, connecting: bool) -> String {
    let mut chain = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return "connection refused".to_owned();
        }
        let words = cause.to_string();
        if !chain.iter().any(|known: &String| known.contains(&words)) {
            chain.push(words);
        }
        next = cause.source();
    }
    let words = chain.join(": ");
    let what = if connecting { "no connection" } else { "the connection was lost" };
    if words.is_empty() { what.to_owned() } else { format!("{what}: {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, token: Option<&str>) -> Option<String> {
        let token = token.map(|token| Token::new(token.to_owned()));
        Http::new(url, token).err().map(|error| error.to_string())
    }

    #[test]
    fn a_token_goes_to_https_or_stays_within_this_machine() {
        for url in [
            "https://chroma.example",
            "http://localhost:8000",
            "http://127.0.0.1:8000",
            "http://[::1]:8000/x",
        ] {
            assert_eq!(refusal(url, Some("abc")), None, "{url}");
        }
        assert_eq!(refusal("http://chroma.example:8000", None), None);
        let why = refusal("http://chroma.example:8000", Some("abc")).unwrap();
        assert!(why.contains("not encrypted") && !why.contains("abc"), "{why}");
    }

    #[test]
    fn a_login_in_an_address_is_never_repeated() {
        for url in ["http://me:hunter2@host", "me:hunter2@host", "https://me:hunter2@host:1/x?y"] {
            let why = refusal(url, None).unwrap();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn what_a_server_repeats_of_a_token_is_not_passed_on() {
        let body = br#"{"error":"x","message":"Authentication Error, Received API Key = sk-proj-Ab3dEf6hIj9kLmN0pQrS"}"#;
        let said = message(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body);
        assert!(said.contains("Authentication Error") && !said.contains("Ab3dEf6hIj9kLmN0pQrS"), "{said}");
    }
}
