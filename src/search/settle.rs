//! What a query reads once its line is left. While it is typed, a value counts for all that begin so; the strict reading
//! of the same text would ask for exactly that value, and the rows that one saw would vanish.

use std::collections::BTreeSet;

use crate::index::terms::fold;
use crate::query::{AtCursor, Lenient, Place, Span, is_case_sensitive, parse, parse_lenient};

use super::Searcher;

impl Searcher {
    /// The text that asks, read strictly, for what was found while the cursor stood at `cursor`: a half-typed value
    /// completed where it is the beginning of one, with `*` where it is that of several; what was left open closed, and
    /// what was not begun left out. `None` where the text says it already, or nothing does.
    pub fn settle(&self, text: &str, cursor: usize) -> Option<String> {
        let read = parse_lenient(text, cursor, self);
        if !read.errors.is_empty() {
            return None;
        }
        let meant = read.query.to_string();
        let says = |text: &str| parse(text).is_ok_and(|query| query.to_string() == meant);
        if says(&read.text) {
            return (read.text != text).then_some(read.text);
        }
        let whole = self.whole(&read).map(|(span, value)| replaced(&read.text, span, &value));
        if let Some(whole) = whole.filter(|text| parse(text).is_ok()) {
            return Some(whole);
        }
        left_out(text, cursor).into_iter().find(|text| says(text))
    }

    /// The same while one goes on typing behind it: a half-typed value alone is settled, nothing is closed or left out.
    pub fn settle_value(&self, text: &str, cursor: usize) -> Option<String> {
        let read = parse_lenient(text, cursor, self);
        let meant = read.query.to_string();
        let is_half = !parse(&read.text).is_ok_and(|query| query.to_string() == meant);
        if !read.errors.is_empty() || read.at.span.is_empty() || !is_half {
            return None;
        }
        let (span, value) = self.whole(&read)?;
        let settled = replaced(text, span, &value);
        Some(settled).filter(|text| parse_lenient(text, text.len(), self).errors.is_empty())
    }

    /// What the half-typed value becomes, and the part of the text that it replaces.
    fn whole(&self, read: &Lenient) -> Option<(Span, String)> {
        let AtCursor { place, span, .. } = &read.at;
        let typed = read.text.get(span.clone())?;
        let here = |value: String| (span.clone(), value);
        let asks = matches!(
            place,
            Place::LabelValue { .. }
                | Place::AnnotationValue { .. }
                | Place::Owner { kind: Some(_) }
                | Place::Name { .. }
        );
        if typed.is_empty() && !asks {
            return None;
        }
        let all: BTreeSet<String> = match place {
            Place::Is | Place::Has | Place::Sort => {
                // no pattern may stand here
                let words = place.fixed_words().into_iter().filter(|word| word.starts_with(&fold(typed)));
                return one(words).map(here);
            }
            // `deploy/` and nothing behind it yet
            Place::Name { kind: Some(kind) } if typed.is_empty() => {
                return Some(match self.catalog().resolve(kind) {
                    Ok(_) => here("*".to_owned()),
                    Err(_) => (span.start.checked_sub(kind.len() + 1)?..span.end, format!("kind:{kind}*")),
                });
            }
            Place::Kind => self.kinds_begun(typed).chain(self.categories_begun(typed)).collect(),
            Place::Owner { kind: None } => {
                let names = self.values_begun(place, typed);
                if names.is_empty() {
                    let kind = match self.catalog().resolve(typed) {
                        Ok(_) => typed.to_owned(),
                        Err(_) => one(self.kinds_begun(typed)).unwrap_or_else(|| format!("{typed}*")),
                    };
                    return Some(here(format!("{kind}/*")));
                }
                names
            }
            _ => self.values_begun(place, typed),
        };
        let plain = |value: &String| value.chars().all(|c| c.is_alphanumeric() || "-_./:".contains(c));
        let whole = one(all.iter().filter(|value| plain(value)).cloned())
            .filter(|_| all.len() == 1 && !typed.is_empty());
        let several = || format!("{typed}*");
        Some(here(whole.unwrap_or_else(several))).filter(|_| !all.is_empty() || typed.is_empty())
    }

    fn kinds_begun(&self, typed: &str) -> impl Iterator<Item = String> + use<'_> {
        let typed = fold(typed);
        let keys = self.catalog().matching(|name| name.starts_with(&typed));
        keys.into_iter().filter_map(|key| Some(self.catalog().shortest(self.catalog().get(&key)?)))
    }

    fn categories_begun(&self, typed: &str) -> BTreeSet<String> {
        let all = self.catalog().kinds().iter().flat_map(|kind| &kind.categories);
        all.filter(|category| fold(category).starts_with(&fold(typed))).cloned().collect()
    }

    fn values_begun(&self, place: &Place, typed: &str) -> BTreeSet<String> {
        let values = self.known(place, typed, &self.reader().snapshot()).unwrap_or_default();
        let exactly = is_case_sensitive(typed)
            || matches!(
                place,
                Place::LabelKey
                    | Place::AnnotationKey
                    | Place::LabelValue { .. }
                    | Place::AnnotationValue { .. }
            );
        let begins = |value: &String| match exactly {
            true => value.starts_with(typed),
            false => fold(value).starts_with(&fold(typed)),
        };
        values.into_iter().filter(begins).collect()
    }
}

fn one(mut all: impl Iterator<Item = String>) -> Option<String> {
    all.next().filter(|_| all.next().is_none())
}

fn replaced(text: &str, span: Span, with: &str) -> String {
    let part = |range| text.get::<Span>(range).unwrap_or_default();
    [part(0..span.start), with, part(span.end..text.len())].concat()
}

/// The text without the comma or the word that the cursor stands behind, where that word says nothing yet: `kind:`,
/// `-n`, `|`.
fn left_out(text: &str, cursor: usize) -> Vec<String> {
    let before = &text[..text.floor_char_boundary(cursor)];
    let mut found = Vec::new();
    if before.ends_with(',') {
        found.push(replaced(text, before.len() - 1..before.len(), ""));
    }
    let end = before.trim_end().len();
    let start = before[..end].rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let word = text.get(start..end).unwrap_or_default();
    let says_nothing = word
        .ends_with([':', '=', '<', '>', '-', '!', '|', '(', '"', '~', '@', '^', '/', '\''])
        || matches!(word, "OR" | "AND" | "NOT" | "-n" | "-l" | "--namespace" | "--selector");
    if says_nothing {
        let rest = [&text[..start], text[end..].trim_start()].concat();
        found.push(rest.trim_end().to_owned());
    }
    found
}
