//! Case folding and boundaries: the same for what is indexed and what is looked for.

use super::CASE;

/// Lower case, one character for one character (so that positions agree). NUL separates terms and [`CASE`] ends their
/// text: both are replaced.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return if c <= CASE { '\u{fffd}' } else { c.to_ascii_lowercase() };
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// [`fold_char`] over a text.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// Whether a boundary lies between two neighbouring characters: beside anything that is no letter or digit, and
/// where camelCase turns (`web|App`, `HTTP|Server`). `next` is the character after `right`.
pub fn boundary(left: char, right: char, next: Option<char>) -> bool {
    if !left.is_alphanumeric() || !right.is_alphanumeric() {
        return true;
    }
    right.is_uppercase() && (!left.is_uppercase() || next.is_some_and(char::is_lowercase))
}

/// Whether folding makes nothing but lower case of a text, byte by byte.
pub fn is_plain(text: &[u8]) -> bool {
    // one pass without a way out early is vectorised
    text.is_ascii() && text.iter().fold(true, |plain, byte| plain & (*byte > CASE as u8))
}

/// [`boundary`] before byte `at` of a text that [`is_plain`], and at both of its ends.
pub fn plain_boundary(text: &[u8], at: usize) -> bool {
    match (at.checked_sub(1).and_then(|left| text.get(left)), text.get(at)) {
        (Some(left), Some(right)) => {
            let turns =
                |next: Option<&u8>| !left.is_ascii_uppercase() || next.is_some_and(u8::is_ascii_lowercase);
            !left.is_ascii_alphanumeric()
                || !right.is_ascii_alphanumeric()
                || right.is_ascii_uppercase() && turns(text.get(at + 1))
        }
        _ => true,
    }
}

/// A text folded, with the place of each character and the boundaries. Reused to save allocations.
#[derive(Debug, Default)]
pub struct Folded {
    /// The folded text.
    pub text: String,
    /// Byte offset of each character in `text`, and its length at the end.
    pub offsets: Vec<usize>,
    /// Whether a boundary lies before each character, and `true` at the end.
    pub boundaries: Vec<bool>,
    /// Whether each character is a letter or digit.
    pub alphanumeric: Vec<bool>,
    /// The characters that folding changed, in order: the capitals.
    pub capitals: Vec<usize>,
}

impl Folded {
    /// Folds `text`.
    pub fn set(&mut self, text: &str) {
        self.text.clear();
        self.offsets.clear();
        self.boundaries.clear();
        self.alphanumeric.clear();
        self.capitals.clear();
        if is_plain(text.as_bytes()) {
            self.set_plain(text)
        } else {
            self.set_chars(text)
        }
        self.offsets.push(self.text.len());
        self.boundaries.push(true);
    }

    /// Nearly every text: one byte is one character, and lower case is all that folding does.
    fn set_plain(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.make_ascii_lowercase();
        let bytes = text.as_bytes();
        self.offsets.extend(0..bytes.len());
        self.alphanumeric.extend(bytes.iter().map(u8::is_ascii_alphanumeric));
        self.boundaries.extend((0..bytes.len()).map(|at| plain_boundary(bytes, at)));
        let capitals = bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        self.capitals.extend(capitals.map(|(at, _)| at));
    }

    fn set_chars(&mut self, text: &str) {
        let mut left = None;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            self.offsets.push(self.text.len());
            let folded = fold_char(c);
            if folded != c {
                self.capitals.push(self.alphanumeric.len());
            }
            self.text.push(folded);
            self.alphanumeric.push(c.is_alphanumeric());
            self.boundaries.push(left.is_none_or(|left| boundary(left, c, rest.clone().next())));
            left = Some(c);
        }
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.alphanumeric.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.alphanumeric.is_empty()
    }

    /// Whether a token starts at character `i`: the value's start, and every letter or digit after a boundary.
    pub fn token_start(&self, i: usize) -> bool {
        i == 0 || (self.boundaries[i] && self.alphanumeric[i])
    }

    /// Whether a phrase may end before character `i`: the value's end, or beside what is no letter or digit.
    pub fn phrase_end(&self, i: usize) -> bool {
        i == self.len() || !self.alphanumeric[i] || i > 0 && !self.alphanumeric[i - 1]
    }

    /// Calls `each` with the start and end of every segment: the runs of letters and digits between boundaries.
    pub fn segments(&self, mut each: impl FnMut(usize, usize)) {
        for from in (0..self.len()).filter(|i| self.boundaries[*i] && self.alphanumeric[*i]) {
            let end = (from + 1..=self.len()).find(|i| self.boundaries[*i]).unwrap_or(self.len());
            each(from, end);
        }
    }

    /// The folded characters `from..to`.
    pub fn slice(&self, from: usize, to: usize) -> &str {
        &self.text[self.offsets[from]..self.offsets[to]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boundaries(text: &str) -> String {
        let mut folded = Folded::default();
        folded.set(text);
        let chars: Vec<char> = text.chars().collect();
        (0..chars.len())
            .map(
                |i| {
                    if i > 0 && folded.boundaries[i] {
                        format!("|{}", chars[i])
                    } else {
                        chars[i].to_string()
                    }
                },
            )
            .collect()
    }

    #[test]
    fn camel_case_and_punctuation_make_boundaries() {
        assert_eq!(boundaries("webApp"), "web|App");
        assert_eq!(boundaries("HTTPServer"), "HTTP|Server");
        assert_eq!(boundaries("ab-c2"), "ab|-|c2");
        assert_eq!(boundaries("system:node"), "system|:|node");
        assert_eq!(boundaries("v1Beta"), "v1|Beta");
    }

    #[test]
    fn plain_texts_are_folded_like_all_others() {
        for text in ["", "webApp", "HTTPServer-x", "a.B/c:D", "kube-root-ca.crt", "V1Beta1X", "\u{7f} aB"] {
            let (mut plain, mut chars) = (Folded::default(), Folded::default());
            plain.set(text);
            chars.set_chars(text);
            chars.offsets.push(chars.text.len());
            chars.boundaries.push(true);
            assert_eq!(format!("{plain:?}"), format!("{chars:?}"));
        }
        assert!(!is_plain("ä".as_bytes()) && !is_plain(b"a\x01") && !is_plain(b"\0"));
    }

    #[test]
    fn folding_keeps_the_number_of_characters() {
        for text in ["İstanbul", "STRASSE", "ẞharp", "Ωmega", "a\0b"] {
            assert_eq!(fold(text).chars().count(), text.chars().count());
            assert_eq!(fold(&fold(text)), fold(text));
        }
    }
}
