//! The layers of `docs/architecture.md`, held: a module uses only rows above it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Module and what it may use of the crate.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("object", &[]),
    ("text", &[]),
    ("document", &["object", "text"]),
    ("query", &["object", "text"]),
    ("cluster", &["object", "text", "document", "query"]),
    ("index", &["object", "text", "document", "query"]),
    ("embed", &["object", "text", "document", "query"]),
    ("mirror", &["object", "text", "document"]),
    ("engine", &["object", "text", "document", "query", "cluster", "index", "embed", "mirror"]),
    ("search", &["object", "text", "document", "query", "index", "embed"]),
    // Of `cluster` only `fetch`, whose types are plain (`beyond_fetch`).
    ("tui", &["object", "text", "document", "query", "cluster", "engine", "search"]),
    ("demo", &["object", "text", "document", "cluster"]),
    (
        "cli",
        &[
            "object", "text", "document", "query", "cluster", "index", "embed", "mirror", "engine", "search",
            "tui", "demo",
        ],
    ),
];

fn sources(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(dir) = open.pop() {
        for entry in fs_err::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The top-level modules that a source names as `crate::x`.
fn uses(source: &str) -> BTreeSet<String> {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    let text: String = code.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        // `crate::{a, b}`: only plain paths are written in this project.
        assert!(!rest.starts_with('{'), "write one `use crate::module` a line");
        found.insert(name);
    }
    found
}

fn violations(module: &str, source: &str) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let Some(allowed) = allowed.get(module) else { return vec![format!("{module} stands in no layer")] };
    let modules: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let others = uses(source).into_iter().filter(|used| used != module && modules.contains(used.as_str()));
    let mut found: Vec<String> = others
        .filter(|used| !allowed.contains(&used.as_str()))
        .map(|used| format!("{module} uses {used}"))
        .collect();
    if module == "tui" && beyond_fetch(source) {
        found.push("tui uses more of cluster than fetch".to_owned());
    }
    if module != "cli" && source.contains("anyhow::") {
        found.push(format!("{module} uses anyhow"));
    }
    found
}

fn beyond_fetch(source: &str) -> bool {
    source.match_indices("crate::cluster::").any(|(at, path)| !source[at + path.len()..].starts_with("fetch"))
}

fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned()).filter(|name| name != "lib" && name != "main")
}

#[test]
fn every_module_uses_only_the_layers_above_it() {
    let mut found = Vec::new();
    for path in sources("src") {
        let Some(module) = module_of(&path) else { continue };
        let source = fs_err::read_to_string(&path).unwrap();
        found.extend(
            violations(&module, &source).into_iter().map(|what| format!("{}: {what}", path.display())),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_planted_violation_is_found() {
    assert_eq!(violations("index", "use crate::cluster::Client;"), ["index uses cluster"]);
    assert_eq!(violations("object", "use crate::text;\n"), ["object uses text"]);
    assert_eq!(violations("engine", "fn f() -> anyhow::Result<()> { Ok(()) }"), ["engine uses anyhow"]);
    assert_eq!(violations("tui", "use crate::cluster::Client;"), ["tui uses more of cluster than fetch"]);
    assert_eq!(violations("tui", "use crate::cluster::fetch::Fetcher;"), Vec::<String>::new());
    assert_eq!(violations("engine", "// use crate::cli\nuse crate::index::Op;"), Vec::<String>::new());
}

#[test]
fn the_project_stands_alone() {
    let outside = ["..", "/shared"].concat();
    for path in sources("src").into_iter().chain(sources("tests")) {
        let source = fs_err::read_to_string(&path).unwrap();
        assert!(!source.contains(&outside), "{} refers to {outside}", path.display());
    }
}

/// The names of the functions that a source has as tests.
fn tests_of(source: &str) -> Vec<&str> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let begins = ["#[test]", "#[tokio::test"].iter().any(|start| line.starts_with(start));
        // In `proptest!` the function stands behind comments and settings; `#[ignore]` and others may stand between.
        let named = lines[at..].iter().take(6).find_map(|line| {
            line.trim_start_matches("async ")
                .strip_prefix("fn ")
                .and_then(|rest| rest.split(['(', '<']).next())
        });
        if let Some(name) = named.filter(|_| begins) {
            found.push(name);
        }
    }
    found
}

#[test]
fn every_promise_names_tests_that_exist() {
    let document = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md"));
    let document = document.unwrap();
    let table = document.split("| promise | tests |").nth(1).expect("a table of promises");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{rows:?}");
    let sources: Vec<String> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .map(|path| fs_err::read_to_string(path).unwrap())
        .collect();
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| tests_of(source)).collect();
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named: {row}");
        let missing: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
        assert!(missing.is_empty(), "no such tests: {missing:?}");
    }
}
