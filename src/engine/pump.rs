//! The one writer: a thread that owns the core and the index, takes messages from a bounded channel, commits, and
//! publishes status. A slow disk makes it slow, which fills the channel, which slows the watches.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::cluster::selection::Selection;
use crate::cluster::watch::{State, describe};
use crate::index::{self, Checkpoint, IndexError, Writer};
use crate::mirror::source::Feed;
use crate::object::{KindKey, ResourceVersion, Scope};
use crate::text::Clock;

use super::changes::Changes;
use super::core::{Because, Change, Core, Millis, Removed, Verdict};
use super::kept::Files;
use super::mirror::Covered;
use super::report::Report;
use super::status::Status;
use super::supervisor::PumpEnd;

/// Messages on their way: 16 batches of 128 objects are some 4 MB.
pub(super) const QUEUE: usize = 16;
/// Operations are handed to tantivy when this many wait; it has a memory budget of its own.
const APPLY_AT: usize = 1_024;
/// The namespace that documents of cluster-scoped objects name.
const CLUSTER_SCOPED: &str = "_cluster";
/// A change of state is published this soon: 1,200 kinds change state within seconds.
const STATUS_SOON_MS: Millis = 200;
/// Messages taken before the clock is looked at again.
const BURST: usize = 64;

/// What the pump is told.
pub(super) enum Message {
    /// A reader saw something; `verdict` is answered once it is taken.
    Change { kind: KindKey, scope: Scope, change: Change, verdict: Option<oneshot::Sender<Verdict>> },
    /// A reader's state.
    State { kind: KindKey, scope: Scope, state: State },
    /// A watch ended early and is started again.
    Restarted,
    /// Delete everything of these kinds: the supervisor has the authority.
    RemoveKinds { kinds: Vec<KindKey>, why: String },
    /// Delete everything of these kinds and in namespaces outside the selection.
    Exclude { kinds: BTreeSet<KindKey>, selection: Arc<Selection> },
    /// Delete entries of these kinds that only another scope can have: a kind that has become cluster-scoped has no
    /// object in a namespace, and one that is namespaced (`true`) has none without.
    Misplaced { namespaced: HashMap<KindKey, bool> },
    /// Delete what has been forbidden for this long, or is where no namespace is, unless it is stored apart.
    RemoveForbidden { after: Millis, apart: BTreeSet<KindKey> },
    /// A source is no longer read.
    Forget { kind: KindKey, scope: Scope },
    /// A kind is no longer read.
    Unread { kind: KindKey },
    /// What the checkpoint says about the whole index.
    Base { cluster_uid: Option<String>, user: Option<String> },
    /// Anything that only status shows.
    Report(Box<dyn FnOnce(&mut Report) + Send>),
    /// Write a small file beside the index, until it is on disk; whether it is.
    Keep { file: &'static str, text: Vec<u8>, reply: oneshot::Sender<bool> },
    /// What is covered, after a commit of everything taken so far.
    Covered(oneshot::Sender<Covered>),
    /// Somebody else may know more of the cluster than was found out before: it proves no absence any more.
    Distrust(oneshot::Sender<()>),
    /// Discovery was read; the reading began at this time.
    Discovered(Instant),
    /// Kinds that the index has entries of.
    Held(oneshot::Sender<BTreeSet<KindKey>>),
    /// Kinds that were read to the end once, in this run or an earlier one.
    Read(oneshot::Sender<BTreeSet<KindKey>>),
    /// A list of a kind in a scope was answered 403, and no reader had asked for it.
    Refused { kind: KindKey, scope: Scope, why: String },
    /// Namespaces in which an earlier run had read a kind, and of which this one has found out nothing.
    Undecided { kind: KindKey, reply: oneshot::Sender<Vec<Arc<str>>> },
    /// Whether the index holds anything of a kind in a scope.
    Holds { kind: KindKey, scope: Scope, reply: oneshot::Sender<bool> },
    /// Where a kind has to be listed again, as its storage went back.
    Doubted { kind: KindKey, reply: oneshot::Sender<Vec<Scope>> },
    /// Where a kind's watch works, or is about to begin, and nothing has confirmed what is held.
    Unconfirmed { kind: KindKey, reply: oneshot::Sender<Vec<Scope>> },
    /// The newest version that was seen of a kind.
    Newest { kind: KindKey, reply: oneshot::Sender<u64> },
    /// What a source can go on from.
    Source { kind: KindKey, scope: Scope, api: String, reply: oneshot::Sender<SourceState> },
}

/// What a source can go on from.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceState {
    /// The version up to which everything was seen, if its list was ever completed.
    pub(super) version: Option<ResourceVersion>,
    /// Whether the index holds anything of the kind.
    pub(super) holds_any: bool,
}

/// The pump's own state.
pub(super) struct Pump {
    core: Core,
    writer: Writer,
    reader: index::Reader,
    report: Report,
    files: Files,
    inbox: mpsc::Receiver<Message>,
    status: watch::Sender<Status>,
    clock: Clock,
    status_every: Millis,
    next_status: Millis,
    urgent: bool,
    changes: Option<Changes>,
    selection: Option<Arc<Selection>>,
    forbidden_after: Option<Millis>,
    asked: Vec<oneshot::Sender<Covered>>,
    /// The reader could not follow the last commit.
    behind: bool,
    /// Nothing that discovery said before this proves that a kind is gone.
    distrusted: Option<Instant>,
    /// Something was committed.
    committed: bool,
}

impl Pump {
    /// Restores the core from what the writer's index holds.
    pub(super) fn new(
        writer: Writer,
        mut checkpoint: Checkpoint,
        report: Report,
        inbox: mpsc::Receiver<Message>,
        status: watch::Sender<Status>,
        feed: Option<Arc<Feed>>,
        status_every: Duration,
    ) -> Result<Self, IndexError> {
        let clock = report.clock().clone();
        checkpoint.forget_future(clock.wall_s());
        checkpoint.set_times(|wall_s| clock.steady_of(wall_s.saturating_mul(1_000)).div_euclid(1_000));
        let core = Core::restore(writer.held()?, checkpoint);
        let reader = writer.reader();
        Ok(Self {
            core,
            writer,
            reader,
            files: Files::new(report.store().clone()),
            report,
            inbox,
            status,
            clock,
            status_every: Millis::try_from(status_every.as_millis()).unwrap_or(Millis::MAX),
            next_status: 0,
            urgent: false,
            changes: feed.map(Changes::new),
            selection: None,
            forbidden_after: None,
            asked: Vec::new(),
            behind: false,
            distrusted: None,
            committed: false,
        })
    }

    /// Runs until every sender is gone (then everything is committed) or the index can't be written.
    pub(super) async fn run(mut self) -> PumpEnd {
        let result = self.pump().await;
        if let Err(error) = &result {
            // No note: those stay, and the next life may write again.
            self.report.trouble = Some((self.clock.steady_ms(), describe(error)));
            self.publish();
        }
        PumpEnd { report: self.report, writer: self.writer, committed: self.committed, result }
    }

    async fn pump(&mut self) -> Result<(), IndexError> {
        loop {
            let now = self.clock.steady_ms();
            let dues = [self.core.commit_due(), self.files.due()].into_iter().flatten();
            let due = dues.fold(self.next_status, Millis::min);
            let pause = Duration::from_millis(u64::try_from(due - now).unwrap_or(0));
            match tokio::time::timeout(pause, self.inbox.recv()).await {
                Ok(Some(message)) => self.take_burst(message)?,
                Ok(None) => {
                    self.core.release_deferred(self.clock.steady_ms(), true);
                    self.commit()?;
                    self.files.write_all();
                    self.report.stopped = true;
                    self.publish();
                    return Ok(());
                }
                Err(_) => {}
            }
            self.on_time()?;
        }
    }

    fn take_burst(&mut self, first: Message) -> Result<(), IndexError> {
        let mut next = Some(first);
        for _ in 0..BURST {
            let Some(message) = next else { break };
            self.take(message);
            if self.core.pending() >= APPLY_AT {
                self.apply()?;
            }
            next = self.inbox.try_recv().ok();
        }
        match next {
            Some(message) => {
                self.take(message);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn on_time(&mut self) -> Result<(), IndexError> {
        let now = self.clock.steady_ms();
        self.core.release_deferred(now, false);
        self.files.write_due(now);
        if self.core.commit_due().is_some_and(|due| due <= now) || self.urgent {
            self.commit()?;
        }
        if self.next_status <= now {
            if self.behind {
                self.follow();
            }
            self.publish();
        }
        Ok(())
    }

    fn take(&mut self, message: Message) {
        let now = self.clock.steady_ms();
        match message {
            Message::Change { kind, scope, change, verdict } => {
                // The dropped version is forgotten on disk before the new history can overtake it.
                self.urgent |= matches!(change, Change::Regressed);
                let answer = self.core.apply(now, &kind, &scope, change);
                self.urgent |= answer == Verdict::Rewritten;
                if let Some(verdict) = verdict {
                    // A reader that was stopped meanwhile does not wait for it.
                    _ = verdict.send(answer);
                }
            }
            Message::State { kind, scope, state } => {
                // The first status after a change of state need not wait for the next second.
                if self.report.set_state(now, kind, scope, state) {
                    self.next_status = self.next_status.min(now + STATUS_SOON_MS);
                }
            }
            Message::Restarted => self.report.watch_restarts += 1,
            Message::RemoveKinds { kinds, why } => {
                let count = self.core.remove(now, |kind, _| kinds.contains(kind));
                self.core.forget_kinds(now, |kind| kinds.contains(kind));
                self.removed(count, &why);
            }
            Message::Exclude { kinds, selection } => {
                self.selection = Some(selection.clone());
                let count = self.core.remove(now, |kind, namespace| {
                    let outside = namespace != CLUSTER_SCOPED && !selection.namespace(namespace);
                    outside || kinds.contains(kind)
                });
                self.core.forget_kinds(now, |kind| kinds.contains(kind));
                self.removed(count, "the configuration excludes them");
            }
            Message::Misplaced { namespaced } => {
                let count = self.core.remove(now, |kind, namespace| {
                    namespaced
                        .get(kind)
                        .is_some_and(|namespaced| *namespaced == (namespace == CLUSTER_SCOPED))
                });
                self.removed(count, "their kind has another scope now");
            }
            Message::RemoveForbidden { after, apart } => {
                self.forbidden_after = Some(after);
                for removed in self.core.remove_unreadable(now, after, &apart) {
                    self.removed(removed.count, &why(&removed));
                }
                self.report.forget_gone(&self.core);
            }
            Message::Forget { kind, scope } => {
                self.core.apply(now, &kind, &scope, Change::ListFailed);
                self.core.forget_source(now, &kind, &scope);
                self.report.forget(&kind, &scope);
            }
            Message::Unread { kind } => {
                self.core.leave_unread(&kind);
                self.report.forget_kind(&kind);
            }
            Message::Base { cluster_uid, user } => {
                let base = self.core.base_mut();
                base.cluster_uid = cluster_uid;
                base.user = user;
            }
            Message::Report(change) => {
                change(&mut self.report);
                self.next_status = self.next_status.min(now + STATUS_SOON_MS);
            }
            Message::Held(reply) => {
                _ = reply.send(self.core.kinds().cloned().collect());
            }
            Message::Read(reply) => {
                _ = reply.send(self.core.read_kinds().cloned().collect());
            }
            Message::Holds { kind, scope, reply } => {
                _ = reply.send(self.core.holds(&kind, &scope));
            }
            Message::Refused { kind, scope, why } => {
                if self.core.refuse(now, &kind, &scope) {
                    self.report.set_state(now, kind, scope, State::Forbidden(why));
                }
            }
            Message::Undecided { kind, reply } => {
                _ = reply.send(self.core.undecided(&kind));
            }
            Message::Doubted { kind, reply } => {
                _ = reply.send(self.core.doubted(&kind));
            }
            Message::Newest { kind, reply } => {
                _ = reply.send(self.core.newest(&kind));
            }
            Message::Unconfirmed { kind, reply } => {
                let mut scopes = self.core.unconfirmed(&kind);
                // One that fails has its own pauses.
                scopes.retain(|scope| self.report.is_well(&kind, scope));
                _ = reply.send(scopes);
            }
            Message::Keep { file, text, reply } => {
                let written = self.files.keep(now, file, text);
                if !written {
                    self.next_status = self.next_status.min(now + STATUS_SOON_MS);
                }
                // Whoever asked may be gone.
                _ = reply.send(written);
            }
            Message::Distrust(reply) => {
                self.core.distrust(now);
                self.distrusted = Some(Instant::now());
                // Who asked may be gone.
                _ = reply.send(());
            }
            Message::Discovered(begun) => {
                self.distrusted = self.distrusted.filter(|distrusted| begun <= *distrusted);
            }
            Message::Covered(reply) => {
                self.asked.push(reply);
                self.urgent = true;
            }
            Message::Source { kind, scope, api, reply } => {
                _ = reply.send(self.source_state(&kind, &scope, &api));
            }
        }
    }

    fn source_state(&mut self, kind: &KindKey, scope: &Scope, api: &str) -> SourceState {
        let holds_any = self.core.count(kind) > 0;
        let source = self.core.open_source(kind, scope, api);
        SourceState { version: source.version().filter(|_| source.is_resumable()).cloned(), holds_any }
    }

    fn removed(&mut self, count: usize, why: &str) {
        if count > 0 {
            tracing::info!(count, why, "removed entries");
            self.report.note(format!("removed {count} objects from the index: {why}"));
        }
    }

    fn apply(&mut self) -> Result<(), IndexError> {
        let ops = self.core.take_ops();
        let by_event = self.core.take_by_event();
        if let Some(changes) = &mut self.changes {
            changes.add(&ops, &by_event, &self.reader.snapshot());
        }
        ops.into_iter().try_for_each(|op| self.writer.apply(op))
    }

    fn commit(&mut self) -> Result<(), IndexError> {
        self.apply()?;
        let mut checkpoint = self.core.checkpoint();
        checkpoint.set_times(|steady_s| self.clock.wall_of(steady_s.saturating_mul(1_000)).div_euclid(1_000));
        self.writer.commit(&checkpoint)?;
        self.core.committed();
        self.committed = true;
        self.urgent = false;
        self.follow();
        self.tell_covered();
        Ok(())
    }

    /// Has the reader follow what was committed. The commit stands whatever it says; it looks again with the next one, and
    /// with the next status.
    fn follow(&mut self) {
        let followed = self.reader.reload();
        self.behind = followed.is_err();
        if let Err(error) = followed {
            tracing::warn!(error = describe(&error), "the reader could not follow a commit");
        }
        if let Some(changes) = &mut self.changes {
            changes.committed(!self.behind);
        }
    }

    fn tell_covered(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        if self.behind {
            // A snapshot older than the answer would show too little as there: nothing is covered.
            self.asked.clear();
            return;
        }
        let scopes = self.core.covered(self.forbidden_after);
        let namespaces = self.core.current_namespaces().map(Arc::new);
        let kinds = self.distrusted.is_none();
        for reply in self.asked.drain(..) {
            let excluded = self.report.excluded.keys().cloned().collect();
            let selection = self.selection.clone();
            // Who asked may be gone.
            _ = reply.send(Covered {
                scopes: scopes.clone(),
                excluded,
                selection,
                namespaces: namespaces.clone(),
                kinds,
            });
        }
    }

    fn publish(&mut self) {
        let now = self.clock.steady_ms();
        self.next_status = now.saturating_add(self.status_every);
        let mut status = self.report.status(now, &self.core);
        status.notes.extend(self.files.troubles());
        status.set_times(|steady| self.clock.wall_of(steady));
        if let Err(error) = self.report.save(&status) {
            tracing::warn!(error = describe(&error), "status.json could not be written");
        }
        super::journal::tell(&self.status.borrow(), &status);
        self.status.send_replace(status);
    }
}

fn why(removed: &Removed) -> String {
    let kind = &removed.kind;
    match removed.because {
        Because::Forbidden => format!("{kind} has been forbidden for too long"),
        Because::NamespaceGone => format!("{kind} may not be read, and the namespace is gone"),
    }
}
