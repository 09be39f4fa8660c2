//! Puts objects into an empty cluster, up to a limit.

use super::Random;
use crate::demo::DemoError;
use crate::demo::store::State;
use crate::object::{KindKey, Object, Owner};

/// Fills a cluster.
pub(super) struct Builder<'a> {
    pub(super) state: &'a mut State,
    pub(super) random: Random,
    pub(super) epoch: i64,
    limit: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(state: &'a mut State, seed: u64, epoch: i64) -> Self {
        Self { state, random: Random::new(seed), epoch, limit: usize::MAX }
    }

    /// From now on, no object beyond so many.
    pub(super) fn limit(&mut self, objects: usize) {
        self.limit = objects;
    }

    pub(super) fn is_full(&self) -> bool {
        self.state.count() >= self.limit
    }

    /// A new object, up to `days` old.
    pub(super) fn object(&mut self, namespace: &str, name: &str, days: usize) -> Object {
        let age = 60 + self.random.below(days.max(1) * 86_400);
        Object {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            uid: self.random.uid(),
            generation: 1,
            created: Some(self.epoch - i64::try_from(age).unwrap_or_default()),
            ..Object::default()
        }
    }

    /// Stores an object, and says how others refer to it as their owner.
    pub(super) fn put(&mut self, kind: &str, object: Object) -> Result<Owner, DemoError> {
        let key = KindKey::from(kind);
        let Some(served) = self.state.catalog.get(&key) else {
            // Older profiles lack some kinds.
            return Ok(Owner::default());
        };
        let owner = Owner {
            api_version: served.kind.api_version(),
            kind: served.kind.kind.clone(),
            name: object.name.clone(),
            uid: object.uid.clone(),
            controller: true,
        };
        if !self.is_full() {
            self.state.apply(&key, object)?;
        }
        Ok(owner)
    }
}

/// Reads `key=value` pairs into a map.
pub(super) fn pairs<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = (String, String)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()))
}
