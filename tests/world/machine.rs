//! The machine: runs of the program, and who else is on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kubesift::cluster::selection::Decision;
use kubesift::engine::Mode;
use kubesift::engine::mirror::{compare, mirror_beside};
use kubesift::engine::status::Status;
use kubesift::index::{Lock, Reader, Store};
use kubesift::mirror::{Depth, MirrorStatus};
use kubesift::text::Clock;
use tokio::sync::watch;

use crate::history::Settings;
use crate::judge::{Held, Sight};
use crate::program::{Program, Setup, selection};
use crate::world::{START_MS, Violation, World, violation};

/// One run that reads everything once has ended after this, whatever fails; where each answer of the store takes more
/// than a minute, it goes on for so much longer.
const ONCE_MS: i64 = 15 * 60_000;
const SLOW_STORE_MS: i64 = 60 * 60_000;
/// One that only confirms ends so much later than it was told to: it commits.
const LAST_COMMIT_MS: i64 = 15_000;

impl World<'_> {
    pub(crate) fn start(&mut self, settings: Settings) {
        if self.program.is_some() {
            return;
        }
        // Two that read different things would rightly fight over the collection.
        let others = Settings { patient: settings.patient, ..Settings::usual(true) };
        self.settings = if self.had_rival { others } else { settings };
        self.launch(Mode::Live);
    }

    fn launch(&mut self, mode: Mode) {
        self.runs += 1;
        let seed = self.history.seed.wrapping_mul(1_000).wrapping_add(self.runs);
        self.judge.forbidden_after(self.settings.forbidden_after());
        let program = self.setup.start(&self.cluster, mode, self.settings, seed, self.wall_ms());
        self.program = Some(program.expect("nobody else writes the index"));
    }

    /// Another program with an index of its own, from another machine.
    pub(crate) async fn rival(&mut self, runs: bool) {
        match (self.rival.take(), runs) {
            // It reads everything: one that excludes something is refused the collection, and rightly so.
            (None, true) if self.settings.reads_all() => {
                self.had_rival = true;
                let dir = self.dir.path().join("rival");
                let store = Store::locate(&dir, self.setup.access.identity.as_str()).expect("a directory");
                let setup = Setup { store, ..self.setup.clone() };
                let seed = self.history.seed ^ 0x7170;
                let settings = Settings::usual(self.settings.patient);
                self.rival = setup.start(&self.cluster, Mode::Live, settings, seed, self.wall_ms());
            }
            (Some(rival), true) => self.rival = Some(rival),
            (Some(rival), false) => {
                rival.handle.shutdown().await;
            }
            (None, _) => {}
        }
    }

    /// A run that ends by itself, and has to.
    pub(crate) async fn single(&mut self, mode: Mode) -> Result<(), Violation> {
        if self.program.is_some() {
            return Ok(());
        }
        let (limit, rule) = match mode {
            Mode::Confirm { wait } => {
                let wait = i64::try_from(wait.as_millis()).expect("a short time");
                (wait + LAST_COMMIT_MS, "a search does not end")
            }
            Mode::Once | Mode::Live => (self.patience(), "sync --once does not end"),
        };
        self.launch(mode);
        let begun = self.now();
        let mut program = self.program.take().expect("it was started");
        let limit = Duration::from_millis(u64::try_from(limit).expect("a time"));
        let ended = tokio::time::timeout(limit, program.handle.finished()).await;
        if ended.is_err() {
            return Err(violation(rule, format!("after {} s", (self.now() - begun) / 1_000)));
        }
        Ok(())
    }

    fn patience(&self) -> i64 {
        ONCE_MS + if self.slow_store { SLOW_STORE_MS } else { 0 }
    }

    /// Another process beside the writer: it may not write the index, reads it from now on, and copies it once.
    pub(crate) async fn beside(&mut self) -> Result<(), Violation> {
        let Some(program) = &self.program else { return Ok(()) };
        if Lock::try_acquire(&self.setup.store).expect("a lock file").is_some() {
            return Err(violation("two writers of one index", "the lock is free".to_owned()));
        }
        let Ok(reader) = Reader::open(&self.setup.store) else { return Ok(()) };
        self.beside = Some(reader.clone());
        if !self.settings.mirrors {
            return Ok(());
        }
        let clock = Clock::simulated(self.history.seed ^ 0xbe51de, self.wall_ms());
        let settings = self.setup.mirror(self.settings, clock, program.handle.vectors());
        let (sender, _status) = watch::channel(MirrorStatus::default());
        let limit = Duration::from_millis(u64::try_from(self.patience()).expect("a time"));
        let copy = mirror_beside(&settings, &reader, &self.setup.store, sender);
        let ended = tokio::time::timeout(limit, copy).await;
        self.judge.store_written(self.now());
        match ended {
            // Whatever it was, it is said.
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(violation(
                "a copy beside the writer does not end",
                format!("after {} s", limit.as_secs()),
            )),
        }
    }

    /// Whether who reads beside the writer sees what the writer sees.
    pub(crate) fn look_beside(&self) -> Result<(), Violation> {
        let (Some(beside), Some(program)) = (&self.beside, &self.program) else { return Ok(()) };
        beside.reload().expect("a readable index");
        let keys = |reader: &Reader| -> BTreeSet<_> {
            reader.snapshot().held().expect("a readable index").into_iter().map(|entry| entry.key).collect()
        };
        let (own, theirs) = (keys(&program.handle.reader()), keys(beside));
        if own == theirs {
            return Ok(());
        }
        let what =
            format!("{} entries are seen beside the writer, and {} by itself", theirs.len(), own.len());
        Err(violation("two readers of one index differ", what))
    }

    /// What `verify` says.
    pub(crate) async fn verify(&self) -> Result<(), Violation> {
        let Some(program) = self.program.as_ref().filter(|_| self.settings.mirrors) else { return Ok(()) };
        let clock = Clock::simulated(self.history.seed ^ 0x7e51, self.wall_ms());
        let settings = self.setup.mirror(self.settings, clock, program.handle.vectors());
        let (sender, _status) = watch::channel(MirrorStatus::default());
        let reader = program.handle.reader();
        let found = compare(&settings, &reader, &self.setup.store, Depth::Vectors, sender).await;
        match found {
            Ok(found) if found.divergent.is_empty() && found.kept == 0 => Ok(()),
            found => Err(violation("verify does not say equal", format!("{found:?}"))),
        }
    }

    pub(crate) fn held(&self) -> Held {
        let snapshot = match &self.program {
            Some(program) => program.handle.reader().snapshot(),
            None => match Reader::open(&self.setup.store) {
                Ok(reader) => reader.snapshot(),
                Err(_) => return Held::new(),
            },
        };
        let held = snapshot.held().expect("a readable index");
        held.into_iter().map(|entry| (entry.key, entry)).collect()
    }

    /// What is said: by the program, or by what the last one left behind.
    fn status(&self) -> Option<Status> {
        match &self.program {
            Some(program) => Some(program.handle.status()),
            None => self.setup.store.read_json("status.json").expect("a readable status"),
        }
    }

    pub(crate) fn sight(&mut self) -> Sight {
        let selection = selection(self.settings);
        let kinds = self.cluster.server.kinds().into_iter();
        let (mut excluded, mut unwatched) = (BTreeSet::new(), BTreeSet::new());
        for kind in kinds {
            match selection.decide(&kind) {
                Decision::Read => {}
                Decision::Unwatchable => {
                    unwatched.insert(kind.key());
                }
                Decision::Excluded { .. } => {
                    excluded.insert(kind.key());
                }
            }
        }
        // What it holds of a kind goes too where the kind is not served.
        excluded.extend(self.cluster.kinds.keys().filter(|kind| selection.excludes(kind).is_some()).cloned());
        Sight {
            now: self.now(),
            held: self.held(),
            things: Arc::clone(&self.things.borrow().1),
            status: self.status(),
            runs: self.program.is_some(),
            ahead: START_MS + self.ahead_then,
            selection,
            excluded,
            unwatched,
            seemingly_gone: self.cluster.seemingly_gone().collect(),
        }
    }

    /// What a program is told when it ends in good order.
    pub(crate) async fn stop(program: Option<Program>) {
        if let Some(program) = program {
            program.handle.shutdown().await;
        }
    }
}
