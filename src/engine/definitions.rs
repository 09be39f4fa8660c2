//! CustomResourceDefinitions and APIServices, watched as metadata: the signal to read discovery again, and the proof
//! that a kind is gone for certain. They are not documents here.

use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::cluster::watch::{Answer, Event, Sink, State};
use crate::object::Kind;

/// Names of the objects that define kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The names; `None` before the first complete list, while the watch is broken, and where they may not be read.
    pub(super) known: Option<BTreeSet<String>>,
    /// Whether the first answer, good or bad, has come.
    pub(super) answered: bool,
    /// Grows with every event, so that a waiter sees updates that change no name (a CRD that is served now).
    pub(super) changes: u64,
}

/// Publishes names to a watch channel.
pub(super) struct NameSink {
    names: watch::Sender<Names>,
    listing: BTreeSet<String>,
    /// As of the last list and the events since; not published while events may be missing.
    all: Option<BTreeSet<String>>,
}

impl NameSink {
    pub(super) fn new() -> (Self, watch::Receiver<Names>) {
        let (names, receiver) = watch::channel(Names::default());
        (Self { names, listing: BTreeSet::new(), all: None }, receiver)
    }

    fn event(&mut self, change: impl FnOnce(&mut BTreeSet<String>)) {
        self.all.as_mut().map(change);
        self.names.send_modify(|names| {
            if names.known.is_some() {
                names.known.clone_from(&self.all);
            }
            names.changes += 1;
        });
    }

    /// Everything up to now was seen.
    fn sure(&mut self) {
        self.names.send_modify(|names| {
            names.known.clone_from(&self.all);
            names.answered = true;
            names.changes += 1;
        });
    }
}

impl Sink for NameSink {
    async fn send(&mut self, event: Event) -> Answer {
        match event {
            Event::ListStarted { .. } => self.listing.clear(),
            Event::Listed(objects) => self.listing.extend(objects.into_iter().map(|object| object.name)),
            Event::ListEnded(_) => {
                self.all = Some(std::mem::take(&mut self.listing));
                self.sure();
            }
            Event::Upserted(object) => self.event(|all| {
                all.insert(object.name);
            }),
            Event::Deleted(object) => self.event(|all| {
                all.remove(&object.name);
            }),
            // A watch that broke goes on where it was: what the list named is still true.
            Event::State(State::Live) if self.all.is_some() && self.names.borrow().known.is_none() => {
                self.sure()
            }
            Event::State(
                State::Forbidden(_) | State::NotServed | State::Failing(_) | State::Unconfirmed(_),
            ) => {
                self.names.send_if_modified(|names| {
                    let news = names.known.is_some() || !names.answered;
                    names.known = None;
                    names.answered = true;
                    news
                });
            }
            Event::State(_)
            | Event::ListFailed
            | Event::Bookmark(_)
            | Event::Regressed
            | Event::Restarted
            | Event::AnotherCluster => {}
        }
        Answer::Continue
    }
}

/// The kind of CustomResourceDefinitions.
pub(super) fn crds() -> Kind {
    definition("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions")
}

/// The kind of APIServices.
pub(super) fn api_services() -> Kind {
    definition("apiregistration.k8s.io", "APIService", "apiservices")
}

fn definition(group: &str, kind: &str, plural: &str) -> Kind {
    Kind {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: String::new(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: false,
        watchable: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn named(name: &str) -> Object {
        Object { name: name.to_owned(), ..Object::default() }
    }

    #[tokio::test]
    async fn after_a_broken_watch_the_names_are_those_of_the_list_and_not_only_of_the_next_event() {
        let (mut sink, names) = NameSink::new();
        let known =
            || names.borrow().known.clone().map(|known| known.into_iter().collect::<Vec<_>>().join(" "));
        // an event before any list proves nothing
        sink.send(Event::Upserted(Box::new(named("early")))).await;
        assert_eq!(known(), None);
        sink.send(Event::ListStarted { consistent: true, reread: false }).await;
        sink.send(Event::Listed(vec![named("a"), named("b")])).await;
        sink.send(Event::ListEnded(None)).await;
        assert_eq!(known().as_deref(), Some("a b"));
        sink.send(Event::State(State::Failing("broken".into()))).await;
        assert_eq!(known(), None);
        sink.send(Event::Deleted(Box::new(named("b")))).await;
        sink.send(Event::Upserted(Box::new(named("c")))).await;
        assert_eq!(known(), None);
        sink.send(Event::State(State::Live)).await;
        assert_eq!(known().as_deref(), Some("a c"));
    }
}
