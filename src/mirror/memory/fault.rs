//! What goes wrong with one call, and how many calls there were.

use std::time::Duration;

use tokio::time::Instant;

use crate::mirror::StoreError;

/// What one call does instead of working.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Fails, and nothing was applied.
    Before(StoreError),
    /// Fails although all of it was applied: a time-out, say.
    After(StoreError),
    /// Takes its time: waits, does it (or what stands in `then`), and waits again before it answers.
    Slow {
        /// Before anything is applied.
        before: Duration,
        /// Between that and the answer.
        after: Duration,
        /// What goes wrong besides.
        then: Option<Box<Fault>>,
    },
    /// Says that all went well although the first so many records were left out, of what was written or of what is
    /// answered.
    Loses(usize),
}

impl Fault {
    /// Applies it only after this time.
    pub fn late(before: Duration) -> Self {
        Self::Slow { before, after: Duration::ZERO, then: None }
    }

    // How long to wait before and after, and what happens between.
    pub(super) fn unwrapped(fault: Option<Self>) -> (Duration, Duration, Option<Self>) {
        match fault {
            Some(Self::Slow { before, after, then }) => {
                let (more_before, more_after, then) = Self::unwrapped(then.map(|then| *then));
                (before + more_before, after + more_after, then)
            }
            fault => (Duration::ZERO, Duration::ZERO, fault),
        }
    }
}

/// Which operation is asked for its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `find`, `ensure`, `page`, `get`, `count`.
    Read,
    /// `upsert`, `update`, `delete`.
    Write,
    /// `set_fields`.
    Mark,
}

/// Says what goes wrong with the next call.
pub type Faults = Box<dyn FnMut(Operation) -> Option<Fault> + Send>;

/// Says how long the next call takes: until it is applied, and from then until it is answered.
pub type Pace = Box<dyn FnMut(Operation) -> (Duration, Duration) + Send>;

/// One call that wrote or deleted records, or was to.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Who asked: see [`super::Memory::of`].
    pub who: &'static str,
    /// When it was sent.
    pub sent: Instant,
    /// When it was applied; `None` where it never was.
    pub applied: Option<Instant>,
    /// Ids that were to be deleted; empty for what writes.
    pub deleted: Vec<String>,
}

/// How often it was asked, in requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Of [`Operation::Read`].
    pub reads: usize,
    /// Of [`Operation::Write`].
    pub writes: usize,
    /// Of [`Operation::Mark`].
    pub marks: usize,
    /// Those that are being answered now.
    pub open: usize,
    /// The most that were answered at once.
    pub peak: usize,
}

impl Requests {
    pub(super) fn begin(&mut self, operation: Operation) {
        match operation {
            Operation::Read => self.reads += 1,
            Operation::Write => self.writes += 1,
            Operation::Mark => self.marks += 1,
        }
        self.open += 1;
        self.peak = self.peak.max(self.open);
    }
}
