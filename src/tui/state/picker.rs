//! Choosing from a list: namespaces, order, context, a field to copy, a command.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Line, Row};

/// What is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PickerKind {
    /// A command.
    Palette,
    /// Namespaces; several with space.
    Namespaces,
    /// The order of the rows.
    Sort,
    /// A field to copy.
    Copy,
    /// A context.
    Contexts,
    /// A Pod whose log is shown.
    Pods,
    /// A container whose log is shown.
    Containers,
}

/// What choosing an item means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pick {
    /// An action of the table.
    Action(super::super::keys::Action),
    /// Another picker.
    Contexts,
    /// A namespace.
    Namespace(String),
    /// An order, as `sort:` names it; `None` for relevance.
    Sort(Option<String>),
    /// Text to copy.
    Text(String),
    /// A context.
    Context(String),
    /// A query to show.
    Query(String),
    /// A query to show, and the namespaces to show it in; all when there are none.
    Within {
        /// The query.
        query: String,
        /// The namespaces.
        namespaces: Vec<String>,
    },
    /// The log of this Pod.
    Pod(Arc<Row>),
    /// The log of this container.
    Container(String),
}

/// One thing to choose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PickItem {
    /// What is read, and matched with what is typed.
    pub(crate) label: String,
    /// What it is called besides.
    pub(crate) words: Vec<String>,
    /// What stands beside it.
    pub(crate) detail: String,
    /// What choosing it means.
    pub(crate) pick: Pick,
}

/// A list to choose from, narrowed by typing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picker {
    /// What is chosen.
    pub(crate) kind: PickerKind,
    /// What is typed.
    pub(crate) line: Line,
    /// All there is.
    pub(crate) items: Vec<PickItem>,
    /// The selected line among those that match.
    pub(crate) cursor: usize,
    /// Marked with space, by label.
    pub(crate) marked: BTreeSet<String>,
}

impl Picker {
    /// A picker over these.
    pub(crate) fn new(kind: PickerKind, items: Vec<PickItem>) -> Self {
        Self { kind, line: Line::default(), items, cursor: 0, marked: BTreeSet::new() }
    }

    /// What matches the text typed, best first.
    pub(crate) fn matching(&self) -> Vec<&PickItem> {
        let typed = self.line.text().trim().to_lowercase();
        let mut found: Vec<(u8, usize, &PickItem)> = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(nth, item)| Some((best(item, &typed)?, nth, item)))
            .collect();
        found.sort_by_key(|(rank, nth, _)| (*rank, *nth));
        found.into_iter().map(|(_, _, item)| item).collect()
    }

    /// The selected item.
    pub(crate) fn selected(&self) -> Option<&PickItem> {
        self.matching().get(self.cursor).copied()
    }
}

/// How well an item matches. Its other names count from their start only.
fn best(item: &PickItem, typed: &str) -> Option<u8> {
    let words = item.words.iter().filter_map(|word| rank(word, typed)).filter(|rank| *rank < 2);
    words.chain(rank(&item.label.to_lowercase(), typed)).min()
}

/// How well a label matches: 0 best; `None` not at all. The whole, its start, a part, letters in this order.
fn rank(label: &str, typed: &str) -> Option<u8> {
    if label == typed {
        return Some(0);
    }
    if label.starts_with(typed) {
        return Some(1);
    }
    if label.contains(typed) {
        return Some(2);
    }
    let mut rest = label.chars();
    typed.chars().all(|c| rest.any(|other| other == c)).then_some(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_beats_scattered() {
        let item = |label: &str| PickItem {
            label: label.to_owned(),
            words: Vec::new(),
            detail: String::new(),
            pick: Pick::Text(label.to_owned()),
        };
        let mut picker = Picker::new(
            PickerKind::Namespaces,
            ["p-r-o-d", "eu-prod", "prod-eu", "stage", "prod"].map(item).into(),
        );
        picker.line.set("PROD");
        let labels: Vec<&str> = picker.matching().iter().map(|item| item.label.as_str()).collect();
        assert_eq!(labels, ["prod", "prod-eu", "eu-prod", "p-r-o-d"]);
        picker.line.set("zz");
        assert_eq!(picker.selected(), None);
    }
}
