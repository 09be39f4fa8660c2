//! Partial rights: kinds that may not be listed in the whole cluster are read where they may.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::pump::Message;
use super::super::rights::{Answer, Ask, Asker, Book, Depth, Places, Tried};
use super::super::{EngineOptions, Mode};
use super::Life;
use crate::cluster::client::Answerer;
use crate::cluster::watch::{Rounds, Storage};
use crate::object::{KindKey, Scope};

/// What may not be read is looked through this often for what has to go.
const EXPIRY_EVERY: Duration = Duration::from_secs(60);
/// More namespaces than this take a while to be asked about, and a person should know.
const MANY: usize = 2_000;

/// What is known of rights when nothing was asked.
pub(super) fn book(options: &EngineOptions) -> Book {
    let depth = match options.mode {
        Mode::Live => Depth::Live,
        Mode::Once => Depth::Once,
        Mode::Confirm { .. } => Depth::Glance,
    };
    let times = (options.timing.recheck_forbidden, options.timing.once);
    Book::new(depth, options.context_namespace.clone(), options.selection.clone(), times, Instant::now())
}

impl Life<'_> {
    /// Sends what is to be asked now.
    pub(super) fn ask_rights(&mut self) {
        let rounds = (self.options.mode == Mode::Live).then(|| self.shared.rounds.clone());
        while let Some(ask) = self.book.next(Instant::now()) {
            let answerer = match &ask {
                Ask::Try(kind, _) => self.storage(kind).answerer(),
                Ask::Namespaces | Ask::Review(..) => Answerer::Server,
            };
            self.asked.spawn(self.asker(rounds.clone()).ask(ask, answerer));
        }
    }

    /// Has the report name the kinds of which it could not be found out where they may be read, in a run that ends.
    pub(super) async fn tell_unsure(&self) {
        if self.options.mode != Mode::Live {
            let unsure = self.book.unsure().into_iter().collect();
            self.report(move |report| report.unsure = unsure).await;
        }
    }

    fn asker(&self, rounds: Option<Rounds>) -> Asker {
        Asker { client: self.client.clone(), connectivity: self.connectivity.clone(), rounds }
    }

    /// Takes an answer.
    pub(super) async fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Namespaces(names) => {
                self.book.listed(Instant::now(), names);
                self.leave_gone().await;
                self.tell_many().await;
            }
            Answer::Reviewed(namespace, rules) => {
                let places = self.book.reviewed(Instant::now(), &namespace, rules);
                self.read_in(places).await;
            }
            Answer::Tried(kind, namespace, tried, why) => {
                let places = self.book.tried(Instant::now(), &kind, &namespace, tried);
                self.read_in(places).await;
                if tried == Tried::Refused {
                    // What an earlier reader had read there counts its time by this.
                    let scope = Scope::Namespace(namespace);
                    self.tell(Message::Refused { kind, scope, why }).await;
                }
            }
        }
    }

    /// A kind may not be listed in the whole cluster: where an earlier run had read it its readers find out what they
    /// may now; where else it may be read is asked for.
    pub(super) async fn denied(&mut self, kind: &KindKey) {
        let Some(places) = self.book.deny(Instant::now(), kind) else { return };
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Undecided { kind: kind.clone(), reply }).await;
        let running = self.plan.running().find(|own| own.key() == *kind).cloned();
        let earlier = answer.await.unwrap_or_default();
        let earlier =
            running.into_iter().flat_map(|kind| earlier.iter().map(move |name| (kind.clone(), name.clone())));
        let places = earlier.chain(places).collect();
        self.read_in(places).await;
    }

    /// A kind may be listed in the whole cluster: that reader has everything.
    pub(super) async fn allowed(&mut self, kind: &KindKey) {
        self.book.forget(kind);
        for scope in self.readers.namespaces_of(kind) {
            self.readers.stop(kind, &scope).await;
        }
    }

    /// A reader's list in a namespace was answered 403: from now on the right is asked for with all others, and not by a
    /// reader for each.
    pub(super) async fn refused(&mut self, kind: &KindKey, namespace: &Arc<str>) {
        // What a reader said that was stopped since, as the whole cluster may be listed, is out of date.
        if self.options.mode == Mode::Live
            && self.readers.suspend(kind, &Scope::Namespace(namespace.clone())).await
        {
            self.book.refuse(Instant::now(), kind, namespace);
            // Its namespace may be gone, and then its documents are.
            self.next_expiry =
                self.next_expiry.min(Instant::now() + self.options.timing.recheck_forbidden / 30);
        }
    }

    /// Has the pump remove what may not be read any more and is due.
    pub(super) async fn expire(&mut self) {
        if self.next_expiry <= Instant::now() {
            let after = i64::try_from(self.options.forbidden_after.as_millis()).unwrap_or(i64::MAX);
            let apart = self.plan.running().filter(|kind| self.storage(kind) != Storage::Core);
            let apart = apart.map(|kind| kind.key()).collect();
            self.tell(Message::RemoveForbidden { after, apart }).await;
            self.next_expiry = Instant::now() + EXPIRY_EVERY.min(2 * self.options.timing.recheck_forbidden);
        }
    }

    async fn read_in(&mut self, places: Places) {
        for (kind, namespace) in places {
            // The configuration may leave the namespace out, and the kind may be gone since.
            let running = self.plan.running().any(|own| own.key() == kind.key());
            if running && self.options.selection.namespace(&namespace) {
                self.book.read(&kind.key(), &namespace);
                let storage = self.storage(&kind);
                self.readers.start(&kind, &Scope::Namespace(namespace), storage).await;
            }
        }
    }

    /// Leaves namespaces that are not listed any more and of which nothing is held: their objects went by events, and
    /// a watch of nothing, or a question, would stay for ever.
    async fn leave_gone(&mut self) {
        let kinds = self.plan.running().map(|kind| kind.key()).filter(|kind| self.book.is_denied(kind));
        for kind in &kinds.collect::<Vec<KindKey>>() {
            for scope in self.readers.namespaces_of(kind) {
                let Scope::Namespace(name) = &scope else { continue };
                if self.book.is_gone(name) && !self.holds(kind, &scope).await {
                    self.readers.stop(kind, &scope).await;
                    self.book.leave(kind, name);
                }
            }
        }
        for (kind, name) in self.book.refused_in_gone() {
            if !self.holds(&kind, &Scope::Namespace(name.clone())).await {
                self.book.drop(&kind, &name);
            }
        }
    }

    async fn tell_many(&mut self) {
        let (all, waiting) = self.book.progress();
        if all > MANY && waiting > 0 {
            let note = format!(
                "rights differ by namespace: they are asked for in {all} namespaces, one after the other"
            );
            self.report(move |report| report.note(note)).await;
        }
    }

    async fn holds(&self, kind: &KindKey, scope: &Scope) -> bool {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Holds { kind: kind.clone(), scope: scope.clone(), reply }).await;
        answer.await.unwrap_or(true)
    }
}
