//! Finding, claiming and keeping the collection.

use std::time::Duration;

use super::{Halt, LOOK, Mirror};
use crate::mirror::core::Millis;
use crate::mirror::core::claim::{Claimant, Judgement, SETTLE_MS};
use crate::mirror::core::marker::Marker;
use crate::mirror::offset::VECTORS_VERSION;
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::{Collection, Fields, VectorStore};
use crate::text;

/// Agents are told so many kinds by name.
const STALE_NAMES: usize = 100;

/// A claimed collection.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its id: another id, another collection.
    pub(super) id: String,
    /// It was empty when it was opened: nothing in it has to be looked for.
    pub(super) empty: bool,
    /// The vectors in it are not known to be made as they are made now.
    pub(super) distrusted: bool,
    /// It holds the marker; else nothing in it is deleted.
    pub(super) marked: bool,
    /// When it was last known to be ours.
    pub(super) beat_at: Millis,
    beat: i64,
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Opens the collection as its writer. With `waits` a writer that may be dead is waited for; a living one is
    /// [`Halt::Passive`].
    pub(super) async fn open(&mut self, waits: bool) -> Result<(), Halt> {
        loop {
            let fields = self.marker(1, true).write(&Fields::new());
            // Nothing is written before it is known that this is the right store.
            let Some(found) = self.store.find().await? else {
                self.try_embedder().await?;
                self.remember_beat(1);
                let ensured = self.store.ensure(&fields).await?;
                if ensured.created {
                    self.memo.scopes = [self.options.scope.clone()].into();
                    self.opened = Some(self.opened(&ensured.collection, 1, true, false));
                    return Ok(());
                }
                continue;
            };
            let now = self.feed.now();
            let marker = Marker::read(&found.fields);
            match self.observer.judge(now, &found, &self.claimant()) {
                Judgement::Refused(refusal) => return Err(refusal.into()),
                Judgement::Mine => return self.claim(found, marker, false).await,
                Judgement::Free => return self.claim(found, marker, true).await,
                Judgement::Taken { writer, .. } if !waits => {
                    // What changes now is the other writer's to send.
                    self.feed.dirty().set_aside();
                    self.feed.dirty().drop_aside();
                    return Err(Halt::Passive { writer });
                }
                Judgement::Taken { writer, until } => {
                    self.phase(MirrorPhase::Passive { writer: writer.clone() });
                    let waited = self.observer_moved(&writer, until);
                    if waited {
                        return Err(Halt::Passive { writer });
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Without vectors nothing can be mirrored: then not even the collection is made. What is embedded here is kept.
    async fn try_embedder(&self) -> Result<(), Halt> {
        // What was read is committed before this is answered.
        self.source.authority().await;
        let snapshot = self.source.snapshot();
        let first: Vec<_> = snapshot.ids()?.into_iter().take(1).collect();
        let documents = snapshot.documents(&first)?;
        if !documents.is_empty() {
            self.embedder.vectors(&documents).await?;
        }
        Ok(())
    }

    /// Whether the writer that was waited for gave a sign of life meanwhile.
    fn observer_moved(&mut self, writer: &str, until: Millis) -> bool {
        let known = self.waited.get_or_insert_with(|| (writer.to_owned(), until));
        known.0 != writer || known.1 != until
    }

    /// Writes the marker; with `settle` waits and looks whether it still stands.
    async fn claim(&mut self, found: Collection, marker: Option<Marker>, settle: bool) -> Result<(), Halt> {
        let before = marker.clone().unwrap_or_default();
        let beat = before.beat.max(self.memo.beat.unwrap_or(0)) + 1;
        let trusted = before.vectors == VECTORS_VERSION;
        if before.held_back > 0 && self.memo.beat.is_none_or(|ours| ours < before.beat) {
            // Whoever held deletes back, its memory is not ours.
            self.memo.brake.lose();
        }
        if !before.cluster.is_empty() && before.cluster != self.options.cluster {
            let theirs = &before.cluster;
            self.note(&format!("taken over: the collection mirrored another cluster ({theirs}) (--adopt)"));
        } else if !before.scope.is_empty() && before.scope != self.options.scope {
            self.note("the collection mirrored another selection of kinds and namespaces until now");
        }
        self.remember_beat(beat);
        let mut mine = self.marker(beat, trusted);
        mine.take_freshness(before);
        self.store.set_fields(&mine.write(&found.fields)).await?;
        self.memo.scopes = [self.options.scope.clone()].into();
        if settle {
            self.phase(MirrorPhase::Claiming);
            tokio::time::sleep(Duration::from_millis(SETTLE_MS.unsigned_abs())).await;
        }
        let again = self.store.find().await?.filter(|again| again.id == found.id);
        let Some(again) = again else {
            return Err(crate::mirror::StoreError::NotFound {
                message: "the collection was replaced".into(),
            }
            .into());
        };
        let written = Marker::read(&again.fields);
        match &written {
            Some(now) if now.writer != self.memo.writer || now.beat != beat => {
                let writer = now.writer.clone();
                return Err(Halt::Passive { writer });
            }
            Some(_) | None => {}
        }
        let empty = self.store.count().await? == 0;
        let mut opened = self.opened(&again, beat, empty, !trusted && !empty);
        opened.marked = written.is_some();
        if !opened.marked {
            self.note("the store does not keep a collection's metadata: nothing is deleted from it");
        }
        self.opened = Some(opened);
        Ok(())
    }

    fn opened(&self, collection: &Collection, beat: i64, empty: bool, distrusted: bool) -> Opened {
        let marked = Marker::read(&collection.fields).is_some();
        let (id, beat_at) = (collection.id.clone(), self.feed.now());
        Opened { id, empty, distrusted, marked, beat_at, beat }
    }

    /// A sign of life, and how fresh the collection is. Finds out whether it is still ours.
    pub(super) async fn beat(&mut self) -> Result<(), Halt> {
        self.mark(false).await
    }

    /// The last sign of life: the next writer need not wait.
    pub(super) async fn give_free(&mut self) -> Result<(), Halt> {
        self.mark(true).await?;
        self.opened = None;
        Ok(())
    }

    async fn mark(&mut self, free: bool) -> Result<(), Halt> {
        let Some(Opened { id, beat, distrusted, marked, .. }) = &self.opened else { return Ok(()) };
        let (id, beat, trusted, marked) = (id.clone(), *beat, !*distrusted, *marked);
        let found = self.store.find().await?.filter(|found| found.id == id);
        let Some(found) = found else {
            return Err(crate::mirror::StoreError::NotFound {
                message: "the collection was replaced".into(),
            }
            .into());
        };
        // A sign of life that was applied and never acknowledged is ours as well: it was remembered before it was sent.
        let is_ours = |marker: &Marker| {
            marker.writer == self.memo.writer && (marker.beat == beat || self.memo.beat == Some(marker.beat))
        };
        let before = match Marker::read(&found.fields) {
            Some(marker) if is_ours(&marker) => marker,
            Some(marker) => return Err(Halt::Passive { writer: marker.writer }),
            // Somebody replaced the metadata: a later get-or-create with its own, say. It is ours all the same.
            None => Marker::default(),
        };
        let beat = beat.max(before.beat);
        self.remember_beat(beat + 1);
        let mut marker = self.marker(beat + 1, trusted);
        if free {
            marker.writer.clear();
        }
        marker.take_freshness(before);
        if self.reconciled {
            let stale = self.source.stale();
            let held = &self.memo.brake.held;
            marker.complete = stale.is_empty() && held.is_empty() && self.refused.is_empty();
            marker.held_back = i64::try_from(held.len()).unwrap_or(i64::MAX);
            let names: Vec<_> = stale.iter().take(STALE_NAMES).map(|kind| kind.as_str()).collect();
            marker.stale = names.join(",");
            if self.feed.is_empty() {
                marker.synced_at = text::rfc3339(self.options.clock.wall_s());
            }
        }
        self.store.set_fields(&marker.write(&found.fields)).await?;
        let now = self.feed.now();
        if let Some(opened) = &mut self.opened {
            (opened.beat, opened.beat_at) = (beat + 1, now);
            opened.marked = marked;
        }
        Ok(())
    }

    fn remember_beat(&mut self, beat: i64) {
        // Before it is written: a crash in between must not make our own marker look like a stranger's.
        self.memo.beat = Some(beat);
        self.memo.scopes.insert(self.options.scope.clone());
        self.save();
    }

    fn marker(&self, beat: i64, trusted: bool) -> Marker {
        Marker {
            cluster: self.options.cluster.clone(),
            writer: self.memo.writer.clone(),
            beat,
            scope: self.options.scope.clone(),
            profile: self.options.profile.clone(),
            model: self.embedder.model(),
            vectors: if trusted { VECTORS_VERSION } else { 0 },
            synced_at: String::new(),
            complete: false,
            stale: String::new(),
            held_back: 0,
        }
    }

    pub(super) fn claimant(&self) -> Claimant {
        Claimant {
            writer: self.memo.writer.clone(),
            beat: self.memo.beat,
            cluster: self.options.cluster.clone(),
            scope: self.options.scope.clone(),
            scopes: self.memo.scopes.clone(),
            profile: self.options.profile.clone(),
            model: self.embedder.model(),
            dimension: self.embedder.dimension(),
            adopt: self.options.adopt,
        }
    }

    pub(super) fn note(&self, note: &str) {
        self.status.send_if_modified(|status| {
            let new = !status.notes.iter().any(|known| known == note);
            if new {
                tracing::warn!(note, "mirror");
                status.notes.push(note.to_owned());
            }
            new
        });
    }
}
