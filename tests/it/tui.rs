//! The terminal app in a pseudo-terminal, against the simulated server and a real control plane.

use serde_json::json;

use crate::support::binary::Running;
use crate::support::terminal::Terminal;
use crate::support::{ControlPlane, Home, Options, process};

const SIZE: (u16, u16) = (100, 30);

/// A simulated cluster that keeps running, and a home that uses it.
pub(crate) async fn simulated() -> (Running, Home) {
    let server = Home::new("/nonexistent/kubeconfig");
    let mut running = server.spawn(&["demo", "--objects", "500", "--serve", "127.0.0.1:0"]);
    let line = running.wait_for_line("export KUBECONFIG=").await;
    let path = line.split_once("KUBECONFIG=").expect("a path").1.trim().to_owned();
    (running, Home::new(path))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_types_narrows_opens_and_quits() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &[]);
    terminal.wait_for("● live").await;
    terminal.press("check");
    terminal
        .wait("the rows of the query", |text| text.contains("› check") && text.contains("NAMESPACE"))
        .await;
    let shown = terminal.press_for("out kind:depl", "Deployment").await;
    assert!(!shown.contains("no kind is called"), "half-typed is no error: {shown}");
    terminal.press_for("x", "no kind is called 'deplx'").await;
    terminal.press("\x7f");
    terminal
        .wait("the completions", |text| text.lines().nth(2).is_some_and(|line| line.contains("deployments")))
        .await;
    terminal.press_for("\t", "kind:deployments").await;
    terminal.enter_list().await;
    terminal.press_for("\r", "Labels").await;
    terminal.press_for("c", "copied").await;
    assert!(terminal.received(b"\x1b]52;c;"));
    terminal.press_for("qK", "deployments.apps").await;
    terminal.press_for("q?", "The query language").await;
    terminal.press("q");
    terminal.resize((40, 10));
    terminal.wait("a small screen", |text| text.contains("›") && text.lines().count() <= 10).await;
    terminal.press("q");
    terminal.ended(0).await;
    let history = home.ids_offline("kind:deployments checkout").await;
    assert!(!history.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_is_given_back_on_signals() {
    let (_server, home) = simulated().await;
    for signal in ["TERM", "HUP", "INT"] {
        let terminal = Terminal::open(&home, SIZE, &["checkout"]);
        terminal.wait_for("hits").await;
        assert!(terminal.is_taken());
        process::signal(terminal.id().await, signal);
        terminal.ended(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_app_follows_the_first_and_takes_over() {
    let (_server, home) = simulated().await;
    let mut first = Terminal::open(&home, SIZE, &[]);
    first.wait_for("● live").await;
    let pid = first.id().await;
    let second = Terminal::open(&home, SIZE, &["checkout"]);
    second.wait_for(&format!("following pid {pid}")).await;
    second.wait_for("hits").await;
    first.press("\x03");
    first.ended(0).await;
    second.wait_for("● live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_elsewhere_vanishes_and_what_is_made_appears() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("tui").await;
    let map = |name: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "tui" } });
    plane.apply_objects(&[map("sift-one"), map("sift-two")]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let terminal = Terminal::open(&home, SIZE, &["ns:tui", "sift-"]);
    terminal.wait("both", |text| text.contains("sift-one") && text.contains("sift-two")).await;
    plane.kubectl(&["delete", "configmap", "sift-one", "-n", "tui"]).await;
    terminal.wait_until_gone("sift-one").await;
    plane.apply_objects(&[map("sift-three")]).await;
    let shown = terminal.wait_for("sift-three").await;
    assert!(shown.contains("sift-two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn yaml_and_events_come_from_the_cluster_and_a_secret_is_masked_until_it_is_revealed() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("tui-detail").await;
    let metadata = |name: &str| json!({ "name": name, "namespace": "tui-detail" });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata("hidden"), "data": { "key": "aHVudGVyMg==" },
    });
    plane.apply_objects(&[secret]).await;
    let stored = plane.kubectl_json(&["get", "secret", "hidden", "-n", "tui-detail"]).await;
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": metadata("hidden.1"), "type": "Warning",
        "reason": "Rotated", "message": "the key was rotated by a test", "count": 3,
        "involvedObject": {
            "kind": "Secret", "name": "hidden", "namespace": "tui-detail", "uid": stored["metadata"]["uid"],
        },
    });
    plane.apply_objects(&[event]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let mut terminal = Terminal::open(&home, SIZE, &["ns:tui-detail", "kind:secret", "hidden"]);
    terminal.wait("the Secret", |text| text.contains("● live") && text.contains("1 hit")).await;
    terminal.enter_list().await;
    let shown = terminal.press_for("y", "kind: Secret").await;
    assert!(shown.contains("values are masked"), "{shown}");
    assert!(!terminal.received(b"aHVudGVyMg") && !terminal.received(b"hunter2"), "{shown}");
    terminal.press_for("E", "the key was rotated by a test").await;
    terminal.press_for("y", "kind: Secret").await;
    terminal.press_for("x", "key: hunter2").await;
    terminal.press("q");
    terminal.wait_until_gone("hunter2").await;
    for entry in fs_err::read_dir(home.path().join("data/kubesift")).expect("data").flatten() {
        let files = fs_err::read_dir(entry.path()).into_iter().flatten().flatten();
        for file in files.filter(|file| file.path().is_file()) {
            let bytes = fs_err::read(file.path()).expect("a file");
            let holds = |secret: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
            assert!(!holds(b"aHVudGVyMg") && !holds(b"hunter2"), "{}", file.path().display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_api_server_is_said_the_data_stays_and_a_restarted_one_is_found() {
    let Some(mut plane) = ControlPlane::start(Options::default()).await else { return };
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kept", "namespace": "default" } });
    plane.apply_objects(&[map]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let terminal = Terminal::open(&home, SIZE, &["kept"]);
    terminal.wait("live", |text| text.contains("● live") && text.contains("ConfigMap")).await;
    plane.kill_apiserver();
    let shown = terminal.wait_for("○ offline, data from").await;
    assert!(shown.contains("ConfigMap"), "{shown}");
    plane.start_apiserver().await;
    terminal.wait_for("● live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_context_is_another_index_and_what_is_stored_shows_without_a_cluster() {
    let (server, home) = simulated().await;
    let Some(plane) = ControlPlane::shared().await else { return };
    let both = format!("{}:{}", home.kubeconfig().display(), plane.kubeconfig("admin").display());
    let mut home = home;
    home.use_kubeconfig(both);
    let mut terminal = Terminal::open(&home, SIZE, &["checkout"]);
    terminal.wait_for("Deployment").await;
    terminal.enter_list().await;
    terminal.press_for(":ctx\r", "context ›").await;
    terminal.press("admin\r");
    terminal.wait_until_gone("Deployment").await;
    terminal.wait_for("Nothing matches").await;
    terminal.press("q");
    terminal.ended(0).await;
    server.kill().await;
    let terminal = Terminal::open(&home, SIZE, &["checkout"]);
    let shown = terminal.wait("what is stored", |text| text.contains("Deployment")).await;
    assert!(!shown.contains("● live"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_what_shows_and_the_log_of_a_pod_come_from_the_cluster() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &["kind:deploy", "payments-prod"]);
    terminal.wait("the status of Deployments", |text| text.contains("STATUS") && text.contains("3/3")).await;
    terminal.enter_list().await;
    terminal.press("l");
    // The only Pod of it, or a choice of them.
    terminal
        .wait("its Pods or a log", |text| text.contains("log of ›") || text.contains("container app"))
        .await;
    if terminal.text().contains("log of ›") {
        terminal.press("\r");
    }
    let shown =
        terminal.wait("the log", |text| text.contains("container app") && text.contains(" in ")).await;
    assert!(shown.contains("following") && !shown.contains("␛"), "{shown}");
    terminal.press("/GET");
    terminal.wait("a match", |text| text.contains("/GET ") && text.contains(" of ")).await;
    let first = terminal.press_for("\r", "N previous").await;
    let count = |text: &str| text.lines().rfind(|line| line.contains("/GET")).map(str::to_owned);
    terminal.press("N");
    terminal.wait("the match before", |text| count(text).is_some() && count(text) != count(&first)).await;
    let shown = terminal.press_for("\x1b", "q back").await;
    assert!(shown.contains("f follows again"), "{shown}");
    terminal.press("p");
    terminal
        .wait("the log before, or that there is none", |text| {
            text.contains("previous terminated") || text.contains("before its last restart")
        })
        .await;
    terminal.press("qq");
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_kubelets_says_why_there_is_no_log() {
    let Some(plane) = ControlPlane::shared().await else { return };
    plane.namespace("tui-logs").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "unheard", "namespace": "tui-logs" },
        "spec": { "nodeName": "nowhere", "containers": [{ "name": "app", "image": "example.org/app" }] },
    });
    plane.apply_objects(&[pod]).await;
    let home = Home::new(plane.kubeconfig("admin"));
    let mut terminal = Terminal::open(&home, SIZE, &["ns:tui-logs", "kind:pod"]);
    terminal.wait("its status", |text| text.contains("unheard") && text.contains("0/1 Pending")).await;
    terminal.enter_list().await;
    terminal.press_for("l", "\"nowhere\" not found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &["checkout"]);
    terminal.wait_for("hits").await;
    let pid = terminal.id().await;
    terminal.press("\x1a");
    terminal.wait("the shell's screen and settings", |_| terminal.is_as_before()).await;
    process::signal(pid, "CONT");
    terminal.wait("the app's screen", |text| terminal.is_taken() && text.contains("hits")).await;
    terminal.press("\x03");
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_gives_the_terminal_back_and_its_message_can_be_read() {
    let home = Home::new("/nonexistent/kubeconfig");
    let own = std::env::current_exe().expect("this test");
    let own = own.to_string_lossy();
    let arguments = [&*own, "--exact", "tui::panicking_app", "--ignored", "--nocapture", "--test-threads=1"];
    let terminal = Terminal::run(&home, SIZE, &arguments);
    let shown = terminal.ended(101).await;
    assert!(terminal.received(b"\x1b[?1049h"), "the app had the terminal");
    assert!(terminal.received(b"a panic on purpose"), "{shown}");
}

/// Run by the test above in a terminal of its own.
#[tokio::test]
#[ignore = "panics on purpose"]
async fn panicking_app() {
    use kubesift::tui::{AppOptions, Clipboard, Desktop, Theme, run};
    let options = AppOptions {
        query: String::new(),
        namespaces: Vec::new(),
        theme: Theme::Dark,
        zone: jiff::tz::TimeZone::UTC,
        status_column: true,
        clipboard: Clipboard::Osc52,
        desktop: Desktop { wayland: false, x11: false, ssh: false },
        keys: Vec::new(),
        loans: kubesift::tui::Loans::default(),
    };
    _ = run(options, Box::new(Panicking), Box::new(Panicking)).await;
}

/// A connection that panics when the app, which has the terminal by then, asks for its name.
struct Panicking;

impl kubesift::tui::Connection for Panicking {
    fn name(&self) -> String {
        panic!("a panic on purpose");
    }

    fn stored(&self) -> Option<kubesift::search::Searcher> {
        None
    }

    fn kinds(&self) -> Vec<kubesift::object::Kind> {
        Vec::new()
    }

    fn status(&self) -> Option<kubesift::engine::status::Status> {
        None
    }

    fn write(&self) -> Result<Option<kubesift::engine::Handle>, String> {
        Ok(None)
    }

    fn fetcher(&self) -> Option<kubesift::cluster::fetch::Fetcher> {
        None
    }

    fn history(&self) -> Vec<String> {
        Vec::new()
    }

    fn save_history(&self, _: &[String]) -> Result<(), String> {
        Ok(())
    }
}

impl kubesift::tui::Host for Panicking {
    fn contexts(&self) -> Vec<String> {
        Vec::new()
    }

    fn open(&self, _: &str) -> Result<Box<dyn kubesift::tui::Connection>, String> {
        Err("there is none".to_owned())
    }
}
