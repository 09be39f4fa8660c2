//! Kinds that are gone for certain, remembered beside the index: neither discovery nor the index knows them any more,
//! but a mirror may still hold records of them (its store was away, or this program was killed before they went).

use crate::cluster::watch::describe;
use crate::index::Store;
use crate::object::Kind;

use super::kept::VANISHED;

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
