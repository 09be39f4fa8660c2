//! Pieces to expressions: what merges, what flattens.

use super::{Expr, SelectorOp, Term};

/// An expression, and whether it was written as a bare qualifier: those merge with their like.
pub(super) struct Piece {
    pub(super) expr: Expr,
    pub(super) merges: bool,
}

/// Adds a part, or its values to an earlier one of the same qualifier: the same qualifier twice means either.
pub(super) fn merge(parts: &mut Vec<Piece>, part: Piece) {
    if let (true, Expr::Term(term, span)) = (part.merges, &part.expr) {
        for earlier in parts.iter_mut().filter(|earlier| earlier.merges) {
            if let Expr::Term(into, place) = &mut earlier.expr
                && extend(into, term)
            {
                place.end = span.end;
                return;
            }
        }
    }
    parts.push(part);
}

fn extend(into: &mut Term, term: &Term) -> bool {
    match (into, term) {
        (Term::Kind(into), Term::Kind(more)) => {
            for value in more {
                if into.iter().all(|known| known.pattern != value.pattern) {
                    into.push(value.clone());
                }
            }
            true
        }
        (Term::Namespace(into), Term::Namespace(more))
        | (Term::Name(into), Term::Name(more))
        | (Term::Group(into), Term::Group(more))
        | (Term::Version(into), Term::Version(more))
        | (Term::Uid(into), Term::Uid(more))
        | (Term::By(into), Term::By(more)) => add(into, more),
        (Term::Owner(into), Term::Owner(more)) | (Term::Root(into), Term::Root(more)) => add(into, more),
        (Term::Label(into), Term::Label(more)) | (Term::Annotation(into), Term::Annotation(more))
            if into.key == more.key =>
        {
            match (&mut into.op, &more.op) {
                (SelectorOp::In(into), SelectorOp::In(more)) => {
                    add(into, more);
                    *into = ordered(std::mem::take(into));
                    true
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn add<T: Clone + PartialEq>(into: &mut Vec<T>, more: &[T]) -> bool {
    for value in more {
        if !into.contains(value) {
            into.push(value.clone());
        }
    }
    true
}

/// Values in the order in which kubectl keeps them: sorted, each once.
pub(super) fn ordered<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

pub(super) fn all_or_one(mut all: Vec<Expr>) -> Expr {
    if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
}

pub(super) fn all_of(parts: Vec<Piece>) -> Option<Expr> {
    let mut all = Vec::new();
    for part in parts {
        match part.expr {
            Expr::And(inner) => all.extend(inner),
            other @ (Expr::Or(_) | Expr::Not(_) | Expr::Term(..)) => all.push(other),
        }
    }
    match all.len() {
        0 => None,
        1 => all.pop(),
        _ => Some(Expr::And(all)),
    }
}

pub(super) fn one_of(parts: Vec<Expr>) -> Expr {
    let mut any = Vec::new();
    for part in parts {
        match part {
            Expr::Or(inner) => any.extend(inner),
            other @ (Expr::And(_) | Expr::Not(_) | Expr::Term(..)) => any.push(other),
        }
    }
    if any.len() == 1 { any.remove(0) } else { Expr::Or(any) }
}
