//! Credential plugins beside an app that fills the screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::credentials::{EXEC, gives, only, plugin, runs};
use super::server::{Server, Settings};
use crate::cluster::Client;
use crate::cluster::client::{ClientError, ClientOptions, Lender, Loan, RequestSpec, Terminal};

/// A screen that is lent, and how often.
#[derive(Default)]
struct Screen {
    lent: AtomicU64,
    out: AtomicU64,
    asked: AtomicU64,
    ends: AtomicBool,
}

struct Borrowed(Arc<Screen>);

impl Lender for Arc<Screen> {
    fn lend(&self, _: &str) -> Option<Box<dyn Loan>> {
        assert_eq!(self.out.fetch_add(1, Relaxed), 0, "lent to one at a time");
        self.lent.fetch_add(1, Relaxed);
        Some(Box::new(Borrowed(Arc::clone(self))))
    }

    fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }
}

impl Loan for Borrowed {
    fn is_called_back(&self) -> bool {
        self.0.ends.load(Relaxed)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.0.out.fetch_sub(1, Relaxed);
    }
}

fn beside_an_app(server: &Server, mode: &str) -> (Client, Arc<Screen>) {
    let screen = Arc::new(Screen::default());
    let options =
        ClientOptions { terminal: Terminal::Lent(Arc::new(screen.clone())), ..ClientOptions::default() };
    let access = server.access(&EXEC.replace("Never", mode), "");
    (Client::new(&access, options).unwrap(), screen)
}

/// Gives a token only with a terminal.
const NEEDS_TERMINAL: &str = r#"case $KUBERNETES_EXEC_INFO in *'"interactive":true'*) ;; *) echo no terminal >&2; exit 1;; esac
echo '{"status":{"token":"t"}}'"#;

#[tokio::test]
async fn a_plugin_gets_the_terminal_of_an_app_and_a_renewal_only_when_it_needs_it() {
    let server = Server::start(Settings::default(), only("t")).await;
    plugin(&server, NEEDS_TERMINAL);
    let (client, screen) = beside_an_app(&server, "IfAvailable");
    client.get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!((screen.lent.load(Relaxed), runs(&server)), (1, 1));
    client.end_credentials();
    client.get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!((screen.lent.load(Relaxed), runs(&server)), (2, 3), "first without, then with");
    plugin(&server, &gives("t"));
    client.end_credentials();
    client.get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!((screen.lent.load(Relaxed), runs(&server)), (2, 4), "it renews by itself");
    assert_eq!(screen.out.load(Relaxed), 0, "all is given back");
}

#[tokio::test]
async fn never_means_never_and_always_means_each_time() {
    let server = Server::start(Settings::default(), only("t")).await;
    plugin(&server, &gives("t"));
    let (client, screen) = beside_an_app(&server, "Never");
    client.get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!(screen.lent.load(Relaxed), 0);
    plugin(&server, NEEDS_TERMINAL);
    let (client, screen) = beside_an_app(&server, "Always");
    let before = runs(&server);
    for _ in 0..2 {
        client.get(&RequestSpec::new("/")).await.unwrap();
        client.end_credentials();
    }
    assert_eq!((screen.lent.load(Relaxed), runs(&server) - before), (2, 2));
}

#[tokio::test]
async fn a_plugin_that_failed_on_the_terminal_does_not_get_it_again_before_the_user_asks() {
    let server = Server::start(Settings::default(), only("t")).await;
    plugin(&server, "echo one >&2; echo 'wrong pass code' >&2; exit 3");
    let (client, screen) = beside_an_app(&server, "IfAvailable");
    for _ in 0..3 {
        let error = client.get(&RequestSpec::new("/")).await.unwrap_err();
        let ClientError::AuthPlugin(error) = error else { panic!("{error:?}") };
        let text = error.to_string();
        assert!(text.contains("one; wrong pass code"), "{text}");
    }
    assert_eq!((screen.lent.load(Relaxed), runs(&server)), (1, 1));
    plugin(&server, &gives("t"));
    screen.asked.fetch_add(1, Relaxed);
    client.get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!((screen.lent.load(Relaxed), runs(&server)), (2, 2));
}

#[tokio::test]
async fn a_request_that_is_cancelled_while_a_person_types_does_not_make_the_plugin_ask_twice() {
    let server = Server::start(Settings::default(), only("t")).await;
    plugin(&server, &format!("while [ ! -e go ]; do sleep 0.01; done; {}", gives("t")));
    let (client, screen) = beside_an_app(&server, "IfAvailable");
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.get(&RequestSpec::new("/")).await.map(drop) }
    });
    while runs(&server) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    server.write("go", "");
    client.get(&RequestSpec::new("/")).await.unwrap();
    assert_eq!((screen.lent.load(Relaxed), runs(&server)), (1, 1));
}

#[tokio::test]
async fn an_app_that_ends_does_not_wait_for_a_plugin_that_asks() {
    let server = Server::start(Settings::default(), only("t")).await;
    plugin(&server, "exec sleep 1000");
    let (client, screen) = beside_an_app(&server, "IfAvailable");
    screen.ends.store(true, Relaxed);
    let error = client.get(&RequestSpec::new("/")).await.unwrap_err();
    assert!(matches!(error, ClientError::AuthPlugin(_)), "{error:?}");
    assert_eq!(screen.out.load(Relaxed), 0);
}
