//! How often a search that finds nothing in what is stored may have the cluster read for that: a loop that waits for an
//! object must not read everything once a second.

use serde::{Deserialize, Serialize};

use crate::index::Store;

/// Beside the index.
const FILE: &str = "again.json";
/// The first pause between two such readings, and the longest: what is stored counts as young for as long.
const FIRST_MS: i64 = 1_000;
const LONGEST_MS: i64 = 30_000;

/// The last such reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Again {
    at_ms: i64,
    /// Not again within this time.
    pause_ms: i64,
}

/// Whether everything may be read again now because a search found nothing; then that is remembered.
pub(crate) fn may_read(store: &Store, now_ms: i64) -> bool {
    // Lost or not written: then it is as if nobody had asked.
    let before = store.read_json(FILE).ok().flatten();
    let Some(next) = next(before, now_ms) else { return false };
    if let Err(error) = store.write_json(FILE, &next) {
        tracing::debug!(%error, "that was read again could not be remembered");
    }
    true
}

fn next(before: Option<Again>, now_ms: i64) -> Option<Again> {
    let first = Again { at_ms: now_ms, pause_ms: FIRST_MS };
    // A clock that was set back: as if nobody had asked.
    let Some(before) = before.filter(|before| before.at_ms <= now_ms) else { return Some(first) };
    let since = now_ms - before.at_ms;
    let pause_ms = before.pause_ms.clamp(FIRST_MS, LONGEST_MS);
    if since < pause_ms {
        None
    } else if since < 2 * pause_ms {
        Some(Again { pause_ms: (2 * pause_ms).min(LONGEST_MS), ..first })
    } else {
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_every_second_has_everything_read_ever_less_and_who_asks_now_and_then_at_once() {
        let (mut last, mut read) = (None, Vec::new());
        for second in 0..130 {
            if let Some(again) = next(last, second * 1_000) {
                last = Some(again);
                read.push(second);
            }
        }
        assert_eq!(read, [0, 1, 3, 7, 15, 31, 61, 91, 121]);
        let quiet = 130_000 + 60_000;
        assert_eq!(next(last, quiet), Some(Again { at_ms: quiet, pause_ms: FIRST_MS }));
        assert!(next(last, 0).is_some(), "a clock that was set back");
    }
}
