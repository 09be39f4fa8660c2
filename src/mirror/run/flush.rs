//! Between reconciles: the batches of the dirty set.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::send::Outgoing;
use super::{Halt, Mirror};
use crate::document::Document;
use crate::mirror::core::dirty::Cause;
use crate::mirror::record::Subject;
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::store::{Contents, VectorStore};
use crate::object::IdHash;

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Sends the batches that are due now.
    pub(super) async fn flush_due(&mut self) -> Result<(), Halt> {
        loop {
            let now = self.feed.now();
            let size = self.batch_size();
            {
                let mut dirty = self.feed.dirty();
                if dirty.due(now, size).is_none_or(|due| due > now) {
                    return Ok(());
                }
                self.taken = dirty.take(now, size);
            }
            self.flush_taken().await?;
            self.taken.clear();
            if self.beat_due() <= self.feed.now() {
                self.beat().await?;
            }
        }
    }

    /// Waits until a batch is due and sends it.
    pub(super) async fn flush_when_due(&mut self) -> Result<(), Halt> {
        let now = self.feed.now();
        let due = self.feed.dirty().due(now, self.batch_size());
        let pause = due.map_or(0, |due| u64::try_from(due - now).unwrap_or(0));
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.flush_due().await
    }

    async fn flush_taken(&mut self) -> Result<(), Halt> {
        let snapshot = self.source.snapshot();
        let ids: Vec<IdHash> = self.taken.iter().map(|due| IdHash::of(&due.id)).collect();
        let documents = snapshot.documents(&ids)?;
        let documents: HashMap<String, Document> =
            documents.into_iter().map(|document| (document.id.clone(), document)).collect();
        let (mut by_event, mut others) = (Vec::new(), Vec::new());
        let mut later = Vec::new();
        for due in &self.taken {
            if documents.contains_key(&*due.id) {
                self.memo.brake.settled(&due.id);
                continue;
            }
            match due.cause {
                // Gone since; its delete is on its way.
                Cause::Written => {}
                Cause::DeletedByEvent => by_event.push(due.id.to_string()),
                Cause::Removed if self.reconciled => others.push(due.id.to_string()),
                // The reconcile that is under way judges it together with what else is gone.
                Cause::Removed => later.push(due.clone()),
            }
        }
        let gone: Vec<_> =
            self.taken.iter().filter(|due| !documents.contains_key(&*due.id)).cloned().collect();
        gone.iter().for_each(|due| self.forget_refusal(&due.id));
        // New records are written before old ones go.
        self.write(documents.into_values().map(Outgoing::from).collect()).await?;
        if !others.is_empty() {
            let records = usize::try_from(self.status.borrow().records).unwrap_or(usize::MAX);
            others.retain(|id| self.confirmed.contains(IdHash::of(id)));
            let now = self.options.clock.steady_ms();
            others = self.memo.brake.admit(now, others, records);
            self.save();
        }
        by_event.extend(others);
        self.delete(by_event).await?;
        self.later.extend(later);
        Ok(())
    }

    /// Deletes records that are ours, as far as the collection holds our marker.
    pub(super) async fn delete(&mut self, ids: Vec<String>) -> Result<(), Halt> {
        if !self.opened.as_ref().is_some_and(|opened| opened.marked) {
            return Ok(());
        }
        for chunk in ids.chunks(self.batch_size()) {
            let unknown: Vec<String> =
                chunk.iter().filter(|id| !self.confirmed.contains(IdHash::of(id))).cloned().collect();
            let mut ours: HashSet<String> = chunk.iter().cloned().collect();
            if !unknown.is_empty() {
                // What was never confirmed may be somebody else's.
                unknown.iter().for_each(|id| {
                    ours.remove(id);
                });
                let found = self.store.get(&unknown, Contents::Full).await?;
                ours.extend(found.into_iter().filter(|it| Subject::of(it).is_some()).map(|it| it.id));
            }
            if ours.is_empty() {
                continue;
            }
            let ours: Vec<String> = ours.into_iter().collect();
            // In doubt until it is acknowledged: a later update would be lost.
            ours.iter().for_each(|id| self.confirmed.forget(IdHash::of(id)));
            self.store.delete(&ours).await?;
            ours.iter().for_each(|id| {
                self.memo.brake.settled(id);
            });
            self.status.send_modify(|status| {
                status.batches_sent += 1;
                status.deleted += ours.len() as u64;
                status.records = status.records.saturating_sub(ours.len() as u64);
            });
        }
        Ok(())
    }
}
