//! What the log is told of a run: when the whole changes its state, and which kinds begin to be in trouble.

use std::mem::discriminant;

use super::status::{KindState, KindStatus, Phase, Status};

/// More kinds than this are counted, not listed.
const NAMES: usize = 5;

/// Logs what is new.
pub(super) fn tell(before: &Status, now: &Status) {
    news(before, now).iter().for_each(|line| tracing::info!("{line}"));
}

fn news(before: &Status, now: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    if discriminant(&before.phase) != discriminant(&now.phase) {
        lines.push(phase(now));
    }
    let known = |kind: &KindStatus| before.kind(&kind.kind).and_then(|kind| trouble(&kind.state));
    for what in ["failing", "forbidden"] {
        let new = |kind: &&KindStatus| trouble(&kind.state) == Some(what) && known(kind) != Some(what);
        let kinds: Vec<&KindStatus> = now.kinds.iter().filter(new).collect();
        lines.extend((!kinds.is_empty()).then(|| format!("{what}: {}", names(&kinds))));
    }
    lines
}

fn phase(now: &Status) -> String {
    match &now.phase {
        Phase::Connecting => format!("connecting to {}", now.server),
        Phase::Syncing { total, .. } => format!("reading {total} kinds"),
        Phase::Live => {
            let coverage = now.coverage();
            format!("live: {} objects, {} of {} kinds", now.objects, coverage.complete, coverage.kinds)
        }
        Phase::Offline { error, .. } => format!("offline: {error}"),
        Phase::Unwritable { error, .. } => format!("the index can't be written: {error}"),
        Phase::Unauthorized { message } => format!("the credentials are refused: {message}"),
        Phase::Stopped => "stopped".to_owned(),
    }
}

fn trouble(state: &KindState) -> Option<&'static str> {
    match state {
        KindState::Failing { .. } => Some("failing"),
        KindState::Forbidden { .. } => Some("forbidden"),
        KindState::Waiting
        | KindState::Listing
        | KindState::Complete
        | KindState::Polled
        | KindState::Stale { .. }
        | KindState::Gone
        | KindState::Excluded { .. } => None,
    }
}

fn names(kinds: &[&KindStatus]) -> String {
    let named = kinds.iter().take(NAMES).map(|kind| match kind.why() {
        why if why.is_empty() => kind.kind.as_str().to_owned(),
        why => format!("{} ({why})", kind.kind.as_str()),
    });
    let mut text = named.collect::<Vec<_>>().join(", ");
    if kinds.len() > NAMES {
        text.push_str(&format!(" and {} more", kinds.len() - NAMES));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_and_many_kinds_are_counted() {
        let kind = |name: &str, state: KindState| KindStatus::new(name.into(), state);
        let before = Status { server: "https://one".to_owned(), ..Status::default() };
        let live = Status {
            phase: Phase::Live,
            objects: 3,
            kinds: vec![
                kind("pods", KindState::Complete),
                kind("secrets", KindState::Failing { error: "no answer".into() }),
            ],
            ..before.clone()
        };
        assert_eq!(news(&before, &live), ["live: 3 objects, 1 of 2 kinds", "failing: secrets (no answer)"]);
        assert!(news(&live, &live).is_empty());
        let forbidden = |n: usize| kind(&format!("k{n}.example.org"), KindState::Forbidden { since_ms: 0 });
        let down = Status {
            phase: Phase::Offline { since_ms: 0, error: "refused".into() },
            kinds: (0..1_200).map(forbidden).collect(),
            ..live.clone()
        };
        let told = news(&live, &down);
        assert_eq!(told[0], "offline: refused");
        assert!(told.len() == 2 && told[1].ends_with("and 1195 more"), "{told:?}");
    }
}
