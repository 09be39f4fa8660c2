//! Widths of the list's columns: by what is loaded, not by what shows, so that scrolling moves no column.

use super::super::state::{Item, Row, State};
use super::super::update::answers;
use super::list::{namespace, reason};
use super::text::cell;
use crate::text::width;

/// Before each line: the mark of the selected one.
pub(super) const MARGIN: usize = 3;
/// Between two columns.
pub(super) const GAP: usize = 2;
/// From this many columns on, the status has room for more than its first words.
const ROOMY: usize = 100;

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

/// The widths for a list of so many columns. First every column gets the least that makes sense, the most important
/// first, as long as there is room; then the name gets what it wants, and the others what is left. Where the names of
/// the kinds would take room that names need, kinds are called by their short names.
pub(super) fn columns(state: &State, room: usize) -> Columns {
    let widths = Wanted::new(state);
    let long = widths.share(room, false);
    let cut = long.name < widths.name || long.namespace < widths.namespace || long.kind < widths.kind;
    if cut && widths.short_kind < widths.kind { widths.share(room, true) } else { long }
}

/// What the columns would take if there were room.
struct Wanted {
    kind: usize,
    short_kind: usize,
    namespace: usize,
    name: usize,
    age: usize,
    status: bool,
    matched: usize,
    owner: usize,
    labels: usize,
}

impl Wanted {
    fn new(state: &State) -> Self {
        let rows = state.results.content.rows();
        let items = &state.results.items;
        let widest =
            |text: &dyn Fn(&Row) -> usize| rows.iter().map(|row| text(row)).max().unwrap_or_default();
        let of_items = |text: &dyn Fn(&Row) -> &str| {
            let row = |item: &Item| state.results.content.row(item).map(|row| kind_text(item, text(row)));
            items.iter().filter_map(row).map(|text| width(&text)).max().unwrap_or_default()
        };
        let wide = |columns: usize| if state.wide { columns } else { 0 };
        Self {
            kind: of_items(&|row| &row.document.metadata.kind).clamp(4, 34),
            short_kind: of_items(&|row| &row.short).clamp(4, 34),
            namespace: widest(&|row| width(namespace(row))).clamp(9, 34),
            name: widest(&|row| width(&row.document.metadata.name)).clamp(12, 63),
            age: 6,
            status: shows_status(state),
            matched: if same_reason(rows) { 0 } else { widest(&|row| width(&reason(row))).min(60) },
            owner: wide(widest(&|row| width(&super::detail::owner(row))).clamp(5, 40)),
            labels: wide(widest(&|row| width(&row.document.metadata.labels)).clamp(6, 200)),
        }
    }

    fn share(&self, room: usize, short: bool) -> Columns {
        let kind = if short { self.short_kind } else { self.kind };
        let status = match (self.status, room >= ROOMY) {
            (false, _) => (0, 0),
            (true, false) => (11, 20),
            (true, true) => (16, 28),
        };
        // (least, wanted), in the order of importance.
        let wishes = [
            (16, self.name),
            (kind.min(14), kind),
            status,
            (10, self.namespace),
            (5, self.age),
            (10, self.matched),
            (12, self.owner),
            (14, self.labels),
        ];
        let mut left = room.saturating_sub(MARGIN);
        let mut given = wishes.map(|(least, wanted)| {
            let least = least.min(wanted);
            let fits = least > 0 && least + GAP <= left;
            let columns = if fits { least } else { 0 };
            left -= if fits { columns + GAP } else { 0 };
            columns
        });
        // A namespace that is cut to its first syllable says nothing: it comes before the end of long names.
        let mut grow = |nth: usize, to: usize| {
            if given[nth] > 0 {
                let more = to.saturating_sub(given[nth]).min(left);
                given[nth] += more;
                left -= more;
            }
        };
        grow(3, self.namespace.min(16));
        for (nth, (_, wanted)) in wishes.into_iter().enumerate() {
            grow(nth, wanted);
        }
        let [name, kind, status, namespace, age, matched, owner, labels] = given;
        Columns { kind, short, namespace, name, age, status, labels, owner, matched }
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
