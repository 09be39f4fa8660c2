//! One life: from a writer that was opened to the moment when it has to be opened again. Starts and stops readers as
//! kinds, rights and the connection come and go.

mod discovery;
mod identify;
mod memory;
mod reading;
mod rights;
mod schedule;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::cluster::client::Client;
use crate::cluster::watch::{Connectivity, Mode as ReaderMode, Revisions, Rounds, Storage};
use crate::index::{Checkpoint, IndexError, Reader};
use crate::mirror::MirrorStatus;
use crate::mirror::source::Feed;
use crate::object::{Kind, KindKey, Scope};

use super::confirm::{self, Confirm, Confirms};
use super::definitions::{NameSink, Signal, api_services, crds};
use super::mirror::{MirrorTask, Parts};
use super::plan::Plan;
use super::pump::Message;
use super::readers::{Readers, Shared};
use super::report::Report;
use super::rights::{Answer, Book};
use super::sink::Notice;
use super::status::Status;
use super::{EngineOptions, Mode, Outcome};
use discovery::Look;
use memory::Memory;
use schedule::{Reason, Schedule};

/// How long the first discovery waits for the names of CRDs.
const NAMES_WAIT: Duration = Duration::from_secs(2);

/// Why a life ended.
pub(super) enum End {
    /// Told to stop, or done.
    Finished(Outcome),
    /// The index could not be written.
    IndexFailed(IndexError),
    /// Another cluster or user answers.
    AnotherCluster,
}

/// One life: from a writer that was opened to the moment when it has to be opened again.
pub(super) struct Life<'a> {
    options: &'a EngineOptions,
    client: Client,
    connectivity: Connectivity,
    pump: mpsc::Sender<Message>,
    notices: mpsc::Receiver<Notice>,
    readers: Readers,
    signals: Vec<JoinHandle<()>>,
    shared: Shared,
    crds: Signal,
    api_services: Signal,
    begun: Instant,
    plan: Plan,
    memory: Memory,
    /// CRDs that were ever there in this life.
    seen_crds: BTreeSet<String>,
    /// As the server says it, or said it when it could be asked.
    cluster_uid: Option<String>,
    /// What is known of rights in namespaces, and the questions on their way.
    book: Book,
    asked: JoinSet<Answer>,
    /// When what may not be read is looked through again.
    next_expiry: Instant,
    /// Whether a reader has ended by itself.
    ends: bool,
    /// Whether the kinds that are read are namespaced, as the pump was told.
    scopes: HashMap<KindKey, bool>,
    /// How many readings discovery has been behind the CRDs for.
    behind: u32,
    /// Wishes to have kinds confirmed at once, and where they come from.
    confirms: Confirms,
    wishes: mpsc::Receiver<Confirm>,
    wish: mpsc::Sender<Confirm>,
    /// What a mirror of this life is made of, and the mirror.
    mirrored: Option<Mirrored>,
    mirror: Option<MirrorTask>,
    /// What the mirror's collection said before anything was read, if nobody wrote then.
    seen_free: Option<(String, i64)>,
    /// Why kinds that have not answered are waited for no longer.
    given_up: Option<String>,
}

/// What a mirror needs of the writer's side.
pub(super) struct Mirrored {
    pub(super) feed: Arc<Feed>,
    pub(super) reader: Reader,
    pub(super) engine: watch::Receiver<Status>,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        options: &'a EngineOptions,
        connectivity: Connectivity,
        pump: mpsc::Sender<Message>,
        mirrored: Option<Mirrored>,
    ) -> Self {
        let (sender, notices) = mpsc::channel(256);
        let (wish, wishes) = mpsc::channel(4);
        let shared = Shared {
            client: options.client.clone(),
            connectivity: connectivity.clone(),
            revisions: Revisions::new(options.client.clone()),
            rounds: Rounds::new(),
            rules: options.rules.clone(),
            selection: options.selection.clone(),
            pump: pump.clone(),
            notices: sender,
            mode: match options.mode {
                Mode::Live => ReaderMode::Follow,
                Mode::Once => ReaderMode::Once,
                Mode::Confirm { .. } => ReaderMode::Confirm,
            },
            timing: options.timing,
            stirred: Arc::default(),
            cluster_uid: None,
        };
        Self {
            options,
            client: options.client.clone(),
            connectivity,
            pump,
            notices,
            readers: Readers::new(shared.clone()),
            signals: Vec::new(),
            shared,
            crds: Signal::none(),
            api_services: Signal::none(),
            begun: Instant::now(),
            plan: Plan::default(),
            memory: Memory::new(),
            seen_crds: BTreeSet::new(),
            cluster_uid: None,
            book: rights::book(options),
            asked: JoinSet::new(),
            next_expiry: Instant::now(),
            ends: false,
            scopes: HashMap::new(),
            behind: 0,
            confirms: Confirms::default(),
            wishes,
            wish,
            mirrored,
            mirror: None,
            seen_free: None,
            given_up: None,
        }
    }

    pub(super) async fn run(&mut self, checkpoint: &Checkpoint) -> End {
        self.memory.restore(&self.options.store);
        self.plan = Plan::restore(self.memory.missing());
        let wait = match self.options.mode {
            Mode::Confirm { wait } => Some(wait),
            Mode::Live | Mode::Once => None,
        };
        if wait.is_some() {
            self.client.log_in().await;
        }
        let deadline = wait.map(|wait| Instant::now() + wait);
        match within(deadline, self.identify(checkpoint)).await {
            Some(Ok(true)) => {}
            Some(Ok(false)) => return End::AnotherCluster,
            Some(Err(outcome)) => return End::Finished(outcome),
            None => {
                let why = format!("no answer within {:?}", wait.unwrap_or_default());
                return End::Finished(Outcome::Unreachable(why));
            }
        }
        // What was confirmed in time counts.
        match within(deadline, self.work()).await {
            Some(end) => end,
            None => {
                self.give_up(format!("not confirmed within {:?}", wait.unwrap_or_default()));
                End::Finished(Outcome::Done)
            }
        }
    }

    /// Kinds that have not answered when it is closed are told as unanswered, for this reason.
    pub(super) fn give_up(&mut self, why: String) {
        self.given_up.get_or_insert(why);
    }

    /// Reads until the mode's end.
    async fn work(&mut self) -> End {
        let mirror = self.options.mirror.as_ref().filter(|_| self.options.mode == Mode::Once);
        self.seen_free = match mirror {
            Some(mirror) => mirror.seen_free().await,
            None => None,
        };
        self.start_signals().await;
        // Not before it is known whose cluster this is.
        self.start_mirror().await;
        let end = self.follow().await;
        self.mirror_once(end).await
    }

    /// Stops everything it started.
    pub(super) async fn close(mut self) {
        self.readers.stop_all().await;
        if let Some(why) = self.given_up.take() {
            self.report(move |report| report.give_up(&why)).await;
            self.tell_unsure().await;
        }
        self.memory.note_missing(self.plan.missing(self.begun.elapsed()));
        self.memory.save(&self.pump).await;
        if let Some(mirror) = self.mirror.take() {
            // Has the last changes committed, and with that told to the mirror.
            let (reply, answer) = oneshot::channel();
            self.tell(Message::Covered(reply)).await;
            _ = answer.await;
            mirror.close().await;
        }
        for signal in self.signals.drain(..) {
            signal.abort();
            // Aborted is what it should be.
            _ = signal.await;
        }
    }

    /// Mirrors from now on, in a run that lives.
    async fn start_mirror(&mut self) {
        if self.options.mode == Mode::Live
            && let Some((parts, status)) = self.mirror_parts().await
        {
            self.mirror = Some(parts.start(status));
        }
    }

    /// Makes the collection equal, in a run that has read everything once.
    async fn mirror_once(&mut self, end: End) -> End {
        if self.options.mode != Mode::Once || !matches!(end, End::Finished(Outcome::Done)) {
            return end;
        }
        let Some((parts, status)) = self.mirror_parts().await else { return end };
        match parts.once(status).await {
            Ok(()) => end,
            Err(halt) => End::Finished(Outcome::MirrorFailed(halt)),
        }
    }

    async fn mirror_parts(&mut self) -> Option<(Parts, watch::Sender<MirrorStatus>)> {
        let settings = self.options.mirror.clone()?;
        let Mirrored { feed, reader, engine } = self.mirrored.take()?;
        let (status, shown) = watch::channel(MirrorStatus::default());
        self.report(move |report| report.mirror = Some(shown)).await;
        let parts = Parts {
            settings,
            reader,
            store: self.options.store.clone(),
            pump: self.pump.clone(),
            // Only while readers follow there is anything that a wish could hasten.
            confirm: (self.options.mode == Mode::Live).then(|| self.wish.clone()),
            feed,
            engine,
            cluster_uid: self.cluster_uid.clone(),
            seen_free: self.seen_free.take(),
        };
        Some((parts, status))
    }

    async fn start_signals(&mut self) {
        let (sink, crd_names) = NameSink::new();
        self.signals.push(self.readers.signal(crds(), sink));
        let (sink, service_names) = NameSink::new();
        self.signals.push(self.readers.signal(api_services(), sink));
        (self.crds, self.api_services) = (crd_names, service_names);
        let both = async {
            self.crds.answered().await;
            self.api_services.answered().await;
        };
        // Without them storages are told apart less well, and nothing is removed: no reason to wait for long.
        _ = tokio::time::timeout(NAMES_WAIT, both).await;
    }

    /// Reads discovery and reacts, until the mode's end.
    async fn follow(&mut self) -> End {
        let mut schedule = Schedule::new(Instant::now(), self.options.timing.backoff);
        let mut look: Option<Look> = None;
        let live = self.options.mode == Mode::Live;
        loop {
            let now = Instant::now();
            if look.is_none() && schedule.due() <= now {
                schedule.begin();
                look = Some(self.look());
            }
            self.expire().await;
            self.ask_rights();
            if self.is_done() {
                self.tell_unsure().await;
                return End::Finished(Outcome::Done);
            }
            let wake = self.book.due().map_or(self.next_expiry, |due| due.min(self.next_expiry));
            let wake = if look.is_some() { wake } else { wake.min(schedule.due()) };
            tokio::select! {
                biased;
                answer = answer(&mut look) => {
                    look = None;
                    if let Some(end) = self.looked(answer, &mut schedule).await {
                        return end;
                    }
                }
                news = self.crds.changed(), if live => self.defined(news, &mut schedule),
                news = self.api_services.changed(), if live => self.defined(news, &mut schedule),
                Some(Ok(answer)) = self.asked.join_next(), if !self.asked.is_empty() => {
                    self.answered(answer).await;
                }
                () = self.shared.stirred.rights.notified(), if live => self.book.stir(Instant::now()),
                () = self.shared.stirred.namespaces.notified(), if live => {
                    self.book.stir_names(Instant::now());
                }
                Some(notice) = self.notices.recv() => match self.notice(notice).await {
                    Heard::Nothing => {}
                    Heard::Discovery => schedule.ask(Reason::NotServed, Instant::now()),
                    Heard::End(end) => return end,
                },
                Some(wish) = self.wishes.recv() => {
                    if wish.places.iter().any(|(kind, _)| self.memory.has_vanished(kind)) {
                        schedule.ask(Reason::NotServed, Instant::now());
                    }
                    self.confirm(wish).await;
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// Has kinds confirmed by lists, where a watch only went on from what was stored or the last list is too old.
    async fn confirm(&mut self, wish: Confirm) {
        let asked: BTreeSet<&KindKey> = wish.places.iter().map(|(kind, _)| kind).collect();
        let kinds = self.plan.running().filter(|kind| asked.contains(&kind.key()));
        let kinds: Vec<Kind> = kinds.cloned().collect();
        let mut waits = BTreeSet::new();
        for kind in kinds {
            let (reply, answer) = oneshot::channel();
            self.tell(Message::Unconfirmed { kind: kind.key(), reply }).await;
            let scopes = answer.await.unwrap_or_default();
            let storage = self.storage(&kind);
            for scope in scopes.into_iter().filter(|scope| wish.asks(&kind.key(), scope)) {
                if waits.len() < confirm::MOST && self.readers.list_anew(&kind, &scope, storage.clone()).await
                {
                    waits.insert((kind.key(), scope));
                }
            }
        }
        self.confirms.add(waits, wish.done);
    }

    /// What defines kinds has changed; `news`: which ones there are.
    fn defined(&mut self, news: bool, schedule: &mut Schedule) {
        self.behind = 0;
        schedule.ask(if news { Reason::Names } else { Reason::Updates }, Instant::now());
    }

    async fn start_kind(&mut self, kind: Kind) {
        let storage = self.storage(&kind);
        let namespaces: Vec<String> = self.options.selection.namespaces().map(str::to_owned).collect();
        if kind.namespaced && !namespaces.is_empty() {
            for namespace in namespaces {
                let namespace: Arc<str> = namespace.into();
                self.book.read(&kind.key(), &namespace);
                self.readers.start(&kind, &Scope::Namespace(namespace), storage.clone()).await;
            }
        } else {
            self.readers.start(&kind, &Scope::All, storage).await;
        }
    }

    async fn stop_kind(&mut self, key: &KindKey) {
        self.book.forget(key);
        self.readers.stop_kind(key).await;
        self.tell(Message::Unread { kind: key.clone() }).await;
    }

    fn storage(&self, kind: &Kind) -> Storage {
        Storage::of(kind, self.crds.names().known())
    }

    async fn notice(&mut self, notice: Notice) -> Heard {
        if let Notice::Denied(kind, scope) | Notice::Allowed(kind, scope) = &notice {
            self.confirms.answered(kind, scope);
        }
        match notice {
            Notice::Denied(kind, Scope::All) => {
                self.denied(&kind).await;
                Heard::Nothing
            }
            Notice::Denied(kind, Scope::Namespace(namespace)) => {
                self.refused(&kind, &namespace).await;
                Heard::Nothing
            }
            Notice::Allowed(kind, Scope::All) => {
                self.allowed(&kind).await;
                Heard::Nothing
            }
            Notice::Allowed(_, Scope::Namespace(_)) => Heard::Nothing,
            Notice::Regressed(kind, scope) => {
                self.list_again(&kind, &scope).await;
                Heard::Nothing
            }
            Notice::NotServed(_) => Heard::Discovery,
            Notice::AnotherCluster => Heard::End(End::AnotherCluster),
            Notice::Ended(kind, scope) => {
                self.readers.ended(&kind, &scope);
                self.ends = true;
                Heard::Nothing
            }
        }
    }

    /// Whether a run that ends has read all it can.
    fn is_done(&self) -> bool {
        self.options.mode != Mode::Live && self.ends && self.readers.is_empty() && self.book.is_settled()
    }

    /// The storage of a kind went back, as the reader of `finder` found: every other one has to list again, as what it
    /// holds may never have been.
    async fn list_again(&mut self, kind: &KindKey, finder: &Scope) {
        let Some(kind) = self.plan.running().find(|own| own.key() == *kind).cloned() else { return };
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Doubted { kind: kind.key(), reply }).await;
        let storage = self.storage(&kind);
        for scope in answer.await.unwrap_or_default().into_iter().filter(|scope| scope != finder) {
            self.readers.restart(&kind, &scope, storage.clone()).await;
        }
    }

    async fn held(&self) -> BTreeSet<KindKey> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Held(reply)).await;
        answer.await.unwrap_or_default()
    }

    /// Kinds that were read to the end once: where they offer no watch they go on being polled, so that what goes last
    /// is seen to go, in a store as well.
    async fn read(&self) -> BTreeSet<KindKey> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Read(reply)).await;
        answer.await.unwrap_or_default()
    }

    async fn report(&self, change: impl FnOnce(&mut Report) + Send + 'static) {
        self.tell(Message::Report(Box::new(change))).await;
    }

    /// Tells the pump; when it is gone the supervisor notices by its end.
    async fn tell(&self, message: Message) {
        _ = self.pump.send(message).await;
    }
}

enum Heard {
    Nothing,
    Discovery,
    End(End),
}

/// The answer of the reading that is under way, if one is.
async fn answer(look: &mut Option<Look>) -> discovery::Answer {
    match look {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

/// Does it, up to a time if there is one; `None` where that came first.
async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}
