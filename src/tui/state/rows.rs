//! The rows of an answer, and siblings folded into one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::document::Document;
use crate::object::{Kind, KindKey};
use crate::search::Match;

/// Fewer siblings than this are shown one by one: two rows take no more attention than one and a number.
const LEAST_SIBLINGS: usize = 3;

/// One object that matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Its kind.
    pub(crate) kind: KindKey,
    /// What the kind is called where there is little room: its first short name, or its name.
    pub(crate) short: String,
    /// The document.
    pub(crate) document: Document,
    /// How well it matched.
    pub(crate) score: f32,
    /// Why it matched.
    pub(crate) matched: Vec<Match>,
}

/// Which entry of the index a row shows: the object and its uid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowKey {
    /// The document's id.
    pub(crate) id: String,
    /// The object's uid.
    pub(crate) uid: String,
}

/// Siblings: one kind, one namespace, one controller, equally good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Siblings {
    kind: KindKey,
    namespace: String,
    owner: String,
    score: u32,
}

/// A kind and how many objects of it there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KindCount {
    /// The kind; what is known of it while discovery is not.
    pub(crate) kind: Kind,
    /// Objects in the index.
    pub(crate) count: u64,
}

/// What an answer shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Content {
    /// No answer yet.
    #[default]
    Nothing,
    /// There is no index yet.
    NoIndex,
    /// An empty query: what there is, by kind.
    Kinds(Vec<KindCount>),
    /// Objects.
    Rows(Vec<Arc<Row>>),
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A kind, by its number in the answer.
    Kind(usize),
    /// An object.
    Row(usize),
    /// Siblings behind one line; open when they follow below.
    Group {
        /// Their numbers, best first.
        rows: Vec<usize>,
        /// Whether they follow below.
        open: bool,
    },
    /// One of the siblings of the group above.
    Member(usize),
}

/// What a line of the list stands for, over all answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemKey {
    /// A kind.
    Kind(KindKey),
    /// An object.
    Row(RowKey),
    /// Siblings.
    Group(Siblings),
}

impl Row {
    /// Which entry of the index it shows.
    pub(crate) fn key(&self) -> RowKey {
        RowKey { id: self.document.id.clone(), uid: self.document.local.uid.clone() }
    }

    /// Whose sibling it is; `None` without a controller.
    fn siblings(&self) -> Option<Siblings> {
        let local = &self.document.local;
        let owner = local.owners.iter().find(|owner| owner.controller).or(local.owners.first())?;
        Some(Siblings {
            kind: self.kind.clone(),
            namespace: self.document.metadata.namespace.clone(),
            owner: owner.uid.clone(),
            score: self.score.to_bits(),
        })
    }
}

impl Content {
    /// The rows; none where it shows something else.
    pub(crate) fn rows(&self) -> &[Arc<Row>] {
        match self {
            Self::Rows(rows) => rows,
            Self::Nothing | Self::NoIndex | Self::Kinds(_) => &[],
        }
    }

    /// The lines of the list. By relevance a group stands where its first sibling stood; in an order that was asked for
    /// (`ordered`) nothing leaves its place, so only siblings that follow each other fold.
    pub(crate) fn items(&self, open: &BTreeSet<Siblings>, ordered: bool) -> Vec<Item> {
        match self {
            Self::Nothing | Self::NoIndex => Vec::new(),
            Self::Kinds(kinds) => (0..kinds.len()).map(Item::Kind).collect(),
            Self::Rows(rows) => folded(rows, open, ordered),
        }
    }

    /// What a line stands for.
    pub(crate) fn key(&self, item: &Item) -> Option<ItemKey> {
        match item {
            Item::Kind(nth) => match self {
                Self::Kinds(kinds) => kinds.get(*nth).map(|kind| ItemKey::Kind(kind.kind.key())),
                Self::Nothing | Self::NoIndex | Self::Rows(_) => None,
            },
            Item::Row(nth) | Item::Member(nth) => self.rows().get(*nth).map(|row| ItemKey::Row(row.key())),
            Item::Group { rows, .. } => {
                self.rows().get(*rows.first()?).and_then(|row| row.siblings()).map(ItemKey::Group)
            }
        }
    }

    /// The object that a line shows; of a group the best.
    pub(crate) fn row(&self, item: &Item) -> Option<&Arc<Row>> {
        match item {
            Item::Kind(_) => None,
            Item::Row(nth) | Item::Member(nth) => self.rows().get(*nth),
            Item::Group { rows, .. } => self.rows().get(*rows.first()?),
        }
    }

    /// The line that shows what `key` stands for: an object folded away is shown by its group.
    pub(crate) fn position(&self, items: &[Item], key: &ItemKey) -> Option<usize> {
        let exact = items.iter().position(|item| self.key(item).as_ref() == Some(key));
        exact.or_else(|| {
            let ItemKey::Row(wanted) = key else { return None };
            items.iter().position(|item| match item {
                Item::Group { rows, open: false } => {
                    rows.iter().any(|nth| self.rows().get(*nth).is_some_and(|row| row.key() == *wanted))
                }
                Item::Group { .. } | Item::Kind(_) | Item::Row(_) | Item::Member(_) => false,
            })
        })
    }
}

fn folded(rows: &[Arc<Row>], open: &BTreeSet<Siblings>, ordered: bool) -> Vec<Item> {
    let mut groups: HashMap<Siblings, Vec<usize>> = HashMap::new();
    for (nth, row) in rows.iter().enumerate() {
        if let Some(siblings) = row.siblings() {
            groups.entry(siblings).or_default().push(nth);
        }
    }
    let is_run = |members: &[usize]| members.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    groups.retain(|_, members| members.len() >= LEAST_SIBLINGS && (!ordered || is_run(members)));
    let mut items = Vec::with_capacity(rows.len());
    for (nth, row) in rows.iter().enumerate() {
        let group = row.siblings().and_then(|siblings| groups.get_key_value(&siblings));
        match group {
            None => items.push(Item::Row(nth)),
            Some((siblings, members)) if members.first() == Some(&nth) => {
                let open = open.contains(siblings);
                items.push(Item::Group { rows: members.clone(), open });
                items.extend(members.iter().filter(|_| open).map(|nth| Item::Member(*nth)));
            }
            Some(_) => {}
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::super::testing::{owned, row};
    use super::*;

    fn content() -> Content {
        Content::Rows(vec![
            row("Pod", "shop", "web-a", &owned("web")),
            row("Pod", "shop", "solo", &[]),
            row("Pod", "shop", "web-b", &owned("web")),
            row("Pod", "stage", "web-c", &owned("web")),
            row("Pod", "shop", "web-d", &owned("web")),
        ])
    }

    #[test]
    fn three_siblings_fold_into_one_line_and_two_do_not() {
        let content = content();
        let items = content.items(&BTreeSet::new(), false);
        assert_eq!(items, [Item::Group { rows: vec![0, 2, 4], open: false }, Item::Row(1), Item::Row(3)]);
    }

    #[test]
    fn two_siblings_keep_their_places_and_under_an_order_all_do() {
        let web = owned("web");
        let names = ["web-a", "other", "web-b"]
            .map(|name| row("Pod", "shop", name, if name == "other" { &[] } else { &web }));
        let rows = |content: &Content, ordered| content.items(&BTreeSet::new(), ordered);
        assert_eq!(rows(&Content::Rows(names.to_vec()), false), [0, 1, 2].map(Item::Row));
        assert_eq!(rows(&content(), true), [0, 1, 2, 3, 4].map(Item::Row), "something stands between them");
        let together: Vec<_> =
            content().rows().iter().filter(|row| row.siblings().is_some()).cloned().collect();
        let together =
            Content::Rows([together[0].clone(), together[1].clone(), together[3].clone()].to_vec());
        assert_eq!(rows(&together, true), [Item::Group { rows: vec![0, 1, 2], open: false }]);
    }

    #[test]
    fn an_open_group_shows_its_members_and_a_folded_object_is_found_in_its_group() {
        let content = content();
        let folded = content.items(&BTreeSet::new(), false);
        let member = ItemKey::Row(content.rows()[4].key());
        assert_eq!(content.position(&folded, &member), Some(0));
        let Some(ItemKey::Group(siblings)) = content.key(&folded[0]) else { panic!("no group") };
        let items = content.items(&BTreeSet::from([siblings.clone()]), false);
        assert_eq!(items.len(), 6);
        assert_eq!(content.position(&items, &member), Some(3));
        assert_eq!(content.position(&items, &ItemKey::Group(siblings)), Some(0));
    }
}
