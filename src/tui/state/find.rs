//! Searching inside a view of text.

use std::ops::Range;

use super::Line;

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Find {
    /// What is typed.
    pub(crate) line: Line,
    /// It is being typed: keys go there.
    pub(crate) typing: bool,
    /// Where the view stood when it began: leaving goes back there.
    pub(crate) from: usize,
    /// The row of the match that was gone to last.
    pub(crate) at: Option<usize>,
    /// Which match that is, from 1, and how many there are.
    pub(crate) count: (usize, usize),
}

/// Where a text holds what is searched for; small letters find large ones too.
pub(crate) fn matches(text: &str, needle: &str) -> Vec<Range<usize>> {
    if needle.is_empty() {
        return Vec::new();
    }
    if needle.chars().any(char::is_uppercase) {
        return text.match_indices(needle).map(|(at, found)| at..at + found.len()).collect();
    }
    // Lengths change under some case mappings: only letters that keep theirs are compared without regard to case.
    let folded: String = text.chars().map(folded).collect();
    folded.match_indices(needle).map(|(at, found)| at..at + found.len()).collect()
}

fn folded(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if one.len_utf8() == c.len_utf8() => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_letters_find_large_ones_and_not_the_other_way_round() {
        assert_eq!(matches("Error: an error", "error"), [0..5, 10..15]);
        assert_eq!(matches("Error: an error", "Error").first(), Some(&(0..5)));
        assert_eq!(matches("Grüße GRÜSSE", "grü"), [0..4, 8..12]);
        assert!(matches("x", "").is_empty());
    }

    proptest! {
        #[test]
        fn every_match_is_a_part_of_the_text(text in "[aAİßéÉ 東]{0,20}", needle in "[aiéß]{1,2}") {
            for range in matches(&text, &needle) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
