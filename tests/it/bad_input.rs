//! What people and clusters get wrong, through the built program: a clear message, the right exit code, nothing lost,
//! nothing raw to the terminal.

use std::path::PathBuf;

use kubesift::demo::{Action, Crd, Fault, Matcher, Rights, Server, ServerOptions, Tls, Verb};
use kubesift::object::Object;

use crate::support::Home;
use crate::support::binary::Output;
use crate::support::steps::live;

/// A simulated cluster, and a home whose kubeconfig leads to it.
struct Try {
    server: Server,
    home: Home,
    files: tempfile::TempDir,
}

impl Try {
    async fn new() -> Self {
        let options = ServerOptions { objects: 60, ..ServerOptions::default() };
        Self::with(options).await
    }

    async fn with(options: ServerOptions) -> Self {
        let server = Server::start(options).await.expect("a simulated server");
        let files = tempfile::tempdir().expect("temp dir");
        let path = files.path().join("kubeconfig");
        fs_err::write(&path, server.kubeconfig()).expect("kubeconfig");
        Self { server, home: Home::new(path), files }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs_err::write(&path, text).expect("a file");
        path
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let output = self.home.run(arguments).await;
        for text in [&output.stdout, &output.stderr] {
            let raw = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(raw, None, "{arguments:?} wrote a control character: {text:?}");
        }
        output
    }
}

/// One thing that goes wrong: what was typed, the exit code, and what stderr says (all of it).
struct Case<'a> {
    arguments: &'a [&'a str],
    code: i32,
    says: &'a [&'a str],
}

async fn check(own: &Try, cases: &[Case<'_>]) {
    for case in cases {
        let output = own.run(case.arguments).await;
        let shown = format!("{:?}\ncode {}\nstderr: {}", case.arguments, output.code, output.stderr);
        assert_eq!(output.code, case.code, "{shown}");
        for part in case.says {
            assert!(output.stderr.contains(part), "{part:?} is missing\n{shown}");
        }
        if case.code > 1 {
            assert_eq!(output.stdout, "", "a failure has no answer\n{shown}");
            assert!(output.stderr.len() < 3_000, "a message is short\n{shown}");
        }
    }
}

const fn case<'a>(arguments: &'a [&'a str], code: i32, says: &'a [&'a str]) -> Case<'a> {
    Case { arguments, code, says }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_on_the_command_line_and_in_queries() {
    let own = Try::new().await;
    own.run(&["sync"]).await.success();
    check(
        &own,
        &[
            // flags
            case(&["search", "web", "--limti", "5"], 2, &["--limti", "--limit"]),
            case(&["search", "web", "--limti=5"], 2, &["--limti", "--limit"]),
            case(&["status", "--contxt", "x"], 2, &["--contxt", "--context"]),
            case(&["search", "-o", "xml", "web"], 2, &["xml", "table, wide, name, json, jsonl, yaml"]),
            case(
                &["search", "--limit", "many", "web"],
                2,
                &["--limit: expected a whole number, got \"many\""],
            ),
            case(&["search", "--max-age", "soon", "web"], 2, &["--max-age", "30s, 5m, 24h or 7d"]),
            case(&["search", "--offline", "--fresh", "web"], 2, &["--offline", "--fresh", "cannot be used"]),
            case(&["sync", "--once", "--watch"], 2, &["--once", "--watch", "cannot be used"]),
            case(&["completions", "tcsh"], 2, &["tcsh", "bash"]),
            case(&["demo", "--objects", "0"], 2, &["--objects", "1..=1000000"]),
            case(&["demo", "--serve", "somewhere"], 2, &["--serve", "somewhere"]),
            case(&["statsu"], 1, &["there is a command status: kubesift status"]),
            // queries: the place is marked
            case(&["search", "web (api"], 2, &["this parenthesis is never closed", "web (api\n", "    ^"]),
            case(
                &["search", "kind:deploi"],
                2,
                &["no kind is called 'deploi': did you mean 'deploy'?", "^^^"],
            ),
            case(
                &["search", "-l", "app in (web"],
                2,
                &["this is no label selector", "^ expected `,` or `)`"],
            ),
            case(&["search", "-l", "app in web"], 2, &["this is no label selector"]),
            case(&["search", "-l", "=web"], 2, &["this is no label selector"]),
            case(&["search", "-l", "app=a b"], 2, &["this is no label selector"]),
            case(&["search", "-n", "no such", "web"], 2, &["-n: \"no such\" can't be a namespace"]),
            case(&["search", "\x1b[2J(\u{202e}"], 2, &["␛[2J(<U+202E>"]),
            case(&["search", "nothing-is-called-so"], 1, &["0 of ", " kinds"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn habits_of_other_tools_are_answered_with_what_to_write() {
    let own = Try::new().await;
    let pod = |name: &str| Object { name: name.into(), namespace: "trial".into(), ..Object::default() };
    own.server.apply("pods", pod("zebra-crossing")).expect("pods are served");
    own.run(&["sync"]).await.success();
    check(
        &own,
        &[
            case(
                &["status", "-n", "trial"],
                2,
                &["-n: the status is of the whole index", "kubesift kinds -n"],
            ),
            case(&["search", "x", "--listen", ":9090"], 2, &["--listen: only sync --watch", "sync --watch"]),
            case(&["sync", "--listen", "127.0.0.1:0"], 2, &["--listen: only sync --watch"]),
            case(&["search", "zebra", "-pod"], 2, &["'-p'", "kubesift search 'WORDS -pod'", "after --"]),
            case(&["search", "get", "pods", "-n", "trial"], 1, &["write `kind:pods` alone"]),
            case(&["search", "app in (a, b)"], 1, &["`app=a,b` or `-l app in (a, b)`"]),
            case(
                &["search", "trial/zebra-crossing"],
                1,
                &["no kind is called 'trial'", "ns:trial zebra-crossing"],
            ),
            case(&["search", "po/zebra-crosing"], 1, &["did you mean po/zebra-crossing?"]),
            case(&["search", "node:worker-1"], 1, &["only metadata is indexed", "spec.nodeName"]),
            case(&["search", "image:nginx"], 1, &["only metadata is indexed", "-o yaml"]),
        ],
    )
    .await;
    let output = own.run(&["kinds", "pods", "-n", "trial", "-o", "json"]).await;
    let kinds = output.json();
    assert_eq!(kinds.as_array().map(Vec::len), Some(1), "{kinds}");
    assert_eq!(kinds[0]["objects"], 1, "{kinds}");
    let output = own.run(&["kinds", "-n", "no|namespace"]).await;
    assert!(output.code == 2 && output.stderr.contains("can't be a namespace"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_and_never_answers_is_waited_for_as_long_as_wait_says() {
    let own = Try::new().await;
    own.run(&["sync"]).await.success();
    own.server.inject(Fault::always(Matcher::default(), Action::NoAnswer));
    let large = ["--relist-limit", "1", "--max-age", "0s", "--wait", "1s"];
    let output = own.run(&[&["search", "kind:ns"][..], &large].concat()).await;
    assert!(output.code == 0 && !output.stdout.is_empty(), "{output:?}");
    for part in ["no answer within 1s", "answering from what is stored"] {
        assert!(output.stderr.contains(part), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_a_megabyte() {
    let own = Try::new().await;
    own.run(&["sync"]).await.success();
    // One argument holds at most 128 KiB on Linux.
    let (word, deep) = ("a".repeat(120_000), "(".repeat(120_000));
    let alternatives = "a|".repeat(60_000);
    for part in [word.as_str(), deep.as_str(), alternatives.as_str()] {
        let arguments: Vec<&str> = std::iter::once("search").chain(std::iter::repeat_n(part, 9)).collect();
        let case = [case(&arguments, 2, &["the query is too long", "at most "])];
        check_quietly(&own, &case).await;
    }
    let selector: Vec<&str> = std::iter::once("search").chain(["-l", word.as_str()].repeat(9)).collect();
    check_quietly(&own, &[case(&selector, 2, &["the selector is longer than 4096 bytes"])]).await;
    let namespace: Vec<&str> = std::iter::once("search").chain(["-n", word.as_str()].repeat(9)).collect();
    check_quietly(&own, &[case(&namespace, 2, &["the query is too long"])]).await;
}

// Without the arguments in the panic's message.
async fn check_quietly(own: &Try, cases: &[Case<'_>]) {
    for case in cases {
        let output = own.run(case.arguments).await;
        let shown = output.stderr.chars().take(500).collect::<String>();
        assert_eq!(output.code, case.code, "{shown}");
        assert!(output.stderr.len() < 1_000, "{} bytes: {shown}", output.stderr.len());
        assert!(case.says.iter().all(|part| output.stderr.contains(part)), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_query_lists_the_kinds_with_their_counts() {
    let own = Try::new().await;
    for arguments in [&["search"][..], &["search", ""], &["search", "  "]] {
        let output = own.run(arguments).await;
        let listed =
            output.stdout.lines().any(|line| line.starts_with("namespaces ") && line.ends_with(" 4"));
        assert!(output.code == 0 && output.stdout.starts_with("KIND") && listed, "{output:?}");
        assert!(
            output.stderr.contains(" objects, ") && output.stderr.contains(" kinds, as of "),
            "{output:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_configuration() {
    let own = Try::new().await;
    let named = |name: &str, text: &str| own.file(name, text).to_str().expect("UTF-8").to_owned();
    let unknown = named("unknown.toml", "limit = 5\n\n[cluster.demo]\nmax_ages = '1m'\n");
    let broken = named("broken.toml", "limit = \n");
    let wrong = named("wrong.toml", "limit = 'many'\n");
    let pattern = named("pattern.toml", "redact = ['(']\n");
    check(
        &own,
        &[
            case(
                &["search", "--config", &unknown, "web"],
                2,
                &["unknown.toml, line 4: unknown setting max_ages; did you mean max_age?"],
            ),
            case(&["status", "--config", &broken], 2, &["broken.toml, line 1: "]),
            case(&["kinds", "--config", &wrong], 2, &["wrong.toml, line 1: limit: expected a whole number"]),
            case(&["search", "--config", &pattern, "web"], 2, &["("]),
            case(&["search", "--config", "/nowhere/c.toml", "web"], 2, &["/nowhere/c.toml", "No such file"]),
        ],
    )
    .await;

    let mut own = own;
    own.home.set("KUBESIFT_LIMIT", "many");
    check(&own, &[case(&["search", "web"], 2, &["KUBESIFT_LIMIT: expected a whole number, got \"many\""])])
        .await;
    own.home.set("KUBESIFT_LIMIT", "5");
    own.home.set("KUBESIFT_MAXAGE", "1h");
    own.home.configure("exclude = ['secret']\n");
    let says = ["KUBESIFT_MAXAGE is no setting; did you mean KUBESIFT_MAX_AGE?"];
    check(&own, &[case(&["search", "kind:ns"], 0, &says)]).await;
    own.home.configure("[keys]\nwide = 'ctrl-y'\nsort = []\n");
    let shown = own.run(&["config", "show"]).await.success();
    assert!(shown.lines().any(|line| line.starts_with("keys.wide ") && line.contains("ctrl-y")), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("keys.sort ")), "{shown}");
    own.home.configure("exclude = ['secret']\n");
    let says = ["include or exclude names secret, which no served kind is called (did you mean secrets?)"];
    check(&own, &[case(&["search", "--fresh", "kind:ns"], 0, &says)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubeconfigs_that_lead_nowhere() {
    let own = Try::new().await;
    let yaml = own.server.kubeconfig();
    let named = |name: &str, text: &str| own.file(name, text).to_str().expect("UTF-8").to_owned();
    let directory = own.files.path().to_str().expect("UTF-8");
    let garbage = named("garbage", "{ not: yaml: at: all");
    let token = own.server.users()[0].token.clone();
    let secretive = named("secretive", &yaml.replace("token: ", "token: [").replace("name: demo", "name: {"));
    let no_user = named("no-user", &yaml.replace("user: \"demo\"", "user: \"ada\""));
    let no_server = named("no-server", &yaml.replace(&own.server.url(), "not a url"));
    let no_ca = named(
        "no-ca",
        &yaml.replace("certificate-authority-data: ", "certificate-authority-data: no-base-64-"),
    );
    let name = named("name", &yaml.replace(&own.server.url(), "https://nowhere.invalid:6443"));
    let http = named("http", &yaml.replace("https://", "http://"));
    let other =
        Server::start(ServerOptions { objects: 0, ..ServerOptions::default() }).await.expect("a server");
    let wrong_ca = named("wrong-ca", &other.kubeconfig().replace(&other.url(), &own.server.url()));
    let stranger = named("stranger", &yaml.replace(&token, "somebody-else"));
    check(
        &own,
        &[
            case(&["search", "--context", "prod", "web"], 2, &["no context 'prod' in ", "there are: demo"]),
            case(&["search", "--context", "dmo", "web"], 2, &["did you mean 'demo'?"]),
            case(&["search", "--context", "x\x1b[31m", "web"], 2, &["no context 'x␛[31m'"]),
            case(&["status"], 3, &["nothing is stored for context demo", "kubesift sync"]),
            case(&["status", "--context", "prod"], 2, &["no context 'prod' in "]),
            case(&["search", "--offline", "--context", "prod", "web"], 2, &["no context 'prod' in "]),
            case(&["search", "--kubeconfig", "/nowhere/k", "web"], 2, &["/nowhere/k", "No such file"]),
            case(&["search", "--kubeconfig", directory, "web"], 2, &[directory, "directory"]),
            case(&["search", "--kubeconfig", &garbage, "web"], 2, &["garbage", "is not a valid kubeconfig"]),
            case(&["search", "--kubeconfig", &secretive, "web"], 2, &["is not a valid kubeconfig"]),
            case(&["search", "--kubeconfig", &no_user, "web"], 2, &["the user 'ada', which is not in"]),
            case(&["search", "--kubeconfig", &no_server, "web"], 2, &["'not a url'"]),
            case(&["search", "--kubeconfig", &no_ca, "web"], 2, &["certificate-authority", "not base64"]),
            case(&["search", "--kubeconfig", &name, "web"], 3, &["'nowhere.invalid' can't be resolved"]),
            case(&["search", "--kubeconfig", &http, "web"], 3, &["can't reach context demo"]),
            case(
                &["search", "--kubeconfig", &wrong_ca, "web"],
                3,
                &["signed by unknown authority", "certificate-authority"],
            ),
            case(&["search", "--kubeconfig", &stranger, "web"], 3, &["refuses the credentials", "401"]),
            case(
                &["search", "--offline", "web"],
                3,
                &["nothing is stored for context demo", "kubesift sync"],
            ),
        ],
    )
    .await;
    let output = own.run(&["search", "--kubeconfig", &secretive, "web"]).await;
    assert!(!output.stderr.contains(&token), "a token is quoted: {}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_leaves_what_is_stored() {
    let own = Try::new().await;
    own.server.stop();
    check(&own, &[case(&["search", "web"], 3, &["can't reach context demo", "connection refused"])]).await;
    own.server.restart().await.expect("the same port");
    let before = own.run(&["search", "kind:ns", "-o", "name"]).await.success();
    own.server.stop();
    let output = own.run(&["search", "--max-age", "0", "kind:ns", "-o", "name"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (0, before.as_str()), "{output:?}");
    for part in ["connection refused", "answering from what is stored", "as of "] {
        assert!(output.stderr.contains(part), "{part}: {output:?}");
    }
    let away = ["can't reach context demo", "connection refused"];
    let output = own.run(&["search", "--fresh", "kind:ns"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (3, ""), "{output:?}");
    check(&own, &[case(&["search", "--fresh", "kind:ns"], 3, &away), case(&["sync"], 3, &away)]).await;
    // Beside a writer that has lost the server nothing is fresh either.
    own.server.restart().await.expect("the same port");
    let mut writer = live(&own.home).await;
    own.server.stop();
    writer.wait_for_line("offline").await;
    check(&own, &[case(&["search", "--fresh", "kind:ns"], 3, &["which keeps the index, is offline: "])])
        .await;
    writer.stop().await;
    let status = own.run(&["status"]).await.success();
    assert!(status.contains("no writer") && status.contains("stale"), "{status}");
    let kinds = own.run(&["kinds", "namespaces"]).await.success();
    assert!(kinds.contains("stale"), "{kinds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rights_at_all_is_said_and_loses_nothing() {
    let own = Try::new().await;
    let before = own.run(&["search", "kind:ns", "-o", "name"]).await.success();
    own.server.set_rights("demo", Rights::none());
    let output = own.run(&["search", "--fresh", "kind:ns", "-o", "name"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (0, before.as_str()), "{output:?}");
    assert!(output.stderr.contains("forbidden"), "{output:?}");

    let fresh = Home::new(own.files.path().join("kubeconfig"));
    let output = fresh.run(&["search", "kind:ns"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{output:?}");
    for part in ["0 of 0 objects, 0/", "forbidden", "you may list nothing across the cluster", "--namespaces"]
    {
        assert!(output.stderr.contains(part), "{part}: {output:?}");
    }
    let status = fresh.status().await;
    assert!(
        status["kinds"].as_array().is_some_and(|all| all.iter().all(|kind| kind["last_event_ms"].is_null()))
    );
    let output = fresh.run(&["kinds", "pods"]).await;
    assert!(output.code == 0 && output.stdout.contains("forbidden"), "{output:?}");
}

/// Steers a terminal, hides text and reorders it.
const HOSTILE: &str = "a\x1b]0;owned\x07\u{9b}31m\u{202e}b\r\n\tc";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_from_a_cluster_steers_the_terminal() {
    let own = Try::with(ServerOptions { objects: 0, tls: Tls::SelfSigned, ..ServerOptions::default() }).await;
    let crd = Crd { categories: vec![HOSTILE.into()], ..Crd::new("evil.example", "v1", "Evil", "evils") };
    own.server
        .add_crd(&Crd { kind: format!("Evil{HOSTILE}"), short_names: vec![HOSTILE.into()], ..crd })
        .expect("a kind");
    let object = Object {
        name: format!("evil-{HOSTILE}"),
        namespace: "default".into(),
        labels: [("app".into(), HOSTILE.into()), (HOSTILE.into(), "x".into())].into(),
        annotations: [("description".into(), HOSTILE.into())].into(),
        finalizers: vec![HOSTILE.into()],
        ..Object::default()
    };
    own.server.apply("configmaps", object.clone()).expect("an object");
    own.server.apply("evils.evil.example", object).expect("an object");

    // `Try::run` looks at every byte.
    for form in ["table", "wide", "name", "jsonl", "yaml"] {
        let output = own.run(&["search", "evil", "-o", form]).await;
        assert!(output.code == 0 && output.stdout.contains("evil-a"), "{form}: {output:?}");
    }
    let hits = own.run(&["search", "kind:cm evil", "-o", "json"]).await.json();
    assert_eq!(hits[0]["metadata"]["name"], format!("evil-{HOSTILE}"), "programs get what was stored");
    for arguments in [
        &["kinds"][..],
        &["kinds", "-o", "json"],
        &["status", "--all"],
        &["status", "-o", "yaml"],
        &["search"],
    ] {
        assert!(own.run(arguments).await.success().to_lowercase().contains("evil"), "{arguments:?}");
    }
    own.run(&["search", "kind:nothing"]).await;

    // What a server says when it refuses.
    let says = |status| Action::Says { status, message: format!("no {HOSTILE}") };
    own.server.inject(Fault::always(Matcher::kind(Verb::List, "configmaps"), says(403)));
    own.server.inject(Fault::always(Matcher::kind(Verb::List, "evils.evil.example"), says(500)));
    own.run(&["sync"]).await;
    let status = own.run(&["status"]).await.success();
    assert!(status.contains("no a␛]0;owned␇"), "{status}");
    own.server.inject(Fault::always(Matcher::default(), says(401)));
    let output = own.run(&["sync"]).await;
    assert!(output.code == 3 && output.stderr.contains("no a␛]0;owned␇"), "{output:?}");

    // Logs are read in terminals too.
    for form in ["text", "json"] {
        let log = own.files.path().join(form);
        let path = log.to_str().expect("UTF-8");
        own.run(&["sync", "-vv", "--log-file", path, "--log-format", form]).await;
        let log = fs_err::read_to_string(&log).expect("a log");
        assert!(log.contains("owned"), "{form}: {log}");
        let raw = log.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(raw, None, "{form}: {log:?}");
    }
}
