//! What each kind of failure is called.

use std::time::Duration;

use tokio::net::TcpListener;

use super::server::{Answer, Authority, Server, Settings, answer};
use crate::cluster::client::{
    Answerer, Client, ClientError, ClientOptions, ConnectFailure, LONGEST_RETRY, RequestSpec,
};
use crate::object::KindKey;

const TOKEN: &str = "token: t";

fn status(code: u16, reason: &str, message: &str, details: &str) -> Answer {
    let body = format!(
        r#"{{"kind":"Status","status":"Failure","code":{code},"reason":"{reason}","message":"{message}","details":{{{details}}}}}"#
    );
    answer(code, "application/json", body)
}

async fn failure(make: impl Fn() -> Answer + Send + Sync + 'static) -> (Client, ClientError) {
    let server = Server::start(Settings::default(), move |_| make()).await;
    let client = server.client(TOKEN, "");
    let spec = RequestSpec::new("/").kind(KindKey::new("", "pods"));
    let error = client.get(&spec).await.unwrap_err();
    (client, error)
}

#[tokio::test]
async fn each_status_has_its_consequence() {
    let name = |error: &ClientError| format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned();
    for (code, expected) in [
        (400, "Api"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (406, "NotAcceptable"),
        (410, "Gone"),
        (500, "Server"),
        (504, "Server"),
        (302, "Api"),
    ] {
        let (client, error) = failure(move || status(code, "Why", "because", "")).await;
        assert_eq!(name(&error), expected, "{code}");
        let said = error.failure().unwrap();
        assert_eq!((said.status, said.reason.as_str(), said.message.as_str()), (code, "Why", "because"));
        assert_eq!(client.paused_for(), None);
    }
}

#[tokio::test]
async fn a_version_too_large_is_told_from_other_timeouts() {
    let details = r#""causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1"#;
    let (_, error) = failure(move || status(504, "Timeout", "Too large", details)).await;
    assert!(matches!(error, ClientError::TooLargeVersion(_)), "{error:?}");
}

fn asking_to_wait(status: u16, retry_after: &str) -> Answer {
    let mut answer = answer(status, "text/plain", "Too many requests, please try again later.\n");
    answer.headers_mut().insert("retry-after", retry_after.parse().unwrap());
    answer
}

#[tokio::test]
async fn a_limiter_that_refuses_two_kinds_holds_everything_back() {
    let (client, error) = failure(|| asking_to_wait(429, "7")).await;
    let ClientError::Throttled { retry_after, initializing, .. } = error else { panic!("{error:?}") };
    assert_eq!((retry_after, initializing), (Duration::from_secs(7), false));
    assert_eq!(client.paused_for(), None, "one kind alone is that kind's trouble");
    assert_eq!(client.totals().throttled, 1);
    assert_eq!(client.counters(&KindKey::new("", "pods")).throttled, 1);
    client.get(&RequestSpec::new("/").kind(KindKey::new("", "pods"))).await.unwrap_err();
    assert_eq!(client.paused_for(), None);
    client.get(&RequestSpec::new("/").kind(KindKey::new("", "nodes"))).await.unwrap_err();
    assert!(client.paused_for().unwrap() > Duration::from_secs(5));
}

#[tokio::test]
async fn what_an_api_refuses_for_itself_holds_nobody_back_and_for_a_day_is_a_minute() {
    let (client, error) = failure(|| {
        let mut answer = status(429, "TooManyRequests", "slow down", "");
        answer.headers_mut().insert("retry-after", "86400".parse().unwrap());
        answer
    })
    .await;
    let ClientError::Throttled { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, LONGEST_RETRY);
    client.get(&RequestSpec::new("/").kind(KindKey::new("", "nodes"))).await.unwrap_err();
    assert_eq!(client.paused_for(), None);
    // The same words from an API server behind the API server, in the tone of a limiter.
    let (client, _) = failure(|| asking_to_wait(429, "7")).await;
    for kind in ["one", "two"] {
        let spec = RequestSpec::new("/").kind(KindKey::new("a.b", kind)).answered_by(Answerer::Aggregated);
        client.get(&spec).await.unwrap_err();
    }
    assert_eq!(client.paused_for(), None);
}

#[tokio::test]
async fn a_storage_being_set_up_concerns_its_kind_alone() {
    let (client, error) =
        failure(|| status(429, "TooManyRequests", "storage is (re)initializing", r#""retryAfterSeconds":1"#))
            .await;
    let ClientError::Throttled { retry_after, initializing, .. } = error else { panic!("{error:?}") };
    assert_eq!((retry_after, initializing), (Duration::from_secs(1), true));
    assert_eq!(client.paused_for(), None);
    assert_eq!(client.totals().throttled, 1);
}

#[tokio::test]
async fn a_503_page_of_a_proxy_is_a_server_failure_with_its_title() {
    let page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body>x</body></html>";
    let (client, error) = failure(move || {
        let mut answer = answer(503, "text/html", page);
        answer.headers_mut().insert("retry-after", "2".parse().unwrap());
        answer
    })
    .await;
    assert_eq!(error.to_string(), "the server failed (503): 503 Service Temporarily Unavailable");
    client.get(&RequestSpec::new("/")).await.unwrap_err();
    assert!(client.paused_for().is_some());
    let said = error.failure().unwrap();
    assert_eq!((said.content_type.as_str(), said.body.as_ref()), ("text/html", page.as_bytes()));
}

async fn connect_failure(client: &Client) -> ConnectFailure {
    match client.get(&RequestSpec::new("/")).await {
        Err(ClientError::Unreachable { source, server }) => {
            assert_eq!(server, client.server());
            source
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn another_authority_is_called_unknown_authority() {
    let server = Server::start(Settings::default(), |_| answer(200, "", "")).await;
    server.write("other.crt", &Authority::new().pem);
    let client = server.client(TOKEN, "certificate-authority: other.crt");
    let failure = connect_failure(&client).await;
    assert_eq!(failure, ConnectFailure::UnknownAuthority);
    assert!(failure.to_string().contains("signed by unknown authority"));
    assert!(server.paths().is_empty());
    let lenient = server.client(TOKEN, "certificate-authority: other.crt, insecure-skip-tls-verify: true");
    lenient.get(&RequestSpec::new("/")).await.unwrap();
}

#[tokio::test]
async fn another_name_is_called_so_and_tls_server_name_mends_it() {
    let settings = Settings { names: vec!["api.example", "10.0.0.1"], ..Settings::default() };
    let server = Server::start(settings, |_| answer(200, "", "")).await;
    let failure = connect_failure(&server.client(TOKEN, "")).await;
    let for_names = vec!["api.example".to_owned(), "10.0.0.1".to_owned()];
    assert_eq!(failure, ConnectFailure::WrongName { name: "127.0.0.1".into(), for_names });
    server.client(TOKEN, "tls-server-name: api.example").get(&RequestSpec::new("/")).await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_called_expired() {
    let server =
        Server::start(Settings { expired: true, ..Settings::default() }, |_| answer(200, "", "")).await;
    assert_eq!(connect_failure(&server.client(TOKEN, "")).await, ConnectFailure::Expired);
}

#[tokio::test]
async fn nobody_listening_and_no_such_name_are_told_apart() {
    let server = Server::start(Settings::default(), |_| answer(200, "", "")).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = server.client(TOKEN, &format!("server: \"https://{free}\""));
    assert_eq!(connect_failure(&refused).await, ConnectFailure::Refused);
    let unknown = server.client(TOKEN, "server: \"https://no-such-host.invalid:6443\"");
    assert_eq!(connect_failure(&unknown).await, ConnectFailure::Name("no-such-host.invalid".into()));
}

#[tokio::test]
async fn a_server_without_tls_is_called_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = plain.accept().await {
            let mut hello = [0; 64];
            // Whatever the client sends, it gets an HTTP answer.
            _ = socket.read(&mut hello).await;
            _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let server = Server::start(Settings::default(), |_| answer(200, "", "")).await;
    let client = server.client(TOKEN, &format!("server: \"https://{address}\""));
    assert_eq!(connect_failure(&client).await, ConnectFailure::NotTls);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_says_nothing_is_given_up_and_all_who_wait_share_one_attempt() {
    // The system accepts; nobody takes the connections from its queue before they are counted.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let address = silent.local_addr().unwrap();
    let server = Server::start(Settings::default(), |_| answer(200, "", "")).await;
    let access = server.access(TOKEN, &format!("server: \"https://{address}\""));
    let options = ClientOptions { connections: 1, ..ClientOptions::default() };
    let patience = options.connect_timeout;
    let client = Client::new(&access, options).unwrap();
    let failures = futures_util::future::join_all((0..50).map(|_| connect_failure(&client))).await;
    assert!(failures.iter().all(|failure| *failure == ConnectFailure::ConnectTimeout(patience)));
    assert_eq!(silent.incoming().take_while(Result::is_ok).count(), 1);
}

#[tokio::test]
async fn an_answer_that_never_starts_is_given_up() {
    use tokio::io::AsyncReadExt as _;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = mute.accept().await {
            let mut request = [0; 1024];
            _ = socket.read(&mut request).await;
            open.push(socket);
        }
    });
    let server = Server::start(Settings::default(), |_| answer(200, "", "")).await;
    let access = server.access(TOKEN, &format!("server: \"http://{address}\""));
    let patience = Duration::from_millis(50);
    let client =
        Client::new(&access, ClientOptions { head_timeout: patience, ..Default::default() }).unwrap();
    assert_eq!(connect_failure(&client).await, ConnectFailure::NoAnswer(patience));
}
