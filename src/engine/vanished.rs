//! Kinds that are gone for certain, remembered beside the index: neither discovery nor the index knows them any more,
//! but a mirror may still hold records of them (its store was away, or this program was killed before they went).

use std::collections::BTreeMap;

use crate::cluster::watch::describe;
use crate::index::Store;
use crate::object::{Kind, KindKey};

/// The file.
const VANISHED: &str = "vanished.json";

/// The kinds by key.
#[derive(Debug, Default)]
pub(super) struct Vanished(BTreeMap<KindKey, Kind>);

impl Vanished {
    /// What earlier runs saw vanish.
    pub(super) fn restore(store: &Store) -> Self {
        Self(read(store).into_iter().map(|kind| (kind.key(), kind)).collect())
    }

    /// Takes note of one reading: which kinds are served, and which are gone for certain. Written before anything is
    /// done about it.
    pub(super) fn note(
        &mut self,
        store: &Store,
        served: impl IntoIterator<Item = KindKey>,
        gone: impl IntoIterator<Item = Kind>,
    ) {
        let before = self.0.len();
        served.into_iter().for_each(|key| {
            self.0.remove(&key);
        });
        let mut changed = self.0.len() != before;
        for kind in gone {
            changed |= self.0.insert(kind.key(), kind).is_none();
        }
        if changed && let Err(error) = store.write_json(VANISHED, &self.0.values().collect::<Vec<_>>()) {
            tracing::warn!(error = describe(&error), "vanished kinds could not be written");
        }
    }
}

/// The kinds that have vanished and not come back.
pub(super) fn read(store: &Store) -> Vec<Kind> {
    match store.read_json(VANISHED) {
        Ok(kinds) => kinds.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(error = describe(&error), "vanished kinds are forgotten: their records stay");
            Vec::new()
        }
    }
}
