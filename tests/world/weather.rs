//! What goes wrong for more than one API: without that, one failing API is that API's trouble.

use crate::history::{How, KINDS, Step, Which, Wire, kind_name};

/// What goes wrong, and until when its marks may show.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    faults: bool,
    wire: bool,
    muted: bool,
    frozen: bool,
    store: bool,
    rival: bool,
    settled: i64,
}

/// After this the marks of what happened are gone.
const SETTLING_MS: i64 = 15 * 60_000;
/// Who changes the store again and again waits for its mending up to an hour.
const FOREIGN_MS: i64 = 75 * 60_000;

impl Weather {
    /// A step is taken.
    pub(crate) fn see(&mut self, step: &Step, now: i64) {
        let mut marks = SETTLING_MS;
        match step {
            // Changes, and the trouble of one API.
            Step::Put { .. }
            | Step::Delete { .. }
            | Step::Recreate { .. }
            | Step::DropNamespace { .. }
            | Step::AddKind { .. }
            | Step::DropKind { .. }
            | Step::Prefer { .. }
            | Step::Broken { .. }
            | Step::Hide { .. }
            | Step::Watchable { .. }
            | Step::Convert { .. }
            | Step::Listed { .. }
            | Step::Touch { .. }
            | Step::Compact
            | Step::Pass { .. } => return,
            Step::Fault { which, how, .. } if !is_broad(*which, *how) => return,
            Step::Fault { .. } => self.faults = true,
            Step::Heal => self.faults = false,
            Step::Network(wire) => self.wire = matches!(wire, Wire::Refused | Wire::Hanging),
            Step::Mute { muted } => self.muted = *muted,
            Step::Freeze { server } => self.frozen = server.is_some(),
            Step::Store { .. } => self.store = true,
            Step::StoreHeals => self.store = false,
            Step::Rival { runs } => {
                self.rival = *runs;
                marks = FOREIGN_MS;
            }
            Step::Wipe | Step::Steal { .. } | Step::Twist { .. } | Step::Plant | Step::Beside => {
                marks = FOREIGN_MS
            }
            Step::Servers { .. }
            | Step::Forbid { .. }
            | Step::Allow { .. }
            | Step::Incomplete { .. }
            | Step::OnlyNamespaces { .. }
            | Step::Cut
            | Step::Restore { .. }
            | Step::Jump { .. }
            | Step::Kill { .. }
            | Step::Stop
            | Step::Start(_)
            | Step::Once
            | Step::Confirm { .. } => {}
            Step::Quiet => *self = Self { settled: self.settled, ..Self::default() },
        }
        self.settled = self.settled.max(now + marks);
    }

    /// Whether nothing is wrong but with single APIs, and has not been for long.
    pub(crate) fn is_calm(&self, now: i64) -> bool {
        let wrong = self.faults || self.wire || self.muted || self.frozen || self.store || self.rival;
        !wrong && now >= self.settled
    }
}

/// Whether a fault concerns more than one API.
fn is_broad(which: Which, how: How) -> bool {
    match which {
        // A 429 in plain text is the limiter's of the whole API server.
        Which::List(_) | Which::Watch(_) => matches!(how, How::TooMany { .. }),
        Which::Group(kind) => {
            matches!(how, How::TooMany { .. })
                || kind_name(kind) == KINDS[0]
                || !kind_name(kind).contains('.')
        }
        Which::Namespace(_) | Which::Discovery | Which::Reviews | Which::Everything => true,
    }
}
