use super::*;

fn shown(text: &str) -> String {
    let all = parse_selector(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" & ")
}

#[test]
fn kubectls_forms_are_read() {
    // From apimachinery's labels/selector_test.go, and its documented grammar.
    for (text, expected) in [
        ("x=a,y=b,z=c", "x=a & y=b & z=c"),
        ("x!=a,y=b", "x!=a & y=b"),
        ("x==a", "x=a"),
        ("x=", "x="),
        ("x= ", "x="),
        ("x=,z= ", "x= & z="),
        ("x= ,z= ", "x= & z="),
        ("x!=", "x!="),
        ("!x", "!x"),
        ("! x", "!x"),
        ("x", "x"),
        ("x,!y", "x & !y"),
        ("notin=in", "notin=in"),
        ("in in (in)", "in=in"),
        ("x in (a)", "x=a"),
        ("x in (b,a,b)", "x in (a,b)"),
        ("x in ()", "x="),
        ("x in (a,)", "x in (,a)"),
        ("x in (,)", "x="),
        ("x in (foo,,baz),y,z notin ()", "x in (,baz,foo) & y & z!="),
        ("x  notin\t( abc , def ) ", "x notin (abc,def)"),
        ("x=a\n,y", "x=a & y"),
        ("example.com/x.Y_z-1=A.b_c-D", "example.com/x.Y_z-1=A.b_c-D"),
        ("x in(a)", "x=a"),
        ("x>1,y < 07", "x>1 & y<7"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn what_kubectl_refuses_is_refused() {
    for text in [
        "x=a||y=b",
        "x==a==b",
        "!x=a",
        "!!x",
        ",x",
        "x,",
        "x,,y",
        "x y",
        "x in",
        "x in a",
        "x in (a",
        "x in (a b)",
        "x in (a))",
        "x in ((a))",
        "(x)",
        "=a",
        "x=a=b",
        "x in (a)y",
        "x=(a)",
        "x===a",
        "a/b/c",
        "/x",
        "x/",
        "-x",
        "x-",
        "x=a/b",
        "x=-a",
        "x=a_",
        "x in (a/b)",
        "A.b/x",
        "a..b/x",
        "a-/x",
        "x=é",
        "é",
        "x\0",
        "x<a",
        "x>",
        "x>1.5",
        "x>>1",
        "",
    ] {
        assert!(parse_selector(text).is_err(), "{text:?} is read as {}", shown(text));
    }
}

#[test]
fn keys_and_values_end_at_63_prefixes_at_253() {
    let a = |n: usize| "a".repeat(n);
    assert!(parse_selector(&format!("{}={}", a(63), a(63))).is_ok());
    assert!(parse_selector(&format!("{}=a", a(64))).is_err());
    assert!(parse_selector(&format!("a={}", a(64))).is_err());
    assert!(parse_selector(&format!("{}/a", a(253))).is_ok());
    assert!(parse_selector(&format!("{}/a", a(254))).is_err());
    assert!(parse_selector(&a(1_000_000)).unwrap_err().message.contains("longer than 4096 bytes"));
}

#[test]
fn errors_say_where_what_and_what_instead() {
    for (text, part, message) in [
        ("x in a", "a", "this is no label selector: expected `(`, got `a`"),
        (
            "x y",
            "y",
            "this is no label selector: expected `=`, `==`, `!=`, `in`, `notin`, `<` or `>`, got `y`",
        ),
        ("x>a", "a", "`a` is no integer: expected an integer such as `10`"),
        ("x<", "", "this is no label selector: expected an integer, got the end of the selector"),
        ("x,,y", ",", "this is no label selector: expected a label key or `!`, got `,`"),
        ("!", "", "this is no label selector: expected a label key, got the end of the selector"),
        ("!x=a", "=", "this is no label selector: expected `,` or the end after `!KEY`, got `=`"),
        ("x=a y", "y", "this is no label selector: expected `,` or the end, got `y`"),
        ("x in (a b)", "b", "this is no label selector: expected `,` or `)`, got `b`"),
        ("a,x=(", "(", "this is no label selector: expected a label value, got `(`"),
        ("a,b/c/d", "b/c/d", "`b/c/d` is no label key: expected at most one `/`"),
    ] {
        let error = parse_selector(text).unwrap_err();
        assert_eq!((&text[error.span.clone()], error.to_string().as_str()), (part, message), "{text}");
    }
}
