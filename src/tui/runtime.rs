//! The loop around the core: events in, effects out, one frame for all that happened meanwhile.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cluster::Attendance;
use super::fetching::Fetching;
use super::keyboard::Keyboard;
use super::keys::Keymap;
use super::loan::Desk;
use super::msg::{ClusterEvent, ClusterNews, Effect, Event, Msg};
use super::state::State;
use super::terminal::Tty;
use super::update::{start, update};
use super::worker::Worker;
use super::{AppOptions, Clipboard, Connection, Host, clipboard, view};
use crate::cluster::fetch::Fetcher;

/// Events that may wait. Keys come tens a second, answers and changes some ten: a full queue means that the screen
/// hangs, and then who sends waits.
const QUEUE: usize = 256;
/// Events taken for one frame at most, so that a flood of them can't keep the screen from changing.
const BATCH: usize = 128;
/// How long the last commit may take when the app ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why the app could not run, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The terminal can't be used.
    #[error("the terminal can't be used")]
    Terminal(#[source] io::Error),
    /// No thread or signal handler could be had.
    #[error("the system refuses threads or signals")]
    System(#[source] io::Error),
}

/// Runs the app until the user leaves it. The terminal is given back in every case.
///
/// # Errors
/// [`AppError`].
pub async fn run(
    options: AppOptions,
    connection: Box<dyn Connection>,
    host: Box<dyn Host>,
) -> Result<(), AppError> {
    let (events, mut arrived) = mpsc::channel(QUEUE);
    let sender = events.clone();
    // The search thread waits when the queue is full, as it should.
    let worker = Worker::start(move |event| _ = sender.blocking_send(event)).map_err(AppError::System)?;
    listen_to_signals(&events).map_err(AppError::System)?;
    let mut tty = Tty::enter().map_err(AppError::Terminal)?;
    let keyboard = Keyboard::start(events.clone()).map_err(AppError::System)?;
    let size = tty.screen.size().map_err(AppError::Terminal)?;
    let state = state(&options, &*host, (size.width, size.height));
    let mut app = App {
        state,
        worker,
        fetching: Fetching::new(events.clone()),
        events,
        host: host.into(),
        keyboard,
        desk: options.loans.desk(),
        options,
        attended: None,
        connections: 0,
    };
    app.attend(connection.into(), None);
    let result = app.until_quit(&mut tty, &mut arrived).await;
    let App { attended, keyboard, desk, .. } = app;
    drop((keyboard, desk));
    // First the shell gets its terminal back, then the last commit may take its time.
    drop(tty);
    if let Some(attended) = attended {
        attended.stop.cancel();
        // Who sends to us must not wait for ever.
        arrived.close();
        _ = tokio::time::timeout(FAREWELL, attended.task).await;
    }
    result.map_err(AppError::Terminal)
}

fn state(options: &AppOptions, host: &dyn Host, size: (u16, u16)) -> State {
    let (keymap, problems) = Keymap::with(&options.keys);
    let mut state = State::new(now_ms(), size, &options.query);
    state.keymap = keymap;
    state.theme = options.theme;
    state.zone = options.zone.clone();
    state.namespaces = options.namespaces.clone();
    state.statuses.off = !options.status_column;
    state.contexts = host.contexts();
    if !problems.is_empty() {
        // Long enough to be read, whatever else happens at the start.
        state.note = Some((problems.join("; "), state.now_ms + 30_000));
        problems.iter().for_each(|problem| tracing::warn!("{problem}"));
    }
    state
}

struct App {
    state: State,
    worker: Worker,
    events: mpsc::Sender<Event>,
    host: Arc<dyn Host>,
    keyboard: Keyboard,
    desk: Desk,
    options: AppOptions,
    attended: Option<Attended>,
    connections: u64,
    fetching: Fetching,
}

/// The connection at work.
struct Attended {
    connection: Arc<dyn Connection>,
    stop: CancellationToken,
    refresh: Arc<Notify>,
    task: JoinHandle<()>,
}

impl App {
    async fn until_quit(&mut self, tty: &mut Tty, arrived: &mut mpsc::Receiver<Event>) -> io::Result<()> {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        for effect in start(&mut self.state) {
            self.perform(effect, tty)?;
        }
        loop {
            tty.draw(|frame| view::view(&self.state, frame))?;
            let mut next = tokio::select! {
                biased;
                step = self.desk.next(&self.keyboard) => {
                    self.desk.take(step, &self.keyboard, tty)?;
                    None
                }
                event = arrived.recv() => event,
                seen = self.fetching.seen() => Some(seen),
                _ = tick.tick() => Some(Event::Tick),
                () = due(self.state.statuses.due_ms()) => Some(Event::Tick),
            };
            for nth in 1.. {
                let Some(event) = next.take() else { break };
                if self.take(event, tty)? {
                    return Ok(());
                }
                // What is taken out is dealt with: nothing is lost when the batch is full.
                next = if nth < BATCH { arrived.try_recv().ok() } else { None };
            }
        }
    }

    /// Deals with one event; whether it was the last.
    fn take(&mut self, event: Event, tty: &mut Tty) -> io::Result<bool> {
        if matches!(event, Event::Interrupt) && self.desk.takes_interrupts() {
            return Ok(false);
        }
        let event = if matches!(event, Event::Tick) { self.missed(tty).unwrap_or(event) } else { event };
        for effect in update(&mut self.state, Msg { now_ms: now_ms(), event }) {
            if effect == Effect::Quit {
                return Ok(true);
            }
            self.perform(effect, tty)?;
        }
        Ok(false)
    }

    // The keyboard's thread may miss that the terminal has another size: when a key comes in the same instant, crossterm
    // 0.29 takes one of the two and forgets the other.
    fn missed(&self, tty: &Tty) -> Option<Event> {
        let size = tty.screen.size().ok()?;
        let differs = (size.width, size.height) != self.state.size;
        differs.then_some(Event::Resize(size.width, size.height))
    }

    fn perform(&mut self, effect: Effect, tty: &mut Tty) -> io::Result<()> {
        match effect {
            Effect::Search(request) => self.worker.ask(request),
            Effect::Copy(text) => self.copy(text)?,
            Effect::SaveHistory(queries) => self.save_history(queries),
            Effect::SwitchContext(context) => self.switch(context),
            Effect::Fetch { ticket, object, wanted } => {
                self.fetching.page(self.fetcher(), ticket, object, wanted);
            }
            Effect::Family { ticket, row } => self.worker.ask_family(ticket, row),
            Effect::Logs { ticket, pod, container, previous } => {
                self.fetching.logs(self.fetcher(), ticket, pod, container, previous);
            }
            Effect::CancelFetch => self.fetching.cancel_page(),
            Effect::AskStatus(request) => self.fetching.status(self.fetcher(), request),
            Effect::CancelStatus(ticket) => self.fetching.cancel_status(ticket),
            Effect::AskForCredentials => self.options.loans.ask_again(),
            Effect::Refresh => {
                if let Some(attended) = &self.attended {
                    attended.refresh.notify_one();
                }
            }
            Effect::Redraw => tty.redraw()?,
            Effect::Suspend => tty.suspend()?,
            Effect::CatchMouse(on) => tty.catch_mouse(on)?,
            // The loop ends before it comes here.
            Effect::Quit => {}
        }
        Ok(())
    }

    fn copy(&self, text: String) -> io::Result<()> {
        let (how, desktop) = (self.options.clipboard, self.options.desktop);
        if let Err(why) = clipboard::check(&text) {
            self.note(why);
            return Ok(());
        }
        if how != Clipboard::Native {
            clipboard::osc52(&text, &mut io::stdout())?;
        }
        if how != Clipboard::Osc52 {
            let events = self.events.clone();
            tokio::task::spawn_blocking(move || {
                let copied = clipboard::native(&text, desktop);
                if let (Err(why), Clipboard::Native) = (copied, how) {
                    _ = events.blocking_send(Event::Note(why));
                }
            });
        }
        Ok(())
    }

    fn fetcher(&self) -> Option<Fetcher> {
        self.attended.as_ref().and_then(|attended| attended.connection.fetcher())
    }

    // From inside the loop nothing may wait for the queue that the loop empties.
    fn note(&self, text: String) {
        _ = self.events.try_send(Event::Note(text));
    }

    fn save_history(&self, queries: Vec<String>) {
        let Some(attended) = &self.attended else { return };
        let (connection, events) = (attended.connection.clone(), self.events.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(why) = connection.save_history(&queries) {
                _ = events.blocking_send(Event::Note(why));
            }
        });
    }

    /// Goes to work for a connection; `after` is the work that has to end first.
    fn attend(&mut self, connection: Arc<dyn Connection>, after: Option<Attended>) {
        self.connections += 1;
        let (stop, refresh) = (CancellationToken::new(), Arc::new(Notify::new()));
        let attendance = Attendance {
            number: self.connections,
            connection: connection.clone(),
            hand: self.worker.hand(self.connections),
            events: self.events.clone(),
            stop: stop.clone(),
            refresh: refresh.clone(),
        };
        let name = connection.name();
        let history = connection.history();
        let opened =
            ClusterEvent { connection: self.connections, what: ClusterNews::Opened { name, history } };
        let events = self.events.clone();
        let task = tokio::spawn(async move {
            _ = events.send(Event::Cluster(opened)).await;
            if let Some(after) = after {
                after.stop.cancel();
                _ = after.task.await;
            }
            attendance.run().await;
        });
        self.attended = Some(Attended { connection, stop, refresh, task });
    }

    fn switch(&mut self, context: String) {
        self.fetching.cancel_page();
        self.options.loans.ask_again();
        // Reads the kubeconfig: a few milliseconds, and nothing else can be done meanwhile anyway.
        match self.host.open(&context) {
            Ok(connection) => {
                let before = self.attended.take();
                self.attend(connection.into(), before);
            }
            Err(why) => {
                let number = self.connections;
                let what = ClusterNews::NotOpened(why);
                _ = self.events.try_send(Event::Cluster(ClusterEvent { connection: number, what }));
            }
        }
    }
}

fn listen_to_signals(events: &mpsc::Sender<Event>) -> io::Result<()> {
    // As the shell's `kill -TSTP` asks for it; ctrl-z itself is a key here.
    let stop = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
    let all = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), stop];
    for kind in all {
        let mut asked = signal(kind)?;
        let events = events.clone();
        tokio::spawn(async move {
            while asked.recv().await.is_some() {
                let event = match kind {
                    kind if kind == stop => Event::Suspend,
                    kind if kind == SignalKind::interrupt() => Event::Interrupt,
                    _ => Event::Terminate,
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

// Waits until a time; for ever without one.
async fn due(at_ms: Option<i64>) {
    match at_ms {
        Some(at_ms) => {
            let left = u64::try_from(at_ms - now_ms()).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(left)).await;
        }
        None => std::future::pending().await,
    }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
