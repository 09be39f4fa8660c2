//! One object, whole: its tabs, and what is fetched for them.

use super::super::keys::Action;
use super::super::msg::{Effect, Page, Wanted};
use super::super::state::{CLUSTER, Detail, Difference, Last, Moved, Overlay, Row, State, Tab};
use super::super::view;
use super::{find, note, query};
use crate::cluster::fetch::{ObjectRef, Sight, Standing};

/// Opens the object under the cursor, or another tab of the one that is open.
pub(super) fn open(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let tab = match action {
        Action::Yaml => Tab::Yaml,
        Action::Events => Tab::Events,
        Action::Logs => Tab::Logs,
        Action::Tree => Tab::Tree,
        _ => Tab::Summary,
    };
    if !matches!(state.overlays.last(), Some(Overlay::Detail(_))) {
        let Some(row) = state.row().cloned() else {
            return note(state, "no object is selected");
        };
        query::used(state, effects);
        let detail = Detail {
            row,
            tab,
            scroll: 0,
            ticket: 0,
            page: None,
            managed_fields: false,
            logs: None,
            live: Box::default(),
            last: None,
        };
        super::open(state, Overlay::Detail(detail), effects);
    }
    show(state, tab, false, effects);
}

/// Fetches again what is shown; a Secret is masked again.
pub(super) fn again(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Overlay::Detail(detail)) = state.overlays.last() {
        let tab = detail.tab;
        effects.push(Effect::AskForCredentials);
        show(state, tab, false, effects);
    }
}

/// Actions of the view.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let Some(Overlay::Detail(detail)) = state.overlays.last_mut() else { return };
    let at = Tab::ALL.iter().position(|tab| *tab == detail.tab).unwrap_or_default();
    let tabs = Tab::ALL.len();
    match action {
        Action::NextPane => show(state, Tab::ALL[(at + 1) % tabs], false, effects),
        Action::PreviousPane => show(state, Tab::ALL[(at + tabs - 1) % tabs], false, effects),
        Action::Previous | Action::Container | Action::Follow => super::logs::act(state, action, effects),
        Action::ManagedFields => detail.managed_fields = !detail.managed_fields,
        Action::Reveal => match &detail.page {
            Some(Ok(Page::Manifest(manifest))) if manifest.masked > 0 => reveal(state, effects),
            // What is to be hidden goes at once, however long the masked one takes.
            Some(Ok(Page::Manifest(manifest))) if manifest.revealed => show(state, Tab::Yaml, false, effects),
            Some(Ok(Page::Manifest(_) | Page::Events(_) | Page::Family(_)) | Err(_)) | None => {
                note(state, "nothing is masked here");
            }
        },
        _ => {}
    }
}

// The masked one stays in its place until the other comes.
fn reveal(state: &mut State, effects: &mut Vec<Effect>) {
    let now = state.now_ms;
    let Some(Overlay::Detail(detail)) = state.overlays.last_mut() else { return };
    keep(detail, now);
    let kept = (detail.scroll, detail.page.take());
    show(state, Tab::Yaml, true, effects);
    if let Some(Overlay::Detail(detail)) = state.overlays.last_mut() {
        (detail.scroll, detail.page) = kept;
    }
}

pub(super) fn show(state: &mut State, tab: Tab, reveal: bool, effects: &mut Vec<Effect>) {
    state.ticket += 1;
    let (ticket, now) = (state.ticket, state.now_ms);
    let Some(Overlay::Detail(detail)) = state.overlays.last_mut() else { return };
    keep(detail, now);
    (detail.tab, detail.scroll, detail.ticket, detail.page) = (tab, 0, ticket, None);
    (detail.logs, detail.live) = (None, Box::default());
    let wanted = match tab {
        Tab::Summary => return effects.push(Effect::CancelFetch),
        Tab::Yaml => Wanted::Manifest { reveal },
        Tab::Events => Wanted::Events,
        Tab::Logs if super::logs::is_pod(&detail.row) => {
            return super::logs::start(state, String::new(), false, effects);
        }
        // The Pods that it owns, to choose one.
        Tab::Logs | Tab::Tree => {
            let row = detail.row.clone();
            return effects.extend([Effect::CancelFetch, Effect::Family { ticket, row }]);
        }
    };
    effects.push(Effect::Fetch { ticket, object: reference(&detail.row), wanted });
}

// An object may be gone when it is asked for again: its text is kept as long as its details are open.
fn keep(detail: &mut Detail, now: i64) {
    let uid = &detail.row.document.local.uid;
    let deleted_ms = detail.live.deleted_ms();
    if let (Some(Ok(Page::Manifest(manifest))), Some(there_ms)) = (&detail.page, detail.live.there_ms(now))
        && !manifest.revealed
    {
        let manifest = manifest.clone();
        detail.last = Some(Box::new(Last { uid: uid.clone(), manifest, there_ms, deleted_ms }));
    } else if let Some(last) = detail.last.as_mut().filter(|last| last.uid == *uid) {
        last.deleted_ms = last.deleted_ms.or(deleted_ms.filter(|_| matches!(detail.page, Some(Ok(_)))));
    }
}

// What is shown of an object that is gone: the last text of it, where there is one.
fn last_text(detail: &mut Detail) -> Option<Page> {
    let gone = matches!(detail.live.standing, Some(Standing::Deleted { .. }));
    let last = detail.last.as_ref().filter(|last| gone && last.uid == detail.row.document.local.uid)?;
    detail.live.gone(last);
    Some(Page::Manifest(last.manifest.clone()))
}

/// Shows the owner of the object under the cursor.
pub(super) fn owner(state: &mut State, effects: &mut Vec<Effect>) {
    let owners = state.row().map(|row| row.document.local.owners.clone()).unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller).or(owners.first());
    match owner.filter(|owner| !owner.uid.is_empty()) {
        Some(owner) => {
            // It may be in no namespace, or another one.
            let everywhere = if state.namespaces.is_empty() { "" } else { "-A " };
            let query = format!("{everywhere}uid:{}", owner.uid);
            super::close_all(state, effects);
            state.focus = super::Focus::List;
            query::show(state, &query, effects);
        }
        None => note(state, "it has no owner"),
    }
}

/// Something was seen; for a tab that was left it is dropped.
pub(super) fn seen(state: &mut State, ticket: u64, sight: Sight<Page>) {
    let (now, columns) = (state.now_ms, usize::from(state.size.0));
    let events = matches!(state.overlays.last(), Some(Overlay::Detail(detail)) if detail.tab == Tab::Events);
    let rows = if events { view::overlay_lines(state) } else { 0 };
    let Some((detail, is_top)) = waiting(state, ticket) else { return };
    let Sight { what, standing, requests } = sight;
    let more_requests = detail.live.stands(now, standing, what.is_some(), requests);
    let what = what.map(|page| page.or_else(|why| last_text(detail).ok_or(why)));
    let moved = what.and_then(|page| take(detail, page, now, columns));
    state.opened += more_requests;
    match moved {
        Some(moved) if is_top => find::carry(state, |row| moved.follow(row)),
        None if is_top => make_room(state, rows),
        Some(_) | None => {}
    }
}

// Puts a page in the place of the one before; between two manifests it says what became of the rows.
fn take(detail: &mut Detail, page: Result<Page, String>, now: i64, columns: usize) -> Option<Moved> {
    let moved = match (&detail.page, &page) {
        (Some(Ok(Page::Manifest(old))), Ok(Page::Manifest(new))) => Some(Moved {
            difference: Difference::new(&old.text, &new.text),
            older: view::yaml_starts(&old.text, columns),
            newer: view::yaml_starts(&new.text, columns),
        }),
        _ => None,
    };
    if let Some(moved) = &moved {
        detail.live.differs(now, &moved.difference);
        detail.scroll = moved.follow(detail.scroll);
    }
    detail.live.shown = true;
    detail.page = Some(page);
    moved
}

// The newest events come first: what is being read moves down with its place.
fn make_room(state: &mut State, rows_before: usize) {
    let more = view::overlay_lines(state).saturating_sub(rows_before);
    let Some(Overlay::Detail(detail)) = state.overlays.last_mut() else { return };
    let more = if detail.tab == Tab::Events && rows_before > 0 { more } else { 0 };
    if detail.scroll > 0 {
        detail.scroll += more;
    }
    find::carry(state, |row| row + more);
}

// The details that this request is for, and whether they are on top.
fn waiting(state: &mut State, ticket: u64) -> Option<(&mut Detail, bool)> {
    let last = state.overlays.len().saturating_sub(1);
    state.overlays.iter_mut().enumerate().find_map(|(nth, overlay)| match overlay {
        Overlay::Detail(detail) if detail.ticket == ticket => Some((detail, nth == last)),
        Overlay::Detail(_) | Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Picker(_) => None,
    })
}

/// Something was found in the index; for a tab that was left it is dropped.
pub(super) fn arrived(state: &mut State, ticket: u64, page: Result<Page, String>, effects: &mut Vec<Effect>) {
    let Some((detail, _)) = waiting(state, ticket) else { return };
    match (detail.tab, page) {
        (Tab::Logs, Ok(Page::Family(family))) => super::logs::choose(state, &family, effects),
        (_, page) => detail.page = Some(page),
    }
}

/// The object of a row, as the API server calls it.
pub(super) fn reference(row: &Row) -> ObjectRef {
    let metadata = &row.document.metadata;
    let version = metadata.api_version.rsplit('/').next().unwrap_or_default();
    ObjectRef {
        group: row.kind.group().to_owned(),
        version: version.to_owned(),
        plural: row.kind.plural().to_owned(),
        namespace: (metadata.namespace != CLUSTER).then(|| metadata.namespace.clone()),
        name: metadata.name.clone(),
        uid: row.document.local.uid.clone(),
    }
}
