//! The two reviews that a read-only client may post.

use http::StatusCode;
use serde_json::{Value, json};

use super::reply::Reply;
use crate::demo::User;
use crate::demo::catalog::Catalog;
use crate::demo::rights::Rights;

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
    let read = ["get", "list", "watch"];
    if *rights == Rights::default() {
        rules.push(json!({ "verbs": read, "apiGroups": ["*"], "resources": ["*"] }));
    } else {
        for group in catalog.groups() {
            let kinds = group.versions.iter().flat_map(|(_, kinds)| kinds);
            let allowed = kinds.filter(|served| {
                let scope = served.kind.namespaced.then_some(namespace);
                served.verbs.contains(&"list") && rights.allow(&served.kind.key(), scope)
            });
            let mut resources: Vec<_> = allowed.map(|served| served.kind.plural.as_str()).collect();
            resources.dedup();
            if !resources.is_empty() {
                rules.push(json!({ "verbs": read, "apiGroups": [group.name], "resources": resources }));
            }
        }
    }
    created(&json!({
        "kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {},
        "status": {
            "resourceRules": rules,
            "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/version"] }],
            "incomplete": false,
        },
    }))
}

fn created(value: &Value) -> Reply {
    Reply::json(value).with_status(StatusCode::CREATED)
}
