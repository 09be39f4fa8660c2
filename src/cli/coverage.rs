//! The coverage line: how much of the cluster an answer speaks for, and how fresh that is.

use super::clock::{Clock, UNKNOWN};
use super::output::count;
use crate::engine::status::{ADVICE_ON_RIGHTS, Coverage, Phase, Status};
use crate::object::KindKey;

/// More names than this are counted, not listed.
const NAMES: usize = 5;

/// What is said about an answer, on stderr.
#[derive(Debug)]
pub(super) struct Truth<'a> {
    /// The clock of the person who reads.
    pub(super) clock: &'a Clock,
    /// Now.
    pub(super) now_ms: i64,
    /// What the writer, living or gone, said last.
    pub(super) status: Option<&'a Status>,
    /// Objects in the index.
    pub(super) objects: u64,
    /// Kinds that the query names: where they are not covered, that is what matters.
    pub(super) asked: &'a [KindKey],
}

impl Truth<'_> {
    /// `412 of 18,904 objects, 61/64 kinds (3 forbidden: ...), as of 14:02:11`, and further lines for what is not
    /// confirmed, and why not.
    pub(super) fn lines(&self, hits: &str) -> Vec<String> {
        let objects = count(self.objects);
        let of = if hits.is_empty() {
            format!("{objects} objects")
        } else {
            format!("{hits} of {objects} objects")
        };
        let Some(status) = self.status else {
            return vec![format!("{of}, coverage unknown")];
        };
        let coverage = status.coverage();
        let mut line = format!("{of}, {}", self.kinds(&coverage));
        if let Some(as_of) = self.as_of(status, &coverage) {
            line.push_str(&format!(", as of {}", self.time(Some(as_of))));
        }
        let mut lines = vec![line];
        if coverage.lists_nothing() {
            lines.push(ADVICE_ON_RIGHTS.to_owned());
        }
        if status.is_alive(self.now_ms) {
            lines.extend(trouble(status));
        }
        // What is held of kinds that can't be read now is found as well.
        let old: Vec<_> = coverage.stale.iter().chain(&coverage.held).cloned().collect();
        if !old.is_empty() {
            lines.push(format!("not confirmed: {}", self.by_time(&old)));
        }
        // Of a writer that is gone nothing was watched since, and its time says so.
        if is_live(status, self.now_ms) && !coverage.polled.is_empty() {
            lines.push(format!("listed now and then, not watched: {}", self.by_time(&coverage.polled)));
        }
        lines
    }

    fn kinds(&self, coverage: &Coverage) -> String {
        let mut gaps = Vec::new();
        for (list, what) in [
            (&coverage.forbidden, "forbidden"),
            (&coverage.failing, "failing"),
            (&coverage.pending, "not read yet"),
            (&coverage.partial, "in some namespaces only"),
        ] {
            if !list.is_empty() {
                gaps.push(format!("{} {what}: {}", count(list.len() as u64), self.names(list.iter())));
            }
        }
        let gaps = if gaps.is_empty() { String::new() } else { format!(" ({})", gaps.join("; ")) };
        format!("{}/{} kinds{gaps}", count(coverage.complete as u64), count(coverage.kinds as u64))
    }

    // A living writer confirms at every heartbeat what it watches; what is polled beside that has a line of its own. Else
    // the oldest confirmed kind counts.
    fn as_of(&self, status: &Status, coverage: &Coverage) -> Option<i64> {
        if is_live(status, self.now_ms) && coverage.watched() > 0 {
            return Some(status.heartbeat_ms);
        }
        let stale = coverage.stale.iter().filter_map(|(_, as_of)| *as_of).min();
        coverage.as_of_ms.or(stale)
    }

    fn time(&self, ms: Option<i64>) -> String {
        ms.map_or_else(|| UNKNOWN.to_owned(), |ms| self.clock.time(ms, self.now_ms))
    }

    // Kinds that share a time are one group: after a lost connection that is all of them.
    fn by_time(&self, kinds: &[(KindKey, Option<i64>)]) -> String {
        let mut groups: Vec<(String, Vec<&KindKey>)> = Vec::new();
        for (kind, as_of) in kinds {
            let time = self.time(*as_of);
            match groups.iter_mut().find(|(known, _)| *known == time) {
                Some((_, kinds)) => kinds.push(kind),
                None => groups.push((time, vec![kind])),
            }
        }
        groups.sort_by_key(|(_, kinds)| !kinds.iter().any(|kind| self.asked.contains(*kind)));
        let shown = groups.iter().take(NAMES);
        let shown = shown.map(|(time, kinds)| format!("{} as of {time}", self.names(kinds.iter().copied())));
        let mut text = shown.collect::<Vec<_>>().join("; ");
        if groups.len() > NAMES {
            let more: usize = groups.iter().skip(NAMES).map(|(_, kinds)| kinds.len()).sum();
            text.push_str(&format!("; and {} more", count(more as u64)));
        }
        text
    }

    // Those that were asked for come first.
    fn names<'k>(&self, kinds: impl Iterator<Item = &'k KindKey>) -> String {
        let mut kinds: Vec<&KindKey> = kinds.collect();
        kinds.sort_by_key(|kind| !self.asked.contains(*kind));
        names(&kinds)
    }
}

fn is_live(status: &Status, now_ms: i64) -> bool {
    status.phase == Phase::Live && status.is_alive(now_ms)
}

/// What keeps a writer that lives from confirming what it holds.
pub(super) fn trouble(status: &Status) -> Option<String> {
    let pid = status.pid;
    match &status.phase {
        Phase::Offline { error, .. } => {
            Some(format!("pid {pid}, which keeps the index, can't reach the cluster: {error}"))
        }
        Phase::Unwritable { error, .. } => {
            Some(format!("pid {pid}, which keeps the index, can't write it: {error}"))
        }
        Phase::Unauthorized { message } => {
            Some(format!("pid {pid}, which keeps the index, is refused by the cluster: {message}"))
        }
        Phase::Live if status.is_silent() => {
            Some(format!("pid {pid}, which keeps the index, gets no answers from the cluster"))
        }
        Phase::Connecting | Phase::Syncing { .. } | Phase::Live | Phase::Stopped => None,
    }
}

fn names(kinds: &[&KindKey]) -> String {
    let mut text = kinds.iter().take(NAMES).map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    if kinds.len() > NAMES {
        text.push_str(&format!(" and {} more", count((kinds.len() - NAMES) as u64)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::env::Env;
    use super::*;
    use crate::engine::status::{KindState, KindStatus};

    const NOON: i64 = 1_772_452_800_000; // 2026-03-02 12:00:00 UTC

    fn kind(name: &str, state: KindState, as_of_ms: Option<i64>) -> KindStatus {
        KindStatus { as_of_ms, ..KindStatus::new(name.into(), state) }
    }

    fn lines(status: Option<&Status>, hits: &str) -> String {
        asking(status, hits, &[])
    }

    fn asking(status: Option<&Status>, hits: &str, asked: &[&str]) -> String {
        let clock = Clock::local(&Env::from([("TZ", "")]));
        let asked: Vec<KindKey> = asked.iter().map(|kind| KindKey::from(*kind)).collect();
        Truth { clock: &clock, now_ms: NOON, status, objects: 18_904, asked: &asked }.lines(hits).join("\n")
    }

    #[test]
    fn the_line_counts_hits_objects_and_kinds() {
        let mut status = Status {
            kinds: vec![
                kind("pods", KindState::Complete, Some(NOON - 1_000)),
                kind("jobs.batch", KindState::Complete, Some(NOON - 9_000)),
            ],
            ..Status::default()
        };
        assert_eq!(lines(Some(&status), "412"), "412 of 18,904 objects, 2/2 kinds, as of 11:59:51");
        assert_eq!(lines(Some(&status), ""), "18,904 objects, 2/2 kinds, as of 11:59:51");
        assert_eq!(lines(None, "412"), "412 of 18,904 objects, coverage unknown");
        status.kinds.push(kind("nodes", KindState::Forbidden { since_ms: 0 }, None));
        status.kinds.push(kind("widgets.example.com", KindState::Failing { error: "500".into() }, None));
        assert_eq!(
            lines(Some(&status), "412"),
            "412 of 18,904 objects, 2/4 kinds (1 forbidden: nodes; 1 failing: widgets.example.com), as of 11:59:51"
        );
    }

    #[test]
    fn a_living_writer_speaks_for_now() {
        let status = Status {
            pid: std::process::id(),
            heartbeat_ms: NOON - 400,
            phase: Phase::Live,
            kinds: vec![kind("pods", KindState::Complete, Some(NOON - 50_000))],
            ..Status::default()
        };
        assert_eq!(lines(Some(&status), "1"), "1 of 18,904 objects, 1/1 kinds, as of 11:59:59");
    }

    #[test]
    fn a_living_writer_that_reaches_nobody_says_so() {
        let stale = |name: &str| kind(name, KindState::Stale { since_ms: NOON }, Some(NOON - 60_000));
        let offline = Phase::Offline { since_ms: NOON - 50_000, error: "connection refused".into() };
        let mut status = Status {
            pid: std::process::id(),
            heartbeat_ms: NOON - 400,
            phase: offline,
            kinds: vec![stale("pods"), stale("nodes")],
            ..Status::default()
        };
        let pid = status.pid;
        assert_eq!(
            lines(Some(&status), "1"),
            format!(
                "1 of 18,904 objects, 2/2 kinds, as of 11:59:00\n\
                 pid {pid}, which keeps the index, can't reach the cluster: connection refused\n\
                 not confirmed: pods, nodes as of 11:59:00"
            )
        );
        status.phase = Phase::Unwritable { since_ms: NOON, error: "no space left".into() };
        assert!(lines(Some(&status), "1").contains("can't write it: no space left\n"));
        status.phase = Phase::Unauthorized { message: "401".into() };
        assert!(lines(Some(&status), "1").contains("is refused by the cluster: 401\n"));
        status.heartbeat_ms = NOON - 60_000;
        assert!(!lines(Some(&status), "1").contains("which keeps the index"), "it is dead");
    }

    #[test]
    fn where_every_kind_fails_nothing_is_as_of_now() {
        let failing = KindState::Failing { error: "no answer within 60 s".into() };
        let status = Status {
            pid: std::process::id(),
            heartbeat_ms: NOON - 400,
            phase: Phase::Live,
            kinds: vec![kind("pods", failing, Some(NOON - 90_000))],
            ..Status::default()
        };
        let said = lines(Some(&status), "1");
        assert!(said.starts_with("1 of 18,904 objects, 0/1 kinds (1 failing: pods)\n"), "{said}");
        assert!(said.ends_with("gets no answers from the cluster"), "{said}");
    }

    #[test]
    fn kinds_that_nobody_watches_are_as_old_as_their_list() {
        let mut status = Status {
            pid: std::process::id(),
            heartbeat_ms: NOON - 400,
            phase: Phase::Live,
            kinds: vec![
                kind("pods", KindState::Complete, Some(NOON - 1_000)),
                kind("nodes", KindState::Polled, Some(NOON - 45_000)),
            ],
            ..Status::default()
        };
        assert_eq!(
            lines(Some(&status), "1"),
            "1 of 18,904 objects, 2/2 kinds, as of 11:59:59\n\
             listed now and then, not watched: nodes as of 11:59:15"
        );
        status.phase = Phase::Stopped;
        assert_eq!(lines(Some(&status), "1"), "1 of 18,904 objects, 2/2 kinds, as of 11:59:15");
    }

    #[test]
    fn no_time_is_of_the_future() {
        let mut status = Status {
            kinds: vec![kind("pods", KindState::Complete, Some(NOON + 3_600_000))],
            ..Status::default()
        };
        assert_eq!(lines(Some(&status), "1"), "1 of 18,904 objects, 1/1 kinds, as of unknown");
        status.kinds[0].as_of_ms = Some(NOON + 400);
        assert_eq!(lines(Some(&status), "1"), "1 of 18,904 objects, 1/1 kinds, as of 12:00:00");
    }

    #[test]
    fn what_is_not_confirmed_is_named_with_its_time() {
        let stale = |name: &str, as_of| kind(name, KindState::Stale { since_ms: NOON }, as_of);
        let status = Status {
            kinds: vec![
                kind("pods", KindState::Complete, Some(NOON)),
                stale("jobs.batch", Some(NOON - 60_000)),
                stale("nodes", Some(NOON - 60_000)),
                stale("secrets", None),
            ],
            ..Status::default()
        };
        assert_eq!(
            lines(Some(&status), "1"),
            "1 of 18,904 objects, 4/4 kinds, as of 12:00:00\n\
             not confirmed: jobs.batch, nodes as of 11:59:00; secrets as of unknown"
        );
    }

    #[test]
    fn what_is_held_of_kinds_that_can_not_be_read_is_as_old_as_it_is() {
        let held = |name: &str, state| KindStatus { objects: 4, ..kind(name, state, Some(NOON - 60_000)) };
        let status = Status {
            pid: std::process::id(),
            heartbeat_ms: NOON,
            phase: Phase::Live,
            kinds: vec![
                kind("pods", KindState::Complete, Some(NOON)),
                kind("nodes", KindState::Forbidden { since_ms: NOON }, None),
                held("secrets", KindState::Forbidden { since_ms: NOON }),
                held("jobs.batch", KindState::Failing { error: "503".into() }),
            ],
            ..Status::default()
        };
        assert_eq!(
            lines(Some(&status), "1"),
            "1 of 18,904 objects, 1/4 kinds (2 forbidden: nodes, secrets; 1 failing: jobs.batch), as of 12:00:00\n\
             not confirmed: secrets, jobs.batch as of 11:59:00"
        );
    }

    #[test]
    fn no_rights_at_all_says_what_helps() {
        let forbidden = |name: &str| kind(name, KindState::Forbidden { since_ms: 0 }, None);
        let mut status = Status { kinds: vec![forbidden("pods"), forbidden("nodes")], ..Status::default() };
        assert!(lines(Some(&status), "0").contains("\nyou may list nothing across the cluster: name your"));
        status.kinds.push(kind("jobs.batch", KindState::Complete, Some(NOON)));
        assert!(!lines(Some(&status), "0").contains("you may list nothing"));
    }

    #[test]
    fn many_names_are_counted() {
        let forbidden =
            |n: usize| kind(&format!("k{n}.example.com"), KindState::Forbidden { since_ms: 0 }, None);
        let status = Status { kinds: (0..1200).map(forbidden).collect(), ..Status::default() };
        assert!(
            asking(Some(&status), "0", &["k7.example.com", "pods"])
                .contains("(1,200 forbidden: k7.example.com, k0.example.com, k1.example.com, ")
        );
        assert_eq!(
            lines(Some(&status), "0"),
            "0 of 18,904 objects, 0/1,200 kinds (1,200 forbidden: k0.example.com, k1.example.com, k2.example.com, \
             k3.example.com, k4.example.com and 1,195 more)\n\
             you may list nothing across the cluster: name your namespaces (--namespaces a,b), or ask for list and \
             watch"
        );
    }
}
