//! What a mirror says about itself: part of `status.json`, and what a run of `sync` sums up.

use serde::{Deserialize, Serialize};

/// As many documents over a limit are named; the rest is counted.
pub const NAMED: usize = 20;

/// One mirror. Times are milliseconds since 1970 (UTC); counters count since the start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MirrorStatus {
    /// The store for people: collection, kind and address.
    pub to: String,
    /// The store's URL as configured; with `collection` what tells one mirror from another.
    pub url: String,
    /// The collection's name.
    pub collection: String,
    /// Which vectors.
    pub profile: String,
    /// What it is doing.
    pub phase: MirrorPhase,
    /// Whether the collection equals the index now, record by record.
    pub equal: bool,
    /// Whether it does, but for what changed within the last two seconds.
    pub in_sync: bool,
    /// Why it does not, and will not by itself, in plain words.
    pub lacks: Vec<String>,
    /// Records that the store held at the last reconcile, and what was written and deleted since.
    pub records: u64,
    /// Documents that wait to be sent.
    pub queue: u64,
    /// How long the longest waiting one has waited, in milliseconds.
    pub lag_ms: u64,
    /// Documents that were not in the store.
    pub added: u64,
    /// Documents whose record was another.
    pub updated: u64,
    /// Documents found equal by the last reconcile.
    pub unchanged: u64,
    /// Records deleted.
    pub deleted: u64,
    /// Deletes held back by the brake.
    pub held_back: u64,
    /// Records of somebody else.
    pub foreign: u64,
    /// Records that the index does not have and that stay, because their kind is not covered.
    pub kept: u64,
    /// Kinds of those.
    pub not_covered: Vec<String>,
    /// Documents that the store can't take, and why; at most [`NAMED`].
    pub over_limit: Vec<(String, String)>,
    /// How many there are.
    pub over_limit_count: u64,
    /// Batches the store took.
    pub batches_sent: u64,
    /// Batches it did not take.
    pub batches_failed: u64,
    /// Batches sent again.
    pub batches_retried: u64,
    /// Updates of records that turned out to be missing; they were written anew.
    pub lost_updates: u64,
    /// The collection last equalled the index at this time.
    pub synced_ms: Option<i64>,
    /// All that the index had at this time is written as far as it can be: what is lacking of it stays so.
    pub caught_up_ms: Option<i64>,
    /// The last reconcile ended at this time.
    pub reconciled_ms: Option<i64>,
    /// What a person should know, one line each.
    pub notes: Vec<String>,
}

/// What a mirror is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum MirrorPhase {
    /// Looks at the store.
    #[default]
    Connecting,
    /// Has claimed the collection and waits a moment for others who did.
    Claiming,
    /// Compares store and index.
    Comparing {
        /// Records looked at.
        done: u64,
        /// Records there are.
        total: u64,
    },
    /// Writes what a comparison found.
    Writing {
        /// Documents written.
        done: u64,
        /// Documents to write.
        total: u64,
    },
    /// Follows the index.
    Live,
    /// Another writer keeps this collection.
    Passive {
        /// Its id.
        writer: String,
    },
    /// Something failed; it is tried again.
    Failing {
        /// Since when.
        since_ms: i64,
        /// The last error.
        error: String,
    },
    /// The collection may not be written.
    Refused {
        /// Why.
        why: String,
    },
    /// What was asked for can't be: a person has to ask for something else.
    Mistaken {
        /// Why.
        why: String,
    },
    /// Ended in good order.
    Stopped,
}

impl MirrorPhase {
    /// Since when it fails, and the last error; `None` while it does not.
    pub fn failing(&self) -> Option<(i64, &str)> {
        match self {
            Self::Failing { since_ms, error } => Some((*since_ms, error)),
            Self::Connecting
            | Self::Claiming
            | Self::Comparing { .. }
            | Self::Writing { .. }
            | Self::Live
            | Self::Passive { .. }
            | Self::Refused { .. }
            | Self::Mistaken { .. }
            | Self::Stopped => None,
        }
    }
}

impl MirrorStatus {
    /// What a person should know first: the last error, or why the collection may not be written.
    pub fn trouble(&self) -> Option<&str> {
        match &self.phase {
            MirrorPhase::Refused { why } | MirrorPhase::Mistaken { why } => Some(why),
            phase => phase.failing().map(|(_, error)| error),
        }
    }

    /// One word for screens.
    pub fn state(&self) -> &'static str {
        match self.phase {
            MirrorPhase::Connecting => "connecting",
            MirrorPhase::Claiming => "claiming",
            MirrorPhase::Comparing { .. } => "comparing",
            MirrorPhase::Writing { .. } => "writing",
            MirrorPhase::Live if !self.lacks.is_empty() => "not equal",
            MirrorPhase::Live if self.queue == 0 => "in sync",
            MirrorPhase::Live => "writing changes",
            MirrorPhase::Passive { .. } => "passive",
            MirrorPhase::Failing { .. } => "failing",
            MirrorPhase::Refused { .. } | MirrorPhase::Mistaken { .. } => "refused",
            MirrorPhase::Stopped => "stopped",
        }
    }

    /// Names a document that the store can't take; a known one only with its new reason.
    pub fn over_limit(&mut self, id: &str, why: String) {
        if let Some(known) = self.over_limit.iter_mut().find(|(known, _)| known == id) {
            known.1 = why;
            return;
        }
        self.over_limit_count += 1;
        if self.over_limit.len() < NAMED {
            self.over_limit.push((id.to_owned(), why));
        }
    }
}
