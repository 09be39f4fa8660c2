//! Between a reader and the pump: maps objects to documents in the reader's own task, so that both cores work.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::cluster::selection::Selection;
use crate::cluster::watch::{Answer, Event, Sink, State};
use crate::document::{Rules, document, document_id, fingerprint};
use crate::index::Entry;
use crate::object::{IdHash, Key, Kind, KindKey, Object, ResourceVersion, Scope};

use super::core::{Change, Item, Verdict};
use super::pump::Message;
use super::stirs::Stirs;

/// What a reader tells the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// The kind may not be listed in this scope.
    Denied(KindKey, Scope),
    /// The kind was listed in this scope.
    Allowed(KindKey, Scope),
    /// The storage went back, as the reader of this scope found: those of others have to list as well.
    Regressed(KindKey, Scope),
    /// The server no longer knows the kind.
    NotServed(KindKey),
    /// The reader ended by itself (`Once`, `Confirm`).
    Ended(KindKey, Scope),
    /// Another cluster answers under the same address.
    AnotherCluster,
}

/// The sink of one reader.
pub(super) struct KindSink {
    pub(super) kind: Arc<Kind>,
    pub(super) key: KindKey,
    pub(super) scope: Scope,
    pub(super) rules: Arc<Rules>,
    pub(super) selection: Arc<Selection>,
    pub(super) pump: mpsc::Sender<Message>,
    pub(super) notices: mpsc::Sender<Notice>,
    /// To be told of events, where rights may depend on these objects.
    pub(super) stirs: Option<Stirs>,
    /// Whether the last answer was 403.
    pub(super) denied: bool,
}

impl Sink for KindSink {
    async fn send(&mut self, event: Event) -> Answer {
        if let Some(stirs) = &mut self.stirs {
            stirs.see(&event);
        }
        match event {
            Event::ListStarted { consistent, reread } => {
                self.change(Change::ListStarted { consistent, reread }).await
            }
            Event::Listed(objects) => {
                let items = objects.iter().filter_map(|object| self.item(object)).collect();
                self.change(Change::Listed(items)).await
            }
            Event::ListEnded(version) => self.end_list(version).await,
            Event::ListFailed => self.change(Change::ListFailed).await,
            Event::Upserted(object) => match self.item(&object) {
                Some(item) => self.change(Change::Upserted(Box::new(item))).await,
                None => Answer::Continue,
            },
            Event::Deleted(object) => self.change(self.deleted(&object)).await,
            Event::Bookmark(version) => self.change(Change::Bookmark(version)).await,
            Event::Regressed => match self.change(Change::Regressed).await {
                Answer::Stop => Answer::Stop,
                Answer::Continue | Answer::ListAgain { .. } => self.notify_regressed().await,
            },
            Event::AnotherCluster => self.notify(Notice::AnotherCluster).await,
            Event::Restarted => self.pump(Message::Restarted).await,
            Event::State(state) => self.state(state).await,
        }
    }

    async fn newest(&mut self) -> Option<u64> {
        let (reply, answer) = oneshot::channel();
        self.pump.send(Message::Newest { kind: self.key.clone(), reply }).await.ok()?;
        answer.await.ok()
    }
}

impl KindSink {
    async fn change(&self, change: Change) -> Answer {
        self.pump(Message::Change {
            kind: self.key.clone(),
            scope: self.scope.clone(),
            change,
            verdict: None,
        })
        .await
    }

    async fn pump(&self, message: Message) -> Answer {
        if self.pump.send(message).await.is_ok() { Answer::Continue } else { Answer::Stop }
    }

    async fn notify(&self, notice: Notice) -> Answer {
        if self.notices.send(notice).await.is_ok() { Answer::Continue } else { Answer::Stop }
    }

    async fn notify_regressed(&self) -> Answer {
        self.notify(Notice::Regressed(self.key.clone(), self.scope.clone())).await
    }

    async fn end_list(&self, version: Option<ResourceVersion>) -> Answer {
        let (reply, verdict) = oneshot::channel();
        let message = Message::Change {
            kind: self.key.clone(),
            scope: self.scope.clone(),
            change: Change::ListEnded(version),
            verdict: Some(reply),
        };
        if self.pump(message).await == Answer::Stop {
            return Answer::Stop;
        }
        match verdict.await {
            Ok(Verdict::Accepted { .. }) => {
                self.notify(Notice::Allowed(self.key.clone(), self.scope.clone())).await
            }
            Ok(Verdict::Stale { held }) => Answer::ListAgain { held },
            Ok(Verdict::Rewritten) => match self.notify_regressed().await {
                Answer::Stop => Answer::Stop,
                Answer::Continue | Answer::ListAgain { .. } => Answer::ListAgain { held: None },
            },
            Ok(Verdict::Suspicious | Verdict::Doubted) => Answer::ListAgain { held: None },
            Err(_) => Answer::Stop,
        }
    }

    async fn state(&mut self, state: State) -> Answer {
        let notice = match &state {
            State::Forbidden(_) => {
                self.denied = true;
                Some(Notice::Denied(self.key.clone(), self.scope.clone()))
            }
            State::NotServed => Some(Notice::NotServed(self.key.clone())),
            // The right is back and the watch went on where it was: no list says so.
            State::Live | State::Confirmed if std::mem::take(&mut self.denied) => {
                Some(Notice::Allowed(self.key.clone(), self.scope.clone()))
            }
            State::Waiting
            | State::Listing
            | State::Live
            | State::Confirmed
            | State::Unconfirmed(_)
            | State::Polled
            | State::Initializing
            | State::Failing(_) => None,
        };
        if matches!(state, State::Forbidden(_)) && self.change(Change::Denied).await == Answer::Stop {
            return Answer::Stop;
        }
        let told =
            self.pump(Message::State { kind: self.key.clone(), scope: self.scope.clone(), state }).await;
        match notice {
            Some(notice) if told == Answer::Continue => self.notify(notice).await,
            Some(_) | None => told,
        }
    }

    fn item(&self, object: &Object) -> Option<Item> {
        if !self.selection.namespace(&object.namespace) {
            return None;
        }
        let document = document(&self.kind, object, &self.rules);
        let fingerprint = fingerprint(&document, &self.rules);
        let id = IdHash::of(&document.id);
        let key = Key::of(&document.id, &object.uid);
        let version = number(&object.resource_version);
        let entry = Entry { key, kind: self.key.clone(), document, fingerprint, version };
        Some(Item { id, entry })
    }

    fn deleted(&self, object: &Object) -> Change {
        let id = document_id(&self.kind, object);
        Change::Deleted {
            id: IdHash::of(&id),
            key: Key::of(&id, &object.uid),
            version: number(&object.resource_version),
        }
    }
}

fn number(version: &str) -> Option<u64> {
    ResourceVersion::parse(version).and_then(|version| version.number())
}
