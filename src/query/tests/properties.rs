use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// The AST without its spans.
fn bare(expr: Expr) -> Expr {
    let each = |all: Vec<Expr>| all.into_iter().map(bare).collect();
    match expr {
        Expr::And(all) => Expr::And(each(all)),
        Expr::Or(any) => Expr::Or(each(any)),
        Expr::Not(one) => Expr::Not(Box::new(bare(*one))),
        Expr::Term(Term::Kind(kinds), _) => Expr::Term(Term::Kind(unplaced(kinds)), 0..0),
        Expr::Term(term, _) => Expr::Term(term, 0..0),
    }
}

fn unplaced(values: Vec<Value>) -> Vec<Value> {
    values.into_iter().map(|value| Value { span: 0..0, ..value }).collect()
}

/// All of a query but its spans and hints.
fn bare_query(query: Query) -> Query {
    let clusters = unplaced(query.clusters);
    Query { root: query.root.map(bare), clusters, hints: Vec::new(), ..query }
}

fn spans(expr: &Expr) -> Vec<Span> {
    match expr {
        Expr::And(all) | Expr::Or(all) => all.iter().flat_map(spans).collect(),
        Expr::Not(one) => spans(one),
        Expr::Term(_, span) => vec![span.clone()],
    }
}

fn assert_sound(text: &str, span: &Span) {
    assert!(text.get(span.clone()).is_some(), "{span:?} does not lie in {text:?}");
}

/// Everything that must hold for any text at all.
fn check(text: &str) {
    match parse(text) {
        Err(error) => {
            assert_sound(text, &error.span);
            let shown = format!("{error}{}", error.render(text).replace('\n', ""));
            assert_eq!(crate::text::sanitise(&shown), shown);
        }
        Ok(query) => {
            query.hints.iter().for_each(|hint| assert_sound(text, &hint.span));
            query.root.iter().flat_map(spans).for_each(|span| assert_sound(text, &span));
            let printed = query.to_string();
            let again =
                parse(&printed).unwrap_or_else(|error| panic!("{text:?} prints {printed:?}: {error}"));
            assert_eq!(bare_query(again), bare_query(query), "{text:?} prints {printed:?}");
            assert_eq!(parse(&printed).map(|again| again.to_string()).as_ref(), Ok(&printed));
        }
    }
    check_typing(text);
    match parse_selector(text) {
        Err(error) => assert_sound(text, &error.span),
        Ok(all) => {
            let printed = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            assert_eq!(parse_selector(&printed), Ok(all), "{text:?} prints {printed:?}");
        }
    }
}

/// Everything that must hold for a text that is being typed, wherever the cursor is.
fn check_typing(text: &str) {
    let anything = |_: &Place, _: &str| true;
    let nothing = |_: &Place, _: &str| false;
    // five cursors, one of them at the end
    for cursor in (0..5).map(|nth| text.len() - text.len() * nth / 5) {
        let cursor = text.floor_char_boundary(cursor);
        for known in [&anything as &dyn Known, &nothing] {
            let read = parse_lenient(text, cursor, known);
            read.errors.iter().chain(&read.unfinished).for_each(|error| assert_sound(text, &error.span));
            assert_sound(text, &read.at.span);
            assert_eq!(text.get(read.at.span.start..cursor), Some(&*read.at.prefix), "{text:?} {cursor}");
            let printed = read.query.to_string();
            let again =
                parse(&printed).unwrap_or_else(|e| panic!("{text:?} {cursor} prints {printed:?}: {e}"));
            assert_eq!(bare_query(again), bare_query(read.query), "{text:?} {cursor} prints {printed:?}");
        }
    }
    // with the cursor elsewhere, it is the strict parser
    let text = format!("{text} ");
    let read = parse_lenient(&text, text.len(), &anything);
    let fine = read.errors.is_empty() && read.unfinished.is_empty();
    match parse(&text) {
        Ok(query) => assert_eq!((fine, read.query), (true, query), "{text:?}"),
        Err(error) => assert!(!fine, "{text:?}: {error}"),
    }
}

/// Texts that are nearly queries: the language's pieces in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "kind:",
        "k:",
        "ns:",
        "name:",
        "label:",
        "foo:",
        "age:",
        "created:",
        "changed<",
        "anno:",
        "owner:",
        "root:",
        "group:",
        "version:",
        "uid:",
        "by:",
        "is:",
        "has:",
        "no:",
        "sort:",
        "limit:",
        "cluster:",
        "deleting",
        "owner",
        "name",
        "2h",
        "<",
        "..",
        "2026-01-15",
        "3f1c2d4e-0000-4000-8000-000000000000",
        "50",
        "/a|b/",
        "--namespace=",
        "--selector ",
        "-n ",
        "-l ",
        "-A",
        " -n a ",
        " -l a=b,c ",
        "\"",
        "'",
        "\\",
        "(",
        ")",
        " (",
        ") ",
        "|",
        " | ",
        " OR ",
        " AND ",
        "NOT ",
        "OR",
        "-",
        "!",
        "=",
        "!=",
        "==",
        ",",
        " in (",
        "notin",
        "<",
        "web",
        "a",
        "B-1",
        "n",
        "l",
        "A",
        "x.y/z",
        "^",
        "$",
        "*",
        "?",
        "/",
        "~",
        "@",
        ":",
        " ",
        " ",
        " ",
        "\t",
        "é",
        "東",
        "🦀",
        "\u{202e}",
        "\x1b",
        "\0",
        "\u{a0}",
        "#",
        ";",
        "=\"",
        ":'",
        "\" ",
        "' ",
    ]);
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => pieces(), 1 => any::<String>(), 1 => "[ -~]{0,40}"]
}

proptest! {
    #![proptest_config(Config::with_cases(3000))]

    #[test]
    fn any_text_parses_to_what_prints_and_reads_back_or_to_a_sound_error(text in any_text()) {
        check(&text);
    }

    #[test]
    fn well_formed_terms_are_always_read(terms in prop::collection::vec(term(), 1..8), joins in prop::collection::vec("[ |]", 8)) {
        let text: String = terms.iter().zip(&joins).map(|(term, join)| format!(" {term} {join}")).collect();
        let text = text.trim_end_matches([' ', '|']);
        prop_assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        check(text);
    }
}

fn term() -> impl Strategy<Value = String> {
    let word = "[a-z][a-z0-9-]{0,5}[a-z0-9]";
    let list = prop::collection::vec(word, 1..3).prop_map(|all| all.join(","));
    let anchors =
        prop_oneof![Just(("", "")), Just(("^", "")), Just(("", "$")), Just(("=", "")), Just(("", "*"))];
    let term = prop_oneof![
        word.prop_map(String::from),
        "\"[ -!#-\\[\\]-~]{1,9}\"",
        list.clone().prop_map(|list| format!("kind:{list}")),
        list.clone().prop_map(|list| format!("ns:{list}")),
        (anchors, word).prop_map(|((before, after), word)| format!("name:{before}{word}{after}")),
        (word, prop::sample::select(vec!["=", "==", "!="]), list.clone())
            .prop_map(|(key, op, list)| format!("{key}{op}{list}")),
        list.clone().prop_map(|list| format!("label:{list}")),
    ];
    let flag = prop_oneof![
        list.clone().prop_map(|list| format!("-n {list}")),
        (word, list).prop_map(|(key, list)| format!("-l '{key} notin ({list})'")),
    ];
    let marked = (prop::sample::select(vec!["", "-", "!", "NOT "]), term).prop_map(|(mark, term)| match term
        .as_str()
    {
        "n" | "l" => term,
        _ => format!("{mark}{term}"),
    });
    prop_oneof![6 => marked, 1 => flag]
}

/// As long as `KUBESIFT_FUZZ_SECONDS` says; a blink without it. Always the same texts, so that a change is judged by what it
/// changes; others with `KUBESIFT_LONG`.
#[test]
fn fuzzing_finds_nothing() {
    let seconds =
        std::env::var("KUBESIFT_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(0.2);
    let mut seed: u64 =
        if std::env::var_os("KUBESIFT_LONG").is_some() { rand::random() } else { 0x006b_7562_6573_6966 };
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < until {
        seed = seed.wrapping_add(1);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed.to_le_bytes(); 4].concat());
        let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        let long = prop::collection::vec(any_text(), 0..40).prop_map(|texts| texts.join(" "));
        let text = prop_oneof![9 => any_text(), 1 => long];
        let result = runner.run(&text, |text| {
            check(&text);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    }
}
