//! Where a kind may not be read, and for how long that has been so.

use std::collections::HashMap;
use std::sync::Arc;

use super::Millis;
use super::source::Source;
use super::sources::KindSources;

/// For how long one source has been forbidden: from the first 403 of a list to the last one, and what earlier runs had
/// counted. What nobody asked for meanwhile, and the time between two runs, prove nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refusals {
    before: Millis,
    /// The first and the last one in this run.
    seen: Option<(Millis, Millis)>,
}

impl Refusals {
    /// What an earlier run had counted.
    pub(super) fn restore(before: Millis) -> Self {
        Self { before, seen: None }
    }

    /// A list was answered 403.
    pub(super) fn note(&mut self, now: Millis) {
        let first = self.seen.map_or(now, |(first, _)| first);
        self.seen = Some((first, now));
    }

    /// Whether this run was refused: an old 403 alone is no proof.
    pub(super) fn are_seen(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether a list was answered 403 after this time.
    pub(super) fn is_noted_since(&self, since: Millis) -> bool {
        self.seen.is_some_and(|(_, last)| last > since)
    }

    /// How long it has been forbidden.
    pub(super) fn time(&self) -> Millis {
        self.before + self.seen.map_or(0, |(first, last)| last - first)
    }
}

/// Where a kind has been forbidden for too long: an object is that if nobody who could see it may, or may only since
/// lately.
pub(super) struct Expired {
    all: Option<bool>,
    namespaces: HashMap<Arc<str>, bool>,
}

impl Expired {
    /// `None` where nothing is.
    pub(super) fn of(sources: &KindSources, expired: impl Fn(&Source) -> bool) -> Option<Self> {
        let all = sources.all().map(&expired);
        let namespaces = sources.namespaces().map(|(name, source)| (name.clone(), expired(source)));
        let own = Self { all, namespaces: namespaces.collect() };
        let any = own.all == Some(true) || own.namespaces.values().any(|expired| *expired);
        any.then_some(own)
    }

    /// Whether what lies in this namespace is forbidden for too long.
    pub(super) fn contains(&self, namespace: &str) -> bool {
        let readers = [self.all, self.namespaces.get(namespace).copied()];
        readers.contains(&Some(true)) && !readers.contains(&Some(false))
    }

    /// Whether that is so of all namespaces but those whose own source says otherwise.
    pub(super) fn is_everywhere(&self) -> bool {
        self.all == Some(true)
    }
}
