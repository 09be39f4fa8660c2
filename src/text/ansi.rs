//! Colours in text from outside, made anew from a safe subset: of all escape sequences only SGR is understood, and of
//! that only the sixteen colours, bold and underlined. Nothing of the sequences themselves remains.

use super::sanitise;

/// How a part of a line is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    /// One of the terminal's sixteen colours.
    pub colour: Option<u8>,
    /// Bold.
    pub bold: bool,
    /// Underlined.
    pub underlined: bool,
}

/// A part of a line, painted in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Painted {
    /// The text, sanitised.
    pub text: String,
    /// How.
    pub paint: Paint,
}

/// Parameters of a sequence that are looked at; more of them are not written by anything that only paints.
const MOST_PARAMETERS: usize = 32;

/// The parts of one line. Sequences that are no SGR stay visible as the sanitiser shows them; a tab is four spaces.
pub fn painted(line: &str) -> Vec<Painted> {
    let mut parts: Vec<Painted> = Vec::new();
    let mut paint = Paint::default();
    let mut rest = line;
    while !rest.is_empty() {
        let (plain, after) = match rest.find('\x1b') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        push(&mut parts, plain, paint);
        rest = match sgr(after) {
            Some((parameters, behind)) => {
                paint = changed(paint, parameters);
                behind
            }
            // Not what paints: its first character is shown, the others are text.
            None if !after.is_empty() => {
                push(&mut parts, &after[..1], paint);
                &after[1..]
            }
            None => after,
        };
    }
    parts
}

fn push(parts: &mut Vec<Painted>, text: &str, paint: Paint) {
    if text.is_empty() {
        return;
    }
    let text = text.replace('\t', "    ");
    let text = sanitise(&text);
    match parts.last_mut() {
        Some(last) if last.paint == paint => last.text.push_str(&text),
        Some(_) | None => parts.push(Painted { text: text.into_owned(), paint }),
    }
}

// `ESC [ 1;31 m`: the parameters, and what follows.
fn sgr(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    let behind = body[end..].strip_prefix('m')?;
    Some((&body[..end], behind))
}

fn changed(mut paint: Paint, parameters: &str) -> Paint {
    let mut numbers = parameters.split([';', ':']).take(MOST_PARAMETERS).map(|number| match number {
        "" => 0,
        number => number.parse::<u16>().unwrap_or(u16::MAX),
    });
    while let Some(number) = numbers.next() {
        match number {
            0 => paint = Paint::default(),
            1 => paint.bold = true,
            4 => paint.underlined = true,
            22 => paint.bold = false,
            24 => paint.underlined = false,
            30..=37 => paint.colour = Some((number - 30) as u8),
            90..=97 => paint.colour = Some((number - 90 + 8) as u8),
            39 => paint.colour = None,
            // More colours than sixteen: of the 256 the first sixteen are the same ones.
            38 | 48 => {
                let colour = match numbers.next() {
                    Some(5) => numbers.next(),
                    Some(2) => {
                        numbers.by_ref().take(3).for_each(drop);
                        None
                    }
                    Some(_) | None => None,
                };
                if let (38, Some(colour @ 0..=15)) = (number, colour) {
                    paint.colour = Some(colour as u8);
                }
            }
            _ => {}
        }
    }
    paint
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(line: &str) -> Vec<(String, Paint)> {
        painted(line).into_iter().map(|part| (part.text, part.paint)).collect()
    }

    #[test]
    fn colours_are_made_anew_and_their_sequences_gone() {
        let plain = Paint::default();
        let red = Paint { colour: Some(1), ..plain };
        assert_eq!(
            shown("a \x1b[31mbad\x1b[0m day"),
            [("a ".to_owned(), plain), ("bad".to_owned(), red), (" day".to_owned(), plain)]
        );
        assert_eq!(shown("\x1b[1;92;4mx")[0].1, Paint { colour: Some(10), bold: true, underlined: true });
        assert_eq!(shown("\x1b[38;5;9mx")[0].1.colour, Some(9));
        assert_eq!(shown("\x1b[38;2;1;2;31mx")[0].1.colour, None, "31 was a part of a colour");
        assert_eq!(shown("\x1b[38;5;200mx")[0].1, plain);
        assert_eq!(shown("\x1b[mx\ty"), [("x    y".to_owned(), plain)]);
    }

    #[test]
    fn everything_else_is_text_that_steers_nothing() {
        assert_eq!(shown("\x1b]52;c;aGk=\x07")[0].0, "␛]52;c;aGk=␇");
        assert_eq!(shown("\x1b[2J\x1b[1")[0].0, "␛[2J␛[1");
        assert_eq!(shown("a\x1b")[0].0, "a␛");
        assert_eq!(shown("\u{9b}31m")[0].0, "<U+009B>31m");
    }

    proptest! {
        #[test]
        fn no_line_keeps_anything_that_steers(line in "(\\PC|\x1b\\[|\x1b|[0-9;:m]|\u{202e}|\t|\r){0,40}") {
            for part in painted(&line) {
                prop_assert_eq!(&*sanitise(&part.text), part.text.as_str());
                prop_assert!(part.paint.colour.is_none_or(|colour| colour < 16));
            }
        }
    }
}
