//! `search` against kubectl over a whole mixed cluster: the same objects for every alias of every kind, for parts of
//! names, namespaces and selectors. 20,000 objects with `tests/run --long`, some hundreds without.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::support::steps::measured;
use crate::support::{ControlPlane, Home, Options, load, long};

/// Objects as `namespace/apiVersion/Kind/name`, which is a document's id.
type Ids = BTreeSet<String>;

/// kubectl and kubesift side by side.
struct Compare {
    plane: ControlPlane,
    home: Home,
    /// Every kind that the index holds, as kubectl's `get` takes them.
    kinds: String,
}

impl Compare {
    async fn start(objects: usize) -> Option<(Self, Vec<Value>)> {
        let plane = ControlPlane::start(Options::default()).await?;
        load::mixed(&plane, objects).await;
        let home = Home::new(plane.kubeconfig("admin"));
        home.run(&["sync", "--once"]).await.success();
        let Value::Array(kinds) = home.run(&["kinds", "-o", "json"]).await.json() else { panic!("no kinds") };
        let kinds: Vec<Value> = kinds.into_iter().filter(|kind| kind["state"]["is"] == "complete").collect();
        let names: Vec<String> = kinds.iter().map(|kind| key(kind, &text(&kind["plural"]))).collect();
        Some((Self { plane, home, kinds: names.join(",") }, kinds))
    }

    /// What `kubectl get KINDS ...` finds.
    async fn theirs(&self, kinds: &str, arguments: &[&str]) -> Ids {
        let columns = "-o=custom-columns=A:.metadata.namespace,B:.apiVersion,C:.kind,D:.metadata.name";
        let fixed = ["get", kinds, columns, "--no-headers"];
        let answer = self.plane.kubectl(&[&fixed, arguments].concat()).await;
        let id = |line: &str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(columns.len(), 4, "{line}");
            columns.join("/").replacen("<none>/", "_cluster/", 1)
        };
        answer.lines().map(id).collect()
    }

    /// What `kubesift search ...` finds.
    async fn ours(&self, arguments: &[&str]) -> Ids {
        let fixed = ["search", "--offline", "--limit", "0", "-o", "json"];
        let output = self.home.run(&[&fixed, arguments].concat()).await;
        assert!(output.code < 2, "{arguments:?}: {}", output.stderr);
        let Value::Array(hits) = output.json() else { panic!("{arguments:?}: no list") };
        let ids: Ids = hits.iter().map(|hit| text(&hit["id"])).collect();
        assert_eq!(ids.len(), hits.len(), "{arguments:?}: the same object twice");
        ids
    }
}

/// Says which objects differ, not all that are equal.
fn equal(ours: &Ids, theirs: &Ids, what: &str) {
    let missing: Vec<_> = theirs.difference(ours).take(5).collect();
    let wrong: Vec<_> = ours.difference(theirs).take(5).collect();
    let counts = format!("{} of {} objects", ours.len(), theirs.len());
    assert!(missing.is_empty() && wrong.is_empty(), "{what}: {counts}; missing {missing:?}, wrong {wrong:?}");
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// `name.group`; the core group has no name.
fn key(kind: &Value, name: &str) -> String {
    format!("{name}.{}", text(&kind["group"])).trim_end_matches('.').to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(text).collect()
}

/// All that a person may call a kind.
fn aliases(kind: &Value) -> Vec<String> {
    let plural = text(&kind["plural"]);
    let mut names = vec![plural.clone(), text(&kind["singular"]), text(&kind["kind"])];
    names.extend(strings(&kind["short_names"]));
    let keys: Vec<String> = names.iter().map(|name| key(kind, name)).collect();
    names.extend(keys);
    names.extend(
        Some(text(&kind["version"]))
            .filter(|_| kind["group"] != "")
            .map(|version| format!("{plural}.{version}.{}", text(&kind["group"]))),
    );
    names
}

/// Parts of the names that there are, the same ones for the same seed.
fn parts(all: &Ids, count: usize) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(4);
    let all: Vec<&String> = all.iter().collect();
    let mut parts =
        vec!["checkout".to_owned(), "api".to_owned(), "7".to_owned(), "nothing-is-called-so".to_owned()];
    while parts.len() < count {
        let (_, name) = all[random.random_range(0..all.len())].rsplit_once('/').expect("an id");
        let from = random.random_range(0..name.len());
        let to = (from + random.random_range(1..9)).min(name.len());
        // a mark of the language is quoted or escaped; that is another question
        let part = name[from..to].trim_matches(|c: char| !c.is_ascii_alphanumeric());
        parts.extend(Some(part.to_owned()).filter(|part| !part.is_empty()));
    }
    parts
}

const SELECTORS: &[&str] = &[
    "app=checkout",
    "app==checkout",
    "app=checkout,env=prod",
    "app!=checkout",
    "env in (prod,stage)",
    "env in (prod), app in (cart,ledger)",
    "env notin (prod,stage)",
    "team,env",
    "app,!pod-template-hash",
    "!app",
    "app=checkout,env notin (dev),pod-template-hash",
    "nothing",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_cluster_is_answered_as_kubectl_answers() {
    let objects = if long() { 20_000 } else { 600 };
    let Some((compare, kinds)) = Compare::start(objects).await else { return };
    let all = compare.theirs(&compare.kinds, &["-A"]).await;
    assert!(all.len() >= objects, "{} objects", all.len());
    equal(&compare.ours(&["*"]).await, &all, "*");

    compare_aliases(&compare, &kinds).await;
    compare_name_parts(&compare, &all).await;
    compare_namespaces(&compare, &all).await;
    for selector in SELECTORS {
        let theirs = compare.theirs(&compare.kinds, &["-A", "-l", selector]).await;
        equal(&compare.ours(&["-l", selector]).await, &theirs, selector);
    }
}

async fn compare_aliases(compare: &Compare, kinds: &[Value]) {
    // the loaded CRDs are alike; kubectl takes its time for each
    let (custom, builtin): (Vec<_>, Vec<_>) =
        kinds.iter().partition(|kind| kind["group"] == "mixed.kubesift.test");
    let custom = custom.into_iter().take(if long() { usize::MAX } else { 2 });
    let mut names: BTreeSet<String> = builtin.into_iter().chain(custom).flat_map(aliases).collect();
    names.insert("all".to_owned());
    let pairs = stream::iter(&names).map(async |name| {
        let theirs = compare.theirs(name, &["-A"]).await;
        equal(&compare.ours(&[&format!("kind:{name}")]).await, &theirs, &format!("kind:{name}"));
        theirs.len()
    });
    let hits: usize = pairs.buffer_unordered(2).collect::<Vec<_>>().await.into_iter().sum();
    measured(&format!("{} names of {} kinds: {hits} hits equal", names.len(), kinds.len()));
}

async fn compare_name_parts(compare: &Compare, all: &Ids) {
    for part in parts(all, 60) {
        let lower = part.to_lowercase();
        let named =
            |id: &&String| id.rsplit_once('/').is_some_and(|(_, name)| name.to_lowercase().contains(&lower));
        let theirs: Ids = all.iter().filter(named).cloned().collect();
        for query in [format!("name:{part}"), format!("'{part}")] {
            equal(&compare.ours(&[&query]).await, &theirs, &query);
        }
    }
}

async fn compare_namespaces(compare: &Compare, all: &Ids) {
    let names: BTreeSet<&str> = all.iter().filter_map(|id| id.split('/').next()).collect();
    for namespace in names.into_iter().filter(|namespace| *namespace != "_cluster").take(12) {
        let theirs = compare.theirs(&compare.kinds, &["-n", namespace]).await;
        // kubectl adds what is in no namespace; a search asks for what is in this one
        let theirs: Ids = theirs.into_iter().filter(|id| !id.starts_with("_cluster/")).collect();
        equal(&compare.ours(&[&format!("ns:{namespace}")]).await, &theirs, &format!("ns:{namespace}"));
        equal(&compare.ours(&["-n", namespace]).await, &theirs, &format!("-n {namespace}"));
        let pods = compare.ours(&["-n", namespace, "kind:po", "-l", "app"]).await;
        let theirs = compare.theirs("po", &["-n", namespace, "-l", "app"]).await;
        equal(&pods, &theirs, &format!("Pods of {namespace} with an app"));
    }
}
