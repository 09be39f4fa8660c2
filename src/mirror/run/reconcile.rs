//! Making the collection equal to the index, whatever either of them went through.

use std::collections::{BTreeSet, HashSet};

use super::send::Outgoing;
use super::verify::{Scan, living};
use super::{DOUBT_MS, Halt, Mirror, RECONCILE_MS};
use crate::mirror::core::authority::{Authority, Ruling};
use crate::mirror::core::dirty::Cause;
use crate::mirror::record::{Subject, differences, foreign_keys};
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::VectorStore;
use crate::object::IdHash;

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Pages through the store, looks at each difference again by id, writes what is missing or different, and
    /// deletes what may go. Changes that come meanwhile leave between the steps.
    pub(super) async fn reconcile(&mut self) -> Result<(), Halt> {
        let known = std::mem::replace(&mut self.reconciled, false);
        self.different.clear();
        let result = self.compare_and_mend(known).await;
        match result {
            Ok(()) => self.feed.dirty().drop_aside(),
            Err(_) => self.feed.dirty().wake_aside(),
        }
        self.feed.put_back(std::mem::take(&mut self.later));
        self.different = HashSet::new();
        result
    }

    /// `known`: what the store holds is known, and changes go on leaving within two seconds.
    async fn compare_and_mend(&mut self, known: bool) -> Result<(), Halt> {
        // What was dirty before the snapshot is part of the comparison.
        let mark = self.feed.dirty().now();
        let authority = self.source.authority().await;
        if !known {
            // Sent now, it would be sent again without need: nothing is confirmed yet.
            self.feed.dirty().set_aside();
        }
        let empty = self.opened.as_ref().is_some_and(|opened| opened.empty);
        let scan = if empty { Scan::default() } else { self.scan().await? };
        let records = scan.len();
        self.status.send_modify(|status| {
            status.records = records as u64;
            status.unchanged = scan.equal.len() as u64;
        });
        self.write_differences(&scan).await?;
        self.delete_extra(&scan, &authority).await?;
        if let Some(opened) = &mut self.opened {
            (opened.distrusted, opened.empty) = (false, false);
        }
        self.reconciled = true;
        let doubtful = self.status.borrow().kept > 0;
        self.doubt = if doubtful { (self.doubt * 2).clamp(DOUBT_MS, RECONCILE_MS) } else { 0 };
        self.next_reconcile = self.feed.now() + if doubtful { self.doubt } else { RECONCILE_MS };
        self.feed.dirty().forget_until(mark);
        let wall = self.options.clock.wall_ms();
        self.status.send_modify(|status| status.reconciled_ms = Some(wall));
        Ok(())
    }

    async fn write_differences(&mut self, scan: &Scan) -> Result<(), Halt> {
        let distrusted = self.opened.as_ref().is_some_and(|opened| opened.distrusted);
        let empty = self.opened.as_ref().is_some_and(|opened| opened.empty);
        let unsure: Vec<IdHash> = self
            .source
            .snapshot()
            .ids()?
            .into_iter()
            .filter(|id| distrusted || !scan.equal.contains(id))
            .collect();
        let total = unsure.len() as u64;
        let mut done = 0;
        for chunk in unsure.chunks(self.batch_size()) {
            if total > 0 {
                self.phase(MirrorPhase::Writing { done, total });
            }
            let documents = self.source.snapshot().documents(chunk)?;
            let ids = documents.iter().map(|document| document.id.clone()).collect();
            let stored = if empty { Default::default() } else { self.stored(ids).await? };
            let mut outgoing = Vec::new();
            for document in documents {
                let hash = IdHash::of(&document.id);
                self.memo.brake.settled(&document.id);
                let Some(record) = stored.get(&document.id) else {
                    // In a collection that was empty all that is there was written, and confirmed, by this run.
                    if !empty {
                        self.confirmed.forget(hash);
                    }
                    outgoing.push(Outgoing::from(document));
                    continue;
                };
                if !distrusted && differences(&document, record, self.lists).is_empty() {
                    self.confirmed.confirm(hash, self.content(&document));
                    // Paging passed it by.
                    self.status.send_modify(|status| status.unchanged += 1);
                    continue;
                }
                // Which vector it has is not known: all of it is written.
                self.confirmed.forget(hash);
                self.different.insert(hash);
                let foreign_keys = foreign_keys(record).cloned().collect();
                outgoing.push(Outgoing { document, foreign_keys });
            }
            self.write(outgoing).await?;
            done += chunk.len() as u64;
            self.between().await?;
        }
        Ok(())
    }

    async fn delete_extra(&mut self, scan: &Scan, authority: &Authority) -> Result<(), Halt> {
        let (mut by_event, mut others) = (Vec::new(), Vec::new());
        let (mut foreign, mut kept, mut not_covered) = (0, 0, BTreeSet::new());
        // Paging is unordered: what is held back is looked for by id, not only where the walk came by.
        let extra: HashSet<&String> = scan.extra.iter().chain(&self.memo.brake.held).collect();
        let extra: Vec<String> = extra.into_iter().cloned().collect();
        let mut lacking = BTreeSet::new();
        for chunk in extra.chunks(self.page_size()) {
            let stored = self.stored(chunk.to_vec()).await?;
            let there = living(&self.source.snapshot(), stored.keys())?;
            for (id, record) in stored.into_iter().filter(|(id, _)| !there.contains(id)) {
                let Some(subject) = Subject::of(&record) else {
                    foreign += 1;
                    continue;
                };
                if self.feed.dirty().cause(&id) == Some(Cause::DeletedByEvent) {
                    by_event.push(id);
                    continue;
                }
                lacking.insert(id.clone());
                match authority.judge(&subject) {
                    Ruling::Delete => others.push(id),
                    Ruling::NotCovered(kind) => {
                        kept += 1;
                        not_covered.insert(kind);
                    }
                }
            }
            self.between().await?;
        }
        self.status.send_modify(|status| {
            (status.foreign, status.kept) = (foreign, kept);
            status.not_covered = not_covered.into_iter().collect();
        });
        self.memo.brake.compared(lacking);
        if !self.opened.as_ref().is_some_and(|opened| opened.marked) {
            return Ok(());
        }
        let records = scan.len();
        let now = self.options.clock.steady_ms();
        let allowed = self.memo.brake.admit(now, others, records);
        self.save();
        by_event.extend(allowed);
        self.delete(by_event).await
    }

    /// Between two steps of a long reconcile: signs of life, and what changed meanwhile.
    async fn between(&mut self) -> Result<(), Halt> {
        if self.beat_due() <= self.feed.now() {
            self.beat().await?;
        }
        self.flush_due().await
    }
}
