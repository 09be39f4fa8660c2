//! Every answer ends, and says what it does not know: against servers that hang, are away, or may not be read.

use kubesift::demo::{Action, Fault, Matcher, Rights, Server, ServerOptions, Verb};
use kubesift::object::Object;

use crate::support::binary::Output;
use crate::support::steps::{appears, live};
use crate::support::wait::DEADLINE;
use crate::support::{Home, process, wait_for};

/// A server with some objects, and a home whose kubeconfig leads there.
async fn cluster() -> (Server, Home) {
    let options = ServerOptions { objects: 100, ..ServerOptions::default() };
    let server = Server::start(options).await.expect("a simulated server");
    let home = Home::new("/nonexistent/kubeconfig");
    let kubeconfig = home.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    let mut home = home;
    home.use_kubeconfig(kubeconfig);
    (server, home)
}

fn make(server: &Server, name: &str) {
    let object = Object { name: name.into(), namespace: "default".into(), ..Object::default() };
    server.apply("configmaps", object).expect("config maps are served");
}

fn hangs(kind: &str) -> [Fault; 2] {
    [Verb::List, Verb::Watch].map(|verb| Fault::always(Matcher::kind(verb, kind), Action::NoAnswer))
}

/// Runs kubesift, which must end.
async fn ends(home: &Home, arguments: &[&str]) -> Output {
    let ended = tokio::time::timeout(DEADLINE, home.run(arguments)).await;
    ended.unwrap_or_else(|_| panic!("{arguments:?} does not end"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_does_not_wait_for_an_api_that_hangs_and_says_how_old_its_objects_are() {
    let (server, home) = cluster().await;
    make(&server, "settings");
    home.run(&["sync", "--once"]).await.success();
    hangs("configmaps").into_iter().for_each(|fault| server.inject(fault));
    let output = ends(&home, &["search", "--max-age", "0s", "name:=settings", "-o", "name"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (0, "configmap/settings -n default\n"), "{output:?}");
    assert!(output.stderr.contains("not confirmed: configmaps as of "), "{output:?}");
    assert!(!output.stderr.contains("not read yet"), "{output:?}");
    // The next one knows that, and reads nothing.
    let asked = server.request_count();
    let output = ends(&home, &["search", "--max-age", "1h", "name:=settings", "-o", "name"]).await;
    assert_eq!((output.code, server.request_count()), (0, asked), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_read_ends_too_and_names_the_api_that_hangs() {
    let (server, home) = cluster().await;
    let second = Home::new(home.kubeconfig());
    hangs("configmaps").into_iter().for_each(|fault| server.inject(fault));
    // Each waits for the deadline of a kind; side by side that is one wait.
    let (once, search) =
        tokio::join!(ends(&home, &["sync", "--once"]), ends(&second, &["search", "kind:node", "-o", "name"]));
    assert_eq!(once.code, 1, "a kind that may be read was not: {once:?}");
    assert!(once.stderr.contains("(1 failing: configmaps)"), "{once:?}");
    assert_eq!(search.code, 0, "{search:?}");
    assert!(search.stderr.contains("(1 failing: configmaps)"), "{search:?}");
    // What hung the last time is not waited for again.
    let again = ends(&second, &["search", "--max-age", "0s", "kind:node", "-o", "name"]).await;
    assert!(again.code == 0 && again.stderr.contains("(1 failing: configmaps)"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_at_all_is_not_waited_for_where_something_is_stored() {
    let (server, home) = cluster().await;
    make(&server, "settings");
    home.run(&["sync", "--once"]).await.success();
    server.inject(Fault::always(Matcher::default(), Action::NoAnswer));
    let output = ends(&home, &["search", "--max-age", "0s", "name:=settings", "-o", "name"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (0, "configmap/settings -n default\n"), "{output:?}");
    assert!(output.stderr.contains("no answer within 3 s"), "{output:?}");
    assert!(output.stderr.contains("answering from what is stored"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_made_is_looked_for_before_nothing_is_said() {
    let (server, home) = cluster().await;
    home.run(&["sync", "--once"]).await.success();
    make(&server, "just-made");
    // As young as it is, the index answers by itself; a second later it knows that it may lack something.
    let query = ["search", "--max-age", "1h", "name:=just-made", "-o", "name"];
    wait_for("the new object to be found", async || home.run(&query).await.code == 0).await;

    make(&server, "made-later");
    let asked = server.request_count();
    let output = ends(&home, &["search", "--offline", "name:=made-later"]).await;
    assert_eq!((output.code, server.request_count()), (1, asked), "{output:?}");
    let output = ends(&home, &["search", "--max-age", "1h", "name:=just-made"]).await;
    assert_eq!(
        (output.code, server.request_count()),
        (0, asked),
        "what is found is not asked for: {output:?}"
    );

    server.stop();
    let query = ["search", "--max-age", "1h", "name:=made-later"];
    wait_for("the index to be a second old", async || {
        let output = ends(&home, &query).await;
        assert_eq!(output.code, 1, "{output:?}");
        if output.stderr.contains("answering from what is stored") { Ok(()) } else { Err(output.stderr) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_new_is_looked_for_before_it_is_called_unknown() {
    let (server, home) = cluster().await;
    home.run(&["sync", "--once"]).await.success();
    let mut kind = server.kinds().into_iter().find(|kind| kind.plural == "configmaps").expect("config maps");
    (kind.group, kind.kind, kind.plural) = ("new.example.org".into(), "Gizmo".into(), "gizmos".into());
    (kind.singular, kind.short_names) = ("gizmo".into(), Vec::new());
    server.add_aggregated(kind, kubesift::demo::Formats::All, false).expect("a new kind");
    let object = Object { name: "one".into(), namespace: "default".into(), ..Object::default() };
    server.apply("gizmos.new.example.org", object).expect("a kind that is served");
    let query = ["search", "--max-age", "1h", "kind:gizmo", "-o", "name"];
    wait_for("the new kind to be found", async || {
        let output = ends(&home, &query).await;
        if output.code == 0 { Ok(()) } else { Err(output.stderr) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_writer_that_reaches_nobody_the_answer_says_so() {
    let (server, home) = cluster().await;
    let mut writer = live(&home).await;
    server.stop();
    writer.wait_for_line("offline").await;
    let output = ends(&home, &["search", "kind:node"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    let why = format!("pid {}, which keeps the index, can't reach the cluster: ", writer.id());
    assert!(output.stderr.contains(&why), "{output:?}");
    assert!(output.stderr.contains("not confirmed: "), "{output:?}");
    let output = ends(&home, &["search", "--fresh", "kind:node"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    server.restart().await.expect("the same port");
    wait_for("the answer to be whole again", async || {
        let output = ends(&home, &["search", "kind:node"]).await;
        if output.stderr.contains("not confirmed") { Err(output.stderr) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_writer_that_waits_for_one_api_all_else_is_found() {
    let (server, home) = cluster().await;
    hangs("configmaps").into_iter().for_each(|fault| server.inject(fault));
    let mut writer = home.spawn(&["sync", "--watch"]);
    writer.wait_for_line("syncing").await;
    wait_for("the nodes to be stored", async || {
        let output = ends(&home, &["search", "--wait", "0s", "kind:node"]).await;
        let told = ["1 not read yet: configmaps", "1 failing: configmaps"];
        match output.code {
            0 if told.iter().any(|told| output.stderr.contains(told)) => Ok(()),
            _ => Err(output.stderr),
        }
    })
    .await;
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_writer_that_may_read_nothing_the_answer_is_nothing_and_why() {
    let (server, home) = cluster().await;
    let user = server.users()[0].name.clone();
    server.set_rights(&user, Rights::none());
    let mut writer = home.spawn(&["sync", "--watch"]);
    writer.wait_for_line("live").await;
    wait_for("the answer", async || {
        let output = ends(&home, &["search", "kind:node"]).await;
        assert_ne!(output.code, 0, "{output:?}");
        if output.stderr.contains("you may list nothing across the cluster") {
            Ok(())
        } else {
            Err(output.stderr)
        }
    })
    .await;
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_can_not_be_written_is_not_called_a_cluster_that_is_away() {
    let (server, home) = cluster().await;
    let mut writer = live(&home).await;
    let entries = fs_err::read_dir(home.path().join("data/kubesift")).expect("a data directory");
    let dirs = entries.map(|entry| entry.expect("an entry").path());
    let index = dirs.map(|dir| dir.join("tantivy")).find(|dir| dir.is_dir()).expect("an index");
    let aside = index.with_file_name("aside");
    fs_err::rename(&index, &aside).expect("a rename");
    fs_err::write(&index, b"in the way").expect("a file");
    make(&server, "settings");
    writer.wait_for_line("the index can't be written").await;
    let status = home.status().await;
    assert_eq!(status["phase"]["is"], "unwritable", "{status}");
    let told = ends(&home, &["status"]).await.success();
    assert!(told.contains("can't write the index since ") && !told.contains("offline"), "{told}");
    fs_err::remove_file(&index).expect("a file");
    fs_err::rename(&aside, &index).expect("a rename");
    let output = ends(&home, &["search", "kind:node"]).await;
    let why = format!("pid {}, which keeps the index, can't write it: ", writer.id());
    assert!(output.code == 0 && output.stderr.contains(&why), "{output:?}");
    appears(&home, "name:=settings").await;
    wait_for("the writer to be live", async || home.status().await["phase"]["is"] == "live").await;
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_search_says_when_nobody_keeps_it_up_to_date() {
    let (server, home) = cluster().await;
    let writer = live(&home).await;
    let mut watch = home.spawn(&["search", "kind:node", "--watch"]);
    watch.wait_for_line(" kinds, as of ").await;
    server.stop();
    watch.wait_for_line("can't reach the cluster").await;
    server.restart().await.expect("the same port");
    watch.wait_for_line("the index is kept up to date again").await;
    assert_eq!(watch.stop().await.0, 0);
    writer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_whatever_waits() {
    let (server, home) = cluster().await;
    home.run(&["sync", "--once"]).await.success();
    server.inject(Fault::always(Matcher::default(), Action::NoAnswer));
    for arguments in [
        &["search", "--fresh", "kind:node"][..],
        &["sync", "--once"],
        &["sync", "--watch"],
        &["search", "--watch", "kind:node"],
    ] {
        let before = server.request_count();
        let running = home.spawn(arguments);
        wait_for("a request", async || server.request_count() > before).await;
        process::signal(running.id(), "INT");
        running.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_stopped_by_hand_is_not_called_none() {
    let (_server, home) = cluster().await;
    let writer = live(&home).await;
    process::signal(writer.id(), "STOP");
    wait_for("the status to say so", async || {
        let told = home.run(&["status"]).await.success();
        told.contains("another process holds the index and gives no sign of life").then_some(()).ok_or(told)
    })
    .await;
    process::signal(writer.id(), "CONT");
    wait_for("the writer to be live", async || {
        let told = home.run(&["status"]).await.success();
        told.contains(&format!("live (pid {})", writer.id())).then_some(()).ok_or(told)
    })
    .await;
    writer.stop().await;
    assert!(home.run(&["status"]).await.success().contains("no writer; last one stopped at"));
}
