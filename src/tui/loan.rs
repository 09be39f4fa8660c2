//! The terminal, lent to a program that has to ask something: a credential plugin that wants a pass code.
//!
//! Who wants it waits for it on a thread of its own ([`Loans::borrow`]). The app's loop first lets the keyboard's thread
//! come to rest, so that no key is taken from the borrower, then leaves the screen, and takes it again afterwards.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::keyboard::Keyboard;
use super::terminal::Tty;
use crate::text::sanitise;

/// ctrl-c is for the borrower, and reaches us as well: it may come a little after the borrower has ended of it.
const ECHO: Duration = Duration::from_secs(1);

/// Where the terminal of the app is borrowed. Cheap to clone; all clones are the same place.
#[derive(Debug, Clone)]
pub struct Loans {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    requests: mpsc::Sender<Request>,
    /// Until the app takes it.
    desk: Mutex<Option<mpsc::Receiver<Request>>>,
    asked: AtomicU64,
}

impl Default for Loans {
    fn default() -> Self {
        let (requests, desk) = mpsc::channel(1);
        Self { shared: Arc::new(Shared { requests, desk: Mutex::new(Some(desk)), asked: AtomicU64::new(0) }) }
    }
}

impl Loans {
    /// Waits until the terminal is free for this command; `None` when the app has ended. Blocks: not for async code.
    pub fn borrow(&self, command: &str) -> Option<Borrowed> {
        let (grant, granted) = oneshot::channel();
        self.shared.requests.blocking_send(Request { command: command.to_owned(), grant }).ok()?;
        granted.blocking_recv().ok()
    }

    /// How often the user asked to try again what failed.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }

    pub(super) fn ask_again(&self) {
        self.shared.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// The app's side; there is one.
    pub(super) fn desk(&self) -> Desk {
        let requests = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner).take();
        Desk { requests, stage: Stage::Ours, returned: None }
    }
}

/// The terminal, borrowed. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Borrowed {
    called_back: Arc<AtomicBool>,
    // Its end is what the app waits for.
    _back: oneshot::Sender<()>,
}

impl Borrowed {
    /// Whether the app ends and wants it back at once.
    pub fn is_called_back(&self) -> bool {
        self.called_back.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(super) struct Request {
    command: String,
    grant: oneshot::Sender<Borrowed>,
}

enum Stage {
    Ours,
    /// Somebody waits until the keyboard rests.
    Asked(Request),
    Lent {
        back: oneshot::Receiver<()>,
        called_back: Arc<AtomicBool>,
    },
}

/// What happens next with the terminal.
pub(super) enum Step {
    /// Somebody wants it.
    Asked(Request),
    /// The keyboard rests: it can be given.
    Free,
    /// It is back.
    Back,
}

/// Lends the terminal, to one at a time.
pub(super) struct Desk {
    requests: Option<mpsc::Receiver<Request>>,
    stage: Stage,
    returned: Option<Instant>,
}

impl Desk {
    /// Waits for the next step. Safe to cancel.
    pub(super) async fn next(&mut self, keyboard: &Keyboard) -> Step {
        match (&mut self.stage, &mut self.requests) {
            (Stage::Ours, Some(requests)) => match requests.recv().await {
                Some(request) => Step::Asked(request),
                None => std::future::pending().await,
            },
            (Stage::Ours, None) => std::future::pending().await,
            (Stage::Asked(_), _) => {
                keyboard.rested().await;
                Step::Free
            }
            (Stage::Lent { back, .. }, _) => {
                // That the other end is gone is the message.
                _ = back.await;
                Step::Back
            }
        }
    }

    /// Takes the step.
    pub(super) fn take(&mut self, step: Step, keyboard: &Keyboard, tty: &mut Tty) -> io::Result<()> {
        let stage = std::mem::replace(&mut self.stage, Stage::Ours);
        match (step, stage) {
            (Step::Asked(request), _) => {
                keyboard.rest(true);
                self.stage = Stage::Asked(request);
            }
            (Step::Free, Stage::Asked(request)) => {
                tty.lend()?;
                // Where stderr is no terminal, nobody needs to be told.
                _ = writeln!(
                    io::stderr(),
                    "kubesift: '{}' has the terminal, for the credentials of this cluster; ctrl-c ends it",
                    sanitise(&request.command)
                );
                let (sender, back) = oneshot::channel();
                let called_back = Arc::new(AtomicBool::new(false));
                let borrowed = Borrowed { called_back: called_back.clone(), _back: sender };
                // Who does not want it any more drops it at once, which is giving it back.
                _ = request.grant.send(borrowed);
                self.stage = Stage::Lent { back, called_back };
            }
            (Step::Back, _) => {
                tty.take_back()?;
                keyboard.rest(false);
                self.returned = Some(Instant::now());
            }
            (Step::Free, stage) => self.stage = stage,
        }
        Ok(())
    }

    /// Whether an interrupt is meant for who has, or just had, the terminal.
    pub(super) fn takes_interrupts(&self) -> bool {
        let just_returned = self.returned.is_some_and(|when| when.elapsed() < ECHO);
        matches!(self.stage, Stage::Lent { .. }) || just_returned
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Stage::Lent { called_back, .. } = &self.stage {
            called_back.store(true, Ordering::Relaxed);
        }
    }
}
