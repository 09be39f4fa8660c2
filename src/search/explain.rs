//! Why a document matched: the fields and spans of every condition that it meets.

use std::ops::Range;

use crate::document::Document;
use crate::index::terms::{fold, values};
use crate::object::KindKey;

use super::matching::{Needle, Scratch};
use super::plan::{Node, Word};
use super::{Catalog, matching::Shape};

/// Matches of one word outside the name that are told: the first ones say enough.
const TOLD: usize = 8;

/// One place where a document matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// `name`, `namespace`, `kind`, `label-key`, `label`, `annotation-key`, `annotation` or `owner`.
    pub field: &'static str,
    /// The key of the label or annotation.
    pub key: Option<String>,
    /// The whole value of the field.
    pub value: String,
    /// The part of the value that matched, in bytes.
    pub span: Range<usize>,
}

/// The matches of a document that is known to match, in the order of the query, each once. A query of nothing
/// but exclusions has none.
pub(crate) fn explain(node: &Node, document: &Document, kind: &KindKey, catalog: &Catalog) -> Vec<Match> {
    let mut explainer =
        Explainer { document, kind, catalog, scratch: Scratch::default(), matches: Vec::new() };
    explainer.node(node);
    explainer.matches
}

struct Explainer<'a> {
    document: &'a Document,
    kind: &'a KindKey,
    catalog: &'a Catalog,
    scratch: Scratch,
    matches: Vec<Match>,
}

impl Explainer<'_> {
    fn node(&mut self, node: &Node) {
        match node {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| self.node(node)),
            Node::Not(_) => {}
            Node::Word(word) => self.word(word),
            Node::Phrase(needle) => {
                self.needle(needle, |needle, text, scratch| needle.as_phrase(text, scratch));
            }
            Node::Kinds(kinds) => {
                let value = &self.document.metadata.kind;
                if kinds.contains(self.kind) {
                    self.push("kind", None, value, 0..value.len());
                }
            }
            Node::Namespaces(shapes) => self.shapes("namespace", &self.document.metadata.namespace, shapes),
            Node::Names(shapes) => self.shapes("name", &self.document.metadata.name, shapes),
            Node::HasLabel(key) => {
                if self.document.local.labels.contains_key(key) {
                    self.push("label-key", Some(key), key, 0..key.len());
                }
            }
            Node::Label { key, values } => {
                let value = self.document.local.labels.get(key);
                if let Some(value) = value.filter(|value| values.contains(value)) {
                    self.push("label", Some(key), value, 0..value.len());
                }
            }
        }
    }

    fn word(&mut self, word: &Word) {
        self.needle(&word.needle, |needle, text, scratch| needle.in_value(text, scratch));
        if word.kinds.contains(self.kind) {
            let names = self.catalog.get(self.kind);
            let names = names.into_iter().flat_map(|kind| kind.short_names.iter().chain([&kind.singular]));
            if let Some(name) = names.into_iter().find(|name| fold(name) == word.needle.text) {
                self.push("kind", None, name, 0..name.len());
            }
        }
    }

    fn needle(
        &mut self,
        needle: &Needle,
        elsewhere: impl Fn(&Needle, &str, &mut Scratch) -> Option<Range<usize>>,
    ) {
        let name = &self.document.metadata.name;
        if let Some((_, span)) = needle.in_name(name, &mut self.scratch) {
            self.push("name", None, name, span);
        }
        let mut found = Vec::new();
        values(self.document, self.kind, |value| {
            if found.len() < TOLD
                && let Some(span) = elsewhere(needle, value.text, &mut self.scratch)
            {
                found.push((value, span));
            }
        });
        for (value, span) in found {
            self.push(value.field, value.key, value.text, span);
        }
    }

    fn shapes(&mut self, field: &'static str, value: &str, shapes: &[Shape]) {
        let span = shapes.iter().find_map(|shape| shape.find(value, &mut self.scratch));
        if let Some(span) = span {
            self.push(field, None, value, span);
        }
    }

    fn push(&mut self, field: &'static str, key: Option<&str>, value: &str, span: Range<usize>) {
        let new = Match { field, key: key.map(str::to_owned), value: value.to_owned(), span };
        if !self.matches.contains(&new) {
            self.matches.push(new);
        }
    }
}
