//! What the server serves: two aggregated requests, or one per group version on servers that lack them.

mod classic;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

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
    /// Every version that each kind can be listed in.
    pub served: BTreeMap<KindKey, Vec<String>>,
    /// Every kind that is served, also those that can't be listed.
    pub named: BTreeSet<KindKey>,
}

impl Discovery {
    fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.kinds.extend(part.kinds);
            all.groups.extend(part.groups);
            all.served.extend(part.served);
            all.named.extend(part.named);
        }
        all.kinds.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
        all.kinds.dedup_by(|a, b| a.group == b.group && a.plural == b.plural);
        all
    }

    /// Kinds that are served and can't be listed in any version.
    pub fn unlistable(&self) -> impl Iterator<Item = &KindKey> {
        self.named.iter().filter(|kind| !self.served.contains_key(*kind))
    }
}

/// The formats in order of preference; an old server answers with its plain group list.
pub const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                          application/json";

/// More than 10,000 kinds.
const LIMIT: usize = 128 << 20;

/// One group's classic answer may take this long: the API server's own patience with an aggregated server.
const GROUP_PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server for everything it serves.
pub async fn discover(client: &Client) -> Result<Discovery, ClientError> {
    discover_within(client, GROUP_PATIENCE).await
}

async fn discover_within(client: &Client, patience: Duration) -> Result<Discovery, ClientError> {
    let (core, groups) = futures_util::future::try_join(read(client, "/api"), read(client, "/apis")).await?;
    let complete = |answer| complete(client, answer, patience);
    let parts = futures_util::future::try_join(complete(core), complete(groups)).await?;
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

async fn complete(client: &Client, answer: Answer, patience: Duration) -> Result<Part, ClientError> {
    match answer.aggregated {
        true => aggregated(&answer.body),
        false => classic::complete(client, &answer.body, patience).await,
    }
}
