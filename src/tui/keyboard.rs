//! The thread that reads the keyboard. It rests while somebody else has the terminal.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use ratatui::crossterm::event;
use tokio::sync::{mpsc, watch};

use super::input;
use super::msg::Event;

/// How long it may take until it rests or ends.
const LOOK: Duration = Duration::from_millis(100);

/// The thread. Ends soon after this is dropped.
pub(super) struct Keyboard {
    wanted: Arc<(Mutex<Wanted>, Condvar)>,
    rests: watch::Receiver<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Keys,
    Rest,
    End,
}

impl Keyboard {
    pub(super) fn start(events: mpsc::Sender<Event>) -> io::Result<Self> {
        let wanted = Arc::new((Mutex::new(Wanted::Keys), Condvar::new()));
        let (resting, rests) = watch::channel(false);
        let own = wanted.clone();
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || while pass(&own, &resting) && read(&events) {})?;
        Ok(Self { wanted, rests })
    }

    /// Lets it rest, or go on.
    pub(super) fn rest(&self, on: bool) {
        self.want(if on { Wanted::Rest } else { Wanted::Keys });
    }

    /// Waits until it rests: from then on no key is taken. For ever when it has ended.
    pub(super) async fn rested(&self) {
        if self.rests.clone().wait_for(|rests| *rests).await.is_err() {
            std::future::pending().await
        }
    }

    fn want(&self, wanted: Wanted) {
        *self.wanted.0.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        self.wanted.1.notify_all();
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.want(Wanted::End);
    }
}

// Rests as long as it is wanted; whether it is to go on.
fn pass(wanted: &(Mutex<Wanted>, Condvar), resting: &watch::Sender<bool>) -> bool {
    let mut now = wanted.0.lock().unwrap_or_else(PoisonError::into_inner);
    while *now == Wanted::Rest {
        resting.send_replace(true);
        now = wanted.1.wait(now).unwrap_or_else(PoisonError::into_inner);
    }
    resting.send_replace(false);
    *now != Wanted::End
}

// Whether there may be more.
fn read(events: &mpsc::Sender<Event>) -> bool {
    let read = match event::poll(LOOK) {
        Ok(false) => return true,
        Ok(true) => event::read(),
        Err(error) => Err(error),
    };
    let event = match read {
        Ok(event) => input::translate(event),
        Err(error) => {
            tracing::error!(%error, "the keyboard can't be read");
            Some(Event::Terminate)
        }
    };
    let ended = matches!(event, Some(Event::Terminate));
    event.is_none_or(|event| events.blocking_send(event).is_ok()) && !ended
}
