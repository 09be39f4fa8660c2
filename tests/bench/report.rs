//! How figures are printed: Markdown tables that go into `docs/benchmarks.md` as they are.

use std::time::Duration;

/// A table that is printed row by row, so that a long run shows what it has.
pub(crate) struct Table;

impl Table {
    /// Prints the heading and the head of the table.
    pub(crate) fn start(title: &str, columns: &[&str]) -> Self {
        println!("\n### {title}\n");
        println!("| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(columns.len()));
        Self
    }

    /// Prints one row.
    pub(crate) fn row(&self, cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }
}

/// Durations of one thing that was done many times.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds others.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time that this share (0 to 1) of them stayed within; zero where there are none.
    pub(crate) fn at(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    }

    /// The least, the middle one and the greatest, in seconds.
    pub(crate) fn spread(&self) -> String {
        format!("{} ({} - {})", seconds(self.at(0.5)), bare(self.at(0.0)), bare(self.at(1.0)))
    }

    /// p50, p99 and the greatest, in milliseconds.
    pub(crate) fn quantiles(&self) -> [String; 3] {
        [0.5, 0.99, 1.0].map(|share| millis(self.at(share)))
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// `0.57 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{} s", bare(time))
}

fn bare(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.1 { format!("{seconds:.3}") } else { format!("{seconds:.2}") }
}

/// `0.57 ms`.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// `60 MB`, of 2^20 bytes as the kernel counts; `-` where it is not known.
pub(crate) fn megabytes(size: Option<f64>) -> String {
    size.map_or_else(|| "-".to_owned(), |size| format!("{size:.0} MB"))
}
