//! What is seen to change that rights depend on: roles, bindings, and which namespaces there are. A change of a
//! namespace's labels, or a list that names what is known, is none.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::cluster::watch::Event;
use crate::object::{Kind, Object};

/// Whoever waits for such changes.
#[derive(Debug, Default)]
pub(super) struct Stirred {
    /// A role or a binding has changed.
    pub(super) rights: Notify,
    /// A namespace was made, or is gone.
    pub(super) namespaces: Notify,
}

/// What the events of one reader say of that.
#[derive(Debug)]
pub(super) struct Stirs {
    stirred: Arc<Stirred>,
    namespaces: bool,
    /// Hashes: of an object's name, and of what counts of it.
    known: HashMap<u64, u64>,
    /// What the list that is being read has named.
    listing: HashMap<u64, u64>,
}

impl Stirs {
    /// `None` for kinds that rights do not depend on.
    pub(super) fn of(kind: &Kind, stirred: &Arc<Stirred>) -> Option<Self> {
        let namespaces = kind.key().as_str() == "namespaces";
        let wanted = namespaces || kind.group == "rbac.authorization.k8s.io";
        let (known, listing) = (HashMap::new(), HashMap::new());
        wanted.then(|| Self { stirred: stirred.clone(), namespaces, known, listing })
    }

    /// Takes an event.
    pub(super) fn see(&mut self, event: &Event) {
        let news = match event {
            Event::ListStarted { .. } => {
                self.listing.clear();
                false
            }
            Event::Listed(objects) => {
                let marks: Vec<_> = objects.iter().map(|object| self.mark(object)).collect();
                self.listing.extend(marks);
                false
            }
            Event::ListEnded(_) => {
                let before = std::mem::replace(&mut self.known, std::mem::take(&mut self.listing));
                before != self.known
            }
            Event::Upserted(object) => {
                let (name, content) = self.mark(object);
                self.known.insert(name, content) != Some(content)
            }
            Event::Deleted(object) => {
                self.known.remove(&self.mark(object).0);
                true
            }
            Event::ListFailed
            | Event::Bookmark(_)
            | Event::Regressed
            | Event::AnotherCluster
            | Event::Restarted
            | Event::State(_) => false,
        };
        if news {
            let who = if self.namespaces { &self.stirred.namespaces } else { &self.stirred.rights };
            who.notify_one();
        }
    }

    fn mark(&self, object: &Object) -> (u64, u64) {
        let content = if self.namespaces { 0 } else { hash(&object.resource_version) };
        (hash(&(&object.namespace, &object.name)), content)
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn object(name: &str, version: &str) -> Object {
        Object { name: name.into(), resource_version: version.into(), ..Object::default() }
    }

    fn stirs(group: &str, plural: &str) -> Stirs {
        let kind = Kind {
            group: group.into(),
            version: "v1".into(),
            kind: "Thing".into(),
            plural: plural.into(),
            singular: String::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: false,
            watchable: true,
        };
        Stirs::of(&kind, &Arc::default()).unwrap()
    }

    /// Which of these events are news.
    fn news(mut own: Stirs, events: Vec<Event>) -> Vec<bool> {
        let each = events.into_iter().map(|event| {
            own.see(&event);
            let who = if own.namespaces { &own.stirred.namespaces } else { &own.stirred.rights };
            who.notified().now_or_never().is_some()
        });
        each.collect()
    }

    fn list(names: &[&str]) -> [Event; 3] {
        let objects = names.iter().map(|name| object(name, "1")).collect();
        let started = Event::ListStarted { consistent: true, reread: false };
        [started, Event::Listed(objects), Event::ListEnded(None)]
    }

    #[test]
    fn only_namespaces_that_come_and_go_are_news() {
        let mut events: Vec<Event> = list(&["a", "b"]).into();
        events.push(Event::Upserted(Box::new(object("a", "7"))));
        events.push(Event::Upserted(Box::new(object("c", "8"))));
        events.push(Event::Deleted(Box::new(object("b", "9"))));
        events.extend(list(&["a", "c"]));
        events.extend(list(&["c"]));
        let expected = [false, false, true, false, true, true, false, false, false, false, false, true];
        assert_eq!(news(stirs("", "namespaces"), events), expected);
    }

    #[test]
    fn every_change_of_a_role_is_news_and_a_list_of_what_is_known_is_none() {
        let mut events: Vec<Event> = list(&["a"]).into();
        events.extend(list(&["a"]));
        events.push(Event::Upserted(Box::new(object("a", "2"))));
        events.push(Event::Upserted(Box::new(object("a", "2"))));
        let expected = [false, false, true, false, false, false, true, false];
        assert_eq!(news(stirs("rbac.authorization.k8s.io", "roles"), events), expected);
    }
}
