//! Widths of the list's columns: by the lines that show. What was wide enough so far stays while everything fits, so
//! that moving by a line moves no column without need.

use super::super::layout;
use super::super::state::{Item, Row, State, Wanted, Widths};
use super::super::update::answers;
use super::list::{ages, name, namespace, reason};
use super::text::cell;
use crate::text::width;

/// Before each line: the mark of the selected one.
pub(super) const MARGIN: usize = 3;
/// Between two columns.
pub(super) const GAP: usize = 2;
/// The least that a status says something in: `1/1 Running`.
const STATUS: usize = 11;

/// Widths of the columns, in terminal columns; 0 leaves one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Columns {
    pub(super) kind: usize,
    /// Kinds are called by their short names.
    pub(super) short: bool,
    pub(super) namespace: usize,
    pub(super) name: usize,
    pub(super) age: usize,
    pub(super) status: usize,
    pub(super) labels: usize,
    pub(super) owner: usize,
    pub(super) matched: usize,
}

/// The widths for a list of so many columns.
pub(super) fn columns(state: &State, room: usize) -> Columns {
    share(settled(state, room), room)
}

/// The widths that the list has now, for the next time.
pub(in crate::tui) fn widths(state: &State) -> Widths {
    let room = usize::from(layout::areas(state).list.width);
    Widths { query: state.results.query.clone(), wanted: settled(state, room) }
}

// What the lines that show want, and those before them as long as all of that fits uncut.
fn settled(state: &State, room: usize) -> Wanted {
    let shown = wanted(state);
    if state.widths.query != state.results.query {
        return shown;
    }
    let both = state.widths.wanted.union(shown);
    // Another setting: these columns are there or not for all lines.
    let both = Wanted {
        labels: if state.wide { both.labels } else { 0 },
        owner: if state.wide { both.owner } else { 0 },
        status: if shown.status > 0 { both.status } else { 0 },
        matched: if shown.matched > 0 { both.matched } else { 0 },
        ..both
    };
    let cut = |wanted: Wanted| is_cut(&wanted, &share(wanted, room));
    if both == shown || (cut(both) && !cut(shown)) { shown } else { both }
}

// Names and namespaces that are cut although the kinds are called by their short names.
fn is_cut(wanted: &Wanted, given: &Columns) -> bool {
    given.name < wanted.name || given.namespace < wanted.namespace || given.kind < wanted.short_kind
}

/// The columns that are there if there is room, in the order in which room is given to them.
#[derive(Clone, Copy)]
enum Column {
    Name,
    Namespace,
    Kind,
    Labels,
    Owner,
    Age,
    Status,
    Matched,
}

// Shares the room out. The names and namespaces of objects are cut last: first every column that has to be there gets
// the least that makes sense, then names and namespaces what they want, then the others what is left. Where the names
// of the kinds would take room that names need, kinds are called by their short names.
fn share(wanted: Wanted, room: usize) -> Columns {
    let long = Share::new(wanted, room, false).columns();
    let cut = long.name < wanted.name || long.namespace < wanted.namespace || long.kind < wanted.kind;
    // The first words of a status say most; what is behind them may be cut.
    let missing = long.status < wanted.status.min(16)
        || long.labels < wanted.labels.min(30)
        || (wanted.matched > 0 && long.matched == 0);
    if (cut || missing) && wanted.short_kind < wanted.kind {
        return Share::new(wanted, room, true).columns();
    }
    long
}

struct Share {
    wanted: [usize; 8],
    given: [usize; 8],
    left: usize,
    room: usize,
    short: bool,
}

impl Share {
    fn new(wanted: Wanted, room: usize, short: bool) -> Self {
        let Wanted { kind, short_kind, namespace, name, age, status, matched, owner, labels } = wanted;
        let kind = if short { short_kind } else { kind };
        let wanted = [name, namespace, kind, labels, owner, age, status, matched];
        // Nothing stands behind the last column.
        Self { wanted, given: [0; 8], left: (room + GAP).saturating_sub(MARGIN), room, short }
    }

    fn columns(mut self) -> Columns {
        use Column::{Age, Kind, Labels, Matched, Name, Namespace, Owner, Status};
        // What was asked for shows, however little room there is.
        let (name, labels) =
            if self.wanted[Labels as usize] > 0 && self.room < 60 { (16, 12) } else { (20, 16) };
        self.begin(Name, name.min(self.room * 2 / 5));
        self.begin(Namespace, 12.min(self.room / 4));
        self.begin(Kind, if self.room < 50 { 7 } else { 14 });
        self.begin(Labels, labels);
        // Where there is little room for the names, they come before everything else; and what was asked for comes
        // before what is there always.
        if self.room >= if self.wanted[Labels as usize] == 0 { 60 } else { 100 } {
            self.begin(Owner, 14);
            self.begin(Age, 6);
            self.begin(Status, STATUS);
        }
        self.grow(Namespace, 16);
        self.grow(Name, usize::MAX);
        self.grow(Namespace, usize::MAX);
        self.grow(Kind, usize::MAX);
        self.begin(Owner, 14);
        self.begin(Age, 6);
        self.begin(Status, STATUS);
        for (column, to) in [(Status, 18), (Owner, 30), (Labels, 30)] {
            self.grow(column, to);
        }
        self.begin(Matched, 14);
        for column in [Status, Matched, Owner, Labels] {
            self.grow(column, usize::MAX);
        }
        let [name, namespace, kind, labels, owner, age, status, matched] = self.given;
        Columns { kind, short: self.short, namespace, name, age, status, labels, owner, matched }
    }

    // Gives a column its least width, if there is room for that.
    fn begin(&mut self, column: Column, least: usize) {
        let nth = column as usize;
        let least = least.min(self.wanted[nth]);
        if self.given[nth] == 0 && least > 0 && least + GAP <= self.left {
            self.given[nth] = least;
            self.left -= least + GAP;
        }
    }

    fn grow(&mut self, column: Column, to: usize) {
        let nth = column as usize;
        if self.given[nth] > 0 {
            let more = to.min(self.wanted[nth]).saturating_sub(self.given[nth]).min(self.left);
            self.given[nth] += more;
            self.left -= more;
        }
    }
}

// What the lines that show would take if there were room.
fn wanted(state: &State) -> Wanted {
    let content = &state.results.content;
    let shown = state.results.items.iter().skip(state.offset).take(layout::rows(state).max(1));
    let lines: Vec<(&Item, &Row)> =
        shown.filter_map(|item| content.row(item).map(|row| (item, &**row))).collect();
    let widest = |text: &dyn Fn(&Item, &Row) -> usize| {
        lines.iter().map(|(item, row)| text(item, row)).max().unwrap_or_default()
    };
    let when = |shows: bool, columns: usize| if shows { columns } else { 0 };
    let status = || widest(&|item, _| super::status::columns(state, item)).clamp(STATUS, 36);
    Wanted {
        kind: widest(&|item, row| width(&kind_text(item, &row.document.metadata.kind))).clamp(4, 34),
        short_kind: widest(&|item, row| width(&kind_text(item, &row.short))).clamp(4, 34),
        namespace: widest(&|_, row| width(namespace(row))).clamp(9, 34),
        name: widest(&|item, row| width(&name(state, item, row))).clamp(12, 63),
        age: widest(&|item, _| width(&ages(state, item))).clamp(4, 6),
        status: if shows_status(state) { status() } else { 0 },
        matched: when(!same_reason(content.rows()), widest(&|_, row| width(&reason(row))).min(60)),
        owner: when(state.wide, widest(&|_, row| width(&super::detail::owner(row))).clamp(5, 40)),
        labels: when(state.wide, widest(&|_, row| width(&row.document.metadata.labels)).clamp(6, 200)),
    }
}

/// Whether all rows are there for one reason, which the query says already.
fn same_reason(rows: &[std::sync::Arc<Row>]) -> bool {
    let mut reasons = rows.iter().map(|row| reason(row));
    let first = reasons.next();
    rows.len() > 1 && reasons.all(|other| Some(other) == first)
}

/// Whether there is a column for the status: where the cluster is asked, or something was said of what is shown.
fn shows_status(state: &State) -> bool {
    let heard = || {
        let rows = state.results.content.rows();
        rows.iter().any(|row| state.statuses.of(&row.document.local.uid).is_some())
    };
    !state.statuses.off && (answers(state) || heard())
}

/// The first column of a line: the kind, and what it stands for.
pub(super) fn kind_text(item: &Item, kind: &str) -> String {
    match item {
        Item::Group { rows, open } => format!("{} {kind} ×{}", if *open { "▾" } else { "▸" }, rows.len()),
        Item::Member(_) => format!("  {kind}"),
        Item::Kind(_) | Item::Row(_) => kind.to_owned(),
    }
}

/// The heads of the columns.
pub(super) fn head(columns: &Columns) -> String {
    let mut head = " ".repeat(MARGIN);
    for (title, columns) in titles(columns) {
        head.push_str(&cell(title, columns));
        head.push_str(&" ".repeat(GAP));
    }
    head
}

/// The order (`sort:`) that the head at a column of the list stands for.
pub(in crate::tui) fn order_at(state: &State, room: usize, column: usize) -> Option<&'static str> {
    if state.results.content.rows().is_empty() {
        return None;
    }
    let mut start = MARGIN;
    for (title, columns) in titles(&columns(state, room)) {
        if (start..start + columns + GAP).contains(&column) {
            return match title {
                "KIND" => Some("kind"),
                "NAMESPACE" => Some("ns"),
                "NAME" => Some("name"),
                "AGE" => Some("age"),
                _ => None,
            };
        }
        start += columns + GAP;
    }
    None
}

fn titles(columns: &Columns) -> impl Iterator<Item = (&'static str, usize)> {
    let titles = [
        ("KIND", columns.kind),
        ("NAMESPACE", columns.namespace),
        ("NAME", columns.name),
        ("AGE", columns.age),
        ("STATUS", columns.status),
        ("LABELS", columns.labels),
        ("OWNER", columns.owner),
        ("MATCH", columns.matched),
    ];
    titles.into_iter().filter(|(_, columns)| *columns > 0)
}
