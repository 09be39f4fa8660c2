//! What requests look like and how answers are read.

use std::io::Write as _;
use std::time::Duration;

use super::server::{Server, Settings, answer, broken, endless};
use crate::cluster::client::{Answerer, BodyFailure, ClientError, Counts, Protocol, RequestSpec};
use crate::object::{KindKey, ResourceVersion};

const TOKEN: &str = "token: secret-token";

#[tokio::test]
async fn a_request_carries_our_name_the_token_and_the_wish_for_gzip() {
    let server = Server::start(Settings::default(), |_| answer(200, "application/json", "{}")).await;
    let client = server.client("token: secret-token, as: jane, as-groups: [a, b]", "");
    assert_eq!(client.protocol(), None);
    let spec = RequestSpec::new("/api/v1/pods").query("fieldSelector", "a=b").accept("x/y");
    let response = client.get(&spec).await.unwrap();
    assert_eq!((response.status.as_u16(), response.content_type()), (200, "application/json"));
    assert_eq!(client.protocol(), Some(Protocol::Http2));
    for (name, value) in [
        ("user-agent", concat!("kubesift/", env!("CARGO_PKG_VERSION"))),
        ("authorization", "Bearer secret-token"),
        ("accept-encoding", "gzip"),
        ("accept", "x/y"),
        ("impersonate-user", "jane"),
        ("impersonate-group", "a"),
    ] {
        assert_eq!(server.last_header(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn only_the_uid_of_kube_system_tells_which_cluster_answers() {
    let list =
        r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"kube-system","uid":"u"}}]}"#;
    let server = Server::start(Settings::default(), move |_| answer(200, "application/json", list)).await;
    let client = server.client(TOKEN, "");
    let (core, other) = (
        client.cluster_revision(Answerer::Server).await,
        client.revision("/apis/a.b/v1/things", Answerer::Aggregated).await,
    );
    let (core, other) = (core.unwrap(), other.unwrap());
    assert_eq!((core.uid.as_deref(), other.uid), (Some("u"), None));
    assert_eq!((core.version.clone(), other.version), (ResourceVersion::parse("7"), core.version));
}

#[tokio::test]
async fn another_namespace_than_the_one_asked_for_says_nothing_of_the_cluster() {
    let list = r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","uid":"u"}}]}"#;
    let server = Server::start(Settings::default(), move |_| answer(200, "application/json", list)).await;
    let revision = server.client(TOKEN, "").cluster_revision(Answerer::Server).await.unwrap();
    assert_eq!((revision.uid, revision.version), (None, ResourceVersion::parse("7")));
}

#[tokio::test]
async fn the_path_of_the_server_url_stays_before_every_path() {
    let server = Server::start(Settings::default(), |_| answer(200, "application/json", "{}")).await;
    let url = format!("server: \"https://{}/k8s/clusters/c-1/\"", server.address);
    let client = server.client(TOKEN, &url);
    client.get(&RequestSpec::new("/version")).await.unwrap();
    assert_eq!(server.paths(), ["/k8s/clusters/c-1/version"]);
}

#[tokio::test]
async fn bytes_and_requests_are_counted_per_kind_and_in_all() {
    let server = Server::start(Settings::default(), |_| answer(200, "text/plain", "12345")).await;
    let client = server.client(TOKEN, "");
    let pods = KindKey::new("", "pods");
    client.get(&RequestSpec::new("/a").kind(pods.clone())).await.unwrap().bytes(10).await.unwrap();
    client.get(&RequestSpec::new("/b")).await.unwrap().bytes(10).await.unwrap();
    assert_eq!(client.counters(&pods), Counts { requests: 1, bytes: 5, throttled: 0 });
    assert_eq!(client.totals(), Counts { requests: 2, bytes: 10, throttled: 0 });
    assert_eq!(client.counters(&KindKey::new("", "other")), Counts::default());
}

#[tokio::test]
async fn the_whole_body_is_decompressed_and_has_a_limit() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&vec![b'x'; 1000]).unwrap();
    let body = gzip.finish().unwrap();
    let server = Server::start(Settings::default(), move |_| {
        let mut answer = answer(200, "text/plain", body.clone());
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer
    })
    .await;
    let client = server.client(TOKEN, "");
    let get = || async { client.get(&RequestSpec::new("/")).await.unwrap() };
    assert!(get().await.is_gzip());
    assert_eq!(get().await.bytes(1000).await.unwrap(), vec![b'x'; 1000]);
    let error = get().await.bytes(999).await.unwrap_err();
    assert!(matches!(error, ClientError::Body(BodyFailure::TooLong(999))));
    let error = get().await.json::<String>(1000).await.unwrap_err();
    assert!(matches!(error, ClientError::Body(BodyFailure::Unreadable(_))));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_end() {
    for http2 in [true, false] {
        let server = Server::start(Settings { http2, ..Settings::default() }, |_| broken("first")).await;
        let client = server.client(TOKEN, "");
        let mut response = client.get(&RequestSpec::new("/")).await.unwrap();
        let error = loop {
            match response.chunk().await {
                Ok(Some(piece)) => assert_eq!(piece, "first"),
                Ok(None) => panic!("taken for an end (http2: {http2})"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ClientError::Body(BodyFailure::Lost(_))), "{error:?}");
    }
}

#[tokio::test]
async fn silence_in_a_body_is_noticed() {
    let server = Server::start(Settings::default(), |_| endless("first")).await;
    let client = server.client(TOKEN, "");
    let permit = client.acquire_watch().unwrap();
    let mut response = client.watch(&RequestSpec::new("/"), &permit).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    let idle = Duration::from_millis(10);
    let error = response.chunk_within(idle).await.unwrap_err();
    assert!(matches!(error, ClientError::Body(BodyFailure::Idle(time)) if time == idle));
}

#[tokio::test]
async fn ages_go_by_the_servers_clock() {
    let server = Server::start(Settings::default(), |_| {
        let mut answer = answer(200, "text/plain", "");
        answer.headers_mut().insert("date", "Fri, 01 Jan 2100 00:00:00 GMT".parse().unwrap());
        answer
    })
    .await;
    let client = server.client(TOKEN, "");
    client.get(&RequestSpec::new("/")).await.unwrap();
    let new_year = 4_102_444_800;
    assert!((client.server_now() - new_year).abs() < 60);
}

#[tokio::test]
async fn nothing_but_reads_leaves_the_client() {
    let server = Server::start(Settings::default(), |_| answer(201, "application/json", "{}")).await;
    let client = server.client(TOKEN, "");
    for path in ["/api/v1/namespaces/a/pods", "/apis/authorization.k8s.io/v1/subjectaccessreviews"] {
        let error = client.review(path, "{}".into()).await.unwrap_err();
        assert!(matches!(error, ClientError::ReadOnly { .. }), "{error:?}");
    }
    let exec = RequestSpec::new("/api/v1/namespaces/a/pods/p/exec").query("command", "sh");
    assert!(matches!(client.get(&exec).await.unwrap_err(), ClientError::ReadOnly { .. }));
    assert!(server.paths().is_empty());
    client.review("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "{}".into()).await.unwrap();
    assert_eq!(server.last_header("content-type").as_deref(), Some("application/json"));
}
