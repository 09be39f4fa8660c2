//! Kinds whose API server does not answer, pure: discovery shows their group stale and without them. They are not
//! gone; coverage has to name them.

use std::collections::BTreeSet;

use crate::cluster::discovery::{Discovery, Freshness};
use crate::cluster::selection::{Decision, Selection};
use crate::object::{Kind, KindKey};

/// What status says of them.
pub(super) const WHY: &str = "its API server does not answer: discovery shows its group as stale";

/// Kinds that would be read if the servers of their groups answered. `known` are kinds that discovery named at some
/// time; a group of which none is known stands for itself, as `*.group`. Of `held` kinds the index has entries.
pub(super) fn unanswered<'a>(
    discovery: &Discovery,
    known: impl Iterator<Item = &'a Kind>,
    selection: &Selection,
    held: &BTreeSet<KindKey>,
) -> BTreeSet<KindKey> {
    let is_stale = |group: &str| discovery.groups.get(group) == Some(&Freshness::Stale);
    let mut unknown: BTreeSet<&str> = discovery.groups.keys().map(String::as_str).collect();
    unknown.retain(|group| is_stale(group));
    discovery.kinds.iter().for_each(|kind| {
        unknown.remove(kind.group.as_str());
    });
    let mut silent = BTreeSet::new();
    for kind in known.filter(|kind| is_stale(&kind.group) && !discovery.named.contains(&kind.key())) {
        unknown.remove(kind.group.as_str());
        match selection.decide(kind) {
            Decision::Unwatchable if !held.contains(&kind.key()) => {}
            Decision::Read | Decision::Unwatchable => {
                silent.insert(kind.key());
            }
            Decision::Excluded { .. } => {}
        }
    }
    silent.extend(unknown.into_iter().map(|group| KindKey::new(group, "*")));
    silent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::selection::SelectionOptions;

    fn kind(plural: &str, group: &str) -> Kind {
        Kind {
            group: group.into(),
            version: "v1".into(),
            kind: plural.into(),
            plural: plural.into(),
            singular: String::new(),
            short_names: vec![],
            categories: vec![],
            namespaced: true,
            watchable: true,
        }
    }

    #[test]
    fn kinds_of_a_stale_group_are_named_and_an_unknown_group_stands_for_itself() {
        let stale = ["metrics.example.org", "dead.example.org", "half.example.org", "left.out"];
        let mut groups: std::collections::BTreeMap<_, _> =
            stale.map(|group| (group.to_owned(), Freshness::Stale)).into();
        groups.insert("apps".to_owned(), Freshness::Current);
        let kinds = vec![kind("deployments", "apps"), kind("ones", "half.example.org")];
        let named = kinds.iter().map(Kind::key).collect();
        let discovery = Discovery { kinds, groups, named, ..Discovery::default() };
        let known = [
            kind("gizmos", "metrics.example.org"),
            kind("twos", "half.example.org"),
            kind("replicasets", "apps"),
            kind("things", "left.out"),
            Kind { watchable: false, ..kind("polled", "metrics.example.org") },
            Kind { watchable: false, ..kind("off", "metrics.example.org") },
        ];
        let exclude = vec!["things.left.out".to_owned()];
        let selection = Selection::new(&SelectionOptions { exclude, ..SelectionOptions::default() });
        let held = ["polled.metrics.example.org".into()].into();
        let silent = unanswered(&discovery, known.iter(), &selection, &held);
        let names: Vec<_> = silent.iter().map(KindKey::as_str).collect();
        let expected = [
            "*.dead.example.org",
            "gizmos.metrics.example.org",
            "polled.metrics.example.org",
            "twos.half.example.org",
        ];
        assert_eq!(names, expected);
    }
}
