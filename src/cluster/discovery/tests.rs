//! Discovery from bodies that a real API server 1.37 sent (trimmed), and from an in-process server.

use std::time::Duration;

use super::discover_within;
use crate::cluster::client::ClientError;
use crate::cluster::client::tests::server::{Answer, Server, Settings, answer, endless};
use crate::cluster::discovery::{ACCEPT, Discovery, Freshness, aggregated, discover};
use crate::object::{Kind, KindKey};

const CORE: &str = include_str!("../../../tests/fixtures/discovery/api.aggregated.json");
const GROUPS: &str = include_str!("../../../tests/fixtures/discovery/apis.aggregated.json");
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

fn recorded() -> Discovery {
    Discovery::of([aggregated(CORE.as_bytes()).unwrap(), aggregated(GROUPS.as_bytes()).unwrap()])
}

fn find<'a>(discovery: &'a Discovery, key: &str) -> &'a Kind {
    discovery.kinds.iter().find(|kind| kind.key().as_str() == key).unwrap()
}

fn keys(discovery: &Discovery) -> Vec<String> {
    discovery.kinds.iter().map(|kind| format!("{} {}", kind.key(), kind.version)).collect()
}

/// What both ways must find in the recorded cluster; reviews and bindings can't be listed.
const KINDS: [&str; 13] = [
    "componentstatuses v1",
    "events v1",
    "namespaces v1",
    "nodes v1",
    "pods v1",
    "controllerrevisions.apps v1",
    "daemonsets.apps v1",
    "deployments.apps v1",
    "replicasets.apps v1",
    "statefulsets.apps v1",
    "horizontalpodautoscalers.autoscaling v2",
    "events.calendar.example v1",
    "rooms.calendar.example v1beta1",
];

#[test]
fn each_listable_kind_is_there_once_in_its_preferred_version() {
    assert_eq!(keys(&recorded()), KINDS);
}

#[test]
fn a_kind_has_all_its_names_and_its_scope() {
    let discovery = recorded();
    let event = find(&discovery, "events.calendar.example");
    assert_eq!(event.kind, "Event");
    assert_eq!((event.singular.as_str(), event.short_names.as_slice()), ("event", &["cev".to_owned()][..]));
    assert_eq!(event.categories, ["all", "plans"]);
    assert!(event.namespaced && event.watchable);
    assert!(!find(&discovery, "rooms.calendar.example").namespaced);
    let silent = find(&discovery, "componentstatuses");
    assert!(!silent.watchable && !silent.namespaced);
}

#[test]
fn a_group_whose_server_is_down_is_stale_and_not_gone() {
    let discovery = recorded();
    assert_eq!(discovery.groups["broken.example"], Freshness::Stale);
    assert_eq!(discovery.groups["apps"], Freshness::Current);
    assert_eq!(discovery.groups[""], Freshness::Current);
    assert!(discovery.kinds.iter().all(|kind| kind.group != "broken.example"));
}

#[test]
fn a_kind_without_list_is_served_all_the_same() {
    let discovery = recorded();
    let review = KindKey::from("bindings");
    assert!(discovery.kinds.iter().all(|kind| kind.key() != review));
    assert!(discovery.named.contains(&review) && discovery.unlistable().any(|kind| *kind == review));
    assert!(
        discovery.named.contains(&"pods".into())
            && discovery.unlistable().all(|kind| kind.as_str() != "pods")
    );
    assert!(discovery.named.iter().all(|kind| !kind.as_str().contains('/')), "subresources are no kinds");
}

#[test]
fn what_is_no_discovery_is_an_error_and_not_an_empty_cluster() {
    for body in ["", "<html>", "[]", r#"{"items":[{"versions":"x"}]}"#, r#"{"kind":"Status"}"#, "{}"] {
        assert!(aggregated(body.as_bytes()).is_err(), "{body}");
    }
}

#[tokio::test]
async fn two_requests_are_enough_where_the_server_aggregates() {
    let server = Server::start(Settings::default(), |request| match request.uri().path() {
        "/api" => answer(200, AGGREGATED, CORE),
        "/apis" => answer(200, AGGREGATED, GROUPS),
        _ => answer(404, "text/plain", ""),
    })
    .await;
    let discovery = discover(&server.client("token: t", "")).await.unwrap();
    assert_eq!(discovery, recorded());
    let mut paths = server.paths();
    paths.sort();
    assert_eq!(paths, ["/api", "/apis"]);
    assert_eq!(server.last_header("accept").as_deref(), Some(ACCEPT));
    assert!(!ACCEPT.contains(' '));
}

/// The classic answers, as recorded; `None` for what was not.
fn classic(path: &str) -> Option<Answer> {
    let body = match path {
        "/api" => include_str!("../../../tests/fixtures/discovery/api.classic.json"),
        "/apis" => include_str!("../../../tests/fixtures/discovery/apis.classic.json"),
        "/api/v1" => include_str!("../../../tests/fixtures/discovery/api.v1.json"),
        "/apis/apps/v1" => include_str!("../../../tests/fixtures/discovery/apis.apps.v1.json"),
        "/apis/autoscaling/v1" => include_str!("../../../tests/fixtures/discovery/apis.autoscaling.v1.json"),
        "/apis/autoscaling/v2" => include_str!("../../../tests/fixtures/discovery/apis.autoscaling.v2.json"),
        "/apis/calendar.example/v1" => {
            include_str!("../../../tests/fixtures/discovery/apis.calendar.example.v1.json")
        }
        "/apis/calendar.example/v1beta1" => {
            include_str!("../../../tests/fixtures/discovery/apis.calendar.example.v1beta1.json")
        }
        _ => return None,
    };
    Some(answer(200, "application/json", body))
}

fn unavailable() -> Answer {
    answer(503, "text/plain", "service unavailable")
}

#[tokio::test]
async fn a_server_that_knows_only_the_classic_way_gives_the_same_kinds() {
    let server = Server::start(Settings::default(), |request| {
        classic(request.uri().path()).unwrap_or_else(unavailable)
    })
    .await;
    let discovery = discover(&server.client("token: t", "")).await.unwrap();
    assert_eq!(keys(&discovery), KINDS);
    assert_eq!(discovery.kinds, recorded().kinds);
    assert!(discovery.unlistable().eq([&KindKey::from("bindings")]));
    assert_eq!(discovery.groups["apps"], Freshness::Unknown);
    assert_eq!(discovery.groups["broken.example"], Freshness::Stale);
}

#[tokio::test]
async fn whatever_one_groups_own_server_answers_the_others_are_read() {
    type Failing = fn() -> Answer;
    let failing: [Failing; 6] = [
        || answer(401, "application/json", ""),
        || answer(403, "application/json", ""),
        || answer(404, "text/plain", ""),
        || answer(500, "text/plain", ""),
        || answer(200, "text/html", "<html>"),
        || endless("{"),
    ];
    for (nth, fails) in failing.into_iter().enumerate() {
        let server = Server::start(Settings::default(), move |request| match request.uri().path() {
            "/apis/calendar.example/v1" => fails(),
            path => classic(path).unwrap_or_else(unavailable),
        })
        .await;
        let patience = Duration::from_millis(500);
        let discovery = discover_within(&server.client("token: t", ""), patience).await.unwrap();
        assert_eq!(discovery.groups["calendar.example"], Freshness::Stale, "{nth}");
        let others = |kind: &&Kind| kind.group != "calendar.example";
        let (read, all) = (discovery.kinds, recorded().kinds);
        assert!(read.iter().filter(others).eq(all.iter().filter(others)), "{nth}");
    }
}

#[tokio::test]
async fn what_fails_for_the_core_group_or_for_all_groups_is_no_single_groups_trouble() {
    let refused = || answer(401, "application/json", "");
    for core in [true, false] {
        let server = Server::start(Settings::default(), move |request| match request.uri().path() {
            "/api/v1" if core => refused(),
            path if !core && path.starts_with("/apis/") => refused(),
            path => classic(path).unwrap_or_else(unavailable),
        })
        .await;
        let error = discover(&server.client("token: t", "")).await.unwrap_err();
        assert!(matches!(error, ClientError::Unauthorized(_)), "{error}");
    }
}

#[test]
fn a_body_that_is_no_classic_discovery_is_an_error_too() {
    for body in ["", "{}", r#"{"kind":"Status"}"#, r#"{"items":[]}"#] {
        assert!(super::classic::wanted(body.as_bytes()).is_err(), "{body}");
    }
}

#[tokio::test]
async fn half_a_discovery_is_none() {
    let server = Server::start(Settings::default(), |request| match request.uri().path() {
        "/api" => answer(200, AGGREGATED, CORE),
        _ => answer(500, "text/plain", "no"),
    })
    .await;
    assert!(discover(&server.client("token: t", "")).await.is_err());
}
