//! How many connections there are, and what happens when they end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures_util::future::try_join_all;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::server::{Server, Settings, answer, endless};
use crate::cluster::client::{
    Client, ClientError, ClientOptions, Dialed, Dialer, Protocol, RequestSpec, Response, WatchPermit,
};

const TOKEN: &str = "token: t";

fn watch_or_list(path: &str) -> super::server::Answer {
    if path == "/watch" { endless("event") } else { answer(200, "application/json", "{}") }
}

async fn watches(client: &crate::cluster::Client, count: usize) -> Vec<(WatchPermit, Response)> {
    let permits = (0..count).map(|_| client.acquire_watch().unwrap());
    let watch = |permit: WatchPermit| async {
        let response = client.watch(&RequestSpec::new("/watch"), &permit).await?;
        Ok::<_, ClientError>((permit, response))
    };
    try_join_all(permits.map(watch)).await.unwrap()
}

#[tokio::test]
async fn two_hundred_and_fifty_watches_stay_open_beside_ordinary_requests() {
    let server = Server::start(Settings::default(), |request| watch_or_list(request.uri().path())).await;
    let client = server.client(TOKEN, "");
    let mut open = watches(&client, 250).await;
    assert_eq!(client.watches(), (250, 3));
    assert_eq!(server.connections.load(Relaxed), 3);
    for (_, response) in &mut open {
        assert_eq!(response.chunk().await.unwrap().unwrap(), "event");
    }
    client.get(&RequestSpec::new("/list")).await.unwrap();
    assert_eq!(server.connections.load(Relaxed), 4);
    drop(open);
    assert_eq!(client.watches(), (0, 0));
}

#[tokio::test]
async fn an_answer_keeps_the_place_of_its_watch() {
    let server = Server::start(Settings::default(), |request| watch_or_list(request.uri().path())).await;
    let client = server.client(TOKEN, "");
    let (permit, response) = watches(&client, 1).await.remove(0);
    drop(permit);
    assert_eq!(client.watches(), (1, 1));
    drop(response);
    assert_eq!(client.watches(), (0, 0));
}

#[tokio::test]
async fn a_server_that_allows_few_streams_gets_more_connections() {
    let settings = Settings { streams: 10, ..Settings::default() };
    let server = Server::start(settings, |request| watch_or_list(request.uri().path())).await;
    let client = server.client(TOKEN, "");
    // One at a time, as a reader starts them: the first answer tells the limit.
    let mut open = Vec::new();
    for _ in 0..30 {
        open.extend(watches(&client, 1).await);
    }
    assert_eq!(client.watches(), (30, 4));
    client.get(&RequestSpec::new("/list")).await.unwrap();
}

#[tokio::test]
async fn requests_in_turn_use_one_connection_and_parallel_ones_at_most_four() {
    let server = Server::start(Settings::default(), |_| answer(200, "application/json", "{}")).await;
    let client = server.client(TOKEN, "");
    for _ in 0..5 {
        client.get(&RequestSpec::new("/")).await.unwrap();
    }
    assert_eq!(server.connections.load(Relaxed), 1);
    try_join_all((0..64).map(|_| async { client.get(&RequestSpec::new("/")).await })).await.unwrap();
    assert!(server.connections.load(Relaxed) <= 4);
}

#[tokio::test]
async fn a_server_without_http2_gets_sixty_connections_and_no_more() {
    let settings = Settings { http2: false, ..Settings::default() };
    let server = Server::start(settings, |request| watch_or_list(request.uri().path())).await;
    let client = server.client(TOKEN, "");
    for _ in 0..3 {
        client.get(&RequestSpec::new("/list")).await.unwrap().bytes(10).await.unwrap();
    }
    assert_eq!(client.protocol(), Some(Protocol::Http1));
    let open = watches(&client, 48).await;
    assert!(client.acquire_watch().is_none());
    let lists = (0..100).map(|_| async { client.get(&RequestSpec::new("/list")).await?.bytes(10).await });
    try_join_all(lists).await.unwrap();
    assert!(server.connections.load(Relaxed) <= 60, "{}", server.connections.load(Relaxed));
    drop(open);
    assert!(client.acquire_watch().is_some());
}

#[tokio::test]
async fn a_permit_from_before_http1_was_known_does_not_open_more_than_allowed() {
    let settings = Settings { http2: false, ..Settings::default() };
    let server = Server::start(settings, |request| watch_or_list(request.uri().path())).await;
    let client = server.client(TOKEN, "");
    let permits: Vec<_> = (0..60).map(|_| client.acquire_watch().unwrap()).collect();
    let mut open = Vec::new();
    let mut refused = 0;
    for permit in &permits {
        match client.watch(&RequestSpec::new("/watch"), permit).await {
            Ok(response) => open.push(response),
            Err(ClientError::NoConnection) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((open.len(), refused), (48, 12));
}

#[tokio::test]
async fn after_a_goaway_watches_go_on_and_requests_take_a_new_connection() {
    let server = Server::start(Settings::default(), |request| watch_or_list(request.uri().path())).await;
    let client = server.client(TOKEN, "");
    let mut open = watches(&client, 1).await;
    client.get(&RequestSpec::new("/list")).await.unwrap();
    server.send_goaway();
    for _ in 0..20 {
        client.get(&RequestSpec::new("/list")).await.unwrap();
    }
    assert!(server.connections.load(Relaxed) >= 3);
    let (permit, response) = &mut open[0];
    assert_eq!(response.chunk().await.unwrap().unwrap(), "event");
    client.watch(&RequestSpec::new("/watch"), permit).await.unwrap();
}

#[tokio::test]
async fn a_server_that_speaks_http2_again_is_followed_there() {
    let speaks_http2 = Arc::new(AtomicBool::new(false));
    let chosen = Arc::clone(&speaks_http2);
    let dialer = Dialer::new(move || {
        let http2 = chosen.load(Relaxed);
        let (stream, theirs) = tokio::io::duplex(4_096);
        let service = service_fn(|_| async { Ok::<_, Infallible>(answer(200, "application/json", "{}")) });
        tokio::spawn(async move {
            let io = TokioIo::new(theirs);
            if http2 {
                http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
            } else {
                // No connection outlives its answer, so that each request makes a new one.
                http1::Builder::new().keep_alive(false).serve_connection(io, service).await
            }
        });
        Box::pin(std::future::ready(Ok(Dialed { stream, http2 })))
    });
    let server = Server::start(Settings::default(), |_| answer(500, "text/plain", "not asked")).await;
    let options = ClientOptions { dialer: Some(dialer), ..ClientOptions::default() };
    let client = Client::new(&server.access(TOKEN, ""), options).unwrap();
    client.get(&RequestSpec::new("/")).await.unwrap().bytes(10).await.unwrap();
    assert_eq!(client.protocol(), Some(Protocol::Http1));
    speaks_http2.store(true, Relaxed);
    for _ in 0..2 {
        client.get(&RequestSpec::new("/")).await.unwrap().bytes(10).await.unwrap();
    }
    assert_eq!(client.protocol(), Some(Protocol::Http2));
}
