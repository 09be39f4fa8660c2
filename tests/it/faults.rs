//! The engine against a server that misbehaves: while a fault lasts nothing is deleted without authority, and after it
//! the index equals the server's objects.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kubesift::demo::{Action, Fault, Formats, Matcher, Profile, Rights, Server, ServerOptions, Tls, Verb};
use kubesift::engine::Timing;
use kubesift::engine::status::{KindState, KindStatus, Phase};
use kubesift::object::{KindKey, Object};

use crate::support::simulated::{Simulated, quick};
use crate::support::wait_for;

/// What is asked while everything else waits: whether the credentials are accepted.
const PROBE: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

fn small() -> ServerOptions {
    // Bookmarks at their usual minute would come after the end of every test.
    ServerOptions { objects: 300, bookmark_every: Duration::from_millis(300), ..ServerOptions::default() }
}

/// What happens under a fault: changes, watches that break and have to be opened again, more changes.
async fn live_through(simulated: &Simulated, what: &str, faults: &[Fault]) {
    println!("-- {what}");
    let before = simulated.before().await;
    let asked = simulated.server.request_count();
    faults.iter().for_each(|fault| simulated.server.inject(fault.clone()));
    for round in 0..3 {
        simulated.disturb(round);
        simulated.server.drop_connections();
        wait_for("requests under the fault", async || {
            simulated.assert_nothing_lost(&before);
            simulated.server.request_count() > asked + 20 * (round as u64 + 1)
        })
        .await;
    }
    simulated.server.clear_faults();
    simulated.settles(&before).await;
    simulated.disturb(7);
    simulated.settles(&before).await;
}

fn always(verb: Verb, action: Action) -> Fault {
    Fault::always(Matcher::verb(verb), action)
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_delete_nothing_and_heal() {
    let simulated = Simulated::start(small()).await;
    let both = |action: Action| [always(Verb::List, action.clone()), always(Verb::Watch, action)];
    live_through(&simulated, "403 for everything", &both(Action::Status(403))).await;
    live_through(&simulated, "410 for everything", &both(Action::Expired)).await;
    live_through(&simulated, "500 for everything", &both(Action::Status(500))).await;
    live_through(&simulated, "504 for everything", &both(Action::Status(504))).await;
    live_through(&simulated, "a proxy's page", &both(Action::Html(502))).await;
    live_through(
        &simulated,
        "storage being set up",
        &[
            Fault::times(40, Matcher::verb(Verb::List), Action::Initializing),
            Fault::times(40, Matcher::verb(Verb::Watch), Action::Initializing),
        ],
    )
    .await;
    live_through(&simulated, "discovery fails", &[always(Verb::Discovery, Action::Status(500))]).await;
    live_through(
        &simulated,
        "one kind is expired again and again",
        &[
            Fault::always(Matcher::kind(Verb::Watch, "configmaps"), Action::Expired),
            Fault::times(3, Matcher::kind(Verb::List, "pods"), Action::Expired),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_down_is_heeded_and_heals() {
    let simulated = Simulated::start(small()).await;
    let before = simulated.before().await;
    let limited = |verb| Fault::times(3, Matcher::verb(verb), Action::TooManyRequests { retry_after: 1 });
    simulated.server.inject(limited(Verb::Watch));
    simulated.server.inject(limited(Verb::List));
    simulated.disturb(1);
    simulated.server.drop_connections();
    wait_for("the faults to be used up", async || simulated.server.faults_left() == 0).await;
    simulated.settles(&before).await;
    assert!(simulated.status().throttled >= 6, "{}", simulated.status().throttled);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_pause_everything_and_are_said_once() {
    let simulated = Simulated::start(small()).await;
    let before = simulated.before().await;
    simulated.server.inject(Fault::always(Matcher::default(), Action::Status(401)));
    simulated.disturb(1);
    simulated.server.drop_connections();
    simulated
        .phase_becomes("the refusal to be told", |phase| matches!(phase, Phase::Unauthorized { .. }))
        .await;
    // What was under way is refused; from then on one prober asks, and none of the sixty readers.
    let probes = async |count: usize| {
        simulated.server.clear_requests();
        wait_for("some probes", async || {
            let probes = simulated.server.requests().into_iter().filter(|request| request.path == PROBE);
            probes.count() >= count
        })
        .await;
    };
    probes(3).await;
    probes(5).await;
    let asked: Vec<_> = simulated.server.requests().into_iter().map(|request| request.path).collect();
    assert!(asked.iter().all(|path| path == PROBE), "{asked:?}");
    simulated.assert_nothing_lost(&before);
    simulated.server.clear_faults();
    simulated.settles(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_api_that_never_answers_concerns_no_other_and_a_server_that_does_is_offline() {
    let simulated = Simulated::start(small()).await;
    let before = simulated.before().await;
    for verb in [Verb::List, Verb::Watch] {
        simulated.server.inject(Fault::always(Matcher::kind(verb, "configmaps"), Action::NoAnswer));
    }
    simulated.disturb(1);
    simulated.server.drop_connections();
    let silent =
        |state: &KindState| matches!(state, KindState::Failing { error, .. } if error.contains("no answer"));
    simulated.state_becomes("configmaps", silent).await;
    simulated.phase_becomes("all others to be live", |phase| *phase == Phase::Live).await;
    simulated.server.inject(Fault::always(Matcher::default(), Action::NoAnswer));
    simulated.server.drop_connections();
    simulated.phase_becomes("offline", |phase| matches!(phase, Phase::Offline { .. })).await;
    simulated.assert_nothing_lost(&before);
    simulated.server.clear_faults();
    simulated.settles(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_namespace_end_when_it_is_gone() {
    let simulated = Simulated::start(small()).await;
    let server = &simulated.server;
    let user = server.users()[0].name.clone();
    let namespace = Object { name: "passing".to_owned(), ..Object::default() };
    server.apply("namespaces", namespace).expect("namespaces are served");
    let own = Object { name: "one".to_owned(), namespace: "passing".to_owned(), ..Object::default() };
    server.apply("configmaps", own).expect("config maps are served");
    simulated.settles(&simulated.before().await).await;
    let before = simulated.before().await;
    let barred = [(KindKey::from("configmaps"), "kube-system".to_owned())];
    server.set_rights(&user, Rights { forbidden_in: barred.into(), ..Rights::default() });
    server.drop_connections();
    let reads = async |what: &str, wanted: bool| {
        wait_for(what, async || {
            let status = simulated.status();
            let kind = status.kind(&KindKey::from("configmaps")).expect("a kind");
            let read = kind.scopes.iter().any(|scope| scope == "passing");
            if !kind.scopes.is_empty() && read == wanted { Ok(()) } else { Err(format!("{:?}", kind.scopes)) }
        })
        .await;
    };
    reads("the namespace to be read by itself", true).await;
    server.delete("configmaps", "passing", "one");
    server.delete("namespaces", "", "passing");
    reads("the reader of what is gone to end", false).await;
    simulated.assert_nothing_lost(&before);
    server.set_rights(&user, Rights::default());
    simulated.settles(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_kind_is_no_older_for_a_restart() {
    let mut simulated = Simulated::start(small()).await;
    let watched = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    simulated.stop().await;
    simulated.server.inject(Fault::always(Matcher::default(), Action::Status(401)));
    simulated.resume().await;
    simulated
        .phase_becomes("the refusal to be told", |phase| matches!(phase, Phase::Unauthorized { .. }))
        .await;
    let status = simulated.status();
    let as_of = |kind: &KindStatus| kind.as_of_ms.and_then(|ms| u128::try_from(ms).ok());
    let old: Vec<_> =
        status.kinds.iter().filter(|kind| as_of(kind).is_some_and(|as_of| as_of < watched)).collect();
    assert!(old.is_empty() && status.kinds.iter().any(|kind| as_of(kind).is_some()), "{old:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_forbidden_kind_concerns_no_other() {
    let simulated = Simulated::start(small()).await;
    let user = simulated.server.users()[0].name.clone();
    let before = simulated.before().await;
    simulated.server.set_rights(&user, Rights::without(["configmaps"]));
    simulated.server.drop_connections();
    simulated.state_becomes("configmaps", |state| matches!(state, KindState::Forbidden { .. })).await;
    simulated.disturb(1);
    simulated.state_becomes("pods", |state| *state == KindState::Complete).await;
    simulated.assert_nothing_lost(&before);
    simulated.server.set_rights(&user, Rights::default());
    simulated.settles(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_break_lie_or_crawl_delete_nothing_and_heal() {
    let simulated = Simulated::start(small()).await;
    for after in [0, 7, 3_000] {
        for (what, action) in [
            ("broken", Action::Break { after }),
            ("cut short", Action::Truncate { after }),
            ("garbage", Action::Garbage { after }),
        ] {
            for verb in [Verb::List, Verb::Watch] {
                // Lists are only made where watches can't go on.
                let expired = Fault::times(20, Matcher::verb(Verb::Watch), Action::Expired);
                let fault = always(verb, action.clone());
                let faults = if verb == Verb::List { vec![expired, fault] } else { vec![fault] };
                live_through(&simulated, &format!("{verb:?} {what} after {after}"), &faults).await;
            }
        }
    }
    let crawl = Action::Slow { chunk: 200, pause: Duration::from_millis(2) };
    let expired = Fault::times(20, Matcher::verb(Verb::Watch), Action::Expired);
    live_through(
        &simulated,
        "slow bodies",
        &[expired, always(Verb::List, crawl.clone()), always(Verb::Watch, crawl)],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_and_reordered_events_change_nothing() {
    let simulated = Simulated::start(small()).await;
    for action in [Action::Duplicate, Action::Reorder] {
        live_through(&simulated, &format!("{action:?}"), &[always(Verb::Watch, action)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_sockets_that_go_silent_are_given_up() {
    let timing =
        Timing { watch_timeout: Duration::from_secs(1), closing: Duration::from_millis(500), ..quick() };
    let simulated = Simulated::start_with(small(), timing, |_| {}).await;
    for after in [0, 50] {
        let silent = always(Verb::Watch, Action::Silent { after });
        live_through(&simulated, &format!("watches silent after {after}"), &[silent]).await;
        let expired = Fault::times(20, Matcher::verb(Verb::Watch), Action::Expired);
        let silent = Fault::times(20, Matcher::verb(Verb::List), Action::Silent { after });
        live_through(&simulated, &format!("lists silent after {after}"), &[expired, silent]).await;
    }
    let unanswered = Fault::times(10, Matcher::default(), Action::NoAnswer);
    live_through(&simulated, "no answer at all", &[unanswered]).await;

    // The whole socket: no byte, no end. Only a ping that stays unanswered shows it.
    let before = simulated.before().await;
    simulated.server.set_silent(true);
    simulated.disturb(9);
    simulated.phase_becomes("the loss to be told", |phase| matches!(phase, Phase::Offline { .. })).await;
    simulated.assert_nothing_lost(&before);
    simulated.server.set_silent(false);
    simulated.settles(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_and_starts_again_is_caught_up_with() {
    let mut simulated = Simulated::start(small()).await;
    let before = simulated.before().await;
    simulated.server.stop();
    simulated.phase_becomes("the loss to be told", |phase| matches!(phase, Phase::Offline { .. })).await;
    simulated.disturb(1);
    simulated.assert_nothing_lost(&before);
    simulated.server.restart().await.expect("the same port");
    simulated.settles(&before).await;

    simulated.stop().await;
    simulated.disturb(2);
    simulated.resume().await;
    let before = simulated.before().await;
    simulated.settles(&before).await;
    simulated.stop().await;
    simulated.disturb(3);
    simulated.server.compact();
    simulated.resume().await;
    simulated.settles(&simulated.before().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_goes_backwards_is_noticed() {
    let mut simulated = Simulated::start(small()).await;
    let revision = simulated.server.revision();
    simulated.disturb(1);
    simulated.settles(&simulated.before().await).await;
    // As after a restored snapshot: what came later never happened.
    let before = simulated.before().await;
    simulated.server.set_revision_back(revision).expect("not compacted");
    simulated.server.drop_connections();
    simulated.settles(&before).await;

    // The same between two runs.
    let revision = simulated.server.revision();
    simulated.disturb(2);
    simulated.settles(&simulated.before().await).await;
    let before = simulated.before().await;
    simulated.stop().await;
    simulated.server.set_revision_back(revision).expect("not compacted");
    simulated.resume().await;
    simulated.settles(&before.restarted()).await;

    // Lists and watches that claim an older revision than they show.
    live_through(
        &simulated,
        "lower versions",
        &[
            always(Verb::List, Action::RevisionBackwards(40)),
            always(Verb::Watch, Action::RevisionBackwards(40)),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_know_less_are_read_all_the_same() {
    for formats in [Formats::Json, Formats::PlainJson] {
        println!("-- {formats:?}");
        let simulated = Simulated::start(ServerOptions { formats, ..small() }).await;
        simulated.disturb(1);
        simulated.settles(&simulated.before().await).await;
    }
    let simulated = Simulated::start(small()).await;
    live_through(
        &simulated,
        "JSON for a while",
        &[always(Verb::List, Action::JsonOnly), always(Verb::Watch, Action::JsonOnly)],
    )
    .await;
    simulated.server.set_formats("configmaps", Formats::PlainJson);
    live_through(&simulated, "one kind in plain JSON", &[]).await;
    for tls in [Tls::SelfSigned, Tls::Off] {
        println!("-- HTTP/1, {tls:?}");
        let simulated = Simulated::start(ServerOptions { http1_only: true, tls, ..small() }).await;
        simulated.disturb(1);
        simulated.settles(&simulated.before().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_is_read_and_followed_through_faults() {
    for profile in [Profile::V1_27, Profile::V1_30, Profile::V1_33, Profile::V1_37] {
        for classic_discovery in [false, true] {
            println!("-- {profile:?}, classic discovery: {classic_discovery}");
            let options = ServerOptions { profile, classic_discovery, ..small() };
            let simulated = Simulated::start(options).await;
            live_through(&simulated, "broken watches", &[always(Verb::Watch, Action::Break { after: 500 })])
                .await;
            live_through(&simulated, "410", &[Fault::times(30, Matcher::verb(Verb::Watch), Action::Expired)])
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opaque_versions_are_never_compared_or_resumed() {
    let prepare = |server: &Server| {
        let mut kind =
            server.kinds().into_iter().find(|kind| kind.plural == "configmaps").expect("config maps");
        (kind.group, kind.kind, kind.plural) = ("opaque.example.org".into(), "Note".into(), "notes".into());
        (kind.singular, kind.short_names) = ("note".into(), Vec::new());
        server.add_aggregated(kind, Formats::All, true).expect("a new kind");
        for n in 0..5 {
            let note = crate::support::simulated::object("default", &format!("note-{n}"));
            server.apply("notes.opaque.example.org", note).expect("notes are served");
        }
    };
    let mut simulated = Simulated::start_with(small(), quick(), prepare).await;
    live_through(&simulated, "broken watches", &[always(Verb::Watch, Action::Break { after: 300 })]).await;
    simulated.stop().await;
    simulated.server.delete("notes.opaque.example.org", "default", "note-2");
    simulated.server.clear_requests();
    simulated.resume().await;
    simulated.settles(&simulated.before().await).await;
    let notes = |request: &kubesift::demo::Request| request.path.contains("/notes") && !request.is_watch();
    assert!(simulated.server.requests().iter().any(notes), "an opaque version is listed again, not resumed");
}
