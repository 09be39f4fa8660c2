//! Everything that the screen shows. Changed by `update` alone, drawn by `view`.

mod changes;
mod find;
mod history;
mod line;
mod live;
mod logs;
mod picker;
mod rows;
mod statuses;
#[cfg(test)]
pub(crate) mod testing;
mod widths;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

pub(crate) use changes::{Difference, Moved};
pub(crate) use find::{Find, matches};
pub(crate) use history::History;
pub(crate) use line::Line;
pub(crate) use live::{Last, Live};
pub(crate) use logs::{LogLine, Logs};
pub(crate) use picker::{Pick, PickItem, Picker, PickerKind};
pub(crate) use rows::{Content, Item, ItemKey, KindCount, Row, Siblings};
pub(crate) use statuses::{Heard, MANY, StatusEffect, StatusRequest, Statuses, TOO_MANY, Target};
pub(crate) use widths::{Wanted, Widths};

use super::keys::{Context, Keymap};
use super::msg::{Link, Page, Problem};
use super::theme::Theme;
use crate::engine::status::Status;
use crate::object::KindKey;
use crate::query::Span;
use crate::search::Catalog;

/// The namespace that a document of a cluster-scoped kind has.
pub(super) const CLUSTER: &str = "_cluster";

/// Rows that are asked for at first; more when the cursor comes near the end.
pub(crate) const FIRST_ROWS: usize = 200;

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Focus {
    /// The query line.
    #[default]
    Query,
    /// The list.
    List,
    /// The facets panel.
    Facets,
}

/// What lies over the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Overlay {
    /// Keys and query language; scrolled by so many lines.
    Help(usize),
    /// What is read of each kind; scrolled by so many lines.
    Coverage(usize),
    /// One object, whole.
    Detail(Detail),
    /// Choosing from a list.
    Picker(Picker),
}

/// One object, whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    /// The object; as it was, when it is no longer among the rows.
    pub(crate) row: Arc<Row>,
    /// What is shown of it.
    pub(crate) tab: Tab,
    /// Scrolled by so many lines.
    pub(crate) scroll: usize,
    /// Number of the request that the tab waits for or shows.
    pub(crate) ticket: u64,
    /// What was fetched; `None` while it is under way. Dropped when another tab or object is shown: a revealed
    /// Secret is kept nowhere.
    pub(crate) page: Option<Result<Page, String>>,
    /// `managedFields` show.
    pub(crate) managed_fields: bool,
    /// The log, when that is what shows.
    pub(crate) logs: Option<Logs>,
    /// How current what was fetched is.
    pub(crate) live: Box<Live>,
    /// The newest text of the object that was left for another tab.
    pub(crate) last: Option<Box<Last>>,
}

/// What is shown of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// What the index knows.
    Summary,
    /// The object as YAML.
    Yaml,
    /// Events.
    Events,
    /// The log of a container.
    Logs,
    /// Owners and what is owned.
    Tree,
}

impl Tab {
    /// All, in the order of their headings.
    pub(crate) const ALL: [Self; 5] = [Self::Summary, Self::Yaml, Self::Events, Self::Logs, Self::Tree];

    /// Its heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Yaml => "yaml",
            Self::Events => "events",
            Self::Logs => "logs",
            Self::Tree => "tree",
        }
    }
}

/// One value of a field and how many of the matches have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facet {
    /// The heading it stands under: `kind`, `namespace`, or a label's key.
    pub(crate) field: String,
    /// The value.
    pub(crate) value: String,
    /// How many matches have it.
    pub(crate) count: u64,
    /// What choosing it means.
    pub(crate) pick: FacetPick,
}

/// What choosing a facet means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FacetPick {
    /// This is added to the query.
    Narrow(String),
    /// The values of this label are counted.
    Values(String),
}

/// What a half-typed word may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// What replaces the word.
    pub(crate) text: String,
    /// How many objects have it; `None` where that says nothing.
    pub(crate) count: Option<u64>,
}

/// The answer on the screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Results {
    /// Number of the request that was answered.
    pub(crate) generation: u64,
    /// The query that the rows answer.
    pub(crate) query: String,
    /// The rows.
    pub(crate) content: Content,
    /// How many objects match.
    pub(crate) total: u64,
    /// Whether it is exactly so many.
    pub(crate) exact: bool,
    /// Objects in the index.
    pub(crate) objects: u64,
    /// How long the search took, in microseconds.
    pub(crate) took_us: u64,
    /// Remarks about the query.
    pub(crate) hints: Vec<String>,
    /// What is wrong with the query that is typed now; the rows answer the last good one.
    pub(crate) problem: Option<Problem>,
    /// Objects by namespace.
    pub(crate) namespaces: Vec<(String, u64)>,
    /// The kinds of the cluster, by all their names.
    pub(crate) catalog: Arc<Catalog>,
    /// Objects by kind.
    pub(crate) counts: BTreeMap<KindKey, u64>,
    /// Counts of the matches.
    pub(crate) facets: Vec<Facet>,
    /// How many objects are where many of the rows are, by kind and namespace.
    pub(crate) places: BTreeMap<(KindKey, String), u64>,
    /// The lines of the list.
    pub(crate) items: Vec<Item>,
}

/// A query that was left, and where its cursor stood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// The query.
    pub(crate) query: String,
    /// Where the cursor stood in the query, if it was not answered since its line was left.
    pub(crate) left: Option<usize>,
    /// The namespaces that the rows were limited to.
    pub(crate) namespaces: Vec<String>,
    /// The line.
    pub(crate) key: Option<ItemKey>,
}

/// What is known of the cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    /// Number of the connection.
    pub(crate) connection: u64,
    /// The context, or the server's address.
    pub(crate) name: String,
    /// How this process stands to the index.
    pub(crate) link: Link,
    /// The writer's view, when there is or was one.
    pub(crate) status: Option<Arc<Status>>,
    /// The context that is being opened.
    pub(crate) opening: Option<String>,
}

/// Everything that the screen shows.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// Now, in milliseconds since 1970 (UTC).
    pub(crate) now_ms: i64,
    /// The local time zone.
    pub(crate) zone: TimeZone,
    /// Columns and rows.
    pub(crate) size: (u16, u16),
    /// Colours.
    pub(crate) theme: Theme,
    /// Keys.
    pub(crate) keymap: Keymap,
    /// The query line.
    pub(crate) query: Line,
    /// Where its cursor stood when it was left, until that was answered: what is half-typed there is settled.
    pub(crate) left: Option<usize>,
    /// Where keys go.
    pub(crate) focus: Focus,
    /// What lies over the list, the topmost last.
    pub(crate) overlays: Vec<Overlay>,
    /// Number of the newest request.
    pub(crate) generation: u64,
    /// Rows asked for.
    pub(crate) limit: usize,
    /// The answer on the screen.
    pub(crate) results: Results,
    /// The line of the list that is selected.
    pub(crate) cursor: usize,
    /// The first line of the list that shows.
    pub(crate) offset: usize,
    /// The user chose the line: it is kept when the query changes.
    pub(crate) chosen: bool,
    /// After the next answer, the cursor goes here.
    pub(crate) return_to: Option<ItemKey>,
    /// Siblings that are not folded.
    pub(crate) open: BTreeSet<Siblings>,
    /// Wide columns.
    pub(crate) wide: bool,
    /// How wide the columns of the list were so far.
    pub(crate) widths: Widths,
    /// The preview shows.
    pub(crate) preview: bool,
    /// The facets panel shows.
    pub(crate) facets: bool,
    /// The label whose values are counted.
    pub(crate) facet_key: Option<String>,
    /// The line of the facets panel that is selected.
    pub(crate) facet: usize,
    /// What the word under the cursor may become.
    pub(crate) proposals: Vec<Proposal>,
    /// A completion was asked for before the answer that brings it.
    pub(crate) completing: bool,
    /// The first row was to be opened before the answer that brings it.
    pub(crate) opening: bool,
    /// The part of the query that a proposal replaces.
    pub(crate) proposed_for: Span,
    /// Only these namespaces; all when empty.
    pub(crate) namespaces: Vec<String>,
    /// Queries that were used.
    pub(crate) history: History,
    /// Queries before this one.
    pub(crate) back: Vec<Place>,
    /// Queries after this one.
    pub(crate) forward: Vec<Place>,
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The contexts one can switch to.
    pub(crate) contexts: Vec<String>,
    /// Number of the newest fetch.
    pub(crate) ticket: u64,
    /// Requests made for what was opened.
    pub(crate) opened: u64,
    /// What is searched for in the view on top.
    pub(crate) find: Option<Find>,
    /// The status of what shows.
    pub(crate) statuses: Statuses,
    /// Something to tell, and until when.
    pub(crate) note: Option<(String, i64)>,
}

impl State {
    /// The start: nothing is known yet.
    pub(crate) fn new(now_ms: i64, size: (u16, u16), query: &str) -> Self {
        Self {
            now_ms,
            zone: TimeZone::UTC,
            size,
            theme: Theme::default(),
            keymap: Keymap::default(),
            query: Line::new(query),
            left: None,
            focus: Focus::Query,
            overlays: Vec::new(),
            generation: 0,
            limit: FIRST_ROWS,
            results: Results::default(),
            cursor: 0,
            offset: 0,
            chosen: false,
            return_to: None,
            open: BTreeSet::new(),
            wide: false,
            widths: Widths::default(),
            preview: true,
            facets: false,
            facet_key: None,
            facet: 0,
            proposals: Vec::new(),
            completing: false,
            opening: false,
            proposed_for: 0..0,
            namespaces: Vec::new(),
            history: History::default(),
            back: Vec::new(),
            forward: Vec::new(),
            cluster: Cluster::default(),
            contexts: Vec::new(),
            ticket: 0,
            opened: 0,
            find: None,
            statuses: Statuses::default(),
            note: None,
        }
    }

    /// Where a key counts now.
    pub(crate) fn context(&self) -> Context {
        match (self.overlays.last(), self.focus) {
            (Some(Overlay::Picker(_)), _) => Context::Picker,
            (Some(_), _) if self.is_finding() => Context::Picker,
            (Some(Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Detail(_)), _) => Context::Text,
            (None, Focus::Query) => Context::Query,
            (None, Focus::List | Focus::Facets) => Context::List,
        }
    }

    /// Whether keys are typed into a search in the view on top.
    pub(crate) fn is_finding(&self) -> bool {
        self.find.as_ref().is_some_and(|find| find.typing)
    }

    /// Whether `q` goes back from here, instead of quitting.
    pub(crate) fn can_go_back(&self) -> bool {
        !self.overlays.is_empty() || self.focus == Focus::Facets || !self.back.is_empty()
    }

    /// The lines that the rows make.
    pub(crate) fn lines(&self) -> Vec<Item> {
        let ordered = self.results.query.split_whitespace().any(|word| word.starts_with("sort:"));
        self.results.content.items(&self.open, ordered)
    }

    /// The selected line.
    pub(crate) fn item(&self) -> Option<&Item> {
        self.results.items.get(self.cursor)
    }

    /// What the selected line stands for.
    pub(crate) fn selected(&self) -> Option<ItemKey> {
        self.results.content.key(self.item()?)
    }

    /// The object under the cursor, or the one whose details are open.
    pub(crate) fn row(&self) -> Option<&Arc<Row>> {
        let open = self.overlays.iter().rev().find_map(|overlay| match overlay {
            Overlay::Detail(detail) => Some(&detail.row),
            Overlay::Help(_) | Overlay::Coverage(_) | Overlay::Picker(_) => None,
        });
        open.or_else(|| self.results.content.row(self.item()?))
    }
}
