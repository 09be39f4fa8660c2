//! The query line: editing, history, completion, and asking for an answer.

use super::super::keys::Action;
use super::super::msg::{Effect, Request};
use super::super::state::{FIRST_ROWS, Focus, Place, State};

/// Asks for an answer to what stands in the query line.
pub(super) fn search(state: &mut State, effects: &mut Vec<Effect>) {
    state.generation += 1;
    effects.push(Effect::Search(Request {
        generation: state.generation,
        text: state.query.text().to_owned(),
        cursor: (state.focus == Focus::Query).then(|| state.query.cursor()),
        left: state.left,
        namespaces: state.namespaces.clone(),
        limit: state.limit,
        facets: state.facets,
        facet_key: state.facet_key.clone(),
        now: state.now_ms / 1000,
        status: state.cluster.status.clone(),
    }));
}

/// Types or pastes into the line.
pub(super) fn insert(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let at = state.query.cursor();
    let left = state.left.filter(|left| *left < at);
    state.query.insert(text);
    // What stands before it is half-typed no more: it keeps the rows that it found.
    let ends = matches!(text, " " | "," | ")" | "|");
    state.left = left.or(ends.then_some(at));
    edited(state, effects);
}

/// Leaves the line for the list. What is half-typed is judged now, and must not lose the rows that it found: the answer
/// brings what it reads from now on.
pub(super) fn leave(state: &mut State, effects: &mut Vec<Effect>) {
    if state.focus == Focus::Query {
        state.focus = Focus::List;
        let before = &state.query.text()[..state.query.cursor()];
        state.left = Some(before.trim_end().len());
        search(state, effects);
    }
}

/// Shows another query; the one that was shown can be gone back to.
pub(super) fn show(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    show_in(state, text, state.namespaces.clone(), effects);
}

/// Shows another query in these namespaces; all when there are none.
pub(super) fn show_in(state: &mut State, text: &str, namespaces: Vec<String>, effects: &mut Vec<Effect>) {
    let place = place(state);
    if place.query != text || place.namespaces != namespaces {
        state.back.push(place);
        state.forward.clear();
    }
    used(state, effects);
    state.namespaces = namespaces;
    replace(state, text, effects);
}

/// Shows the query in another form: nothing to go back to.
fn replace(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    // Where one is already is no way back.
    state.back.pop_if(|place| place.query == text && place.namespaces == state.namespaces);
    state.left = None;
    state.query.set(text);
    state.chosen = false;
    edited(state, effects);
}

/// The query was of use: it joins the history. One that is still being typed is none yet.
pub(super) fn used(state: &mut State, effects: &mut Vec<Effect>) {
    let finished = state.focus != Focus::Query && state.left.is_none();
    let answered = state.results.problem.is_none() && state.results.query == state.query.text();
    if finished && answered && state.history.add(state.query.text()) {
        effects.push(Effect::SaveHistory(state.history.entries().to_vec()));
    }
}

/// Adds a term; the same term is not added twice.
pub(super) fn narrow(state: &mut State, term: &str, effects: &mut Vec<Effect>) {
    let query = state.query.text().trim_end();
    if query.split_whitespace().any(|word| word == term) {
        return search(state, effects);
    }
    let text = if query.trim().is_empty() { term.to_owned() } else { format!("{query} {term}") };
    // The term comes behind what may still have to be settled.
    let left = state.left;
    show(state, &text, effects);
    if left.is_some() {
        state.left = left;
        search(state, effects);
    }
}

/// Puts `sort:` into the query, instead of what was there; `None` takes it out.
pub(super) fn sort(state: &mut State, order: Option<&str>, effects: &mut Vec<Effect>) {
    let words = state.query.text().split_whitespace().filter(|word| !word.starts_with("sort:"));
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.extend(order.map(|order| format!("sort:{order}")));
    replace(state, &words.join(" "), effects);
}

/// Editing and history; whether the action was one of these.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let before = state.query.clone();
    match action {
        Action::DeleteToStart => state.query.delete_to_start(),
        Action::DeleteToEnd => state.query.delete_to_end(),
        Action::DeleteWord => state.query.delete_word(),
        Action::Backspace => state.query.backspace(),
        Action::Delete => state.query.delete(),
        Action::Left => state.query.left(),
        Action::Right => state.query.right(),
        Action::WordLeft => state.query.word_left(),
        Action::WordRight => state.query.word_right(),
        Action::LineStart => state.query.start(),
        Action::LineEnd => state.query.end(),
        Action::Complete => return complete(state, effects),
        Action::HistoryPrevious => {
            let older = state.history.previous(before.text()).map(str::to_owned);
            return recall(state, older, effects);
        }
        Action::HistoryNext => {
            let newer = state.history.next().map(str::to_owned);
            return recall(state, newer, effects);
        }
        Action::ViewBack | Action::ViewForward | Action::ViewLast => {
            revisit(state, action, effects);
            return true;
        }
        Action::AllNamespaces => {
            state.namespaces.clear();
            restart(state, effects);
            return true;
        }
        Action::Deleting => {
            deleting(state, effects);
            return true;
        }
        _ => return false,
    }
    if before != state.query {
        state.left = None;
        edited(state, effects);
    }
    true
}

// Pressed again, it is taken out.
fn deleting(state: &mut State, effects: &mut Vec<Effect>) {
    const TERM: &str = "is:deleting";
    let words: Vec<&str> = state.query.text().split_whitespace().collect();
    if !words.contains(&TERM) {
        return narrow(state, TERM, effects);
    }
    let others: Vec<&str> = words.into_iter().filter(|word| *word != TERM).collect();
    replace(state, &others.join(" "), effects);
}

/// The query or what surrounds it is another one: rows begin anew.
pub(super) fn restart(state: &mut State, effects: &mut Vec<Effect>) {
    state.limit = FIRST_ROWS;
    search(state, effects);
}

fn edited(state: &mut State, effects: &mut Vec<Effect>) {
    state.history.edited();
    // What came after a query that is another now comes after it no more.
    state.forward.clear();
    state.proposals.clear();
    state.completing = false;
    restart(state, effects);
}

/// Accepts the first completion; while it is under way, as soon as it is there.
pub(super) fn complete(state: &mut State, effects: &mut Vec<Effect>) -> bool {
    match state.proposals.first().cloned() {
        Some(proposal) => {
            let range = state.proposed_for.clone();
            state.left = None;
            state.query.replace(range, &proposal.text);
            edited(state, effects);
        }
        None if state.results.generation != state.generation => state.completing = true,
        // Nothing to complete: on to the list, as Tab goes to the next pane.
        None => super::escape(state, effects),
    }
    true
}

fn recall(state: &mut State, query: Option<String>, effects: &mut Vec<Effect>) -> bool {
    if let Some(query) = query {
        state.left = None;
        state.query.set(&query);
        state.proposals.clear();
        restart(state, effects);
    }
    true
}

fn place(state: &State) -> Place {
    Place {
        query: state.query.text().to_owned(),
        left: state.left,
        namespaces: state.namespaces.clone(),
        key: state.selected(),
    }
}

/// Back to the query before, forward again, or to the last one.
pub(super) fn revisit(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let here = place(state);
    let (from, to) = match action {
        Action::ViewForward => (&mut state.forward, &mut state.back),
        _ => (&mut state.back, &mut state.forward),
    };
    let Some(there) = from.pop() else {
        return super::note(state, "no other query to go to");
    };
    match action {
        // Back and forth between two.
        Action::ViewLast => from.push(here),
        _ => to.push(here),
    }
    state.query.set(&there.query);
    (state.left, state.namespaces) = (there.left, there.namespaces);
    state.return_to = there.key;
    restart(state, effects);
}
