//! Columns of a terminal.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many terminal columns a (sanitised) text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns` columns; what is cut ends in `…`. Never splits a character, and a wide one that
/// would stick out by half goes.
pub fn truncate(text: &str, columns: usize) -> Cow<'_, str> {
    // No character is wider than 2 columns and none is shorter than a byte.
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut used = 0;
    let fits = |c: char| {
        used += c.width().unwrap_or(1);
        used <= room
    };
    let mut end = text.len() - text.trim_start_matches(fits).len();
    // Sequences (a variation selector after a heart) can be wider than the sum of their characters.
    while width(&text[..end]) > room {
        end = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_counted_as_terminals_do() {
        for (text, columns) in [("", 0), ("web", 3), ("東京", 4), ("e\u{301}", 1), ("❤\u{fe0f}", 2)] {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis_and_fits() {
        assert_eq!(truncate("checkout", 8), "checkout");
        assert_eq!(truncate("checkout", 7), "checko…");
        assert_eq!(truncate("checkout", 1), "…");
        assert_eq!(truncate("checkout", 0), "");
        assert_eq!(truncate("東京都", 5), "東京…");
        assert_eq!(truncate("東京都", 4), "東…");
        assert_eq!(truncate("東京", 4), "東京");
    }

    proptest! {
        #[test]
        fn any_text_fits_any_width(text in any::<String>(), hearts in "[❤\u{fe0f}\u{200d}👩東a]{0,9}", columns in 0usize..30) {
            let text = text + &hearts;
            let cut = truncate(&text, columns);
            prop_assert!(width(&cut) <= columns || cut == text);
            prop_assert!(width(&cut) <= columns, "{:?} {}", cut, width(&cut));
        }
    }
}
