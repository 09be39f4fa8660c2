//! What is shown: rendered from what the mirror knows, and never read back.

use super::Mirror;
use crate::mirror::core::dirty::SPACING_MS;
use crate::mirror::core::ledger::Facts;
use crate::mirror::source::{Embedder, Source};
use crate::mirror::status::MirrorPhase;
use crate::mirror::store::VectorStore;

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Everything that statements about the collection follow from, as of now.
    pub(super) fn facts(&self) -> Facts {
        let now = self.feed.now();
        let (waiting, oldest) = {
            let dirty = self.feed.dirty();
            (dirty.len(), dirty.oldest())
        };
        let on_its_way = self.taken.iter().chain(&self.later);
        let oldest = on_its_way.map(|due| due.since).chain(oldest).min();
        Facts {
            open: self.opened.is_some() && self.phase.failing().is_none(),
            compared: self.ledger.compared && !self.feed.is_overrun(),
            meddled: self.ledger.meddled,
            held: self.memo.brake.held.len(),
            refused: self.refused.len(),
            uncovered: self.ledger.uncovered.len(),
            unmarked: self.ledger.unmarked.len(),
            unexplained: self.ledger.unexplained(),
            waiting: waiting + self.taken.len() + self.later.len(),
            lag_ms: oldest.map_or(0, |since| now - since),
        }
    }

    /// Goes into a phase, and shows it.
    pub(super) fn phase(&mut self, phase: MirrorPhase) {
        self.phase = phase;
        self.show();
    }

    /// Shows the phase and the numbers as they are.
    pub(super) fn show(&self) {
        let facts = self.facts();
        let said = facts.statement();
        // To the second: a status that only grows older is no news.
        let now = self.options.clock.wall_s() * 1_000;
        self.status.send_if_modified(|status| {
            let before = status.clone();
            status.phase = self.phase.clone();
            status.records = self.ledger.records() as u64;
            status.queue = facts.waiting as u64;
            status.lag_ms = u64::try_from(facts.lag_ms).unwrap_or(0);
            status.held_back = facts.held as u64;
            status.foreign = self.ledger.foreign as u64;
            status.kept = (facts.uncovered + facts.unmarked) as u64;
            status.not_covered = self.ledger.uncovered_kinds().into_iter().map(str::to_owned).collect();
            (status.equal, status.in_sync) = (said.equal, said.in_sync);
            if facts.open && facts.compared {
                status.lacks = facts.lacks();
            }
            if said.equal {
                status.synced_ms = Some(now);
            }
            if said.caught_up {
                // What waits longest came after all that was sent.
                let waits = if facts.waiting > 0 { facts.lag_ms + SPACING_MS } else { 0 };
                status.caught_up_ms = status.caught_up_ms.max(Some(now - waits));
            }
            *status != before
        });
    }

    /// Notes what a person should know, once.
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
