//! The kinds that are served now: built-in ones, and those that come and go.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::Formats;
use super::kinds::ALL_VERBS;
use crate::object::{Kind, KindKey};

/// Where a kind comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    BuiltIn,
    /// A CustomResourceDefinition.
    Custom,
    /// An API server behind an APIService.
    Aggregated,
}

/// A conversion webhook that can't be reached, so that the watch cache of its kind is never filled.
#[derive(Debug, Clone)]
pub(super) struct Unconverted {
    /// What the API server says where it says it.
    pub(super) why: String,
    pub(super) since: Instant,
}

/// How discovery shows a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Listing {
    /// As it is.
    #[default]
    Current,
    /// Without its kinds and marked as stale, as the aggregator does when its API server can't be asked.
    Stale,
    /// Not at all.
    Missing,
}

/// One served kind.
#[derive(Debug, Clone)]
pub(super) struct Served {
    /// In its preferred version.
    pub(super) kind: Kind,
    /// Every served version.
    pub(super) versions: Vec<String>,
    pub(super) origin: Origin,
    pub(super) verbs: Vec<String>,
    pub(super) subresources: Vec<String>,
    pub(super) formats: Formats,
    /// Versions are not numbers.
    pub(super) opaque_versions: bool,
    /// So many requests still answer that the storage is being initialised.
    pub(super) initializing: u32,
    /// Its conversion webhook does not answer.
    pub(super) unconverted: Option<Unconverted>,
    /// Not served now, though its definition or APIService stands.
    pub(super) hidden: bool,
    /// Position in discovery, and which coming of the kind this is.
    pub(super) rank: u64,
}

impl Served {
    pub(super) fn new(kind: Kind, versions: Vec<String>, origin: Origin) -> Self {
        Self {
            kind,
            versions,
            origin,
            verbs: ALL_VERBS.iter().map(|&verb| verb.to_owned()).collect(),
            subresources: Vec::new(),
            formats: Formats::All,
            opaque_versions: false,
            initializing: 0,
            unconverted: None,
            hidden: false,
            rank: 0,
        }
    }

    /// Whether it can do this: `list`, `watch` and so on.
    pub(super) fn has(&self, verb: &str) -> bool {
        self.verbs.iter().any(|own| *own == verb)
    }

    /// A revision as this kind writes it.
    pub(super) fn version_text(&self, revision: u64) -> String {
        if self.opaque_versions { format!("r{revision:x}") } else { revision.to_string() }
    }

    /// Reads a resourceVersion.
    pub(super) fn version_number(&self, text: &str) -> Option<u64> {
        match self.opaque_versions {
            true if text == "0" => Some(0),
            true => u64::from_str_radix(text.strip_prefix('r')?, 16).ok(),
            false => text.parse().ok(),
        }
    }
}

/// Every kind, in the order of discovery.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog {
    kinds: BTreeMap<KindKey, Served>,
    next_rank: u64,
    /// Preferred version where it is not the first that came.
    preferred: BTreeMap<String, String>,
    /// Groups whose API server does not answer.
    broken: BTreeSet<String>,
    /// How groups are listed where not as they are.
    listings: BTreeMap<String, Listing>,
}

impl Catalog {
    pub(super) fn new(kinds: Vec<Served>) -> Self {
        let mut own = Self::default();
        kinds.into_iter().for_each(|served| own.add(served));
        own
    }

    pub(super) fn add(&mut self, mut served: Served) {
        served.rank = self.next_rank;
        self.next_rank += 1;
        self.kinds.insert(served.kind.key(), served);
    }

    pub(super) fn remove(&mut self, key: &KindKey) -> Option<Served> {
        self.kinds.remove(key)
    }

    pub(super) fn get(&self, key: &KindKey) -> Option<&Served> {
        self.kinds.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &KindKey) -> Option<&mut Served> {
        self.kinds.get_mut(key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Served> {
        self.kinds.values()
    }

    pub(super) fn is_broken(&self, group: &str) -> bool {
        self.broken.contains(group)
    }

    pub(super) fn set_broken(&mut self, group: &str, broken: bool) {
        if broken {
            self.broken.insert(group.to_owned());
        } else {
            self.broken.remove(group);
        }
    }

    /// How discovery shows a group.
    pub(super) fn listing(&self, group: &str) -> Listing {
        match self.listings.get(group) {
            None | Some(Listing::Current) if self.is_broken(group) => Listing::Stale,
            listing => listing.copied().unwrap_or_default(),
        }
    }

    pub(super) fn set_listing(&mut self, group: &str, listing: Listing) {
        self.listings.insert(group.to_owned(), listing);
    }

    /// Prefers `version` for every kind of the group that has it.
    pub(super) fn prefer(&mut self, group: &str, version: &str) {
        self.preferred.insert(group.to_owned(), version.to_owned());
        for served in self.kinds.values_mut().filter(|served| served.kind.group == group) {
            if served.versions.iter().any(|own| own == version) {
                served.kind.version = version.to_owned();
            }
        }
    }

    /// Every group in the order of discovery, its versions (preferred first), and each version's kinds.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        // Of a custom resource that is not served nothing is left; an APIService keeps its group and version.
        let shown =
            self.kinds.values().filter(|served| !served.hidden || served.origin == Origin::Aggregated);
        let mut ranked: Vec<_> =
            shown.filter(|served| self.listing(&served.kind.group) != Listing::Missing).collect();
        ranked.sort_by_key(|served| served.rank);
        let mut groups: Vec<Group<'_>> = Vec::new();
        for served in ranked {
            let position = groups.iter().position(|group| group.name == served.kind.group);
            let position = position.unwrap_or_else(|| {
                groups.push(Group { name: &served.kind.group, versions: Vec::new() });
                groups.len() - 1
            });
            for version in &served.versions {
                let versions = &mut groups[position].versions;
                let place = versions.iter().position(|(name, _)| name == version).unwrap_or_else(|| {
                    versions.push((version, Vec::new()));
                    versions.len() - 1
                });
                if !served.hidden {
                    versions[place].1.push(served);
                }
            }
        }
        for group in &mut groups {
            let preferred = self.preferred.get(group.name).map(String::as_str);
            group.versions.sort_by_key(|(version, _)| Some(*version) != preferred);
        }
        groups
    }
}

/// One API group as discovery lists it.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) versions: Vec<(&'a str, Vec<&'a Served>)>,
}
