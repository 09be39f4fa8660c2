//! What is opened of an object in the terminal app: YAML and events that stay current, owners, the choice of a Pod and
//! of a container, and servers that hang meanwhile.

use kubesift::demo::{Action, Fault, Matcher, Server, ServerOptions};
use serde_json::{Value, json};

use crate::support::proxy::Proxy;
use crate::support::steps::{config_map_in, crd};
use crate::support::terminal::Terminal;
use crate::support::{ControlPlane, Home, wait_for};

const SIZE: (u16, u16) = (100, 30);
/// The line that says how current what is shown is.
const ABOUT: u16 = 4;
/// The first line of the list.
const FIRST: u16 = 4;

/// The app on a query whose best hit is selected, with the keys going to the list.
async fn listed(home: &Home, query: &[&str]) -> Terminal {
    let mut terminal = Terminal::open(home, SIZE, query);
    // For a moment all is read, and the search has not seen the last of it.
    let found = |text: &str| text.contains(" hit") && !text.contains(" 0 hits");
    terminal.wait("hits", |text| text.contains("● live") && found(text)).await;
    terminal.press("\x1b");
    terminal.wait_for("/ search").await;
    terminal
}

async fn about(terminal: &Terminal, part: &str) -> String {
    terminal.wait(&format!("{part:?} above the text"), |_| terminal.line(ABOUT).contains(part)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn yaml_and_events_change_with_the_object_and_say_when_it_is_gone() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("tui-live").await;
    let labelled = |round: &str| {
        let mut map = config_map_in("tui-live", "lively");
        map["metadata"]["labels"] = json!({ "round": round });
        map["data"] = json!({ "script": "first line\nsecond line\n" });
        map
    };
    plane.apply_objects(&[labelled("one")]).await;
    let uid = plane.kubectl_json(&["get", "cm", "lively", "-n", "tui-live"]).await["metadata"]["uid"].clone();
    let happened = |nth: u32| {
        json!({ "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "Noted",
            "metadata": { "name": format!("lively.{nth}"), "namespace": "tui-live" },
            "message": format!("this is number {nth}"), "count": 1,
            "involvedObject": { "kind": "ConfigMap", "name": "lively", "namespace": "tui-live", "uid": uid } })
    };
    plane.apply_objects(&[happened(1)]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let mut terminal = listed(&home, &["ns:tui-live", "kind:cm", "lively"]).await;
    terminal.press("E");
    terminal.wait_for("this is number 1").await;
    about(&terminal, "● live").await;
    plane.apply_objects(&[happened(2)]).await;
    terminal.wait_for("this is number 2").await;
    terminal.press("y");
    let shown = terminal.wait_for("round: one").await;
    assert!(shown.contains("script: |") && shown.contains("second line"), "{shown}");
    about(&terminal, "● live").await;
    terminal.press("/round\r");
    terminal.wait_for("1 of 1").await;
    plane.apply_objects(&[labelled("two")]).await;
    let shown = terminal.wait_for("round: two").await;
    let marked = |line: &&str| line.starts_with('~');
    assert!(shown.lines().filter(marked).any(|line| line.contains("round: two")), "{shown}");
    assert!(!shown.lines().filter(marked).any(|line| line.contains("kind: ConfigMap")), "{shown}");
    assert!(shown.contains("1 of 1") && terminal.line(ABOUT).contains("changed"), "{shown}");
    plane.kubectl(&["delete", "configmap", "lively", "-n", "tui-live"]).await;
    let shown = about(&terminal, "○ deleted at ").await;
    assert!(shown.contains("round: two"), "the last text stays: {shown}");
    terminal.press("\x1b");
    terminal.wait_until_gone("1 of 1").await;
    terminal.press("q");
    terminal.wait_until_gone("deleted at").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_watch_sees_what_was_read_and_when() {
    let Some(plane) = ControlPlane::start(crate::support::Options::default()).await else { return };
    plane.apply_objects(&[config_map_in("default", "quiet")]).await;
    plane.grant("reader", None, &["configmaps", "namespaces"]).await;
    let home = Home::new(plane.kubeconfig("reader"));
    let mut terminal = listed(&home, &["quiet"]).await;
    // From now on config maps may be got, and nothing else.
    let name = plane.kubectl(&["get", "clusterroles", "-o", "name"]).await;
    let name = name.lines().find(|name| name.contains("reader")).expect("the grant's role").to_owned();
    let verbs = r#"[{"op":"replace","path":"/rules/0/verbs","value":["get"]},{"op":"replace","path":"/rules/1/verbs","value":["get"]}]"#;
    plane.kubectl(&["patch", &name, "--type=json", "-p", verbs]).await;
    wait_for("the server to know it", async || {
        plane.kubectl_as("reader", &["get", "configmaps"]).await.code != 0
    })
    .await;
    terminal.press("y");
    let shown = about(&terminal, "not live").await;
    assert!(shown.contains("kind: ConfigMap") && terminal.line(ABOUT).contains("○ as of "), "{shown}");
}

/// A simulated server in this process, and a home that uses it.
async fn served() -> (Server, Home) {
    let server = Server::start(ServerOptions { objects: 500, ..ServerOptions::default() }).await;
    let server = server.expect("the simulated server starts");
    let mut home = Home::new("/nonexistent/kubeconfig");
    let kubeconfig = home.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("a kubeconfig");
    home.use_kubeconfig(kubeconfig);
    (server, home)
}

/// How many requests for this are being answered, or wait for an answer.
fn open(server: &Server, part: &str) -> usize {
    server.requests().iter().filter(|request| request.path.contains(part) && request.is_open()).count()
}

/// Waits until so many are.
async fn requests(server: &Server, part: &str, count: usize, terminal: &Terminal) {
    wait_for(&format!("{count} open requests for {part:?}"), async || match open(server, part) {
        now if now == count => Ok(()),
        now => Err(format!("{now}\n{}", terminal.text())),
    })
    .await;
}

/// Keys that count in every view of text; each does at once what it always does.
async fn every_key_works(terminal: &mut Terminal) {
    terminal.press("?");
    terminal.wait_for("The query language").await;
    terminal.press("q");
    terminal.wait_until_gone("The query language").await;
    terminal.press(":kinds\r");
    terminal.wait_for("for what was opened").await;
    terminal.press("q");
    terminal.wait_until_gone("for what was opened").await;
    terminal.press("/xyz");
    terminal.wait_for("no match").await;
    terminal.press("\x1b");
    terminal.wait_until_gone("no match").await;
    terminal.press("jkGg");
    // The rule below the query is as wide as the app believes the screen to be. A terminal that is made smaller has lost
    // it, so it is there again only when the app has drawn.
    for (size, rule) in [((80, 24), 70..90), (SIZE, 90..110)] {
        terminal.resize(size);
        let drawn = |_: &str| rule.contains(&terminal.line(2).matches('─').count());
        terminal.wait("a rule of the other size", drawn).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_holds_up_no_key_and_leaving_cancels_what_was_asked() {
    let cases = [
        ("l", "/log?", Action::NoAnswer),
        ("l", "/log?", Action::Silent { after: 300 }),
        ("y", "metadata.name", Action::NoAnswer),
        ("y", "metadata.name", Action::Silent { after: 20 }),
        ("E", "involvedObject", Action::NoAnswer),
    ];
    for (key, part, action) in cases {
        let (server, home) = served().await;
        let mut terminal = listed(&home, &["kind:pod", "payments-prod"]).await;
        let fault =
            Fault::always(Matcher { contains: Some(part.to_owned()), ..Matcher::default() }, action.clone());
        server.inject(fault);
        terminal.press(key);
        requests(&server, part, 1, &terminal).await;
        about(&terminal, if key == "l" { "container app" } else { "asking the cluster" }).await;
        every_key_works(&mut terminal).await;
        assert_eq!(open(&server, part), 1, "{key} {action:?}: it is waited for all the time");
        terminal.press("q");
        requests(&server, part, 0, &terminal).await;
        terminal.wait_for("hits").await;
        // And another tab is another request.
        terminal.press(key);
        requests(&server, part, 1, &terminal).await;
        terminal.press("d");
        requests(&server, part, 0, &terminal).await;
        terminal.press("qq");
        terminal.wait_for("EXIT 0").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_holds_up_no_key_and_what_comes_back_is_live() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("tui-silent").await;
    let labelled = |round: &str| {
        let mut map = config_map_in("tui-silent", "behind");
        map["metadata"]["labels"] = json!({ "round": round });
        map
    };
    plane.apply_objects(&[labelled("one")]).await;
    let proxy = Proxy::forward(plane).await;
    let server = format!("https://{}", proxy.address());
    let home = Home::new(plane.kubeconfig_with("admin", |config| config.server = server));
    let mut terminal = listed(&home, &["ns:tui-silent", "kind:cm", "behind"]).await;
    terminal.press("y");
    about(&terminal, "● live").await;
    proxy.go_silent();
    every_key_works(&mut terminal).await;
    let shown = terminal.press_for("E", "asking the cluster").await;
    assert!(!shown.contains("round: one"), "{shown}");
    every_key_works(&mut terminal).await;
    terminal.press_for("y", "asking the cluster").await;
    terminal.press_for("q", "/ search").await;
    plane.apply_objects(&[labelled("two")]).await;
    proxy.resume();
    terminal.press_for("y", "round: two").await;
    about(&terminal, "● live").await;
    plane.apply_objects(&[labelled("three")]).await;
    terminal.wait_for("round: three").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_view_watches_its_object_and_a_closed_one_nothing() {
    let (server, home) = served().await;
    let mut terminal = listed(&home, &["kind:pod", "payments-prod"]).await;
    let watched = || {
        let requests = server.requests();
        let single =
            |request: &&kubesift::demo::Request| request.path.contains("metadata.name") && request.is_watch();
        requests.iter().filter(single).filter(|request| request.is_open()).count()
    };
    terminal.press("y");
    about(&terminal, "● live").await;
    assert_eq!(watched(), 1);
    // Closed by the server: said, and mended.
    server.drop_connections();
    wait_for("another watch", async || watched() == 1).await;
    about(&terminal, "● live").await;
    terminal.press("d");
    wait_for("no watch", async || watched() == 0).await;
    terminal.press("q");
    terminal.wait_for("hits").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_object_says_steers_no_terminal() {
    const HOSTILE: &str =
        "\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\\x1b]0;owned\x07\x1bP1$r0m\x1b\\\u{9b}31m\u{202e}";
    let (server, home) = served().await;
    let pod = server.objects("pods").into_iter().find(|pod| pod.namespace == "payments-prod").expect("a Pod");
    let evil = |own: &mut kubesift::object::Object| {
        own.annotations.insert("description".to_owned(), HOSTILE.to_owned());
    };
    server.modify("pods", &pod.namespace, &pod.name, evil).expect("Pods are served");
    for (part, status) in [("involvedObject", 500), ("/log?", 404), ("as=Table", 403)] {
        let matcher = Matcher { contains: Some(part.to_owned()), ..Matcher::default() };
        server.inject(Fault::always(matcher, Action::Says { status, message: format!("evil {HOSTILE}") }));
    }
    let name = format!("name:={}", pod.name);
    let mut terminal = listed(&home, &[&name]).await;
    for (key, part) in [("y", "52;c;aGk="), ("E", "evil"), ("l", "evil"), ("d", "52;c;aGk="), ("t", "Pod/")] {
        terminal.press(key);
        terminal.wait_for(part).await;
    }
    terminal.press("q");
    terminal.wait_for("/ search").await;
    for part in ["\x1b]52", "\x1b]8", "\x1b]0;owned", "\x1bP1$", "\u{9b}31m", "\u{202e}"] {
        assert!(!terminal.received(part.as_bytes()), "{part:?}");
    }
}

/// An owner reference to an object that exists.
async fn owned(plane: &ControlPlane, kind: &str, name: &str, namespace: &str) -> Value {
    let owner = plane.kubectl_json(&["get", kind, name, "-n", namespace]).await;
    json!([{ "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name,
        "uid": owner["metadata"]["uid"], "controller": true }])
}

/// A custom resource that owns a Deployment that owns a ReplicaSet that owns two Pods of two containers.
async fn dynasty(plane: &ControlPlane, namespace: &str) {
    plane.namespace(namespace).await;
    plane.apply_objects(&[crd("crowns", &["v1"])]).await;
    wait_for("the kind to be served", async || plane.kubectl_as("admin", &["get", "crowns"]).await.code == 0)
        .await;
    let crown = json!({ "apiVersion": "test.example.org/v1", "kind": "crowns",
        "metadata": { "name": "crown", "namespace": namespace } });
    plane.apply_objects(&[crown]).await;
    let containers = json!([
        { "name": "app", "image": "example.org/app" }, { "name": "proxy", "image": "example.org/proxy" }
    ]);
    let template =
        json!({ "metadata": { "labels": { "app": "heir" } }, "spec": { "containers": containers } });
    let spec =
        json!({ "replicas": 0, "selector": { "matchLabels": { "app": "heir" } }, "template": template });
    let mut owner = ("crowns", "crown".to_owned());
    for (kind, resource, name) in
        [("Deployment", "deployment", "king"), ("ReplicaSet", "replicaset", "prince")]
    {
        let owners = owned(plane, owner.0, &owner.1, namespace).await;
        let metadata = json!({ "name": name, "namespace": namespace, "ownerReferences": owners });
        plane
            .apply_objects(&[
                json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec }),
            ])
            .await;
        owner = (resource, name.to_owned());
    }
    let owners = owned(plane, owner.0, &owner.1, namespace).await;
    let pod = |name: &str| {
        json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": namespace, "labels": { "app": "heir" }, "ownerReferences": owners },
            "spec": { "nodeName": "nowhere", "containers": containers } })
    };
    plane.apply_objects(&[pod("heir-one"), pod("heir-two")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_lead_all_the_way_up_and_a_log_asks_which_pod_and_which_container() {
    let Some(plane) = ControlPlane::shared().await else { return };
    dynasty(plane, "tui-owners").await;
    let home = Home::new(plane.kubeconfig("admin"));
    let mut terminal = listed(&home, &["ns:tui-owners", "heir-one"]).await;
    terminal.press("t");
    let shown = terminal.wait_for("Pod/heir-one").await;
    let all = ["crowns/crown", "Deployment/king", "ReplicaSet/prince", "Pod/heir-one"];
    let at = |name: &str| {
        let line = shown.lines().skip(5).find(|line| line.contains(name)).expect(name);
        line.find(name)
    };
    assert!(all.map(at).is_sorted_by(|a, b| a < b), "each stands further in than its owner: {shown}");
    terminal.press("q");
    terminal.wait_for("/ search").await;
    for owner in ["prince", "king", "crown"] {
        terminal.press("J");
        terminal.wait(owner, |_| terminal.line(FIRST).contains(owner)).await;
    }
    terminal.press("J");
    terminal.wait_for("it has no owner").await;
    terminal.press("t");
    terminal
        .wait("what it owns", |text| all.iter().all(|name| text.contains(name)) && text.contains("heir-two"))
        .await;
    terminal.press("q");
    terminal.wait_for("/ search").await;
    // The log of what owns Pods: which of them, and of which container.
    terminal.press("l");
    terminal.wait("the Pods", |text| text.contains("log of ›") && text.contains("heir-two")).await;
    terminal.press("two\r");
    terminal
        .wait("why there is none", |text| {
            text.contains("Pod/heir-two") && text.contains("\"nowhere\" not found")
        })
        .await;
    terminal.press("o");
    terminal.wait("its containers", |text| text.contains("proxy") && text.contains("present")).await;
    terminal.press("proxy\r");
    terminal
        .wait("the log's head again", |text| {
            text.contains("\"nowhere\" not found") && !text.contains("present")
        })
        .await;
    terminal.press("o");
    terminal
        .wait("the other is the present one", |text| {
            text.lines().any(|line| line.contains("proxy") && line.contains("present"))
        })
        .await;
    terminal.press("\x1b");
    terminal.wait_until_gone("present").await;
    terminal.press("q");
    terminal.wait_for("/ search").await;
}
