//! Hits as people and programs read them.

use std::ops::Range;

use serde::{Serialize, Serializer};

use super::output::{Cell, Column, Output, Style, Table};
use crate::document::{Document, Metadata};
use crate::search::{Hit, Match};
use crate::text;

/// The namespace that documents of cluster-scoped kinds carry.
const CLUSTER: &str = "_cluster";
/// Reasons beyond this many say no more.
const REASONS: usize = 3;

/// Prints hits in one of [`super::settings::OUTPUTS`].
pub(super) fn print(output: &mut Output, form: &str, hits: &[Hit], now_ms: i64) -> std::io::Result<()> {
    match form {
        "json" => output.json(&hits.iter().map(Row::from).collect::<Vec<_>>()),
        "jsonl" => hits.iter().try_for_each(|hit| output.json_line(&Row::from(hit))),
        "yaml" => output.yaml(&hits.iter().map(Row::from).collect::<Vec<_>>()),
        "name" => hits.iter().try_for_each(|hit| output.data(&name(&hit.document.metadata))),
        _ if hits.is_empty() => Ok(()),
        form => output.table(&table(hits, form == "wide", now_ms)),
    }
}

/// What happened to a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It matched from the start.
    Present,
    /// It is new, or matches now.
    Appears,
    /// Still matches, and is not what it was.
    Changes,
    /// It was deleted, or no longer matches.
    Goes,
}

impl Change {
    /// The mark before a line, and the word for programs.
    fn names(self) -> (char, &'static str) {
        match self {
            Self::Present => ('=', "present"),
            Self::Appears => ('+', "added"),
            Self::Changes => ('~', "changed"),
            Self::Goes => ('-', "removed"),
        }
    }
}

/// One line for a hit that appeared or changed.
pub(super) fn change(output: &mut Output, form: &str, change: Change, hit: &Hit) -> std::io::Result<()> {
    let (mark, word) = change.names();
    match form {
        "jsonl" => output.json_line(&Changed { change: word, row: Row::from(hit) }),
        _ => output.data(&format!("{mark} {}", name(&hit.document.metadata))),
    }
}

/// One line for a hit that is none any more.
pub(super) fn gone(output: &mut Output, form: &str, document: &Document) -> std::io::Result<()> {
    let (mark, word) = Change::Goes.names();
    let Document { id, text, metadata, .. } = document;
    let row = Row { id, text, metadata, score: 0.0, matched: Vec::new() };
    match form {
        "jsonl" => output.json_line(&Changed { change: word, row }),
        _ => output.data(&format!("{mark} {}", name(metadata))),
    }
}

/// A line of `--watch` for programs.
#[derive(Debug, Serialize)]
struct Changed<'a> {
    change: &'static str,
    #[serde(flatten)]
    row: Row<'a>,
}

/// One hit for programs: id, text and metadata exactly as mirrored.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    text: &'a str,
    metadata: &'a Metadata,
    score: f32,
    matched: Vec<Reason<'a>>,
}

/// One place where it matched.
#[derive(Debug, Serialize)]
struct Reason<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    value: &'a str,
    /// Start and end of the part that matched, in bytes.
    #[serde(serialize_with = "pair")]
    span: Range<usize>,
}

fn pair<S: Serializer>(span: &Range<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    [span.start, span.end].serialize(serializer)
}

impl<'a> From<&'a Hit> for Row<'a> {
    fn from(hit: &'a Hit) -> Self {
        let Document { id, text, metadata, .. } = &hit.document;
        let reason = |found: &'a Match| Reason {
            field: found.field,
            key: found.key.as_deref(),
            value: &found.value,
            span: found.span.clone(),
        };
        Self { id, text, metadata, score: hit.score, matched: hit.matched.iter().map(reason).collect() }
    }
}

/// `deployment.apps/web -n shop`: as `kubectl get -o name` has it, and what makes it unambiguous, so that
/// `xargs -L1 kubectl get` works across namespaces.
fn name(metadata: &Metadata) -> String {
    let kind = metadata.kind.to_lowercase();
    let group =
        if metadata.api_group.is_empty() { String::new() } else { format!(".{}", metadata.api_group) };
    let object = text::sanitise(&metadata.name);
    let mut line = text::shell_quote(&format!("{kind}{group}/{object}")).into_owned();
    if metadata.namespace != CLUSTER {
        line.push_str(&format!(" -n {}", text::shell_quote(&text::sanitise(&metadata.namespace))));
    }
    line
}

fn table(hits: &[Hit], wide: bool, now_ms: i64) -> Table {
    let mut columns = vec![
        Column::text("KIND", 8),
        Column::text("NAMESPACE", 9),
        Column::text("NAME", 16),
        Column::number("AGE").spare(1),
        Column::text("MATCH", 12).spare(2),
    ];
    if wide {
        columns.extend([Column::text("OWNER", 12).spare(3), Column::text("LABELS", 12).spare(4)]);
    }
    let mut table = Table::new(columns);
    for hit in hits {
        let Document { metadata, local, .. } = &hit.document;
        let namespace = if metadata.namespace == CLUSTER { "" } else { &metadata.namespace };
        let age = local.created.map(|created| text::age(now_ms / 1000 - created)).unwrap_or_default();
        let mut row = vec![
            Cell::plain(&metadata.kind),
            Cell::plain(namespace),
            Cell::marked(&metadata.name, spans(hit, "name")),
            Cell::plain(&age),
            reasons(&hit.matched),
        ];
        if wide {
            let owner = local.owners.iter().find(|owner| owner.controller).or(local.owners.first());
            row.push(Cell::plain(&owner.map(|o| format!("{}/{}", o.kind, o.name)).unwrap_or_default()));
            row.push(Cell::plain(&metadata.labels));
        }
        table.row(row);
    }
    table
}

fn spans(hit: &Hit, field: &str) -> Vec<Range<usize>> {
    hit.matched.iter().filter(|found| found.field == field).map(|found| found.span.clone()).collect()
}

// What matched, with the matching part highlighted: `name`, `app=web`, `anno team`, `owner web-7f9c`.
fn reasons(matched: &[Match]) -> Cell {
    let mut cell = Cell::default();
    let mut told: Vec<&Match> = Vec::new();
    for found in matched {
        if told.len() == REASONS || told.iter().any(|other| is_implied(found, other)) {
            continue;
        }
        if matched.iter().any(|other| other.field != found.field && is_implied(found, other)) {
            continue;
        }
        if !told.is_empty() {
            cell.push(Style::Dim, ", ");
        }
        told.push(found);
        let key = found.key.as_deref().unwrap_or_default();
        match found.field {
            "name" if found.similar => cell.push(Style::Plain, "~name"),
            "name" | "namespace" | "kind" => cell.push(Style::Plain, found.field),
            "label" => {
                cell.push(Style::Plain, &format!("{key}="));
                push_marked(&mut cell, &found.value, &found.span);
            }
            "label-key" => push_marked(&mut cell, &found.value, &found.span),
            "annotation" => cell.push(Style::Plain, &format!("anno {key}")),
            "annotation-key" => {
                cell.push(Style::Plain, "anno ");
                push_marked(&mut cell, &found.value, &found.span);
            }
            other => {
                cell.push(Style::Plain, &format!("{other} "));
                push_marked(&mut cell, &found.value, &found.span);
            }
        }
    }
    cell
}

// A field is told once; a label whose value is told needs no word about its key.
fn is_implied(found: &Match, other: &Match) -> bool {
    let same = found.field == other.field || found.field.strip_suffix("-key") == Some(other.field);
    same && found.key == other.key
}

fn push_marked(cell: &mut Cell, value: &str, span: &Range<usize>) {
    let parts = (value.get(..span.start), value.get(span.clone()), value.get(span.end..));
    let (Some(before), Some(hit), Some(after)) = parts else { return cell.push(Style::Plain, value) };
    cell.push(Style::Plain, before);
    cell.push(Style::Hit, hit);
    cell.push(Style::Plain, after);
}

#[cfg(test)]
mod tests {
    use super::super::output::testing::captured;
    use super::*;
    use crate::document::Local;
    use crate::object::Owner;

    const NOW: i64 = 1_772_452_800_000;

    fn found(field: &'static str, key: Option<&str>, value: &str, span: Range<usize>) -> Match {
        Match { field, key: key.map(str::to_owned), value: value.to_owned(), span, similar: false }
    }

    fn hit(namespace: &str, group: &str, kind: &str, name: &str, matched: Vec<Match>) -> Hit {
        let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        Hit {
            document: Document {
                id: format!("{namespace}/{api_version}/{kind}/{name}"),
                text: format!("{kind} {name}"),
                metadata: Metadata {
                    namespace: namespace.into(),
                    name: name.into(),
                    kind: kind.into(),
                    api_version,
                    api_group: group.into(),
                    labels: "app=checkout,tier=web".into(),
                    ..Metadata::default()
                },
                local: Local {
                    created: Some(NOW / 1000 - 3 * 86_400),
                    owners: vec![Owner {
                        kind: "ReplicaSet".into(),
                        name: "checkout-7f9c".into(),
                        ..Owner::default()
                    }],
                    ..Local::default()
                },
            },
            kind: "x".into(),
            score: 4.0,
            similar: false,
            parts: Vec::new(),
            matched,
        }
    }

    fn hits() -> Vec<Hit> {
        vec![
            hit(
                "shop",
                "apps",
                "Deployment",
                "checkout-api",
                vec![
                    found("name", None, "checkout-api", 0..5),
                    found("label-key", Some("app"), "app", 0..3),
                    found("label", Some("app"), "checkout", 0..5),
                    found("annotation", Some("team/notes"), "the checkout team", 4..9),
                ],
            ),
            hit(
                "_cluster",
                "",
                "Namespace",
                "x\x1b[31m",
                vec![found("annotation", Some("n\u{202e}"), "check", 0..5)],
            ),
            hit("shop", "", "Pod", "it's", vec![found("owner", None, "checkout-7f9c", 0..5)]),
        ]
    }

    fn shown(form: &str) -> String {
        let (mut output, stdout, _) = captured(None);
        print(&mut output, form, &hits(), NOW).unwrap();
        stdout.text()
    }

    #[test]
    fn the_table_says_why() {
        insta::assert_snapshot!(shown("table"), @"
        KIND         NAMESPACE   NAME           AGE   MATCH
        Deployment   shop        checkout-api    3d   name, app=checkout, anno team/notes
        Namespace                x␛[31m          3d   anno n<U+202E>
        Pod          shop        it's            3d   owner checkout-7f9c
        ");
        insta::assert_snapshot!(shown("wide"), @"
        KIND         NAMESPACE   NAME           AGE   MATCH                                 OWNER                      LABELS
        Deployment   shop        checkout-api    3d   name, app=checkout, anno team/notes   ReplicaSet/checkout-7f9c   app=checkout,tier=web
        Namespace                x␛[31m          3d   anno n<U+202E>                        ReplicaSet/checkout-7f9c   app=checkout,tier=web
        Pod          shop        it's            3d   owner checkout-7f9c                   ReplicaSet/checkout-7f9c   app=checkout,tier=web
        ");
    }

    #[test]
    fn names_go_through_xargs() {
        insta::assert_snapshot!(shown("name"), @r"
        deployment.apps/checkout-api -n shop
        'namespace/x␛[31m'
        'pod/it'\''s' -n shop
        ");
    }

    #[test]
    fn json_has_the_mirrored_document_and_the_reasons() {
        let first = shown("jsonl").lines().next().map(str::to_owned).unwrap();
        insta::assert_snapshot!(first, @r#"{"id":"shop/apps/v1/Deployment/checkout-api","text":"Deployment checkout-api","metadata":{"namespace":"shop","name":"checkout-api","kind":"Deployment","apiVersion":"apps/v1","apiGroup":"apps","labels":"app=checkout,tier=web","source":"resource-sync"},"score":4.0,"matched":[{"field":"name","value":"checkout-api","span":[0,5]},{"field":"label-key","key":"app","value":"app","span":[0,3]},{"field":"label","key":"app","value":"checkout","span":[0,5]},{"field":"annotation","key":"team/notes","value":"the checkout team","span":[4,9]}]}"#);
        let list: Vec<serde_json::Value> = serde_json::from_str(&shown("json")).unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(list[1]["metadata"]["name"], "x\x1b[31m", "what was stored, whatever it is");
        assert!(!shown("json").contains('\x1b') && !shown("yaml").contains('\x1b'));
        let yaml: Vec<serde_json::Value> = serde_saphyr::from_str(&shown("yaml")).unwrap();
        assert_eq!(yaml, list);
    }

    #[test]
    fn nothing_found_prints_an_empty_list_for_programs_and_nothing_for_people() {
        for (form, expected) in
            [("table", ""), ("name", ""), ("jsonl", ""), ("json", "[]\n"), ("yaml", "[]\n")]
        {
            let (mut output, stdout, _) = captured(None);
            print(&mut output, form, &[], NOW).unwrap();
            assert_eq!(stdout.text(), expected, "{form}");
        }
    }

    #[test]
    fn a_terminal_shows_what_matched() {
        let (mut output, stdout, _) = captured(Some(80));
        print(&mut output, "table", &hits()[..1], NOW).unwrap();
        insta::assert_snapshot!(stdout.text().replace('\x1b', "^"), @"
        ^[2mKIND^[0m         ^[2mNAMESPACE^[0m   ^[2mNAME^[0m           ^[2mAGE^[0m   ^[2mMATCH^[0m
        Deployment   shop        ^[1;33mcheck^[0mout-api    3d   name^[2m, ^[0mapp=^[1;33mcheck^[0mout^[2m, ^[0manno team/not…
        ");
    }
}
