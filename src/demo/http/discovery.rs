//! Discovery: aggregated (`v2`, `v2beta1`) and classic.

use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::accept::{Clause, clauses};
use super::reply::{Refusal, Reply};
use crate::demo::catalog::{Catalog, Group, Listing, Origin, Served};
use crate::demo::{Profile, ServerOptions};

const NOT_ACCEPTABLE: &str = "only the following media types are accepted: application/json, application/yaml, \
                              application/vnd.kubernetes.protobuf";

/// `/api` and `/apis`.
pub(super) fn roots(
    catalog: &Catalog,
    options: &ServerOptions,
    core: bool,
    accept: &str,
    known_etag: &str,
) -> Result<Reply, Refusal> {
    for clause in clauses(accept) {
        if !matches!(clause.media, "application/json" | "application/*" | "*/*") {
            continue;
        }
        match aggregated_version(&clause, options) {
            Ok(Some(version)) => return Ok(aggregated(catalog, core, version, known_etag)),
            Ok(None) if core => return Ok(Reply::json(&versions(catalog))),
            Ok(None) => return Ok(Reply::json(&group_list(catalog))),
            Err(()) => {}
        }
    }
    Err(Refusal::new(406, "NotAcceptable", NOT_ACCEPTABLE))
}

// The aggregated form that a clause asks for, `None` for the classic one; an error when it is not served.
fn aggregated_version(clause: &Clause<'_>, options: &ServerOptions) -> Result<Option<&'static str>, ()> {
    if clause.get("as").is_none() {
        return Ok(None);
    }
    let known =
        clause.get("as") == Some("APIGroupDiscoveryList") && clause.get("g") == Some("apidiscovery.k8s.io");
    match clause.get("v") {
        Some("v2") if known && !options.classic_discovery && options.profile >= Profile::V1_30 => {
            Ok(Some("v2"))
        }
        Some("v2beta1") if known && !options.classic_discovery && options.profile <= Profile::V1_33 => {
            Ok(Some("v2beta1"))
        }
        _ => Err(()),
    }
}

fn aggregated(catalog: &Catalog, core: bool, version: &'static str, known_etag: &str) -> Reply {
    let groups = catalog.groups();
    let items: Vec<_> = groups
        .iter()
        .filter(|group| group.name.is_empty() == core)
        .map(|group| aggregated_group(group, catalog.listing(group.name) == Listing::Stale))
        .collect();
    let body = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    });
    let etag = format!("\"{:X}\"", Sha256::digest(body.to_string()));
    let content_type = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    let (status, body) = if known_etag == etag {
        (StatusCode::NOT_MODIFIED, Vec::new())
    } else {
        (StatusCode::OK, body.to_string().into_bytes())
    };
    let reply = Reply::whole(content_type, body).with_status(status);
    reply.with_header("etag", etag).with_header("vary", "Accept".to_owned())
}

// A group whose API server does not answer is there, without its kinds, and stale.
fn aggregated_group(group: &Group<'_>, stale: bool) -> Value {
    let versions = group.versions.iter().map(|(version, kinds)| {
        if stale {
            return json!({ "version": version, "freshness": "Stale" });
        }
        let resources: Vec<_> = kinds.iter().map(|served| aggregated_kind(served, version)).collect();
        json!({ "version": version, "resources": resources, "freshness": "Current" })
    });
    let metadata = if group.name.is_empty() { json!({}) } else { json!({ "name": group.name }) };
    json!({ "metadata": metadata, "versions": versions.collect::<Vec<_>>() })
}

fn aggregated_kind(served: &Served, version: &str) -> Value {
    let kind = &served.kind;
    // Built-in kinds leave group and version empty here: they stand above.
    let response = |name: &str| match served.origin {
        Origin::BuiltIn => json!({ "group": "", "version": "", "kind": name }),
        Origin::Custom | Origin::Aggregated => {
            json!({ "group": kind.group, "version": version, "kind": name })
        }
    };
    let mut value = json!({
        "resource": kind.plural, "responseKind": response(&kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": served.verbs,
    });
    if !kind.short_names.is_empty() {
        value["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        value["categories"] = json!(kind.categories);
    }
    if !served.subresources.is_empty() {
        let subresources = served.subresources.iter().map(|name| {
            json!({ "subresource": name, "responseKind": response(&kind.kind), "verbs": ["get", "patch", "update"] })
        });
        value["subresources"] = subresources.collect();
    }
    value
}

// `/api`
fn versions(catalog: &Catalog) -> Value {
    let groups = catalog.groups();
    let core = groups.iter().find(|group| group.name.is_empty());
    let versions: Vec<_> =
        core.into_iter().flat_map(|group| &group.versions).map(|(version, _)| version).collect();
    json!({ "kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": [] })
}

// `/apis`
fn group_list(catalog: &Catalog) -> Value {
    let groups = catalog.groups();
    let groups: Vec<_> = groups.iter().filter(|group| !group.name.is_empty()).map(group_value).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn group_value(group: &Group<'_>) -> Value {
    let version =
        |version: &str| json!({ "groupVersion": format!("{}/{version}", group.name), "version": version });
    json!({
        "name": group.name,
        "versions": group.versions.iter().map(|(name, _)| version(name)).collect::<Vec<_>>(),
        "preferredVersion": group.versions.first().map(|(name, _)| version(name)),
    })
}

/// `/apis/GROUP`.
pub(super) fn group(catalog: &Catalog, name: &str) -> Result<Reply, Refusal> {
    let groups = catalog.groups();
    let group = groups.iter().find(|group| group.name == name && !name.is_empty());
    let mut value = group_value(group.ok_or_else(Refusal::no_such_resource)?);
    value["kind"] = "APIGroup".into();
    value["apiVersion"] = "v1".into();
    Ok(Reply::json(&value))
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(super) fn resources(catalog: &Catalog, group: &str, version: &str) -> Result<Reply, Refusal> {
    if catalog.listing(group) == Listing::Stale {
        return Err(Refusal::of_status(503));
    }
    let groups = catalog.groups();
    let own = groups.iter().find(|own| own.name == group);
    let own = own.and_then(|own| own.versions.iter().find(|(name, _)| *name == version));
    let (_, kinds) = own.ok_or_else(Refusal::no_such_resource)?;
    let mut resources = Vec::new();
    for served in kinds {
        let kind = &served.kind;
        let mut value = json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": served.verbs,
        });
        if !kind.short_names.is_empty() {
            value["shortNames"] = json!(kind.short_names);
        }
        if !kind.categories.is_empty() {
            value["categories"] = json!(kind.categories);
        }
        resources.push(value);
        resources.extend(served.subresources.iter().map(|name| {
            json!({
                "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": ["get", "patch", "update"],
            })
        }));
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(Reply::json(&json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    })))
}
