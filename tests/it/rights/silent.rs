//! Questions about rights that are not answered, in a run that ends: it ends, leaves nothing out, and names what is
//! missing.

use std::time::Duration;

use kubesift::demo::{Action, Fault, Matcher, Review, Rights, Rule, Server, ServerOptions, Verb};
use kubesift::engine::Outcome;
use kubesift::object::KindKey;

use crate::support::played::Played;
use crate::support::simulated::object;

const MINUTE: Duration = Duration::from_secs(60);
const MAPS: &str = "configmaps";
const READING: [Verb; 3] = [Verb::Get, Verb::List, Verb::Watch];
const NAMESPACES: usize = 40;

fn tenant(n: usize) -> String {
    format!("tenant-{n}")
}

/// A config map in each namespace; they may be listed there, and rules tell of that or are incomplete.
fn prepared(told: bool) -> Played {
    let prepare = |server: &Server| {
        for n in 0..NAMESPACES {
            server.add_namespace(&tenant(n)).expect("namespaces are served");
            server.apply(MAPS, object(&tenant(n), "own")).expect("config maps are served");
        }
        let names: Vec<String> = (0..NAMESPACES).map(tenant).collect();
        let maps = Rule::new(READING, [MAPS]).within(names.iter().map(String::as_str));
        let rights = Rights::granted([Rule::new(READING, ["namespaces"]), maps]);
        let rights = if told { rights } else { rights.reviewed(Review { incomplete: true, padding: 0 }) };
        server.set_rights(&server.users()[0].name, rights);
    };
    Played::prepared(ServerOptions { objects: 0, ..ServerOptions::default() }, prepare)
}

fn in_namespace(n: usize) -> Matcher {
    Matcher { namespace: Some(tenant(n)), ..Matcher::kind(Verb::List, MAPS) }
}

#[tokio::test(start_paused = true)]
async fn a_single_run_ends_and_names_a_kind_whose_api_hangs_in_every_namespace() {
    let mut played = prepared(false);
    (0..NAMESPACES).for_each(|n| played.server.inject(Fault::always(in_namespace(n), Action::NoAnswer)));
    let (outcome, status) = played.once(2 * MINUTE).await.expect("an end");
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    let kind = status.kind(&KindKey::from(MAPS)).expect("a status");
    assert_eq!(kind.state.name(), "failing");
    assert!(kind.why().contains("40 namespaces"), "{}", kind.why());
    assert!(!status.coverage().is_complete());
}

#[tokio::test(start_paused = true)]
async fn one_question_that_fails_leaves_out_no_namespace() {
    let names = Matcher {
        contains: Some("namespaces?resourceVersion=0".to_owned()),
        ..Matcher::kind(Verb::List, "namespaces")
    };
    let review =
        Matcher { contains: Some("selfsubjectrulesreviews".to_owned()), ..Matcher::verb(Verb::Review) };
    for (told, question) in [(true, names), (true, review), (false, in_namespace(7))] {
        for action in [Action::Status(503), Action::NoAnswer] {
            let mut played = prepared(told);
            played.server.inject(Fault::times(1, question.clone(), action));
            let (_, status) = played.once(2 * MINUTE).await.expect("an end");
            let kind = status.kind(&KindKey::from(MAPS)).expect("a status");
            assert_eq!((kind.state.name(), kind.objects), ("complete", NAMESPACES as u64), "{question:?}");
        }
    }
}
