//! Servers without TLS: no credential is sent, and none is asked for.

use super::server::{Server, Settings, answer};
use crate::cluster::client::{ClientError, RequestSpec};

fn refusal(code: u16) -> super::server::Answer {
    let body = format!(r#"{{"kind":"Status","message":"{code} it is","code":{code}}}"#);
    answer(code, "application/json", body)
}

#[tokio::test]
async fn no_credential_goes_to_an_http_server_and_no_plugin_is_asked_for_one() {
    let server = Server::start(Settings::plain(), |_| answer(200, "application/json", "{}")).await;
    server.script("plugin", "#!/bin/sh\ntouch \"$0.ran\"\necho '{\"status\":{\"token\":\"secret\"}}'\n");
    server.write("token", "secret");
    let provider = "auth-provider: {name: oidc, config: {id-token: e30.eyJleHAiOjQxMDI0NDQ4MDB9.x}}";
    for user in [
        "",
        "token: secret",
        "username: me, password: secret",
        "tokenFile: token",
        "tokenFile: nowhere",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}",
        provider,
        "token: secret, as: somebody",
    ] {
        let client = server.client(user, "");
        client.log_in().await;
        client.get(&RequestSpec::new("/")).await.unwrap();
        assert_eq!(server.last_header("authorization"), None, "{user}");
    }
    assert!(!server.path("plugin.ran").exists());
    assert_eq!(server.last_header("impersonate-user").as_deref(), Some("somebody"), "no secret, as kubectl");
}

#[tokio::test]
async fn a_refusal_says_that_none_were_sent_and_what_to_do() {
    let server = Server::start(Settings::plain(), |request| match request.uri().path() {
        "/401" => refusal(401),
        _ => refusal(403),
    })
    .await;
    let told = |user: &'static str, path: &'static str| {
        let client = server.client(user, "");
        async move { client.get(&RequestSpec::new(path)).await.unwrap_err() }
    };
    let error = told("token: secret", "/401").await;
    assert!(matches!(error, ClientError::Unauthorized(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the API server wants credentials (401 Unauthorized): 401 it is; to an http:// server none are sent: give its \
         https:// address in the kubeconfig"
    );
    let error = told("token: secret", "/403").await;
    assert!(matches!(error, ClientError::Forbidden(_)), "{error:?}");
    assert!(
        error.to_string().ends_with("none are sent: give its https:// address in the kubeconfig"),
        "{error}"
    );
    // Who has none is told nothing of the kind.
    for path in ["/401", "/403"] {
        assert!(!told("", path).await.to_string().contains("http"));
    }
    assert_eq!(server.paths().len(), 4, "asked once each");
}
