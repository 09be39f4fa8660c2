//! Random queries over random objects, against the plain filter of `oracle`.

use proptest::prelude::*;

use super::*;
use crate::query::{Owner as Origin, Part, State, Times};

// Names that look alike, few letters, so that random queries meet random documents.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ab]{1,3}", 2 => Just("-".to_owned()), 1 => Just(".".to_owned()), 1 => Just("/".to_owned()),
        2 => "[AB]", 1 => Just("aBc".to_owned()), 1 => Just("äÖ".to_owned()), 1 => Just("İ".to_owned()), 1 => Just("a b".to_owned()),
        1 => "[1-3]", 1 => Just("\u{1}".to_owned()),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn nonempty() -> impl Strategy<Value = String> {
    text().prop_map(|text| if text.is_empty() { "a".to_owned() } else { text })
}

/// Values of annotations: some are longer than a term is.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![4 => text(), 1 => text().prop_map(|text| format!("{}{text}", "a".repeat(crate::index::facts::VALUE_CAP)))]
}

fn owners() -> impl Strategy<Value = Vec<(&'static str, String, String)>> {
    let one = (prop::sample::select(vec!["Pod", "StatefulSet"]), nonempty(), (0usize..25).prop_map(uid));
    proptest::collection::vec(one, 0..3)
}

prop_compose! {
    fn things()(kind in prop::sample::select(vec!["Pod", "StatefulSet", "Node", "Widget"]), namespace in "[ab]{1,2}", name in text(),
                labels in proptest::collection::btree_map("[ab]{1,2}", text(), 0..3),
                annotations in proptest::collection::btree_map("[ab]{1,2}", value(), 0..2),
                owners in owners(), created in proptest::option::of(NOW - 4..NOW), deleted in prop::bool::weighted(0.2),
                finalizers in proptest::collection::vec(nonempty(), 0..2)) -> Thing {
        Thing { kind, namespace, name, labels, annotations, owners, created, deleted, finalizers }
    }
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let glob =
        proptest::collection::vec(prop_oneof![Just("*".to_owned()), Just("?".to_owned()), "[abA=-]"], 1..5);
    let regex = prop::sample::select(vec![
        "a.b",
        "^a",
        "b$",
        "a|bA",
        "(ab)+",
        "[^a]b",
        "A",
        r"\Wb",
        "b{2,3}",
        "a?",
        "[ab]{2}",
        "[1-3]",
        "-[abA]",
        "[A-C][a-c]a",
    ]);
    prop_oneof![
        nonempty().prop_map(Pattern::Exact),
        nonempty().prop_map(Pattern::Substring),
        nonempty().prop_map(Pattern::Prefix),
        nonempty().prop_map(Pattern::Suffix),
        glob.prop_map(|pieces| Pattern::Glob(pieces.concat())),
        regex.prop_map(|source| Pattern::Regex(source.to_owned())),
    ]
}

fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
    proptest::collection::vec(pattern(), 1..3)
}

fn selectors() -> impl Strategy<Value = Selector> {
    let values = || {
        let one = prop_oneof![3 => text().prop_map(Pattern::Exact), 1 => value().prop_map(Pattern::Exact), 1 => pattern()];
        proptest::collection::vec(one, 1..3)
    };
    let op = prop_oneof![
        1 => Just(SelectorOp::Exists),
        1 => Just(SelectorOp::NotExists),
        3 => values().prop_map(SelectorOp::In),
        2 => values().prop_map(SelectorOp::NotIn),
        1 => (0i64..4).prop_map(SelectorOp::Above),
        1 => (0i64..4).prop_map(SelectorOp::Below),
    ];
    ("[ab]{1,2}", op).prop_map(|(key, op)| Selector { key, op })
}

fn origins() -> impl Strategy<Value = Vec<Origin>> {
    let kind = proptest::option::of(prop::sample::select(vec![
        "pod".to_owned(),
        "sts".to_owned(),
        "all".to_owned(),
    ]));
    let one = prop_oneof![
        (0usize..25).prop_map(|nth| Origin::Uid(uid(nth))),
        (kind, pattern()).prop_map(|(kind, name)| Origin::Object { kind, name }),
    ];
    proptest::collection::vec(one, 1..3)
}

fn times() -> impl Strategy<Value = Times> {
    let second = || proptest::option::of(NOW - 4..NOW + 1);
    let ago = || proptest::option::of(0u64..5);
    prop_oneof![
        (second(), second()).prop_map(|(from, until)| Times::At { from, until }),
        (ago(), ago()).prop_map(|(least, most)| Times::Ago { least, most }),
    ]
}

fn terms() -> impl Strategy<Value = Term> {
    let group = prop::sample::select(vec!["core", "apps"]).prop_map(|text| Pattern::Exact(text.to_owned()));
    let group = prop_oneof![
        group,
        prop::sample::select(vec!["a*", "c*e", "*"]).prop_map(|g| Pattern::Glob(g.to_owned()))
    ];
    let uid_pattern = prop_oneof![
        (0usize..25).prop_map(|nth| Pattern::Exact(uid(nth))),
        (0usize..25, 1usize..20).prop_map(|(nth, len)| Pattern::Prefix(uid(nth).chars().take(len).collect())),
        Just(Pattern::Suffix("ab".to_owned())),
    ];
    let kind = prop::sample::select(vec!["po", "pod", "sts", "nodes", "all"]);
    let kind_glob = prop::sample::select(vec!["po*", "*s", "?o"])
        .prop_map(|glob| Term::Kind(vec![Value { pattern: Pattern::Glob(glob.to_owned()), span: 0..0 }]));
    let states =
        prop::sample::select(vec![State::Namespaced, State::Cluster, State::Deleting, State::Custom]);
    let parts = prop::sample::select(vec![Part::Label, Part::Annotation, Part::Owner, Part::Finalizer]);
    prop_oneof![
        8 => nonempty().prop_map(Term::Word),
        3 => nonempty().prop_map(Term::Phrase),
        1 => kind.clone().prop_map(|k| kind_words(&[k])),
        1 => kind_glob,
        1 => (kind, pattern()).prop_map(|(kind, name)| Term::KindName { kind: kind.to_owned(), name }),
        1 => patterns().prop_map(Term::Namespace),
        3 => patterns().prop_map(Term::Name),
        1 => group.prop_map(|group| Term::Group(vec![group])),
        1 => prop::sample::select(vec!["v1", "V1"]).prop_map(|v| Term::Version(vec![Pattern::Exact(v.to_owned())])),
        1 => uid_pattern.prop_map(|pattern| Term::Uid(vec![pattern])),
        2 => selectors().prop_map(Term::Label),
        2 => selectors().prop_map(Term::Annotation),
        1 => pattern().prop_map(Term::LabelPair),
        1 => pattern().prop_map(Term::AnnotationPair),
        2 => origins().prop_map(Term::Owner),
        2 => origins().prop_map(Term::Root),
        1 => times().prop_map(Term::Created),
        1 => proptest::collection::vec(states, 1..3).prop_map(Term::Is),
        1 => proptest::collection::vec(parts, 1..3).prop_map(Term::Has),
    ]
}

fn exprs() -> impl Strategy<Value = Expr> {
    let leaf = terms().prop_map(one);
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Expr::Or),
            inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    })
}

/// An index where some objects went and one changed in place, and what it holds.
fn changed(things: &[Thing]) -> (Writer, Searcher, Vec<Entry>) {
    let (mut writer, searcher) = index(things);
    let mut entries: Vec<Entry> = things.iter().enumerate().map(|(nth, thing)| thing.entry(nth)).collect();
    let gone = entries.remove(0);
    writer.apply(Op::Delete(gone.key)).unwrap();
    if let Some(last) = entries.last_mut() {
        last.document.metadata.name.push_str("ab-a");
        last.document.id = "changed".into(); // the key is what replaces it
        writer.apply(Op::Upsert(Box::new(last.clone()))).unwrap();
    }
    writer.commit(&Checkpoint::default()).unwrap();
    searcher.reader().reload().unwrap();
    (writer, searcher, entries)
}

fn found(answer: &Answer) -> Vec<(String, u32)> {
    answer.hits.iter().map(|hit| (hit.document.local.uid.clone(), hit.score as u32)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_queries_find_what_a_plain_filter_finds(things in proptest::collection::vec(things(), 1..25),
                                                     queries in proptest::collection::vec(exprs(), 60)) {
        let (_writer, searcher, entries) = changed(&things);
        for query in queries {
            let answer = search(&searcher, query.clone());
            prop_assert_eq!(&found(&answer), &oracle::search(&query, &entries), "{:?}", query);
            for hit in &answer.hits {
                let entry = entries.iter().find(|e| e.document.local.uid == hit.document.local.uid).unwrap();
                prop_assert_eq!(&entry.document, &hit.document, "byte-equal");
                prop_assert_eq!(hit.parts.iter().map(|part| part.points).sum::<f32>(), hit.score, "{:?} {:?}", query, hit);
                for m in &hit.matched {
                    prop_assert!(m.value.get(m.span.clone()).is_some(), "{:?}", m);
                }
                if oracle::says_why(&query) {
                    prop_assert!(!hit.matched.is_empty(), "{:?} {:?}", query, hit);
                }
            }
            let all = Query { root: Some(query.clone()), ..Query::default() };
            let facets = searcher.facets(&all, &literally(), Some("a")).unwrap();
            let count = |test: &dyn Fn(&Document) -> bool| {
                answer.hits.iter().filter(|hit| test(&hit.document)).count() as u64
            };
            prop_assert_eq!(facets.count, answer.total.count);
            for (kind, n) in &facets.kinds {
                prop_assert_eq!(*n, answer.hits.iter().filter(|hit| hit.kind == *kind).count() as u64);
            }
            for (namespace, n) in &facets.namespaces {
                prop_assert_eq!(*n, count(&|d| d.metadata.namespace == **namespace));
            }
            for (key, n) in &facets.label_keys {
                prop_assert_eq!(*n, count(&|d| d.local.labels.contains_key(key)));
            }
            for (value, n) in &facets.label_values {
                prop_assert_eq!(*n, count(&|d| d.local.labels.get("a") == Some(value)));
            }
            prop_assert_eq!(facets.label_values.iter().map(|v| v.1).sum::<u64>(), count(&|d| d.local.labels.contains_key("a")));
        }
    }

    #[test]
    fn and_or_and_exclusion_obey_their_laws(things in proptest::collection::vec(things(), 1..25),
                                            a in exprs(), b in exprs(), c in exprs()) {
        let (_writer, searcher, entries) = changed(&things);
        let set = |expr: Expr| -> std::collections::BTreeSet<String> {
            search(&searcher, expr).hits.iter().map(|hit| hit.document.local.uid.clone()).collect()
        };
        let and = |all: &[&Expr]| Expr::And(all.iter().map(|e| (*e).clone()).collect());
        let or = |all: &[&Expr]| Expr::Or(all.iter().map(|e| (*e).clone()).collect());
        let not = |e: &Expr| Expr::Not(Box::new(e.clone()));
        let (of_a, of_b) = (set(a.clone()), set(b.clone()));
        prop_assert_eq!(set(and(&[&a, &b])), &of_a & &of_b);
        prop_assert_eq!(set(or(&[&a, &b])), &of_a | &of_b);
        prop_assert_eq!(set(and(&[&a, &not(&b)])), &of_a - &of_b, "exclusion wins");
        prop_assert_eq!(set(not(&not(&a))), of_a.clone());
        prop_assert_eq!(set(not(&or(&[&a, &b]))), set(and(&[&not(&a), &not(&b)])));
        prop_assert_eq!(set(not(&and(&[&a, &b]))), set(or(&[&not(&a), &not(&b)])));
        prop_assert_eq!(set(and(&[&a, &or(&[&b, &c])])), set(or(&[&and(&[&a, &b]), &and(&[&a, &c])])));
        prop_assert_eq!(of_a.len() + set(not(&a)).len(), entries.len());
    }

    #[test]
    fn similar_names_follow_what_matches_and_are_never_excluded_by(things in proptest::collection::vec(things(), 1..25),
                                                                   query in exprs()) {
        let (_writer, searcher, entries) = changed(&things);
        let all = Query { root: Some(query.clone()), ..Query::default() };
        let answer = searcher.search(&all, &Options { similar: true, ..literally() }).unwrap();
        let literal = oracle::search(&query, &entries);
        let (first, rest) = answer.hits.split_at(literal.len());
        let uids: Vec<&str> = first.iter().map(|hit| &*hit.document.local.uid).collect();
        prop_assert_eq!(uids, literal.iter().map(|found| &*found.0).collect::<Vec<_>>());
        prop_assert!(first.iter().all(|hit| !hit.similar));
        prop_assert_eq!(rest.len() as u64, answer.similar);
        for hit in rest {
            prop_assert!(hit.similar && hit.score < 1.0, "{:?}", hit);
            let sum = hit.parts.iter().map(|part| part.points).sum::<f32>();
            prop_assert!((sum - hit.score).abs() < 1e-6, "{:?} {:?}", query, hit);
            prop_assert!(hit.matched.iter().any(|m| m.similar), "{:?} {:?}", query, hit);
        }
    }
}
