//! Making the collection equal to the index, whatever either of them went through.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::pin::pin;
use std::time::Duration;

use super::send::Outgoing;
use super::verify::{Scan, living};
use super::{DOUBT_MS, Halt, LONGEST_DOUBT_MS, Mirror, RECONCILE_MS};
use crate::mirror::core::authority::{Authority, Ruling};
use crate::mirror::core::dirty::Cause;
use crate::mirror::record::{Subject, differences, foreign_keys};
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::{Contents, VectorStore};
use crate::mirror::{Reaction, StoreError};
use crate::object::{IdHash, KindKey};

/// So often is everything compared where the store counts other records than it shows; then after growing pauses.
const ROUNDS: usize = 3;

/// How much of each record is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Id, text and metadata.
    Contents,
    /// And the vector.
    Vectors,
}

impl Depth {
    /// What is read of a record.
    pub(super) fn contents(self) -> Contents {
        match self {
            Self::Contents => Contents::Full,
            Self::Vectors => Contents::Vectors,
        }
    }
}

/// What is said of records that the index lacks.
#[derive(Debug, Default)]
struct Verdicts {
    by_event: Vec<String>,
    delete: Vec<String>,
    uncovered: BTreeMap<String, String>,
    /// Kinds and namespaces of those that may yet be confirmed.
    unconfirmed: BTreeSet<(KindKey, String)>,
}

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Pages through the store, looks at each difference again by id, writes what is missing or different, and
    /// deletes what may go. Changes that come meanwhile leave between the steps.
    pub(super) async fn reconcile(&mut self) -> Result<(), Halt> {
        let known = std::mem::replace(&mut self.reconciled, false);
        let result = self.compare_all(known).await;
        match result {
            Ok(()) => self.feed.dirty().drop_aside(),
            Err(_) => self.feed.dirty().wake_aside(),
        }
        self.feed.put_back(std::mem::take(&mut self.later));
        if let Err(halt) = &result {
            self.unfinished(halt);
            // What was found and not mended is no more equal than it was.
            self.ledger.forget();
        }
        result?;
        self.depth = Depth::Contents;
        self.reconciled = true;
        self.unfinished = 0;
        if self.ledger.uncovered.is_empty() {
            // All that a person's permission was about was judged.
            self.memo.brake.end_grant();
        }
        (self.ledger.compared, self.ledger.meddled) = (true, false);
        self.next_reconcile = self.feed.now() + RECONCILE_MS;
        if self.ledger.unexplained() > 0 {
            self.next_reconcile = self.next_reconcile.min(self.patrol.found(self.feed.now()) + DOUBT_MS);
        }
        let wall = self.options.clock.wall_ms();
        self.status.send_modify(|status| status.reconciled_ms = Some(wall));
        Ok(())
    }

    /// A comparison that could not be finished reads everything again: not without a pause that grows.
    fn unfinished(&mut self, halt: &Halt) {
        if is_passing(halt) {
            self.unfinished = self.unfinished.saturating_add(1);
        }
    }

    async fn compare_all(&mut self, known: bool) -> Result<(), Halt> {
        self.compare_and_mend(known).await?;
        for _ in 1..ROUNDS {
            if self.ledger.unexplained() == 0 {
                break;
            }
            self.compare_and_mend(true).await?;
        }
        // A few records tell whether the vectors of all were replaced.
        if self.depth == Depth::Contents && self.is_sample_foreign(true).await? {
            self.depth = Depth::Vectors;
            self.ledger.forget();
            self.compare_and_mend(true).await?;
        }
        Ok(())
    }

    /// `known`: what the store holds is known, and changes go on leaving within two seconds.
    async fn compare_and_mend(&mut self, known: bool) -> Result<(), Halt> {
        // What was dirty before the snapshot is part of the comparison.
        let mark = self.feed.dirty().now();
        let source = self.source.clone();
        let authority = self.beside(source.authority()).await?;
        if !known {
            // Sent now, it would be sent again without need: nothing is confirmed yet.
            self.feed.dirty().set_aside();
        }
        let empty = self.opened.as_ref().is_some_and(|opened| opened.empty);
        let scan = if empty {
            // All that is there was written, and confirmed, by this run.
            self.ledger.begin(self.confirmed.ids().collect());
            self.ledger.end();
            Scan::default()
        } else {
            self.scan(self.depth).await?
        };
        self.status.send_modify(|status| status.unchanged = scan.equal.len() as u64);
        let written = self.write_differences(&scan).await;
        if let Err(halt) = &written
            && !is_about_writing(halt)
        {
            return written;
        }
        // Paging is unordered: what was judged before, and what waits to go, is looked for by id, not only where the walk
        // came by.
        let mut extra: BTreeSet<String> =
            scan.extra.iter().chain(self.memo.brake.judged()).cloned().collect();
        extra.extend(self.feed.dirty().leaving().map(|id| id.to_string()));
        extra.extend(self.later.iter().map(|due| due.id.to_string()));
        // What is gone goes, whether or not an embedder or a full disk lets anything be written.
        self.judge_lacking(extra.into_iter().collect(), authority, true).await?;
        written?;
        if let Some(opened) = &mut self.opened {
            (opened.distrusted, opened.empty) = (false, false);
        }
        self.feed.dirty().forget_until(mark);
        let store = self.store.clone();
        let count = self.request(store.count()).await??;
        self.ledger.counted(count);
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
            let stored = if empty { Default::default() } else { self.stored(ids, Contents::Full).await? };
            let mut outgoing = Vec::new();
            for document in documents {
                let hash = IdHash::of(&document.id);
                self.memo.brake.settled(&document.id);
                let waits = self.feed.cause(&document.id).is_some();
                let Some(record) = stored.get(&document.id) else {
                    self.found_unequal(!waits);
                    // In a collection that was empty all that is there was written, and confirmed, by this run.
                    if !empty {
                        self.confirmed.forget(hash);
                    }
                    outgoing.push(Outgoing::from(document));
                    continue;
                };
                let alike = !distrusted && !scan.foreign_vectors.contains_key(&hash);
                if alike && differences(&document, record, self.lists).is_empty() {
                    self.confirmed.confirm(hash, self.content(&document));
                    self.forget_refusal(&document.id);
                    // Paging passed it by.
                    self.status.send_modify(|status| status.unchanged += 1);
                    continue;
                }
                self.found_unequal(!waits);
                // Which vector it has is not known: all of it is written.
                self.confirmed.forget(hash);
                let foreign_keys = foreign_keys(record).cloned().collect();
                outgoing.push(Outgoing { document, foreign_keys });
            }
            self.write(outgoing).await?;
            done += chunk.len() as u64;
            self.between().await?;
        }
        Ok(())
    }

    /// Looks again at records that could not be judged: their kinds may have been confirmed since.
    pub(super) async fn judge_again(&mut self) -> Result<(), Halt> {
        let source = self.source.clone();
        let authority = self.beside(source.authority()).await?;
        let doubtful: BTreeSet<String> =
            self.ledger.uncovered.keys().chain(&self.ledger.unmarked).cloned().collect();
        self.judge_lacking(doubtful.into_iter().collect(), authority, false).await
    }

    /// Deletes what may go of these records, which the index seemed to lack. `all`: no others are lacking.
    async fn judge_lacking(
        &mut self,
        extra: Vec<String>,
        authority: Authority,
        all: bool,
    ) -> Result<(), Halt> {
        let mut lacking = BTreeMap::new();
        let mut foreign = 0;
        for chunk in extra.chunks(self.page_size()) {
            let stored = self.stored(chunk.to_vec(), Contents::Full).await?;
            let there = living(&self.source.snapshot(), stored.keys())?;
            for (id, record) in stored.into_iter().filter(|(id, _)| !there.contains(id)) {
                match Subject::of(&record) {
                    Some(subject) => _ = lacking.insert(id, subject),
                    None => foreign += 1,
                }
            }
            self.between().await?;
        }
        let authority = match self.taken_over && !lacking.is_empty() {
            true => self.authority_anew().await?,
            false => authority,
        };
        let mut verdicts = self.verdicts(&lacking, &authority)?;
        if !verdicts.unconfirmed.is_empty() {
            let authority = self.confirmed(std::mem::take(&mut verdicts.unconfirmed)).await?;
            verdicts = self.verdicts(&lacking, &authority)?;
        }
        if all {
            self.ledger.foreign = foreign;
            let by_event: HashSet<&String> = verdicts.by_event.iter().collect();
            self.memo.brake.compared(lacking.into_keys().filter(|id| !by_event.contains(id)).collect());
        }
        let marked = self.opened.as_ref().is_some_and(|opened| opened.marked);
        let kept = if marked { &[][..] } else { &verdicts.delete };
        let kept = kept.iter().chain(verdicts.by_event.iter().filter(|_| !marked)).cloned().collect();
        self.leave(verdicts.uncovered, kept, all);
        self.found_unequal(all && verdicts.delete.iter().any(|id| self.feed.cause(id).is_none()));
        if !marked {
            return Ok(());
        }
        self.judge_with_groups(&verdicts.delete).await?;
        let mut gone = verdicts.by_event;
        gone.extend(verdicts.delete.into_iter().filter(|id| self.memo.brake.lets_through(id)));
        self.delete(gone).await
    }

    /// After a takeover: the writer before may have written, up to now, what the index does not know yet.
    async fn authority_anew(&mut self) -> Result<Authority, Halt> {
        self.stand().await?;
        let source = self.source.clone();
        self.beside(source.distrust()).await?;
        self.taken_over = false;
        self.beside(source.authority()).await
    }

    /// Judges records, of the last commit: the answer about coverage is older than that.
    fn verdicts(&self, lacking: &BTreeMap<String, Subject>, authority: &Authority) -> Result<Verdicts, Halt> {
        let there = living(&self.source.snapshot(), lacking.keys())?;
        let mut verdicts = Verdicts::default();
        for (id, subject) in lacking.iter().filter(|(id, _)| !there.contains(*id)) {
            if self.feed.cause(id) == Some(Cause::DeletedByEvent) {
                verdicts.by_event.push(id.clone());
                continue;
            }
            match authority.judge(subject) {
                Ruling::Delete => verdicts.delete.push(id.clone()),
                Ruling::NotCovered(kind) => {
                    verdicts.uncovered.insert(id.clone(), kind.to_string());
                    verdicts.unconfirmed.insert((kind, subject.namespace.clone()));
                }
                Ruling::Unknown(kind) => _ = verdicts.uncovered.insert(id.clone(), kind),
            }
        }
        Ok(verdicts)
    }

    /// Has kinds confirmed, as far as that can be had within seconds; meanwhile changes go on leaving.
    async fn confirmed(&mut self, places: BTreeSet<(KindKey, String)>) -> Result<Authority, Halt> {
        let source = self.source.clone();
        let mut asked = pin!(source.confirmed(&places));
        loop {
            tokio::select! {
                authority = &mut asked => return Ok(authority),
                () = tokio::time::sleep(Duration::from_millis(250)) => self.between().await?,
            }
        }
    }

    /// A comparison found what no waiting change explains: until it is mended nothing is said to be equal.
    fn found_unequal(&mut self, unexplained: bool) {
        if unexplained {
            self.ledger.forget();
        }
    }

    /// Takes note of records that could not be judged, and of when they are looked at again.
    fn leave(&mut self, uncovered: BTreeMap<String, String>, unmarked: BTreeSet<String>, anew: bool) {
        let before = self.ledger.uncovered.len() + self.ledger.unmarked.len();
        let left = uncovered.len() + unmarked.len();
        let fewer = anew || left < before;
        self.doubt = if fewer { DOUBT_MS } else { (self.doubt * 2).clamp(DOUBT_MS, LONGEST_DOUBT_MS) };
        self.doubt_at = if left == 0 { i64::MAX } else { self.feed.now() + self.doubt };
        (self.ledger.uncovered, self.ledger.unmarked) = (uncovered, unmarked);
    }

    /// Between two steps of a long reconcile: signs of life, and what changed meanwhile.
    pub(super) async fn between(&mut self) -> Result<(), Halt> {
        if self.beat_due() <= self.feed.now() || self.says_too_much() {
            self.beat().await?;
        }
        self.flush_due().await
    }
}

/// Whether documents can't be embedded or stored just now, while the store can be read and deleted from.
fn is_about_writing(halt: &Halt) -> bool {
    match halt {
        Halt::Source(_) | Halt::Store(StoreError::Failed { .. } | StoreError::Rejected { .. }) => true,
        Halt::Store(_) | Halt::Refused(_) | Halt::Passive { .. } => false,
    }
}

/// Whether the same is tried again, with all that is known of the store.
pub(super) fn is_passing(halt: &Halt) -> bool {
    match halt {
        Halt::Source(_) => true,
        Halt::Store(error) => matches!(error.reaction(), Reaction::Retry(_)),
        Halt::Refused(_) | Halt::Passive { .. } => false,
    }
}
