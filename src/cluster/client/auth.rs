//! Who we are to the API server: one set of credentials, one refresh, shared by every connection.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Ready, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use jiff::{SignedDuration, Timestamp};
use kube::client::ConfigExt as _;
use kube::client::middleware::AuthLayer;
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service, ServiceExt as _};

use super::error::{AuthError, ClientError};
use super::exec::{ExecPlugin, Given};
use super::terminal::Terminal;
use crate::cluster::tls::{self, ClientCertificate};

/// How long a token file is believed, as client-go does.
const TOKEN_FILE_AGE: SignedDuration = SignedDuration::from_secs(60);
/// A credential is replaced this long before it ends (less when it lives only briefly).
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// After a failed refresh its error answers everybody for a while: 50 requests must not start 50 plugins.
const FAILURE_AGE: Duration = Duration::from_secs(5);
/// A server that goes on saying 401 does not run the plugin again and again.
const FORCED_APART: Duration = Duration::from_secs(10);
/// The same for one that takes the terminal from an app.
const FORCED_APART_ON_TERMINAL: Duration = Duration::from_secs(60);

/// Credentials at one time.
pub(super) struct Credentials {
    pub(super) header: Option<HeaderValue>,
    pub(super) certificate: Option<ClientCertificate>,
    /// Grows when the credentials become others.
    pub(super) generation: u64,
    /// Changes when new connections must be made to use them.
    pub(super) epoch: u64,
    fresh_until: Option<Timestamp>,
}

enum Source {
    /// Nothing, a header that stays, or certificate files.
    Fixed(Option<HeaderValue>),
    /// kube's `auth-provider` (OIDC, GCP), which refreshes itself.
    Provider(Box<Provider>),
    TokenFile {
        path: PathBuf,
        fallback: Option<HeaderValue>,
    },
    Exec(Arc<ExecPlugin>),
}

/// The shared credentials.
pub(super) struct Auth {
    source: Source,
    certificate_files: bool,
    current: Mutex<Option<Arc<Credentials>>>,
    /// Held while new credentials are fetched, so that only one fetch runs.
    refresh: tokio::sync::Mutex<Refresh>,
}

#[derive(Default)]
struct Refresh {
    generation: u64,
    forced: Option<Instant>,
    failed: Option<Failed>,
}

/// The last refresh failed.
struct Failed {
    when: Instant,
    error: Arc<AuthError>,
    /// It failed on the terminal of an app: how often the user had asked by then. Its error stands until asked again.
    asked: Option<u64>,
}

impl Auth {
    /// Chooses the method as client-go does: fixed credentials before a plugin. Runs nothing.
    pub(super) fn new(config: &kube::Config, terminal: Terminal) -> Result<Self, ClientError> {
        let info = &config.auth_info;
        let source = match (&info.auth_provider, &info.token_file, &info.exec) {
            (Some(_), _, _) => Source::Provider(Box::new(Provider::new(config))),
            (None, Some(path), _) => Source::TokenFile { path: path.into(), fallback: fixed_header(config)? },
            (None, None, Some(exec)) if info.token.is_none() && info.username.is_none() => {
                Source::Exec(Arc::new(ExecPlugin::new(exec.clone(), terminal)))
            }
            _ => Source::Fixed(fixed_header(config)?),
        };
        Ok(Self {
            source,
            certificate_files: tls::reads_files(config),
            current: Mutex::default(),
            refresh: tokio::sync::Mutex::default(),
        })
    }

    /// The credentials to use now, fetched first if need be.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Credentials>, Arc<AuthError>> {
        if let Some(fresh) = self.held().filter(|held| is_fresh(held)) {
            return self.with_provider(fresh).await;
        }
        let own = Arc::clone(self);
        let held = detached(async move { own.obtain().await }).await?;
        self.with_provider(held).await
    }

    async fn obtain(&self) -> Result<Arc<Credentials>, Arc<AuthError>> {
        let mut refresh = self.refresh.lock().await;
        match self.held().filter(|held| is_fresh(held)) {
            Some(fresh) => Ok(fresh),
            None => self.fetch(&mut refresh).await,
        }
    }

    /// After a 401: whether there are now other credentials than the rejected ones.
    pub(super) async fn replace(self: &Arc<Self>, rejected: u64) -> Result<bool, Arc<AuthError>> {
        let own = Arc::clone(self);
        detached(async move { own.force(rejected).await }).await
    }

    async fn force(&self, rejected: u64) -> Result<bool, Arc<AuthError>> {
        let mut refresh = self.refresh.lock().await;
        if self.held().is_some_and(|held| held.generation > rejected) {
            return Ok(true);
        }
        // A file may be read each time; a plugin or new connections cost more.
        let cheap = matches!(self.source, Source::TokenFile { .. }) && !self.certificate_files;
        let apart = match self.asked() {
            Some(_) => FORCED_APART_ON_TERMINAL,
            None => FORCED_APART,
        };
        if !cheap && refresh.forced.is_some_and(|last| last.elapsed() < apart) {
            return Ok(false);
        }
        refresh.forced = Some(Instant::now());
        Ok(self.fetch(&mut refresh).await?.generation > rejected)
    }

    /// How often the user asked to try again, where a plugin gets the terminal of an app.
    fn asked(&self) -> Option<u64> {
        match &self.source {
            Source::Exec(plugin) => plugin.lender().map(|lender| lender.asked()),
            Source::Fixed(_) | Source::Provider(_) | Source::TokenFile { .. } => None,
        }
    }

    /// The error of the last refresh, as long as it answers for the next ones.
    fn remembered(&self, refresh: &Refresh) -> Option<Arc<AuthError>> {
        let failed = refresh.failed.as_ref()?;
        let holds = match failed.asked {
            Some(then) => self.asked().is_none_or(|now| now == then),
            None => failed.when.elapsed() < FAILURE_AGE,
        };
        holds.then(|| Arc::clone(&failed.error))
    }

    fn held(&self) -> Option<Arc<Credentials>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetch(&self, refresh: &mut Refresh) -> Result<Arc<Credentials>, Arc<AuthError>> {
        if let Some(error) = self.remembered(refresh) {
            return Err(error);
        }
        let made = match self.make().await {
            Ok(made) => made,
            Err(error) => {
                let error = Arc::new(error);
                let (when, asked) = (Instant::now(), self.asked());
                refresh.failed = Some(Failed { when, error: Arc::clone(&error), asked });
                return Err(error);
            }
        };
        refresh.failed = None;
        let previous = self.held();
        let same = previous.as_ref().is_some_and(|old| same(old, &made)) && !self.certificate_files;
        refresh.generation += u64::from(!same);
        let generation = refresh.generation;
        let by_connection = self.certificate_files || made.certificate.is_some();
        let credentials =
            Arc::new(Credentials { generation, epoch: if by_connection { generation } else { 0 }, ..made });
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&credentials));
        Ok(credentials)
    }

    async fn make(&self) -> Result<Credentials, AuthError> {
        match &self.source {
            Source::Fixed(header) => Ok(Credentials::of(header.clone(), None)),
            Source::Provider(_) => Ok(Credentials::of(None, None)),
            Source::TokenFile { path, fallback } => {
                let until = Timestamp::now() + TOKEN_FILE_AGE;
                let (path, fallback, last) = (path.clone(), fallback.clone(), self.held());
                let read = tokio::task::spawn_blocking(move || fs_err::read_to_string(path)).await;
                let header = match read.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                    Ok(token) => Some(bearer(token.trim())?),
                    // The last token may still be good, as client-go holds (kubernetes/kubernetes#68164).
                    Err(source) => match last.and_then(|held| held.header.clone()).or(fallback) {
                        Some(header) => Some(header),
                        None => return Err(AuthError::TokenFile { source }),
                    },
                };
                Ok(Credentials::of(header, Some(until)))
            }
            Source::Exec(plugin) => {
                let (plugin, renewal) = (Arc::clone(plugin), self.held().is_some());
                let run = tokio::task::spawn_blocking(move || plugin.run(renewal)).await;
                Credentials::given(run.map_err(|_| AuthError::Interrupted)??)
            }
        }
    }

    /// An auth provider's header is asked for at each request: it refreshes its token itself.
    async fn with_provider(&self, held: Arc<Credentials>) -> Result<Arc<Credentials>, Arc<AuthError>> {
        let Source::Provider(provider) = &self.source else { return Ok(held) };
        let header = Some(provider.header().await?);
        let (generation, epoch) = (held.generation, held.epoch);
        Ok(Arc::new(Credentials { header, certificate: None, generation, epoch, fresh_until: None }))
    }
}

/// Runs to its end even when who waits for it gives up: nobody is asked twice for a pass code because a request
/// was cancelled while it was typed.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Arc<AuthError>>> + Send + 'static,
) -> Result<T, Arc<AuthError>> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(Arc::new(AuthError::Interrupted)))
}

impl Credentials {
    fn of(header: Option<HeaderValue>, fresh_until: Option<Timestamp>) -> Self {
        Self { header, certificate: None, generation: 0, epoch: 0, fresh_until }
    }

    fn given(given: Given) -> Result<Self, AuthError> {
        let header = given.token.map(|token| bearer(token.expose_secret().trim())).transpose()?;
        let now = Timestamp::now();
        // A tenth of the lifetime: a token of two minutes is not fetched anew at every request.
        let fresh_until = given.expires.map(|expires| {
            let life = expires.duration_since(now);
            expires.saturating_sub(MARGIN.min(life / 10)).unwrap_or(expires)
        });
        Ok(Self { certificate: given.certificate, ..Self::of(header, fresh_until) })
    }
}

fn is_fresh(credentials: &Credentials) -> bool {
    credentials.fresh_until.is_none_or(|until| Timestamp::now() < until)
}

fn same(old: &Credentials, new: &Credentials) -> bool {
    let key = |held: &Credentials| held.certificate.as_ref().map(|pair| pair.certificate.clone());
    old.header == new.header && key(old) == key(new)
}

fn bearer(token: &str) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| AuthError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header of a user name and password or an inline token, made by kube.
fn fixed_header(config: &kube::Config) -> Result<Option<HeaderValue>, ClientError> {
    let mut config = config.clone();
    config.auth_info.exec = None;
    config.auth_info.token_file = None;
    let layer = config.auth_layer().map_err(unusable)?;
    Ok(layer.and_then(|layer| ask(layer.layer(Probe)).now_or_never()).and_then(Result::ok).flatten())
}

fn unusable(error: kube::Error) -> ClientError {
    ClientError::Credentials { problem: super::connect::chain(&error) }
}

/// The headers that go with every request (impersonation), made by kube.
pub(super) fn extra_headers(config: &kube::Config) -> Result<HeaderMap, ClientError> {
    let layer = config.extra_headers_layer().map_err(unusable)?;
    let answer = layer.layer(Probe).oneshot(Request::new(Empty::new())).now_or_never();
    Ok(answer.and_then(Result::ok).map(|answer| answer.headers().clone()).unwrap_or_default())
}

async fn ask<S>(service: S) -> Result<Option<HeaderValue>, BoxError>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<()>, Error = BoxError>,
{
    let answer = service.oneshot(Request::new(Empty::new())).await?;
    Ok(answer.headers().get(AUTHORIZATION).cloned())
}

/// Sends a request's headers back: shows what kube's layers add to it.
#[derive(Clone)]
struct Probe;

impl Service<Request<Empty<Bytes>>> for Probe {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = Ready<Result<Response<()>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> Self::Future {
        let mut response = Response::new(());
        *response.headers_mut() = request.into_parts().0.headers;
        ready(Ok(response))
    }
}

type ProviderService = <AuthLayer as Layer<Probe>>::Service;

/// kube's token source, made at its first use: the GCP one runs a command at once.
struct Provider {
    config: kube::Config,
    service: tokio::sync::OnceCell<Mutex<ProviderService>>,
}

impl Provider {
    fn new(config: &kube::Config) -> Self {
        Self { config: config.clone(), service: tokio::sync::OnceCell::new() }
    }

    async fn header(&self) -> Result<HeaderValue, AuthError> {
        let service = self.service.get_or_try_init(|| self.make()).await?;
        let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let header = ask(service).await.map_err(|source| AuthError::Provider { source })?;
        header.ok_or(AuthError::Token)
    }

    async fn make(&self) -> Result<Mutex<ProviderService>, AuthError> {
        let config = self.config.clone();
        let made = tokio::task::spawn_blocking(move || config.auth_layer()).await;
        let layer = made.map_err(|_| AuthError::Interrupted)?;
        let layer = layer.map_err(|source| AuthError::Provider { source: Box::new(source) })?;
        Ok(Mutex::new(layer.ok_or(AuthError::Token)?.layer(Probe)))
    }
}
