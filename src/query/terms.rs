//! One bare token to a term: which qualifier, condition, pattern or word it is.

use super::build::{Piece, all_or_one, one_of};
use super::conditions::{self, Map};
use super::cursor::Place;
use super::error::quoted;
use super::lex::{TokenKind, opens_regex, regex};
use super::parse::Parser;
use super::times::{Takes, times};
use super::value::{self, Bare, Item, pattern, regex_source};
use super::words::{PARTS, QUALIFIERS, Qualifier, STATES, find, first_spellings, listed};
use super::{Expr, Owner, ParseError, Pattern, SelectorOp, Span, Term, Value, selector};
use crate::text::suggest;

const KIND: &str = "a kind such as `deploy`";
const NAME: &str = "a name or a part of one";

impl Parser<'_> {
    pub(super) fn text_term(&mut self, span: Span) -> Result<Option<Piece>, ParseError> {
        self.refuse_half_a_regex(&span)?;
        let raw = &self.text[span.clone()];
        match raw.chars().next() {
            Some('~') => return self.meaning(raw, span).map(Some),
            Some('@') => return self.clusters(&raw[1..], span),
            Some('^') => return self.name(raw, span, false).map(Some),
            Some('/') if regex_source(raw).is_some() => return self.name(raw, span, false).map(Some),
            _ => {}
        }
        let sign = raw.find([':', '=', '<', '>']);
        let (before, sign, after) =
            sign.map_or((raw, "", ""), |at| (&raw[..at], &raw[at..=at], &raw[at + 1..]));
        match (sign, find(QUALIFIERS, before)) {
            (":", Some(qualifier)) => self.qualified(qualifier, after, span),
            ("<" | ">", Some(Qualifier::Age | Qualifier::Created | Qualifier::Changed)) => {
                let at = before.len();
                self.times(before, &raw[at..], span.start + at, span).map(Some)
            }
            (":", None) => {
                self.hint_at_prefix(before, &span);
                self.word(raw, span).map(Some)
            }
            ("=", qualifier) => {
                self.hint_at_equals(qualifier, before, after, &span);
                self.conditions(raw, span, Map::Label).map(Some)
            }
            _ => self.word(raw, span).map(Some),
        }
    }

    /// A single slash is text, but while it is typed a second one may follow. What stands up to the next space may be
    /// part of it, parentheses and `|` as well.
    fn refuse_half_a_regex(&mut self, span: &Span) -> Result<(), ParseError> {
        let Some(typing) = self.typing else { return Ok(()) };
        let (raw, rest) = (&self.text[span.clone()], &self.text[span.start..]);
        let mut slashes = raw.match_indices('/').map(|(at, _)| at);
        let is_open = |at: &usize| opens_regex(&raw[..*at]) && regex(&rest[*at..]).is_none();
        let Some(start) = slashes.find(is_open) else { return Ok(()) };
        let end = span.start + rest.find(char::is_whitespace).unwrap_or(rest.len());
        let part = span.start + start..end;
        if !typing.touches(&part) {
            return Ok(());
        }
        while self.peek().is_some_and(|token| token.span.start < end) {
            self.advance();
        }
        let error = ParseError::new(part, "this regular expression is not closed");
        Err(error.expected("`/`").mendable())
    }

    /// `qualifier:list`
    fn qualified(
        &mut self,
        qualifier: Qualifier,
        list: &str,
        span: Span,
    ) -> Result<Option<Piece>, ParseError> {
        let start = span.end - list.len();
        if list.is_empty() {
            return Err(self.no_value(qualifier, span));
        }
        let piece = |term, merges| Ok(Some(Piece { expr: Expr::Term(term, span.clone()), merges }));
        match qualifier {
            Qualifier::Kind => piece(self.kinds(list, start)?, true),
            Qualifier::Namespace => piece(self.namespaces(list, start)?, true),
            Qualifier::Name => self.name(list, span, true).map(Some),
            Qualifier::Group => piece(self.groups(list, start)?, true),
            Qualifier::Version => piece(self.versions(list, start)?, true),
            Qualifier::Uid => {
                piece(Term::Uid(self.patterns(list, start, Bare::Prefix, expected(qualifier))?), true)
            }
            Qualifier::By => {
                piece(Term::By(self.patterns(list, start, Bare::Substring, expected(qualifier))?), true)
            }
            Qualifier::Label => self.map(list, start, Map::Label).map(Some),
            Qualifier::Annotation => self.map(list, start, Map::Annotation).map(Some),
            Qualifier::Owner => piece(Term::Owner(self.owners(list, start)?), true),
            Qualifier::Root => piece(Term::Root(self.owners(list, start)?), true),
            Qualifier::Age => self.times("age", list, start, span).map(Some),
            Qualifier::Created => self.times("created", list, start, span).map(Some),
            Qualifier::Changed => self.times("changed", list, start, span).map(Some),
            Qualifier::Is => piece(Term::Is(self.words("is", STATES, list, start)?), false),
            Qualifier::Has => piece(Term::Has(self.words("has", PARTS, list, start)?), false),
            Qualifier::No => {
                let term = Term::Has(self.words("no", PARTS, list, start)?);
                let expr = Expr::Not(Box::new(Expr::Term(term, span)));
                Ok(Some(Piece { expr, merges: false }))
            }
            Qualifier::Cluster => self.clusters(list, span),
            Qualifier::Sort => self.sort(list, start, span),
            Qualifier::Limit => self.limit(list, start, span),
        }
    }

    fn no_value(&self, qualifier: Qualifier, span: Span) -> ParseError {
        let what = quoted(&self.text[span.clone()]);
        let next = self.peek().map_or("the end of the query", |_| "a space");
        let error = ParseError::new(span, format!("{what} has no value"));
        error.expected(expected(qualifier)).got(next).mendable()
    }

    fn kinds(&mut self, list: &str, start: usize) -> Result<Term, ParseError> {
        let mut kinds: Vec<Value> = Vec::new();
        for item in self.items(list, start, "kind")? {
            let pattern = self.value(&item, KIND, &Place::Kind)?;
            if kinds.iter().all(|known| known.pattern != pattern) {
                kinds.push(Value { pattern, span: item.span });
            }
        }
        Ok(Term::Kind(kinds))
    }

    pub(super) fn namespaces(&mut self, list: &str, start: usize) -> Result<Term, ParseError> {
        let mut namespaces = Vec::new();
        for item in self.items(list, start, "ns")? {
            add(&mut namespaces, self.value(&item, NAME, &Place::Namespace)?);
        }
        Ok(Term::Namespace(namespaces))
    }

    /// The values of `name:`, or a bare token that can only be meant so (`^web`).
    fn name(&mut self, list: &str, span: Span, merges: bool) -> Result<Piece, ParseError> {
        let patterns = self.patterns(list, span.end - list.len(), Bare::Substring, NAME)?;
        Ok(Piece { expr: Expr::Term(Term::Name(patterns), span), merges })
    }

    fn groups(&mut self, list: &str, start: usize) -> Result<Term, ParseError> {
        let mut groups = Vec::new();
        for item in self.items(list, start, "group")? {
            add(&mut groups, self.value(&item, expected(Qualifier::Group), &Place::Group)?);
        }
        Ok(Term::Group(groups))
    }

    /// A whole value, or the beginning of one where it is being typed.
    pub(super) fn value(
        &self,
        item: &Item<'_>,
        expected: &str,
        place: &Place,
    ) -> Result<Pattern, ParseError> {
        match pattern(item, Bare::Exact, expected)? {
            Pattern::Exact(text) if text == item.raw && self.is_half(place, item) => {
                Ok(Pattern::Prefix(text))
            }
            other => Ok(other),
        }
    }

    fn is_half(&self, place: &Place, item: &Item<'_>) -> bool {
        self.typing.is_some_and(|typing| typing.is_half(place, item.raw, &item.span))
    }

    fn begins(&self, place: &Place, item: &Item<'_>) -> bool {
        self.typing.is_some_and(|typing| typing.begins(place, item.raw, &item.span))
    }

    fn versions(&mut self, list: &str, start: usize) -> Result<Term, ParseError> {
        let mut patterns = Vec::new();
        for item in &self.split(list, start)? {
            add(&mut patterns, self.value(item, expected(Qualifier::Version), &Place::Version)?);
        }
        let slash = patterns.iter().find_map(|pattern| match pattern {
            Pattern::Exact(text) => text.split_once('/'),
            _ => None,
        });
        if let Some((group, version)) = slash {
            let error = ParseError::new(start..start + list.len(), "a group in `version:`");
            let message = format!("write {}", quoted(&format!("group:{group} version:{version}")));
            return Err(error.expected("a version such as `v1`").got(quoted(list)).suggest(message));
        }
        Ok(Term::Version(patterns))
    }

    fn patterns(
        &mut self,
        list: &str,
        start: usize,
        bare: Bare,
        expected: &str,
    ) -> Result<Vec<Pattern>, ParseError> {
        let items = self.split(list, start)?;
        let mut patterns = Vec::new();
        for item in &items {
            add(&mut patterns, pattern(item, bare, expected)?);
        }
        Ok(patterns)
    }

    /// The items of a list; without the one that is still to be typed, if there are others.
    pub(super) fn split<'t>(&mut self, list: &'t str, start: usize) -> Result<Vec<Item<'t>>, ParseError> {
        let mut items = value::split(list, start);
        self.count(items.len(), &(start..start + list.len()))?;
        if let Some(typing) = self.typing.filter(|_| items.iter().any(|item| !item.raw.is_empty())) {
            items.retain(|item| !item.raw.is_empty() || !typing.touches(&item.span));
        }
        Ok(items)
    }

    /// The items of a list in which no `-` or `!` may stand.
    pub(super) fn items<'t>(
        &mut self,
        list: &'t str,
        start: usize,
        qualifier: &str,
    ) -> Result<Vec<Item<'t>>, ParseError> {
        let items = self.split(list, start)?;
        for Item { raw, span } in &items {
            if let Some(value) = raw.strip_prefix(['-', '!']) {
                let error = ParseError::new(span.clone(), "an exclusion inside a list").got(quoted(raw));
                return Err(error.suggest(format!("write {}", quoted(&format!("-{qualifier}:{value}")))));
            }
        }
        Ok(items)
    }

    /// `label:` and `anno:`
    fn map(&mut self, list: &str, start: usize, map: Map) -> Result<Piece, ParseError> {
        let first = value::split(list, start).into_iter().next();
        let has_value = first.is_some_and(|item| item.raw.contains('=') && regex_source(item.raw).is_none());
        if has_value {
            return self.conditions(list, start..start + list.len(), map);
        }
        let keys = conditions::keys(list, start, map, &|place, item| self.is_half(place, item))?;
        Ok(Piece { expr: one_of(self.counted(keys)?), merges: false })
    }

    fn conditions(&mut self, raw: &str, span: Span, map: Map) -> Result<Piece, ParseError> {
        let half = |place: &Place, item: &Item<'_>| self.is_half(place, item);
        let all = conditions::conditions(raw, span.start, map, &half)?;
        let all = self.counted(all)?;
        Ok(Piece { merges: all.len() == 1, expr: all_or_one(all) })
    }

    pub(super) fn selector(&mut self, range: Span) -> Result<Piece, ParseError> {
        let requirements =
            selector::requirements(&self.text[range.clone()]).map_err(|e| e.shifted(range.start))?;
        let shift = |span: Span| span.start + range.start..span.end + range.start;
        let all = requirements.into_iter().map(|(one, span)| (Term::Label(one), shift(span))).collect();
        Ok(Piece { expr: all_or_one(self.counted(all)?), merges: false })
    }

    fn counted(&mut self, all: Vec<(Term, Span)>) -> Result<Vec<Expr>, ParseError> {
        for (term, span) in &all {
            let values = match term {
                Term::Label(selector) | Term::Annotation(selector) => match &selector.op {
                    SelectorOp::In(values) | SelectorOp::NotIn(values) => values.len(),
                    SelectorOp::Exists
                    | SelectorOp::NotExists
                    | SelectorOp::Above(_)
                    | SelectorOp::Below(_) => 1,
                },
                _ => 1,
            };
            self.count(values, span)?;
        }
        Ok(all.into_iter().map(|(term, span)| Expr::Term(term, span)).collect())
    }

    fn owners(&mut self, list: &str, start: usize) -> Result<Vec<Owner>, ParseError> {
        let mut owners = Vec::new();
        for item in self.items(list, start, "owner")? {
            add(&mut owners, self.owner(&item)?);
        }
        Ok(owners)
    }

    fn owner(&self, item: &Item<'_>) -> Result<Owner, ParseError> {
        let slash = item.raw.find('/').filter(|at| {
            let kind = &item.raw[..*at];
            is_kind_word(kind.strip_suffix('*').unwrap_or(kind))
        });
        let kind = slash.map(|at| item.raw[..at].to_owned());
        let rest = item.from(slash.map_or(0, |at| at + 1));
        if kind.is_some()
            && rest.raw.is_empty()
            && self.typing.is_some_and(|typing| typing.touches(&rest.span))
        {
            return Ok(Owner::Object { kind, name: Pattern::Glob("*".to_owned()) });
        }
        let place = Place::Owner { kind: kind.clone() };
        let is_kind = kind.is_none() && is_kind_word(item.raw) && !self.begins(&place, item);
        if is_kind && self.begins(&Place::Kind, item) {
            // A kind whose name is still to come.
            let star = if self.is_half(&Place::Kind, item) { "*" } else { "" };
            let kind = Some(format!("{}{star}", item.raw));
            return Ok(Owner::Object { kind, name: Pattern::Glob("*".to_owned()) });
        }
        Ok(match self.value(&rest, expected(Qualifier::Owner), &place)? {
            Pattern::Exact(text) if kind.is_none() && is_uid(&text) => Owner::Uid(text.to_ascii_lowercase()),
            name => Owner::Object { kind, name },
        })
    }

    fn times(&mut self, name: &str, raw: &str, start: usize, span: Span) -> Result<Piece, ParseError> {
        self.count(1, &span)?;
        let name = name.to_ascii_lowercase();
        let takes = if name == "age" { Takes::Ages } else { Takes::Both };
        let times = times(raw, start, &name, takes)?;
        let term = if name == "changed" { Term::Changed(times) } else { Term::Created(times) };
        Ok(Piece { expr: Expr::Term(term, span), merges: false })
    }

    /// The values of `is:`, `has:` and `no:`.
    fn words<T: Copy + PartialEq>(
        &mut self,
        name: &str,
        table: &'static [(&'static str, T)],
        list: &str,
        start: usize,
    ) -> Result<Vec<T>, ParseError> {
        let mut values = Vec::new();
        for Item { raw, span } in self.items(list, start, name)? {
            let Some(value) = find(table, &value::unquoted(raw).0) else {
                let known = table.iter().map(|(word, _)| *word);
                return Err(unknown_word(name, raw, span, known, listed(first_spellings(table))));
            };
            add(&mut values, value);
        }
        Ok(values)
    }

    /// `~` and the plain words after it, or a phrase.
    fn meaning(&mut self, raw: &str, span: Span) -> Result<Piece, ParseError> {
        self.count(1, &span)?;
        let (mut text, is_quoted) = value::unquoted(&raw[1..]);
        let mut span = span;
        while !is_quoted
            && self.peek().is_some_and(|token| self.is_plain_word(token.span.clone(), &token.kind))
        {
            let Some(token) = self.advance() else { break };
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&self.text[token.span.clone()]);
            span.end = token.span.end;
        }
        if text.trim().is_empty() {
            return Err(ParseError::new(span, "`~` has no words")
                .expected("what to look for, as in `~databases`")
                .mendable());
        }
        Ok(Piece { expr: Expr::Term(Term::Meaning(text), span), merges: false })
    }

    fn is_plain_word(&self, span: Span, kind: &TokenKind) -> bool {
        let raw = &self.text[span];
        *kind == TokenKind::Text
            && !raw.starts_with(['~', '@', '^', '\'', '/'])
            && !raw.contains(['*', '=', '"', '/'])
            && !raw.ends_with('$')
            && raw.find([':', '<', '>']).is_none_or(|at| find(QUALIFIERS, &raw[..at]).is_none())
    }

    fn word(&mut self, raw: &str, span: Span) -> Result<Piece, ParseError> {
        if let Some(part) = raw.strip_prefix('\'').filter(|part| !part.is_empty()) {
            if part.contains([',', '*', '?', '^', '$', '=', '\'']) {
                let error = ParseError::new(span, "this is no part of a name").got(quoted(part));
                return Err(error.suggest("write `name:...`, or quote the text"));
            }
            return self.name(part, span, false);
        }
        if let Some(kind) = raw.strip_suffix('/').filter(|kind| is_kind_word(kind)) {
            let item = Item { raw: kind, span: span.start..span.end };
            if self.begins(&Place::Kind, &item) {
                let half = self.is_half(&Place::Kind, &item);
                let pattern = if half { Pattern::Prefix } else { Pattern::Exact }(kind.to_owned());
                let term = Term::Kind(vec![Value { pattern, span: span.start..span.end - 1 }]);
                return Ok(Piece { expr: Expr::Term(term, span), merges: false });
            }
        }
        if let Some(term) = kind_and_name(raw, &span)? {
            self.count(1, &span)?;
            return Ok(Piece { expr: Expr::Term(term, span), merges: false });
        }
        let (text, has_quotes) = value::unquoted(raw);
        if !has_quotes && (raw.contains('*') || (raw.len() > 1 && raw.ends_with('$'))) {
            return self.name(raw, span, false);
        }
        self.count(1, &span)?;
        self.hint_at_habits(raw, &span);
        let term = if has_quotes { Term::Phrase(text) } else { Term::Word(text) };
        Ok(Piece { expr: Expr::Term(term, span), merges: false })
    }
}

/// What a qualifier without a value lacks.
pub(super) fn expected(qualifier: Qualifier) -> &'static str {
    match qualifier {
        Qualifier::Kind => KIND,
        Qualifier::Namespace => "a namespace",
        Qualifier::Name => NAME,
        Qualifier::Label => "a label such as `app` or `app=web`",
        Qualifier::Annotation => "an annotation such as `team` or `team=payments`",
        Qualifier::Owner | Qualifier::Root => "an owner such as `deploy/web`",
        Qualifier::Age => "an age such as `<2h`",
        Qualifier::Created => "a date such as `>2026-01-15`, or an age such as `<2h`",
        Qualifier::Changed => "an age such as `<30m`, or a date such as `>2026-01-15`",
        Qualifier::By => "a client such as `kubectl-edit`",
        Qualifier::Is => "`namespaced`, `cluster`, `deleting` or `gone`",
        Qualifier::Has | Qualifier::No => "`label`, `annotation`, `owner` or `finalizer`",
        Qualifier::Group => "a group such as `apps`, or `core`",
        Qualifier::Version => "a version such as `v1`",
        Qualifier::Uid => "a uid or its start",
        Qualifier::Cluster => "a context",
        Qualifier::Sort => "`relevance`, `name`, `ns`, `kind` or `age`",
        Qualifier::Limit => "a number",
    }
}

fn add<T: PartialEq>(values: &mut Vec<T>, value: T) {
    if !values.contains(&value) {
        values.push(value);
    }
}

pub(super) fn unknown_word<'a>(
    name: &str,
    raw: &str,
    span: Span,
    known: impl Iterator<Item = &'a str> + Clone,
    expected: String,
) -> ParseError {
    let message = format!("{} is no value of `{name}:`", quoted(raw));
    let error = ParseError::new(span, message).expected(expected);
    let begun = raw.to_ascii_lowercase();
    let is_begun = known.clone().any(|word| word.starts_with(&begun));
    let error = if is_begun { error.mendable() } else { error };
    match suggest(raw, known) {
        Some(meant) => error.suggest(format!("did you mean `{name}:{meant}`?")),
        None => error,
    }
}

/// What may stand before the slash of `deploy/web`: a kind word such as `deployments.apps`.
fn is_kind_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

fn kind_and_name(raw: &str, span: &Span) -> Result<Option<Term>, ParseError> {
    let Some((kind, name)) = raw.split_once('/') else { return Ok(None) };
    if !is_kind_word(kind) || name.is_empty() || name.contains('/') || name.contains(',') {
        return Ok(None);
    }
    let item = Item { raw: name, span: span.start + kind.len() + 1..span.end };
    let name = pattern(&item, Bare::Substring, NAME)?;
    Ok(Some(Term::KindName { kind: kind.to_owned(), name }))
}

/// `3f1c2d4e-0000-4000-8000-000000000000`
fn is_uid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
