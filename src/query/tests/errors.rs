use super::*;

/// Query, the part that the error points at, its one-line message.
fn fails(table: &[(&str, &str, &str)]) {
    for (text, part, message) in table {
        let error = error(text);
        assert_eq!((&text[error.span.clone()], error.to_string().as_str()), (*part, *message), "{text}");
    }
}

#[test]
fn what_never_closes() {
    fails(&[
        ("web \"api", "\"", "this quote is never closed: expected `\"`, got the end of the query"),
        ("name:'api", "'", "this quote is never closed: expected `'`, got the end of the query"),
        ("-l 'app", "'", "this quote is never closed: expected `'`, got the end of the query"),
        ("a '", "'", "this quote is never closed: expected `'`, got the end of the query"),
        ("a (b | (c)", "(", "this parenthesis is never closed: expected `)`, got the end of the query"),
        ("-l a in (b", "(", "this parenthesis is never closed: expected `)`"),
        ("a) b", ")", "this parenthesis was never opened"),
    ]);
}

#[test]
fn quotes_out_of_place() {
    fails(&[
        ("web\"", "\"", "a quote in the middle of a word: expected a space before it"),
        ("\"a\"b", "b", "text right after a closing quote: expected a space, got `b`"),
        ("name:\"a\"é", "é", "text right after a closing quote: expected a space, got `é`"),
        ("\"\"", "\"\"", "an empty phrase: expected words between the quotes"),
        ("''", "''", "this is no part of a name: got `'`"),
    ]);
}

#[test]
fn qualifiers_without_a_value() {
    fails(&[
        (
            "web kind:",
            "kind:",
            "`kind:` has no value: expected a kind such as `deploy`, got the end of the query",
        ),
        ("kind: web", "kind:", "`kind:` has no value: expected a kind such as `deploy`, got a space"),
        ("NS:", "NS:", "`NS:` has no value: expected a namespace, got the end of the query"),
        (
            "name:",
            "name:",
            "`name:` has no value: expected a name or a part of one, got the end of the query",
        ),
        (
            "label:",
            "label:",
            "`label:` has no value: expected a label such as `app` or `app=web`, got the end of the query",
        ),
        ("kind:po,", "", "an empty value: expected a kind such as `deploy`"),
        ("ns:,a", "", "an empty value: expected a name or a part of one"),
        ("name:\"\"", "\"\"", "an empty value: expected a name or a part of one"),
        ("name:=", "=", "an empty value: expected a name or a part of one"),
        ("^", "^", "an empty value: expected a name or a part of one"),
        ("label:,a", "", "an empty label key: expected a key such as `app`"),
    ]);
}

#[test]
fn flags_without_a_value() {
    fails(&[
        ("web -n", "-n", "`-n` has no value: expected a namespace, got the end of the query"),
        ("-n -A", "-n", "`-n` has no value: expected a namespace, got `-A`"),
        ("(-n )", "-n", "`-n` has no value: expected a namespace, got `)`"),
        ("-l", "-l", "`-l` has no value: expected a label selector, got the end of the query"),
        ("-l ''", "", "an empty label selector: expected a requirement such as `app=web`"),
        ("-l ' '", " ", "an empty label selector: expected a requirement such as `app=web`"),
    ]);
}

#[test]
fn long_flags() {
    for (text, suggestion) in [
        ("--all-namespaces=x", "flags go before the query; to search for the text, quote it"),
        ("--foo", "flags go before the query; to search for the text, quote it"),
    ] {
        assert_eq!(error(text).suggestion.as_deref(), Some(suggestion));
    }
    fails(&[
        ("a --foo b", "--foo", "`--foo` is no part of a query"),
        (
            "--namespace",
            "--namespace",
            "`--namespace` has no value: expected a namespace, got the end of the query",
        ),
    ]);
}

#[test]
fn operators_without_a_term() {
    fails(&[
        ("a |", "", "a term is missing at the end: expected a term, got the end of the query"),
        ("| a", "|", "a term is missing before `|`: expected a term, got `|`"),
        ("a || b", "|", "a term is missing before `|`: expected a term, got `|`"),
        ("(a OR)", ")", "a term is missing before `)`: expected a term, got `)`"),
        ("a AND", "AND", "`AND` needs a term on both sides: expected a term, got the end of the query"),
        ("AND a", "AND", "`AND` needs a term on both sides: expected a term, got `a`"),
        ("a AND OR b", "AND", "`AND` needs a term on both sides: expected a term, got `OR`"),
        ("a | -A", "-A", "a term is missing before `-A`: expected a term, got `-A`"),
        ("()", "()", "nothing between the parentheses: expected a term"),
        ("a ( -A )", "( -A )", "nothing between the parentheses: expected a term"),
    ]);
}

#[test]
fn exclusions_of_nothing() {
    fails(&[
        (
            "a -",
            "-",
            "nothing to exclude: expected a term right after it, as in `-kind:pod`, got the end of the query",
        ),
        ("- a", "-", "nothing to exclude: expected a term right after it, as in `-kind:pod`, got ` `"),
        ("a NOT", "NOT", "nothing to exclude: expected a term, got the end of the query"),
        ("!-a", "!-", "excluded twice: expected one `-`, got `!-`"),
        ("NOT -a", "NOT -", "excluded twice: expected one `-`, `!` or `NOT`"),
        ("NOT -A", "-A", "a flag can't be excluded"),
        ("ns:a,-b", "-b", "an exclusion inside a list: got `-b`"),
        ("kind:!po", "!po", "an exclusion inside a list: got `!po`"),
    ]);
    assert_eq!(error("kind:!po").suggestion.as_deref(), Some("write `-kind:po`"));
}

#[test]
fn bad_label_conditions() {
    let value = |start: &str| {
        format!("{start}letters, digits, `-`, `_` and `.`, with a letter or digit at both ends")
    };
    let (plain, spaced) =
        (value("`b=c` is no label value: expected "), value("`a b` is no label value: expected "));
    fails(&[
        ("a=b=c", "b=c", plain.as_str()),
        ("=web", "", "an empty label key: expected a key such as `app`"),
        ("-x/y/z=1", "x/y/z", "`x/y/z` is no label key: expected at most one `/`"),
        (
            "App.IO/x=1",
            "App.IO/x",
            "`App.IO/x` is no label key: expected a DNS name in lower case before the `/`",
        ),
        (
            "-l app=web*",
            "web*",
            "`web*` is no label value: expected a whole value; without `-l` `*` and `?` work",
        ),
        (
            "app==\"=*\"",
            "\"=*\"",
            "`=*` is no label value: expected a whole value; without `-l` `*` and `?` work",
        ),
        ("app===*", "=*", "`*` is no label value: expected a whole value; without `-l` `*` and `?` work"),
        (
            "label:*!",
            "*!",
            "`!` inside a pattern for the key: expected a pattern such as `team.example/*`, got `*!`",
        ),
        ("app=\"a b\"", "\"a b\"", spaced.as_str()),
        ("a,b=c", "a", "a value without a label: expected `key=value`"),
        ("label:app,tier=db", "tier=db", "keys and values in one list: got `tier=db`"),
    ]);
    assert_eq!(error("x?a=b").suggestion.as_deref(), Some("to search for the text, quote it: `\"x?a=b\"`"));
}

#[test]
fn bad_selectors_point_into_the_query() {
    fails(&[
        (
            "web -l app=web,",
            "",
            "this is no label selector: expected a label key or `!`, got the end of the selector",
        ),
        ("web -l 'a in b' x", "b", "this is no label selector: expected `(`, got `b`"),
        ("é -l a>x", "x", "`x` is no integer: expected an integer such as `10`"),
    ]);
}

#[test]
fn patterns_that_contradict_themselves() {
    fails(&[
        ("name:^web*", "^web*", "`*` and `?` together with `^` or `$`: got `^web*`"),
        ("'web*", "'web*", "this is no part of a name: got `web*`"),
    ]);
}

#[test]
fn limits_answer_at_once() {
    let long = "web ".repeat(250_000);
    let error = error(&long);
    assert_eq!(error.to_string(), "the query is too long: expected at most 4096 bytes, got 1000000 bytes");
    assert!(error.render(&long).len() < 300);
    assert_eq!(super::error(&"é".repeat(3000)).span.start, MAX_BYTES);
    assert_eq!(super::error(&format!("a{}", "é".repeat(3000))).span.start, MAX_BYTES - 1);

    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(read(&deep(MAX_DEPTH)), "a");
    let error = super::error(&deep(MAX_DEPTH + 1));
    assert_eq!((error.span, error.message.as_str()), (32..33, "more than 32 parentheses inside each other"));
    assert_eq!(read(&"(a)".repeat(MAX_DEPTH + 1)).len(), "(and)".len() + 2 * (MAX_DEPTH + 1));

    let many = |terms: usize| "a ".repeat(terms);
    assert!(parse(&many(MAX_TERMS)).is_ok());
    assert_eq!(super::error(&many(MAX_TERMS + 1)).message, "more than 256 terms");
    for list in ["kind:", "ns:", "name:", "app=", "label:"] {
        let list = format!("{list}a{}", ",a".repeat(MAX_TERMS));
        assert!(parse(&list).is_err() || list.starts_with("app="), "{list}");
    }
    let values: Vec<String> = (0..=MAX_TERMS).map(|n| n.to_string()).collect();
    assert_eq!(super::error(&format!("app={}", values.join(","))).message, "more than 256 terms");
}

#[test]
fn an_error_renders_with_carets_under_its_part() {
    let text = "web kind: api";
    assert_eq!(
        error(text).render(text),
        "`kind:` has no value\n  web kind: api\n      ^^^^^ expected a kind such as `deploy`, got a space"
    );
    let text = "web (api";
    assert_eq!(
        error(text).render(text),
        "this parenthesis is never closed\n  web (api\n      ^ expected `)`, got the end of the query"
    );
    let text = "a |";
    assert_eq!(
        error(text).render(text).lines().nth(2),
        Some("     ^ expected a term, got the end of the query")
    );
    let text = "age:2h";
    assert_eq!(
        error(text).render(text),
        "an age without a comparison\n  age:2h\n      ^^ expected `<`, `>` or a range, got `2h`\n  write `age:<2h` for less, `age:>2h` for more"
    );
}

#[test]
fn rendering_is_sanitised_aligned_and_cut() {
    let text = "東京\x1b[31m kind: \u{202e}x";
    assert_eq!(
        error(text).render(text),
        "`kind:` has no value\n  東京␛[31m kind: <U+202E>x\n            ^^^^^ expected a kind such as `deploy`, got a space"
    );
    let text = format!("{} kind: {}", "before ".repeat(50), "after ".repeat(50));
    assert_eq!(
        error(&text).render(&text),
        "`kind:` has no value\n  …before before before before  kind: after after after …\n                                ^^^^^ expected a kind such as `deploy`, got a space"
    );
    // A text that is not the one that was parsed renders something, too.
    assert!(error(&text).render("x").contains("has no value"));
}

#[test]
fn messages_hold_nothing_that_steers_a_terminal() {
    for text in ["a\x1b[2J=\x1b=", "kind:-\x1b", "-l \x1b", "@\x1b", "--\x1b", "x\u{202e}y:z"] {
        let lines = match parse(text) {
            Ok(query) => query.hints.iter().map(|hint| hint.message.clone()).collect(),
            Err(error) => format!("{error}\n{}", error.render(text)),
        };
        assert!(!lines.contains(['\x1b', '\u{202e}']), "{lines:?}");
    }
}

#[test]
fn bad_times() {
    fails(&[
        ("age:2h", "2h", "an age without a comparison: expected `<`, `>` or a range, got `2h`"),
        ("age:<x", "x", "`x` is no age: expected an age such as `2h`"),
        (
            "age:>2026-01-01",
            "2026-01-01",
            "a date where an age is meant: expected an age such as `2h`, got `2026-01-01`",
        ),
        (
            "created:>yesterday",
            "yesterday",
            "`yesterday` is no age or date: expected a date such as `2026-01-15`, or an age such as `2h`",
        ),
        (
            "created:>2026-13-01",
            "2026-13-01",
            "`2026-13-01` is no age or date: expected a date such as `2026-01-15`, or an age such as `2h`",
        ),
        ("age:2h..1h", "2h..1h", "this range runs backwards"),
        ("age:..", "..", "a range without ends: expected an age such as `2h`"),
        ("created:1h..2026-01-01", "1h..2026-01-01", "a range from an age to a date: expected two of a kind"),
        ("age:<1h,2h", "<1h,2h", "`age:` takes no list: got `<1h,2h`"),
        ("age:<2000y", "2000y", "an age of more than 1000 years: got `2000y`"),
        ("age<", "", "an empty value: expected an age such as `2h`"),
    ]);
    assert_eq!(error("age:2h..1h").suggestion.as_deref(), Some("write `age:1h..2h`"));
    assert_eq!(error("age:>2026-01-01").suggestion.as_deref(), Some("write `created:>2026-01-01`"));
}

#[test]
fn bad_words_of_the_language() {
    fails(&[
        (
            "is:delting",
            "delting",
            "`delting` is no value of `is:`: expected `namespaced`, `cluster`, `deleting`, `custom` or `gone`",
        ),
        ("has:x", "x", "`x` is no value of `has:`: expected `label`, `annotation`, `owner` or `finalizer`"),
        (
            "no:owner,y",
            "y",
            "`y` is no value of `no:`: expected `label`, `annotation`, `owner` or `finalizer`",
        ),
        (
            "sort:size",
            "size",
            "`size` is no value of `sort:`: expected `relevance`, `name`, `ns`, `kind` or `age`",
        ),
        ("sort:age,-age", "-age", "sorted by `-age` twice: expected each key once"),
        ("limit:0", "0", "`0` is no limit: expected a number from 1 to 1000000"),
        ("limit:5 limit:6", "limit:6", "a second limit: expected one `limit:`"),
        (
            "version:apps/v1",
            "apps/v1",
            "a group in `version:`: expected a version such as `v1`, got `apps/v1`",
        ),
    ]);
    assert_eq!(error("is:delting").suggestion.as_deref(), Some("did you mean `is:deleting`?"));
    assert_eq!(error("version:apps/v1").suggestion.as_deref(), Some("write `group:apps version:v1`"));
}

#[test]
fn settings_in_the_wrong_place() {
    fails(&[
        ("(web sort:age)", "sort:age", "`sort:age` inside parentheses"),
        ("-sort:age", "sort:age", "`sort:age` can't be excluded: it belongs to the whole query"),
        ("a | limit:5", "limit:5", "`limit:5` can't be an alternative: it belongs to the whole query"),
        ("@x | a", "@x", "`@x` can't be an alternative: it belongs to the whole query"),
    ]);
}

#[test]
fn bad_regular_expressions_point_at_the_place() {
    fails(&[
        ("web /a(b/", "(", "this regular expression can't be read: unclosed group"),
        ("name:/*/", "*", "this regular expression can't be read: repetition operator missing expression"),
        (
            "/(a{999}){999}/",
            "(a{999}){999}",
            "this regular expression is too large: expected less repetition, such as `{1,20}` instead of `{1,9999}`",
        ),
    ]);
}

#[test]
fn the_rest_that_is_no_value() {
    fails(&[
        ("~", "~", "`~` has no words: expected what to look for, as in `~databases`"),
        ("ns:~x", "~x", "`~` (search by meaning) inside a qualifier: got `~x`"),
        ("@", "", "an empty value: expected a context"),
        (
            "owner:",
            "owner:",
            "`owner:` has no value: expected an owner such as `deploy/web`, got the end of the query",
        ),
        ("owner:deploy/", "", "an empty value: expected an owner such as `deploy/web`"),
        ("*=\"=\"", "*=\"=\"", "a value that begins with `=`: got `*=\"=\"`"),
        ("*!=x", "*!=x", "`!=` with a pattern for the key: got `*!=x`"),
        ("label:!app*", "!app*", "`!` with a pattern for the key: got `!app*`"),
        (
            "app=we&b*",
            "we&b*",
            "`we&b*` can't be a part of a label value: expected letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
        ),
    ]);
}
