//! What is asked about rights, and what is answered.

use std::sync::Arc;

use super::bits::Bits;
use crate::object::Kind;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) enum Ask {
    /// Which namespaces there are.
    Namespaces,
    /// What may be listed in a namespace; of these kinds.
    Review(Arc<str>, Arc<[Kind]>),
    /// Whether a kind may be listed in a namespace.
    Try(Kind, Arc<str>),
}

/// What a review says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::engine) struct Rules {
    /// Kinds that may be listed, by their numbers.
    pub(super) allowed: Bits,
    /// How many kinds were asked about.
    pub(super) kinds: usize,
    /// Whether what is missing may be allowed all the same.
    pub(super) incomplete: bool,
}

/// What a try says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Tried {
    Allowed,
    Refused,
    /// No answer, or another one.
    Unclear,
}

/// Places to read in.
pub(in crate::engine) type Places = Vec<(Kind, Arc<str>)>;

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Depth {
    /// Everything, again and again.
    Live,
    /// Everything, once.
    Once,
    /// Rules, once: what is not sure is not tried.
    Glance,
}

/// How many tries are in flight at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) most: usize,
    /// Of one kind: its API may hang.
    pub(super) of_a_kind: usize,
    /// Of all kinds whose last try had no answer: the others never wait for them alone.
    pub(super) silent: usize,
}

impl Depth {
    /// Live tries take turns with the readers that poll.
    pub(super) fn tries(self) -> Limits {
        match self {
            Self::Live => Limits { most: 2, of_a_kind: 1, silent: 1 },
            Self::Once | Self::Glance => Limits { most: 8, of_a_kind: 4, silent: 4 },
        }
    }
}
