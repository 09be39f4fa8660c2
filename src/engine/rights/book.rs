//! What is known of partial rights, pure: answers go in; what to ask next, and where a kind may be read, comes out.
//!
//! - A kind is asked about once the whole cluster may not be listed. Each namespace is reviewed once; what its rules
//!   allow is read. Where they are incomplete (webhook authorizers), each kind is tried once, by a list.
//! - Answers are remembered as bits. They are asked for again in rounds that take ever longer ([`Pace`]).
//! - A run that ends has no rounds: what had no answer is asked again a few times ([`Patience`]), and then named.

mod asking;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bits::{Bits, Shared};
use super::pace::Pace;
use super::patience::{Patience, Sort};
use super::question::{Ask, Depth, Places, Rules, Tried};
use crate::cluster::selection::Selection;
use crate::object::{Kind, KindKey};

/// Namespaces are listed again only after so many times the time that the last list of them took.
const SHARE: u32 = 20;

/// One namespace.
#[derive(Debug, Default)]
struct Place {
    rules: Option<Arc<Rules>>,
    /// Kinds that are read there.
    read: Bits,
    /// Kinds of which a list was answered 403.
    refused: Bits,
    /// Kinds of which a try gave no answer.
    unclear: Bits,
}

/// Everything known of rights in namespaces.
#[derive(Debug)]
pub(in crate::engine) struct Book {
    depth: Depth,
    /// The namespace that the kubeconfig's context names.
    context: Option<String>,
    selection: Arc<Selection>,
    kinds: Vec<Kind>,
    numbers: HashMap<KindKey, usize>,
    /// The same, for reviews; made anew when there are more.
    told: Arc<[Kind]>,
    /// Kinds that are asked about.
    denied: Bits,
    places: BTreeMap<Arc<str>, Place>,
    /// All namespaces there are, where they may be listed.
    listed: Option<BTreeSet<Arc<str>>>,
    shared: Shared<Rules>,
    pace: Pace,
    names: Names,
    /// How long the first round takes.
    first: Duration,
    /// Questions of the present round.
    round: usize,
    /// Namespaces to review, and to look for kinds to try, before anything is asked again.
    to_review: BTreeSet<Arc<str>>,
    to_try: BTreeSet<Arc<str>>,
    /// Namespaces whose review had no answer, in a run that ends.
    to_review_again: BTreeSet<Arc<str>>,
    /// In flight, and since when.
    reviews: BTreeMap<Arc<str>, Instant>,
    tries: BTreeMap<(Arc<str>, usize), Instant>,
    /// Kinds whose last try had no answer: few of those are tried at once, as their API may hang.
    silent: Bits,
    /// What is asked in spite of failures, in a run that ends.
    patience: Option<Patience>,
    /// When [`Book::next`] was asked last.
    looked: Instant,
    /// Where the round stands: this namespace, and this kind in it (none: its review), were asked last.
    cursor: Option<(Arc<str>, Option<usize>)>,
}

/// The question which namespaces there are.
#[derive(Debug)]
struct Names {
    /// Since when it is on its way.
    asked: Option<Instant>,
    /// How long the last answer took.
    took: Duration,
    /// Whether it was answered at all, or is asked no more.
    answered: bool,
    /// `None` before anything is asked.
    due: Option<Instant>,
    last: Instant,
    pace: Pace,
}

impl Book {
    /// Nothing is known, and nothing is asked before a kind is denied. The first round of asking again takes `first`; a run
    /// that ends asks what hangs for `limit`.
    pub(in crate::engine) fn new(
        depth: Depth,
        context: Option<String>,
        selection: Arc<Selection>,
        (first, limit): (Duration, Duration),
        now: Instant,
    ) -> Self {
        Self {
            depth,
            context,
            selection,
            kinds: Vec::new(),
            numbers: HashMap::new(),
            told: Arc::new([]),
            denied: Bits::default(),
            places: BTreeMap::new(),
            listed: None,
            shared: Shared::default(),
            pace: Pace::new(first, now),
            names: Names {
                asked: None,
                took: Duration::ZERO,
                answered: false,
                due: None,
                last: now,
                pace: Pace::new(first, now),
            },
            first,
            round: 0,
            to_review: BTreeSet::new(),
            to_try: BTreeSet::new(),
            to_review_again: BTreeSet::new(),
            reviews: BTreeMap::new(),
            tries: BTreeMap::new(),
            silent: Bits::default(),
            patience: (depth != Depth::Live).then(|| Patience::new(limit)),
            looked: now,
            cursor: None,
        }
    }

    /// These kinds are read now.
    pub(in crate::engine) fn know<'a>(&mut self, kinds: impl Iterator<Item = &'a Kind>) {
        for kind in kinds.filter(|kind| kind.namespaced) {
            let key = kind.key();
            match self.numbers.get(&key).and_then(|number| self.kinds.get_mut(*number)) {
                Some(known) => known.clone_from(kind),
                None => {
                    self.numbers.insert(key, self.kinds.len());
                    self.kinds.push(kind.clone());
                }
            }
        }
    }

    /// The whole cluster may not be listed; says where the kind may be read, as far as that is known. `None` for what is
    /// no news, and for kinds that do not lie in namespaces.
    pub(in crate::engine) fn deny(&mut self, now: Instant, kind: &KindKey) -> Option<Places> {
        let number = *self.numbers.get(kind)?;
        if self.denied.has(number) {
            return None;
        }
        self.ask_about(now, number);
        let known: Vec<Arc<str>> = self.places.keys().cloned().collect();
        Some(known.iter().flat_map(|name| self.look(name)).collect())
    }

    /// The whole cluster may be listed, or the kind is read no more.
    pub(in crate::engine) fn forget(&mut self, kind: &KindKey) {
        let Some(number) = self.numbers.get(kind).copied() else { return };
        self.denied.take(number);
        for place in self.places.values_mut() {
            place.read.take(number);
            place.refused.take(number);
            place.unclear.take(number);
        }
    }

    /// Whether the whole cluster may not be listed.
    pub(in crate::engine) fn is_denied(&self, kind: &KindKey) -> bool {
        self.numbers.get(kind).is_some_and(|number| self.denied.has(*number))
    }

    /// A reader of a kind begins in a namespace.
    pub(in crate::engine) fn read(&mut self, kind: &KindKey, namespace: &Arc<str>) {
        if let Some(number) = self.numbers.get(kind) {
            self.places.entry(namespace.clone()).or_default().read.put(*number);
        }
    }

    /// The reader of a kind in a namespace is stopped.
    pub(in crate::engine) fn leave(&mut self, kind: &KindKey, namespace: &str) {
        if let (Some(number), Some(place)) = (self.numbers.get(kind), self.places.get_mut(namespace)) {
            place.read.take(*number);
        }
    }

    /// A reader's list was answered 403: from now on it is asked for here.
    pub(in crate::engine) fn refuse(&mut self, now: Instant, kind: &KindKey, namespace: &Arc<str>) {
        let Some(number) = self.numbers.get(kind).copied() else { return };
        self.ask_about(now, number);
        let place = self.places.entry(namespace.clone()).or_default();
        place.read.take(number);
        place.refused.put(number);
        if place.rules.is_none() {
            self.to_review.insert(namespace.clone());
        }
    }

    /// Something changed that rights may depend on.
    pub(in crate::engine) fn stir(&mut self, now: Instant) {
        self.pace.start_over(now, self.round);
        // Which namespaces there are depends on rights only where they may not be listed.
        if self.listed.is_none() {
            self.stir_names(now);
        }
    }

    /// A namespace was made, or is gone.
    pub(in crate::engine) fn stir_names(&mut self, now: Instant) {
        if let Some(due) = self.names.due {
            self.names.pace.start_over(now, 1);
            let pause = (self.first / 3).max(SHARE * self.names.took);
            self.names.due = Some(due.min((now + self.first / 30).max(self.names.last + pause)));
        }
    }

    /// Which namespaces there are; `None` where they may not be listed.
    pub(in crate::engine) fn listed(&mut self, now: Instant, names: Result<Option<Vec<String>>, ()>) {
        let asked = self.names.asked.take().unwrap_or(now);
        (self.names.last, self.names.took) = (now, now.duration_since(asked));
        self.names.pace.again(now, 1);
        self.names.pace.end_round();
        self.names.due = Some(self.names.pace.due().max(now + SHARE * self.names.took));
        self.judge(now, Sort::Names, asked, names.is_ok());
        self.names.answered |= names.is_ok() || self.patience.is_none() || self.is_over(Sort::Names);
        let candidates: BTreeSet<Arc<str>> = match names {
            // Those that are known stay; what can't be asked now is asked again.
            Err(()) => return,
            Ok(None) => {
                self.listed = None;
                self.context.iter().map(|name| name.as_str().into()).collect()
            }
            Ok(Some(names)) => {
                let names: BTreeSet<Arc<str>> = names.into_iter().map(Arc::from).collect();
                self.listed = Some(names.clone());
                names
            }
        };
        if let Some(listed) = &self.listed {
            let used = |place: &Place| !place.read.is_empty() || !place.refused.is_empty();
            self.places.retain(|name, place| used(place) || listed.contains(name));
        }
        for name in candidates.into_iter().filter(|name| self.selection.namespace(name)) {
            // One that an earlier run had read in is known, and was not asked about.
            let place = self.places.entry(name.clone()).or_default();
            if place.rules.is_none() && !self.reviews.contains_key(&name) {
                self.to_review.insert(name);
            }
        }
    }

    /// Whether the server lists namespaces, and not this one.
    pub(in crate::engine) fn is_gone(&self, namespace: &str) -> bool {
        self.listed.as_ref().is_some_and(|listed| !listed.contains(namespace))
    }

    /// In how many namespaces rights are asked for, and in how many of them that was not done yet.
    pub(in crate::engine) fn progress(&self) -> (usize, usize) {
        let waiting = self.to_review.union(&self.to_try).chain(self.reviews.keys()).count();
        (self.places.len(), waiting + self.to_review_again.len())
    }

    /// Where kinds were refused in namespaces that are gone.
    pub(in crate::engine) fn refused_in_gone(&self) -> Vec<(KindKey, Arc<str>)> {
        let gone = self.places.iter().filter(|(name, _)| self.is_gone(name));
        let refused = gone.flat_map(|(name, place)| place.refused.iter().map(move |number| (number, name)));
        refused.filter_map(|(number, name)| Some((self.kinds.get(number)?.key(), name.clone()))).collect()
    }

    /// A kind is asked for no more in a namespace.
    pub(in crate::engine) fn drop(&mut self, kind: &KindKey, namespace: &str) {
        if let (Some(number), Some(place)) = (self.numbers.get(kind), self.places.get_mut(namespace)) {
            place.refused.take(*number);
        }
    }

    /// A namespace was reviewed, or could not be.
    pub(in crate::engine) fn reviewed(
        &mut self,
        now: Instant,
        namespace: &Arc<str>,
        rules: Option<Rules>,
    ) -> Places {
        if let Some(asked) = self.reviews.remove(namespace) {
            self.judge(now, Sort::Reviews, asked, rules.is_some());
            if rules.is_none() && self.patience.is_some() {
                self.to_review_again.insert(namespace.clone());
            }
        }
        if self.is_over(Sort::Reviews) {
            (self.to_review, self.to_review_again) = Default::default();
            self.reviews.clear();
        }
        let (Some(place), Some(rules)) = (self.places.get_mut(namespace), rules) else { return Vec::new() };
        let rules = self.shared.of(rules);
        let before = place.rules.replace(rules.clone());
        // What is allowed since now is asked for at once. What was refused and still is goes on being asked for: what is
        // held of it counts its time by that.
        let given = |number: &usize| before.as_ref().is_some_and(|before| !before.allowed.has(*number));
        for number in rules.allowed.iter().filter(given) {
            place.refused.take(number);
        }
        self.look(namespace)
    }

    /// A kind was tried in a namespace.
    pub(in crate::engine) fn tried(
        &mut self,
        now: Instant,
        kind: &KindKey,
        namespace: &Arc<str>,
        tried: Tried,
    ) -> Places {
        let Some(number) = self.numbers.get(kind).copied() else { return Vec::new() };
        if let Some(asked) = self.tries.remove(&(namespace.clone(), number)) {
            self.judge(now, Sort::Tries(number), asked, tried != Tried::Unclear);
        }
        if tried == Tried::Unclear {
            self.silent.put(number)
        } else {
            self.silent.take(number)
        }
        if self.is_over(Sort::Tries(number)) {
            self.tries.retain(|(_, own), _| *own != number);
        }
        let Some(place) = self.places.get_mut(namespace).filter(|_| self.denied.has(number)) else {
            // It may be read everywhere since, or nowhere.
            return Vec::new();
        };
        match tried {
            // No answer changes nothing that is known.
            Tried::Unclear if place.refused.has(number) => {}
            Tried::Unclear => place.unclear.put(number),
            Tried::Refused => {
                place.unclear.take(number);
                place.refused.put(number);
            }
            Tried::Allowed => {
                place.unclear.take(number);
                place.refused.take(number);
                if !place.read.has(number) {
                    place.read.put(number);
                    let kind = self.kinds.get(number).cloned();
                    return kind.into_iter().map(|kind| (kind, namespace.clone())).collect();
                }
            }
        }
        Vec::new()
    }

    /// Whether everything was asked once, and nothing is in flight.
    pub(in crate::engine) fn is_settled(&self) -> bool {
        let asked = self.to_review.is_empty() && self.to_review_again.is_empty() && self.reviews.is_empty();
        let reviews = asked || self.is_over(Sort::Reviews);
        let tries = self.to_try.is_empty() && self.tries.is_empty();
        let names = self.names.answered && !self.names.asked();
        self.denied.is_empty() || (names && reviews && tries)
    }

    /// Kinds of which it is not known where they may be read, and why: that could not be asked, or was not yet.
    pub(in crate::engine) fn unsure(&self) -> Vec<(KindKey, String)> {
        let names = !self.names.answered || self.is_over(Sort::Names);
        let why = |number: usize| {
            let unknown = self.places.iter().filter(|(name, place)| self.is_unsure(name, place, number));
            match (names, unknown.count()) {
                (true, _) => Some("which namespaces there are could not be asked".to_owned()),
                (false, 0) => None,
                (false, 1) => Some("whether it may be read could not be asked in one namespace".to_owned()),
                (false, n) => Some(format!("whether it may be read could not be asked in {n} namespaces")),
            }
        };
        let named =
            self.denied.iter().filter_map(|number| Some((self.kinds.get(number)?.key(), why(number)?)));
        named.collect()
    }

    fn is_unsure(&self, name: &Arc<str>, place: &Place, number: usize) -> bool {
        let asked = match &self.listed {
            Some(listed) => listed.contains(name),
            None => self.context.as_deref() == Some(name),
        };
        let open = asked && !place.read.has(number) && !place.refused.has(number);
        let unsure = |rules: &Arc<Rules>| rules.incomplete && self.depth != Depth::Glance;
        open && place.rules.as_ref().is_none_or(unsure)
    }

    /// A question was answered, or was not.
    fn judge(&mut self, now: Instant, sort: Sort, asked: Instant, answered: bool) {
        match &mut self.patience {
            Some(patience) if answered => patience.answered(sort),
            Some(patience) => patience.failed(now, sort, asked),
            None => {}
        }
    }

    #[cfg(test)]
    pub(super) fn distinct_rules(&self) -> usize {
        self.shared.len()
    }

    fn ask_about(&mut self, now: Instant, number: usize) {
        self.denied.put(number);
        self.names.due.get_or_insert(now);
    }

    /// What may be read in a namespace and is not yet; what is not sure is tried, or reviewed.
    fn look(&mut self, namespace: &Arc<str>) -> Places {
        let Some(place) = self.places.get_mut(namespace) else { return Vec::new() };
        let Some(rules) = &place.rules else { return Vec::new() };
        let mut found = Vec::new();
        // A list's 403 says more than rules do.
        let open = |number: &usize| !place.read.has(*number) && !place.refused.has(*number);
        for number in self.denied.iter().filter(open).collect::<Vec<_>>() {
            if rules.allowed.has(number) {
                place.read.put(number);
                found.extend(self.kinds.get(number).map(|kind| (kind.clone(), namespace.clone())));
            } else if number >= rules.kinds {
                self.to_review.insert(namespace.clone());
            } else if rules.incomplete && self.depth != Depth::Glance {
                self.to_try.insert(namespace.clone());
            }
        }
        found
    }
}

impl Names {
    fn asked(&self) -> bool {
        self.asked.is_some()
    }
}

impl Place {
    fn questions(&self) -> usize {
        1 + self.refused.iter().chain(self.unclear.iter()).count()
    }
}
