//! Help: the keys, from their table, and the query language.

use ratatui::text::{Line, Span};

use super::super::keys::{Action, Group};
use super::super::state::State;
use super::text::{cell, flow};

/// The language in short, as `docs/query.md` has it in full.
const LANGUAGE: &[(&str, &str)] = &[
    ("checkout api", "both words, anywhere: names first, then labels, annotations, owners"),
    ("\"card payments\"", "a phrase, word for word"),
    ("kind:deploy,sts", "kinds by plural, singular, short name, name.group or category"),
    ("ns:prod,team-*", "namespaces; globs work"),
    ("app=web tier!=db", "labels, exactly; -l 'env in (a,b)' as in kubectl"),
    ("label:app", "a label that is there"),
    ("name:^web", "names: ^start end$ glob-* and parts"),
    ("age:<2h", "by age; also created:>2026-01-01"),
    ("owner:deploy/web", "owned by; root: at any distance"),
    ("is:deleting", "being deleted; has:finalizer has:owner no:label"),
    ("sort:age", "newest first; sort:-age sort:name"),
    ("-kind:pod !web", "without these"),
    ("a | b  ( )", "one of both"),
];

pub(super) fn lines(state: &State, columns: usize) -> Vec<Line<'static>> {
    let theme = state.theme;
    let mut lines = vec![Line::from(Span::styled(" The query language", theme.heading()))];
    for (form, meaning) in LANGUAGE {
        lines.extend(entry(state, columns, form, meaning, ""));
    }
    for group in Group::ALL {
        lines.push(Line::default());
        lines.push(Line::from(Span::styled(format!(" {}", group.title()), theme.heading())));
        for action in Action::ALL.iter().filter(|action| action.group() == group) {
            let keys: Vec<String> = state.keymap.keys(*action).iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() { "no key".to_owned() } else { keys.join("  ") };
            lines.extend(entry(state, columns, &keys, action.help(), action.name()));
        }
    }
    lines
}

// Nothing is cut: what is too long goes on below. The action's name, by which it is bound, stands where there is room.
fn entry(state: &State, columns: usize, form: &str, meaning: &str, name: &str) -> Vec<Line<'static>> {
    let left = 20.min(columns / 3).max(6);
    let names = if columns >= 100 { 20 } else { 0 };
    let room = columns.saturating_sub(3 + left + 2 + 1 + names).min(84);
    let (forms, meanings) = (flow(form, left), flow(meaning, room));
    let rows = forms.len().max(meanings.len());
    let part = |parts: &[String], nth: usize| parts.get(nth).cloned().unwrap_or_default();
    let line = |nth: usize| {
        let name = if nth == 0 && names > 0 { name } else { "" };
        Line::from(vec![
            Span::styled(format!("   {}", cell(&part(&forms, nth), left)), state.theme.accent()),
            format!("  {}", cell(&part(&meanings, nth), room)).into(),
            Span::styled(format!("  {name}"), state.theme.dim()),
        ])
    };
    (0..rows).map(line).collect()
}
