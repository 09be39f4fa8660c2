//! What happens, as data: drawn from a seed, played by `world`, made smaller by leaving steps out.

use crate::dice::Dice;

/// Kinds of the world, the first ones built in, then a custom one and one of an aggregated API.
pub(crate) const KINDS: [&str; 6] =
    ["configmaps", "pods", "deployments.apps", "nodes", "widgets.example.org", "reports.metrics.example.net"];
/// The one whose objects live in no namespace.
pub(crate) const NODES: u8 = 3;
/// The one with a CustomResourceDefinition.
pub(crate) const WIDGETS: u8 = 4;
/// The one of an aggregated API.
pub(crate) const REPORTS: u8 = 5;
/// Namespaces that objects come to; the first one is always there.
pub(crate) const NAMESPACES: [&str; 4] = ["default", "shop", "bank", "mall"];

/// Which requests go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    List(u8),
    Watch(u8),
    Discovery,
    Reviews,
    Everything,
}

/// How they go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Status(u16),
    TooMany { retry_after: u32 },
    Initializing,
    Expired,
    NoAnswer,
    Late,
    Slow,
    Silent,
    Break(u8),
    Truncate(u8),
    Garbage,
    Backwards,
    Duplicate,
    Reorder,
    JsonOnly,
    Html,
}

/// How discovery shows a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Current,
    Stale,
    Missing,
}

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Open,
    Http1,
    Refused,
    Hanging,
}

/// What the store does with its next calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreTrouble {
    Unreachable,
    FailsAfterwards,
    Busy,
    Refuses,
    Slow,
    SlowAnswer,
    Lies,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// An object is there, made or changed.
    Put {
        kind: u8,
        namespace: u8,
        name: u8,
        label: u8,
    },
    Delete {
        kind: u8,
        namespace: u8,
        name: u8,
    },
    /// Deleted and made again under its name.
    Recreate {
        kind: u8,
        namespace: u8,
        name: u8,
    },
    /// A namespace goes with all that is in it.
    DropNamespace {
        namespace: u8,
    },
    AddKind {
        kind: u8,
    },
    DropKind {
        kind: u8,
    },
    /// Another version of the custom kind is preferred.
    Prefer {
        second: bool,
    },
    /// The aggregated API does not answer (503), or does again.
    Broken {
        broken: bool,
    },
    /// A kind is not served, while its definition or APIService stands.
    Hide {
        kind: u8,
        hidden: bool,
    },
    /// A kind offers no watch, or does again.
    Watchable {
        kind: u8,
        watchable: bool,
    },
    /// The conversion webhook of the custom kind is down, or up again.
    Convert {
        fails: bool,
    },
    /// How discovery shows the group of a kind.
    Listed {
        kind: u8,
        listing: Shown,
    },
    /// So many API servers answer in turn.
    Servers {
        count: u8,
    },
    /// The cache of one of them stands still, or all catch up.
    Freeze {
        server: Option<u8>,
    },
    /// Reviews of the rights say that they are incomplete, and list nothing.
    Incomplete {
        incomplete: bool,
    },
    /// A kind may not be read, or only not watched: anywhere, or in one namespace.
    Forbid {
        kind: u8,
        namespace: Option<u8>,
        watch_only: bool,
    },
    Allow {
        kind: u8,
    },
    /// Only what is in these namespaces may be read (bits), or everything.
    OnlyNamespaces {
        bits: Option<u8>,
    },
    Fault {
        which: Which,
        how: How,
        times: Option<u8>,
    },
    /// All faults are over.
    Heal,
    Network(Wire),
    /// Every connection breaks.
    Cut,
    /// Sockets stay open, and not a byte goes through.
    Mute {
        muted: bool,
    },
    Compact,
    /// etcd is restored from a snapshot some writes ago, and the API servers start again.
    Restore {
        writes: u8,
    },
    /// The machine's wall clock is set.
    Jump {
        seconds: i64,
    },
    Kill {
        polls: u8,
    },
    Stop,
    /// The program is started, if it does not run; with these of the kinds excluded (bits).
    Start {
        excluded: u8,
    },
    /// One run that reads everything once.
    Once,
    Store {
        trouble: StoreTrouble,
        times: Option<u8>,
    },
    StoreHeals,
    Wipe,
    /// A foreign hand removes a record, replaces its vector, or adds one of its own.
    Steal {
        at: u8,
    },
    Twist {
        at: u8,
    },
    Plant,
    /// Another program with an index of its own writes the same collection, or ends.
    Rival {
        runs: bool,
    },
    Pass {
        ms: u64,
    },
    /// Nothing fails for an hour, and then everything must be right.
    Quiet,
}

/// A kind of step that is not played for now.
pub(crate) struct LeftOut {
    pub(crate) why: &'static str,
    is: fn(&Step) -> bool,
}

/// What is not played, because the program is known not to bear it yet.
pub(crate) const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        why: "an index marked by its own identity, as kube-system was hidden, refuses its own collection later",
        is: |step| matches!(step, Step::OnlyNamespaces { bits: Some(_) }),
    },
    LeftOut {
        why: "a clock set ahead while the program is stopped counts as time in which a kind was forbidden",
        is: |step| matches!(step, Step::Jump { seconds } if *seconds > 5),
    },
];

/// A whole history.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
}

impl History {
    /// Draws a history.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut steps = Vec::new();
        for _ in 0..dice.between(2, 14) {
            steps.push(put(&mut dice));
        }
        steps.push(Step::Start { excluded: 0 });
        let count = dice.between(6, 40);
        for _ in 0..count {
            let step = step(&mut dice);
            steps.push(step);
            if dice.one_in(2) {
                steps.push(pass(&mut dice));
            }
            // A program that does not run finds nothing out.
            if matches!(step, Step::Kill { .. } | Step::Stop) && !dice.one_in(4) {
                steps.push(start(&mut dice));
            }
        }
        steps.push(Step::Quiet);
        steps.retain(|step| !LEFT_OUT.iter().any(|left_out| (left_out.is)(step)));
        Self { seed, steps }
    }

    /// The same without some steps.
    fn without(&self, from: usize, count: usize) -> Self {
        let kept = self.steps.iter().enumerate();
        let kept = kept.filter(|(at, step)| !(from..from + count).contains(at) || **step == Step::Quiet);
        Self { seed: self.seed, steps: kept.map(|(_, step)| *step).collect() }
    }

    /// The smallest history found that still fails: steps are left out for as long as that changes nothing.
    pub(crate) fn shrink(self, mut budget: usize, fails: impl Fn(&Self) -> bool) -> Self {
        let mut smallest = self;
        let mut size = smallest.steps.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < smallest.steps.len() {
                if budget == 0 {
                    return smallest;
                }
                let smaller = smallest.without(at, size);
                if smaller.steps.len() < smallest.steps.len() {
                    budget -= 1;
                    if fails(&smaller) {
                        smallest = smaller;
                        continue;
                    }
                }
                at += size;
            }
            size /= 2;
        }
        smallest
    }
}

fn kind(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(KINDS.len() as u64)).unwrap()
}

fn namespace(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(NAMESPACES.len() as u64)).unwrap()
}

fn name(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(4)).unwrap()
}

fn put(dice: &mut Dice) -> Step {
    Step::Put {
        kind: kind(dice),
        namespace: namespace(dice),
        name: name(dice),
        label: u8::try_from(dice.below(4)).unwrap(),
    }
}

/// Mostly moments, now and then long enough for anything.
fn pass(dice: &mut Dice) -> Step {
    let ms = match dice.below(100) {
        0..40 => dice.below(300),
        40..70 => dice.below(10_000),
        70..90 => dice.below(150_000),
        90..99 => dice.between(120_000, 1_800_000),
        _ if dice.one_in(3) => dice.between(1, 26) * 3_600_000,
        _ => dice.between(1, 3) * 3_600_000,
    };
    Step::Pass { ms }
}

fn step(dice: &mut Dice) -> Step {
    match dice.below(100) {
        0..26 => put(dice),
        26..34 => Step::Delete { kind: kind(dice), namespace: namespace(dice), name: name(dice) },
        34..37 => Step::Recreate { kind: kind(dice), namespace: namespace(dice), name: name(dice) },
        37..39 => Step::DropNamespace { namespace: u8::try_from(dice.between(1, 3)).unwrap() },
        39..44 => kinds(dice),
        44..52 => rights(dice),
        52..66 => Step::Fault {
            which: which(dice),
            how: how(dice),
            times: dice.one_in(2).then(|| u8::try_from(dice.between(1, 6)).unwrap()),
        },
        66..70 => Step::Heal,
        70..76 => network(dice),
        76..78 => Step::Compact,
        78..79 => Step::Restore { writes: u8::try_from(dice.between(1, 8)).unwrap() },
        79..81 => Step::Jump { seconds: dice.pick(&[86_400, -3_600, 3_600, -86_400, 5]) },
        81..85 => Step::Kill { polls: u8::try_from(dice.below(40)).unwrap() },
        85..87 => Step::Stop,
        87..91 => start(dice),
        91..92 => Step::Once,
        92..99 => store(dice),
        _ => Step::Quiet,
    }
}

fn start(dice: &mut Dice) -> Step {
    let excluded = if dice.one_in(4) { u8::try_from(dice.below(64)).unwrap() } else { 0 };
    Step::Start { excluded }
}

fn kinds(dice: &mut Dice) -> Step {
    let any = kind(dice);
    let kind = dice.pick(&[WIDGETS, REPORTS]);
    dice.pick(&[
        Step::AddKind { kind },
        Step::DropKind { kind },
        Step::Prefer { second: true },
        Step::Prefer { second: false },
        Step::Broken { broken: true },
        Step::Broken { broken: false },
        Step::Hide { kind, hidden: true },
        Step::Hide { kind, hidden: false },
        Step::Watchable { kind: any, watchable: false },
        Step::Watchable { kind: any, watchable: true },
        Step::Convert { fails: true },
        Step::Convert { fails: false },
        Step::Listed { kind, listing: Shown::Stale },
        Step::Listed { kind, listing: Shown::Missing },
        Step::Listed { kind, listing: Shown::Current },
        Step::Servers { count: 2 },
        Step::Freeze { server: Some(0) },
        Step::Freeze { server: Some(1) },
        Step::Freeze { server: None },
    ])
}

fn rights(dice: &mut Dice) -> Step {
    let watch_only = dice.one_in(3);
    match dice.below(12) {
        0..4 => Step::Forbid { kind: kind(dice), namespace: None, watch_only },
        4..7 => Step::Forbid { kind: kind(dice), namespace: Some(namespace(dice)), watch_only },
        7..9 => Step::Allow { kind: kind(dice) },
        9 => Step::Incomplete { incomplete: dice.one_in(2) },
        10 => Step::OnlyNamespaces { bits: Some(u8::try_from(dice.below(16)).unwrap()) },
        _ => Step::OnlyNamespaces { bits: None },
    }
}

fn which(dice: &mut Dice) -> Which {
    let kind = kind(dice);
    dice.weighted(&[
        (8, Which::List(kind)),
        (8, Which::Watch(kind)),
        (2, Which::Discovery),
        (1, Which::Reviews),
        (1, Which::Everything),
    ])
}

fn how(dice: &mut Dice) -> How {
    match dice.below(23) {
        0..8 => How::Status(dice.pick(&[401, 403, 404, 410, 500, 503, 504])),
        8 => How::TooMany { retry_after: dice.pick(&[0, 1, 600, 86_400]) },
        9 => How::Initializing,
        10 => How::Expired,
        11 => How::NoAnswer,
        12 => How::Slow,
        13 => How::Silent,
        14 => How::Break(u8::try_from(dice.below(200)).unwrap()),
        15 => How::Garbage,
        16 => How::Duplicate,
        17 => How::Reorder,
        18 => How::JsonOnly,
        19 => How::Late,
        20 => How::Truncate(u8::try_from(dice.below(200)).unwrap()),
        21 => How::Backwards,
        _ => How::Html,
    }
}

fn network(dice: &mut Dice) -> Step {
    dice.weighted(&[
        (1, Step::Network(Wire::Refused)),
        (1, Step::Network(Wire::Hanging)),
        (1, Step::Network(Wire::Http1)),
        (3, Step::Network(Wire::Open)),
        (3, Step::Cut),
        (1, Step::Mute { muted: true }),
        (1, Step::Mute { muted: false }),
    ])
}

fn store(dice: &mut Dice) -> Step {
    let times = dice.one_in(2).then(|| u8::try_from(dice.between(1, 6)).unwrap());
    let trouble = dice.pick(&[
        StoreTrouble::Unreachable,
        StoreTrouble::FailsAfterwards,
        StoreTrouble::Busy,
        StoreTrouble::Refuses,
        StoreTrouble::Slow,
        StoreTrouble::SlowAnswer,
        StoreTrouble::Lies,
    ]);
    let at = u8::try_from(dice.below(250)).unwrap();
    dice.weighted(&[
        (5, Step::Store { trouble, times }),
        (3, Step::StoreHeals),
        (1, Step::Wipe),
        (2, Step::Steal { at }),
        (1, Step::Twist { at }),
        (1, Step::Plant),
        (1, Step::Rival { runs: true }),
        (1, Step::Rival { runs: false }),
    ])
}
