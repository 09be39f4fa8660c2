//! What a stream is connected to, and what it can show.

use super::super::env::Env;
use super::Style;

/// One of stdout and stderr.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    /// A person reads along.
    pub(super) tty: bool,
    /// It shows colours, and nobody asked for none.
    pub(super) color: bool,
    /// Columns; `None` where lines may be of any length.
    pub(super) width: Option<usize>,
}

impl Terminal {
    pub(super) fn new(tty: bool, env: &Env) -> Self {
        let plain = env.get("NO_COLOR").is_some_and(|set| !set.is_empty()) || env.get("TERM") == Some("dumb");
        Self { tty, color: tty && !plain, width: if tty { width(env) } else { None } }
    }

    /// Wraps text in a style's colours.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => "",
            Style::Dim => "\x1b[2m",
            Style::Hit => "\x1b[1;33m",
            Style::Bad => "\x1b[31m",
        };
        if self.color && !code.is_empty() && !text.is_empty() {
            format!("{code}{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

// `COLUMNS` where somebody exports it; else what the terminal itself says.
fn width(env: &Env) -> Option<usize> {
    let given = env.get("COLUMNS").and_then(|text| text.parse().ok());
    given.or_else(terminal_columns).filter(|columns| *columns >= 20)
}

#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn terminal_columns() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal_that_wants_them() {
        let color = |tty, env: Env| Terminal::new(tty, &env).color;
        assert!(color(true, Env::from([("COLUMNS", "80")])));
        assert!(color(true, Env::from([("COLUMNS", "80"), ("NO_COLOR", "")])));
        assert!(!color(true, Env::from([("COLUMNS", "80"), ("NO_COLOR", "1")])));
        assert!(!color(true, Env::from([("COLUMNS", "80"), ("TERM", "dumb")])));
        assert!(!color(false, Env::from([("COLUMNS", "80")])));
    }

    #[test]
    fn only_terminals_have_a_width() {
        let env = Env::from([("COLUMNS", "97")]);
        assert_eq!(Terminal::new(true, &env).width, Some(97));
        assert_eq!(Terminal::new(false, &env).width, None);
    }
}
