//! Who we are and what we may read, asked of the server: where a kind may not be listed everywhere, these tell in
//! which namespaces it may.

use std::time::Duration;

use serde::Deserialize;

use super::client::{Client, ClientError, RequestSpec};
use super::identity::lasting_user;
use crate::object::Kind;

const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const LIMIT: usize = 8 << 20;
/// A list of namespaces begins soon, as it comes out of a cache.
const PATIENCE: Duration = Duration::from_secs(15);
/// Lists of metadata as JSON.
pub const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// What one namespace's SelfSubjectRulesReview allows to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Those that allow a list; rights to single names are none to that.
    rules: Vec<Rule>,
    /// The server could not evaluate all of its authorizers: what is allowed here is sure, what is missing is not.
    pub incomplete: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    #[serde(deserialize_with = "nullable")]
    verbs: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    api_groups: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    resources: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    resource_names: Vec<String>,
}

/// Go writes an empty list as null.
fn nullable<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Rights {
    /// Whether a kind may be listed here.
    pub fn may_list(&self, kind: &Kind) -> bool {
        self.rules
            .iter()
            .any(|rule| named(&rule.api_groups, &kind.group) && named(&rule.resources, &kind.plural))
    }

    /// Reads the body of a SelfSubjectRulesReview.
    fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Review {
            status: Status,
        }
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase")]
        struct Status {
            resource_rules: Option<Vec<Rule>>,
            incomplete: bool,
        }
        let Review { status } = serde_json::from_slice(body)?;
        let mut rules = status.resource_rules.unwrap_or_default();
        rules.retain(|rule| rule.resource_names.is_empty() && named(&rule.verbs, "list"));
        Ok(Self { rules, incomplete: status.incomplete })
    }
}

fn named(names: &[String], name: &str) -> bool {
    names.iter().any(|own| own == "*" || own == name)
}

/// What we may do in one namespace.
pub async fn rights(client: &Client, namespace: &str) -> Result<Rights, ClientError> {
    let body = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": namespace },
    });
    let body = client.review(RULES, body.to_string().into()).await?.bytes(LIMIT).await?;
    Rights::read(&body).map_err(unreadable)
}

/// The name the server knows us by, without what changes at each login; `None` where it does not serve this question (before 1.26).
pub async fn user(client: &Client) -> Result<Option<String>, ClientError> {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Status {
        user_info: UserInfo,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct UserInfo {
        username: String,
    }
    for version in ["v1", "v1beta1"] {
        let path = format!("/apis/authentication.k8s.io/{version}/selfsubjectreviews");
        let body = serde_json::json!({
            "apiVersion": format!("authentication.k8s.io/{version}"),
            "kind": "SelfSubjectReview",
        });
        match client.review(&path, body.to_string().into()).await {
            Ok(response) => {
                let review: Review = response.json(LIMIT).await?;
                let name = lasting_user(&review.status.user_info.username).to_owned();
                return Ok(Some(name).filter(|name| !name.is_empty()));
            }
            // Not served, or not granted (`system:basic-user` taken away): the name stays unknown.
            Err(ClientError::NotFound(_) | ClientError::Forbidden(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The names of all namespaces; `None` where they may not be listed.
pub async fn namespaces(client: &Client) -> Result<Option<Vec<String>>, ClientError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct List {
        items: Option<Vec<Item>>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Item {
        metadata: Metadata,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Metadata {
        name: String,
    }
    const NAMESPACES: usize = 256 << 20;
    let spec = RequestSpec::new("/api/v1/namespaces").query("resourceVersion", "0").accept(METADATA);
    match client.get(&spec.patience(PATIENCE)).await {
        Ok(response) => {
            let list: List = response.json(NAMESPACES).await?;
            Ok(Some(list.items.unwrap_or_default().into_iter().map(|item| item.metadata.name).collect()))
        }
        Err(ClientError::Forbidden(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn unreadable(error: serde_json::Error) -> ClientError {
    ClientError::Body(super::client::BodyFailure::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(group: &str, plural: &str) -> Kind {
        Kind {
            group: group.into(),
            version: "v1".into(),
            kind: "Thing".into(),
            plural: plural.into(),
            singular: String::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            watchable: true,
        }
    }

    fn rights(rules: &str) -> Rights {
        Rights::read(format!(r#"{{"status":{{"resourceRules":{rules},"incomplete":true}}}}"#).as_bytes())
            .unwrap()
    }

    #[test]
    fn rules_allow_by_verb_group_and_resource() {
        let own = rights(
            r#"[{"verbs":["list"],"apiGroups":[""],"resources":["pods","pods/log"]},
                             {"verbs":["*"],"apiGroups":["apps"],"resources":["*"]},
                             {"verbs":["get"],"apiGroups":["*"],"resources":["*"]}]"#,
        );
        assert!(own.incomplete);
        assert!(own.may_list(&kind("", "pods")) && own.may_list(&kind("apps", "deployments")));
        assert!(!own.may_list(&kind("", "secrets")) && !own.may_list(&kind("batch", "jobs")));
    }

    #[test]
    fn rights_to_names_are_none_to_a_list_and_null_is_empty() {
        let named = r#"[{"verbs":["list","watch"],"apiGroups":[""],"resources":["secrets"],"resourceNames":["one"]},
                        {"verbs":["list"],"apiGroups":null,"resources":null}]"#;
        assert!(!rights(named).may_list(&kind("", "secrets")));
        assert!(!rights("null").may_list(&kind("", "secrets")));
    }
}
