//! Draws a history from a seed.

use crate::dice::Dice;
use crate::history::{
    BASE, Chosen, History, How, KINDS, LEFT_OUT, NAMESPACES, REPORTS, Settings, Shown, Step, StoreTrouble,
    WIDGETS, Which, Wire,
};

impl History {
    /// Draws a history.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut steps = Vec::new();
        for _ in 0..dice.between(2, 14) {
            steps.push(put(&mut dice));
        }
        steps.push(Step::Start(Settings::usual(dice.one_in(2))));
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
}

fn kind(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(KINDS.len() as u64)).unwrap()
}

/// Of a kind whose objects come and go, mostly.
fn any_kind(dice: &mut Dice) -> u8 {
    if dice.one_in(8) {
        return u8::try_from(KINDS.len() as u64 + dice.below(BASE.len() as u64)).unwrap();
    }
    kind(dice)
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
        81..85 => kill(dice),
        85..87 => Step::Stop,
        87..90 => start(dice),
        90..92 => dice.pick(&[
            Step::Once,
            Step::Confirm { seconds: 3 },
            Step::Confirm { seconds: 60 },
            Step::Beside,
            Step::Beside,
        ]),
        92..99 => store(dice),
        _ => Step::Quiet,
    }
}

/// Mostly in the middle of what the last step set off.
fn kill(dice: &mut Dice) -> Step {
    let ms = match dice.below(4) {
        0 | 1 => 0,
        2 => dice.below(250),
        _ => dice.below(5_000),
    };
    Step::Kill { ms: u16::try_from(ms).unwrap(), polls: u8::try_from(dice.below(60)).unwrap() }
}

fn start(dice: &mut Dice) -> Step {
    let patient = dice.one_in(2);
    if dice.one_in(2) {
        return Step::Start(Settings::usual(patient));
    }
    let excluded = if dice.one_in(2) { u8::try_from(dice.below(64)).unwrap() } else { 0 };
    let bits = u8::try_from(dice.between(1, 14)).unwrap();
    let namespaces = dice.weighted(&[(4, Chosen::All), (1, Chosen::Only(bits)), (1, Chosen::AllBut(bits))]);
    Step::Start(Settings { excluded, namespaces, patient, mirrors: !dice.one_in(6) })
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
        Step::Touch { kind },
    ])
}

fn rights(dice: &mut Dice) -> Step {
    let watch_only = dice.one_in(3);
    match dice.below(12) {
        0..4 => Step::Forbid { kind: any_kind(dice), namespace: None, watch_only },
        4..7 => Step::Forbid { kind: kind(dice), namespace: Some(namespace(dice)), watch_only },
        7..9 => Step::Allow { kind: any_kind(dice) },
        9 => Step::Incomplete { incomplete: dice.one_in(2) },
        10 => Step::OnlyNamespaces { bits: Some(u8::try_from(dice.below(16)).unwrap()) },
        _ => Step::OnlyNamespaces { bits: None },
    }
}

fn which(dice: &mut Dice) -> Which {
    let kind = any_kind(dice);
    let namespace = namespace(dice);
    dice.weighted(&[
        (8, Which::List(kind)),
        (8, Which::Watch(kind)),
        (4, Which::Group(kind)),
        (1, Which::Namespace(namespace)),
        (2, Which::Discovery),
        (1, Which::Reviews),
        (1, Which::Everything),
    ])
}

fn how(dice: &mut Dice) -> How {
    match dice.below(23) {
        0..8 => How::Status(dice.pick(&[401, 403, 404, 405, 410, 500, 503, 504])),
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
