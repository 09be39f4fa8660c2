//! Every form of the language as it is typed, over one small cluster.

use super::super::Completion;
use super::*;
use crate::query::{Known as _, Place};

/// A Deployment's family, a database, cluster-scoped things.
fn cluster() -> Vec<Thing> {
    let mut things = vec![
        thing("StatefulSet", "shop", "web").label("app", "web").label("tier", "2").created(NOW - 86_400 * 40),
        thing("Pod", "shop", "web-0")
            .label("app", "web")
            .owner("StatefulSet", "web", &uid(0))
            .created(NOW - 3600),
        thing("Pod", "shop", "web-0-debug").owner("Pod", "web-0", &uid(1)).created(NOW - 60),
        thing("Pod", "stage", "db-0")
            .label("app", "db")
            .label("tier", "10")
            .annotation("team", "Payments Core"),
        thing("Node", "", "n1").annotation("note", &format!("{}end", "long ".repeat(60))).label("zone", ""),
        thing("Node", "", "system:N2"),
        thing("Pod", "shop", "Checkout").annotation("description", "Buys things"),
    ];
    things[2].deleted = true;
    things[3].finalizers = vec!["example.com/protect".into()];
    things
}

fn found(text: &str) -> String {
    let (_writer, searcher) = index(&cluster());
    names(&ask(&searcher, text))
}

/// The first match of the first hit: field, key, value with the span marked.
fn why(text: &str) -> String {
    let (_writer, searcher) = index(&cluster());
    let answer = ask(&searcher, text);
    let found = &answer.hits[0].matched[0];
    let (before, rest) = found.value.split_at(found.span.start);
    let (hit, after) = rest.split_at(found.span.len());
    let key = found.key.as_deref().map(|key| format!(" {key}")).unwrap_or_default();
    format!("{}{key}: {before}[{hit}]{after}", found.field)
}

#[test]
fn patterns_of_names() {
    assert_eq!(found("^web"), "web web-0 web-0-debug");
    assert_eq!(found("0$"), "db-0 web-0");
    assert_eq!(found("'eb-"), "web-0 web-0-debug");
    assert_eq!(found("web-*"), "web-0 web-0-debug");
    assert_eq!(found("name:=web"), "web");
    assert_eq!(found("/^(web|db)-[0-9]$/"), "db-0 web-0");
    assert_eq!(found("name:/N[0-9]/"), "system:N2");
    assert_eq!(found("sts/web"), "web");
    assert_eq!(found("pod/web"), "web-0 web-0-debug");
    assert_eq!(why("0$"), "name: db-[0]");
}

#[test]
fn capitals_count_when_there_are_any() {
    assert_eq!(found("checkout"), "Checkout");
    assert_eq!(found("Checkout"), "Checkout");
    assert_eq!(found("CHECKOUT"), "");
    assert_eq!(found("Ch"), "Checkout");
    assert_eq!(found("Web"), "");
    assert_eq!(found("Pay"), "db-0");
    assert_eq!(found("\"Payments Core\""), "db-0");
    assert_eq!(found("\"Payments core\""), "");
    assert_eq!(found("N"), "system:N2 n1", "the kind is Node");
    assert_eq!(found("^Check"), "Checkout");
}

#[test]
fn kinds_groups_versions_and_uids() {
    assert_eq!(found("kind:sts"), "web");
    assert_eq!(found("kind:state*"), "web");
    assert_eq!(found("group:apps"), "web");
    assert_eq!(found("group:core kind:node"), "n1 system:N2");
    assert_eq!(found("version:v1 kind:sts"), "web");
    assert_eq!(found("version:v2"), "");
    assert_eq!(found(&format!("uid:{}", uid(0))), "web");
    assert_eq!(found("uid:00000001"), "web-0");
    assert_eq!(found("uid:uid-2"), "web-0-debug");
    assert_eq!(found(&uid(3)), "db-0", "a pasted uid");
    assert_eq!(why(&uid(3)), format!("uid: [{}]", uid(3)));
    assert_eq!(why("version:v1 kind:sts"), "version: [v1]");
}

#[test]
fn labels_and_annotations() {
    assert_eq!(found("app=web"), "web web-0");
    assert_eq!(found("label:app=w*"), "web web-0");
    assert_eq!(found("label:app=W*"), "");
    assert_eq!(found("label:app*"), "web db-0 web-0");
    assert_eq!(found("label:/=1/"), "db-0");
    assert_eq!(found("-l 'tier>2'"), "db-0");
    assert_eq!(found("-l 'tier<10'"), "web");
    assert_eq!(found("-l 'app,tier notin (2)'"), "db-0 web-0");
    assert_eq!(found("zone="), "n1");
    assert_eq!(found("anno:team"), "db-0");
    assert_eq!(found("anno:team='Payments Core'"), "db-0");
    assert_eq!(found("anno:team=Pay*"), "db-0");
    assert_eq!(found("anno:note=*end"), "n1", "longer than a term");
    assert_eq!(found("anno:/things$/"), "Checkout");
    assert_eq!(found("-anno:team kind:pod,sts -app=web"), "Checkout web-0-debug");
    assert_eq!(why("anno:team=Pay*"), "annotation team: [Payments Core]");
    assert_eq!(why("label:app*"), "label app: [web]");
}

#[test]
fn owners_and_ancestors() {
    assert_eq!(found("owner:web"), "web-0");
    assert_eq!(found("owner:sts/web"), "web-0");
    assert_eq!(found("owner:pod/web"), "");
    assert_eq!(found("owner:pod/web-0"), "web-0-debug");
    assert_eq!(found(&format!("owner:{}", uid(0))), "web-0");
    assert_eq!(found("root:sts/web"), "web-0 web-0-debug");
    assert_eq!(found(&format!("root:{}", uid(0))), "web-0 web-0-debug");
    assert_eq!(found("root:web-0"), "web-0-debug");
    assert_eq!(why("root:sts/web"), "owner: [web]");
    assert_eq!(why("owner:we*"), "owner: [web]");
}

#[test]
fn a_ring_of_owners_ends() {
    let ring = [
        thing("Pod", "a", "one").owner("Pod", "two", &uid(1)),
        thing("Pod", "a", "two").owner("Pod", "one", &uid(0)),
    ];
    let (_writer, searcher) = index(&ring);
    assert_eq!(names(&ask(&searcher, "root:one")), "one two");
}

#[test]
fn states_and_parts() {
    assert_eq!(found("is:deleting"), "web-0-debug");
    assert_eq!(found("is:cluster"), "n1 system:N2");
    assert_eq!(found("is:namespaced -kind:pod"), "web");
    assert_eq!(found("has:finalizer"), "db-0");
    assert_eq!(found("has:owner"), "web-0 web-0-debug");
    assert_eq!(found("has:annotation is:cluster"), "n1");
    assert_eq!(found("no:label"), "Checkout system:N2 web-0-debug");
    assert_eq!(found("example.com/protect"), "db-0");
    assert_eq!(why("has:finalizer"), "finalizer: [example.com/protect]");
    assert_eq!(why("is:deleting"), "deleted: [2023-11-14T22:13:20Z]");
}

#[test]
fn kinds_that_kubernetes_itself_does_not_have() {
    let mut things = cluster();
    things.push(thing("Widget", "shop", "gear"));
    let (_writer, searcher) = index(&things);
    assert_eq!(names(&ask(&searcher, "is:custom")), "gear");
    assert_eq!(names(&ask(&searcher, "is:custom is:cluster")), "");
    assert_eq!(found("is:custom"), "", "no kind of these is custom");
}

#[test]
fn ages_and_dates() {
    assert_eq!(found("age:<2h"), "web-0 web-0-debug");
    assert_eq!(found("age<2m"), "web-0-debug");
    assert_eq!(found("age:>30d"), "web");
    assert_eq!(found("created:<2023-11-10"), "web");
    assert_eq!(found("created:2023-11-14..2023-11-15"), "web-0 web-0-debug");
    assert_eq!(why("age<2m"), "created: [2023-11-14T22:12:20Z]");
    let (_writer, searcher) = index(&cluster());
    let error = searcher.search(&parse("age:<2h").unwrap(), &Options::default()).unwrap_err();
    assert!(matches!(error, SearchError::NoClock));
}

#[test]
fn an_order_that_was_asked_for() {
    assert_eq!(found("-kind:x* sort:name"), "Checkout db-0 n1 system:N2 web web-0 web-0-debug");
    assert_eq!(found("web sort:-name"), "web-0-debug web-0 web");
    assert_eq!(found("web sort:age"), "web-0-debug web-0 web");
    assert_eq!(found("web sort:-age"), "web web-0 web-0-debug");
    assert_eq!(
        found("sort:-age kind:pod"),
        "web-0 web-0-debug db-0 Checkout",
        "no age comes last either way"
    );
    assert_eq!(found("-zzz sort:kind,-name"), "system:N2 n1 web-0-debug web-0 db-0 Checkout web");
    assert_eq!(found("-zzz sort:ns,name"), "n1 system:N2 Checkout web web-0 web-0-debug db-0");
    let (_writer, searcher) = index(&cluster());
    let answer = ask(&searcher, "-zzz sort:name limit:2");
    assert_eq!((answer.hits.len(), answer.total.count), (2, 7));
    let query = parse("-zzz sort:name limit:3").unwrap();
    let page = searcher.search(&query, &Options { offset: 2, ..literally() }).unwrap();
    assert_eq!(page.hits.iter().map(|hit| &*hit.document.metadata.name).collect::<Vec<_>>(), ["n1"]);
}

#[test]
fn what_cannot_be_searched_yet_says_so() {
    let (_writer, searcher) = index(&cluster());
    let error = |text: &str| {
        let error = searcher.search(&parse(text).unwrap(), &literally()).unwrap_err();
        format!("{error} {:?}", error.span().map(|span| text[span].to_owned()))
    };
    assert!(error("web ~databases").ends_with("leave out the `~` Some(\"~databases\")"));
    assert_eq!(
        error("changed:<30m"),
        "changed:<30m can't be searched by this version yet Some(\"changed:<30m\")"
    );
    assert!(error("web by:kubectl-edit").contains("by:kubectl-edit"));
    assert_eq!(error("is:gone"), "is:gone can't be searched by this version yet Some(\"is:gone\")");
    assert!(error("@staging web").starts_with("another cluster"));
    assert_eq!(error("group:aps"), "no kind has the group 'aps': did you mean 'apps'? Some(\"group:aps\")");
}

#[test]
fn the_beginning_of_a_value_matches_what_it_may_become() {
    let (_writer, searcher) = index(&cluster());
    let begins = |place: Place, prefix: &str| searcher.begins(&place, prefix);
    assert!(begins(Place::Kind, "sta") && begins(Place::Kind, "NO") && begins(Place::Kind, "al"));
    assert!(!begins(Place::Kind, "xyz") && !begins(Place::Kind, "statefulsetx"));
    assert!(begins(Place::Namespace, "sta") && !begins(Place::Namespace, "tag"));
    assert!(begins(Place::Group, "ap") && begins(Place::Group, "cor") && !begins(Place::Group, "x"));
    assert!(begins(Place::LabelValue { key: "app".into() }, "w"));
    assert!(!begins(Place::LabelValue { key: "app".into() }, "W"), "case counts");
    assert!(begins(Place::LabelKey, "ti") && begins(Place::AnnotationKey, "no"));
    let prefix = |text: &str| Pattern::Prefix(text.to_owned());
    let kind = one(Term::Kind(vec![Value { pattern: prefix("sta"), span: 0..0 }]));
    assert_eq!(names(&search(&searcher, kind)), "web");
    assert_eq!(names(&search(&searcher, one(Term::Group(vec![prefix("ap")])))), "web");
}

#[test]
fn what_is_typed_is_completed_with_counts() {
    let (_writer, searcher) = index(&cluster());
    let complete = |text: &str| {
        let all = searcher.complete(text, text.len()).unwrap();
        let shown = |c: &Completion| match c.count {
            Some(count) => format!("{}:{count}", c.text),
            None => c.text.clone(),
        };
        all.iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(complete("kind:"), "pods:4 nodes:2 statefulsets:1");
    assert_eq!(complete("kind:st"), "statefulsets:1");
    assert_eq!(complete("web kind:po"), "pods:4");
    assert_eq!(complete("ns:"), "shop:4 stage:1");
    assert_eq!(complete("-n st"), "stage:1");
    assert_eq!(complete("label:"), "app:3 tier:2 zone:1");
    assert_eq!(complete("app="), "web:2 db:1");
    assert_eq!(complete("label:app=d"), "db:1");
    assert_eq!(complete("anno:te"), "team:1");
    assert_eq!(complete("owner:"), "web:1 web-0:1");
    assert_eq!(complete("owner:pod/"), "web-0:1");
    assert_eq!(complete("group:"), "core:6 apps:1");
    assert_eq!(complete("is:de"), "deleting");
    assert_eq!(complete("ti"), "tier=:2");
    assert!(complete("").starts_with("kind:"));
    let (text, cursor) = ("kind:po web", 7);
    let first = &searcher.complete(text, cursor).unwrap()[0];
    assert_eq!((first.span.clone(), first.kind), (5..7, "kind"));
}

#[test]
fn first_letters_may_stop_early_and_still_have_the_best() {
    let mut things: Vec<Thing> = (0..40).map(|n| thing("Pod", "b", &format!("a{n:02}"))).collect();
    things.extend((0..40).map(|n| thing("Pod", "b", &format!("ba-{n:02}"))));
    let (_writer, searcher) = index(&things);
    let snapshot = searcher.reader().snapshot();
    let query = parse("a").unwrap();
    let plan = super::super::plan::plan(&query, &literally(), searcher.catalog(), &snapshot).unwrap();
    let mut stopped = 0;
    for (number, segment) in snapshot.segments().iter().enumerate() {
        let asked = super::super::eval::Asked { segment, number, similar: false };
        let all = super::super::eval::eval(&plan, asked).unwrap();
        let (some, has_stopped) = super::super::eval::eval_until(&plan, asked, 3).unwrap();
        stopped += usize::from(has_stopped);
        let enough = some.iter().filter(|byte| **byte != 0).count();
        assert!(enough >= all.iter().filter(|byte| **byte != 0).count().min(3));
        let least = some.iter().copied().filter(|byte| *byte != 0).min().unwrap_or(0);
        for (some, all) in some.iter().zip(&all) {
            assert!(some == all || *some == 0 && *all <= least, "what is missing is not better");
        }
        let (all_again, has_stopped) = super::super::eval::eval_until(&plan, asked, 1000).unwrap();
        assert_eq!((all_again, has_stopped), (all, false));
    }
    assert!(stopped > 0);
}

#[test]
fn a_query_says_how_it_was_understood() {
    let (_writer, searcher) = index(&cluster());
    let text = "web kind:sts,po (app=web | -anno:team) age:<2h root:sts/web 'tier>1'";
    let query = parse(&text.replace("'tier>1'", "-l 'tier>1'")).unwrap();
    let lines = searcher.understand(&query, &literally()).unwrap().lines();
    insta::assert_snapshot!(lines.join("\n"), @"
    all of
      the word 'web' anywhere
      kind is pods or statefulsets.apps
      one of
        label app is web
        not
          has the annotation team
      created at 2023-11-14T20:13:21Z or later
      below StatefulSet.apps with name is web (2 objects)
      label tier above 1
    ");
}
