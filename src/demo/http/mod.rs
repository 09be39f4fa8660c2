//! One request to one answer.

mod accept;
mod body;
mod discovery;
mod events;
mod list;
mod logs;
mod reply;
mod resolve;
mod review;
mod route;
mod selector;
mod table;
mod unconverted;
mod watch;

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;

pub(super) use body::Body;
use reply::{Payload, Refusal, Reply};
use resolve::resolve;
use route::{Query, Route};

use super::catalog::Served;
use super::faults::{Action, Asked, Verb};
use super::log;
use super::shared::Shared;
use super::{Formats, User};
use crate::cluster::wire::Encoding;
use crate::object::KindKey;
use crate::text;

/// A read of objects, resolved.
pub(super) struct Call {
    served: Served,
    key: KindKey,
    /// The version in the path.
    version: String,
    namespace: Option<String>,
    name: Option<String>,
    query: Query,
    accept: String,
    action: Option<Action>,
    /// Which of the API servers behind the address was asked.
    server: usize,
    /// The server's formats.
    formats: Formats,
    /// The minor version that is played.
    minor: u32,
    /// Seconds since 1970.
    now: i64,
}

impl Call {
    fn api_version(&self) -> String {
        let group = &self.served.kind.group;
        if group.is_empty() { self.version.clone() } else { format!("{group}/{}", self.version) }
    }

    // The narrowest of what server, kind and fault allow.
    fn formats(&self) -> Formats {
        match (self.formats, self.served.formats, &self.action) {
            (Formats::PlainJson, _, _) | (_, Formats::PlainJson, _) => Formats::PlainJson,
            (Formats::Json, _, _) | (_, Formats::Json, _) | (_, _, Some(Action::JsonOnly)) => Formats::Json,
            (Formats::All, Formats::All, _) => Formats::All,
        }
    }
}

/// Largest body of a request: reviews are small.
const MAX_BODY: usize = 64 << 10;

/// A request as its first line tells it.
struct Heading {
    method: Method,
    /// Path and query, as sent.
    path: String,
    route: Route,
    query: Query,
    verb: Verb,
}

impl Heading {
    fn of(request: &Request<Incoming>) -> Self {
        let uri = request.uri();
        let route = Route::parse(uri.path());
        let query = Query::parse(uri.query().unwrap_or_default());
        let verb = verb(request.method(), &route, &query);
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Self { method: request.method().clone(), path, route, query, verb }
    }

    fn kind(&self) -> Option<KindKey> {
        match &self.route {
            Route::Objects(place) => Some(KindKey::new(&place.group, &place.plural)),
            _ => None,
        }
    }

    fn group(&self) -> Option<&str> {
        match &self.route {
            Route::Objects(place) => Some(&place.group),
            Route::Group(group) | Route::Resources { group, .. } => Some(group),
            Route::Version | Route::Health | Route::Core | Route::Groups | Route::Unknown => None,
        }
    }

    fn namespace(&self) -> Option<&str> {
        match &self.route {
            Route::Objects(place) => place.namespace.as_deref(),
            _ => None,
        }
    }
}

/// Answers a request, and notes it.
pub(super) async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let heading = Heading::of(&request);
    let headers = request.headers().clone();
    let mut noted = log::Request::new(heading.method.as_str(), &heading.path, heading.verb, heading.kind());
    let user = shared.user(header(&headers, AUTHORIZATION)).cloned();
    noted.namespace = heading.namespace().map(str::to_owned);
    noted.accept = header(&headers, ACCEPT).to_owned();
    noted.user_agent = header(&headers, USER_AGENT).to_owned();
    noted.user = user.as_ref().map(|user| user.name.clone()).unwrap_or_default();
    let counter = shared.log().begin(&mut noted);

    let mut action = None;
    let result = match &user {
        Some(user) => answer(&shared, user, heading, request, &mut action).await,
        None => Err(Refusal::of_status(401)),
    };
    let reply = result.unwrap_or_else(|refusal| {
        refusal.reply(accept::refusal(header(&headers, ACCEPT), shared.options.formats))
    });
    noted.status = reply.status.as_u16();
    if noted.status >= 400 {
        counter.refuse();
    }
    shared.log().add(noted);
    match action {
        Some(Action::NoAnswer) => std::future::pending::<()>().await,
        Some(Action::Late(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    Ok(response(&shared, reply, action.as_ref(), &headers, counter))
}

async fn answer(
    shared: &Arc<Shared>,
    user: &User,
    heading: Heading,
    request: Request<Incoming>,
    action: &mut Option<Action>,
) -> Result<Reply, Refusal> {
    let key = heading.kind();
    let asked = Asked {
        verb: heading.verb,
        group: heading.group(),
        kind: key.as_ref(),
        namespace: heading.namespace(),
        user: &user.name,
        path: &heading.path,
    };
    *action = shared.faults().hit(&asked);
    if let Some(reply) = action.as_ref().and_then(|action| refuse(action, shared.now())) {
        return reply;
    }
    let Heading { method, route, query, verb, .. } = heading;
    if method == Method::POST {
        return post(shared, user, &route, request).await;
    }
    if method != Method::GET {
        let message = "the server does not allow this method on the requested resource";
        return Err(Refusal::new(405, "MethodNotAllowed", message));
    }
    let headers = request.headers();
    let accept = header(headers, ACCEPT);
    match route {
        Route::Version => Ok(version(shared)),
        Route::Health => Ok(Reply::text(StatusCode::OK, "ok")),
        Route::Core | Route::Groups => {
            let etag = header(headers, IF_NONE_MATCH);
            let state = shared.state();
            discovery::roots(&state.catalog, &shared.options, route == Route::Core, accept, etag)
        }
        Route::Group(group) => discovery::group(&shared.state().catalog, &group),
        Route::Resources { group, version } => {
            discovery::resources(&shared.state().catalog, &group, &version)
        }
        Route::Objects(place) => {
            let log = place.is_log();
            let call = resolve(shared, user, verb, place, query, accept, action.clone())?;
            match verb {
                Verb::Watch => watch::watch(shared, call),
                Verb::Get if log => logs::logs(shared, &call),
                Verb::Get => list::get(shared, &call),
                _ => list::list(shared, call).await,
            }
        }
        Route::Unknown => Ok(Reply::text(StatusCode::NOT_FOUND, "404 page not found\n")),
    }
}

fn verb(method: &Method, route: &Route, query: &Query) -> Verb {
    match route {
        _ if method == Method::POST => Verb::Review,
        Route::Core | Route::Groups | Route::Group(_) | Route::Resources { .. } => Verb::Discovery,
        Route::Objects(place) if place.name.is_some() => Verb::Get,
        Route::Objects(_) if query.flag("watch") => Verb::Watch,
        Route::Objects(_) => Verb::List,
        Route::Version | Route::Health | Route::Unknown => Verb::Other,
    }
}

// Faults that answer in the place of the server.
fn refuse(action: &Action, now: i64) -> Option<Result<Reply, Refusal>> {
    match action {
        Action::TooManyRequests { retry_after } => Some(Ok(limited(retry_after.to_string()))),
        Action::Busy { status: 429, retry_after } => Some(Ok(limited(retry_after.text(now)))),
        Action::Busy { status, retry_after } => {
            let reply = Refusal::of_status(*status).reply(Encoding::Json);
            Some(Ok(reply.with_header("retry-after", retry_after.text(now))))
        }
        Action::Initializing => Some(Err(Refusal::initializing(1))),
        Action::Status(code) => Some(Err(Refusal::of_status(*code))),
        Action::Says { status, message } => {
            let mut refusal = Refusal::of_status(*status);
            refusal.0.message.clone_from(message);
            Some(Err(refusal))
        }
        Action::Html(code) => {
            let page =
                b"<html><head><title>Upstream is away</title></head><body><h1>Sorry</h1></body></html>";
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::BAD_GATEWAY);
            Some(Ok(Reply::whole("text/html", page.to_vec()).with_status(status)))
        }
        Action::NoAnswer => Some(Ok(Reply::text(StatusCode::OK, ""))),
        Action::Break { .. }
        | Action::Truncate { .. }
        | Action::Garbage { .. }
        | Action::Slow { .. }
        | Action::Silent { .. }
        | Action::Late(_)
        | Action::Loses(_)
        | Action::Endless
        | Action::Duplicate
        | Action::Reorder
        | Action::RevisionBackwards(_)
        | Action::Expired
        | Action::JsonOnly => None,
    }
}

// What the server's request limiter answers.
fn limited(retry_after: String) -> Reply {
    let text = "Too many requests, please try again later.\n";
    Reply::text(StatusCode::TOO_MANY_REQUESTS, text).with_header("retry-after", retry_after)
}

async fn post(
    shared: &Shared,
    user: &User,
    route: &Route,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let Route::Objects(place) = route else { return Err(Refusal::no_such_resource()) };
    let key = KindKey::new(&place.group, &place.plural);
    let known =
        shared.state().catalog.get(&key).is_some_and(|served| served.versions.contains(&place.version));
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|_| Refusal::bad_request("the body can't be read".to_owned()))?.to_bytes();
    match key.as_str() {
        "selfsubjectreviews.authentication.k8s.io" if known => Ok(review::who(user)),
        "selfsubjectrulesreviews.authorization.k8s.io" if known => {
            let state = shared.state();
            let rights = state.rights.get(&user.name).map(Arc::clone).unwrap_or_default();
            Ok(review::rules(&state.catalog, &rights, &body))
        }
        _ if known => {
            Err(Refusal::new(405, "MethodNotAllowed", "the demo server is read-only: it takes no objects"))
        }
        _ => Err(Refusal::no_such_resource()),
    }
}

fn version(shared: &Shared) -> Reply {
    let minor = shared.options.profile.minor();
    Reply::json(&json!({
        "major": "1", "minor": minor.to_string(), "gitVersion": format!("v1.{minor}.2"), "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26.8", "compiler": "gc", "platform": "linux/amd64",
    }))
}

fn response(
    shared: &Shared,
    mut reply: Reply,
    action: Option<&Action>,
    asked: &HeaderMap,
    counter: log::Counter,
) -> Response<Body> {
    let wants_gzip = header(asked, ACCEPT_ENCODING).split(',').any(|name| name.trim().starts_with("gzip"));
    if let Payload::Whole(bytes) = &reply.body
        && wants_gzip
        && !bytes.is_empty()
        && bytes.len() >= shared.options.gzip_from
        && let Ok(packed) = body::gzip(bytes)
    {
        reply.body = Payload::Whole(packed);
        reply = reply.with_header("content-encoding", "gzip".to_owned());
    }
    let mut response = Response::new(body::body(reply.body, action, counter));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert("cache-control", HeaderValue::from_static("no-cache, private"));
    if let Ok(date) = HeaderValue::from_str(&text::http_date(shared.now())) {
        headers.insert("date", date);
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn header(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
