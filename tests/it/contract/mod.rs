//! The same cases on the real and on the simulated API server: what a case sees must be right, and the same on both.

mod cases;
mod looks;
mod subject;

use kubesift::demo::{Profile, ServerOptions};
use subject::Subject;

/// What a case saw, in words that do not change from run to run.
pub(crate) type Seen = Vec<String>;

/// Runs every case; what each one saw.
async fn run(subject: &mut Subject, real: Option<&Subject>) -> Vec<(&'static str, Seen)> {
    let plane = real.and_then(Subject::plane);
    let mut seen = Vec::new();
    for case in [
        "discovery",
        "lists",
        "versions",
        "selectors",
        "pages",
        "refusals",
        "reviews",
        "identity",
        "kubectl",
        "watches",
        "single",
        "followed",
        "tables",
        "logs",
        "unconverted",
    ] {
        println!("-- {case}");
        let saw = match case {
            "discovery" => cases::discovery(subject).await,
            "lists" => cases::lists(subject).await,
            "versions" => cases::versions(subject).await,
            "selectors" => cases::selectors(subject).await,
            "pages" => cases::pages(subject).await,
            "refusals" => cases::refusals(subject).await,
            "reviews" => cases::reviews(subject).await,
            "identity" => cases::identity(subject).await,
            "kubectl" => cases::kubectl(subject, plane).await,
            "single" => looks::single(subject).await,
            "followed" => looks::followed(subject).await,
            "tables" => looks::tables(subject).await,
            "logs" => looks::logs(subject).await,
            "unconverted" => cases::unconverted(subject).await,
            _ => cases::watches(subject).await,
        };
        seen.push((case, saw));
    }
    seen.push(("expired", cases::expired(subject).await));
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_server_keeps_the_contract_of_the_real_one() {
    let mut real = Subject::real().await;
    let mut simulated = Subject::simulated(ServerOptions::default()).await;
    let on_simulated = run(&mut simulated, real.as_ref()).await;
    let Some(real) = &mut real else { return };
    cases::kinds_are_those_of(&simulated, real).await;
    looks::columns_are_those_of(&simulated, real).await;
    let on_real = run(real, None).await;
    let mut differences = Vec::new();
    for ((case, real), (_, simulated)) in on_real.iter().zip(&on_simulated) {
        let all = real.len().max(simulated.len());
        let pairs =
            (0..all).map(|n| (real.get(n), simulated.get(n))).filter(|(real, simulated)| real != simulated);
        differences
            .extend(pairs.map(|(real, own)| format!("{case}\n  real:      {real:?}\n  simulated: {own:?}")));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_versions_keep_what_they_have_of_the_contract() {
    let all = [Profile::V1_27, Profile::V1_30, Profile::V1_33, Profile::V1_37].map(|profile| async move {
        let mut subject = Subject::simulated(ServerOptions { profile, ..ServerOptions::default() }).await;
        run(&mut subject, None).await
    });
    let all = futures_util::future::join_all(all).await;
    let (newest, older) = all.split_last().expect("four versions");
    for ((case, old), (_, new)) in older.iter().flat_map(|old| old.iter().zip(newest)) {
        // Which form discovery has, who one is, and what a cache that is not filled passes on is what they differ in.
        if !["discovery", "identity", "unconverted"].contains(case) {
            assert_eq!(old, new, "{case}");
        }
    }
}
