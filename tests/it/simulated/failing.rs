//! Faults of answers: status codes, headers, heads and bodies.

use std::time::Duration;

use kubesift::demo::{Action, Count, Fault, Matcher, RetryAfter, ServerOptions, Verb, busiest};

use super::asker::server;
use super::kinds::add_gizmos;
use crate::support::wait_for;

const LIST: &str = "/api/v1/configmaps";
const WATCH: &str = "/api/v1/configmaps?watch=1&resourceVersion=";

fn small() -> ServerOptions {
    ServerOptions { objects: 300, ..ServerOptions::default() }
}

#[tokio::test]
async fn a_watch_expires_at_the_version_that_a_good_list_has_just_named() {
    let (server, asker) = server(small()).await;
    server.inject(Fault::always(Matcher::kind(Verb::Watch, "configmaps"), Action::Expired));
    for _ in 0..2 {
        let list = asker.get(LIST).await;
        assert!(!list.names().is_empty());
        let mut watch = asker.watch(&format!("{WATCH}{}", list.version())).await;
        assert_eq!(watch.status, 200);
        assert_eq!(watch.next().await, Some(("ERROR".to_owned(), "410".to_owned())));
        assert_eq!(watch.next().await, None);
    }
    server.clear_faults();
    server.inject(Fault::always(Matcher::kind(Verb::List, "configmaps"), Action::Expired));
    let (status, reason, _) = asker.get(LIST).await.refusal();
    assert_eq!((status, reason.as_str()), (410, "Expired"));
    assert_eq!(asker.watch(&format!("{WATCH}{}", server.revision())).await.status, 200);
}

#[tokio::test]
async fn every_status_is_for_lists_and_watches_apart() {
    let (server, asker) = server(small()).await;
    for status in [400, 401, 403, 404, 410, 429, 500, 502, 503, 504] {
        for (verb, expected) in [(Verb::List, [status, 200]), (Verb::Watch, [200, status])] {
            server.inject(Fault::always(Matcher::kind(verb, "configmaps"), Action::Status(status)));
            let list = asker.get(LIST).await.status;
            let watch = asker.watch(&format!("{WATCH}{}", server.revision())).await.status;
            assert_eq!([list, watch], expected, "{verb:?}");
            server.clear_faults();
        }
    }
}

#[tokio::test]
async fn retry_after_is_what_was_asked_for() {
    let (server, asker) = server(small()).await;
    server.set_clock_skew(-server_now());
    for (status, retry_after, expected) in [
        (429, RetryAfter::Seconds(86_400), "86400"),
        (429, RetryAfter::Text("never".to_owned()), "never"),
        (503, RetryAfter::Seconds(600), "600"),
    ] {
        server.inject(Fault::once(Matcher::verb(Verb::List), Action::Busy { status, retry_after }));
        let answer = asker.get(LIST).await;
        assert_eq!((answer.status, answer.retry_after.as_deref()), (status, Some(expected)));
    }
    let date = Action::Busy { status: 429, retry_after: RetryAfter::Date(86_400 * 365) };
    server.inject(Fault::once(Matcher::verb(Verb::Watch), date));
    let answer = asker.get(&format!("{WATCH}1")).await;
    let date = answer.retry_after.expect("a date");
    assert!(date.ends_with("Jan 1971 00:00:00 GMT") || date.ends_with("Jan 1971 00:00:01 GMT"), "{date}");
}

/// Seconds since 1970.
fn server_now() -> i64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(elapsed.as_secs()).expect("a date")
}

#[tokio::test]
async fn one_group_is_refused_and_no_other() {
    let (server, asker) = server(small()).await;
    add_gizmos(&server);
    server.inject(Fault::always(Matcher::group("things.example.org"), Action::Status(401)));
    let things = "/apis/things.example.org/v1";
    for path in [things.to_owned(), format!("{things}/gizmos"), format!("{things}/gizmos?watch=1")] {
        assert_eq!(asker.get(&path).await.status, 401, "{path}");
    }
    assert_eq!(asker.get(LIST).await.status, 200);
    assert_eq!(asker.get("/apis").await.status, 200);
}

#[tokio::test]
async fn a_list_loses_the_same_objects_each_time_and_says_nothing_of_it() {
    let (server, asker) = server(small()).await;
    let all = asker.get("/api/v1/pods").await.names();
    server.inject(Fault::times(2, Matcher::kind(Verb::List, "pods"), Action::Loses(all.len() - 2)));
    let twice = [asker.get("/api/v1/pods").await, asker.get("/api/v1/pods?resourceVersion=0").await];
    for lossy in twice {
        assert_eq!(lossy.names(), all[all.len() - 2..]);
        assert_eq!(lossy.version(), server.revision());
    }
    assert_eq!(asker.get("/api/v1/pods").await.names(), all);
}

#[tokio::test]
async fn heads_come_late_or_never_while_others_are_answered() {
    let (server, asker) = server(small()).await;
    let never = [Action::NoAnswer, Action::Late(Duration::from_secs(86_400))];
    for action in never {
        server.inject(Fault::once(Matcher::kind(Verb::List, "configmaps"), action));
        let asking = tokio::spawn({
            let asker = asker.clone();
            async move { asker.get(LIST).await }
        });
        wait_for("the request", async || server.tally().kind(Verb::List, "configmaps").open == 1).await;
        assert_eq!(asker.get("/api/v1/pods").await.status, 200);
        assert!(!asking.is_finished());
        asking.abort();
        wait_for("its end", async || server.tally().kind(Verb::List, "configmaps").open == 0).await;
    }
    server.inject(Fault::once(Matcher::verb(Verb::List), Action::Late(Duration::from_millis(5))));
    assert_eq!(asker.get(LIST).await.status, 200);
}

#[tokio::test]
async fn what_was_asked_is_counted_by_verb_and_kind() {
    let (server, asker) = server(small()).await;
    let before = server.tally();
    let mut bytes = 0;
    for _ in 0..2 {
        bytes += asker.get(LIST).await.text.len() as u64;
        // The server learns of the end of a body a moment after the client.
        wait_for("the end", async || server.tally().all().open == 0).await;
    }
    server.inject(Fault::once(Matcher::kind(Verb::List, "pods"), Action::Status(500)));
    asker.get("/api/v1/pods").await;
    let watch = asker.watch(&format!("{WATCH}{}", server.revision())).await;
    let tally = server.tally().since(&before);
    let lists = tally.kind(Verb::List, "configmaps");
    assert_eq!(lists, Count { requests: 2, refused: 0, bytes, open: 0, peak: 1 });
    assert_eq!((tally.verb(Verb::List).requests, tally.verb(Verb::List).refused), (3, 1));
    assert_eq!((tally.kind(Verb::Watch, "configmaps").open, tally.all().requests), (1, 4));
    drop(watch);
    let lists: Vec<_> = server.requests().into_iter().filter(|request| request.verb == Verb::List).collect();
    assert_eq!(busiest(&lists, Duration::from_secs(3_600)), 3);
    assert_eq!(lists.iter().filter(|request| request.kind == Some("pods".into())).count(), 1);
}
