//! Partial rights in a large cluster: what is forbidden is asked for ever less, and what may be read only by namespace is
//! read in turns.

use kubesift::demo::{Review, Rights, Rule, busiest};
use kubesift::object::KindKey;

use super::*;

const READING: [Verb; 3] = [Verb::Get, Verb::List, Verb::Watch];

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

/// A cluster of so many namespaces with a config map in each, and these rights.
fn tenants(server: &Server, namespaces: usize, rights: Rights) {
    for n in 0..namespaces {
        let namespace = format!("tenant-{n}");
        server.add_namespace(&namespace).expect("namespaces are served");
        server.apply("configmaps", object(&namespace, "own")).expect("config maps are served");
    }
    server.set_rights(&server.users()[0].name.clone(), rights);
}

#[tokio::test(start_paused = true)]
async fn ten_kinds_denied_in_three_hundred_namespaces_cost_few_requests_an_hour() {
    let review = Review { incomplete: true, padding: 0 };
    let rights = Rights::denied([Rule::new(READING, KINDS)]).reviewed(review);
    let played = Played::start(small(), |server| tenants(server, 300, rights)).await;
    let first = played.server.tally();
    let asked = stays_live(&played, HOUR).await;
    println!("{:?} before, then {:?}", first.all(), asked.all());
    assert!(first.all().requests + asked.all().requests < 5_000, "{:?}, {:?}", first.all(), asked.all());
    let lists: Vec<_> = played
        .server
        .requests()
        .into_iter()
        .filter(|request| request.verb == Verb::List && request.at > MINUTE)
        .collect();
    assert!(busiest(&lists, SECOND) <= 20, "{} lists in one second", busiest(&lists, SECOND));
    for kind in KINDS {
        assert_eq!(played.state(kind).map(|state| state.name()), Some("forbidden"), "{kind}");
    }
    // A right that is given is used within the hour.
    played.server.set_rights(&played.server.users()[0].name.clone(), Rights::default());
    for kind in KINDS {
        played.becomes(kind, "complete").await;
    }
    assert_eq!(played.status().deletes, 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_only_be_read_by_namespace_is_read_in_turns() {
    // Forbidden across the cluster and allowed in every namespace that there is.
    let rights = Rights::denied([Rule::new(READING, KINDS).within(["elsewhere"])]);
    let rights = rights.reviewed(Review { incomplete: true, padding: 55_000 });
    let played = Played::start(small(), |server| tenants(server, 300, rights)).await;
    played.until("all config maps", |own| own.held("configmaps") >= 300).await;
    played.server.clear_requests();
    let asked = stays_live(&played, HOUR).await;
    println!("{:?}, lists {:?}", asked.all(), asked.verb(Verb::List));
    let lists: Vec<_> =
        played.server.requests().into_iter().filter(|request| request.verb == Verb::List).collect();
    // Ten polled lists, and room for the few others.
    assert!(busiest(&lists, SECOND) <= 15, "{} lists in one second", busiest(&lists, SECOND));
    assert!(asked.verb(Verb::List).peak <= 8, "{:?}", asked.verb(Verb::List));
    assert!(asked.verb(Verb::Review).requests < 1_000, "{:?}", asked.verb(Verb::Review));
    let kind = KindKey::from("configmaps");
    assert!(lists.iter().filter(|request| request.kind.as_ref() == Some(&kind)).count() < 36_000);
    // Each of them is followed, also where no watch is to spare.
    for n in [0, 150, 299] {
        let before = played.held("services");
        let namespace = format!("tenant-{n}");
        played.server.apply("services", object(&namespace, "late")).expect("services are served");
        played.until("the new service", |own| own.held("services") == before + 1).await;
    }
}
