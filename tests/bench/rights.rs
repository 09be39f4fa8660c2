//! What a cluster with partial rights is asked for: the simulated server in this process counts, kubesift runs in a
//! process of its own with its usual waiting times.
//!
//! Waiting times grow, so the first minutes are the busiest. An hour is either measured (`rights 60`) or told as what
//! was measured and, for the rest, the rate of the last half of it: that is more than it will be.

use std::time::Duration;

use kubesift::demo::{Review, Rights, Rule, Server, ServerOptions, Verb, busiest};
use tokio::time::{Instant, sleep_until};

use crate::report::{Table, megabytes};
use crate::support::simulated::object;
use crate::support::{Home, process};

/// How long each world is looked at, in minutes, when nothing else is asked for.
const MINUTES: usize = 12;
const HOUR: usize = 60;

/// The kinds that the user may not read everywhere.
const KINDS: [&str; 10] = [
    "configmaps",
    "cronjobs.batch",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "networkpolicies.networking.k8s.io",
    "persistentvolumeclaims",
    "pods",
    "secrets",
    "serviceaccounts",
    "services",
];

struct World {
    what: &'static str,
    namespaces: usize,
    rights: Rights,
}

/// What was seen of a world.
struct Seen {
    what: &'static str,
    /// Requests of each minute.
    minutes: Vec<u64>,
    busiest: usize,
    watches: usize,
    anon: Option<f64>,
    peak: Option<f64>,
}

pub(crate) async fn run(minutes: Option<usize>) {
    let minutes = minutes.unwrap_or(MINUTES).max(2);
    let columns = [
        "",
        "first minute",
        "a minute later on",
        "in an hour",
        "lists, most in a second",
        "watches",
        "RssAnon",
        "VmHWM",
    ];
    let title = format!(
        "Requests of `sync --watch` with partial rights, {minutes} minutes (`tests/bench/run rights`)"
    );
    // Side by side: they are counted, not timed.
    let seen = futures_util::future::join_all(worlds().into_iter().map(|world| look(world, minutes))).await;
    let table = Table::start(&title, &columns);
    for seen in seen {
        let later = &seen.minutes[seen.minutes.len() / 2..];
        let rate = later.iter().sum::<u64>() / later.len() as u64;
        let measured: u64 = seen.minutes.iter().take(HOUR).sum();
        let rest = HOUR.saturating_sub(seen.minutes.len()) as u64;
        let hour =
            if rest == 0 { measured.to_string() } else { format!("at most {}", measured + rest * rate) };
        table.row(&[
            seen.what.to_owned(),
            seen.minutes[0].to_string(),
            rate.to_string(),
            hour,
            seen.busiest.to_string(),
            seen.watches.to_string(),
            megabytes(seen.anon),
            megabytes(seen.peak),
        ]);
    }
    println!("\n*A minute later on* is the mean of the second half of what was measured.");
}

fn worlds() -> [World; 4] {
    let reading = [Verb::Get, Verb::List, Verb::Watch];
    let webhook = Review { incomplete: true, padding: 0 };
    // Forbidden across the cluster and allowed in every namespace that there is.
    let by_namespace = Rights::denied([Rule::new(reading, KINDS).within(["elsewhere"])]);
    [
        World { what: "all rights, 300 namespaces", namespaces: 300, rights: Rights::default() },
        World {
            what: "10 kinds denied everywhere, 300 namespaces, `incomplete`",
            namespaces: 300,
            rights: Rights::denied([Rule::new(reading, KINDS)]).reviewed(webhook),
        },
        World {
            what: "10 kinds by namespace only, 300 namespaces, `incomplete`",
            namespaces: 300,
            rights: by_namespace.clone().reviewed(webhook),
        },
        World {
            what: "10 kinds by namespace only, 1,000 namespaces, rules of 55 kB",
            namespaces: 1_000,
            rights: by_namespace.reviewed(Review { incomplete: true, padding: 55_000 }),
        },
    ]
}

async fn look(world: World, minutes: usize) -> Seen {
    let server = Server::start(ServerOptions { objects: 2_000, ..ServerOptions::default() }).await;
    let server = server.expect("the simulated server");
    for n in 0..world.namespaces {
        let namespace = format!("tenant-{n}");
        server.add_namespace(&namespace).expect("namespaces are served");
        for kind in ["configmaps", "secrets", "pods"] {
            server.apply(kind, object(&namespace, "own")).expect("a kind that is served");
        }
    }
    server.set_rights(&server.users()[0].name.clone(), world.rights);
    let dir = tempfile::tempdir().expect("temp dir");
    let kubeconfig = dir.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    let home = Home::new(&kubeconfig);
    server.clear_requests();
    let begun = Instant::now();
    let writer = home.spawn(&["sync", "--watch"]);
    let mut counts = Vec::new();
    let mut most = 0;
    for minute in 1..=minutes {
        sleep_until(begun + Duration::from_secs(60) * u32::try_from(minute).expect("a short run")).await;
        let before: u64 = counts.iter().sum();
        counts.push(server.tally().all().requests - before);
        let lists = server.requests();
        let lists = lists.iter().filter(|request| request.verb == Verb::List);
        most = most.max(busiest(lists, Duration::from_secs(1)));
    }
    let memory = |field| process::memory_mb(writer.id(), field);
    let seen = Seen {
        what: world.what,
        minutes: counts,
        busiest: most,
        watches: server.tally().verb(Verb::Watch).open,
        anon: memory("RssAnon"),
        peak: memory("VmHWM"),
    };
    writer.stop().await;
    seen
}
