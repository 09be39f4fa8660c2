//! Lists and single objects, with the meanings of `resourceVersion` that the real server has.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::Call;
use super::accept::{Form, Want, negotiate};
use super::events;
use super::reply::{Refusal, Reply};
use super::selector::Selector;
use super::table::{Replicas, replicas, table};
use crate::cluster::wire::encode::{self, Written};
use crate::cluster::wire::{Encoding, ListEnd};
use crate::demo::catalog::Origin;
use crate::demo::faults::Action;
use crate::demo::seed;
use crate::demo::shared::Shared;
use crate::demo::store::{Expired, State, Stored, path};
use crate::object::Object;

const NOT_ACCEPTABLE: &str = "only the following media types are accepted: application/json, application/yaml, \
                              application/vnd.kubernetes.protobuf";

/// Lists up to this length are encoded where they are asked for.
const FEW: usize = 1_000;

/// A page of objects in the making.
struct Page {
    items: Vec<Arc<Stored>>,
    end: ListEnd,
}

/// Which state a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consistency {
    /// The present.
    Latest,
    /// Whatever is there, in one page.
    Any,
    /// The present, which must not be older than this.
    NotOlderThan(u64),
    /// Exactly this revision.
    Exact(u64),
}

/// Answers a list.
pub(super) async fn list(shared: &Arc<Shared>, call: Call) -> Result<Reply, Refusal> {
    let form = form(&call, Want::List)?;
    let selector = Selector::new(call.namespace.as_deref(), &call.query)?;
    if call.action == Some(Action::Expired) {
        return Err(Refusal::expired());
    }
    if let (Some(uid), Form::Full) = (selector.involved(), form) {
        return Ok(events::about(shared, &call, uid));
    }
    let start = continued(&call)?;
    let consistency = match &start {
        Some((revision, _)) => Consistency::Exact(*revision),
        None => consistency(&call)?,
    };
    if let Consistency::NotOlderThan(revision) | Consistency::Exact(revision) = consistency {
        let reached = |state: &State| state.cached(call.server, &call.key) >= revision;
        if !shared.wait_until(reached).await {
            let current = shared.state().cached(call.server, &call.key);
            return Err(Refusal::too_large(revision, current));
        }
    }
    let after = start.map(|(_, path)| path);
    let page = page(&shared.state(), &call, &selector, consistency, after.as_deref());
    let page = page.map_err(|Expired| match after {
        Some(_) => continue_expired(),
        None => Refusal::expired(),
    })?;
    let pods =
        if form == Form::Table { replicas(&shared.state(), &call, &page.items) } else { Replicas::new() };
    // A few are soon encoded. A runtime of one thread gains nothing from another, and its clock may be paused.
    let here = page.items.len() <= FEW || Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
    if here {
        return Ok(encode_page(form, &call, &page, &pods));
    }
    // Encoding a large list takes a while: not on a thread that serves others.
    let encoded = tokio::task::spawn_blocking(move || encode_page(form, &call, &page, &pods)).await;
    encoded.map_err(|_| Refusal::of_status(500))
}

/// Answers with one object.
pub(super) fn get(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let form = form(call, Want::Object)?;
    let name = call.name.as_deref().unwrap_or_default();
    let path = path(call.namespace.as_deref().unwrap_or_default(), name);
    let found = {
        let state = shared.state();
        // With any version it comes out of the cache, without one from etcd.
        let frozen =
            state.frozen(call.server, &call.key).filter(|_| call.query.get("resourceVersion").is_some());
        match frozen {
            Some(frozen) => frozen.objects(&call.key).and_then(|objects| objects.get(&path)).cloned(),
            None => state.get(&call.key, &path).cloned(),
        }
    };
    let stored =
        found.ok_or_else(|| Refusal::new(404, "NotFound", format!("{} \"{name}\" not found", call.key)))?;
    let version = call.served.version_text(stored.revision);
    let item = written(call, &stored.object, &version);
    Ok(match form {
        Form::Metadata(encoding) => Reply::encoded(encoding, encode::object(encoding, item)),
        Form::Full => Reply::json(&encode::full_object(&call.served.kind.kind, &call.api_version(), item)),
        Form::Table => {
            let items = [stored];
            let pods = replicas(&shared.state(), call, &items);
            Reply::json(&table(call, &ListEnd::default(), &items, &pods))
        }
    })
}

fn form(call: &Call, want: Want) -> Result<Form, Refusal> {
    let form = negotiate(&call.accept, want, call.formats());
    form.ok_or_else(|| Refusal::new(406, "NotAcceptable", NOT_ACCEPTABLE))
}

/// An object with what this server writes besides its metadata.
pub(super) fn written<'a>(call: &Call, object: &'a Object, version: &'a str) -> Written<'a> {
    Written {
        object,
        version,
        managed_fields: seed::managed_fields(&call.served.kind.kind),
        content: seed::content(&call.served.kind.kind),
    }
}

fn consistency(call: &Call) -> Result<Consistency, Refusal> {
    let asked = call.query.get("resourceVersion");
    let matching = call.query.get("resourceVersionMatch");
    let Some(asked) = asked else {
        return match matching {
            None => Ok(Consistency::Latest),
            Some(_) => Err(Refusal::new(
                422,
                "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is \
                 forbidden unless resourceVersion is provided",
            )),
        };
    };
    let version = call.served.version_number(asked).ok_or_else(|| {
        Refusal::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: \"{asked}\": strconv.ParseUint: parsing \
             \"{asked}\": invalid syntax"
        ))
    })?;
    let paged = call.query.number("limit").is_some_and(|limit| limit > 0);
    match (matching, version) {
        (Some("Exact"), 0) => Err(Refusal::new(
            422,
            "Invalid",
            "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
        )),
        (Some("Exact"), version) => Ok(Consistency::Exact(version)),
        (Some("NotOlderThan") | None, 0) => Ok(Consistency::Any),
        (Some("NotOlderThan"), version) => Ok(Consistency::NotOlderThan(version)),
        // As the real server has it for old clients.
        (None, version) if paged => Ok(Consistency::Exact(version)),
        (None, version) => Ok(Consistency::NotOlderThan(version)),
        (Some(other), _) => {
            Err(Refusal::new(422, "Invalid", format!("resourceVersionMatch: Unsupported value: \"{other}\"")))
        }
    }
}

// A token is `revision/path of the last object` in hex: opaque, as the real ones.
fn token(revision: u64, path: &str) -> String {
    format!("{revision}/{path}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn continued(call: &Call) -> Result<Option<(u64, String)>, Refusal> {
    let Some(token) = call.query.get("continue") else { return Ok(None) };
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = text.as_deref().and_then(|text| text.split_once('/'));
    let start = parts.and_then(|(revision, path)| Some((revision.parse().ok()?, path.to_owned())));
    match start {
        Some(_) if call.query.get("resourceVersion").is_some_and(|version| version != "0") => Err(
            Refusal::bad_request("specifying resource version is not allowed when using continue".to_owned()),
        ),
        Some(start) => Ok(Some(start)),
        None => Err(Refusal::bad_request("continue key is not valid".to_owned())),
    }
}

fn continue_expired() -> Refusal {
    Refusal::new(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter.",
    )
}

fn page(
    state: &State,
    call: &Call,
    selector: &Selector,
    consistency: Consistency,
    after: Option<&str>,
) -> Result<Page, Expired> {
    let (revision, all): (u64, Vec<Arc<Stored>>) = match consistency {
        Consistency::Exact(revision) => {
            let objects = state.at(&call.key, revision)?;
            let rest =
                objects.into_iter().filter(|(path, _)| after.is_none_or(|after| path.as_str() > after));
            (revision, rest.map(|(_, stored)| stored).collect())
        }
        Consistency::Any | Consistency::NotOlderThan(_) => cached(state, call),
        Consistency::Latest => (state.revision_of(&call.key), state.objects(&call.key).cloned().collect()),
    };
    let lost = if let Some(Action::Loses(count)) = call.action { count } else { 0 };
    let seen = all.into_iter().filter(|stored| selector.matches(&stored.object));
    let mut items: Vec<_> = seen.skip(lost).collect();
    let limit = call.query.number("limit").filter(|limit| *limit > 0 && consistency != Consistency::Any);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let told = match &call.action {
        Some(Action::RevisionBackwards(by)) => revision.saturating_sub(*by).max(1),
        _ => revision,
    };
    let mut end = ListEnd { resource_version: call.served.version_text(told), ..ListEnd::default() };
    if items.len() > limit {
        let left = items.len() - limit;
        items.truncate(limit);
        end.remaining = (!selector.is_narrow()).then_some(left as u64);
        end.continue_token =
            items.last().map(|last| token(revision, &path(&last.object.namespace, &last.object.name)));
    }
    if call.action == Some(Action::Endless) {
        end.continue_token = Some(token(revision, ""));
    }
    Ok(Page { items, end })
}

// What the cache of the API server that was asked has of a kind.
fn cached(state: &State, call: &Call) -> (u64, Vec<Arc<Stored>>) {
    match state.frozen(call.server, &call.key) {
        Some(frozen) => {
            let objects = frozen.objects(&call.key).into_iter().flat_map(|objects| objects.values());
            (frozen.revision, objects.cloned().collect())
        }
        None => (state.revision_of(&call.key), state.objects(&call.key).cloned().collect()),
    }
}

fn encode_page(form: Form, call: &Call, page: &Page, pods: &Replicas) -> Reply {
    let versions: Vec<_> =
        page.items.iter().map(|stored| call.served.version_text(stored.revision)).collect();
    let items =
        page.items.iter().zip(&versions).map(|(stored, version)| written(call, &stored.object, version));
    match form {
        Form::Metadata(encoding) => Reply::encoded(encoding, encode::list(encoding, &page.end, items)),
        Form::Full => {
            let named = call.served.origin != Origin::BuiltIn;
            let body =
                encode::full_list(&call.served.kind.kind, &call.api_version(), named, &page.end, items);
            Reply::encoded(Encoding::Json, body)
        }
        Form::Table => Reply::json(&table(call, &page.end, &page.items, pods)),
    }
}
