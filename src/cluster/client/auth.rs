//! Who we are to the API server: one set of credentials, one refresh, shared by every connection.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Ready, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use jiff::{SignedDuration, Timestamp};
use kube::client::ConfigExt as _;
use kube::client::middleware::AuthLayer;
use kube::config::AuthInfo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tower::{BoxError, Layer, Service, ServiceExt as _};

use super::error::{AuthError, ClientError};
use super::exec::{ExecPlugin, Given};
use super::terminal::Terminal;
use crate::cluster::tls::{self, ClientCertificate};
use crate::document::REDACTED;

/// How long a token file is believed, as client-go does.
const TOKEN_FILE_AGE: SignedDuration = SignedDuration::from_secs(60);
/// A credential is replaced this long before it ends (less when it lives only briefly).
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// After a failed refresh its error answers everybody for a while: 50 requests must not start 50 plugins.
const FAILURE_AGE: Duration = Duration::from_secs(5);
/// A server that goes on saying 401 does not run the plugin again and again: so far apart at least, and twice as far
/// each time that the same credentials please everybody else (one API refuses them, and new ones will not help).
const FORCED_APART: Pauses = Pauses { first: Duration::from_secs(10), longest: Duration::from_secs(300) };
/// Refusals so far apart have nothing to do with each other.
const FORCED_FORGOTTEN: Duration = Duration::from_secs(1800);
/// The same for one that takes the terminal from an app.
const FORCED_APART_ON_TERMINAL: Duration = Duration::from_secs(60);
/// A credential that has ended when it is given (a wrong clock, a plugin that does not care) is used all the same, for
/// so long: the server decides. Else the plugin would run for every request.
const ENDED_AGE: Pauses = Pauses { first: Duration::from_secs(10), longest: Duration::from_secs(300) };
/// Shorter ones are too much like words to be struck out of a text.
const SHORTEST_SECRET: usize = 6;
/// One that lives no longer than this counts as ended.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_secs(1);

/// Credentials at one time.
pub(super) struct Credentials {
    pub(super) header: Option<HeaderValue>,
    pub(super) certificate: Option<ClientCertificate>,
    /// Grows when the credentials become others.
    pub(super) generation: u64,
    /// Changes when new connections must be made to use them.
    pub(super) epoch: u64,
    fresh_until: Fresh,
}

/// How long credentials are used without asking for others.
#[derive(Clone, Copy)]
enum Fresh {
    /// Until they are refused.
    Always,
    /// Until a time by our clock.
    Until(Timestamp),
    /// They had ended when they came: for so long from now on.
    For(Instant, Duration),
}

/// Pauses that double.
#[derive(Clone, Copy)]
struct Pauses {
    first: Duration,
    longest: Duration,
}

impl Pauses {
    /// The pause after this one.
    fn after(self, last: Option<Duration>) -> Duration {
        last.map_or(self.first, |last| (last * 2).min(self.longest))
    }
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
    /// The present credentials pleased somebody since they were last renewed after a 401.
    accepted: AtomicBool,
}

#[derive(Default)]
struct Refresh {
    generation: u64,
    forced: Option<Forced>,
    /// How long the last credentials were used that had ended when they came.
    ended: Option<Duration>,
    failed: Option<Failed>,
}

/// The last renewal after a 401.
#[derive(Clone, Copy)]
struct Forced {
    when: Instant,
    /// How long no other one follows.
    apart: Duration,
}

impl Forced {
    /// Whether it is time for another one; how far apart it is then from the one after it.
    fn next(last: Option<Self>, now: Instant, accepted: bool) -> Option<Self> {
        let Some(last) = last else { return Some(Self { when: now, apart: FORCED_APART.first }) };
        let since = now.saturating_duration_since(last.when);
        if since < last.apart {
            return None;
        }
        let grows = accepted && since < FORCED_FORGOTTEN;
        Some(Self { when: now, apart: FORCED_APART.after(grows.then_some(last.apart)) })
    }
}

/// The last refresh failed.
struct Failed {
    when: Instant,
    error: Arc<AuthError>,
    /// It failed on the terminal of an app: how often the user had asked by then. Its error stands until asked again.
    asked: Option<u64>,
}

impl Auth {
    /// Chooses the method as client-go does: what is fixed goes before a plugin, a client certificate included. Runs
    /// nothing. Where the way is not `private` (TLS, or memory) nothing is sent, so nothing is asked for either.
    pub(super) fn new(config: &kube::Config, private: bool, terminal: Terminal) -> Result<Self, ClientError> {
        let info = &config.auth_info;
        let token = info.token.is_some() || info.token_file.is_some();
        let certificate = (info.client_certificate.is_some() || info.client_certificate_data.is_some())
            && (info.client_key.is_some() || info.client_key_data.is_some());
        let fixed = token || info.username.is_some();
        let source = match (&info.auth_provider, &info.token_file, &info.exec) {
            _ if !private => Source::Fixed(None),
            (Some(_), _, _) if !fixed => Source::Provider(Box::new(Provider::new(config))),
            (_, Some(path), _) => Source::TokenFile { path: path.into(), fallback: fixed_header(info)? },
            (_, None, Some(exec)) if !fixed && !certificate => {
                Source::Exec(Arc::new(ExecPlugin::new(exec.clone(), terminal)))
            }
            _ => Source::Fixed(fixed_header(info)?),
        };
        Ok(Self {
            source,
            certificate_files: tls::reads_files(config),
            current: Mutex::default(),
            refresh: tokio::sync::Mutex::default(),
            accepted: AtomicBool::new(false),
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

    /// What is held has ended.
    #[cfg(test)]
    pub(super) fn end(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = |held: &Arc<Credentials>| Credentials {
            header: held.header.clone(),
            certificate: held.certificate.clone(),
            fresh_until: Fresh::Until(Timestamp::UNIX_EPOCH),
            ..**held
        };
        *current = current.as_ref().map(|held| Arc::new(ended(held)));
    }

    /// These credentials were not refused.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Relaxed);
    }

    async fn force(&self, rejected: u64) -> Result<bool, Arc<AuthError>> {
        let mut refresh = self.refresh.lock().await;
        if self.held().is_some_and(|held| held.generation > rejected) {
            return Ok(true);
        }
        // A file may be read each time; a plugin or new connections cost more.
        let cheap = matches!(self.source, Source::TokenFile { .. }) && !self.certificate_files;
        let on_terminal = self.asked().is_some();
        if !cheap {
            let early = |last: Forced| on_terminal && last.when.elapsed() < FORCED_APART_ON_TERMINAL;
            let accepted = self.accepted.load(Relaxed);
            let next = Forced::next(refresh.forced, Instant::now(), accepted);
            let Some(next) = next.filter(|_| !refresh.forced.is_some_and(early)) else { return Ok(false) };
            refresh.forced = Some(next);
            self.accepted.store(false, Relaxed);
        }
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
        let ended = ENDED_AGE.after(refresh.ended);
        let made = match self.make(ended).await {
            Ok(made) => made,
            Err(error) => {
                let error = Arc::new(error);
                let (when, asked) = (Instant::now(), self.asked());
                refresh.failed = Some(Failed { when, error: Arc::clone(&error), asked });
                return Err(error);
            }
        };
        refresh.failed = None;
        refresh.ended = matches!(made.fresh_until, Fresh::For(..)).then_some(ended);
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

    /// Makes new ones. `ended`: how long they are used where they have ended already.
    async fn make(&self, ended: Duration) -> Result<Credentials, AuthError> {
        match &self.source {
            Source::Fixed(header) => Ok(Credentials::of(header.clone(), Fresh::Always)),
            Source::Provider(_) => Ok(Credentials::of(None, Fresh::Always)),
            Source::TokenFile { path, fallback } => {
                let until = Fresh::Until(Timestamp::now() + TOKEN_FILE_AGE);
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
                Ok(Credentials::of(header, until))
            }
            Source::Exec(plugin) => {
                let (plugin, renewal) = (Arc::clone(plugin), self.held().is_some());
                let run = tokio::task::spawn_blocking(move || plugin.run(renewal)).await;
                Credentials::given(run.map_err(|_| AuthError::Interrupted)??, ended)
            }
        }
    }

    /// An auth provider's header is asked for at each request: it refreshes its token itself.
    async fn with_provider(&self, held: Arc<Credentials>) -> Result<Arc<Credentials>, Arc<AuthError>> {
        let Source::Provider(provider) = &self.source else { return Ok(held) };
        let header = Some(provider.header().await?);
        let (generation, epoch) = (held.generation, held.epoch);
        Ok(Arc::new(Credentials { header, certificate: None, generation, epoch, fresh_until: Fresh::Always }))
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
    /// A text without the credentials that it may repeat.
    pub(super) fn struck_from(&self, text: &str) -> String {
        let header = self.header.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
        let (_, secret) = header.split_once(' ').unwrap_or_default();
        let login = STANDARD.decode(secret).ok().and_then(|login| String::from_utf8(login).ok());
        let password = login.as_deref().and_then(|login| login.split_once(':')).map(|(_, password)| password);
        let struck = |text: String, secret: &str| match secret.len() < SHORTEST_SECRET {
            true => text,
            false => text.replace(secret, REDACTED),
        };
        struck(struck(text.to_owned(), secret), password.unwrap_or_default())
    }

    fn of(header: Option<HeaderValue>, fresh_until: Fresh) -> Self {
        Self { header, certificate: None, generation: 0, epoch: 0, fresh_until }
    }

    fn given(given: Given, ended: Duration) -> Result<Self, AuthError> {
        let header = given.token.map(|token| bearer(token.expose_secret().trim())).transpose()?;
        let now = Timestamp::now();
        let fresh_until = match given.expires.map(|expires| (expires, expires.duration_since(now))) {
            None => Fresh::Always,
            Some((_, life)) if life <= SHORTEST_LIFE => Fresh::For(Instant::now(), ended),
            // A tenth of the lifetime: a token of two minutes is not fetched anew at every request.
            Some((expires, life)) => {
                Fresh::Until(expires.saturating_sub(MARGIN.min(life / 10)).unwrap_or(expires))
            }
        };
        Ok(Self { certificate: given.certificate, ..Self::of(header, fresh_until) })
    }
}

fn is_fresh(credentials: &Credentials) -> bool {
    match credentials.fresh_until {
        Fresh::Always => true,
        Fresh::Until(end) => Timestamp::now() < end,
        Fresh::For(since, age) => since.elapsed() < age,
    }
}

fn same(old: &Credentials, new: &Credentials) -> bool {
    let key = |held: &Credentials| held.certificate.as_ref().map(|pair| pair.certificate.clone());
    old.header == new.header && key(old) == key(new)
}

fn bearer(token: &str) -> Result<HeaderValue, AuthError> {
    sensitive(format!("Bearer {token}"))
}

fn sensitive(text: String) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| AuthError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header of an inline token, or of a user name and password.
fn fixed_header(info: &AuthInfo) -> Result<Option<HeaderValue>, ClientError> {
    let unusable = |error: AuthError| ClientError::Credentials { problem: error.to_string() };
    let exposed = |secret: &Option<SecretString>| secret.as_ref().map(|it| it.expose_secret().to_owned());
    match (&info.username, exposed(&info.token)) {
        (Some(name), _) => {
            let login = format!("{name}:{}", exposed(&info.password).unwrap_or_default());
            sensitive(format!("Basic {}", STANDARD.encode(login))).map(Some).map_err(unusable)
        }
        (None, Some(token)) => bearer(&token).map(Some).map_err(unusable),
        (None, None) => Ok(None),
    }
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
        let header = ask(service).await.map_err(|error| AuthError::provider(&*error))?;
        header.ok_or(AuthError::Token)
    }

    async fn make(&self) -> Result<Mutex<ProviderService>, AuthError> {
        let config = self.config.clone();
        let made = tokio::task::spawn_blocking(move || config.auth_layer()).await;
        let layer = made.map_err(|_| AuthError::Interrupted)?;
        let layer = layer.map_err(|error| AuthError::provider(&error))?;
        Ok(Mutex::new(layer.ok_or(AuthError::Token)?.layer(Probe)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses =
            std::iter::successors(Some(ENDED_AGE.after(None)), |last| Some(ENDED_AGE.after(Some(*last))));
        let seconds: Vec<u64> = pauses.take(7).map(|pause| pause.as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn renewals_that_one_api_asks_for_in_vain_grow_rare_and_those_that_everybody_asks_for_do_not() {
        let start = Instant::now();
        // Somebody is refused every second for an hour.
        let runs = |accepted: bool| {
            let (mut last, mut runs) = (None, 0);
            for second in 0..3600 {
                if let Some(next) = Forced::next(last, start + Duration::from_secs(second), accepted) {
                    (last, runs) = (Some(next), runs + 1);
                }
            }
            runs
        };
        assert_eq!((runs(true), runs(false)), (16, 360));
        let last = Forced { when: start, apart: FORCED_APART.longest };
        let next = Forced::next(Some(last), start + FORCED_FORGOTTEN, true).unwrap();
        assert_eq!(next.apart, FORCED_APART.first, "long ago");
    }
}
