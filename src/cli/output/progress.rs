//! A progress bar for work that takes longer than one waits without wondering.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar on stderr that appears after half a second, and leaves no trace.
pub(crate) struct Progress {
    tty: bool,
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(tty: bool) -> Self {
        Self { tty, since: Instant::now(), bar: None }
    }

    /// Says how far the work is; `total` 0 while it is not known.
    pub(crate) fn update(&mut self, what: &str, done: usize, total: usize) {
        if !self.tty || self.since.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // A template that can't be parsed would only cost the layout.
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar:.dim} {pos}/{len}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        bar.set_message(text::sanitise(what).into_owned());
        bar.tick();
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
