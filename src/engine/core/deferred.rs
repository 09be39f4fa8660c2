//! Changes in nothing but annotation values, rationed to one write a minute per object; the last state wins.

use std::collections::HashMap;

use crate::object::{IdHash, KindKey, ResourceVersion, Scope};

use super::{Item, Millis};

/// Rationed items by id: at most one per object.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    waiting: HashMap<IdHash, Waiting>,
    /// A lower bound of the next due time: cancelled items may leave it early, which costs one wake-up.
    next: Option<Millis>,
}

#[derive(Debug)]
struct Waiting {
    due: Millis,
    kind: KindKey,
    scope: Scope,
    /// The source's version before the first change that waits: a resume must start there to see it again.
    floor: Option<ResourceVersion>,
    item: Item,
}

impl Deferred {
    pub(super) fn put(
        &mut self,
        due: Millis,
        kind: &KindKey,
        scope: &Scope,
        floor: Option<ResourceVersion>,
        item: Item,
    ) {
        let floor = match (floor, item.entry.version) {
            // Events that came in another order than they happened have moved the version already.
            (Some(ResourceVersion::Number(floor)), Some(version)) => {
                Some(ResourceVersion::Number(floor.min(version.saturating_sub(1))))
            }
            (floor, _) => floor,
        };
        let floor = self.waiting.remove(&item.id).map_or(floor, |older| older.floor);
        let waiting = Waiting { due, kind: kind.clone(), scope: scope.clone(), floor, item };
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
        self.waiting.insert(waiting.item.id, waiting);
    }

    pub(super) fn cancel(&mut self, id: IdHash) {
        self.waiting.remove(&id);
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        self.next
    }

    pub(super) fn take_due(&mut self, now: Millis, all: bool) -> Vec<(KindKey, Item)> {
        if !all && self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let due = self.waiting.extract_if(|_, waiting| all || waiting.due <= now);
        let taken = due.map(|(_, waiting)| (waiting.kind, waiting.item)).collect();
        self.next = self.waiting.values().map(|waiting| waiting.due).min();
        taken
    }

    /// The version that a checkpoint may claim for a source while some of its changes wait.
    pub(super) fn cap(
        &self,
        kind: &KindKey,
        scope: &Scope,
        version: Option<ResourceVersion>,
    ) -> Option<ResourceVersion> {
        let own = self.waiting.values().filter(|waiting| waiting.kind == *kind && waiting.scope == *scope);
        own.fold(version, |lowest, waiting| match (&lowest, &waiting.floor) {
            (Some(ResourceVersion::Number(low)), Some(ResourceVersion::Number(floor))) if floor < low => {
                waiting.floor.clone()
            }
            (_, None) => None,
            (_, Some(_)) => lowest,
        })
    }
}
