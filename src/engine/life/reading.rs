//! One reading of discovery, sorted by what the configuration wants of each kind; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::plan::Reading;
use crate::cluster::discovery::{Discovery, Freshness};
use crate::cluster::selection::{Decision, Selection};
use crate::object::KindKey;

/// What a reading comes to.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// For the plan.
    pub(super) reading: Reading,
    /// Kinds that a rule excludes, served or only held, with the rule.
    pub(super) excluded: BTreeMap<KindKey, String>,
    /// Kinds that offer no watch and were never read.
    pub(super) unwatchable: BTreeSet<KindKey>,
}

impl Sorted {
    /// Sorts the kinds of a reading; `held` are those that the index has entries of, or had.
    pub(super) fn new(discovery: &Discovery, selection: &Selection, held: &BTreeSet<KindKey>) -> Self {
        let mut own = Self::default();
        for kind in &discovery.kinds {
            match selection.decide(kind) {
                Decision::Excluded { .. } => {}
                Decision::Unwatchable if !held.contains(&kind.key()) => {
                    own.unwatchable.insert(kind.key());
                }
                Decision::Read | Decision::Unwatchable => own.reading.kinds.push(kind.clone()),
            }
        }
        // A kind that is not served may be excluded as well: its entries go.
        let all = discovery.kinds.iter().map(|kind| kind.key()).chain(held.iter().cloned());
        own.excluded = all.filter_map(|key| selection.excludes(&key).map(|rule| (key, rule))).collect();
        own.reading.served = discovery.served.clone();
        own.reading.named = discovery.named.clone();
        own.reading.groups = discovery.groups.clone();
        // The core group is no member of the list of groups.
        let mut groups = discovery.groups.iter().filter(|(group, _)| !group.is_empty());
        own.reading.groups_current = groups.any(|(_, freshness)| *freshness == Freshness::Current);
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::selection::SelectionOptions;
    use crate::object::Kind;

    fn kind(plural: &str, watchable: bool) -> Kind {
        Kind {
            group: "e.org".into(),
            version: "v1".into(),
            kind: plural.into(),
            plural: plural.into(),
            singular: String::new(),
            short_names: vec![],
            categories: vec![],
            namespaced: true,
            watchable,
        }
    }

    fn keys<'a>(keys: impl IntoIterator<Item = &'a KindKey>) -> Vec<&'a str> {
        keys.into_iter().map(KindKey::as_str).collect()
    }

    #[test]
    fn kinds_without_watch_are_read_while_something_of_them_is_held_and_what_is_excluded_need_not_be_served()
    {
        let kinds =
            vec![kind("watched", true), kind("held", false), kind("silent", false), kind("out", true)];
        let discovery = Discovery { kinds, ..Discovery::default() };
        let exclude = vec!["out.e.org".to_owned(), "away.e.org".to_owned(), "never.e.org".to_owned()];
        let selection = Selection::new(&SelectionOptions { exclude, ..SelectionOptions::default() });
        let held = ["held.e.org", "away.e.org", "lost.e.org"].map(KindKey::from).into();
        let sorted = Sorted::new(&discovery, &selection, &held);
        let read: Vec<KindKey> = sorted.reading.kinds.iter().map(Kind::key).collect();
        assert_eq!(keys(&read), ["watched.e.org", "held.e.org"]);
        assert_eq!(keys(&sorted.unwatchable), ["silent.e.org"]);
        assert_eq!(keys(sorted.excluded.keys()), ["away.e.org", "out.e.org"]);
    }

    #[test]
    fn the_core_group_alone_says_nothing_of_which_groups_there_are() {
        let current = |groups: &[(&str, Freshness)]| {
            let groups = groups.iter().map(|(group, freshness)| ((*group).to_owned(), *freshness)).collect();
            let discovery = Discovery { groups, ..Discovery::default() };
            Sorted::new(&discovery, &Selection::default(), &BTreeSet::new()).reading.groups_current
        };
        assert!(current(&[("", Freshness::Unknown), ("apps", Freshness::Current)]));
        assert!(!current(&[("", Freshness::Current), ("apps", Freshness::Unknown)]));
    }
}
