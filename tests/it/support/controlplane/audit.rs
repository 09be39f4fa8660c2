//! The API server's own record of who asked for what: a count that no client can get wrong.

use std::path::Path;

use serde::Deserialize;

use super::ControlPlane;

/// One request that the API server answered (or, for a watch, began to answer).
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The user.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, ...
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// The User-Agent header.
    pub agent: String,
    /// The HTTP status.
    pub status: u16,
}

impl ControlPlane {
    /// Every request of a user so far, in order. A watch counts once, when it begins.
    pub(crate) fn requests(&self, user: &str) -> Vec<Request> {
        let text = fs_err::read_to_string(self.dir.join("audit.log")).expect("audit log");
        let events = text.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
        events.filter(|event| event.counts() && event.user.username == user).map(Event::request).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    #[serde(default)]
    user_agent: String,
    user: User,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl Event {
    fn counts(&self) -> bool {
        match self.stage.as_str() {
            "ResponseStarted" => self.verb == "watch",
            // A watch that was refused never started to answer.
            "ResponseComplete" => self.verb != "watch" || self.response_status.code >= 400,
            _ => false,
        }
    }

    fn request(self) -> Request {
        let Self { verb, uri, user_agent, user, response_status, .. } = self;
        Request { user: user.username, verb, uri, agent: user_agent, status: response_status.code }
    }
}

pub(super) fn write_policy(dir: &Path) {
    let policy = r#"{
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "None", "users": ["system:apiserver", "system:anonymous"] },
            { "level": "Metadata" }
        ]
    }"#;
    fs_err::write(dir.join("audit-policy.yaml"), policy).expect("audit policy");
}

pub(super) fn arguments(dir: &Path) -> [String; 2] {
    [
        format!("--audit-policy-file={}", dir.join("audit-policy.yaml").display()),
        format!("--audit-log-path={}", dir.join("audit.log").display()),
    ]
}
