use super::*;

/// The values of a small cluster.
fn known(place: &Place, prefix: &str) -> bool {
    let values: &[&str] = match place {
        Place::Kind => &["deploy", "deployments", "daemonsets", "pods"],
        Place::Namespace => &["team-a", "team-b", "prod"],
        Place::LabelKey => &["app", "app.kubernetes.io/name", "tier"],
        Place::LabelValue { key } if key == "app" => &["web", "web-api", "db"],
        Place::AnnotationKey => &["team"],
        Place::AnnotationValue { key } if key == "team" => &["payments, eu"],
        Place::Owner { kind: Some(_) } | Place::Owner { kind: None } => &["web", "web-api"],
        Place::Group => &["apps", "batch"],
        Place::Cluster => &["staging"],
        _ => &[],
    };
    values.iter().any(|value| value.starts_with(prefix))
}

/// The text with `_` for the cursor, what it finds, what is unfinished, what is wrong.
fn typed(text: &str) -> String {
    let cursor = text.find('_').expect("a cursor");
    let text = text.replacen('_', "", 1);
    let read = parse_lenient(&text, cursor, &known);
    let mut out = read.query.root.as_ref().map_or("nothing".to_owned(), show);
    for error in &read.unfinished {
        out.push_str(&format!("; unfinished {:?}: {error}", &text[error.span.clone()]));
    }
    for error in &read.errors {
        out.push_str(&format!("; ERROR {:?}: {error}", &text[error.span.clone()]));
    }
    out
}

fn types(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(typed(text), *expected, "{text}");
    }
}

#[test]
fn the_value_at_the_cursor_is_half_typed_while_a_known_one_begins_so() {
    types(&[
        ("kind:dep_", "kind[dep..]"),
        ("kind:d_ web", "(and kind[d..] web)"),
        ("kind:deploy_", "kind[deploy..]"),
        ("kind:dep web_", "(and kind[=dep] web)"),
        ("kind:dep,po_", "kind[=dep, po..]"),
        ("kind:dep_,po", "kind[dep.., =po]"),
        ("kind:=deploy_", "kind[=deploy]"),
        ("ns:te_", "ns[te..]"),
        ("-n te_", "ns[te..]"),
        ("-ns:te_", "(not ns[te..])"),
        ("group:ap_", "group[ap..]"),
        ("app=we_", "<app[we..]>"),
        ("app=web-_", "<app[web-..]>"),
        ("app=web,d_", "<app[=web, d..]>"),
        ("app!=we_", "<app![we..]>"),
        ("label:ap_", "<glob ap*=*>"),
        ("label:app.kubernetes.io/_", "<glob app.kubernetes.io/*=*>"),
        ("anno:team=pay_", "anno<team[pay..]>"),
        ("owner:deploy/we_", "owner[deploy/we..]"),
        ("owner:deploy/_", "owner[deploy/glob *]"),
        ("deploy/_", "kind[deploy..]"),
        ("owner:dep_", "owner[dep*/glob *]"),
        ("deploy/we_", "kind[=deploy]/~we"),
    ]);
}

#[test]
fn an_unknown_value_is_what_it_is() {
    types(&[("kind:x_", "kind[=x]"), ("ns:x_", "ns[=x]"), ("app=x_", "<app=x>")]);
}

#[test]
fn what_is_not_finished_is_left_out_quietly() {
    let none = "expected a kind such as `deploy`, got the end of the query";
    types(&[
        ("web kind:_", &format!("web; unfinished \"kind:\": `kind:` has no value: {none}")),
        ("kind:po,_", "kind[=po]"),
        ("kind:_,po", "kind[=po]"),
        (
            "web \"ap_",
            "(and web ap); unfinished \"\\\"\": this quote is never closed: expected `\"`, got the end of the query",
        ),
        ("web /a(b_", "web; unfinished \"/a(b\": this regular expression is not closed: expected `/`"),
        ("/web_", "name[/web/]; unfinished \"/web\": this regular expression is not closed: expected `/`"),
        (
            "a (web_",
            "(and a web); unfinished \"(\": this parenthesis is never closed: expected `)`, got the end of the query",
        ),
        ("a ()_", "a; unfinished \"()\": nothing between the parentheses: expected a term"),
        (
            "web |_",
            "web; unfinished \"\": a term is missing at the end: expected a term, got the end of the query",
        ),
        (
            "web | _",
            "web; unfinished \"\": a term is missing at the end: expected a term, got the end of the query",
        ),
        (
            "web -_",
            "web; unfinished \"-\": nothing to exclude: expected a term right after it, as in `-kind:pod`, got the end of the query",
        ),
        (
            "web -n _",
            "web; unfinished \"-n\": `-n` has no value: expected a namespace, got the end of the query",
        ),
        ("web --name_", "web; unfinished \"--name\": `--name` is no part of a query"),
        (
            "\"big card pay_",
            "(and \"big card\" pay); unfinished \"\\\"\": this quote is never closed: expected `\"`, got the end of the query",
        ),
        ("app=_", "<app>"),
        ("app=web,_", "<app=web>"),
        ("app!=_ x", "x; unfinished \"app!=\": an empty value: expected a value"),
        (
            "is:del_",
            "nothing; unfinished \"del\": `del` is no value of `is:`: expected `namespaced`, `cluster`, `deleting`, `custom` or `gone`",
        ),
        ("age:<_ x", "x; unfinished \"\": an empty value: expected an age such as `2h`"),
        (
            "age:2h_ x",
            "x; unfinished \"2h\": an age without a comparison: expected `<`, `>` or a range, got `2h`",
        ),
        ("~_", "nothing; unfinished \"~\": `~` has no words: expected what to look for, as in `~databases`"),
        (
            "sort:-_ x",
            "x; unfinished \"-\": `-` is no value of `sort:`: expected `relevance`, `name`, `ns`, `kind` or `age`",
        ),
    ]);
}

#[test]
fn errors_show_once_the_cursor_has_left_or_nothing_begins_so() {
    types(&[
        (
            "kind: web_",
            "web; ERROR \"kind:\": `kind:` has no value: expected a kind such as `deploy`, got a space",
        ),
        (
            "is:x_ web",
            "web; ERROR \"x\": `x` is no value of `is:`: expected `namespaced`, `cluster`, `deleting`, `custom` or `gone`",
        ),
        (
            "is:del web_",
            "web; ERROR \"del\": `del` is no value of `is:`: expected `namespaced`, `cluster`, `deleting`, `custom` or `gone`",
        ),
        ("web) api_", "(and web api); ERROR \")\": this parenthesis was never opened"),
        ("(-A) web_", "web; ERROR \"(-A)\": nothing between the parentheses: expected a term"),
        ("NOT -NOT web_", "web; ERROR \"NOT -\": excluded twice: expected one `-`, `!` or `NOT`"),
        ("a || b_", "(or a b); ERROR \"|\": a term is missing before `|`: expected a term, got `|`"),
        (
            "_ (web",
            "web; ERROR \"(\": this parenthesis is never closed: expected `)`, got the end of the query",
        ),
        ("age:<x_", "nothing; ERROR \"x\": `x` is no age: expected an age such as `2h`"),
        ("limit:x_", "nothing; ERROR \"x\": `x` is no limit: expected a number from 1 to 1000000"),
    ]);
}

/// What a completion sees: the place, the part to replace, its beginning.
fn at(text: &str) -> String {
    let cursor = text.find('_').expect("a cursor");
    let text = text.replacen('_', "", 1);
    let at = at_cursor(&text, cursor);
    let place = match &at.place {
        Place::LabelValue { key } => format!("value of {key}"),
        Place::AnnotationValue { key } => format!("annotation value of {key}"),
        Place::Owner { kind: Some(kind) } => format!("owner of {kind}"),
        Place::Name { kind: Some(kind) } => format!("name of {kind}"),
        other => format!("{other:?}").split(' ').next().unwrap_or_default().to_lowercase(),
    };
    format!("{place} {:?} {:?}", &text[at.span], at.prefix)
}

#[test]
fn completion_knows_what_stands_at_the_cursor() {
    for (text, expected) in [
        ("_", "word \"\" \"\""),
        ("web _", "word \"\" \"\""),
        ("we_b", "word \"web\" \"we\""),
        ("-we_", "word \"we\" \"we\""),
        ("(we_", "word \"we\" \"we\""),
        ("ki_nd:pod", "word \"kind:\" \"ki\""),
        ("kind:_", "kind \"\" \"\""),
        ("kind:po,de_p x", "kind \"dep\" \"de\""),
        ("!k:po_", "kind \"po\" \"po\""),
        ("kind:^po_", "kind \"po\" \"po\""),
        ("ns:te_", "namespace \"te\" \"te\""),
        ("ns:\"te_", "namespace \"te\" \"te\""),
        ("-n te_", "namespace \"te\" \"te\""),
        ("-n _", "namespace \"\" \"\""),
        ("--namespace=te_", "namespace \"te\" \"te\""),
        ("label:ap_", "labelkey \"ap\" \"ap\""),
        ("label:!ap_", "labelkey \"ap\" \"ap\""),
        ("label:app=we_", "value of app \"we\" \"we\""),
        ("a_pp=web", "labelkey \"app\" \"a\""),
        ("app=_", "value of app \"\" \"\""),
        ("app!=we_", "value of app \"we\" \"we\""),
        ("app=web,tier=d_", "value of tier \"d\" \"d\""),
        ("app=web,ap_i", "value of app \"api\" \"ap\""),
        ("-l ap_", "labelkey \"ap\" \"ap\""),
        ("-l app=we_", "value of app \"we\" \"we\""),
        ("-l 'app=web,ti_'", "labelkey \"ti\" \"ti\""),
        ("-l 'env in (a, b_", "value of env \"b\" \"b\""),
        ("-l !ti_", "labelkey \"ti\" \"ti\""),
        ("anno:te_", "annotationkey \"te\" \"te\""),
        ("anno:team=pa_", "annotation value of team \"pa\" \"pa\""),
        ("owner:de_", "owner \"de\" \"de\""),
        ("owner:deploy/we_", "owner of deploy \"we\" \"we\""),
        ("root:de_ploy/we", "owner \"deploy\" \"de\""),
        ("deploy/we_", "name of deploy \"we\" \"we\""),
        ("dep_loy/we", "word \"deploy/we\" \"dep\""),
        ("^we_", "name \"we\" \"we\""),
        ("name:we_", "name \"we\" \"we\""),
        ("is:de_", "is \"de\" \"de\""),
        ("no:ow_", "has \"ow\" \"ow\""),
        ("sort:-a_", "sort \"a\" \"a\""),
        ("@st_", "cluster \"st\" \"st\""),
        ("by:kub_", "manager \"kub\" \"kub\""),
        ("age<2_", "free \"age<2\" \"age<2\""),
        ("\"a b_", "free \"\\\"a b\" \"\\\"a b\""),
        ("~data_", "free \"~data\" \"~data\""),
    ] {
        assert_eq!(at(text), expected, "{text}");
    }
    assert_eq!(Place::Is.fixed_words(), ["namespaced", "cluster", "deleting", "custom", "gone"]);
    assert_eq!(Place::Sort.fixed_words(), ["relevance", "name", "ns", "kind", "age", "created"]);
    assert!(Place::Word.fixed_words().contains(&"kind:".to_owned()));
}
