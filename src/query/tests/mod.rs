mod errors;
mod grammar;
mod properties;
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
        Expr::Term(term, _) => match term {
            Term::Word(word) => word.clone(),
            Term::Phrase(text) => format!("{text:?}"),
            Term::Kind(kinds) => format!("kind{kinds:?}"),
            Term::Namespace(patterns) => format!("ns{}", show_patterns(patterns)),
            Term::Name(patterns) => format!("name{}", show_patterns(patterns)),
            Term::Label(selector) => format!("<{selector}>"),
        },
    }
}

fn show_patterns(patterns: &[Pattern]) -> String {
    let one = |pattern: &Pattern| match pattern {
        Pattern::Exact(text) => format!("={text}"),
        Pattern::Substring(text) => format!("~{text}"),
        Pattern::Prefix(text) => format!("{text}.."),
        Pattern::Suffix(text) => format!("..{text}"),
        Pattern::Glob(text) => format!("glob {text}"),
    };
    format!("[{}]", patterns.iter().map(one).collect::<Vec<_>>().join(", "))
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
