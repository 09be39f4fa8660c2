//! An object as YAML: keys in colour, what changed marked, long lines in as many rows as they need.

use std::borrow::Cow;
use std::collections::HashSet;

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::super::state::{Detail, State};
use super::text::{number, wrap};
use crate::cluster::fetch::Manifest;
use crate::text::sanitise;

/// Bytes of one line that are shown.
const LONGEST_LINE: usize = 16 << 10;

pub(super) fn lines(
    state: &State,
    detail: &Detail,
    manifest: &Manifest,
    columns: usize,
) -> Vec<Line<'static>> {
    let changed: HashSet<usize> = detail.live.changed.iter().copied().collect();
    let mut lines = Vec::new();
    for (nth, line) in manifest.text.lines().enumerate() {
        let from = lines.len();
        lines.extend(rows(state, line, columns));
        if changed.contains(&nth) {
            lines[from..].iter_mut().for_each(|line| mark(state, line));
        }
    }
    if manifest.managed_fields.is_empty() {
        return lines;
    }
    lines.push(Line::default());
    if detail.managed_fields {
        lines.push(super::fetched::dim(state, "managedFields (m hides them)"));
        lines.extend(manifest.managed_fields.lines().flat_map(|line| rows(state, line, columns)));
    } else {
        lines.push(super::fetched::dim(state, "managedFields are folded; m shows them"));
    }
    lines
}

/// The row in which each line of a text begins; the last number is that of all rows.
pub(in super::super) fn starts(text: &str, columns: usize) -> Vec<usize> {
    let mut starts = vec![0];
    for line in text.lines() {
        let next = starts.last().copied().unwrap_or_default() + pieces(line, columns).len();
        starts.push(next);
    }
    starts
}

fn rows(state: &State, line: &str, columns: usize) -> impl Iterator<Item = Line<'static>> {
    let pieces = pieces(line, columns).into_iter().enumerate();
    pieces.map(move |(nth, piece)| match nth {
        0 => coloured(state, &piece),
        _ => Line::from(format!(" {piece}")),
    })
}

// A margin stands on both sides. Nothing is cut away: a token or a script is there to be read.
fn pieces(line: &str, columns: usize) -> Vec<Cow<'_, str>> {
    let room = columns.saturating_sub(2).max(10);
    if line.len() <= room && line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return vec![Cow::Borrowed(line)];
    }
    let end = line.floor_char_boundary(LONGEST_LINE);
    let mut text = sanitise(&line[..end]).into_owned();
    if end < line.len() {
        text.push_str(&format!("… ({} bytes more)", number((line.len() - end) as u64)));
    }
    wrap(&text, room).into_iter().map(Cow::Owned).collect()
}

// `key:` in the accent colour, as far as a line says so by itself; the rest as it is.
fn coloured(state: &State, text: &str) -> Line<'static> {
    let start = text.len() - text.trim_start_matches([' ', '-']).len();
    let key = text[start..].find(": ").or_else(|| text[start..].strip_suffix(':').map(str::len));
    let plain =
        |at: usize| text[start..start + at].chars().all(|c| c.is_alphanumeric() || "-_./\"'".contains(c));
    match key.filter(|at| plain(*at)) {
        Some(at) => Line::from(vec![
            Span::raw(format!(" {}", &text[..start])),
            Span::styled(text[start..start + at].to_owned(), state.theme.accent()),
            Span::raw(text[start + at..].to_owned()),
        ]),
        None => Line::from(format!(" {text}")),
    }
}

// A line that the last change made: `~` in its margin, and bold.
fn mark(state: &State, line: &mut Line<'static>) {
    let Some(first) = line.spans.first_mut() else { return };
    if let Some(rest) = first.content.strip_prefix(' ') {
        first.content = rest.to_owned().into();
    }
    line.spans.insert(0, Span::styled("~", state.theme.hit()));
    line.spans.iter_mut().for_each(|span| span.style = span.style.add_modifier(Modifier::BOLD));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_lines_take_rows_and_lose_nothing() {
        let text = format!("key: {}\nshort: 1\n\nend: x", "token".repeat(30));
        assert_eq!(starts(&text, 80), [0, 2, 3, 4, 5]);
        assert_eq!(pieces(&text[..155], 80).concat(), text[..155]);
        let endless = "x".repeat(LONGEST_LINE + 1_234);
        let shown = pieces(&endless, 80);
        assert!(shown.last().unwrap().ends_with("… (1,234 bytes more)") && shown.len() < 300);
    }

    proptest! {
        #[test]
        fn lines_begin_where_they_are_said_to(text in "[a東\u{1b}: \n]{0,80}", columns in 0usize..40) {
            let state = State::new(0, (80, 24), "");
            let starts = starts(&text, columns);
            let drawn = text.lines().map(|line| rows(&state, line, columns).count());
            let heights: Vec<usize> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            prop_assert_eq!(drawn.collect::<Vec<_>>(), heights);
        }
    }
}
