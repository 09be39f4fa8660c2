//! What is known of partial rights, pure: answers go in; what to ask next, and where a kind may be read, comes out.
//!
//! - A kind is asked about once the whole cluster may not be listed. Each namespace is reviewed once; what its rules
//!   allow is read. Where they are incomplete (webhook authorizers), each kind is tried once, by a list.
//! - Answers are remembered as bits. They are asked for again in rounds that take ever longer ([`Pace`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bits::{Bits, Shared};
use super::pace::Pace;
use super::question::{Ask, Depth, Places, Rules, Tried};
use crate::cluster::selection::Selection;
use crate::object::{Kind, KindKey};

/// Reviews in flight at once.
const REVIEWS: usize = 8;

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
    /// In flight.
    reviews: BTreeSet<Arc<str>>,
    tries: BTreeSet<(Arc<str>, usize)>,
    /// Where the round stands: this namespace, and this kind in it (none: its review), were asked last.
    cursor: Option<(Arc<str>, Option<usize>)>,
}

/// The question which namespaces there are.
#[derive(Debug)]
struct Names {
    asking: bool,
    /// Whether it was answered at all.
    answered: bool,
    /// `None` before anything is asked.
    due: Option<Instant>,
    last: Instant,
    pace: Pace,
}

impl Book {
    /// Nothing is known, and nothing is asked before a kind is denied. The first round of asking again takes `first`.
    pub(in crate::engine) fn new(
        depth: Depth,
        context: Option<String>,
        selection: Arc<Selection>,
        first: Duration,
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
                asking: false,
                answered: false,
                due: None,
                last: now,
                pace: Pace::new(first, now),
            },
            first,
            round: 0,
            to_review: BTreeSet::new(),
            to_try: BTreeSet::new(),
            reviews: BTreeSet::new(),
            tries: BTreeSet::new(),
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
        if let Some(due) = self.names.due {
            self.names.pace.start_over(now, 1);
            let soon = (now + self.first / 30).max(self.names.last + self.first / 3);
            self.names.due = Some(due.min(soon));
        }
    }

    /// Which namespaces there are; `None` where they may not be listed.
    pub(in crate::engine) fn listed(&mut self, now: Instant, names: Result<Option<Vec<String>>, ()>) {
        (self.names.asking, self.names.answered, self.names.last) = (false, true, now);
        self.names.pace.again(now, 1);
        self.names.pace.end_round();
        self.names.due = Some(self.names.pace.due());
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
            if !self.places.contains_key(&name) {
                self.to_review.insert(name.clone());
                self.places.insert(name, Place::default());
            }
        }
    }

    /// Whether the server lists namespaces, and not this one.
    pub(in crate::engine) fn is_gone(&self, namespace: &str) -> bool {
        self.listed.as_ref().is_some_and(|listed| !listed.contains(namespace))
    }

    /// In how many namespaces rights are asked for, and in how many of them that was not done yet.
    pub(in crate::engine) fn progress(&self) -> (usize, usize) {
        let waiting = self.to_review.union(&self.to_try).chain(&self.reviews).count();
        (self.places.len(), waiting)
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
    pub(in crate::engine) fn reviewed(&mut self, namespace: &Arc<str>, rules: Option<Rules>) -> Places {
        self.reviews.remove(namespace);
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
    pub(in crate::engine) fn tried(&mut self, kind: &KindKey, namespace: &Arc<str>, tried: Tried) -> Places {
        let Some(number) = self.numbers.get(kind).copied() else { return Vec::new() };
        self.tries.remove(&(namespace.clone(), number));
        let Some(place) = self.places.get_mut(namespace) else { return Vec::new() };
        place.refused.take(number);
        place.unclear.take(number);
        match tried {
            Tried::Allowed if self.denied.has(number) && !place.read.has(number) => {
                place.read.put(number);
                let kind = self.kinds.get(number).cloned();
                return kind.into_iter().map(|kind| (kind, namespace.clone())).collect();
            }
            Tried::Allowed => {}
            Tried::Refused => place.refused.put(number),
            Tried::Unclear => place.unclear.put(number),
        }
        Vec::new()
    }

    /// Whether everything was asked once, and nothing is in flight.
    pub(in crate::engine) fn is_settled(&self) -> bool {
        let waits = !self.names.answered || !self.to_review.is_empty() || !self.to_try.is_empty();
        let flies = self.names.asking || !self.reviews.is_empty() || !self.tries.is_empty();
        self.denied.is_empty() || !(waits || flies)
    }

    /// When [`Book::next`] has something to ask again; what was never asked it has at once.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        if self.denied.is_empty() || (self.depth != Depth::Live && self.names.answered) {
            return None;
        }
        let names = self.names.due.filter(|_| !self.names.asking);
        let again = self.has_room().then(|| self.pace.due());
        names.into_iter().chain(again).min()
    }

    /// The next question that may be asked now.
    pub(in crate::engine) fn next(&mut self, now: Instant) -> Option<Ask> {
        if self.denied.is_empty() {
            return None;
        }
        let ask = self.ask_names(now).or_else(|| self.first_review()).or_else(|| self.first_try());
        let ask = ask.or_else(|| self.ask_again(now))?;
        self.pace.spend(now);
        Some(ask)
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

    fn ask_names(&mut self, now: Instant) -> Option<Ask> {
        let due = !self.names.asking && self.names.due.is_some_and(|due| due <= now);
        let wanted = self.depth == Depth::Live || !self.names.answered;
        (due && wanted).then(|| {
            self.names.asking = true;
            Ask::Namespaces
        })
    }

    fn first_review(&mut self) -> Option<Ask> {
        let next = (self.reviews.len() < REVIEWS).then(|| self.to_review.pop_first())??;
        Some(self.review(next))
    }

    fn review(&mut self, namespace: Arc<str>) -> Ask {
        if self.told.len() != self.kinds.len() {
            self.told = self.kinds.clone().into();
        }
        self.reviews.insert(namespace.clone());
        Ask::Review(namespace, self.told.clone())
    }

    fn first_try(&mut self) -> Option<Ask> {
        let never_tried = |place: &Place, number: usize| {
            let unsure = place.rules.as_ref().is_some_and(|rules| rules.incomplete);
            unsure && !place.refused.has(number) && !place.unclear.has(number)
        };
        let (most, _) = self.depth.tries();
        if self.tries.len() >= most {
            return None;
        }
        let (mut done, mut found) = (Vec::new(), None);
        for namespace in &self.to_try {
            match self.candidate(namespace, None, never_tried) {
                Candidate::Free(number) => {
                    found = Some((namespace.clone(), number));
                    break;
                }
                Candidate::Busy => {}
                Candidate::None => done.push(namespace.clone()),
            }
        }
        done.iter().for_each(|namespace| {
            self.to_try.remove(namespace);
        });
        found.and_then(|(namespace, number)| self.attempt(&namespace, number))
    }

    /// The first kind after this one that is denied and not read in a namespace, nor tried at this moment.
    fn candidate(
        &self,
        namespace: &Arc<str>,
        after: Option<usize>,
        wanted: impl Fn(&Place, usize) -> bool,
    ) -> Candidate {
        let Some(place) = self.places.get(namespace) else { return Candidate::None };
        let numbers = self.denied.iter().filter(|number| after.is_none_or(|after| *number > after));
        let wanted = numbers.filter(|number| !place.read.has(*number) && wanted(place, *number));
        let mut found = Candidate::None;
        let (_, of_a_kind) = self.depth.tries();
        for number in wanted {
            let flying = self.tries.iter().filter(|(_, own)| *own == number);
            let (mut here, mut anywhere) = (false, 0);
            flying.for_each(|(own, _)| (here, anywhere) = (here || own == namespace, anywhere + 1));
            if !here && anywhere < of_a_kind {
                return Candidate::Free(number);
            }
            found = Candidate::Busy;
        }
        found
    }

    fn attempt(&mut self, namespace: &Arc<str>, number: usize) -> Option<Ask> {
        let kind = self.kinds.get(number)?.clone();
        self.tries.insert((namespace.clone(), number));
        Some(Ask::Try(kind, namespace.clone()))
    }

    /// Whether anything may be asked again. Where too much is on its way the next answer is what to wait for, and no time.
    fn has_room(&self) -> bool {
        let (most, _) = self.depth.tries();
        let room = self.reviews.len() < REVIEWS && self.tries.len() < most;
        self.depth == Depth::Live && room && !self.places.is_empty()
    }

    /// The next question of the round: for each namespace its review, and then what was refused or unclear there.
    fn ask_again(&mut self, now: Instant) -> Option<Ask> {
        if !self.has_room() || self.pace.due() > now {
            return None;
        }
        if self.cursor.is_none() {
            self.round = self.places.values().map(Place::questions).sum();
        }
        self.pace.again(now, self.round);
        let refused = |place: &Place, number: usize| place.refused.has(number) || place.unclear.has(number);
        if let Some((namespace, number)) = self.cursor.clone()
            && let Candidate::Free(next) = self.candidate(&namespace, number, refused)
        {
            self.cursor = Some((namespace.clone(), Some(next)));
            return self.attempt(&namespace, next);
        }
        let after = self.cursor.take().map_or(Bound::Unbounded, |(namespace, _)| Bound::Excluded(namespace));
        let next = self.places.range::<str, _>((after.as_ref().map(AsRef::as_ref), Bound::Unbounded)).next();
        let Some(next) = next.map(|(name, _)| name.clone()) else {
            self.pace.end_round();
            return None;
        };
        self.cursor = Some((next.clone(), None));
        (!self.reviews.contains(&next)).then(|| self.review(next))
    }
}

/// A kind that may be tried.
enum Candidate {
    Free(usize),
    /// There is one, but enough of it are on their way.
    Busy,
    None,
}

impl Place {
    fn questions(&self) -> usize {
        1 + self.refused.iter().chain(self.unclear.iter()).count()
    }
}
