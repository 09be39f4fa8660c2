//! Kubeconfigs, credentials and certificates through the built program, with kubectl as the judge where it can be.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kubesift::demo::{Server, ServerOptions, User};
use kubesift::object::Object;
use serde_json::{Value, json};

use crate::support::binary::Output;
use crate::support::{ControlPlane, Home, Options, wait_for};
use crate::unattended::get;

fn user(name: &str, token: &str) -> User {
    User { name: name.into(), token: token.into(), groups: vec!["system:masters".into()] }
}

async fn server(users: Vec<User>) -> Server {
    let options = ServerOptions { objects: 30, users, ..ServerOptions::default() };
    Server::start(options).await.expect("the simulated server starts")
}

fn script(path: &Path, text: &str) {
    fs_err::write(path, text).expect("a script");
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("a script");
}

/// A kubeconfig for a simulated server whose authority is a file beside it.
fn with_authority_file(dir: &Path, server: &Server) -> (PathBuf, PathBuf) {
    fs_err::create_dir(dir).expect("a directory");
    let (authority, kubeconfig) = (dir.join("ca.crt"), dir.join("kubeconfig"));
    let text = server.kubeconfig();
    let line = text.lines().find(|line| line.contains("certificate-authority-data: ")).expect("an authority");
    let (indent, data) = line.split_once("certificate-authority-data: ").expect("data");
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data.trim_matches('"'));
    fs_err::write(&authority, decoded.expect("base64")).expect("an authority");
    let named = text.replace(line, &format!("{indent}certificate-authority: ca.crt"));
    fs_err::write(&kubeconfig, named).expect("a kubeconfig");
    (kubeconfig, authority)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_of_another_file_is_another_cluster_whatever_it_is_called() {
    let files = tempfile::tempdir().expect("temp dir");
    let (one, two) = (server(vec![user("me", "one")]).await, server(vec![user("me", "two")]).await);
    for (server, name) in [(&one, "only-in-one"), (&two, "only-in-two")] {
        let object = Object { name: name.into(), namespace: "default".into(), ..Object::default() };
        server.apply("configmaps", object).expect("an object");
    }
    let (first, first_ca) = with_authority_file(&files.path().join("one"), &one);
    let (second, second_ca) = with_authority_file(&files.path().join("two"), &two);
    let mut home = Home::new(&first);
    let found = async |home: &Home, file: &Path, how: &[&str]| {
        let file = file.to_str().expect("UTF-8");
        home.run(&[&["search", "--kubeconfig", file, "-o", "name", "only-in"], how].concat()).await
    };
    assert!(found(&home, &first, &[]).await.success().contains("only-in-one"));

    // Never seen: nothing is known of it, so nothing is shown, and least of all the other one's.
    let kept = fs_err::read(&second_ca).expect("an authority");
    fs_err::remove_file(&second_ca).expect("removed");
    for offline in [&["--offline"][..], &[]] {
        let output = found(&home, &second, offline).await;
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output:?}");
        assert!(output.stderr.contains("the file of certificate-authority can't be read"), "{output:?}");
    }
    let output = home.run(&["status", "--kubeconfig", second.to_str().expect("UTF-8")]).await;
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output:?}");

    // Seen: each file leads to its own, and says whose it is.
    fs_err::write(&second_ca, kept).expect("an authority");
    assert!(found(&home, &second, &[]).await.success().contains("only-in-two"));
    for authority in [first_ca, second_ca] {
        fs_err::remove_file(authority).expect("removed");
    }
    for (file, server, own) in [(&first, &one, "only-in-one"), (&second, &two, "only-in-two")] {
        let output = found(&home, file, &["--offline"]).await;
        assert!(
            output.code == 0
                && output.stdout.starts_with(&format!("configmap/{own} "))
                && output.stdout.lines().count() == 1,
            "{output:?}"
        );
        assert!(output.stderr.contains(&format!("what is stored of {}", server.url())), "{output:?}");
        home.use_kubeconfig(file);
        assert_eq!(home.status().await["server"], server.url(), "{own}");
    }
    assert_eq!(found(&home, &second, &[]).await.code, 2, "a search that may connect needs the authority");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_may_come_through_a_pipe() {
    let files = tempfile::tempdir().expect("temp dir");
    let server = server(vec![user("me", "one")]).await;
    let kubeconfig = files.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("a kubeconfig");
    let home = Home::new("/nonexistent/kubeconfig");
    let program = crate::support::binary::program();
    for (shell, line) in [
        ("bash", "'PROGRAM' search --kubeconfig <(cat 'FILE') -o name kind:ns"),
        ("sh", "cat 'FILE' | 'PROGRAM' search --kubeconfig /dev/stdin -o name kind:ns"),
        ("bash", "KUBECONFIG=<(cat 'FILE') 'PROGRAM' search -o name kind:ns"),
    ] {
        let line = line.replace("PROGRAM", &program.display().to_string());
        let mut command = std::process::Command::new(shell);
        home.environment(&mut command);
        command.args(["-c", &line.replace("FILE", &kubeconfig.display().to_string())]);
        let output = tokio::process::Command::from(command).output().await.expect("a shell");
        assert!(Output::from(output).success().contains("default"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_says_reaches_no_file_and_no_endpoint_with_its_token() {
    const TOKEN: &str = "k7Qw9ZpLm3Rt5Xv1Yb8N";
    let files = tempfile::tempdir().expect("temp dir");
    let server = server(vec![user("me", TOKEN)]).await;
    let (plugin, answer) = (files.path().join("plugin"), files.path().join("answer"));
    let credential = json!({ "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "status": { "token": TOKEN } });
    fs_err::write(&answer, credential.to_string()).expect("an answer");
    // First it fails and says too much, then it works and says as much.
    let talk =
        format!("echo 'the token {TOKEN} of plain-words is used' >&2\necho 'password=plain-words' >&2\n");
    let line = format!("#!/bin/sh\n{talk}[ -e \"$0.ok\" ] || exit 7\ncat '{}'\n", answer.display());
    script(&plugin, &line);
    let text = server.kubeconfig();
    let (head, _) = text.split_once("    token: ").expect("a token");
    let exec = format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      command: {}\n",
        plugin.display()
    );
    let kubeconfig = files.path().join("kubeconfig");
    fs_err::write(&kubeconfig, format!("{head}{exec}")).expect("a kubeconfig");
    let home = Home::new(kubeconfig);
    let log = files.path().join("log");
    let arguments =
        ["sync", "--watch", "--listen", "127.0.0.1:0", "-v", "--log-file", log.to_str().expect("UTF-8")];
    let mut running = home.spawn(&arguments);
    let listening = running.wait_for_line("listening on").await;
    let addr = listening.rsplit(' ').next().and_then(|addr| addr.parse().ok()).expect("an address");
    wait_for("the refusal", async || {
        let (code, body) = get(addr, "/readyz").await;
        if code == 503 && body.starts_with("the credentials are refused") { Ok(body) } else { Err(body) }
    })
    .await;
    let (_, body) = get(addr, "/readyz").await;
    assert!(!body.contains("plugin") && !body.contains("redacted") && !body.contains("exit"), "{body}");
    let message = home.status().await["phase"]["message"].as_str().expect("a message").to_owned();
    assert!(
        message.contains("'plugin' failed: the token [redacted]") && message.contains("(exit status: 7)"),
        "{message}"
    );
    fs_err::write(files.path().join("plugin.ok"), "").expect("a file");
    crate::unattended::ready(addr).await;
    let (code, output) = running.stop().await;
    assert_eq!(code, 0, "{output}");
    let mut looked_at = vec![output, fs_err::read_to_string(log).expect("a log")];
    let data = home.path().join("data");
    let mut open = vec![data];
    while let Some(dir) = open.pop() {
        for entry in fs_err::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    looked_at.push(String::from_utf8_lossy(&fs_err::read(path).expect("a file")).into_owned())
                }
            }
        }
    }
    for text in looked_at {
        for secret in [TOKEN, "password=plain-words"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_of_an_assumed_role_is_the_same_user() {
    const ROLE: &str = "arn:aws:sts::123456789012:assumed-role";
    let files = tempfile::tempdir().expect("temp dir");
    let users = [
        ("Admin/botocore-session-1", "one"),
        ("Admin/me@example.org", "two"),
        ("Reader/me@example.org", "three"),
    ];
    let users = users.map(|(name, token)| user(&format!("{ROLE}/{name}"), token));
    let server = server(users.to_vec()).await;
    let kubeconfig = files.path().join("kubeconfig");
    let home = Home::new(&kubeconfig);
    let log_in = |token: &str| {
        let text = server.kubeconfig();
        let line = text.lines().find(|line| line.contains("    token: ")).expect("a token");
        fs_err::write(&kubeconfig, text.replace(line, &format!("    token: {token}"))).expect("a kubeconfig");
    };
    let aside = || {
        let entries = fs_err::read_dir(home.path().join("data/kubesift")).expect("indexes");
        entries
            .filter(|entry| entry.as_ref().expect("an entry").path().to_string_lossy().contains(".aside-"))
            .count()
    };
    for (token, expected) in [("one", 0), ("two", 0), ("one", 0), ("three", 1)] {
        log_in(token);
        home.run(&["sync"]).await.success();
        assert_eq!(aside(), expected, "{token}");
    }
}

/// kubectl's verdict and ours, on one kubeconfig.
struct Trial<'a> {
    plane: &'a ControlPlane,
    files: tempfile::TempDir,
    config: Value,
}

impl<'a> Trial<'a> {
    fn new(plane: &'a ControlPlane) -> Self {
        let config = fs_err::read_to_string(plane.kubeconfig("admin")).expect("a kubeconfig");
        let config = serde_json::from_str(&config).expect("JSON");
        Self { plane, files: tempfile::tempdir().expect("temp dir"), config }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Whether kubectl and kubesift reach the server with this text as kubeconfig; they have to agree.
    async fn works(&self, text: &str, what: &str) -> bool {
        let file = self.path("kubeconfig");
        fs_err::write(&file, text).expect("a kubeconfig");
        let theirs = self.plane.kubectl_command("admin");
        let mut theirs = tokio::process::Command::from(theirs);
        theirs
            .arg("--kubeconfig")
            .arg(&file)
            .args(["get", "--raw", "/version"])
            .stdin(std::process::Stdio::null());
        let theirs = Output::from(theirs.output().await.expect("kubectl starts"));
        let home = Home::new(&file);
        let ours = home.run(&["search", "--fresh", "-o", "name", "kind:ns", "kube-system"]).await;
        assert_eq!(ours.code == 0, theirs.code == 0, "{what}: kubectl {theirs:?}, kubesift {ours:?}");
        ours.code == 0
    }

    /// The same with the usual kubeconfig changed.
    async fn changed(&self, what: &str, change: impl FnOnce(&mut Value)) -> bool {
        let mut config = self.config.clone();
        change(&mut config);
        self.works(&config.to_string(), what).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubeconfigs_work_where_kubectl_takes_them() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let trial = Trial::new(plane);
    assert!(trial.changed("as it is", |_| {}).await);
    let unused = json!({ "name": "b", "user": { "exec": { "command": "x", "apiVersion": "client.authentication.k8s.io/v1",
        "provideClusterInfo": null, "interactiveMode": "", "env": [{ "name": "A" }], "args": null } } });
    let empty = json!({ "name": "", "context": { "cluster": "admin", "user": "admin" } });
    assert!(
        trial
            .changed("null and empty fields", |config| {
                config["users"].as_array_mut().expect("users").push(unused);
                config["contexts"].as_array_mut().expect("contexts").push(empty);
                config["clusters"].as_array_mut().expect("clusters").push(Value::Null);
                config["clusters"][0]["cluster"]["proxy-url"] = Value::Null;
                config["users"][0]["user"]["client-key-data"] = json!("");
                config["preferences"] = Value::Null;
            })
            .await
    );
    for list in ["users", "contexts", "clusters"] {
        let twice = |config: &mut Value| {
            let again = config[list][0].clone();
            config[list].as_array_mut().expect("a list").push(again);
        };
        assert!(!trial.changed("one name twice", twice).await);
    }
    let text = trial.config.to_string();
    let repeated = text.replacen("\"token\":", "\"token\":\"wrong\",\"token\":", 1);
    assert!(trial.works(&repeated, "a repeated key").await);
    let marked: Vec<u8> = [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat();
    assert!(trial.works(&String::from_utf8(marked).expect("UTF-8"), "a byte order mark").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_trusted_where_kubectl_trusts_them() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let trial = Trial::new(plane);
    let ca = fs_err::read_to_string(plane.ca()).expect("an authority");
    let own = fs_err::read_to_string(plane.dir().join("pki/server.crt")).expect("a certificate");
    let other = plane.client_certificate("connecting-somebody", &[]);
    let client = fs_err::read_to_string(other.certificate).expect("a certificate");
    let broken = ca.replacen("MII", "%%%", 1);
    let unended = ca.replace("-----END CERTIFICATE-----", "");
    let noise = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    for (what, bundle, expected) in [
        ("the server's own certificate", own.clone(), true),
        ("somebody else's", client.clone(), false),
        ("a bundle of both", format!("{client}{own}"), true),
        ("a damaged block before", format!("{broken}{ca}"), true),
        ("a damaged block behind", format!("{ca}{broken}"), true),
        ("no certificate before", format!("{noise}{ca}"), true),
        ("a block without an end behind", format!("{ca}{unended}"), true),
        ("nothing but a damaged block", broken.clone(), false),
        ("nothing but words", "hello".to_owned(), false),
    ] {
        let file = trial.path("authority");
        fs_err::write(&file, bundle).expect("an authority");
        let named =
            |config: &mut Value| config["clusters"][0]["cluster"]["certificate-authority"] = json!(file);
        assert_eq!(trial.changed(what, named).await, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_understood_where_kubectl_understands_them() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let trial = Trial::new(plane);
    let token = trial.config["users"][0]["user"]["token"].as_str().expect("a token").to_owned();
    let certified = plane.client_certificate("connecting-admin", &["system:masters"]);
    let text = |path: &Path| fs_err::read_to_string(path).expect("a file");
    let pair = (text(&certified.certificate), text(&certified.key));
    let plugin = trial.path("plugin");
    script(&plugin, "#!/bin/sh\necho run >> \"$0.runs\"\ncat \"$0.answer\"\n");
    let exec = json!({ "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": plugin });
    let own = json!({ "client-certificate": certified.certificate, "client-key": certified.key });
    for (what, status, beside, runs, expected) in [
        ("a token", json!({ "token": token }), json!({}), 1, true),
        (
            "Go's zero time",
            json!({ "token": token, "expirationTimestamp": "0001-01-01T00:00:00Z" }),
            json!({}),
            1,
            true,
        ),
        (
            "a past time",
            json!({ "token": token, "expirationTimestamp": "2001-01-01T00:00:00Z" }),
            json!({}),
            1,
            true,
        ),
        (
            "empty certificate fields",
            json!({ "token": token, "clientCertificateData": "", "clientKeyData": "" }),
            json!({}),
            1,
            true,
        ),
        (
            "a certificate and an empty token",
            json!({ "token": "", "clientCertificateData": pair.0, "clientKeyData": pair.1 }),
            json!({}),
            1,
            true,
        ),
        ("half a pair", json!({ "token": token, "clientKeyData": pair.1 }), json!({}), 1, false),
        ("nothing", json!({}), json!({}), 1, false),
        ("a client certificate beside it", json!({ "token": "wrong" }), own, 0, true),
    ] {
        let answer = json!({ "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status });
        fs_err::write(trial.path("plugin.answer"), answer.to_string()).expect("an answer");
        let mut user = beside;
        user["exec"] = exec.clone();
        assert_eq!(
            trial.changed(what, |config| config["users"][0]["user"] = user.clone()).await,
            expected,
            "{what}"
        );
        // Ours alone: kubectl counts as it likes.
        fs_err::write(trial.path("plugin.runs"), "").expect("a file");
        let home = Home::new(trial.path("kubeconfig"));
        assert_eq!(
            home.run(&["search", "--fresh", "kind:ns", "kube-system"]).await.code == 0,
            expected,
            "{what}"
        );
        let ran = fs_err::read_to_string(trial.path("plugin.runs")).expect("a file").lines().count();
        assert_eq!(ran, runs, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_keys_on_the_curve_p_521_work_as_with_kubectl() {
    let fixture = |name: &str| format!("{}/tests/fixtures/p521/{name}", env!("CARGO_MANIFEST_DIR"));
    let options = Options {
        apiserver: vec![
            format!("--tls-sni-cert-key={},{}:p521.example", fixture("server.crt"), fixture("server.key")),
            format!("--client-ca-file={}", fixture("ca.crt")),
        ],
        ..Options::default()
    };
    let Some(plane) = ControlPlane::start(options).await else { return };
    let trial = Trial::new(&plane);
    let server = |config: &mut Value| {
        let cluster = &mut config["clusters"][0]["cluster"];
        cluster["certificate-authority"] = json!(fixture("ca.crt"));
        cluster["tls-server-name"] = json!("p521.example");
    };
    assert!(trial.changed("the server's certificate", server).await);
    for key in ["client.key", "client.pkcs8.key", "client.parameters.key"] {
        let both = |config: &mut Value| {
            server(config);
            let user = json!({ "client-certificate": fixture("client.crt"), "client-key": fixture(key) });
            config["users"][0]["user"] = user;
        };
        assert!(trial.changed(key, both).await, "{key}");
    }
    let other = |config: &mut Value| {
        server(config);
        config["clusters"][0]["cluster"]["tls-server-name"] = json!("other.example");
    };
    assert!(!trial.changed("another name", other).await);
}
