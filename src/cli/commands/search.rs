//! `search`: one query, one answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::args::SearchArgs;
use super::super::clock::now_ms;
use super::super::coverage::Truth;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Prepared, Wanted, may_read, prepare};
use super::super::hits;
use super::super::output::{Cell, Column, Table, count};
use super::super::query::{self, Wording};
use super::super::session::Session;
use super::super::settings::Key;
use super::super::target::{Need, Target};
use super::explained;
use crate::object::KindKey;
use crate::query::{ParseError, Query};
use crate::search::{Answer, Catalog, Options, SearchError, Searcher};

/// Runs `search`.
pub(crate) async fn run(session: &mut Session<'_>, args: &SearchArgs) -> Outcome {
    let namespaces = if args.all_namespaces { Vec::new() } else { session.namespaces.clone() };
    let wording = Wording { words: &args.query, namespaces: &namespaces, selectors: &args.selector };
    // A mistake in the query is said before anything is read.
    let query = query::build(&wording)?;
    let need = if args.offline { Need::Stored } else { Need::Cluster };
    let target = Target::open(session, need)?;
    let wanted = match (args.offline, args.fresh) {
        (true, _) => Wanted::Offline,
        (false, true) => Wanted::Fresh,
        (false, false) => Wanted::Recent,
    };
    if args.watch {
        if query.root.is_none() {
            return Err(Failure::usage(SearchError::Empty));
        }
        let form = target.settings.text(Key::Output).unwrap_or("table").to_owned();
        return super::watch::run(session, &target, &query, &form, &|error| failed(error, &wording)).await;
    }
    let mut prepared = prepare(session, &target, wanted).await?;
    if query.root.is_none() {
        let counts = searcher(&target, &prepared).counts();
        return list_kinds(session, &target, &prepared, &counts);
    }
    let mut found = Found::of(&target, &prepared, args, &query);
    let finds_nothing = match &found {
        Ok(found) => !found.matches_anything(),
        // One that is new, perhaps.
        Err(error) => matches!(error, SearchError::UnknownKind { .. } | SearchError::UnknownGroup { .. }),
    };
    if prepared.may_lack_news && finds_nothing && may_read(&target.store, now_ms()) {
        // What was made a moment ago is not stored yet: nothing is said before that was looked at.
        prepared = prepare(session, &target, Wanted::Again).await?;
        found = Found::of(&target, &prepared, args, &query);
    }
    let Found { searcher, options, answer } = found.map_err(|error| failed(error, &wording))?;
    if args.explain {
        let understood = searcher.understand(&query, &options).map_err(|error| failed(error, &wording))?;
        explained::query(session.output, &query, &understood);
    }
    if answer.total.count == answer.similar {
        let unread = |kind: Option<&KindKey>| prepared.status.as_ref()?.unread(kind);
        let why = searcher.why_nothing(&query, &options, &unread).map_err(|error| failed(error, &wording))?;
        why.iter().for_each(|reason| session.output.note(reason));
    }
    let asked = query::kinds(&query, searcher.catalog());
    let outcome = report(session, &target, &prepared, &query, (&answer, &asked), args.count);
    if args.explain && !answer.hits.is_empty() {
        explained::hits(session.output, &answer.hits);
    }
    outcome
}

fn searcher(target: &Target, prepared: &Prepared) -> Searcher {
    Searcher::new(prepared.reader.clone(), Arc::new(Catalog::new(target.kinds())))
}

/// An answer, and what it was found with.
struct Found {
    searcher: Searcher,
    options: Options,
    answer: Answer,
}

impl Found {
    fn of(
        target: &Target,
        prepared: &Prepared,
        args: &SearchArgs,
        query: &Query,
    ) -> Result<Self, SearchError> {
        let searcher = searcher(target, prepared);
        let form = target.settings.text(Key::Output).unwrap_or("table");
        let options = Options {
            limit: limit(target, args, query, &searcher),
            exact: args.count,
            // programs get what matches and nothing else
            similar: !args.count && matches!(form, "table" | "wide"),
            now: Some(now_ms() / 1000),
            ..Options::default()
        };
        let answer = searcher.search(query, &options)?;
        Ok(Self { searcher, options, answer })
    }

    /// Whether anything does, and is not only similar.
    fn matches_anything(&self) -> bool {
        self.answer.total.count > self.answer.similar
    }
}

fn limit(target: &Target, args: &SearchArgs, query: &Query, searcher: &Searcher) -> usize {
    let all = searcher.reader().snapshot().num_docs();
    let own = query.limit.and_then(|limit| u64::try_from(limit).ok());
    let limit = match (args.count, own.unwrap_or(target.settings.number(Key::Limit))) {
        (true, _) => 0,
        (false, 0) => all,
        (false, limit) => limit.min(all),
    };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn report(
    session: &mut Session<'_>,
    target: &Target,
    prepared: &Prepared,
    query: &Query,
    (answer, asked): (&Answer, &[KindKey]),
    only_count: bool,
) -> Outcome {
    let form = target.settings.text(Key::Output).unwrap_or("table").to_owned();
    let total = answer.total.count;
    // what is only similar was found, and is no hit
    let matching = total - answer.similar;
    let plus = if answer.total.exact { "" } else { "+" };
    if only_count {
        session.output.data(&total.to_string())?;
    } else {
        hits::print(session.output, &form, &answer.hits, now_ms())?;
    }
    for hint in &query.hints {
        session.output.note(&hint.message);
    }
    if let Some(remark) = session.if_nothing.take().filter(|_| matching == 0) {
        session.output.note(&remark);
    }
    if answer.similar > 0 {
        let similar = count(answer.similar);
        session.output.note(&match matching {
            0 => format!("nothing matches; {similar} names are similar (~)"),
            _ => format!("{similar} more names are similar (~)"),
        });
    }
    let shown = answer.hits.len() as u64;
    if !only_count && shown < total {
        // who wrote a limit into the query knows where it came from
        let how = if query.limit.is_some() { "limit: in the query" } else { "--limit 0 shows all" };
        let all = format!("the first {} of {}{plus} hits; {how}", count(shown), count(total));
        session.output.note(&all);
    }
    tell_truth(session, prepared, &format!("{}{plus}", count(matching)), answer.objects, asked);
    Ok(if matching > 0 { Exit::Done } else { Exit::Nothing })
}

fn tell_truth(session: &mut Session<'_>, prepared: &Prepared, hits: &str, objects: u64, asked: &[KindKey]) {
    let status = prepared.status.as_ref();
    let truth = Truth { clock: &session.clock, now_ms: now_ms(), status, objects, asked };
    for line in truth.lines(hits) {
        session.output.note(&line);
    }
}

// An empty query asks what there is.
fn list_kinds(
    session: &mut Session<'_>,
    target: &Target,
    prepared: &Prepared,
    counts: &BTreeMap<KindKey, u64>,
) -> Outcome {
    let mut sorted: Vec<(&KindKey, u64)> = counts.iter().map(|(kind, n)| (kind, *n)).collect();
    sorted.sort_by_key(|(kind, n)| (std::cmp::Reverse(*n), (*kind).clone()));
    let rows: Vec<_> =
        sorted.iter().map(|(kind, n)| serde_json::json!({"kind": kind, "objects": n})).collect();
    match target.settings.text(Key::Output).unwrap_or("table") {
        "json" => session.output.json(&rows)?,
        "jsonl" => rows.iter().try_for_each(|row| session.output.json_line(row))?,
        "yaml" => session.output.yaml(&rows)?,
        "name" => sorted.iter().try_for_each(|(kind, _)| session.output.data(kind.as_str()))?,
        _ => {
            let mut table = Table::new(vec![Column::text("KIND", 16), Column::number("OBJECTS")]);
            for (kind, n) in &sorted {
                table.row(vec![Cell::plain(kind.as_str()), Cell::plain(&count(*n))]);
            }
            session.output.table(&table)?;
        }
    }
    tell_truth(session, prepared, "", counts.values().sum(), &[]);
    Ok(if sorted.is_empty() { Exit::Nothing } else { Exit::Done })
}

fn failed(error: SearchError, wording: &Wording<'_>) -> Failure {
    match error {
        SearchError::UnknownKind { source } => query::unknown_kind(&source, &wording.text()),
        SearchError::NotYet { ref span, .. }
        | SearchError::Semantic { ref span }
        | SearchError::UnknownGroup { ref span, .. }
            if *span != (0..0) =>
        {
            query::mistake(&ParseError::elsewhere(span.clone(), error.to_string()), &wording.text())
        }
        SearchError::Empty
        | SearchError::NotYet { .. }
        | SearchError::Semantic { .. }
        | SearchError::UnknownGroup { .. }
        | SearchError::NoClock
        | SearchError::Stopped
        | SearchError::Regex(_) => Failure::usage(error),
        SearchError::Index(_) => Failure::unavailable(error),
    }
}
