//! The log of a container: choosing whose, taking lines in, following.

use std::sync::Arc;

use super::super::family::Family;
use super::super::keys::Action;
use super::super::layout;
use super::super::msg::{Effect, LogNews};
use super::super::state::{Detail, Logs, Overlay, Pick, PickItem, Picker, PickerKind, Row, State, Tab};
use super::super::view;
use super::{detail, note};
use crate::text::age;

/// Whether the object itself has a log.
pub(super) fn is_pod(row: &Row) -> bool {
    row.kind.as_str() == "pods"
}

/// Follows the log of the Pod whose details are on top.
pub(super) fn start(state: &mut State, container: String, previous: bool, effects: &mut Vec<Effect>) {
    state.ticket += 1;
    let ticket = state.ticket;
    let Some(Overlay::Detail(detail)) = state.overlays.last_mut() else { return };
    let containers = detail.logs.take().map(|logs| logs.containers).unwrap_or_default();
    (detail.ticket, detail.page, detail.scroll) = (ticket, None, 0);
    let mut logs = Logs::new(container.clone(), previous);
    logs.containers = containers;
    detail.logs = Some(logs);
    let pod = detail::reference(&detail.row);
    // Its containers are asked for first, where they are not known.
    state.opened += if container.is_empty() { 2 } else { 1 };
    effects.push(Effect::Logs { ticket, pod, container, previous });
}

/// The Pods of an object are known: the only one is shown, of several one is chosen.
pub(super) fn choose(state: &mut State, family: &Family, effects: &mut Vec<Effect>) {
    let own = family.members.iter().position(|member| member.is_self).unwrap_or_default();
    let below = family.members.iter().skip(own);
    let pods: Vec<Arc<Row>> =
        below.filter_map(|member| member.row.clone()).filter(|row| is_pod(row)).collect();
    match pods.as_slice() {
        [] => {
            if let Some(detail) = shown(state) {
                detail.page = Some(Err("it owns no Pod that is in the index".to_owned()));
            }
        }
        [pod] => show(state, pod.clone(), effects),
        pods => {
            let now = state.now_ms / 1000;
            let item = |row: &Arc<Row>| {
                let said = state.statuses.of(&row.document.local.uid).and_then(|heard| heard.said.clone());
                let said = said.map(|said| format!("{}  ", said.text)).unwrap_or_default();
                let created = row.document.local.created.map(|at| age(now - at)).unwrap_or_default();
                PickItem {
                    label: row.document.metadata.name.clone(),
                    words: Vec::new(),
                    detail: format!("{said}{created}"),
                    pick: Pick::Pod(row.clone()),
                }
            };
            let items = pods.iter().map(item).collect();
            state.overlays.push(Overlay::Picker(Picker::new(PickerKind::Pods, items)));
        }
    }
}

/// Shows the log of this Pod.
pub(super) fn show(state: &mut State, pod: Arc<Row>, effects: &mut Vec<Effect>) {
    if let Some(detail) = shown(state) {
        detail.row = pod;
        detail::show(state, Tab::Logs, false, effects);
    }
}

/// Shows the log of this container.
pub(super) fn show_container(state: &mut State, container: String, effects: &mut Vec<Effect>) {
    let previous = shown(state).and_then(|detail| detail.logs.as_ref()).is_some_and(|logs| logs.previous);
    start(state, container, previous, effects);
}

fn shown(state: &mut State) -> Option<&mut Detail> {
    match state.overlays.last_mut() {
        Some(Overlay::Detail(detail)) => Some(detail),
        Some(Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Picker(_)) | None => None,
    }
}

/// Actions of the log.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let logs = shown(state).and_then(|detail| detail.logs.as_mut());
    let Some(logs) = logs else { return note(state, "this counts in a log; l shows it") };
    match action {
        Action::Follow => {
            logs.follows = !logs.follows;
            stick(state);
        }
        Action::Previous => {
            let (container, previous) = (logs.container.clone(), !logs.previous);
            start(state, container, previous, effects);
        }
        Action::Container if logs.containers.len() < 2 => note(state, "the Pod has one container"),
        Action::Container => {
            let item = |name: &String| PickItem {
                label: name.clone(),
                words: Vec::new(),
                detail: if *name == logs.container { "present".to_owned() } else { String::new() },
                pick: Pick::Container(name.clone()),
            };
            let items = logs.containers.iter().map(item).collect();
            state.overlays.push(Overlay::Picker(Picker::new(PickerKind::Containers, items)));
        }
        _ => {}
    }
}

/// The user moved: at the end the log is followed, elsewhere it stands still.
pub(super) fn moved(state: &mut State) {
    if shown(state).is_none_or(|detail| detail.logs.is_none()) {
        return;
    }
    let last = view::overlay_lines(state).saturating_sub(layout::overlay_rows(state).max(1));
    if let Some(detail) = shown(state)
        && let Some(logs) = &mut detail.logs
    {
        logs.follows = detail.scroll >= last;
    }
}

/// Something of the log came; for one that was left it is dropped.
pub(super) fn arrived(state: &mut State, ticket: u64, news: LogNews) {
    let columns = usize::from(state.size.0);
    let followed = state.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Detail(detail) if detail.ticket == ticket => Some(detail),
        Overlay::Detail(_) | Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Picker(_) => None,
    });
    let Some(detail) = followed else { return };
    let Some(logs) = &mut detail.logs else { return };
    match news {
        LogNews::Containers(names) => {
            if logs.container.is_empty() {
                logs.container = names.first().cloned().unwrap_or_default();
            }
            logs.containers = names;
        }
        LogNews::Lines(lines) => {
            let gone = logs.push(&lines, columns);
            if !logs.follows {
                // What is being read stays where it is.
                detail.scroll = detail.scroll.saturating_sub(gone);
            }
        }
        LogNews::Ended(how) => {
            // What became of the Pod is asked for once.
            let asks = how.is_ok() && !logs.previous && logs.ended.is_none();
            state.opened += u64::from(asks);
            logs.ended = Some(how);
        }
    }
    stick(state);
}

// Scrolls to the end, where the log is followed.
fn stick(state: &mut State) {
    let follows = shown(state).and_then(|detail| detail.logs.as_ref()).is_some_and(|logs| logs.follows);
    if follows {
        let last = view::overlay_lines(state).saturating_sub(layout::overlay_rows(state).max(1));
        if let Some(detail) = shown(state) {
            detail.scroll = last;
        }
    }
}
