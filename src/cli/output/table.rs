//! Tables: aligned columns, cut to the terminal's width where there is one, whole where there is none.

use std::ops::Range;

use super::terminal::Terminal;
use crate::text;

/// Space between columns, as kubectl's.
const GAP: usize = 3;

/// How a piece of text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// What repeats, and what is said beside the data.
    Dim,
    /// What matched.
    Hit,
    /// What needs a person.
    Bad,
}

/// One cell: pieces of safe text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pieces: Vec<(Style, String)>,
}

/// A column's title, and how narrow it may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The title.
    pub(crate) title: &'static str,
    /// Columns to the right give way first, but none below this.
    pub(crate) min: usize,
    /// Numbers stand at the right edge.
    pub(crate) right: bool,
    /// On a terminal too narrow for all columns the highest of these is left out first; 0 always stays.
    pub(crate) spare: u8,
}

/// Rows below titles.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// Text from anywhere.
    pub(crate) fn plain(text: &str) -> Self {
        Self::styled(Style::Plain, text)
    }

    /// Text from anywhere, in one style.
    pub(crate) fn styled(style: Style, text: &str) -> Self {
        Self { pieces: vec![(style, text::sanitise(text).into_owned())] }
    }

    /// Text from anywhere with some byte ranges highlighted; ranges that do not fit the text are ignored.
    pub(crate) fn marked(text: &str, mut spans: Vec<Range<usize>>) -> Self {
        spans.sort_by_key(|span| span.start);
        let mut cell = Self::default();
        let mut at = 0;
        for span in spans {
            let start = span.start.max(at);
            if let (Some(before), Some(hit)) = (text.get(at..start), text.get(start..span.end))
                && !hit.is_empty()
            {
                cell.push(Style::Plain, before);
                cell.push(Style::Hit, hit);
                at = span.end;
            }
        }
        cell.push(Style::Plain, text.get(at..).unwrap_or_default());
        cell
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, style: Style, text: &str) {
        if !text.is_empty() {
            self.pieces.push((style, text::sanitise(text).into_owned()));
        }
    }

    fn width(&self) -> usize {
        self.pieces.iter().map(|(_, piece)| text::width(piece)).sum()
    }

    // The text in at most `room` columns, and how many it takes.
    fn render(&self, room: usize, terminal: &Terminal) -> (String, usize) {
        let whole = self.width();
        if whole <= room {
            let painted = self.pieces.iter().map(|(style, piece)| terminal.paint(*style, piece)).collect();
            return (painted, whole);
        }
        // Cut as one text, then give every kept piece its style back.
        let text: String = self.pieces.iter().map(|(_, piece)| piece.as_str()).collect();
        let cut = text::truncate(&text, room);
        let (mut line, mut at) = (String::new(), 0);
        for (style, piece) in &self.pieces {
            let end = (at + piece.len()).min(cut.len());
            // The ellipsis belongs to the piece in which it falls.
            let end = if cut.is_char_boundary(end) { end } else { cut.len() };
            line.push_str(&terminal.paint(*style, cut.get(at..end).unwrap_or_default()));
            at = end;
        }
        line.push_str(cut.get(at..).unwrap_or_default());
        (line, text::width(&cut))
    }
}

impl Column {
    /// A column for text.
    pub(crate) fn text(title: &'static str, min: usize) -> Self {
        Self { title, min: min.max(title.len()), right: false, spare: 0 }
    }

    /// A column for numbers, which are never cut.
    pub(crate) fn number(title: &'static str) -> Self {
        Self { title, min: usize::MAX, right: true, spare: 0 }
    }

    /// May be left out on a narrow terminal, the highest rank first.
    pub(crate) fn spare(self, rank: u8) -> Self {
        Self { spare: rank, ..self }
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; it has a cell for every column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    pub(super) fn render(&self, terminal: &Terminal) -> String {
        let mut shown = self.natural();
        if let Some(room) = terminal.width {
            self.leave_out(&mut shown, room);
            self.narrow(&mut shown, room);
        }
        let titles = self.columns.iter().map(|column| Cell::styled(Style::Dim, column.title)).collect();
        let rows = std::iter::once(&titles).chain(&self.rows);
        let mut out = String::new();
        for row in rows {
            self.render_row(row, &shown, terminal, &mut out);
        }
        out
    }

    fn render_row(&self, row: &[Cell], shown: &[Shown], terminal: &Terminal, out: &mut String) {
        let filled = |own: &Shown| row.get(own.column).is_some_and(|cell| cell.width() > 0);
        let last = shown.iter().rposition(filled).unwrap_or(0);
        for (index, Shown { column, width }) in shown.iter().enumerate().take(last + 1) {
            let (Some(cell), Some(column)) = (row.get(*column), self.columns.get(*column)) else { continue };
            let (text, used) = cell.render(*width, terminal);
            let padding = width.saturating_sub(used);
            out.extend(std::iter::repeat_n(' ', if index > 0 { GAP } else { 0 }));
            if column.right {
                out.extend(std::iter::repeat_n(' ', padding));
                out.push_str(&text);
            } else {
                out.push_str(&text);
                out.extend(std::iter::repeat_n(' ', if index < last { padding } else { 0 }));
            }
        }
        out.push('\n');
    }

    fn natural(&self) -> Vec<Shown> {
        let widest =
            |column: usize| self.rows.iter().filter_map(move |row| row.get(column)).map(Cell::width).max();
        let shown = |(column, own): (usize, &Column)| Shown {
            column,
            width: own.title.len().max(widest(column).unwrap_or(0)),
        };
        self.columns.iter().enumerate().map(shown).collect()
    }

    // The least a column takes.
    fn least(&self, shown: &Shown) -> usize {
        self.columns.get(shown.column).map_or(0, |column| shown.width.min(column.min))
    }

    // Columns that can be spared go until the others fit at their narrowest.
    fn leave_out(&self, shown: &mut Vec<Shown>, room: usize) {
        let rank = |own: &Shown| self.columns.get(own.column).map_or(0, |column| column.spare);
        while shown.iter().map(|own| self.least(own)).sum::<usize>() + gaps(shown) > room {
            let Some(highest) = shown.iter().map(rank).max().filter(|rank| *rank > 0) else { return };
            shown.retain(|own| rank(own) != highest);
        }
    }

    // Columns at the right give way first.
    fn narrow(&self, shown: &mut [Shown], room: usize) {
        let all = shown.iter().map(|own| own.width).sum::<usize>() + gaps(shown);
        let mut excess = all.saturating_sub(room);
        for own in shown.iter_mut().rev() {
            let give = excess.min(own.width - self.least(own));
            own.width -= give;
            excess -= give;
        }
    }
}

/// A column that is shown, and how wide.
struct Shown {
    column: usize,
    width: usize,
}

fn gaps(shown: &[Shown]) -> usize {
    GAP * shown.len().saturating_sub(1)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "spans are ranges")]
mod tests {
    use super::*;

    const PIPE: Terminal = Terminal { tty: false, color: false, width: None };

    fn terminal(columns: usize) -> Terminal {
        Terminal { tty: true, color: false, width: Some(columns) }
    }

    fn table() -> Table {
        let columns = vec![
            Column::text("KIND", 8),
            Column::text("NAME", 10),
            Column::number("AGE"),
            Column::text("MATCH", 5),
        ];
        let mut table = Table::new(columns);
        let row = |cells: [&str; 4]| cells.iter().map(|text| Cell::plain(text)).collect();
        table.row(row(["Deployment", "checkout-api", "41d", "name"]));
        table.row(row(["Pod", "checkout-api-7f9c4d5b6-x2x9k", "3h20m", "app=checkout-api"]));
        table.row(row(["Namespace", "grüße-東京", "", ""]));
        table
    }

    #[test]
    fn a_pipe_gets_whole_cells() {
        insta::assert_snapshot!(table().render(&PIPE), @r"
        KIND         NAME                             AGE   MATCH
        Deployment   checkout-api                     41d   name
        Pod          checkout-api-7f9c4d5b6-x2x9k   3h20m   app=checkout-api
        Namespace    grüße-東京
        ");
    }

    #[test]
    fn a_terminal_cuts_from_the_right() {
        insta::assert_snapshot!(table().render(&terminal(60)), @r"
        KIND         NAME                             AGE   MATCH
        Deployment   checkout-api                     41d   name
        Pod          checkout-api-7f9c4d5b6-x2x9k   3h20m   app=che…
        Namespace    grüße-東京
        ");
        insta::assert_snapshot!(table().render(&terminal(40)), @r"
        KIND         NAME            AGE   MATCH
        Deployment   checkout-a…     41d   name
        Pod          checkout-a…   3h20m   app=…
        Namespace    grüße-東京
        ");
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns() {
        let mut table = table();
        table.columns[2].spare = 1;
        table.columns[3].spare = 2;
        insta::assert_snapshot!(table.render(&terminal(36)), @r"
        KIND         NAME                AGE
        Deployment   checkout-api        41d
        Pod          checkout-api-7…   3h20m
        Namespace    grüße-東京
        ");
        insta::assert_snapshot!(table.render(&terminal(26)), @r"
        KIND         NAME
        Deployment   checkout-api
        Pod          checkout-api…
        Namespace    grüße-東京
        ");
        assert!(table.render(&terminal(120)).contains("MATCH"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_unless_it_is_tiny() {
        for columns in 37..90 {
            let shown = table().render(&terminal(columns));
            assert!(shown.lines().all(|line| text::width(line) <= columns), "{columns}:\n{shown}");
        }
    }

    #[test]
    fn hits_are_highlighted_and_hostile_names_are_harmless() {
        let color = Terminal { color: true, ..terminal(80) };
        let marked =
            |text: &str, spans: &[Range<usize>]| Cell::marked(text, spans.to_vec()).render(40, &color).0;
        assert_eq!(marked("pre-checkout", &[4..9]), "pre-\x1b[1;33mcheck\x1b[0mout");
        assert_eq!(marked("aXbX", &[3..4, 1..2]), "a\x1b[1;33mX\x1b[0mb\x1b[1;33mX\x1b[0m");
        assert_eq!(marked("abc", &[0..2, 1..3]), "\x1b[1;33mab\x1b[0m\x1b[1;33mc\x1b[0m");
        assert_eq!(marked("\x1b[31mred", &[5..8]), "␛[31m\x1b[1;33mred\x1b[0m");
        assert_eq!(marked("é", &[0..1, 5..9]), "é", "spans that do not fit are ignored");
    }

    #[test]
    fn a_cut_among_pieces_shows() {
        let cell = Cell::marked("abcdef", vec![2..4]);
        assert_eq!(cell.render(6, &terminal(80)).0, "abcdef");
        assert_eq!(cell.render(5, &terminal(80)).0, "abcd…");
        assert_eq!(cell.render(4, &terminal(80)).0, "abc…");
        assert_eq!(cell.render(2, &terminal(80)).0, "a…");
    }
}
