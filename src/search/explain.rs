//! Why a document matched: the fields and spans of every condition that it meets, and the parts of its score.

use std::ops::Range;

use crate::document::Document;
use crate::index::Doc;
use crate::index::facts::{Flag, owner_kind};
use crate::index::terms::{fold, values};
use crate::object::{KindKey, Owner};

use super::Catalog;
use super::eval::{LITERAL, number};
use super::matching::{Needle, Scratch, Tier};
use super::pattern::Shape;
use super::plan::{Map, MapTest, Node, Origin, Word};
use super::similar::Likeness;

/// Matches of one word outside the name that are told: the first ones say enough.
const TOLD: usize = 8;

/// What is only similar scores hundredths: less than anything that matches.
const SIMILAR: f32 = 100.0;

/// One place where a document matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// `name`, `namespace`, `kind`, `label-key`, `label`, `annotation-key`, `annotation`, `owner`, `finalizer`, `version`,
    /// `uid`, `created`, `deleted` or `scope`.
    pub field: &'static str,
    /// The key of the label or annotation.
    pub key: Option<String>,
    /// The whole value of the field.
    pub value: String,
    /// The part of the value that matched, in bytes.
    pub span: Range<usize>,
    /// Whether it is only similar to what was asked for.
    pub similar: bool,
}

/// What one word or pattern added to a score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePart {
    /// The word or pattern, as it is compared.
    pub term: String,
    /// How well it matched: `whole name`, `start of the name`, `segment of the name`, `part of the name`, `elsewhere`,
    /// `similar name` or `less similar name`.
    pub reason: &'static str,
    /// What it added.
    pub points: f32,
}

/// A document that is known to match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) document: &'a Document,
    pub(crate) kind: &'a KindKey,
    /// Its segment and number there.
    pub(crate) place: (usize, Doc),
    /// Whether it is only similar.
    pub(crate) similar: bool,
}

/// Why a document matches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Why {
    /// In the order of the query, each once; none for a query of nothing but exclusions.
    pub(crate) matches: Vec<Match>,
    /// Their sum is the score.
    pub(crate) parts: Vec<ScorePart>,
}

/// The points of a score, as `eval` counts them.
pub(crate) fn points(score: u8, similar: bool) -> f32 {
    if similar { f32::from(score) / SIMILAR } else { f32::from(score) }
}

/// Why a document matches `node`; `None` if it does not.
pub(crate) fn explain(node: &Node, subject: Subject<'_>, catalog: &Catalog) -> Option<Why> {
    Explainer { subject, catalog, scratch: Scratch::default() }.node(node)
}

struct Explainer<'a> {
    subject: Subject<'a>,
    catalog: &'a Catalog,
    scratch: Scratch,
}

impl Explainer<'_> {
    fn node(&mut self, node: &Node) -> Option<Why> {
        let document = self.subject.document;
        let metadata = &document.metadata;
        match node {
            Node::And(nodes) => {
                let mut all = Why::default();
                for node in nodes {
                    all.add(self.node(node)?);
                }
                Some(all)
            }
            Node::Or(nodes) => self.best_of(nodes),
            Node::Not(inner) => {
                let similar = std::mem::replace(&mut self.subject.similar, false);
                let found = self.node(inner);
                self.subject.similar = similar;
                found.is_none().then(Why::default)
            }
            Node::Word(word) => self.word(word),
            Node::Phrase(needle) => {
                self.needle(needle, |needle, text, scratch| needle.as_phrase(text, scratch))
            }
            Node::Kinds(kinds) => {
                kinds.contains(self.subject.kind).then(|| Why::one("kind", None, &metadata.kind))
            }
            Node::Namespaces(shapes) => self.shapes("namespace", &metadata.namespace, shapes),
            Node::Names(shapes) => self.names(shapes),
            Node::Versions(shapes) => {
                let version = metadata.api_version.rsplit_once('/');
                self.shapes("version", version.map_or(&metadata.api_version, |(_, v)| v), shapes)
            }
            Node::Uids(shapes) => self.shapes("uid", &document.local.uid, shapes),
            Node::Map(map, test) => self.map(*map, test),
            Node::Owners(origins) => self.owners(origins),
            Node::Descendants(_, docs) => {
                let (segment, doc) = self.subject.place;
                docs.get(segment)?.binary_search(&doc).ok()?;
                Some(
                    controller(document)
                        .map(|owner| Why::one("owner", None, &owner.name))
                        .unwrap_or_default(),
                )
            }
            Node::Created(range) => {
                let created =
                    document.local.created.filter(|created| *created > 0 && range.contains(created))?;
                Some(Why::one("created", None, &time(created)))
            }
            Node::Flag(flag) => self.flag(*flag),
        }
    }

    fn best_of(&mut self, nodes: &[Node]) -> Option<Why> {
        let found: Vec<Why> = nodes.iter().filter_map(|node| self.node(node)).collect();
        let sum = |why: &Why| why.parts.iter().map(|part| part.points).sum::<f32>();
        let best = found
            .iter()
            .map(sum)
            .fold(None, |best: Option<f32>, sum| Some(best.map_or(sum, |b| b.max(sum))))?;
        let mut all = Why::default();
        let parts = found.iter().find(|why| sum(why) >= best).map(|why| why.parts.clone());
        found.into_iter().for_each(|why| all.add(Why { parts: Vec::new(), ..why }));
        all.parts = parts.unwrap_or_default();
        Some(all)
    }

    fn word(&mut self, word: &Word) -> Option<Why> {
        if let Some(why) = self.literal(word, &word.needle) {
            return Some(why);
        }
        if !self.subject.similar {
            return None;
        }
        let folded = word.folded.as_ref().and_then(|folded| self.literal(word, folded));
        let (likeness, mut matches) = match (folded, &word.similar) {
            (Some(why), _) => (Likeness::Near, why.matches),
            (None, Some(similar)) => {
                let name = &self.subject.document.metadata.name;
                let (likeness, span) = similar.in_name(name, &mut self.scratch)?;
                (likeness, vec![Match::new("name", None, name, span)])
            }
            (None, None) => return None,
        };
        let reason = match likeness {
            Likeness::Far => "less similar name",
            Likeness::Near => "similar name",
        };
        matches.iter_mut().for_each(|found| found.similar = true);
        let points = points(likeness as u8, true);
        Some(Why { matches, parts: vec![ScorePart { term: word.needle.shown(), reason, points }] })
    }

    fn literal(&mut self, word: &Word, needle: &Needle) -> Option<Why> {
        let mut why =
            self.needle(needle, |needle, text, scratch| needle.in_value(text, scratch)).unwrap_or_default();
        if word.kinds.contains(self.subject.kind) {
            let names = self.catalog.get(self.subject.kind);
            let names = names.into_iter().flat_map(|kind| kind.short_names.iter().chain([&kind.singular]));
            let kind = &self.subject.document.metadata.kind;
            let name = names.into_iter().find(|name| fold(name) == needle.text).unwrap_or(kind);
            why.push(Match::new("kind", None, name, 0..name.len()));
        }
        if let Some(uid) = &word.uid
            && let Some(span) = uid.find(&self.subject.document.local.uid, &mut self.scratch)
        {
            why.push(Match::new("uid", None, &self.subject.document.local.uid, span));
        }
        if why.matches.is_empty() {
            return None;
        }
        if why.parts.is_empty() {
            why.parts.push(self.part(needle.shown(), Tier::Elsewhere));
        }
        Some(why)
    }

    fn needle(
        &mut self,
        needle: &Needle,
        elsewhere: impl Fn(&Needle, &str, &mut Scratch) -> Option<Range<usize>>,
    ) -> Option<Why> {
        let Self { subject, scratch, .. } = self;
        let name = &subject.document.metadata.name;
        let mut why = Why::default();
        let mut best = None;
        if let Some((tier, span)) = needle.in_name(name, scratch) {
            why.push(Match::new("name", None, name, span));
            best = Some(tier);
        }
        let mut told = 0;
        values(subject.document, subject.kind, |value| {
            if told < TOLD
                && let Some(span) = elsewhere(needle, value.text, scratch)
            {
                told += 1;
                why.push(Match::new(value.field, value.key, value.text, span));
            }
        });
        let tier = best.or((told > 0).then_some(Tier::Elsewhere))?;
        why.parts.push(self.part(needle.shown(), tier));
        Some(why)
    }

    fn part(&self, term: String, tier: Tier) -> ScorePart {
        let more = if self.subject.similar { LITERAL } else { 0 };
        let reason = match tier {
            Tier::Whole => "whole name",
            Tier::Start => "start of the name",
            Tier::Segment => "segment of the name",
            Tier::Part => "part of the name",
            Tier::Elsewhere => "elsewhere",
        };
        ScorePart { term, reason, points: points(tier as u8 + more, self.subject.similar) }
    }

    fn names(&mut self, shapes: &[Shape]) -> Option<Why> {
        let name = &self.subject.document.metadata.name;
        let found = shapes.iter().filter_map(|shape| Some((shape.in_name(name, &mut self.scratch)?, shape)));
        let ((tier, span), shape) = found.max_by_key(|((tier, _), _)| *tier)?;
        let mut why = Why { matches: vec![Match::new("name", None, name, span)], parts: Vec::new() };
        why.parts.push(self.part(shape.shown(), tier));
        Some(why)
    }

    fn shapes(&mut self, field: &'static str, value: &str, shapes: &[Shape]) -> Option<Why> {
        let span = shapes.iter().find_map(|shape| shape.find(value, &mut self.scratch))?;
        Some(Why { matches: vec![Match::new(field, None, value, span)], parts: Vec::new() })
    }

    fn map(&mut self, map: Map, test: &MapTest) -> Option<Why> {
        let local = &self.subject.document.local;
        let (pairs, key_field, field) = match map {
            Map::Labels => (&local.labels, "label-key", "label"),
            Map::Annotations => (&local.annotations, "annotation-key", "annotation"),
        };
        match test {
            MapTest::Key(key) => pairs.contains_key(key).then(|| Why::one(key_field, Some(key), key)),
            MapTest::Value(key, shapes) => {
                let value = pairs.get(key)?;
                let span = shapes.iter().find_map(|shape| shape.find(value, &mut self.scratch))?;
                Some(Why { matches: vec![Match::new(field, Some(key), value, span)], parts: Vec::new() })
            }
            MapTest::Number(key, range) => {
                let value = pairs.get(key)?;
                number(value.as_bytes())
                    .is_some_and(|n| range.contains(&n))
                    .then(|| Why::one(field, Some(key), value))
            }
            MapTest::Pair(shape) => {
                let mut why = Why::default();
                for (key, value) in pairs {
                    let pair = [&**key, "=", value].concat();
                    let Some(span) = shape.find(&pair, &mut self.scratch) else { continue };
                    let start = key.len() + 1;
                    if span.end > start {
                        let span = span.start.saturating_sub(start)..span.end - start;
                        why.push(Match::new(field, Some(key), value, span));
                    } else {
                        why.push(Match::new(key_field, Some(key), key, span.start..span.end.min(key.len())));
                    }
                }
                (!why.matches.is_empty()).then_some(why)
            }
        }
    }

    fn owners(&mut self, origins: &[Origin]) -> Option<Why> {
        let mut why = Why::default();
        for owner in &self.subject.document.local.owners {
            let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
            let kind = owner_kind(&owner.kind, group);
            let span = origins.iter().find_map(|origin| match origin {
                Origin::Uid(uid) => (*uid == owner.uid).then_some(0..owner.name.len()),
                Origin::Named { kinds, name } => name
                    .find(&owner.name, &mut self.scratch)
                    .filter(|_| kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))),
            });
            if let Some(span) = span {
                why.push(Match::new("owner", None, &owner.name, span));
            }
        }
        (!why.matches.is_empty()).then_some(why)
    }

    fn flag(&self, flag: Flag) -> Option<Why> {
        let document = self.subject.document;
        let local = &document.local;
        Flag::of(document).any(|has| has == flag).then(|| match flag {
            Flag::Deleting => Why::one("deleted", None, &local.deleted.map(time).unwrap_or_default()),
            Flag::Cluster => Why::one("scope", None, "cluster"),
            Flag::Label => Why::first("label-key", local.labels.keys()),
            Flag::Annotation => Why::first("annotation-key", local.annotations.keys()),
            Flag::Finalizer => Why::first("finalizer", local.finalizers.iter()),
            Flag::Owner => Why::first("owner", controller(document).map(|owner| &owner.name).into_iter()),
            Flag::Capital => Why::default(),
        })
    }
}

/// The managing owner, or the first one.
fn controller(document: &Document) -> Option<&Owner> {
    let owners = &document.local.owners;
    owners.iter().find(|owner| owner.controller).or(owners.first())
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

impl Match {
    fn new(field: &'static str, key: Option<&str>, value: &str, span: Range<usize>) -> Self {
        Self { field, key: key.map(str::to_owned), value: value.to_owned(), span, similar: false }
    }
}

impl Why {
    /// A match of a whole value.
    fn one(field: &'static str, key: Option<&str>, value: &str) -> Self {
        Self { matches: vec![Match::new(field, key, value, 0..value.len())], parts: Vec::new() }
    }

    /// A match of the first of some texts; of a key, under itself.
    fn first<'t>(field: &'static str, mut texts: impl Iterator<Item = &'t String>) -> Self {
        let Some(text) = texts.next() else { return Self::default() };
        Self::one(field, Some(&**text).filter(|_| field.ends_with("-key")), text)
    }

    fn push(&mut self, new: Match) {
        if !self.matches.contains(&new) {
            self.matches.push(new);
        }
    }

    fn add(&mut self, other: Why) {
        other.matches.into_iter().for_each(|new| self.push(new));
        self.parts.extend(other.parts);
    }
}
