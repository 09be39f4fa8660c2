//! Who may read what, and what may be gone for whom.

use std::collections::BTreeSet;

use kubesift::demo::{Rule, Verb};
use kubesift::object::KindKey;

use crate::cluster::Cluster;
use crate::history::{BASE, NAMESPACES, NODES, Step, WIDGETS, Which, kind_name};

impl Cluster {
    /// Whether objects of a kind in a namespace (empty for none) may be listed.
    pub(crate) fn readable(&self, kind: &KindKey, namespace: &str) -> bool {
        if self.listable(kind, None) {
            return true;
        }
        // Which namespaces there are has to be known: from their list, or from the kubeconfig.
        let known = namespace == NAMESPACES[0] || self.listable(&"namespaces".into(), None);
        !namespace.is_empty() && known && self.listable(kind, Some(namespace))
    }

    /// Whether it may, and no fault says that it may not.
    pub(crate) fn surely_readable(&self, kind: &KindKey, namespace: &str) -> bool {
        self.readable(kind, namespace) && !self.refused.iter().any(|which| concerns(*which, kind, namespace))
    }

    /// Whether it may be listed by whoever knows of the namespace in some other way than from the list of namespaces:
    /// from the configuration, or from what was held before.
    pub(crate) fn perhaps_readable(&self, kind: &KindKey, namespace: &str) -> bool {
        !namespace.is_empty() && self.listable(kind, Some(namespace))
    }

    /// Kinds that discovery does not show, while their definitions may not be read: nobody can tell them from kinds that
    /// are gone.
    pub(crate) fn seemingly_gone(&self) -> impl Iterator<Item = KindKey> {
        self.unseen.iter().filter_map(|kind| {
            let definitions = KindKey::from(if *kind == WIDGETS { BASE[1] } else { BASE[2] });
            let seen = self.surely_readable(&definitions, "") && self.watchable(&definitions);
            (!seen).then(|| KindKey::from(kind_name(*kind)))
        })
    }

    fn watchable(&self, kind: &KindKey) -> bool {
        let watch = |rule: &Rule| rule.verbs.as_ref().is_none_or(|verbs| verbs.contains(&Verb::Watch));
        let own = |rule: &Rule| rule.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind));
        !self.rights.denied.iter().any(|rule| watch(rule) && own(rule))
    }

    /// Kinds that are served, and whether their objects live in namespaces.
    pub(crate) fn served(&self) -> Vec<(KindKey, bool)> {
        self.server.kinds().iter().map(|kind| (kind.key(), kind.namespaced)).collect()
    }

    /// Whether a kind may be listed across the cluster.
    pub(crate) fn readable_everywhere(&self, kind: &KindKey) -> bool {
        self.listable(kind, None)
    }

    /// Whether it may be listed in some namespace.
    pub(crate) fn readable_anywhere(&self, kind: &KindKey) -> bool {
        let spaces = self.server.objects("namespaces");
        NAMESPACES
            .iter()
            .copied()
            .chain(spaces.iter().map(|namespace| namespace.name.as_str()))
            .any(|namespace| self.listable(kind, Some(namespace)))
    }

    /// Kinds that may not be listed across the cluster.
    pub(crate) fn denied(&self) -> u64 {
        self.kinds.keys().filter(|kind| !self.listable(kind, None)).count() as u64
    }

    /// Whether a kind may be listed in a namespace, or across the cluster.
    fn listable(&self, kind: &KindKey, namespace: Option<&str>) -> bool {
        let inside = match (&self.rights.namespaces, namespace) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(namespace)) => own.contains(namespace),
        };
        let barred = self.rights.denied.iter().any(|rule| {
            let here = match (&rule.namespaces, namespace) {
                (None, _) | (Some(_), None) => true,
                (Some(own), Some(namespace)) => own.contains(namespace),
            };
            here && rule.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
                && rule.verbs.as_ref().is_none_or(|verbs| verbs.contains(&Verb::List))
        });
        inside && !barred
    }

    pub(crate) fn change_rights(&mut self, step: &Step) {
        match *step {
            Step::Forbid { kind, namespace, watch_only } => {
                let verbs = if watch_only { vec![Verb::Watch] } else { vec![Verb::List, Verb::Watch] };
                let rule = Rule::new(verbs, [kind_name(kind)]);
                let rule = match namespace.filter(|_| kind != NODES) {
                    Some(namespace) => rule.within([NAMESPACES[usize::from(namespace)]]),
                    None => rule,
                };
                if !self.rights.denied.contains(&rule) {
                    self.rights.denied.push(rule);
                }
            }
            Step::Allow { kind } => {
                let kind = KindKey::from(kind_name(kind));
                let own = |rule: &Rule| rule.kinds.as_ref().is_some_and(|kinds| kinds.contains(&kind));
                self.rights.denied.retain(|rule| !own(rule));
            }
            Step::Incomplete { incomplete } => self.rights.review.incomplete = incomplete,
            Step::OnlyNamespaces { bits } => {
                self.rights.namespaces = bits.map(|bits| {
                    let chosen = NAMESPACES.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
                    chosen.map(|(_, name)| (*name).to_owned()).collect::<BTreeSet<_>>()
                });
            }
            _ => {}
        }
        self.server.set_rights(&self.user, self.rights.clone());
    }
}

/// Whether a fault that answers 403 keeps a kind in a namespace from being listed.
fn concerns(which: Which, kind: &KindKey, namespace: &str) -> bool {
    // Who does not see the namespaces does not know where to look.
    let namespaces = || !namespace.is_empty();
    match which {
        Which::List(own) if kind_name(own) == BASE[0] => namespaces() || kind.as_str() == BASE[0],
        Which::List(own) => kind.as_str() == kind_name(own),
        Which::Group(own) => {
            let group = KindKey::from(kind_name(own)).group().to_owned();
            kind.group() == group || (group.is_empty() && namespaces())
        }
        Which::Namespace(own) => namespace == NAMESPACES[usize::from(own)],
        Which::Everything => true,
        Which::Watch(_) | Which::Discovery | Which::Reviews => false,
    }
}
