//! What goes although neither an event nor a list of its kind said so, and where what is not held is not there.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::object::{IdHash, KindKey, ResourceVersion, Scope};

use super::forbidden::Expired;
use super::source::Source;
use super::sources::KindSources;
use super::{Core, Millis};

/// The kind of namespaces.
const NAMESPACES: &str = "namespaces";
/// Stands for the namespace of cluster-scoped objects.
const CLUSTER: &str = "_cluster";

/// Why entries were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Because {
    /// Their kind was forbidden there for too long.
    Forbidden,
    /// Their kind may not be read there, and the namespace is gone.
    NamespaceGone,
}

/// Entries of one kind that were removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Removed {
    pub(in crate::engine) kind: KindKey,
    pub(in crate::engine) because: Because,
    pub(in crate::engine) count: usize,
}

impl Core {
    /// Deletes every entry for which `condemned(kind, namespace)` holds: the caller has the authority (excluded by
    /// the configuration, vanished from discovery). Returns how many.
    pub(in crate::engine) fn remove(
        &mut self,
        now: Millis,
        condemned: impl Fn(&KindKey, &str) -> bool,
    ) -> usize {
        let gone = self.held.take_where(condemned);
        gone.iter().for_each(|(id, held)| self.delete_held(now, *id, held.key));
        gone.len()
    }

    /// Deletes what may not be read any more and is gone for certain, or has been forbidden for longer than `after`. The
    /// versions of kinds that are stored `apart` can't be compared with those of namespaces: of them nothing is certain.
    pub(in crate::engine) fn remove_unreadable(
        &mut self,
        now: Millis,
        after: Millis,
        apart: &BTreeSet<KindKey>,
    ) -> Vec<Removed> {
        if self.sources.iter().any(|(_, _, source)| source.is_denied()) {
            // How long that has been so must outlive the process.
            self.version_moved.get_or_insert(now);
        }
        let mut removed = self.remove_gone(now, apart);
        removed.extend(self.remove_forbidden(now, after));
        removed.sort_by(|a, b| a.kind.cmp(&b.kind));
        removed
    }

    /// A list was answered 403 that no reader of the scope had asked for; says whether an earlier reader had read there.
    pub(in crate::engine) fn refuse(&mut self, now: Millis, kind: &KindKey, scope: &Scope) -> bool {
        let Some(source) = self.sources.get_mut(kind, scope) else { return false };
        source.deny(now);
        self.version_moved.get_or_insert(now);
        true
    }

    /// A kind is no longer read, for whatever reason: what is held of it is neither forbidden nor gone with its namespace,
    /// until somebody is refused there again.
    pub(in crate::engine) fn leave_unread(&mut self, kind: &KindKey) {
        if let Some(sources) = self.sources.of_kind_mut(kind) {
            sources.pause();
        }
    }

    /// Namespaces in which an earlier run had read a kind, and of which this one has found out nothing.
    pub(in crate::engine) fn undecided(&self, kind: &KindKey) -> Vec<Arc<str>> {
        let sources = self.sources.of(kind).into_iter().flat_map(KindSources::namespaces);
        sources.filter(|(_, source)| source.is_undecided()).map(|(name, _)| name.clone()).collect()
    }

    /// Where everything was read to the end and confirmed in this run, or has been forbidden for longer than `after`:
    /// what is not held there is not there, or not ours to show. After [`Core::distrust`] what was found out before it is
    /// no proof.
    pub(in crate::engine) fn covered(&self, after: Option<Millis>) -> Vec<(KindKey, Scope)> {
        let since = self.distrusted.map_or(Millis::MIN, |(_, since)| since);
        let expired = |source: &Source| {
            after.is_some_and(|after| source.is_forbidden_for(after) && source.is_refused_since(since))
        };
        let mut covered = Vec::new();
        for (kind, sources) in self.sources.kinds() {
            let forbidden = Expired::of(sources, expired);
            let settled = |source: &Source| self.is_current(source) || expired(source);
            let all = sources.namespaces().all(|(_, source)| settled(source));
            for (scope, source) in sources.iter() {
                let forbidden = forbidden.as_ref().is_some_and(|forbidden| match &scope {
                    Scope::All => forbidden.is_everywhere() && all,
                    Scope::Namespace(name) => forbidden.contains(name),
                });
                if self.is_current(source) || forbidden {
                    covered.push((kind.clone(), scope));
                }
            }
        }
        covered
    }

    /// Somebody else may know more of the cluster than was found out up to now: where nothing is held, something may be.
    pub(in crate::engine) fn distrust(&mut self, now: Millis) {
        self.distrusted = Some((self.generation, now));
    }

    /// Whether what a source does not hold is not there, as far as anybody knew up to [`Core::distrust`].
    pub(super) fn is_current(&self, source: &Source) -> bool {
        self.distrusted.map_or(source.is_confirmed(), |(generation, _)| source.is_listed_since(generation))
    }

    /// [`Core::namespaces`], unless that is no proof after [`Core::distrust`].
    pub(in crate::engine) fn current_namespaces(&self) -> Option<HashSet<IdHash>> {
        let source = self.sources.get(&KindKey::from(NAMESPACES), &Scope::All)?;
        self.is_current(source).then(|| self.namespaces()).flatten()
    }

    /// Ids of the documents of all namespaces there are; `None` where that is not known for certain.
    pub(in crate::engine) fn namespaces(&self) -> Option<HashSet<IdHash>> {
        let kind = KindKey::from(NAMESPACES);
        let known = self.sources.get(&kind, &Scope::All).is_some_and(Source::is_confirmed);
        known.then(|| self.held.ids(&kind).collect())
    }

    fn remove_gone(&mut self, now: Millis, apart: &BTreeSet<KindKey>) -> Vec<Removed> {
        let Some(existing) = self.namespaces() else { return Vec::new() };
        let gone = |name: &str| name != CLUSTER && !existing.contains(&namespace_id(name));
        let gone: HashSet<Arc<str>> = self.held.namespaces().filter(|name| gone(name)).cloned().collect();
        if gone.is_empty() {
            return Vec::new();
        }
        // A list that is being read has named newer ones, and not yet all.
        let listed = self.sources.get(&NAMESPACES.into(), &Scope::All).and_then(Source::version);
        let seen = listed.and_then(ResourceVersion::number).unwrap_or(0);
        let mut entries = Vec::new();
        for (kind, sources) in self.sources.kinds_mut().filter(|(kind, _)| !apart.contains(*kind)) {
            let gone: Vec<Arc<str>> =
                gone.iter().filter(|name| sources.is_unreadable(name)).cloned().collect();
            // What is newer than all that is known of namespaces may lie in one that was made anew.
            let taken = self.held.take_known_up_to(kind, |name| gone.iter().any(|own| **own == *name), seen);
            entries.push((kind.clone(), taken));
            for name in gone {
                if !self.held.holds(kind, &Scope::Namespace(name.clone())) {
                    sources.forget_namespace(&name);
                }
            }
        }
        self.delete_all(now, Because::NamespaceGone, entries)
    }

    fn remove_forbidden(&mut self, now: Millis, after: Millis) -> Vec<Removed> {
        let expired = |source: &Source| source.is_forbidden_for(after);
        let mut entries = Vec::new();
        for (kind, sources) in self.sources.kinds_mut() {
            let Some(forbidden) = Expired::of(sources, expired) else { continue };
            entries.push((kind.clone(), self.held.take_within(kind, |name| forbidden.contains(name))));
            sources.empty(expired);
        }
        self.delete_all(now, Because::Forbidden, entries)
    }

    fn delete_all(
        &mut self,
        now: Millis,
        because: Because,
        entries: Vec<(KindKey, Vec<super::Gone>)>,
    ) -> Vec<Removed> {
        let mut removed = Vec::new();
        for (kind, gone) in entries.into_iter().filter(|(_, gone)| !gone.is_empty()) {
            gone.iter().for_each(|(id, held)| self.delete_held(now, *id, held.key));
            removed.push(Removed { kind, because, count: gone.len() });
        }
        removed
    }
}

/// The id of the document of a namespace.
pub(in crate::engine) fn namespace_id(name: &str) -> IdHash {
    IdHash::of(&[CLUSTER, "v1", "Namespace", name].join("/"))
}
