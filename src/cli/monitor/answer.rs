//! What a request is answered, from the status alone.

use http::StatusCode;

use super::metrics;
use crate::engine::status::{Phase, Status};
use crate::object::KindKey;

/// The engine writes its heartbeat every second; one this old means that it hangs.
const HUNG_MS: i64 = 60_000;
/// Where the reasons stand.
const WHY: &str = "`kubesift status` and the log say why";
/// More names than this are counted, not listed.
const NAMES: usize = 20;

const TEXT: &str = "text/plain; charset=utf-8";
/// Prometheus' text exposition format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What runs.
pub(super) enum State<'a> {
    /// Nothing yet.
    Starting,
    /// Another process writes the index.
    Following(u32),
    /// An engine.
    Running(&'a Status),
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Answer {
    /// The answer to a request at a time (milliseconds since 1970).
    pub(super) fn to(method: &str, path: &str, state: &State<'_>, now_ms: i64) -> Self {
        if !matches!(method, "GET" | "HEAD") {
            return Self::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
        }
        match path {
            "/healthz" => Self::verdict(health(state, now_ms)),
            "/readyz" => Self::verdict(readiness(state, now_ms)),
            "/metrics" => Self {
                code: StatusCode::OK,
                content_type: EXPOSITION,
                body: metrics::render(
                    match state {
                        State::Running(status) => Some(status),
                        State::Starting | State::Following(_) => None,
                    },
                    now_ms,
                ),
            },
            _ => Self::text(StatusCode::NOT_FOUND, "try /healthz, /readyz or /metrics\n".to_owned()),
        }
    }

    fn text(code: StatusCode, body: String) -> Self {
        Self { code, content_type: TEXT, body }
    }

    fn verdict(verdict: Result<String, String>) -> Self {
        match verdict {
            Ok(body) => Self::text(StatusCode::OK, body + "\n"),
            Err(body) => Self::text(StatusCode::SERVICE_UNAVAILABLE, body + "\n"),
        }
    }
}

// Whether a restart would help: only when the engine gives no sign of life. A cluster that is away is waited for.
fn health(state: &State<'_>, now_ms: i64) -> Result<String, String> {
    match state {
        State::Running(status) if is_hung(status, now_ms) => {
            Err(format!("the index writer gave no sign of life for {} s", silence(status, now_ms) / 1000))
        }
        State::Starting | State::Following(_) | State::Running(_) => Ok("ok".to_owned()),
    }
}

fn silence(status: &Status, now_ms: i64) -> i64 {
    now_ms - status.heartbeat_ms
}

// 0 before its first sign.
fn is_hung(status: &Status, now_ms: i64) -> bool {
    status.heartbeat_ms > 0 && status.phase != Phase::Stopped && silence(status, now_ms) > HUNG_MS
}

/// Whether the index is in sync. Kinds that fail by themselves are named and don't count: one broken conversion
/// webhook must not make everything else look stale. What servers and plugins said stands in the status and the log;
/// whoever reaches this endpoint need not be allowed to read it.
fn readiness(state: &State<'_>, now_ms: i64) -> Result<String, String> {
    let status = match state {
        State::Starting => return Err("starting".to_owned()),
        State::Following(pid) => return Err(format!("following pid {pid}, which writes the index")),
        State::Running(status) => status,
    };
    if is_hung(status, now_ms) {
        return health(state, now_ms);
    }
    match &status.phase {
        Phase::Connecting => Err(format!("connecting to {}", status.server)),
        Phase::Syncing { done, total } => Err(format!("syncing, {done} of {total} reads done")),
        Phase::Offline { .. } => Err(format!("offline: the API server can't be reached; {WHY}")),
        Phase::Unwritable { .. } => Err(format!("the index can't be written; {WHY}")),
        Phase::Unauthorized { .. } => Err(format!("the credentials are refused, or there are none; {WHY}")),
        Phase::Stopped => Err("stopped".to_owned()),
        Phase::Live => {
            if let Some(mirror) = status.mirror.as_ref().filter(|mirror| !mirror.in_sync) {
                let why = [vec![mirror.state().to_owned()], mirror.lacks.clone()].concat().join(", ");
                return Err(format!("the index is in sync, the mirror is not: {why}"));
            }
            let coverage = status.coverage();
            if coverage.kinds > 0 && coverage.complete == 0 {
                let why = if coverage.failing.is_empty() { "no kind may be read" } else { "no kind answers" };
                return Err(format!("nothing is read: {why}; {WHY}"));
            }
            let failing = coverage.failing;
            let failing =
                if failing.is_empty() { String::new() } else { format!(", failing: {}", names(&failing)) };
            Ok(format!("in sync: {} objects{failing}", status.objects))
        }
    }
}

/// What `/readyz` answers of a run with this status, at a time in milliseconds since 1970.
///
/// # Errors
/// It is not ready, and why.
pub fn ready(status: &Status, now_ms: i64) -> Result<String, String> {
    readiness(&State::Running(status), now_ms)
}

fn names(kinds: &[KindKey]) -> String {
    // The API server names them: what is no name is counted with those that do not show.
    let plain =
        |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'*'));
    let shown: Vec<&str> = kinds.iter().map(KindKey::as_str).filter(plain).take(NAMES).collect();
    match kinds.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::status::{KindState, KindStatus};
    use crate::mirror::{MirrorPhase, MirrorStatus};

    const NOW: i64 = 1_772_452_800_000;

    fn status(phase: Phase) -> Status {
        Status {
            phase,
            heartbeat_ms: NOW - 500,
            objects: 12,
            server: "https://x".into(),
            ..Status::default()
        }
    }

    fn ask(path: &str, state: &State<'_>) -> (u16, String) {
        let answer = Answer::to("GET", path, state, NOW);
        (answer.code.as_u16(), answer.body)
    }

    #[test]
    fn ready_means_in_sync_and_healthy_means_alive() {
        let offline = Phase::Offline { since_ms: 0, error: "connection refused".into() };
        let refused = Phase::Unauthorized { message: "401".into() };
        let unwritable = Phase::Unwritable { since_ms: 0, error: "no space left on device".into() };
        for (phase, ready, says) in [
            (Phase::Connecting, 503, "connecting to https://x"),
            (Phase::Syncing { done: 3, total: 60 }, 503, "syncing, 3 of 60 reads done"),
            (Phase::Live, 200, "in sync: 12 objects"),
            (offline, 503, "offline: the API server can't be reached; `kubesift status` and the log say why"),
            (
                refused,
                503,
                "the credentials are refused, or there are none; `kubesift status` and the log say why",
            ),
            (unwritable, 503, "the index can't be written; `kubesift status` and the log say why"),
            (Phase::Stopped, 503, "stopped"),
        ] {
            let status = status(phase);
            let state = State::Running(&status);
            assert_eq!(ask("/readyz", &state), (ready, format!("{says}\n")));
            assert_eq!(ask("/healthz", &state), (200, "ok\n".to_owned()), "waiting is no illness");
        }
        assert_eq!(ask("/readyz", &State::Starting).0, 503);
        assert_eq!(ask("/healthz", &State::Starting).0, 200);
        assert_eq!(ask("/readyz", &State::Following(7)).0, 503);
        assert_eq!(ask("/healthz", &State::Following(7)).0, 200);
    }

    #[test]
    fn a_silent_engine_is_neither_healthy_nor_ready() {
        let silent = Status { heartbeat_ms: NOW - 61_000, ..status(Phase::Live) };
        let expected = (503, "the index writer gave no sign of life for 61 s\n".to_owned());
        assert_eq!(ask("/healthz", &State::Running(&silent)), expected);
        assert_eq!(ask("/readyz", &State::Running(&silent)), expected);
        let young = Status { heartbeat_ms: 0, ..status(Phase::Connecting) };
        assert_eq!(ask("/healthz", &State::Running(&young)).0, 200);
    }

    #[test]
    fn a_mirror_has_to_be_in_sync_too() {
        let mut status = status(Phase::Live);
        status.mirror = Some(MirrorStatus { phase: MirrorPhase::Live, queue: 4, ..MirrorStatus::default() });
        let (code, body) = ask("/readyz", &State::Running(&status));
        assert_eq!(
            (code, body.as_str()),
            (503, "the index is in sync, the mirror is not: writing changes\n")
        );
        assert_eq!(ask("/healthz", &State::Running(&status)).0, 200);
        status.mirror =
            Some(MirrorStatus { phase: MirrorPhase::Live, in_sync: true, ..MirrorStatus::default() });
        assert_eq!(ask("/readyz", &State::Running(&status)).0, 200);
        // As a mirror says it that holds deletes back: it did equal the index once.
        status.mirror = Some(MirrorStatus {
            phase: MirrorPhase::Live,
            synced_ms: Some(NOW),
            held_back: 1_900,
            lacks: vec!["1900 deletes held back".into()],
            ..MirrorStatus::default()
        });
        let (code, body) = ask("/readyz", &State::Running(&status));
        let says = "the index is in sync, the mirror is not: not equal, 1900 deletes held back\n";
        assert_eq!((code, body.as_str()), (503, says));
    }

    #[test]
    fn failing_kinds_are_named() {
        let failing = |n: usize| {
            KindStatus::new(format!("k{n}").as_str().into(), KindState::Failing { error: "500".into() })
        };
        let mut status = status(Phase::Live);
        status.kinds = (0..22).map(failing).collect();
        status.kinds.push(KindStatus::new("pods".into(), KindState::Complete));
        let (code, body) = ask("/readyz", &State::Running(&status));
        assert_eq!(code, 200);
        assert!(body.contains("failing: k0, k1,") && body.ends_with("k19 and 2 more\n"), "{body}");
        let said = KindKey::from("a b\nready");
        let read = KindStatus::new("pods".into(), KindState::Complete);
        status.kinds =
            vec![KindStatus::new(said, KindState::Failing { error: "500".into() }), failing(3), read];
        let (_, body) = ask("/readyz", &State::Running(&status));
        assert!(body.ends_with("failing: k3 and 1 more\n"), "{body}");
    }

    #[test]
    fn an_index_of_nothing_is_not_in_sync() {
        let of = |state: KindState| {
            let kinds = vec![KindStatus::new("pods".into(), state)];
            ask("/readyz", &State::Running(&Status { kinds, ..status(Phase::Live) }))
        };
        let (code, body) = of(KindState::Failing { error: "who knows".into() });
        assert_eq!(code, 503);
        assert!(
            body.starts_with("nothing is read: no kind answers;") && !body.contains("who knows"),
            "{body}"
        );
        let (code, body) = of(KindState::Forbidden { since_ms: 0 });
        assert_eq!(code, 503);
        assert!(body.starts_with("nothing is read: no kind may be read;"), "{body}");
        assert_eq!(of(KindState::Complete).0, 200);
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        assert_eq!(ask("/", &State::Starting).0, 404);
        assert_eq!(
            Answer::to("POST", "/healthz", &State::Starting, NOW).code,
            StatusCode::METHOD_NOT_ALLOWED
        );
        assert_eq!(Answer::to("HEAD", "/healthz", &State::Starting, NOW).code, StatusCode::OK);
    }
}
