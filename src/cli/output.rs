//! The only writer of stdout and stderr. Data goes to stdout, everything else to stderr; every string passes the
//! sanitiser on its way, so nothing from a cluster can steer the terminal.

mod encode;
mod progress;
mod table;
mod terminal;

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use super::env::Env;
use super::failure::Failure;
use crate::text;
pub(super) use progress::Progress;
pub(super) use table::{Cell, Column, Style, Table};
use terminal::Terminal;

/// Stdout and stderr.
pub(super) struct Output {
    stdout: Box<dyn Write + Send>,
    stderr: Box<dyn Write + Send>,
    out: Terminal,
    err: Terminal,
    closed: bool,
    /// Remarks go into the log instead of stderr.
    logged: bool,
}

impl Output {
    /// The process's own.
    pub(super) fn stdio(env: &Env) -> Self {
        Self {
            out: Terminal::new(io::stdout().is_terminal(), env),
            err: Terminal::new(io::stderr().is_terminal(), env),
            stdout: Box::new(BufWriter::new(io::stdout())),
            stderr: Box::new(io::stderr()),
            closed: false,
            logged: false,
        }
    }

    /// Whether stderr is a terminal.
    pub(super) fn is_read_by_a_person(&self) -> bool {
        self.err.tty
    }

    /// From now on stderr holds the log and nothing else: remarks become part of it.
    pub(super) fn remark_in_log(&mut self) {
        self.logged = true;
    }

    /// One that goes nowhere, for when the screen belongs to the terminal app.
    pub(super) fn silent() -> Self {
        let terminal = Terminal { tty: false, color: false, width: None };
        Self {
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
            out: terminal.clone(),
            err: terminal,
            logged: false,
            closed: false,
        }
    }

    /// Whether stdout is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.out.tty
    }

    /// Whether the reader of stdout went away, as `head` does: no failure.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// A progress bar on stderr; it stays hidden where stderr is no terminal.
    pub(super) fn progress(&self) -> Progress {
        Progress::new(self.err.tty)
    }

    /// One or more lines of data.
    pub(super) fn data(&mut self, lines: &str) -> io::Result<()> {
        let safe = text::sanitise_lines(lines);
        self.write(&safe)
    }

    /// A script of our own making, byte for byte: it may need tabs, and holds nothing from outside.
    pub(super) fn script(&mut self, script: &str) -> io::Result<()> {
        self.write(script)
    }

    /// A table.
    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.write(&table.render(&self.out))
    }

    /// One JSON document, indented.
    pub(super) fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        let json = encode::json(value)?;
        self.write(&json)
    }

    /// One JSON document on one line.
    pub(super) fn json_line<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        let json = encode::json_line(value)?;
        self.write(&json)
    }

    /// One YAML document.
    pub(super) fn yaml<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        let yaml = encode::yaml(value)?;
        self.write(&yaml)
    }

    /// Remarks, coverage, progress in words: one or more lines on stderr.
    pub(super) fn note(&mut self, lines: &str) {
        self.styled_note(Style::Dim, lines);
    }

    /// As [`Output::note`], for what the person asked to see.
    pub(super) fn note_plain(&mut self, lines: &str) {
        self.styled_note(Style::Plain, lines);
    }

    /// A failure, once.
    pub(super) fn failure(&mut self, failure: &Failure) {
        // It stands in the log already.
        if self.logged {
            return;
        }
        self.styled_note(Style::Plain, &failure.to_string());
    }

    /// Sends what is buffered on its way.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let flushed = self.stdout.flush();
        self.checked(flushed)
    }

    // Nobody is left to be told when stderr can't be written.
    fn styled_note(&mut self, style: Style, lines: &str) {
        let safe = text::sanitise_lines(lines);
        if self.logged {
            safe.lines().for_each(|line| tracing::info!("{line}"));
            return;
        }
        let painted: String = safe.lines().map(|line| format!("{}\n", self.err.paint(style, line))).collect();
        // Keeps the order of the two where both go to one terminal.
        _ = self.flush();
        _ = self.stderr.write_all(painted.as_bytes()).and_then(|()| self.stderr.flush());
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let written =
            self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.write_all(newline.as_bytes()));
        self.checked(written)
    }

    fn checked(&mut self, result: io::Result<()>) -> io::Result<()> {
        self.closed |= matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
        result
    }
}

/// A number with thousands separators: `18,904`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the largest unit that keeps them readable: `2.9 MB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, scale)| number >= *scale) {
        Some((unit, scale)) => format!("{}.{} {unit}", number / scale, number % scale * 10 / scale),
        None => format!("{number} B"),
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a test reads back.
    #[derive(Clone, Default)]
    pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Sink {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output that is captured, as a pipe or as a terminal of some columns.
    pub(crate) fn captured(columns: Option<usize>) -> (Output, Sink, Sink) {
        let (stdout, stderr) = (Sink::default(), Sink::default());
        let terminal = Terminal { tty: columns.is_some(), color: columns.is_some(), width: columns };
        let output = Output {
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            out: terminal.clone(),
            err: terminal,
            closed: false,
            logged: false,
        };
        (output, stdout, stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::captured;
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_servers_say_can_not_steer_the_terminal() {
        let (mut output, stdout, stderr) = captured(None);
        output.data("a\x1b[2J\nb").unwrap();
        output.note("forbidden: \x1b]0;owned\x07 you");
        output.failure(&Failure::usage(anyhow::anyhow!("server said \u{9b}31m")).advise("try\u{202e}this"));
        assert_eq!(stdout.text(), "a␛[2J\nb\n");
        assert_eq!(
            stderr.text(),
            "forbidden: ␛]0;owned␇ you\nerror: server said <U+009B>31m\n  try<U+202E>this\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_noticed() {
        let (mut output, _, _) = captured(None);
        output.stdout = Box::new(Closed);
        assert!(output.data("x").is_err());
        assert!(output.is_closed());
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [0, 999, 1_000, 18_904, 1_000_000].map(count),
            ["0", "999", "1,000", "18,904", "1,000,000"]
        );
        assert_eq!([0, 999, 2_900_000, 1_999_999_999].map(bytes), ["0 B", "999 B", "2.9 MB", "1.9 GB"]);
    }
}
