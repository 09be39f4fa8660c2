//! Credentials: one run for all, renewed once after a 401, never asked for more than needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures_util::future::join_all;
use http::Request;
use hyper::body::Incoming;

use super::server::{Answer, Server, Settings, answer};
use crate::cluster::client::{Answerer, AuthError, ClientError, ClientOptions, RequestSpec};
use crate::cluster::{Access, Client};

pub(super) const EXEC: &str =
    "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}";

pub(super) fn only(token: &'static str) -> impl Fn(&Request<Incoming>) -> Answer + Send + Sync {
    move |request| {
        let given = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        match given.as_deref() == Some(&format!("Bearer {token}")) {
            true => answer(200, "application/json", "{}"),
            false => {
                answer(401, "application/json", r#"{"kind":"Status","message":"Unauthorized","code":401}"#)
            }
        }
    }
}

/// A plugin that counts its runs and prints what the shell line says.
pub(super) fn plugin(server: &Server, line: &str) {
    server.script("plugin", &format!("#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho run >> runs\n{line}\n"));
}

pub(super) fn runs(server: &Server) -> usize {
    fs_err::read_to_string(server.path("runs")).map(|text| text.lines().count()).unwrap_or(0)
}

pub(super) fn gives(token: &str) -> String {
    format!(r#"echo '{{"kind":"ExecCredential","status":{{"token":"{token}"}}}}'"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_requests_at_once_run_the_plugin_once() {
    let server = Server::start(Settings::default(), only("right")).await;
    plugin(&server, &gives("right"));
    let client = server.client(EXEC, "");
    assert_eq!(runs(&server), 0);
    let permits: Vec<_> = (0..25).map(|_| client.acquire_watch().unwrap()).collect();
    let spec = RequestSpec::new("/");
    let watches = permits.iter().map(|permit| client.watch(&spec, permit));
    let lists = (0..25).map(|_| client.get(&spec));
    let (watches, lists) = tokio::join!(join_all(watches), join_all(lists));
    assert!(watches.into_iter().chain(lists).all(|result| result.is_ok()));
    assert_eq!(runs(&server), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_plugin_runs_once_for_all_and_says_which_it_is() {
    let server = Server::start(Settings::default(), only("right")).await;
    plugin(&server, "echo first >&2; echo 'please log in' >&2; echo token-on-stdout; exit 3");
    let client = server.client(EXEC, "");
    let spec = RequestSpec::new("/");
    for result in join_all((0..50).map(|_| client.get(&spec))).await {
        let Err(ClientError::AuthPlugin(error)) = result else { panic!("{result:?}") };
        let text = error.to_string();
        assert!(text.contains("plugin' failed") && text.contains("please log in"), "{text}");
        assert!(!text.contains("token-on-stdout"));
    }
    assert_eq!(runs(&server), 1);
    assert!(server.paths().is_empty());
}

#[tokio::test]
async fn a_401_runs_the_plugin_once_more_and_repeats_the_request() {
    let server = Server::start(Settings::default(), only("second")).await;
    plugin(
        &server,
        &format!("if [ $(wc -l < runs) = 1 ]; then {}; else {}; fi", gives("first"), gives("second")),
    );
    let client = server.client(EXEC, "");
    let spec = RequestSpec::new("/");
    assert!(join_all((0..20).map(|_| client.get(&spec))).await.iter().all(Result::is_ok));
    assert_eq!(runs(&server), 2);
}

#[tokio::test]
async fn a_server_that_stays_at_401_does_not_run_the_plugin_for_ever() {
    let server = Server::start(Settings::default(), only("never")).await;
    plugin(
        &server,
        &gives("$(wc -l < runs)").replace('\'', "\"").replace("{\"", "{\\\"").replace("\":", "\\\":"),
    );
    plugin(&server, r#"printf '{"kind":"ExecCredential","status":{"token":"t%s"}}' "$(wc -l < runs)""#);
    let client = server.client(EXEC, "");
    let spec = RequestSpec::new("/");
    for result in join_all((0..20).map(|_| client.get(&spec))).await {
        let error = result.unwrap_err();
        assert!(matches!(error, ClientError::Unauthorized(_)), "{error:?}");
    }
    assert_eq!(runs(&server), 2);
}

#[tokio::test]
async fn a_plugin_may_give_a_certificate() {
    let settings = Settings { asks_certificate: true, ..Settings::default() };
    let server = Server::start(settings, |_| answer(200, "application/json", "{}")).await;
    let (certificate, key) = server.authority.issue(&[], "someone");
    let given = serde_json::json!({"kind": "ExecCredential", "status": {
        "clientCertificateData": certificate.pem(), "clientKeyData": key.serialize_pem() }});
    server.write("given", &given.to_string());
    plugin(&server, "cat given");
    let client = server.client(EXEC, "");
    let spec = RequestSpec::new("/");
    assert!(join_all((0..20).map(|_| client.get(&spec))).await.iter().all(Result::is_ok));
    assert_eq!(runs(&server), 1);
}

#[tokio::test]
async fn a_plugin_that_is_missing_or_talks_nonsense_is_named() {
    let server = Server::start(Settings::default(), |_| answer(200, "application/json", "{}")).await;
    let failure = |client: Client| async move {
        match client.get(&RequestSpec::new("/")).await {
            Err(ClientError::AuthPlugin(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let missing = "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, installHint: brew install it}";
    let text = failure(server.client(missing, "")).await;
    assert!(text.contains("'no-such-plugin'") && text.contains("brew install it"), "{text}");
    for (line, expected) in [
        ("echo secret-nonsense", "did not print an ExecCredential"),
        (r#"echo '{"status":{}}'"#, "neither a token nor"),
        (r#"echo '{"status":{"clientKeyData":"secret"}}'"#, "without its key, or a key alone"),
        (r#"echo '{"status":{"token":"secret","expirationTimestamp":"soon"}}'"#, "is not a time"),
    ] {
        plugin(&server, line);
        let text = failure(server.client(EXEC, "")).await;
        assert!(text.contains(expected) && !text.contains("secret"), "{text}");
    }
    plugin(&server, &gives("x"));
    let terminal = EXEC.replace("Never", "Always");
    assert!(failure(server.client(&terminal, "")).await.contains("needs a terminal"));
}

fn ends(time: &str) -> String {
    format!(r#"echo '{{"status":{{"token":"t","expirationTimestamp":"{time}"}}}}'"#)
}

#[tokio::test]
async fn a_token_that_ended_is_fetched_again_and_a_living_one_is_not() {
    let server = Server::start(Settings::default(), only("t")).await;
    plugin(&server, &ends("2100-01-01T00:00:00Z"));
    let client = server.client(EXEC, "");
    for _ in 0..3 {
        client.get(&RequestSpec::new("/")).await.unwrap();
    }
    assert_eq!(runs(&server), 1);
    client.end_credentials();
    for _ in 0..3 {
        client.get(&RequestSpec::new("/")).await.unwrap();
    }
    assert_eq!(runs(&server), 2);
}

#[tokio::test]
async fn a_token_that_comes_with_an_end_in_the_past_is_used_for_a_while_and_one_without_an_end_for_ever() {
    let server = Server::start(Settings::default(), only("t")).await;
    for (time, expected) in [
        ("2001-01-01T00:00:00Z", 1),
        ("1969-12-31T23:59:59+01:00", 2),
        // Go's word for no time at all.
        ("0001-01-01T00:00:00Z", 3),
        ("", 4),
    ] {
        plugin(&server, &ends(time));
        let client = server.client(EXEC, "");
        for _ in 0..20 {
            client.get(&RequestSpec::new("/")).await.unwrap();
        }
        assert_eq!(runs(&server), expected, "{time}");
    }
}

#[tokio::test]
async fn a_token_that_comes_with_an_end_in_the_past_and_is_refused_is_fetched_once_more() {
    let server = Server::start(Settings::default(), only("never")).await;
    plugin(&server, &ends("2001-01-01T00:00:00Z"));
    let client = server.client(EXEC, "");
    for _ in 0..5 {
        let error = client.get(&RequestSpec::new("/")).await.unwrap_err();
        assert!(matches!(error, ClientError::Unauthorized(_)), "{error:?}");
    }
    assert_eq!(runs(&server), 2);
}

#[tokio::test]
async fn empty_fields_of_a_plugins_answer_are_absent_ones() {
    let server = Server::start(Settings { asks_certificate: true, ..Settings::default() }, only("t")).await;
    let (certificate, key) = server.authority.issue(&[], "someone");
    // A token beside empty certificates, to a server that asks for none.
    plugin(
        &server,
        r#"echo '{"status":{"token":"t","clientCertificateData":"","clientKeyData":" ","expirationTimestamp":null}}'"#,
    );
    let open = Server::start(Settings::default(), only("t")).await;
    open.script("plugin", &fs_err::read_to_string(server.path("plugin")).unwrap());
    open.client(EXEC, "").get(&RequestSpec::new("/")).await.unwrap();
    // A certificate beside an empty token.
    let given = serde_json::json!({"status": {
        "token": "", "clientCertificateData": certificate.pem(), "clientKeyData": key.serialize_pem() }});
    server.write("given", &given.to_string());
    plugin(&server, "cat given");
    let client = server.client(EXEC, "");
    assert!(matches!(client.get(&RequestSpec::new("/")).await, Err(ClientError::Unauthorized(_))));
    assert_eq!(server.last_header("authorization"), None);
}

#[tokio::test]
async fn a_plugin_is_not_run_where_the_user_has_something_fixed() {
    let settings = Settings { asks_certificate: true, ..Settings::default() };
    let server = Server::start(settings, |_| answer(200, "application/json", "{}")).await;
    plugin(&server, &gives("plugin"));
    let (certificate, key) = server.authority.issue(&[], "someone");
    server.write("user.crt", &certificate.pem());
    server.write("user.key", &key.serialize_pem());
    server.write("token", "file");
    let own = "client-certificate: user.crt, client-key: user.key";
    for (fixed, sent) in [
        ("", None),
        ("token: own, ", Some("Bearer own")),
        ("tokenFile: token, ", Some("Bearer file")),
        ("username: me, ", Some("Basic bWU6")),
    ] {
        let client = server.client(&format!("{fixed}{own}, {EXEC}"), "");
        client.get(&RequestSpec::new("/")).await.unwrap();
        assert_eq!(server.last_header("authorization").as_deref(), sent, "{fixed}");
    }
    let provider = "auth-provider: {name: oidc, config: {id-token: e30.eyJleHAiOjQxMDI0NDQ4MDB9.x}}";
    server.client(&format!("token: own, {own}, {provider}"), "").get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!(server.last_header("authorization").as_deref(), Some("Bearer own"));
    assert_eq!(runs(&server), 0);
}

#[tokio::test]
async fn neither_a_plugin_nor_a_server_puts_a_credential_into_an_error() {
    let server = Server::start(Settings::default(), |request| {
        let given = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let body = serde_json::json!({"kind": "Status", "code": 403, "message":
            format!("{} is not welcome; try token=other-one", given.unwrap_or_default()) });
        answer(403, "application/json", body.to_string())
    })
    .await;
    plugin(
        &server,
        &format!("echo 'not valid: plainwords, token: abcd1234efgh' >&2; {}; exit 3", gives("plainwords")),
    );
    let Err(ClientError::AuthPlugin(error)) = server.client(EXEC, "").get(&RequestSpec::new("/")).await
    else {
        panic!("a plugin that fails")
    };
    let text = error.to_string();
    assert!(text.contains("not valid: [redacted], token: [redacted] (exit status: 3)"), "{text}");
    for user in ["token: plainwords", "username: plainwords, password: plainwords"] {
        let error = server.client(user, "").get(&RequestSpec::new("/")).await.unwrap_err();
        let text = error.to_string();
        assert!(
            !text.contains("other-one") && text.contains(" is not welcome; try token=[redacted]"),
            "{text}"
        );
        assert!(!text.contains("plainwords") && !text.contains("cGxhaW53b3Jkcw"), "{text}");
    }
}

#[tokio::test]
async fn a_rotated_token_file_is_read_again_after_a_401() {
    let rotated = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&rotated);
    let server = Server::start(Settings::default(), move |request| match now.load(Relaxed) {
        false => only("old")(request),
        true => only("new")(request),
    })
    .await;
    server.write("token", "old\n");
    let client = server.client("tokenFile: token", "");
    client.get(&RequestSpec::new("/")).await.unwrap();
    rotated.store(true, Relaxed);
    let error = client.get(&RequestSpec::new("/")).await.unwrap_err();
    assert!(matches!(error, ClientError::Unauthorized(_)));
    server.write("token", "new\n");
    client.get(&RequestSpec::new("/")).await.unwrap();
}

#[tokio::test]
async fn a_token_file_that_is_gone_is_named() {
    let server = Server::start(Settings::default(), only("x")).await;
    let client = server.client("tokenFile: gone", "");
    let error = client.get(&RequestSpec::new("/")).await.unwrap_err();
    let ClientError::AuthPlugin(error) = error else { panic!("{error:?}") };
    let AuthError::TokenFile { source } = &*error else { panic!("{error:?}") };
    assert!(source.to_string().contains("gone"), "{source}");
}

#[tokio::test]
async fn a_user_name_and_password_are_sent_as_basic_auth() {
    let server = Server::start(Settings::default(), |_| answer(200, "application/json", "{}")).await;
    server.client("username: me, password: secret", "").get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!(server.last_header("authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
}

#[tokio::test]
async fn an_oidc_token_of_the_kubeconfig_is_sent() {
    let server = Server::start(Settings::default(), |_| answer(200, "application/json", "{}")).await;
    // {"exp": 4102444800}: it lives until 2100.
    let token = "e30.eyJleHAiOjQxMDI0NDQ4MDB9.x";
    let user = format!("auth-provider: {{name: oidc, config: {{id-token: {token}}}}}");
    server.client(&user, "").get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!(server.last_header("authorization").unwrap(), format!("Bearer {token}"));
}

#[tokio::test]
async fn a_client_certificate_comes_from_files_or_data_and_must_fit_its_key() {
    let settings = Settings { asks_certificate: true, ..Settings::default() };
    let server = Server::start(settings, |_| answer(200, "application/json", "{}")).await;
    let (certificate, key) = server.authority.issue(&[], "someone");
    server.write("user.crt", &certificate.pem());
    server.write(
        "user.key",
        &format!(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}",
            key.serialize_pem()
        ),
    );
    let files = "client-certificate: user.crt, client-key: user.key";
    server.client(files, "").get(&RequestSpec::new("/")).await.unwrap();
    let base64 = |text: &str| crate::cluster::access::encoding::to_base64(text.as_bytes());
    let data = format!(
        "client-certificate-data: {}, client-key-data: {}",
        base64(&certificate.pem()),
        base64(&key.serialize_pem())
    );
    server.client(&data, "").get(&RequestSpec::new("/")).await.unwrap();

    let (_, other) = server.authority.issue(&[], "other");
    server.write("user.key", &other.serialize_pem());
    let refused = |access: Access| Client::new(&access, ClientOptions::default()).unwrap_err();
    let text = format!("{:?}", refused(server.access(files, "")));
    assert!(text.contains("does not belong to client-certificate"), "{text}");
    let text = format!("{:?}", refused(server.access("client-certificate: user.crt", "")));
    assert!(text.contains("is missing beside its other half"), "{text}");
    let gone = "client-certificate: user.crt, client-key: gone.key";
    let text = format!("{:?}", refused(server.access(gone, "")));
    assert!(text.contains("gone.key"), "{text}");
}

#[tokio::test]
async fn a_plugin_is_told_of_its_cluster_only_where_its_entry_asks_for_that() {
    let server = Server::start(Settings::default(), only("right")).await;
    plugin(&server, &format!("printf %s \"$KUBERNETES_EXEC_INFO\" > told; {}", gives("right")));
    for asks in [false, true] {
        let user = EXEC.replace("interactiveMode:", &format!("provideClusterInfo: {asks}, interactiveMode:"));
        let client = server.client(&user, "tls-server-name: 127.0.0.1");
        client.get(&RequestSpec::new("/")).await.unwrap();
        let told = fs_err::read(server.path("told")).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        assert_eq!((&told["kind"], &told["spec"]["interactive"]), (&"ExecCredential".into(), &false.into()));
        let cluster = &told["spec"]["cluster"];
        match asks {
            false => assert!(cluster.is_null(), "{told}"),
            true => {
                assert_eq!(cluster["server"], format!("https://{}", server.address), "{told}");
                assert_eq!(cluster["tls-server-name"], "127.0.0.1", "{told}");
                assert!(cluster["certificate-authority-data"].is_string(), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_401_for_one_kind_runs_no_plugin_and_one_of_the_server_does() {
    let server =
        Server::start(Settings::default(), |request: &Request<Incoming>| match request.uri().path() {
            "/apis/a.b/v1/things" | "/refused" => answer(401, "application/json", "{}"),
            _ => answer(200, "application/json", "{}"),
        })
        .await;
    plugin(&server, &gives("right"));
    let client = server.client(EXEC, "");
    client.get(&RequestSpec::new("/version")).await.unwrap();
    for answerer in [Answerer::Kind, Answerer::Aggregated] {
        let spec = RequestSpec::new("/apis/a.b/v1/things").answered_by(answerer);
        let error = client.get(&spec).await.unwrap_err();
        assert!(matches!(error, ClientError::Unauthorized(_)), "{error:?}");
    }
    assert_eq!(runs(&server), 1);
    client.get(&RequestSpec::new("/refused")).await.unwrap_err();
    assert_eq!(runs(&server), 2);
}
