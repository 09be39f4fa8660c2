//! What lies over the list: pickers, the palette, views of text.

use super::super::keys::Action;
use super::super::layout;
use super::super::msg::Effect;
use super::super::state::{Overlay, Pick, PickItem, Picker, PickerKind, State};
use super::{close, list, note, palette, perform, query};

/// Orders that the language knows, and how they are called.
const ORDERS: [(&str, Option<&str>); 6] = [
    ("relevance", None),
    ("name", Some("name")),
    ("age, newest first", Some("age")),
    ("age, oldest first", Some("-age")),
    ("kind", Some("kind")),
    ("namespace", Some("ns")),
];

/// Types into the picker on top.
pub(super) fn typed(state: &mut State, c: char) {
    let Some(Overlay::Picker(picker)) = state.overlays.last_mut() else { return };
    if c == ' ' && picker.kind == PickerKind::Namespaces {
        return mark(picker);
    }
    picker.line.insert(c.encode_utf8(&mut [0; 4]));
    picker.cursor = 0;
    palette::typed(state);
}

fn mark(picker: &mut Picker) {
    if let Some(label) = picker.selected().map(|item| item.label.clone())
        && !picker.marked.remove(&label)
    {
        picker.marked.insert(label);
    }
    let last = picker.matching().len().saturating_sub(1);
    picker.cursor = (picker.cursor + 1).min(last);
}

/// Actions of a picker.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let page = layout::overlay_rows(state).max(1);
    let Some(Overlay::Picker(picker)) = state.overlays.last_mut() else { return };
    let last = picker.matching().len().saturating_sub(1);
    if let Some(to) = list::moved(action, picker.cursor, page, last) {
        picker.cursor = to;
        return;
    }
    match action {
        Action::Open => return choose(state, effects),
        Action::Complete => palette::complete(picker),
        Action::DeleteToStart => picker.line.delete_to_start(),
        Action::DeleteToEnd => picker.line.delete_to_end(),
        Action::DeleteWord => picker.line.delete_word(),
        // Backspace in an empty palette leaves it, as in vim.
        Action::Backspace if picker.line.is_empty() => return close(state, effects),
        Action::Backspace => picker.line.backspace(),
        Action::Delete => picker.line.delete(),
        Action::Left => picker.line.left(),
        Action::Right => picker.line.right(),
        Action::WordLeft => picker.line.word_left(),
        Action::WordRight => picker.line.word_right(),
        Action::LineStart => picker.line.start(),
        Action::LineEnd => picker.line.end(),
        _ => return,
    }
    picker.cursor = 0;
    palette::typed(state);
}

fn choose(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Overlay::Picker(picker)) = state.overlays.last().cloned() else { return };
    if picker.kind == PickerKind::Namespaces && !picker.marked.is_empty() {
        close(state, effects);
        state.namespaces = picker.marked.into_iter().collect();
        return query::restart(state, effects);
    }
    let Some(item) = picker.selected().cloned() else {
        let why = match picker.kind {
            PickerKind::Palette => palette::unknown(state, picker.line.text()),
            _ => "nothing matches; esc closes".to_owned(),
        };
        return note(state, why);
    };
    close(state, effects);
    match item.pick {
        Pick::Action(action) => perform(state, action, effects),
        Pick::Contexts => contexts(state),
        Pick::Namespace(namespace) => {
            state.namespaces = vec![namespace];
            query::restart(state, effects);
        }
        Pick::Sort(order) => query::sort(state, order.as_deref(), effects),
        Pick::Text(text) => list::copied(state, text, effects),
        Pick::Context(context) => {
            note(state, format!("opening {}", crate::text::sanitise(&context)));
            state.cluster.opening = Some(context.clone());
            effects.push(Effect::SwitchContext(context));
        }
        Pick::Pod(row) => super::logs::show(state, row, effects),
        Pick::Container(name) => super::logs::show_container(state, name, effects),
        Pick::Query(text) => {
            super::close_all(state, effects);
            query::show(state, &text, effects);
        }
        Pick::Within { query, namespaces } => {
            super::close_all(state, effects);
            query::show_in(state, &query, namespaces, effects);
        }
    }
}

/// Scrolls a view of text, or acts on the object that it shows.
pub(super) fn scroll(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    if let Some(Overlay::Coverage(at)) = state.overlays.last() {
        return coverage(state, *at, action, effects);
    }
    let page = layout::overlay_rows(state).max(1);
    let last = super::super::view::overlay_lines(state).saturating_sub(page);
    let at = match state.overlays.last_mut() {
        Some(Overlay::Help(at) | Overlay::Coverage(at)) => at,
        Some(Overlay::Detail(detail)) => &mut detail.scroll,
        Some(Overlay::Picker(_)) | None => return,
    };
    match list::moved(action, *at, page, last) {
        Some(to) => {
            *at = to;
            super::logs::moved(state);
        }
        None if matches!(action, Action::CopyName | Action::CopyCommand) => list::act(state, action, effects),
        None => super::detail::act(state, action, effects),
    }
}

// One kind is selected; its objects are one key away.
fn coverage(state: &mut State, at: usize, action: Action, effects: &mut Vec<Effect>) {
    let kinds = state.cluster.status.as_ref().map_or(0, |status| status.kinds.len());
    let page = super::super::view::coverage_rows(state).max(1);
    if let Some(to) = list::moved(action, at, page, kinds.saturating_sub(1)) {
        if let Some(Overlay::Coverage(at)) = state.overlays.last_mut() {
            *at = to;
        }
        return;
    }
    if action == Action::Open
        && let Some(kind) = super::super::view::kind_at(state, at)
    {
        let term = format!("kind:{}", kind.kind.as_str());
        super::close_all(state, effects);
        query::show(state, &term, effects);
    }
}

fn item(label: impl Into<String>, detail: impl Into<String>, pick: Pick) -> PickItem {
    PickItem { label: label.into(), words: Vec::new(), detail: detail.into(), pick }
}

/// `n`: the namespaces that the rows could be limited to.
pub(super) fn namespaces(state: &mut State) {
    let mut names: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for (name, count) in &state.results.namespaces {
        names.insert(name.clone(), *count);
    }
    let items: Vec<PickItem> = names
        .into_iter()
        .map(|(name, count)| item(name.clone(), format!("{count} objects"), Pick::Namespace(name)))
        .collect();
    if items.is_empty() {
        return note(state, "no namespaces are known yet");
    }
    let mut picker = Picker::new(PickerKind::Namespaces, items);
    picker.marked = state.namespaces.iter().cloned().collect();
    state.overlays.push(Overlay::Picker(picker));
}

/// `s`: the orders.
pub(super) fn sort(state: &mut State) {
    let items = ORDERS.map(|(name, order)| item(name, "", Pick::Sort(order.map(str::to_owned))));
    state.overlays.push(Overlay::Picker(Picker::new(PickerKind::Sort, items.into())));
}

/// `:ctx`: the contexts of the kubeconfig.
fn contexts(state: &mut State) {
    let mark = |name: &String| if *name == state.cluster.name { "present" } else { "" };
    let items = state
        .contexts
        .iter()
        .map(|name| item(name.clone(), mark(name), Pick::Context(name.clone())))
        .collect();
    state.overlays.push(Overlay::Picker(Picker::new(PickerKind::Contexts, items)));
}

/// `Y`: the fields of the object under the cursor.
pub(super) fn copy(state: &mut State) {
    let Some(row) = state.row() else { return note(state, "nothing to copy: no object is selected") };
    let document = &row.document;
    let metadata = &document.metadata;
    let mut fields: Vec<(String, String)> = vec![
        ("name".into(), metadata.name.clone()),
        ("namespace".into(), metadata.namespace.clone()),
        ("kind/name".into(), format!("{}/{}", row.kind.as_str(), metadata.name)),
        ("id".into(), document.id.clone()),
        ("uid".into(), document.local.uid.clone()),
        ("kubectl".into(), list::command(state).unwrap_or_default()),
    ];
    fields.extend(document.local.labels.iter().map(|(key, value)| (format!("label {key}"), value.clone())));
    fields.extend(
        document
            .local
            .labels
            .iter()
            .map(|(key, value)| (format!("selector {key}"), format!("{key}={value}"))),
    );
    fields.extend(
        document.local.annotations.iter().map(|(key, value)| (format!("annotation {key}"), value.clone())),
    );
    let items = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| item(field, value.clone(), Pick::Text(value)))
        .collect();
    state.overlays.push(Overlay::Picker(Picker::new(PickerKind::Copy, items)));
}
