//! Which question comes next: what was never asked at once, what was asked before at its pace.

use std::ops::Bound;
use std::sync::Arc;

use tokio::time::Instant;

use super::super::patience::Sort;
use super::{Ask, Book, Depth, Place};

/// Reviews in flight at once.
const REVIEWS: usize = 8;

/// A kind that may be tried.
enum Candidate {
    Free(usize),
    /// There is one, but enough of it are on their way, or its pause is not over.
    Busy,
    None,
}

impl Book {
    /// When [`Book::next`], which had nothing the last time, has something again; where it waits for an answer there is
    /// no such time.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        if self.denied.is_empty() {
            return None;
        }
        if let Some(patience) = &self.patience {
            return patience.due(self.looked);
        }
        let names = self.names.due.filter(|_| !self.names.asked());
        let again = self.has_room().then(|| self.pace.due());
        names.into_iter().chain(again).min()
    }

    /// The next question that may be asked now.
    pub(in crate::engine) fn next(&mut self, now: Instant) -> Option<Ask> {
        self.looked = now;
        if self.denied.is_empty() {
            return None;
        }
        let ask = self.ask_names(now).or_else(|| self.first_review(now)).or_else(|| self.first_try(now));
        let ask = ask.or_else(|| self.ask_again(now))?;
        self.pace.spend(now);
        Some(ask)
    }

    fn ask_names(&mut self, now: Instant) -> Option<Ask> {
        // A run that ends asks until there is an answer, as soon as it may.
        let due =
            !self.names.asked() && self.names.due.is_some_and(|due| due <= now || self.patience.is_some());
        let wanted = self.depth == Depth::Live || !self.names.answered;
        (due && wanted && self.allows(now, Sort::Names)).then(|| {
            self.names.asked = Some(now);
            self.note(now, Sort::Names);
            Ask::Namespaces
        })
    }

    fn first_review(&mut self, now: Instant) -> Option<Ask> {
        if self.reviews.len() >= REVIEWS || !self.allows(now, Sort::Reviews) {
            return None;
        }
        let next = self.to_review.pop_first().or_else(|| self.to_review_again.pop_first())?;
        Some(self.review(now, next))
    }

    fn review(&mut self, now: Instant, namespace: Arc<str>) -> Ask {
        if self.told.len() != self.kinds.len() {
            self.told = self.kinds.clone().into();
        }
        self.reviews.insert(namespace.clone(), now);
        self.note(now, Sort::Reviews);
        Ask::Review(namespace, self.told.clone())
    }

    fn first_try(&mut self, now: Instant) -> Option<Ask> {
        if self.tries.len() >= self.depth.tries().most {
            return None;
        }
        let unsure = |place: &Place| place.rules.as_ref().is_some_and(|rules| rules.incomplete);
        let never = |place: &Place, number: usize| {
            unsure(place) && !place.refused.has(number) && !place.unclear.has(number)
        };
        // In a run that lives the round asks again.
        let again = self.patience.is_some();
        let unclear = move |place: &Place, number: usize| again && place.unclear.has(number);
        let (mut done, mut found, mut later) = (Vec::new(), None, None);
        for namespace in &self.to_try {
            match self.candidate(now, namespace, None, never) {
                Candidate::Free(number) => {
                    found = Some((namespace.clone(), number));
                    break;
                }
                Candidate::Busy => {}
                Candidate::None => match self.candidate(now, namespace, None, unclear) {
                    Candidate::Free(number) => _ = later.get_or_insert((namespace.clone(), number)),
                    Candidate::Busy => {}
                    Candidate::None => done.push(namespace.clone()),
                },
            }
        }
        done.iter().for_each(|namespace| {
            self.to_try.remove(namespace);
        });
        found.or(later).and_then(|(namespace, number)| self.attempt(now, &namespace, number))
    }

    /// The first kind after this one that is denied and not read in a namespace, nor tried at this moment.
    fn candidate(
        &self,
        now: Instant,
        namespace: &Arc<str>,
        after: Option<usize>,
        wanted: impl Fn(&Place, usize) -> bool,
    ) -> Candidate {
        let Some(place) = self.places.get(namespace) else { return Candidate::None };
        let numbers = self.denied.iter().filter(|number| after.is_none_or(|after| *number > after));
        let wanted = numbers.filter(|number| {
            !place.read.has(*number) && wanted(place, *number) && !self.is_over(Sort::Tries(*number))
        });
        let mut found = Candidate::None;
        let limits = self.depth.tries();
        let silent = self.tries.keys().filter(|(_, own)| self.silent.has(*own)).count();
        for number in wanted {
            let flying = self.tries.keys().filter(|(_, own)| *own == number);
            let (mut here, mut anywhere) = (false, 0);
            flying.for_each(|(own, _)| (here, anywhere) = (here || own == namespace, anywhere + 1));
            let room = anywhere < limits.of_a_kind
                && (!self.silent.has(number) || silent < limits.silent)
                && self.allows(now, Sort::Tries(number));
            if !here && room {
                return Candidate::Free(number);
            }
            found = Candidate::Busy;
        }
        found
    }

    fn attempt(&mut self, now: Instant, namespace: &Arc<str>, number: usize) -> Option<Ask> {
        let kind = self.kinds.get(number)?.clone();
        self.tries.insert((namespace.clone(), number), now);
        self.note(now, Sort::Tries(number));
        Some(Ask::Try(kind, namespace.clone()))
    }

    /// Whether anything may be asked again. Where too much is on its way the next answer is what to wait for, and no time.
    fn has_room(&self) -> bool {
        let room = self.reviews.len() < REVIEWS && self.tries.len() < self.depth.tries().most;
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
            && let Candidate::Free(next) = self.candidate(now, &namespace, number, refused)
        {
            self.cursor = Some((namespace.clone(), Some(next)));
            return self.attempt(now, &namespace, next);
        }
        let after = self.cursor.take().map_or(Bound::Unbounded, |(namespace, _)| Bound::Excluded(namespace));
        let next = self.places.range::<str, _>((after.as_ref().map(AsRef::as_ref), Bound::Unbounded)).next();
        let Some(next) = next.map(|(name, _)| name.clone()) else {
            self.pace.end_round();
            return None;
        };
        self.cursor = Some((next.clone(), None));
        (!self.reviews.contains_key(&next)).then(|| self.review(now, next))
    }

    fn allows(&self, now: Instant, sort: Sort) -> bool {
        self.patience.as_ref().is_none_or(|patience| patience.allows(now, sort))
    }

    pub(super) fn is_over(&self, sort: Sort) -> bool {
        self.patience.as_ref().is_some_and(|patience| patience.is_over(sort))
    }

    fn note(&mut self, now: Instant, sort: Sort) {
        if let Some(patience) = &mut self.patience {
            patience.asked(now, sort);
        }
    }
}
