//! Searches over small indexes: the semantics, and a comparison with a plain filter written independently.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Answer, Catalog, Options, SearchError, Searcher};
use crate::document::{Document, Fingerprint, Local, Metadata};
use crate::index::{Checkpoint, Entry, Op, Schema, Writer, memory};
use crate::object::{Key, Kind, KindKey, Owner};
use crate::query::{Expr, Pattern, Query, Selector, SelectorOp, Term, Value, parse};

mod forms;
mod oracle;
mod random;
mod ranking;
mod typing;

/// When every test takes place, seconds since 1970.
pub(super) const NOW: i64 = 1_700_000_000;

/// An object, as short as a test wants it.
#[derive(Debug, Clone, Default)]
pub(super) struct Thing {
    kind: &'static str,
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// Kind, name and uid.
    owners: Vec<(&'static str, String, String)>,
    created: Option<i64>,
    deleted: bool,
    finalizers: Vec<String>,
}

pub(super) fn thing(kind: &'static str, namespace: &str, name: &str) -> Thing {
    Thing { kind, namespace: namespace.into(), name: name.into(), ..Thing::default() }
}

impl Thing {
    pub(super) fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    pub(super) fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }

    fn owner(mut self, kind: &'static str, name: &str, uid: &str) -> Self {
        self.owners.push((kind, name.into(), uid.into()));
        self
    }

    fn created(mut self, created: i64) -> Self {
        self.created = Some(created);
        self
    }

    pub(super) fn entry(&self, nth: usize) -> Entry {
        let kind = kinds().into_iter().find(|kind| kind.kind == self.kind).unwrap();
        let namespace = if kind.namespaced { self.namespace.clone() } else { "_cluster".into() };
        let metadata = Metadata {
            namespace,
            name: self.name.clone(),
            kind: kind.kind.clone(),
            api_version: kind.api_version(),
            ..Metadata::default()
        };
        let owner = |(kind, name, uid): &(&str, String, String)| Owner {
            api_version: kinds().iter().find(|k| k.kind == *kind).map(Kind::api_version).unwrap_or_default(),
            kind: (*kind).into(),
            name: name.clone(),
            uid: uid.clone(),
            controller: true,
        };
        let local = Local {
            uid: uid(nth),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            owners: self.owners.iter().map(owner).collect(),
            created: self.created,
            deleted: self.deleted.then_some(NOW),
            finalizers: self.finalizers.clone(),
            ..Local::default()
        };
        let id = [&*metadata.namespace, &metadata.api_version, &metadata.kind, &metadata.name].join("/");
        let document = Document { text: format!("{} {}", metadata.kind, metadata.name), id, metadata, local };
        Entry {
            key: Key::of(&document.id, &document.local.uid),
            kind: kind.key(),
            fingerprint: Fingerprint { content: nth as u64, annotations: 1 },
            version: Some(7),
            document,
        }
    }
}

/// Of the object with this number: a UUID, or what no UUID is.
fn uid(nth: usize) -> String {
    if nth % 3 == 2 { format!("uid-{nth}") } else { format!("{nth:08x}-8b7e-4c11-9f00-0123456789ab") }
}

fn kinds() -> Vec<Kind> {
    let kind = |group: &str, kind: &str, plural: &str, short: &str, namespaced| Kind {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        short_names: vec![short.into()],
        categories: vec!["all".into()],
        namespaced,
        watchable: true,
    };
    vec![
        kind("", "Pod", "pods", "po", true),
        kind("apps", "StatefulSet", "statefulsets", "sts", true),
        kind("", "Node", "nodes", "no", false),
        kind("example.com", "Widget", "widgets", "wd", true),
    ]
}

pub(super) fn index(things: &[Thing]) -> (Writer, Searcher) {
    let (mut writer, reader) = memory(Schema { version: 1 }).unwrap();
    for (nth, thing) in things.iter().enumerate() {
        writer.apply(Op::Upsert(Box::new(thing.entry(nth)))).unwrap();
        if nth % 7 == 6 {
            writer.commit(&Checkpoint::default()).unwrap(); // several segments
        }
    }
    writer.commit(&Checkpoint::default()).unwrap();
    reader.reload().unwrap();
    (writer, Searcher::new(reader, Arc::new(Catalog::new(kinds()))))
}

/// An empty index, and what commits to it.
pub(crate) fn growing() -> (Searcher, impl FnMut()) {
    let (mut writer, searcher) = index(&[]);
    let commit = move || {
        writer.commit(&Checkpoint::default()).unwrap();
    };
    (searcher, commit)
}

/// Pods `card` in the namespace shop-prod and `web` in shop-stage, a Node, a Widget in shop-prod.
pub(crate) fn shops() -> (Searcher, impl Sized) {
    let (writer, searcher) = index(&[
        thing("Pod", "shop-prod", "card"),
        thing("Pod", "shop-stage", "web"),
        thing("Node", "", "n1"),
        thing("Widget", "shop-prod", "gear"),
    ]);
    (searcher, writer)
}

fn one(term: Term) -> Expr {
    Expr::Term(term, 0..0)
}

fn word(word: &str) -> Expr {
    one(Term::Word(word.into()))
}

fn exactly(values: &[&str]) -> Vec<Pattern> {
    values.iter().map(|value| Pattern::Exact((*value).to_owned())).collect()
}

fn kind_words(words: &[&str]) -> Term {
    Term::Kind(exactly(words).into_iter().map(|pattern| Value { pattern, span: 4..9 }).collect())
}

fn label(key: &str, op: SelectorOp) -> Expr {
    one(Term::Label(Selector { key: key.into(), op }))
}

fn search(searcher: &Searcher, root: Expr) -> Answer {
    searcher.search(&Query { root: Some(root), ..Query::default() }, &literally()).unwrap()
}

/// What matches and nothing else.
pub(super) fn literally() -> Options {
    Options { similar: false, now: Some(NOW), ..Options::default() }
}

/// The answer to a query as it is typed.
fn ask(searcher: &Searcher, text: &str) -> Answer {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    searcher.search(&query, &literally()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn names(answer: &Answer) -> String {
    assert_eq!(answer.total.count, answer.hits.len() as u64);
    answer.hits.iter().map(|hit| &*hit.document.metadata.name).collect::<Vec<_>>().join(" ")
}

fn shop() -> Vec<Thing> {
    vec![
        thing("Pod", "shop", "checkout-api-7d9f"),
        thing("Pod", "shop", "api"),
        thing("Pod", "shop", "apiary"),
        thing("Pod", "shop", "rapid"),
        thing("StatefulSet", "shop", "db").label("app", "api-db"),
        thing("StatefulSet", "other", "queue")
            .owner("Pod", "prod-shop-api", "")
            .annotation("team", "Payments Core"),
        thing("Node", "", "n1").label("zone", "").label("app.kubernetes.io/name", "node-agent"),
    ]
}

#[test]
fn better_tiers_come_first() {
    let (_writer, searcher) = index(&shop());
    assert_eq!(names(&search(&searcher, word("api"))), "api apiary checkout-api-7d9f rapid db queue");
    let scores: Vec<f32> = search(&searcher, word("api")).hits.iter().map(|hit| hit.score).collect();
    assert_eq!(scores, [5.0, 4.0, 3.0, 2.0, 1.0, 1.0]);
}

#[test]
fn several_words_add_up() {
    let (_writer, searcher) = index(&shop());
    let answer = search(&searcher, Expr::And(vec![word("api"), word("check")]));
    assert_eq!((names(&answer), answer.hits[0].score), ("checkout-api-7d9f".into(), 7.0));
}

#[test]
fn equal_scores_put_shorter_then_newer_names_first_and_then_go_by_id() {
    let things = [
        thing("Pod", "b", "web-10").created(5),
        thing("Pod", "b", "web-2").created(5),
        thing("Pod", "a", "web-3").created(5),
        thing("Pod", "c", "web-1").created(9),
        thing("Pod", "c", "web-0"),
    ];
    let (_writer, searcher) = index(&things);
    assert_eq!(names(&search(&searcher, word("web"))), "web-1 web-3 web-2 web-0 web-10");
}

#[test]
fn a_word_matches_in_every_field_and_says_where() {
    let (_writer, searcher) = index(&shop());
    let reason = |text: &str| {
        let answer = search(&searcher, word(text));
        let hit = &answer.hits[0];
        assert_eq!(answer.hits.len(), 1, "{text}");
        let m = &hit.matched[0];
        format!(
            "{} {} {:?}={}[{}]",
            hit.document.metadata.name,
            m.field,
            m.key,
            m.value,
            &m.value[m.span.clone()]
        )
    };
    assert_eq!(reason("shop-api"), "queue owner None=prod-shop-api[shop-api]");
    assert_eq!(reason("paym"), "queue annotation Some(\"team\")=Payments Core[Paym]");
    assert_eq!(
        reason("kubernetes.io/na"),
        "n1 label-key Some(\"app.kubernetes.io/name\")=app.kubernetes.io/name[kubernetes.io/na]"
    );
    assert_eq!(reason("othe"), "queue namespace None=other[othe]");
    assert_eq!(reason("nodes"), "n1 kind None=nodes[nodes]");
    assert_eq!(reason("out-a"), "checkout-api-7d9f name None=checkout-api-7d9f[out-a]");
    assert_eq!(names(&search(&searcher, word("sts"))), "db queue");
    assert_eq!(names(&search(&searcher, word("cluster"))), "", "the pseudo namespace is no word");
}

#[test]
fn labels_have_kubernetes_meaning() {
    let (_writer, searcher) = index(&shop());
    let count = |expr| search(&searcher, expr).total.count;
    assert_eq!(names(&search(&searcher, label("zone", SelectorOp::In(exactly(&[""]))))), "n1");
    assert_eq!(count(label("zone", SelectorOp::NotIn(exactly(&[""])))), 6);
    assert_eq!(count(label("app", SelectorOp::Exists)), 1);
    assert_eq!(count(label("app", SelectorOp::NotExists)), 6);
    assert_eq!(count(label("app", SelectorOp::In(exactly(&["API-DB"])))), 0, "case counts in selectors");
    assert_eq!(count(Expr::And(vec![label("app", SelectorOp::NotIn(exactly(&["x"]))), word("db")])), 1);
}

#[test]
fn an_exclusion_alone_is_everything_but() {
    let (_writer, searcher) = index(&shop());
    let answer = search(&searcher, Expr::Not(Box::new(word("shop"))));
    assert_eq!(names(&answer), "n1");
    assert!(answer.hits[0].matched.is_empty());
}

#[test]
fn an_unknown_kind_is_an_error_with_its_place() {
    let (_writer, searcher) = index(&shop());
    let root = Expr::Term(kind_words(&["pod", "statefulset", "nodse"]), 4..9);
    let query = Query { root: Some(root), hints: Vec::new(), ..Query::default() };
    let error = searcher.search(&query, &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "no kind is called 'nodse': did you mean 'node'?");
    assert_eq!(error.span(), Some(4..9));
    let error = searcher.search(&Query::default(), &Options::default()).unwrap_err();
    assert!(matches!(error, SearchError::Empty));
}

#[test]
fn a_kind_that_is_no_longer_served_is_still_found_by_its_plural() {
    let (_writer, searcher) = index(&shop());
    let searcher = Searcher::new(searcher.reader().clone(), Arc::new(Catalog::default()));
    assert_eq!(search(&searcher, one(kind_words(&["statefulsets"]))).total.count, 2);
    assert_eq!(search(&searcher, one(kind_words(&["statefulsets.apps"]))).total.count, 2);
}

#[test]
fn pages_follow_each_other_and_the_total_is_the_same() {
    let (_writer, searcher) = index(&shop());
    let query = Query { root: Some(word("api")), hints: Vec::new(), ..Query::default() };
    let page = |offset, limit| {
        let answer = searcher.search(&query, &Options { offset, limit, ..Options::default() }).unwrap();
        assert_eq!(answer.total.count, 6);
        answer.hits.iter().map(|hit| hit.document.metadata.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!([page(0, 2), page(2, 3), page(5, 9)].concat(), page(0, 100));
    assert!(page(6, 5).is_empty() && page(0, 0).is_empty());
    let only = Options { namespaces: vec!["other".into()], ..Options::default() };
    assert_eq!(searcher.search(&query, &only).unwrap().total.count, 1);
}

#[test]
fn counts_are_per_kind_and_namespace_and_leave_deleted_objects_out() {
    let things = shop();
    let (mut writer, searcher) = index(&things);
    let counts = |searcher: &Searcher| searcher.counts().into_values().collect::<Vec<_>>();
    assert_eq!(counts(&searcher), [1, 4, 2]);
    assert_eq!(
        searcher.namespaces().into_iter().map(|(n, c)| format!("{n}:{c}")).collect::<Vec<_>>().join(" "),
        "_cluster:1 other:1 shop:5"
    );
    writer.apply(Op::Delete(things[0].entry(0).key)).unwrap();
    writer.commit(&Checkpoint::default()).unwrap();
    searcher.reader().reload().unwrap();
    assert_eq!(counts(&searcher), [1, 3, 2]);
    assert_eq!(search(&searcher, word("checkout")).total.count, 0);
    assert_eq!(searcher.counts().get(&KindKey::from("pods")), Some(&3));
}

#[test]
fn counts_within_namespaces_leave_out_what_is_not_there() {
    let (_writer, searcher) = index(&shop());
    let within = |namespaces: &[&str], all_namespaces| {
        let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let query = Query { all_namespaces, ..Query::default() };
        let counts = searcher.counts_within(&query, &Options { namespaces, ..Options::default() }).unwrap();
        counts.iter().map(|(kind, count)| format!("{}:{count}", kind.as_str())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(within(&[], false), "nodes:1 pods:4 statefulsets.apps:2");
    assert_eq!(within(&["shop"], false), "pods:4 statefulsets.apps:1");
    assert_eq!(within(&["other", "shop"], false), "pods:4 statefulsets.apps:2");
    assert_eq!(within(&["shop"], true), "nodes:1 pods:4 statefulsets.apps:2");
    assert_eq!(within(&["nowhere"], false), "");
    let options = Options { namespaces: vec!["other".into()], ..Options::default() };
    let facets = searcher.facets(&Query::default(), &options, None).unwrap();
    assert_eq!((facets.count, facets.kinds), (1, vec![(KindKey::from("statefulsets.apps"), 1)]));
}

#[test]
fn a_search_that_was_told_to_stop_is_no_answer() {
    let (_writer, searcher) = index(&shop());
    let options = Options::default();
    options.stop.set();
    let query = Query { root: Some(word("api")), hints: Vec::new(), ..Query::default() };
    assert!(matches!(searcher.search(&query, &options), Err(SearchError::Stopped)));
    assert!(matches!(searcher.facets(&query, &options, None), Err(SearchError::Stopped)));
}

#[test]
fn words_longer_than_a_term_are_found() {
    let long = format!("{}-alpha-beta", "x".repeat(60));
    let other = format!("{}-alpha-gamma", "x".repeat(60));
    let things =
        [thing("Pod", "a", "p").annotation("k", &long), thing("Pod", "a", "qq").annotation("k", &other)];
    let (_writer, searcher) = index(&things);
    assert_eq!(names(&search(&searcher, word(&long))), "p");
    assert_eq!(names(&search(&searcher, word(&long[..long.len() - 4]))), "p qq");
    assert_eq!(search(&searcher, word(&long)).hits[0].matched[0].span, 0..long.len());
}
