//! The API server's clock, from the `Date` header of its answers: ages are told by it, not by this machine's.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// How far the server's clock is ahead of ours, in seconds.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    ahead: AtomicI64,
}

impl ServerClock {
    /// Takes a `Date` header. A second more or less is the header's own coarseness and changes nothing.
    pub(super) fn observe(&self, date: &str, local: i64) {
        let Ok(time) = jiff::fmt::rfc2822::parse(date) else { return };
        let ahead = time.timestamp().as_second() - local;
        if (ahead - self.ahead.load(Relaxed)).abs() > 1 {
            self.ahead.store(ahead, Relaxed);
        }
    }

    /// Seconds since 1970 on the server; our own clock until a first answer came.
    pub(super) fn now(&self, local: i64) -> i64 {
        local + self.ahead.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_follows_the_server_and_ignores_jitter() {
        let clock = ServerClock::default();
        assert_eq!(clock.now(1000), 1000);
        clock.observe("Thu, 01 Jan 1970 01:00:00 GMT", 1000);
        assert_eq!(clock.now(1000), 3600);
        clock.observe("Thu, 01 Jan 1970 01:00:01 GMT", 1000);
        assert_eq!(clock.now(1000), 3600);
        clock.observe("nonsense", 1000);
        assert_eq!(clock.now(1001), 3601);
    }
}
