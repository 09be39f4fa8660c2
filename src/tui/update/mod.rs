//! The core: a message changes the state and says what is to be done. No IO, no async, no clock.

mod answer;
mod detail;
mod find;
mod list;
mod logs;
mod overlay;
mod palette;
mod query;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use status::answers;

use super::keys::{Action, Context, Key};
use super::layout;
use super::msg::{ClusterEvent, ClusterNews, Effect, Event, Mouse, Msg};
use super::state::{Cluster, Focus, History, Overlay, Results, State};
use crate::engine::status::{Phase, Status};

/// How long a note stays, in milliseconds.
const NOTE_MS: i64 = 6_000;
/// The same for one that asks for something to be done.
const LONG_NOTE_MS: i64 = 30_000;

/// Takes one message; what comes back is to be done in this order.
pub(crate) fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    state.now_ms = msg.now_ms;
    let mut effects = Vec::new();
    let moves = matches!(msg.event, Event::Key(_) | Event::Paste(_) | Event::Mouse(_) | Event::Resize(..));
    // A note answers the last key; with the next one it has been read, and the keys of the view show again.
    if matches!(msg.event, Event::Key(_)) {
        state.note = None;
    }
    match msg.event {
        Event::Key(key) => press(state, key, &mut effects),
        Event::Paste(text) => paste(state, &text, &mut effects),
        Event::Mouse(mouse) => point(state, mouse, &mut effects),
        Event::Resize(columns, rows) => {
            state.size = (columns, rows);
            list::keep_visible(state);
            // A terminal that was smaller for a moment has lost what it showed there, whether we saw it so or not.
            effects.push(Effect::Redraw);
        }
        Event::Tick => {}
        Event::Answer(answer) => answer::arrived(state, answer, &mut effects),
        Event::Fetched { ticket, page } => detail::arrived(state, ticket, page, &mut effects),
        Event::Seen { ticket, sight } => detail::seen(state, ticket, sight),
        Event::Log { ticket, news } => logs::arrived(state, ticket, news),
        Event::Status { ticket, said } => state.statuses.arrived(ticket, said),
        Event::IndexChanged => query::search(state, &mut effects),
        Event::Cluster(event) => cluster(state, event, &mut effects),
        Event::Note(text) => note(state, text),
        Event::Suspend => effects.push(Effect::Suspend),
        Event::Interrupt | Event::Terminate => leave(state, &mut effects),
    }
    if state.note.as_ref().is_some_and(|(_, until)| *until <= state.now_ms) {
        state.note = None;
    }
    status::plan(state, moves, &mut effects);
    state.widths = super::view::widths(state);
    effects
}

/// The first effects: what the app does before anything happened.
pub(crate) fn start(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    query::search(state, &mut effects);
    effects
}

fn note(state: &mut State, text: impl Into<String>) {
    state.note = Some((text.into(), state.now_ms + NOTE_MS));
}

fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let context = state.context();
    state.opening = false;
    match (state.keymap.action(key, context), key.typed()) {
        (Some(action), _) => perform(state, action, effects),
        (None, Some(c)) if context.types() => typed(state, c, effects),
        // k9s, kdash and others edit with it.
        (None, Some('e')) => note(state, "nothing is changed here: y shows the YAML, E the events"),
        (None, Some(c)) => note(state, format!("{c} does nothing here; ? shows the keys")),
        (None, None) => {}
    }
}

fn typed(state: &mut State, c: char, effects: &mut Vec<Effect>) {
    let mut text = [0; 4];
    match state.overlays.last() {
        Some(Overlay::Picker(_)) => overlay::typed(state, c),
        Some(_) if state.is_finding() => find::insert(state, c.encode_utf8(&mut text)),
        // `?` on an empty line asks for help, as its hint says.
        None if c == '?' && state.query.is_empty() => perform(state, Action::Help, effects),
        Some(_) | None => query::insert(state, c.encode_utf8(&mut text), effects),
    }
}

fn paste(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    match state.context() {
        Context::Query => query::insert(state, text, effects),
        Context::Picker if state.is_finding() => find::insert(state, text),
        Context::Picker => text.chars().for_each(|c| overlay::typed(state, c)),
        Context::List | Context::Text => {}
    }
}

/// Does what an action says; what is to be done outside is dropped.
#[cfg(test)]
pub(super) fn perform_for_tests(state: &mut State, action: Action) {
    perform(state, action, &mut Vec::new());
}

/// Does what an action says.
pub(super) fn perform(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::Quit => leave(state, effects),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Refresh if matches!(state.overlays.last(), Some(Overlay::Detail(_))) => {
            detail::again(state, effects);
        }
        Action::Refresh => {
            note(state, "asking the cluster again");
            state.statuses.forget(state.now_ms);
            effects.extend([Effect::AskForCredentials, Effect::Refresh]);
            query::search(state, effects);
        }
        Action::Help => open(state, Overlay::Help(0), effects),
        Action::Coverage => open(state, Overlay::Coverage(0), effects),
        Action::Palette => palette::open(state),
        Action::Namespaces => overlay::namespaces(state),
        Action::Sort => overlay::sort(state),
        Action::CopyField => overlay::copy(state),
        Action::Escape => escape(state, effects),
        Action::Back => back(state, effects),
        Action::FocusQuery => {
            close_all(state, effects);
            state.focus = Focus::Query;
            state.left = None;
            state.query.end();
            query::search(state, effects);
        }
        Action::Owner => detail::owner(state, effects),
        Action::Describe | Action::Yaml | Action::Events | Action::Logs | Action::Tree => {
            detail::open(state, action, effects)
        }
        _ if state.is_finding() => find::act(state, action),
        Action::Find => find::begin(state),
        Action::FindNext => find::next(state, true),
        Action::FindPrevious => find::next(state, false),
        _ if matches!(state.overlays.last(), Some(Overlay::Picker(_))) => {
            overlay::act(state, action, effects)
        }
        _ if state.context() == Context::Text => overlay::scroll(state, action, effects),
        _ => match query::act(state, action, effects) {
            true => {}
            false => list::act(state, action, effects),
        },
    }
}

fn open(state: &mut State, overlay: Overlay, effects: &mut Vec<Effect>) {
    if state
        .overlays
        .last()
        .is_some_and(|top| std::mem::discriminant(top) == std::mem::discriminant(&overlay))
    {
        return;
    }
    state.overlays.push(overlay);
    state.find = None;
    effects.push(Effect::CatchMouse(false));
}

fn close(state: &mut State, effects: &mut Vec<Effect>) {
    state.find = None;
    if let Some(Overlay::Detail(_)) = state.overlays.pop() {
        effects.push(Effect::CancelFetch);
    }
    if state.overlays.is_empty() {
        effects.push(Effect::CatchMouse(true));
    }
}

fn close_all(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.overlays.is_empty() {
        state.overlays.clear();
        state.find = None;
        effects.extend([Effect::CancelFetch, Effect::CatchMouse(true)]);
    }
}

// One step outwards: the topmost overlay, the facets panel, the query line.
fn escape(state: &mut State, effects: &mut Vec<Effect>) {
    if state.find.is_some() {
        find::leave(state);
    } else if !state.overlays.is_empty() {
        close(state, effects);
    } else if state.focus == Focus::Facets {
        state.focus = Focus::List;
    } else if state.focus == Focus::Query {
        query::leave(state, effects);
    } else if state.can_go_back() {
        query::revisit(state, Action::ViewBack, effects);
    } else {
        note(state, "q quits, / searches");
    }
}

fn back(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.overlays.is_empty() {
        close(state, effects);
    } else if state.focus == Focus::Facets {
        state.focus = Focus::List;
    } else if state.can_go_back() {
        query::revisit(state, Action::ViewBack, effects);
    } else {
        leave(state, effects);
    }
}

fn leave(state: &mut State, effects: &mut Vec<Effect>) {
    query::used(state, effects);
    effects.push(Effect::Quit);
}

fn point(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    match mouse {
        Mouse::WheelUp => (0..3).for_each(|_| perform(state, Action::Up, effects)),
        Mouse::WheelDown => (0..3).for_each(|_| perform(state, Action::Down, effects)),
        Mouse::Click { x, y } => match layout::at(state, x, y) {
            Some(layout::Target::Query) => perform(state, Action::FocusQuery, effects),
            Some(layout::Target::Head) => list::sort_by(state, x, effects),
            Some(layout::Target::Line(nth)) => {
                if state.cursor == nth && state.focus == Focus::List {
                    perform(state, Action::Open, effects);
                } else {
                    query::leave(state, effects);
                    state.focus = Focus::List;
                    list::select(state, nth);
                }
            }
            Some(layout::Target::Facet(nth)) => {
                query::leave(state, effects);
                state.focus = Focus::Facets;
                state.facet = nth;
                perform(state, Action::Open, effects);
            }
            None => {}
        },
    }
}

fn cluster(state: &mut State, event: ClusterEvent, effects: &mut Vec<Effect>) {
    if event.connection < state.cluster.connection {
        return;
    }
    match event.what {
        ClusterNews::Opened { name, history } => {
            let first = state.cluster.connection == 0 && state.cluster.name.is_empty();
            state.cluster = Cluster { connection: event.connection, name, ..Cluster::default() };
            state.history = History::new(history);
            if !first {
                // Rows of another cluster must not stay for a moment.
                state.results = Results::default();
                status::reset(state, effects);
                close_all(state, effects);
                state.namespaces.clear();
                (state.cursor, state.offset, state.chosen) = (0, 0, false);
                (state.back, state.forward, state.return_to) = (Vec::new(), Vec::new(), None);
                state.left = None;
            }
            query::search(state, effects);
        }
        ClusterNews::NotOpened(why) => {
            state.cluster.opening = None;
            note(state, why);
        }
        ClusterNews::Link(link) => state.cluster.link = link,
        ClusterNews::Status(status) => {
            refused(state, &status);
            state.cluster.status = Some(known(state, status));
        }
    }
}

// Without credentials nothing comes any more: said once, with what helps.
fn refused(state: &mut State, status: &Status) {
    let Phase::Unauthorized { message } = &status.phase else { return };
    if state.cluster.status.as_ref().is_some_and(|before| before.phase == status.phase) {
        return;
    }
    let key = state.keymap.first(Action::Refresh, Context::List);
    let helps = key.map(|key| format!("{} tries again; ", key.short())).unwrap_or_default();
    state.note = Some((format!("{helps}{message}"), state.now_ms + LONG_NOTE_MS));
}

// A writer that has just started knows nothing of the kinds yet; what the one before said is still true of what is
// stored.
fn known(state: &State, status: Arc<Status>) -> Arc<Status> {
    match &state.cluster.status {
        Some(before) if status.kinds.is_empty() && status.phase == Phase::Connecting => {
            let phase = status.phase.clone();
            Arc::new(Status {
                phase,
                pid: status.pid,
                heartbeat_ms: status.heartbeat_ms,
                ..(**before).clone()
            })
        }
        Some(_) | None => status,
    }
}
