//! The status in Prometheus' text format. Names end in their unit, counters in `_total`; times are seconds since 1970.

use std::fmt::Write;

use crate::engine::status::{KindState, KindStatus, Phase, SemanticState, SemanticStatus, Status};
use crate::mirror::MirrorStatus;

/// Every state a kind can be in: a series that is missing and one that is 0 are different things.
const STATES: [&str; 9] =
    ["waiting", "listing", "complete", "polled", "stale", "failing", "forbidden", "excluded", "gone"];
/// Every phase of a run.
const PHASES: [&str; 7] =
    ["connecting", "syncing", "live", "offline", "unwritable", "unauthorized", "stopped"];
/// Everything that embedding can do.
const EMBEDDING: [&str; 5] = ["off", "unused", "working", "ready", "failing"];

/// The metrics of an engine, if one runs, at a time (milliseconds since 1970).
pub(super) fn render(status: Option<&Status>, now_ms: i64) -> String {
    let mut page = Page::default();
    page.gauge("kubesift_build_info", "The program's version.");
    page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.gauge("kubesift_writer", "1 while this process writes the index, 0 while it waits for its turn.");
    page.sample(&[], f64::from(u8::from(status.is_some())));
    if let Some(status) = status {
        run(&mut page, status);
        coverage(&mut page, status, now_ms);
        kinds(&mut page, status);
        embedding(&mut page, &status.semantic);
        if let Some(status) = &status.mirror {
            mirror(&mut page, status);
        }
    }
    page.0
}

fn run(page: &mut Page, status: &Status) {
    let phase = phase(&status.phase);
    page.gauge("kubesift_phase", "1 for what the run is doing.");
    for known in PHASES {
        page.sample(&[("phase", known)], f64::from(u8::from(known == phase)));
    }
    page.gauge("kubesift_start_time_seconds", "When the run began.");
    page.sample(&[], seconds(status.started_ms));
    page.gauge("kubesift_heartbeat_timestamp_seconds", "The index writer's last sign of life.");
    page.sample(&[], seconds(status.heartbeat_ms));
    page.gauge("kubesift_documents", "Documents in the index.");
    page.sample(&[], status.objects as f64);
    for (name, help, value) in [
        ("kubesift_deletes_total", "Documents deleted.", status.deletes),
        (
            "kubesift_drift_corrected_total",
            "Documents that a background re-read found different from what was held; must stay 0.",
            status.drift_corrected,
        ),
        ("kubesift_watch_restarts_total", "Watches that ended early.", status.watch_restarts),
        ("kubesift_apiserver_requests_total", "Requests to the API server.", status.requests),
        (
            "kubesift_apiserver_throttled_total",
            "Answers of 429 (too many requests) from the API server.",
            status.throttled,
        ),
        ("kubesift_apiserver_received_bytes_total", "Bytes from the API server, compressed.", status.bytes),
    ] {
        page.counter(name, help);
        page.sample(&[], value as f64);
    }
}

fn coverage(page: &mut Page, status: &Status, now_ms: i64) {
    page.gauge("kubesift_kinds", "Kinds by how far they are read.");
    for state in STATES {
        let number = status.kinds.iter().filter(|kind| kind.state.name() == state).count();
        page.sample(&[("state", state)], number as f64);
    }
    let watched = status.kinds.iter().filter(|kind| is_read(kind));
    let lag = watched.filter_map(|kind| kind.as_of_ms).min().map(|oldest| (now_ms - oldest).max(0));
    if let Some(lag) = lag {
        let help =
            "Age of the oldest confirmation of any kind; a quiet kind is confirmed about once a minute.";
        page.gauge("kubesift_confirmation_age_seconds", help);
        page.sample(&[], seconds(lag));
    }
}

fn kinds(page: &mut Page, status: &Status) {
    type Value = fn(&KindStatus) -> u64;
    let series: [(&str, &str, bool, Value); 4] = [
        ("kubesift_kind_documents", "Documents by kind.", false, |kind| kind.objects),
        ("kubesift_kind_requests_total", "Requests by kind.", true, |kind| kind.requests),
        ("kubesift_kind_throttled_total", "Answers of 429 by kind.", true, |kind| kind.throttled),
        ("kubesift_kind_received_bytes_total", "Bytes by kind, compressed.", true, |kind| kind.bytes),
    ];
    for (name, help, counts, value) in series {
        if counts {
            page.counter(name, help)
        } else {
            page.gauge(name, help)
        }
        for kind in status.kinds.iter().filter(|kind| is_read(kind)) {
            page.sample(&[("kind", kind.kind.as_str())], value(kind) as f64);
        }
    }
}

fn embedding(page: &mut Page, semantic: &SemanticStatus) {
    let state = self::semantic(semantic.state);
    page.gauge("kubesift_embedding_state", "1 for what embedding is doing.");
    for known in EMBEDDING {
        page.sample(&[("state", known)], f64::from(u8::from(known == state)));
    }
    for (name, help, value) in [
        (
            "kubesift_embedding_forms",
            "Different forms of the documents, which are what is embedded.",
            semantic.forms,
        ),
        ("kubesift_embedding_queue", "Forms that wait for their vector.", semantic.waiting),
        ("kubesift_embeddings_cached", "Vectors on disk.", semantic.cached),
    ] {
        page.gauge(name, help);
        page.sample(&[], value as f64);
    }
    page.counter("kubesift_embeddings_made_total", "Vectors made; what was cached was not made again.");
    page.sample(&[], semantic.made as f64);
}

fn mirror(page: &mut Page, mirror: &MirrorStatus) {
    page.gauge("kubesift_mirror_info", "Where documents are mirrored to.");
    page.sample(&[("collection", &mirror.collection), ("profile", &mirror.profile)], 1.0);
    page.gauge(
        "kubesift_mirror_in_sync",
        "1 while the collection equals the index, but for what just changed.",
    );
    page.sample(&[], f64::from(u8::from(mirror.in_sync)));
    page.gauge("kubesift_mirror_lag_seconds", "How long the longest waiting document has waited.");
    page.sample(&[], mirror.lag_ms as f64 / 1000.0);
    for (name, help, value) in [
        ("kubesift_mirror_records", "Records in the collection, as far as known.", mirror.records),
        ("kubesift_mirror_queue", "Documents that wait to be sent.", mirror.queue),
        ("kubesift_mirror_deletes_held_back", "Deletes that the brake holds back.", mirror.held_back),
        ("kubesift_mirror_foreign", "Records of somebody else, which are left alone.", mirror.foreign),
        ("kubesift_mirror_uncovered", "Records that stay because their kinds are not covered.", mirror.kept),
        ("kubesift_mirror_over_limit", "Documents that the store can't take.", mirror.over_limit_count),
    ] {
        page.gauge(name, help);
        page.sample(&[], value as f64);
    }
    for (name, help, value) in [
        ("kubesift_mirror_added_total", "Documents that were not in the store.", mirror.added),
        ("kubesift_mirror_updated_total", "Documents whose record was another.", mirror.updated),
        ("kubesift_mirror_deletes_total", "Records deleted.", mirror.deleted),
        ("kubesift_mirror_batches_sent_total", "Batches that the store took.", mirror.batches_sent),
        ("kubesift_mirror_batches_failed_total", "Batches that it did not take.", mirror.batches_failed),
        ("kubesift_mirror_batches_retried_total", "Batches sent again.", mirror.batches_retried),
        (
            "kubesift_mirror_lost_updates_total",
            "Updates of records that turned out to be missing; they were written anew.",
            mirror.lost_updates,
        ),
    ] {
        page.counter(name, help);
        page.sample(&[], value as f64);
    }
    for (name, help, ms) in [
        (
            "kubesift_mirror_synced_timestamp_seconds",
            "The collection last equalled the index.",
            mirror.synced_ms,
        ),
        ("kubesift_mirror_reconciled_timestamp_seconds", "The last comparison ended.", mirror.reconciled_ms),
    ] {
        if let Some(ms) = ms {
            page.gauge(name, help);
            page.sample(&[], seconds(ms));
        }
    }
}

fn is_read(kind: &KindStatus) -> bool {
    !matches!(kind.state, KindState::Excluded { .. } | KindState::Gone)
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::Syncing { .. } => "syncing",
        Phase::Live => "live",
        Phase::Offline { .. } => "offline",
        Phase::Unwritable { .. } => "unwritable",
        Phase::Unauthorized { .. } => "unauthorized",
        Phase::Stopped => "stopped",
    }
}

fn semantic(state: SemanticState) -> &'static str {
    match state {
        SemanticState::Off => "off",
        SemanticState::Unused => "unused",
        SemanticState::Working => "working",
        SemanticState::Ready => "ready",
        SemanticState::Failing => "failing",
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// The text so far, and the name that samples belong to.
#[derive(Default)]
pub(super) struct Page(String, &'static str);

impl Page {
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) {
        self.head(name, help, "gauge");
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &str) {
        self.head(name, help, "counter");
    }

    // Writing to a String can't fail.
    fn head(&mut self, name: &'static str, help: &str, kind: &str) {
        self.1 = name;
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(self.1);
        for (index, (name, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            _ = write!(self.0, "{before}{name}=\"{}\"", escaped(value));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        _ = writeln!(self.0, "{after} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const NOW: i64 = 1_772_452_800_000;

    fn status() -> Status {
        let kind = |name: &str, state, objects| KindStatus {
            objects,
            requests: 2,
            bytes: 1_000,
            as_of_ms: Some(NOW - 1_500),
            ..KindStatus::new(name.into(), state)
        };
        Status {
            phase: Phase::Live,
            started_ms: NOW - 60_000,
            heartbeat_ms: NOW - 250,
            objects: 412,
            requests: 70,
            throttled: 1,
            deletes: 4,
            mirror: Some(MirrorStatus {
                collection: "instances".into(),
                profile: "default".into(),
                queue: 3,
                lag_ms: 250,
                held_back: 7,
                batches_sent: 11,
                synced_ms: Some(NOW),
                ..MirrorStatus::default()
            }),
            semantic: SemanticStatus {
                state: SemanticState::Working,
                made: 9,
                waiting: 5,
                ..Default::default()
            },
            kinds: vec![
                kind("pods", KindState::Complete, 400),
                kind("od\"d\\.example", KindState::Failing { error: "500".into() }, 12),
                kind("events", KindState::Excluded { rule: "default".into() }, 0),
            ],
            ..Status::default()
        }
    }

    #[test]
    fn the_status_becomes_samples() {
        let page = render(Some(&status()), NOW);
        for line in [
            "kubesift_writer 1",
            "kubesift_phase{phase=\"live\"} 1",
            "kubesift_phase{phase=\"offline\"} 0",
            "kubesift_documents 412",
            "kubesift_deletes_total 4",
            "kubesift_drift_corrected_total 0",
            "kubesift_apiserver_throttled_total 1",
            "kubesift_kinds{state=\"complete\"} 1",
            "kubesift_kinds{state=\"excluded\"} 1",
            "kubesift_kinds{state=\"stale\"} 0",
            "kubesift_confirmation_age_seconds 1.5",
            "kubesift_kind_documents{kind=\"pods\"} 400",
            "kubesift_kind_received_bytes_total{kind=\"od\\\"d\\\\.example\"} 1000",
            "kubesift_start_time_seconds 1772452740",
            "kubesift_embedding_state{state=\"working\"} 1",
            "kubesift_embedding_queue 5",
            "kubesift_mirror_info{collection=\"instances\",profile=\"default\"} 1",
            "kubesift_mirror_in_sync 0",
            "kubesift_mirror_queue 3",
            "kubesift_mirror_lag_seconds 0.25",
            "kubesift_mirror_deletes_held_back 7",
            "kubesift_mirror_batches_sent_total 11",
            "kubesift_mirror_synced_timestamp_seconds 1772452800",
            "kubesift_embeddings_made_total 9",
        ] {
            assert!(page.lines().any(|own| own == line), "{line} is missing:\n{page}");
        }
        assert!(!page.contains("events"), "excluded kinds have no series of their own");
        assert!(render(None, NOW).contains("\nkubesift_writer 0\n"));
    }

    // The rules of the format that a scraper relies on.
    #[test]
    fn every_sample_stands_below_its_type_and_is_a_number() {
        let page = render(Some(&status()), NOW);
        let (mut family, mut seen) = (String::new(), BTreeSet::new());
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(seen.insert(name.to_owned()), "{name} twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                family = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let name = line.split(['{', ' ']).next().unwrap();
                assert_eq!(name, family, "{line}");
                assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(page.ends_with('\n'));
    }

    #[test]
    fn every_state_has_its_series() {
        let states = [
            KindState::Waiting,
            KindState::Listing,
            KindState::Complete,
            KindState::Polled,
            KindState::Stale { since_ms: 0 },
            KindState::Failing { error: String::new() },
            KindState::Forbidden { since_ms: 0 },
            KindState::Excluded { rule: String::new() },
            KindState::Gone,
        ];
        assert_eq!(states.map(|state| state.name()), STATES);
        let (error, message) = (String::new(), String::new());
        let phases = [
            Phase::Connecting,
            Phase::Syncing { done: 0, total: 0 },
            Phase::Live,
            Phase::Offline { since_ms: 0, error: error.clone() },
            Phase::Unwritable { since_ms: 0, error },
            Phase::Unauthorized { message },
            Phase::Stopped,
        ];
        assert_eq!(phases.map(|own| phase(&own)), PHASES);
        let embedding = [
            SemanticState::Off,
            SemanticState::Unused,
            SemanticState::Working,
            SemanticState::Ready,
            SemanticState::Failing,
        ];
        assert_eq!(embedding.map(semantic), EMBEDDING);
    }
}
