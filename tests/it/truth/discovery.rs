//! Discovery is read again when there is a reason, and ever less when the reason stays.

use kubesift::demo::Crd;

use super::*;

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

#[tokio::test(start_paused = true)]
async fn fifty_kinds_that_discovery_serves_and_that_answer_404_cost_few_readings() {
    let played = Played::start(small(), |server| add_apis(server, 50)).await;
    fail_apis(&played.server, 50, &Action::Status(404));
    played.server.drop_connections();
    let asked = stays_live(&played, HOUR).await;
    println!("{:?}", asked.verb(Verb::Discovery));
    assert!(asked.verb(Verb::Discovery).requests <= 2 * 40, "{:?}", asked.verb(Verb::Discovery));
    assert!(asked.verb(Verb::List).requests <= 50 * 40, "{:?}", asked.verb(Verb::List));
    for n in 0..50 {
        assert_eq!(played.held(&thing(n)), 1, "what is served is not missing");
    }
    others_are_followed(&played, "beside").await;
    played.server.clear_faults();
    for n in 0..50 {
        played.becomes(&thing(n), "complete").await;
    }
    assert_eq!(played.status().deletes, 0);
}

#[tokio::test(start_paused = true)]
async fn definitions_that_change_all_the_time_cost_few_readings_and_new_kinds_are_found() {
    let played = Played::start(small(), |_| {}).await;
    let crds: Vec<String> = played.server.objects(DEFINITIONS).into_iter().map(|crd| crd.name).collect();
    assert!(!crds.is_empty());
    let before = played.server.tally();
    for round in 0..10 * 120 {
        let name = &crds[round % crds.len()];
        // An update of the spec now and then, updates of the status mostly.
        let change = |crd: &mut kubesift::object::Object| crd.generation += i64::from(round % 20 == 0);
        played.server.modify(DEFINITIONS, "", name, change).expect("definitions are served");
        played.pass(SECOND / 10).await;
    }
    let asked = played.server.tally().since(&before);
    println!("{:?} readings in two minutes", asked.verb(Verb::Discovery));
    assert!(asked.verb(Verb::Discovery).requests <= 2 * 30, "{:?}", asked.verb(Verb::Discovery));
    let crd = Crd::new("late.example.org", "v1", "Late", "lates");
    played.server.add_crd(&crd).expect("a new kind");
    let begun = tokio::time::Instant::now();
    played.becomes("lates.late.example.org", "complete").await;
    assert!(begun.elapsed() < MINUTE, "{:?}", begun.elapsed());
}
