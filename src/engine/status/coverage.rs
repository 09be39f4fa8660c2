//! What the index covers, kind by kind.

use super::{KindState, KindStatus};
use crate::object::KindKey;

/// What to do where [`Coverage::lists_nothing`].
pub const ADVICE_ON_RIGHTS: &str = "you may list nothing across the cluster: name your namespaces (--namespaces a,b), or \
                                    ask for list and watch";

/// What the index covers, by kinds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Kinds that should be covered: all but excluded and gone ones.
    pub kinds: usize,
    /// Kinds read to the end (complete, polled or stale).
    pub complete: usize,
    /// Kinds that may not be listed.
    pub forbidden: Vec<KindKey>,
    /// Kinds whose reads fail.
    pub failing: Vec<KindKey>,
    /// Kinds still waiting for their first read, or in it.
    pub pending: Vec<KindKey>,
    /// Kinds held but not confirmed, with the time they were true at.
    pub stale: Vec<(KindKey, Option<i64>)>,
    /// Kinds that are forbidden or failing and of which objects are held from before, with the time they were true at.
    pub held: Vec<(KindKey, Option<i64>)>,
    /// Kinds that are listed now and then, with the time they were true at: nobody watches them in between.
    pub polled: Vec<(KindKey, Option<i64>)>,
    /// Kinds read in some namespaces only.
    pub partial: Vec<KindKey>,
    /// Kinds left out by a rule.
    pub excluded: Vec<KindKey>,
    /// The oldest time that a confirmed kind was true at.
    pub as_of_ms: Option<i64>,
}

impl Coverage {
    pub(super) fn add(&mut self, status: &KindStatus) {
        let key = status.kind.clone();
        let unread = matches!(status.state, KindState::Forbidden { .. } | KindState::Failing { .. });
        if unread && status.objects > 0 {
            self.held.push((key.clone(), status.as_of_ms));
        }
        match &status.state {
            KindState::Gone => return,
            KindState::Excluded { .. } => {
                self.excluded.push(key);
                return;
            }
            KindState::Forbidden { .. } => self.forbidden.push(key),
            KindState::Failing { .. } => self.failing.push(key),
            KindState::Waiting | KindState::Listing => self.pending.push(key),
            KindState::Stale { .. } => {
                self.stale.push((key, status.as_of_ms));
                self.complete += 1;
            }
            KindState::Complete | KindState::Polled => {
                if status.state == KindState::Polled {
                    self.polled.push((key.clone(), status.as_of_ms));
                }
                if !status.scopes.is_empty() {
                    self.partial.push(key);
                }
                self.complete += 1;
                self.as_of_ms = match (self.as_of_ms, status.as_of_ms) {
                    (Some(oldest), Some(own)) => Some(oldest.min(own)),
                    (oldest, own) => oldest.or(own),
                };
            }
        }
        self.kinds += 1;
    }

    /// Whether there are kinds and none of them may be listed across the cluster.
    pub fn lists_nothing(&self) -> bool {
        self.kinds > 0 && self.forbidden.len() == self.kinds
    }

    /// How many kinds are watched: what is held of them is true now, as long as the connection stands.
    pub fn watched(&self) -> usize {
        self.complete.saturating_sub(self.polled.len() + self.stale.len())
    }

    /// Whether every kind that should be covered is, in all namespaces, and confirmed.
    pub fn is_complete(&self) -> bool {
        self.complete == self.kinds && self.stale.is_empty() && self.partial.is_empty()
    }
}
