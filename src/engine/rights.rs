//! Partial rights: which namespaces a kind may be listed in when the whole cluster may not be.
//!
//! The candidates (configured, listable, or the kubeconfig context's own) are asked by one SelfSubjectRulesReview
//! each.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;

use crate::cluster::client::Client;
use crate::cluster::review;
use crate::object::Kind;

/// Reviews in flight at once.
const AT_ONCE: usize = 8;
/// More namespaces than this are not asked.
const MOST: usize = 2_000;

/// What may be listed where.
#[derive(Debug, Default)]
pub(super) struct Rights {
    namespaces: Vec<(String, review::Rights)>,
    /// All namespaces there are, where they may be listed.
    listed: Option<BTreeSet<String>>,
}

impl Rights {
    /// Asks for the rights in every candidate namespace; one that can't be asked now is asked the next time.
    pub(super) async fn read(client: &Client, context: Option<&str>) -> Self {
        let listable = review::namespaces(client).await.ok().flatten();
        let candidates = review::candidates(&[], context, listable.as_deref());
        let asked = stream::iter(candidates.into_iter().take(MOST)).map(|namespace| async move {
            let rights = review::rights(client, &namespace).await;
            rights.ok().map(|rights| (namespace, rights))
        });
        let namespaces = asked.buffered(AT_ONCE).filter_map(std::future::ready).collect().await;
        Self { namespaces, listed: listable.map(|names| names.into_iter().collect()) }
    }

    /// Whether the server lists namespaces, and not this one.
    pub(super) fn is_gone(&self, namespace: &str) -> bool {
        self.listed.as_ref().is_some_and(|listed| !listed.contains(namespace))
    }

    /// Namespaces in which `kind` may be listed, as far as the answers tell; an incomplete answer is tried.
    pub(super) fn namespaces(&self, kind: &Kind) -> Vec<&str> {
        let may = |rights: &review::Rights| rights.may_list(kind) || rights.incomplete;
        self.namespaces.iter().filter(|(_, rights)| may(rights)).map(|(name, _)| name.as_str()).collect()
    }

    /// Namespaces that were asked.
    pub(super) fn len(&self) -> usize {
        self.namespaces.len()
    }
}
