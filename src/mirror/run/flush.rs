//! Between reconciles: the batches of the dirty set.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::send::Outgoing;
use super::verify::living;
use super::{DOUBT_MS, Halt, Mirror};
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
        let (mut by_event, mut removed, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for due in &self.taken {
            if documents.contains_key(&*due.id) {
                self.memo.brake.settled(&due.id);
                continue;
            }
            match due.cause {
                // Gone since; its delete is on its way.
                Cause::Written => {}
                Cause::DeletedByEvent => by_event.push(due.id.to_string()),
                Cause::Removed if self.reconciled => removed.push(due.clone()),
                // The reconcile that is under way judges it together with what else is gone.
                Cause::Removed => later.push(due.clone()),
            }
        }
        let gone: Vec<_> =
            self.taken.iter().filter(|due| !documents.contains_key(&*due.id)).cloned().collect();
        gone.iter().for_each(|due| self.forget_refusal(&due.id));
        // New records are written before old ones go.
        self.write(documents.into_values().map(Outgoing::from).collect()).await?;
        if !removed.is_empty() {
            self.judge_groups(removed.iter().map(|due| due.group).collect()).await?;
            let through = removed.iter().filter(|due| self.memo.brake.lets_through(&due.id));
            by_event.extend(through.map(|due| due.id.to_string()));
        }
        self.delete(by_event).await?;
        self.later.extend(later);
        Ok(())
    }

    /// Has the brake judge everything that these commits removed, whichever batch it is in.
    async fn judge_groups(&mut self, groups: BTreeSet<u64>) -> Result<(), Halt> {
        for ids in self.groups(&groups).await?.into_values() {
            self.memo.brake.judge(self.clocks(), ids, self.ledger.records());
        }
        // Before the first of them goes: after a crash the rest must not be another group.
        self.save();
        Ok(())
    }

    /// What commits removed and no batch has settled yet, with the commit's group.
    fn removed(&self) -> Vec<(String, u64)> {
        let on_its_way = self.taken.iter().chain(&self.later).filter(|due| due.cause == Cause::Removed);
        let mut removed: Vec<_> = on_its_way.map(|due| (due.id.to_string(), due.group)).collect();
        removed.extend(self.feed.dirty().removed().map(|(id, group)| (id.to_string(), group)));
        removed
    }

    /// What each of these commits removed, as far as it is not there again and its record is. However many commits there
    /// were while the store was away, all is looked up at once.
    async fn groups(&mut self, wanted: &BTreeSet<u64>) -> Result<BTreeMap<u64, BTreeSet<String>>, Halt> {
        let mut removed = self.removed();
        removed.retain(|(_, group)| wanted.contains(group));
        let mut ids: BTreeSet<String> = removed.iter().map(|(id, _)| id.clone()).collect();
        let unknown: Vec<String> =
            ids.iter().filter(|id| !self.confirmed.contains(IdHash::of(id))).cloned().collect();
        for chunk in unknown.chunks(self.page_size()) {
            let stored = self.stored(chunk.to_vec(), Contents::Full).await?;
            let ours = |id: &String| stored.get(id).is_some_and(|record| Subject::of(record).is_some());
            chunk.iter().filter(|id| !ours(id)).for_each(|id| _ = ids.remove(id));
        }
        let there = living(&self.source.snapshot(), ids.iter())?;
        let mut groups: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for (id, group) in removed.into_iter().filter(|(id, _)| ids.contains(id) && !there.contains(id)) {
            groups.entry(group).or_default().insert(id);
        }
        Ok(groups)
    }

    /// Has the brake judge these deletes, and with them whatever else was removed by a commit that removed one of them.
    pub(super) async fn judge_with_groups(&mut self, ids: &[String]) -> Result<(), Halt> {
        let mut all: BTreeSet<String> = ids.iter().cloned().collect();
        let removed = self.removed();
        let groups: BTreeSet<u64> =
            removed.iter().filter(|(id, _)| all.contains(id)).map(|(_, group)| *group).collect();
        all.extend(self.groups(&groups).await?.into_values().flatten());
        self.memo.brake.judge(self.clocks(), all, self.ledger.records());
        self.save();
        Ok(())
    }

    /// Without our marker nothing is deleted: that is told, and looked at again.
    fn keep_unmarked(&mut self, ids: Vec<String>) {
        if !ids.is_empty() {
            self.doubt_at = self.doubt_at.min(self.feed.now() + DOUBT_MS);
            self.ledger.unmarked.extend(ids);
        }
    }

    /// Deletes records that are ours, as far as the collection holds our marker.
    pub(super) async fn delete(&mut self, ids: Vec<String>) -> Result<(), Halt> {
        if !self.opened.as_ref().is_some_and(|opened| opened.marked) {
            self.keep_unmarked(ids);
            return Ok(());
        }
        let store = self.store.clone();
        for chunk in ids.chunks(self.batch_size()) {
            let unknown: Vec<String> =
                chunk.iter().filter(|id| !self.confirmed.contains(IdHash::of(id))).cloned().collect();
            let mut ours: HashSet<String> = chunk.iter().cloned().collect();
            if !unknown.is_empty() {
                // What was never confirmed may be somebody else's.
                unknown.iter().for_each(|id| {
                    ours.remove(id);
                });
                let found = self.stored(unknown, Contents::Full).await?;
                ours.extend(found.into_values().filter(|it| Subject::of(it).is_some()).map(|it| it.id));
            }
            if ours.is_empty() {
                continue;
            }
            let ours: Vec<String> = ours.into_iter().collect();
            self.stand().await?;
            // In doubt until it is acknowledged: a later update would be lost.
            ours.iter().for_each(|id| self.confirmed.forget(IdHash::of(id)));
            self.request(store.delete(&ours)).await??;
            ours.iter().for_each(|id| {
                self.memo.brake.settled(id);
                self.ledger.went(IdHash::of(id));
                self.ledger.uncovered.remove(id);
            });
            self.status.send_modify(|status| {
                status.batches_sent += 1;
                status.deleted += ours.len() as u64;
            });
        }
        Ok(())
    }
}
