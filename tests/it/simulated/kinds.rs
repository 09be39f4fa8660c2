//! Kinds that come, change and go: discovery, definitions and answers agree on it, or disagree as real ones do.

use kubesift::demo::{Crd, Formats, Listing, Profile, Server, ServerOptions, Tls};
use kubesift::object::Kind;
use serde_json::Value;

use super::asker::{Asker, server};
use crate::support::simulated::object;

const GROUP: &str = "things.example.org";
const GIZMOS: &str = "gizmos.things.example.org";
const LIST: &str = "/apis/things.example.org/v1/gizmos";
const CRD: &str = "customresourcedefinitions.apiextensions.k8s.io";
const API_SERVICE: &str = "apiservices.apiregistration.k8s.io";

fn small() -> ServerOptions {
    ServerOptions { objects: 300, ..ServerOptions::default() }
}

/// A kind of an API server behind an APIService, with two objects.
pub(super) fn add_gizmos(server: &Server) {
    let kind = Kind {
        group: GROUP.to_owned(),
        version: "v1".to_owned(),
        kind: "Gizmo".to_owned(),
        plural: "gizmos".to_owned(),
        singular: "gizmo".to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        watchable: true,
    };
    server.add_aggregated(kind, Formats::All, false).expect("a new kind");
    for name in ["one", "two"] {
        server.apply(GIZMOS, object("default", name)).expect("a kind that is served");
    }
}

/// What aggregated discovery says of the group's only version: freshness, and each kind with its verbs.
async fn discovered(asker: &Asker) -> Option<(String, Vec<(String, String)>)> {
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let groups = asker.accepting(accept).get("/apis").await.json();
    let group =
        groups["items"].as_array().expect("groups").iter().find(|own| own["metadata"]["name"] == GROUP)?;
    let version = &group["versions"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kinds = version["resources"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let kinds = kinds.map(|kind| (text(&kind["resource"]), kind["verbs"].to_string()));
    Some((text(&version["freshness"]), kinds.collect()))
}

#[tokio::test]
async fn a_kind_that_can_only_be_listed_ends_its_watches_and_refuses_new_ones() {
    let (server, asker) = server(small()).await;
    add_gizmos(&server);
    let mut watch = asker.watch(&format!("{LIST}?watch=1&resourceVersion={}", server.revision())).await;
    server.set_verbs(GIZMOS, &["get", "list"]).expect("a kind that is served");
    assert_eq!(watch.next().await, None);
    assert_eq!(asker.get(&format!("{LIST}?watch=1")).await.refusal().0, 405);
    assert_eq!(asker.get(LIST).await.names(), ["one", "two"]);
    let (_, kinds) = discovered(&asker).await.expect("the group");
    assert_eq!(kinds, [("gizmos".to_owned(), r#"["get","list"]"#.to_owned())]);
    assert!(server.object(API_SERVICE, "", "v1.things.example.org").is_some());
}

#[tokio::test]
async fn a_group_is_current_stale_or_missing_and_an_answer_is_another_thing() {
    let (server, asker) = server(small()).await;
    add_gizmos(&server);
    assert_eq!(
        discovered(&asker).await.map(|(fresh, kinds)| (fresh, kinds.len())),
        Some(("Current".to_owned(), 1))
    );
    server.set_listing(GROUP, Listing::Stale);
    assert_eq!(discovered(&asker).await, Some(("Stale".to_owned(), Vec::new())));
    assert_eq!(asker.get(LIST).await.status, 200);
    server.set_listing(GROUP, Listing::Missing);
    assert_eq!(discovered(&asker).await, None);
    assert_eq!(asker.get(LIST).await.status, 200);
    server.set_listing(GROUP, Listing::Current);
    server.set_broken(GROUP, true);
    assert_eq!(discovered(&asker).await, Some(("Stale".to_owned(), Vec::new())));
    assert_eq!(asker.get(LIST).await.status, 503);
    server.set_broken(GROUP, false);

    // Its API server says that it has no kinds; the APIService stands, and the objects are where they were.
    server.set_served(GIZMOS, false).expect("a kind");
    assert_eq!(discovered(&asker).await, Some(("Current".to_owned(), Vec::new())));
    assert_eq!(asker.get(LIST).await.status, 404);
    assert!(server.object(API_SERVICE, "", "v1.things.example.org").is_some());
    server.set_served(GIZMOS, true).expect("a kind");
    assert_eq!(asker.get(LIST).await.names(), ["one", "two"]);
    assert!(server.remove_aggregated(GIZMOS) && !server.remove_aggregated(GIZMOS));
    assert_eq!(discovered(&asker).await, None);
    assert!(server.object(API_SERVICE, "", "v1.things.example.org").is_none());
}

#[tokio::test]
async fn a_definition_follows_the_versions_that_are_served() {
    let (server, asker) = server(small()).await;
    server.add_crd(&Crd::new("test.example.org", "v1alpha1", "Widget", "widgets")).expect("a new kind");
    let widgets = "widgets.test.example.org";
    server.apply(widgets, object("default", "own")).expect("a kind that is served");
    let generation = || server.object(CRD, "", widgets).expect("a definition").generation;
    assert_eq!(generation(), 1);
    server.set_versions(widgets, &["v1", "v1alpha1"]).expect("a kind");
    assert_eq!(generation(), 2);
    for version in ["v1", "v1alpha1"] {
        let list = format!("/apis/test.example.org/{version}/widgets");
        assert_eq!(asker.get(&list).await.names(), ["own"]);
        assert!(server.object(API_SERVICE, "", &format!("{version}.test.example.org")).is_some());
    }
    server.set_versions(widgets, &["v1"]).expect("a kind");
    assert_eq!(asker.get("/apis/test.example.org/v1alpha1/widgets").await.status, 404);
    assert!(server.object(API_SERVICE, "", "v1alpha1.test.example.org").is_none());
    server.set_versions(widgets, &[]).expect_err("some version");
    server.set_versions("nothings", &["v1"]).expect_err("a kind");
}

#[tokio::test]
async fn a_conversion_webhook_that_is_down_hides_behind_an_empty_cache() {
    let initializing = "storage is (re)initializing";
    for (profile, cached, stored, told) in [
        (Profile::V1_27, &["watch=1"][..], &["", "limit=1", "resourceVersion=0"][..], initializing),
        (
            Profile::V1_33,
            &["watch=1", "resourceVersion=0"],
            &["", "limit=1", "limit=1&resourceVersion=0"],
            initializing,
        ),
        (
            Profile::V1_37,
            &["watch=1", "resourceVersion=0", "", "resourceVersion=5&resourceVersionMatch=Exact"],
            &["limit=1", "limit=1&resourceVersion=0"],
            "storage is (re)initializing: failed to list <unspecified>: failed to read one or more widgets.test.example.org",
        ),
    ] {
        let (server, asker) = server(ServerOptions { profile, ..small() }).await;
        server.add_crd(&Crd::new("test.example.org", "v1", "Widget", "widgets")).expect("a new kind");
        let (widgets, list) = ("widgets.test.example.org", "/apis/test.example.org/v1/widgets");
        let why = "conversion webhook for test.example.org/v1alpha1, Kind=Widget failed: Post \"https://x\": refused";
        server.set_conversion(widgets, Some(why)).expect("a kind");
        assert_eq!(
            asker.get(&format!("{list}?resourceVersion=0")).await.status,
            200,
            "nothing is to be converted"
        );
        server.apply(widgets, object("default", "own")).expect("a kind that is served");
        for query in cached {
            let answer = asker.get(&format!("{list}?{query}")).await;
            let (status, reason, message) = answer.refusal();
            assert_eq!((status, reason.as_str()), (429, "TooManyRequests"), "{query}");
            assert!(message.starts_with(told) && answer.retry_after.as_deref() == Some("1"), "{answer:?}");
        }
        for query in stored {
            let (status, _, message) = asker.get(&format!("{list}?{query}")).await.refusal();
            assert!(status == 500 && message.ends_with(why), "{query}: {status} {message}");
        }
        let one = asker.get("/apis/test.example.org/v1/namespaces/default/widgets/own").await;
        assert_eq!(one.refusal().0, 500);
        server.set_conversion(widgets, None).expect("a kind");
        assert_eq!(asker.get(&format!("{list}?resourceVersion=0")).await.names(), ["own"]);
    }
}

#[tokio::test]
async fn a_kind_with_an_etcd_of_its_own_has_revisions_of_its_own() {
    let (server, asker) = server(small()).await;
    add_gizmos(&server);
    server.set_own_storage(GIZMOS, 1).expect("a kind");
    let main = server.revision();
    assert_eq!(server.apply(GIZMOS, object("default", "mine")).expect("a kind that is served"), 2);
    let list = asker.get(LIST).await;
    assert_eq!((list.names(), list.version()), (vec!["mine".to_owned()], 2));
    assert_eq!(asker.get("/api/v1/pods").await.version(), main);
    let mut watch = asker.watch(&format!("{LIST}?watch=1&resourceVersion=2")).await;
    server.touch("pods", "nowhere", "nothing").expect("Pods are served");
    server.delete(GIZMOS, "default", "mine");
    assert_eq!(watch.next().await, Some(("DELETED".to_owned(), "mine".to_owned())));
    server.set_own_revision_back(GIZMOS, 2).expect("it is not compacted");
    assert_eq!(asker.get(LIST).await.names(), ["mine"]);
    server.set_own_revision_back("pods", 2).expect_err("Pods have no etcd of their own");
}

#[tokio::test]
async fn api_servers_behind_one_address_have_caches_of_different_age() {
    let options =
        ServerOptions { fresh_wait: std::time::Duration::from_millis(20), tls: Tls::Off, ..small() };
    let (server, asker) = server(options).await;
    server.set_servers(2);
    server.freeze(1);
    let old = server.revision();
    let new = server.apply("configmaps", object("default", "later")).expect("config maps are served");
    let list = "/api/v1/namespaces/default/configmaps";
    // They take turns: two requests see both.
    let both = async |query: &str| {
        let path = format!("{list}?{query}");
        let mut answers = [asker.get(&path).await, asker.get(&path).await];
        answers
            .sort_by_key(|answer| (answer.status, if answer.status == 200 { answer.version() } else { 0 }));
        answers
    };
    let [stale, fresh] = both("resourceVersion=0").await;
    assert_eq!((stale.version(), fresh.version()), (old, new));
    assert!(!stale.names().contains(&"later".to_owned()) && fresh.names().contains(&"later".to_owned()));
    for etcd in ["", "limit=500"] {
        let [one, other] = both(etcd).await;
        assert_eq!((one.version(), other.version()), (new, new));
    }
    let [fresh, stale] = both(&format!("resourceVersion={new}&resourceVersionMatch=NotOlderThan")).await;
    assert_eq!(fresh.version(), new);
    let (status, reason, message) = stale.refusal();
    assert_eq!((status, reason.as_str()), (504, "Timeout"));
    assert_eq!(message, format!("Timeout: Too large resource version: {new}, current: {old}"));
    assert_eq!(stale.json()["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");

    // A watch from the other one's future hears nothing until the cache has caught up.
    let begin = async || asker.watch(&format!("{list}?watch=1&resourceVersion={new}")).await;
    let mut watches = [begin().await, begin().await];
    server.delete("configmaps", "default", "later");
    let told = Some(("DELETED".to_owned(), "later".to_owned()));
    let [first, second] = &mut watches;
    let stale = tokio::select! {
        event = first.next() => { assert_eq!(event, told); second }
        event = second.next() => { assert_eq!(event, told); first }
    };
    server.thaw(1);
    assert_eq!(stale.next().await, told);
    let [one, other] = both("resourceVersion=0").await;
    assert_eq!(one.version(), other.version());
}
