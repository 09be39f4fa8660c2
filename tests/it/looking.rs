//! Looking at one object for as long as it shows: what comes of changes, of trouble, and of looking away. Against the
//! simulated server, which makes trouble on request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubesift::cluster::fetch::{Fetcher, Manifest, ObjectRef, Sight, Standing};
use kubesift::cluster::{Client, ClientOptions};
use kubesift::demo::{Action, Fault, Matcher, Rights, Server, ServerOptions, Verb};
use kubesift::object::Object;
use tokio::task::JoinHandle;

use crate::support::simulated::{access, object};
use crate::support::wait_for;

const NAMESPACE: &str = "default";
const NAME: &str = "watched";

async fn server() -> Server {
    let options =
        ServerOptions { objects: 0, bookmark_every: Duration::from_millis(100), ..ServerOptions::default() };
    let server = Server::start(options).await.expect("the simulated server starts");
    server.apply("configmaps", labelled("0")).expect("config maps are served");
    server
}

fn labelled(round: &str) -> Object {
    let mut object = object(NAMESPACE, NAME);
    object.labels.insert("round".to_owned(), round.to_owned());
    object
}

fn fetcher(server: &Server) -> Fetcher {
    let options = ClientOptions { head_timeout: Duration::from_secs(2), ..ClientOptions::default() };
    Fetcher::new(Client::new(&access(server), options).expect("a client"))
}

/// Somebody who looks at the config map.
struct Looking {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default, Debug, Clone)]
struct Seen {
    what: Option<Result<Manifest, String>>,
    standings: Vec<Standing>,
    pages: usize,
    requests: u64,
}

impl Seen {
    fn shows(&self, label: &str) -> bool {
        let line = format!("round: \"{label}\"");
        matches!(&self.what, Some(Ok(manifest)) if manifest.text.contains(&line))
    }

    fn is_live(&self) -> bool {
        self.standings.last() == Some(&Standing::Live)
    }
}

impl Looking {
    fn at(server: &Server) -> Self {
        let uid = server.object("configmaps", NAMESPACE, NAME).expect("it is there").uid;
        let target = ObjectRef {
            group: String::new(),
            version: "v1".to_owned(),
            plural: "configmaps".to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            name: NAME.to_owned(),
            uid,
        };
        let seen = Arc::<Mutex<Seen>>::default();
        let (own, fetcher) = (seen.clone(), fetcher(server));
        let task = tokio::spawn(async move {
            let take = |sight: Sight<Manifest>| {
                let mut seen = own.lock().expect("not poisoned");
                seen.pages += usize::from(sight.what.is_some());
                seen.what = sight.what.or(seen.what.take());
                seen.standings.push(sight.standing);
                seen.requests = sight.requests;
            };
            fetcher.follow(&target, false, take).await;
        });
        Self { seen, task }
    }

    async fn until(&self, what: &str, holds: impl Fn(&Seen) -> bool) -> Seen {
        wait_for(what, async || {
            let seen = self.seen.lock().expect("not poisoned").clone();
            if holds(&seen) { Ok(seen) } else { Err(format!("{seen:?}")) }
        })
        .await
    }
}

fn on(verb: Verb) -> Matcher {
    Matcher { contains: Some("fieldSelector".to_owned()), ..Matcher::kind(verb, "configmaps") }
}

fn says(status: u16, message: &str) -> Action {
    Action::Says { status, message: message.to_owned() }
}

fn still(why: &str, again: bool) -> impl Fn(&Seen) -> bool {
    move |seen| {
        seen.standings.iter().any(|standing| {
            matches!(standing, Standing::Still { why: own, again: tried } if own.contains(why) && *tried == again)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_and_a_flood_of_them_is_one() {
    let server = server().await;
    let looking = Looking::at(&server);
    let seen = looking.until("live", |seen| seen.is_live() && seen.shows("0")).await;
    assert_eq!((seen.standings, seen.requests), (vec![Standing::Read, Standing::Live], 2));
    let Some(Ok(manifest)) = &seen.what else { panic!("no manifest") };
    assert!(manifest.text.starts_with("apiVersion: v1\n") && manifest.text.contains("kind: ConfigMap"));
    assert!(!manifest.managed_fields.is_empty());
    for round in 1..=500 {
        server.apply("configmaps", labelled(&round.to_string())).expect("config maps are served");
    }
    let seen = looking.until("the last change", |seen| seen.shows("500")).await;
    assert!(seen.pages < 250, "{} of 500 changes were shown", seen.pages);
    let Some(Ok(manifest)) = &seen.what else { panic!("no manifest") };
    assert!(!manifest.managed_fields.is_empty(), "also after a change");
    server.delete("configmaps", NAMESPACE, NAME);
    let deleted = Standing::Deleted { replaced: false };
    let seen = looking.until("its end", |seen| seen.standings.last() == Some(&deleted)).await;
    assert!(seen.shows("500"), "the last text stays");
    looking.task.await.expect("nothing is left to look at");
    assert_eq!(server.requests().iter().filter(|request| request.path.contains("fieldSelector")).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_breaks_or_expires_is_said_and_what_happened_meanwhile_is_seen() {
    for action in [
        Action::Expired,
        Action::Break { after: 0 },
        Action::Truncate { after: 0 },
        Action::Garbage { after: 0 },
    ] {
        let server = server().await;
        server.inject(Fault::once(on(Verb::Watch), action.clone()));
        let looking = Looking::at(&server);
        looking.until("the break", still("", true)).await;
        server.apply("configmaps", labelled("1")).expect("config maps are served");
        let seen = looking.until("live again", |seen| seen.is_live() && seen.shows("1")).await;
        assert!(seen.standings.contains(&Standing::Read), "{action:?}: {:?}", seen.standings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_waited_for_and_what_was_replaced_meanwhile_is_gone() {
    let server = server().await;
    let looking = Looking::at(&server);
    looking.until("live", Seen::is_live).await;
    server.stop();
    let seen = looking.until("the break", still("can't be reached", true)).await;
    assert!(seen.shows("0"), "what was read stays");
    server.delete("configmaps", NAMESPACE, NAME);
    server
        .apply("configmaps", Object { uid: String::new(), ..labelled("new") })
        .expect("config maps are served");
    server.restart().await.expect("it listens again");
    let deleted = Standing::Deleted { replaced: true };
    let seen = looking.until("its end", |seen| seen.standings.last() == Some(&deleted)).await;
    assert!(seen.shows("0"), "another object is not taken for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_get_but_not_list_or_watch_sees_what_was_read() {
    for (verb, requests) in [(Verb::List, 2), (Verb::Watch, 2)] {
        let server = server().await;
        server.inject(Fault::always(on(verb), says(403, "you may not do that")));
        let looking = Looking::at(&server);
        let seen = looking.until("that it is not live", still("you may not do that", false)).await;
        assert!(seen.shows("0") && !seen.standings.contains(&Standing::Live), "{seen:?}");
        looking.task.await.expect("it is not tried again");
        assert_eq!(seen.requests, requests);
        let asked = |request: &&kubesift::demo::Request| request.path.contains("configmaps");
        assert_eq!(server.requests().iter().filter(asked).count() as u64, requests);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_or_is_not_there_says_so_once() {
    let server = server().await;
    server.set_rights(&server.users()[0].name.clone(), Rights::without(["configmaps"]));
    let looking = Looking::at(&server);
    let seen =
        looking.until("why", |seen| matches!(&seen.what, Some(Err(why)) if why.contains("forbidden"))).await;
    assert!(still("forbidden", false)(&seen), "{seen:?}");
    looking.task.await.expect("it is not tried again");
    let server = self::server().await;
    server.inject(Fault::once(on(Verb::List), Action::NoAnswer));
    let looking = Looking::at(&server);
    server.delete("configmaps", NAMESPACE, NAME);
    let seen =
        looking.until("why", |seen| matches!(&seen.what, Some(Err(why)) if why.contains("not there"))).await;
    assert!(still("no answer", true)(&seen), "first it got none, and asked again: {seen:?}");
    assert_eq!(seen.standings.last(), Some(&Standing::Deleted { replaced: false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_away_leaves_nothing_open() {
    let server = server().await;
    let looking = Looking::at(&server);
    looking.until("live", Seen::is_live).await;
    let open = || server.requests().iter().filter(|request| request.is_open() && request.is_watch()).count();
    assert_eq!(open(), 1);
    looking.task.abort();
    wait_for("the watch to end", async || open() == 0).await;
}
