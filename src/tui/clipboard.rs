//! The clipboard: the desktop's own tool where there is one, and OSC 52, which also crosses SSH.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use base64::Engine as _;

/// Longest text that is copied: terminals refuse more (xterm's limit is about 74 kB of base64).
const LONGEST: usize = 50_000;

/// Which ways are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clipboard {
    /// The desktop's tool where there is a desktop, and OSC 52.
    #[default]
    Auto,
    /// Only the desktop's tool.
    Native,
    /// Only OSC 52.
    Osc52,
}

/// Which tools there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Desktop {
    /// A Wayland session.
    pub wayland: bool,
    /// An X11 session.
    pub x11: bool,
    /// Reached over SSH: the desktop here is not the user's.
    pub ssh: bool,
}

/// Whether a text is short enough to be copied.
///
/// # Errors
/// What to tell the user.
pub(super) fn check(text: &str) -> Result<(), String> {
    match text.len() > LONGEST {
        true => Err(format!("not copied: {} bytes are more than terminals take", text.len())),
        false => Ok(()),
    }
}

/// Asks the terminal to put a text into its clipboard.
pub(super) fn osc52(text: &str, out: &mut impl Write) -> io::Result<()> {
    // Base64: nothing in the text can end the sequence.
    write!(out, "\x1b]52;c;{}\x07", base64::engine::general_purpose::STANDARD.encode(text))?;
    out.flush()
}

/// Gives a text to the desktop's tool. Waits for that tool.
///
/// # Errors
/// What to tell the user: no tool took it.
pub(super) fn native(text: &str, desktop: Desktop) -> Result<(), String> {
    let taken = tools(desktop).into_iter().any(|tool| feed(tool, text).is_ok());
    let none = || "not copied: none of wl-copy, xclip, xsel, pbcopy could be used".to_owned();
    if taken { Ok(()) } else { Err(none()) }
}

fn tools(desktop: Desktop) -> Vec<&'static [&'static str]> {
    let mut tools: Vec<&[&str]> = Vec::new();
    if desktop.ssh {
        return tools;
    }
    if desktop.wayland {
        tools.push(&["wl-copy"]);
    }
    if desktop.x11 {
        tools.extend([&["xclip", "-selection", "clipboard"][..], &["xsel", "--clipboard", "--input"]]);
    }
    if cfg!(target_os = "macos") {
        tools.push(&["pbcopy"]);
    }
    tools
}

fn feed(tool: &[&str], text: &str) -> io::Result<()> {
    let (program, arguments) = tool.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    // The tools go on in the background by themselves; their first process ends at once.
    if child.wait()?.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_the_sequence() {
        let mut out = Vec::new();
        osc52("a\x1b]52;c;x\x07", &mut out).unwrap();
        assert_eq!(out, b"\x1b]52;c;YRtdNTI7Yzt4Bw==\x07");
    }

    #[test]
    fn over_ssh_the_desktop_is_left_alone_and_long_texts_are_refused() {
        let desktop = Desktop { wayland: true, x11: true, ssh: false };
        assert_eq!(tools(desktop).len(), 3);
        assert!(tools(Desktop { ssh: true, ..desktop }).is_empty());
        assert!(native("a", Desktop { ssh: true, ..desktop }).is_err());
        assert!(check(&"x".repeat(LONGEST + 1)).is_err() && check("x").is_ok());
    }
}
