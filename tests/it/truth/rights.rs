//! Partial rights in a large cluster: what may be read only by namespace is read in turns.

use kubesift::demo::{Review, Rights, Rule, busiest};
use kubesift::object::KindKey;

use super::*;

const READING: [Verb; 3] = [Verb::Get, Verb::List, Verb::Watch];

/// Ten kinds in so many namespaces are more than there may be watches.
const NAMESPACES: usize = 60;

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
async fn what_may_only_be_read_by_namespace_is_read_in_turns() {
    // Forbidden across the cluster and allowed in every namespace that there is.
    let rights = Rights::denied([Rule::new(READING, KINDS).within(["elsewhere"])]);
    let rights = rights.reviewed(Review { incomplete: true, padding: 55_000 });
    let played = Played::start(small(), |server| tenants(server, NAMESPACES, rights)).await;
    played.until("all config maps", |own| own.held("configmaps") >= NAMESPACES).await;
    played.server.clear_requests();
    let asked = stays_live(&played, HOUR / 12).await;
    println!("{:?}, lists {:?}", asked.all(), asked.verb(Verb::List));
    let lists: Vec<_> =
        played.server.requests().into_iter().filter(|request| request.verb == Verb::List).collect();
    // Ten polled lists, and as many first ones of what a try found to be allowed.
    assert!(busiest(&lists, SECOND) <= 25, "{} lists in one second", busiest(&lists, SECOND));
    assert!(asked.verb(Verb::List).peak <= 8, "{:?}", asked.verb(Verb::List));
    assert!(asked.verb(Verb::Review).requests < 100, "{:?}", asked.verb(Verb::Review));
    let kind = KindKey::from("configmaps");
    assert!(lists.iter().filter(|request| request.kind.as_ref() == Some(&kind)).count() < 3_000);
    // Each of them is followed, also where no watch is to spare.
    for n in [0, NAMESPACES / 2, NAMESPACES - 1] {
        let before = played.held("services");
        let namespace = format!("tenant-{n}");
        played.server.apply("services", object(&namespace, "late")).expect("services are served");
        played.until("the new service", |own| own.held("services") == before + 1).await;
    }
}
