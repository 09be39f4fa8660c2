//! `demo`: a simulated cluster, synced and searched, with nothing installed and nothing left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, anyhow};

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
use crate::engine::{self, EngineOptions, Handle, Mode, Outcome as Ended};
use crate::index::{Lock, Store};
use crate::search::{Catalog, Options, Searcher};

/// What is asked, and what for.
const EXAMPLES: [(&str, &str); 3] = [
    ("checkout", "where is anything called checkout?"),
    ("kind:deploy,statefulset payments", "which workloads are about payments?"),
    ("postgres -kind:pod", "what has to do with Postgres and is no Pod?"),
];
/// Rows per example.
const ROWS: usize = 5;

/// Runs `demo`.
pub(crate) async fn run(session: &mut Session<'_>, args: &DemoArgs) -> Outcome {
    let mut options =
        ServerOptions { objects: args.objects as usize, seed: args.seed, ..ServerOptions::default() };
    if let Some(addr) = args.serve {
        options.addr = addr;
    }
    let server = Server::start(options).await.map_err(Failure::unavailable)?;
    let place = Place::new(&server)?;
    let started = Instant::now();
    let handle = synced(&place).await?;
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
    serve(session, &place).await
}

async fn serve(session: &mut Session<'_>, place: &Place) -> Outcome {
    let kubeconfig = place.kubeconfig().display().to_string();
    session.output.data(&format!(
        "Serving until ctrl-c. In another terminal:\n  export KUBECONFIG={kubeconfig}\n  kubesift search checkout\n  \
         kubectl get pods -A"
    ))?;
    session.output.flush()?;
    Stop::new().context("signals can't be heard")?.asked().await;
    Ok(Exit::Done)
}

async fn synced(place: &Place) -> Result<Handle, Failure> {
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
        selection: Arc::default(),
        mode: Mode::Once,
        forbidden_after: std::time::Duration::from_secs(24 * 3600),
        timing: engine::Timing::default(),
        notes: Vec::new(),
    };
    let mut handle = engine::start(options, lock).map_err(Failure::unavailable)?;
    match handle.finished().await {
        Ended::Done => Ok(handle),
        Ended::Unreachable(why) | Ended::Unauthorized(why) | Ended::IndexFailed(why) => {
            Err(Failure::unavailable(anyhow!(why).context("the simulated cluster could not be synced")))
        }
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

/// A private directory for the kubeconfig and the index; gone when the demo ends.
struct Place(PathBuf);

impl Place {
    fn new(server: &Server) -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("kubesift-demo-{}", std::process::id()));
        let made = || -> std::io::Result<()> {
            fs_err::create_dir_all(&dir)?;
            private(&dir, 0o700)?;
            let kubeconfig = dir.join("kubeconfig");
            fs_err::write(&kubeconfig, "")?;
            private(&kubeconfig, 0o600)?;
            fs_err::write(&kubeconfig, server.kubeconfig())
        };
        made().context("no place for the demo's files").map_err(Failure::unavailable)?;
        Ok(Self(dir))
    }

    fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    fn access(&self) -> Result<Access, Failure> {
        let options = AccessOptions { kubeconfig: Some(self.kubeconfig()), ..AccessOptions::default() };
        Access::load(&options).map_err(Failure::usage)
    }

    fn store(&self) -> Result<Store, Failure> {
        Store::locate(&self.0.join("data"), self.access()?.identity.as_str()).map_err(Failure::unavailable)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What can't be removed lies in the temporary directory.
        _ = fs_err::remove_dir_all(&self.0);
    }
}

fn private(path: &std::path::Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))
}
