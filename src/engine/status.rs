//! What the engine says about itself: the content of `status.json`, rewritten every second while a writer lives,
//! and left behind for those who read the index after it.

mod coverage;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::coverage::{ADVICE_ON_RIGHTS, Coverage};
use crate::mirror::MirrorStatus;
use crate::object::KindKey;

/// A writer whose heartbeat is older than this is dead.
pub const HEARTBEAT_LIMIT_MS: i64 = 5_000;

/// How people are told that the server refuses the credentials.
pub const REFUSED: &str = "credentials refused";

/// What is said of a kind without a watch.
const POLLED: &str = "listed now and then, not watched";

/// One writer's view of its cluster. Times are milliseconds since 1970 (UTC).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The writer's process id.
    pub pid: u32,
    /// When this was last written.
    pub heartbeat_ms: i64,
    /// When the writer started.
    pub started_ms: i64,
    /// The kubeconfig context it was started with; `None` in a cluster.
    pub context: Option<String>,
    /// The API server's URL.
    pub server: String,
    /// The API server's version, e.g. `v1.37.2`; empty until it answered.
    pub version: String,
    /// What it is doing.
    pub phase: Phase,
    /// When the server is asked again, where it does not answer or refuses the credentials; `None` while it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_try_ms: Option<i64>,
    /// Every kind that discovery names, excluded ones included.
    pub kinds: Vec<KindStatus>,
    /// Objects in the index.
    pub objects: u64,
    /// Requests sent since the start.
    pub requests: u64,
    /// Bytes received since the start, as they came over the wire.
    pub bytes: u64,
    /// Answers of 429 since the start.
    pub throttled: u64,
    /// Objects that a background re-read found different from what was held; must stay 0.
    pub drift_corrected: u64,
    /// Entries deleted since the start.
    pub deletes: u64,
    /// Watches that ended early and were started again.
    pub watch_restarts: u64,
    /// How far embedding is.
    pub semantic: SemanticStatus,
    /// The mirror, where one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorStatus>,
    /// One line each: what a person should know (index rebuilt, old directory removed, ...).
    pub notes: Vec<String>,
}

/// How far embedding is, which semantic search and mirrors need.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SemanticStatus {
    /// What it is doing.
    pub state: SemanticState,
    /// The model's name; empty without one.
    pub model: String,
    /// Different forms of the index's documents, as far as they were looked at; those of documents deleted lately count.
    pub forms: u64,
    /// Vectors made since the start.
    pub made: u64,
    /// Vectors on disk.
    pub cached: u64,
    /// Forms that wait for their vector.
    pub waiting: u64,
    /// Why nothing is embedded now.
    pub error: Option<String>,
    /// What to do about that.
    pub advice: Option<String>,
}

/// What embedding is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SemanticState {
    /// There is no embedder: switched off, or something is missing that a person has to bring.
    #[default]
    Off,
    /// This writer is a short one and embeds nothing.
    Unused,
    /// Forms are being embedded.
    Working,
    /// Every form has its vector.
    Ready,
    /// The embedder fails; it is tried again.
    Failing,
}

/// What the writer is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// No answer from the server yet.
    #[default]
    Connecting,
    /// First reads are running; what is there is searchable.
    Syncing {
        /// Kinds read so far.
        done: usize,
        /// Kinds to read.
        total: usize,
    },
    /// Every kind that may be read is read and watched.
    Live,
    /// The server does not answer; the last data stays.
    Offline {
        /// Since when.
        since_ms: i64,
        /// The last error.
        error: String,
    },
    /// The index can't be written; the last commit stays, and it is tried again.
    Unwritable {
        /// Since when.
        since_ms: i64,
        /// The last error.
        error: String,
    },
    /// The server refuses the credentials (401); everything pauses.
    Unauthorized {
        /// What the server said.
        message: String,
    },
    /// The writer ended in good order.
    Stopped,
}

/// Coverage and cost of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindStatus {
    /// `plural.group`.
    pub kind: KindKey,
    /// The namespaces that are read; empty means all (or a cluster-scoped kind).
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Namespaces that may not be read any more while objects of them are still held, as they were then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// How far it is read.
    pub state: KindState,
    /// Objects held.
    #[serde(default)]
    pub objects: u64,
    /// Changes written per minute.
    #[serde(default)]
    pub writes_per_minute: f32,
    /// Bytes received for it.
    #[serde(default)]
    pub bytes: u64,
    /// Requests sent for it.
    #[serde(default)]
    pub requests: u64,
    /// Answers of 429.
    #[serde(default)]
    pub throttled: u64,
    /// When the last event or bookmark came.
    #[serde(default)]
    pub last_event_ms: Option<i64>,
    /// What is held was true at this time; `None` before the first complete read.
    #[serde(default)]
    pub as_of_ms: Option<i64>,
    /// The last error, also when it is over.
    #[serde(default)]
    pub error: Option<String>,
}

/// How far a kind is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum KindState {
    /// Its first read has not begun.
    Waiting,
    /// Its first read runs.
    Listing,
    /// Read to the end and watched.
    Complete,
    /// Read to the end; listed round-robin, because there is no watch to spare for it.
    Polled,
    /// Read to the end once; now not confirmed.
    Stale {
        /// Since when.
        since_ms: i64,
    },
    /// Reads fail; they are tried again.
    Failing {
        /// The last error.
        error: String,
    },
    /// The server answers 403.
    Forbidden {
        /// Since when.
        since_ms: i64,
    },
    /// Never read, by a rule.
    Excluded {
        /// The rule that did it.
        rule: String,
    },
    /// Discovery no longer names it.
    Gone,
}

impl Status {
    /// Whether the writer of this status still lives: a fresh heartbeat, and its process is there.
    pub fn is_alive(&self, now_ms: i64) -> bool {
        // A clock set back makes heartbeats of the future: as little to be trusted as old ones.
        let fresh = (now_ms - self.heartbeat_ms).abs() < HEARTBEAT_LIMIT_MS;
        fresh && self.phase != Phase::Stopped && process_exists(self.pid)
    }

    /// Turns the times that it tells of kinds and connection into those of another clock.
    pub(super) fn set_times(&mut self, turn: impl Fn(i64) -> i64) {
        if let Phase::Offline { since_ms, .. } | Phase::Unwritable { since_ms, .. } = &mut self.phase {
            *since_ms = turn(*since_ms);
        }
        self.next_try_ms = self.next_try_ms.map(&turn);
        for kind in &mut self.kinds {
            kind.last_event_ms = kind.last_event_ms.map(&turn);
            kind.as_of_ms = kind.as_of_ms.map(&turn);
            match &mut kind.state {
                KindState::Stale { since_ms } | KindState::Forbidden { since_ms } => {
                    *since_ms = turn(*since_ms)
                }
                KindState::Waiting
                | KindState::Listing
                | KindState::Complete
                | KindState::Polled
                | KindState::Failing { .. }
                | KindState::Excluded { .. }
                | KindState::Gone => {}
            }
        }
    }

    /// What the index covers.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        self.kinds.iter().for_each(|kind| coverage.add(kind));
        coverage
    }

    /// Whether every kind fails though nothing is known of the connection yet: the server is being asked whether it is
    /// there at all.
    pub fn is_silent(&self) -> bool {
        let coverage = self.coverage();
        self.phase == Phase::Live && coverage.complete == 0 && !coverage.failing.is_empty()
    }

    /// The status of one kind.
    pub fn kind(&self, key: &KindKey) -> Option<&KindStatus> {
        self.kinds.iter().find(|status| status.kind == *key)
    }
}

impl Status {
    /// Why not all of a kind is read; without a kind, whether that is so of any. `None` where all is.
    pub fn unread(&self, kind: Option<&KindKey>) -> Option<String> {
        let Some(key) = kind else {
            let Coverage { forbidden, failing, pending, partial, .. } = self.coverage();
            let any = [forbidden, failing, pending, partial].iter().any(|kinds| !kinds.is_empty());
            return any.then(|| "not everything is read".to_owned());
        };
        let kind = self.kind(key)?;
        match &kind.state {
            KindState::Complete | KindState::Polled | KindState::Stale { .. } if kind.scopes.is_empty() => {
                None
            }
            KindState::Complete | KindState::Polled | KindState::Stale { .. } => {
                Some(format!("{key} is read in {} only", kind.scopes.join(", ")))
            }
            KindState::Excluded { rule } => {
                Some(format!("{key} is not read ({rule}); include = [\"{key}\"] reads it"))
            }
            state @ (KindState::Waiting
            | KindState::Listing
            | KindState::Failing { .. }
            | KindState::Forbidden { .. }
            | KindState::Gone) => Some(format!("{key} is {}: {}", state.name(), kind.why())),
        }
    }
}

impl KindStatus {
    /// What a person wants to know about a kind that is not simply complete: the rule, the error, the namespaces.
    pub fn why(&self) -> String {
        match &self.state {
            KindState::Excluded { rule } => rule.clone(),
            KindState::Failing { error } => error.clone(),
            KindState::Forbidden { .. } | KindState::Stale { .. } => self.error.clone().unwrap_or_default(),
            KindState::Polled => match self.read_in() {
                Some(places) => format!("{POLLED}, {places}"),
                None => POLLED.to_owned(),
            },
            KindState::Waiting | KindState::Listing | KindState::Complete | KindState::Gone => {
                self.read_in().unwrap_or_default()
            }
        }
    }

    /// It counts as failing, for this reason, whatever is read of it.
    pub(super) fn fail(&mut self, why: &str) {
        self.state = KindState::Failing { error: why.to_owned() };
        self.error = Some(why.to_owned());
    }

    /// The namespaces that are read, where that is not all of them.
    fn read_in(&self) -> Option<String> {
        let read = (!self.scopes.is_empty()).then(|| format!("in {}", self.scopes.join(", ")))?;
        Some(match self.kept.is_empty() {
            true => read,
            false => format!("{read}; forbidden now, and not current: {}", self.kept.join(", ")),
        })
    }

    /// A kind of which nothing is read yet.
    pub fn new(kind: KindKey, state: KindState) -> Self {
        Self {
            kind,
            scopes: Vec::new(),
            kept: Vec::new(),
            state,
            objects: 0,
            writes_per_minute: 0.0,
            bytes: 0,
            requests: 0,
            throttled: 0,
            last_event_ms: None,
            as_of_ms: None,
            error: None,
        }
    }
}

impl KindState {
    /// One word for screens.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Listing => "listing",
            Self::Complete => "complete",
            Self::Polled => "polled",
            Self::Stale { .. } => "stale",
            Self::Failing { .. } => "failing",
            Self::Forbidden { .. } => "forbidden",
            Self::Excluded { .. } => "excluded",
            Self::Gone => "gone",
        }
    }
}

// Linux shows every process below /proc. Elsewhere the heartbeat alone must do.
fn process_exists(pid: u32) -> bool {
    !Path::new("/proc/self").exists() || Path::new(&format!("/proc/{pid}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, state: KindState, as_of_ms: Option<i64>) -> KindStatus {
        KindStatus { as_of_ms, ..KindStatus::new(name.into(), state) }
    }

    #[test]
    fn a_writer_lives_while_its_heartbeat_is_fresh_and_its_process_there() {
        let status =
            Status { pid: std::process::id(), heartbeat_ms: 10_000, phase: Phase::Live, ..Status::default() };
        assert!(status.is_alive(14_999));
        assert!(!status.is_alive(15_000));
        assert!(!status.is_alive(1_000), "a heartbeat of the future is a clock set back");
        assert!(!Status { phase: Phase::Stopped, ..status.clone() }.is_alive(10_000));
        #[cfg(target_os = "linux")]
        assert!(!Status { pid: u32::MAX, ..status }.is_alive(10_000));
    }

    #[test]
    fn coverage_counts_what_is_held_and_names_what_is_not() {
        let status = Status {
            kinds: vec![
                kind("pods", KindState::Complete, Some(2_000)),
                kind("services", KindState::Polled, Some(1_000)),
                kind("nodes", KindState::Forbidden { since_ms: 5 }, None),
                kind("secrets", KindState::Failing { error: "500".into() }, Some(7)),
                kind("configmaps", KindState::Stale { since_ms: 9 }, Some(8)),
                kind("events", KindState::Excluded { rule: "built-in".into() }, None),
                kind("widgets.example.com", KindState::Gone, None),
                kind("jobs.batch", KindState::Listing, None),
            ],
            ..Status::default()
        };
        let coverage = status.coverage();
        assert_eq!((coverage.complete, coverage.kinds), (3, 6));
        assert_eq!(coverage.as_of_ms, Some(1_000));
        assert_eq!(coverage.forbidden, ["nodes".into()]);
        assert_eq!(coverage.failing, ["secrets".into()]);
        assert_eq!(coverage.pending, ["jobs.batch".into()]);
        assert_eq!(coverage.stale, [("configmaps".into(), Some(8))]);
        assert_eq!(coverage.excluded, ["events".into()]);
        assert_eq!(coverage.polled, [("services".into(), Some(1_000))]);
        assert_eq!(coverage.held, [], "nothing is held of what fails");
        let mut failing = status.kinds[3].clone();
        failing.objects = 2;
        let status = Status { kinds: vec![failing], ..Status::default() };
        assert_eq!(status.coverage().held, [("secrets".into(), Some(7))]);
        assert!(!coverage.is_complete());
    }

    #[test]
    fn a_status_survives_its_file() {
        let status = Status {
            phase: Phase::Syncing { done: 1, total: 3 },
            kinds: vec![kind("nodes", KindState::Forbidden { since_ms: 5 }, None)],
            ..Status::default()
        };
        let text = serde_json::to_string(&status).unwrap();
        assert!(text.contains(r#""state":{"is":"forbidden","since_ms":5}"#), "{text}");
        assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
        assert_eq!(serde_json::from_str::<Status>("{}").unwrap(), Status::default());
    }
}
