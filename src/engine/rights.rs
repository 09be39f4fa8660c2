//! Partial rights: which namespaces a kind may be listed in when the whole cluster may not be.
//!
//! The candidates (configured, in the kubeconfig context, or listable) are asked by one SelfSubjectRulesReview each.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;

use crate::cluster::client::Client;
use crate::cluster::review::{self, NamespaceRules};
use crate::object::Kind;

/// Reviews in flight at once.
const AT_ONCE: usize = 8;
/// More namespaces than this are not asked.
const MOST: usize = 2_000;

/// What may be listed where.
#[derive(Debug, Default)]
pub(super) struct Rights {
    namespaces: Vec<(String, NamespaceRules)>,
}

impl Rights {
    /// Asks for the rights in every candidate namespace.
    pub(super) async fn read(client: &Client, named: &BTreeSet<String>) -> Self {
        let mut candidates = named.clone();
        if let Ok(listed) = review::list_namespaces(client).await {
            candidates.extend(listed);
        }
        let asked = stream::iter(candidates.into_iter().take(MOST)).map(|namespace| async move {
            let rules = review::namespace_rules(client, &namespace).await;
            rules.ok().map(|rules| (namespace, rules))
        });
        let namespaces = asked.buffered(AT_ONCE).filter_map(async |answer| answer).collect().await;
        Self { namespaces }
    }

    /// Namespaces in which `kind` may be listed, as far as the answers tell; an incomplete answer is tried.
    pub(super) fn namespaces(&self, kind: &Kind) -> Vec<&str> {
        let may = |rules: &NamespaceRules| rules.may_list(&kind.group, &kind.plural) || rules.incomplete;
        self.namespaces.iter().filter(|(_, rules)| may(rules)).map(|(name, _)| name.as_str()).collect()
    }

    /// Namespaces that were asked.
    pub(super) fn len(&self) -> usize {
        self.namespaces.len()
    }
}
