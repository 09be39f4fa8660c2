//! The log of a container on the screen: the newest lines, within bounds.

use std::collections::VecDeque;

use crate::cluster::fetch::Fate;
use crate::text::{Painted, painted, width};

/// Lines that are kept; older ones go.
pub(crate) const MOST_LINES: usize = 10_000;
/// Bytes of text that are kept.
const MOST_BYTES: usize = 8 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogLine {
    /// Its parts, sanitised.
    pub(crate) parts: Vec<Painted>,
    /// Columns.
    width: usize,
    bytes: usize,
}

/// A log.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Logs {
    /// The containers of the Pod, once they are known.
    pub(crate) containers: Vec<String>,
    /// Which of them; empty while that is not known.
    pub(crate) container: String,
    /// Of the container before its last restart.
    pub(crate) previous: bool,
    /// The newest lines stay in view.
    pub(crate) follows: bool,
    /// Why no more lines come; `None` while they may.
    pub(crate) ended: Option<Result<Fate, String>>,
    /// Lines that are not kept any more.
    pub(crate) dropped: u64,
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl LogLine {
    fn new(text: &str) -> Self {
        let parts = painted(text);
        let width = parts.iter().map(|part| width(&part.text)).sum();
        let bytes = parts.iter().map(|part| part.text.len() + size_of::<Painted>()).sum();
        Self { parts, width, bytes }
    }

    /// The text alone.
    pub(crate) fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }

    /// Rows that it takes on a screen of so many columns.
    pub(crate) fn rows(&self, columns: usize) -> usize {
        self.width.div_ceil(columns.max(1)).max(1)
    }
}

impl Logs {
    /// A log of which nothing has come yet.
    pub(crate) fn new(container: String, previous: bool) -> Self {
        Self { container, previous, follows: true, ..Self::default() }
    }

    /// Takes lines in; how many rows of a screen of so many columns went at the top.
    pub(crate) fn push(&mut self, texts: &[String], columns: usize) -> usize {
        // Of a flood only its end is ever seen.
        let skipped = texts.len().saturating_sub(MOST_LINES);
        self.dropped += skipped as u64;
        for text in &texts[skipped..] {
            let line = LogLine::new(text);
            self.bytes += line.bytes;
            self.lines.push_back(line);
        }
        let mut gone = 0;
        while self.lines.len() > MOST_LINES || self.bytes > MOST_BYTES {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.bytes;
            self.dropped += 1;
            gone += line.rows(columns);
        }
        gone
    }

    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = &LogLine> {
        self.lines.iter()
    }

    /// Rows that all lines take.
    pub(crate) fn rows(&self, columns: usize) -> usize {
        self.lines.iter().map(|line| line.rows(columns)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_within_bounds_whatever_comes() {
        let mut logs = Logs::new("app".to_owned(), false);
        let lines: Vec<String> = (0..25_000).map(|nth| format!("line {nth}")).collect();
        lines.chunks(777).for_each(|chunk| _ = logs.push(chunk, 80));
        assert_eq!((logs.lines().count(), logs.dropped), (MOST_LINES, 15_000));
        assert_eq!(logs.lines().next_back().unwrap().text(), "line 24999");
        let mut logs = Logs::new("app".to_owned(), false);
        (0..2_000).for_each(|_| _ = logs.push(&["x".repeat(16 << 10)], 80));
        assert!(logs.bytes <= MOST_BYTES && logs.lines().count() > 100);
        let mut logs = Logs::new("app".to_owned(), false);
        logs.push(&lines, 80);
        assert_eq!((logs.lines().count(), logs.dropped), (MOST_LINES, 15_000));
    }

    #[test]
    fn long_lines_take_rows_and_what_goes_is_counted_in_rows() {
        let mut logs = Logs::new("app".to_owned(), false);
        logs.push(&["x".repeat(25), String::new()], 10);
        assert_eq!(logs.rows(10), 4);
        let gone = logs.push(&vec!["y".to_owned(); MOST_LINES - 1], 10);
        assert_eq!(gone, 3);
    }
}
