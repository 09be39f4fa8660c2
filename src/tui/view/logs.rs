//! The log of a container: as many of its lines as show.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::state::{LogLine, Logs, State};
use super::super::theme::Theme;
use super::text::{clean, number, paragraph};
use crate::cluster::fetch::Fate;
use crate::text::{Paint, sanitise, width};

/// About the log: which, and whether more comes.
pub(super) fn about(state: &State, logs: &Logs, columns: usize) -> Vec<Line<'static>> {
    let theme = state.theme;
    if let Some(Err(why)) = &logs.ended {
        return paragraph(vec![(sanitise(why).into_owned(), theme.bad())], columns);
    }
    if logs.container.is_empty() {
        return vec![Line::from(Span::styled("   asking the cluster; esc goes back", theme.dim()))];
    }
    let which = logs.containers.iter().position(|name| *name == logs.container);
    let mut text = format!("   container {}", clean(&logs.container, 40));
    if let Some(nth) = which.filter(|_| logs.containers.len() > 1) {
        text.push_str(&format!(" ({} of {})", nth + 1, logs.containers.len()));
    }
    if logs.previous {
        text.push_str(", before its last restart");
    }
    let state_now = match (&logs.ended, logs.follows) {
        (Some(Ok(Fate::Gone)), _) => "ended: the Pod is gone",
        (Some(Ok(Fate::Deleting)), _) => "ended: the Pod is being deleted",
        (Some(_), _) if logs.lines().next().is_none() => "ended: nothing was written",
        (Some(_), _) => "ended",
        (None, true) => "following",
        (None, false) => "f follows again",
    };
    text.push_str(&format!("  {} lines", number(logs.lines().count() as u64)));
    if logs.dropped > 0 {
        text.push_str(&format!(" (and {} before them)", number(logs.dropped)));
    }
    text.push_str(&format!("  {state_now}"));
    vec![Line::from(Span::styled(clean(&text, columns), theme.dim()))]
}

/// The rows from `scroll` on, so many of them: a long line takes several.
pub(super) fn rows(
    state: &State,
    logs: &Logs,
    columns: usize,
    scroll: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let mut rows = Vec::with_capacity(height);
    let mut before = 0;
    for line in logs.lines() {
        let own = line.rows(columns);
        if before + own > scroll {
            let skipped = scroll.saturating_sub(before);
            rows.extend(wrapped(state.theme, line, columns).into_iter().skip(skipped));
        }
        before += own;
        if rows.len() >= height {
            break;
        }
    }
    rows.truncate(height);
    rows
}

fn wrapped(theme: Theme, line: &LogLine, columns: usize) -> Vec<Line<'static>> {
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for part in &line.parts {
        let style = style(theme, part.paint);
        let mut piece = String::new();
        for cluster in unicode_segmentation::UnicodeSegmentation::graphemes(part.text.as_str(), true) {
            let needed = width(cluster);
            if used + needed > columns && used > 0 {
                if let Some(row) = rows.last_mut() {
                    row.push(Span::styled(std::mem::take(&mut piece), style));
                }
                rows.push(Vec::new());
                used = 0;
            }
            piece.push_str(cluster);
            used += needed;
        }
        if let Some(row) = rows.last_mut().filter(|_| !piece.is_empty()) {
            row.push(Span::styled(piece, style));
        }
    }
    rows.into_iter().map(Line::from).collect()
}

// The terminal's own sixteen colours; none where none are wanted.
fn style(theme: Theme, paint: Paint) -> Style {
    const COLOURS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    let mut style = Style::new();
    if let Some(colour) = paint.colour.filter(|_| theme != Theme::Plain) {
        // What a program writes in the colour of the background would be hidden: that takes the default colour.
        let hidden = match theme {
            Theme::Dark => colour == 0,
            Theme::Light => matches!(colour, 7 | 15),
            Theme::Plain => true,
        };
        style = if hidden { style } else { style.fg(COLOURS[usize::from(colour).min(15)]) };
    }
    if paint.bold {
        style = style.add_modifier(Modifier::BOLD);
    }
    if paint.underlined {
        style = style.add_modifier(Modifier::UNDERLINED);
    }
    style
}
