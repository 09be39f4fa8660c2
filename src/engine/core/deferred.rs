//! Changes in nothing but annotation values, rationed to one write a minute per object; the last state wins.

use std::collections::{BTreeMap, HashMap};

use crate::object::{IdHash, KindKey, ResourceVersion, Scope};

use super::{Item, Millis};

/// Rationed items by id: at most one per object.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    waiting: HashMap<IdHash, Waiting>,
    /// Where each source must go on from, to see what waits of it again: asked for at every commit.
    floors: HashMap<KindKey, HashMap<Scope, Floors>>,
    /// A lower bound of the next due time: cancelled items may leave it early, which costs one wake-up.
    next: Option<Millis>,
}

#[derive(Debug)]
struct Waiting {
    due: Millis,
    kind: KindKey,
    /// The readers that brought a change that waits, each with its source's version before the first of them: a resume
    /// must start there to see it again.
    floors: Vec<(Scope, Floor)>,
    item: Item,
}

/// A version to resume from; `None`: only a list will do.
type Floor = Option<ResourceVersion>;

/// The floors of what waits of one source, and how often each one stands there.
#[derive(Debug, Default)]
struct Floors {
    numbers: BTreeMap<u64, usize>,
    /// Nothing to go on from.
    none: usize,
}

impl Floors {
    fn add(&mut self, floor: Option<&ResourceVersion>) {
        match floor {
            Some(ResourceVersion::Number(number)) => *self.numbers.entry(*number).or_default() += 1,
            // Nothing can be said about it.
            Some(ResourceVersion::Opaque(_)) => {}
            None => self.none += 1,
        }
    }

    fn remove(&mut self, floor: Option<&ResourceVersion>) {
        match floor {
            Some(ResourceVersion::Number(number)) => {
                let left = self.numbers.get(number).map_or(0, |count| count - 1);
                if left == 0 {
                    self.numbers.remove(number);
                } else {
                    self.numbers.insert(*number, left);
                }
            }
            Some(ResourceVersion::Opaque(_)) => {}
            None => self.none = self.none.saturating_sub(1),
        }
    }

    fn cap(&self, version: Option<ResourceVersion>) -> Option<ResourceVersion> {
        match (version?, self.numbers.first_key_value()) {
            _ if self.none > 0 => None,
            (ResourceVersion::Number(version), Some((floor, _))) => {
                Some(ResourceVersion::Number(version.min(*floor)))
            }
            (version, _) => Some(version),
        }
    }
}

impl Deferred {
    pub(super) fn put(&mut self, due: Millis, kind: &KindKey, scope: &Scope, floor: Floor, item: Item) {
        let floor = match (floor, item.entry.version) {
            // Events that came in another order than they happened have moved the version already.
            (Some(ResourceVersion::Number(floor)), Some(version)) => {
                Some(ResourceVersion::Number(floor.min(version.saturating_sub(1))))
            }
            (floor, _) => floor,
        };
        let mut floors = self.remove(item.id).map_or_else(Vec::new, |older| older.floors);
        if floors.iter().all(|(own, _)| own != scope) {
            floors.push((scope.clone(), floor));
        }
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
        let scopes = self.floors.entry(kind.clone()).or_default();
        for (scope, floor) in &floors {
            scopes.entry(scope.clone()).or_default().add(floor.as_ref());
        }
        self.waiting.insert(item.id, Waiting { due, kind: kind.clone(), floors, item });
    }

    /// The storage of a kind went back: what waits was, and where a resume would see it again is of a history that is no
    /// more. A list follows.
    pub(super) fn forget(&mut self, kind: &KindKey) {
        self.waiting.retain(|_, waiting| waiting.kind != *kind);
        self.floors.remove(kind);
    }

    pub(super) fn cancel(&mut self, id: IdHash) {
        self.remove(id);
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        self.next
    }

    pub(super) fn take_due(&mut self, now: Millis, all: bool) -> Vec<(KindKey, Item)> {
        if !all && self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let due: Vec<Waiting> = self
            .waiting
            .extract_if(|_, waiting| all || waiting.due <= now)
            .map(|(_, waiting)| waiting)
            .collect();
        due.iter().for_each(|waiting| self.forget_floor(waiting));
        self.next = self.waiting.values().map(|waiting| waiting.due).min();
        due.into_iter().map(|waiting| (waiting.kind, waiting.item)).collect()
    }

    /// The version that a checkpoint may claim for a source while some of its changes wait.
    pub(super) fn cap(
        &self,
        kind: &KindKey,
        scope: &Scope,
        version: Option<ResourceVersion>,
    ) -> Option<ResourceVersion> {
        match self.floors.get(kind).and_then(|scopes| scopes.get(scope)) {
            Some(floors) => floors.cap(version),
            None => version,
        }
    }

    fn remove(&mut self, id: IdHash) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.forget_floor(&waiting);
        Some(waiting)
    }

    fn forget_floor(&mut self, waiting: &Waiting) {
        let Some(scopes) = self.floors.get_mut(&waiting.kind) else { return };
        for (scope, floor) in &waiting.floors {
            let Some(floors) = scopes.get_mut(scope) else { continue };
            floors.remove(floor.as_ref());
            if floors.numbers.is_empty() && floors.none == 0 {
                scopes.remove(scope);
            }
        }
        if scopes.is_empty() {
            self.floors.remove(&waiting.kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::{Document, Fingerprint, Local, Metadata};
    use crate::index::Entry;
    use crate::object::Key;

    fn item(id: u8, version: Option<u64>) -> Item {
        let document = Document {
            id: id.to_string(),
            text: String::new(),
            metadata: Metadata::default(),
            local: Local::default(),
        };
        let entry = Entry {
            key: Key(u128::from(id)),
            kind: "things".into(),
            document,
            fingerprint: Fingerprint::default(),
            version,
        };
        Item { id: IdHash(u128::from(id)), entry }
    }

    /// What a look at everything that waits says.
    fn looked(deferred: &Deferred, scope: &Scope, version: u64) -> Option<u64> {
        let all = deferred.waiting.values().flat_map(|waiting| &waiting.floors);
        let mut own = all.filter(|(own, _)| own == scope);
        own.try_fold(version, |lowest, (_, floor)| {
            let floor = floor.as_ref()?;
            Some(floor.number().map_or(lowest, |floor| floor.min(lowest)))
        })
    }

    proptest! {
        #[test]
        fn a_checkpoint_is_capped_as_if_everything_that_waits_was_looked_at(
            steps in proptest::collection::vec((0..6u8, 0..3u8, proptest::option::of(0..9u64), 0..4u8), 0..60),
        ) {
            let kind = KindKey::from("things");
            let scopes = [Scope::All, Scope::Namespace("a".into()), Scope::Namespace("b".into())];
            let mut deferred = Deferred::default();
            for (now, (id, scope, floor, what)) in (0..).zip(steps) {
                let scope = &scopes[usize::from(scope)];
                match what {
                    0 if id == 0 => deferred.forget(&kind),
                    0 => deferred.cancel(IdHash(u128::from(id))),
                    1 => drop(deferred.take_due(now, false)),
                    _ => {
                        let floor = floor.map(ResourceVersion::Number);
                        deferred.put(now + 7, &kind, scope, floor, item(id, Some(8)));
                    }
                }
                for scope in &scopes {
                    let capped = deferred.cap(&kind, scope, Some(ResourceVersion::Number(100)));
                    let capped = capped.and_then(|version| version.number());
                    prop_assert_eq!(capped, looked(&deferred, scope, 100));
                }
            }
            deferred.take_due(0, true);
            prop_assert!(deferred.floors.is_empty(), "nothing waits, and nothing is kept of it");
        }
    }
}
