//! A query resolved against the catalog: what `eval` computes and `explain` looks for.

use std::collections::BTreeSet;

use crate::index::Snapshot;
use crate::index::terms::fold;
use crate::object::KindKey;
use crate::query::{Expr, Pattern, Query, Selector, SelectorOp, Span, Term, Value};

use super::matching::{Needle, Shape};
use super::{Catalog, SearchError};

/// One condition or combination of conditions.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// All of these; every document when there are none.
    And(Vec<Node>),
    /// One of these.
    Or(Vec<Node>),
    Not(Box<Node>),
    Word(Word),
    Phrase(Needle),
    Kinds(BTreeSet<KindKey>),
    Namespaces(Vec<Shape>),
    Names(Vec<Shape>),
    /// The label key is there.
    HasLabel(String),
    /// The label has one of these values.
    Label {
        key: String,
        values: Vec<String>,
    },
}

/// A word over all fields.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) needle: Needle,
    /// Kinds that have it as their singular or short name.
    pub(crate) kinds: BTreeSet<KindKey>,
}

/// Resolves `query`; `namespaces` limits it further when it is not empty.
pub(crate) fn plan(
    query: &Query,
    namespaces: &[String],
    catalog: &Catalog,
    snapshot: &Snapshot,
) -> Result<Node, SearchError> {
    let root = query.root.as_ref().ok_or(SearchError::Empty)?;
    let root = Planner { catalog, snapshot }.expr(root)?;
    if namespaces.is_empty() {
        return Ok(root);
    }
    let exact = |name: &String| Shape::new(&Pattern::Exact(name.clone()));
    Ok(Node::And(vec![Node::Namespaces(namespaces.iter().map(exact).collect()), root]))
}

struct Planner<'a> {
    catalog: &'a Catalog,
    snapshot: &'a Snapshot,
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
        let shapes = |patterns: &[Pattern]| patterns.iter().map(Shape::new).collect();
        Ok(match term {
            Term::Word(word) => {
                let needle = Needle::new(word);
                Node::Word(Word { kinds: self.catalog.named_exactly(&needle.text), needle })
            }
            Term::Phrase(phrase) => Node::Phrase(Needle::new(phrase)),
            Term::Kind(values) => Node::Kinds(self.kinds(values)?),
            Term::Namespace(patterns) => Node::Namespaces(shapes(patterns)),
            Term::Name(patterns) => Node::Names(shapes(patterns)),
            Term::KindName { kind, name } => match self.catalog.resolve(kind) {
                Ok(found) => Node::And(vec![
                    Node::Kinds(found.kinds.into_iter().collect()),
                    Node::Names(vec![Shape::new(name)]),
                ]),
                Err(_) => self.term(&Term::Word(term.to_string()), span)?,
            },
            Term::Label(selector) => label(selector, span)?,
            Term::Meaning(_)
            | Term::Group(_)
            | Term::Version(_)
            | Term::Uid(_)
            | Term::Annotation(_)
            | Term::LabelPair(_)
            | Term::AnnotationPair(_)
            | Term::Owner(_)
            | Term::Root(_)
            | Term::Created(_)
            | Term::Changed(_)
            | Term::By(_)
            | Term::Is(_)
            | Term::Has(_) => return Err(not_yet(&term.to_string(), span)),
        })
    }

    fn kinds(&self, values: &[Value]) -> Result<BTreeSet<KindKey>, SearchError> {
        let mut kinds = BTreeSet::new();
        for Value { pattern, span } in values {
            let Pattern::Exact(word) = pattern else { return Err(not_yet("a pattern for kinds", span)) };
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
        let all = self.snapshot.segments().iter().flat_map(|segment| segment.kinds());
        all.filter(|kind| kind.as_str() == word || kind.plural() == word).cloned().collect()
    }
}

fn label(selector: &Selector, span: &Span) -> Result<Node, SearchError> {
    let key = selector.key.clone();
    let not = |node| Node::Not(Box::new(node));
    let exact = |patterns: &[Pattern]| -> Result<Vec<String>, SearchError> {
        let one = |pattern: &Pattern| match pattern {
            Pattern::Exact(value) => Ok(value.clone()),
            _ => Err(not_yet("a pattern for label values", span)),
        };
        patterns.iter().map(one).collect()
    };
    Ok(match &selector.op {
        SelectorOp::Exists => Node::HasLabel(key),
        SelectorOp::NotExists => not(Node::HasLabel(key)),
        SelectorOp::In(values) => Node::Label { key, values: exact(values)? },
        SelectorOp::NotIn(values) => not(Node::Label { key, values: exact(values)? }),
        SelectorOp::Above(_) | SelectorOp::Below(_) => return Err(not_yet("`>` and `<`", span)),
    })
}

fn not_yet(what: &str, span: &Span) -> SearchError {
    SearchError::NotYet { what: what.to_owned(), span: span.clone() }
}
