//! Who may read what, and how reviews tell of it.

use kubesift::demo::{Review, Rights, Rule, Server, ServerOptions, Verb};
use serde_json::json;

use super::asker::{Asker, server};

const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";

fn small() -> ServerOptions {
    ServerOptions { objects: 300, ..ServerOptions::default() }
}

fn user(server: &Server) -> String {
    server.users()[0].name.clone()
}

async fn review(asker: &Asker, namespace: &str) -> super::asker::Answer {
    let body = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": namespace } });
    asker.ask("POST", RULES, body.to_string()).await
}

#[tokio::test]
async fn a_role_with_list_and_without_watch_is_told_as_it_is() {
    let (server, asker) = server(small()).await;
    server.set_rights(&user(&server), Rights::denied([Rule::new([Verb::Watch], ["pods"])]));
    assert_eq!(asker.get("/api/v1/pods").await.status, 200);
    let (status, reason, message) = asker.get("/api/v1/pods?watch=1").await.refusal();
    assert_eq!((status, reason.as_str()), (403, "Forbidden"));
    assert!(message.contains("cannot watch resource \"pods\""), "{message}");
    let rules = review(&asker, "default").await.json();
    let rules = rules["status"]["resourceRules"].as_array().expect("rules");
    let mut of_pods = rules.iter().filter(|rule| rule["resources"].to_string().contains("\"pods\""));
    assert_eq!(of_pods.next().map(|rule| &rule["verbs"]), Some(&json!(["get", "list"])));
    assert_eq!(of_pods.next(), None);
}

#[tokio::test]
async fn rights_change_between_two_requests() {
    let (server, asker) = server(small()).await;
    let rights =
        || Rights::granted([Rule::new([Verb::List, Verb::Watch], ["configmaps"]).within(["default"])]);
    server.set_rights(&user(&server), rights());
    assert_eq!(asker.get("/api/v1/namespaces/default/configmaps").await.status, 200);
    assert_eq!(asker.get("/api/v1/configmaps").await.status, 403);
    assert_eq!(asker.get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt").await.status, 403);
    server.set_rights(&user(&server), Rights::none());
    assert_eq!(asker.get("/api/v1/namespaces/default/configmaps").await.status, 403);
    server.set_rights(&user(&server), Rights::default());
    assert_eq!(asker.get("/api/v1/configmaps").await.status, 200);
}

#[tokio::test]
async fn webhook_authorizers_list_few_rules_and_say_that_they_are_not_all() {
    let (server, asker) = server(small()).await;
    let rights = Rights::without(["secrets"]).reviewed(Review { incomplete: true, padding: 55_000 });
    server.set_rights(&user(&server), rights);
    let answer = review(&asker, "default").await;
    assert!((50_000..70_000).contains(&answer.text.len()), "{}", answer.text.len());
    let status = &answer.json()["status"];
    assert_eq!(status["incomplete"], true);
    assert!(status["evaluationError"].as_str().is_some_and(|error| error.contains("webhook authorizer")));
    assert!(!answer.text.contains("\"pods\""));
    assert_eq!(asker.get("/api/v1/pods").await.status, 200);
    assert_eq!(asker.get("/api/v1/secrets").await.status, 403);
}

#[tokio::test]
async fn a_thousand_namespaces_come_and_go_with_what_is_in_them() {
    let (server, asker) = server(small()).await;
    let before = asker.get("/api/v1/namespaces").await.names().len();
    for n in 0..1_000 {
        server.add_namespace(&format!("tenant-{n}")).expect("namespaces are served");
    }
    let own = crate::support::simulated::object("tenant-7", "own");
    server.apply("configmaps", own).expect("config maps are served");
    let other = crate::support::simulated::object("tenant-70", "other");
    server.apply("configmaps", other).expect("config maps are served");
    assert_eq!(asker.get("/api/v1/namespaces").await.names().len(), before + 1_000);
    let version = server.revision();
    let mut watch = asker.watch(&format!("/api/v1/configmaps?watch=1&resourceVersion={version}")).await;
    assert!(server.remove_namespace("tenant-7"));
    assert!(!server.remove_namespace("tenant-7"));
    assert_eq!(watch.next().await, Some(("DELETED".to_owned(), "own".to_owned())));
    assert_eq!(asker.get("/api/v1/namespaces").await.names().len(), before + 999);
    assert_eq!(asker.get("/api/v1/namespaces/tenant-70/configmaps").await.names(), ["other"]);
}
