//! `demo`: a simulated cluster, synced and searched, with nothing installed and nothing left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tempfile::TempDir;

use super::super::args::DemoArgs;
use super::super::clock::now_ms;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::hits;
use super::super::output::count;
use super::super::session::Session;
use super::sync::Stop;
use crate::cluster::{Access, AccessOptions, Client, ClientOptions};
use crate::demo::{Server, ServerOptions};
use crate::document::Rules;
use crate::engine::{self, EngineOptions, Handle, Mode, Outcome as Ended, Semantic};
use crate::index::{Lock, Store};
use crate::search::{Catalog, Options, Searcher};

/// What is asked, and what for.
const EXAMPLES: [(&str, &str); 3] = [
    ("checkout", "where is anything called checkout?"),
    ("kind:deploy,statefulset payments", "which workloads are about payments?"),
    ("postgres -kind:pod", "what has to do with Postgres and is no Pod?"),
];
/// The kubeconfig's name in the demo's directory.
const KUBECONFIG: &str = "kubeconfig";
/// A served cluster changes this often: what is live shows that it is.
const PACE: Duration = Duration::from_secs(2);
/// Rows per example.
const ROWS: usize = 5;

/// Runs `demo`.
pub(crate) async fn run(session: &mut Session<'_>, args: &DemoArgs) -> Outcome {
    let mut options =
        ServerOptions { objects: args.objects as usize, seed: args.seed, ..ServerOptions::default() };
    if let Some(addr) = args.serve {
        options.addr = addr;
    }
    // Before anything is made: whoever stops the demo early finds nothing left behind either.
    let mut stop = Stop::new().context("signals can't be heard")?;
    let server = Server::start(options).await.map_err(Failure::unavailable)?;
    let place = Place::new(&server)?;
    let started = Instant::now();
    let Some(handle) = synced(&place, &mut stop).await? else { return Ok(Exit::Done) };
    let took = started.elapsed();
    let status = handle.status();
    session.output.data(&format!(
        "A simulated cluster with {} objects of {} kinds at {}\nEmpty index to searchable: {} ms, {} requests\n",
        count(status.objects),
        status.coverage().kinds,
        server.url(),
        took.as_millis(),
        count(status.requests),
    ))?;
    examples(session, &place, &handle)?;
    if args.serve.is_none() {
        session.output.data(
            "Go on:\n  kubesift demo --serve 127.0.0.1:6443   keeps the simulated cluster up and prints a kubeconfig\n  \
             kubesift search checkout               asks your own cluster (the current context)\n  \
             kubesift search --help                 shows the query language",
        )?;
        return Ok(Exit::Done);
    }
    serve(session, &server, &place, &mut stop).await
}

async fn serve(session: &mut Session<'_>, server: &Server, place: &Place, stop: &mut Stop) -> Outcome {
    let kubeconfig = place.kubeconfig().display().to_string();
    session.output.data(&format!(
        "Serving until ctrl-c. In another terminal:\n  export KUBECONFIG={kubeconfig}\n  kubesift                    the terminal app\n  \
         kubesift search checkout\n  kubectl get pods -A"
    ))?;
    session.output.flush()?;
    let mut pace = tokio::time::interval(PACE);
    loop {
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Done),
            _ = pace.tick() => server.stir(1).context("the simulated cluster").map_err(Failure::unavailable)?,
        }
    }
}

/// An engine that has read everything; `None` when the person did not want to wait for that.
async fn synced(place: &Place, stop: &mut Stop) -> Result<Option<Handle>, Failure> {
    let access = place.access()?;
    let client = Client::new(&access, ClientOptions::default()).map_err(Failure::usage)?;
    let store = place.store()?;
    let lock = Lock::try_acquire(&store).map_err(Failure::unavailable)?;
    let lock = lock.ok_or_else(|| Failure::unavailable(anyhow!("the demo's own index is locked")))?;
    let options = EngineOptions {
        client,
        context: access.context.clone(),
        server: access.server.clone(),
        context_namespace: access.context_namespace.clone(),
        store,
        rules: Arc::new(Rules::default()),
        semantic: Semantic::Off,
        selection: Arc::default(),
        mode: Mode::Once,
        forbidden_after: std::time::Duration::from_secs(24 * 3600),
        timing: engine::Timing::default(),
        mirror: None,
        notes: Vec::new(),
        running: engine::Running::default(),
    };
    let mut handle = engine::start(options, lock).map_err(Failure::unavailable)?;
    let ended = tokio::select! {
        ended = handle.finished() => ended,
        () = stop.asked() => {
            // Its last files have to be written before their directory can go.
            handle.shutdown().await;
            return Ok(None);
        }
    };
    match ended {
        Ended::Done => Ok(Some(handle)),
        Ended::Unreachable(why) | Ended::Unauthorized(why) | Ended::IndexFailed(why) => {
            Err(Failure::unavailable(anyhow!(why).context("the simulated cluster could not be synced")))
        }
        // The demo mirrors nothing.
        Ended::MirrorFailed(halt) => Err(Failure::unavailable(halt)),
    }
}

fn examples(session: &mut Session<'_>, place: &Place, handle: &Handle) -> Result<(), Failure> {
    let kinds = place.store()?.read_json("kinds.json").map_err(Failure::unavailable)?;
    let searcher = Searcher::new(handle.reader(), Arc::new(Catalog::new(kinds.unwrap_or_default())));
    for (text, question) in EXAMPLES {
        let query = crate::query::parse(text).map_err(Failure::usage)?;
        let started = Instant::now();
        let options = Options { limit: ROWS, ..Options::default() };
        let answer = searcher.search(&query, &options).map_err(Failure::usage)?;
        let micros = started.elapsed().as_micros();
        session.output.data(&format!("{question}\n$ kubesift search '{text}'"))?;
        hits::print(session.output, "table", &answer.hits, now_ms())?;
        session.output.data(&format!(
            "{} hits in {}.{} ms\n",
            answer.total.count,
            micros / 1000,
            micros % 1000 / 100
        ))?;
    }
    Ok(())
}

/// A directory for the kubeconfig and the index that only its owner can enter; gone when the demo ends.
struct Place(TempDir);

impl Place {
    fn new(server: &Server) -> Result<Self, Failure> {
        let made = || -> std::io::Result<TempDir> {
            let dir = tempfile::Builder::new().prefix("kubesift-demo-").tempdir()?;
            fs_err::write(dir.path().join(KUBECONFIG), server.kubeconfig())?;
            Ok(dir)
        };
        made().map(Self).context("no place for the demo's files").map_err(Failure::unavailable)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.0.path().join(KUBECONFIG)
    }

    fn access(&self) -> Result<Access, Failure> {
        let options = AccessOptions { kubeconfig: Some(self.kubeconfig()), ..AccessOptions::default() };
        Access::load(&options).map_err(Failure::usage)
    }

    fn store(&self) -> Result<Store, Failure> {
        let identity = self.access()?.identity;
        Store::locate(&self.0.path().join("data"), identity.as_str()).map_err(Failure::unavailable)
    }
}
