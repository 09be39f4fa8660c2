//! Where things are on the screen: computed from the state alone, for drawing, scrolling and the mouse.

use ratatui::layout::Rect;

use super::state::{Content, Overlay, State};

/// From this many columns on, the preview stands beside the list instead of below it.
const WIDE: u16 = 120;
/// Rows of the preview below the list, its rule included.
const PREVIEW_ROWS: u16 = 7;
/// Lines above a log.
pub(super) const LOG_HEAD: usize = 2;
/// Columns of the facets panel.
const FACETS: u16 = 26;

/// The parts of the screen. What there is no room for is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Areas {
    /// Context, state, coverage.
    pub(super) top: Rect,
    /// The query.
    pub(super) query: Rect,
    /// Below the query: a rule, an error, completions.
    pub(super) below: Rect,
    /// Everything between that and the hints.
    pub(super) body: Rect,
    /// The facets panel.
    pub(super) facets: Rect,
    /// The head of the table.
    pub(super) head: Rect,
    /// The lines of the list.
    pub(super) list: Rect,
    /// The preview.
    pub(super) preview: Rect,
    /// Keys.
    pub(super) hints: Rect,
}

/// What lies under the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The query line.
    Query,
    /// The head of the table.
    Head,
    /// A line of the list.
    Line(usize),
    /// A line of the facets panel.
    Facet(usize),
}

/// The parts of the screen.
pub(super) fn areas(state: &State) -> Areas {
    let (columns, rows) = state.size;
    let line = |y: u16| if y < rows { Rect::new(0, y, columns, 1) } else { Rect::default() };
    let mut areas = Areas { top: line(0), query: line(1), below: line(2), ..Areas::default() };
    if rows < 5 {
        return areas;
    }
    areas.hints = line(rows - 1);
    areas.body = Rect::new(0, 3, columns, rows - 4);
    let mut rest = areas.body;
    if state.facets && columns >= FACETS + 30 {
        areas.facets = Rect { width: FACETS, ..rest };
        rest = Rect { x: FACETS, width: columns - FACETS, ..rest };
    } else if state.facets {
        areas.facets = rest;
        rest = Rect::default();
    }
    // Kinds have nothing to preview.
    let preview = state.preview && !matches!(state.results.content, Content::Kinds(_));
    if preview && columns >= WIDE && rest.height >= 4 {
        let width = columns * 2 / 5;
        areas.preview = Rect { x: columns - width, width, ..rest };
        rest.width = rest.width.saturating_sub(width);
    } else if preview && rest.height >= PREVIEW_ROWS + 5 {
        areas.preview = Rect { y: rest.y + rest.height - PREVIEW_ROWS, height: PREVIEW_ROWS, ..rest };
        rest.height -= PREVIEW_ROWS;
    }
    areas.head = Rect { height: rest.height.min(1), ..rest };
    areas.list = Rect { y: rest.y + 1, height: rest.height.saturating_sub(1), ..rest };
    areas
}

/// Lines of the list that show.
pub(super) fn rows(state: &State) -> usize {
    usize::from(areas(state).list.height)
}

/// Lines of a view that lies over the list; a picker's line of input and what stands above a log are not among them.
pub(super) fn overlay_rows(state: &State) -> usize {
    let input = match state.overlays.last() {
        Some(Overlay::Picker(_)) => 1,
        // Above a log stands which it is.
        Some(Overlay::Detail(detail)) if detail.logs.is_some() => LOG_HEAD,
        Some(Overlay::Detail(_) | Overlay::Help(_) | Overlay::Coverage(_)) | None => 0,
    };
    usize::from(areas(state).body.height).saturating_sub(input)
}

/// The first line of the facets panel that shows, so that the selected one does.
pub(super) fn facet_offset(state: &State, height: usize) -> usize {
    (state.facet + 1).saturating_sub(height.max(1))
}

/// What lies at a place.
pub(super) fn at(state: &State, x: u16, y: u16) -> Option<Target> {
    let areas = areas(state);
    let place = ratatui::layout::Position { x, y };
    if areas.query.contains(place) {
        return Some(Target::Query);
    }
    if !state.overlays.is_empty() {
        return None;
    }
    if areas.head.contains(place) {
        return Some(Target::Head);
    }
    if areas.list.contains(place) {
        let nth = state.offset + usize::from(y - areas.list.y);
        return (nth < state.results.items.len()).then_some(Target::Line(nth));
    }
    if areas.facets.contains(place) {
        let offset = facet_offset(state, usize::from(areas.facets.height));
        let nth = offset + usize::from(y - areas.facets.y);
        return (nth < state.results.facets.len()).then_some(Target::Facet(nth));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_leaves_the_screen_and_none_lies_over_another() {
        for columns in [0, 1, 20, 39, 40, 80, 119, 120, 200, 500] {
            for rows in [0, 1, 3, 4, 5, 9, 10, 16, 24, 50] {
                for (facets, preview) in [(false, false), (false, true), (true, false), (true, true)] {
                    let mut state = State::new(0, (columns, rows), "");
                    (state.facets, state.preview) = (facets, preview);
                    let areas = areas(&state);
                    let screen = Rect::new(0, 0, columns, rows);
                    let parts = [
                        areas.top,
                        areas.query,
                        areas.below,
                        areas.facets,
                        areas.head,
                        areas.list,
                        areas.preview,
                        areas.hints,
                    ];
                    for (nth, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
                        assert_eq!(part.intersection(screen), *part, "{columns}x{rows}");
                        for other in &parts[nth + 1..] {
                            assert!(part.intersection(*other).is_empty(), "{columns}x{rows}: {part} {other}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn forty_by_ten_has_room_for_rows() {
        assert!(rows(&State::new(0, (40, 10), "")) >= 5);
        assert!(rows(&State::new(0, (80, 24), "")) >= 12);
    }
}
