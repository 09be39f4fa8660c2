//! Runs one life after another: a life begins with an opened writer and ends when the index can't be written any
//! more, another cluster answers, or it is told to stop.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::watch::{Connectivity, describe};
use crate::embed::Vectors;
use crate::index::{self, Checkpoint, IndexError, Opened, Schema, Writer};
use crate::mirror::source::Feed;
use crate::text::Clock;

use super::life::{End, Life, Mirrored};
use super::pump::{Message, Pump, QUEUE};
use super::report::{Report, STATUS};
use super::semantic::{Embedding, Semantic};
use super::status::Status;
use super::tidy::Tidier;
use super::{EngineError, EngineOptions, Mode, Outcome, Running, schema_version};

/// After the index could not be written everything begins anew, with all its requests, after a pause that grows from the
/// first to the second of these while nothing gets written. Whether a commit works is tried as often as the first says.
const REOPEN_AFTER: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// How often a process that can't write its index says that it lives.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// Where the engine's present reader stands: another one after the index was set aside.
pub(super) type ReaderSlot = Arc<RwLock<index::Reader>>;

/// How long it takes until everything begins anew.
#[derive(Debug, Default)]
struct Reopening {
    /// Lives that ended so, one after the other, without a commit.
    fruitless: u32,
}

impl Reopening {
    /// The pause after one more of them.
    fn pause(&mut self) -> Duration {
        let pause = REOPEN_AFTER.0.saturating_mul(2_u32.saturating_pow(self.fruitless));
        self.fruitless += 1;
        pause.min(REOPEN_AFTER.1)
    }
}

/// Owns everything that runs.
pub(super) struct Supervisor {
    options: EngineOptions,
    next: Option<(Writer, Checkpoint)>,
    reader: ReaderSlot,
    status: watch::Sender<Status>,
    stop: CancellationToken,
    head: Status,
    embedding: Embedding,
    tidier: Tidier,
    /// How long the index is not tried again the next time that it can't be written.
    reopening: Reopening,
    /// Why the run was stopped before every kind had answered.
    given_up: Arc<OnceLock<String>>,
}

impl Supervisor {
    pub(super) fn open(
        mut options: EngineOptions,
        lock: index::Lock,
        status: watch::Sender<Status>,
        stop: CancellationToken,
    ) -> Result<Self, EngineError> {
        let schema = Schema { version: schema_version(&options.rules) };
        let (writer, Opened { checkpoint, rebuilt }) =
            Writer::open(&options.store, lock, schema).map_err(EngineError::OpenIndex)?;
        let reader = Arc::new(RwLock::new(writer.reader()));
        let semantic = std::mem::replace(&mut options.semantic, Semantic::Off);
        let embedding =
            Embedding::open(semantic, &options.store, options.running).map_err(EngineError::Embed)?;
        let of_mirror = options.mirror.as_ref().and_then(|mirror| mirror.vectors.clone());
        let files = embedding.vectors().cloned().into_iter().chain(of_mirror).collect();
        let tidier = Tidier::new(reader.clone(), files, embedding.clone(), options.running);
        if let Some(mirror) = &mut options.mirror {
            mirror.vectors = mirror.vectors.take().or_else(|| embedding.vectors().cloned());
        }
        let head = Status {
            started_ms: options.client.clock().wall_ms(),
            context: options.context.clone(),
            server: options.server.clone(),
            notes: options.notes.iter().cloned().chain(rebuilt).collect(),
            ..Status::default()
        };
        // Who subscribes at once sees at least which server is meant.
        status.send_replace(head.clone());
        Ok(Self {
            options,
            next: Some((writer, checkpoint)),
            reader,
            status,
            stop,
            head,
            embedding,
            tidier,
            reopening: Reopening::default(),
            given_up: Arc::default(),
        })
    }

    pub(super) fn reader(&self) -> ReaderSlot {
        self.reader.clone()
    }

    pub(super) fn given_up(&self) -> Arc<OnceLock<String>> {
        self.given_up.clone()
    }

    pub(super) fn vectors(&self) -> Option<Vectors> {
        self.embedding.vectors().cloned()
    }

    /// Runs until the mode's end, or until it is told to stop.
    pub(super) async fn run(mut self) -> Outcome {
        // Ends with this run. Short ones embed nothing by themselves.
        let _feeder = match self.options.mode {
            Mode::Live => {
                match self.embedding.feed(self.reader(), self.status.subscribe(), self.options.running) {
                    Ok(feeder) => feeder,
                    Err(error) => return Outcome::IndexFailed(format!("no thread for embedding: {error}")),
                }
            }
            Mode::Once | Mode::Confirm { .. } => None,
        };
        let tidying = (self.options.mode == Mode::Live).then(|| self.tidier.start(self.status.subscribe()));
        let outcome = self.lives().await;
        if let Some(tidying) = tidying {
            tidying.end().await;
        }
        outcome
    }

    async fn lives(&mut self) -> Outcome {
        while let Some((writer, checkpoint)) = self.next.take() {
            let (writer, end) = match self.live(writer, checkpoint).await {
                Ok(ended) => ended,
                Err(error) => return Outcome::IndexFailed(describe(&error)),
            };
            // What was allowed once was meant for the cluster and the collection of that moment.
            if let Some(mirror) = &mut self.options.mirror {
                (mirror.adopt, mirror.allow_mass_delete) = (false, None);
            }
            match end {
                End::Finished(outcome) => {
                    // A run that stays has looked now and then. The lock is held until this returns.
                    if self.options.mode == Mode::Once && outcome == Outcome::Done {
                        self.tidier.once().await;
                    }
                    drop(writer);
                    return outcome;
                }
                End::AnotherCluster => {
                    if let Err(error) = self.set_aside(writer) {
                        return Outcome::IndexFailed(describe(&error));
                    }
                }
                End::IndexFailed(error) => {
                    tracing::warn!(error = describe(&error), "the index can't be written");
                    if self.options.mode != Mode::Live || !self.roll_back(writer).await {
                        return Outcome::IndexFailed(describe(&error));
                    }
                }
            }
        }
        Outcome::Done
    }

    /// Tries to write again until that works; `false` when told to stop meanwhile. Opening a writer may work where nothing
    /// can be written, so it commits what there is.
    async fn roll_back(&mut self, mut writer: Writer) -> bool {
        let mut pause = self.reopening.pause();
        loop {
            let tried = Instant::now();
            while tried.elapsed() < pause {
                self.give_sign_of_life();
                if tokio::time::timeout(SIGN_EVERY, self.stop.cancelled()).await.is_ok() {
                    return false;
                }
            }
            pause = REOPEN_AFTER.0;
            let opened = writer.rollback();
            match opened.and_then(|checkpoint| writer.commit(&checkpoint).map(|()| checkpoint)) {
                Ok(checkpoint) => {
                    self.next = Some((writer, checkpoint));
                    return true;
                }
                Err(error) => tracing::warn!(error = describe(&error), "the index still can't be written"),
            }
        }
    }

    /// Who watches this process learns that it lives and what it waits for. The status as it was, which says that the
    /// index can't be written; on a full disk its file may stay behind.
    fn give_sign_of_life(&self) {
        let now = self.options.client.clock().wall_ms();
        self.status.send_modify(|status| status.heartbeat_ms = now);
        let status = self.status.borrow().clone();
        if let Err(error) = self.options.store.write_json(STATUS, &status) {
            tracing::debug!(error = describe(&error), "the status could not be written");
        }
    }

    /// Another cluster or user answers under the same address: its objects go into an index of their own.
    fn set_aside(&mut self, writer: Writer) -> Result<(), IndexError> {
        let lock = writer.close();
        let path = self.options.store.set_aside(&lock)?;
        let note = format!(
            "another cluster or user answers at {}: the old index was set aside as {}",
            self.options.server,
            path.display()
        );
        tracing::warn!(note);
        self.head.notes.push(note);
        let schema = Schema { version: schema_version(&self.options.rules) };
        let (writer, opened) = Writer::open(&self.options.store, lock, schema)?;
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = writer.reader();
        if let Some(vectors) = self.embedding.vectors()
            && let Err(error) = vectors.reopen()
        {
            tracing::warn!(error = describe(&error), "vectors are not kept");
        }
        self.next = Some((writer, opened.checkpoint));
        Ok(())
    }

    async fn live(
        &mut self,
        writer: Writer,
        mut checkpoint: Checkpoint,
    ) -> Result<(Writer, End), IndexError> {
        checkpoint.select(self.options.selection.hash());
        let (pump, inbox) = mpsc::channel(QUEUE);
        let report = Report::new(
            self.options.store.clone(),
            self.options.client.clone(),
            self.head.clone(),
            self.embedding.clone(),
        );
        let feed = self.options.mirror.is_some().then(Arc::<Feed>::default);
        let reader = writer.reader();
        let started = Pump::new(
            writer,
            checkpoint.clone(),
            report,
            inbox,
            self.status.clone(),
            feed.clone(),
            self.options.running.status_every,
        )?;
        let mut pumping = spawn_pump(started, self.options.running)?;
        let connectivity = Connectivity::new();
        let helpers = [
            spawn_prober(&self.options, &connectivity),
            tokio::spawn(report_link(
                connectivity.clone(),
                pump.clone(),
                self.options.client.clock().clone(),
            )),
        ];
        let mirrored = feed.map(|feed| Mirrored { feed, reader, engine: self.status.subscribe() });
        let mut life = Life::new(&self.options, connectivity, pump, mirrored);
        let (end, early) = tokio::select! {
            () = self.stop.cancelled() => (End::Finished(Outcome::Done), None),
            ended = &mut pumping => (End::Finished(Outcome::Done), Some(ended)),
            end = life.run(&checkpoint) => (end, None),
        };
        if let Some(why) = self.given_up.get() {
            life.give_up(why.clone());
        }
        // Every sender has to go before the pump commits for the last time.
        life.close().await;
        for helper in helpers {
            helper.abort();
            // Aborted is what it should be.
            _ = helper.await;
        }
        let ended = match early {
            Some(ended) => ended,
            None => pumping.await,
        };
        let ended = ended.map_err(|_| IndexError::Stopped)?;
        if ended.committed {
            self.reopening = Reopening::default();
        }
        self.head = ended.report.head;
        Ok((ended.writer, ended.result.map_or_else(End::IndexFailed, |()| end)))
    }
}

/// What is left when the pump has ended.
pub(super) struct PumpEnd {
    pub(super) report: Report,
    pub(super) writer: Writer,
    /// Whether anything was committed.
    pub(super) committed: bool,
    pub(super) result: Result<(), IndexError>,
}

fn spawn_pump(pump: Pump, running: Running) -> Result<oneshot::Receiver<PumpEnd>, IndexError> {
    let (done, ended) = oneshot::channel();
    if !running.threads {
        tokio::spawn(async move {
            // The engine may be gone already.
            _ = done.send(pump.run().await);
        });
        return Ok(ended);
    }
    let thread = |source| IndexError::Thread { source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(thread)?;
    let run = move || {
        // The engine may be gone already.
        _ = done.send(runtime.block_on(pump.run()));
    };
    std::thread::Builder::new().name("kubesift-index".to_owned()).spawn(run).map_err(thread)?;
    Ok(ended)
}

fn spawn_prober(options: &EngineOptions, connectivity: &Connectivity) -> JoinHandle<()> {
    let (client, connectivity, pauses) =
        (options.client.clone(), connectivity.clone(), options.timing.backoff);
    tokio::spawn(async move { connectivity.probe(&client, pauses).await })
}

// Tells the report of the connection, and of when the server is asked again while it does not answer.
async fn report_link(connectivity: Connectivity, pump: mpsc::Sender<Message>, clock: Clock) {
    let (mut link, mut next_try) = (connectivity.subscribe(), connectivity.next_try());
    // Who only listens keeps nothing alive.
    drop(connectivity);
    loop {
        let set: Box<dyn FnOnce(&mut Report) + Send> = tokio::select! {
            Ok(()) = link.changed() => {
                let state = link.borrow_and_update().clone();
                let now = clock.steady_ms();
                Box::new(move |report: &mut Report| report.set_link(now, state))
            }
            Ok(()) = next_try.changed() => {
                let at = *next_try.borrow_and_update();
                let left = at.map(|at| at.saturating_duration_since(Instant::now()).as_millis());
                let at_ms = left.map(|left| clock.steady_ms().saturating_add(i64::try_from(left).unwrap_or(i64::MAX)));
                Box::new(move |report: &mut Report| report.next_try = at_ms)
            }
            else => return,
        };
        if pump.send(Message::Report(set)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_that_commit_nothing_follow_each_other_ever_more_rarely() {
        let mut reopening = Reopening::default();
        let pauses: Vec<u64> = (0..8).map(|_| reopening.pause().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        // A day on a full disk.
        reopening = Reopening::default();
        let mut time = Duration::ZERO;
        let lives = std::iter::from_fn(|| {
            time += reopening.pause();
            (time < Duration::from_secs(86_400)).then_some(())
        });
        assert!(lives.count() < 300);
    }
}
