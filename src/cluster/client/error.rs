//! What can go wrong, by what it means for the reader.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::connect::chain;
use super::status::Failure;
pub use crate::cluster::tls::TlsError;
use crate::document::without_secrets;

/// The longest pause that an answer can ask for: no server may blind us for a day.
pub const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Why a request gave no usable answer. Text that came from outside is in it as it came: sanitise before showing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Certificates or keys can't be used.
    #[error("the TLS settings of this context can't be used")]
    Tls(#[source] TlsError),
    /// A credential or impersonation setting can't be sent.
    #[error("the credentials of this context can't be used: {problem}")]
    Credentials {
        /// What is wrong, without the credential.
        problem: String,
    },
    /// No connection, or it broke before an answer came. Try again with backoff; the data held stays.
    #[error("{server} can't be reached")]
    Unreachable {
        /// The API server's URL.
        server: String,
        /// The reason in plain words.
        #[source]
        source: ConnectFailure,
    },
    /// 401, also after the credentials were refreshed once. From the API server itself it concerns everything: pause, say
    /// so once. For one kind it may be that kind's trouble.
    #[error("{}", unauthorized(.0))]
    Unauthorized(Box<Failure>),
    /// 403. Concerns one kind and scope.
    #[error("not allowed{}{}", said(.0), kept_back(.0))]
    Forbidden(Box<Failure>),
    /// 404: not served, or not there.
    #[error("not found{}", said(.0))]
    NotFound(Box<Failure>),
    /// 410: the resourceVersion or `continue` token is too old. List again.
    #[error("the server no longer has that version{}", said(.0))]
    Gone(Box<Failure>),
    /// 504 with the cause `ResourceVersionTooLarge`: the server is behind what we have seen.
    #[error("the server has not reached that version yet{}", said(.0))]
    TooLargeVersion(Box<Failure>),
    /// 429. Where the server's own limiter refuses several kinds, all requests wait already (the shared gate).
    #[error("the API server asks to slow down{}", said(.failure))]
    Throttled {
        /// When to come back; never longer than [`LONGEST_RETRY`].
        retry_after: Duration,
        /// Only this kind's storage is being set up: nothing else needs to wait.
        initializing: bool,
        /// What it said.
        failure: Box<Failure>,
    },
    /// 406 or 415: none of the formats we read.
    #[error("the server offers none of the formats that kubesift reads{}", said(.0))]
    NotAcceptable(Box<Failure>),
    /// Any 5xx. Try again with backoff.
    #[error("the server failed ({}){}", .0.status, said(.0))]
    Server(Box<Failure>),
    /// Any other status.
    #[error("unexpected answer ({}){}", .0.status, said(.0))]
    Api(Box<Failure>),
    /// The body broke off, stood still too long, or can't be read. What came before it is no complete answer.
    #[error("the answer broke off")]
    Body(#[source] BodyFailure),
    /// No credentials: the exec plugin, token file or auth provider failed.
    #[error(transparent)]
    AuthPlugin(Arc<AuthError>),
    /// Refused by us before anything was sent: kubesift only reads.
    #[error("refused: kubesift is read-only and does not send {method} {path}")]
    ReadOnly {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// HTTP/1 only, and all its connections are in use.
    #[error("all connections to this HTTP/1 server are in use")]
    NoConnection,
}

fn unauthorized(failure: &Failure) -> String {
    match failure.kept_back {
        false => {
            format!("the API server does not accept the credentials (401 Unauthorized){}", said(failure))
        }
        true => format!(
            "the API server wants credentials (401 Unauthorized){}{}",
            said(failure),
            kept_back(failure)
        ),
    }
}

fn kept_back(failure: &Failure) -> &'static str {
    match failure.kept_back {
        false => "",
        true => "; to an http:// server none are sent: give its https:// address in the kubeconfig",
    }
}

fn said(failure: &Failure) -> String {
    if failure.message.is_empty() { String::new() } else { format!(": {}", failure.message) }
}

impl ClientError {
    /// The meaning of an error answer, also of a `Status` inside a watch.
    pub fn of(mut failure: Failure) -> Self {
        const TOO_LARGE: &str = "ResourceVersionTooLarge";
        // What a server says ends in status files, logs and on screens.
        if let Cow::Owned(message) = without_secrets(&failure.message) {
            failure.message = message;
        }
        let failure = Box::new(failure);
        match failure.status {
            401 => Self::Unauthorized(failure),
            403 => Self::Forbidden(failure),
            404 => Self::NotFound(failure),
            406 | 415 => Self::NotAcceptable(failure),
            410 => Self::Gone(failure),
            429 => Self::Throttled {
                retry_after: failure.pause().unwrap_or(Duration::from_secs(1)),
                initializing: failure.message.contains("storage is (re)initializing"),
                failure,
            },
            504 if failure.causes.iter().any(|cause| cause == TOO_LARGE) => Self::TooLargeVersion(failure),
            500..=599 => Self::Server(failure),
            _ => Self::Api(failure),
        }
    }

    /// What the server said, where it said something.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unauthorized(failure)
            | Self::Forbidden(failure)
            | Self::NotFound(failure)
            | Self::Gone(failure)
            | Self::TooLargeVersion(failure)
            | Self::NotAcceptable(failure)
            | Self::Server(failure)
            | Self::Api(failure)
            | Self::Throttled { failure, .. } => Some(failure),
            Self::Tls(_)
            | Self::Credentials { .. }
            | Self::Unreachable { .. }
            | Self::Body(_)
            | Self::AuthPlugin(_)
            | Self::ReadOnly { .. }
            | Self::NoConnection => None,
        }
    }
}

/// Why no connection was made, or why it gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// Nobody listens.
    #[error("connection refused")]
    Refused,
    /// The name does not resolve.
    #[error("the name '{0}' can't be resolved")]
    Name(String),
    /// No connection in time.
    #[error("no connection within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// Connected, but no answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// The network has no way there.
    #[error("no route to it")]
    NoRoute,
    /// The CA in the kubeconfig did not sign the server's certificate.
    #[error(
        "its certificate is signed by unknown authority (not the certificate-authority of the kubeconfig)"
    )]
    UnknownAuthority,
    /// The certificate is for other names.
    #[error("its certificate is not for '{name}'{}; tls-server-name can name it", presented(.for_names))]
    WrongName {
        /// The name we wanted.
        name: String,
        /// The names it is for, where known.
        for_names: Vec<String>,
    },
    /// The certificate is no longer valid, or not yet.
    #[error("its certificate has expired or is not valid yet (check both clocks)")]
    Expired,
    /// It does not speak TLS.
    #[error("it does not speak TLS (is the URL's scheme right?)")]
    NotTls,
    /// Any other trouble with TLS.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The proxy could not be used, or refused.
    #[error("proxy {proxy}: {problem}")]
    Proxy {
        /// The proxy's address without credentials.
        proxy: String,
        /// What happened there.
        problem: String,
    },
    /// The connection broke before an answer came.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

fn presented(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" but for {}", names.join(", ")) }
}

/// Why credentials could not be had.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The exec plugin failed.
    #[error("the credential plugin '{command}' failed: {problem}")]
    Plugin {
        /// Its command's name, without directory and arguments.
        command: String,
        /// What happened: the last lines it said on stderr come first.
        problem: String,
    },
    /// The token file can't be read.
    #[error("the token file can't be read")]
    TokenFile {
        /// Names the file.
        #[source]
        source: std::io::Error,
    },
    /// kube's auth provider failed.
    #[error("the auth-provider of the kubeconfig failed: {problem}")]
    Provider {
        /// Its reason, without secrets: kube quotes what a provider's command printed.
        problem: String,
    },
    /// The token holds characters that no HTTP header may hold.
    #[error("the token can't be sent in a header")]
    Token,
    /// The program ends.
    #[error("interrupted")]
    Interrupted,
}

impl AuthError {
    pub(super) fn plugin(command: String, problem: &str) -> Self {
        Self::Plugin { command, problem: without_secrets(problem).into_owned() }
    }

    pub(super) fn provider(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Provider { problem: without_secrets(&chain(error)).into_owned() }
    }
}

/// Why a body is not complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyFailure {
    /// The connection or stream ended in its middle.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// Nothing came for this long.
    #[error("nothing came for {} s", .0.as_secs())]
    Idle(Duration),
    /// More than the caller wants to hold.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Not gzip, or not the JSON that was expected.
    #[error("not readable: {0}")]
    Unreadable(String),
}
