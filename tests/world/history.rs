//! What happens, as data: drawn from a seed, played by `world`, made smaller by leaving steps out.

/// Kinds of the world, the first ones built in, then a custom one and one of an aggregated API.
pub(crate) const KINDS: [&str; 6] =
    ["configmaps", "pods", "deployments.apps", "nodes", "widgets.example.org", "reports.metrics.example.net"];
/// The one whose objects live in no namespace.
pub(crate) const NODES: u8 = 3;
/// The one with a CustomResourceDefinition.
pub(crate) const WIDGETS: u8 = 4;
/// The one of an aggregated API.
pub(crate) const REPORTS: u8 = 5;
/// Kinds that rights and faults are about, besides those: what the program learns from them concerns other kinds too.
pub(crate) const BASE: [&str; 3] =
    ["namespaces", "customresourcedefinitions.apiextensions.k8s.io", "apiservices.apiregistration.k8s.io"];
/// Namespaces that objects come to; the first one is always there.
pub(crate) const NAMESPACES: [&str; 4] = ["default", "shop", "bank", "mall"];

/// Which requests go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    List(u8),
    Watch(u8),
    /// All of the group of a kind.
    Group(u8),
    /// Every list and watch in one namespace.
    Namespace(u8),
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

/// The name of a kind of the world, or of one of [`BASE`] after them.
pub(crate) fn kind_name(kind: u8) -> &'static str {
    let kind = usize::from(kind);
    KINDS.get(kind).copied().unwrap_or_else(|| BASE[kind - KINDS.len()])
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

/// Which namespaces the configuration names (bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Chosen {
    #[default]
    All,
    Only(u8),
    AllBut(u8),
}

/// What the program is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Kinds that are excluded (bits).
    pub(crate) excluded: u8,
    pub(crate) namespaces: Chosen,
    /// Whether what is forbidden is kept for a day, as by default, or for twenty minutes.
    pub(crate) patient: bool,
    pub(crate) mirrors: bool,
}

impl Settings {
    /// Everything is read and mirrored.
    pub(crate) fn usual(patient: bool) -> Self {
        Self { excluded: 0, namespaces: Chosen::All, patient, mirrors: true }
    }

    /// Whether everything is read.
    pub(crate) fn reads_all(self) -> bool {
        self.excluded == 0 && self.namespaces == Chosen::All
    }
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
    /// The definition of a kind is written as it is.
    Touch {
        kind: u8,
    },
    /// The machine's wall clock is set.
    Jump {
        seconds: i64,
    },
    /// The process ends at whatever await its tasks stand, so much time and so many turns of the runtime later.
    Kill {
        ms: u16,
        polls: u8,
    },
    Stop,
    /// The program is started, if it does not run.
    Start(Settings),
    /// One run that reads everything once.
    Once,
    /// One that only confirms what is there, as a search without a writer does.
    Confirm {
        seconds: u8,
    },
    /// Another process reads the index beside the one that writes it, from now on, and copies it into the store once.
    Beside,
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
    pub(crate) is: fn(&Step) -> bool,
}

/// What is not played, because the program is known not to bear it yet.
pub(crate) const LEFT_OUT: &[LeftOut] = &[];

/// A whole history.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
}

impl History {
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
