//! Rows and states for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Detail, Row, Tab};
use crate::document::{Document, Local, Metadata};
use crate::object::{KindKey, Owner};

/// Noon of a day in March.
pub(crate) const NOW: i64 = 1_772_445_600;

/// A controller.
pub(crate) fn owned(by: &str) -> Vec<Owner> {
    vec![Owner {
        api_version: "apps/v1".to_owned(),
        kind: "ReplicaSet".to_owned(),
        name: by.to_owned(),
        uid: format!("uid-{by}"),
        controller: true,
    }]
}

/// An object an hour old.
pub(crate) fn row(kind: &str, namespace: &str, name: &str, owners: &[Owner]) -> Arc<Row> {
    labelled(kind, namespace, name, owners, &[("app", "web")])
}

/// An object with labels.
pub(crate) fn labelled(
    kind: &str,
    namespace: &str,
    name: &str,
    owners: &[Owner],
    labels: &[(&str, &str)],
) -> Arc<Row> {
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let document = Document {
        id: format!("{namespace}/v1/{kind}/{name}"),
        text: String::new(),
        metadata: Metadata {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            api_version: "v1".to_owned(),
            labels: pairs.join(","),
            label_pairs: pairs,
            ..Metadata::default()
        },
        local: Local {
            uid: format!("uid-{namespace}-{name}"),
            created: Some(NOW - 3_600),
            labels,
            owners: owners.to_vec(),
            ..Local::default()
        },
    };
    let short = match kind {
        "Deployment" => "deploy",
        "Pod" => "po",
        "Namespace" => "ns",
        other => other,
    };
    let short = short.to_owned();
    let kind = KindKey::new("", &format!("{}s", kind.to_lowercase()));
    Arc::new(Row { kind, short, document, score: 3.0, matched: Vec::new() })
}

/// The details of a Pod, of which nothing was fetched.
pub(crate) fn detail() -> Detail {
    Detail {
        row: row("Pod", "shop", "web", &[]),
        tab: Tab::Yaml,
        scroll: 0,
        ticket: 1,
        page: None,
        managed_fields: false,
        logs: None,
        live: Box::default(),
        last: None,
    }
}
