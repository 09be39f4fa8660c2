//! The palette: commands, contexts, namespaces and kinds by their words. Those of k9s are among them (`:po`, `:dp`,
//! `:ns shop`, `:po shop`, `:ctx staging`, `:q`), so that fingers need not learn new ones.

use super::super::keys::Action;
use super::super::state::{Overlay, Pick, PickItem, Picker, PickerKind, State};
use crate::engine::status::KindState;
use crate::object::{Kind, KindKey};
use crate::search::Naming;
use crate::text::{sanitise, suggest, truncate};

/// Commands: how they are called, their other names, what they do.
const COMMANDS: [(&str, &[&str], Action); 9] = [
    ("kinds", &["coverage", "aliases", "alias"], Action::Coverage),
    ("help", &["h", "?"], Action::Help),
    ("namespaces", &["ns", "namespace"], Action::Namespaces),
    ("sort", &[], Action::Sort),
    ("facets", &[], Action::Facets),
    ("wide", &[], Action::Wide),
    ("preview", &[], Action::Preview),
    ("refresh", &[], Action::Refresh),
    ("q", &["quit", "exit", "q!", "qa"], Action::Quit),
];
const NAMESPACES: [&str; 3] = ["ns", "namespace", "namespaces"];
const CONTEXTS: [&str; 3] = ["ctx", "context", "contexts"];
/// What k9s calls kinds beside their short names.
const ALIASES: [(&str, &str); 8] = [
    ("dp", "deployments.apps"),
    ("sec", "secrets"),
    ("jo", "jobs.batch"),
    ("cr", "clusterroles.rbac.authorization.k8s.io"),
    ("crb", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("ro", "roles.rbac.authorization.k8s.io"),
    ("rb", "rolebindings.rbac.authorization.k8s.io"),
    ("np", "networkpolicies.networking.k8s.io"),
];

/// `:`
pub(super) fn open(state: &mut State) {
    let items = items(state, "");
    state.overlays.push(Overlay::Picker(Picker::new(PickerKind::Palette, items)));
}

/// Something was typed: what there is to choose depends on the words so far.
pub(super) fn typed(state: &mut State) {
    let Some(Overlay::Picker(picker)) = state.overlays.last() else { return };
    if picker.kind != PickerKind::Palette {
        return;
    }
    let items = items(state, &picker.line.text().to_lowercase());
    if let Some(Overlay::Picker(picker)) = state.overlays.last_mut() {
        picker.items = items;
    }
}

/// The line becomes the selected item, with room for what may follow.
pub(super) fn complete(picker: &mut Picker) {
    let Some(item) = picker.selected() else { return };
    let takes_more = picker.kind == PickerKind::Palette
        && !item.label.contains(' ')
        && matches!(item.pick, Pick::Query(_) | Pick::Contexts | Pick::Action(Action::Namespaces));
    let text = format!("{}{}", item.label, if takes_more { " " } else { "" });
    picker.line.set(&text);
    picker.cursor = 0;
}

/// Why nothing matches, and what may have been meant.
pub(super) fn unknown(state: &State, text: &str) -> String {
    let text = text.trim().to_lowercase();
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let known = items(state, "");
    let mut names = known.iter().flat_map(|item| item.words.iter().chain([&item.label]));
    let (what, wanted, near) = if CONTEXTS.contains(&word) && !rest.is_empty() {
        ("context", rest, suggest(rest, state.contexts.iter().map(String::as_str)))
    } else if !rest.is_empty() && (NAMESPACES.contains(&word) || kind(state, word).is_some()) {
        let namespaces = state.results.namespaces.iter().map(|(name, _)| name.as_str());
        ("namespace", rest, suggest(rest, namespaces))
    } else {
        let begun = names.clone().find(|name| word.len() > 2 && name.starts_with(word));
        (
            "command or kind",
            word,
            begun.map(String::as_str).or_else(|| suggest(word, names.by_ref().map(String::as_str))),
        )
    };
    let wanted = sanitise(wanted);
    let meant = near.map(|name| format!("; did you mean {}?", sanitise(name))).unwrap_or_default();
    let wanted = truncate(&wanted, 40);
    match what {
        // One without objects may be there all the same.
        "namespace" => format!("no object is in a namespace called {wanted}{meant}"),
        _ => format!("no {what} is called {wanted}{meant}"),
    }
}

fn items(state: &State, typed: &str) -> Vec<PickItem> {
    match typed.trim_start().split_once(' ') {
        Some((word, rest)) => arguments(state, word, rest.trim_start()),
        None => words(state, typed.trim_start()),
    }
}

fn words(state: &State, typed: &str) -> Vec<PickItem> {
    let mut items: Vec<PickItem> = COMMANDS
        .iter()
        .map(|(name, others, action)| item(*name, others, action.help(), Pick::Action(*action)))
        .collect();
    if !state.contexts.is_empty() {
        items.insert(0, item("ctx", &CONTEXTS[1..], "Choose a context", Pick::Contexts));
    }
    for (key, objects) in kinds(state) {
        let label = state
            .results
            .catalog
            .get(&key)
            .map_or_else(|| key.as_str().to_owned(), |kind| state.results.catalog.shortest(kind));
        let names = state.results.catalog.get(&key).map(names).unwrap_or_default();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let count = counted(objects);
        let is_namespaced = state.results.catalog.get(&key).is_none_or(|kind| kind.namespaced);
        let query = anywhere(state, is_namespaced, format!("kind:{}", key.as_str()));
        items.push(item(label, &names, count, Pick::Query(query)));
    }
    let category = state.results.catalog.resolve(typed).ok().filter(|found| found.by == Naming::Category);
    if let Some(found) = category {
        let count = format!("{} kinds", found.kinds.len());
        items.push(item(typed, &[], count, Pick::Query(format!("kind:{typed}"))));
    }
    items
}

/// Kinds with their objects: those that are read first, then what the cluster has besides.
fn kinds(state: &State) -> Vec<(KindKey, u64)> {
    let mut found: Vec<(KindKey, u64)> = Vec::new();
    for kind in state.cluster.status.iter().flat_map(|status| &status.kinds) {
        if kind.objects > 0 && !matches!(kind.state, KindState::Excluded { .. }) {
            found.push((kind.kind.clone(), kind.objects));
        }
    }
    let counts = &state.results.counts;
    let mut others: Vec<(KindKey, u64)> = state
        .results
        .catalog
        .kinds()
        .iter()
        .map(Kind::key)
        .filter(|key| found.iter().all(|(known, _)| known != key))
        .map(|key| (key.clone(), counts.get(&key).copied().unwrap_or_default()))
        .collect();
    others.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found.extend(others);
    found
}

fn names(kind: &Kind) -> Vec<String> {
    let key = kind.key();
    let alias = ALIASES.iter().filter(|(_, of)| *of == key.as_str()).map(|(alias, _)| (*alias).to_owned());
    let own = [&kind.plural, &kind.singular].into_iter().chain(&kind.short_names);
    own.filter(|name| !name.is_empty()).map(|name| name.to_lowercase()).chain(alias).collect()
}

/// What a word asks for, if it names kinds.
struct Named {
    query: String,
    shown: String,
    namespaced: bool,
}

fn kind(state: &State, word: &str) -> Option<Named> {
    let catalog = &state.results.catalog;
    let alias = ALIASES.iter().find(|(alias, _)| *alias == word).map(|(_, of)| KindKey::from(*of));
    let alias = alias.and_then(|key| catalog.get(&key)).map(|kind| vec![kind.key()]);
    let keys = alias.or_else(|| catalog.resolve(word).ok().map(|found| found.kinds))?;
    let kinds: Vec<&Kind> = keys.iter().filter_map(|key| catalog.get(key)).collect();
    let (query, shown) = match kinds.as_slice() {
        [kind] => (format!("kind:{}", kind.key()), catalog.shortest(kind)),
        _ => (format!("kind:{word}"), word.to_owned()),
    };
    Some(Named { query, shown, namespaced: kinds.iter().any(|kind| kind.namespaced) })
}

/// What may follow a word: `ns shop`, `ctx staging`, `po shop`, `po /web`, `po app=web`.
fn arguments(state: &State, word: &str, rest: &str) -> Vec<PickItem> {
    let namespaces = || state.results.namespaces.iter();
    let line = |argument: &str| format!("{word} {argument}");
    if CONTEXTS.contains(&word) {
        let all = state.contexts.iter();
        return all.map(|name| item(line(name), &[], "context", Pick::Context(name.clone()))).collect();
    }
    if NAMESPACES.contains(&word) {
        let all = item(line("all"), &[], Action::AllNamespaces.help(), Pick::Action(Action::AllNamespaces));
        let each = namespaces()
            .map(|(name, count)| item(line(name), &[], counted(*count), Pick::Namespace(name.clone())));
        return each.chain([all]).collect();
    }
    let Some(Named { query, shown, namespaced }) = kind(state, word) else { return Vec::new() };
    let within = |argument: &str, namespaces: Vec<String>, detail: String| {
        item(line(argument), &[], detail, Pick::Within { query: query.clone(), namespaces })
    };
    if rest.starts_with('/') || rest.contains('=') {
        let query = format!("{query} {}", rest.trim_start_matches('/').trim());
        return vec![item(
            line(rest),
            &[],
            format!("{shown}, narrowed"),
            Pick::Query(query.trim_end().to_owned()),
        )];
    }
    if !namespaced {
        let query = anywhere(state, namespaced, query);
        let words = if rest.is_empty() { "" } else { rest };
        return vec![item(line(words), &[], format!("{shown}, in no namespace"), Pick::Query(query.clone()))];
    }
    let each = namespaces().map(|(name, _)| within(name, vec![name.clone()], format!("{shown} in {name}")));
    each.chain([within("all", Vec::new(), format!("{shown} in all namespaces"))]).collect()
}

// As with kubectl, the chosen namespaces mean nothing to kinds that are in none.
fn anywhere(state: &State, is_namespaced: bool, query: String) -> String {
    if is_namespaced || state.namespaces.is_empty() { query } else { format!("-A {query}") }
}

fn counted(objects: u64) -> String {
    format!("{objects} {}", if objects == 1 { "object" } else { "objects" })
}

fn item(label: impl Into<String>, words: &[&str], detail: impl Into<String>, pick: Pick) -> PickItem {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    PickItem { label: label.into(), words, detail: detail.into(), pick }
}
