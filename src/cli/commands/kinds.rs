//! `kinds`: what the cluster serves, and what is read of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::super::args::KindsArgs;
use super::super::clock::now_ms;
use super::super::coverage::Truth;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Wanted, holds_anything, prepare};
use super::super::output::{Cell, Column, Table, count};
use super::super::query;
use super::super::session::Session;
use super::super::target::{Need, Target};
use super::status;
use crate::cluster::selection::{Decision, NO_WATCH};
use crate::engine::status::{KindState, KindStatus, Status};
use crate::object::{Kind, KindKey};
use crate::query::Query;
use crate::search::{Catalog, Options, Searcher};

/// One kind for programs.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    kind: &'a Kind,
    objects: u64,
    state: KindState,
}

/// Runs `kinds`. What is stored answers; only where nothing is, the cluster is read.
pub(crate) async fn run(session: &mut Session<'_>, args: &KindsArgs) -> Outcome {
    let target = Target::open(session, Need::Stored)?;
    let stored = !target.kinds().is_empty() && target.reader()?.is_some_and(|reader| holds_anything(&reader));
    let wanted = if stored { Wanted::Offline } else { Wanted::Recent };
    let prepared = prepare(session, &target, wanted).await?;
    let catalog = Arc::new(Catalog::new(target.kinds()));
    let objects = prepared.reader.snapshot().num_docs();
    let counts = counts(&Searcher::new(prepared.reader, catalog.clone()), &session.namespaces)?;
    let mut kinds: Vec<&Kind> = catalog.kinds().iter().filter(|kind| matches(kind, &args.query)).collect();
    kinds.sort_by_key(|kind| kind.key());
    let rows: Vec<Row<'_>> =
        kinds.iter().map(|kind| row(kind, &target, prepared.status.as_ref(), &counts)).collect();
    match args.list.output.as_str() {
        "json" => session.output.json(&rows)?,
        "yaml" => session.output.yaml(&rows)?,
        _ if rows.is_empty() => {}
        _ => session.output.table(&table(&rows, prepared.status.as_ref()))?,
    }
    if let Some(status) = &prepared.status {
        let truth =
            Truth { clock: &session.clock, now_ms: now_ms(), status: Some(status), objects, asked: &[] };
        truth.lines("").iter().for_each(|line| session.output.note(line));
    }
    let served = catalog.kinds().len() as u64;
    session.output.note(&format!("{} of {} kinds", count(rows.len() as u64), count(served)));
    Ok(if rows.is_empty() { Exit::Nothing } else { Exit::Done })
}

/// How many objects there are of each kind, in these namespaces if any are named.
fn counts(searcher: &Searcher, namespaces: &[String]) -> Result<BTreeMap<KindKey, u64>, Failure> {
    let Some(named) = query::namespaces(namespaces)? else { return Ok(searcher.counts()) };
    let query = Query { root: Some(named), ..Query::default() };
    let facets = searcher.facets(&query, &Options::default(), None).map_err(Failure::unavailable)?;
    Ok(facets.kinds.into_iter().collect())
}

fn row<'a>(
    kind: &'a Kind,
    target: &Target,
    status: Option<&Status>,
    counts: &BTreeMap<KindKey, u64>,
) -> Row<'a> {
    let key = kind.key();
    let known = status.and_then(|status| status.kind(&key)).map(|kind| kind.state.clone());
    // The settings may have changed since the writer ran: what it would do now counts.
    let state = match target.selection().decide(kind) {
        Decision::Excluded { rule } => KindState::Excluded { rule },
        // Read for as long as something of it is held.
        Decision::Unwatchable => known.unwrap_or_else(|| KindState::Excluded { rule: NO_WATCH.to_owned() }),
        Decision::Read => {
            known.filter(|state| !matches!(state, KindState::Excluded { .. })).unwrap_or(KindState::Waiting)
        }
    };
    Row { kind, objects: counts.get(&key).copied().unwrap_or(0), state }
}

// Every word stands somewhere in one of the kind's names.
fn matches(kind: &Kind, words: &[String]) -> bool {
    let names = [&kind.kind, &kind.plural, &kind.singular, &kind.group];
    let all = names.into_iter().chain(&kind.short_names).chain(&kind.categories);
    let key = kind.key();
    let all: Vec<String> = all.map(|name| name.to_lowercase()).chain([key.as_str().to_lowercase()]).collect();
    words.iter().flat_map(|word| word.split_whitespace()).all(|word| {
        let word = word.to_lowercase();
        all.iter().any(|name| name.contains(&word))
    })
}

fn table(rows: &[Row<'_>], status: Option<&Status>) -> Table {
    let mut table = Table::new(vec![
        Column::text("KIND", 16),
        Column::text("VERSION", 7).spare(3),
        Column::text("SHORT", 6).spare(2),
        Column::text("SCOPE", 10).spare(4),
        Column::number("OBJECTS"),
        Column::text("STATE", 9),
        Column::text("WHY", 12).spare(1),
    ]);
    for row in rows {
        let key = row.kind.key();
        let known = status.and_then(|status| status.kind(&key)).cloned();
        let known = known.unwrap_or_else(|| KindStatus::new(key.clone(), row.state.clone()));
        table.row(vec![
            Cell::plain(key.as_str()),
            Cell::plain(&row.kind.version),
            Cell::plain(&row.kind.short_names.join(",")),
            Cell::plain(if row.kind.namespaced { "Namespaced" } else { "Cluster" }),
            Cell::plain(&count(row.objects)),
            status::state(&row.state),
            Cell::plain(&KindStatus { state: row.state.clone(), ..known }.why()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_stand_in_a_name() {
        let kind = Kind {
            group: "cert-manager.io".into(),
            version: "v1".into(),
            kind: "CertificateRequest".into(),
            plural: "certificaterequests".into(),
            singular: "certificaterequest".into(),
            short_names: vec!["cr".into()],
            categories: vec!["security".into()],
            namespaced: true,
            watchable: true,
        };
        let found =
            |words: &[&str]| matches(&kind, &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(found(&[]) && found(&["CERT"]) && found(&["cr"]) && found(&["secur", "request"]));
        assert!(found(&["certificaterequests.cert-manager.io"]) && found(&["cert manager"]));
        assert!(!found(&["cert", "pod"]));
    }
}
