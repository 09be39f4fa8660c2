//! The cases. Each asserts what kubesift relies on, and hands back what it saw for the comparison of both servers.

use std::collections::BTreeMap;

use kubesift::cluster::discovery::aggregated;
use kubesift::cluster::wire::{Encoding, WatchEvent};
use kubesift::object::{Kind, KindKey, Object};

use super::Seen;
use super::subject::{Answer, NAMESPACE, PATH, Subject, UNCONVERTED, essence};
use crate::support::ControlPlane;

const DISCOVERY: &str = kubesift::cluster::discovery::ACCEPT;
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const JSON: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const PLAIN: &str = "application/json";
const WATCH_PROTOBUF: &str =
    "application/vnd.kubernetes.protobuf;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const WATCH_JSON: &str = "application/json;stream=watch;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// The order that kubesift asks in.
const THREE_WAYS: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,\
     application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

fn names(objects: &[Object]) -> String {
    objects.iter().map(|object| object.name.as_str()).collect::<Vec<_>>().join(",")
}

/// An object without what differs from server to server.
fn told(object: &Object) -> String {
    let labels: Vec<_> = object.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert!(object.resource_version.parse::<u64>().is_ok(), "{object:?}");
    assert!(!object.uid.is_empty() && object.created.is_some(), "{object:?}");
    format!("{}/{} {}", object.namespace, object.name, labels.join(","))
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or_else(|_| panic!("{version:?} is no number"))
}

pub(super) async fn discovery(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    for path in ["/api", "/apis"] {
        let answer = subject.get(path, DISCOVERY).await;
        assert!(answer.content_type.contains("as=APIGroupDiscoveryList"), "{}", answer.content_type);
        let part = aggregated(&answer.body).expect("aggregated discovery");
        assert!(!part.kinds.is_empty());
        seen.push(format!("{path} {} {}", answer.status, answer.content_type));
        // A server that lacks the aggregated form falls back to this one.
        let classic = subject.get(path, PLAIN).await;
        seen.push(format!("{path} {} {}", essence(&classic.content_type), classic.json()["kind"]));
        let unknown =
            subject.get(path, "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList").await;
        seen.push(format!("{path} in an unknown form: {}", unknown.status));
        let beta = subject
            .get(path, "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList")
            .await;
        seen.push(format!("{path} as v2beta1: {}", beta.status));
    }
    for path in ["/api/v1", "/apis/apps/v1"] {
        let answer = subject.get(path, PLAIN).await.json();
        let resources = answer["resources"].as_array().expect("resources").iter();
        let listable = resources.filter(|resource| resource["verbs"].to_string().contains("\"list\""));
        let names: Vec<_> = listable.map(|resource| resource["name"].as_str().expect("a name")).collect();
        seen.push(format!("{path} {} {}", answer["kind"], names.join(",")));
    }
    seen.push(subject.get("/apis/nothing.example.org/v1/things", PLAIN).await.status.to_string());
    seen
}

/// Every kind that the simulated server has is described as the real one describes it.
pub(super) async fn kinds_are_those_of(simulated: &Subject, real: &Subject) {
    async fn kinds(subject: &Subject) -> BTreeMap<KindKey, Kind> {
        let mut all = Vec::new();
        for path in ["/api", "/apis"] {
            all.extend(
                aggregated(&subject.get(path, DISCOVERY).await.body).expect("aggregated discovery").kinds,
            );
        }
        all.into_iter().map(|kind| (kind.key(), kind)).collect()
    }
    let (simulated, real) = (kinds(simulated).await, kinds(real).await);
    for (key, kind) in
        simulated.iter().filter(|(key, _)| !key.as_str().contains(".example.") && real.contains_key(*key))
    {
        assert_eq!(Some(kind), real.get(key), "{key}: the simulated one left, the real one right");
    }
    let common = simulated.keys().filter(|key| real.contains_key(*key)).count();
    assert!(common >= 55, "{common} kinds are on both");
}

pub(super) async fn lists(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    for accept in [THREE_WAYS, PROTOBUF, JSON, PLAIN, "*/*"] {
        let answer = subject.get(PATH, accept).await;
        let (objects, end) = answer.list();
        assert!(
            number(&end.resource_version)
                >= objects.iter().map(|o| number(&o.resource_version)).max().unwrap_or(0)
        );
        let told: Vec<_> = objects.iter().map(told).collect();
        seen.push(format!("{} {} {:?}", essence(&answer.content_type), told.join("; "), end.continue_token));
    }
    let answer = subject.get(PATH, THREE_WAYS).await;
    assert_eq!(Encoding::of(&answer.content_type), Some(Encoding::Protobuf), "the first clause wins");
    let full = subject.get(PATH, PLAIN).await.json();
    seen.push(format!("{} {}", full["kind"], full["apiVersion"]));
    let one = subject.get(&format!("{PATH}/a"), PLAIN).await.json();
    seen.push(format!("{} {} {}", one["kind"], one["apiVersion"], one["metadata"]["labels"]));
    seen.push(subject.get(PATH, "text/html").await.status.to_string());
    let everywhere = subject.get("/api/v1/configmaps", PROTOBUF).await.list().0;
    assert!(everywhere.iter().filter(|object| object.namespace == NAMESPACE).count() >= 5);
    seen
}

pub(super) async fn versions(subject: &Subject) -> Seen {
    let ask = async |query: String| subject.get(&format!("{PATH}?{query}"), PROTOBUF).await;
    let current = ask(String::new()).await.list().1.resource_version;
    let mut seen = Seen::new();
    for query in [
        "resourceVersion=0".to_owned(),
        format!("resourceVersion={current}&resourceVersionMatch=NotOlderThan"),
        "resourceVersion=0&resourceVersionMatch=NotOlderThan".to_owned(),
        format!("resourceVersion={current}&resourceVersionMatch=Exact"),
        format!("resourceVersion={current}"),
    ] {
        let (objects, end) = ask(query.clone()).await.list();
        assert!(query.contains("=0") || number(&end.resource_version) >= number(&current), "{query}");
        seen.push(names(&objects));
    }
    let future = number(&current) + 100_000;
    let too_large = ask(format!("resourceVersion={future}&resourceVersionMatch=NotOlderThan")).await;
    let status = kubesift::cluster::wire::Status::decode(&too_large.content_type, &too_large.body);
    let causes: Vec<_> = status.causes.iter().map(|cause| cause.reason.clone()).collect();
    assert_eq!((too_large.status, causes.join(",").as_str()), (504, "ResourceVersionTooLarge"), "{status:?}");
    seen.push(format!("{} {} {causes:?} {:?}", status.code, status.reason, status.retry_after_seconds));
    seen
}

pub(super) async fn selectors(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    for selector in [
        "app=web",
        "app==web",
        "app!=web",
        "app",
        "!app",
        "empty=",
        "app=web,env!=prod",
        "env+in+(prod,stage)",
        "env+notin+(prod)",
        "app+in+(web,db),!env",
    ] {
        let path = format!("{PATH}?labelSelector={}", selector.replace('=', "%3D").replace('!', "%21"));
        let objects = subject.get(&path, PROTOBUF).await.list().0;
        seen.push(format!("{selector}: {}", names(&objects)));
    }
    let field = subject.get(&format!("{PATH}?fieldSelector=metadata.name%3Db"), PROTOBUF).await.list().0;
    seen.push(names(&field));
    for wrong in ["labelSelector=a%3D%3D%3Db,,", "labelSelector=a+in+b", "fieldSelector=spec.nothing%3D1"] {
        let answer = subject.get(&format!("{PATH}?{wrong}"), PLAIN).await;
        seen.push(format!("{wrong}: {} {}", answer.status, answer.json()["reason"]));
    }
    seen
}

pub(super) async fn pages(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    let mut path = format!("{PATH}?limit=2");
    let mut version = None;
    loop {
        let (objects, end) = subject.get(&path, PROTOBUF).await.list();
        seen.push(format!("{} and {:?} more", names(&objects), end.remaining));
        assert_eq!(
            version.get_or_insert(end.resource_version.clone()),
            &end.resource_version,
            "one state on all pages"
        );
        let Some(token) = end.continue_token else { break };
        // What is made meanwhile does not show up in later pages.
        subject.put("bb", &[]).await;
        path = format!("{PATH}?limit=2&continue={token}");
    }
    subject.delete("bb").await;
    let wrong = subject.get(&format!("{PATH}?limit=2&continue=bm9uc2Vuc2U"), PLAIN).await;
    seen.push(format!("{} {}", wrong.status, wrong.json()["reason"]));
    let at_zero = subject.get(&format!("{PATH}?limit=2&resourceVersion=0"), PROTOBUF).await.list();
    seen.push(format!("at version 0 the limit does not count: {}", names(&at_zero.0)));
    seen
}

pub(super) async fn refusals(subject: &Subject) -> Seen {
    let forbidden = subject.get_as_nobody(PATH).await;
    assert_eq!(forbidden.status, 403);
    let mut seen = vec![forbidden.refusal()];
    seen.push(subject.get_as_nobody("/api/v1/configmaps").await.refusal());
    seen.push(subject.get_as_nobody("/apis/apps/v1/deployments").await.refusal());
    seen.push(subject.get_as_nobody(&format!("{PATH}?watch=1")).await.refusal());
    seen.push(subject.get_as_nobody("/api/v1/nodes/n").await.refusal());
    let unauthorized = subject.get_as_stranger(PATH).await;
    assert_eq!(unauthorized.status, 401);
    seen.push(unauthorized.refusal());
    seen.push(subject.get(&format!("{PATH}/missing"), PLAIN).await.refusal());
    let unknown: Answer = subject.get("/api/v1/nothings", PLAIN).await;
    seen.push(format!("{} {}", unknown.status, essence(&unknown.content_type)));
    // What can be listed and not watched, and what can be neither.
    for path in ["/api/v1/componentstatuses?watch=1", "/api/v1/bindings", "/api/v1/bindings?watch=1"] {
        seen.push(subject.get(path, PLAIN).await.refusal());
    }
    seen.push(subject.get_as_nobody("/api").await.status.to_string());
    seen.push(subject.get_as_nobody("/version").await.status.to_string());
    seen
}

/// What is said while a conversion webhook is down, which depends on where the answer would come from.
pub(super) async fn unconverted(subject: &Subject) -> Seen {
    subject.break_conversion().await;
    let mut seen = Seen::new();
    let version = subject.get(PATH, PROTOBUF).await.list().1.resource_version;
    for query in [
        "?resourceVersion=0".to_owned(),
        "?resourceVersion=0&resourceVersionMatch=NotOlderThan".to_owned(),
        format!("?resourceVersion={version}&resourceVersionMatch=NotOlderThan"),
        format!("?resourceVersion={version}&resourceVersionMatch=Exact"),
        String::new(),
        "?limit=1".to_owned(),
        "?limit=1&resourceVersion=0".to_owned(),
        "?limit=0&resourceVersion=0".to_owned(),
        format!("?watch=1&resourceVersion={version}"),
        "?watch=1&resourceVersion=0".to_owned(),
        "/own".to_owned(),
        "/own?resourceVersion=0".to_owned(),
    ] {
        let refusal = subject.get(&format!("{UNCONVERTED}{query}"), PLAIN).await.refusal();
        // The revision of the object that can't be read is another on each server.
        let (before, after) = refusal.split_once(" revision=").unwrap_or((&refusal, ""));
        let after = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
        seen.push(format!("{}: {before}{after}", query.replace(&version, "N")));
    }
    seen
}

pub(super) async fn reviews(subject: &Subject) -> Seen {
    let list = subject.get("/api", DISCOVERY).await;
    let kinds = aggregated(&list.body).expect("aggregated discovery").kinds;
    let config_maps = kinds.iter().find(|kind| kind.plural == "configmaps").expect("config maps");
    let mut seen = Seen::new();
    for user in ["admin", "nobody"] {
        let rights = subject.rights(user, NAMESPACE).await;
        let may = rights.may_list(config_maps);
        assert_eq!(may, user == "admin", "{user}");
        seen.push(format!("{user}: {may}, incomplete: {}", rights.incomplete));
    }
    seen
}

/// Who one is: not served before 1.28.
pub(super) async fn identity(subject: &Subject) -> Seen {
    vec![format!("{:?} {:?}", subject.who("admin").await, subject.who("nobody").await)]
}

pub(super) async fn kubectl(subject: &Subject, plane: Option<&ControlPlane>) -> Seen {
    let mut seen = Seen::new();
    for arguments in [
        &["get", "configmaps", "-o", "name"][..],
        &["get", "cm", "-o", "name", "-l", "app=web"],
        &["get", "cm", "-o", "name", "-l", "env in (prod,stage)"],
        &["get", "cm", "a", "-o", "jsonpath={.metadata.labels}"],
        &["get", "cm", "--no-headers", "-o", "custom-columns=NAME:.metadata.name,APP:.metadata.labels.app"],
        &["get", "namespace", NAMESPACE, "-o", "name"],
        &["api-resources", "--api-group=apps", "-o", "name"],
    ] {
        let Some(text) = subject.kubectl(plane, arguments).await else { break };
        seen.push(format!("{}: {text}", arguments.join(" ")));
    }
    // The table that a person sees: kubectl asks for it in a form of its own.
    if let Some(table) = subject.kubectl(plane, &["get", "configmaps"]).await {
        let names: Vec<_> =
            table.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
        seen.push(names.join(","));
    }
    seen
}

pub(super) async fn watches(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    for accept in [WATCH_PROTOBUF, WATCH_JSON, PLAIN] {
        seen.extend(watch(subject, accept, "").await);
    }
    seen.extend(watch(subject, WATCH_PROTOBUF, "&labelSelector=seen%3Dyes").await);
    // From no version: what is there comes as ADDED.
    let mut all = subject.watch("timeoutSeconds=1", WATCH_PROTOBUF).await;
    let mut added: Vec<_> = all.read_to_end().await.iter().map(event).collect();
    added.sort();
    seen.push(added.join("; "));
    seen
}

/// A watch that sees an object made, changed twice and deleted, then a bookmark, and then its end.
async fn watch(subject: &Subject, accept: &'static str, more: &str) -> Seen {
    let version = subject.get(PATH, PROTOBUF).await.list().1.resource_version;
    // What happens before the watch is opened comes out of the server's memory.
    subject.put("w", &[("seen", "yes")]).await;
    let seconds = subject.watch_seconds();
    let query = format!("resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds={seconds}{more}");
    let mut watch = subject.watch(&query, accept).await;
    let mut seen = vec![format!("{} {more}", watch.content_type())];
    subject.put("w", &[("seen", "yes"), ("round", "2")]).await;
    subject.put("w", &[("round", "3")]).await;
    subject.delete("w").await;
    let events = watch.read_to_end().await;
    let newest = |event: &WatchEvent| match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            number(&object.resource_version)
        }
        WatchEvent::Bookmark { version, .. } => number(version),
        WatchEvent::Error(_) | WatchEvent::Unknown(_) => panic!("{event:?}"),
    };
    let versions: Vec<u64> = events.iter().map(newest).collect();
    assert!(versions.is_sorted() && versions[0] > number(&version), "{versions:?} after {version}");
    assert!(
        matches!(events.last(), Some(WatchEvent::Bookmark { .. })),
        "a bookmark before the end: {events:?}"
    );
    seen.extend(events.iter().map(event).filter(|event| event != "BOOKMARK"));
    seen
}

fn event(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Added(object) => format!("ADDED {}", told(object)),
        WatchEvent::Modified(object) => format!("MODIFIED {}", told(object)),
        WatchEvent::Deleted(object) => format!("DELETED {}", told(object)),
        WatchEvent::Bookmark { .. } => "BOOKMARK".to_owned(),
        WatchEvent::Error(status) => format!("ERROR {} {}", status.code, status.reason),
        WatchEvent::Unknown(name) => format!("UNKNOWN {name}"),
    }
}

pub(super) async fn expired(subject: &mut Subject) -> Seen {
    let (_, first) = subject.get(&format!("{PATH}?limit=1"), PROTOBUF).await.list();
    let token = first.continue_token.expect("more than one object");
    for round in ["1", "2", "3"] {
        subject.put("a", &[("round", round)]).await;
    }
    subject.forget_history().await;
    let query = format!("resourceVersion={}&timeoutSeconds=3", first.resource_version);
    let mut watch = subject.watch(&query, WATCH_PROTOBUF).await;
    let mut seen = Seen::new();
    let events: Vec<_> = watch.read_to_end().await.iter().map(event).collect();
    assert_eq!(events, ["ERROR 410 Expired"]);
    seen.extend(events);
    let page = subject.get(&format!("{PATH}?limit=1&continue={token}"), PLAIN).await;
    assert_eq!(page.status, 410);
    seen.push(format!("next page: {} {}", page.status, page.json()["reason"]));
    let exact = format!("{PATH}?resourceVersion={}&resourceVersionMatch=Exact", first.resource_version);
    let exact = subject.get(&exact, PLAIN).await;
    seen.push(format!("exactly then: {} {}", exact.status, exact.json()["reason"]));
    seen
}
