//! A line of text with a cursor.

use unicode_segmentation::UnicodeSegmentation;

/// Longest text that can be typed or pasted, in bytes; longer queries are refused by the language anyway.
const LONGEST: usize = 4096;

/// One line of text being edited. The cursor stands between grapheme clusters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    text: String,
    cursor: usize,
}

impl Line {
    /// The text, cursor at its end.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let mut line = Self::default();
        line.insert(&text.into());
        line
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor stands, in bytes.
    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether it is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Replaces all of it, cursor at the end.
    pub(crate) fn set(&mut self, text: &str) {
        self.text.clear();
        self.cursor = 0;
        self.insert(text);
    }

    /// Replaces all of it; the cursor stays as far from the end as it was.
    pub(crate) fn reword(&mut self, text: &str) {
        let behind = self.text.len() - self.cursor;
        self.set(text);
        self.cursor = self.text.floor_char_boundary(self.text.len().saturating_sub(behind));
    }

    /// Types or pastes text. Line breaks become spaces; what can't be seen is left out.
    pub(crate) fn insert(&mut self, text: &str) {
        let clean: String = text
            .chars()
            .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
            .filter(|c| crate::text::sanitise(c.encode_utf8(&mut [0; 4])).chars().eq([*c]))
            .collect();
        let room = LONGEST.saturating_sub(self.text.len());
        let end = clean.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room).last();
        let clean = &clean[..end.unwrap_or_default()];
        self.text.insert_str(self.cursor, clean);
        self.cursor += clean.len();
    }

    /// Replaces a part, cursor behind it.
    pub(crate) fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        if self.text.get(range.clone()).is_none() {
            return;
        }
        self.text.replace_range(range.clone(), "");
        self.cursor = range.start;
        self.insert(with);
    }

    /// Cursor to the start.
    pub(crate) fn start(&mut self) {
        self.cursor = 0;
    }

    /// Cursor to the end.
    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Cursor one cluster to the left.
    pub(crate) fn left(&mut self) {
        self.cursor = self.before();
    }

    /// Cursor one cluster to the right.
    pub(crate) fn right(&mut self) {
        self.cursor = self.after();
    }

    /// Cursor to the start of this or the previous word.
    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    /// Cursor behind the end of this or the next word.
    pub(crate) fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let spaces = rest.len() - rest.trim_start().len();
        let word = rest[spaces..].find(char::is_whitespace).unwrap_or(rest.len() - spaces);
        self.cursor += spaces + word;
    }

    /// Deletes the cluster before the cursor.
    pub(crate) fn backspace(&mut self) {
        self.cut(self.before());
    }

    /// Deletes the cluster under the cursor.
    pub(crate) fn delete(&mut self) {
        let after = self.after();
        self.text.replace_range(self.cursor..after, "");
    }

    /// Deletes back to the start of the word.
    pub(crate) fn delete_word(&mut self) {
        self.cut(self.word_start());
    }

    /// Deletes back to the start of the line.
    pub(crate) fn delete_to_start(&mut self) {
        self.cut(0);
    }

    /// Deletes up to the end of the line.
    pub(crate) fn delete_to_end(&mut self) {
        self.text.truncate(self.cursor);
    }

    fn cut(&mut self, from: usize) {
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_clusters_are_edited_whole() {
        let mut line = Line::new("kind:pod e\u{301}té");
        line.delete_word();
        assert_eq!(line.text(), "kind:pod ");
        line.insert("👩‍💻");
        assert_eq!(line.text(), "kind:pod 👩💻", "a zero-width joiner can't be seen");
        line.backspace();
        line.word_left();
        assert_eq!(line.cursor(), 9);
        line.word_left();
        assert_eq!(line.cursor(), 0);
        line.word_right();
        assert_eq!(line.cursor(), 8);
        line.delete_to_start();
        assert_eq!(line.text(), " 👩");
    }

    #[test]
    fn a_paste_is_one_visible_line() {
        let mut line = Line::default();
        line.insert("web\napi\u{1b}[31m\u{202e}x");
        assert_eq!(line.text(), "web api[31mx");
        line.insert(&"x".repeat(9000));
        assert_eq!(line.text().len(), LONGEST);
    }

    proptest! {
        #[test]
        fn no_sequence_of_edits_leaves_a_boundary(ops in proptest::collection::vec((0u8..12, "\\PC{0,3}"), 0..60)) {
            let mut line = Line::default();
            for (op, text) in ops {
                match op {
                    0 => line.left(),
                    1 => line.right(),
                    2 => line.word_left(),
                    3 => line.word_right(),
                    4 => line.backspace(),
                    5 => line.delete(),
                    6 => line.delete_word(),
                    7 => line.start(),
                    8 => line.replace(0..line.text().len().min(2), &text),
                    9 => line.end(),
                    _ => line.insert(&text),
                }
                prop_assert!(line.text().is_char_boundary(line.cursor()));
            }
        }
    }
}
