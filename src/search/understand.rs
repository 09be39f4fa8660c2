//! How a query was understood, as data for people: what each part means in this cluster.

use super::matching::Needle;
use super::pattern::Shape;
use super::plan::{Map, MapTest, Node, Origin};

/// One condition, or a combination of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// What must hold: `all of`, `one of`, `not`, or a condition such as `kind is deployments.apps`.
    pub text: String,
    /// What it is made of.
    pub parts: Vec<Understood>,
}

impl Understood {
    /// One line for each condition, indented by two spaces a level.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.text.clone()];
        let inner = self.parts.iter().flat_map(|part| part.lines());
        lines.extend(inner.map(|line| format!("  {line}")));
        lines
    }
}

pub(crate) fn understand(node: &Node) -> Understood {
    let leaf = |text: String| Understood { text, parts: Vec::new() };
    let combined = |text: &str, nodes: &[Node]| match nodes {
        [only] => understand(only),
        nodes => Understood { text: text.to_owned(), parts: nodes.iter().map(understand).collect() },
    };
    match node {
        Node::And(nodes) => combined("all of", nodes),
        Node::Or(nodes) => combined("one of", nodes),
        Node::Not(inner) => Understood { text: "not".to_owned(), parts: vec![understand(inner)] },
        Node::Word(word) => leaf(format!("the word {} anywhere", needle(&word.needle))),
        Node::Phrase(phrase) => leaf(format!("the phrase {} anywhere", needle(phrase))),
        Node::Kinds(kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            leaf(format!("kind is {}", or(&kinds)))
        }
        Node::Namespaces(all) => leaf(format!("namespace {}", shapes(all))),
        Node::Names(all) => leaf(format!("name {}", shapes(all))),
        Node::Versions(all) => leaf(format!("version {}", shapes(all))),
        Node::Uids(all) => leaf(format!("uid {}", shapes(all))),
        Node::Map(map, test) => leaf(self::map(*map, test)),
        Node::Owners(origins) => leaf(format!("owned by {}", self::origins(origins))),
        Node::Descendants(origins, docs) => {
            let count: usize = docs.iter().map(Vec::len).sum();
            leaf(format!("below {} ({count} objects)", self::origins(origins)))
        }
        Node::Created(range) => leaf(match (range.start, range.end) {
            (i64::MIN, i64::MAX) => "created at any time".to_owned(),
            (i64::MIN, end) => format!("created before {}", time(end)),
            (start, i64::MAX) => format!("created at {} or later", time(start)),
            (start, end) => format!("created from {} until {}", time(start), time(end)),
        }),
        Node::Flag(flag) => leaf(match flag {
            crate::index::facts::Flag::Deleting => "marked for deletion".to_owned(),
            crate::index::facts::Flag::Cluster => "cluster-scoped".to_owned(),
            flag => format!("has a {}", flag.as_str()),
        }),
    }
}

fn needle(needle: &Needle) -> String {
    match &needle.cased {
        Some(cased) => format!("'{cased}' (capitals count)"),
        None => format!("'{}'", needle.text),
    }
}

fn shapes(shapes: &[Shape]) -> String {
    let all: Vec<String> = shapes.iter().map(Shape::meant).collect();
    or(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn map(map: Map, test: &MapTest) -> String {
    let what = match map {
        Map::Labels => "label",
        Map::Annotations => "annotation",
    };
    match test {
        MapTest::Key(key) => format!("has the {what} {key}"),
        MapTest::Value(key, values) => format!("{what} {key} {}", shapes(values)),
        MapTest::Number(key, range) if range.start == i128::MIN => {
            format!("{what} {key} below {}", range.end)
        }
        MapTest::Number(key, range) => format!("{what} {key} above {}", range.start - 1),
        MapTest::Pair(shape) => format!("any {what} as key=value {}", shape.meant()),
    }
}

fn origins(origins: &[Origin]) -> String {
    let one = |origin: &Origin| match origin {
        Origin::Uid(uid) => format!("uid {uid}"),
        Origin::Named { kinds: None, name } => format!("name {}", name.meant()),
        Origin::Named { kinds: Some(kinds), name } => {
            let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
            format!("{} with name {}", or(&kinds), name.meant())
        }
    };
    let all: Vec<String> = origins.iter().map(one).collect();
    or(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn or(all: &[&str]) -> String {
    const SHOWN: usize = 8;
    let more = all.len().saturating_sub(SHOWN);
    let listed = all[..all.len() - more].join(" or ");
    if more > 0 { format!("{listed} or {more} more") } else { listed }
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
