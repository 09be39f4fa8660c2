//! `verify`: compares every id, text, metadata and vector of a store with the cluster, and writes nothing.

use anyhow::anyhow;
use tokio::sync::watch;

use super::super::args::VerifyArgs;
use super::super::clock::now_ms;
use super::super::coverage::Truth;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Wanted, prepare};
use super::super::mirror::{OneShot, failure};
use super::super::output::count;
use super::super::session::Session;
use super::super::target::{Need, Target};
use crate::embed::Storing;
use crate::engine::mirror::compare;
use crate::mirror::{Comparison, Depth, Divergence, Halt, MirrorStatus};

/// Differences printed; the rest is counted.
const PRINTED: usize = 1_000;

/// Runs `verify`.
pub(crate) async fn run(session: &mut Session<'_>, args: &VerifyArgs) -> Outcome {
    let target = Target::open(session, Need::Cluster)?;
    let Some(plan) = target.plan(session, OneShot::default())? else {
        return Err(Failure::usage(anyhow!("which store?"))
            .advise("kubesift verify --to chroma --url http://localhost:8000"));
    };
    let prepared = prepare(session, &target, Wanted::Fresh).await?;
    let (depth, settings) = match args.no_vectors {
        true => (Depth::Contents, plan.settings().clone()),
        false => (Depth::Vectors, target.with_vectors(&plan, Storing::Read)?),
    };
    let (progress, _) = watch::channel(MirrorStatus::default());
    let comparison = compare(&settings, &prepared.reader, &target.store, depth, progress).await;
    let comparison = comparison.map_err(|halt| match halt {
        Halt::Source(_) if depth == Depth::Vectors => {
            failure(halt).advise("compare everything but the vectors: kubesift verify --no-vectors")
        }
        halt => failure(halt),
    })?;
    if let Some(status) = &prepared.status {
        let objects = prepared.reader.snapshot().num_docs();
        let truth =
            Truth { clock: &session.clock, now_ms: now_ms(), status: Some(status), objects, asked: &[] };
        truth.lines("").iter().for_each(|line| session.output.note(line));
    }
    for line in lines(&comparison) {
        session.output.data(&line)?;
    }
    session.output.note(&verdict(&comparison, &plan.name()));
    // What stays uncovered may be ghosts.
    Ok(if comparison.divergent.is_empty() && comparison.kept == 0 { Exit::Done } else { Exit::Nothing })
}

fn lines(comparison: &Comparison) -> Vec<String> {
    if comparison.no_collection {
        return Vec::new();
    }
    let line = |(id, divergence): &(String, Divergence)| match divergence {
        Divergence::Missing => format!("missing    {id}"),
        Divergence::Extra => format!("extra      {id}"),
        Divergence::Different(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            format!("different  {id}  ({})", found.join(", "))
        }
    };
    comparison.divergent.iter().take(PRINTED).map(line).collect()
}

/// What a comparison came to, in one or more lines.
pub(super) fn verdict(comparison: &Comparison, store: &str) -> String {
    if comparison.no_collection {
        return format!(
            "{store} does not exist: {} documents are missing",
            count(comparison.divergent.len() as u64)
        );
    }
    let of = |wanted: fn(&Divergence) -> bool| {
        count(comparison.divergent.iter().filter(|(_, divergence)| wanted(divergence)).count() as u64)
    };
    let mut text = format!(
        "{store}: {} equal, {} missing, {} different, {} extra",
        count(comparison.equal as u64),
        of(|it| *it == Divergence::Missing),
        of(|it| matches!(it, Divergence::Different(_))),
        of(|it| *it == Divergence::Extra),
    );
    if comparison.foreign > 0 {
        text.push_str(&format!("\nforeign records, not compared: {}", count(comparison.foreign as u64)));
    }
    if comparison.kept > 0 {
        let kinds: Vec<&str> = comparison.not_covered.iter().map(String::as_str).collect();
        text.push_str(&format!(
            "\n{} records are of kinds that are not covered, and not compared: {}",
            count(comparison.kept as u64),
            kinds.join(", ")
        ));
    }
    text
}
