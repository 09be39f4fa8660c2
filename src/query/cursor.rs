//! What is being typed at the cursor: which kind of value, the part to replace, and how it begins. For completion, and
//! for telling a half-typed value from a wrong one.

use super::conditions::operator;
use super::lex::{Token, TokenKind, is_delimiter, lex};
use super::problems::Problems;
use super::value::split;
use super::words::{PARTS, QUALIFIERS, Qualifier, SORT_KEYS, STATES, find, first_spellings};
use super::{MAX_BYTES, Span};

/// What stands at a place of the query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A word, which may become a qualifier, a kind before a slash, or a label key.
    Word,
    /// A kind word.
    Kind,
    /// A namespace.
    Namespace,
    /// A name; of objects of this kind word, if one stands before it (`deploy/we`).
    Name {
        /// The kind word as typed.
        kind: Option<String>,
    },
    /// A group of kinds.
    Group,
    /// A version of kinds.
    Version,
    /// A uid.
    Uid,
    /// A context.
    Cluster,
    /// The key of a label.
    LabelKey,
    /// The value of a label.
    LabelValue {
        /// The label's key.
        key: String,
    },
    /// The key of an annotation.
    AnnotationKey,
    /// The value of an annotation.
    AnnotationValue {
        /// The annotation's key.
        key: String,
    },
    /// An owner: its name, or its kind before a slash.
    Owner {
        /// The kind word as typed; without it either may be meant.
        kind: Option<String>,
    },
    /// A client program.
    Manager,
    /// A value of `is:`.
    Is,
    /// A value of `has:` or `no:`.
    Has,
    /// A value of `sort:`.
    Sort,
    /// Something that has no list of values: an age, a date, a number, a phrase, a regular expression, what follows `~`.
    Free,
}

impl Place {
    /// The words of the language itself that may stand here, as they are written: qualifiers with their colon.
    pub fn fixed_words(&self) -> Vec<String> {
        let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
        match self {
            Self::Word => first_spellings(QUALIFIERS).into_iter().map(|word| format!("{word}:")).collect(),
            Self::Is => owned(first_spellings(STATES)),
            Self::Has => owned(first_spellings(PARTS)),
            Self::Sort => {
                let words = SORT_KEYS.iter().map(|(word, key, reversed)| (*word, (*key, *reversed)));
                owned(first_spellings(&words.collect::<Vec<_>>()))
            }
            Self::Kind
            | Self::Namespace
            | Self::Name { .. }
            | Self::Group
            | Self::Version
            | Self::Uid
            | Self::Cluster
            | Self::LabelKey
            | Self::LabelValue { .. }
            | Self::AnnotationKey
            | Self::AnnotationValue { .. }
            | Self::Owner { .. }
            | Self::Manager
            | Self::Free => Vec::new(),
        }
    }
}

/// What the cursor touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtCursor {
    /// What it is.
    pub place: Place,
    /// What a completion replaces: one value of a list, without its qualifier and marks.
    pub span: Span,
    /// The part of it before the cursor.
    pub prefix: String,
}

/// What stands at `cursor`, a byte of `text`; one inside a character or beyond the end is moved back.
pub fn at_cursor(text: &str, cursor: usize) -> AtCursor {
    let cursor = text.floor_char_boundary(cursor);
    let mut problems = Problems::lenient();
    let tokens =
        if text.len() > MAX_BYTES { Vec::new() } else { lex(text, &mut problems).unwrap_or_default() };
    let touched = |span: &Span| span.start <= cursor && cursor <= span.end;
    let punctuation = |token: &&Token| {
        matches!(token.kind, TokenKind::Open | TokenKind::Close | TokenKind::Or | TokenKind::Not)
            && token.span.len() == 1
    };
    let mut found = tokens.iter().filter(|token| touched(&token.span) && !punctuation(token));
    let typed = Typed { text, cursor };
    if let Some(token) = found.next_back() {
        return typed.token(token);
    }
    let unreadable = problems.into_found().into_iter().find(|problem| touched(&problem.extent));
    match unreadable.filter(|problem| !problem.extent.is_empty()) {
        Some(problem) => typed.unreadable(problem.extent),
        None => typed.at(Place::Word, cursor..cursor),
    }
}

struct Typed<'a> {
    text: &'a str,
    cursor: usize,
}

impl Typed<'_> {
    /// The cursor may stand before what a flag or mark introduces.
    fn at(&self, place: Place, span: Span) -> AtCursor {
        let span = span.start.min(self.cursor)..span.end.max(self.cursor);
        let prefix = self.text.get(span.start..self.cursor).unwrap_or_default().to_owned();
        AtCursor { place, span, prefix }
    }

    fn token(&self, token: &Token) -> AtCursor {
        match &token.kind {
            TokenKind::Namespaces(list) if self.cursor >= list.start => {
                self.listed(Place::Namespace, list.clone())
            }
            TokenKind::Selector(range) if self.cursor >= range.start => self.selector(range.clone()),
            TokenKind::Text => self.bare(token.span.clone()),
            TokenKind::Phrase(_) => self.at(Place::Free, token.span.clone()),
            TokenKind::Or | TokenKind::And | TokenKind::Not => self.at(Place::Word, token.span.clone()),
            TokenKind::Namespaces(_)
            | TokenKind::Selector(_)
            | TokenKind::AllNamespaces
            | TokenKind::Open
            | TokenKind::Close => self.at(Place::Free, token.span.clone()),
        }
    }

    /// What the lexer could not read: a flag without its value, a quote that is still open.
    fn unreadable(&self, extent: Span) -> AtCursor {
        let raw = &self.text[extent.clone()];
        for flag in ["--selector", "--namespace", "-l", "-n"] {
            let Some(rest) = raw.strip_prefix(flag) else { continue };
            if !rest.is_empty() && !rest.starts_with(|c: char| c == '=' || c.is_whitespace()) {
                continue;
            }
            let value = rest.trim_start_matches('=').trim_start();
            let value = value.strip_prefix(['"', '\'']).unwrap_or(value);
            let range = extent.end - value.len()..extent.end;
            return if flag.ends_with(['l', 'r']) {
                self.selector(range)
            } else {
                self.listed(Place::Namespace, range)
            };
        }
        match raw.starts_with(['"', '\'']) {
            true => self.at(Place::Free, extent),
            false => {
                let marks = raw.len() - raw.trim_start_matches(['-', '!']).len();
                self.bare(extent.start + marks..extent.end)
            }
        }
    }

    /// The value of a comma list that the cursor touches; an opening quote is no part of it.
    fn listed(&self, place: Place, list: Span) -> AtCursor {
        let item = self.item(list);
        self.at(place, item)
    }

    fn item(&self, list: Span) -> Span {
        let items = split(&self.text[list.clone()], list.start);
        let touched = items.into_iter().rev().find(|item| item.span.start <= self.cursor);
        let mut span = touched.map_or(list.start..list.start, |item| item.span);
        let raw = &self.text[span.clone()];
        let marks = raw.len() - raw.trim_start_matches(['=', '^', '"', '\'']).len();
        span.start = (span.start + marks).min(self.cursor.max(span.start));
        span
    }

    fn bare(&self, span: Span) -> AtCursor {
        let raw = &self.text[span.clone()];
        match raw.chars().next() {
            Some('@') => return self.listed(Place::Cluster, span.start + 1..span.end),
            Some('~' | '/') => return self.at(Place::Free, span),
            Some('^' | '\'') => return self.listed(Place::Name { kind: None }, span.start + 1..span.end),
            _ => {}
        }
        let sign = raw.find([':', '=', '<', '>']);
        let before = sign.map_or(raw, |at| &raw[..at]);
        let after = sign.map(|at| span.start + at + 1).filter(|after| *after <= self.cursor);
        match (sign.map(|at| raw.as_bytes()[at]), find(QUALIFIERS, before)) {
            (Some(b':'), Some(qualifier)) => match after {
                Some(after) => self.qualified(qualifier, after..span.end),
                None => self.at(Place::Word, span.start..span.start + before.len() + 1),
            },
            (Some(b'='), _) => self.condition(span, true),
            (Some(b'<' | b'>'), Some(_)) if after.is_some() => self.at(Place::Free, span),
            _ => self.word(span),
        }
    }

    /// `deploy/we`: a name once the cursor is behind the slash.
    fn word(&self, span: Span) -> AtCursor {
        let raw = &self.text[span.clone()];
        match raw.split_once('/') {
            Some((kind, _)) if span.start + kind.len() < self.cursor => {
                let name = span.start + kind.len() + 1;
                self.at(Place::Name { kind: Some(kind.to_owned()) }, name..span.end)
            }
            _ => self.at(Place::Word, span),
        }
    }

    fn qualified(&self, qualifier: Qualifier, list: Span) -> AtCursor {
        let place = match qualifier {
            Qualifier::Kind => Place::Kind,
            Qualifier::Namespace => Place::Namespace,
            Qualifier::Name => Place::Name { kind: None },
            Qualifier::Group => Place::Group,
            Qualifier::Version => Place::Version,
            Qualifier::Uid => Place::Uid,
            Qualifier::Cluster => Place::Cluster,
            Qualifier::By => Place::Manager,
            Qualifier::Is => Place::Is,
            Qualifier::Has | Qualifier::No => Place::Has,
            Qualifier::Sort => {
                let item = self.item(list);
                let minus = usize::from(self.text[item.clone()].starts_with('-') && self.cursor > item.start);
                return self.at(Place::Sort, item.start + minus..item.end);
            }
            Qualifier::Label => return self.condition(list, true),
            Qualifier::Annotation => return self.condition(list, false),
            Qualifier::Owner | Qualifier::Root => return self.owner(list),
            Qualifier::Age | Qualifier::Created | Qualifier::Changed | Qualifier::Limit => Place::Free,
        };
        self.listed(place, list)
    }

    fn owner(&self, list: Span) -> AtCursor {
        let item = self.item(list);
        let slash = self.text[item.clone()].find('/').map(|at| item.start + at);
        match slash.filter(|slash| *slash < self.cursor) {
            Some(slash) => {
                let kind = Some(self.text[item.start..slash].to_owned());
                self.at(Place::Owner { kind }, slash + 1..item.end)
            }
            None => self.at(Place::Owner { kind: None }, item.start..slash.unwrap_or(item.end)),
        }
    }

    /// `app=we`, `label:ap`, `anno:team=pay,ops`
    fn condition(&self, list: Span, labels: bool) -> AtCursor {
        let mut key: Option<String> = None;
        let items = split(&self.text[list.clone()], list.start);
        for item in items.into_iter().take_while(|item| item.span.start <= self.cursor) {
            let operator = operator(item.raw);
            if let Some((operator, _)) = &operator {
                key = Some(item.raw[..operator.start].to_owned());
            }
            if item.span.end < self.cursor {
                continue;
            }
            let value = operator.map_or(item.span.start, |(operator, _)| item.span.start + operator.end);
            if let Some(key) = key.filter(|_| value <= self.cursor) {
                let place = if labels { Place::LabelValue { key } } else { Place::AnnotationValue { key } };
                return self.listed(place, value..item.span.end);
            }
            let start = item.span.start + usize::from(item.raw.starts_with('!'));
            let end = operator_start(item.raw).map_or(item.span.end, |at| item.span.start + at);
            return self.key(start.min(self.cursor)..end.max(self.cursor), labels);
        }
        self.key(self.cursor..self.cursor, labels)
    }

    fn key(&self, span: Span, labels: bool) -> AtCursor {
        self.at(if labels { Place::LabelKey } else { Place::AnnotationKey }, span)
    }

    /// kubectl's selectors: keys, values after an operator or between parentheses.
    fn selector(&self, range: Span) -> AtCursor {
        let cursor = self.cursor.clamp(range.start, range.end);
        let (typed, rest) = (&self.text[range.start..cursor], &self.text[cursor..range.end]);
        let end = cursor + rest.find(|c: char| is_delimiter(c) || "=!,".contains(c)).unwrap_or(rest.len());
        let begin = |from: usize| {
            let part = &typed[from..];
            range.start + from + part.len() - part.trim_start().len()
        };
        if let Some(open) = typed.rfind('(').filter(|open| !typed[*open..].contains(')')) {
            let words: Vec<&str> = typed[..open].split_whitespace().collect();
            let key = words.iter().rev().nth(1).and_then(|word| word.rsplit(',').next()).unwrap_or_default();
            let from = typed.rfind(['(', ',']).map_or(0, |at| at + 1);
            return self.at(Place::LabelValue { key: key.to_owned() }, begin(from)..end);
        }
        let from = typed.rfind(',').map_or(0, |at| at + 1);
        match operator(&typed[from..]) {
            Some((operator, _)) => {
                let key = typed[from..from + operator.start].trim().to_owned();
                self.at(Place::LabelValue { key }, begin(from + operator.end)..end)
            }
            None => {
                let from = from + typed[from..].find('!').map_or(0, |at| at + 1);
                self.at(Place::LabelKey, begin(from)..end)
            }
        }
    }
}

fn operator_start(raw: &str) -> Option<usize> {
    operator(raw).map(|(operator, _)| operator.start)
}
