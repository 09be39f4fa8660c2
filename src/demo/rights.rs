//! Who may read what.

use std::collections::BTreeSet;

use crate::object::KindKey;

/// What one user may read. The default is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Only these namespaces, and no cluster-scoped kinds; `None` for the whole cluster.
    pub namespaces: Option<BTreeSet<String>>,
    /// Kinds that are forbidden everywhere.
    pub forbidden: BTreeSet<KindKey>,
    /// Kinds that are forbidden in one namespace, and so across all of them.
    pub forbidden_in: BTreeSet<(KindKey, String)>,
}

impl Rights {
    /// Only these namespaces.
    pub fn namespaces<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { namespaces: Some(names.into_iter().map(str::to_owned).collect()), ..Self::default() }
    }

    /// Everything but these kinds (`plural.group`).
    pub fn without<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Self {
        Self { forbidden: kinds.into_iter().map(KindKey::from).collect(), ..Self::default() }
    }

    /// Nothing.
    pub fn none() -> Self {
        Self::namespaces([])
    }

    /// Whether a kind may be read in a namespace, or (`None`) across the cluster.
    pub(super) fn allow(&self, kind: &KindKey, namespace: Option<&str>) -> bool {
        let in_reach = match (&self.namespaces, namespace) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(namespace)) => own.contains(namespace),
        };
        let barred = self
            .forbidden_in
            .iter()
            .any(|(barred, place)| barred == kind && namespace.is_none_or(|namespace| namespace == place));
        in_reach && !barred && !self.forbidden.contains(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_in_a_namespace_are_no_rights_across_the_cluster() {
        let pods = KindKey::from("pods");
        let rights = Rights::namespaces(["shop"]);
        assert!(rights.allow(&pods, Some("shop")));
        assert!(!rights.allow(&pods, Some("bank")) && !rights.allow(&pods, None));
        let rights = Rights { forbidden_in: [(pods.clone(), "bank".into())].into(), ..Rights::default() };
        assert!(rights.allow(&pods, Some("shop")));
        assert!(!rights.allow(&pods, Some("bank")) && !rights.allow(&pods, None));
        assert!(!Rights::without(["pods"]).allow(&pods, Some("shop")));
    }
}
