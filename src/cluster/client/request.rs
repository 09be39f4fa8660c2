//! What may be asked: reads, and two reviews that change nothing.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use http::Method;

use crate::object::KindKey;

/// Whose word an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// The API server's own: a 401 has the credentials fetched anew, and its limiter is heeded by everybody.
    Server,
    /// The API server's, about one kind: a 401 may be that kind's trouble alone.
    Kind,
    /// That of an API server behind the API server: whatever it refuses, it refuses for itself.
    Aggregated,
}

/// One GET.
#[derive(Debug, Clone)]
pub struct RequestSpec {
    /// Path below the server's URL, starting with `/`.
    pub path: String,
    /// Query parameters; values are escaped here.
    pub query: Vec<(&'static str, String)>,
    /// `Accept`; plain JSON unless set.
    pub accept: Cow<'static, str>,
    /// Whose counters it moves.
    pub kind: Option<KindKey>,
    /// Whose word its answer is; the server's unless set.
    pub answerer: Answerer,
    /// How long the head of its answer may take, where that is less than usual.
    pub patience: Option<Duration>,
}

impl RequestSpec {
    /// A GET of `path` that accepts JSON.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            accept: Cow::Borrowed("application/json"),
            kind: None,
            answerer: Answerer::Server,
            patience: None,
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sets `Accept`.
    #[must_use]
    pub fn accept(mut self, accept: impl Into<Cow<'static, str>>) -> Self {
        self.accept = accept.into();
        self
    }

    /// Counts the request for a kind.
    #[must_use]
    pub fn kind(mut self, kind: KindKey) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Says whose word the answer is.
    #[must_use]
    pub fn answered_by(self, answerer: Answerer) -> Self {
        Self { answerer, ..self }
    }

    /// Gives up sooner than usual when nothing comes.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// What is asked for, as one of many things: the kind, or else the path.
    pub(super) fn what(&self) -> &str {
        self.kind.as_ref().map_or(self.path.as_str(), KindKey::as_str)
    }

    /// Path and query as they go on the wire.
    pub(super) fn path_and_query(&self) -> String {
        let mut text = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            escape(value, &mut text);
        }
        text
    }
}

fn escape(value: &str, text: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            _ = write!(text, "%{byte:02X}");
        }
    }
}

/// The two questions about ourselves that are asked by POST and store nothing.
const REVIEWS: [(&str, &str); 2] = [
    ("/apis/authorization.k8s.io/", "/selfsubjectrulesreviews"),
    ("/apis/authentication.k8s.io/", "/selfsubjectreviews"),
];

/// Subresources that are reached by GET and do more than read: they open a way into a pod, service or node.
const TUNNELS: [&str; 4] = ["exec", "attach", "portforward", "proxy"];

/// Whether the HTTP layer lets a request out: the one place that keeps kubesift read-only.
pub(super) fn is_read(method: &Method, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if *method == Method::GET {
        return path.starts_with('/') && !is_tunnel(path);
    }
    *method == Method::POST
        && REVIEWS.iter().any(|(group, resource)| {
            let version = path.strip_prefix(group).and_then(|rest| rest.strip_suffix(resource));
            version.is_some_and(|version| {
                !version.is_empty() && version.bytes().all(|b| b.is_ascii_alphanumeric())
            })
        })
}

// …/{pods,services,nodes}/<name>/<tunnel>[/…]. Escaped paths are refused: nothing of ours needs them.
fn is_tunnel(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    path.contains('%')
        || segments.windows(3).any(
            |window| matches!(window, ["pods" | "services" | "nodes", _, last] if TUNNELS.contains(last)),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_escaped() {
        let spec =
            RequestSpec::new("/api/v1/pods").query("limit", "1").query("fieldSelector", "metadata.name=a&b");
        assert_eq!(spec.path_and_query(), "/api/v1/pods?limit=1&fieldSelector=metadata.name%3Da%26b");
    }

    #[test]
    fn only_reads_and_the_two_reviews_pass() {
        let get = |path| is_read(&Method::GET, path);
        let post = |path| is_read(&Method::POST, path);
        assert!(
            get("/api/v1/pods")
                && get("/apis/a.b/v1/namespaces/exec/proxies")
                && get("/api/v1/namespaces/a/pods/p/log?follow=true")
        );
        assert!(post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"));
        assert!(post("/apis/authentication.k8s.io/v1beta1/selfsubjectreviews"));
        for path in [
            "/api/v1/namespaces/a/pods/p/exec?command=sh",
            "/api/v1/nodes/n/proxy/run/x",
            "/api/v1/namespaces/a/services/s:80/proxy/x",
            "/api/v1/namespaces/a/pods/p/%65xec",
            "",
        ] {
            assert!(!get(path), "{path}");
        }
        for path in [
            "/api/v1/namespaces/a/pods",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "/apis/authorization.k8s.io/v1/namespaces/a/selfsubjectrulesreviews",
            "/apis/authorization.k8s.io/v1/x/../selfsubjectrulesreviews",
            "/apis/authorization.k8s.io//selfsubjectrulesreviews",
            "/x/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        ] {
            assert!(!post(path), "{path}");
        }
        for method in
            [Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::CONNECT]
        {
            assert!(!is_read(&method, "/api/v1/pods"), "{method}");
            assert!(!is_read(&method, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"), "{method}");
        }
    }
}
