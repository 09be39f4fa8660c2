//! The terminal's life: taken over at the start, given back at the end, whatever the end is.

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::ThreadId;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Whether the terminal is ours; the panic hook must know.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Where stderr led before the terminal was taken over.
static STDERR: Mutex<Option<OwnedFd>> = Mutex::new(None);

pub(super) type Screen = Terminal<CrosstermBackend<io::Stdout>>;

/// The terminal while it is ours. Dropping it gives it back.
pub(super) struct Tty {
    pub(super) screen: Screen,
    mouse: bool,
    /// A program that has to ask something has it.
    lent: bool,
    /// Its settings when it was lent.
    settings: Option<Termios>,
}

impl Tty {
    /// Takes the terminal over. From now on a panic of this thread gives it back before it is told.
    pub(super) fn enter() -> io::Result<Self> {
        hook(std::thread::current().id());
        // Crossterm would drop all colours under NO_COLOR, also those of a theme that was chosen over it.
        force_color_output(true);
        let screen = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let mut tty = Self { screen, mouse: true, lent: false, settings: None };
        tty.take()?;
        Ok(tty)
    }

    fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        silence();
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        self.catch_mouse(self.mouse)?;
        self.redraw()
    }

    /// Draws a frame; nothing while somebody else has the terminal.
    pub(super) fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if !self.lent {
            self.screen.draw(view)?;
        }
        Ok(())
    }

    /// Leaves the terminal to another program, with its own settings and stderr.
    pub(super) fn lend(&mut self) -> io::Result<()> {
        restore();
        self.settings = tcgetattr(io::stdin()).ok();
        self.lent = true;
        Ok(())
    }

    /// Takes it again.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        self.lent = false;
        self.settle();
        self.take()
    }

    /// Sets what a borrower may have left: one that was killed while it asked for a pass code leaves no echo.
    fn settle(&mut self) {
        if let Some(settings) = self.settings.take() {
            _ = tcsetattr(io::stdin(), OptionalActions::Now, &settings);
        }
    }

    /// Forgets what the terminal shows: the next frame is drawn whole. Not by `Terminal::clear`, which asks the terminal
    /// where its cursor is and fails where no answer comes.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        if self.lent {
            return Ok(());
        }
        let size = self.screen.size()?;
        self.screen.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Catches the mouse, or lets the terminal have it.
    pub(super) fn catch_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if self.lent {
            Ok(())
        } else if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Gives the terminal to the shell, stops this process, and takes the terminal again when it goes on.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        // SIGSTOP stops the whole process here, until the shell's `fg`.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        if self.lent { Ok(()) } else { self.take() }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        restore();
        self.settle();
    }
}

/// Gives the terminal back; does nothing when it is not ours. What fails here can't be helped.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    _ = out.flush();
    _ = disable_raw_mode();
    if let Some(stderr) = STDERR.lock().unwrap_or_else(PoisonError::into_inner).take() {
        _ = rustix::stdio::dup2_stderr(stderr);
    }
}

/// Lets what libraries write to stderr go nowhere while the screen is ours (ONNX Runtime does, before it has a log).
/// Where that is not possible the screen may be torn until it is drawn again.
fn silence() {
    if !io::stderr().is_terminal() {
        return;
    }
    let nowhere = fs_err::OpenOptions::new().write(true).open("/dev/null");
    if let (Ok(nowhere), Ok(stderr)) = (nowhere, rustix::io::dup(io::stderr()))
        && rustix::stdio::dup2_stderr(nowhere).is_ok()
    {
        *STDERR.lock().unwrap_or_else(PoisonError::into_inner) = Some(stderr);
    }
}

// A panic of the thread that draws ends the program: its message must be readable. One of another thread is caught
// by whoever waits for that thread; printing it would only tear the screen.
fn hook(own: ThreadId) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            tracing::error!(%info, "panic");
            if std::thread::current().id() == own {
                restore();
            }
            if !TAKEN.load(Ordering::SeqCst) {
                before(info);
            }
        }));
    });
}
