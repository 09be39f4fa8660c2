//! `sync`: brings the index up to date, or keeps it live until stopped.

use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::super::args::SyncArgs;
use super::super::clock::now_ms;
use super::super::coverage::Truth;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Wanted, prepare};
use super::super::session::Session;
use super::super::target::{Need, Target};
use crate::engine::status::{Phase, Status};
use crate::engine::{Handle, Mode, Outcome as Ended};
use crate::index::Lock;

/// How often a follower tries to take over.
const TAKE_OVER: Duration = Duration::from_secs(2);

/// Runs `sync`; `--once` is the default.
pub(crate) async fn run(session: &mut Session, args: &SyncArgs) -> Outcome {
    let target = Target::open(session, Need::Cluster)?;
    if args.watch { watch(session, &target).await } else { once(session, &target).await }
}

async fn once(session: &mut Session, target: &Target) -> Outcome {
    let prepared = prepare(session, target, Wanted::Fresh).await?;
    let objects = prepared.reader.snapshot().num_docs();
    let truth = Truth { clock: &session.clock, now_ms: now_ms(), status: prepared.status.as_ref(), objects };
    for line in truth.lines("") {
        session.output.note(&line);
    }
    let failing = prepared.status.is_none_or(|status| !status.coverage().failing.is_empty());
    Ok(if failing || prepared.stale { Exit::Nothing } else { Exit::Done })
}

async fn watch(session: &mut Session, target: &Target) -> Outcome {
    let mut stop = Stop::new()?;
    loop {
        let lock = tokio::select! {
            lock = acquire(session, target) => lock?,
            () = stop.asked() => return Ok(Exit::Done),
        };
        let mut handle = target.start(lock, Mode::Live)?;
        let ended = tokio::select! {
            ended = report(session, target, &mut handle) => Some(ended),
            () = stop.asked() => None,
        };
        return match ended {
            None => {
                session.output.note("stopping");
                finish(handle.shutdown().await)
            }
            Some(ended) => finish(ended),
        };
    }
}

fn finish(ended: Ended) -> Outcome {
    match ended {
        Ended::Done => Ok(Exit::Done),
        Ended::Unreachable(why) => Err(Failure::unavailable(anyhow!(why).context("the cluster can't be reached"))),
        Ended::Unauthorized(why) => Err(Failure::unavailable(anyhow!(why).context("the credentials are refused"))),
        Ended::IndexFailed(why) => Err(Failure::unavailable(anyhow!(why).context("the index can't be written"))),
    }
}
