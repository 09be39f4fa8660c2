use super::*;
use crate::query::reference::{SECTIONS, help, markdown};
use crate::query::words;

fn examples() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().flat_map(|section| section.forms).flat_map(|form| form.examples).copied()
}

#[test]
fn every_example_is_read_without_a_remark() {
    for example in examples() {
        let query = parse(example).unwrap_or_else(|error| panic!("{example}: {}", error.render(example)));
        assert_eq!(query.hints, [], "{example}");
    }
}

#[test]
fn every_prefix_of_every_example_can_be_typed() {
    let anything = |_: &Place, _: &str| true;
    for example in examples() {
        let ends = example.char_indices().map(|(at, _)| at).chain([example.len()]);
        for end in ends {
            let typed = &example[..end];
            let read = parse_lenient(typed, end, &anything);
            assert_eq!(read.errors, [], "{typed:?} of {example:?}");
        }
    }
}

#[test]
fn every_qualifier_has_an_example() {
    for (word, _) in words::QUALIFIERS {
        let known = SECTIONS.iter().flat_map(|section| section.forms).any(|form| {
            let mentions = |text: &str| text.contains(&format!("{word}:"));
            mentions(form.syntax) || mentions(form.meaning) || form.examples.iter().any(|text| mentions(text))
        });
        assert!(known, "{word}:");
    }
}

#[test]
fn the_reference_fits_a_terminal() {
    let text = help();
    for line in text.lines() {
        assert!(crate::text::width(line) <= 80, "{line}");
    }
    for form in SECTIONS.iter().flat_map(|section| section.forms) {
        assert!(text.contains(form.syntax), "{}", form.syntax);
        // the columns stay apart
        assert!(form.syntax.len() < 22, "{}", form.syntax);
    }
}

#[test]
fn the_page_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/query.md");
    let page = markdown();
    if std::env::var_os("KUBESIFT_BLESS").is_some() {
        fs_err::write(path, &page).unwrap();
    }
    let stored = fs_err::read_to_string(path).unwrap();
    assert!(
        stored == page,
        "docs/query.md is not what src/query/reference.rs makes; write it anew with\n  \
         KUBESIFT_BLESS=1 cargo test --lib query::tests::reference"
    );
}
