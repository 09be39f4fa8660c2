//! `sort:`, `limit:`, `cluster:`: what belongs to the whole query.

use super::build::Piece;
use super::cursor::Place;
use super::error::quoted;
use super::parse::Parser;
use super::terms::{expected, unknown_word};
use super::value::Item;
use super::words::{Qualifier, SORT_KEYS};
use super::{ParseError, Sort, Span, Value};

/// More hits at once are no answer for a person, and programs read the whole with the command line's `--limit 0`.
const MOST_HITS: usize = 1_000_000;

impl Parser<'_> {
    pub(super) fn clusters(&mut self, list: &str, span: Span) -> Result<Option<Piece>, ParseError> {
        let start = span.end - list.len();
        for item in self.items(list, start, "cluster")? {
            let pattern = self.value(&item, expected(Qualifier::Cluster), &Place::Cluster)?;
            if self.query.clusters.iter().all(|known| known.pattern != pattern) {
                self.query.clusters.push(Value { pattern, span: item.span });
            }
        }
        self.whole_query(span)
    }

    pub(super) fn sort(&mut self, list: &str, start: usize, span: Span) -> Result<Option<Piece>, ParseError> {
        let items = self.split(list, start)?;
        for Item { raw, span } in items {
            let sort = sort_key(raw, &span)?;
            if self.query.sort.iter().any(|known| known.key == sort.key) {
                let message = format!("sorted by {} twice", quoted(raw));
                return Err(ParseError::new(span, message).expected("each key once"));
            }
            self.query.sort.push(sort);
        }
        self.whole_query(span)
    }

    pub(super) fn limit(&mut self, raw: &str, start: usize, span: Span) -> Result<Option<Piece>, ParseError> {
        let limit = raw.parse().ok().filter(|limit| *limit > 0 && *limit <= MOST_HITS);
        let Some(limit) = limit else {
            let error = ParseError::new(start..start + raw.len(), format!("{} is no limit", quoted(raw)));
            return Err(error.expected(format!("a number from 1 to {MOST_HITS}")));
        };
        if self.query.limit.is_some_and(|known| known != limit) {
            return Err(ParseError::new(span, "a second limit").expected("one `limit:`"));
        }
        self.query.limit = Some(limit);
        self.whole_query(span)
    }

    fn whole_query(&mut self, span: Span) -> Result<Option<Piece>, ParseError> {
        if self.depth > 0 {
            let what = quoted(&self.text[span.clone()]);
            let error = ParseError::new(span, format!("{what} inside parentheses"));
            return Err(error.suggest("it belongs to the whole query: write it outside of them"));
        }
        self.setting = Some(span);
        Ok(None)
    }
}

/// `age`, `-age`, and GitHub's `created-desc`.
fn sort_key(raw: &str, span: &Span) -> Result<Sort, ParseError> {
    let (minus, word) = raw.strip_prefix('-').map_or((false, raw), |word| (true, word));
    let (word, suffix) = match word.rsplit_once('-') {
        Some((word, "desc")) => (word, true),
        Some((word, "asc")) => (word, false),
        _ => (word, false),
    };
    let known = SORT_KEYS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word));
    let Some((_, key, reversed)) = known.filter(|_| !(minus && suffix)) else {
        let names = SORT_KEYS.iter().map(|(name, ..)| *name);
        let expected = expected(Qualifier::Sort).to_owned();
        let error = unknown_word("sort", raw, span.clone(), names, expected);
        // `-`, `-a`, `created-de`
        let begun = minus && SORT_KEYS.iter().any(|(name, ..)| name.starts_with(word))
            || word
                .rsplit_once('-')
                .is_some_and(|(_, end)| "desc".starts_with(end) || "asc".starts_with(end));
        return Err(if begun { error.mendable() } else { error });
    };
    Ok(Sort { key: *key, descending: (minus || suffix) != *reversed })
}
