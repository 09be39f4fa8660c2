//! Changes per minute.

use super::Millis;

/// Writes per minute are a mean over about this long.
const WINDOW_MS: f32 = 60_000.0;

/// How often a kind changes.
#[derive(Default)]
pub(super) struct Rate {
    events: u64,
    at: Millis,
    per_minute: f32,
}

impl Rate {
    /// Nothing has changed yet since so many events.
    pub(super) fn new(events: u64, at: Millis) -> Self {
        Self { events, at, per_minute: 0.0 }
    }

    /// Changes a minute, as of now.
    pub(super) fn update(&mut self, now: Millis, events: u64) -> f32 {
        let elapsed = (now - self.at) as f32;
        if elapsed >= 500.0 {
            let recent = events.saturating_sub(self.events) as f32 * 60_000.0 / elapsed;
            let weight = (elapsed / WINDOW_MS).min(1.0);
            self.per_minute += (recent - self.per_minute) * weight;
            self.at = now;
            self.events = events;
        }
        self.per_minute
    }
}
