//! The two reviews that a read-only client may post.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::reply::Reply;
use crate::demo::catalog::Catalog;
use crate::demo::rights::Rights;
use crate::demo::{User, Verb};

/// What the verbs of reading are called in a rule.
const READING: [(&str, Verb); 3] = [("get", Verb::Get), ("list", Verb::List), ("watch", Verb::Watch)];

/// About how many bytes a rule of the padding has.
const PADDING_RULE: usize = 256;

/// `SelfSubjectReview`: who am I?
pub(super) fn who(user: &User) -> Reply {
    let mut groups = user.groups.clone();
    groups.push("system:authenticated".to_owned());
    created(&json!({
        "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
        "status": { "userInfo": { "username": user.name, "uid": user.name, "groups": groups } },
    }))
}

/// `SelfSubjectRulesReview`: what may I do in a namespace?
pub(super) fn rules(catalog: &Catalog, rights: &Rights, body: &[u8]) -> Reply {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let namespace = asked["spec"]["namespace"].as_str().unwrap_or("default");
    let mut rules = vec![json!({
        "verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    })];
    if !rights.review.incomplete {
        rules.extend(reading(catalog, rights, namespace));
    }
    rules.extend(padding(rights.review.padding));
    let mut status = json!({
        "resourceRules": rules,
        "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/version"] }],
        "incomplete": rights.review.incomplete,
    });
    if rights.review.incomplete {
        status["evaluationError"] = "webhook authorizer does not support user rule resolution".into();
    }
    created(&json!({
        "kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {},
        "status": status,
    }))
}

// One rule for each group and each choice of verbs in it.
fn reading(catalog: &Catalog, rights: &Rights, namespace: &str) -> Vec<Value> {
    if rights.is_unlimited() {
        let verbs = READING.map(|(name, _)| name);
        return vec![json!({ "verbs": verbs, "apiGroups": ["*"], "resources": ["*"] })];
    }
    let mut rules = Vec::new();
    for group in catalog.groups() {
        let mut by_verbs: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for served in group.versions.iter().flat_map(|(_, kinds)| kinds) {
            let (key, scope) = (served.kind.key(), served.kind.namespaced.then_some(namespace));
            let allowed =
                READING.iter().filter(|(name, verb)| served.has(name) && rights.allow(*verb, &key, scope));
            let resources = by_verbs.entry(allowed.map(|(name, _)| *name).collect()).or_default();
            if !resources.contains(&served.kind.plural.as_str()) {
                resources.push(&served.kind.plural);
            }
        }
        by_verbs.remove(&Vec::new());
        rules.extend(by_verbs.into_iter().map(
            |(verbs, resources)| json!({ "verbs": verbs, "apiGroups": [group.name], "resources": resources }),
        ));
    }
    rules
}

// Rights on single objects of a kind that is not served.
fn padding(bytes: usize) -> impl Iterator<Item = Value> {
    (0..bytes / PADDING_RULE).map(|rule| {
        let names: Vec<_> = (0..8).map(|n| format!("tenant-{rule:05}-{n}")).collect();
        json!({
            "verbs": ["get"], "apiGroups": ["tenants.example.org"], "resources": ["tenants"], "resourceNames": names,
        })
    })
}

fn created(value: &Value) -> Reply {
    Reply::json(value).with_status(StatusCode::CREATED)
}
