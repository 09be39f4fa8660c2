//! Puts the status together: reader states, the core's counts, the client's counters.

mod awaited;
mod rate;
mod reading;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::watch;

use crate::cluster::client::Client;
use crate::cluster::selection::NO_WATCH;
use crate::cluster::watch::{Link, State, describe};
use crate::index::{IndexError, Store};
use crate::mirror::MirrorStatus;
use crate::object::{KindKey, Scope};
use crate::text::Clock;

use self::awaited::Awaited;
use self::rate::Rate;
use self::reading::Reading;
use super::core::{Core, Millis};
use super::mirror::shown;
use super::semantic::Embedding;
use super::status::{KindState, KindStatus, Phase, Status};
use super::unanswered::WHY;

/// The status for other processes.
pub(super) const STATUS: &str = "status.json";
/// Notes beyond this many push out the oldest.
const NOTES: usize = 20;

/// Everything that only status needs.
pub(super) struct Report {
    store: Store,
    client: Client,
    embedding: Embedding,
    /// Filled once and then kept: context, server, version, started.
    pub(super) head: Status,
    /// Whether the server can be reached.
    pub(super) link: Link,
    link_since: Millis,
    /// When the server is asked again, while it does not answer.
    pub(super) next_try: Option<Millis>,
    readers: HashMap<(KindKey, Scope), Reading>,
    /// Kinds that are not read, with the rule.
    pub(super) excluded: BTreeMap<KindKey, String>,
    /// Kinds that offer no watch.
    pub(super) unwatchable: BTreeSet<KindKey>,
    /// Kinds that nobody reads while entries of them are held: why, and since when that has been told.
    unread: BTreeMap<KindKey, (&'static str, Option<Millis>)>,
    /// Kinds whose API server does not answer, and that no reader reads.
    pub(super) unanswered: BTreeSet<KindKey>,
    /// Kinds of which it could not be found out where they may be read, and why.
    pub(super) unsure: BTreeMap<KindKey, String>,
    /// Watches that ended early.
    pub(super) watch_restarts: u64,
    /// Since when and why the index can't be written.
    pub(super) trouble: Option<(Millis, String)>,
    /// The mirror, where one runs.
    pub(super) mirror: Option<watch::Receiver<MirrorStatus>>,
    /// Whether the run has ended in good order.
    pub(super) stopped: bool,
    rates: HashMap<KindKey, Rate>,
    awaited: Awaited,
    /// What the last run said of the kinds: all that is known until discovery answers.
    previous: Vec<KindStatus>,
    /// The times at which the last run knew kinds to be true: where nothing happens a restart makes no older.
    told: HashMap<KindKey, Millis>,
}

impl Report {
    pub(super) fn new(store: Store, client: Client, head: Status, embedding: Embedding) -> Self {
        let stored = store.read_json::<Status>(STATUS).unwrap_or_else(|error| {
            tracing::warn!(error = describe(&error), "what the last run said can't be read");
            None
        });
        let mut stored = stored.unwrap_or_default();
        stored.set_times(|wall| client.clock().steady_of(wall));
        let now = client.clock().steady_ms();
        // A time that lies ahead of now was told by a clock that was wrong.
        let known = |old: &KindStatus| old.as_of_ms.filter(|as_of| *as_of <= now);
        let told: HashMap<_, _> =
            stored.kinds.iter().filter_map(|old| Some((old.kind.clone(), known(old)?))).collect();
        Self {
            store,
            client,
            embedding,
            head,
            // One that was killed may have told of changes that never reached the index.
            told: if stored.phase == Phase::Stopped { told } else { HashMap::new() },
            previous: stored.kinds,
            link: Link::Up,
            link_since: 0,
            next_try: None,
            readers: HashMap::new(),
            excluded: BTreeMap::new(),
            unwatchable: BTreeSet::new(),
            unread: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            unsure: BTreeMap::new(),
            watch_restarts: 0,
            trouble: None,
            mirror: None,
            stopped: false,
            rates: HashMap::new(),
            awaited: Awaited::default(),
        }
    }

    /// Adds one line that a person should know.
    pub(super) fn note(&mut self, note: String) {
        if self.head.notes.contains(&note) {
            return;
        }
        self.head.notes.push(note);
        if self.head.notes.len() > NOTES {
            self.head.notes.remove(0);
        }
    }

    /// Kinds that nobody reads while entries of them are held, and why.
    pub(super) fn set_unread(&mut self, kinds: Vec<(KindKey, &'static str)>) {
        let before = std::mem::take(&mut self.unread);
        let since = |kind: &KindKey| before.get(kind).and_then(|(_, since)| *since);
        self.unread = kinds.into_iter().map(|(kind, why)| (kind.clone(), (why, since(&kind)))).collect();
    }

    pub(super) fn set_link(&mut self, now: Millis, link: Link) {
        if self.link == Link::Up && link != Link::Up {
            self.link_since = now;
        }
        self.link = link;
    }

    /// Takes a reader's state; says whether it is another kind of state than before.
    pub(super) fn set_state(&mut self, now: Millis, kind: KindKey, scope: Scope, state: State) -> bool {
        let reading = self.readers.entry((kind, scope)).or_insert_with(|| Reading::new(now));
        let before = std::mem::discriminant(reading.shown());
        reading.take(state);
        let changed = std::mem::discriminant(reading.shown()) != before;
        if changed {
            reading.since = now;
        }
        changed
    }

    /// Whether a reader runs that nothing is known to be wrong with, and whose watch runs or comes next.
    pub(super) fn is_well(&self, kind: &KindKey, scope: &Scope) -> bool {
        let reading = self.readers.get(&(kind.clone(), scope.clone()));
        reading.is_some_and(|reading| matches!(reading.shown(), State::Waiting | State::Live | State::Polled))
    }

    /// What was not answered by now is waited for no longer: for the last error it had, or for this reason.
    pub(super) fn give_up(&mut self, why: &str) {
        for reading in self.readers.values_mut().filter(|reading| reading.is_pending()) {
            reading.take(State::Unconfirmed(reading.error.clone().unwrap_or_else(|| why.to_owned())));
        }
    }

    pub(super) fn forget(&mut self, kind: &KindKey, scope: &Scope) {
        self.readers.remove(&(kind.clone(), scope.clone()));
    }

    /// Forgets what readers of a kind said that no longer run.
    pub(super) fn forget_kind(&mut self, kind: &KindKey) {
        self.readers.retain(|(own, _), _| own != kind);
    }

    /// Where its times come from.
    pub(super) fn clock(&self) -> &Clock {
        self.client.clock()
    }

    /// Where the status is stored, and whatever else lies beside the index.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Forgets what was forbidden in namespaces of which nothing is known any more.
    pub(super) fn forget_gone(&mut self, core: &Core) {
        let known = |kind: &KindKey, scope: &Scope| core.source_of(kind, scope).is_some();
        self.readers.retain(|(kind, scope), reading| {
            *scope == Scope::All || !matches!(reading.state, State::Forbidden(_)) || known(kind, scope)
        });
    }

    pub(super) fn save(&self, status: &Status) -> Result<(), IndexError> {
        self.store.write_json(STATUS, status)
    }

    /// The status as of now, its times by the steady clock.
    pub(super) fn status(&mut self, now: Millis, core: &Core) -> Status {
        self.stop_waiting(now);
        let mut kinds: BTreeMap<KindKey, KindStatus> = BTreeMap::new();
        let mut keys: Vec<(KindKey, Scope)> = self.readers.keys().cloned().collect();
        keys.sort();
        for reader in &keys {
            self.add_reader(&mut kinds, core, now, reader);
        }
        if self.readers.is_empty() && self.excluded.is_empty() {
            self.add_previous(&mut kinds, core);
        }
        self.unread.values_mut().for_each(|(_, since)| _ = since.get_or_insert(now));
        self.add_unread(&mut kinds, core);
        for (kind, why) in &self.unsure {
            kinds.entry(kind.clone()).and_modify(|status| status.fail(why));
        }
        for status in kinds.values_mut() {
            self.add_costs(now, core, status);
        }
        if let Some(note) = self.embedding.note() {
            self.note(note);
        }
        let totals = self.client.totals();
        let counters = core.counters();
        Status {
            pid: std::process::id(),
            heartbeat_ms: self.client.clock().wall_ms(),
            phase: self.phase(),
            next_try_ms: self.next_try.filter(|_| self.link != Link::Up && !self.stopped),
            objects: core.total() as u64,
            requests: totals.requests,
            bytes: totals.bytes,
            throttled: totals.throttled,
            drift_corrected: counters.drift_corrected,
            deletes: counters.deletes,
            watch_restarts: self.watch_restarts,
            mirror: self.mirror.as_ref().map(|mirror| shown(mirror, self.client.clock().wall_ms())),
            kinds: kinds.into_values().collect(),
            semantic: self.embedding.status(),
            ..self.head.clone()
        }
    }

    // Where no kind at all is answered it is the server that does not answer, and who asks it says so.
    fn stop_waiting(&mut self, now: Millis) {
        let awaited = || self.readers.iter().filter(|(_, reading)| reading.is_awaited());
        let bytes = awaited().map(|((kind, _), _)| self.client.counters(kind).bytes).sum();
        let still = self.awaited.stands_still(now, awaited().count(), bytes);
        if still && self.readers.values().any(|reading| reading.listed) {
            self.readers.values_mut().for_each(|reading| reading.overdue |= reading.is_pending());
        }
    }

    /// Whether every reader has had its first answer, good or bad, or is not waited for any more.
    fn phase(&self) -> Phase {
        if self.stopped {
            return Phase::Stopped;
        }
        if let Some((since_ms, error)) = &self.trouble {
            return Phase::Unwritable { since_ms: *since_ms, error: error.clone() };
        }
        match &self.link {
            Link::Down { error } => Phase::Offline { since_ms: self.link_since, error: error.clone() },
            Link::Unauthorized { error } => Phase::Unauthorized { message: error.clone() },
            Link::Up if self.readers.is_empty() => Phase::Connecting,
            Link::Up => {
                let total = self.readers.len();
                let pending = self.readers.values().filter(|reading| reading.is_awaited()).count();
                if pending > 0 { Phase::Syncing { done: total - pending, total } } else { Phase::Live }
            }
        }
    }

    fn add_reader(
        &self,
        kinds: &mut BTreeMap<KindKey, KindStatus>,
        core: &Core,
        now: Millis,
        (kind, scope): &(KindKey, Scope),
    ) {
        let Some(reading) = self.readers.get(&(kind.clone(), scope.clone())) else { return };
        let source = core.source_of(kind, scope);
        let complete = source.is_some_and(super::core::Source::is_complete);
        let as_of = source.filter(|source| source.is_complete());
        let as_of = as_of.map(|source| source.as_of().max(self.told(kind)).max(reading.watched(now, self)));
        let as_of = as_of.filter(|ms| is_known(*ms));
        let state = match &self.trouble {
            Some((since_ms, _)) if complete => KindState::Stale { since_ms: *since_ms },
            Some(_) | None => reading.kind_state(complete, &self.link, self.link_since),
        };
        let forbidden = matches!(state, KindState::Forbidden { .. });
        let status =
            kinds.entry(kind.clone()).or_insert_with(|| KindStatus::new(kind.clone(), state.clone()));
        match scope {
            // A kind that is forbidden cluster-wide is told by its namespaces, if there are any.
            Scope::All => {}
            Scope::Namespace(namespace) => {
                let first = status.scopes.is_empty();
                match forbidden {
                    false => status.scopes.push(namespace.to_string()),
                    true if complete => status.kept.push(namespace.to_string()),
                    true => {}
                }
                if first && !forbidden || rank(&state) > rank(&status.state) {
                    status.state = state;
                }
            }
        }
        status.as_of_ms = match (status.as_of_ms, as_of) {
            (Some(known), Some(own)) => Some(known.min(own)),
            (known, own) => known.or(own),
        };
        // A source that never saw anything stands at 0.
        let last_event = source.map(super::core::Source::as_of).filter(|ms| is_known(*ms));
        status.last_event_ms = status.last_event_ms.max(last_event);
        status.error = status.error.take().or_else(|| reading.error.clone());
    }

    fn told(&self, kind: &KindKey) -> Millis {
        self.told.get(kind).copied().unwrap_or(Millis::MIN)
    }

    /// A run that never reached its server must not make the index look as if nothing was known of it.
    fn add_previous(&self, kinds: &mut BTreeMap<KindKey, KindStatus>, core: &Core) {
        for old in &self.previous {
            let scopes: Vec<Scope> = match old.scopes.as_slice() {
                [] => vec![Scope::All],
                names => names.iter().map(|name| Scope::Namespace(name.as_str().into())).collect(),
            };
            let sources = scopes.iter().filter_map(|scope| core.source_of(&old.kind, scope));
            let as_of = sources.filter(|source| source.is_complete()).map(super::core::Source::as_of).min();
            let as_of = as_of.map(|as_of| as_of.max(self.told(&old.kind)));
            let state = match (&old.state, as_of) {
                (
                    KindState::Excluded { .. }
                    | KindState::Forbidden { .. }
                    | KindState::Failing { .. }
                    | KindState::Gone,
                    _,
                ) => old.state.clone(),
                (_, Some(since_ms)) => KindState::Stale { since_ms },
                (_, None) => KindState::Waiting,
            };
            let as_of = as_of.filter(|ms| is_known(*ms));
            let status = KindStatus {
                scopes: old.scopes.clone(),
                as_of_ms: as_of,
                last_event_ms: as_of,
                error: old.error.clone(),
                ..KindStatus::new(old.kind.clone(), state)
            };
            kinds.insert(old.kind.clone(), status);
        }
    }

    fn add_unread(&self, kinds: &mut BTreeMap<KindKey, KindStatus>, core: &Core) {
        let unwatchable = self.unwatchable.iter().map(|kind| (kind, NO_WATCH));
        let excluded = self.excluded.iter().map(|(kind, rule)| (kind, rule.as_str()));
        for (kind, rule) in excluded.chain(unwatchable) {
            let state = KindState::Excluded { rule: rule.to_owned() };
            kinds.entry(kind.clone()).or_insert_with(|| KindStatus::new(kind.clone(), state));
        }
        for kind in &self.unanswered {
            let state = KindState::Failing { error: WHY.to_owned() };
            let source = core.source_of(kind, &Scope::All).filter(|source| source.is_complete());
            let as_of_ms = source.map(super::core::Source::as_of).filter(|ms| is_known(*ms));
            let fresh = || KindStatus { as_of_ms, ..KindStatus::new(kind.clone(), state) };
            kinds.entry(kind.clone()).or_insert_with(fresh);
        }
        for (kind, (why, since)) in self.unread.iter().filter(|(kind, _)| core.count(kind) > 0) {
            let state = KindState::Stale { since_ms: since.unwrap_or_default() };
            let error = Some((*why).to_owned());
            let source = core.source_of(kind, &Scope::All).filter(|source| source.is_complete());
            let as_of_ms = source.map(super::core::Source::as_of);
            let fresh = || KindStatus { as_of_ms, error, ..KindStatus::new(kind.clone(), state) };
            kinds.entry(kind.clone()).or_insert_with(fresh);
        }
    }

    fn add_costs(&mut self, now: Millis, core: &Core, status: &mut KindStatus) {
        let counters = self.client.counters(&status.kind);
        status.objects = core.count(&status.kind) as u64;
        status.requests = counters.requests;
        status.bytes = counters.bytes;
        status.throttled = counters.throttled;
        let events = core.events(&status.kind);
        let rate = self.rates.entry(status.kind.clone()).or_insert(Rate::new(events, now));
        status.writes_per_minute = rate.update(now, events);
    }
}

/// Whether a time is one: a source that never saw anything, or whose clock was wrong, stands at 0 or before.
fn is_known(ms: Millis) -> bool {
    ms > 0
}

/// Which state of several namespaces is told: the worst one that is not simply forbidden.
fn rank(state: &KindState) -> u8 {
    match state {
        KindState::Forbidden { .. } | KindState::Excluded { .. } | KindState::Gone => 0,
        KindState::Complete => 1,
        KindState::Polled => 2,
        KindState::Stale { .. } => 3,
        KindState::Listing => 4,
        KindState::Waiting => 5,
        KindState::Failing { .. } => 6,
    }
}
