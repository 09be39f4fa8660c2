//! The status column: what the server said last of what shows, dim and with its age when that is a while ago.

use std::collections::BTreeMap;

use ratatui::style::Style;
use ratatui::text::Span;

use super::super::state::{Heard, Item, Row, State};
use super::text::{cell, clean};
use crate::text::{age, width};

/// What is said of a line.
struct Said {
    text: String,
    alarming: bool,
    /// Seconds since it was said, where that is too long ago to be the present.
    old: Option<i64>,
}

/// The cell of a line, of exactly so many columns.
pub(super) fn spans(state: &State, item: &Item, columns: usize) -> Vec<Span<'static>> {
    let Some(said) = said(state, item) else { return vec![" ".repeat(columns).into()] };
    let tail = said.tail();
    let text = clean(&said.text, columns.saturating_sub(width(&tail)));
    let style = match (said.old.is_some(), said.alarming) {
        (true, _) => state.theme.dim(),
        (false, true) => state.theme.bad(),
        (false, false) => Style::new(),
    };
    vec![Span::styled(cell(&format!("{text}{tail}"), columns), style)]
}

/// The columns that the cell of a line would take.
pub(super) fn columns(state: &State, item: &Item) -> usize {
    said(state, item).map(|said| width(&said.text) + width(&said.tail())).unwrap_or_default()
}

fn said(state: &State, item: &Item) -> Option<Said> {
    match item {
        Item::Row(nth) | Item::Member(nth) => {
            state.results.content.rows().get(*nth).and_then(|row| of(state, row))
        }
        Item::Group { rows, open: false } => of_group(state, rows),
        Item::Kind(_) | Item::Group { .. } => None,
    }
}

impl Said {
    // What is behind the text, and never cut.
    fn tail(&self) -> String {
        match (self.old, self.alarming) {
            (Some(seconds), true) => format!(" ! {}", age(seconds)),
            (Some(seconds), false) => format!(" {}", age(seconds)),
            (None, true) => " !".to_owned(),
            (None, false) => String::new(),
        }
    }
}

/// What was said of one object, as the preview shows it.
pub(super) fn line(state: &State, row: &Row) -> Option<(String, Style)> {
    let said = of(state, row).filter(|said| !said.text.is_empty())?;
    let style = match (said.old.is_some(), said.alarming) {
        (true, _) => state.theme.dim(),
        (false, true) => state.theme.bad(),
        (false, false) => Style::new(),
    };
    let text = match said.old {
        Some(seconds) => format!("{}  ({} ago)", said.text, age(seconds)),
        None => said.text,
    };
    Some((text, style))
}

fn of(state: &State, row: &Row) -> Option<Said> {
    let uid = &row.document.local.uid;
    let heard = state.statuses.of(uid)?;
    Some(match &heard.said {
        Some(reported) => {
            Said { text: reported.text.clone(), alarming: reported.alarming, old: old(state, uid, heard) }
        }
        None if state.statuses.is_mute(row.kind.group(), row.kind.plural()) => {
            Said { text: String::new(), alarming: false, old: None }
        }
        None => Said { text: "?".to_owned(), alarming: false, old: None },
    })
    .filter(|said| !said.text.is_empty())
}

fn old(state: &State, uid: &str, heard: &Heard) -> Option<i64> {
    let fresh = state.statuses.is_fresh(uid, state.now_ms);
    (!fresh).then(|| (state.now_ms - heard.at_ms).max(0) / 1000)
}

// `1 CrashLoopBackOff, 11 Running`: what needs a person first.
fn of_group(state: &State, members: &[usize]) -> Option<Said> {
    let rows = state.results.content.rows();
    let mut counts: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    let mut oldest = None;
    for row in members.iter().filter_map(|nth| rows.get(*nth)) {
        let uid = &row.document.local.uid;
        let Some(heard) = state.statuses.of(uid) else { continue };
        let Some(reported) = heard.said.as_ref().filter(|reported| !reported.word.is_empty()) else {
            continue;
        };
        *counts.entry((!reported.alarming, &reported.word)).or_default() += 1;
        oldest = oldest.max(old(state, uid, heard));
    }
    if counts.is_empty() {
        return None;
    }
    let alarming = counts.keys().any(|(calm, _)| !calm);
    let parts: Vec<String> = counts.iter().map(|((_, word), count)| format!("{count} {word}")).collect();
    Some(Said { text: parts.join(", "), alarming, old: oldest })
}
