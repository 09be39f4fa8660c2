//! The built `kubesift` program, run in a home directory of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::process;
use super::wait::wait_at_most;

/// What a finished program left.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Output {
    /// Standard output; panics unless the exit code is 0.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert!(self.code == 0, "exit code {}\nstdout: {}\nstderr: {}", self.code, self.stdout, self.stderr);
        self.stdout
    }

    /// Standard output as JSON, whatever the exit code.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error} in stdout: {}\nexit code {}, stderr: {}", self.stdout, self.code, self.stderr)
        })
    }
}

/// A home directory with XDG directories and a kubeconfig: one user of one cluster.
pub(crate) struct Home {
    dir: TempDir,
    kubeconfig: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Home {
    /// An empty home that uses this kubeconfig.
    pub(crate) fn new(kubeconfig: impl Into<PathBuf>) -> Self {
        let dir = tempfile::Builder::new().prefix("kubesift-home-").tempdir().expect("temp dir");
        for name in ["config", "data", "cache", "state", "run"] {
            fs_err::create_dir_all(dir.path().join(name)).expect("XDG directory");
        }
        Self { dir, kubeconfig: kubeconfig.into(), environment: Vec::new() }
    }

    /// Sets an environment variable for every later run.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.into(), value.into()));
    }

    /// Uses another kubeconfig from now on.
    pub(crate) fn use_kubeconfig(&mut self, path: impl Into<PathBuf>) {
        self.kubeconfig = path.into();
    }

    /// The home directory: everything that kubesift writes lies below it.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes `config.toml`.
    pub(crate) fn configure(&self, text: &str) {
        let dir = self.path().join("config/kubesift");
        fs_err::create_dir_all(&dir).expect("config directory");
        fs_err::write(dir.join("config.toml"), text).expect("config.toml");
    }

    /// A command that runs kubesift in this home.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(program());
        self.environment(&mut command);
        command.args(arguments);
        command
    }

    /// Runs kubesift to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let command = command.stdin(Stdio::null()).kill_on_drop(true);
        Output::from(command.output().await.expect("kubesift starts"))
    }

    /// Starts kubesift and lets it run; it is killed when the handle is dropped.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let mut command = process::guarded(&program());
        self.environment(&mut command);
        let mut command = tokio::process::Command::from(command);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("kubesift starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take(), &lines);
        collect(child.stderr.take(), &lines);
        Running { child, lines }
    }

    /// Every hit of a query, from what is stored (no connection).
    pub(crate) async fn search_offline(&self, query: &str) -> Vec<Value> {
        let output = self.run(&["search", "--offline", "--limit", "100000", "-o", "json", "--", query]).await;
        if output.code == 1 {
            return Vec::new();
        }
        let Value::Array(hits) = output.json() else { panic!("not a list: {output:?}") };
        hits
    }

    /// The document ids of every hit of a query, sorted, from what is stored.
    pub(crate) async fn ids_offline(&self, query: &str) -> Vec<String> {
        let hits = self.search_offline(query).await;
        let mut ids: Vec<_> = hits.iter().map(|hit| hit["id"].as_str().expect("an id").to_owned()).collect();
        ids.sort();
        ids
    }

    /// `kubesift status -o json`.
    pub(crate) async fn status(&self) -> Value {
        self.run(&["status", "-o", "json"]).await.json()
    }

    /// The kubeconfig that it uses.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Gives a command the environment of this home, and nothing else.
    pub(crate) fn environment(&self, command: &mut std::process::Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.path()).env("KUBECONFIG", &self.kubeconfig);
        command.env("LANG", "C.UTF-8").env("RUST_BACKTRACE", "1");
        for name in ["CONFIG", "DATA", "CACHE", "STATE"] {
            command.env(format!("XDG_{name}_HOME"), self.path().join(name.to_lowercase()));
        }
        command.env("XDG_RUNTIME_DIR", self.path().join("run"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }
}

/// The program that cargo built for these tests.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_kubesift"))
}

/// A running kubesift.
pub(crate) struct Running {
    child: tokio::process::Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("still running")
    }

    /// Everything it wrote so far, stdout and stderr mixed.
    pub(crate) fn output(&self) -> String {
        self.lines.lock().expect("not poisoned").join("\n")
    }

    /// Waits for a line that contains `part`; panics when the program ends first.
    pub(crate) async fn wait_for_line(&mut self, part: &str) -> String {
        self.wait_for_line_at_most(super::wait::DEADLINE, part).await
    }

    /// [`Self::wait_for_line`] with another deadline.
    pub(crate) async fn wait_for_line_at_most(&mut self, deadline: Duration, part: &str) -> String {
        let lines = Arc::clone(&self.lines);
        let child = &mut self.child;
        wait_at_most(deadline, &format!("a line with {part:?}"), async || {
            let found = lines.lock().expect("not poisoned").iter().find(|line| line.contains(part)).cloned();
            let ended = child.try_wait().expect("a child");
            let output = || lines.lock().expect("not poisoned").join("\n");
            assert!(
                found.is_some() || ended.is_none(),
                "kubesift ended ({ended:?}) before {part:?}:\n{}",
                output()
            );
            found.ok_or_else(output)
        })
        .await
    }

    /// Waits until it ends by itself; hands back its exit code (-1 after a signal) and all that it wrote.
    pub(crate) async fn ends(mut self) -> (i32, String) {
        // `wait` would close it, and the guard kills the program when it is closed.
        let _stdin = self.child.stdin.take();
        let status = tokio::time::timeout(super::wait::DEADLINE, self.child.wait()).await;
        let status =
            status.unwrap_or_else(|_| panic!("it does not end:\n{}", self.output())).expect("a child");
        (status.code().unwrap_or(-1), self.output())
    }

    /// Kills it as `kill -9` does and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Asks it to stop, and hands back its exit code and all that it wrote.
    pub(crate) async fn stop(self) -> (i32, String) {
        process::signal(self.id(), "TERM");
        self.ends().await
    }
}

/// Adds each line of a stream to the list as it arrives.
fn collect(stream: Option<impl AsyncRead + Unpin + Send + 'static>, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    let mut reader = BufReader::new(stream.expect("piped")).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = reader.next_line().await {
            lines.lock().expect("not poisoned").push(line);
        }
    });
}
