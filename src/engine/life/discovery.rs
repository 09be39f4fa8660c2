//! Readings of discovery, and what follows from each: kinds to start, to stop, to remove.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::super::definitions::Sight;
use super::super::plan::{Definitions, Steps, Unread};
use super::super::pump::Message;
use super::super::unanswered::unanswered;
use super::super::{Mode, Outcome};
use super::identify::outcome;
use super::reading::Sorted;
use super::schedule::{Reason, Schedule};
use super::{End, Life};
use crate::cluster::client::ClientError;
use crate::cluster::discovery::{Discovery, Freshness, discover};
use crate::object::{Kind, KindKey};
use crate::text::suggest;

/// Discovery is read again this often where CRDs may not be watched.
const DISCOVERY_BLIND: Duration = Duration::from_secs(30);
/// Discovery is read again this often where they may: only what the watches can't tell changes in between.
const DISCOVERY_EVERY: Duration = Duration::from_secs(300);
/// The second reading that shows a kind as gone.
const DISCOVERY_SECOND: Duration = Duration::from_secs(61);
/// A CRD whose names were not accepted never shows up: discovery is not behind for more readings than this.
const BEHIND: u32 = 10;

/// A reading under way.
pub(super) type Look = BoxFuture<'static, Answer>;
/// When it began, and what it read.
pub(super) type Answer = Result<(Instant, Discovery), ClientError>;

impl Life<'_> {
    /// Begins a reading. What is heard meanwhile is heard: one that takes a minute holds up nothing.
    pub(super) fn look(&self) -> Look {
        let client = self.client.clone();
        let connectivity = (self.options.mode == Mode::Live).then(|| self.connectivity.clone());
        let look = async move {
            if let Some(connectivity) = connectivity {
                connectivity.up().await;
            }
            let begun = Instant::now();
            discover(&client).await.map(|discovery| (begun, discovery))
        };
        look.boxed()
    }

    /// Takes the answer of a reading, and says when the next one is due; an end where the mode has one.
    pub(super) async fn looked(&mut self, answer: Answer, schedule: &mut Schedule) -> Option<End> {
        match answer {
            Ok((begun, discovery)) => {
                let agrees = self.take(&discovery).await;
                self.tell(Message::Discovered(begun)).await;
                self.behind = if agrees { 0 } else { self.behind + 1 };
                let now = Instant::now();
                schedule.done(now, self.regular_pause());
                if (1..=BEHIND).contains(&self.behind) {
                    schedule.ask(Reason::Behind, now);
                }
                if discovery.groups.values().any(|freshness| *freshness == Freshness::Stale) {
                    schedule.ask(Reason::Stale, now);
                }
            }
            Err(error) => {
                if self.options.mode != Mode::Live {
                    return Some(End::Finished(outcome(&error)));
                }
                self.tell_trouble("discovery could not be read", &error).await;
                let now = Instant::now();
                schedule.done(now, DISCOVERY_EVERY);
                schedule.ask(Reason::Failed, now);
            }
        }
        let idle = self.options.mode != Mode::Live && self.plan.running().next().is_none();
        idle.then_some(End::Finished(Outcome::Done))
    }

    fn regular_pause(&self) -> Duration {
        if self.plan.waits() {
            DISCOVERY_SECOND
        } else if self.crds.names().known().is_none() {
            DISCOVERY_BLIND
        } else {
            DISCOVERY_EVERY
        }
    }

    /// One reading and what follows from it; says whether it agrees with the definitions that stand.
    async fn take(&mut self, discovery: &Discovery) -> bool {
        let held = self.held().await;
        let polled: BTreeSet<KindKey> = held.iter().cloned().chain(self.read().await).collect();
        let sorted = Sorted::new(discovery, &self.options.selection, &polled);
        let known = held.iter().chain(self.memory.kinds().keys()).cloned().collect();
        let now = self.begun.elapsed();
        let mut steps = self.plan.read(now, &sorted.reading, &self.definitions(), &known);
        self.memory.note(discovery, &held, self.plan.missing(now), &steps.remove);
        if !self.memory.save(&self.pump).await {
            // Deleted now, they would be forgotten: the next reading says it again.
            steps.unread.extend(steps.remove.drain(..).map(|kind| (kind, Unread::Missing)));
        }
        self.tell_unmatched(discovery).await;
        self.tell_kinds(discovery, &sorted, &steps, (&held, &polled)).await;
        let kinds = sorted.excluded.into_keys().filter(|kind| held.contains(kind)).collect();
        self.tell(Message::Exclude { kinds, selection: self.options.selection.clone() }).await;
        self.carry_out(steps).await;
        self.agrees(discovery)
    }

    /// Does what the plan says.
    async fn carry_out(&mut self, steps: Steps) {
        self.book.know(self.plan.running());
        for key in &steps.stop {
            self.stop_kind(key).await;
        }
        if !steps.remove.is_empty() {
            let (kinds, why) = (steps.remove.clone(), format!("no longer served: {}", list(&steps.remove)));
            self.tell(Message::RemoveKinds { kinds, why }).await;
            steps.remove.iter().for_each(|key| self.plan.removed(key));
        }
        for kind in &steps.replace {
            self.stop_kind(&kind.key()).await;
        }
        self.remove_misplaced().await;
        for kind in steps.replace.into_iter().chain(steps.start) {
            self.start_kind(kind).await;
        }
    }

    /// A kind that was deleted and made again with another scope left objects that no list in its new scopes names.
    async fn remove_misplaced(&mut self) {
        let scopes: HashMap<KindKey, bool> =
            self.plan.running().map(|kind| (kind.key(), kind.namespaced)).collect();
        if scopes != self.scopes {
            self.scopes.clone_from(&scopes);
            self.tell(Message::Misplaced { namespaced: scopes }).await;
        }
    }

    fn definitions(&self) -> Definitions {
        Definitions {
            crds: self.crds.names().all().map(Clone::clone),
            aggregated: self.api_services.names().foreign().map(groups),
        }
    }

    /// Says in status what is not read, and why.
    async fn tell_kinds(
        &self,
        discovery: &Discovery,
        sorted: &Sorted,
        steps: &Steps,
        (held, polled): (&BTreeSet<KindKey>, &BTreeSet<KindKey>),
    ) {
        let (excluded, unwatchable) = (sorted.excluded.clone(), sorted.unwatchable.clone());
        let unanswered = unanswered(discovery, self.memory.kinds().values(), &self.options.selection, polled);
        let unread = steps.unread.iter().filter(|(kind, _)| held.contains(*kind));
        let unread: Vec<_> = unread.map(|(kind, unread)| (kind.clone(), unread.why())).collect();
        self.report(move |report| {
            (report.excluded, report.unwatchable, report.unanswered) = (excluded, unwatchable, unanswered);
            report.set_unread(unread);
        })
        .await;
    }

    /// A configured exclusion that meets nothing must not look like one that works.
    async fn tell_unmatched(&self, discovery: &Discovery) {
        let keys: Vec<KindKey> = discovery.kinds.iter().map(Kind::key).collect();
        let note = |name: &str| {
            let near = suggest(name, keys.iter().map(KindKey::as_str));
            let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            format!("include or exclude names {name}, which no served kind is called{near}")
        };
        let notes: Vec<String> = self.options.selection.unmatched(&discovery.kinds).map(note).collect();
        self.report(move |report| notes.into_iter().for_each(|note| report.note(note))).await;
    }

    /// Whether discovery has caught up with what defines kinds: it names every CRD that stands, none that was there and
    /// went, and every group that an APIService leads to another API server.
    fn agrees(&mut self, discovery: &Discovery) -> bool {
        let aggregated = match self.definitions().aggregated {
            Sight::Seen(groups) => groups.iter().all(|group| discovery.groups.contains_key(group)),
            Sight::Unsure | Sight::Hidden => true,
        };
        let Some(crds) = self.crds.names().known().cloned() else { return aggregated };
        let is_served = |name: &String| discovery.named.contains(&KindKey::from(name.as_str()));
        let agrees = crds.iter().all(is_served)
            && !self.seen_crds.iter().any(|name| !crds.contains(name) && is_served(name));
        self.seen_crds.extend(crds);
        agrees && aggregated
    }
}

/// Groups of APIService names: `v1.apps` serves `apps`, `v1.` the core group.
fn groups(names: &BTreeSet<String>) -> BTreeSet<String> {
    names.iter().filter_map(|name| name.split_once('.')).map(|(_, group)| group.to_owned()).collect()
}

fn list(kinds: &[KindKey]) -> String {
    kinds.iter().map(KindKey::as_str).collect::<Vec<_>>().join(", ")
}
