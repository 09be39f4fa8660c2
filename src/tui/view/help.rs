//! Help: the keys, from their table, and the query language.

use ratatui::text::{Line, Span};

use super::super::keys::{Action, Group};
use super::super::state::State;
use super::text::{cell, clean};

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
        lines.push(Line::from(vec![
            Span::styled(format!("   {}", cell(form, 20)), theme.accent()),
            clean(&format!("  {meaning}"), columns.saturating_sub(24)).into(),
        ]));
    }
    for group in Group::ALL {
        lines.push(Line::default());
        lines.push(Line::from(Span::styled(format!(" {}", group.title()), theme.heading())));
        for action in Action::ALL.iter().filter(|action| action.group() == group) {
            let keys: Vec<String> = state.keymap.keys(*action).iter().map(ToString::to_string).collect();
            let name = if columns >= 100 { format!("  {}", action.name()) } else { String::new() };
            let keys = if keys.is_empty() { "no key".to_owned() } else { keys.join("  ") };
            lines.push(Line::from(vec![
                Span::styled(format!("   {}", cell(&keys, 20)), theme.accent()),
                clean(&format!("  {}", action.help()), columns.saturating_sub(24)).into(),
                Span::styled(name, theme.dim()),
            ]));
        }
    }
    lines
}
