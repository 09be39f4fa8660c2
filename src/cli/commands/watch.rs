//! `search --watch`: the present hits, then what changes of them, until stopped.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::time::{Instant, MissedTickBehavior};

use super::super::clock::now_ms;
use super::super::coverage::{Truth, trouble};
use super::super::failure::{Exit, Failure, Outcome};
use super::super::freshness::{Patience, Wanted, holds_anything, prepare};
use super::super::hits::{self, Change};
use super::super::output::count;
use super::super::session::Session;
use super::super::settings::Key;
use super::super::target::Target;
use super::sync::{Stop, finish};
use crate::document::Document;
use crate::engine::status::{Phase, Status};
use crate::engine::{Handle, Mode, Outcome as Ended};
use crate::index::{Lock, Reader, Snapshot};
use crate::query::Query;
use crate::search::{Catalog, Hit, Options, Position, SearchError, Searcher};

/// How often another process's commits are looked for: the reading of one small file.
const LOOK: Duration = Duration::from_millis(100);
/// How often a follower looks whether the writer is gone.
const TAKE_OVER: Duration = Duration::from_secs(2);
/// How often a query that depends on the clock is asked again although nothing changed.
const AGEING: Duration = Duration::from_secs(5);

/// Who brings the index up to date.
enum Source {
    /// Another process.
    Other(Reader),
    /// This one.
    Own(Box<Handle>),
}

impl Source {
    /// What the writer says of itself, if one lives.
    fn status(&self, target: &Target) -> Option<Status> {
        match self {
            Self::Other(_) => target.status().filter(|status| status.is_alive(now_ms())),
            Self::Own(handle) => Some(handle.status()),
        }
    }

    fn reader(&self) -> Reader {
        match self {
            Self::Other(reader) => reader.clone(),
            Self::Own(handle) => handle.reader(),
        }
    }
}

/// Follows a query; `form` is an output form that has lines.
pub(super) async fn run(
    session: &mut Session<'_>,
    target: &Target,
    query: &Query,
    form: &str,
    explain: &dyn Fn(SearchError) -> Failure,
) -> Outcome {
    if matches!(form, "json" | "yaml") {
        let error = anyhow!("--watch never ends, and -o {form} is one list");
        return Err(Failure::usage(error).advise("one line for each change: -o jsonl"));
    }
    let mut stop = Stop::new().context("signals can't be heard")?;
    let mut source = tokio::select! {
        source = start(session, target) => source?,
        () = stop.asked() => return Ok(Exit::Done),
    };
    let mut following =
        Following { session, target, query, form, explain, shown: HashMap::new(), last: None, trouble: None };
    following.present(&source)?;
    let followed = tokio::select! {
        followed = following.follow(&mut source) => Some(followed?),
        () = stop.asked() => None,
    };
    following.session.output.flush()?;
    match (followed, source) {
        (Some(ended), _) => finish(ended),
        (None, Source::Other(_)) => Ok(Exit::Done),
        // A second signal does not wait for the last commit.
        (None, Source::Own(handle)) => tokio::select! {
            ended = handle.shutdown() => finish(ended),
            () = stop.asked() => Ok(Exit::Done),
        },
    }
}

/// The living writer's index, or this process as the writer once it has read everything.
async fn start(session: &mut Session<'_>, target: &Target) -> Result<Source, Failure> {
    let last = target.status();
    let alive = last.as_ref().is_some_and(|status| status.is_alive(now_ms()));
    let stored = target.reader()?.is_some_and(|reader| holds_anything(&reader));
    if !alive && let Some(handle) = take_over(target)? {
        target.client()?.log_in().await;
        let wait = target.settings.duration(Key::Wait);
        return ready(session, handle, Patience::new(Wanted::Recent, wait, stored, last.as_ref())).await;
    }
    let prepared = prepare(session, target, Wanted::Recent).await?;
    Ok(Source::Other(prepared.reader))
}

fn take_over(target: &Target) -> Result<Option<Handle>, Failure> {
    let Some(lock) = Lock::try_acquire(&target.store).map_err(Failure::unavailable)? else { return Ok(None) };
    target.start(lock, Mode::Live).map(Some)
}

/// What is still missing when patience ends appears when it comes.
async fn ready(
    session: &mut Session<'_>,
    mut handle: Handle,
    mut patience: Patience,
) -> Result<Source, Failure> {
    let mut updates = handle.subscribe();
    let mut progress = session.output.progress();
    loop {
        let status = updates.borrow_and_update().clone();
        match status.phase {
            Phase::Live
            | Phase::Offline { .. }
            | Phase::Unwritable { .. }
            | Phase::Unauthorized { .. }
            | Phase::Stopped => {
                return Ok(Source::Own(Box::new(handle)));
            }
            Phase::Connecting | Phase::Syncing { .. } if patience.is_over(&status) => {
                return Ok(Source::Own(Box::new(handle)));
            }
            Phase::Connecting => progress.update("connecting", 0, 0),
            Phase::Syncing { done, total } => progress.update("reading kinds", done, total),
        }
        if updates.changed().await.is_err() {
            let ended = handle.finished().await;
            return Err(finish(ended)
                .err()
                .unwrap_or_else(|| Failure::unavailable(anyhow!("the run ended"))));
        }
    }
}

struct Following<'a, 's> {
    session: &'a mut Session<'s>,
    target: &'a Target,
    query: &'a Query,
    form: &'a str,
    explain: &'a dyn Fn(SearchError) -> Failure,
    /// What was told, and where it lies.
    shown: HashMap<Position, Document>,
    /// The commit that it was told of, and when.
    last: Option<(Arc<Snapshot>, Instant)>,
    /// Why what is told may be old, as it was said last.
    trouble: Option<String>,
}

impl Following<'_, '_> {
    /// All that matches at the moment; the hits of what was not told yet.
    fn search(&mut self, reader: &Reader) -> Result<Vec<(Position, Option<Hit>)>, Failure> {
        self.last = Some((reader.snapshot(), Instant::now()));
        let searcher = Searcher::new(reader.clone(), Arc::new(Catalog::new(self.target.kinds())));
        let options = Options { now: Some(now_ms() / 1000), ..Options::default() };
        let found = searcher.matches(self.query, &options, |position| self.shown.contains_key(position));
        found.map_err(self.explain)
    }

    fn present(&mut self, source: &Source) -> Result<(), Failure> {
        let reader = source.reader();
        let found = self.search(&reader)?;
        let (positions, hits): (Vec<_>, Vec<_>) =
            found.into_iter().filter_map(|(position, hit)| Some((position, hit?))).unzip();
        match self.form {
            "jsonl" => {
                for hit in &hits {
                    hits::change(self.session.output, "jsonl", Change::Present, hit)?;
                }
            }
            form => hits::print(self.session.output, form, &hits, now_ms())?,
        }
        self.session.output.note(&format!("{} hits; + appears, - goes, ~ changes", hits.len()));
        self.tell_truth(source, &count(hits.len() as u64), reader.snapshot().num_docs());
        self.session.output.flush()?;
        self.shown = positions.into_iter().zip(hits.into_iter().map(|hit| hit.document)).collect();
        Ok(())
    }

    fn tell_truth(&mut self, source: &Source, hits: &str, objects: u64) {
        let status = source.status(self.target).or_else(|| self.target.status());
        let truth = Truth {
            clock: &self.session.clock,
            now_ms: now_ms(),
            status: status.as_ref(),
            objects,
            asked: &[],
        };
        truth.lines(hits).iter().for_each(|line| self.session.output.note(line));
        self.trouble = status.as_ref().and_then(trouble);
    }

    /// Says when nothing can appear any more because nobody hears of it, and when that is over.
    fn tell_trouble(&mut self, source: &Source) {
        let trouble = match source.status(self.target) {
            Some(status) => trouble(&status),
            None => Some("no process keeps the index up to date".to_owned()),
        };
        if trouble == self.trouble {
            return;
        }
        let said = trouble.as_deref().unwrap_or("the index is kept up to date again");
        self.session.output.note(said);
        self.trouble = trouble;
    }

    /// Tells changes until the engine of this process ends.
    async fn follow(&mut self, source: &mut Source) -> Result<Ended, Failure> {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut take = tokio::time::interval(TAKE_OVER);
        take.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = ends(source) => return Ok(ended),
                _ = look.tick() => self.look(source)?,
                _ = take.tick() => {
                    self.succeed(source)?;
                    self.tell_trouble(source);
                }
            }
        }
    }

    fn look(&mut self, source: &mut Source) -> Result<(), Failure> {
        if let Source::Other(reader) = source
            && let Err(error) = reader.reload()
        {
            // set aside or rebuilt: what is there now
            tracing::debug!(%error, "the index is opened again");
            if let Some(new) = self.target.reader()? {
                *reader = new;
            }
        }
        let reader = source.reader();
        let is_new = |(snapshot, at): &(Arc<Snapshot>, Instant)| {
            !Arc::ptr_eq(snapshot, &reader.snapshot())
                || (self.query.depends_on_clock() && at.elapsed() >= AGEING)
        };
        if self.last.as_ref().is_some_and(|last| !is_new(last)) {
            return Ok(());
        }
        let found = self.search(&reader)?;
        self.tell(found)
    }

    fn tell(&mut self, found: Vec<(Position, Option<Hit>)>) -> Result<(), Failure> {
        let mut before = std::mem::take(&mut self.shown);
        let mut new = Vec::new();
        for (position, hit) in found {
            match (before.remove(&position), hit) {
                (Some(document), _) => drop(self.shown.insert(position, document)),
                (None, hit) => new.extend(hit.map(|hit| (position, hit))),
            }
        }
        // What lay elsewhere before was changed, or only moved by the index.
        let mut gone: BTreeMap<(String, String), Document> =
            before.into_values().map(|document| (key(&document), document)).collect();
        for (position, hit) in new {
            match gone.remove(&key(&hit.document)) {
                None => hits::change(self.session.output, self.form, Change::Appears, &hit)?,
                Some(old) if old != hit.document => {
                    hits::change(self.session.output, self.form, Change::Changes, &hit)?;
                }
                Some(_) => {}
            }
            self.shown.insert(position, hit.document);
        }
        for document in gone.values() {
            hits::gone(self.session.output, self.form, document)?;
        }
        self.session.output.flush()?;
        Ok(())
    }

    /// Becomes the writer once the other one is gone.
    fn succeed(&mut self, source: &mut Source) -> Result<(), Failure> {
        let alive = self.target.status().is_some_and(|status| status.is_alive(now_ms()));
        if !alive
            && matches!(source, Source::Other(_))
            && let Some(handle) = take_over(self.target)?
        {
            *source = Source::Own(Box::new(handle));
        }
        Ok(())
    }
}

fn key(document: &Document) -> (String, String) {
    (document.id.clone(), document.local.uid.clone())
}

async fn ends(source: &mut Source) -> Ended {
    match source {
        Source::Own(handle) => handle.finished().await,
        Source::Other(_) => std::future::pending().await,
    }
}
