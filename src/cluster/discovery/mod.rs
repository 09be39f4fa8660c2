//! What the server serves: two aggregated requests, or one per group version on servers that lack them.

mod classic;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::client::{Client, ClientError, RequestSpec};
use crate::object::{Kind, KindKey};

pub use parse::{Part, aggregated};

/// How much a group's answer can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Freshness {
    /// Its server was just asked.
    Current,
    /// Its server does not answer: what is missing may well exist.
    Stale,
    /// The server does not say (classic discovery).
    Unknown,
}

/// What a cluster serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Every listable kind in its preferred version, sorted by group and plural.
    pub kinds: Vec<Kind>,
    /// Every group (the core group is empty), also those whose server is down and that show no kinds.
    pub groups: BTreeMap<String, Freshness>,
    /// Every version that each kind is served in.
    pub served: BTreeMap<KindKey, Vec<String>>,
}

impl Discovery {
    fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.kinds.extend(part.kinds);
            all.groups.extend(part.groups);
            all.served.extend(part.served);
        }
        all.kinds.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
        all.kinds.dedup_by(|a, b| a.group == b.group && a.plural == b.plural);
        all
    }
}

/// The formats in order of preference; an old server answers with its plain group list.
pub const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                          application/json";

/// More than 10,000 kinds.
const LIMIT: usize = 128 << 20;

/// Asks the server for everything it serves.
pub async fn discover(client: &Client) -> Result<Discovery, ClientError> {
    let (core, groups) = futures_util::future::try_join(read(client, "/api"), read(client, "/apis")).await?;
    let parts = futures_util::future::try_join(complete(client, core), complete(client, groups)).await?;
    Ok(Discovery::of([parts.0, parts.1]))
}

/// One of the two answers: aggregated, or the classic list that needs more requests.
struct Answer {
    aggregated: bool,
    body: bytes::Bytes,
}

async fn read(client: &Client, path: &'static str) -> Result<Answer, ClientError> {
    let response = client.get(&RequestSpec::new(path).accept(ACCEPT)).await?;
    let aggregated = response.content_type().contains("APIGroupDiscoveryList");
    Ok(Answer { aggregated, body: response.bytes(LIMIT).await? })
}

async fn complete(client: &Client, answer: Answer) -> Result<Part, ClientError> {
    match answer.aggregated {
        true => aggregated(&answer.body),
        false => classic::complete(client, &answer.body).await,
    }
}
