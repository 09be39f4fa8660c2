//! Queries as they are typed, key by key, and what they read once the line is left.

use super::*;
use crate::query::parse_lenient;

fn more_kinds() -> Catalog {
    let kind = |group: &str, kind: &str, plural: &str, short: &[&str]| Kind {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        short_names: short.iter().map(|name| (*name).to_owned()).collect(),
        categories: Vec::new(),
        namespaced: true,
        watchable: true,
    };
    let more = [
        kind("apps", "Deployment", "deployments", &["deploy"]),
        kind("apps", "ReplicaSet", "replicasets", &["rs"]),
        kind("", "Service", "services", &["svc"]),
        kind("policy", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"]),
        kind("cert-manager.io", "Certificate", "certificates", &["cert", "certs"]),
        kind("networking.k8s.io", "Ingress", "ingresses", &["ing"]),
    ];
    Catalog::new(kinds().into_iter().chain(more).collect())
}

fn cluster() -> (Writer, Searcher) {
    let things = [
        thing("StatefulSet", "shop-prod", "card")
            .label("app", "card")
            .label("app.kubernetes.io/name", "card"),
        thing("Pod", "shop-prod", "card-0")
            .label("app", "card")
            .owner("StatefulSet", "card", &uid(0))
            .annotation("team", "payments"),
        thing("Pod", "shop-staging", "card-payments").label("app", "card-api").annotation("note", "a b"),
        thing("Pod", "kube-system", "dns").label("tier", "infra").owner("Node", "n1", &uid(5)),
        thing("Widget", "web", "blue").label("app", "web").owner("Widget", "red", &uid(6)),
        thing("Node", "", "n1").annotation("note", "a c"),
        thing("Widget", "web-2", "red").label("app", "web-api"),
    ];
    let (writer, searcher) = index(&things);
    let searcher = Searcher::new(searcher.reader().clone(), Arc::new(more_kinds()));
    (writer, searcher)
}

/// What the app shows while the cursor stands at the end; an error of the query is an error here.
fn typed(searcher: &Searcher, text: &str) -> Result<String, String> {
    let read = parse_lenient(text, text.len(), searcher);
    if let Some(error) = read.errors.first() {
        return Err(error.to_string());
    }
    rows(searcher, &read.query)
}

fn rows(searcher: &Searcher, query: &Query) -> Result<String, String> {
    match searcher.search(query, &literally()) {
        Ok(answer) => {
            let mut names: Vec<_> =
                answer.hits.iter().map(|hit| hit.document.metadata.name.clone()).collect();
            names.sort();
            Ok(names.join(" "))
        }
        Err(SearchError::Empty) => Ok("kinds".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn no_prefix_of_an_ordinary_query_is_an_error() {
    let (_writer, searcher) = cluster();
    for query in [
        "checkout",
        "card payments",
        "\"card payments\" kind:sts",
        "kind:deploy card",
        "k:po,svc ns:shop-prod",
        "kind:certificates.cert-manager.io",
        "kind:cert*",
        "deploy/card",
        "deploy.apps/card",
        "-n shop-prod card",
        "card -A",
        "ns:shop-* -kind:pod",
        "name:^card",
        "group:cert-manager",
        "version:v1 kind:node",
        "app=card,tier!=infra",
        "label:app.kubernetes.io/name",
        "-l 'app in (card,web),!canary' ns:web",
        "anno:team=payments",
        "owner:sts/card",
        "owner:deployments.apps/card,rs/card",
        "root:deploy/card kind:pod",
        "age:<2h kind:pod",
        "age:1h..2d",
        "created:>=2026-01-15T08:00:00+02:00",
        "is:deleting has:finalizer",
        "no:owner kind:pod sort:-age limit:50",
        "(card | web) -kind:pod",
        "card NOT web OR red",
        "/^card-[0-9]+$/ kind:pod",
        "^card sort:ns,name",
        "uid:00000001-8b7e",
        "what:ever system:node",
    ] {
        for (at, _) in query.char_indices().chain([(query.len(), ' ')]) {
            let text = &query[..at];
            assert!(typed(&searcher, text).is_ok(), "{text:?} of {query:?}: {:?}", typed(&searcher, text));
        }
    }
}

#[test]
fn a_line_that_is_left_asks_for_what_was_found_while_it_was_typed() {
    let (_writer, searcher) = cluster();
    for (text, settled) in [
        // several begin so, or one
        ("ns:shop", "ns:shop*"),
        ("ns:shop-p", "ns:shop-prod"),
        ("-n shop", "-n shop*"),
        ("-ns:shop", "-ns:shop*"),
        ("ns:web,sh", "ns:web,sh*"),
        ("kind:statef", "kind:statefulsets"),
        ("kind:p", "kind:p*"),
        ("kind:po,st", "kind:po,statefulsets"),
        ("kind:al", "kind:all"),
        ("group:ap", "group:apps"),
        ("app=car", "app=car*"),
        ("app=card-", "app=card-api"),
        ("app!=we", "app!=we*"),
        ("app=", "app=*"),
        ("label:ap", "label:ap*"),
        ("label:ti", "label:tier"),
        ("label:app=card-", "label:app=card-api"),
        ("anno:team=pay", "anno:team=payments"),
        ("anno:note=", "anno:note=*"),
        ("owner:ca", "owner:card"),
        ("owner:sts/ca", "owner:sts/card"),
        ("owner:sts/", "owner:sts/*"),
        ("owner:sts", "owner:sts/*"),
        ("owner:statef", "owner:statefulsets/*"),
        ("owner:s", "owner:s*/*"),
        ("root:widget/re", "root:widget/red"),
        ("owner:node/n1,sts/c", "owner:node/n1,sts/card"),
        ("pod/", "pod/*"),
        ("is:del", "is:deleting"),
        ("card sort:na", "card sort:name"),
        // left open
        ("\"card", "card"),
        ("\"card pay", "\"card\" pay"),
        ("\"card payments ", "\"card payments\""),
        ("\"kind:pod", "\"kind:pod\""),
        ("(card | ns:shop", "(card | ns:shop*)"),
        ("/card", "/card/"),
        ("kind:pod /^ca", "kind:pod /^ca/"),
        // not begun
        ("card kind:", "card"),
        ("card ns:", "card"),
        ("card -n ", "card"),
        ("ns:web,", "ns:web"),
        ("card |", "card"),
        ("card NOT", "card"),
        ("card -", "card"),
        ("(", ""),
        ("kind:", ""),
    ] {
        assert_eq!(searcher.settle(text, text.len()).as_deref(), Some(settled), "{text}");
        let strictly = rows(&searcher, &parse(settled).unwrap());
        let is_open = ["is:del", "card sort:na", "kind:al"].contains(&text);
        assert!(is_open || typed(&searcher, text) == strictly, "{text}: {:?}", typed(&searcher, text));
    }
}

#[test]
fn a_value_that_one_types_on_behind_keeps_what_it_found() {
    let (_writer, searcher) = cluster();
    for (text, at, settled) in [
        ("ns:shop -kind:pod", 7, Some("ns:shop* -kind:pod")),
        ("kind:statef ", 11, Some("kind:statefulsets ")),
        ("ns:shop,", 7, Some("ns:shop*,")),
        ("(ns:shop ", 8, Some("(ns:shop* ")),
        ("is:del ", 6, Some("is:deleting ")),
        ("ns:web ", 6, None),
        ("ns:nowhere ", 10, None),
        ("kind: ", 5, None),
        ("app= ", 4, None),
        ("\"card pay ", 9, None),
        ("/card ", 5, None),
        ("card ", 4, None),
        ("card | ", 6, None),
    ] {
        assert_eq!(searcher.settle_value(text, at).as_deref(), settled, "{text}");
    }
}

#[test]
fn a_line_that_says_what_it_means_stays_as_it_is() {
    let (_writer, searcher) = cluster();
    for text in [
        "",
        "card",
        "ns:web",
        "ns:nowhere",
        "kind:po",
        "kind:pod",
        "kind:pod.",
        "kind:certificates.ce",
        "kind:=statef",
        "kind:state*",
        "app=card",
        "app=nothing",
        "owner:card",
        "sts/ca",
        "name:car",
        "^ca",
        "is:c",
        "age:<x",
        "label:app",
        "card)",
        "kind:nothing",
        "-l app=ca",
        "created:>2026-01-15",
    ] {
        assert!(
            searcher.settle(text, text.len()).is_none(),
            "{text}: {:?}",
            searcher.settle(text, text.len())
        );
    }
    assert_eq!(
        searcher.settle("ns:shop card", 3),
        Some("ns:shop* card".to_owned()),
        "where the cursor stands"
    );
    assert_eq!(searcher.settle("ns:shop card", 12), None, "not where it stood before");
}

#[test]
fn what_is_exactly_a_value_means_that_one_while_it_is_typed_as_well() {
    let (_writer, searcher) = cluster();
    let shown = |text: &str| typed(&searcher, text).unwrap();
    for text in ["kind:pod", "kind:po", "kind:pods", "kind:Pod"] {
        assert_eq!(shown(text), "card-0 card-payments dns", "{text}");
        let read = parse_lenient(text, text.len(), &searcher);
        assert_eq!(read.query.to_string(), text, "no budget for disruptions");
    }
    assert_eq!(shown("kind:p"), "card-0 card-payments dns");
    assert_eq!((shown("ns:we"), shown("ns:web")), ("blue red".into(), "blue".into()));
    assert_eq!(
        (shown("app=car"), shown("app=card")),
        ("card card-0 card-payments".into(), "card card-0".into())
    );
    assert_eq!(shown("label:app"), "blue card card-0 card-payments red");
}
