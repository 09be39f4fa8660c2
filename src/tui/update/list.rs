//! The list and the facets beside it: moving, opening, copying.

use super::super::keys::Action;
use super::super::layout;
use super::super::msg::Effect;
use super::super::state::{CLUSTER, Content, FacetPick, Focus, Item, ItemKey, State};
use super::{note, query};
use crate::text::shell_quote;

/// Rows are asked for in advance when the cursor comes this near to the last one.
const NEAR: usize = 50;
/// Rows at most: nobody reads more, and each is a document in memory.
const MOST_ROWS: usize = 10_000;

/// Actions of the list.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let page = layout::rows(state).max(1);
    if state.focus == Focus::Facets {
        let last = state.results.facets.len().saturating_sub(1);
        if let Some(to) = moved(action, state.facet, page, last) {
            state.facet = to;
            return;
        }
    } else {
        let last = state.results.items.len().saturating_sub(1);
        if let Some(to) = moved(action, state.cursor, page, last) {
            select(state, to);
            return more(state, effects);
        }
    }
    match action {
        Action::Open => enter(state, effects),
        Action::Fold => fold(state),
        Action::Wide => state.wide = !state.wide,
        Action::Preview => {
            state.preview = !state.preview;
            keep_visible(state);
        }
        Action::Facets => facets(state, effects),
        Action::NextPane | Action::PreviousPane => next_pane(state),
        Action::SortInvert => invert(state, effects),
        Action::SortName => order(state, "name", effects),
        Action::SortAge => order(state, "age", effects),
        Action::SortNamespace => order(state, "ns", effects),
        Action::CopyName => copy(state, effects, |state| {
            let row = state.row()?;
            Some(row.document.metadata.name.clone())
        }),
        Action::CopyCommand => copy(state, effects, command),
        _ => {}
    }
}

/// Where an action moves a cursor to.
pub(super) fn moved(action: Action, at: usize, page: usize, last: usize) -> Option<usize> {
    let to = match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at.saturating_add(1),
        Action::PageUp | Action::ScreenUp => at.saturating_sub(page),
        Action::PageDown | Action::ScreenDown => at.saturating_add(page),
        Action::HalfUp => at.saturating_sub(page.div_ceil(2)),
        Action::HalfDown => at.saturating_add(page.div_ceil(2)),
        Action::Top => 0,
        Action::Bottom => last,
        _ => return None,
    };
    Some(to.min(last))
}

/// Selects a line because the user wants it.
pub(super) fn select(state: &mut State, nth: usize) {
    state.cursor = nth.min(state.results.items.len().saturating_sub(1));
    state.chosen = state.cursor > 0;
    keep_visible(state);
}

/// Scrolls as little as shows the selected line.
pub(super) fn keep_visible(state: &mut State) {
    let rows = layout::rows(state).max(1);
    let last_offset = state.results.items.len().saturating_sub(rows);
    let least = (state.cursor + 1).saturating_sub(rows);
    state.offset = state.offset.clamp(least, state.cursor.max(least)).min(last_offset.max(least));
}

fn more(state: &mut State, effects: &mut Vec<Effect>) {
    let shown = state.results.content.rows().len();
    let near = state.results.items.len().saturating_sub(state.cursor) < NEAR;
    if near && (shown as u64) < state.results.total && shown >= state.limit && state.limit < MOST_ROWS {
        state.limit = (state.limit * 2).min(MOST_ROWS);
        query::search(state, effects);
    }
}

/// Opens the selected line.
pub(super) fn enter(state: &mut State, effects: &mut Vec<Effect>) {
    if state.focus == Focus::Facets {
        let pick = state.results.facets.get(state.facet).map(|facet| facet.pick.clone());
        match pick {
            Some(FacetPick::Narrow(term)) => {
                state.focus = Focus::List;
                query::narrow(state, &term, effects);
            }
            Some(FacetPick::Values(key)) => {
                state.facet_key = Some(key);
                query::search(state, effects);
            }
            None => {}
        }
        return;
    }
    let pending = state.results.generation != state.generation;
    if state.focus == Focus::Query && pending && state.results.query != state.query.text() {
        // The rows that show answer another query: what is opened is the first of those that were asked for.
        query::leave(state, effects);
        state.opening = true;
        return;
    }
    let selected = state.selected();
    // What was opened is closed with letters; they must not be typed.
    query::leave(state, effects);
    match selected {
        Some(ItemKey::Kind(kind)) => {
            let term = format!("kind:{}", kind.as_str());
            query::show(state, &term, effects);
        }
        Some(ItemKey::Group(_)) => fold(state),
        Some(ItemKey::Row(_)) => {
            super::perform(state, Action::Describe, effects);
        }
        None => {}
    }
}

fn fold(state: &mut State) {
    let Some(item) = state.item().cloned() else { return };
    let siblings = match &item {
        Item::Group { .. } => state.results.content.key(&item),
        // Inside: the group above.
        Item::Member(_) => {
            let above = state.results.items[..state.cursor].iter().rev();
            let group = above.clone().find(|item| matches!(item, Item::Group { .. }));
            group.and_then(|group| state.results.content.key(group))
        }
        Item::Kind(_) | Item::Row(_) => None,
    };
    let Some(ItemKey::Group(siblings)) = siblings else {
        return note(state, "nothing to unfold here: rows with a number are siblings");
    };
    if !state.open.remove(&siblings) {
        state.open.insert(siblings.clone());
    }
    arrange(state, Some(ItemKey::Group(siblings)));
    // What was unfolded at the foot of the list shows.
    let members = match state.item() {
        Some(Item::Group { rows, open: true }) => rows.len(),
        _ => 0,
    };
    let last = state.cursor + 1 + members;
    state.offset = state.offset.max(last.saturating_sub(layout::rows(state).max(1))).min(state.cursor);
}

/// Makes the lines anew, with the cursor on `key`.
pub(super) fn arrange(state: &mut State, key: Option<ItemKey>) {
    let items = state.lines();
    let at = key.and_then(|key| state.results.content.position(&items, &key));
    state.cursor = at.unwrap_or(state.cursor).min(items.len().saturating_sub(1));
    state.results.items = items;
    keep_visible(state);
}

fn facets(state: &mut State, effects: &mut Vec<Effect>) {
    match (state.facets, state.focus) {
        (true, Focus::Facets) => {
            state.facets = false;
            state.focus = Focus::List;
        }
        (true, Focus::Query | Focus::List) => state.focus = Focus::Facets,
        (false, _) => {
            state.facets = true;
            state.focus = Focus::Facets;
            state.facet = 0;
            query::search(state, effects);
        }
    }
    keep_visible(state);
}

fn next_pane(state: &mut State) {
    state.focus = match state.focus {
        Focus::Query => Focus::List,
        Focus::List if state.facets => Focus::Facets,
        Focus::List | Focus::Facets => Focus::List,
    };
}

fn invert(state: &mut State, effects: &mut Vec<Effect>) {
    let order = state.query.text().split_whitespace().find_map(|word| word.strip_prefix("sort:"));
    match order.map(str::to_owned) {
        Some(order) => {
            let turned = match order.strip_prefix('-') {
                Some(order) => order.to_owned(),
                None => format!("-{order}"),
            };
            query::sort(state, Some(&turned), effects);
        }
        None => note(state, "rows are in the order of relevance; s sorts them"),
    }
}

/// A click on the head of the table: sorts by that column, and a second one turns it round.
pub(super) fn sort_by(state: &mut State, x: u16, effects: &mut Vec<Effect>) {
    let head = layout::areas(state).head;
    let column = usize::from(x.saturating_sub(head.x));
    let Some(by) = super::super::view::order_at(state, usize::from(head.width), column) else { return };
    order(state, by, effects);
}

/// Sorts by this; if it is the order already, the other way round.
fn order(state: &mut State, by: &str, effects: &mut Vec<Effect>) {
    if let Content::Kinds(_) = state.results.content {
        return note(state, "kinds stand by the number of their objects");
    }
    let present = state.query.text().split_whitespace().find_map(|word| word.strip_prefix("sort:"));
    match present.map(|present| present.trim_start_matches('-') == by) {
        Some(true) => invert(state, effects),
        Some(false) | None => query::sort(state, Some(by), effects),
    }
}

fn copy(state: &mut State, effects: &mut Vec<Effect>, what: impl Fn(&State) -> Option<String>) {
    match what(state) {
        Some(text) => copied(state, text, effects),
        None => note(state, "nothing to copy: no object is selected"),
    }
}

/// Copies a text and says so.
pub(super) fn copied(state: &mut State, text: String, effects: &mut Vec<Effect>) {
    note(state, format!("copied {}", crate::text::truncate(&crate::text::sanitise(&text), 60)));
    effects.push(Effect::Copy(text));
}

/// The kubectl command that shows the object under the cursor, quoted for a shell.
pub(super) fn command(state: &State) -> Option<String> {
    let row = state.row()?;
    let metadata = &row.document.metadata;
    let mut words = vec!["kubectl".to_owned()];
    if !state.cluster.name.is_empty() && state.contexts.contains(&state.cluster.name) {
        words.push(format!("--context={}", shell_quote(&state.cluster.name)));
    }
    words.extend(["get".to_owned(), shell_quote(row.kind.as_str()).into_owned()]);
    words.push(shell_quote(&metadata.name).into_owned());
    if metadata.namespace != CLUSTER {
        words.extend(["-n".to_owned(), shell_quote(&metadata.namespace).into_owned()]);
    }
    words.extend(["-o".to_owned(), "yaml".to_owned()]);
    Some(words.join(" "))
}
