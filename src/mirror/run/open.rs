//! Finding, claiming and keeping the collection.

use super::requests::limited;
use super::{Halt, LOOK, Mirror};
use std::collections::BTreeSet;

use crate::mirror::StoreError;
use crate::mirror::core::Millis;
use crate::mirror::core::claim::{Claimant, Judgement, Observer, settles};
use crate::mirror::core::marker::Marker;
use crate::mirror::offset::VECTORS_VERSION;
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::{Collection, Fields, VectorStore};
use crate::object::KindKey;
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
    /// When the last sign of life was given.
    pub(super) beat_at: Millis,
    /// When the marker was last seen to be ours.
    pub(super) seen_at: Millis,
    /// Nothing is written before this: others may have claimed it at the same time.
    pub(super) settles_at: Millis,
    beat: i64,
    /// What the marker says of the collection.
    complete: bool,
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Opens the collection as its writer. With `waits` a writer that may be dead is waited for; a living one is
    /// [`Halt::Passive`].
    pub(super) async fn open(&mut self, waits: bool) -> Result<(), Halt> {
        let store = self.store.clone();
        loop {
            let fields = self.marker(1, true).write(&Fields::new());
            // Nothing is written before it is known that this is the right store.
            let began = self.feed.now();
            let found = match self.request(store.find()).await? {
                Ok(found) => found,
                Err(error) => {
                    // Nor can anybody else give a sign of life now.
                    self.observer = Observer::default();
                    return Err(error.into());
                }
            };
            self.took(began);
            let Some(found) = found else {
                self.try_embedder().await?;
                self.remember_beat(1);
                let ensured = self.request(store.ensure(&fields)).await??;
                if ensured.created {
                    self.memo.scopes = [self.options.scope.clone()].into();
                    self.opened = Some(self.opened(&ensured.collection, 1));
                    return Ok(());
                }
                continue;
            };
            let now = self.feed.now();
            let marker = Marker::read(&found.fields);
            match self.observer.judge(now, &found, &self.claimant(), self.slow) {
                Judgement::Refused(refusal) => return Err(refusal.into()),
                // There is one writer before, and all others wait: this one need not.
                Judgement::Mine => return self.claim(found, marker, 0).await,
                Judgement::Free => {
                    self.take_over(marker.as_ref());
                    return self.claim(found, marker, settles(self.slow)).await;
                }
                Judgement::Taken { writer, .. } if !waits => {
                    // What changes now is the other writer's to send.
                    self.feed.dirty().set_aside();
                    self.feed.dirty().drop_aside();
                    return Err(Halt::Passive { writer });
                }
                Judgement::Taken { writer, beat, .. } => {
                    self.phase(MirrorPhase::Passive { writer: writer.clone() });
                    let waited = self.waited.get_or_insert_with(|| (writer.clone(), beat));
                    if *waited != (writer.clone(), beat) {
                        return Err(Halt::Passive { writer });
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Another writer kept the collection until now, and may have written what the index does not know yet.
    fn take_over(&mut self, marker: Option<&Marker>) {
        let free = marker.is_none_or(|marker| marker.writer.is_empty());
        let last = marker.map(|marker| (marker.last.clone(), marker.beat)).unwrap_or_default();
        if free && self.options.seen_free.as_ref() == Some(&last) {
            return;
        }
        self.taken_over = true;
        // What is gone from the index may be there again.
        self.feed.dirty().set_aside();
        self.feed.dirty().drop_aside();
    }

    /// Without vectors nothing can be mirrored: then not even the collection is made. What is embedded here is kept.
    async fn try_embedder(&mut self) -> Result<(), Halt> {
        // What was read is committed before this is answered.
        self.source.authority().await;
        let snapshot = self.source.snapshot();
        let first: Vec<_> = snapshot.ids()?.into_iter().take(1).collect();
        let documents = snapshot.documents(&first)?;
        if !documents.is_empty() {
            self.vectors(&documents).await?;
        }
        Ok(())
    }

    /// Writes the marker and looks whether it stands. Reading may begin at once, writing after `settles`.
    async fn claim(
        &mut self,
        found: Collection,
        marker: Option<Marker>,
        settles: Millis,
    ) -> Result<(), Halt> {
        let store = self.store.clone();
        let before = marker.clone().unwrap_or_default();
        let beat = before.beat.max(self.memo.beat.unwrap_or(0)) + 1;
        let trusted = before.vectors == VECTORS_VERSION;
        if before.held_back > 0 && self.memo.beat.is_none_or(|ours| ours < before.beat) {
            // Whoever held deletes back, its memory is not ours.
            self.memo.brake.lose();
        }
        if ![&*self.cluster(), &*self.options.index, ""].contains(&&*before.cluster) {
            let theirs = &before.cluster;
            self.note(&format!("taken over: the collection mirrored another cluster ({theirs}) (--adopt)"));
        } else if !before.scope.is_empty() && before.scope != self.options.scope {
            self.note("the collection mirrored another selection of kinds and namespaces until now");
        }
        self.remember_beat(beat);
        let mut mine = self.marker(beat, trusted);
        mine.take_freshness(before);
        // Nothing is known of it yet.
        mine.complete = false;
        self.request(store.set_fields(&mine.write(&found.fields))).await??;
        let settles_at = self.feed.now() + settles;
        self.memo.scopes = [self.options.scope.clone()].into();
        let again = self.request(store.find()).await??;
        let again = again.filter(|again| again.id == found.id).ok_or_else(replaced)?;
        let written = Marker::read(&again.fields);
        match &written {
            Some(now) if now.writer != self.memo.writer || now.beat != beat => {
                let writer = now.writer.clone();
                return Err(Halt::Passive { writer });
            }
            Some(_) | None => {}
        }
        let empty = self.request(store.count()).await?? == 0;
        if written.is_none() {
            self.note("the store does not keep a collection's metadata: nothing is deleted from it");
        }
        let opened = self.opened(&again, beat);
        let distrusted = !trusted && !empty;
        self.opened = Some(Opened { empty, distrusted, settles_at, ..opened });
        Ok(())
    }

    /// A collection that was just made: nobody else knows of it.
    fn opened(&self, collection: &Collection, beat: i64) -> Opened {
        let now = self.feed.now();
        Opened {
            id: collection.id.clone(),
            empty: true,
            distrusted: false,
            marked: Marker::read(&collection.fields).is_some(),
            beat_at: now,
            seen_at: now,
            settles_at: now,
            beat,
            complete: false,
        }
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

    /// Whether the marker says more than is known to be so.
    pub(super) fn says_too_much(&self) -> bool {
        let said = self.opened.as_ref().is_some_and(|opened| opened.complete);
        said && !(self.facts().is_complete(false) && self.source.knows_cluster())
    }

    async fn mark(&mut self, free: bool) -> Result<(), Halt> {
        let Some(Opened { beat, distrusted, .. }) = &self.opened else { return Ok(()) };
        let (beat, trusted) = (*beat, !*distrusted);
        let (store, began) = (self.store.clone(), self.feed.now());
        // Not beside other signs of life: this is one.
        let found = self.shown(limited(self.store.name(), store.find())).await?;
        self.took(began);
        let marked = found.as_ref().is_some_and(|found| Marker::read(&found.fields).is_some());
        let (found, before) = self.recognise(found)?;
        let beat = beat.max(before.beat) + 1;
        self.remember_beat(beat);
        let mut marker = self.marker(beat, trusted);
        if free {
            marker.last = std::mem::take(&mut marker.writer);
        }
        marker.take_freshness(before);
        self.say(&mut marker);
        let complete = marker.complete;
        let fields = marker.write(&found.fields);
        self.shown(limited(self.store.name(), store.set_fields(&fields))).await?;
        let now = self.feed.now();
        if let Some(opened) = &mut self.opened {
            (opened.beat, opened.complete) = (beat, complete);
            (opened.beat_at, opened.seen_at) = (now, began);
            opened.marked = marked;
        }
        Ok(())
    }

    /// What agents are told.
    fn say(&self, marker: &mut Marker) {
        let facts = self.facts();
        marker.complete = false;
        if !facts.compared {
            return;
        }
        let stale = self.source.stale();
        let mut names: BTreeSet<&str> = stale.iter().map(KindKey::as_str).collect();
        names.extend(self.ledger.uncovered_kinds());
        let known = self.source.knows_cluster();
        marker.complete = known && facts.is_complete(!names.is_empty());
        marker.held_back = i64::try_from(facts.held).unwrap_or(i64::MAX);
        marker.stale = names.into_iter().take(STALE_NAMES).collect::<Vec<_>>().join(",");
        if known && facts.statement().equal {
            // Between two lists of a kind that may not be watched nobody knows of changes.
            let now = self.options.clock.wall_s();
            let listed = self.source.listed_ms().map_or(now, |ms| ms.div_euclid(1_000));
            marker.synced_at = text::rfc3339(now.min(listed));
        }
    }

    /// Whether a collection is the one that was claimed, by its id and its marker; an error where it is not.
    pub(super) fn recognise(&self, found: Option<Collection>) -> Result<(Collection, Marker), Halt> {
        let Some(opened) = &self.opened else { return Err(replaced().into()) };
        let found = found.filter(|found| found.id == opened.id).ok_or_else(replaced)?;
        match Marker::read(&found.fields) {
            // A sign of life that was applied and never acknowledged is ours as well: it was remembered before it was
            // sent. And an older one is, where a newer one is just on its way.
            Some(marker) if marker.writer == self.memo.writer && self.memo.beat >= Some(marker.beat) => {
                Ok((found, marker))
            }
            Some(marker) => Err(Halt::Passive { writer: marker.writer }),
            // Somebody replaced the metadata: a later get-or-create with its own, say. It is ours all the same.
            None => Ok((found, Marker::default())),
        }
    }

    fn remember_beat(&mut self, beat: i64) {
        // Before it is written: a crash in between must not make our own marker look like a stranger's.
        self.memo.beat = Some(beat);
        self.memo.scopes.insert(self.options.scope.clone());
        if self.options.cluster.is_some() {
            self.memo.cluster.clone_from(&self.options.cluster);
        }
        self.save();
    }

    /// What the collection is marked with: once the cluster's identity was known it stays so, whatever may be read later.
    fn cluster(&self) -> String {
        let known = self.options.cluster.as_ref().or(self.memo.cluster.as_ref());
        known.unwrap_or(&self.options.index).clone()
    }

    fn marker(&self, beat: i64, trusted: bool) -> Marker {
        Marker {
            cluster: self.cluster(),
            writer: self.memo.writer.clone(),
            beat,
            scope: self.options.scope.clone(),
            profile: self.options.profile.clone(),
            model: self.embedder.model(),
            vectors: if trusted { VECTORS_VERSION } else { 0 },
            ..Marker::default()
        }
    }

    pub(super) fn claimant(&self) -> Claimant {
        Claimant {
            writer: self.memo.writer.clone(),
            beat: self.memo.beat,
            cluster: self.cluster(),
            index: self.options.index.clone(),
            scope: self.options.scope.clone(),
            scopes: self.memo.scopes.clone(),
            profile: self.options.profile.clone(),
            model: self.embedder.model(),
            dimension: self.embedder.dimension(),
            adopt: self.options.adopt,
        }
    }
}

fn replaced() -> StoreError {
    StoreError::NotFound { message: "the collection was replaced".into() }
}
