//! For how long a first read is waited for: one that brings nothing, while others were answered, is its API's trouble
//! and not the whole cluster's.

use super::Millis;

/// First reads that have brought nothing for so long are not waited for any more.
const PATIENCE_MS: Millis = 5_000;

/// How first reads go on.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// First reads that run, and what was received for them.
    seen: (usize, u64),
    since: Millis,
}

impl Awaited {
    /// Says whether first reads that are waited for stand still.
    pub(super) fn stands_still(&mut self, now: Millis, waiting: usize, bytes: u64) -> bool {
        if self.seen != (waiting, bytes) {
            (self.seen, self.since) = ((waiting, bytes), now);
        }
        waiting > 0 && now - self.since >= PATIENCE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_waited_for_and_what_stands_still_is_not() {
        let mut awaited = Awaited::default();
        assert!(
            !awaited.stands_still(1_000, 0, 0) && !awaited.stands_still(60_000, 0, 0),
            "nothing is awaited"
        );
        assert!(!awaited.stands_still(61_000, 3, 0));
        assert!(!awaited.stands_still(65_000, 2, 0), "one was answered");
        assert!(!awaited.stands_still(69_000, 2, 70), "a long list comes in");
        assert!(!awaited.stands_still(73_999, 2, 70));
        assert!(awaited.stands_still(74_000, 2, 70));
    }
}
