//! What the terminal app asks for single objects: the object as it changes, Tables, logs. Each case hands back what it saw
//! for the comparison of both servers.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

use kubesift::cluster::discovery::aggregated;
use kubesift::cluster::fetch::{Fetcher, LogOptions, Manifest, ObjectRef, Sight, Standing};
use kubesift::cluster::wire::WatchEvent;

use super::Seen;
use super::subject::{NAMESPACE, PATH, Subject};
use crate::support::wait_for;

const DISCOVERY: &str = kubesift::cluster::discovery::ACCEPT;
const PLAIN: &str = "application/json";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// An object in the namespace of the cases.
fn reference(plural: &str, name: &str, uid: &str) -> ObjectRef {
    ObjectRef {
        group: String::new(),
        version: "v1".to_owned(),
        plural: plural.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        name: name.to_owned(),
        uid: uid.to_owned(),
    }
}

async fn uid(subject: &Subject, path: &str) -> String {
    subject.get(path, PLAIN).await.json()["metadata"]["uid"].as_str().expect("a uid").to_owned()
}

/// One object of a collection: listed and watched by its name.
pub(super) async fn single(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    subject.put("single", &[("round", "1")]).await;
    let only = format!("{PATH}?fieldSelector=metadata.name%3Dsingle");
    let list = subject.get(&only, PLAIN).await.json();
    let items = list["items"].as_array().expect("items");
    let says = |key: &str| items[0].get(key).is_some();
    seen.push(format!(
        "{} {} of {}; items say kind: {}, apiVersion: {}",
        list["kind"],
        items.len(),
        list["apiVersion"],
        says("kind"),
        says("apiVersion"),
    ));
    let version = list["metadata"]["resourceVersion"].as_str().expect("a version");
    let seconds = subject.watch_seconds();
    let query =
        format!("fieldSelector=metadata.name%3Dsingle&resourceVersion={version}&timeoutSeconds={seconds}");
    let mut watch = subject.watch(&query, PLAIN).await;
    seen.push(watch.content_type().to_owned());
    subject.put("other", &[]).await;
    subject.put("single", &[("round", "2")]).await;
    subject.delete("other").await;
    subject.delete("single").await;
    seen.extend(watch.read_to_end().await.iter().map(|event| match event {
        WatchEvent::Added(object) => format!("ADDED {} {:?}", object.name, object.labels),
        WatchEvent::Modified(object) => format!("MODIFIED {} {:?}", object.name, object.labels),
        WatchEvent::Deleted(object) => format!("DELETED {} {:?}", object.name, object.labels),
        other => format!("{other:?}"),
    }));
    for path in [only.clone(), format!("{only}&watch=1")] {
        seen.push(subject.get_as_nobody(&path).await.refusal());
    }
    seen.push(format!("{}", subject.get(&only, PLAIN).await.json()["items"]));
    seen
}

/// The same object through what the app looks with.
pub(super) async fn followed(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    subject.put("followed", &[("round", "1")]).await;
    let object = reference("configmaps", "followed", &uid(subject, &format!("{PATH}/followed")).await);
    let (tell, sights) = channel();
    let fetcher = Fetcher::new(subject.client());
    let task = tokio::spawn(async move {
        fetcher.follow(&object, false, |sight| tell.send(sight).expect("it is heard")).await;
    });
    let mut last = Told { sights, text: String::new(), standing: None };
    last.until("live", |told| told.standing == Some(Standing::Live)).await;
    // What a list of a built-in kind leaves out is there all the same.
    let says = |line: &&str| line.starts_with("apiVersion:") || line.starts_with("kind:");
    let head: Vec<_> = last.text.lines().filter(says).collect();
    seen.push(format!("{head:?}"));
    subject.put("followed", &[("round", "2")]).await;
    last.until("the change", |told| told.text.contains("round: \"2\"")).await;
    subject.delete("followed").await;
    last.until("the end", |told| matches!(told.standing, Some(Standing::Deleted { .. }))).await;
    task.await.expect("nothing is left to follow");
    seen.push(format!("{:?} {}", last.standing, last.text.contains("round: \"2\"")));
    seen
}

struct Told {
    sights: Receiver<Sight<Manifest>>,
    text: String,
    standing: Option<Standing>,
}

impl Told {
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        wait_for(what, async || {
            while let Ok(sight) = self.sights.try_recv() {
                if let Some(Ok(manifest)) = sight.what {
                    self.text = manifest.text;
                }
                self.standing = Some(sight.standing);
            }
            if holds(self) { Ok(()) } else { Err(format!("{:?} {}", self.standing, self.text)) }
        })
        .await;
    }
}

/// Columns that kubesift reads.
const READ: [&str; 15] = [
    "status",
    "phase",
    "state",
    "health status",
    "health",
    "job status",
    "ready",
    "completions",
    "desired",
    "replicas",
    "synced",
    "available",
    "healthy",
    "restarts",
    "current",
];

fn names(table: &serde_json::Value) -> Vec<String> {
    let columns = table["columnDefinitions"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    columns.filter_map(|column| column["name"].as_str()).map(str::to_lowercase).collect()
}

/// What is printed of objects: the columns that kubesift reads are those of the real server.
pub(super) async fn tables(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    for path in [PATH.to_owned(), format!("{PATH}/a"), format!("/api/v1/namespaces/{NAMESPACE}")] {
        let answer = subject.get(&path, TABLE).await;
        let table = answer.json();
        let columns = names(&table);
        let rows = table["rows"].as_array().expect("rows").iter().map(|row| {
            let cells = columns.iter().zip(row["cells"].as_array().expect("cells"));
            let told =
                cells.filter(|(column, _)| column.as_str() == "name" || READ.contains(&column.as_str()));
            let told: Vec<_> = told.map(|(column, cell)| format!("{column}={cell}")).collect();
            let object = &row["object"];
            assert!(object["metadata"]["uid"].is_string(), "{object}");
            format!("{} of {} {}", told.join(" "), object["kind"], object["apiVersion"])
        });
        seen.push(format!("{} {} {}", answer.status, table["kind"], rows.collect::<Vec<_>>().join("; ")));
    }
    for path in [format!("{PATH}/missing"), "/api/v1/nothings".to_owned()] {
        seen.push(subject.get(&path, TABLE).await.status.to_string());
    }
    let object = reference("configmaps", "a", &uid(subject, &format!("{PATH}/a")).await);
    let printed = Fetcher::new(subject.client()).statuses(&object, true).await.expect("a Table");
    assert!(printed.objects.iter().any(|own| own.uid == object.uid), "{printed:?}");
    seen
}

/// Every kind that both servers have prints the same columns of those that kubesift reads.
pub(super) async fn columns_are_those_of(simulated: &Subject, real: &Subject) {
    let (simulated, real) = (columns(simulated).await, columns(real).await);
    let differs =
        |(kind, columns): &(&String, &Vec<String>)| real.get(*kind).is_some_and(|own| own != *columns);
    let different: Vec<_> = simulated
        .iter()
        .filter(differs)
        .map(|(kind, columns)| format!("{kind}: real {:?}, simulated {columns:?}", real.get(kind)))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(simulated.keys().filter(|kind| real.contains_key(*kind)).count() >= 55);
}

async fn columns(subject: &Subject) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for root in ["/api", "/apis"] {
        let kinds = aggregated(&subject.get(root, DISCOVERY).await.body).expect("aggregated discovery").kinds;
        for kind in kinds {
            let answer = subject.get(&format!("{}?limit=1", kind.path(None)), TABLE).await;
            if answer.status != 200 {
                continue;
            }
            let read = names(&answer.json()).into_iter().filter(|name| READ.contains(&name.as_str()));
            all.insert(kind.key().to_string(), read.collect());
        }
    }
    all
}

/// Logs, as far as they need no kubelet: what is refused, and how.
pub(super) async fn logs(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    subject.put_pod("logged").await;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    seen.push(subject.get(&format!("{path}/missing/log"), "*/*").await.refusal());
    seen.push(subject.get(&format!("{path}/logged/log?container=nothing"), "*/*").await.refusal());
    seen.push(subject.get_as_nobody(&format!("{path}/logged/log")).await.refusal());
    let fetcher = Fetcher::new(subject.client());
    let pod = reference("pods", "logged", &uid(subject, &format!("{path}/logged")).await);
    seen.push(format!("{:?}", fetcher.containers(&pod).await.expect("containers")));
    let options = LogOptions { container: "nothing".to_owned(), previous: false, tail: 10 };
    let refused = fetcher.logs(&pod, &options).await.err().expect("no such container");
    seen.push(refused.to_string());
    seen
}
