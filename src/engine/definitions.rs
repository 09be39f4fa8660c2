//! CustomResourceDefinitions and APIServices, watched as metadata: the signal to read discovery again, and the proof
//! that a kind is gone for certain. They are not documents here.

use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::cluster::watch::{Answer, Event, Sink, State};
use crate::object::Kind;

/// Names of the objects that define kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The names; `None` before the first complete list, and where they may not be read.
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
}

impl NameSink {
    pub(super) fn new() -> (Self, watch::Receiver<Names>) {
        let (names, receiver) = watch::channel(Names::default());
        (Self { names, listing: BTreeSet::new() }, receiver)
    }

    fn change(&self, change: impl FnOnce(&mut Names)) {
        self.names.send_modify(|names| {
            change(names);
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
                let listed = std::mem::take(&mut self.listing);
                self.change(|names| {
                    names.known = Some(listed);
                    names.answered = true;
                });
            }
            Event::Upserted(object) => self.change(|names| {
                names.known.get_or_insert_default().insert(object.name);
            }),
            Event::Deleted(object) => self.change(|names| {
                if let Some(known) = &mut names.known {
                    known.remove(&object.name);
                }
            }),
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
