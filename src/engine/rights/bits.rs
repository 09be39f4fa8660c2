//! Small sets of numbers: which kinds, one bit each. Equal sets are kept once.

use std::collections::HashSet;
use std::sync::Arc;

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in crate::engine) struct Bits(Vec<u64>);

impl Bits {
    /// Whether a number is in it.
    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Puts a number in.
    pub(super) fn put(&mut self, number: usize) {
        if self.0.len() <= number / 64 {
            self.0.resize(number / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Takes a number out.
    pub(super) fn take(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
        // Equal sets must be equal, however they came about.
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The numbers in it.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let words = self.0.iter().enumerate();
        words.flat_map(|(at, word)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit)
        })
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<T: IntoIterator<Item = usize>>(numbers: T) -> Self {
        let mut own = Self::default();
        numbers.into_iter().for_each(|number| own.put(number));
        own
    }
}

/// Values of which equal ones are kept once, for as long as somebody needs them.
#[derive(Debug)]
pub(super) struct Shared<T>(HashSet<Arc<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: std::hash::Hash + Eq> Shared<T> {
    /// The one that is kept.
    pub(super) fn of(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.0.get(&value) {
            return known.clone();
        }
        self.0.retain(|value| Arc::strong_count(value) > 1);
        let value = Arc::new(value);
        self.0.insert(value.clone());
        value
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_there_and_equal_sets_are_equal() {
        let mut bits: Bits = [3, 64, 200].into_iter().collect();
        assert_eq!(bits.iter().collect::<Vec<_>>(), [3, 64, 200]);
        assert!(bits.has(64) && !bits.has(65) && !bits.has(100_000));
        bits.take(200);
        bits.take(64);
        bits.take(9_999);
        assert_eq!(bits, [3].into_iter().collect());
        bits.take(3);
        assert!(bits.is_empty());
    }

    #[test]
    fn equal_values_are_kept_once_and_forgotten_when_nobody_needs_them() {
        let mut shared = Shared::default();
        let one: Vec<Arc<Bits>> = (0..1_000).map(|_| shared.of([7].into_iter().collect())).collect();
        assert!(one.iter().all(|own| Arc::ptr_eq(own, &one[0])));
        assert_eq!(shared.len(), 1);
        drop(one);
        shared.of([8].into_iter().collect());
        assert_eq!(shared.len(), 1);
    }
}
