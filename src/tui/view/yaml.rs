//! An object as YAML: keys in colour, what changed marked, long lines in as many rows as they need.

use std::borrow::Cow;

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::super::state::{Detail, State, matches};
use super::text::{number, wrap};
use crate::cluster::fetch::Manifest;
use crate::text::{sanitise, width};

/// Bytes of one line that are shown.
const LONGEST_LINE: usize = 16 << 10;

/// What stands in the view, one below the other.
enum Entry<'a> {
    /// A line of YAML, and whether the last change made it.
    Text(&'a str, bool),
    Space,
    Note(&'static str),
}

fn entries<'a>(detail: &'a Detail, manifest: &'a Manifest) -> impl Iterator<Item = Entry<'a>> {
    let changed = |nth: usize| detail.live.changed.binary_search(&nth).is_ok();
    let text = manifest.text.lines().enumerate().map(move |(nth, line)| Entry::Text(line, changed(nth)));
    let (note, managed) = match (manifest.managed_fields.is_empty(), detail.managed_fields) {
        (true, _) => (None, ""),
        (false, true) => (Some("managedFields (m hides them)"), manifest.managed_fields.as_str()),
        (false, false) => (Some("managedFields are folded; m shows them"), ""),
    };
    let note = note.into_iter().flat_map(|note| [Entry::Space, Entry::Note(note)]);
    text.chain(note).chain(managed.lines().map(|line| Entry::Text(line, false)))
}

impl Entry<'_> {
    fn height(&self, columns: usize) -> usize {
        match self {
            Self::Text(line, _) if fits(line, columns) => 1,
            Self::Text(line, _) => pieces(line, columns).len(),
            Self::Space | Self::Note(_) => 1,
        }
    }

    fn rows(&self, state: &State, columns: usize) -> Vec<Line<'static>> {
        match self {
            Self::Text(line, changed) => {
                let mut rows = rows(state, line, columns);
                if *changed {
                    rows.iter_mut().for_each(|row| mark(state, row));
                }
                rows
            }
            Self::Space => vec![Line::default()],
            Self::Note(note) => vec![super::fetched::dim(state, note)],
        }
    }
}

/// The rows from one on, so many of them: an object may have tens of thousands, and they are drawn at every key.
pub(super) fn visible(
    state: &State,
    detail: &Detail,
    manifest: &Manifest,
    columns: usize,
    from: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let mut shown = Vec::new();
    let mut row = 0;
    for entry in entries(detail, manifest) {
        let next = row + entry.height(columns);
        if next > from {
            shown.extend(entry.rows(state, columns).into_iter().skip(from.saturating_sub(row)));
        }
        if shown.len() >= height {
            break;
        }
        row = next;
    }
    shown.truncate(height);
    shown
}

/// How many rows there are.
pub(super) fn count(detail: &Detail, manifest: &Manifest, columns: usize) -> usize {
    entries(detail, manifest).map(|entry| entry.height(columns)).sum()
}

/// The rows in which something that is searched for begins.
pub(super) fn holding(detail: &Detail, manifest: &Manifest, columns: usize, needle: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut row = 0;
    for entry in entries(detail, manifest) {
        let text = match &entry {
            Entry::Text(line, _) => sanitise(line),
            Entry::Note(note) => Cow::Borrowed(*note),
            Entry::Space => Cow::Borrowed(""),
        };
        if let Some(first) = matches(&text, needle).first() {
            let within = width(&text[..first.start]) / room(columns);
            found.push(row + within.min(entry.height(columns).saturating_sub(1)));
        }
        row += entry.height(columns);
    }
    found
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

fn rows(state: &State, line: &str, columns: usize) -> Vec<Line<'static>> {
    let pieces = pieces(line, columns).into_iter().enumerate();
    let row = |(nth, piece): (usize, Cow<'_, str>)| match nth {
        0 => coloured(state, &piece),
        _ => Line::from(format!(" {piece}")),
    };
    pieces.map(row).collect()
}

// A margin stands on both sides.
fn room(columns: usize) -> usize {
    columns.saturating_sub(2).max(10)
}

fn fits(line: &str, columns: usize) -> bool {
    line.len() <= room(columns) && line.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

// Nothing is cut away: a token or a script is there to be read.
fn pieces(line: &str, columns: usize) -> Vec<Cow<'_, str>> {
    if fits(line, columns) {
        return vec![Cow::Borrowed(line)];
    }
    let end = line.floor_char_boundary(LONGEST_LINE);
    let mut text = sanitise(&line[..end]).into_owned();
    if end < line.len() {
        text.push_str(&format!("… ({} bytes more)", number((line.len() - end) as u64)));
    }
    wrap(&text, room(columns)).into_iter().map(Cow::Owned).collect()
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

    fn opened(text: &str) -> (Detail, Manifest) {
        let manifest = Manifest {
            text: text.to_owned(),
            managed_fields: "- manager: kubectl".to_owned(),
            ..Manifest::default()
        };
        let mut detail = crate::tui::state::testing::detail();
        detail.managed_fields = true;
        detail.live.changed = vec![1];
        (detail, manifest)
    }

    #[test]
    fn what_is_searched_for_is_found_across_the_end_of_a_row() {
        let (detail, manifest) = opened(&format!("a: b\nkey: {}needle{}", "x".repeat(70), "x".repeat(200)));
        assert_eq!(holding(&detail, &manifest, 80, "needle"), [1]);
        assert_eq!(holding(&detail, &manifest, 80, "kubectl"), [7]);
        assert_eq!(holding(&detail, &manifest, 60, "needle"), [2]);
    }

    proptest! {
        #[test]
        fn lines_begin_where_they_are_said_to_and_what_shows_is_a_part_of_all(
            text in "[a東\u{1b}: \n]{0,80}", columns in 0usize..40, from in 0usize..20, height in 0usize..10,
        ) {
            let state = State::new(0, (80, 24), "");
            let heights: Vec<usize> = starts(&text, columns).windows(2).map(|pair| pair[1] - pair[0]).collect();
            let drawn: Vec<usize> = text.lines().map(|line| rows(&state, line, columns).len()).collect();
            prop_assert_eq!(drawn, heights);
            let (detail, manifest) = opened(&text);
            let all = visible(&state, &detail, &manifest, columns, 0, usize::MAX);
            prop_assert_eq!(all.len(), count(&detail, &manifest, columns));
            let part: Vec<_> = all.into_iter().skip(from).take(height).collect();
            prop_assert_eq!(visible(&state, &detail, &manifest, columns, from, height), part);
        }
    }
}
