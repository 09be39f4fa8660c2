//! Plays a history: one paused runtime from kill to kill, the cluster and the store outside of it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kubesift::document::{RuleOptions, Rules};
use kubesift::engine::Mode;
use kubesift::index::{Reader, Store};
use kubesift::mirror::memory::Memory;
use kubesift::object::KindKey;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::cluster::{Cluster, Things};
use crate::history::{
    BASE, History, How, KINDS, Settings, Step, StoreTrouble, WIDGETS, Which, Wire, kind_name,
};
use crate::judge::Judge;
use crate::program::{Program, Setup};
use crate::quiet::HIDDEN_MS;
use crate::store;
use crate::weather::Weather;

/// A record of somebody else.
pub(crate) const FOREIGN: &str = "foreign";
/// When every world begins, in milliseconds since 1970.
pub(crate) const START_MS: i64 = 1_800_000_000_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;
/// What lies so that nobody can know has this much time to show.
const DOUBT_MS: i64 = 600_000;
/// A version that is preferred is taken over when it has been that for ten minutes, found by discovery every five.
const SETTLING_MS: i64 = 1_200_000;

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

pub(crate) fn violation(rule: &'static str, what: String) -> Violation {
    Violation { rule, what, step: 0 }
}

/// Why a runtime ended.
enum Ended {
    Killed,
    Done,
}

pub(crate) struct World<'a> {
    pub(crate) history: &'a History,
    at: usize,
    pub(crate) tell: bool,
    pub(crate) cluster: Cluster,
    pub(crate) memory: Memory,
    pub(crate) setup: Setup,
    pub(crate) judge: Judge,
    pub(crate) program: Option<Program>,
    pub(crate) rival: Option<Program>,
    pub(crate) had_rival: bool,
    /// Who reads the index beside its writer, and outlives it.
    pub(crate) beside: Option<Reader>,
    pub(crate) settings: Settings,
    /// Runs of the program so far.
    pub(crate) runs: u64,
    /// Milliseconds of the world when the present runtime began, and that moment on it.
    base: i64,
    began: Instant,
    /// How far the machine's wall clock is ahead of the world.
    pub(crate) ahead: i64,
    /// How far it was when the program last ran: what it left behind tells the time of then.
    pub(crate) ahead_then: i64,
    /// Faults that lie so that nobody can know, and that are not over: about everything, and about kinds.
    pub(crate) lying: bool,
    pub(crate) lying_kinds: BTreeSet<KindKey>,
    /// Another version of the custom kind is preferred, and objects may be documents of the version before.
    pub(crate) unsettled: bool,
    /// etcd was restored while nobody could look: once its revision is as high again as the program knew it, that
    /// can't be told from one that never went back, and only the reading of every six hours finds out.
    pub(crate) rewound: bool,
    /// Whether each answer of the store takes long.
    pub(crate) slow_store: bool,
    /// Whether the program can see the cluster as it is: nothing fails.
    pub(crate) clear: bool,
    weather: Weather,
    pub(crate) things: RefCell<(u64, Arc<Things>)>,
    pub(crate) requests: u64,
    pub(crate) requests_since: i64,
    pub(crate) dir: TempDir,
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
        let settings = Settings::usual(true);
        let judge = Judge::new(settings.forbidden_after());
        let setup = Setup { access, store, rules, memory: memory.clone() };
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
            beside: None,
            settings,
            runs: 0,
            base: 0,
            began: Instant::now(),
            ahead: 0,
            ahead_then: 0,
            lying: false,
            lying_kinds: BTreeSet::new(),
            unsettled: false,
            rewound: false,
            slow_store: false,
            clear: true,
            weather: Weather::default(),
            things: RefCell::default(),
            requests: 0,
            requests_since: 0,
            dir,
        }
    }

    /// Milliseconds of the world.
    pub(crate) fn now(&self) -> i64 {
        self.base + i64::try_from(self.began.elapsed().as_millis()).expect("no end of time")
    }

    pub(crate) fn wall_ms(&self) -> i64 {
        START_MS + self.now() + self.ahead
    }

    async fn run(&mut self) -> Result<Ended, Violation> {
        self.began = Instant::now();
        self.cluster.clock.resume(START_MS + self.base);
        if self.at == 0 {
            let things = self.things();
            self.judge.cluster_changed(0, &Things::new(), &things);
        } else {
            // What a kill left behind.
            self.look()?;
        }
        while let Some(step) = self.history.steps.get(self.at).copied() {
            if self.tell {
                println!("{:>12.3} s  {:3} {step:?}", self.now() as f64 / 1_000.0, self.at);
            }
            self.weather.see(&step, self.now());
            if let Step::Kill { ms, polls } = step {
                tokio::time::sleep(Duration::from_millis(ms.into())).await;
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
        Self::stop(self.program.take()).await;
        Self::stop(self.rival.take()).await;
        Ok(Ended::Done)
    }

    async fn take(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Kill { .. } => {}
            Step::Stop => {
                Self::stop(self.program.take()).await;
            }
            Step::Start(settings) => self.start(settings),
            Step::Once => self.single(Mode::Once).await?,
            Step::Confirm { seconds } => {
                self.single(Mode::Confirm { wait: Duration::from_secs(seconds.into()) }).await?;
            }
            Step::Beside => self.beside().await?,
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
                // A slow one takes in the end what a run that is over has sent it.
                if trouble == StoreTrouble::Lies || self.slow_store {
                    self.judge.store_lies();
                }
            }
            Step::StoreHeals => {
                self.memory.heal();
                self.slow_store = false;
                self.judge.store_heals(self.now(), &self.memory);
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
            | Step::Touch { .. }
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
            // Discovery is read every five minutes.
            Step::Prefer { .. } => self.unsettled = true,
            Step::DropKind { .. } | Step::AddKind { .. } => {
                self.judge.everything_changed(now + 360_000);
            }
            Step::Fault { which, how, .. } if lies(*how) => self.lie(*which),
            Step::Freeze { server: Some(_) } | Step::Network(Wire::Hanging) | Step::Mute { muted: true } => {
                self.lying = true
            }
            _ => {}
        }
        self.doubt();
        if matches!(step, Step::Heal) {
            self.lying_kinds.clear();
        }
    }

    fn lie(&mut self, which: Which) {
        let of_group = |group: &str| {
            let names = KINDS.into_iter().chain(BASE).map(KindKey::from);
            names.filter(|kind| kind.group() == group).collect::<Vec<_>>()
        };
        match which {
            Which::List(kind) | Which::Watch(kind) if usize::from(kind) < KINDS.len() => {
                self.lying_kinds.insert(kind_name(kind).into());
            }
            Which::Group(kind) if usize::from(kind) < KINDS.len() && kind_name(kind).contains('.') => {
                self.lying_kinds.extend(of_group(KindKey::from(kind_name(kind)).group()));
            }
            // What the others follow from.
            Which::List(_)
            | Which::Watch(_)
            | Which::Group(_)
            | Which::Namespace(_)
            | Which::Discovery
            | Which::Reviews
            | Which::Everything => self.lying = true,
        }
    }

    /// Nobody can know for as long as something lies, and a while after.
    pub(crate) fn doubt(&mut self) {
        let until = self.now() + DOUBT_MS;
        if self.lying {
            self.judge.doubt_until(until);
        }
        if self.unsettled {
            self.judge.doubt_kind(&KINDS[usize::from(WIDGETS)].into(), self.now() + SETTLING_MS);
        }
        for kind in &self.lying_kinds {
            self.judge.doubt_kind(kind, until);
        }
    }

    /// Lets time pass, and looks around meanwhile: often at first.
    pub(crate) async fn pass(&mut self, ms: u64) -> Result<(), Violation> {
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
            self.doubt();
            self.look()?;
        }
        Ok(())
    }

    pub(crate) fn things(&mut self) -> Arc<Things> {
        let things = Arc::new(self.cluster.things());
        self.judge.know(&self.cluster.things_otherwise());
        self.things.replace((self.cluster.server.revision(), Arc::clone(&things)));
        things
    }

    fn look(&mut self) -> Result<(), Violation> {
        if self.rewound {
            self.judge.doubt_until(self.now() + i64::try_from(HIDDEN_MS).expect("a time"));
        }
        if self.program.is_some() {
            self.ahead_then = self.ahead;
        }
        let sight = self.sight();
        self.judge.look(&sight, &self.cluster, &self.memory)?;
        if let (Some(status), true) = (&sight.status, sight.runs) {
            self.judge.readiness(&sight, status, self.wall_ms(), self.weather.is_calm(sight.now))?;
        }
        self.look_beside()?;
        let mirror = sight.status.as_ref().and_then(|status| status.mirror.as_ref());
        self.look_at_budgets(mirror.map_or(0, |mirror| mirror.queue), sight.now)
    }
}

/// Whether a fault hides what is so, and nobody can know.
fn lies(how: How) -> bool {
    match how {
        How::Silent | How::Slow | How::Late | How::Reorder | How::NoAnswer | How::Backwards => true,
        How::Status(_)
        | How::TooMany { .. }
        | How::Initializing
        | How::Expired
        | How::Break(_)
        | How::Truncate(_)
        | How::Garbage
        | How::Duplicate
        | How::JsonOnly
        | How::Html => false,
    }
}
