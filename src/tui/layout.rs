//! Where things are on the screen: computed from the state alone, for drawing, scrolling and the mouse.

use ratatui::layout::Rect;

use super::state::{Content, Overlay, State};
use super::view;

/// From this many columns on, the preview stands beside the list instead of below it.
const WIDE: u16 = 120;
/// Rows of a preview below the list that says anything, its rule included.
const PREVIEW_ROWS: u16 = 4;
/// Columns of the facets panel, its rule included, and the same where there is much room.
const FACETS: (u16, u16) = (24, 34);

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

/// A line of the facets panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FacetLine {
    /// Between two fields.
    Space,
    /// The name of a field, above its first value: that of this facet.
    Heading(usize),
    /// A facet.
    Value(usize),
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
    let facets = if columns >= WIDE { FACETS.1 } else { FACETS.0 };
    if state.facets && columns >= facets + 30 {
        areas.facets = Rect { width: facets, ..rest };
        rest = Rect { x: facets, width: columns - facets, ..rest };
    } else if state.facets {
        areas.facets = rest;
        rest = Rect::default();
    }
    // Only objects have something to preview.
    let preview = state.preview && matches!(&state.results.content, Content::Rows(rows) if !rows.is_empty());
    let below = preview_rows(rest.height);
    if preview && columns >= WIDE && rest.height >= 4 {
        // Wide columns take some of it.
        let width = columns * if state.wide { 3 } else { 4 } / 10;
        areas.preview = Rect { x: columns - width, width, ..rest };
        // A column stays free before the rule of the preview.
        rest.width = rest.width.saturating_sub(width + 1);
    } else if preview && below > 0 {
        areas.preview = Rect { y: rest.y + rest.height - below, height: below, ..rest };
        rest.height -= below;
    }
    areas.head = Rect { height: rest.height.min(1), ..rest };
    areas.list = Rect { y: rest.y + 1, height: rest.height.saturating_sub(1), ..rest };
    areas
}

// Rows of a preview below a list, of so many rows for both. The list comes first.
fn preview_rows(rows: u16) -> u16 {
    let rows = (rows / 4).min(10);
    if rows < PREVIEW_ROWS { 0 } else { rows }
}

/// Lines of the list that show.
pub(super) fn rows(state: &State) -> usize {
    usize::from(areas(state).list.height)
}

/// Lines of a view that lies over the list; a picker's line of input and the head of details are not among them.
pub(super) fn overlay_rows(state: &State) -> usize {
    let input = match state.overlays.last() {
        Some(Overlay::Picker(_)) => 1,
        Some(Overlay::Detail(detail)) => view::head_rows(state, detail),
        Some(Overlay::Help(_) | Overlay::Coverage(_)) | None => 0,
    };
    usize::from(areas(state).body.height).saturating_sub(input)
}

/// The lines of the facets panel that show: the selected one does.
pub(super) fn facet_lines(state: &State, height: usize) -> Vec<FacetLine> {
    let facets = &state.results.facets;
    let mut lines = Vec::new();
    for (nth, facet) in facets.iter().enumerate() {
        let before = nth.checked_sub(1).map(|before| &facets[before].field);
        if before != Some(&facet.field) {
            lines.extend(before.map(|_| FacetLine::Space));
            lines.push(FacetLine::Heading(nth));
        }
        lines.push(FacetLine::Value(nth));
    }
    let selected = lines.iter().position(|line| *line == FacetLine::Value(state.facet)).unwrap_or_default();
    let offset = (selected + 1).saturating_sub(height.max(1));
    lines.into_iter().skip(offset).take(height).collect()
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
        let lines = facet_lines(state, usize::from(areas.facets.height));
        return match lines.get(usize::from(y - areas.facets.y)) {
            Some(FacetLine::Value(nth)) => Some(Target::Facet(*nth)),
            Some(FacetLine::Space | FacetLine::Heading(_)) | None => None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::state::testing::row;
    use super::super::state::{Facet, FacetPick};
    use super::*;

    #[test]
    fn no_part_leaves_the_screen_and_none_lies_over_another() {
        for columns in [0, 1, 20, 39, 40, 80, 119, 120, 200, 500] {
            for rows in [0, 1, 3, 4, 5, 9, 10, 16, 24, 50] {
                for (facets, preview) in [(false, false), (false, true), (true, false), (true, true)] {
                    let mut state = State::new(0, (columns, rows), "");
                    (state.facets, state.preview) = (facets, preview);
                    state.results.content = Content::Rows(vec![row("Pod", "shop", "web", &[])]);
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
    fn a_click_on_a_facet_means_that_one_and_headings_mean_nothing() {
        let mut state = State::new(0, (80, 24), "");
        state.facets = true;
        let facet = |field: &str, value: &str| Facet {
            field: field.to_owned(),
            value: value.to_owned(),
            count: 1,
            pick: FacetPick::Narrow(String::new()),
        };
        state.results.facets = vec![facet("kind", "pods"), facet("kind", "jobs"), facet("namespace", "shop")];
        let top = areas(&state).facets.y;
        let hit: Vec<Option<Target>> = (0..7).map(|line| at(&state, 3, top + line)).collect();
        let facet = |nth| Some(Target::Facet(nth));
        assert_eq!(hit, [None, facet(0), facet(1), None, None, facet(2), None]);
        // In a low panel the selected one shows.
        state.facet = 2;
        assert_eq!(facet_lines(&state, 2), [FacetLine::Heading(2), FacetLine::Value(2)]);
    }

    #[test]
    fn forty_by_ten_has_room_for_rows() {
        assert!(rows(&State::new(0, (40, 10), "")) >= 5);
        let mut state = State::new(0, (80, 24), "web");
        state.results.content = Content::Rows(vec![row("Pod", "shop", "web", &[])]);
        assert!(areas(&state).preview.height >= PREVIEW_ROWS);
        assert!(rows(&state) >= 14, "the list comes before the preview");
    }
}
