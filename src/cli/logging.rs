//! The log: to a file that only its owner reads, or as JSON to a stderr that is collected; never to a terminal.
//!
//! Modules log what happened and to which kind, never credentials, annotation values or bodies.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::text;

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    /// Appended to this file.
    File(PathBuf),
    /// Standard error.
    Stderr,
}

/// Starts logging, one line an event; `verbose` counts the `-v`.
pub(super) fn start(to: &To, json: bool, verbose: u8) -> std::io::Result<()> {
    let writer = match to {
        To::File(path) => BoxMakeWriter::new(OneLine(Mutex::new(private_file(path)?.into_parts().0))),
        To::Stderr => BoxMakeWriter::new(OneLine(std::io::stderr)),
    };
    let level = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Other crates speak of headers and bodies at their finer levels.
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse_lossy(format!("warn,kubesift={level}"));
    let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).with_env_filter(filter);
    // Set once per process; a second time (in tests) the first stays.
    _ = if json {
        tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
    } else {
        tracing::subscriber::set_global_default(builder.finish())
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "kubesift started");
    Ok(())
}

/// Makes every event one line that holds nothing hidden: a server's message can neither forge a second event nor steer
/// the terminal in which the log is read.
struct OneLine<W>(W);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = OneLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    // The formatter hands over one whole event at a time.
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = format!("{}\n", text::sanitise(text.trim_end_matches('\n')));
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<fs_err::File> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    use std::os::unix::fs::PermissionsExt;
    let file = fs_err::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    // One that was there before may be readable for others. Not for devices such as /dev/stderr.
    if file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<fs_err::File> {
    fs_err::OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut log = Vec::new();
        OneLine(&mut log).write_all("ERROR said\r\nINFO forged\x1b[2J\u{202e}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(log).unwrap(), "ERROR said␍⏎INFO forged␛[2J<U+202E>\n");
    }

    #[test]
    fn the_log_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs_err::write(&path, "old\n").unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        private_file(&path).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "old\n");
    }
}
