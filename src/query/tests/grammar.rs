use super::*;

fn reads(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(read(text), *expected, "{text}");
    }
}

#[test]
fn an_empty_query_asks_for_nothing() {
    for text in ["", "   ", "\t\n", "-A"] {
        assert_eq!(parse(text).unwrap().root, None, "{text:?}");
    }
}

#[test]
fn words_side_by_side_are_all_wanted() {
    reads(&[
        ("web", "web"),
        ("web  api\tdb", "(and web api db)"),
        ("web AND api", "(and web api)"),
        ("café 東京", "(and café 東京)"),
        ("deploy/web app.kubernetes.io/name", "(and kind[=deploy]/~web kind[=app.kubernetes.io]/~name)"),
        ("it's web,api $ x! a-b", "(and it's web,api $ x! a-b)"),
    ]);
}

#[test]
fn quotes_make_phrases() {
    reads(&[
        ("\"web api\"", "\"web api\""),
        ("'web api'", "\"web api\""),
        (r#""a \"b\" \\ \n""#, r#""a \"b\" \\ \\n""#),
        ("\"kind:pod\" \"-x\" \"a|b\"", "(and \"kind:pod\" \"-x\" \"a|b\")"),
        ("\"a\"|\"b\"", "(or \"a\" \"b\")"),
    ]);
}

#[test]
fn either_binds_tighter_than_both() {
    reads(&[
        ("a | b", "(or a b)"),
        ("a|b|c", "(or a b c)"),
        ("a OR b c", "(and (or a b) c)"),
        ("x a | b y", "(and x (or a b) y)"),
        ("a or b", "(and a or b)"),
    ]);
}

#[test]
fn parentheses_group_and_vanish_where_they_change_nothing() {
    reads(&[
        ("(a b) | c", "(or (and a b) c)"),
        ("((a))", "a"),
        ("(a b) c", "(and a b c)"),
        ("(a | b) | c", "(or a b c)"),
        ("a(b|c)d", "(and a (or b c) d)"),
    ]);
}

#[test]
fn three_marks_exclude() {
    reads(&[
        ("-a", "(not a)"),
        ("!a NOT b", "(and (not a) (not b))"),
        (
            "-kind:pod -ns:x -app=web -\"a b\" -(a b)",
            "(and (not kind[=pod]) (not ns[=x]) (not <app=web>) (not \"a b\") (not (and a b)))",
        ),
        ("a | -b", "(or a (not b))"),
        ("NOT (a | b)", "(not (or a b))"),
        ("-label:app -app!=web -^web", "(and (not <app>) (not <app!=web>) (not name[web..]))"),
        ("-OR !n -nprod", "(and (not OR) (not n) (not nprod))"),
        ("a-b a!b", "(and a-b a!b)"),
    ]);
}

#[test]
fn kinds_are_kept_as_typed() {
    reads(&[
        ("kind:deploy", "kind[=deploy]"),
        ("k:Deployment.apps", "kind[=Deployment.apps]"),
        ("KIND:po,svc,po", "kind[=po, =svc]"),
        ("kind:\"a b\"", "kind[=a b]"),
    ]);
}

#[test]
fn namespaces_are_whole_names_or_patterns() {
    reads(&[
        ("ns:prod", "ns[=prod]"),
        ("namespace:prod,stage", "ns[=prod, =stage]"),
        ("ns:team-* ns:^a ns:b$ ns:=c", "ns[glob team-*, a.., ..b, =c]"),
        ("-n prod", "ns[=prod]"),
        ("-n prod,stage web", "(and ns[=prod, =stage] web)"),
        ("-n 'prod' -n \"x\"", "ns[=prod, =x]"),
        ("ns:\"a*\"", "ns[=a*]"),
    ]);
}

#[test]
fn names_are_parts_unless_marked() {
    reads(&[
        ("name:web", "name[~web]"),
        ("name:^web", "name[web..]"),
        ("name:web$", "name[..web]"),
        ("name:^web$", "name[=web]"),
        ("name:web-*-?", "name[glob web-*-?]"),
        ("name:=web*", "name[=web*]"),
        ("name:\"web api\"", "name[=web api]"),
        ("name:^\"a,b\",\"c d\"$,=\"e\"", "name[a,b.., ..c d, =e]"),
        ("name:system:node", "name[~system:node]"),
        ("name:-x", "name[~-x]"),
        ("name:a:\"b,c\",d", "name[=a:b,c, ~d]"),
    ]);
}

#[test]
fn a_bare_anchor_or_star_means_the_name() {
    reads(&[
        ("^web", "name[web..]"),
        ("web$", "name[..web]"),
        ("^web$", "name[=web]"),
        ("check*", "name[glob check*]"),
        ("*", "name[glob *]"),
        ("'web", "name[~web]"),
        ("^a api$", "(and name[a..] name[..api])"),
        ("system:*", "name[glob system:*]"),
    ]);
}

#[test]
fn label_conditions_need_no_flag() {
    reads(&[
        ("app=web", "<app=web>"),
        ("app==web", "<app=web>"),
        ("app!=web", "<app!=web>"),
        ("app=", "<app=>"),
        ("app.kubernetes.io/name=web", "<app.kubernetes.io/name=web>"),
        ("app=web,api", "<app in (api,web)>"),
        ("app!=web,api", "<app notin (api,web)>"),
        ("app=web,tier!=db", "(and <app=web> <tier!=db>)"),
        ("app=web,api,tier=db", "(and <app in (api,web)> <tier=db>)"),
        ("app=\"web\"", "<app=web>"),
    ]);
}

#[test]
fn label_asks_for_keys_or_conditions() {
    reads(&[
        ("label:app", "<app>"),
        ("label:!app", "<!app>"),
        ("label:app=web", "<app=web>"),
        ("label:app!=web", "<app!=web>"),
        ("label:app,tier", "(or <app> <tier>)"),
        ("label:app label:tier", "(and <app> <tier>)"),
        ("label:example.com/app", "<example.com/app>"),
        ("label:\"app\"", "<app>"),
    ]);
}

#[test]
fn kubectls_flags_work_inside() {
    reads(&[
        ("-l app=web,tier!=db", "(and <app=web> <tier!=db>)"),
        ("-l 'env in (a,b)' x", "(and <env in (a,b)> x)"),
        ("-l \"env notin (a,b), !x\"", "(and <env notin (a,b)> <!x>)"),
        ("-l env in (a, b) x", "(and <env in (a,b)> x)"),
        ("-l env in (a),tier notin (b),c x", "(and <env=a> <tier!=b> <c> x)"),
        ("-l in in", "(and <in> in)"),
        ("-l !app web", "(and <!app> web)"),
        ("(-l app)", "<app>"),
        ("a | -l x=1,y=2", "(or a (and <x=1> <y=2>))"),
    ]);
    assert!(parse("web -A").unwrap().all_namespaces);
    assert!(!parse("web -a").unwrap().all_namespaces);
}

#[test]
fn the_same_qualifier_twice_means_either() {
    reads(&[
        ("kind:po web k:svc", "(and kind[=po, =svc] web)"),
        ("ns:a -n b", "ns[=a, =b]"),
        ("name:a name:^b", "name[~a, b..]"),
        ("app=web app=api tier=x", "(and <app in (api,web)> <tier=x>)"),
    ]);
}

#[test]
fn what_differs_or_is_grouped_does_not_merge() {
    reads(&[
        ("name:a (name:b)", "(and name[~a] name[~b])"),
        ("-l app=a -l app=b", "(and <app=a> <app=b>)"),
        ("app!=a app!=b", "(and <app!=a> <app!=b>)"),
        ("kind:a -kind:a", "(and kind[=a] (not kind[=a]))"),
        ("kind:a | kind:b", "(or kind[=a] kind[=b])"),
    ]);
}

#[test]
fn unknown_prefixes_are_words_and_leave_a_hint() {
    let hints = |text: &str| {
        let hints = parse(text).unwrap().hints;
        hints.into_iter().map(|hint| format!("{}: {}", &text[hint.span], hint.message)).collect::<Vec<_>>()
    };
    assert_eq!(read("system:node"), "system:node");
    assert_eq!(hints("web system:node"), ["system:: no qualifier `system:`, searching as text"]);
    assert_eq!(read("knd:pod"), "knd:pod");
    assert_eq!(hints("knd:pod"), ["knd:: no qualifier `knd:`, searching as text; did you mean `kind:`?"]);
    assert_eq!(
        hints("lable:app")[0],
        "lable:: no qualifier `lable:`, searching as text; did you mean `label:`?"
    );
    assert_eq!(read("foo:\"a b\""), "\"foo:a b\"");
    assert_eq!(read("https://example.org/x?a=b"), "https://example.org/x?a=b");
}

#[test]
fn addresses_times_and_images_are_words_without_a_hint() {
    for text in ["fe80::1", "::1", "10:15", "nginx1:1.25", "sha256:abc", ":", "1/b:c", "example.com:x"] {
        assert_eq!(read(text), text);
        assert_eq!(parse(text).unwrap().hints, [], "{text}");
    }
}

#[test]
fn likely_slips_leave_a_hint() {
    let hint = |text: &str| parse(text).unwrap().hints.first().map(|hint| hint.message.clone());
    assert_eq!(hint("a or b").unwrap(), "`or` is searched as a word; the operator is written `OR` or `|`");
    assert_eq!(hint("-n=prod").unwrap(), "this excludes the label `n`; the flag is written `-n VALUE`");
    assert_eq!(hint("a OR b -n prod"), None);
}

#[test]
fn every_term_knows_its_place() {
    let text = "web kind:po -l a=1,b=2 \"x y\" kind:svc";
    let Some(Expr::And(all)) = parse(text).unwrap().root else { panic!() };
    let places: Vec<&str> = all
        .iter()
        .map(|expr| match expr {
            Expr::Term(_, span) => &text[span.clone()],
            Expr::And(_) | Expr::Or(_) | Expr::Not(_) => panic!(),
        })
        .collect();
    assert_eq!(places, ["web", "kind:po -l a=1,b=2 \"x y\" kind:svc", "a=1", "b=2", "\"x y\""]);
}

#[test]
fn queries_print_in_one_way() {
    for (text, printed) in [
        ("a  AND b", "a b"),
        ("NOT a !b", "-a -b"),
        ("!n", "!n"),
        ("a|b c", "a | b c"),
        ("(a b)|c", "(a b) | c"),
        ("namespace:a,b k:po", "ns:a,b kind:po"),
        ("-l 'a in (x,y),!b,c notin (z)'", "a=x,y label:!b c!=z"),
        ("-l app=a -l app=b", "app=a (app=b)"),
        ("name:=x name:^y", "name:=x,^y"),
        ("name:^x 'y", "^x name:y"),
        ("'a \"b\"'", "\"a \\\"b\\\"\""),
        ("-A", "-A"),
        ("x -A", "-A x"),
        ("", ""),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), printed, "{text}");
    }
}
