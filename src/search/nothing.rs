//! Why a query finds nothing: the condition that alone finds nothing, or that its conditions never meet.

use crate::index::Snapshot;
use crate::object::KindKey;
use crate::query::{Expr, Pattern, Place, Query, Selector, SelectorOp, Term, Value};
use crate::text::suggest;

use super::order::Order;
use super::plan::plan;
use super::rank::{Wanted, page};
use super::{Options, SearchError, Searcher, Total};

/// Of a kind, why it is not read; without one, whether anything is not read. `None` where all is.
pub type Unread<'a> = &'a dyn Fn(Option<&KindKey>) -> Option<String>;

/// Conditions that are told with their counts.
const MOST: usize = 4;

impl Searcher {
    /// Why a query that matches nothing does so, a line for each reason; nothing for a single word, which says it
    /// itself. Asks for each condition alone, so it takes as long as that many searches.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn why_nothing(
        &self,
        query: &Query,
        options: &Options,
        unread: Unread<'_>,
    ) -> Result<Vec<String>, SearchError> {
        let snapshot = self.reader().snapshot();
        let mut parts: Vec<Expr> = match query.root.clone() {
            Some(Expr::And(all)) => all,
            other => other.into_iter().collect(),
        };
        if !options.namespaces.is_empty() && !query.all_namespaces {
            let names = options.namespaces.iter().cloned().map(Pattern::Exact).collect();
            parts.push(Expr::Term(Term::Namespace(names), 0..0));
        }
        let mut counted = Vec::new();
        for part in &parts {
            counted.push((part, self.alone(part, options, &snapshot)?));
        }
        let empty: Vec<&Expr> =
            counted.iter().filter(|(_, total)| total.count == 0).map(|(part, _)| *part).collect();
        if !empty.is_empty() {
            let only = parts.len() == 1;
            let reason = |part| self.reason(part, only, &snapshot, options, unread).transpose();
            let reasons = empty.into_iter().filter_map(reason);
            return reasons.take(MOST).collect();
        }
        if counted.len() < 2 {
            return Ok(Vec::new());
        }
        let more = counted.len().saturating_sub(MOST);
        let shown: Vec<String> = counted
            .iter()
            .take(MOST)
            .map(|(part, total)| format!("{part} ({}{})", total.count, if total.exact { "" } else { "+" }))
            .collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Ok(vec![format!("each condition finds objects, but none has all: {}{more}", shown.join(", "))])
    }

    fn alone(&self, part: &Expr, options: &Options, snapshot: &Snapshot) -> Result<Total, SearchError> {
        let query = Query { root: Some(part.clone()), ..Query::default() };
        let options = Options { namespaces: Vec::new(), similar: false, ..options.clone() };
        let node = plan(&query, &options, self.catalog(), snapshot)?;
        let segments = snapshot.segments();
        let wanted = Wanted { offset: 0, limit: 0, exact: false, similar: false, stop: &options.stop };
        Ok(page(&node, segments, &Order::new(&[], segments), wanted)?.total)
    }

    /// Why this condition finds nothing; `only` when it is the whole query.
    fn reason(
        &self,
        part: &Expr,
        only: bool,
        snapshot: &Snapshot,
        options: &Options,
        unread: Unread<'_>,
    ) -> Result<Option<String>, SearchError> {
        // What is not read is not known to be empty.
        let read = if unread(None).is_some() { " that is read" } else { "" };
        let said = match part {
            Expr::Not(inner) => format!("everything is excluded by -{inner}"),
            Expr::Term(Term::Namespace(names), _) => match names.as_slice() {
                [Pattern::Exact(name)] => {
                    let hint = self.nearest(&Place::Namespace, name, snapshot)?;
                    format!("nothing{read} is in a namespace called {name}{hint}")
                }
                _ => format!("nothing is in a namespace like {part}"),
            },
            Expr::Term(Term::Kind(kinds), _) => {
                self.unread(kinds, unread).unwrap_or_else(|| format!("there is no object of {part}"))
            }
            Expr::Term(Term::KindName { kind, name }, _) => self.unmet_name(part, kind, name, options)?,
            Expr::Term(Term::Label(selector), _) => self.unmet("label", selector, snapshot)?,
            Expr::Term(Term::Annotation(selector), _) => self.unmet("annotation", selector, snapshot)?,
            // the answer itself says so
            Expr::Term(Term::Word(_) | Term::Phrase(_), _) if only => return Ok(None),
            Expr::Term(..) | Expr::And(_) | Expr::Or(_) => format!("nothing matches {part}"),
        };
        Ok(Some(said))
    }

    /// The kinds among these of which nothing is read, and why.
    fn unread(&self, kinds: &[Value], unread: Unread<'_>) -> Option<String> {
        let words = kinds.iter().filter_map(|kind| match &kind.pattern {
            Pattern::Exact(word) => self.catalog().resolve(word).ok(),
            _ => None,
        });
        let said: Vec<String> =
            words.flat_map(|found| found.kinds).filter_map(|kind| unread(Some(&kind))).collect();
        (!said.is_empty()).then(|| said.into_iter().take(MOST).collect::<Vec<_>>().join("; "))
    }

    /// What is wrong with `KIND/NAME`: the name, or that `KIND` is a namespace or nothing at all.
    fn unmet_name(
        &self,
        part: &Expr,
        kind: &str,
        name: &Pattern,
        options: &Options,
    ) -> Result<String, SearchError> {
        let Err(unknown) = self.catalog().resolve(kind) else {
            let near = self.similar_name(kind, name, options)?;
            let near = near.map(|name| format!(": did you mean {kind}/{name}?")).unwrap_or_default();
            return Ok(format!("nothing matches {part}{near}"));
        };
        if self.namespaces().contains_key(kind) {
            let name = match name {
                Pattern::Substring(text) => Term::Word(text.clone()),
                other => Term::Name(vec![other.clone()]),
            };
            let name = Expr::Term(name, 0..0);
            return Ok(format!("{unknown}; in the namespace {kind} that is: ns:{kind} {name}"));
        }
        Ok(unknown.to_string())
    }

    /// The name of this kind that is most like this one.
    fn similar_name(
        &self,
        kind: &str,
        name: &Pattern,
        options: &Options,
    ) -> Result<Option<String>, SearchError> {
        let Pattern::Substring(text) = name else { return Ok(None) };
        let kind = Value { pattern: Pattern::Exact(kind.to_owned()), span: 0..0 };
        let terms = [Term::Kind(vec![kind]), Term::Word(text.clone())];
        let root = Expr::And(terms.map(|term| Expr::Term(term, 0..0)).into());
        let query = Query { root: Some(root), ..Query::default() };
        let options = Options { limit: 1, similar: true, exact: false, ..options.clone() };
        let found = self.search(&query, &options)?.hits.into_iter().next();
        Ok(found.map(|hit| hit.document.metadata.name))
    }

    /// What is wrong with a condition on a label or annotation: its key, or its value.
    fn unmet(&self, what: &str, selector: &Selector, snapshot: &Snapshot) -> Result<String, SearchError> {
        let key = selector.key.clone();
        let (keys, values) = match what {
            "label" => (Place::LabelKey, Place::LabelValue { key: key.clone() }),
            _ => (Place::AnnotationKey, Place::AnnotationValue { key: key.clone() }),
        };
        let known = self.known(&keys, &key, snapshot)?;
        Ok(match &selector.op {
            _ if !known.contains(&key) => {
                let hint = self.nearest(&keys, &key, snapshot)?;
                format!("no object has the {what} {key}{hint}")
            }
            SelectorOp::In(wanted) => match wanted.as_slice() {
                [Pattern::Exact(value)] => {
                    let hint = self.nearest(&values, value, snapshot)?;
                    format!("no object has the {what} {key}={value}{hint}")
                }
                _ => format!("no value of the {what} {key} is one of those"),
            },
            SelectorOp::Exists
            | SelectorOp::NotExists
            | SelectorOp::NotIn(_)
            | SelectorOp::Above(_)
            | SelectorOp::Below(_) => format!("no object has {what} {selector}"),
        })
    }

    /// `: did you mean 'x'?`
    fn nearest(&self, place: &Place, word: &str, snapshot: &Snapshot) -> Result<String, SearchError> {
        let known = self.known(place, "", snapshot)?;
        let known = known.iter().filter(|name| *name != word);
        let begun =
            known.clone().filter(|name| word.len() > 2 && name.starts_with(word)).min_by_key(|n| n.len());
        let near = begun.map(String::as_str).or_else(|| suggest(word, known.map(String::as_str)));
        Ok(near.map(|name| format!(": did you mean {name}?")).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, index, literally, thing};
    use super::*;
    use crate::query::parse;

    fn why(text: &str, options: &Options) -> String {
        let (_writer, searcher) = index(&[
            thing("Pod", "shop", "checkout").label("app", "checkout").annotation("team", "payments"),
            thing("Pod", "payments", "ledger").label("app", "ledger"),
            thing("Node", "", "node-1"),
        ]);
        let query = parse(text).unwrap();
        assert_eq!(searcher.search(&query, options).unwrap().total.count, 0, "{text}");
        searcher.why_nothing(&query, options, &|_| None).unwrap().join("\n")
    }

    #[test]
    fn the_condition_that_finds_nothing_is_named_with_the_nearest_that_would() {
        for (text, reason) in [
            ("checkot", ""),
            ("\"checkot\"", ""),
            ("checkot ledger", "nothing matches checkot"),
            ("ns:shopp checkout", "nothing is in a namespace called shopp: did you mean shop?"),
            ("ns:pay", "nothing is in a namespace called pay: did you mean payments?"),
            ("ns:x,y", "nothing is in a namespace like ns:x,y"),
            ("ap=web", "no object has the label ap: did you mean app?"),
            ("app=chekout", "no object has the label app=chekout: did you mean checkout?"),
            ("app=Checkout kind:po", "no object has the label app=Checkout: did you mean checkout?"),
            ("app=a,b", "no value of the label app is one of those"),
            ("label:tier", "no object has the label tier"),
            ("anno:team=payment", "no object has the annotation team=payment: did you mean payments?"),
            ("kind:sts", "there is no object of kind:sts"),
            ("-name:*", "everything is excluded by -*"),
            ("is:deleting checkout", "nothing matches is:deleting"),
            ("po/chekout", "nothing matches po/chekout: did you mean po/checkout?"),
            ("po/nowhere", "nothing matches po/nowhere"),
            ("shop/stuck", "no kind is called 'shop'; in the namespace shop that is: ns:shop stuck"),
            ("nodse/node-1", "no kind is called 'nodse': did you mean 'node'?"),
        ] {
            assert_eq!(why(text, &literally()), reason, "{text}");
        }
    }

    #[test]
    fn what_is_not_read_is_not_said_to_be_empty() {
        let (_writer, searcher) = index(&[thing("Pod", "shop", "checkout")]);
        let unread = |kind: Option<&KindKey>| match kind {
            Some(kind) => (kind.as_str() == "nodes").then(|| "nodes: forbidden".to_owned()),
            None => Some(String::new()),
        };
        for (text, reason) in [
            ("kind:node", "nodes: forbidden"),
            ("kind:sts", "there is no object of kind:sts"),
            ("ns:kube-system", "nothing that is read is in a namespace called kube-system"),
        ] {
            let query = parse(text).unwrap();
            assert_eq!(searcher.why_nothing(&query, &literally(), &unread).unwrap(), [reason], "{text}");
        }
    }

    #[test]
    fn conditions_that_never_meet_are_told_with_their_counts() {
        let never = "each condition finds objects, but none has all: ";
        assert_eq!(
            why("kind:po app=ledger ns:shop", &literally()),
            format!("{never}kind:po (2), app=ledger (1), ns:shop (1)")
        );
        let there = Options { namespaces: vec!["payments".into()], now: Some(NOW), ..literally() };
        assert_eq!(why("checkout", &there), format!("{never}checkout (1), ns:payments (1)"));
        let nowhere = Options { namespaces: vec!["paiments".into()], ..there };
        assert_eq!(
            why("checkout", &nowhere),
            "nothing is in a namespace called paiments: did you mean payments?"
        );
    }
}
