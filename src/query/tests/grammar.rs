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
    assert_eq!(hint("kind=pod").unwrap(), "this is the label `kind`; the qualifier is written `kind:pod`");
    assert_eq!(hint("-f web").unwrap(), "this excludes the word `f`; words are matched without a flag");
    assert_eq!(
        hint("get pods -n x").unwrap(),
        "`get` is searched as a word: for a kind write `kind:pods` alone"
    );
    assert_eq!(hint("logs -x").unwrap(), "`logs` is searched as a word: write what it is about alone");
    assert_eq!(
        hint("app in (web, api)").unwrap(),
        "these are words; the selector is written `app=web,api` or `-l app in (web, api)`"
    );
    assert_eq!(hint("checkout in shop"), None);
    let elsewhere = hint("node:worker-1").unwrap();
    assert!(
        elsewhere.starts_with("only metadata is indexed: `node:` is searched as text; instead: kubectl ")
    );
    assert_eq!(hint("pods get"), None);
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

#[test]
fn kinds_and_names_may_stand_together() {
    reads(&[
        ("deploy/web", "kind[=deploy]/~web"),
        ("deployments.apps/^web", "kind[=deployments.apps]/web.."),
        ("pod/web-*", "kind[=pod]/glob web-*"),
        ("deploy/\"web\"", "kind[=deploy]/=web"),
        ("clusterrole/system:node", "kind[=clusterrole]/~system:node"),
        ("-deploy/web", "(not kind[=deploy]/~web)"),
        ("a/b/c deploy/ 1/2", "(and a/b/c deploy/ 1/2)"),
    ]);
}

#[test]
fn regular_expressions_need_both_slashes() {
    reads(&[
        ("/traef|webs/", "name[/traef|webs/]"),
        ("/a(b|c)+$/ x", "(and name[/a(b|c)+$/] x)"),
        ("-/a/", "(not name[/a/])"),
        ("name:/a{1,2}/,b", "name[/a{1,2}/, ~b]"),
        ("/a\\/b/", "name[/a\\/b/]"),
        ("/healthz", "/healthz"),
        ("/a b/", "(and /a b/)"),
        ("kind:/^cert/ ns:/^team-/", "(and kind[/^cert/] ns[/^team-/])"),
        ("https://example.org/x/", "https://example.org/x/"),
    ]);
}

#[test]
fn meaning_takes_the_plain_words_after_it() {
    reads(&[
        ("~databases", "meaning\"databases\""),
        ("~ payment gateway", "meaning\"payment gateway\""),
        ("web ~payment gateway ns:prod kafka", "(and web meaning\"payment gateway\" ns[=prod] kafka)"),
        ("~\"a b\" c", "(and meaning\"a b\" c)"),
        ("-~a b | c", "(or (not meaning\"a b\") c)"),
        ("(~a b) c", "(and meaning\"a b\" c)"),
    ]);
}

#[test]
fn groups_versions_uids_and_clients_are_patterns() {
    reads(&[
        ("group:apps,cert-manager", "group[=apps, =cert-manager]"),
        ("version:v1beta1", "version[=v1beta1]"),
        ("uid:3f1c", "uid[3f1c..]"),
        ("by:kubectl-edit by:helm", "by[~kubectl-edit, ~helm]"),
    ]);
}

#[test]
fn label_conditions_take_patterns() {
    reads(&[
        ("app=web*", "<app[glob web*]>"),
        ("app!=^web", "<app![web..]>"),
        ("app=web,db$", "<app[=web, ..db]>"),
        ("app=/^web|db$/", "<app[/^web|db$/]>"),
        ("label:/^team=a/", "</^team=a/>"),
        ("label:app*", "<glob app*=*>"),
        ("label:team.example/*=web", "<glob team.example/*=web>"),
        ("*=prod", "<glob *=prod>"),
        ("label:app=web*", "<app[glob web*]>"),
        ("-l 'shard>3,shard < 10'", "(and <shard>3> <shard<10>)"),
    ]);
}

#[test]
fn annotations_are_compared_like_labels() {
    reads(&[
        ("anno:team", "anno<team>"),
        ("annotation:!team", "anno<!team>"),
        ("anno:team=payments,ops", "anno<team in (ops,payments)>"),
        ("anno:team!=payments", "anno<team!=payments>"),
        ("anno:note=\"two words\"", "anno<note=two words>"),
        ("anno:note=*gateway*", "anno<note[glob *gateway*]>"),
        ("anno:/pager/", "anno</pager/>"),
        ("anno:a=1 anno:a=2 a=1", "(and anno<a in (1,2)> <a=1>)"),
        ("anno:url=https://x/y?z", "anno<url[glob https://x/y?z]>"),
    ]);
}

#[test]
fn owners_are_kinds_and_names_or_uids() {
    reads(&[
        ("owner:deploy/web", "owner[deploy/=web]"),
        ("owner:web-*,rs/^web", "owner[glob web-*, rs/web..]"),
        ("root:sts/db", "root[sts/=db]"),
        ("owner:3F1C2D4E-0000-4000-8000-000000000000", "owner[uid 3f1c2d4e-0000-4000-8000-000000000000]"),
        ("owner:a owner:b", "owner[=a, =b]"),
        ("owner:a root:a", "(and owner[=a] root[=a])"),
    ]);
}

#[test]
fn ages_and_dates_are_stretches_of_time() {
    reads(&[
        ("age:<2h", "created[ to 7199s ago]"),
        ("age<2h", "created[ to 7199s ago]"),
        ("AGE>=1d12h", "created[129600s to  ago]"),
        ("age:>30d", "created[2592001s to  ago]"),
        ("age:1h..2h", "created[3600s to 7200s ago]"),
        ("age:..1w", "created[ to 604800s ago]"),
        ("created:<2h", "created[ to 7199s ago]"),
        ("created:>2026-01-15", "created[from 2026-01-16T00:00:00Z until ]"),
        ("created>=2026-01-15", "created[from 2026-01-15T00:00:00Z until ]"),
        ("created:2026-12", "created[from 2026-12-01T00:00:00Z until 2027-01-01T00:00:00Z]"),
        ("created:2026-01-15..*", "created[from 2026-01-15T00:00:00Z until ]"),
        ("created:2026-01-15..2026-01-16", "created[from 2026-01-15T00:00:00Z until 2026-01-17T00:00:00Z]"),
        ("created:<=2026-01-15T10:00", "created[from  until 2026-01-15T10:01:00Z]"),
        (
            "created:2026-01-15T10:00:05+02:00",
            "created[from 2026-01-15T08:00:05Z until 2026-01-15T08:00:06Z]",
        ),
        ("changed:<30m", "changed[ to 1799s ago]"),
        ("age:>1h age:<2h", "(and created[3601s to  ago] created[ to 7199s ago])"),
    ]);
}

#[test]
fn states_and_parts_are_fixed_words() {
    reads(&[
        ("is:deleting", "is[Deleting]"),
        ("is:terminating,GONE", "is[Deleting, Gone]"),
        ("is:namespaced is:deleting", "(and is[Namespaced] is[Deleting])"),
        ("has:finalizers has:owner", "(and has[Finalizer] has[Owner])"),
        ("no:label", "(not has[Label])"),
        ("no:label no:owner", "(and (not has[Label]) (not has[Owner]))"),
        ("-no:label", "(not (not has[Label]))"),
    ]);
}

#[test]
fn settings_belong_to_the_whole_query() {
    for (text, printed) in [
        ("sort:-age web", "web sort:-age"),
        ("web sort:created-desc", "web sort:age"),
        ("web sort:created", "web sort:-age"),
        ("sort:ns,name sort:-kind", "sort:ns,name,-kind"),
        ("limit:50 web", "web limit:50"),
        ("@staging web cluster:prod", "web cluster:staging,prod"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), printed, "{text}");
    }
    assert_eq!(parse("limit:50").unwrap().limit, Some(50));
}

#[test]
fn long_flags_are_the_short_ones() {
    reads(&[
        ("--namespace prod web", "(and ns[=prod] web)"),
        ("--namespace=prod", "ns[=prod]"),
        ("--selector app=web", "<app=web>"),
    ]);
    assert!(parse("--all-namespaces").unwrap().all_namespaces);
}

#[test]
fn letter_case_counts_where_a_capital_was_written() {
    assert!(!is_case_sensitive("web") && is_case_sensitive("Web"));
    let regex = |source: &str| Pattern::Regex(source.into()).is_case_sensitive();
    assert!(!regex(r"web\S+\pL\p{Lu}\x{4A}") && regex("Web") && regex(r"\dW"));
}

#[test]
fn times_hold_what_lies_in_them() {
    let holds = |text: &str, moment: i64| match parse(text).unwrap().root {
        Some(Expr::Term(Term::Created(times), _)) => times.contains(moment, 1_000_000_000),
        other => panic!("{other:?}"),
    };
    assert!(holds("age:<1m", 999_999_941) && !holds("age:<1m", 999_999_940));
    assert!(holds("age:>1m", 999_999_939) && !holds("age:>1m", 999_999_940));
    assert!(holds("age:<1m", 1_000_000_005), "a clock that runs ahead");
    assert!(holds("created:2001-09-09", 1_000_000_000) && !holds("created:>2001-09-09", 1_000_000_000));
    assert!(!holds("age:<0s", 1_000_000_000));
}
