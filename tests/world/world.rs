//! Plays a history: one paused runtime from kill to kill, the cluster and the store outside of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kubesift::cluster::selection::Decision;
use kubesift::document::{RuleOptions, Rules};
use kubesift::engine::Mode;
use kubesift::index::{Reader, Store};
use kubesift::mirror::memory::Memory;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::cluster::{Cluster, Things};
use crate::history::{History, How, Step, StoreTrouble, Wire};
use crate::judge::{Held, Judge, Sight};
use crate::program::{Program, REREAD, Setup, selection};
use crate::store;

/// A record of somebody else.
pub(crate) const FOREIGN: &str = "foreign";
/// When every world begins, in milliseconds since 1970.
const START_MS: i64 = 1_800_000_000_000;
const HOUR_MS: u64 = 3_600_000;
/// One run that reads everything once has ended after this, whatever fails; where each answer of the store takes more
/// than a minute, it goes on for so much longer.
const ONCE_MS: i64 = 15 * 60_000;
const SLOW_STORE_MS: i64 = 60 * 60_000;
/// Everything was read again after this.
const HIDDEN_MS: u64 = REREAD.as_secs() * 1_000 * 5 / 4;
/// After this everything is right again, whatever failed; and it stays so.
const QUIET_MS: u64 = 20 * 60_000;
/// Requests in a quiet hour, more of them for each kind that may not be listed, and those of an hour in which everything
/// fails.
const QUIET_BUDGET: u64 = 800;
const DENIED_BUDGET: u64 = 240;
const BUDGET: u64 = 12_000;

/// What should have held.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    pub(crate) step: usize,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at step {}: {}", self.rule, self.step, self.what)
    }
}

/// Why a runtime ended.
enum Ended {
    Killed,
    Done,
}

struct World<'a> {
    history: &'a History,
    at: usize,
    tell: bool,
    cluster: Cluster,
    memory: Memory,
    setup: Setup,
    judge: Judge,
    program: Option<Program>,
    rival: Option<Program>,
    had_rival: bool,
    excluded: u8,
    /// Runs of the program so far.
    runs: u64,
    /// Milliseconds of the world when the present runtime began, and that moment on it.
    base: i64,
    began: Instant,
    /// How far the machine's wall clock is ahead of the world.
    ahead: i64,
    /// Faults that lie so that nobody can know, and that are not over.
    lying: bool,
    /// etcd was restored while nobody could look: once its revision is as high again as the program knew it, that
    /// can't be told from one that never went back, and only the reading of every six hours finds out.
    rewound: bool,
    /// Whether each answer of the store takes long.
    slow_store: bool,
    /// Whether the program can see the cluster as it is: nothing fails.
    clear: bool,
    things: RefCell<(u64, Arc<Things>)>,
    requests: u64,
    requests_since: i64,
    dir: TempDir,
}

/// Plays a history to its end, or to the first thing that should not be.
pub(crate) fn play(history: &History, tell: bool) -> Result<(), Violation> {
    let mut world = World::new(history, tell);
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let ended = runtime.block_on(world.run());
        // Everything that runs is dropped where it stands.
        drop(runtime);
        match ended.map_err(|violation| Violation { step: world.at, ..violation })? {
            Ended::Killed => (world.program, world.rival) = (None, None),
            Ended::Done => return Ok(()),
        }
    }
}

/// A directory in memory where there is one: nothing here outlives the process.
fn temp_dir() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("kubesift-world-");
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.expect("temp dir")
}

impl<'a> World<'a> {
    fn new(history: &'a History, tell: bool) -> Self {
        let rules = Arc::new(Rules::new(&RuleOptions::default()).expect("the default rules"));
        let cluster = Cluster::new(history.seed, START_MS, Arc::clone(&rules));
        let dir = temp_dir();
        let access = cluster.access();
        let store = Store::locate(dir.path(), access.identity.as_str()).expect("a directory");
        let memory = Memory::new();
        // Short or as by default, so that both sides of it are seen.
        let forbidden_after =
            Duration::from_secs(if history.seed.is_multiple_of(2) { 1_200 } else { 86_400 });
        let judge = Judge::new(i64::try_from(forbidden_after.as_millis()).expect("a short time"));
        let setup = Setup { access, store, rules, memory: memory.clone(), forbidden_after };
        Self {
            history,
            at: 0,
            tell,
            cluster,
            memory,
            setup,
            judge,
            program: None,
            rival: None,
            had_rival: false,
            excluded: 0,
            runs: 0,
            base: 0,
            began: Instant::now(),
            ahead: 0,
            lying: false,
            rewound: false,
            slow_store: false,
            clear: true,
            things: RefCell::default(),
            requests: 0,
            requests_since: 0,
            dir,
        }
    }

    /// Milliseconds of the world.
    fn now(&self) -> i64 {
        self.base + i64::try_from(self.began.elapsed().as_millis()).expect("no end of time")
    }

    fn wall_ms(&self) -> i64 {
        START_MS + self.now() + self.ahead
    }

    async fn run(&mut self) -> Result<Ended, Violation> {
        self.began = Instant::now();
        self.cluster.clock.resume(START_MS + self.base);
        if self.at == 0 {
            let things = self.things();
            self.judge.cluster_changed(0, &Things::new(), &things);
        }
        while let Some(step) = self.history.steps.get(self.at).copied() {
            if self.tell {
                println!("{:>12.3} s  {:3} {step:?}", self.now() as f64 / 1_000.0, self.at);
            }
            if let Step::Kill { polls } = step {
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
                self.at += 1;
                self.base = self.now();
                return Ok(Ended::Killed);
            }
            self.take(step).await?;
            self.look()?;
            self.at += 1;
        }
        for program in [self.program.take(), self.rival.take()].into_iter().flatten() {
            program.handle.shutdown().await;
        }
        Ok(Ended::Done)
    }

    async fn take(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Kill { .. } => {}
            Step::Stop => {
                if let Some(program) = self.program.take() {
                    program.handle.shutdown().await;
                }
            }
            Step::Start { excluded } => self.start(excluded),
            Step::Once => self.once().await?,
            Step::Jump { seconds } => {
                self.ahead += seconds * 1_000;
                if let Some(program) = &self.program {
                    program.clock.jump(seconds * 1_000);
                }
                // Which "as of" is meant can't be told for a while.
                self.judge.doubt_until(self.now() + 120_000);
            }
            Step::Store { trouble, times } => {
                store::trouble(&self.memory, trouble, times);
                self.slow_store = matches!(trouble, StoreTrouble::Slow | StoreTrouble::SlowAnswer);
                if trouble == StoreTrouble::Lies {
                    self.judge.store_lies();
                }
            }
            Step::StoreHeals => {
                self.memory.heal();
                self.slow_store = false;
                self.judge.store_touched(self.now(), &self.memory);
            }
            Step::Wipe => {
                self.memory.wipe();
                self.judge.store_touched(self.now(), &self.memory);
            }
            Step::Steal { at } => {
                let records = self.memory.records();
                let victim = records.keys().nth(usize::from(at) % records.len().max(1)).cloned();
                if let Some(victim) = victim {
                    self.memory.plant(&victim, None);
                }
                self.judge.store_touched(self.now(), &self.memory);
            }
            Step::Twist { at } => {
                let records = self.memory.records();
                if let Some(victim) = records.keys().nth(usize::from(at) % records.len().max(1)) {
                    let twisted = (0..8).map(|at| if at == 7 { 1.0 } else { 0.0 }).collect();
                    self.memory.set_vector(victim, twisted);
                }
                self.judge.store_touched(self.now(), &self.memory);
            }
            Step::Plant => {
                let fields = [("source".to_owned(), "somebody".into())].into();
                self.memory.plant(FOREIGN, Some(("left alone", fields)));
                self.judge.store_touched(self.now(), &self.memory);
            }
            Step::Rival { runs } => self.rival(runs).await,
            Step::Pass { ms } => self.pass(ms).await?,
            Step::Quiet => self.quiet().await?,
            Step::Put { .. }
            | Step::Delete { .. }
            | Step::Recreate { .. }
            | Step::DropNamespace { .. }
            | Step::AddKind { .. }
            | Step::DropKind { .. }
            | Step::Prefer { .. }
            | Step::Broken { .. }
            | Step::Hide { .. }
            | Step::Watchable { .. }
            | Step::Convert { .. }
            | Step::Listed { .. }
            | Step::Servers { .. }
            | Step::Freeze { .. }
            | Step::Forbid { .. }
            | Step::Allow { .. }
            | Step::Incomplete { .. }
            | Step::OnlyNamespaces { .. }
            | Step::Fault { .. }
            | Step::Heal
            | Step::Network(_)
            | Step::Cut
            | Step::Mute { .. }
            | Step::Compact
            | Step::Restore { .. } => {
                self.change_cluster(&step);
                if matches!(step, Step::Restore { .. }) && !self.rewound {
                    self.pass(120_000).await?;
                }
            }
        }
        Ok(())
    }

    fn change_cluster(&mut self, step: &Step) {
        let now = self.now();
        let before = self.things();
        self.cluster.apply(step);
        let after = self.things();
        self.judge.cluster_changed(now, &before, &after);
        self.clear &=
            !matches!(step, Step::Fault { .. } | Step::Network(_) | Step::Mute { .. } | Step::Freeze { .. });
        match step {
            Step::Restore { .. } => {
                self.rewound |= !self.clear || self.program.is_none();
                self.judge.doubt_until(now + 600_000);
            }
            Step::Forbid { .. }
            | Step::Allow { .. }
            | Step::Incomplete { .. }
            | Step::OnlyNamespaces { .. } => self.judge.everything_changed(now),
            // Which version it is read in follows discovery, which is read every five minutes.
            Step::Prefer { .. } | Step::DropKind { .. } | Step::AddKind { .. } => {
                self.judge.everything_changed(now + 360_000);
            }
            Step::Fault {
                how: How::Silent | How::Slow | How::Late | How::Reorder | How::NoAnswer | How::Backwards,
                ..
            }
            | Step::Freeze { server: Some(_) }
            | Step::Network(Wire::Hanging)
            | Step::Mute { muted: true } => self.lying = true,
            Step::Heal | Step::Freeze { server: None } if self.lying => {
                self.judge.doubt_until(now + 600_000);
            }
            _ => {}
        }
        if self.lying {
            self.judge.doubt_until(now + 600_000);
        }
    }

    fn start(&mut self, excluded: u8) {
        if self.program.is_some() {
            return;
        }
        self.excluded = if self.had_rival { 0 } else { excluded };
        self.launch(Mode::Live);
    }

    fn launch(&mut self, mode: Mode) {
        self.runs += 1;
        let seed = self.history.seed.wrapping_mul(1_000).wrapping_add(self.runs);
        let program = self.setup.start(&self.cluster, mode, self.excluded, seed, self.wall_ms());
        self.program = Some(program.expect("nobody else writes the index"));
    }

    /// Another program with an index of its own, from another machine.
    async fn rival(&mut self, runs: bool) {
        match (self.rival.take(), runs) {
            // It reads everything: one that excludes something is refused the collection, and rightly so.
            (None, true) if self.excluded == 0 => {
                self.had_rival = true;
                let dir = self.dir.path().join("rival");
                let store = Store::locate(&dir, self.setup.access.identity.as_str()).expect("a directory");
                let setup = Setup { store, ..self.setup.clone() };
                let seed = self.history.seed ^ 0x7170;
                self.rival = setup.start(&self.cluster, Mode::Live, 0, seed, self.wall_ms());
            }
            (Some(rival), true) => self.rival = Some(rival),
            (Some(rival), false) => {
                rival.handle.shutdown().await;
            }
            (None, _) => {}
        }
    }

    async fn once(&mut self) -> Result<(), Violation> {
        if self.program.is_some() {
            return Ok(());
        }
        self.launch(Mode::Once);
        let begun = self.now();
        let limit = ONCE_MS + if self.slow_store { SLOW_STORE_MS } else { 0 };
        let limit = Duration::from_millis(u64::try_from(limit).expect("a time"));
        let mut program = self.program.take().expect("it was started");
        let ended = tokio::time::timeout(limit, program.handle.finished()).await;
        if ended.is_err() {
            let what = format!("after {} s", (self.now() - begun) / 1_000);
            return Err(Violation { rule: "sync --once does not end", what, step: self.at });
        }
        Ok(())
    }

    /// Lets time pass, and looks around meanwhile: often at first.
    async fn pass(&mut self, ms: u64) -> Result<(), Violation> {
        let mut left = ms;
        while left > 0 {
            let slice = match ms - left {
                0..10_000 => 2_000,
                10_000..300_000 => 30_000,
                _ => 300_000,
            };
            let slice = slice.min(left);
            tokio::time::sleep(Duration::from_millis(slice)).await;
            left -= slice;
            if self.lying {
                self.judge.doubt_until(self.now() + 600_000);
            }
            self.look()?;
        }
        Ok(())
    }

    /// Nothing fails any more: soon everything must be right.
    async fn quiet(&mut self) -> Result<(), Violation> {
        let (before, now) = (self.things(), self.now());
        self.cluster.heal();
        let after = self.things();
        self.judge.cluster_changed(now, &before, &after);
        self.lying = false;
        self.rival(false).await;
        self.memory.heal();
        self.slow_store = false;
        self.judge.store_touched(now, &self.memory);
        self.start(0);
        self.clear = true;
        if std::mem::take(&mut self.rewound) {
            self.judge.doubt_until(now + i64::try_from(HIDDEN_MS).expect("a time"));
            self.pass(HIDDEN_MS).await?;
        }
        // One in four lasts longer: what is right has to stay so.
        let long = self.history.seed.is_multiple_of(4);
        self.pass(if long { 2 * HOUR_MS } else { QUIET_MS }).await?;
        let before = self.cluster.server.request_count();
        self.pass(QUIET_MS).await?;
        let requests = (self.cluster.server.request_count() - before) * 3;
        if requests > QUIET_BUDGET + DENIED_BUDGET * self.cluster.denied() {
            let what = format!("{requests} requests in a quiet hour: {}", self.busiest());
            return Err(Violation { rule: "too many requests", what, step: self.at });
        }
        let sight = self.sight();
        self.judge.all_is_right(&sight, &self.cluster, &self.memory)
    }

    /// What was asked most, of the last requests.
    fn busiest(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for request in self.cluster.server.requests().iter().rev().take(1_000) {
            let path = request.path.split('?').next().unwrap_or_default();
            let verb = if request.is_watch() { "watch" } else { &request.method };
            *counts.entry(format!("{verb} {path} {}", request.status)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.iter().take(6).map(|(what, count)| format!("{count} x {what}")).collect::<Vec<_>>().join(", ")
    }

    fn things(&mut self) -> Arc<Things> {
        let things = Arc::new(self.cluster.things());
        self.judge.know(&self.cluster.things_otherwise());
        self.things.replace((self.cluster.server.revision(), Arc::clone(&things)));
        things
    }

    fn held(&self) -> Held {
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

    fn sight(&mut self) -> Sight {
        let selection = selection(self.excluded);
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
        Sight {
            now: self.now(),
            held: self.held(),
            things: Arc::clone(&self.things.borrow().1),
            status: self.program.as_ref().map(|program| program.handle.status()),
            ahead: START_MS + self.ahead,
            excluded,
            unwatched,
        }
    }

    fn look(&mut self) -> Result<(), Violation> {
        if self.rewound {
            self.judge.doubt_until(self.now() + i64::try_from(HIDDEN_MS).expect("a time"));
        }
        let sight = self.sight();
        self.judge.look(&sight, &self.cluster, &self.memory)?;
        let (now, count) = (sight.now, self.cluster.server.request_count());
        if now >= self.requests_since + i64::try_from(HOUR_MS).expect("an hour") {
            let asked = count - std::mem::replace(&mut self.requests, count);
            let hours = (now - std::mem::replace(&mut self.requests_since, now)) as f64 / HOUR_MS as f64;
            if asked as f64 / hours > BUDGET as f64 {
                let what = format!("{asked} requests in {hours:.1} hours: {}", self.busiest());
                return Err(Violation { rule: "too many requests", what, step: self.at });
            }
        }
        Ok(())
    }
}
