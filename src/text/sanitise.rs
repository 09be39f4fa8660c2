//! The one sanitiser for strings from outside: names, labels, annotations, server messages, queries, history.

use std::borrow::Cow;

/// Makes every character that could steer a terminal or hide text visible, on one line.
///
/// Control characters become their Unicode pictures (`\x1b` is `␛`, a newline `⏎`), everything else that is
/// invisible by design (C1 controls, bidirectional controls, zero-width and other format characters, line and
/// paragraph separators, tags) becomes `<U+202E>`. Borrowed when there is nothing to do; idempotent.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    marked(text, false)
}

/// [`sanitise`] for text that is shown on several lines: `\n` stays (a `\r` before it is dropped).
pub fn sanitise_lines(text: &str) -> Cow<'_, str> {
    marked(text, true)
}

fn marked(text: &str, lines: bool) -> Cow<'_, str> {
    let plain = |c: char| !is_hidden(c) || (lines && c == '\n');
    // Nearly every string is printable ASCII: one pass over its bytes is all it costs.
    if text.bytes().all(|b| (b' '..=b'~').contains(&b)) || text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if lines && c == '\r' && chars.peek() == Some(&'\n') {
            continue;
        }
        if plain(c) { out.push(c) } else { push_mark(&mut out, c) }
    }
    Cow::Owned(out)
}

fn push_mark(out: &mut String, c: char) {
    match c {
        '\n' => out.push('⏎'),
        '\x7f' => out.push('␡'),
        // U+2400..=U+241F are the pictures of the 32 C0 controls, in their order.
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        _ => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
    }
}

/// Whether a character steers the terminal or is invisible by design: Unicode's Cc, Cf, Zl and Zp and what it calls
/// default-ignorable, save the two emoji variation selectors. A test compares this list with Unicode's tables.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(u32::from(c),
        0..=0x1f | 0x7f..=0x9f                      // C0, DEL, C1
        | 0xad | 0x34f                              // soft hyphen, combining grapheme joiner
        | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f     // Arabic number signs and letter mark, Syriac abbreviation
        | 0x890 | 0x891 | 0x8e2
        | 0x115f | 0x1160 | 0x17b4 | 0x17b5         // fillers
        | 0x180b..=0x180f                           // Mongolian selectors and vowel separator
        | 0x200b..=0x200f | 0x2028..=0x202e         // zero width, marks, separators, embeddings and overrides
        | 0x2060..=0x206f                           // word joiner, isolates
        | 0x3164 | 0xffa0                           // Hangul fillers
        | 0xfe00..=0xfe0d | 0xfeff                  // variation selectors but the two of emoji; byte order mark
        | 0xfff0..=0xfffb                           // interlinear annotation
        | 0x110bd | 0x110cd | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
        | 0xe0000..=0xe0fff                         // tags and variation selectors: can smuggle whole texts
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_borrowed() {
        for text in ["", "checkout-7d9f8c6b5d-x2x4z", "grüße 東京 ❤\u{fe0f} e\u{301}"] {
            assert!(matches!(sanitise(text), Cow::Borrowed(_)), "{text}");
        }
        assert!(matches!(sanitise_lines("a\nb"), Cow::Borrowed(_)));
    }

    #[test]
    fn terminal_sequences_become_visible() {
        assert_eq!(sanitise("\x1b[31mred\x1b[0m"), "␛[31mred␛[0m");
        assert_eq!(sanitise("\x1b]52;c;YQ==\x07"), "␛]52;c;YQ==␇");
        assert_eq!(sanitise("\u{9b}2J\u{90}q\u{9c}"), "<U+009B>2J<U+0090>q<U+009C>");
        assert_eq!(sanitise("a\0b\tc\rd\ne\x7f"), "a␀b␉c␍d⏎e␡");
    }

    #[test]
    fn hidden_and_reordering_characters_become_visible() {
        assert_eq!(sanitise("evil\u{202e}gpj.exe"), "evil<U+202E>gpj.exe");
        assert_eq!(sanitise("a\u{200b}b\u{2066}c\u{2028}d\u{feff}"), "a<U+200B>b<U+2066>c<U+2028>d<U+FEFF>");
        assert_eq!(sanitise("\u{e0041}\u{ad}"), "<U+E0041><U+00AD>");
    }

    #[test]
    fn lines_keep_their_newlines_only() {
        assert_eq!(sanitise_lines("a\r\nb\rc\n\x1bd"), "a\nb␍c\n␛d");
        assert_eq!(sanitise_lines("a\r\nb"), "a\nb");
    }

    #[test]
    fn the_list_is_unicodes_list() {
        let class = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}--[\x{FE0E}\x{FE0F}]]";
        let unicode = regex::Regex::new(class).unwrap();
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            assert_eq!(is_hidden(c), unicode.is_match(c.encode_utf8(&mut [0; 4])), "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_twice_is_once(text in any::<String>(), noise in "[\u{1}-\u{a0}\u{2000}-\u{2070}\u{1b}\n]{0,20}") {
            let text = text + &noise;
            let once = sanitise(&text);
            prop_assert!(!once.chars().any(is_hidden));
            prop_assert_eq!(sanitise(&once), once.as_ref());
            let lines = sanitise_lines(&text);
            prop_assert!(!lines.chars().any(|c| c != '\n' && is_hidden(c)));
            prop_assert_eq!(sanitise_lines(&lines), lines.as_ref());
        }
    }
}
