//! Through proxies: HTTP CONNECT and SOCKS 5, with and without credentials.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::server::{Server, Settings, answer};
use crate::cluster::client::{Client, ClientError, ConnectFailure, RequestSpec};

const TOKEN: &str = "token: t";

/// A CONNECT proxy that notes what it is asked and answers with `verdict`.
async fn connect_proxy(verdict: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let noted = Arc::clone(&noted);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split_whitespace().nth(1).unwrap().to_owned();
                noted.lock().unwrap().push(head);
                socket.write_all(format!("HTTP/1.1 {verdict}\r\n\r\n").as_bytes()).await.unwrap();
                if verdict.starts_with("200") {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    // Ends when either side closes.
                    _ = copy_bidirectional(&mut socket, &mut server).await;
                }
            });
        }
    });
    (address, heads)
}

/// A SOCKS 5 proxy; with `login` it wants exactly that user name and password.
async fn socks_proxy(login: Option<(&'static str, &'static str)>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let targets = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&targets);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(socks(socket, login, Arc::clone(&noted)));
        }
    });
    (address, targets)
}

async fn counted(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; socket.read_u8().await.unwrap().into()];
    socket.read_exact(&mut bytes).await.unwrap();
    bytes
}

async fn socks(mut socket: TcpStream, login: Option<(&str, &str)>, noted: Arc<Mutex<Vec<String>>>) {
    assert_eq!(socket.read_u8().await.unwrap(), 5);
    let methods = counted(&mut socket).await;
    let wanted = if login.is_some() { 2 } else { 0 };
    let method = if methods.contains(&wanted) { wanted } else { 0xff };
    socket.write_all(&[5, method]).await.unwrap();
    if let (Some((user, password)), 2) = (login, method) {
        assert_eq!(socket.read_u8().await.unwrap(), 1);
        let given = (counted(&mut socket).await, counted(&mut socket).await);
        let right = given == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        socket.write_all(&[1, u8::from(!right)]).await.unwrap();
    }
    let mut head = [0; 4];
    if method == 0xff || socket.read_exact(&mut head).await.is_err() {
        return;
    }
    let host = match head[3] {
        1 => socket.read_u32().await.map(|ip| std::net::Ipv4Addr::from(ip).to_string()).unwrap(),
        3 => String::from_utf8(counted(&mut socket).await).unwrap(),
        other => panic!("address type {other}"),
    };
    let port = socket.read_u16().await.unwrap();
    noted.lock().unwrap().push(format!("{host}:{port}"));
    // The name is ours to resolve: every name leads to this machine.
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    // Ends when either side closes.
    _ = copy_bidirectional(&mut socket, &mut server).await;
}

async fn server(http2: bool) -> Server {
    let settings = Settings { http2, names: vec!["127.0.0.1", "api.internal"], ..Settings::default() };
    Server::start(settings, |_| answer(200, "application/json", "{}")).await
}

async fn problem(client: &Client) -> String {
    match client.get(&RequestSpec::new("/")).await {
        Err(ClientError::Unreachable { source: ConnectFailure::Proxy { proxy, problem }, .. }) => {
            assert!(!proxy.contains("secret") && !problem.contains("secret"));
            problem
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_go_through_an_http_proxy_with_credentials() {
    for http2 in [true, false] {
        let server = server(http2).await;
        let (proxy, heads) = connect_proxy("200 OK").await;
        let client = server.client(TOKEN, &format!("proxy-url: \"http://me:secret@{proxy}\""));
        client.get(&RequestSpec::new("/")).await.unwrap();
        let heads = heads.lock().unwrap();
        assert!(heads[0].starts_with(&format!("CONNECT {} HTTP/1.1", server.address)), "{heads:?}");
        assert!(heads[0].contains("Proxy-Authorization: Basic bWU6c2VjcmV0"), "{heads:?}");
        // The token is for the API server alone.
        assert!(!heads[0].to_lowercase().contains("bearer"));
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_says_so() {
    let server = server(true).await;
    for (verdict, expected) in [
        ("403 Forbidden", "tunnel error: unsuccessful"),
        ("407 Proxy Authentication Required", "authorization required"),
    ] {
        let (proxy, _) = connect_proxy(verdict).await;
        let client = server.client(TOKEN, &format!("proxy-url: \"http://me:secret@{proxy}\""));
        let problem = problem(&client).await;
        assert!(problem.contains(expected), "{problem}");
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = server.client(TOKEN, &format!("proxy-url: \"http://{free}\""));
    assert_eq!(problem(&client).await, "connection refused");
}

#[tokio::test]
async fn requests_go_through_a_socks_proxy_that_resolves_the_name() {
    let server = server(true).await;
    let (proxy, targets) = socks_proxy(None).await;
    let port = server.address.port();
    let cluster = format!("server: \"https://api.internal:{port}\", proxy-url: \"socks5://{proxy}\"");
    server.client(TOKEN, &cluster).get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!(*targets.lock().unwrap(), [format!("api.internal:{port}")]);
}

#[tokio::test]
async fn a_socks_proxy_gets_its_user_name_and_password() {
    let server = server(true).await;
    let (proxy, _) = socks_proxy(Some(("me", "secret"))).await;
    let client = |url: String| server.client(TOKEN, &format!("proxy-url: \"{url}\""));
    client(format!("socks5h://me:secret@{proxy}")).get(&RequestSpec::new("/")).await.unwrap();
    problem(&client(format!("socks5://me:wrong@{proxy}"))).await;
    problem(&client(format!("socks5://{proxy}"))).await;
}
