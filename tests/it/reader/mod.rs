//! Readers by themselves, on a simulated server in memory and in paused time: hours pass in milliseconds, and every
//! request is counted.

mod loops;
mod once;
mod polled;
mod rereads;
mod suspects;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubesift::cluster::client::{Dialed, Dialer};
use kubesift::cluster::watch::{
    Answer, Connectivity, Event, Mode, Reader, ReaderOptions, Revisions, Rounds, Sink, Start, State, Storage,
    Timing,
};
use kubesift::cluster::{Client, ClientOptions};
use kubesift::demo::{Action, Fault, Matcher, Server, ServerOptions, Verb};
use kubesift::object::{Kind, KindKey, Object, ResourceVersion, Scope};
use kubesift::text::Clock;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::support::simulated;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// The kind that goes wrong in most tests.
const KIND: &str = "configmaps";

/// A server, and what the readers of one program share.
struct Setup {
    server: Arc<Server>,
    client: Client,
    connectivity: Connectivity,
    revisions: Revisions,
    rounds: Rounds,
    prober: JoinHandle<()>,
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.prober.abort();
    }
}

impl Setup {
    fn new(prepare: impl FnOnce(&Server)) -> Self {
        let server = Server::in_memory(ServerOptions { objects: 200, ..ServerOptions::default() });
        let server = Arc::new(server.expect("the seed fits"));
        prepare(&server);
        let dialed = Arc::clone(&server);
        let dialer = Dialer::new(move || {
            let stream = dialed.connect(true);
            Box::pin(async move { Ok(Dialed { stream, http2: true }) })
        });
        let clock = Clock::simulated(7, 1_700_000_000_000);
        let options = ClientOptions { clock, dialer: Some(dialer), ..ClientOptions::default() };
        let client = Client::new(&simulated::access(&server), options).expect("a client");
        let connectivity = Connectivity::new();
        let (shared, asked) = (connectivity.clone(), client.clone());
        let prober = tokio::spawn(async move { shared.probe(&asked, (SECOND, 30 * SECOND)).await });
        Self {
            revisions: Revisions::new(client.clone()),
            rounds: Rounds::new(),
            server,
            client,
            connectivity,
            prober,
        }
    }

    fn kind(&self, kind: &str) -> Kind {
        let key = KindKey::from(kind);
        self.server.kinds().into_iter().find(|own| own.key() == key).expect("a kind")
    }

    /// Starts reading a kind.
    fn read(&self, kind: &str, start: Start, mode: Mode) -> Running {
        self.read_at(kind, start, mode, Timing::default())
    }

    fn read_at(&self, kind: &str, start: Start, mode: Mode, timing: Timing) -> Running {
        self.read_into(Log::default(), kind, start, mode, timing)
    }

    fn read_into(&self, log: Log, kind: &str, start: Start, mode: Mode, timing: Timing) -> Running {
        let kind = self.kind(kind);
        let log = Arc::new(Mutex::new(log));
        let options = ReaderOptions {
            client: self.client.clone(),
            connectivity: self.connectivity.clone(),
            revisions: self.revisions.clone(),
            rounds: self.rounds.clone(),
            storage: Storage::of(&kind, None),
            kind,
            scope: Scope::All,
            cluster_uid: None,
            start,
            mode,
            timing,
        };
        let task = tokio::spawn(Reader::new(options, Recorder(Arc::clone(&log))).run());
        Running { log, task }
    }

    /// Starts following a kind of which nothing is held.
    fn follow(&self, kind: &str) -> Running {
        self.read(kind, Start::Empty, Mode::Follow)
    }

    fn fault(&self, verb: Verb, action: Action) {
        self.server.inject(Fault::always(Matcher::kind(verb, KIND), action));
    }

    fn make(&self, name: &str) {
        let own = Object { name: name.to_owned(), namespace: "default".to_owned(), ..Object::default() };
        self.server.apply(KIND, own).expect("config maps are served");
    }

    /// Lists and watches of the kind so far, revision checks included.
    fn asked(&self) -> (u64, u64) {
        let tally = self.server.tally();
        (tally.kind(Verb::List, KIND).requests, tally.kind(Verb::Watch, KIND).requests)
    }
}

/// A reader that runs.
struct Running {
    log: Arc<Mutex<Log>>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a sink saw.
#[derive(Debug)]
struct Log {
    begun: Instant,
    states: Vec<(Duration, State)>,
    held: BTreeMap<String, String>,
    listing: BTreeMap<String, String>,
    /// Deleted since the last list began.
    gone: BTreeSet<String>,
    version: Option<ResourceVersion>,
    rereads: usize,
    regressions: usize,
    lists: usize,
    /// What is answered to the next lists: that they are older than this.
    older: VecDeque<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            states: Vec::new(),
            held: BTreeMap::new(),
            listing: BTreeMap::new(),
            gone: BTreeSet::new(),
            version: None,
            rereads: 0,
            regressions: 0,
            lists: 0,
            older: VecDeque::new(),
        }
    }
}

impl Running {
    fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.log.lock().unwrap())
    }

    fn state(&self) -> State {
        self.log(|log| log.states.last().map_or(State::Waiting, |(_, state)| state.clone()))
    }

    /// The states so far, without repetitions.
    fn history(&self) -> Vec<State> {
        let mut states: Vec<_> = self.log(|log| log.states.iter().map(|(_, state)| state.clone()).collect());
        states.dedup();
        states
    }

    fn holds(&self, name: &str) -> bool {
        self.log(|log| log.held.contains_key(name))
    }

    fn version(&self) -> ResourceVersion {
        self.log(|log| log.version.clone().expect("a version"))
    }

    /// Waits until the state is what is wanted; says how long that took.
    async fn becomes(&self, wanted: impl Fn(&State) -> bool, within: Duration) -> Duration {
        let begun = Instant::now();
        while !wanted(&self.state()) {
            assert!(begun.elapsed() <= within, "not within {within:?}: {:?}", self.history());
            sleep(Duration::from_millis(100)).await;
        }
        begun.elapsed()
    }

    async fn is_live(&self, within: Duration) -> Duration {
        self.becomes(|state| *state == State::Live, within).await
    }

    /// Waits until an object is held; says how long that took.
    async fn finds(&self, name: &str, within: Duration) -> Duration {
        let begun = Instant::now();
        while !self.holds(name) {
            assert!(begun.elapsed() <= within, "not within {within:?}: {:?}", self.history());
            sleep(Duration::from_millis(100)).await;
        }
        begun.elapsed()
    }

    /// Waits until it has ended by itself; says in which state.
    async fn ends(&mut self, within: Duration) -> State {
        let ended = tokio::time::timeout(within, &mut self.task).await;
        assert!(ended.is_ok(), "not within {within:?}: {:?}", self.history());
        self.state()
    }
}

struct Recorder(Arc<Mutex<Log>>);

impl Sink for Recorder {
    async fn send(&mut self, event: Event) -> Answer {
        let mut log = self.0.lock().unwrap();
        match event {
            Event::ListStarted { reread, .. } => {
                log.listing.clear();
                log.gone.clear();
                log.rereads += usize::from(reread);
            }
            Event::Listed(objects) => {
                let items = objects.into_iter().map(|own| (own.name, own.resource_version));
                log.listing.extend(items);
            }
            Event::ListEnded(_) if let Some(held) = log.older.pop_front() => {
                log.lists += 1;
                return Answer::ListAgain { held: Some(held) };
            }
            Event::ListEnded(version) => {
                log.lists += 1;
                let shown = version.as_ref().and_then(ResourceVersion::number);
                let newer =
                    |own: &mut String| ResourceVersion::parse(own).and_then(|own| own.number()) > shown;
                let Log { held, listing, gone, .. } = &mut *log;
                held.retain(|_, own| newer(own));
                for (name, own) in
                    std::mem::take(listing).into_iter().filter(|(name, _)| !gone.contains(name))
                {
                    held.entry(name).or_insert(own);
                }
                log.version = version;
            }
            Event::ListFailed | Event::Restarted | Event::AnotherCluster => {}
            Event::Upserted(own) => {
                log.version = ResourceVersion::parse(&own.resource_version);
                log.held.insert(own.name, own.resource_version);
            }
            Event::Deleted(own) => {
                log.version = ResourceVersion::parse(&own.resource_version);
                log.held.remove(&own.name);
                log.gone.insert(own.name);
            }
            Event::Bookmark(version) => log.version = Some(version),
            Event::Regressed => {
                log.regressions += 1;
                log.held.values_mut().for_each(|own| "0".clone_into(own));
            }
            Event::State(state) => {
                let at = log.begun.elapsed();
                log.states.push((at, state));
            }
        }
        Answer::Continue
    }
}

fn is_failing(state: &State) -> bool {
    matches!(state, State::Failing(_))
}
