//! Which records may be deleted because the index does not have them: a question of what the index really covers.
//! What could not be listed deletes nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::mirror::record::Subject;
use crate::object::{KindKey, Scope};

/// What stands for the namespace of cluster-scoped objects.
const CLUSTER_SCOPED: &str = "_cluster";

/// Whether something is so of a namespace.
pub type ReadsNamespace = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What the index covers, as of a commit that every snapshot taken afterwards contains.
#[derive(Clone, Default)]
pub struct Authority {
    /// Group and kind name to the key by which coverage is counted.
    pub kinds: HashMap<(String, String), KindKey>,
    /// Where each kind was listed to the end in this run, or has been forbidden for so long that it counts as gone.
    pub covered: HashMap<KindKey, Vec<Scope>>,
    /// Kinds that the configuration excludes.
    pub excluded: HashSet<KindKey>,
    /// Kinds that are no longer served, for certain.
    pub vanished: HashSet<KindKey>,
    /// Whether a namespace is read at all.
    pub reads_namespace: Option<ReadsNamespace>,
    /// Whether a namespace is there; nothing where that is not known for certain.
    pub has_namespace: Option<ReadsNamespace>,
    /// Kinds that should be covered and are not, or not confirmed: for the agent and the summary.
    pub stale: BTreeSet<KindKey>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("covered", &self.covered)
            .field("excluded", &self.excluded)
            .field("vanished", &self.vanished)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

/// What is said about a record that the index does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may go.
    Delete,
    /// Its kind, or its kind there, is not covered: it stays.
    NotCovered(KindKey),
    /// Nobody knows its kind: it stays. The kind's name.
    Unknown(String),
}

impl Authority {
    /// Judges a record that the index does not have.
    pub fn judge(&self, subject: &Subject) -> Ruling {
        let name = (subject.group.clone(), subject.kind.clone());
        let Some(key) = self.kinds.get(&name) else {
            let (group, kind) = name;
            return Ruling::Unknown(if group.is_empty() { kind } else { format!("{kind}.{group}") });
        };
        let namespaced = subject.namespace != CLUSTER_SCOPED;
        let outside =
            namespaced && self.reads_namespace.as_ref().is_some_and(|reads| !reads(&subject.namespace));
        let gone = namespaced && self.has_namespace.as_ref().is_some_and(|has| !has(&subject.namespace));
        let scopes = self.covered.get(key).map_or(&[][..], Vec::as_slice);
        let covered = scopes.iter().any(|scope| scope.contains(Some(&subject.namespace)));
        if covered || outside || gone || self.excluded.contains(key) || self.vanished.contains(key) {
            Ruling::Delete
        } else {
            Ruling::NotCovered(key.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(group: &str, kind: &str, namespace: &str) -> Subject {
        Subject { group: group.into(), kind: kind.into(), namespace: namespace.into() }
    }

    fn authority() -> Authority {
        let kinds = [("", "Pod", "pods"), ("apps", "Deployment", "deployments.apps"), ("", "Node", "nodes")];
        Authority {
            kinds: kinds.into_iter().map(|(g, k, key)| ((g.into(), k.into()), key.into())).collect(),
            covered: [
                ("pods".into(), vec![Scope::Namespace("a".into())]),
                ("nodes".into(), vec![Scope::All]),
            ]
            .into(),
            ..Authority::default()
        }
    }

    #[test]
    fn only_what_was_listed_to_the_end_may_go() {
        let authority = authority();
        assert_eq!(authority.judge(&subject("", "Pod", "a")), Ruling::Delete);
        assert_eq!(authority.judge(&subject("", "Pod", "b")), Ruling::NotCovered("pods".into()));
        assert_eq!(authority.judge(&subject("", "Node", "_cluster")), Ruling::Delete);
        let failed = authority.judge(&subject("apps", "Deployment", "a"));
        assert_eq!(failed, Ruling::NotCovered("deployments.apps".into()));
    }

    #[test]
    fn an_unknown_kind_is_never_deleted() {
        let ruling = authority().judge(&subject("example.org", "Ten", "a"));
        assert_eq!(ruling, Ruling::Unknown("Ten.example.org".into()));
    }

    #[test]
    fn exclusions_and_vanished_kinds_may_go() {
        let deployment = subject("apps", "Deployment", "a");
        let excluded = Authority { excluded: ["deployments.apps".into()].into(), ..authority() };
        assert_eq!(excluded.judge(&deployment), Ruling::Delete);
        let vanished = Authority { vanished: ["deployments.apps".into()].into(), ..authority() };
        assert_eq!(vanished.judge(&deployment), Ruling::Delete);
        let reads: ReadsNamespace = Arc::new(|namespace| namespace == "a");
        let narrowed = Authority { reads_namespace: Some(reads), ..authority() };
        assert_eq!(narrowed.judge(&subject("", "Pod", "b")), Ruling::Delete);
        assert_eq!(narrowed.judge(&deployment), Ruling::NotCovered("deployments.apps".into()));
        assert_eq!(narrowed.judge(&subject("", "Node", "_cluster")), Ruling::Delete);
    }

    #[test]
    fn what_lay_in_a_namespace_that_is_gone_may_go_whoever_may_not_read_it() {
        let has: ReadsNamespace = Arc::new(|namespace| namespace == "a");
        let known = Authority { has_namespace: Some(has), covered: HashMap::new(), ..authority() };
        assert_eq!(known.judge(&subject("", "Pod", "b")), Ruling::Delete);
        assert_ne!(known.judge(&subject("", "Pod", "a")), Ruling::Delete);
        assert_ne!(known.judge(&subject("", "Node", "_cluster")), Ruling::Delete);
        assert_ne!(known.judge(&subject("example.org", "Ten", "b")), Ruling::Delete, "an unknown kind");
    }
}
