//! What a path names: a kind that is served, that may be read, and whose storage answers.

use std::sync::Arc;

use super::Call;
use super::reply::Refusal;
use super::route::{Place, Query};
use super::unconverted::Unconverted;
use crate::demo::User;
use crate::demo::catalog::Served;
use crate::demo::faults::{Action, Verb};
use crate::demo::shared::Shared;
use crate::demo::store::State;
use crate::object::KindKey;

/// Finds the kind that a path names and checks whether it can be read.
pub(super) fn resolve(
    shared: &Shared,
    user: &User,
    verb: Verb,
    place: Place,
    query: Query,
    accept: &str,
    action: Option<Action>,
) -> Result<Call, Refusal> {
    let key = KindKey::new(&place.group, &place.plural);
    let mut state = shared.state();
    if state.catalog.is_broken(&place.group) {
        return Err(Refusal::of_status(503));
    }
    let served = state.catalog.get(&key).filter(|served| {
        served.versions.contains(&place.version)
            && !served.hidden
            && (place.subresource.is_none() || place.is_log())
    });
    let served = served.ok_or_else(Refusal::no_such_resource)?.clone();
    let scoped = served.kind.namespaced || place.namespace.is_none();
    if !scoped || (served.kind.namespaced && place.name.is_some() && place.namespace.is_none()) {
        return Err(Refusal::no_such_resource());
    }
    let rights = state.rights.get(&user.name).map(Arc::clone).unwrap_or_default();
    if !rights.allow(verb, &key, place.namespace.as_deref()) {
        return Err(forbidden(user, &place, &query, name_of(verb)));
    }
    supported(&served, &key, verb)?;
    initialized(&mut state, &key)?;
    let minor = shared.options.profile.minor();
    if let Some(broken) = Unconverted::new(&served, &state, &key) {
        return Err(broken.refusal(verb, &query, minor));
    }
    let server = state.turn();
    drop(state);
    Ok(Call {
        served,
        key,
        version: place.version,
        namespace: place.namespace,
        name: place.name,
        query,
        accept: accept.to_owned(),
        action,
        server,
        formats: shared.options.formats,
        minor,
        now: shared.now(),
    })
}

fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Watch => "watch",
        Verb::Get => "get",
        Verb::List | Verb::Discovery | Verb::Review | Verb::Other => "list",
    }
}

fn supported(served: &Served, key: &KindKey, verb: Verb) -> Result<(), Refusal> {
    if !served.has("list") {
        return Err(Refusal::no_such_resource());
    }
    // What can be listed can be got.
    if verb != Verb::Watch || served.has("watch") {
        return Ok(());
    }
    let message = format!("watch is not supported on resources of kind \"{key}\"");
    Err(Refusal::new(405, "MethodNotAllowed", message))
}

fn initialized(state: &mut State, key: &KindKey) -> Result<(), Refusal> {
    match state.catalog.get_mut(key) {
        Some(served) if served.initializing > 0 => {
            served.initializing -= 1;
            Err(Refusal::initializing(1))
        }
        _ => Ok(()),
    }
}

fn forbidden(user: &User, place: &Place, query: &Query, verb: &str) -> Refusal {
    let scope = match &place.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    // Who lists or watches one object by its name asks for that one.
    let name = place.name.as_deref().or_else(|| query.get("fieldSelector")?.strip_prefix("metadata.name="));
    let object = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let part = place.subresource.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
    let message = format!(
        "{}{object} is forbidden: User \"{}\" cannot {verb} resource \"{}{part}\" in API group \"{}\" {scope}",
        KindKey::new(&place.group, &place.plural),
        user.name,
        place.plural,
        place.group,
    );
    Refusal::new(403, "Forbidden", message)
}
