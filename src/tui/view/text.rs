//! Strings for the screen: sanitised, cut to their columns, with what matched in its own style.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{sanitise, truncate, width};

/// A string from outside in at most so many columns.
pub(super) fn clean(text: &str, columns: usize) -> String {
    // No character is shorter than a byte, so a few bytes per column are more than can show.
    let end = text.char_indices().nth(columns.saturating_mul(4)).map_or(text.len(), |(at, _)| at);
    truncate(&sanitise(&text[..end]), columns).into_owned()
}

/// The same, cut at its beginning where it is too long.
pub(super) fn ending(text: &str, columns: usize) -> String {
    let text = sanitise(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let starts = text.char_indices().map(|(at, _)| at);
    let end = starts.map(|at| &text[at..]).find(|end| width(end) < columns);
    truncate(&format!("…{}", end.unwrap_or_default()), columns).into_owned()
}

/// A string from outside, padded to exactly so many columns.
pub(super) fn cell(text: &str, columns: usize) -> String {
    let mut cell = clean(text, columns);
    let missing = columns.saturating_sub(width(&cell));
    cell.extend(std::iter::repeat_n(' ', missing));
    cell
}

/// A string from outside with marked parts (bytes of the string), padded to so many columns.
pub(super) fn marked(
    text: &str,
    marks: &[Range<usize>],
    columns: usize,
    style: Style,
    mark: Style,
) -> Vec<Span<'static>> {
    let mut marks: Vec<Range<usize>> =
        marks.iter().filter(|range| text.get((*range).clone()).is_some()).cloned().collect();
    marks.sort_by_key(|range| range.start);
    let mut parts: Vec<(&str, Style)> = Vec::new();
    let mut at = 0;
    for range in marks {
        let start = range.start.max(at);
        if start >= range.end {
            continue;
        }
        parts.push((&text[at..start], style));
        parts.push((&text[start..range.end], style.patch(mark)));
        at = range.end;
    }
    parts.push((&text[at..], style));
    fit(parts, columns, style)
}

fn fit(parts: Vec<(&str, Style)>, columns: usize, style: Style) -> Vec<Span<'static>> {
    let whole: usize = parts.iter().map(|(part, _)| width(&sanitise(part))).sum();
    // The last column is kept for `…` when not all fits.
    let mut room = if whole > columns { columns.saturating_sub(1) } else { columns };
    let mut spans = Vec::new();
    for (part, part_style) in parts.into_iter().filter(|(part, _)| !part.is_empty()) {
        let part = sanitise(part);
        let taken: String = take(&part, room);
        let is_whole = taken.len() == part.len();
        room -= width(&taken).min(room);
        if !taken.is_empty() {
            spans.push(Span::styled(taken, part_style));
        }
        if !is_whole {
            break;
        }
    }
    if whole > columns && columns > 0 {
        spans.push(Span::styled(format!("…{}", " ".repeat(room)), style));
    } else {
        spans.push(Span::styled(" ".repeat(room), style));
    }
    spans
}

// As much of a text as fits, without a mark at its end.
fn take(text: &str, columns: usize) -> String {
    let mut taken = String::new();
    for cluster in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
        if width(&taken) + width(cluster) > columns {
            break;
        }
        taken.push_str(cluster);
    }
    taken
}

/// A text in pieces of at most so many columns.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for cluster in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
        let needed = width(cluster);
        if used + needed > columns && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(cluster);
        }
        used += needed;
    }
    pieces
}

/// A text in lines of at most so many columns that end between words where they can.
pub(super) fn flow(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if width(last) + 1 + width(word) <= columns => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) | None => lines.extend(wrap(word, columns.max(10))),
        }
    }
    lines
}

/// Sanitised parts in as many rows as they need: two spaces between them, or a row of its own.
pub(super) fn paragraph(parts: Vec<(String, Style)>, columns: usize) -> Vec<Line<'static>> {
    const MARGIN: usize = 3;
    let room = columns.saturating_sub(MARGIN + 1).max(10);
    let mut rows: Vec<(usize, Vec<Span<'static>>)> = Vec::new();
    for (text, style) in parts {
        for (nth, piece) in flow(&text, room).into_iter().enumerate() {
            let needed = width(&piece);
            let piece = Span::styled(piece, style);
            match rows.last_mut() {
                Some((used, spans)) if nth == 0 && *used + 2 + needed <= room => {
                    *used += 2 + needed;
                    spans.extend(["  ".into(), piece]);
                }
                Some(_) | None => rows.push((needed, vec![" ".repeat(MARGIN).into(), piece])),
            }
        }
    }
    rows.into_iter().map(|(_, spans)| Line::from(spans)).collect()
}

/// A number with thousands separators.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the largest unit that keeps them readable.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn what_matched_keeps_its_style_when_the_rest_is_cut() {
        let (plain, hit) = (Style::new(), Style::new().bold());
        let spans = marked("checkout-api", &[0..4, 2..5], 8, plain, hit);
        assert_eq!(text(&spans), "checkou…");
        assert_eq!(spans[0].content, "chec");
        assert!(spans[0].style != plain && spans[1].content == "k");
        assert_eq!(text(&marked("a\u{1b}[31mb", std::slice::from_ref(&(1..2)), 8, plain, hit)), "a␛[31mb ");
    }

    #[test]
    fn numbers_and_cut_beginnings_are_readable() {
        assert_eq!([ending("prod", 4), ending("eks/prod", 5), ending("東京", 2)], ["prod", "…prod", "…"]);
        assert_eq!([0, 999, 18_904].map(number), ["0", "999", "18,904"]);
        assert_eq!([999, 2_900_000].map(bytes), ["999 B", "2.9 MB"]);
    }

    proptest! {
        #[test]
        fn any_text_fills_exactly_its_columns(
            text in "\\PC{0,12}|[東👩‍💻e\u{301}\u{202e}\u{1b}]{0,8}", columns in 0usize..20, from in 0usize..9, len in 0usize..9,
        ) {
            prop_assert_eq!(width(&cell(&text, columns)), columns);
            let spans = marked(&text, std::slice::from_ref(&(from..from + len)), columns, Style::new(), Style::new());
            let sum: usize = spans.iter().map(|span| width(&span.content)).sum();
            prop_assert!(sum <= columns, "{sum} {spans:?}");
        }
    }
}
