//! A query resolved against the catalog, the snapshot and the clock: what `eval` computes and `explain` looks for.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::index::facts::{Flag, owner_kind};
use crate::index::terms::fold;
use crate::index::{Doc, Snapshot, Terms};
use crate::object::KindKey;
use crate::query::{
    Expr, Owner, Part, Pattern, Query, Selector, SelectorOp, Span, State, Term, Times, Value,
};

use super::matching::{Needle, Scratch};
use super::pattern::Shape;
use super::similar::Similar;
use super::{Catalog, Options, SearchError, family};

/// One condition or combination of conditions.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// All of these; every document when there are none.
    And(Vec<Node>),
    /// One of these; no document when there are none.
    Or(Vec<Node>),
    Not(Box<Node>),
    Word(Box<Word>),
    Phrase(Box<Needle>),
    Kinds(BTreeSet<KindKey>),
    Namespaces(Vec<Shape>),
    Names(Vec<Shape>),
    Versions(Vec<Shape>),
    Uids(Vec<Shape>),
    Map(Map, MapTest),
    Owners(Vec<Origin>),
    /// Objects with such an ancestor: the documents of each segment, in order.
    Descendants(Vec<Origin>, Vec<Vec<Doc>>),
    /// Created in these seconds since 1970.
    Created(Range<i64>),
    Flag(Flag),
}

/// A word over all fields.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) needle: Needle,
    /// Kinds that have it as their singular or short name.
    pub(crate) kinds: BTreeSet<KindKey>,
    /// Its uid, where it is one.
    pub(crate) uid: Option<Shape>,
    /// What it is like, where slips are looked for.
    pub(crate) similar: Option<Similar>,
    /// It again without regard to case, for the names that are only similar.
    pub(crate) folded: Option<Needle>,
}

/// Labels or annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    Labels,
    Annotations,
}

impl Map {
    pub(crate) fn terms(self) -> Terms {
        match self {
            Self::Labels => Terms::Label,
            Self::Annotations => Terms::Annotation,
        }
    }
}

/// A test of labels or annotations.
#[derive(Debug, Clone)]
pub(crate) enum MapTest {
    /// The key is there.
    Key(String),
    /// The key's value is one of these.
    Value(String, Vec<Shape>),
    /// The key's value is an integer in this range.
    Number(String, Range<i128>),
    /// Any `key=value` matches.
    Pair(Box<Shape>),
}

/// A direct owner.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Uid(String),
    Named {
        /// `Kind.group` of the kinds it may have; any where there is none.
        kinds: Option<Vec<String>>,
        name: Shape,
    },
}

/// Resolves `query`.
pub(crate) fn plan(
    query: &Query,
    options: &Options,
    catalog: &Catalog,
    snapshot: &Snapshot,
) -> Result<Node, SearchError> {
    if let Some(cluster) = query.clusters.first() {
        let what = "another cluster (`@`, `cluster:`)".to_owned();
        return Err(SearchError::NotYet { what, span: cluster.span.clone() });
    }
    let root = query.root.as_ref().ok_or(SearchError::Empty)?;
    let root = Planner { catalog, snapshot, options }.expr(root)?;
    Ok(match within(query, options)? {
        Some(namespaces) => Node::And(vec![namespaces, root]),
        None => root,
    })
}

/// What a query that asks for nothing leaves: all, in the namespaces that are chosen.
pub(crate) fn everything(query: &Query, options: &Options) -> Result<Node, SearchError> {
    Ok(within(query, options)?.unwrap_or(Node::And(Vec::new())))
}

fn within(query: &Query, options: &Options) -> Result<Option<Node>, SearchError> {
    if options.namespaces.is_empty() || query.all_namespaces {
        return Ok(None);
    }
    let names = options.namespaces.iter().map(|name| folded(&Pattern::Exact(name.clone())));
    Ok(Some(Node::Namespaces(names.collect::<Result<_, _>>()?)))
}

struct Planner<'a> {
    catalog: &'a Catalog,
    snapshot: &'a Snapshot,
    options: &'a Options,
}

impl Planner<'_> {
    fn expr(&self, expr: &Expr) -> Result<Node, SearchError> {
        Ok(match expr {
            Expr::And(all) => Node::And(self.exprs(all)?),
            Expr::Or(any) => Node::Or(self.exprs(any)?),
            Expr::Not(inner) => Node::Not(Box::new(self.expr(inner)?)),
            Expr::Term(term, span) => self.term(term, span)?,
        })
    }

    fn exprs(&self, exprs: &[Expr]) -> Result<Vec<Node>, SearchError> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn term(&self, term: &Term, span: &Span) -> Result<Node, SearchError> {
        Ok(match term {
            Term::Word(word) => self.word(word)?,
            Term::Phrase(phrase) => Node::Phrase(Box::new(Needle::new(phrase))),
            Term::Kind(values) => Node::Kinds(self.kinds(values)?),
            Term::Namespace(patterns) => Node::Namespaces(each(patterns, folded)?),
            Term::Name(patterns) => Node::Names(each(patterns, Shape::smart)?),
            Term::KindName { kind, name } => match self.catalog.resolve(kind) {
                Ok(found) => Node::And(vec![
                    Node::Kinds(found.kinds.into_iter().collect()),
                    Node::Names(vec![Shape::smart(name)?]),
                ]),
                Err(_) => self.word(&term.to_string())?,
            },
            Term::Group(patterns) => Node::Kinds(self.groups(patterns, span)?),
            Term::Version(patterns) => Node::Versions(each(patterns, folded)?),
            Term::Uid(patterns) => Node::Uids(each(patterns, folded)?),
            Term::Label(s) => selector(Map::Labels, s)?,
            Term::Annotation(s) => selector(Map::Annotations, s)?,
            Term::LabelPair(pattern) => Node::Map(Map::Labels, pair(pattern)?),
            Term::AnnotationPair(pattern) => Node::Map(Map::Annotations, pair(pattern)?),
            Term::Owner(owners) => Node::Owners(self.origins(owners, span)?),
            Term::Root(owners) => {
                let origins = self.origins(owners, span)?;
                let docs = family::descendants(&origins, self.snapshot)?;
                Node::Descendants(origins, docs)
            }
            Term::Created(times) => Node::Created(self.created(times)?),
            Term::Is(states) => {
                Node::Or(states.iter().map(|state| self.is(*state, span)).collect::<Result<_, _>>()?)
            }
            Term::Has(parts) => Node::Or(parts.iter().map(|part| has(*part)).collect()),
            Term::Meaning(_) => return Err(SearchError::Semantic { span: span.clone() }),
            Term::Changed(_) | Term::By(_) => {
                return Err(SearchError::NotYet { what: term.to_string(), span: span.clone() });
            }
        })
    }

    fn word(&self, word: &str) -> Result<Node, SearchError> {
        let needle = Needle::new(word);
        let is_uid =
            needle.text.len() == 36 && needle.text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        let uid = is_uid.then(|| folded(&Pattern::Exact(needle.text.clone()))).transpose()?;
        Ok(Node::Word(Box::new(Word {
            kinds: self.catalog.named_exactly(&needle.text),
            uid,
            similar: if self.options.similar { Similar::new(&needle) } else { None },
            folded: (self.options.similar && needle.cased.is_some()).then(|| Needle::folded(word)),
            needle,
        })))
    }

    fn kinds(&self, values: &[Value]) -> Result<BTreeSet<KindKey>, SearchError> {
        let mut kinds = BTreeSet::new();
        for Value { pattern, span } in values {
            let Pattern::Exact(word) = pattern else {
                let shape = folded(pattern)?;
                let fits = |name: &str| shape.find(name, &mut Scratch::default()).is_some();
                kinds.extend(self.catalog.matching(fits));
                kinds.extend(self.all_stored().filter(|kind| fits(kind.plural())).cloned());
                continue;
            };
            match self.catalog.resolve(word) {
                Ok(found) => kinds.extend(found.kinds),
                Err(unknown) => {
                    let stored = self.stored(word);
                    if stored.is_empty() {
                        return Err(super::UnknownKind { span: Some(span.clone()), ..unknown }.into());
                    }
                    kinds.extend(stored);
                }
            }
        }
        Ok(kinds)
    }

    /// Kinds that the cluster no longer serves, or that are not known offline, but that the index still holds.
    fn stored(&self, word: &str) -> BTreeSet<KindKey> {
        let word = fold(word);
        self.all_stored().filter(|kind| kind.as_str() == word || kind.plural() == word).cloned().collect()
    }

    fn all_stored(&self) -> impl Iterator<Item = &KindKey> {
        self.snapshot.segments().iter().flat_map(|segment| segment.kinds())
    }

    fn groups(&self, patterns: &[Pattern], span: &Span) -> Result<BTreeSet<KindKey>, SearchError> {
        let all: BTreeSet<KindKey> =
            self.catalog.kinds().iter().map(|kind| kind.key()).chain(self.all_stored().cloned()).collect();
        let mut kinds = BTreeSet::new();
        for pattern in patterns {
            let shape = folded(pattern)?;
            let fits = |group: &str| match pattern {
                Pattern::Exact(text) => {
                    let text = fold(text);
                    let rest = group.strip_prefix(&*text);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                        || text == "core" && group.is_empty()
                }
                _ => shape
                    .find(if group.is_empty() { "core" } else { group }, &mut Scratch::default())
                    .is_some(),
            };
            let found: Vec<&KindKey> = all.iter().filter(|kind| fits(kind.group())).collect();
            if let (true, Pattern::Exact(word)) = (found.is_empty(), pattern) {
                let groups: Vec<&str> = all.iter().map(|kind| kind.group()).collect();
                let suggestion = crate::text::suggest(word, groups).map(str::to_owned);
                return Err(SearchError::UnknownGroup { word: word.clone(), suggestion, span: span.clone() });
            }
            kinds.extend(found.into_iter().cloned());
        }
        Ok(kinds)
    }

    /// Flags and kinds for a word after `is:`.
    fn is(&self, state: State, span: &Span) -> Result<Node, SearchError> {
        Ok(match state {
            State::Namespaced => Node::Not(Box::new(Node::Flag(Flag::Cluster))),
            State::Cluster => Node::Flag(Flag::Cluster),
            State::Deleting => Node::Flag(Flag::Deleting),
            // kinds that no object is of find nothing
            State::Custom => {
                Node::Kinds(self.all_stored().filter(|kind| kind.is_custom()).cloned().collect())
            }
            State::Gone => {
                return Err(SearchError::NotYet { what: "is:gone".to_owned(), span: span.clone() });
            }
        })
    }

    fn origins(&self, owners: &[Owner], span: &Span) -> Result<Vec<Origin>, SearchError> {
        let one = |owner: &Owner| {
            Ok(match owner {
                Owner::Uid(uid) => Origin::Uid(fold(uid)),
                Owner::Object { kind, name } => {
                    let kinds = kind.as_ref().map(|word| self.owner_kinds(word, span)).transpose()?;
                    Origin::Named { kinds, name: Shape::smart(name)? }
                }
            })
        };
        owners.iter().map(one).collect()
    }

    fn owner_kinds(&self, word: &str, span: &Span) -> Result<Vec<String>, SearchError> {
        let found: Vec<KindKey> = match word.strip_suffix('*') {
            Some(start) => {
                let start = fold(start);
                self.catalog.matching(|name| name.starts_with(&start)).into_iter().collect()
            }
            None => {
                let found = self.catalog.resolve(word);
                found.map_err(|unknown| super::UnknownKind { span: Some(span.clone()), ..unknown })?.kinds
            }
        };
        let kinds = found.iter().filter_map(|key| self.catalog.get(key));
        Ok(kinds.map(|kind| owner_kind(&kind.kind, &kind.group)).collect())
    }

    fn created(&self, times: &Times) -> Result<Range<i64>, SearchError> {
        Ok(match *times {
            Times::At { from, until } => from.unwrap_or(i64::MIN)..until.unwrap_or(i64::MAX),
            Times::Ago { least, most } => {
                let now = self.options.now.ok_or(SearchError::NoClock)?;
                let before = |seconds: u64| now.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX));
                let from = most.map_or(i64::MIN, before);
                // what was made "in the future", by a clock that is ahead, is new
                let until = least.filter(|least| *least > 0).map_or(i64::MAX, |least| before(least) + 1);
                from..until
            }
        })
    }
}

type Shaped = Result<Shape, regex::Error>;

fn each(patterns: &[Pattern], shape: impl Fn(&Pattern) -> Shaped) -> Result<Vec<Shape>, SearchError> {
    patterns.iter().map(|pattern| shape(pattern).map_err(SearchError::from)).collect()
}

fn folded(pattern: &Pattern) -> Shaped {
    Shape::new(pattern, false)
}

fn cased(pattern: &Pattern) -> Shaped {
    Shape::new(pattern, true)
}

fn selector(map: Map, selector: &Selector) -> Result<Node, SearchError> {
    let key = selector.key.clone();
    let not = |node| Node::Not(Box::new(node));
    let values = |patterns: &[Pattern]| -> Result<MapTest, SearchError> {
        Ok(MapTest::Value(key.clone(), each(patterns, cased)?))
    };
    Ok(match &selector.op {
        SelectorOp::Exists => Node::Map(map, MapTest::Key(key)),
        SelectorOp::NotExists => not(Node::Map(map, MapTest::Key(key))),
        SelectorOp::In(patterns) => Node::Map(map, values(patterns)?),
        SelectorOp::NotIn(patterns) => not(Node::Map(map, values(patterns)?)),
        SelectorOp::Above(least) => Node::Map(map, MapTest::Number(key, i128::from(*least) + 1..i128::MAX)),
        SelectorOp::Below(most) => Node::Map(map, MapTest::Number(key, i128::MIN..i128::from(*most))),
    })
}

fn pair(pattern: &Pattern) -> Result<MapTest, SearchError> {
    Ok(MapTest::Pair(Box::new(cased(pattern)?)))
}

fn has(part: Part) -> Node {
    Node::Flag(match part {
        Part::Label => Flag::Label,
        Part::Annotation => Flag::Annotation,
        Part::Owner => Flag::Owner,
        Part::Finalizer => Flag::Finalizer,
    })
}
