mod errors;
mod grammar;
mod lenient;
mod properties;
mod reference;
mod selectors;

use super::*;

/// The AST on one line, without spans.
fn show(expr: &Expr) -> String {
    let all =
        |name: &str, all: &[Expr]| format!("({name} {})", all.iter().map(show).collect::<Vec<_>>().join(" "));
    match expr {
        Expr::And(inner) => all("and", inner),
        Expr::Or(inner) => all("or", inner),
        Expr::Not(inner) => format!("(not {})", show(inner)),
        Expr::Term(term, _) => show_term(term),
    }
}

fn show_term(term: &Term) -> String {
    match term {
        Term::Word(word) => word.clone(),
        Term::Phrase(text) => format!("{text:?}"),
        Term::Meaning(text) => format!("meaning{text:?}"),
        Term::Kind(kinds) => format!("kind{}", show_values(kinds)),
        Term::Namespace(patterns) => format!("ns{}", show_patterns(patterns)),
        Term::Name(patterns) => format!("name{}", show_patterns(patterns)),
        Term::KindName { kind, name } => format!("kind[={kind}]/{}", show_pattern(name)),
        Term::Group(patterns) => format!("group{}", show_patterns(patterns)),
        Term::Version(patterns) => format!("version{}", show_patterns(patterns)),
        Term::Uid(patterns) => format!("uid{}", show_patterns(patterns)),
        Term::By(patterns) => format!("by{}", show_patterns(patterns)),
        Term::Label(selector) => format!("<{}>", show_selector(selector)),
        Term::Annotation(selector) => format!("anno<{}>", show_selector(selector)),
        Term::LabelPair(pattern) => format!("<{}>", show_pattern(pattern)),
        Term::AnnotationPair(pattern) => format!("anno<{}>", show_pattern(pattern)),
        Term::Owner(owners) => format!("owner{}", show_owners(owners)),
        Term::Root(owners) => format!("root{}", show_owners(owners)),
        Term::Created(times) => format!("created[{}]", show_times(times)),
        Term::Changed(times) => format!("changed[{}]", show_times(times)),
        Term::Is(states) => format!("is{states:?}"),
        Term::Has(parts) => format!("has{parts:?}"),
    }
}

fn show_values(values: &[Value]) -> String {
    show_patterns(&values.iter().map(|value| value.pattern.clone()).collect::<Vec<_>>())
}

fn show_pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Exact(text) => format!("={text}"),
        Pattern::Substring(text) => format!("~{text}"),
        Pattern::Prefix(text) => format!("{text}.."),
        Pattern::Suffix(text) => format!("..{text}"),
        Pattern::Glob(text) => format!("glob {text}"),
        Pattern::Regex(source) => format!("/{source}/"),
    }
}

fn show_patterns(patterns: &[Pattern]) -> String {
    format!("[{}]", patterns.iter().map(show_pattern).collect::<Vec<_>>().join(", "))
}

/// As kubectl writes it, with the marks of what kubectl does not know.
fn show_selector(selector: &Selector) -> String {
    let all_exact = |all: &[Pattern]| all.iter().all(|pattern| matches!(pattern, Pattern::Exact(_)));
    match &selector.op {
        SelectorOp::In(values) if !all_exact(values) => format!("{}{}", selector.key, show_patterns(values)),
        SelectorOp::NotIn(values) if !all_exact(values) => {
            format!("{}!{}", selector.key, show_patterns(values))
        }
        _ => selector.to_string(),
    }
}

fn show_owners(owners: &[Owner]) -> String {
    let one = |owner: &Owner| match owner {
        Owner::Uid(uid) => format!("uid {uid}"),
        Owner::Object { kind, name } => {
            format!(
                "{}{}",
                kind.as_ref().map(|kind| format!("{kind}/")).unwrap_or_default(),
                show_pattern(name)
            )
        }
    };
    format!("[{}]", owners.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn show_times(times: &Times) -> String {
    let time = |second: i64| crate::text::rfc3339(second);
    match *times {
        Times::Ago { least, most } => {
            let end = |end: Option<u64>| end.map(|seconds| format!("{seconds}s")).unwrap_or_default();
            format!("{} to {} ago", end(least), end(most))
        }
        Times::At { from, until } => {
            format!(
                "from {} until {}",
                from.map(time).unwrap_or_default(),
                until.map(time).unwrap_or_default()
            )
        }
    }
}

/// What a query parses to, on one line.
fn read(text: &str) -> String {
    match parse(text) {
        Ok(query) => query.root.as_ref().map_or("nothing".to_owned(), show),
        Err(error) => panic!("{text:?}: {error}"),
    }
}

fn error(text: &str) -> ParseError {
    parse(text).expect_err(text)
}
