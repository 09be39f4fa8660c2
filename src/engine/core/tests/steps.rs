//! What happens in the model, and how often.

use proptest::prelude::*;

use super::super::Millis;
use super::things::Name;

/// Which reader: of the whole cluster, of namespace `a`, of namespace `b`.
pub(super) type Who = usize;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Put(Name, u8, u8),
    Remove(Name),
    Recreate(Name),
    RemoveMost,
    Deliver {
        who: Who,
        count: usize,
        twice: bool,
        swap: bool,
    },
    Bookmark(Who),
    List {
        who: Who,
        behind: u64,
        fail_after: Option<usize>,
        reread: bool,
    },
    /// A list in pieces, so that others do something meanwhile.
    Begin {
        who: Who,
        behind: u64,
        reread: bool,
    },
    Send {
        who: Who,
        count: usize,
    },
    Finish(Who),
    Open(Who),
    Close(Who),
    Commit,
    Crash,
    RestoreEtcd {
        back: usize,
    },
    Compact,
    Deny(Who),
    Time(Millis),
}

/// What happens where one reader reads the whole cluster.
pub(super) fn step() -> impl Strategy<Value = Step> {
    by(Just(0))
}

/// What happens where readers of single namespaces read beside that of the whole cluster.
pub(super) fn overlapping_step() -> impl Strategy<Value = Step> {
    let namespaced = 1..3usize;
    prop_oneof![
        24 => by(0..3usize),
        5 => (0..3usize, 0..6u64, any::<bool>())
            .prop_map(|(who, behind, reread)| Step::Begin { who, behind, reread }),
        6 => (0..3usize, 0..4usize).prop_map(|(who, count)| Step::Send { who, count }),
        4 => (0..3usize).prop_map(Step::Finish),
        3 => namespaced.clone().prop_map(Step::Open),
        1 => namespaced.prop_map(Step::Close),
    ]
}

fn by(who: impl Strategy<Value = Who> + Clone + 'static) -> impl Strategy<Value = Step> {
    let name = 0..12u8;
    prop_oneof![
        8 => (name.clone(), 0..4u8, 0..4u8).prop_map(|(name, content, anno)| Step::Put(name, content, anno)),
        3 => name.clone().prop_map(Step::Remove),
        2 => name.prop_map(Step::Recreate),
        1 => Just(Step::RemoveMost),
        8 => (who.clone(), 1..6usize, any::<bool>(), any::<bool>())
            .prop_map(|(who, count, twice, swap)| Step::Deliver { who, count, twice, swap }),
        2 => who.clone().prop_map(Step::Bookmark),
        4 => (who.clone(), 0..6u64, proptest::option::of(0..6usize), any::<bool>())
            .prop_map(|(who, behind, fail_after, reread)| Step::List { who, behind, fail_after, reread }),
        // Beside a watch, where there is one.
        3 => (who.clone(), 0..6u64).prop_map(|(who, behind)| Step::Begin { who, behind, reread: true }),
        3 => who.clone().prop_map(Step::Finish),
        4 => Just(Step::Commit),
        2 => Just(Step::Crash),
        1 => (1..8usize).prop_map(|back| Step::RestoreEtcd { back }),
        1 => Just(Step::Compact),
        1 => who.prop_map(Step::Deny),
        2 => (0..70_000i64).prop_map(Step::Time),
    ]
}
