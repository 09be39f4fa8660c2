//! Who may read what.

use std::collections::BTreeSet;

use super::faults::Verb;
use crate::object::KindKey;

/// What one user may read. The default is everything.
///
/// Either [`Rights::granted`] says what is allowed, as roles and their bindings do, or everything is; what the other
/// fields forbid is forbidden all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// What is allowed; `None` for everything. Several rules add up.
    pub granted: Option<Vec<Rule>>,
    /// What is forbidden. A rule for some namespaces also forbids to ask across all of them.
    pub denied: Vec<Rule>,
    /// Only these namespaces, and no cluster-scoped kinds; `None` for the whole cluster.
    pub namespaces: Option<BTreeSet<String>>,
    /// Kinds that are forbidden everywhere.
    pub forbidden: BTreeSet<KindKey>,
    /// Kinds that are forbidden in one namespace, and so across all of them.
    pub forbidden_in: BTreeSet<(KindKey, String)>,
    /// How a `SelfSubjectRulesReview` tells of it.
    pub review: Review,
}

/// Some verbs on some kinds in some namespaces. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// [`Verb::Get`], [`Verb::List`] and [`Verb::Watch`]; `None` for all three.
    pub verbs: Option<BTreeSet<Verb>>,
    /// Kinds (`plural.group`); `None` for all.
    pub kinds: Option<BTreeSet<KindKey>>,
    /// Namespaces; `None` for all of them, for asking across them, and for cluster-scoped kinds.
    pub namespaces: Option<BTreeSet<String>>,
}

/// How a `SelfSubjectRulesReview` is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Review {
    /// As webhook authorizers have it, those of managed clusters for example: the rules that they would allow are not
    /// listed, and the answer says that it is incomplete.
    pub incomplete: bool,
    /// Rules of about so many bytes that concern nothing here, as many roles with many resource names make them.
    pub padding: usize,
}

impl Rule {
    /// These verbs on these kinds (`plural.group`), everywhere.
    pub fn new<'a>(verbs: impl IntoIterator<Item = Verb>, kinds: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            verbs: Some(verbs.into_iter().collect()),
            kinds: Some(kinds.into_iter().map(KindKey::from).collect()),
            namespaces: None,
        }
    }

    /// The same in these namespaces only.
    pub fn within<'a>(self, namespaces: impl IntoIterator<Item = &'a str>) -> Self {
        Self { namespaces: Some(namespaces.into_iter().map(str::to_owned).collect()), ..self }
    }

    fn names(&self, verb: Verb, kind: &KindKey) -> bool {
        self.verbs.as_ref().is_none_or(|verbs| verbs.contains(&verb))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }

    // Whether it gives this right: across the cluster only where it is for no namespace in particular.
    fn grants(&self, verb: Verb, kind: &KindKey, namespace: Option<&str>) -> bool {
        let reaches = match (&self.namespaces, namespace) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(namespace)) => own.contains(namespace),
        };
        reaches && self.names(verb, kind)
    }

    // Whether it takes this right away: whoever may not read a namespace may not read across all of them.
    fn denies(&self, verb: Verb, kind: &KindKey, namespace: Option<&str>) -> bool {
        let reaches = match (&self.namespaces, namespace) {
            (None, _) => true,
            (Some(own), None) => !own.is_empty(),
            (Some(own), Some(namespace)) => own.contains(namespace),
        };
        reaches && self.names(verb, kind)
    }
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

    /// Only what these rules grant.
    pub fn granted(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { granted: Some(rules.into_iter().collect()), ..Self::default() }
    }

    /// Everything but what these rules name.
    pub fn denied(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { denied: rules.into_iter().collect(), ..Self::default() }
    }

    /// Nothing.
    pub fn none() -> Self {
        Self::namespaces([])
    }

    /// The same, told by reviews in this way.
    pub fn reviewed(self, review: Review) -> Self {
        Self { review, ..self }
    }

    /// Whether nothing at all is forbidden.
    pub(super) fn is_unlimited(&self) -> bool {
        *self == Self { review: self.review, ..Self::default() }
    }

    /// Whether a kind may be read in a namespace, or (`None`) across the cluster.
    pub(super) fn allow(&self, verb: Verb, kind: &KindKey, namespace: Option<&str>) -> bool {
        let in_reach = match (&self.namespaces, namespace) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(namespace)) => own.contains(namespace),
        };
        let granted = self
            .granted
            .as_ref()
            .is_none_or(|rules| rules.iter().any(|rule| rule.grants(verb, kind, namespace)));
        in_reach && granted && !self.forbids(verb, kind, namespace)
    }

    fn forbids(&self, verb: Verb, kind: &KindKey, namespace: Option<&str>) -> bool {
        let barred = match namespace {
            Some(namespace) => self.forbidden_in.contains(&(kind.clone(), namespace.to_owned())),
            None => self.forbidden_in.iter().any(|(barred, _)| barred == kind),
        };
        barred
            || self.forbidden.contains(kind)
            || self.denied.iter().any(|rule| rule.denies(verb, kind, namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(rights: &Rights, kind: &str, namespace: Option<&str>) -> bool {
        rights.allow(Verb::List, &KindKey::from(kind), namespace)
    }

    #[test]
    fn rights_in_a_namespace_are_no_rights_across_the_cluster() {
        let rights = Rights::namespaces(["shop"]);
        assert!(lists(&rights, "pods", Some("shop")));
        assert!(!lists(&rights, "pods", Some("bank")) && !lists(&rights, "pods", None));
        let barred = [(KindKey::from("pods"), "bank".to_owned())];
        let rights = Rights { forbidden_in: barred.into(), ..Rights::default() };
        assert!(lists(&rights, "pods", Some("shop")));
        assert!(!lists(&rights, "pods", Some("bank")) && !lists(&rights, "pods", None));
        assert!(!lists(&Rights::without(["pods"]), "pods", Some("shop")));
    }

    #[test]
    fn verbs_are_granted_and_denied_apart() {
        let no_watch = Rights::denied([Rule::new([Verb::Watch], ["pods"])]);
        assert!(lists(&no_watch, "pods", None));
        assert!(!no_watch.allow(Verb::Watch, &"pods".into(), None));
        assert!(no_watch.allow(Verb::Watch, &"nodes".into(), None));
        let in_shop = Rights::denied([Rule::new([Verb::List], ["pods"]).within(["shop"])]);
        assert!(!lists(&in_shop, "pods", None) && !lists(&in_shop, "pods", Some("shop")));
        assert!(lists(&in_shop, "pods", Some("bank")));
        let granted = Rights::granted([
            Rule::new([Verb::List, Verb::Get], ["pods"]).within(["shop"]),
            Rule::new([Verb::List], ["nodes"]),
        ]);
        assert!(lists(&granted, "pods", Some("shop")) && lists(&granted, "nodes", None));
        assert!(!lists(&granted, "pods", Some("bank")) && !lists(&granted, "pods", None));
        assert!(!granted.allow(Verb::Watch, &"pods".into(), Some("shop")));
        assert!(!Rights::granted([]).is_unlimited());
        assert!(Rights::default().reviewed(Review { incomplete: true, padding: 9 }).is_unlimited());
    }
}
