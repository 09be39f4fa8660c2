//! An answer arrived.

use super::super::msg::{Answer, Effect, Found};
use super::super::state::{Content, Overlay, State};
use super::{list, query};

/// Takes an answer over; one to an older request is dropped.
pub(super) fn arrived(state: &mut State, answer: Answer, effects: &mut Vec<Effect>) {
    if answer.generation != state.generation {
        return;
    }
    state.proposals = answer.proposals;
    state.proposed_for = answer.proposed_for;
    let same_query = state.results.query == state.query.text();
    let has_index = !matches!(&answer.found, Ok(Found { content: Content::NoIndex, .. }));
    let left = state.left.take_if(|_| has_index).is_some();
    if let Some(text) = answer.settled {
        state.query.reword(&text);
    }
    match answer.found {
        Ok(found) => replace(state, answer.generation, answer.took_us, found, same_query),
        // The last good rows stay.
        Err(problem) => {
            state.results.generation = answer.generation;
            state.results.problem = Some(problem);
        }
    }
    if left {
        query::used(state, effects);
    }
    if std::mem::take(&mut state.completing) {
        query::complete(state, effects);
    }
    if std::mem::take(&mut state.opening) && state.results.problem.is_none() {
        list::enter(state, effects);
    }
}

fn replace(state: &mut State, generation: u64, took_us: u64, found: Found, same_query: bool) {
    let key = state.return_to.take().or_else(|| {
        // A change in the cluster moves no cursor; another query begins at its best hit, unless a line was chosen.
        if same_query || state.chosen { state.selected() } else { None }
    });
    let results = &mut state.results;
    results.generation = generation;
    results.query = state.query.text().to_owned();
    results.problem = None;
    results.content = found.content;
    (results.total, results.exact, results.objects) = (found.total, found.exact, found.objects);
    results.took_us = took_us;
    results.hints = found.hints;
    (results.facets, results.namespaces) = (found.facets, found.namespaces);
    results.places = found.places;
    (results.catalog, results.counts) = (found.catalog, found.counts);
    state.facet = state.facet.min(results.facets.len().saturating_sub(1));
    if !same_query && key.is_none() {
        (state.cursor, state.offset, state.chosen) = (0, 0, false);
    }
    let still_there = key.as_ref().is_some_and(|key| {
        let items = state.lines();
        state.results.content.position(&items, key).is_some()
    });
    if !same_query && !still_there {
        (state.cursor, state.offset, state.chosen) = (0, 0, false);
    }
    list::arrange(state, key);
    refresh_detail(state);
}

// An object whose details are open changes with the index; when it is not among the rows it stays as it was.
fn refresh_detail(state: &mut State) {
    for overlay in &mut state.overlays {
        if let Overlay::Detail(detail) = overlay {
            let key = detail.row.key();
            if let Some(row) = state.results.content.rows().iter().find(|row| row.key() == key) {
                detail.row = row.clone();
            }
        }
    }
}
