//! A pseudo-terminal with a program in it, and what its screen shows.
//!
//! `script` (util-linux) holds the pseudo-terminal: its stdin is the keyboard, its stdout what the terminal gets.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::binary::{Home, program};
use super::process;
use super::wait::wait_for;

/// What the hints of the list say, and of no other view.
const LIST: &str = "/ search";

/// A terminal of one size.
pub(crate) struct Terminal {
    child: Child,
    // Kept for as long as the program may run; its end is the end of the keyboard.
    keyboard: ChildStdin,
    shown: Arc<Mutex<Shown>>,
    changed: Arc<Condvar>,
    /// The terminal's name and its settings before and after.
    notes: TempDir,
}

struct Shown {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    /// Opens a terminal and runs kubesift in it. When kubesift ends, its exit code is printed after `EXIT`, and the
    /// terminal stays.
    pub(crate) fn open(home: &Home, (columns, rows): (u16, u16), arguments: &[&str]) -> Self {
        let program = program();
        let program = program.to_string_lossy();
        let words: Vec<&str> = std::iter::once(&*program).chain(arguments.iter().copied()).collect();
        Self::run(home, (columns, rows), &words)
    }

    /// The same for any program.
    pub(crate) fn run(home: &Home, (columns, rows): (u16, u16), words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let notes = tempfile::Builder::new().prefix("kubesift-terminal-").tempdir().expect("temp dir");
        let inner = format!(
            // ctrl-c in a question of kubesift's reaches this shell as well.
            "trap : INT; cd {notes}; tty > tty; stty rows {rows} cols {columns}; stty -g > before; \
             {words}; code=$?; stty -g > after; echo EXIT $code; exec cat",
            notes = quoted(&notes.path().to_string_lossy()),
            words = words.join(" "),
        );
        let mut command = std::process::Command::new("script");
        home.environment(&mut command);
        command.env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
        command.args(["--quiet", "--flush", "--command", &inner, "/dev/null"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("script (util-linux) starts");
        let mut out = child.stdout.take().expect("piped");
        let parser = vt100::Parser::new(nonzero(rows), nonzero(columns), 0);
        let shown = Arc::new(Mutex::new(Shown { parser, raw: Vec::new() }));
        let own = shown.clone();
        let changed = Arc::new(Condvar::new());
        let changes = changed.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                let mut shown = own.lock().expect("not poisoned");
                shown.parser.process(&buffer[..read]);
                shown.raw.extend_from_slice(&buffer[..read]);
                changes.notify_all();
            }
        });
        let keyboard = child.stdin.take().expect("piped");
        Self { child, keyboard, shown, changed, notes }
    }

    /// Types bytes, as the keyboard sends them.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the keyboard");
        self.keyboard.flush().expect("the keyboard");
    }

    /// Types, and waits until the screen shows a text.
    pub(crate) async fn press_for(&mut self, keys: &str, part: &str) -> String {
        self.press(keys);
        self.wait_for(part).await
    }

    /// Leaves a view for the list.
    pub(crate) async fn back(&mut self) -> String {
        self.press_for("q", LIST).await
    }

    /// Leaves the query line for the list. Escape and a letter at once would be that letter with alt.
    pub(crate) async fn enter_list(&mut self) -> String {
        self.press_for("\x1b", LIST).await
    }

    /// Presses the mouse's left button on a cell, counted from 0, and lets it go.
    pub(crate) fn click(&mut self, (column, row): (u16, u16)) {
        self.mouse(0, (column, row), 'M');
        self.mouse(0, (column, row), 'm');
    }

    /// Turns the wheel down by one notch.
    pub(crate) fn wheel_down(&mut self) {
        self.mouse(65, (1, 1), 'M');
    }

    /// Turns the wheel up by one notch.
    pub(crate) fn wheel_up(&mut self) {
        self.mouse(64, (1, 1), 'M');
    }

    // As terminals report it in the SGR form (xterm's control sequences, 1006).
    fn mouse(&mut self, button: u8, (column, row): (u16, u16), end: char) {
        self.press(&format!("\x1b[<{button};{};{}{end}", column + 1, row + 1));
    }

    /// What the screen shows.
    pub(crate) fn text(&self) -> String {
        self.shown.lock().expect("not poisoned").parser.screen().contents()
    }

    /// One line of the screen, from 0.
    pub(crate) fn line(&self, nth: u16) -> String {
        line(self.shown.lock().expect("not poisoned").parser.screen(), nth)
    }

    /// When the query line first satisfied a condition; `None` when it did not in time. For benchmarks: it looks as
    /// soon as anything arrives.
    pub(crate) fn until(&self, patience: Duration, holds: impl Fn(&str) -> bool) -> Option<Instant> {
        let started = Instant::now();
        let mut shown = self.shown.lock().expect("not poisoned");
        while !holds(&line(shown.parser.screen(), 1)) {
            let left = patience.checked_sub(started.elapsed())?;
            shown = self.changed.wait_timeout(shown, left).expect("not poisoned").0;
        }
        Some(Instant::now())
    }

    /// Whether the program has the alternate screen.
    pub(crate) fn is_taken(&self) -> bool {
        self.shown.lock().expect("not poisoned").parser.screen().alternate_screen()
    }

    /// Whether the mouse is caught, text is pasted in brackets, or the cursor hidden.
    pub(crate) fn is_changed(&self) -> bool {
        let shown = self.shown.lock().expect("not poisoned");
        let screen = shown.parser.screen();
        screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
            || screen.bracketed_paste()
            || screen.hide_cursor()
    }

    /// Whether the mouse is caught: the terminal can't select text with it then.
    pub(crate) fn catches_mouse(&self) -> bool {
        let shown = self.shown.lock().expect("not poisoned");
        shown.parser.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// Whether these bytes ever came.
    pub(crate) fn received(&self, bytes: &[u8]) -> bool {
        let shown = self.shown.lock().expect("not poisoned");
        shown.raw.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Everything that came.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.shown.lock().expect("not poisoned").raw.clone()
    }

    /// Waits until the program has ended with this exit code, and checks that it left the terminal as it found it:
    /// every setting, the shell's screen, no mouse, no bracketed paste, a cursor. Hands back the screen.
    pub(crate) async fn ended(&self, code: i32) -> String {
        let said = format!("EXIT {code}\r\n");
        let shown = self.wait(said.trim(), |_| self.received(said.as_bytes())).await;
        let [before, after] = ["before", "after"].map(|name| self.note(name));
        assert_eq!(before, after, "the terminal's settings, as `stty -g` prints them: {shown}");
        assert!(!self.is_taken() && !self.is_changed(), "{shown}");
        shown
    }

    /// Whether the terminal is, now, as it was before the program started.
    pub(crate) fn is_as_before(&self) -> bool {
        let name = self.name();
        let output = std::process::Command::new("stty").args(["-F", &name, "-g"]).output().expect("stty");
        output.stdout == self.note("before").as_bytes() && !self.is_taken() && !self.is_changed()
    }

    /// The device, once the shell has said which it is.
    pub(crate) async fn device(&self) -> String {
        let note = self.notes.path().join("before");
        wait_for("the shell to start", async || fs_err::metadata(&note).is_ok_and(|it| it.len() > 0)).await;
        self.name()
    }

    fn name(&self) -> String {
        self.note("tty").trim().to_owned()
    }

    fn note(&self, name: &str) -> String {
        fs_err::read_to_string(self.notes.path().join(name)).expect("written by the shell")
    }

    /// Waits until the screen satisfies a condition.
    pub(crate) async fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        wait_for(what, async || {
            let text = self.text();
            if holds(&text) { Ok(text) } else { Err(text) }
        })
        .await
    }

    /// Waits until the screen shows a text.
    pub(crate) async fn wait_for(&self, part: &str) -> String {
        self.wait(&format!("a screen with {part:?}"), |text| text.contains(part)).await
    }

    /// Waits until the screen does not show a text any more.
    pub(crate) async fn wait_until_gone(&self, part: &str) -> String {
        self.wait(&format!("a screen without {part:?}"), |text| !text.contains(part)).await
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, (columns, rows): (u16, u16)) {
        let tty = self.name();
        self.shown
            .lock()
            .expect("not poisoned")
            .parser
            .screen_mut()
            .set_size(nonzero(rows), nonzero(columns));
        let size = [rows, columns].map(|number| number.to_string());
        let arguments = ["-F", &tty, "rows", &size[0], "cols", &size[1]];
        std::process::Command::new("stty").args(arguments).status().expect("stty");
    }

    /// The process id of the kubesift in it, once it runs.
    pub(crate) async fn id(&self) -> u32 {
        let script = self.child.id();
        wait_for("kubesift to run in the terminal", async || {
            let children = |pid: u32| {
                let path = format!("/proc/{pid}/task/{pid}/children");
                let text = fs_err::read_to_string(path).unwrap_or_default();
                text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
            };
            let name = |pid: u32| fs_err::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let mut all = children(script);
            while let Some(pid) = all.pop() {
                if name(pid).trim() == "kubesift" {
                    return Some(pid);
                }
                all.extend(children(pid));
            }
            None
        })
        .await
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // `script` hangs its terminal up, which ends what runs in it.
        process::signal(self.child.id(), "TERM");
        self.child.wait().ok();
    }
}

fn nonzero(number: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(number).expect("a size")
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn line(screen: &vt100::Screen, nth: u16) -> String {
    screen.rows(0, screen.size().1.get()).nth(usize::from(nth)).unwrap_or_default()
}
