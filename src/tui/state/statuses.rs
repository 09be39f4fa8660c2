//! The status column: which objects' status is asked for, when, and how long an answer counts. Time is passed in; the
//! requests themselves are effects.
//!
//! Nothing is asked while keys are pressed or the rows that show change. When both have rested, every object that
//! shows and whose status is not fresh is asked for, four requests at a time. An answer is kept by uid and never
//! stored. What is wanted no longer is cancelled.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cluster::fetch::{ObjectRef, Printed, Reported};

/// How long keys and rows must have rested, in milliseconds.
pub(crate) const REST_MS: i64 = 300;
/// How long an answer is not asked for again, in milliseconds.
pub(crate) const FRESH_MS: i64 = 10_000;
/// Requests under way at most.
pub(crate) const MOST_REQUESTS: usize = 4;
/// With more objects of one kind and namespace than this, one request for all of them is made.
pub(crate) const MANY: usize = 8;
/// Where so many objects of a kind are in a namespace, one request for all of them is too much.
pub(crate) const TOO_MANY: u64 = 500;
/// Answers that are remembered; the oldest go.
const REMEMBERED: usize = 2_000;

/// A request for the status of one object, or of all of a kind in its namespace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatusRequest {
    /// Its number; the answer carries it.
    pub(crate) ticket: u64,
    /// The object, or one of them.
    pub(crate) object: ObjectRef,
    /// All objects of its kind in its namespace are asked for.
    pub(crate) all: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StatusEffect {
    /// Send this.
    Ask(StatusRequest),
    /// The request with this number is wanted no longer.
    Cancel(u64),
}

/// What was said of an object, and when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    /// What; `None` when the server would not say.
    pub(crate) said: Option<Reported>,
    /// When it was asked for, milliseconds since 1970: the answer is no newer than that.
    pub(crate) at_ms: i64,
}

/// An object that shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// The object.
    pub(crate) object: ObjectRef,
    /// How many objects of its kind are in its namespace; `None` when that is not known, or too many for sure.
    pub(crate) neighbours: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
struct Running {
    uids: BTreeSet<String>,
    kind: (String, String),
    asked_ms: i64,
}

/// What is known and under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statuses {
    /// Switched off by the user.
    pub(crate) off: bool,
    /// Requests sent so far: counted apart from what reading the cluster costs.
    pub(crate) requests: u64,
    last_ticket: u64,
    /// uids that showed last.
    shown: BTreeSet<String>,
    /// When keys or rows moved last.
    moved_ms: i64,
    /// uids that are asked for since the last rest, as far as they were not yet.
    wanted: Option<BTreeSet<String>>,
    running: BTreeMap<u64, Running>,
    heard: HashMap<String, Heard>,
    /// Kinds, by group and plural, of which the server says nothing.
    mute: BTreeSet<(String, String)>,
}

impl Statuses {
    /// A key was pressed, or the like: everything rests anew.
    pub(crate) fn moved(&mut self, now_ms: i64) {
        self.moved_ms = now_ms;
        self.wanted = None;
    }

    /// Forgets what was said: it is asked for again at the next rest.
    pub(crate) fn forget(&mut self, now_ms: i64) {
        self.heard.clear();
        self.moved(now_ms);
    }

    /// Everything ends, as when another cluster is shown: what is under way is cancelled, what was said forgotten.
    pub(crate) fn reset(&mut self, now_ms: i64) -> Vec<StatusEffect> {
        let cancelled = std::mem::take(&mut self.running).into_keys().map(StatusEffect::Cancel).collect();
        self.forget(now_ms);
        self.shown.clear();
        self.mute.clear();
        cancelled
    }

    /// What is to be done now that these objects show.
    pub(crate) fn plan(&mut self, now_ms: i64, targets: &[Target]) -> Vec<StatusEffect> {
        let speaks = |target: &&Target| !self.is_mute(&target.object.group, &target.object.plural);
        let shown: BTreeSet<String> =
            targets.iter().filter(speaks).map(|target| target.object.uid.clone()).collect();
        if shown != self.shown {
            self.moved(now_ms);
            self.shown = shown;
        }
        let mut effects = self.cancelled();
        if self.off || now_ms < self.moved_ms + REST_MS {
            return effects;
        }
        if self.wanted.is_none() {
            let under_way = |uid: &String| self.running.values().any(|running| running.uids.contains(uid));
            let stale = self.shown.iter().filter(|uid| !self.is_fresh(uid, now_ms) && !under_way(uid));
            self.wanted = Some(stale.cloned().collect());
        }
        effects.extend(self.asked(now_ms, targets).into_iter().map(StatusEffect::Ask));
        effects
    }

    // Requests none of whose objects shows any more.
    fn cancelled(&mut self) -> Vec<StatusEffect> {
        let shown = &self.shown;
        let gone: Vec<u64> = self
            .running
            .iter()
            .filter(|(_, running)| running.uids.is_disjoint(shown))
            .map(|(ticket, _)| *ticket)
            .collect();
        gone.iter().for_each(|ticket| _ = self.running.remove(ticket));
        gone.into_iter().map(StatusEffect::Cancel).collect()
    }

    fn asked(&mut self, now_ms: i64, targets: &[Target]) -> Vec<StatusRequest> {
        let mut requests = Vec::new();
        let together = together(targets);
        while self.running.len() < MOST_REQUESTS {
            let under_way: BTreeSet<&String> =
                self.running.values().flat_map(|running| &running.uids).collect();
            let wanted = self.wanted.as_ref();
            let next = targets.iter().find(|target| {
                let uid = &target.object.uid;
                wanted.is_some_and(|wanted| wanted.contains(uid)) && !under_way.contains(uid)
            });
            let Some(target) = next else { break };
            let neighbours = together.get(&place(&target.object));
            let uids: BTreeSet<String> = match neighbours {
                Some(uids) => uids.clone(),
                None => BTreeSet::from([target.object.uid.clone()]),
            };
            if let Some(wanted) = &mut self.wanted {
                wanted.retain(|uid| !uids.contains(uid));
            }
            self.last_ticket += 1;
            self.requests += 1;
            let all = neighbours.is_some();
            requests.push(StatusRequest { ticket: self.last_ticket, object: target.object.clone(), all });
            self.running.insert(
                self.last_ticket,
                Running {
                    uids,
                    kind: (target.object.group.clone(), target.object.plural.clone()),
                    asked_ms: now_ms,
                },
            );
        }
        requests
    }

    /// An answer came. One to a request that was cancelled says nothing.
    pub(crate) fn arrived(&mut self, ticket: u64, said: Result<Printed, String>) {
        let Some(running) = self.running.remove(&ticket) else { return };
        let said = said.unwrap_or(Printed { objects: Vec::new(), has_status: true });
        if !said.has_status {
            self.mute.insert(running.kind);
        }
        let mut said: HashMap<String, Reported> =
            said.objects.into_iter().map(|said| (said.uid.clone(), said)).collect();
        for uid in running.uids {
            let said = said.remove(&uid);
            // A failure forgets nothing: what was said before is shown with its age.
            if said.is_none() && self.heard.get(&uid).is_some_and(|heard| heard.said.is_some()) {
                continue;
            }
            self.heard.insert(uid, Heard { said, at_ms: running.asked_ms });
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        let excess = self.heard.len().saturating_sub(REMEMBERED);
        if excess == 0 {
            return;
        }
        let mut ages: Vec<(i64, String)> =
            self.heard.iter().map(|(uid, heard)| (heard.at_ms, uid.clone())).collect();
        ages.sort_unstable();
        ages.iter().take(excess).for_each(|(_, uid)| _ = self.heard.remove(uid));
    }

    /// What was said of an object.
    pub(crate) fn of(&self, uid: &str) -> Option<&Heard> {
        self.heard.get(uid)
    }

    /// Whether the server has nothing to say about the status of this kind.
    pub(crate) fn is_mute(&self, group: &str, plural: &str) -> bool {
        self.mute.iter().any(|(own_group, own_plural)| own_group == group && own_plural == plural)
    }

    /// Whether what was said of an object still counts as the present.
    pub(crate) fn is_fresh(&self, uid: &str, now_ms: i64) -> bool {
        // A clock that was set back makes no answer fresh for ever.
        self.heard.get(uid).is_some_and(|heard| (0..FRESH_MS).contains(&(now_ms - heard.at_ms)))
    }

    /// When there is something to do though nothing happens.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let waits = !self.off && self.wanted.is_none() && !self.shown.is_empty();
        waits.then_some(self.moved_ms + REST_MS)
    }
}

type Place<'a> = (&'a str, &'a str, Option<&'a str>);

fn place(object: &ObjectRef) -> Place<'_> {
    (&object.group, &object.plural, object.namespace.as_deref())
}

// The objects that are asked for by one request: many of one kind and namespace, where not too many are.
fn together(targets: &[Target]) -> BTreeMap<Place<'_>, BTreeSet<String>> {
    let mut places: BTreeMap<Place<'_>, (BTreeSet<String>, bool)> = BTreeMap::new();
    for target in targets {
        let few = target.neighbours.is_some_and(|count| count < TOO_MANY);
        let (uids, all_few) = places.entry(place(&target.object)).or_insert((BTreeSet::new(), true));
        uids.insert(target.object.uid.clone());
        *all_few &= few;
    }
    let many = places.into_iter().filter(|(_, (uids, few))| uids.len() > MANY && *few);
    many.map(|(place, (uids, _))| (place, uids)).collect()
}

#[cfg(test)]
#[path = "statuses_tests.rs"]
mod tests;
