//! The index against a real API server: equal to kubectl's answer, and right through what a cluster does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::steps::{appears, config_map, found, live, states, vanishes};
use crate::support::{ControlPlane, Home, Options, load};

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_equals_kubectls_answer() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    load::mixed(&plane, 600).await;
    let home = Home::new(plane.kubeconfig("admin"));
    home.run(&["sync", "--once"]).await.success();
    let kinds = home.run(&["kinds", "-o", "json"]).await.json();
    let mut compared = 0;
    for kind in kinds.as_array().expect("kinds") {
        let key = kind["kind"].as_str().or(kind["key"].as_str()).expect("a key");
        if kind["state"].to_string().contains("excluded") {
            continue;
        }
        let theirs = plane.kubectl(&["get", key, "-A", "-o", "json"]).await;
        let theirs: Value = serde_json::from_str(&theirs).expect("kubectl's JSON");
        let name = |object: &Value| {
            let metadata = &object["metadata"];
            let namespace = metadata["namespace"].as_str().unwrap_or("_cluster");
            format!("{namespace}/{}", metadata["name"].as_str().unwrap_or_default())
        };
        let theirs: BTreeSet<String> = theirs["items"].as_array().expect("items").iter().map(name).collect();
        let ours = home.search_offline(&format!("kind:{key}")).await;
        let ours: BTreeSet<String> = ours
            .iter()
            .map(|hit| {
                let metadata = &hit["metadata"];
                format!("{}/{}", metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap())
            })
            .collect();
        assert_eq!(ours, theirs, "{key}");
        compared += theirs.len();
    }
    assert!(compared > 600, "only {compared} objects were compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_equal_kubectls_answer() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let pod = |name: &str, labels: Value| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": "default", "labels": labels } })
    };
    plane
        .apply_objects(&[
            pod("a", json!({ "app": "web", "env": "prod", "n": "2" })),
            pod("b", json!({ "app": "web", "env": "stage", "n": "10" })),
            pod("c", json!({ "app": "db", "empty": "", "n": "007" })),
            pod("d", json!({})),
            pod("e", json!({ "app.kubernetes.io/name": "web", "env": "Prod", "n": "two" })),
            pod("f", json!({ "in": "notin", "notin": "in", "env": "in", "n": "99999999999999999999" })),
            pod("g", json!({ "app": "web-api", "example.com/a_b.c": "x_y.z", "env": "" })),
        ])
        .await;
    let home = Home::new(plane.kubeconfig("admin"));
    home.run(&["sync", "--once"]).await.success();
    for selector in [
        "app=web",
        "app==web",
        "app!=web",
        "app = web",
        " app  ==  web , env != prod ",
        "env in (prod,stage)",
        "env in ( prod , stage )",
        "env in (prod)",
        "env notin (prod)",
        "env notin (prod,stage,Prod)",
        "env notin (prod, stage),app",
        "env",
        "!env",
        "! env",
        "app,env",
        "app,!env",
        "app=web,env!=prod",
        "app=web,env=prod",
        "app=web,app=db",
        "app!=web,app!=db",
        "empty=",
        "empty==",
        "empty!=",
        "env=",
        "env in ()",
        "env in (,prod)",
        "env in (prod,)",
        "env notin (,prod)",
        "app in (web,db),!env",
        "app in (web,db),env notin (stage),n",
        "env=Prod",
        "app.kubernetes.io/name=web",
        "app.kubernetes.io/name",
        "!app.kubernetes.io/name,app",
        "example.com/a_b.c=x_y.z",
        "example.com/a_b.c in (x_y.z,other)",
        "n>2",
        "n<10",
        "n>1,n<10",
        "n > 6",
        "!n",
        "in=notin",
        "notin=in",
        "in in (notin)",
        "notin notin (in)",
        "nothing",
        "nothing!=x",
        "nothing notin (x)",
    ] {
        let theirs =
            plane.kubectl(&["get", "configmaps", "-n", "default", "-l", selector, "-o", "name"]).await;
        let theirs: BTreeSet<&str> =
            theirs.lines().filter_map(|line| line.split_once('/')).map(|(_, n)| n).collect();
        let arguments = [
            "search",
            "--offline",
            "--limit",
            "0",
            "-o",
            "json",
            "-l",
            selector,
            "-n",
            "default",
            "kind:configmap",
        ];
        let ours = home.run(&arguments).await.json();
        let ours: BTreeSet<&str> = ours
            .as_array()
            .expect("hits")
            .iter()
            .map(|hit| hit["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(ours, theirs, "{selector}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_become_visible_and_a_killed_api_server_is_outlived() {
    let Some(mut plane) = ControlPlane::start(Options::default()).await else { return };
    let home = Home::new(plane.kubeconfig("admin"));
    let mut writer = live(&home).await;
    plane.apply_objects(&[config_map("first")]).await;
    appears(&home, "name:=first").await;
    plane.kubectl(&["label", "configmap", "first", "-n", "default", "team=payments"]).await;
    appears(&home, "name:=first team=payments").await;
    plane.kubectl(&["delete", "configmap", "first", "-n", "default"]).await;
    vanishes(&home, "name:=first").await;

    plane.apply_objects(&[config_map("second")]).await;
    appears(&home, "name:=second").await;
    plane.kill_apiserver();
    writer.wait_for_line("offline").await;
    assert_eq!(found(&home, "name:=second").await, 1, "the last data stays");
    plane.start_apiserver().await;
    plane.apply_objects(&[config_map("third")]).await;
    appears(&home, "name:=third").await;
    let (code, _) = writer.stop().await;
    assert_eq!(code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_restored_in_mid_run_and_between_runs_is_noticed() {
    let Some(mut plane) = ControlPlane::start(Options::default()).await else { return };
    let home = Home::new(plane.kubeconfig("admin"));
    plane.apply_objects(&[config_map("kept")]).await;
    let snapshot = plane.snapshot();
    let writer = live(&home).await;
    plane.apply_objects(&(0..20).map(|n| config_map(&format!("lost-{n}"))).collect::<Vec<_>>()).await;
    appears(&home, "name:=lost-19").await;

    plane.restore(&snapshot).await;
    vanishes(&home, "name:^lost-").await;
    assert_eq!(found(&home, "name:=kept").await, 1);

    plane.apply_objects(&(0..20).map(|n| config_map(&format!("late-{n}"))).collect::<Vec<_>>()).await;
    appears(&home, "name:=late-19").await;
    writer.stop().await;
    plane.restore(&snapshot).await;
    let writer = live(&home).await;
    vanishes(&home, "name:^late-").await;
    assert_eq!(found(&home, "name:=kept").await, 1);
    assert_eq!(home.status().await["drift_corrected"], 0);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_between_runs_leads_to_a_fresh_list() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let home = Home::new(plane.kubeconfig("admin"));
    plane.apply_objects(&[config_map("old")]).await;
    live(&home).await.stop().await;
    plane.kubectl(&["delete", "configmap", "old", "-n", "default"]).await;
    plane.apply_objects(&[config_map("new")]).await;
    plane.compact().await;
    let mut plane = plane;
    plane.restart_apiserver().await;
    let writer = live(&home).await;
    appears(&home, "name:=new").await;
    vanishes(&home, "name:=old").await;
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_reads_only_what_changed() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    load::mixed(&plane, 1_500).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    let first = home.status().await["bytes"].as_u64().expect("bytes");
    writer.stop().await;
    plane.apply_objects(&[config_map("only-this")]).await;
    let writer = live(&home).await;
    appears(&home, "name:=only-this").await;
    let second = home.status().await["bytes"].as_u64().expect("bytes");
    assert!(second * 2 < first, "the first run read {first} bytes, the resumed one {second}");
    let lists = |request: &crate::support::controlplane::Request| {
        request.agent.starts_with("kubesift")
            && request.verb == "list"
            && request.uri.contains("/configmaps?")
    };
    let listed = plane.requests("admin").into_iter().filter(lists).count();
    assert_eq!(listed, 1, "config maps were listed by the first run alone");
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_writer_is_killed_another_takes_over() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let home = Home::new(plane.kubeconfig("admin"));
    let first = live(&home).await;
    let mut second = home.spawn(&["sync", "--watch"]);
    second.wait_for_line("following pid").await;
    first.kill().await;
    second.wait_for_line("live").await;
    plane.apply_objects(&[config_map("after-the-kill")]).await;
    appears(&home, "name:=after-the-kill").await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_found_nowhere_on_disk() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let planted: Vec<String> = (0..50).map(|n| format!("pl4nted-s3cret-{n:03}-zzz")).collect();
    let objects: Vec<Value> = planted
        .iter()
        .enumerate()
        .map(|(n, secret)| match n % 5 {
            0 => json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": format!("s{n}"), "namespace": "default" },
                "stringData": { "password": secret } }),
            1 => json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": format!("s{n}"), "namespace": "default",
                "annotations": { "note": secret, "example.com/description": secret } } }),
            2 => json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": format!("s{n}"), "namespace": "default",
                "annotations": { "kubectl.kubernetes.io/last-applied-configuration": format!("{{\"data\":\"{secret}\"}}") } } }),
            3 => json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": format!("s{n}"), "namespace": "default",
                "annotations": { "example.com/db": format!("postgres://user:{secret}@db/x") } } }),
            _ => json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": format!("s{n}"), "namespace": "default",
                "annotations": { "example.com/description": format!("password={secret}") } } }),
        })
        .collect();
    plane.apply_objects(&objects).await;
    let home = Home::new(plane.kubeconfig("admin"));
    home.run(&["sync", "--once", "-v", "--log-file", home.path().join("log").to_str().unwrap()])
        .await
        .success();
    assert_eq!(found(&home, "name:^s ns:default -kind:service").await, 50);
    let output = home.run(&["search", "--offline", "--limit", "0", "-o", "json", "ns:default"]).await;
    for secret in &planted {
        assert!(!output.stdout.contains(secret.as_str()), "{secret} is in the output");
    }
    let mut files = 0;
    for entry in walk(home.path()) {
        let bytes = fs_err::read(&entry).expect("a file");
        files += 1;
        for secret in &planted {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", entry.display());
        }
    }
    assert!(files > 5, "only {files} files were looked at");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs_err::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// etcd tells its progress every 10 minutes by default: bookmarks of a quiet kind then stand still for that long.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_bookmarks_that_come_rarely() {
    let Some(plane) = ControlPlane::start(Options { progress_notify: None, ..Options::default() }).await
    else {
        return;
    };
    plane.apply_objects(&[config_map("before")]).await;
    let mut home = Home::new(plane.kubeconfig("admin"));
    let writer = live(&home).await;
    plane.apply_objects(&[config_map("watched")]).await;
    appears(&home, "name:=watched").await;
    writer.stop().await;

    // One kind moves on, and with it the revision that the others are resumed at.
    plane.apply_objects(&[config_map("missed")]).await;
    plane.kubectl(&["delete", "configmap", "before", "-n", "default"]).await;
    let writer = live(&home).await;
    appears(&home, "name:=missed").await;
    vanishes(&home, "name:=before").await;
    plane.namespace("resumed").await;
    appears(&home, "kind:namespace name:=resumed").await;
    let status = home.status().await;
    assert_eq!(status["phase"]["is"], "live", "{status}");
    assert!(states(&status).iter().all(|(_, state)| state == "complete"), "{:?}", states(&status));
    writer.stop().await;

    // A search without a writer, with watches in place of lists, waits for bookmarks, but not longer than it may.
    home.set("KUBESIFT_RELIST_LIMIT", "0");
    plane.apply_objects(&[config_map("confirmed")]).await;
    let output = home.run(&["search", "--max-age", "0s", "name:=confirmed", "-o", "name"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(!output.stderr.contains("failing"), "{output:?}");
}
