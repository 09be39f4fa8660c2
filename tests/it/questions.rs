//! Questions as users of k9s, kubectl, GitHub and fzf type them, asked through the built program over the demo's
//! objects: each finds what a plain filter finds, or says what to write instead.

use serde_json::Value;

use crate::support::Home;

/// What is expected of an answer.
enum Expect {
    /// These objects and no others.
    Exactly(fn(&Object) -> bool),
    /// At least these objects.
    Among(fn(&Object) -> bool),
    /// These objects and no others, this `Kind/name` first.
    First(&'static str, fn(&Object) -> bool),
    /// This exit code, and this on stderr.
    Says(i32, &'static str),
}

use Expect::{Among, Exactly, First, Says};

/// One document of the answer.
#[derive(Debug, Clone)]
struct Object {
    id: String,
    kind: String,
    namespace: String,
    name: String,
    text: String,
    labels: Vec<String>,
}

impl Object {
    fn new(hit: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &hit["metadata"];
        let labels = metadata["labelPairs"].as_array().map(|all| all.iter().map(text).collect());
        Self {
            id: text(&hit["id"]),
            kind: text(&metadata["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
            text: text(&hit["text"]),
            labels: labels.unwrap_or_default(),
        }
    }

    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|pair| pair == label)
    }
}

#[rustfmt::skip]
const QUESTIONS: &[(&str, &[&str], Expect)] = &[
    // k9s: a command's word, filters with / and !, labels, alternatives
    ("k9s", &["pods"], Among(|o| o.is("Pod"))),
    ("k9s", &["kind:deploy !checkout"], Exactly(|o| o.is("Deployment") && o.name != "checkout")),
    ("k9s", &["-l", "app=checkout"], Exactly(|o| o.has("app=checkout"))),
    ("k9s", &["app=checkout"], Exactly(|o| o.has("app=checkout"))),
    ("k9s", &["name:checkout|name:cart"], Exactly(|o| o.name.contains("checkout") || o.name.contains("cart"))),
    ("k9s", &["/^payments-(api|db)$/ k:svc"], Exactly(|o| o.is("Service") && o.name.starts_with("payments-"))),
    ("k9s", &["deploy payments-prod"], Among(|o| o.is("Deployment") && o.namespace == "payments-prod")),
    ("k9s", &["checkout @staging"], Says(2, "@staging")),
    // kubectl: flags, selectors, KIND/NAME, habits of its command line
    ("kubectl", &["-n", "payments-prod", "kind:pod"], Exactly(|o| o.is("Pod") && o.namespace == "payments-prod")),
    ("kubectl", &["kind:po", "-A"], Exactly(|o| o.is("Pod"))),
    ("kubectl", &["-l", "app in (checkout,cart),env=prod"], Exactly(|o| (o.has("app=checkout") || o.has("app=cart")) && o.has("env=prod"))),
    ("kubectl", &["kind:deploy", "-l", "app!=checkout"], Exactly(|o| o.is("Deployment") && !o.has("app=checkout"))),
    ("kubectl", &["--selector", "app,!app.kubernetes.io/name"], Exactly(|o| o.labels.iter().any(|l| l.starts_with("app=")) && !o.labels.iter().any(|l| l.starts_with("app.kubernetes.io/name=")))),
    ("kubectl", &["deploy/checkout"], First("Deployment/checkout", |o| o.is("Deployment") && o.name.contains("checkout"))),
    ("kubectl", &["certificates.cert-manager.io/checkout"], First("Certificate/checkout", |o| o.is("Certificate") && o.name.contains("checkout"))),
    ("kubectl", &["get", "pods", "-n", "payments-prod"], Says(1, "`get` is searched as a word")),
    // GitHub: qualifiers, exclusion with a minus, dates, no:, sort with a suffix
    ("GitHub", &["label:team=team-payments kind:deploy"], Exactly(|o| o.is("Deployment") && o.has("team=team-payments"))),
    ("GitHub", &["kind:deploy,sts", "-ns:payments-prod"], Exactly(|o| (o.is("Deployment") || o.is("StatefulSet")) && o.namespace != "payments-prod")),
    ("GitHub", &["kind:deploy OR kind:sts"], Exactly(|o| o.is("Deployment") || o.is("StatefulSet"))),
    ("GitHub", &["\"card payments\" kind:deploy"], Exactly(|o| o.is("Deployment") && o.name == "payments-api")),
    ("GitHub", &["kind:node created:>2000-01-01"], Exactly(|o| o.is("Node"))),
    ("GitHub", &["kind:node created:<2000-01-01"], Exactly(|_| false)),
    ("GitHub", &["no:label is:cluster kind:storageclass,bucket"], Exactly(|o| (o.is("StorageClass") || o.is("Bucket")) && o.labels.is_empty())),
    ("GitHub", &["is:open"], Says(2, "expected `namespaced`, `cluster`, `deleting`, `custom` or `gone`")),
    ("GitHub", &["knd:pod"], Says(1, "did you mean `kind:`?")),
    // fzf: anchors, substring, exclusion, alternatives
    ("fzf", &["^checkout config$"], Exactly(|o| o.name.starts_with("checkout") && o.name.ends_with("config"))),
    ("fzf", &["'ledger !^ledger$"], Exactly(|o| o.name.contains("ledger") && o.name != "ledger")),
    ("fzf", &["^checkout$ | ^cart$", "kind:svc"], Exactly(|o| o.is("Service") && (o.name == "checkout" || o.name == "cart"))),
    // what no other tool answers
    ("kubesift", &["root:deploy/checkout kind:pod"], Exactly(|o| o.is("Pod") && o.has("app=checkout"))),
    ("kubesift", &["is:custom"], Exactly(|o| ["example.org/", "cert-manager.io/", "argoproj.io/", "coreos.com/", "istio.io/"].iter().any(|group| o.id.contains(group)))),
    ("kubesift", &["~databases"], Says(2, "semantic engine")),
];

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_as_their_users_expect() {
    let host = Home::new("/nonexistent/kubeconfig");
    let mut demo = host.spawn(&["demo", "--serve", "127.0.0.1:0"]);
    let line = demo.wait_for_line("export KUBECONFIG=").await;
    let home = Home::new(line.split_once('=').expect("a path").1);
    home.run(&["sync", "--once"]).await.success();
    let all: Vec<Object> = home.search_offline("*").await.iter().map(Object::new).collect();
    assert!(all.len() > 300, "{}", all.len());
    for (habit, question, expect) in QUESTIONS {
        let common = ["search", "--offline", "--limit", "0", "-o", "json"];
        let arguments: Vec<&str> = common.iter().chain(*question).copied().collect();
        let output = home.run(&arguments).await;
        let what = format!("{habit}: {question:?}\n{}", output.stderr);
        if let Says(code, text) = expect {
            assert_eq!(output.code, *code, "{what}");
            assert!(output.stderr.contains(text), "{what}");
            continue;
        }
        assert!(output.code < 2, "{what}");
        let hits: Vec<Object> = output.json().as_array().expect("a list").iter().map(Object::new).collect();
        let ids = |objects: &mut dyn Iterator<Item = &Object>| {
            let mut ids: Vec<String> = objects.map(|object| object.id.clone()).collect();
            ids.sort();
            ids
        };
        let found = ids(&mut hits.iter());
        match expect {
            Exactly(filter) => assert_eq!(found, ids(&mut all.iter().filter(|o| filter(o))), "{what}"),
            Among(filter) => {
                let missing: Vec<_> =
                    all.iter().filter(|o| filter(o)).filter(|o| !found.contains(&o.id)).collect();
                assert!(missing.is_empty(), "{what}{missing:?}");
            }
            First(first, filter) => {
                assert_eq!(found, ids(&mut all.iter().filter(|o| filter(o))), "{what}");
                let best = hits.first().map(|hit| format!("{}/{}", hit.kind, hit.name));
                assert_eq!(best.as_deref(), Some(*first), "{what}");
            }
            Says(..) => {}
        }
    }
    assert_eq!(demo.stop().await.0, 0);
}
