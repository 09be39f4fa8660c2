//! Where a kind may not be read, and since when.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::Source;
use super::sources::KindSources;

/// Where a kind has been forbidden for too long: an object is that if nobody who could see it may, or may only since
/// lately.
pub(super) struct Forbidden {
    all: Option<bool>,
    namespaces: HashMap<Arc<str>, bool>,
}

impl Forbidden {
    /// `None` where nothing is.
    pub(super) fn of(sources: &KindSources, expired: impl Fn(&Source) -> bool) -> Option<Self> {
        let all = sources.all().map(&expired);
        let namespaces = sources.namespaces().map(|(name, source)| (name.clone(), expired(source)));
        let own = Self { all, namespaces: namespaces.collect() };
        let any = own.all == Some(true) || own.namespaces.values().any(|expired| *expired);
        any.then_some(own)
    }

    pub(super) fn contains(&self, namespace: &str) -> bool {
        let readers = [self.all, self.namespaces.get(namespace).copied()];
        readers.contains(&Some(true)) && !readers.contains(&Some(false))
    }
}
