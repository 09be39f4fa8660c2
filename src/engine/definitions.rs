//! CustomResourceDefinitions and APIServices, watched as metadata: the signal to read discovery again, and the proof
//! that a kind is gone for certain. They are not documents here.

use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::cluster::watch::{Answer, Event, Sink, State};
use crate::object::{Kind, Object};

/// The label of every APIService that the API server keeps itself, for its own groups and for those of CRDs. One
/// without it leads to another API server.
const OWN_SERVICE: &str = "kube-aggregator.kubernetes.io/automanaged";

/// Whether something can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sight<T> {
    /// Not yet, or not for the moment: what was seen last may have changed.
    #[default]
    Unsure,
    /// It may not be read, or is not served.
    Hidden,
    /// This is all of it.
    Seen(T),
}

impl<T> Sight<T> {
    /// The same sight of something else.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Sight<U> {
        match self {
            Self::Unsure => Sight::Unsure,
            Self::Hidden => Sight::Hidden,
            Self::Seen(seen) => Sight::Seen(change(seen)),
        }
    }
}

/// Names of the objects that define kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    sight: Sight<()>,
    /// As of the last complete list and the events since.
    all: BTreeSet<String>,
    /// Those of them that the API server did not make itself.
    foreign: BTreeSet<String>,
    /// Whether a list was ever complete.
    listed: bool,
    /// Whether the first answer, good or bad, has come.
    pub(super) answered: bool,
    /// Grows with every event, so that a waiter sees updates that change no name (a CRD that is served now).
    pub(super) updates: u64,
    /// Grows when names come or go, or the sight of them.
    pub(super) arrivals: u64,
}

impl Names {
    /// All names, where all can be seen.
    pub(super) fn known(&self) -> Option<&BTreeSet<String>> {
        (self.sight == Sight::Seen(())).then_some(&self.all)
    }

    /// All names.
    pub(super) fn all(&self) -> Sight<&BTreeSet<String>> {
        self.sight.map(|()| &self.all)
    }

    /// Those that the API server did not make itself.
    pub(super) fn foreign(&self) -> Sight<&BTreeSet<String>> {
        self.sight.map(|()| &self.foreign)
    }

    fn see(&mut self, sight: Sight<()>) {
        if std::mem::replace(&mut self.sight, sight) != sight {
            self.arrivals += 1;
        }
        self.answered = true;
        self.updates += 1;
    }

    fn replace(&mut self, all: BTreeSet<String>, foreign: BTreeSet<String>) {
        if self.all != all || self.foreign != foreign {
            self.arrivals += 1;
        }
        (self.all, self.foreign, self.listed) = (all, foreign, true);
        self.see(Sight::Seen(()));
    }

    fn insert(&mut self, object: Object) {
        self.updates += 1;
        // An event before any list proves nothing.
        if !self.listed {
            return;
        }
        let foreign = match is_foreign(&object) {
            true => self.foreign.insert(object.name.clone()),
            false => self.foreign.remove(&object.name),
        };
        self.arrivals += u64::from(self.all.insert(object.name) || foreign);
    }

    fn remove(&mut self, name: &str) {
        self.updates += 1;
        self.foreign.remove(name);
        self.arrivals += u64::from(self.all.remove(name));
    }
}

fn is_foreign(object: &Object) -> bool {
    !object.labels.contains_key(OWN_SERVICE)
}

/// Follows the names of one kind of definitions.
pub(super) struct Signal {
    names: watch::Receiver<Names>,
    arrivals: u64,
}

impl Signal {
    /// One that is silent.
    pub(super) fn none() -> Self {
        Self::new(watch::channel(Names::default()).1)
    }

    /// Follows what a sink publishes.
    pub(super) fn new(names: watch::Receiver<Names>) -> Self {
        Self { names, arrivals: 0 }
    }

    /// What is known now.
    pub(super) fn names(&self) -> watch::Ref<'_, Names> {
        self.names.borrow()
    }

    /// Waits for the first answer, good or bad; what has happened up to then is no news.
    pub(super) async fn answered(&mut self) {
        // Where nobody publishes any more, nothing is known.
        _ = self.names.wait_for(|names| names.answered).await;
        self.arrivals = self.names.borrow_and_update().arrivals;
    }

    /// Waits for the next event; says whether names came or went, or the sight of them.
    pub(super) async fn changed(&mut self) -> bool {
        if self.names.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let arrivals = self.names.borrow_and_update().arrivals;
        std::mem::replace(&mut self.arrivals, arrivals) != arrivals
    }
}

/// Publishes names to a watch channel.
pub(super) struct NameSink {
    names: watch::Sender<Names>,
    listing: BTreeSet<String>,
    listing_foreign: BTreeSet<String>,
}

impl NameSink {
    pub(super) fn new() -> (Self, Signal) {
        let (names, receiver) = watch::channel(Names::default());
        (Self { names, listing: BTreeSet::new(), listing_foreign: BTreeSet::new() }, Signal::new(receiver))
    }

    fn list(&mut self, objects: Vec<Object>) {
        for object in objects {
            if is_foreign(&object) {
                self.listing_foreign.insert(object.name.clone());
            }
            self.listing.insert(object.name);
        }
    }

    /// The names can't be relied on for now.
    fn lose(&self, sight: Sight<()>) {
        self.names.send_if_modified(|names| {
            let news = names.sight != sight || !names.answered;
            if news {
                names.see(sight);
            }
            news
        });
    }
}

impl Sink for NameSink {
    async fn send(&mut self, event: Event) -> Answer {
        match event {
            Event::ListStarted { .. } => {
                self.listing.clear();
                self.listing_foreign.clear();
            }
            Event::Listed(objects) => self.list(objects),
            Event::ListEnded(_) => {
                let (all, foreign) =
                    (std::mem::take(&mut self.listing), std::mem::take(&mut self.listing_foreign));
                self.names.send_modify(|names| names.replace(all, foreign));
            }
            Event::Upserted(object) => self.names.send_modify(|names| names.insert(*object)),
            Event::Deleted(object) => self.names.send_modify(|names| names.remove(&object.name)),
            // A watch that broke goes on where it was: what the list named is still true.
            Event::State(State::Live) if self.names.borrow().listed => {
                self.names.send_if_modified(|names| {
                    let news = names.sight != Sight::Seen(());
                    if news {
                        names.see(Sight::Seen(()));
                    }
                    news
                });
            }
            Event::State(State::Forbidden(_) | State::NotServed) => self.lose(Sight::Hidden),
            Event::State(State::Failing(_) | State::Unconfirmed(_)) => self.lose(Sight::Unsure),
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
        let known = || {
            let names = names.names();
            names.known().map(|known| known.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
        };
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

    #[tokio::test]
    async fn what_may_not_be_read_is_hidden_and_what_fails_is_unsure() {
        let (mut sink, names) = NameSink::new();
        let sight = || names.names().all().map(|_| ());
        assert_eq!((sight(), names.names().answered), (Sight::Unsure, false));
        sink.send(Event::State(State::Forbidden("no".into()))).await;
        assert_eq!((sight(), names.names().answered), (Sight::Hidden, true));
        sink.send(Event::ListStarted { consistent: true, reread: false }).await;
        sink.send(Event::ListEnded(None)).await;
        assert_eq!(sight(), Sight::Seen(()));
        sink.send(Event::State(State::Failing("broken".into()))).await;
        assert_eq!(sight(), Sight::Unsure);
        sink.send(Event::State(State::NotServed)).await;
        assert_eq!(sight(), Sight::Hidden);
    }

    #[tokio::test]
    async fn an_api_service_of_another_server_lacks_the_label_of_those_that_are_kept_by_the_api_server() {
        let (mut sink, names) = NameSink::new();
        let own = |name: &str| {
            let mut object = named(name);
            object.labels.insert(OWN_SERVICE.to_owned(), "onstart".to_owned());
            object
        };
        let foreign = || names.names().foreign().map(|names| names.iter().cloned().collect::<Vec<_>>());
        sink.send(Event::ListStarted { consistent: true, reread: false }).await;
        sink.send(Event::Listed(vec![own("v1.apps"), named("v1.metrics.k8s.io")])).await;
        sink.send(Event::ListEnded(None)).await;
        assert_eq!(foreign(), Sight::Seen(vec!["v1.metrics.k8s.io".to_owned()]));
        let arrivals = names.names().arrivals;
        sink.send(Event::Upserted(Box::new(own("v1.apps")))).await;
        assert_eq!(names.names().arrivals, arrivals, "an update of a known name is none");
        sink.send(Event::Upserted(Box::new(named("v1.gizmos.example")))).await;
        assert_eq!(names.names().arrivals, arrivals + 1);
        sink.send(Event::Deleted(Box::new(named("v1.metrics.k8s.io")))).await;
        assert_eq!(foreign(), Sight::Seen(vec!["v1.gizmos.example".to_owned()]));
    }

    #[tokio::test]
    async fn who_follows_learns_whether_names_came_or_went_and_misses_nothing() {
        let (mut sink, mut signal) = NameSink::new();
        sink.send(Event::ListStarted { consistent: true, reread: false }).await;
        sink.send(Event::Listed(vec![named("a")])).await;
        sink.send(Event::ListEnded(None)).await;
        signal.answered().await;
        sink.send(Event::Upserted(Box::new(named("a")))).await;
        assert!(!signal.changed().await);
        sink.send(Event::Upserted(Box::new(named("b")))).await;
        sink.send(Event::Upserted(Box::new(named("a")))).await;
        assert!(signal.changed().await, "an arrival before an update that was seen with it");
        // A re-read that finds nothing new is no arrival; one that fails is.
        sink.send(Event::ListStarted { consistent: true, reread: true }).await;
        sink.send(Event::Listed(vec![named("a"), named("b")])).await;
        sink.send(Event::ListEnded(None)).await;
        assert!(!signal.changed().await);
        sink.send(Event::State(State::Failing("broken".into()))).await;
        assert!(signal.changed().await);
    }
}
